// Writing fixed-width text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/data/row_encoder.h"
#include "millrace/formats/fixed/options.h"
#include "millrace/formats/format.h"

namespace millrace::formats::fixed {

/// The settings with a name for each field, that of the column in it, and the fields in
/// the order of their places. Fails with kFixedSchemaMismatch when fields and columns are
/// not the same.
Result<WriteSettings> FitColumns(WriteSettings settings, const arrow::Schema& schema);

/// Numbers stand at the right of their fields, everything else at the left.
/// `settings`: of FitColumns.
std::unique_ptr<data::RowEncoder> MakeEncoder(WriteSettings settings,
                                              const arrow::Schema& schema,
                                              const Context& context);

/// The names in their fields, with a line end. Fails with kFixedTooWide.
Result<std::string> HeaderLine(const WriteSettings& settings);

/// May rows be appended to a file that begins with `head`?
Status CheckHead(std::string_view head, const WriteSettings& settings);

}  // namespace millrace::formats::fixed

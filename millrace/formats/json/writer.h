// JSON writer: Arrow batches → objects.
#pragma once

#include <memory>

#include "millrace/formats/format.h"
#include "millrace/formats/json/options.h"

namespace millrace::formats::json {

/// Encodes in pieces of about 1 MiB. Elements of an array begin with the comma that parts
/// them from what stands before. Text that is no UTF-8 can't be in a utf8 column;
/// binary values are written in base64, decimals as numbers with all their digits, dates
/// and times in ISO 8601 (with a zone: UTC and a trailing Z), maps with text keys as
/// objects and other maps as lists of {"key", "value"}.
Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(const WriteSettings& settings,
                                                      const arrow::Schema& schema,
                                                      const Context& context);

}  // namespace millrace::formats::json

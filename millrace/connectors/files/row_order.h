// The order of rows in files, which the engine has put them in before they are written.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/connectors/files/options.h"

namespace millrace::files {

/// `schema` with a note of the order that option sort_by asks for, without the columns
/// that folders are named by. Fails with kSortColumn.
Result<std::shared_ptr<arrow::Schema>> WithRowOrder(
    const std::shared_ptr<arrow::Schema>& schema, const Parsed& options);

/// Can files that are written so be in an order? `folder`: the destination is one. Fails
/// with kNotInOrder.
Status CheckRowOrder(const Parsed& options, bool folder, bool checkpointed);

}  // namespace millrace::files

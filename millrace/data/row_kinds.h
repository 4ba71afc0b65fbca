// Row kinds of rows that are chosen out of a batch.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/data/batch.h"

namespace millrace::data {

/// The changes of the rows `chosen` (their numbers, ascending) of a batch with `changes`;
/// null for none. The two halves of an update stand next to each other; where only one of
/// them is chosen, it becomes a deletion or an insertion.
Result<std::shared_ptr<const Changes>> SelectChanges(
    const std::shared_ptr<const Changes>& changes, const arrow::Int32Array& chosen,
    arrow::MemoryPool* pool);

}  // namespace millrace::data

// KeyColumn: the distinct values of one key column, as dense ids.
#pragma once

#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/result.h"

namespace millrace::operators {

/// Gives every distinct value (NULL is one; so is NaN; −0 is 0) an id in order of first
/// arrival. Used by one thread.
class KeyColumn {
 public:
  /// For keys of `type`. Nested types are refused.
  static Result<std::unique_ptr<KeyColumn>> Make(
      const std::shared_ptr<arrow::DataType>& type, std::shared_ptr<MemoryBudget> memory);
  virtual ~KeyColumn() = default;

  /// ids[i] = id of values[i]. A text column may be dictionary-encoded.
  virtual Status Map(const arrow::Array& values, uint32_t* ids) = 0;
  /// The values with these ids: an array of the type given to Make, or a dictionary of it
  /// where that is cheaper.
  virtual Result<std::shared_ptr<arrow::Array>> Values(const uint32_t* ids,
                                                       int64_t rows) = 0;
  /// Number of ids given out.
  virtual uint32_t size() const = 0;
  /// So many distinct values are to come: make room for them at once, when the first do.
  virtual void Expect(int64_t values) {}
  virtual void Clear() = 0;
};

}  // namespace millrace::operators

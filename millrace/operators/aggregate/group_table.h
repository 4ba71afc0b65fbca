// GroupTable: rows of key columns → dense group ids.
#pragma once

#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/result.h"
#include "millrace/expr/function.h"
#include "millrace/operators/aggregate/integer_table.h"
#include "millrace/operators/aggregate/key_column.h"

namespace millrace::operators {

/// Groups of any number of key columns. Each column numbers its own distinct values; two
/// numbers make one 64-bit key of an IntegerTable, and so on from left to right. So every
/// width and type of key takes the integer path, and a batch whose columns are
/// dictionary-encoded never touches text at all. Used by one thread.
class GroupTable {
 public:
  /// No columns: everything is group 0, which exists from the start.
  static Result<GroupTable> Make(
      const std::vector<std::shared_ptr<arrow::DataType>>& types,
      std::shared_ptr<MemoryBudget> memory);

  /// Group ids of the next `rows` rows; valid until the next call. Null when there are no
  /// key columns.
  Result<const uint32_t*> Map(const std::vector<std::shared_ptr<arrow::Array>>& keys,
                              int64_t rows);
  /// Number of groups.
  int64_t size() const;
  /// Key columns of `groups`.
  Result<std::vector<std::shared_ptr<arrow::Array>>> Keys(
      const expr::GroupSelection& groups);
  /// So many groups are to come: make room for them at once, when the first do.
  void Expect(int64_t groups);
  void Clear();

 private:
  std::vector<std::unique_ptr<KeyColumn>> columns_;
  std::vector<std::unique_ptr<IntegerTable>>
      pairs_;  // pairs_[i] joins columns 0…i with column i + 1
  std::vector<uint32_t> ids_;
  std::vector<uint32_t> right_;
  std::vector<int64_t> packed_;
};

}  // namespace millrace::operators

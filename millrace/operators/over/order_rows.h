// OrderRows: rows by partition and order, without moving them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/sort/sort_key.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {

/// The order of the rows of a batch by the keys of a window. One key of whole numbers
/// without NULLs, as a time is, is compared as it is; others as bytes. Used by one
/// thread.
class RowOrder {
 public:
  explicit RowOrder(const std::shared_ptr<MemoryBudget>& memory) : keys_(memory) {}

  Status Load(const std::vector<plan::SortKey>& keys, const arrow::RecordBatch& rows,
              Evaluation& evaluation);
  bool Less(int64_t a, int64_t b) const {
    if (numbers_ != nullptr) {
      return descending_ ? numbers_[b] < numbers_[a] : numbers_[a] < numbers_[b];
    }
    return !none_ && keys_.key(a) < keys_.key(b);
  }
  bool Equal(int64_t a, int64_t b) const {
    if (numbers_ != nullptr) return numbers_[a] == numbers_[b];
    return none_ || keys_.key(a) == keys_.key(b);
  }
  void Release();

 private:
  bool none_ = true;
  bool descending_ = false;
  std::shared_ptr<arrow::Array> held_;
  const int64_t* numbers_ = nullptr;
  SortKeys keys_;
};

/// The numbers of `rows` rows, those of partition 0 first and each partition in order;
/// equal rows keep theirs. `ids` null: all are of partition 0.
std::vector<int64_t> OrderByPartition(const uint32_t* ids, int64_t rows,
                                      int64_t partitions, const RowOrder& order);

}  // namespace millrace::operators

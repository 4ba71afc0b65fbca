// Sort keys: rows as bytes whose order is the order of ORDER BY.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/result.h"
#include "millrace/operators/reservation.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {

/// One memcmp-comparable key a row. Per key: a byte that places NULLs, then the value
/// big-endian with its sign flipped (floats: −0 as 0, NaN above everything; text: 0 bytes
/// escaped and closed by two), all bits inverted where descending. Used by one thread.
class SortKeys {
 public:
  explicit SortKeys(std::shared_ptr<MemoryBudget> memory)
      : memory_(memory), reservation_(std::move(memory)) {}
  SortKeys(const SortKeys&) = delete;
  SortKeys& operator=(const SortKeys&) = delete;

  /// Append the keys of `rows` rows; `columns` are the values of `keys`, plain or
  /// dictionary-encoded.
  Status Append(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                const std::vector<plan::SortKey>& keys, int64_t rows);
  std::string_view key(int64_t row) const {
    const int64_t begin = row == 0 ? 0 : ends_[static_cast<size_t>(row) - 1];
    return {bytes_.data() + begin,
            static_cast<size_t>(ends_[static_cast<size_t>(row)] - begin)};
  }
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  /// Row numbers in order; rows with equal keys keep theirs. At most the first `limit`.
  std::vector<int64_t> Order(int64_t limit) const;
  void Clear();
  /// Forget the keys and give their memory back.
  void Release();
  /// Bytes held.
  int64_t bytes() const { return reservation_.bytes(); }

 private:
  const std::shared_ptr<MemoryBudget> memory_;
  Reservation reservation_;
  std::vector<char> bytes_;
  std::vector<int64_t> ends_;
};

}  // namespace millrace::operators

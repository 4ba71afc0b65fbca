#include "millrace/operators/over/order_rows.h"

#include <algorithm>
#include <numeric>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/operators/sort/sorted_runs.h"

namespace millrace::operators {

namespace {

// With so many partitions a row it costs less to compare rows than to count partitions.
constexpr int64_t kSparse = 8;

}  // namespace

Status RowOrder::Load(const std::vector<plan::SortKey>& keys,
                      const arrow::RecordBatch& rows, Evaluation& evaluation) {
  Release();
  none_ = keys.empty();
  if (none_) return Status::OK();
  if (keys.size() == 1) {
    ARROW_ASSIGN_OR_RAISE(
        held_, expr::EvaluateToArray(*keys[0].expression, rows, evaluation.context()));
    const arrow::Type::type id = held_->type_id();
    const bool whole = id == arrow::Type::INT64 || id == arrow::Type::TIMESTAMP ||
                       id == arrow::Type::TIME64;
    if (whole && held_->null_count() == 0) {
      numbers_ = held_->data()->GetValues<int64_t>(1);
      descending_ = keys[0].descending;
      return Status::OK();
    }
    held_.reset();
  }
  return AppendSortKeys(keys, rows, evaluation, keys_);
}

void RowOrder::Release() {
  numbers_ = nullptr;
  held_.reset();
  keys_.Release();
}

std::vector<int64_t> OrderByPartition(const uint32_t* ids, int64_t rows,
                                      int64_t partitions, const RowOrder& order) {
  std::vector<int64_t> out(static_cast<size_t>(rows));
  const auto less = [&](int64_t a, int64_t b) { return order.Less(a, b); };
  const auto sort = [&](auto begin, auto end) {
    if (!std::is_sorted(begin, end, less)) std::stable_sort(begin, end, less);
  };
  if (ids == nullptr) {
    std::iota(out.begin(), out.end(), 0);
    sort(out.begin(), out.end());
    return out;
  }
  if (partitions > kSparse * rows) {
    std::iota(out.begin(), out.end(), 0);
    std::stable_sort(out.begin(), out.end(), [&](int64_t a, int64_t b) {
      return ids[a] != ids[b] ? ids[a] < ids[b] : order.Less(a, b);
    });
    return out;
  }
  std::vector<int64_t> next(static_cast<size_t>(partitions) + 1);
  for (int64_t i = 0; i < rows; ++i) ++next[ids[i] + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  for (int64_t i = 0; i < rows; ++i) out[static_cast<size_t>(next[ids[i]]++)] = i;
  for (int64_t begin = 0; begin < rows;) {
    // next[id] is now where the partition ends.
    const int64_t end = next[ids[out[static_cast<size_t>(begin)]]];
    sort(out.begin() + begin, out.begin() + end);
    begin = end;
  }
  return out;
}

}  // namespace millrace::operators

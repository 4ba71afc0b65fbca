// What the conformance checks share: rows as text, and reading a split to its end.
//
// The test kit is headers only, for tests: the engine's library never holds it.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/base/testing.h"
#include "millrace/connector/source.h"

namespace millrace::connector::testkit {

/// Each row as text, types and NULLs told apart; what checks compare.
using Rows = std::vector<std::string>;

inline Result<Rows> RowsOf(const arrow::RecordBatch& batch) {
  Rows out(static_cast<size_t>(batch.num_rows()));
  for (int column = 0; column < batch.num_columns(); ++column) {
    std::shared_ptr<arrow::Array> values = batch.column(column);
    if (values->type_id() == arrow::Type::DICTIONARY) {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(*values);
      ARROW_ASSIGN_OR_RAISE(auto plain,
                            arrow::compute::Take(coded.dictionary(), coded.indices()));
      values = plain.make_array();
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      ARROW_ASSIGN_OR_RAISE(auto value, values->GetScalar(row));
      std::string& text = out[static_cast<size_t>(row)];
      text += value->is_valid ? "[" + value->ToString() + "]" : "NULL";
      text += ':' + value->type->ToString() + ' ';
    }
  }
  return out;
}

inline Rows Sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// The columns that `indices` name.
inline std::shared_ptr<arrow::RecordBatch> Columns(const arrow::RecordBatch& batch,
                                                   const std::vector<int>& indices) {
  return batch.SelectColumns(indices).ValueOrDie();
}

/// Waits where a task would yield.
class Bell final : public Wakeable {
 public:
  void Wake() override {
    std::lock_guard guard(mutex_);
    rung_ = true;
    condition_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool rung_ = false;
};

/// What came out of one split.
struct Reading {
  Rows rows;
  std::vector<std::pair<size_t, data::Position>> ends;  ///< rows before it, position
  std::vector<std::shared_ptr<arrow::Schema>> schemas;  ///< of each batch
  size_t dead_letters = 0;
  int64_t most_rows = 0;  ///< of one batch
};

inline Result<Reading> Drain(SplitReader& reader, const Budget& budget) {
  Reading out;
  auto bell = std::make_shared<Bell>();
  const Waker waker(bell);
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(PollResult got, reader.Poll(budget, waker));
    out.dead_letters += got.dead_letters.size();
    if (got.state == PollState::kEnd) return out;
    if (got.state == PollState::kPending) bell->Wait();
    if (got.state == PollState::kCaughtUp) return out;
    if (got.state != PollState::kBatch) continue;
    ARROW_ASSIGN_OR_RAISE(Rows rows, RowsOf(*got.batch.rows));
    out.most_rows = std::max(out.most_rows, got.batch.num_rows());
    out.rows.insert(out.rows.end(), rows.begin(), rows.end());
    out.ends.emplace_back(out.rows.size(), got.batch.end);
    out.schemas.push_back(got.batch.rows->schema());
  }
}

}  // namespace millrace::connector::testkit

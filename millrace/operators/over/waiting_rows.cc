#include "millrace/operators/over/waiting_rows.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include "millrace/data/dictionary.h"
#include "millrace/operators/window/runs.h"

namespace millrace::operators {

namespace {

// Less than this in memory is not worth a file: what presses lies elsewhere.
constexpr int64_t kMinSpilledBytes = 256 * 1024;

}  // namespace

Status WaitingRows::Add(std::shared_ptr<arrow::RecordBatch> rows,
                        const std::shared_ptr<arrow::Array>& times) {
  if (rows->num_rows() == 0) return Status::OK();
  const int64_t* values = times->data()->GetValues<int64_t>(1);
  const auto [first, last] = std::minmax_element(values, values + times->length());
  rows_ += rows->num_rows();
  bytes_ += arrow::util::TotalBufferSize(*rows);
  items_.push_back({std::move(rows), {}, *first, *last});
  const bool full =
      spill_ != nullptr && bytes_ > kMinSpilledBytes && evaluation_->memory()->pressed();
  return full ? SpillAll() : Status::OK();
}

Status WaitingRows::SpillAll() {
  ARROW_ASSIGN_OR_RAISE(auto file, spill_->Open(schema_));
  for (Item& item : items_) {
    if (!item.rows) continue;
    ARROW_ASSIGN_OR_RAISE(auto plain,
                          data::DecodedTo(item.rows, schema_, evaluation_->pool()));
    ARROW_ASSIGN_OR_RAISE(auto place, file->Append(*plain, evaluation_->pool()));
    item.spilled = {file, place};
    item.rows.reset();
  }
  bytes_ = 0;
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> WaitingRows::Load(const Item& item) const {
  if (item.rows) return item.rows;
  return item.spilled.file->Read(item.spilled.place, evaluation_->pool());
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> WaitingRows::Take(
    int64_t time, const TimesOf& times_of) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> out;
  std::vector<Item> left;
  for (Item& item : items_) {
    if (item.first > time) {
      left.push_back(std::move(item));
      continue;
    }
    const bool in_memory = item.rows != nullptr;
    ARROW_ASSIGN_OR_RAISE(auto rows, Load(item));
    rows_ -= rows->num_rows();
    if (in_memory) bytes_ -= arrow::util::TotalBufferSize(*rows);
    if (item.last <= time) {
      out.push_back(std::move(rows));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto times, times_of(*rows));
    const int64_t* values = times->data()->GetValues<int64_t>(1);
    const auto due =
        RunsWhere(rows->num_rows(), [&](int64_t row) { return values[row] <= time; });
    const auto later =
        RunsWhere(rows->num_rows(), [&](int64_t row) { return values[row] > time; });
    ARROW_ASSIGN_OR_RAISE(auto now, RowsOf(rows, due, *evaluation_));
    ARROW_ASSIGN_OR_RAISE(auto then, RowsOf(rows, later, *evaluation_));
    out.push_back(std::move(now));
    Item rest;
    rest.first = item.last;
    rest.last = item.last;
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      if (values[i] > time) rest.first = std::min(rest.first, values[i]);
    }
    rows_ += then->num_rows();
    bytes_ += arrow::util::TotalBufferSize(*then);
    rest.rows = std::move(then);
    left.push_back(std::move(rest));
  }
  items_ = std::move(left);
  return out;
}

Status WaitingRows::Each(
    const std::function<Status(const std::shared_ptr<arrow::RecordBatch>&)>& visit)
    const {
  for (const Item& item : items_) {
    ARROW_ASSIGN_OR_RAISE(auto rows, Load(item));
    ARROW_ASSIGN_OR_RAISE(rows, data::DecodedTo(rows, schema_, evaluation_->pool()));
    ARROW_RETURN_NOT_OK(visit(rows));
  }
  return Status::OK();
}

}  // namespace millrace::operators

#include "millrace/operators/aggregate/emission.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::operators {

void Emission::Add(std::unique_ptr<Groups> groups, std::optional<int64_t> window_start,
                   int64_t window_size) {
  waiting_.push_back({std::move(groups), window_start, window_size});
}

// A window column: `rows` times the same instant.
Result<std::shared_ptr<arrow::Array>> Emission::Times(int64_t value, int64_t rows) const {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                        arrow::AllocateBuffer(rows * 8, pool_));
  std::fill_n(reinterpret_cast<int64_t*>(data->mutable_data()), rows, value);
  return arrow::MakeArray(
      arrow::ArrayData::Make(schema_->field(0)->type(), rows, {nullptr, data}, 0));
}

Result<std::shared_ptr<arrow::Array>> Emission::Ends(const arrow::Array& starts,
                                                     int64_t window_size) const {
  const int64_t rows = starts.length();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                        arrow::AllocateBuffer(rows * 8, pool_));
  const int64_t* from = starts.data()->GetValues<int64_t>(1);
  auto* ends = reinterpret_cast<int64_t*>(data->mutable_data());
  for (int64_t i = 0; i < rows; ++i) ends[i] = from[i] + window_size;
  return arrow::MakeArray(
      arrow::ArrayData::Make(starts.type(), rows, {nullptr, std::move(data)}, 0));
}

data::Batch Emission::MakeBatch(std::vector<std::shared_ptr<arrow::Array>> columns,
                                int64_t rows) const {
  arrow::FieldVector fields = schema_->fields();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->type_id() != fields[i]->type()->id()) {
      fields[i] = fields[i]->WithType(columns[i]->type());
    }
  }
  data::Batch batch;
  batch.rows = arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                        std::move(columns));
  return batch;
}

Result<std::unique_ptr<Groups>> Emission::Next(Output& out) {
  Waiting& waiting = waiting_.front();
  const int64_t end = std::min(waiting.next + batch_rows_, waiting.groups->size());
  const int64_t rows = end - waiting.next;
  if (rows > 0) {
    ARROW_ASSIGN_OR_RAISE(auto columns, waiting.groups->Columns(waiting.next, end));
    if (waiting.window_start) {
      ARROW_ASSIGN_OR_RAISE(auto starts, Times(*waiting.window_start, rows));
      ARROW_ASSIGN_OR_RAISE(auto ends,
                            Times(*waiting.window_start + waiting.window_size, rows));
      columns.insert(columns.begin(), {std::move(starts), std::move(ends)});
    } else if (waiting.window_size > 0) {
      ARROW_ASSIGN_OR_RAISE(auto ends, Ends(*columns[0], waiting.window_size));
      columns.insert(columns.begin() + 1, std::move(ends));
    }
    out.Push(MakeBatch(std::move(columns), rows));
  }
  waiting.next = end;
  if (end < waiting.groups->size()) return nullptr;
  std::unique_ptr<Groups> done = std::move(waiting.groups);
  waiting_.pop_front();
  done->Clear();
  return done;
}

}  // namespace millrace::operators

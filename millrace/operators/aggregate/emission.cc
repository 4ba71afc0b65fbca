#include "millrace/operators/aggregate/emission.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::operators {

data::Batch FinishedBatch(const arrow::Schema& schema,
                          std::vector<std::shared_ptr<arrow::Array>> columns,
                          int64_t rows) {
  arrow::FieldVector fields = schema.fields();
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

void Emission::Add(std::unique_ptr<Groups> groups, std::optional<int64_t> window) {
  Groups* const changes = groups->tracks_results() ? groups.get() : nullptr;
  waiting_.push_back({std::move(groups), changes, window});
}

void Emission::AddChanges(Groups* groups, std::optional<int64_t> window) {
  waiting_.push_back({nullptr, groups, window});
}

// A window column: `rows` times the same instant.
Result<std::shared_ptr<arrow::Array>> Emission::Times(int64_t value, int64_t rows) const {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                        arrow::AllocateBuffer(rows * 8, pool_));
  std::fill_n(reinterpret_cast<int64_t*>(data->mutable_data()), rows, value);
  return arrow::MakeArray(
      arrow::ArrayData::Make(schema_->field(0)->type(), rows, {nullptr, data}, 0));
}

// With the columns of the window in front.
Result<data::Batch> Emission::Finished(std::vector<std::shared_ptr<arrow::Array>> columns,
                                       std::optional<int64_t> window,
                                       int64_t rows) const {
  if (window) {
    ARROW_ASSIGN_OR_RAISE(auto starts, Times(windows_->StartOf(*window), rows));
    ARROW_ASSIGN_OR_RAISE(auto ends, Times(windows_->EndOf(*window), rows));
    columns.insert(columns.begin(), {std::move(starts), std::move(ends)});
  } else if (windows_ != nullptr) {
    const auto& type = schema_->field(0)->type();
    ARROW_ASSIGN_OR_RAISE(auto starts, windows_->Starts(*columns[0], type, pool_));
    ARROW_ASSIGN_OR_RAISE(columns[0], windows_->Ends(*columns[0], type, pool_));
    columns.insert(columns.begin(), std::move(starts));
  }
  return FinishedBatch(*schema_, std::move(columns), rows);
}

Status Emission::PutWhole(Waiting& waiting, Output& out) {
  const int64_t end = std::min(waiting.next + batch_rows_, waiting.groups->size());
  const int64_t rows = end - waiting.next;
  if (rows == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto columns, waiting.groups->Columns(waiting.next, end));
  ARROW_ASSIGN_OR_RAISE(auto batch, Finished(std::move(columns), waiting.window, rows));
  out.Push(std::move(batch));
  waiting.next = end;
  return Status::OK();
}

Status Emission::PutChanges(Waiting& waiting, Output& out) {
  if (!waiting.changes->HasResults()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto piece, waiting.changes->NextResults(batch_rows_));
  const int64_t rows = piece.rows;
  if (rows == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto batch,
                        Finished(std::move(piece.columns), waiting.window, rows));
  if (piece.kinds) {
    data::Changes changes;
    changes.kinds = std::move(piece.kinds);
    batch.changes = std::make_shared<const data::Changes>(std::move(changes));
  }
  out.Push(std::move(batch));
  return Status::OK();
}

Result<std::unique_ptr<Groups>> Emission::Next(Output& out) {
  Waiting& waiting = waiting_.front();
  if (waiting.changes != nullptr) {
    ARROW_RETURN_NOT_OK(PutChanges(waiting, out));
    if (waiting.changes->HasResults()) return nullptr;
  } else {
    ARROW_RETURN_NOT_OK(PutWhole(waiting, out));
    if (waiting.next < waiting.groups->size()) return nullptr;
  }
  std::unique_ptr<Groups> done = std::move(waiting.groups);
  waiting_.pop_front();
  if (done) done->Clear();
  return done;
}

}  // namespace millrace::operators

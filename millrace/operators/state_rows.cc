#include "millrace/operators/state_rows.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/key_hash.h"

namespace millrace::operators {

namespace {

// Batches below this are joined: operators may hold their state in many small pieces.
constexpr int64_t kSmallRows = 4 * 1024;
constexpr int64_t kJoinedRows = 64 * 1024;

Result<std::shared_ptr<arrow::Buffer>> Uint16s(int64_t rows, arrow::MemoryPool* pool) {
  return arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(uint16_t)), pool);
}

std::shared_ptr<arrow::Array> GroupArray(std::shared_ptr<arrow::Buffer> values,
                                         int64_t rows) {
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::uint16(), rows, {nullptr, std::move(values)}, 0));
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> KeyGroupsOf(
    const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows,
    arrow::MemoryPool* pool) {
  if (keys.empty()) return SameKeyGroup(0, rows, pool);
  std::vector<uint64_t> hashes(static_cast<size_t>(rows));
  ARROW_RETURN_NOT_OK(data::HashRows(keys, rows, hashes.data()));
  ARROW_ASSIGN_OR_RAISE(auto values, Uint16s(rows, pool));
  auto* groups = reinterpret_cast<uint16_t*>(values->mutable_data());
  for (size_t i = 0; i < hashes.size(); ++i)
    groups[i] = static_cast<uint16_t>(data::KeyGroupOf(hashes[i]));
  return GroupArray(std::move(values), rows);
}

Result<std::shared_ptr<arrow::Array>> SameKeyGroup(int group, int64_t rows,
                                                   arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto values, Uint16s(rows, pool));
  std::fill_n(reinterpret_cast<uint16_t*>(values->mutable_data()), rows,
              static_cast<uint16_t>(group));
  return GroupArray(std::move(values), rows);
}

std::shared_ptr<arrow::Schema> WithKeyGroup(
    const std::shared_ptr<arrow::Schema>& schema) {
  arrow::FieldVector fields = schema->fields();
  fields.insert(fields.begin(), arrow::field(std::string(state::kGroupColumn),
                                             arrow::uint16(), /*nullable=*/false));
  return arrow::schema(std::move(fields));
}

int FirstKeyGroupOf(int task, int tasks) {
  return (task * data::kKeyGroups + tasks - 1) / tasks;
}

StateRows::StateRows(const std::shared_ptr<arrow::Schema>& schema,
                     std::shared_ptr<MemoryBudget> memory, SpillSpace* spill)
    : schema_(WithKeyGroup(schema)), memory_(std::move(memory)), spill_(spill) {}

Status StateRows::Add(std::vector<std::shared_ptr<arrow::Array>> columns,
                      std::shared_ptr<arrow::Array> groups) {
  const int64_t rows = groups->length();
  columns.insert(columns.begin(), std::move(groups));
  return Add(arrow::RecordBatch::Make(schema_, rows, std::move(columns)));
}

Status StateRows::Add(std::shared_ptr<arrow::RecordBatch> batch) {
  const int64_t rows = batch->num_rows();
  if (rows == 0) return Status::OK();
  if (rows >= kSmallRows) ARROW_RETURN_NOT_OK(JoinSmall());
  batches_.push_back(std::move(batch));
  rows_ += rows;
  if (rows >= kSmallRows) {
    first_small_ = batches_.size();
  } else {
    small_rows_ += rows;
    if (small_rows_ >= kJoinedRows) ARROW_RETURN_NOT_OK(JoinSmall());
  }
  const bool file = spill_ != nullptr && memory_->used() > memory_->limit() / 2;
  return file ? ToFile() : Status::OK();
}

Status StateRows::ToFile() {
  ARROW_RETURN_NOT_OK(JoinSmall());
  if (!file_) {
    ARROW_ASSIGN_OR_RAISE(file_, spill_->Open(schema_));
  }
  for (auto& batch : batches_) {
    ARROW_ASSIGN_OR_RAISE(auto place, file_->Append(*batch, memory_->pool()));
    spilled_.push_back({file_, place});
    batch.reset();
  }
  batches_.clear();
  first_small_ = 0;
  return Status::OK();
}

Status StateRows::JoinSmall() {
  const auto from = batches_.begin() + static_cast<std::ptrdiff_t>(first_small_);
  if (batches_.end() - from > 1) {
    ARROW_ASSIGN_OR_RAISE(auto joined, arrow::ConcatenateRecordBatches(
                                           {from, batches_.end()}, memory_->pool()));
    batches_.erase(from, batches_.end());
    batches_.push_back(std::move(joined));
  }
  first_small_ = batches_.size();
  small_rows_ = 0;
  return Status::OK();
}

Status StateRows::Put(std::string part, state::Extent extent,
                      state::OperatorSnapshot& out, int64_t part_rows) {
  if (file_) {
    ARROW_RETURN_NOT_OK(ToFile());
    out.Add(state::Piece{std::move(part), extent,
                         ReadSpilled(schema_, std::move(spilled_), memory_), part_rows});
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(JoinSmall());
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::RecordBatchReader::Make(std::move(batches_), schema_));
  out.Add(state::Piece{std::move(part), extent, std::move(reader), part_rows});
  return Status::OK();
}

}  // namespace millrace::operators

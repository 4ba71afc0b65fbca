#include "millrace/formats/arrow_ipc/columns.h"

#include <algorithm>
#include <numeric>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/byte_size.h>

#include "millrace/formats/arrow_ipc/errors.h"

namespace millrace::formats::arrow_ipc {

namespace {

constexpr int64_t kMaxBatchRows = 64 * 1024;

// The field that costs the least to read.
int CheapestField(const arrow::Schema& schema) {
  int best = 0;
  int best_bits = 1 << 30;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const arrow::DataType& type = *schema.field(i)->type();
    int bits = 1 << 20;
    if (type.id() == arrow::Type::NA) bits = 0;
    if (arrow::is_primitive(type.id())) bits = type.bit_width();
    if (bits < best_bits) {
      best = i;
      best_bits = bits;
    }
  }
  return best;
}

}  // namespace

Projection::Projection(const arrow::Schema& stored, const StoredColumns& columns,
                       const Pushdown& pushdown)
    : columns_(columns) {
  if (pushdown.columns) {
    wanted_ = *pushdown.columns;
  } else {
    wanted_.resize(static_cast<size_t>(columns.schema->num_fields()));
    std::iota(wanted_.begin(), wanted_.end(), 0);
  }
  for (const int column : wanted_) {
    included_.push_back(columns.fields[static_cast<size_t>(column)]);
  }
  std::sort(included_.begin(), included_.end());
  included_.erase(std::unique(included_.begin(), included_.end()), included_.end());
  for (const int column : wanted_) {
    const int field = columns.fields[static_cast<size_t>(column)];
    places_.push_back(static_cast<int>(
        std::lower_bound(included_.begin(), included_.end(), field) - included_.begin()));
  }
  if (included_.empty() && stored.num_fields() > 0) {
    included_.push_back(CheapestField(stored));
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> Projection::Apply(
    std::shared_ptr<arrow::RecordBatch> rows, int64_t first_row, const std::string& file,
    arrow::MemoryPool* pool) const {
  // Offsets, indices and text of a damaged file may be anything.
  if (const Status valid = rows->ValidateFull(); !valid.ok()) {
    return errors::kIpcBroken.Make({.file = file, .row = first_row + 1},
                                   "in the record batch that begins with this row: {}",
                                   valid.message());
  }
  if (rows->num_columns() != static_cast<int>(included_.size())) {
    return errors::kIpcBroken.Make({.file = file}, "columns are missing");
  }
  ARROW_ASSIGN_OR_RAISE(rows, rows->SelectColumns(places_));
  return columns_.Fit(std::move(rows), wanted_, pool);
}

void Slices::Begin(std::shared_ptr<arrow::RecordBatch> rows, int64_t bytes) {
  rows_ = std::move(rows);
  row_ = 0;
  bytes_left_ = bytes;
  const auto size = arrow::util::ReferencedBufferSize(*rows_);
  row_bytes_ = (size.ok() ? *size : 0) / std::max<int64_t>(rows_->num_rows(), 1) + 1;
}

int64_t Slices::Skip(int64_t count) {
  count = std::min(count, rows_->num_rows() - row_);
  row_ += count;
  if (row_ == rows_->num_rows()) rows_.reset();
  return count;
}

std::shared_ptr<arrow::RecordBatch> Slices::Next(const Budget& budget, int64_t* bytes) {
  const int64_t left = rows_->num_rows() - row_;
  const int64_t most = std::clamp<int64_t>(
      std::min(budget.rows, budget.bytes / row_bytes_), 1, kMaxBatchRows);
  const int64_t count = std::min(left, most);
  *bytes = count == left ? bytes_left_ : bytes_left_ * count / left;
  bytes_left_ -= *bytes;
  auto out = count == rows_->num_rows() ? rows_ : rows_->Slice(row_, count);
  row_ += count;
  if (count == left) rows_.reset();
  return out;
}

}  // namespace millrace::formats::arrow_ipc

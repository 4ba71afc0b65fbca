#include "millrace/formats/group_encoder.h"

#include <algorithm>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include "millrace/data/byte_size.h"

namespace millrace::formats {

Status GroupEncoder::Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                            std::vector<data::EncodedRows>* out) {
  std::shared_ptr<arrow::RecordBatch> rest = rows;
  while (rest->num_rows() > 0) {
    const int64_t take = std::min(rest->num_rows(), group_rows_ - held_rows_);
    held_.push_back(take == rest->num_rows() ? rest : rest->Slice(0, take));
    held_rows_ += take;
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, data::ReferencedBytes(*held_.back()));
    held_bytes_ += bytes;
    rest = rest->Slice(take);
    if (held_rows_ >= group_rows_) ARROW_RETURN_NOT_OK(Flush(out));
  }
  return Status::OK();
}

Status GroupEncoder::Flush(std::vector<data::EncodedRows>* out) {
  if (held_rows_ == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto bytes, EncodeGroup(held_, held_bytes_));
  out->push_back({std::move(bytes), held_rows_});
  held_.clear();
  held_rows_ = 0;
  held_bytes_ = 0;
  return Status::OK();
}

}  // namespace millrace::formats

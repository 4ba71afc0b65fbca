// GroupEncoder: rows in groups of a fixed size, each encoded as one piece.
#pragma once

#include <cstdint>
#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/data/row_encoder.h"

namespace millrace::formats {

class GroupEncoder : public data::RowEncoder {
 public:
  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override;
  Status Flush(std::vector<data::EncodedRows>* out) override;
  int64_t buffered_bytes() const override { return held_bytes_; }

 protected:
  explicit GroupEncoder(int64_t group_rows) : group_rows_(group_rows) {}
  /// The batches of one group, at least one, of about `bytes` in memory.
  virtual Result<std::shared_ptr<arrow::Buffer>> EncodeGroup(
      const arrow::RecordBatchVector& group, int64_t bytes) = 0;

 private:
  const int64_t group_rows_;
  arrow::RecordBatchVector held_;
  int64_t held_rows_ = 0;
  int64_t held_bytes_ = 0;
};

}  // namespace millrace::formats

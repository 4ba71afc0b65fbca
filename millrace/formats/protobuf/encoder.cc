#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/protobuf/message_writer.h"
#include "millrace/formats/protobuf/protobuf_internal.h"

namespace millrace::formats::protobuf_format {

namespace {

constexpr int64_t kPieceBytes = 1 << 20;

class ProtobufEncoder final : public data::RowEncoder {
 public:
  ProtobufEncoder(std::unique_ptr<MessageWriter> writer, arrow::MemoryPool* pool)
      : writer_(std::move(writer)), pool_(pool) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    ARROW_RETURN_NOT_OK(writer_->Bind(*rows));
    for (int64_t i = 0, n = rows->num_rows(); i < n; ++i) {
      ARROW_RETURN_NOT_OK(writer_->Append(i, &piece_, &size_));
      ++rows_;
      if (size_ >= kPieceBytes) ARROW_RETURN_NOT_OK(Flush(out));
    }
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (rows_ == 0) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto bytes, piece_.Take(std::exchange(size_, 0), pool_));
    out->push_back({std::move(bytes), std::exchange(rows_, 0)});
    return Status::OK();
  }

  int64_t buffered_bytes() const override { return size_; }

 private:
  const std::unique_ptr<MessageWriter> writer_;
  arrow::MemoryPool* const pool_;
  Growing piece_;
  int64_t size_ = 0;
  int64_t rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<data::RowEncoder>> MakeProtobufEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  ARROW_ASSIGN_OR_RAISE(auto message, MessageOf(options, /*nanos=*/true));
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        MessageWriter::Make(std::move(message), *schema, context.pool));
  return std::make_unique<ProtobufEncoder>(std::move(writer), context.pool);
}

}  // namespace millrace::formats::protobuf_format

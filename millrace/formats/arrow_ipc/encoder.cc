#include <algorithm>

#include <arrow/array.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/arrow_ipc/ipc_internal.h"

namespace millrace::formats::arrow_ipc {

namespace {

// Makes each record batch a message.
class IpcEncoder final : public data::RowEncoder {
 public:
  IpcEncoder(arrow::ipc::IpcWriteOptions options, int64_t batch_rows,
             std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : options_(std::move(options)),
        batch_rows_(batch_rows),
        schema_(std::move(schema)),
        pool_(pool) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    ARROW_ASSIGN_OR_RAISE(auto rest, data::DecodedTo(rows, schema_, pool_));
    while (rest->num_rows() > 0) {
      const int64_t take = std::min(rest->num_rows(), batch_rows_ - held_rows_);
      held_.push_back(take == rest->num_rows() ? rest : rest->Slice(0, take));
      held_rows_ += take;
      ARROW_ASSIGN_OR_RAISE(const int64_t bytes,
                            arrow::util::ReferencedBufferSize(*held_.back()));
      held_bytes_ += bytes;
      rest = rest->Slice(take);
      if (held_rows_ >= batch_rows_) ARROW_RETURN_NOT_OK(Flush(out));
    }
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (held_rows_ == 0) return Status::OK();
    ARROW_RETURN_NOT_OK(Caught(errors::kIpcWrite, "", [&]() -> Status {
      std::shared_ptr<arrow::RecordBatch> rows = held_.front();
      if (held_.size() > 1) {
        ARROW_ASSIGN_OR_RAISE(rows, arrow::ConcatenateRecordBatches(held_, pool_));
      }
      ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                            arrow::ipc::SerializeRecordBatch(*rows, options_));
      out->push_back({std::move(bytes), held_rows_});
      return Status::OK();
    }));
    held_.clear();
    held_rows_ = 0;
    held_bytes_ = 0;
    return Status::OK();
  }

  int64_t buffered_bytes() const override { return held_bytes_; }

 private:
  const arrow::ipc::IpcWriteOptions options_;
  const int64_t batch_rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  arrow::RecordBatchVector held_;
  int64_t held_rows_ = 0;
  int64_t held_bytes_ = 0;
};

}  // namespace

Result<arrow::ipc::IpcWriteOptions> WriteOptionsOf(const Config& options,
                                                   arrow::MemoryPool* pool) {
  arrow::ipc::IpcWriteOptions out;
  out.memory_pool = pool;
  out.use_threads = false;
  const std::string& compression = options.GetString("compression");
  const bool leveled = options.has("compression_level");
  if (leveled && compression != "zstd") {
    return errors::kBadOption.Make(
        {}, "arrow: option 'compression_level' goes with compression zstd");
  }
  if (compression == "none") return out;
  const bool zstd = compression == "zstd";
  const auto type = zstd ? arrow::Compression::ZSTD : arrow::Compression::LZ4_FRAME;
  const int level = leveled ? static_cast<int>(options.GetInt("compression_level"))
                            : arrow::util::kUseDefaultCompressionLevel;
  if (leveled && (level < 1 || level > 22)) {
    return errors::kBadOption.Make(
        {}, "arrow: option 'compression_level': {} is not within 1 to 22", level);
  }
  ARROW_ASSIGN_OR_RAISE(out.codec, arrow::util::Codec::Create(type, level));
  return out;
}

Result<std::unique_ptr<data::RowEncoder>> MakeIpcEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  ARROW_ASSIGN_OR_RAISE(auto writing, WriteOptionsOf(options, context.pool));
  return std::make_unique<IpcEncoder>(std::move(writing), options.GetInt("batch_rows"),
                                      schema, context.pool);
}

}  // namespace millrace::formats::arrow_ipc

#include <arrow/array.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/arrow_ipc/ipc_internal.h"
#include "millrace/formats/group_encoder.h"

namespace millrace::formats::arrow_ipc {

namespace {

// Makes each record batch a message.
class IpcEncoder final : public GroupEncoder {
 public:
  IpcEncoder(arrow::ipc::IpcWriteOptions options, int64_t batch_rows,
             std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : GroupEncoder(batch_rows),
        options_(std::move(options)),
        schema_(std::move(schema)),
        pool_(pool) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto plain, data::DecodedTo(rows, schema_, pool_));
    return GroupEncoder::Encode(plain, out);
  }

 private:
  Result<std::shared_ptr<arrow::Buffer>> EncodeGroup(
      const arrow::RecordBatchVector& group, int64_t) override {
    using Bytes = Result<std::shared_ptr<arrow::Buffer>>;
    return Caught(errors::kIpcWrite, "", [&]() -> Bytes {
      std::shared_ptr<arrow::RecordBatch> rows = group.front();
      if (group.size() > 1) {
        ARROW_ASSIGN_OR_RAISE(rows, arrow::ConcatenateRecordBatches(group, pool_));
      }
      return arrow::ipc::SerializeRecordBatch(*rows, options_);
    });
  }

  const arrow::ipc::IpcWriteOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
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

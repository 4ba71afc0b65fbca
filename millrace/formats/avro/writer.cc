#include "millrace/formats/avro/writer.h"

#include <cstring>
#include <limits>
#include <random>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/avro/blocks.h"
#include "millrace/formats/avro/codec.h"
#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/value_writer.h"
#include "millrace/formats/avro/wire.h"
#include "millrace/formats/avro/write_schema.h"

namespace millrace::formats::avro {

namespace {

Result<std::shared_ptr<arrow::Schema>> WrittenSchema(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    ARROW_ASSIGN_OR_RAISE(auto type, WrittenType(field->type(), field->name()));
    fields.push_back(field->WithType(std::move(type)));
  }
  return arrow::schema(std::move(fields));
}

class AvroEncoder final : public data::RowEncoder {
 public:
  AvroEncoder(int64_t block_bytes, std::unique_ptr<BlockCodec> codec,
              std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : block_bytes_(block_bytes),
        codec_(std::move(codec)),
        schema_(std::move(schema)),
        pool_(pool),
        writer_(schema_, pool) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int i = 0; i < rows->num_columns(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, Written(rows->column(i), *schema_->field(i)));
      columns.push_back(std::move(column));
    }
    ARROW_RETURN_NOT_OK(writer_.Bind(columns));
    for (int64_t i = 0, n = rows->num_rows(); i < n; ++i) {
      ARROW_RETURN_NOT_OK(writer_.Write(i));
      ++rows_;
      if (writer_.size() >= block_bytes_) ARROW_RETURN_NOT_OK(Flush(out));
    }
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (rows_ == 0) return Status::OK();
    const std::span<const uint8_t> plain(writer_.data(),
                                         static_cast<size_t>(writer_.size()));
    Growing block;
    // Both numbers stand before the bytes, whose size is known afterwards.
    const int64_t before = 2 * kMaxVarintBytes;
    ARROW_RETURN_NOT_OK(
        block.Reserve(before + static_cast<int64_t>(plain.size()), pool_));
    int64_t size = before;
    if (codec_) {
      ARROW_RETURN_NOT_OK(codec_->Compress(plain, &block, &size));
    } else if (!plain.empty()) {
      memcpy(block.data() + size, plain.data(), plain.size());
      size += static_cast<int64_t>(plain.size());
    }
    uint8_t numbers[2 * kMaxVarintBytes];
    const int64_t head = WriteLong(size - before, WriteLong(rows_, numbers)) - numbers;
    memcpy(block.data() + before - head, numbers, static_cast<size_t>(head));
    ARROW_ASSIGN_OR_RAISE(const auto bytes, block.Take(size, pool_));
    out->push_back({arrow::SliceBuffer(bytes, before - head), std::exchange(rows_, 0)});
    writer_.Clear();
    return Status::OK();
  }

  int64_t buffered_bytes() const override { return writer_.size(); }

 private:
  // `column` in the type that is written.
  Result<std::shared_ptr<arrow::Array>> Written(std::shared_ptr<arrow::Array> column,
                                                const arrow::Field& field) const {
    ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, pool_));
    if (column->type()->Equals(*field.type())) return column;
    arrow::compute::ExecContext compute(pool_);
    compute.set_use_threads(false);
    auto cast = arrow::compute::Cast(
        column, arrow::compute::CastOptions::Safe(field.type()), &compute);
    if (cast.ok()) return cast->make_array();
    if (ErrorDetail::Of(cast.status()) != nullptr) return cast.status();
    return errors::kAvroUnrepresentable.Make({.column = field.name()}, "{}",
                                             cast.status().message());
  }

  const int64_t block_bytes_;
  const std::unique_ptr<BlockCodec> codec_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  RecordWriter writer_;
  int64_t rows_ = 0;
};

class AvroAppender final : public FileAppender {
 public:
  AvroAppender(io::WritableFile& file, const SyncMarker& sync, arrow::MemoryPool* pool)
      : file_(file), sync_(sync), pool_(pool) {}

  Status Begin(const std::string& schema, const std::string& codec) {
    std::string header(kMagic);
    auto append = [&header](const std::string& text) {
      AppendLong(static_cast<int64_t>(text.size()), &header);
      header += text;
    };
    AppendLong(2, &header);
    append("avro.schema");
    append(schema);
    append("avro.codec");
    append(codec);
    AppendLong(0, &header);
    header.append(reinterpret_cast<const char*>(sync_.data()), sync_.size());
    return file_.Write(header.data(), static_cast<int64_t>(header.size()));
  }

  Status Append(const data::EncodedRows& rows) override {
    ARROW_RETURN_NOT_OK(file_.Write(rows.bytes->data(), rows.bytes->size()));
    return file_.Write(sync_.data(), kSyncBytes);
  }

  // Blocks keep their bytes; only the marker behind them is this file's.
  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, piece->GetSize());
    const Input input{.name = "a piece", .file = piece, .file_size = size};
    InputHead head(input);
    ARROW_ASSIGN_OR_RAISE(const Header header, ReadHeader(head, input.name));
    BlockReader blocks(input, {}, header.sync, header.size, size, /*search=*/false,
                       std::numeric_limits<int32_t>::max(), pool_);
    for (Block block;;) {
      ARROW_ASSIGN_OR_RAISE(const auto state, blocks.Next(&block, Waker()));
      if (state != ByteStream::State::kBytes) return Status::OK();
      const int64_t bytes = static_cast<int64_t>(block.bytes.size());
      uint8_t numbers[2 * kMaxVarintBytes];
      const int64_t length =
          WriteLong(bytes, WriteLong(block.records, numbers)) - numbers;
      ARROW_RETURN_NOT_OK(file_.Write(numbers, length));
      ARROW_RETURN_NOT_OK(file_.Write(block.bytes.data(), bytes));
      ARROW_RETURN_NOT_OK(file_.Write(sync_.data(), kSyncBytes));
    }
  }

  Status Finish() override { return Status::OK(); }

 private:
  io::WritableFile& file_;
  const SyncMarker sync_;
  arrow::MemoryPool* const pool_;
};

// Unlike any other file's, so that a file inside a file misleads nobody.
SyncMarker NewSyncMarker() {
  std::random_device chance;
  SyncMarker out;
  for (size_t i = 0; i < out.size(); i += 4) {
    const uint32_t four = chance();
    memcpy(out.data() + i, &four, 4);
  }
  return out;
}

}  // namespace

Result<WriteSettings> WriteSettingsOf(const Config& options) {
  WriteSettings out;
  const std::string& compression = options.GetString("compression");
  out.codec = compression == "none"   ? "null"
              : compression == "zstd" ? "zstandard"
                                      : compression;
  if (options.has("compression_level")) {
    const int64_t level = options.GetInt("compression_level");
    const int64_t most = compression == "zstd" ? 22 : 9;
    const int64_t least = compression == "xz" ? 0 : 1;
    if (compression == "none" || compression == "snappy") {
      return errors::kBadOption.Make(
          {}, "avro: option 'compression_level': {} has no levels", compression);
    }
    if (level < least || level > most) {
      return errors::kBadOption.Make(
          {}, "avro: option 'compression_level': {} is not within {} to {}", level, least,
          most);
    }
    out.level = static_cast<int>(level);
  }
  out.block_bytes = options.GetInt("block_bytes");
  if (out.block_bytes < 1 || out.block_bytes > (int64_t{1} << 30)) {
    return errors::kBadOption.Make(
        {}, "avro: option 'block_bytes': {} is not within 1 and 1 GiB", out.block_bytes);
  }
  out.record_name = options.GetString("record_name");
  if (!IsAvroName(out.record_name, /*full=*/true)) {
    return errors::kBadOption.Make(
        {}, "avro: option 'record_name': '{}' is no name in Avro", out.record_name);
  }
  return out;
}

Result<std::unique_ptr<data::RowEncoder>> MakeAvroEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  ARROW_ASSIGN_OR_RAISE(const WriteSettings settings, WriteSettingsOf(options));
  ARROW_ASSIGN_OR_RAISE(auto codec,
                        MakeBlockCodec(settings.codec, settings.level, "", context.pool));
  ARROW_ASSIGN_OR_RAISE(auto written, WrittenSchema(*schema));
  return std::make_unique<AvroEncoder>(settings.block_bytes, std::move(codec),
                                       std::move(written), context.pool);
}

Result<std::unique_ptr<FileAppender>> OpenAvroAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context) {
  ARROW_ASSIGN_OR_RAISE(const WriteSettings settings, WriteSettingsOf(options));
  ARROW_ASSIGN_OR_RAISE(const auto written, WrittenSchema(*schema));
  ARROW_ASSIGN_OR_RAISE(const std::string json,
                        SchemaJson(*written, settings.record_name));
  auto appender = std::make_unique<AvroAppender>(file, NewSyncMarker(), context.pool);
  ARROW_RETURN_NOT_OK(appender->Begin(json, settings.codec));
  return appender;
}

}  // namespace millrace::formats::avro

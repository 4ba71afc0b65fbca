#include <cstring>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include "millrace/formats/arrow_ipc/ipc_internal.h"

namespace millrace::formats::arrow_ipc {

namespace {

constexpr int64_t kPrefixBytes = 8;  // the mark of a message and its metadata's length

// A file of ours as Arrow's writers want it.
class FileStream final : public arrow::io::OutputStream {
 public:
  explicit FileStream(io::WritableFile& file) : file_(file), begin_(file.position()) {}
  Status Close() override { return Status::OK(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return file_.position() - begin_; }
  Status Write(const void* data, int64_t size) override {
    return file_.Write(data, size);
  }

 private:
  io::WritableFile& file_;
  const int64_t begin_;
};

int32_t MetadataLength(const uint8_t* prefix) {
  int32_t length = 0;
  memcpy(&length, prefix + 4, sizeof(length));
  return length;
}

// Without what fields say to other parts of the engine.
std::shared_ptr<arrow::Schema> Plain(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) fields.push_back(field->RemoveMetadata());
  return arrow::schema(std::move(fields));
}

// Puts messages into the file as they are; only their places are written anew.
class IpcAppender final : public FileAppender {
 public:
  IpcAppender(Form form, io::WritableFile& file, const arrow::Schema& schema,
              arrow::ipc::IpcWriteOptions options, arrow::MemoryPool* pool)
      : form_(form),
        stream_(file),
        schema_(Plain(schema)),
        options_(std::move(options)),
        pool_(pool) {}

  Status Begin() {
    if (form_ == Form::kFile) {
      ARROW_ASSIGN_OR_RAISE(writer_, arrow::ipc::internal::MakePayloadFileWriter(
                                         &stream_, schema_, options_));
    } else {
      ARROW_ASSIGN_OR_RAISE(
          writer_, arrow::ipc::internal::MakePayloadStreamWriter(&stream_, options_));
    }
    ARROW_RETURN_NOT_OK(writer_->Start());
    arrow::ipc::IpcPayload payload;
    const arrow::ipc::DictionaryFieldMapper mapper(*schema_);
    ARROW_RETURN_NOT_OK(
        arrow::ipc::GetSchemaPayload(*schema_, options_, mapper, &payload));
    return writer_->WritePayload(payload);
  }

  Status Append(const data::EncodedRows& rows) override {
    return Caught(errors::kIpcWrite, "", [&] {
      const auto& bytes = rows.bytes;
      const int64_t body = kPrefixBytes + MetadataLength(bytes->data());
      return Write(arrow::SliceBuffer(bytes, kPrefixBytes, body - kPrefixBytes),
                   arrow::SliceBuffer(bytes, body));
    });
  }

  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    return Caught(errors::kIpcWrite, "", [&] { return AppendMessages(*piece); });
  }

  Status Finish() override {
    return Caught(errors::kIpcWrite, "", [&] { return writer_->Close(); });
  }

 private:
  Status Write(std::shared_ptr<arrow::Buffer> metadata,
               std::shared_ptr<arrow::Buffer> body) {
    arrow::ipc::IpcPayload payload;
    payload.type = arrow::ipc::MessageType::RECORD_BATCH;
    payload.metadata = std::move(metadata);
    payload.body_length = body->size();
    payload.raw_body_length = body->size();
    payload.body_buffers.push_back(std::move(body));
    return writer_->WritePayload(payload);
  }

  Result<std::shared_ptr<arrow::Buffer>> Read(arrow::io::RandomAccessFile& file,
                                              int64_t at, int64_t size) {
    ARROW_ASSIGN_OR_RAISE(const int64_t end, file.GetSize());
    if (size < 0 || at + size > end) {
      return errors::kIpcWrite.Make({.byte = at}, "a piece ends inside a message");
    }
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(size, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          file.ReadAt(at, size, buffer->mutable_data()));
    if (got < size) {
      return errors::kIpcWrite.Make({.byte = at}, "a piece ends inside a message");
    }
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

  Status AppendMessages(arrow::io::RandomAccessFile& piece) {
    int64_t at = form_ == Form::kFile ? static_cast<int64_t>(kFileMagic.size()) : 0;
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto prefix, Read(piece, at, kPrefixBytes));
      const int32_t length = MetadataLength(prefix->data());
      if (length == 0) return Status::OK();  // the mark of the end
      at += kPrefixBytes;
      ARROW_ASSIGN_OR_RAISE(auto metadata, Read(piece, at, length));
      at += length;
      ARROW_ASSIGN_OR_RAISE(const auto message,
                            arrow::ipc::Message::Open(metadata, nullptr));
      const int64_t body_length = message->body_length();
      if (message->type() == arrow::ipc::MessageType::RECORD_BATCH) {
        ARROW_ASSIGN_OR_RAISE(auto body, Read(piece, at, body_length));
        ARROW_RETURN_NOT_OK(Write(std::move(metadata), std::move(body)));
      }
      at += body_length;
    }
  }

  const Form form_;
  FileStream stream_;
  const std::shared_ptr<arrow::Schema> schema_;
  const arrow::ipc::IpcWriteOptions options_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<arrow::ipc::internal::IpcPayloadWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<FileAppender>> OpenIpcAppender(
    Form form, io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context) {
  if (options.GetInt("batch_rows") < 1) {
    return errors::kBadOption.Make({}, "arrow: option 'batch_rows': {} is less than 1",
                                   options.GetInt("batch_rows"));
  }
  ARROW_ASSIGN_OR_RAISE(auto writing, WriteOptionsOf(options, context.pool));
  auto appender = std::make_unique<IpcAppender>(form, file, *schema, std::move(writing),
                                                context.pool);
  ARROW_RETURN_NOT_OK(Caught(errors::kIpcWrite, "", [&] { return appender->Begin(); }));
  return appender;
}

}  // namespace millrace::formats::arrow_ipc

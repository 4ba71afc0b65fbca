#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/protobuf/protobuf_internal.h"

namespace millrace::formats {

namespace protobuf_format {

namespace {

constexpr int64_t kMostDescriptorBytes = 256 << 20;

std::vector<OptionSpec> SharedOptions() {
  return {
      {.name = "descriptor",
       .required = true,
       .doc = "Path of the FileDescriptorSet of the messages, as protoc "
              "--include_imports --descriptor_set_out=FILE makes it."},
      {.name = "message",
       .doc =
           "Full name of the message type; may be left out where the descriptor's file "
           "has only one."},
  };
}

class MessageAppender final : public FileAppender {
 public:
  MessageAppender(io::WritableFile& file, arrow::MemoryPool* pool)
      : file_(file), pool_(pool) {}

  Status Append(const data::EncodedRows& rows) override {
    return file_.Write(rows.bytes->data(), rows.bytes->size());
  }
  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, piece->GetSize());
    return CopyBytes(*piece, 0, size, file_, pool_);
  }
  Status Finish() override { return Status::OK(); }

 private:
  io::WritableFile& file_;
  arrow::MemoryPool* const pool_;
};

class ProtobufFormat final : public Format {
 public:
  std::string_view name() const override { return "protobuf"; }
  std::string_view doc() const override {
    return "Protobuf messages of one type, each behind its length.";
  }
  std::vector<std::string> extensions() const override { return {"pb", "binpb"}; }
  const ConfigSpec& read_options() const override { return ReadSpec(); }
  const ConfigSpec& write_options() const override { return WriteSpec(); }
  bool can_read_stream() const override { return true; }
  bool can_append() const override { return false; }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    return OpenProtobufReader(std::move(input), options, declared, like, context);
  }
  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return MakeProtobufEncoder(options, schema, context);
  }
  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config&, const std::shared_ptr<arrow::Schema>&, bool,
      const Context& context) const override {
    return std::make_unique<MessageAppender>(file, context.pool);
  }
};

}  // namespace

const ConfigSpec& ReadSpec() {
  static const ConfigSpec spec([] {
    auto options = SharedOptions();
    options.push_back({.name = "times",
                       .type = OptionType::kEnum,
                       .default_value = "nanos",
                       .choices = {"nanos", "micros"},
                       .doc =
                           "Unit of google.protobuf.Timestamp and Duration: nanos, for "
                           "1677 to 2262, or micros, which drops what is finer."});
    options.push_back({.name = "max_message_bytes",
                       .type = OptionType::kBytes,
                       .default_value = "64MiB",
                       .doc = "The most bytes that one message may have."});
    return options;
  }());
  return spec;
}

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec(SharedOptions());
  return spec;
}

Result<std::shared_ptr<const MessageType>> MessageOf(const Config& options, bool nanos) {
  const std::string& path = options.GetString("descriptor");
  auto files = io::MakeLocalFileSystem();
  ARROW_ASSIGN_OR_RAISE(const auto file, files->OpenRead(path));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  if (size > kMostDescriptorBytes) {
    return errors::kProtobufDescriptor.Make({.file = path}, "it has {} bytes", size);
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t got, file->ReadAt(0, size, bytes.data()));
  bytes.resize(static_cast<size_t>(got));
  return ParseDescriptor(
      bytes, options.has("message") ? options.GetString("message") : std::string(), nanos,
      path);
}

}  // namespace protobuf_format

std::unique_ptr<Format> MakeProtobufFormat() {
  return std::make_unique<protobuf_format::ProtobufFormat>();
}

}  // namespace millrace::formats

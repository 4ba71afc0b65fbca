// A text format whose files may be compressed, or in another encoding. The format itself
// knows nothing of it.
#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/type.h>

#include "millrace/formats/compressed_stream.h"
#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/format.h"
#include "millrace/formats/text/encoding.h"
#include "millrace/formats/text/errors.h"
#include "millrace/formats/transcoded_stream.h"
#include "millrace/io/compression/compression.h"
#include "millrace/io/compression/decoder.h"
#include "millrace/io/compression/encoder.h"
#include "millrace/io/compression/errors.h"
#include "millrace/io/compression/framed_file.h"
#include "millrace/io/compression/frames.h"

namespace millrace::formats {

namespace {

using io::Compression;

constexpr int64_t kCopyPiece = 1 << 20;
constexpr int64_t kOwnCacheBytes = 16 << 20;

std::vector<std::string> Choices() {
  std::vector<std::string> out = {"auto", "none"};
  for (const Compression compression : io::AllCompressions()) {
    out.emplace_back(io::NameOf(compression));
  }
  return out;
}

const ConfigSpec& ReadSpec() {
  static const ConfigSpec spec(
      {{.name = "compression",
        .type = OptionType::kEnum,
        .default_value = "auto",
        .choices = Choices(),
        .doc = "How the file is compressed. auto goes by its first bytes, and by its "
               "last extension: .gz, .zz or .deflate, .zst, .lz4, .sz or .snappy, .s2, "
               ".br, .bz2."},
       {.name = "encoding",
        .type = OptionType::kEnum,
        .default_value = "auto",
        .choices = EncodingChoices(),
        .doc = "Of the text. auto is UTF-16 where a byte order mark says so, else UTF-8; "
               "utf-16 without a mark is little-endian."}});
  return spec;
}

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec(
      {{.name = "compression",
        .type = OptionType::kEnum,
        .default_value = "auto",
        .choices = Choices(),
        .doc = "How the file is compressed. auto goes by the destination's last "
               "extension: .gz, .zz or .deflate, .zst, .lz4, .sz or .snappy, .s2, .br, "
               ".bz2."},
       {.name = "compression_level",
        .type = OptionType::kInt,
        .doc = "Higher is smaller and slower. gzip and deflate 1 to 9 (6 when absent), "
               "zstd 1 to 22 (3), lz4 1 to 12 (1), brotli 0 to 11 (5), bzip2 1 to 9 "
               "(9); snappy and s2 have none."}});
  return spec;
}

struct WriteChoice {
  Compression compression = Compression::kNone;
  std::optional<int> level;
};

// auto without a name that tells anything: plain.
Result<WriteChoice> ChoiceOf(const Config& options) {
  WriteChoice out;
  out.compression =
      io::CompressionNamed(options.GetString("compression")).value_or(Compression::kNone);
  if (!options.has("compression_level")) return out;
  const int64_t level = options.GetInt("compression_level");
  const auto levels = io::LevelsOf(out.compression);
  if (!levels) {
    return errors::kBadOption.Make({}, "option 'compression_level': {} has no levels",
                                   io::NameOf(out.compression));
  }
  if (level < levels->least || level > levels->most) {
    return errors::kBadOption.Make(
        {}, "option 'compression_level': {} is not within {} to {}, as {} has them",
        level, levels->least, levels->most, io::NameOf(out.compression));
  }
  out.level = static_cast<int>(level);
  return out;
}

CompressionHint HintOf(const Config& options, const std::string& name) {
  return {.required = io::CompressionNamed(options.GetString("compression")),
          .named = io::CompressionOfPath(name),
          .name = name};
}

// Every piece of rows becomes a frame of its own, where the rows are.
class CompressedEncoder final : public data::RowEncoder {
 public:
  CompressedEncoder(std::unique_ptr<data::RowEncoder> text,
                    std::unique_ptr<io::FrameEncoder> frames)
      : text_(std::move(text)), frames_(std::move(frames)) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    ARROW_RETURN_NOT_OK(text_->Encode(rows, &pieces_));
    return Pack(out);
  }
  Status Flush(std::vector<data::EncodedRows>* out) override {
    ARROW_RETURN_NOT_OK(text_->Flush(&pieces_));
    return Pack(out);
  }
  int64_t buffered_bytes() const override { return text_->buffered_bytes(); }

 private:
  Status Pack(std::vector<data::EncodedRows>* out) {
    for (const data::EncodedRows& piece : pieces_) {
      ARROW_ASSIGN_OR_RAISE(auto packed,
                            frames_->Encode({piece.bytes->data(),
                                             static_cast<size_t>(piece.bytes->size())}));
      out->push_back({std::move(packed), piece.rows});
    }
    pieces_.clear();
    return Status::OK();
  }

  const std::unique_ptr<data::RowEncoder> text_;
  const std::unique_ptr<io::FrameEncoder> frames_;
  std::vector<data::EncodedRows> pieces_;
};

// Compresses what is written to it: frame by frame, or as one stream.
class CompressingFile final : public io::WritableFile {
 public:
  CompressingFile(io::WritableFile& file, std::unique_ptr<io::FrameEncoder> frames,
                  std::unique_ptr<io::StreamEncoder> stream)
      : file_(file), frames_(std::move(frames)), stream_(std::move(stream)) {}

  Status Write(const void* data, int64_t size) override {
    if (size == 0) return Status::OK();
    const std::span<const uint8_t> plain(static_cast<const uint8_t*>(data),
                                         static_cast<size_t>(size));
    return stream_ ? stream_->Write(plain, file_) : WriteFrame(plain);
  }
  Status WriteFrame(std::span<const uint8_t> plain) {
    ARROW_ASSIGN_OR_RAISE(auto packed, frames_->Encode(plain));
    return file_.Write(packed->data(), packed->size());
  }
  Status Finish() { return stream_ ? stream_->Finish(file_) : Status::OK(); }

  bool is_stream() const { return stream_ != nullptr; }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return file_.position(); }

 private:
  io::WritableFile& file_;
  const std::unique_ptr<io::FrameEncoder> frames_;
  const std::unique_ptr<io::StreamEncoder> stream_;
};

class CompressedAppender final : public FileAppender {
 public:
  // `text` writes to `packed`.
  CompressedAppender(io::WritableFile& file, std::unique_ptr<CompressingFile> packed,
                     std::unique_ptr<FileAppender> text, Compression compression,
                     bool appending, const Context& context)
      : file_(file),
        packed_(std::move(packed)),
        text_(std::move(text)),
        compression_(compression),
        appending_(appending),
        begin_(file.position()),
        context_(context) {}

  Status Append(const data::EncodedRows& rows) override {
    if (packed_->is_stream()) return text_->Append(rows);
    ARROW_RETURN_NOT_OK(WriteHead());
    return file_.Write(rows.bytes->data(), rows.bytes->size());
  }

  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    ARROW_RETURN_NOT_OK(WriteHead());
    ARROW_ASSIGN_OR_RAISE(const int64_t size, piece->GetSize());
    if (size == 0) return Status::OK();
    if (!packed_->is_stream()) return CopyBytes(*piece, 0, size, file_, context_.pool);
    const auto plain =
        MakeDecodingStream(MakeFileStream(piece, "piece"),
                           {.required = compression_, .name = "piece"}, context_.pool);
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(kCopyPiece, context_.pool));
    for (;;) {
      int64_t got = 0;
      ARROW_ASSIGN_OR_RAISE(
          const ByteStream::State state,
          plain->Read(buffer->mutable_data(), buffer->size(), &got, Waker()));
      if (state == ByteStream::State::kEnd) return Status::OK();
      ARROW_RETURN_NOT_OK(packed_->Write(buffer->data(), got));
    }
  }

  Status Finish() override {
    ARROW_RETURN_NOT_OK(text_->Finish());
    ARROW_RETURN_NOT_OK(packed_->Finish());
    // A file without any byte is none of that kind.
    if (appending_ || file_.position() > begin_) return Status::OK();
    return packed_->WriteFrame({});
  }

 private:
  // What the format puts before the rows, as a frame of its own.
  Status WriteHead() {
    if (std::exchange(has_head_, true)) return Status::OK();
    return text_->Append({std::make_shared<arrow::Buffer>(std::string_view()), 0});
  }

  io::WritableFile& file_;
  const std::unique_ptr<CompressingFile> packed_;
  const std::unique_ptr<FileAppender> text_;
  const Compression compression_;
  const bool appending_;
  const int64_t begin_;
  const Context context_;
  bool has_head_ = false;
};

class CompressibleFormat final : public Format {
 public:
  explicit CompressibleFormat(std::unique_ptr<Format> text)
      : text_(std::move(text)),
        read_options_(text_->read_options().Plus(ReadSpec())),
        write_options_(text_->write_options().Plus(WriteSpec())) {}

  std::string_view name() const override { return text_->name(); }
  std::string_view doc() const override { return text_->doc(); }
  std::vector<std::string> extensions() const override { return text_->extensions(); }
  const ConfigSpec& read_options() const override { return read_options_; }
  const ConfigSpec& write_options() const override { return write_options_; }
  bool can_read_stream() const override { return true; }
  ColumnsTold columns_told() const override { return text_->columns_told(); }
  bool can_append() const override { return text_->can_append(); }
  bool tells_its_end() const override { return text_->tells_its_end(); }
  bool may_be_unfinished(const Status& failure) const override {
    return text_->may_be_unfinished(failure);
  }
  bool compresses() const override { return true; }

  std::string extension(const Config& options) const override {
    const auto compression = io::CompressionNamed(options.GetString("compression"));
    return text_->extension(options) +
           std::string(io::ExtensionOf(compression.value_or(Compression::kNone)));
  }
  bool appends(const Config& options) const override {
    const auto compression = io::CompressionNamed(options.GetString("compression"));
    return text_->appends(options) &&
           io::Concatenates(compression.value_or(Compression::kNone));
  }
  bool encodes_splits(const Config& options) const override {
    return text_->encodes_splits(options);
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    ARROW_RETURN_NOT_OK(Unpack(options, context, &input));
    ARROW_RETURN_NOT_OK(Transcode(options, context, &input));
    return text_->OpenReader(std::move(input), options, declared, like, context);
  }

  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const WriteChoice choice, ChoiceOf(options));
    if (choice.compression != Compression::kNone && !text_->pieces_stay(options)) {
      return errors::kBadOption.Make({}, "{}: an array can't be written compressed",
                                     name());
    }
    ARROW_ASSIGN_OR_RAISE(auto text, text_->MakeEncoder(options, schema, context));
    if (choice.compression == Compression::kNone ||
        !io::Concatenates(choice.compression)) {
      return text;
    }
    ARROW_ASSIGN_OR_RAISE(auto frames, io::MakeFrameEncoder(choice.compression,
                                                            choice.level, context.pool));
    return std::make_unique<CompressedEncoder>(std::move(text), std::move(frames));
  }

  Status CheckAppend(std::string_view head, const Config& options,
                     const arrow::Schema& schema, const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const WriteChoice choice, ChoiceOf(options));
    if (choice.compression == Compression::kNone) {
      return text_->CheckAppend(head, options, schema, context);
    }
    ARROW_RETURN_NOT_OK(
        ChooseCompression({.required = choice.compression, .name = {}}, head, false)
            .status());
    ARROW_ASSIGN_OR_RAISE(auto decoder,
                          io::MakeDecoder(choice.compression, "", context.pool));
    std::string plain(static_cast<size_t>(kCopyPiece), '\0');
    size_t have = 0;
    std::span<const uint8_t> in(reinterpret_cast<const uint8_t*>(head.data()),
                                head.size());
    while (have < plain.size()) {
      ARROW_ASSIGN_OR_RAISE(
          const auto step,
          decoder->Decode(in, {reinterpret_cast<uint8_t*>(plain.data()) + have,
                               plain.size() - have}));
      if (step.read == 0 && step.written == 0) break;
      in = in.subspan(static_cast<size_t>(step.read));
      have += static_cast<size_t>(step.written);
    }
    return text_->CheckAppend(std::string_view(plain).substr(0, have), options, schema,
                              context);
  }

  Result<int64_t> AppendAt(arrow::io::RandomAccessFile& file, int64_t size,
                           const Config& options) const override {
    ARROW_ASSIGN_OR_RAISE(const WriteChoice choice, ChoiceOf(options));
    return choice.compression == Compression::kNone ? text_->AppendAt(file, size, options)
                                                    : Result<int64_t>(size);
  }

  Status EndLastRecord(const std::shared_ptr<arrow::io::RandomAccessFile>& existing,
                       const Config& options, io::WritableFile& to,
                       const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const WriteChoice choice, ChoiceOf(options));
    if (choice.compression == Compression::kNone) {
      return text_->EndLastRecord(existing, options, to, context);
    }
    // Only unpacking all of it tells the last byte, and that the file is sound.
    const auto plain =
        MakeDecodingStream(MakeFileStream(existing, ""),
                           {.required = choice.compression, .name = {}}, context.pool);
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(kCopyPiece, context.pool));
    uint8_t last = '\n';
    for (;;) {
      int64_t got = 0;
      ARROW_ASSIGN_OR_RAISE(
          const ByteStream::State state,
          plain->Read(buffer->mutable_data(), buffer->size(), &got, Waker()));
      if (state == ByteStream::State::kEnd) break;
      if (got > 0) last = buffer->data()[got - 1];
    }
    if (last == '\n') return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto frames, io::MakeFrameEncoder(choice.compression,
                                                            choice.level, context.pool));
    const uint8_t line_end = '\n';
    ARROW_ASSIGN_OR_RAISE(auto packed, frames->Encode({&line_end, 1}));
    return to.Write(packed->data(), packed->size());
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const WriteChoice choice, ChoiceOf(options));
    if (choice.compression == Compression::kNone) {
      return text_->OpenAppender(file, options, schema, appending, context);
    }
    std::unique_ptr<io::FrameEncoder> frames;
    std::unique_ptr<io::StreamEncoder> stream;
    if (io::Concatenates(choice.compression)) {
      ARROW_ASSIGN_OR_RAISE(
          frames, io::MakeFrameEncoder(choice.compression, choice.level, context.pool));
    } else {
      ARROW_ASSIGN_OR_RAISE(
          stream, io::MakeStreamEncoder(choice.compression, choice.level, context.pool));
    }
    auto packed =
        std::make_unique<CompressingFile>(file, std::move(frames), std::move(stream));
    ARROW_ASSIGN_OR_RAISE(
        auto text, text_->OpenAppender(*packed, options, schema, appending, context));
    return std::make_unique<CompressedAppender>(file, std::move(packed), std::move(text),
                                                choice.compression, appending, context);
  }

 private:
  // The plain bytes in place of the packed ones.
  static Status Unpack(const Config& options, const Context& context, Input* input) {
    const CompressionHint hint = HintOf(options, input->name);
    if (hint.required == Compression::kNone) return Status::OK();
    if (!input->file) {
      input->stream = MakeDecodingStream(std::move(input->stream), hint, context.pool);
      return Status::OK();
    }
    char head[io::kMagicBytes];
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        input->file->ReadAt(0, static_cast<int64_t>(sizeof(head)), head));
    ARROW_ASSIGN_OR_RAISE(const Compression compression,
                          ChooseCompression(hint, {head, static_cast<size_t>(got)},
                                            got < static_cast<int64_t>(sizeof(head))));
    if (compression == Compression::kNone) return Status::OK();
    if (input->growing) {
      return errors::kCompressedGrows.Make({.file = input->name}, "it is {}",
                                           io::NameOf(compression));
    }
    ARROW_ASSIGN_OR_RAISE(auto frames, io::FindFrames(*input->file, compression));
    if (frames) {
      auto cache = input->frames ? input->frames
                                 : std::make_shared<io::FrameCache>(kOwnCacheBytes);
      input->file =
          io::MakeFramedFile(std::move(input->file), compression, *std::move(frames),
                             std::move(cache), input->name, context.pool);
      ARROW_ASSIGN_OR_RAISE(input->file_size, input->file->GetSize());
      return Status::OK();
    }
    input->stream =
        MakeUnpackedFile(std::move(input->file), hint, context.executor, context.pool);
    input->file.reset();
    input->file_size = 0;
    return Status::OK();
  }

  // UTF-8 in place of another encoding.
  static Status Transcode(const Config& options, const Context& context, Input* input) {
    const std::string& choice = options.GetString("encoding");
    if (input->file) {
      char head[2];
      ARROW_ASSIGN_OR_RAISE(
          const int64_t got,
          input->file->ReadAt(0, static_cast<int64_t>(sizeof(head)), head));
      const auto encoding =
          EncodingOf(choice, {head, static_cast<size_t>(got)}, /*complete=*/true);
      if (encoding == TextEncoding::kUtf8) return Status::OK();
      if (input->growing)
        return errors::kEncodingGrows.Make({.file = input->name}, "encoding '{}'",
                                           choice);
      input->stream = MakeFileStream(std::move(input->file), input->name);
      input->file.reset();
      input->file_size = 0;
    }
    if (choice != "utf-8") {
      input->stream = MakeTranscodingStream(std::move(input->stream), choice, input->name,
                                            context.pool);
    }
    return Status::OK();
  }

  const std::unique_ptr<Format> text_;
  const ConfigSpec read_options_;
  const ConfigSpec write_options_;
};

}  // namespace

std::unique_ptr<Format> MakeCompressible(std::unique_ptr<Format> text) {
  return std::make_unique<CompressibleFormat>(std::move(text));
}

}  // namespace millrace::formats

#include "millrace/formats/compressed_stream.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/input.h"
#include "millrace/formats/stream_window.h"
#include "millrace/io/compression/decoder.h"
#include "millrace/io/compression/errors.h"

namespace millrace::formats {

namespace {

class FileStream final : public ByteStream {
 public:
  FileStream(std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name) {
    input_.file = std::move(file);
    input_.name = std::move(name);
  }

  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker&) override {
    if (input_.file_size == 0) {
      ARROW_ASSIGN_OR_RAISE(input_.file_size, input_.file->GetSize());
    }
    ARROW_ASSIGN_OR_RAISE(*size, ReadAt(input_, at_, capacity, out));
    at_ += *size;
    return *size > 0 ? State::kBytes : State::kEnd;
  }
  bool can_seek() const override { return true; }
  Status SeekTo(int64_t offset) override {
    at_ = offset;
    return Status::OK();
  }

 private:
  Input input_;
  int64_t at_ = 0;
};

class DecodingStream final : public ByteStream {
 public:
  DecodingStream(std::shared_ptr<ByteStream> bytes, CompressionHint hint,
                 arrow::MemoryPool* pool)
      : packed_(std::move(bytes), pool), hint_(std::move(hint)), pool_(pool) {}

  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker& waker) override {
    *size = 0;
    while (!chosen_) {
      ARROW_ASSIGN_OR_RAISE(const State state, Choose(waker));
      if (state == State::kPending) return state;
    }
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const Decoder::Step step, Step(out, capacity));
      packed_.Take(static_cast<size_t>(step.read));
      if (step.written > 0) {
        *size = step.written;
        return State::kBytes;
      }
      if (step.read > 0) continue;
      if (packed_.ended()) {
        if (decoder_) ARROW_RETURN_NOT_OK(decoder_->End());
        return State::kEnd;
      }
      ARROW_ASSIGN_OR_RAISE(const State state, Fetch(waker));
      if (state == State::kPending) return state;
    }
  }

 private:
  using Decoder = io::Decoder;

  Result<Decoder::Step> Step(uint8_t* out, int64_t capacity) {
    const auto rest = packed_.rest();
    if (decoder_) return decoder_->Decode(rest, {out, static_cast<size_t>(capacity)});
    const int64_t size = std::min(capacity, static_cast<int64_t>(rest.size()));
    if (size > 0) memcpy(out, rest.data(), static_cast<size_t>(size));
    return Decoder::Step{size, size};
  }

  // Enough bytes to tell how they are packed.
  Result<State> Choose(const Waker& waker) {
    ARROW_ASSIGN_OR_RAISE(const State state, Fetch(waker));
    if (state == State::kPending) return state;
    const auto rest = packed_.rest();
    const std::string_view head(reinterpret_cast<const char*>(rest.data()), rest.size());
    // A pipe may pause after a first line: text that nothing else is expected of is known
    // by its first byte.
    const bool expected = hint_.required || hint_.named != io::Compression::kNone;
    const bool short_of =
        expected ? head.size() < io::kMagicBytes : io::MayHaveMagic(head);
    if (!packed_.ended() && short_of) return state;
    ARROW_ASSIGN_OR_RAISE(const io::Compression compression,
                          ChooseCompression(hint_, head, packed_.ended()));
    if (compression != io::Compression::kNone) {
      ARROW_ASSIGN_OR_RAISE(decoder_, io::MakeDecoder(compression, hint_.name, pool_));
    }
    chosen_ = true;
    return state;
  }

  Result<State> Fetch(const Waker& waker) {
    if (packed_.full()) {
      return errors::kCompressedBroken.Make({.file = hint_.name}, "it can't be read on");
    }
    return packed_.Fetch(waker);
  }

  StreamWindow packed_;
  const CompressionHint hint_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<Decoder> decoder_;  // null: the bytes are plain
  bool chosen_ = false;
};

}  // namespace

Result<io::Compression> ChooseCompression(const CompressionHint& hint,
                                          std::string_view head, bool complete) {
  using io::Compression;
  if (hint.required == Compression::kNone) return Compression::kNone;
  const Compression told = io::CompressionOfBytes(head);
  const Compression wanted = hint.required.value_or(hint.named);
  // The decoder says what is wrong with so few bytes.
  const bool few = complete && head.size() < io::kMagicBytes;
  if (!io::HasMagic(wanted) || told == wanted || few) {
    return hint.required || told == Compression::kNone || few ? wanted : told;
  }
  const bool framed_snappy = wanted == Compression::kSnappy || wanted == Compression::kS2;
  if (framed_snappy && (told == Compression::kSnappy || told == Compression::kS2)) {
    return told;
  }
  // Both may begin with a frame that says nothing.
  constexpr std::string_view kSkippable = "\x2A\x4D\x18";
  if ((wanted == Compression::kZstd || wanted == Compression::kLz4) &&
      head.substr(1).starts_with(kSkippable)) {
    return wanted;
  }
  if (!hint.required && told != Compression::kNone) return told;
  return errors::kNotCompressed.Make(
      {.file = hint.name}, "expected {}; it begins with '{}', as {} would",
      io::NameOf(wanted), Excerpt(head.substr(0, io::kMagicBytes)),
      told == Compression::kNone ? "plain text" : io::NameOf(told));
}

std::unique_ptr<ByteStream> MakeDecodingStream(std::shared_ptr<ByteStream> bytes,
                                               CompressionHint hint,
                                               arrow::MemoryPool* pool) {
  return std::make_unique<DecodingStream>(std::move(bytes), std::move(hint), pool);
}

std::shared_ptr<ByteStream> MakeFileStream(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name) {
  return std::make_shared<FileStream>(std::move(file), std::move(name));
}

}  // namespace millrace::formats

#include "millrace/formats/transcoded_stream.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "millrace/formats/stream_window.h"
#include "millrace/formats/text/encoding.h"

namespace millrace::formats {

namespace {

class TranscodingStream final : public ByteStream {
 public:
  TranscodingStream(std::shared_ptr<ByteStream> bytes, std::string choice,
                    std::string file, arrow::MemoryPool* pool)
      : window_(std::move(bytes), pool),
        choice_(std::move(choice)),
        file_(std::move(file)) {}

  bool can_seek() const override { return window_.stream().can_seek(); }

  Status SeekTo(int64_t offset) override {
    window_.Clear();
    spare_.clear();
    const bool plain = encoding_ == TextEncoding::kUtf8;
    skip_ = plain ? 0 : offset;
    if (encoding_ && !plain) decoder_.emplace(*encoding_, file_);
    return window_.stream().SeekTo(plain ? offset : 0);
  }

  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker& waker) override {
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const State state, ReadOn(out, capacity, size, waker));
      if (state != State::kBytes || skip_ == 0) return state;
      const int64_t skipped = std::min(skip_, *size);
      skip_ -= skipped;
      *size -= skipped;
      memmove(out, out + skipped, static_cast<size_t>(*size));
      if (*size > 0) return State::kBytes;
    }
  }

 private:
  Result<State> ReadOn(uint8_t* out, int64_t capacity, int64_t* size,
                       const Waker& waker) {
    *size = 0;
    while (!encoding_) {
      ARROW_ASSIGN_OR_RAISE(const State state, Choose(waker));
      if (state == State::kPending) return state;
    }
    if (!decoder_) return Pass(out, capacity, size, waker);
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(*size, Convert(out, capacity));
      if (*size > 0) return State::kBytes;
      if (window_.ended()) {
        ARROW_RETURN_NOT_OK(decoder_->End(window_.rest()));
        return State::kEnd;
      }
      ARROW_ASSIGN_OR_RAISE(const State state, window_.Fetch(waker));
      if (state == State::kPending) return state;
    }
  }

  // Enough bytes to tell what they are.
  Result<State> Choose(const Waker& waker) {
    State state = State::kBytes;
    auto told = EncodingOf(choice_, Head(), window_.ended());
    if (!told || Head().empty()) {
      ARROW_ASSIGN_OR_RAISE(state, window_.Fetch(waker));
      told = EncodingOf(choice_, Head(), window_.ended());
    }
    if (!told) return state;
    encoding_ = *told;
    if (*told != TextEncoding::kUtf8) decoder_.emplace(*told, file_);
    return state;
  }

  std::string_view Head() const {
    const auto rest = window_.rest();
    return {reinterpret_cast<const char*>(rest.data()), rest.size()};
  }

  Result<State> Pass(uint8_t* out, int64_t capacity, int64_t* size, const Waker& waker) {
    const auto rest = window_.rest();
    if (rest.empty()) {
      if (window_.ended()) return State::kEnd;
      return window_.stream().Read(out, capacity, size, waker);
    }
    *size = std::min(capacity, static_cast<int64_t>(rest.size()));
    memcpy(out, rest.data(), static_cast<size_t>(*size));
    window_.Take(static_cast<size_t>(*size));
    return State::kBytes;
  }

  // Answers how many bytes of text came.
  Result<int64_t> Convert(uint8_t* out, int64_t capacity) {
    const auto room = static_cast<size_t>(capacity);
    if (spare_.empty() && room >= ToUtf8::kLeastRoom) {
      ARROW_ASSIGN_OR_RAISE(const auto step,
                            decoder_->Convert(window_.rest(), {out, room}));
      window_.Take(step.read);
      return static_cast<int64_t>(step.written);
    }
    // Whoever asks for less than a character gets it in parts.
    if (spare_.empty()) {
      spare_.resize(ToUtf8::kLeastRoom);
      ARROW_ASSIGN_OR_RAISE(
          const auto step,
          decoder_->Convert(window_.rest(),
                            {reinterpret_cast<uint8_t*>(spare_.data()), spare_.size()}));
      window_.Take(step.read);
      spare_.resize(step.written);
    }
    const size_t part = std::min(room, spare_.size());
    memcpy(out, spare_.data(), part);
    spare_.erase(0, part);
    return static_cast<int64_t>(part);
  }

  StreamWindow window_;
  const std::string choice_;
  const std::string file_;
  std::optional<TextEncoding> encoding_;
  std::optional<ToUtf8> decoder_;  // none: the text passes
  std::string spare_;              // converted, and not asked for yet
  int64_t skip_ = 0;               // bytes of text that nobody wants
};

}  // namespace

std::unique_ptr<ByteStream> MakeTranscodingStream(std::shared_ptr<ByteStream> bytes,
                                                  std::string choice, std::string file,
                                                  arrow::MemoryPool* pool) {
  return std::make_unique<TranscodingStream>(std::move(bytes), std::move(choice),
                                             std::move(file), pool);
}

}  // namespace millrace::formats

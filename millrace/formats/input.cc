#include "millrace/formats/input.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <arrow/io/interfaces.h>
#include <fmt/format.h>

#include "millrace/base/error.h"
#include "millrace/io/errors.h"

namespace millrace::formats {

namespace {

constexpr size_t kExcerptBytes = 100;

// Wakes the thread that opens a stream.
class OpenWait final : public Wakeable {
 public:
  void Wake() override {
    std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_all();
  }
  bool WaitFor(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    const bool woken = condition_.wait_for(lock, time, [this] { return woken_; });
    woken_ = false;
    return woken;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

}  // namespace

Result<int64_t> ReadAt(const Input& input, int64_t offset, int64_t size, uint8_t* out) {
  int64_t total = 0;
  size = std::min(size, input.file_size - offset);
  while (total < size) {
    auto got = input.file->ReadAt(offset + total, size - total, out + total);
    if (!got.ok()) {
      if (ErrorDetail::Of(got.status()) != nullptr) return got.status();
      return errors::kFileIo.Make({.file = input.name, .byte = offset + total}, "{}",
                                  got.status().message());
    }
    if (*got == 0) break;
    total += *got;
  }
  return total;
}

Status InputHead::GrowTo(int64_t size) {
  const int64_t have = static_cast<int64_t>(text_.size());
  if (complete_ || size <= have) return Status::OK();
  if (!input_.file) return GrowFromStream(size);
  text_.resize(static_cast<size_t>(std::min(size, input_.file_size)));
  ARROW_ASSIGN_OR_RAISE(const int64_t got,
                        ReadAt(input_, have, static_cast<int64_t>(text_.size()) - have,
                               reinterpret_cast<uint8_t*>(text_.data()) + have));
  text_.resize(static_cast<size_t>(have + got));
  complete_ = static_cast<int64_t>(text_.size()) >= input_.file_size ||
              static_cast<int64_t>(text_.size()) < size;
  return Status::OK();
}

Status InputHead::GrowFromStream(int64_t size) {
  auto wait = std::make_shared<OpenWait>();
  const Waker waker(wait);
  while (!complete_ && static_cast<int64_t>(text_.size()) < size) {
    const size_t at = text_.size();
    text_.resize(static_cast<size_t>(size));
    int64_t got = 0;
    auto state = input_.stream->Read(reinterpret_cast<uint8_t*>(text_.data()) + at,
                                     size - static_cast<int64_t>(at), &got, waker);
    const bool some = state.ok() && *state == ByteStream::State::kBytes;
    text_.resize(at + (some ? static_cast<size_t>(got) : 0));
    ARROW_RETURN_NOT_OK(state.status());
    if (*state == ByteStream::State::kEnd) complete_ = true;
    // A stream that pauses after some lines is judged by what it has given.
    if (*state == ByteStream::State::kPending &&
        !wait->WaitFor(std::chrono::milliseconds(200)) &&
        std::count(text_.begin(), text_.end(), '\n') >= 2) {
      break;
    }
  }
  return Status::OK();
}

data::Position OffsetPosition(int64_t offset) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) {
    bytes[static_cast<size_t>(i)] = static_cast<char>(offset >> (56 - 8 * i));
  }
  return data::Position(std::move(bytes));
}

bool OffsetOf(const data::Position& position, int64_t* offset) {
  if (position.bytes().size() != 8) return false;
  uint64_t value = 0;
  for (char c : position.bytes()) value = value << 8 | static_cast<unsigned char>(c);
  *offset = static_cast<int64_t>(value);
  return true;
}

data::Position PairPosition(int64_t part, int64_t inside) {
  return data::Position(OffsetPosition(part).bytes() + OffsetPosition(inside).bytes());
}

bool PairOf(const data::Position& position, int64_t* part, int64_t* inside) {
  const std::string& bytes = position.bytes();
  return bytes.size() == 16 && OffsetOf(data::Position(bytes.substr(0, 8)), part) &&
         OffsetOf(data::Position(bytes.substr(8)), inside);
}

std::string Excerpt(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, kExcerptBytes)) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return bytes.size() > kExcerptBytes ? out + "…" : out;
}

}  // namespace millrace::formats

#include "millrace/connectors/files/pipe_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

constexpr size_t kPieceBytes = 1 << 20;
// A read gives up its thread from time to time, so that a cancelled pipeline need not
// wait for a writer that never writes.
constexpr int kPollMillis = 100;

// Shared with the piece of work that is under way, which may outlive the stream.
struct Shared {
  std::mutex mutex;
  std::vector<uint8_t> piece;  // read and not yet taken
  bool reading = false;
  bool ended = false;
  bool abandoned = false;
  Status error;
  Waker waker;
};

void ReadPiece(int fd, Executor* executor, const std::shared_ptr<Shared>& shared) {
  pollfd wait{fd, POLLIN, 0};
  const int ready = ::poll(&wait, 1, kPollMillis);
  std::vector<uint8_t> piece;
  bool ended = false;
  Status error;
  if (ready > 0) {
    piece.resize(kPieceBytes);
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno != EINTR && errno != EAGAIN) {
      error = errors::kFileIo.Make({.file = "stdin"}, "{}", std::strerror(errno));
    }
    ended = got == 0;
    piece.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }
  const bool nothing = piece.empty() && !ended && error.ok();
  Waker waker;
  {
    std::lock_guard lock(shared->mutex);
    if (shared->abandoned) return;
    if (!nothing) {
      shared->piece = std::move(piece);
      shared->ended = ended;
      shared->error = error;
      shared->reading = false;
      waker = shared->waker;
    }
  }
  if (nothing) {
    executor->Submit([=] { ReadPiece(fd, executor, shared); });
  } else {
    waker.Wake();
  }
}

class PipeStream final : public formats::ByteStream {
 public:
  PipeStream(int fd, Executor* executor) : fd_(fd), executor_(executor) {}
  ~PipeStream() override {
    std::lock_guard lock(shared_->mutex);
    shared_->abandoned = true;
  }

  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker& waker) override {
    *size = 0;
    if (at_ == piece_.size()) {
      std::unique_lock lock(shared_->mutex);
      ARROW_RETURN_NOT_OK(shared_->error);
      if (!shared_->piece.empty()) {
        piece_ = std::move(shared_->piece);
        shared_->piece.clear();
        at_ = 0;
      } else if (shared_->ended) {
        return State::kEnd;
      }
      shared_->waker = waker;
      if (!shared_->reading && !shared_->ended) {
        shared_->reading = true;
        lock.unlock();
        executor_->Submit([fd = fd_, executor = executor_, shared = shared_] {
          ReadPiece(fd, executor, shared);
        });
      }
      if (at_ == piece_.size()) return State::kPending;
    }
    *size = std::min<int64_t>(capacity, static_cast<int64_t>(piece_.size() - at_));
    std::memcpy(out, piece_.data() + at_, static_cast<size_t>(*size));
    at_ += static_cast<size_t>(*size);
    return State::kBytes;
  }

 private:
  const int fd_;
  Executor* const executor_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<uint8_t> piece_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<formats::ByteStream> MakePipeStream(int fd, Executor* executor) {
  return std::make_unique<PipeStream>(fd, executor);
}

}  // namespace millrace::files

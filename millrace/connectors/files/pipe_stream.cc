#include "millrace/connectors/files/pipe_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include "millrace/connector/resilience/errors.h"
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

// Closed when nobody reads any more, unless it is the process's own standard input.
class Pipe {
 public:
  Pipe(std::string name, int fd, bool owned)
      : name_(std::move(name)), fd_(fd), owned_(owned) {}
  ~Pipe() {
    if (owned_) ::close(fd_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int fd() const { return fd_; }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  const int fd_;
  const bool owned_;
};
using PipePtr = std::shared_ptr<const Pipe>;

void ReadPiece(const PipePtr& pipe, Executor* executor,
               const std::shared_ptr<Shared>& shared) {
  {
    std::lock_guard lock(shared->mutex);
    if (shared->abandoned) return;
  }
  pollfd wait{pipe->fd(), POLLIN, 0};
  const int ready = ::poll(&wait, 1, kPollMillis);
  std::vector<uint8_t> piece;
  bool ended = false;
  Status error;
  if (ready > 0) {
    piece.resize(kPieceBytes);
    const ssize_t got = ::read(pipe->fd(), piece.data(), piece.size());
    if (got < 0 && errno != EINTR && errno != EAGAIN) {
      error = errors::kFileIo.Make({.file = pipe->name()}, "{}", std::strerror(errno));
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
    executor->Submit([=] { ReadPiece(pipe, executor, shared); });
  } else {
    waker.Wake();
  }
}

class Stream final : public PipeStream {
 public:
  Stream(PipePtr pipe, const connector::Surroundings& surroundings)
      : pipe_(std::move(pipe)), surroundings_(surroundings) {}
  ~Stream() override {
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
        Executor* const executor = surroundings_.executor;
        executor->Submit([pipe = pipe_, executor, shared = shared_] {
          ReadPiece(pipe, executor, shared);
        });
      }
      if (at_ == piece_.size()) {
        if (lock.owns_lock()) lock.unlock();
        ARROW_RETURN_NOT_OK(CheckTime());
        return State::kPending;
      }
    }
    touched_ = true;
    waits_since_ = 0;
    *size = std::min<int64_t>(capacity, static_cast<int64_t>(piece_.size() - at_));
    std::memcpy(out, piece_.data() + at_, static_cast<size_t>(*size));
    at_ += static_cast<size_t>(*size);
    return State::kBytes;
  }

  bool touched() const override { return touched_; }
  void TryAgain() override { waits_since_ = 0; }

 private:
  Status CheckTime() {
    if (surroundings_.given_up) ARROW_RETURN_NOT_OK(surroundings_.given_up());
    const int64_t now = surroundings_.clock->MonotonicNanos();
    if (waits_since_ == 0) waits_since_ = now;
    const connector::WaitLimits& limits = surroundings_.limits;
    const bool connecting = !touched_ && limits.connect_nanos > 0;
    const int64_t limit = connecting ? limits.connect_nanos : limits.read_nanos;
    if (limit == 0 || now - waits_since_ < limit) return Status::OK();
    const ErrorSpec& spec = connecting ? errors::kConnectTimedOut : errors::kReadTimedOut;
    return spec.Make({.file = pipe_->name()}, "{} ms", limit / 1'000'000);
  }

  const PipePtr pipe_;
  const connector::Surroundings surroundings_;
  bool touched_ = false;
  int64_t waits_since_ = 0;  // there is nothing since then; 0: there was something
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<uint8_t> piece_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<PipeStream> OpenStdin(const connector::Surroundings& surroundings) {
  return std::make_unique<Stream>(
      std::make_shared<Pipe>("stdin", STDIN_FILENO, /*owned=*/false), surroundings);
}

Result<std::unique_ptr<PipeStream>> OpenPipe(
    const std::string& path, const connector::Surroundings& surroundings) {
  // Opening for waiting reads would wait here for whoever writes; poll does that later,
  // on the executor.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return errors::kFileUnreadable.Make({.file = path}, "{}", std::strerror(errno));
  }
  return std::make_unique<Stream>(std::make_shared<Pipe>(path, fd, /*owned=*/true),
                                  surroundings);
}

}  // namespace millrace::files

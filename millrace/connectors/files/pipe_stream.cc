#include "millrace/connectors/files/pipe_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "millrace/connector/resilience/errors.h"
#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

constexpr size_t kPieceBytes = 1 << 20;
// A read gives up its thread from time to time: others wait for one, too.
constexpr int kPollMillis = 100;

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

// Shared with the piece of work that is under way, which may outlive the stream.
class Shared {
 public:
  explicit Shared(std::unique_ptr<Pipe> pipe)
      : name(pipe->name()),
        pipe_(std::move(pipe)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Shared() {
    if (wake_ >= 0) ::close(wake_);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  // Wait a while for something to read, and read it. Answers whether to try again: there
  // was nothing. Once nobody wants it any more nothing is taken out of the pipe: it is
  // the next reader's.
  bool ReadPiece() {
    std::vector<uint8_t> bytes;
    pollfd waits[] = {{-1, POLLIN, 0}, {wake_, POLLIN, 0}};
    {
      std::lock_guard lock(mutex);
      if (!pipe_) return false;
      waits[0].fd = pipe_->fd();
      polling_ = true;
    }
    (void)::poll(waits, 2, kPollMillis);
    if (waits[0].revents != 0) bytes.resize(kPieceBytes);
    Waker reader;
    {
      std::lock_guard lock(mutex);
      polling_ = false;
      left_.notify_all();
      if (abandoned_) return false;
      if (waits[0].revents == 0) return true;
      const ssize_t got = ::read(pipe_->fd(), bytes.data(), bytes.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
      if (got < 0)
        error = errors::kFileIo.Make({.file = name}, "{}", std::strerror(errno));
      ended = got == 0;
      bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
      piece = std::move(bytes);
      reading = false;
      reader = waker;
    }
    reader.Wake();
    return false;
  }

  // Closes the pipe: whoever writes from here on waits for the next reader.
  void Abandon() {
    std::unique_lock lock(mutex);
    abandoned_ = true;
    const uint64_t one = 1;
    if (wake_ >= 0) (void)!::write(wake_, &one, sizeof(one));
    left_.wait(lock, [this] { return !polling_; });
    pipe_.reset();
  }

  const std::string name;
  std::mutex mutex;
  std::vector<uint8_t> piece;  // read and not yet taken
  bool reading = false;
  bool ended = false;
  Status error;
  Waker waker;

 private:
  std::unique_ptr<Pipe> pipe_;
  const int wake_;
  bool abandoned_ = false;
  bool polling_ = false;
  std::condition_variable left_;
};

void ReadOn(Executor* executor, const std::shared_ptr<Shared>& shared) {
  if (shared->ReadPiece()) executor->Submit([=] { ReadOn(executor, shared); });
}

class Stream final : public PipeStream {
 public:
  Stream(std::unique_ptr<Pipe> pipe, const connector::Surroundings& surroundings)
      : surroundings_(surroundings), shared_(std::make_shared<Shared>(std::move(pipe))) {}
  ~Stream() override { shared_->Abandon(); }

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
        executor->Submit([executor, shared = shared_] { ReadOn(executor, shared); });
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
    return spec.Make({.file = shared_->name}, "{} ms", limit / 1'000'000);
  }

  const connector::Surroundings surroundings_;
  const std::shared_ptr<Shared> shared_;
  bool touched_ = false;
  int64_t waits_since_ = 0;  // there is nothing since then; 0: there was something
  std::vector<uint8_t> piece_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<PipeStream> OpenStdin(const connector::Surroundings& surroundings) {
  return std::make_unique<Stream>(
      std::make_unique<Pipe>("stdin", STDIN_FILENO, /*owned=*/false), surroundings);
}

Result<std::unique_ptr<PipeStream>> OpenPipe(
    const std::string& path, const connector::Surroundings& surroundings) {
  // Opening for waiting reads would wait here for whoever writes; poll does that later,
  // on the executor.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return errors::kFileUnreadable.Make({.file = path}, "{}", std::strerror(errno));
  }
  return std::make_unique<Stream>(std::make_unique<Pipe>(path, fd, /*owned=*/true),
                                  surroundings);
}

}  // namespace millrace::files

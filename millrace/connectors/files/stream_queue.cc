#include "millrace/connectors/files/stream_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <arrow/buffer.h>

#include "millrace/base/error.h"
#include "millrace/connector/resilience/errors.h"

namespace millrace::files {

namespace {

// What waits in front of the pipe before rows are held back.
constexpr int64_t kPieceBytes = 1 << 20;
// The thread is given up from time to time, so that an abandoned queue ends soon and
// others get their turn.
constexpr int kPollMillis = 100;
constexpr int64_t kTurnNanos = 100'000'000;
// Nobody tells when a pipe gets its reader.
constexpr int64_t kOpenNanos = 20'000'000;

}  // namespace

StreamQueue::StreamQueue(std::unique_ptr<Outlet> outlet,
                         const connector::Surroundings& surroundings)
    : surroundings_(surroundings),
      outlet_(std::move(outlet)),
      open_(outlet_->is_open()) {}

StreamQueue::~StreamQueue() = default;

void StreamQueue::Begin() {
  if (std::exchange(working_, true)) return;
  surroundings_.executor->Submit([self = shared_from_this()] { self->Work(); });
}

Result<bool> StreamQueue::Accepts(const Waker& waker) {
  std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(error_);
  if (open_ && (!filling_ || filling_->size() < kPieceBytes)) return true;
  waker_ = waker;
  Begin();
  return false;
}

// How much of it went out: none when there is work under way, which only Begin starts.
Result<int64_t> StreamQueue::PutAtOnce(const char* data, int64_t size) {
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(error_);
    if (working_ || !open_) return 0;
  }
  int64_t out = 0;
  Status status;
  while (out < size) {
    const auto written = outlet_->Write(data + out, size - out, /*millis=*/0);
    status = written.status();
    if (!status.ok() || *written == 0) break;
    out += *written;
  }
  std::lock_guard lock(mutex_);
  written_ += out;
  error_ = status;
  ARROW_RETURN_NOT_OK(status);
  return out;
}

Status StreamQueue::Put(const void* bytes, int64_t size) {
  ARROW_ASSIGN_OR_RAISE(const int64_t out,
                        PutAtOnce(static_cast<const char*>(bytes), size));
  put_ += out;
  if (out == size) return Status::OK();
  const char* data = static_cast<const char*>(bytes) + out;
  size -= out;
  std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(error_);
  if (!filling_) {
    ARROW_ASSIGN_OR_RAISE(
        filling_, arrow::AllocateResizableBuffer(0, surroundings_.memory->pool()));
  }
  const int64_t have = filling_->size();
  if (have + size > filling_->capacity()) {
    ARROW_RETURN_NOT_OK(filling_->Reserve(std::max(have + size, 2 * have)));
  }
  ARROW_RETURN_NOT_OK(filling_->Resize(have + size, /*shrink_to_fit=*/false));
  std::memcpy(filling_->mutable_data() + have, data, static_cast<size_t>(size));
  put_ += size;
  Begin();
  return Status::OK();
}

Future<> StreamQueue::Drained() {
  std::lock_guard lock(mutex_);
  if (!error_.ok()) return Future<>::MakeFinished(error_);
  if (written_ == put_) return Future<>::MakeFinished();
  dues_.push_back({put_, Future<>::Make()});
  Begin();
  return dues_.back().future;
}

void StreamQueue::Abandon() {
  std::deque<Due> dues;
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
    filling_.reset();
    waker_ = Waker();
    dues.swap(dues_);
  }
  for (Due& due : dues) {
    due.future.MarkFinished(errors::kCancelled.Make({.file = outlet_->name()}, ""));
  }
}

// It is time to try to open again.
void StreamQueue::Wake() {
  surroundings_.executor->Submit([self = shared_from_this()] { self->Work(); });
}

// The piece has been written: tell so, and take what was put in meanwhile.
bool StreamQueue::NextPiece() {
  Waker waker;
  std::vector<Future<>> done;
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    if (piece_) written_ += piece_->size();
    for (; !dues_.empty() && dues_.front().position <= written_; dues_.pop_front()) {
      done.push_back(std::move(dues_.front().future));
    }
    more = filling_ && filling_->size() > 0;
    piece_.swap(filling_);
    if (filling_) (void)filling_->Resize(0, /*shrink_to_fit=*/false);
    waker = std::exchange(waker_, Waker());
    at_ = 0;
    working_ = more;  // from here on another thread may be at work
  }
  waker.Wake();
  for (Future<>& future : done) future.MarkFinished();
  return more;
}

Status StreamQueue::CheckTime(int64_t limit, const ErrorSpec& spec) {
  const int64_t now = surroundings_.clock->MonotonicNanos();
  if (waits_since_ == 0) waits_since_ = now;
  if (limit == 0 || now - waits_since_ < limit) return Status::OK();
  return spec.Make({.file = outlet_->name()}, "{} ms", limit / 1'000'000);
}

// Answers whether there is more to do now.
Result<bool> StreamQueue::WriteSome() {
  const connector::WaitLimits& limits = surroundings_.limits;
  if (!outlet_->is_open()) {
    ARROW_ASSIGN_OR_RAISE(const bool opened, outlet_->Open());
    if (!opened) {
      ARROW_RETURN_NOT_OK(limits.connect_nanos > 0
                              ? CheckTime(limits.connect_nanos, errors::kConnectTimedOut)
                              : CheckTime(limits.write_nanos, errors::kWriteTimedOut));
      surroundings_.timers->WakeAt(surroundings_.clock->MonotonicNanos() + kOpenNanos,
                                   Waker(shared_from_this()));
      return false;
    }
    waits_since_ = 0;
    Waker waker;
    {
      std::lock_guard lock(mutex_);
      open_ = true;
      waker = std::exchange(waker_, Waker());
    }
    waker.Wake();
  }
  const int64_t end = surroundings_.clock->MonotonicNanos() + kTurnNanos;
  while (!abandoned_) {
    if ((!piece_ || at_ == piece_->size()) && !NextPiece()) return false;
    ARROW_ASSIGN_OR_RAISE(
        const int64_t written,
        outlet_->Write(piece_->data() + at_, piece_->size() - at_, kPollMillis));
    if (written == 0) {
      ARROW_RETURN_NOT_OK(CheckTime(limits.write_nanos, errors::kWriteTimedOut));
      return true;
    }
    waits_since_ = 0;
    at_ += written;
    if (surroundings_.clock->MonotonicNanos() >= end) return true;
  }
  return false;
}

void StreamQueue::Work() {
  if (abandoned_) return;
  const Result<bool> more = WriteSome();
  if (!more.ok()) return Fail(more.status());
  if (*more) {
    surroundings_.executor->Submit([self = shared_from_this()] { self->Work(); });
  }
}

void StreamQueue::Fail(const Status& status) {
  Waker waker;
  std::deque<Due> dues;
  {
    std::lock_guard lock(mutex_);
    error_ = status;
    filling_.reset();
    waker = std::exchange(waker_, Waker());
    dues.swap(dues_);
  }
  waker.Wake();
  for (Due& due : dues) due.future.MarkFinished(status);
}

}  // namespace millrace::files

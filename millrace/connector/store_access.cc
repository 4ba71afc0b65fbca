#include "millrace/connector/store_access.h"

#include <algorithm>
#include <utility>

#include "millrace/base/error.h"
#include "millrace/io/object_store/open_store.h"

namespace millrace::connector {

namespace {
constexpr size_t kSideBySide = 8;
}  // namespace

Result<std::shared_ptr<StoreAccess>> StoreAccess::Make(const std::string& path,
                                                       const Config& options,
                                                       const Surroundings& surroundings) {
  std::shared_ptr<StoreAccess> out(new StoreAccess(surroundings.clock));
  io::StoreSurroundings store;
  store.clock = surroundings.clock;
  store.timers = surroundings.timers;
  store.environment = surroundings.environment;
  store.connect_nanos = surroundings.limits.connect_nanos;
  store.stall_nanos = surroundings.limits.write_nanos;
  // The store is a member: it does not outlive us.
  store.given_up = [self = out.get(), given_up = surroundings.given_up]() -> Status {
    // A pipeline that was given up tidies up all the same.
    if (self->ended_) return self->GivenUp();
    return given_up ? given_up() : Status::OK();
  };
  ARROW_ASSIGN_OR_RAISE(out->store_, io::OpenObjectStore(path, options, store));
  return out;
}

std::shared_ptr<StoreAccess> StoreAccess::Over(std::shared_ptr<io::ObjectStore> store,
                                               const Clock* clock) {
  std::shared_ptr<StoreAccess> out(new StoreAccess(clock));
  out->store_ = std::move(store);
  return out;
}

Status StoreAccess::GivenUp() const {
  return clock_->MonotonicNanos() < deadline_ ? Status::OK()
                                              : errors::kCancelled.Make({}, "");
}

bool StoreAccess::Enter() {
  std::lock_guard lock(mutex_);
  if (ended_) return false;
  ++inside_;
  return true;
}

void StoreAccess::Leave() {
  std::lock_guard lock(mutex_);
  --inside_;
  left_.notify_all();
}

struct StoreAccess::Round {
  std::function<Status(size_t)> work;
  size_t count = 0;
  Future<> done = Future<>::Make();
  std::mutex mutex;
  // Under mutex.
  size_t next = 0;
  size_t running = 0;
  Status failed;
};

Future<> StoreAccess::ForEach(Executor* executor, size_t count,
                              std::function<Status(size_t)> work) {
  auto round = std::make_shared<Round>();
  round->work = std::move(work);
  round->count = count;
  const size_t side_by_side =
      std::min(executor == nullptr ? size_t{1} : kSideBySide, count);
  if (count == 0) return Future<>::MakeFinished();
  round->running = side_by_side;
  Future<> done = round->done;
  for (size_t i = 0; i < side_by_side; ++i) Step(executor, round);
  return done;
}

// One piece of work; the next is submitted anew, so that others get their turn.
void StoreAccess::Step(Executor* executor, const std::shared_ptr<Round>& round) {
  auto step = [self = shared_from_this(), executor, round] {
    size_t at;
    {
      std::lock_guard lock(round->mutex);
      at = round->failed.ok() ? round->next++ : round->count;
    }
    Status status;
    if (at < round->count) {
      status = errors::kCancelled.Make({}, "");
      if (self->Enter()) {
        status = round->work(at);
        self->Leave();
      }
    }
    {
      std::lock_guard lock(round->mutex);
      if (round->failed.ok()) round->failed = status;
      if (!round->failed.ok() || round->next >= round->count) {
        if (--round->running > 0) return;
        status = round->failed;
        at = round->count;
      }
    }
    if (at < round->count) return self->Step(executor, round);
    round->done.MarkFinished(status);
  };
  if (executor == nullptr) {
    step();
  } else {
    executor->Submit(std::move(step));
  }
}

void StoreAccess::End(int64_t nanos) {
  std::unique_lock lock(mutex_);
  deadline_ = 0;
  ended_ = true;
  left_.wait(lock, [this] { return inside_ == 0; });
  deadline_ = clock_->MonotonicNanos() + nanos;
}

}  // namespace millrace::connector

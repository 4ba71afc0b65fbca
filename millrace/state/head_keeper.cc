#include "millrace/state/head_keeper.h"

#include <random>
#include <utility>

#include "millrace/base/failpoint.h"
#include "millrace/base/pause.h"
#include "millrace/io/errors.h"
#include "millrace/state/errors.h"
#include "millrace/state/sealed_json.h"

namespace millrace::state {

namespace {

constexpr int64_t kMaxHead = 64 << 20;
constexpr int64_t kLookNanos = 500'000'000;
constexpr int64_t kFarewellNanos = 5'000'000'000;

bool Is(const Status& status, const ErrorSpec& spec) {
  return ErrorNumber(status) == spec.number;
}

// The condition of a put does not hold, also since nothing is there.
bool IsOther(const Status& status) {
  return Is(status, errors::kNotAsExpected) || Is(status, errors::kFileNotFound);
}

std::string AnyRun() {
  std::random_device device;
  const uint64_t high = device(), low = device();
  return HexDigits(high << 32 | low);
}

}  // namespace

// What the timer wakes: it does not keep the keeper.
class HeadKeeper::Pulse final : public Wakeable {
 public:
  explicit Pulse(std::weak_ptr<HeadKeeper> keeper, Executor* executor)
      : keeper_(std::move(keeper)), executor_(executor) {}
  void Wake() override {
    if (keeper_.expired()) return;
    executor_->Submit([keeper = keeper_] {
      if (const auto alive = keeper.lock()) alive->Beat();
    });
  }

 private:
  const std::weak_ptr<HeadKeeper> keeper_;
  Executor* const executor_;
};

HeadKeeper::HeadKeeper(KeeperContext context, std::string key, std::string pipeline)
    : context_(std::move(context)),
      key_(std::move(key)),
      pipeline_(std::move(pipeline)),
      where_(context_.access->store().root() + key_) {}

void HeadKeeper::Close() {
  context_.access->End(kFarewellNanos);
  if (held()) {
    (void)Change([](PipelineHead& head) {
      head.owner.reset();
      return Status::OK();
    });
  }
  std::lock_guard lock(mutex_);
  held_.reset();
}

bool HeadKeeper::held() {
  std::lock_guard lock(mutex_);
  return held_.has_value();
}

Status HeadKeeper::CheckHeld() {
  std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(lost_);
  return held_ ? Status::OK()
               : errors::kInternal.Make({.file = where_}, "the head is not ours");
}

Result<std::optional<HeadKeeper::Seen>> HeadKeeper::Fetch() {
  io::ObjectInfo info;
  auto text = context_.access->store().GetAll(key_, kMaxHead, &info);
  if (Is(text.status(), errors::kFileNotFound)) return std::nullopt;
  ARROW_RETURN_NOT_OK(text.status());
  ARROW_ASSIGN_OR_RAISE(PipelineHead head, PipelineHead::Decode(*text, where_));
  return Seen{std::move(head), std::move(info.etag)};
}

Result<std::optional<PipelineHead>> HeadKeeper::Look() {
  {
    std::lock_guard lock(mutex_);
    if (held_) return held_->head;
  }
  ARROW_ASSIGN_OR_RAISE(auto seen, Fetch());
  if (!seen) return std::nullopt;
  return std::move(seen->head);
}

Status HeadKeeper::TakenBy(const std::optional<PipelineHead>& head,
                           const char* more) const {
  if (!head || !head->owner)
    return errors::kPipelineTaken.Make({}, "'{}' is not ours any more{}", pipeline_,
                                       more);
  const bool own = head->owner->process == own_;
  return errors::kPipelineTaken.Make({}, "'{}', {}{}{}", pipeline_, head->owner->Text(),
                                     own ? ", which is this one" : "", more);
}

Result<bool> HeadKeeper::Take(const std::optional<Seen>& seen) {
  Seen next;
  io::PutCondition condition;
  if (seen) {
    next.head = seen->head;
    condition.if_match = seen->etag;
  } else {
    condition.if_absent = true;
  }
  ++next.head.attempt;
  ++next.head.beat;
  next.head.owner = {own_, context_.clock->WallMicros(), AnyRun()};
  auto etag = context_.access->store().Put(key_, next.head.Encode(), condition);
  if (IsOther(etag.status())) return false;
  if (Is(etag.status(), errors::kRequestRefused))
    return errors::kNoConditions.Make({.file = where_}, "{}", ErrorText(etag.status()));
  ARROW_ASSIGN_OR_RAISE(next.etag, std::move(etag));
  std::lock_guard lock(mutex_);
  held_ = std::move(next);
  lost_ = Status::OK();
  return true;
}

// A store that passes over conditions would let two processes run one pipeline. It is
// asked until something was decided there, by puts that have to be refused.
Status HeadKeeper::CheckConditions() {
  PipelineHead other;
  {
    std::lock_guard lock(mutex_);
    other = held_->head;
  }
  ++other.beat;
  const std::string bytes = other.Encode();
  io::PutCondition absent, match;
  absent.if_absent = true;
  match.if_match = std::string(32, '0');
  for (const io::PutCondition& condition : {absent, match}) {
    const Status status = context_.access->store().Put(key_, bytes, condition).status();
    if (IsOther(status)) continue;
    const bool refused = Is(status, errors::kRequestRefused);
    if (!status.ok() && !refused) return status;
    (void)context_.access->store().Delete({key_});
    std::lock_guard lock(mutex_);
    held_.reset();
    return errors::kNoConditions.Make(
        {.file = where_}, "{}",
        refused ? ErrorText(status) : "a put that had to be refused was done");
  }
  return Status::OK();
}

Status HeadKeeper::Acquire() {
  const Clock& clock = *context_.clock;
  std::string etag;
  int64_t since = 0;
  for (bool first = true;; first = false) {
    ARROW_ASSIGN_OR_RAISE(const auto seen, Fetch());
    if (first && seen) etag = seen->etag;
    if (first) since = clock.MonotonicNanos();
    const bool free = !seen || !seen->head.owner || seen->head.owner->process.IsGone();
    if (!free && seen->etag != etag) return TakenBy(seen->head, "");
    if (!free && clock.MonotonicNanos() - since < context_.lease.patience_nanos) {
      // Whoever lives shows it.
      ARROW_RETURN_NOT_OK(Pause(clock, context_.timers,
                                std::min(kLookNanos, context_.lease.beat_nanos / 4),
                                context_.given_up));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const bool taken, Take(seen));
    if (!taken) {
      ARROW_ASSIGN_OR_RAISE(auto head, Look());
      return TakenBy(head, "");
    }
    if (!seen || seen->head.manifests.empty()) ARROW_RETURN_NOT_OK(CheckConditions());
    ArmBeat();
    return Status::OK();
  }
}

void HeadKeeper::ArmBeat() {
  if (context_.timers == nullptr || context_.executor == nullptr) return;
  context_.timers->WakeAt(
      context_.clock->MonotonicNanos() + context_.lease.beat_nanos,
      Waker(std::make_shared<Pulse>(weak_from_this(), context_.executor)));
}

void HeadKeeper::Beat() {
  if (!context_.access->Enter()) return;
  // What goes wrong shows at the next change that somebody waits for.
  if (held()) (void)Change([](PipelineHead&) { return Status::OK(); });
  const bool on = held();
  context_.access->Leave();
  if (on) ArmBeat();
}

Status HeadKeeper::Change(const std::function<Status(PipelineHead&)>& change) {
  ARROW_RETURN_NOT_OK(CheckHeld());
  std::lock_guard lock(mutex_);
  // Lost in between, it is as a moment before.
  return held_ ? ChangeLocked(change) : lost_;
}

Status HeadKeeper::ChangeLocked(const std::function<Status(PipelineHead&)>& change) {
  for (;;) {
    Seen next = *held_;
    ARROW_RETURN_NOT_OK(change(next.head));
    ++next.head.beat;
    io::PutCondition condition;
    condition.if_match = held_->etag;
    ARROW_RETURN_NOT_OK(failpoint::Reach("head.put"));
    auto etag = context_.access->store().Put(key_, next.head.Encode(), condition);
    if (etag.ok()) {
      next.etag = std::move(*etag);
      held_ = std::move(next);
      return failpoint::Reach("head.put.done");
    }
    if (!IsOther(etag.status())) return etag.status();
    ARROW_ASSIGN_OR_RAISE(auto seen, Fetch());
    const bool ours =
        seen && seen->head.owner && seen->head.owner->run == held_->head.owner->run;
    if (!ours) {
      lost_ = TakenBy(seen ? std::optional(seen->head) : std::nullopt,
                      "; it took over, as nothing was heard of this run for too long");
      held_.reset();
      return lost_;
    }
    if (seen->etag == held_->etag) return etag.status();
    // A change of ours that was given up had been done after all.
    held_ = std::move(*seen);
  }
}

Status HeadKeeper::Remove() {
  std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(lost_);
  if (!held_) return Status::OK();
  const Status status = context_.access->store().DeleteIf(key_, held_->etag);
  if (status.ok()) held_.reset();
  return status;
}

}  // namespace millrace::state

#include "millrace/runtime/scan.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"

namespace millrace::runtime {

using operators::Barrier;
using operators::End;
using operators::Event;
using operators::SplitBegin;

namespace {

// Event-time range of a timestamp column in microseconds; false when it holds no value.
bool RangeOf(const arrow::Array& column, int64_t* min, int64_t* max) {
  const auto unit = static_cast<const arrow::TimestampType&>(*column.type()).unit();
  const int64_t* values = column.data()->GetValues<int64_t>(1);
  int64_t low = data::event_time::kMax, high = data::event_time::kMin;
  const bool nulls = column.null_count() > 0;
  for (int64_t i = 0; i < column.length(); ++i) {
    if (nulls && column.IsNull(i)) continue;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  if (low > high) return false;
  auto micros = [unit](int64_t value) {
    switch (unit) {
      case arrow::TimeUnit::SECOND: return value * 1'000'000;
      case arrow::TimeUnit::MILLI: return value * 1'000;
      case arrow::TimeUnit::MICRO: return value;
      case arrow::TimeUnit::NANO: return value / 1'000;
    }
    return value;
  };
  *min = micros(low);
  *max = micros(high);
  return true;
}

// Splits of an unbounded source that one task has open and that have rows. Those at their
// end for now don't count: there may be any number of them, and they hold nothing.
constexpr int64_t kMostAtOnce = 16;
// What one of them holds: the bytes that it has read and where their values are, and rows
// that are being made. All of a scan together take no more than a share of memory, so
// that those behind it have room.
constexpr int64_t kBytesOfSplit = int64_t{2} << 20;
constexpr int64_t kShareOfSplits = 8;

// How often a scan that is held back looks again, and how long it waits for memory that
// nobody gives back.
constexpr int64_t kLookNanos = 2'000'000;
constexpr int64_t kPatienceNanos = 50'000'000;

}  // namespace

// Wakes the task and remembers which split has something, so that ten thousand quiet ones
// cost nothing.
class ScanLeaf::SplitWake final : public Wakeable {
 public:
  explicit SplitWake(Waker task) : task_(std::move(task)) {}
  void Wake() override {
    awake_.store(true, std::memory_order_release);
    task_.Wake();
  }
  bool awake() const { return awake_.load(std::memory_order_acquire); }
  /// The task itself is running.
  void StayAwake() { awake_.store(true, std::memory_order_release); }
  /// What comes from here on wakes again.
  void Sleep() { awake_.store(false, std::memory_order_release); }

 private:
  const Waker task_;
  std::atomic<bool> awake_{true};
};

ScanLeaf::ScanLeaf(std::shared_ptr<ScanShared> shared, size_t task,
                   TaskCheckpoint* checkpoint)
    : shared_(std::move(shared)),
      task_(task),
      checkpoint_(checkpoint),
      epoch_(checkpoint->epoch().value - 1) {
  if (shared_->bounded) return;
  at_once_ = kMostAtOnce;
  if (shared_->memory == nullptr || !shared_->source->splits_pause()) return;
  const auto tasks = std::max<int64_t>(static_cast<int64_t>(shared_->readers.size()), 1);
  at_once_ = std::clamp<int64_t>(
      shared_->memory->limit() / (kShareOfSplits * kBytesOfSplit * tasks), 1,
      kMostAtOnce);
}

ScanLeaf::~ScanLeaf() = default;

// Tell how far our splits have come; the other tasks announce what follows from it, too.
void ScanLeaf::ReportTime() {
  if (!shared_->timed()) return;
  TaskTime time;
  for (const auto& reading : readings_) {
    newest_ = std::max(newest_, reading->state.watermark);
    if (!reading->idle) time.least = std::min(time.least, reading->state.watermark);
  }
  time.newest = newest_;
  if (!shared_->splits->Report(task_, time)) return;
  for (size_t i = 0; i < shared_->readers.size(); ++i) {
    if (i != task_) shared_->readers[i].Wake();
  }
}

// Behind the rows that it follows from, as far as they are ours; those of others are
// waited for where the announcements of all tasks meet.
void ScanLeaf::AnnounceTime() {
  const int64_t version = shared_->splits->time_version();
  if (std::exchange(announced_, version) == version || !shared_->timed()) return;
  ready_.push_back(shared_->splits->time());
}

Status ScanLeaf::OnBatch(Reading& reading, data::Batch batch) {
  // Waited for again from its first row on.
  if (std::exchange(reading.idle, false)) {
    ReportTime();
    AnnounceTime();
  }
  shared_->progress->rows_read.fetch_add(batch.num_rows(), std::memory_order_relaxed);
  batch.split = reading.state.split.id;
  reading.state.position = batch.end;
  const auto* transaction = batch.changes ? batch.changes->transaction.get() : nullptr;
  reading.in_transaction = transaction != nullptr && !transaction->last;
  if (shared_->watermark) {
    const arrow::Array& column = *batch.rows->column(shared_->watermark->column);
    if (RangeOf(column, &batch.min_event_time, &batch.max_event_time)) {
      reading.state.watermark =
          std::max(reading.state.watermark,
                   batch.max_event_time - shared_->watermark->delay_micros);
    }
  }
  if (!shared_->keep_columns.empty()) {
    ARROW_ASSIGN_OR_RAISE(batch.rows, batch.rows->SelectColumns(shared_->keep_columns));
  }
  ARROW_RETURN_NOT_OK(shared_->not_null.Check(*batch.rows));
  if (batch.num_rows() > 0) ready_.push_back(std::move(batch));
  ReportTime();
  return Status::OK();
}

void ScanLeaf::OnCaughtUp(Reading& reading) {
  if (!std::exchange(reading.idle, true)) ReportTime();
}

void ScanLeaf::OnEnd(Reading& reading) {
  finished_.push_back(reading.state.split.id);
  shared_->progress->splits_done.fetch_add(1, std::memory_order_relaxed);
  std::erase_if(readings_, [&](const auto& held) { return held.get() == &reading; });
  ReportTime();
}

// An epoch ends between batches, and never inside a transaction.
bool ScanLeaf::BarrierDue() const {
  if (shared_->asked.load(std::memory_order_acquire) <= epoch_) return false;
  if (shared_->barrier_after_split) return readings_.empty();
  return std::none_of(readings_.begin(), readings_.end(),
                      [](const auto& reading) { return reading->in_transaction; });
}

void ScanLeaf::PutBarrier(Event* out) {
  epoch_ = shared_->asked.load(std::memory_order_acquire);
  ScanProgress progress;
  progress.scan = shared_->ordinal;
  progress.finished = std::exchange(finished_, {});
  for (const auto& reading : readings_) progress.unfinished.push_back(reading->state);
  checkpoint_->Add(std::move(progress));
  *out = Barrier{Epoch{epoch_}};
}

// Under memory pressure new rows wait while those that are on their way leave and
// operators spill. Where that frees nothing any more, what is held is state, which more
// rows may even complete: reading goes on until the budget itself says no.
bool ScanLeaf::HeldBack(const Waker& waker) {
  if (shared_->memory == nullptr || !shared_->memory->pressed()) {
    held_since_ = -1;
    held_in_vain_ = false;
    return false;
  }
  if (held_in_vain_) return false;
  const int64_t now = shared_->clock->MonotonicNanos();
  const int64_t used = shared_->memory->used();
  if (held_since_ < 0 || used < least_used_) {
    held_since_ = now;
    least_used_ = used;
  }
  if (now - held_since_ >= kPatienceNanos) {
    held_since_ = -1;
    held_in_vain_ = true;
    return false;
  }
  shared_->timers->WakeAt(now + kLookNanos, waker);
  return true;
}

Result<bool> ScanLeaf::TakeSplit(const Waker& waker) {
  auto taken = shared_->splits->Take(task_);
  if (!taken) return false;
  auto reading = std::make_unique<Reading>();
  reading->state = std::move(*taken);
  reading->wake = std::make_shared<SplitWake>(waker);
  ARROW_ASSIGN_OR_RAISE(reading->reader, shared_->source->Open(reading->state.split));
  if (!reading->state.position.empty()) {
    ARROW_RETURN_NOT_OK(reading->reader->Seek(reading->state.position));
  }
  ready_.push_back(SplitBegin{reading->state.split.id});
  readings_.push_back(std::move(reading));
  return true;
}

ScanLeaf::Reading* ScanLeaf::NextAwake() {
  for (size_t i = 0; i < readings_.size(); ++i) {
    Reading& reading = *readings_[(next_ + i) % readings_.size()];
    if (!reading.wake->awake()) continue;
    next_ = (next_ + i + 1) % readings_.size();
    return &reading;
  }
  return nullptr;
}

Status ScanLeaf::Poll(Reading& reading, const Budget& budget) {
  // What happens from here on is not to be overlooked.
  reading.wake->Sleep();
  ARROW_ASSIGN_OR_RAISE(connector::PollResult polled,
                        reading.reader->Poll(budget, Waker(reading.wake)));
  if (polled.bytes_read > 0) {
    shared_->progress->bytes_read.fetch_add(polled.bytes_read, std::memory_order_relaxed);
  }
  if (!polled.dead_letters.empty()) {
    shared_->progress->dead_letters.fetch_add(
        static_cast<int64_t>(polled.dead_letters.size()), std::memory_order_relaxed);
    if (shared_->dead_letters == nullptr) {
      return errors::kInternal.Make(polled.dead_letters[0].where,
                                    "a dead letter has nowhere to go: {}",
                                    polled.dead_letters[0].reason);
    }
    for (data::DeadLetter& letter : polled.dead_letters) {
      letter.source = shared_->table;
      letter.connector = shared_->connector;
      letter.split = reading.state.split.name;
      if (!letter.position.empty()) continue;
      if (letter.where.byte >= 0) {
        letter.position = fmt::format("byte {}", letter.where.byte);
      } else if (letter.where.row >= 0) {
        letter.position = fmt::format("row {}", letter.where.row);
      }
    }
    ARROW_RETURN_NOT_OK(shared_->dead_letters->Take(polled.dead_letters));
  }
  switch (polled.state) {
    case connector::PollState::kBatch:
      reading.wake->StayAwake();
      return OnBatch(reading, std::move(polled.batch));
    case connector::PollState::kSchemaChange:
      reading.wake->StayAwake();
      ready_.push_back(std::move(polled.schema_change));
      break;
    case connector::PollState::kPending: break;
    case connector::PollState::kCaughtUp: OnCaughtUp(reading); break;
    case connector::PollState::kEnd: OnEnd(reading); break;
  }
  return Status::OK();
}

Result<bool> ScanLeaf::Pull(const Budget& budget, const Waker& waker, Event* out) {
  Budget poll = budget;
  poll.rows = std::min(poll.rows, shared_->batch_rows);
  for (;;) {
    if (!ready_.empty()) {
      *out = std::move(ready_.front());
      ready_.pop_front();
      return true;
    }
    AnnounceTime();
    if (!ready_.empty()) continue;
    if (BarrierDue()) {
      PutBarrier(out);
      return true;
    }
    if (HeldBack(waker)) return false;
    const auto busy = std::count_if(readings_.begin(), readings_.end(),
                                    [](const auto& reading) { return !reading->idle; });
    if (busy < at_once_) {
      ARROW_ASSIGN_OR_RAISE(const bool taken, TakeSplit(waker));
      if (taken) continue;
      if (readings_.empty() && shared_->bounded) {
        ScanProgress progress;
        progress.scan = shared_->ordinal;
        progress.finished = std::exchange(finished_, {});
        checkpoint_->Add(std::move(progress));
        *out = End{};
        return true;
      }
    }
    Reading* reading = NextAwake();
    if (reading == nullptr) return false;
    ARROW_RETURN_NOT_OK(Poll(*reading, poll));
  }
}

}  // namespace millrace::runtime

#include "millrace/runtime/scan.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"

namespace millrace::runtime {

using operators::End;
using operators::Event;
using operators::SplitBegin;
using operators::Watermark;

SplitQueue::SplitQueue(std::vector<connector::Split> splits)
    : splits_(std::move(splits)) {
  min_from_.assign(splits_.size() + 1, data::event_time::kMax);
  for (size_t i = splits_.size(); i-- > 0;) {
    min_from_[i] = std::min(min_from_[i + 1], splits_[i].min_event_time);
  }
}

std::optional<connector::Split> SplitQueue::Take() {
  std::lock_guard lock(mutex_);
  if (next_ == splits_.size()) return std::nullopt;
  return splits_[next_++];
}

int64_t SplitQueue::unread_min_event_time() const {
  std::lock_guard lock(mutex_);
  return min_from_[next_];
}

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

}  // namespace

// Held back by our own split, and by every split that nobody reads yet: any task may be
// dealt one of those. What other tasks read is theirs to hold.
void ScanLeaf::AdvanceWatermark() {
  const int64_t mine = reader_ ? split_watermark_ : data::event_time::kMax;
  const int64_t watermark = std::min(mine, shared_->splits->unread_min_event_time());
  if (watermark > emitted_watermark_ && watermark != data::event_time::kMax) {
    emitted_watermark_ = watermark;
    ready_.push_back(Watermark{watermark, false});
  }
}

Status ScanLeaf::OnBatch(data::Batch batch) {
  shared_->progress->rows_read.fetch_add(batch.num_rows(), std::memory_order_relaxed);
  batch.split = split_.id;
  if (shared_->watermark) {
    const arrow::Array& column = *batch.rows->column(shared_->watermark->column);
    if (RangeOf(column, &batch.min_event_time, &batch.max_event_time)) {
      split_watermark_ = std::max(
          split_watermark_, batch.max_event_time - shared_->watermark->delay_micros);
    }
  }
  if (!shared_->keep_columns.empty()) {
    ARROW_ASSIGN_OR_RAISE(batch.rows, batch.rows->SelectColumns(shared_->keep_columns));
  }
  ARROW_RETURN_NOT_OK(shared_->not_null.Check(*batch.rows));
  if (batch.num_rows() > 0) ready_.push_back(std::move(batch));
  if (shared_->watermark) AdvanceWatermark();
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
    if (!reader_) {
      auto split = shared_->splits->Take();
      if (!split) {
        *out = End{};
        return true;
      }
      split_ = std::move(*split);
      split_watermark_ = data::event_time::kMin;
      ARROW_ASSIGN_OR_RAISE(reader_, shared_->source->Open(split_));
      ready_.push_back(SplitBegin{split_.id});
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(connector::PollResult polled, reader_->Poll(poll, waker));
    if (polled.bytes_read > 0) {
      shared_->progress->bytes_read.fetch_add(polled.bytes_read,
                                              std::memory_order_relaxed);
    }
    if (!polled.dead_letters.empty()) {
      shared_->progress->dead_letters.fetch_add(
          static_cast<int64_t>(polled.dead_letters.size()), std::memory_order_relaxed);
      if (shared_->dead_letters == nullptr) {
        return errors::kInternal.Make(polled.dead_letters[0].where,
                                      "a dead letter has nowhere to go: {}",
                                      polled.dead_letters[0].reason);
      }
      ARROW_RETURN_NOT_OK(shared_->dead_letters->Take(polled.dead_letters));
    }
    switch (polled.state) {
      case connector::PollState::kBatch:
        idle_ = false;
        ARROW_RETURN_NOT_OK(OnBatch(std::move(polled.batch)));
        break;
      case connector::PollState::kSchemaChange:
        ready_.push_back(std::move(polled.schema_change));
        break;
      case connector::PollState::kPending: return false;
      case connector::PollState::kCaughtUp:
        // At the end of the log now: waiting for this split would stop everybody else's
        // time.
        if (std::exchange(idle_, true)) return false;
        ready_.push_back(Watermark{emitted_watermark_, true});
        break;
      case connector::PollState::kEnd:
        reader_.reset();
        shared_->progress->splits_done.fetch_add(1, std::memory_order_relaxed);
        if (shared_->watermark) AdvanceWatermark();
        break;
    }
  }
}

}  // namespace millrace::runtime

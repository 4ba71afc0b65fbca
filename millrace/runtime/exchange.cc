#include "millrace/runtime/exchange.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/data/key_hash.h"

namespace millrace::runtime {

using operators::Barrier;
using operators::End;
using operators::Event;
using operators::SplitBegin;
using operators::Watermark;

namespace {
// Above this many events on the way a watermark waits for the next one instead of joining
// the queue.
constexpr int64_t kCrowdedRing = 64;

// The columns of a batch without repetition, and where each column of the batch is among
// them.
struct Columns {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::vector<int> of;
};

Columns DistinctColumns(const arrow::RecordBatch& batch) {
  Columns out;
  arrow::ArrayDataVector distinct;
  arrow::FieldVector fields;
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& data = batch.column_data(i);
    const auto found = std::find(distinct.begin(), distinct.end(), data);
    out.of.push_back(static_cast<int>(found - distinct.begin()));
    if (found != distinct.end()) continue;
    distinct.push_back(data);
    fields.push_back(batch.schema()->field(i));
  }
  out.rows = arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch.num_rows(),
                                      std::move(distinct));
  return out;
}
}  // namespace

ExchangeSender::ExchangeSender(plan::ExchangeKind kind, std::vector<int> keys,
                               std::vector<RingPtr> rings, arrow::MemoryPool* pool)
    : kind_(kind),
      keys_(std::move(keys)),
      rings_(std::move(rings)),
      pool_(pool),
      closed_(rings_.size()),
      held_(rings_.size()),
      holds_(rings_.size()) {}

Status ExchangeSender::Deal(data::Batch batch) {
  if (batch.num_rows() == 0) return Status::OK();
  if (kind_ != plan::ExchangeKind::kHash || rings_.size() == 1) {
    const int64_t bytes = std::max<int64_t>(batch.num_bytes(), 1);
    for (size_t i = 0; i < rings_.size(); ++i) pending_.push_back({i, batch, bytes});
    return Status::OK();
  }
  // What takes changes stands before no such exchange (plan::CheckChanges).
  if (batch.changes && batch.changes->kinds)
    return errors::kInternal.Make({}, "changes are to be dealt by a key");
  // States of several aggregates share columns (the count, mostly): each is dealt once.
  const Columns columns = DistinctColumns(*batch.rows);
  std::vector<int> keys;
  for (int key : keys_) keys.push_back(columns.of[static_cast<size_t>(key)]);
  ARROW_ASSIGN_OR_RAISE(
      auto parts,
      data::ScatterByKey(columns.rows, keys, static_cast<int>(rings_.size()), pool_));
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]) continue;
    data::Batch part = batch;
    arrow::ArrayVector all;
    for (int column : columns.of) all.push_back(parts[i]->column(column));
    part.rows = arrow::RecordBatch::Make(batch.rows->schema(), parts[i]->num_rows(),
                                         std::move(all));
    const int64_t bytes = std::max<int64_t>(part.num_bytes(), 1);
    pending_.push_back({i, std::move(part), bytes});
  }
  return Status::OK();
}

Result<PushState> ExchangeSender::Flush() {
  std::vector<bool> blocked(rings_.size());
  std::vector<Pending> left;
  for (Pending& pending : pending_) {
    const size_t i = pending.ring;
    if (blocked[i]) {
      left.push_back(std::move(pending));
      continue;
    }
    switch (rings_[i]->Push(pending.event, pending.bytes)) {
      case PushState::kAccepted: break;
      case PushState::kClosed: closed_[i] = true; break;
      case PushState::kBlocked:
        blocked[i] = true;
        left.push_back(std::move(pending));
        break;
    }
  }
  pending_ = std::move(left);
  if (std::all_of(closed_.begin(), closed_.end(), [](bool closed) { return closed; })) {
    return PushState::kClosed;
  }
  return pending_.empty() ? PushState::kAccepted : PushState::kBlocked;
}

Result<PushState> ExchangeSender::Push(Event& event, const Waker& waker) {
  if (!pending_.empty()) {
    ARROW_ASSIGN_OR_RAISE(PushState state, Flush());
    if (state != PushState::kAccepted) return state;
  }
  if (auto* batch = std::get_if<data::Batch>(&event)) {
    ReleaseHeld();
    ARROW_RETURN_NOT_OK(Deal(std::move(*batch)));
  } else if (const auto* encoded = std::get_if<data::EncodedRows>(&event)) {
    const int64_t bytes = std::max<int64_t>(encoded->bytes->size(), 1);
    for (size_t i = 0; i < rings_.size(); ++i) pending_.push_back({i, *encoded, bytes});
  } else if (const auto* watermark = std::get_if<Watermark>(&event)) {
    for (size_t i = 0; i < rings_.size(); ++i) {
      if (rings_[i]->events_in_flight() > kCrowdedRing) {
        held_[i] = *watermark;
        holds_[i] = true;
      } else {
        holds_[i] = false;
        pending_.push_back({i, *watermark, 0});
      }
    }
  } else {
    ReleaseHeld();
    for (size_t i = 0; i < rings_.size(); ++i) pending_.push_back({i, event, 0});
  }
  // What is pending now belongs to us; a ring that is full is met at the next push.
  ARROW_ASSIGN_OR_RAISE(PushState state, Flush());
  return state == PushState::kClosed ? state : PushState::kAccepted;
}

Status ExchangeSender::Drain(const Waker&) {
  ReleaseHeld();
  return Flush().status();
}

void ExchangeSender::ReleaseHeld() {
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (holds_[i]) pending_.push_back({i, held_[i], 0});
    holds_[i] = false;
  }
}

ExchangeReceiver::ExchangeReceiver(std::vector<RingPtr> rings, bool in_split_order)
    : in_split_order_(in_split_order) {
  for (RingPtr& ring : rings) senders_.push_back({std::move(ring)});
}

ExchangeReceiver::~ExchangeReceiver() {
  for (Sender& sender : senders_) sender.ring->Close();
}

bool ExchangeReceiver::Take(Sender& sender, Event* out, bool* emit) {
  if (!sender.ring->Pop(out)) return false;
  *emit = false;
  if (auto* watermark = std::get_if<Watermark>(out)) {
    sender.time = *watermark;
    *emit = MergedWatermark(out);
  } else if (auto* barrier = std::get_if<Barrier>(out)) {
    barrier_ = *barrier;
    sender.at_barrier = true;
    *emit = PassBarrier(out);
  } else if (auto* split = std::get_if<SplitBegin>(out)) {
    sender.split = split->split;
    // The order is restored here; nobody behind needs the announcement.
    *emit = false;
  } else if (std::holds_alternative<End>(*out)) {
    sender.ended = true;
    // A sender that has ended holds back neither a barrier nor the watermark of the
    // others.
    *emit = PassBarrier(out) || MergedWatermark(out);
  } else {
    *emit = true;
  }
  return true;
}

// The least of what the senders have announced, idle or not: those that read one table
// announce the same, and one whose rows are still on their way announces behind them.
// What follows is the same for every receiver once all have heard the same.
bool ExchangeReceiver::MergedWatermark(Event* out) {
  Watermark merged{data::event_time::kMax, true};
  bool any = false;
  for (const Sender& sender : senders_) {
    if (sender.ended) continue;
    any = true;
    merged.micros = std::min(merged.micros, sender.time.micros);
    merged.idle &= sender.time.idle;
  }
  if (!any || merged == emitted_) return false;
  emitted_ = merged;
  *out = merged;
  return true;
}

bool ExchangeReceiver::BarrierComplete() const {
  bool any = false;
  for (const Sender& sender : senders_) {
    if (!sender.ended && !sender.at_barrier) return false;
    any |= sender.at_barrier;
  }
  return any;
}

// The watermark of all that came before the barrier goes first, whether the last to
// arrive was a barrier or an end: so every receiver is at the same time at a barrier, and
// windows that one has closed are closed for all.
bool ExchangeReceiver::PassBarrier(Event* out) {
  if (!BarrierComplete()) return false;
  if (MergedWatermark(out)) {
    barrier_due_ = true;
    return true;
  }
  for (Sender& sender : senders_) sender.at_barrier = false;
  barrier_due_ = false;
  *out = barrier_;
  return true;
}

Result<bool> ExchangeReceiver::Pull(const Budget&, const Waker&, Event* out) {
  for (;;) {
    if (barrier_due_) return PassBarrier(out);
    if (std::all_of(senders_.begin(), senders_.end(),
                    [](const Sender& s) { return s.ended; })) {
      *out = End{};
      return true;
    }
    bool took = false;
    if (in_split_order_) {
      // The sender that is in the earliest split, or has not said yet in which it is,
      // must be heard first.
      Sender* earliest = nullptr;
      for (Sender& sender : senders_) {
        if (sender.ended || sender.at_barrier) continue;
        if (earliest == nullptr || sender.split < earliest->split) earliest = &sender;
      }
      bool emit = false;
      took = earliest != nullptr && Take(*earliest, out, &emit);
      if (took && emit) return true;
    } else {
      for (size_t i = 0; i < senders_.size() && !took; ++i) {
        Sender& sender = senders_[next_];
        next_ = (next_ + 1) % senders_.size();
        if (sender.ended || sender.at_barrier) continue;
        bool emit = false;
        took = Take(sender, out, &emit);
        if (took && emit) return true;
      }
    }
    if (!took) return false;
  }
}

}  // namespace millrace::runtime

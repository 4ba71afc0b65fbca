#include "millrace/runtime/task.h"

#include <algorithm>

namespace millrace::runtime {

using operators::Event;
using operators::Input;
using operators::OpState;

namespace {

// Operator runs in one turn. An operator may have output for minutes from one input (a
// join of frequent keys); others on the shard, and a cancellation, wait no longer than
// this.
constexpr int kRunsPerTurn = 64;

// The operator has put out End: after a restart it has nothing more to say.
constexpr char kEndedFact[] = "#ended";

void Count(NodeStats* stats, const Event& event) {
  if (stats == nullptr) return;
  if (const auto* batch = std::get_if<data::Batch>(&event)) {
    stats->rows_out.fetch_add(batch->num_rows(), std::memory_order_relaxed);
    stats->batches_out.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

Task::Task(std::unique_ptr<EventSink> root, TaskCheckpoint* checkpoint,
           const Clock* clock, Timers* timers, std::shared_ptr<NodeStats> stats)
    : root_(std::move(root)),
      checkpoint_(checkpoint),
      clock_(clock),
      timers_(timers),
      root_stats_(std::move(stats)) {}

int Task::AddOperator(std::unique_ptr<operators::Operator> op, int parent, int port,
                      std::shared_ptr<NodeStats> stats, int ordinal,
                      std::unique_ptr<state::OperatorState> restored) {
  Slot slot{std::move(op), parent, port, std::move(stats), ordinal, std::move(restored)};
  slots_.push_back(std::move(slot));
  return static_cast<int>(slots_.size()) - 1;
}

void Task::AddLeaf(std::unique_ptr<EventSource> leaf, int parent, int port,
                   std::shared_ptr<NodeStats> stats) {
  leaves_.push_back({std::move(leaf), parent, port, std::move(stats)});
}

void Task::Deliver(Event event, int parent, int port) {
  if (parent < 0) {
    outbox_.push_back(std::move(event));
  } else if (Slot& slot = slots_[static_cast<size_t>(parent)]; !slot.done) {
    slot.inbox.push_back({port, std::move(event)});
  }
}

// On the shard, as it may take its time; children first, so that one that has ended can
// say so to its parent.
Status Task::Restore() {
  restored_ = true;
  for (size_t i = slots_.size(); i-- > 0;) {
    Slot& slot = slots_[i];
    if (!slot.restored) continue;
    if (slot.restored->Fact(kEndedFact).value_or(0) == 1) {
      slot.done = true;
      CloseLeavesUnder(static_cast<int>(i));
      Deliver(operators::End{}, slot.parent, slot.port);
    } else {
      ARROW_RETURN_NOT_OK(slot.op->Restore(*slot.restored));
    }
    slot.restored.reset();
  }
  return Status::OK();
}

// Taken when the barrier leaves the operator, or, where it has ended before, the task.
Status Task::Snapshot(Slot& slot) {
  if (slot.ordinal < 0) return Status::OK();
  state::OperatorSnapshot snapshot = checkpoint_->NewSnapshot();
  snapshot.SetFact(std::string(kEndedFact), slot.done ? 1 : 0);
  if (!slot.done) ARROW_RETURN_NOT_OK(slot.op->Snapshot(snapshot));
  checkpoint_->Add(slot.ordinal, std::move(snapshot));
  return Status::OK();
}

void Task::OnBarrierSent() {
  for (Slot& slot : slots_) {
    if (slot.done) (void)Snapshot(slot);
  }
  checkpoint_->Complete();
}

void Task::End() {
  for (Slot& slot : slots_) {
    slot.done = true;
    (void)Snapshot(slot);
  }
  checkpoint_->End();
}

Status Task::RunSlot(Slot& slot, const Budget& budget) {
  operators::Output output;
  const int64_t start = clock_->MonotonicNanos();
  Result<OpState> state = OpState::kNeedInput;
  if (slot.has_output || slot.inbox.empty()) {
    state = slot.op->Run(nullptr, output, budget);
  } else {
    Input input = std::move(slot.inbox.front());
    slot.inbox.pop_front();
    state = slot.op->Run(&input, output, budget);
  }
  ARROW_RETURN_NOT_OK(state.status());
  if (slot.stats) {
    slot.stats->nanos.fetch_add(clock_->MonotonicNanos() - start,
                                std::memory_order_relaxed);
  }
  for (Event& event : output.events()) {
    Count(slot.stats.get(), event);
    if (std::holds_alternative<operators::Barrier>(event))
      ARROW_RETURN_NOT_OK(Snapshot(slot));
    Deliver(std::move(event), slot.parent, slot.port);
  }
  slot.has_output = *state == OpState::kHasOutput;
  slot.due_nanos = slot.op->due_nanos();
  if (*state == OpState::kDone) {
    slot.done = true;
    slot.inbox.clear();
    CloseLeavesUnder(static_cast<int>(&slot - slots_.data()));
  }
  return Status::OK();
}

// An operator that wants no more input: what feeds it is let go, which tells senders
// upstream to stop too.
void Task::CloseLeavesUnder(int done_slot) {
  for (Leaf& leaf : leaves_) {
    for (int at = leaf.parent; at >= 0; at = slots_[static_cast<size_t>(at)].parent) {
      if (at == done_slot) {
        leaf.source.reset();
        break;
      }
    }
  }
  for (Slot& slot : slots_) {
    for (int at = slot.parent; at >= 0; at = slots_[static_cast<size_t>(at)].parent) {
      if (at == done_slot) {
        slot.done = true;
        slot.has_output = false;
        slot.inbox.clear();
        break;
      }
    }
  }
}

bool Task::Wanted(const Leaf& leaf) const {
  int port = leaf.port;
  for (int at = leaf.parent; at >= 0;) {
    const Slot& slot = slots_[static_cast<size_t>(at)];
    if (slot.done || !slot.op->wants(port)) return false;
    port = slot.port;
    at = slot.parent;
  }
  return true;
}

// Downstream first.
Task::Slot* Task::NextWork() {
  int64_t now = -1;
  for (Slot& slot : slots_) {
    if (slot.done) continue;
    if (slot.has_output || !slot.inbox.empty()) return &slot;
    if (slot.due_nanos == operators::Operator::kNeverDue) continue;
    if (now < 0) now = clock_->MonotonicNanos();
    if (slot.due_nanos <= now) return &slot;
  }
  return nullptr;
}

// A timer can't be taken back, so that there is one at a time but where one comes
// earlier.
void Task::WakeWhenDue(const Waker& waker) {
  int64_t due = operators::Operator::kNeverDue;
  for (const Slot& slot : slots_) {
    if (!slot.done) due = std::min(due, slot.due_nanos);
  }
  if (due == operators::Operator::kNeverDue) return;
  const bool set = wakes_at_ <= due && wakes_at_ > clock_->MonotonicNanos();
  if (set) return;
  wakes_at_ = due;
  timers_->WakeAt(due, waker);
}

Result<TaskState> Task::Run(const Budget& budget, int pulls, const Waker& waker) {
  if (!restored_) ARROW_RETURN_NOT_OK(Restore());
  for (int runs = 0;;) {
    while (!outbox_.empty()) {
      const bool end = std::holds_alternative<operators::End>(outbox_.front());
      const bool barrier = std::holds_alternative<operators::Barrier>(outbox_.front());
      const int64_t start = clock_->MonotonicNanos();
      const auto* batch = std::get_if<data::Batch>(&outbox_.front());
      const int64_t rows = batch != nullptr ? batch->num_rows() : 0;
      ARROW_ASSIGN_OR_RAISE(PushState pushed, root_->Push(outbox_.front(), waker));
      if (root_stats_) {
        root_stats_->nanos.fetch_add(clock_->MonotonicNanos() - start,
                                     std::memory_order_relaxed);
      }
      // A blocked event is offered again: it counts once it is taken.
      if (root_stats_ && rows > 0 && pushed == PushState::kAccepted) {
        root_stats_->rows_out.fetch_add(rows, std::memory_order_relaxed);
        root_stats_->batches_out.fetch_add(1, std::memory_order_relaxed);
      }
      if (pushed == PushState::kBlocked) return TaskState::kBlocked;
      if (pushed == PushState::kClosed || end) return TaskState::kDone;
      outbox_.pop_front();
      if (barrier) OnBarrierSent();
    }
    if (Slot* work = NextWork(); work != nullptr) {
      if (runs++ == kRunsPerTurn) return TaskState::kReady;
      ARROW_RETURN_NOT_OK(RunSlot(*work, budget));
      continue;
    }
    if (pulls-- <= 0) return TaskState::kReady;
    bool pulled = false;
    for (size_t i = 0; i < leaves_.size() && !pulled; ++i) {
      Leaf& leaf = leaves_[next_leaf_];
      next_leaf_ = (next_leaf_ + 1) % leaves_.size();
      if (!leaf.source || !Wanted(leaf)) continue;
      Event event;
      const int64_t start = clock_->MonotonicNanos();
      ARROW_ASSIGN_OR_RAISE(pulled, leaf.source->Pull(budget, waker, &event));
      if (leaf.stats) {
        leaf.stats->nanos.fetch_add(clock_->MonotonicNanos() - start,
                                    std::memory_order_relaxed);
      }
      if (!pulled) continue;
      Count(leaf.stats.get(), event);
      if (std::holds_alternative<operators::End>(event)) leaf.source.reset();
      Deliver(std::move(event), leaf.parent, leaf.port);
    }
    if (!pulled) {
      ARROW_RETURN_NOT_OK(root_->Drain(waker));
      WakeWhenDue(waker);
      return TaskState::kBlocked;
    }
  }
}

}  // namespace millrace::runtime

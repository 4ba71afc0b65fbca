#include "millrace/operators/aggregate/group_slots.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"

namespace millrace::operators {

namespace {

using state::Extent;

constexpr const char* kSpilledPart = "spilled";
// Fewer rows than these in memory are not what presses.
constexpr int64_t kMinSpillRows = 16 * 1024;

bool IsMemory(const Status& status) {
  return ErrorNumber(status) == errors::kMemoryExceeded.number;
}

}  // namespace

GroupSlots::GroupSlots(const plan::AggregateNode& node, bool apart,
                       const WindowBounds* windows, const OperatorContext& context,
                       Evaluation& evaluation)
    : apart_(apart),
      tracked_(context.checkpointed && node.phase() != plan::AggregatePhase::kPartial),
      changes_(node.change_mode() != plan::ChangeMode::kAppend),
      phase_(node.phase()),
      calls_(node.aggregates()),
      first_state_(static_cast<int>(node.keys().size()) + (node.window() ? 2 : 0)),
      memory_(context.memory),
      spill_(context.spill),
      evaluation_(&evaluation),
      part_(node, AggregateSet::StateTypes(node.aggregates()), windows, evaluation,
            context.spill),
      emission_(node.schema(), windows, context.batch_rows, context.memory->pool()) {
  if (windows != nullptr && !apart) key_types_.push_back(arrow::int64());
  for (const expr::ExprPtr& key : node.keys()) key_types_.push_back(key->type());
  // A first half puts its groups out instead; and one group has no parts.
  if (phase_ == plan::AggregatePhase::kPartial || key_types_.empty()) spill_ = nullptr;
  // What was put out is known of groups in memory only.
  if (changes_) spill_ = nullptr;
}

Result<std::unique_ptr<Groups>> GroupSlots::NewGroups() {
  if (!spare_.empty()) {
    auto groups = std::move(spare_.back());
    spare_.pop_back();
    return groups;
  }
  ARROW_ASSIGN_OR_RAISE(auto groups,
                        Groups::Make(key_types_, calls_, phase_, *evaluation_, memory_));
  if (tracked_) groups->Track();
  if (changes_) groups->TrackResults();
  return groups;
}

int64_t GroupSlots::size() const {
  int64_t size = 0;
  for (const auto& [window, slot] : slots_) size += slot.groups ? slot.groups->size() : 0;
  return size;
}

Status GroupSlots::Ensure(int64_t window) {
  Slot& slot = slots_[window];
  if (slot.groups) return Status::OK();
  return NewGroups().Value(&slot.groups);
}

std::optional<int64_t> GroupSlots::WindowOf(int64_t slot) const {
  return apart_ ? std::optional(slot) : std::nullopt;
}

bool GroupSlots::MaySpill(const Slot& slot) const {
  return spill_ != nullptr && slot.level < SpilledGroups::kMaxLevel && slot.groups &&
         slot.groups->sized() > 0;
}

Result<int64_t> GroupSlots::Add(int64_t window, const arrow::RecordBatch& rows,
                                const Arrays& keys) {
  Slot& slot = slots_[window];
  const int64_t before = slot.groups ? slot.groups->size() : 0;
  ARROW_RETURN_NOT_OK(Put(slot, window, rows, keys, false));
  return slot.groups ? std::max<int64_t>(slot.groups->size() - before, 0) : 0;
}

// Room for the groups is made before any row is added: where memory refuses it, the
// groups go to disk and all rows of the batch to a fresh Groups.
Status GroupSlots::Put(Slot& slot, int64_t window, const arrow::RecordBatch& rows,
                       const Arrays& keys, bool states) {
  for (;;) {
    if (!slot.groups) ARROW_RETURN_NOT_OK(NewGroups().Value(&slot.groups));
    const Status status = slot.groups->Prepare(keys, rows.num_rows());
    if (status.ok()) break;
    if (!IsMemory(status)) return status;
    if (MaySpill(slot)) {
      ARROW_RETURN_NOT_OK(Spill(slot, window));
    } else if (phase_ == plan::AggregatePhase::kPartial && slot.groups->sized() > 0) {
      // They go first, and the next ones begin small.
      emission_.Add(std::move(slot.groups), WindowOf(window));
      slot.rows_in_memory = 0;
    } else {
      return status;
    }
  }
  ARROW_RETURN_NOT_OK(states ? slot.groups->MergeStates(rows, part_.first_state())
                             : slot.groups->Apply(rows, first_state_));
  slot.rows_in_memory += rows.num_rows();
  const Status status = slot.groups->Charge();
  if (!status.ok()) {
    if (!IsMemory(status) || !MaySpill(slot)) return status;
    return Spill(slot, window);
  }
  return spill_ != nullptr && memory_->pressed() ? Relieve(slot, window) : Status::OK();
}

Status GroupSlots::Spill(Slot& slot, int64_t window) {
  if (!slot.spilled) {
    ARROW_ASSIGN_OR_RAISE(
        slot.spilled, SpilledGroups::Make(*spill_, part_.spilled_schema(), slot.level));
    part_.Rewrite();
  }
  ARROW_RETURN_NOT_OK(part_.Spill({WindowOf(window), slot.groups.get()}, *slot.spilled));
  slot.groups.reset();
  slot.rows_in_memory = 0;
  spare_.clear();
  return Status::OK();
}

// Spill what has most rows, `slot` (which need not be among the others) or another.
Status GroupSlots::Relieve(Slot& slot, int64_t window) {
  while (memory_->pressed()) {
    Slot* largest = &slot;
    int64_t its_window = window;
    for (auto& [other_window, other] : slots_) {
      if (other.rows_in_memory <= largest->rows_in_memory) continue;
      largest = &other;
      its_window = other_window;
    }
    if (largest->rows_in_memory < kMinSpillRows || !MaySpill(*largest))
      return Status::OK();
    ARROW_RETURN_NOT_OK(Spill(*largest, its_window));
  }
  return Status::OK();
}

void GroupSlots::EmitChanges(int64_t window) {
  const Slot& slot = slots_.at(window);
  if (slot.groups && slot.groups->HasResults())
    emission_.AddChanges(slot.groups.get(), WindowOf(window));
}

void GroupSlots::EmitAllChanges() {
  ForEachWindow([this](int64_t window) { EmitChanges(window); });
}

Status GroupSlots::Emit(int64_t window) {
  auto node = slots_.extract(window);
  return EmitSlot(std::move(node.mapped()), window);
}

Status GroupSlots::EmitAll() {
  while (!slots_.empty()) ARROW_RETURN_NOT_OK(Emit(slots_.begin()->first));
  return Status::OK();
}

Status GroupSlots::EmitSlot(Slot slot, int64_t window) {
  if (!slot.spilled) {
    if (slot.groups) emission_.Add(std::move(slot.groups), WindowOf(window));
    return Status::OK();
  }
  if (slot.groups && slot.groups->size() > 0) ARROW_RETURN_NOT_OK(Spill(slot, window));
  // In front: what comes of a partition is put out before the next one is read.
  drains_.push_front({std::move(slot.spilled), window});
  return Status::OK();
}

Result<OpState> GroupSlots::Next(Output& out, bool reuse) {
  while (emission_.empty()) {
    if (drains_.empty()) return OpState::kNeedInput;
    ARROW_RETURN_NOT_OK(LoadPartition());
  }
  ARROW_ASSIGN_OR_RAISE(auto done, emission_.Next(out));
  if (done && reuse && spare_.size() < kSpareGroups && !memory_->pressed())
    spare_.push_back(std::move(done));
  return emission_.empty() && drains_.empty() ? OpState::kNeedInput : OpState::kHasOutput;
}

Status GroupSlots::LoadPartition() {
  Drain& drain = drains_.front();
  if (drain.next == SpilledGroups::kPartitions) {
    drains_.pop_front();
    return Status::OK();
  }
  Slot slot;
  slot.level = drain.spilled->level() + 1;
  const int64_t window = drain.window;
  for (const SpilledBatch& batch : drain.spilled->Take(drain.next++)) {
    ARROW_ASSIGN_OR_RAISE(auto rows, batch.file->Read(batch.place, memory_->pool()));
    ARROW_ASSIGN_OR_RAISE(rows, rows->RemoveColumn(0));
    ARROW_RETURN_NOT_OK(MergeRows(slot, window, rows));
  }
  return EmitSlot(std::move(slot), window);
}

Status GroupSlots::MergeRows(Slot& slot, int64_t window,
                             const std::shared_ptr<arrow::RecordBatch>& rows) {
  const Arrays all = rows->columns();
  return Put(slot, window, *rows,
             {all.begin() + (apart_ ? 1 : 0), all.begin() + part_.first_state()}, true);
}

Status GroupSlots::Snapshot(state::OperatorSnapshot& out) {
  std::vector<GroupsPart::Held> held;
  for (auto& [window, slot] : slots_) {
    if (!slot.spilled) {
      if (slot.groups) held.push_back({WindowOf(window), slot.groups.get()});
    } else if (slot.groups && slot.groups->size() > 0) {
      ARROW_RETURN_NOT_OK(Spill(slot, window));
    }
  }
  ARROW_RETURN_NOT_OK(part_.Write(held, out));
  return WriteSpilled(out);
}

Status GroupSlots::WriteSpilled(state::OperatorSnapshot& out) {
  int64_t rows = 0, added = 0;
  for (auto& [window, slot] : slots_) {
    if (!slot.spilled) continue;
    rows += slot.spilled->rows();
    added += slot.spilled->unwritten_rows();
  }
  const bool replaces = rewrite_spilled_ && spilled_history_.written() && !out.whole();
  const bool whole = out.whole() || replaces;
  if (whole && rows == 0) spilled_history_.Forget();
  rewrite_spilled_ = false;
  if (!replaces && (whole ? rows : added) == 0) return Status::OK();
  const Extent extent =
      rows == 0 ? Extent::kWhole : spilled_history_.Choose(whole, rows, added);
  std::vector<SpilledBatch> batches;
  for (auto& [window, slot] : slots_) {
    if (!slot.spilled) continue;
    auto some = slot.spilled->ForSnapshot(extent == Extent::kWhole);
    batches.insert(batches.end(), some.begin(), some.end());
  }
  out.Add(state::Piece{kSpilledPart, extent,
                       ReadSpilled(part_.spilled_schema(), std::move(batches), memory_)});
  return Status::OK();
}

Status GroupSlots::Restore(const state::OperatorState& state,
                           const std::function<bool(int64_t window)>& closed,
                           const std::function<bool(int64_t window)>& put_out) {
  const auto groups_at = [this](int64_t window) -> Result<Groups*> {
    ARROW_RETURN_NOT_OK(Ensure(window));
    return slots_[window].groups.get();
  };
  if (apart_) {
    ARROW_RETURN_NOT_OK(part_.RestoreApart(state, [&](int64_t window) -> Result<Groups*> {
      if (closed(window)) return nullptr;
      return groups_at(window);
    }));
  } else {
    ARROW_RETURN_NOT_OK(part_.RestoreTogether(state, [&] { return groups_at(0); }));
  }
  for (auto& [window, slot] : slots_) {
    slot.rows_in_memory = slot.groups->size();
    if (changes_ && put_out(window)) ARROW_RETURN_NOT_OK(slot.groups->SettleResults());
  }
  return RestoreSpilled(state, closed);
}

// What was spilled may fit now, or be spilled into other files: then it is another part,
// or other rows, and is written anew.
Status GroupSlots::RestoreSpilled(const state::OperatorState& state,
                                  const std::function<bool(int64_t window)>& closed) {
  return state.Visit(
      kSpilledPart, state::OperatorState::Rows::kMine,
      [&](const std::shared_ptr<arrow::RecordBatch>& rows, Extent extent) -> Status {
        spilled_history_.Restored(rows->num_rows(), extent);
        rewrite_spilled_ = true;
        if (!apart_) return MergeRows(slots_[0], 0, rows);
        const auto* windows = rows->column(0)->data()->GetValues<int64_t>(1);
        for (int64_t begin = 0; begin < rows->num_rows();) {
          int64_t end = begin + 1;
          while (end < rows->num_rows() && windows[end] == windows[begin]) ++end;
          if (!closed(windows[begin])) {
            ARROW_RETURN_NOT_OK(MergeRows(slots_[windows[begin]], windows[begin],
                                          rows->Slice(begin, end - begin)));
          }
          begin = end;
        }
        return Status::OK();
      });
}

}  // namespace millrace::operators

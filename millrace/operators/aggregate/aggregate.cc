// GROUP BY, with and without windows of time.
#include <algorithm>
#include <limits>
#include <optional>
#include <span>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/aggregate/group_slots.h"
#include "millrace/operators/aggregate/reduction_probe.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/window/runs.h"
#include "millrace/operators/window/slicing.h"
#include "millrace/plan/scan_node.h"

namespace millrace::operators {

namespace {

using plan::AggregatePhase;

// A first half that holds so many groups passes them on: the second half holds them
// anyway, and a first half that hardly merges anything should not hold twice the memory.
constexpr int64_t kPartialGroups = 4 * 1024 * 1024;
// It can't put any elsewhere, so that it also takes no more than a small share of memory:
// one group for so many bytes of the budget.
constexpr int64_t kBudgetPerPartialGroup = 1024;
// Where memory is short, this many.
constexpr int64_t kPressedGroups = 16 * 1024;

using KeyArrays = std::vector<std::shared_ptr<arrow::Array>>;

// What both forms share: keys, fresh groups, results that wait to be put out.
class AggregateBase : public UnaryOperator {
 public:
  AggregateBase(const plan::AggregateNode& node, bool apart,
                std::optional<WindowBounds> windows, const OperatorContext& context)
      : memory_(context.memory),
        evaluation_(context),
        phase_(node.phase()),
        emission_(node.emission()),
        clock_(context.clock),
        keys_(node.keys()),
        calls_(node.aggregates()),
        windows_(std::move(windows)),
        slots_(node, apart, windows_ ? &*windows_ : nullptr, context, evaluation_) {}

  Status Snapshot(state::OperatorSnapshot& out) override { return slots_.Snapshot(out); }

  int64_t due_nanos() const override { return due_; }

 protected:
  Result<KeyArrays> Keys(const arrow::RecordBatch& rows) {
    KeyArrays out;
    for (const expr::ExprPtr& key : keys_) {
      ARROW_ASSIGN_OR_RAISE(auto column,
                            expr::EvaluateToArray(*key, rows, evaluation_.context()));
      out.push_back(std::move(column));
    }
    return out;
  }

  /// Add rows; in a first half also note whether that merges any.
  Status AddTo(int64_t slot, const arrow::RecordBatch& rows, const KeyArrays& keys) {
    ARROW_ASSIGN_OR_RAISE(const int64_t new_groups, slots_.Add(slot, rows, keys));
    if (is_partial()) probe_.Aggregated(rows.num_rows(), new_groups);
    return Status::OK();
  }

  /// Is a first half to pass on what it holds?
  bool IsFull(int64_t most_groups) const {
    if (!is_partial()) return false;
    if (most_groups < kNoLimit)
      most_groups = std::min(most_groups, memory_->limit() / kBudgetPerPartialGroup);
    if (memory_->pressed()) most_groups = std::min(most_groups, kPressedGroups);
    return most_groups < kNoLimit && slots_.size() > most_groups;
  }

  /// Are rows to be passed on instead of being aggregated here?
  bool passes_rows() const { return is_partial() && probe_.passing(); }
  bool is_partial() const { return phase_ == AggregatePhase::kPartial; }

  /// Put out every row as a state of its own; `columns` are what stands before the
  /// states.
  Status PassRows(const arrow::RecordBatch& rows, KeyArrays columns, Output& out) {
    if (!row_states_) {
      ARROW_ASSIGN_OR_RAISE(auto set, AggregateSet::Make(calls_, phase_, evaluation_));
      row_states_ = std::make_unique<AggregateSet>(std::move(set));
    }
    ARROW_ASSIGN_OR_RAISE(auto states, row_states_->RowStates(rows));
    columns.insert(columns.end(), states.begin(), states.end());
    out.Push(
        FinishedBatch(slots_.emission().schema(), std::move(columns), rows.num_rows()));
    probe_.Passed(rows.num_rows());
    if (!probe_.passing()) row_states_.reset();
    return Status::OK();
  }

  /// Rows were added that change what has left, or has to leave before the end.
  void SetDue() {
    if (due_ != kNeverDue) return;
    // A first half is quick, so that the wait is that of the second one.
    const int64_t most = plan::Emission::kDefaultEveryMicros / 2;
    const int64_t micros = is_partial() ? std::min(emission_.every_micros / 2, most)
                                        : emission_.every_micros;
    due_ = clock_->MonotonicNanos() + micros * 1000;
  }

  /// Make what has changed until now leave.
  virtual Status PutDue() {
    if (is_partial()) return slots_.EmitAll();
    slots_.EmitAllChanges();
    return Status::OK();
  }

  Result<OpState> Continue(Output& out) override {
    if (slots_.emission().empty() && due_ <= clock_->MonotonicNanos()) {
      due_ = kNeverDue;
      ARROW_RETURN_NOT_OK(PutDue());
    }
    return slots_.Next(out, !passes_rows());
  }
  Result<OpState> FlushAll(Output& out) {
    ARROW_RETURN_NOT_OK(slots_.EmitAll());
    return Continue(out);
  }

  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  const std::shared_ptr<MemoryBudget> memory_;
  Evaluation evaluation_;
  const AggregatePhase phase_;
  const plan::Emission emission_;
  const Clock* const clock_;
  const std::vector<expr::ExprPtr> keys_;
  const std::vector<plan::AggregateCall> calls_;
  const std::optional<WindowBounds> windows_;
  GroupSlots slots_;

 private:
  ReductionProbe probe_;
  std::unique_ptr<AggregateSet> row_states_;
  int64_t due_ = kNeverDue;  // monotonic nanoseconds
};

class GroupBy final : public AggregateBase {
 public:
  GroupBy(const plan::AggregateNode& node, const OperatorContext& context)
      : AggregateBase(node, false, std::nullopt, context) {}

  Status Restore(const state::OperatorState& state) override {
    if (is_partial()) return Status::OK();
    // What was written at a barrier had been put out.
    return slots_.Restore(
        state, [](int64_t) { return false; }, [](int64_t) { return true; });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(KeyArrays keys, Keys(*batch.rows));
    if (passes_rows()) {
      ARROW_RETURN_NOT_OK(PassRows(*batch.rows, std::move(keys), out));
      return OpState::kNeedInput;
    }
    ARROW_RETURN_NOT_OK(AddTo(0, *batch.rows, keys));
    if (emission_.changes) SetDue();
    return IsFull(kPartialGroups) || passes_rows() ? FlushAll(out) : Continue(out);
  }

  Result<OpState> OnBarrier(Output& out) override {
    if (is_partial()) return FlushAll(out);
    if (emission_.changes) ARROW_RETURN_NOT_OK(PutDue());
    return Continue(out);
  }

  Result<OpState> OnEnd(Output& out) override {
    // Without keys there is one group even of no rows.
    if (keys_.empty()) ARROW_RETURN_NOT_OK(slots_.Ensure(0));
    return FlushAll(out);
  }
};

// Windows that the watermark closes: one Groups for each open window, so that closing one
// is a walk over its own groups. Without a watermark nothing closes before the end and
// windows may be many and sparse: then the window is one more key of a single Groups.
//
// A first half holds slices; elsewhere a row lies in one window (plan::LowerWindows).
class WindowedGroupBy final : public AggregateBase {
 public:
  WindowedGroupBy(const plan::AggregateNode& node, const Slicing& slicing,
                  bool has_watermark, const OperatorContext& context)
      : AggregateBase(node, has_watermark,
                      WindowBounds(slicing, node.phase() == AggregatePhase::kPartial),
                      context),
        time_column_(node.window()->time_column),
        grace_(node.window()->grace_micros),
        assigned_(node.window()->assigned),
        slicing_(slicing),
        time_type_(node.schema()->field(0)->type()),
        has_watermark_(has_watermark),
        late_(node.window()->late),
        late_rows_(context.late_rows),
        counters_(context.counters) {}

  Status Snapshot(state::OperatorSnapshot& out) override {
    out.SetFact(kClosed, closed_);
    return AggregateBase::Snapshot(out);
  }

  // Windows closed since a row was written are still found in the state. Every task of a
  // stage has met the same watermarks at a barrier, so what is closed is the same for all
  // rows, whoever wrote them.
  Status Restore(const state::OperatorState& state) override {
    Close(state.Fact(kClosed).value_or(data::event_time::kMin));
    if (is_partial()) return Status::OK();
    return slots_.Restore(
        state, [this](int64_t window) { return window < first_kept_; },
        [this](int64_t window) { return emission_.changes || window < first_open_; });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    std::shared_ptr<arrow::RecordBatch> rows = batch.rows;
    ARROW_ASSIGN_OR_RAISE(std::vector<SlotRun> runs, RunsOf(rows));
    if (runs.empty()) return OpState::kNeedInput;
    ARROW_ASSIGN_OR_RAISE(KeyArrays keys, Keys(*rows));
    if (passes_rows()) {
      ARROW_ASSIGN_OR_RAISE(auto windows, Windows(runs, rows->num_rows()));
      auto* pool = evaluation_.pool();
      ARROW_ASSIGN_OR_RAISE(auto starts, windows_->Starts(*windows, time_type_, pool));
      ARROW_ASSIGN_OR_RAISE(auto ends, windows_->Ends(*windows, time_type_, pool));
      keys.insert(keys.begin(), {std::move(starts), std::move(ends)});
      ARROW_RETURN_NOT_OK(PassRows(*rows, std::move(keys), out));
      return OpState::kNeedInput;
    }
    const bool changes_closed =
        grace_ > 0 && std::any_of(runs.begin(), runs.end(), [this](const SlotRun& run) {
          return run.slot < first_open_;
        });
    if (emission_.changes || changes_closed) SetDue();
    if (has_watermark_) {
      ARROW_RETURN_NOT_OK(AddByWindow(rows, keys, std::move(runs)));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto windows, Windows(runs, rows->num_rows()));
      keys.insert(keys.begin(), std::move(windows));
      ARROW_RETURN_NOT_OK(AddTo(0, *rows, keys));
    }
    const bool full = IsFull(has_watermark_ ? kNoLimit : kPartialGroups);
    return full || passes_rows() ? FlushAll(out) : Continue(out);
  }

  Result<OpState> OnWatermark(const Watermark& watermark, Output& out) override {
    Close(std::max(closed_, watermark.micros));
    if (has_watermark_) ARROW_RETURN_NOT_OK(PutClosed());
    return Continue(out);
  }

  Result<OpState> OnBarrier(Output& out) override {
    if (is_partial()) return FlushAll(out);
    ARROW_RETURN_NOT_OK(PutDue());
    return Continue(out);
  }

  Result<OpState> OnEnd(Output& out) override { return FlushAll(out); }

 private:
  // A window [s, e) is complete when the watermark has reached its last microsecond, and
  // takes rows until the grace period is over, too.
  void Close(int64_t watermark) {
    closed_ = watermark;
    first_open_ = slicing_.FirstOpen(watermark);
    const bool from_start = watermark < data::event_time::kMin + grace_;
    first_kept_ = grace_ == 0 || from_start || watermark == data::event_time::kMax
                      ? first_open_
                      : slicing_.FirstOpen(watermark - grace_);
  }

  Status PutDue() override {
    return emission_.changes ? AggregateBase::PutDue() : PutClosed();
  }

  // What takes no rows any more goes; in the grace period the results of closed windows
  // leave for the first time, or as changes.
  Status PutClosed() {
    const int64_t gone = is_partial() ? first_open_ : first_kept_;
    while (!slots_.empty() && slots_.first() < gone)
      ARROW_RETURN_NOT_OK(slots_.Emit(slots_.first()));
    if (grace_ == 0 || is_partial()) return Status::OK();
    slots_.ForEachWindow([this](int64_t window) {
      if (window < first_open_) slots_.EmitChanges(window);
    });
    return Status::OK();
  }

  // Rows without a time belong to no window, rows whose windows are all closed come too
  // late: left out and counted. Some lie between windows.
  enum class Fate { kKept, kLate, kBetween };
  Fate FateOf(int64_t slot) const {
    if (assigned_) return slot < first_kept_ ? Fate::kLate : Fate::kKept;
    const int64_t last = slicing_.LastWindow(slot);
    if (slicing_.FirstWindow(slot) > last) return Fate::kBetween;
    return last < first_kept_ ? Fate::kLate : Fate::kKept;
  }

  // The runs of `rows`, which become those that are kept.
  Result<std::vector<SlotRun>> RunsOf(std::shared_ptr<arrow::RecordBatch>& rows) {
    const arrow::Array& column = *rows->column(time_column_);
    const int64_t* times = column.data()->GetValues<int64_t>(1);
    const bool nulls = column.null_count() != 0;
    const int64_t count = rows->num_rows();
    std::vector<SlotRun> runs;
    std::vector<SlotRun> late_runs;
    int64_t kept = 0, late = 0, without_time = 0;
    for (int64_t begin = 0; begin < count;) {
      if (nulls && column.IsNull(begin)) {
        ++without_time;
        ++begin;
        continue;
      }
      const Slicing::Range range = slicing_.Find(times[begin]);
      int64_t end = begin + 1;
      while (end < count && range.Holds(times[end]) && !(nulls && column.IsNull(end)))
        ++end;
      switch (FateOf(range.slice)) {
        case Fate::kKept:
          runs.push_back({range.slice, begin, end});
          kept += end - begin;
          break;
        case Fate::kLate:
          late += end - begin;
          late_runs.push_back({range.slice, begin, end});
          break;
        case Fate::kBetween: break;
      }
      begin = end;
    }
    counters_->without_time.fetch_add(without_time, std::memory_order_relaxed);
    // States come in time: what is late has been sorted out where rows come in.
    if (late > 0 && phase_ != AggregatePhase::kFinal) {
      if (late_ == plan::Window::Late::kNextWindow) {
        const int64_t next = slicing_.NextInWindow(first_kept_);
        for (SlotRun& run : late_runs) runs.push_back({next, run.begin, run.end});
        std::sort(runs.begin(), runs.end(),
                  [](const SlotRun& a, const SlotRun& b) { return a.begin < b.begin; });
        kept += late;
        late = 0;
      } else if (late_ == plan::Window::Late::kDeadLetter) {
        ARROW_ASSIGN_OR_RAISE(const auto refused, RowsOf(rows, late_runs, evaluation_));
        ARROW_RETURN_NOT_OK(late_rows_->Take(*refused));
      }
    }
    counters_->late.fetch_add(late, std::memory_order_relaxed);
    if (kept == count || kept == 0) return runs;
    ARROW_ASSIGN_OR_RAISE(rows, RowsOf(rows, runs, evaluation_));
    int64_t at = 0;
    for (SlotRun& run : runs) {
      const int64_t length = run.end - run.begin;
      run = {run.slot, at, at + length};
      at += length;
    }
    return runs;
  }

  // The slot of each row.
  Result<std::shared_ptr<arrow::Array>> Windows(const std::vector<SlotRun>& runs,
                                                int64_t rows) const {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                          arrow::AllocateBuffer(rows * 8, evaluation_.pool()));
    auto* out = reinterpret_cast<int64_t*>(data->mutable_data());
    for (const SlotRun& run : runs) std::fill(out + run.begin, out + run.end, run.slot);
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), rows, {nullptr, std::move(data)}, 0));
  }

  Status AddByWindow(const std::shared_ptr<arrow::RecordBatch>& rows,
                     const KeyArrays& keys, std::vector<SlotRun> runs) {
    return ForEachSlot(runs, [&](std::span<const SlotRun> its) -> Status {
      ARROW_ASSIGN_OR_RAISE(auto part, RowsOf(rows, its, evaluation_));
      if (its.size() > 1) {
        ARROW_ASSIGN_OR_RAISE(KeyArrays its_keys, Keys(*part));
        return AddTo(its.front().slot, *part, its_keys);
      }
      KeyArrays its_keys;
      for (const auto& key : keys) {
        its_keys.push_back(key->Slice(its.front().begin, part->num_rows()));
      }
      return AddTo(its.front().slot, *part, its_keys);
    });
  }

  static constexpr const char* kClosed = "closed";
  const int time_column_;
  const int64_t grace_;  // microseconds
  const bool assigned_;
  const Slicing slicing_;
  const std::shared_ptr<arrow::DataType> time_type_;
  const bool has_watermark_;
  const plan::Window::Late late_;
  LateRows* const late_rows_;
  RowCounters* const counters_;
  int64_t closed_ = data::event_time::kMin;  // the watermark
  int64_t first_open_ = data::event_time::kMin;
  int64_t first_kept_ = data::event_time::kMin;  // windows from here on take rows
};

bool HasWatermark(const plan::Node& node) {
  if (node.kind() == plan::ScanNode::kKind) {
    return static_cast<const plan::ScanNode&>(node).table()->watermark.has_value();
  }
  return std::any_of(node.inputs().begin(), node.inputs().end(),
                     [](const plan::NodePtr& input) { return HasWatermark(*input); });
}

}  // namespace

Result<std::unique_ptr<Operator>> MakeAggregate(const plan::Node& node,
                                                const OperatorContext& context) {
  const auto& aggregate = static_cast<const plan::AggregateNode&>(node);
  if (aggregate.window() && aggregate.window()->kind == plan::Window::Kind::kSession)
    return MakeSessionAggregate(aggregate, context);
  if (aggregate.window()) {
    ARROW_ASSIGN_OR_RAISE(Slicing slicing, Slicing::Make(*aggregate.window()));
    return std::make_unique<WindowedGroupBy>(aggregate, slicing, HasWatermark(node),
                                             context);
  }
  return std::make_unique<GroupBy>(aggregate, context);
}

}  // namespace millrace::operators

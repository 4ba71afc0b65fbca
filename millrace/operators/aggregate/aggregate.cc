// GROUP BY, with and without tumbling windows.
#include <algorithm>
#include <limits>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/aggregate/group_slots.h"
#include "millrace/operators/aggregate/reduction_probe.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/window_bounds.h"
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
                const std::shared_ptr<arrow::DataType>& leading,
                const OperatorContext& context)
      : memory_(context.memory),
        evaluation_(context),
        phase_(node.phase()),
        keys_(node.keys()),
        calls_(node.aggregates()),
        slots_(node, apart, leading, context, evaluation_) {}

  Status Snapshot(state::OperatorSnapshot& out) override { return slots_.Snapshot(out); }

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
  Status AddTo(int64_t start, const arrow::RecordBatch& rows, const KeyArrays& keys) {
    ARROW_ASSIGN_OR_RAISE(const int64_t new_groups, slots_.Add(start, rows, keys));
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
    out.Push(slots_.emission().MakeBatch(std::move(columns), rows.num_rows()));
    probe_.Passed(rows.num_rows());
    if (!probe_.passing()) row_states_.reset();
    return Status::OK();
  }

  Result<OpState> Continue(Output& out) override {
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
  const std::vector<expr::ExprPtr> keys_;
  const std::vector<plan::AggregateCall> calls_;
  GroupSlots slots_;

 private:
  ReductionProbe probe_;
  std::unique_ptr<AggregateSet> row_states_;
};

class GroupBy final : public AggregateBase {
 public:
  GroupBy(const plan::AggregateNode& node, const OperatorContext& context)
      : AggregateBase(node, false, nullptr, context) {}

  Status Restore(const state::OperatorState& state) override {
    if (is_partial()) return Status::OK();
    return slots_.Restore(state, [](int64_t) { return false; });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(KeyArrays keys, Keys(*batch.rows));
    if (passes_rows()) {
      ARROW_RETURN_NOT_OK(PassRows(*batch.rows, std::move(keys), out));
      return OpState::kNeedInput;
    }
    ARROW_RETURN_NOT_OK(AddTo(0, *batch.rows, keys));
    return IsFull(kPartialGroups) || passes_rows() ? FlushAll(out) : Continue(out);
  }

  Result<OpState> OnBarrier(Output& out) override {
    return is_partial() ? FlushAll(out) : OpState::kNeedInput;
  }

  Result<OpState> OnEnd(Output& out) override {
    // Without keys there is one group even of no rows.
    if (keys_.empty()) ARROW_RETURN_NOT_OK(slots_.Ensure(0));
    return FlushAll(out);
  }
};

// Windows that the watermark closes: one Groups for each open window, so that closing one
// is a walk over its own groups. Without a watermark nothing closes before the end and
// windows may be many and sparse: then the window's start is one more key of a single
// Groups.
class WindowedGroupBy final : public AggregateBase {
 public:
  WindowedGroupBy(const plan::AggregateNode& node, bool has_watermark,
                  const OperatorContext& context)
      : AggregateBase(node, has_watermark,
                      has_watermark ? nullptr : node.schema()->field(0)->type(), context),
        window_(*node.window()),
        time_type_(node.schema()->field(0)->type()),
        has_watermark_(has_watermark),
        counters_(context.counters) {}

  Status Snapshot(state::OperatorSnapshot& out) override {
    out.SetFact(kClosed, closed_);
    return AggregateBase::Snapshot(out);
  }

  // Windows closed since a row was written are still found in the state. Every task of a
  // stage has met the same watermarks at a barrier, so what is closed is the same for all
  // rows, whoever wrote them.
  Status Restore(const state::OperatorState& state) override {
    closed_ = state.Fact(kClosed).value_or(data::event_time::kMin);
    if (is_partial()) return Status::OK();
    return slots_.Restore(state, [this](int64_t start) { return IsClosed(start); });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(auto rows, WithTimes(batch.rows));
    if (rows->num_rows() == 0) return OpState::kNeedInput;
    ARROW_ASSIGN_OR_RAISE(KeyArrays keys, Keys(*rows));
    if (passes_rows()) {
      ARROW_ASSIGN_OR_RAISE(auto starts, Starts(*rows));
      ARROW_ASSIGN_OR_RAISE(auto ends,
                            slots_.emission().Ends(*starts, window_.size_micros));
      keys.insert(keys.begin(), {std::move(starts), std::move(ends)});
      ARROW_RETURN_NOT_OK(PassRows(*rows, std::move(keys), out));
      return OpState::kNeedInput;
    }
    ARROW_RETURN_NOT_OK(has_watermark_ ? AddByWindow(rows, keys)
                                       : AddWithStarts(*rows, keys));
    const bool full = IsFull(has_watermark_ ? kNoLimit : kPartialGroups);
    return full || passes_rows() ? FlushAll(out) : Continue(out);
  }

  // A window [s, e) is complete when the watermark has reached its last microsecond.
  Result<OpState> OnWatermark(const Watermark& watermark, Output& out) override {
    closed_ = std::max(closed_, watermark.micros);
    while (has_watermark_ && !slots_.empty() && IsClosed(slots_.first()))
      ARROW_RETURN_NOT_OK(slots_.Emit(slots_.first()));
    return Continue(out);
  }

  Result<OpState> OnBarrier(Output& out) override {
    return is_partial() ? FlushAll(out) : OpState::kNeedInput;
  }

  Result<OpState> OnEnd(Output& out) override { return FlushAll(out); }

 private:
  bool IsClosed(int64_t start) const {
    return start + window_.size_micros - 1 <= closed_;
  }

  const int64_t* Times(const arrow::RecordBatch& rows) const {
    return rows.column(window_.time_column)->data()->GetValues<int64_t>(1);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Chosen(
      const std::shared_ptr<arrow::RecordBatch>& rows,
      const std::shared_ptr<arrow::Array>& chosen) {
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return taken.record_batch();
  }

  // Rows without a time belong to no window, rows of a closed window come too late: left
  // out and counted.
  Result<std::shared_ptr<arrow::RecordBatch>> WithTimes(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    const arrow::Array& column = *rows->column(window_.time_column);
    const int64_t* times = Times(*rows);
    const int64_t count = rows->num_rows();
    // First instant of the earliest window that is still open.
    const int64_t first_open =
        closed_ == data::event_time::kMin
            ? data::event_time::kMin
            : WindowStart(closed_ + 1, window_.size_micros, window_.offset_micros);
    bool late = false;
    for (int64_t i = 0; i < count; ++i) late |= times[i] < first_open;
    if (column.null_count() == 0 && !late) return rows;
    arrow::Int32Builder chosen(evaluation_.pool());
    ARROW_RETURN_NOT_OK(chosen.Reserve(count));
    int64_t without_time = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (column.IsNull(i)) {
        ++without_time;
      } else if (times[i] >= first_open) {
        chosen.UnsafeAppend(static_cast<int32_t>(i));
      }
    }
    counters_->without_time.fetch_add(without_time, std::memory_order_relaxed);
    counters_->late.fetch_add(count - without_time - chosen.length(),
                              std::memory_order_relaxed);
    ARROW_ASSIGN_OR_RAISE(auto indices, chosen.Finish());
    return Chosen(rows, indices);
  }

  // The start of each row's window.
  Result<std::shared_ptr<arrow::Array>> Starts(const arrow::RecordBatch& rows) const {
    const int64_t count = rows.num_rows();
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                          arrow::AllocateBuffer(count * 8, evaluation_.pool()));
    auto* starts = reinterpret_cast<int64_t*>(data->mutable_data());
    const int64_t* times = Times(rows);
    // Neighbours mostly share a window: one comparison instead of a division.
    int64_t start = 0, end = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (times[i] < start || times[i] >= end) {
        start = WindowStart(times[i], window_.size_micros, window_.offset_micros);
        end = start + window_.size_micros;
      }
      starts[i] = start;
    }
    return arrow::MakeArray(
        arrow::ArrayData::Make(time_type_, count, {nullptr, std::move(data)}, 0));
  }

  Status AddWithStarts(const arrow::RecordBatch& rows, KeyArrays& keys) {
    ARROW_ASSIGN_OR_RAISE(auto starts, Starts(rows));
    keys.insert(keys.begin(), std::move(starts));
    return AddTo(0, rows, keys);
  }

  // Runs of rows in one window are added as slices of the batch, without looking at their
  // time again. A batch that jumps between windows is put in order first, or every run
  // would be a row.
  Status AddByWindow(const std::shared_ptr<arrow::RecordBatch>& rows,
                     const KeyArrays& keys) {
    const int64_t count = rows->num_rows();
    const int64_t* times = Times(*rows);
    std::vector<Run> runs;
    for (int64_t begin = 0; begin < count;) {
      const int64_t start =
          WindowStart(times[begin], window_.size_micros, window_.offset_micros);
      const int64_t end_time = start + window_.size_micros;
      int64_t end = begin + 1;
      while (end < count && times[end] >= start && times[end] < end_time) ++end;
      runs.push_back({start, begin, end});
      begin = end;
    }
    if (static_cast<int64_t>(runs.size()) * kMinRunRows > count && runs.size() > 4) {
      return AddSorted(rows, runs);
    }
    for (const Run& run : runs) {
      KeyArrays part;
      for (const auto& key : keys)
        part.push_back(key->Slice(run.begin, run.end - run.begin));
      ARROW_RETURN_NOT_OK(
          AddTo(run.start, *rows->Slice(run.begin, run.end - run.begin), part));
    }
    return Status::OK();
  }

  struct Run {
    int64_t start, begin, end;
  };
  static constexpr int64_t kMinRunRows = 64;

  Status AddSorted(const std::shared_ptr<arrow::RecordBatch>& rows,
                   std::vector<Run> runs) {
    std::stable_sort(runs.begin(), runs.end(),
                     [](const Run& a, const Run& b) { return a.start < b.start; });
    for (size_t first = 0; first < runs.size();) {
      arrow::Int32Builder chosen(evaluation_.pool());
      size_t last = first;
      for (; last < runs.size() && runs[last].start == runs[first].start; ++last) {
        for (int64_t i = runs[last].begin; i < runs[last].end; ++i) {
          ARROW_RETURN_NOT_OK(chosen.Append(static_cast<int32_t>(i)));
        }
      }
      ARROW_ASSIGN_OR_RAISE(auto indices, chosen.Finish());
      ARROW_ASSIGN_OR_RAISE(auto part, Chosen(rows, indices));
      ARROW_ASSIGN_OR_RAISE(KeyArrays keys, Keys(*part));
      ARROW_RETURN_NOT_OK(AddTo(runs[first].start, *part, keys));
      first = last;
    }
    return Status::OK();
  }

  static constexpr const char* kClosed = "closed";
  const plan::TumblingWindow window_;
  const std::shared_ptr<arrow::DataType> time_type_;
  const bool has_watermark_;
  RowCounters* const counters_;
  int64_t closed_ = data::event_time::kMin;  // the watermark
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
  if (aggregate.window()) {
    return std::make_unique<WindowedGroupBy>(aggregate, HasWatermark(node), context);
  }
  return std::make_unique<GroupBy>(aggregate, context);
}

}  // namespace millrace::operators

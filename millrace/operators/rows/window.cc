// Rows are given the windows that hold them.
#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/window/runs.h"
#include "millrace/operators/window/slicing.h"
#include "millrace/plan/window_node.h"

namespace millrace::operators {

namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;

// What both forms share: columns of times behind those of the input.
class AssignBase : public UnaryOperator {
 public:
  AssignBase(const plan::WindowNode& node, Slicing slicing,
             const OperatorContext& context)
      : time_column_(node.window().time_column),
        slicing_(slicing),
        schema_(node.schema()),
        counters_(context.counters),
        evaluation_(context) {}

 protected:
  using Times = std::array<std::shared_ptr<arrow::Buffer>, 3>;  // start, end, time

  Result<Times> Allocate(int64_t rows) const {
    Times out;
    for (auto& buffer : out) {
      ARROW_ASSIGN_OR_RAISE(buffer, arrow::AllocateBuffer(rows * 8, evaluation_.pool()));
    }
    return out;
  }

  Rows WithTimes(const arrow::RecordBatch& rows, Times times) const {
    auto columns = rows.columns();
    arrow::FieldVector fields = rows.schema()->fields();
    for (auto& buffer : times) {
      fields.push_back(schema_->field(static_cast<int>(fields.size())));
      columns.push_back(arrow::MakeArray(arrow::ArrayData::Make(
          fields.back()->type(), rows.num_rows(), {nullptr, std::move(buffer)}, 0)));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(),
                                    std::move(columns));
  }

  const int time_column_;
  const Slicing slicing_;
  const std::shared_ptr<arrow::Schema> schema_;
  RowCounters* const counters_;
  Evaluation evaluation_;
};

// One window a row: the rows stay as they are, in their order.
class AssignTumbling final : public AssignBase {
 public:
  using AssignBase::AssignBase;

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_RETURN_NOT_OK(DropWithoutTime(&batch.rows));
    const int64_t rows = batch.num_rows();
    if (rows == 0) return OpState::kNeedInput;
    const int64_t* values =
        batch.rows->column(time_column_)->data()->GetValues<int64_t>(1);
    ARROW_ASSIGN_OR_RAISE(Times times, Allocate(rows));
    auto* start = reinterpret_cast<int64_t*>(times[0]->mutable_data());
    auto* end = reinterpret_cast<int64_t*>(times[1]->mutable_data());
    auto* last = reinterpret_cast<int64_t*>(times[2]->mutable_data());
    Slicing::Range range;
    int64_t from = 0, to = 0;
    for (int64_t i = 0; i < rows; ++i) {
      if (!range.Holds(values[i])) {
        range = slicing_.Find(values[i]);
        from = slicing_.StartOf(range.slice);
        to = slicing_.EndOf(range.slice);
      }
      start[i] = from;
      end[i] = to;
      last[i] = to - 1;
    }
    batch.rows = WithTimes(*batch.rows, std::move(times));
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  Status DropWithoutTime(Rows* rows) {
    const arrow::Array& times = *(*rows)->column(time_column_);
    if (times.null_count() == 0) return Status::OK();
    counters_->without_time.fetch_add(times.null_count(), std::memory_order_relaxed);
    const std::vector<SlotRun> runs =
        RunsWhere(times.length(), [&](int64_t row) { return times.IsValid(row); });
    return RowsOf(*rows, runs, evaluation_).Value(rows);
  }
};

// Rows of one slice are put out once for each of its windows, their columns shared. Rows
// of a batch are put together by slice first, so that this is few batches.
class AssignSeveral final : public AssignBase {
 public:
  AssignSeveral(const plan::WindowNode& node, Slicing slicing,
                const OperatorContext& context)
      : AssignBase(node, slicing, context),
        drops_late_(node.drops_late()),
        grace_(node.window().grace_micros),
        late_(node.window().late),
        late_rows_(context.late_rows) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    const arrow::Array& times = *batch.rows->column(time_column_);
    const int64_t* values = times.data()->GetValues<int64_t>(1);
    const int64_t count = batch.num_rows();
    std::vector<SlotRun> runs;
    Slicing::Range range;
    int64_t without_time = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (times.IsNull(i)) {
        ++without_time;
        continue;
      }
      if (runs.empty() || !range.Holds(values[i])) range = slicing_.Find(values[i]);
      if (!runs.empty() && runs.back().slot == range.slice && runs.back().end == i) {
        runs.back().end = i + 1;
      } else {
        runs.push_back({range.slice, i, i + 1});
      }
    }
    counters_->without_time.fetch_add(without_time, std::memory_order_relaxed);
    ARROW_RETURN_NOT_OK(ForEachSlot(runs, [&](std::span<const SlotRun> its) -> Status {
      ARROW_ASSIGN_OR_RAISE(Rows rows, RowsOf(batch.rows, its, evaluation_));
      return Wait(its.front().slot, std::move(rows));
    }));
    return Continue(out);
  }

  Result<OpState> OnWatermark(const Watermark& watermark, Output& out) override {
    const bool from_start = watermark.micros < data::event_time::kMin + grace_;
    closed_ = std::max(closed_,
                       from_start ? data::event_time::kMin : watermark.micros - grace_);
    return OpState::kNeedInput;
  }

  Result<OpState> Continue(Output& out) override {
    if (waiting_.empty()) return OpState::kNeedInput;
    Waiting& rows = waiting_.front();
    ARROW_RETURN_NOT_OK(Put(*rows.rows, rows.window, out));
    rows.window += slicing_.WindowStep();
    if (rows.window > rows.last) waiting_.pop_front();
    return waiting_.empty() ? OpState::kNeedInput : OpState::kHasOutput;
  }

 private:
  struct Waiting {
    Rows rows;
    int64_t window, last;
  };

  Status Wait(int64_t slice, Rows rows) {
    int64_t window = slicing_.FirstWindow(slice);
    int64_t last = slicing_.LastWindow(slice);
    if (window > last) return Status::OK();  // it lies in a gap between windows
    if (drops_late_) {
      const int64_t open = slicing_.FirstOpen(closed_);  // or in their grace period
      if (last < open && late_ == plan::Window::Late::kNextWindow) {
        const int64_t next = slicing_.NextInWindow(open);
        window = slicing_.FirstWindow(next);
        last = slicing_.LastWindow(next);
      } else if (last < open) {
        counters_->late.fetch_add(rows->num_rows(), std::memory_order_relaxed);
        return late_ == plan::Window::Late::kDeadLetter ? late_rows_->Take(*rows)
                                                        : Status::OK();
      }
      while (window < open) window += slicing_.WindowStep();
    }
    waiting_.push_back({std::move(rows), window, last});
    return Status::OK();
  }

  Status Put(const arrow::RecordBatch& rows, int64_t window, Output& out) {
    const int64_t end = slicing_.EndOf(window);
    ARROW_ASSIGN_OR_RAISE(Times times, Allocate(rows.num_rows()));
    const int64_t values[] = {slicing_.WindowStart(window), end, end - 1};
    for (size_t i = 0; i < times.size(); ++i) {
      std::fill_n(reinterpret_cast<int64_t*>(times[i]->mutable_data()), rows.num_rows(),
                  values[i]);
    }
    data::Batch batch;
    batch.rows = WithTimes(rows, std::move(times));
    out.Push(std::move(batch));
    return Status::OK();
  }

  const bool drops_late_;
  const int64_t grace_;
  const plan::Window::Late late_;
  LateRows* const late_rows_;
  std::deque<Waiting> waiting_;
  int64_t closed_ = data::event_time::kMin;  // the watermark, less the grace period
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeWindow(const plan::Node& node,
                                             const OperatorContext& context) {
  const auto& window = static_cast<const plan::WindowNode&>(node);
  if (window.window().is_session())
    return errors::kInternal.Make({}, "rows are not given sessions one by one");
  ARROW_ASSIGN_OR_RAISE(Slicing slicing, Slicing::Make(window.window()));
  if (window.window().tumbles())
    return std::make_unique<AssignTumbling>(window, slicing, context);
  return std::make_unique<AssignSeveral>(window, slicing, context);
}

}  // namespace millrace::operators

#include <algorithm>
#include <vector>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/factories_internal.h"
#include "millrace/plan/union_node.h"

namespace millrace::operators {

namespace {

// Rows of every input as they come; time is the minimum of the inputs that are not idle;
// a barrier waits until all have met it. Splits of several inputs have no common order,
// so their announcements end here.
class Union final : public Operator {
 public:
  Union(size_t inputs, std::shared_ptr<arrow::Schema> schema)
      : ports_(inputs), schema_(std::move(schema)) {}

  bool wants(int port) const override {
    return !ports_[static_cast<size_t>(port)].at_barrier;
  }

  Result<OpState> Run(Input* in, Output& out, const Budget&) override {
    if (in == nullptr) return OpState::kNeedInput;
    Port& port = ports_[static_cast<size_t>(in->port)];
    if (auto* batch = std::get_if<data::Batch>(&in->event)) {
      Rename(*batch);
      out.Push(std::move(*batch));
    } else if (const auto* watermark = std::get_if<Watermark>(&in->event)) {
      port.time = *watermark;
      PushWatermark(out);
    } else if (const auto* barrier = std::get_if<Barrier>(&in->event)) {
      port.at_barrier = true;
      barrier_ = *barrier;
      PushBarrier(out);
    } else if (std::holds_alternative<End>(in->event)) {
      port.ended = true;
      if (std::all_of(ports_.begin(), ports_.end(),
                      [](const Port& p) { return p.ended; })) {
        out.Push(End{});
        return OpState::kDone;
      }
      // State is taken behind a barrier: it comes last.
      PushWatermark(out);
      PushBarrier(out);
    } else if (!std::holds_alternative<SplitBegin>(in->event)) {
      out.Push(std::move(in->event));
    }
    return OpState::kNeedInput;
  }

 private:
  struct Port {
    Watermark time;
    bool at_barrier = false;
    bool ended = false;
  };

  // The names of the first input count.
  void Rename(data::Batch& batch) const {
    arrow::FieldVector fields = schema_->fields();
    for (size_t i = 0; i < fields.size(); ++i) {
      const auto& type = batch.rows->column(static_cast<int>(i))->type();
      if (type->id() != fields[i]->type()->id()) fields[i] = fields[i]->WithType(type);
    }
    batch.rows = arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                          batch.num_rows(), batch.rows->columns());
    batch.split = SplitId{0};
    batch.end = {};
  }

  void PushWatermark(Output& out) {
    int64_t least = data::event_time::kMax, newest = time_.micros;
    bool idle = true;
    for (const Port& port : ports_) {
      newest = std::max(newest, port.time.micros);
      if (port.ended || port.time.idle) continue;
      idle = false;
      least = std::min(least, port.time.micros);
    }
    // One that comes back may be behind, but time does not go back.
    const Watermark merged{idle ? newest : std::max(least, time_.micros), idle};
    if (merged == time_) return;
    time_ = merged;
    out.Push(merged);
  }

  void PushBarrier(Output& out) {
    bool any = false;
    for (const Port& port : ports_) {
      if (!port.ended && !port.at_barrier) return;
      any |= port.at_barrier;
    }
    if (!any) return;
    for (Port& port : ports_) port.at_barrier = false;
    out.Push(barrier_);
  }

  std::vector<Port> ports_;
  const std::shared_ptr<arrow::Schema> schema_;
  Watermark time_;
  Barrier barrier_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeUnion(const plan::Node& node,
                                            const OperatorContext&) {
  return std::make_unique<Union>(node.inputs().size(), node.schema());
}

}  // namespace millrace::operators

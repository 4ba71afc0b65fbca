#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/window_bounds.h"
#include "millrace/plan/window_node.h"

namespace millrace::operators {

namespace {

class Window final : public UnaryOperator {
 public:
  Window(plan::TumblingWindow window, std::shared_ptr<arrow::Schema> schema,
         const OperatorContext& context)
      : window_(window),
        schema_(std::move(schema)),
        counters_(context.counters),
        evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(batch.rows, WithoutNullTimes(batch.rows));
    const int64_t rows = batch.num_rows();
    if (rows == 0) return OpState::kNeedInput;
    const arrow::Array& times = *batch.rows->column(window_.time_column);
    const int64_t* values = times.data()->GetValues<int64_t>(1);
    std::shared_ptr<arrow::Buffer> starts, ends, lasts;
    ARROW_ASSIGN_OR_RAISE(starts, arrow::AllocateBuffer(rows * 8, evaluation_.pool()));
    ARROW_ASSIGN_OR_RAISE(ends, arrow::AllocateBuffer(rows * 8, evaluation_.pool()));
    ARROW_ASSIGN_OR_RAISE(lasts, arrow::AllocateBuffer(rows * 8, evaluation_.pool()));
    auto* start = reinterpret_cast<int64_t*>(starts->mutable_data());
    auto* end = reinterpret_cast<int64_t*>(ends->mutable_data());
    auto* last = reinterpret_cast<int64_t*>(lasts->mutable_data());
    for (int64_t i = 0; i < rows; ++i) {
      start[i] = WindowStart(values[i], window_.size_micros, window_.offset_micros);
      end[i] = start[i] + window_.size_micros;
      last[i] = end[i] - 1;
    }
    auto columns = batch.rows->columns();
    for (auto& buffer : {starts, ends, lasts}) {
      columns.push_back(arrow::MakeArray(
          arrow::ArrayData::Make(times.type(), rows, {nullptr, buffer}, 0)));
    }
    arrow::FieldVector fields = batch.rows->schema()->fields();
    for (int i = static_cast<int>(fields.size()); i < schema_->num_fields(); ++i) {
      fields.push_back(schema_->field(i));
    }
    batch.rows = arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                          std::move(columns));
    out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> WithoutNullTimes(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    const auto& times = rows->column(window_.time_column);
    if (times->null_count() == 0) return rows;
    counters_->without_time.fetch_add(times->null_count(), std::memory_order_relaxed);
    arrow::Int32Builder chosen(evaluation_.pool());
    ARROW_RETURN_NOT_OK(chosen.Reserve(rows->num_rows()));
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      if (times->IsValid(i)) chosen.UnsafeAppend(static_cast<int32_t>(i));
    }
    ARROW_ASSIGN_OR_RAISE(auto indices, chosen.Finish());
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return taken.record_batch();
  }

  const plan::TumblingWindow window_;
  const std::shared_ptr<arrow::Schema> schema_;
  RowCounters* const counters_;
  Evaluation evaluation_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeWindow(const plan::Node& node,
                                             const OperatorContext& context) {
  const auto& window = static_cast<const plan::WindowNode&>(node);
  return std::make_unique<Window>(window.window(), window.schema(), context);
}

}  // namespace millrace::operators

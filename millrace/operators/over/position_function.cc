// Functions that look at where a row stands, not at what it holds.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/operators/over/window_function.h"

namespace millrace::operators {

namespace {

using plan::OverFunction;

class PositionFunction final : public WindowFunction {
 public:
  PositionFunction(const plan::OverCall& call, int dense, arrow::MemoryPool* pool)
      : function_(call.function),
        type_(call.type),
        parts_(call.number),
        dense_(dense),
        pool_(pool) {}

  Status Begin(int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(values_, arrow::AllocateBuffer(rows * 8, pool_));
    at_ = 0;
    return Status::OK();
  }

  Status Evaluate(const FrameRows& rows, const FramedRows& framed) override {
    auto* out = reinterpret_cast<int64_t*>(values_->mutable_data()) + at_;
    auto* real = reinterpret_cast<double*>(values_->mutable_data()) + at_;
    const FrameRows::Partition& partition = rows.partition(framed.id);
    const auto all = static_cast<double>(partition.rows);
    at_ += framed.count;
    switch (function_) {
      case OverFunction::kRowNumber:
        for (int64_t i = 0; i < framed.count; ++i) out[i] = framed.first + i + 1;
        break;
      // The frame of a row is the rows that are equal to it.
      case OverFunction::kRank:
        for (int64_t i = 0; i < framed.count; ++i) out[i] = framed.begins[i] + 1;
        break;
      case OverFunction::kDenseRank: {
        Cursor<int64_t> dense(rows, partition, dense_);
        for (int64_t i = 0; i < framed.count; ++i) {
          dense.Seek(framed.first + i);
          out[i] = dense.value();
        }
        break;
      }
      case OverFunction::kPercentRank:
        for (int64_t i = 0; i < framed.count; ++i) {
          real[i] = partition.rows == 1
                        ? 0.0
                        : static_cast<double>(framed.begins[i]) / (all - 1);
        }
        break;
      case OverFunction::kCumeDist:
        for (int64_t i = 0; i < framed.count; ++i)
          real[i] = static_cast<double>(framed.ends[i]) / all;
        break;
      default:
        for (int64_t i = 0; i < framed.count; ++i)
          out[i] = PartOf(framed.first + i, partition.rows);
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish() override {
    return arrow::MakeArray(
        arrow::ArrayData::Make(type_, at_, {nullptr, std::move(values_)}, 0));
  }

  int64_t Needed(const FrameRows&, const FrameBounds&, uint32_t) const override {
    return kNothing;
  }

 private:
  // Parts differ by one row at most, the greater ones first.
  int64_t PartOf(int64_t row, int64_t rows) const {
    const int64_t size = rows / parts_, greater = rows % parts_;
    const int64_t border = greater * (size + 1);
    return row < border ? row / (size + 1) + 1 : greater + (row - border) / size + 1;
  }

  const OverFunction function_;
  const expr::TypePtr type_;
  const int64_t parts_;
  const int dense_;
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::Buffer> values_;
  int64_t at_ = 0;
};

}  // namespace

WindowFunctionPtr MakePositionFunction(const plan::OverCall& call, int dense,
                                       arrow::MemoryPool* pool) {
  return std::make_unique<PositionFunction>(call, dense, pool);
}

}  // namespace millrace::operators

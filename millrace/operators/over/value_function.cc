// Functions that give the value of one row of the frame.
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>

#include "millrace/operators/over/window_function.h"

namespace millrace::operators {

namespace {

using plan::OverFunction;

class ValueFunction final : public WindowFunction {
 public:
  ValueFunction(const plan::OverCall& call, int column, int otherwise,
                arrow::MemoryPool* pool)
      : function_(call.function),
        number_(call.number),
        from_begin_(call.frame.from_begin()),
        type_(call.type),
        column_(column),
        otherwise_(otherwise),
        pool_(pool) {}

  Status Begin(int64_t rows) override {
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool_, type_, &builder_));
    return builder_->Reserve(rows);
  }

  // Neighbours are often wanted by neighbours: they are copied together.
  Status Evaluate(const FrameRows& rows, const FramedRows& framed) override {
    const FrameRows::Partition& partition = rows.partition(framed.id);
    RowFinder finder(partition), own(partition);
    Run run;
    for (int64_t i = 0; i < framed.count; ++i) {
      const int64_t begin = framed.begins[i], end = framed.ends[i];
      int64_t row = begin;
      if (function_ == OverFunction::kLastValue) row = end - 1;
      if (function_ == OverFunction::kNthValue) row = begin + number_ - 1;
      if (row >= begin && row < end) {
        ARROW_RETURN_NOT_OK(Add(rows, finder.Find(row), row, column_, &run));
      } else if (otherwise_ >= 0) {
        const int64_t self = framed.first + i;
        ARROW_RETURN_NOT_OK(Add(rows, own.Find(self), self, otherwise_, &run));
      } else {
        ARROW_RETURN_NOT_OK(Copy(&run));
        ARROW_RETURN_NOT_OK(builder_->AppendNull());
      }
    }
    return Copy(&run);
  }

  Result<std::shared_ptr<arrow::Array>> Finish() override { return builder_->Finish(); }

  int64_t Needed(const FrameRows& rows, const FrameBounds& bounds,
                 uint32_t id) const override {
    if (function_ == OverFunction::kLastValue) return bounds.FirstLast(rows, id);
    return from_begin_ ? kNothing : bounds.FirstBegin(rows, id);
  }
  int64_t Pinned() const override {
    return from_begin_ && function_ != OverFunction::kLastValue ? number_ : 0;
  }

 private:
  // Values behind each other in one column of a chunk.
  struct Run {
    const arrow::ArrayData* values = nullptr;
    int64_t offset = 0;
    int64_t count = 0;
  };

  Status Add(const FrameRows& rows, const FrameRows::Segment& segment, int64_t row,
             int column, Run* run) {
    const arrow::ArrayData* values = rows.view(segment.chunk, column).data;
    const int64_t offset = segment.offset + row - segment.first;
    if (run->values == values && run->offset + run->count == offset) {
      ++run->count;
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(Copy(run));
    *run = {values, offset, 1};
    return Status::OK();
  }

  Status Copy(Run* run) {
    if (run->count > 0) {
      ARROW_RETURN_NOT_OK(
          builder_->AppendArraySlice(*run->values, run->offset, run->count));
    }
    *run = {};
    return Status::OK();
  }

  const OverFunction function_;
  const int64_t number_;
  const bool from_begin_;
  const expr::TypePtr type_;
  const int column_, otherwise_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
};

}  // namespace

WindowFunctionPtr MakeValueFunction(const plan::OverCall& call, int column, int otherwise,
                                    arrow::MemoryPool* pool) {
  return std::make_unique<ValueFunction>(call, column, otherwise, pool);
}

}  // namespace millrace::operators

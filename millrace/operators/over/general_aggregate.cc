// Any aggregate over frames.
//
// Frames that begin with their partition only grow: a partition is a group whose state is
// kept, and each row is added once. Frames that let go of rows are added up one by one,
// many at a time: aggregates in general can't take rows away, so this costs as many steps
// as there are rows in the frames.
#include <algorithm>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/aggregate/aggregate_set.h"
#include "millrace/operators/over/window_function.h"

namespace millrace::operators {

namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;

// So many rows of frames are added up at once.
constexpr int64_t kFrameRows = 64 * 1024;

class GrowingAggregate final : public WindowFunction {
 public:
  GrowingAggregate(const plan::OverCall& call, AggregateSet set, Evaluation& evaluation)
      : type_(call.type),
        state_types_(AggregateSet::StateTypes({call.aggregate})),
        set_(std::move(set)),
        evaluation_(&evaluation) {}

  Status Resize(int64_t partitions) override {
    added_.resize(static_cast<size_t>(partitions));
    return set_.Resize(partitions);
  }

  Status Begin(int64_t rows) override {
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(evaluation_->pool(), type_, &builder_));
    return builder_->Reserve(rows);
  }

  Status Evaluate(const FrameRows& rows, const FramedRows& framed) override {
    int64_t& added = added_[framed.id];
    std::shared_ptr<arrow::Array> result;
    for (int64_t i = 0; i < framed.count; ++i) {
      const int64_t end = framed.ends[i];
      if (end > added) {
        ARROW_RETURN_NOT_OK(Add(rows, framed.id, added, end));
        added = end;
        result.reset();
      }
      if (!result) {
        ARROW_ASSIGN_OR_RAISE(auto results, set_.Finish(framed.id, framed.id + 1));
        result = std::move(results[0]);
      }
      ARROW_RETURN_NOT_OK(builder_->AppendArraySlice(*result->data(), 0, 1));
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish() override { return builder_->Finish(); }

  int64_t Needed(const FrameRows&, const FrameBounds&, uint32_t id) const override {
    return added_[id];
  }

  std::vector<std::shared_ptr<arrow::DataType>> StateTypes() const override {
    auto types = state_types_;
    types.insert(types.begin(), arrow::int64());
    return types;
  }

  Result<Arrays> States(std::span<const uint32_t> ids) override {
    arrow::Int64Builder added(evaluation_->pool());
    for (const uint32_t id : ids) ARROW_RETURN_NOT_OK(added.Append(added_[id]));
    Arrays out(1);
    ARROW_RETURN_NOT_OK(added.Finish(&out[0]));
    ARROW_ASSIGN_OR_RAISE(Arrays states, set_.State(expr::GroupSelection(ids)));
    out.insert(out.end(), states.begin(), states.end());
    return out;
  }

  Status Restore(const Arrays& state, std::span<const uint32_t> ids) override {
    const auto& added = static_cast<const arrow::Int64Array&>(*state[0]);
    for (size_t i = 0; i < ids.size(); ++i)
      added_[ids[i]] = added.Value(static_cast<int64_t>(i));
    arrow::FieldVector fields;
    for (const auto& type : state_types_) fields.push_back(arrow::field("", type));
    return set_.Merge(*arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                                static_cast<int64_t>(ids.size()),
                                                Arrays(state.begin() + 1, state.end())),
                      ids.data(), 0);
  }

  void Clear() override {
    added_.clear();
    set_.Clear();
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(added_.capacity() * 8);
  }
  Status Charge() override { return set_.Charge(); }

 private:
  Status Add(const FrameRows& rows, uint32_t id, int64_t begin, int64_t end) {
    RowFinder finder(rows.partition(id));
    while (begin < end) {
      const FrameRows::Segment& segment = finder.Find(begin);
      const int64_t count = std::min(end, segment.first + segment.count) - begin;
      const Rows slice =
          rows.chunk(segment.chunk).Slice(segment.offset + begin - segment.first, count);
      ids_.assign(static_cast<size_t>(count), id);
      ARROW_RETURN_NOT_OK(set_.Update(*slice, ids_.data(), 0));
      begin += count;
    }
    return Status::OK();
  }

  const expr::TypePtr type_;
  const std::vector<expr::TypePtr> state_types_;
  AggregateSet set_;
  Evaluation* const evaluation_;
  std::vector<int64_t> added_;  // rows of each partition
  std::vector<uint32_t> ids_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
};

class FrameByFrame final : public WindowFunction {
 public:
  FrameByFrame(AggregateSet set, Evaluation& evaluation)
      : set_(std::move(set)), evaluation_(&evaluation) {}

  Status Begin(int64_t rows) override {
    results_.clear();
    return Status::OK();
  }

  Status Evaluate(const FrameRows& rows, const FramedRows& framed) override {
    int64_t first = 0;
    while (first < framed.count) {
      int64_t last = first, total = 0;
      int64_t low = framed.begins[first], high = 0;
      while (last < framed.count) {
        const int64_t length =
            std::max<int64_t>(framed.ends[last] - framed.begins[last], 0);
        if (last > first && total + length > kFrameRows) break;
        total += length;
        if (length > 0) high = std::max(high, framed.ends[last]);
        ++last;
      }
      // Rows are copied beside each other once, then each frame is a slice of them.
      ARROW_ASSIGN_OR_RAISE(Rows local, Copy(rows, framed.id, low, high));
      ids_.clear();
      std::vector<int64_t> chosen;
      chosen.reserve(static_cast<size_t>(total));
      for (int64_t i = first; i < last; ++i) {
        for (int64_t row = framed.begins[i]; row < framed.ends[i]; ++row) {
          chosen.push_back(row - low);
          ids_.push_back(static_cast<uint32_t>(i - first));
        }
      }
      set_.Clear();
      ARROW_RETURN_NOT_OK(set_.Resize(last - first));
      if (!chosen.empty()) {
        const arrow::Int64Array indices(static_cast<int64_t>(chosen.size()),
                                        arrow::Buffer::Wrap(chosen));
        ARROW_ASSIGN_OR_RAISE(
            arrow::Datum taken,
            arrow::compute::Take(local, indices,
                                 arrow::compute::TakeOptions::NoBoundsCheck(),
                                 evaluation_->arrow()));
        ARROW_RETURN_NOT_OK(set_.Update(*taken.record_batch(), ids_.data(), 0));
      }
      ARROW_ASSIGN_OR_RAISE(auto results, set_.Finish(0, last - first));
      results_.push_back(std::move(results[0]));
      ARROW_RETURN_NOT_OK(set_.Charge());
      first = last;
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Finish() override {
    if (results_.size() == 1) return std::move(results_[0]);
    return arrow::Concatenate(results_, evaluation_->pool());
  }

  int64_t Needed(const FrameRows& rows, const FrameBounds& bounds,
                 uint32_t id) const override {
    return bounds.FirstBegin(rows, id);
  }

 private:
  Result<Rows> Copy(const FrameRows& rows, uint32_t id, int64_t begin, int64_t end) {
    std::vector<Rows> pieces;
    RowFinder finder(rows.partition(id));
    while (begin < end) {
      const FrameRows::Segment& segment = finder.Find(begin);
      const int64_t count = std::min(end, segment.first + segment.count) - begin;
      pieces.push_back(
          rows.chunk(segment.chunk).Slice(segment.offset + begin - segment.first, count));
      begin += count;
    }
    if (pieces.size() == 1) return pieces[0];
    if (pieces.empty())
      return arrow::RecordBatch::MakeEmpty(rows.schema(), evaluation_->pool());
    return arrow::ConcatenateRecordBatches(pieces, evaluation_->pool());
  }

  AggregateSet set_;
  Evaluation* const evaluation_;
  std::vector<uint32_t> ids_;
  arrow::ArrayVector results_;
};

}  // namespace

Result<WindowFunctionPtr> MakeGeneralAggregate(const plan::OverCall& call,
                                               Evaluation& evaluation) {
  ARROW_ASSIGN_OR_RAISE(
      AggregateSet set,
      AggregateSet::Make({call.aggregate}, plan::AggregatePhase::kSingle, evaluation));
  if (call.frame.from_begin()) {
    return std::make_unique<GrowingAggregate>(call, std::move(set), evaluation);
  }
  return std::make_unique<FrameByFrame>(std::move(set), evaluation);
}

}  // namespace millrace::operators

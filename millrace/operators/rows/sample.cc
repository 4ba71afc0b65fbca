// A sample: numbers drawn from the place of a row, not from a generator's state,
// so that the sample does not depend on who reads.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/sample_node.h"

namespace millrace::operators {

namespace {

// Room for the rows of one split.
constexpr int kRowBits = 40;

// The finisher of a 64-bit hash: every bit of `x` reaches every bit of the result.
uint64_t Mixed(uint64_t x) {
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ULL;
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ULL;
  return x ^ (x >> 32);
}

class Sample final : public UnaryOperator {
 public:
  Sample(const plan::SampleNode& node, const OperatorContext& context)
      : seed_(Mixed(static_cast<uint64_t>(node.seed()) + 1)),
        share_(node.share()),
        schema_(node.schema()),
        evaluation_(context) {}

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    // A task reads one split of a bounded source after another, each in its order.
    if (batch.split.value != split_) {
      split_ = batch.split.value;
      row_ = 0;
      of_split_ = Mixed(seed_ ^ Mixed(static_cast<uint64_t>(split_) + 1));
    }
    const int64_t first = row_;
    row_ += batch.num_rows();
    if (share_) {
      ARROW_RETURN_NOT_OK(Keep(first, &batch));
    } else {
      ARROW_RETURN_NOT_OK(Number(first, &batch));
    }
    if (batch.num_rows() > 0) out.Push(std::move(batch));
    return OpState::kNeedInput;
  }

 private:
  // From 0 on, without a sign.
  int64_t Draw(int64_t row) const {
    return static_cast<int64_t>(
        Mixed(of_split_ + static_cast<uint64_t>(row) * 0x9E3779B97F4A7C15ULL) >> 1);
  }

  Result<std::shared_ptr<arrow::Buffer>> Room(int64_t rows) {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(
                                           rows * static_cast<int64_t>(sizeof(int64_t)),
                                           evaluation_.pool()));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

  Status Keep(int64_t first, data::Batch* batch) {
    constexpr double kDraws = 9223372036854775808.0;  // 2^63
    ARROW_ASSIGN_OR_RAISE(auto room, Room(batch->num_rows()));
    auto* chosen = room->mutable_data_as<int64_t>();
    int64_t kept = 0;
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      chosen[kept] = i;
      kept += static_cast<double>(Draw(first + i)) < *share_ * kDraws ? 1 : 0;
    }
    if (kept == batch->num_rows()) return Status::OK();
    const arrow::Int64Array indices(kept, std::move(room));
    ARROW_ASSIGN_OR_RAISE(
        const arrow::Datum rows,
        arrow::compute::Take(batch->rows, indices,
                             arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    batch->rows = rows.record_batch();
    return Status::OK();
  }

  Status Number(int64_t first, data::Batch* batch) {
    const int64_t rows = batch->num_rows();
    ARROW_ASSIGN_OR_RAISE(auto draws, Room(rows));
    ARROW_ASSIGN_OR_RAISE(auto places, Room(rows));
    for (int64_t i = 0; i < rows; ++i) {
      draws->mutable_data_as<int64_t>()[i] = Draw(first + i);
      places->mutable_data_as<int64_t>()[i] = (split_ << kRowBits) + first + i;
    }
    auto columns = batch->rows->columns();
    columns.push_back(std::make_shared<arrow::Int64Array>(rows, std::move(draws)));
    columns.push_back(std::make_shared<arrow::Int64Array>(rows, std::move(places)));
    batch->rows = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    return Status::OK();
  }

  const uint64_t seed_;
  const std::optional<double> share_;
  const std::shared_ptr<arrow::Schema> schema_;
  Evaluation evaluation_;
  int64_t split_ = -1;
  int64_t row_ = 0;  // of the split
  uint64_t of_split_ = 0;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeSample(const plan::Node& node,
                                             const OperatorContext& context) {
  return std::make_unique<Sample>(static_cast<const plan::SampleNode&>(node), context);
}

}  // namespace millrace::operators

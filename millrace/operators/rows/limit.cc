#include <algorithm>

#include <arrow/record_batch.h>

#include "millrace/operators/factories_internal.h"
#include "millrace/plan/limit_node.h"

namespace millrace::operators {

namespace {

class Limit final : public UnaryOperator {
 public:
  Limit(int64_t limit, int64_t offset) : left_(limit), to_skip_(offset) {}

  Result<OpState> Run(Input* in, Output& out, const Budget& budget) override {
    if (left_ > 0) return UnaryOperator::Run(in, out, budget);
    out.Push(End{});
    return OpState::kDone;
  }

  Status Snapshot(state::OperatorSnapshot& out) override {
    out.SetFact(kLeft, left_);
    out.SetFact(kToSkip, to_skip_);
    return Status::OK();
  }
  Status Restore(const state::OperatorState& state) override {
    left_ = state.Fact(kLeft).value_or(left_);
    to_skip_ = state.Fact(kToSkip).value_or(to_skip_);
    return Status::OK();
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    const int64_t skipped = std::min(to_skip_, batch.num_rows());
    to_skip_ -= skipped;
    const int64_t kept = std::min(left_, batch.num_rows() - skipped);
    left_ -= kept;
    if (kept > 0) {
      batch.rows = batch.rows->Slice(skipped, kept);
      out.Push(std::move(batch));
    }
    if (left_ > 0) return OpState::kNeedInput;
    out.Push(End{});
    return OpState::kDone;
  }

 private:
  static constexpr const char* kLeft = "left";
  static constexpr const char* kToSkip = "to_skip";
  int64_t left_;
  int64_t to_skip_;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeLimit(const plan::Node& node,
                                            const OperatorContext&) {
  const auto& limit = static_cast<const plan::LimitNode&>(node);
  return std::make_unique<Limit>(limit.limit(), limit.offset());
}

}  // namespace millrace::operators

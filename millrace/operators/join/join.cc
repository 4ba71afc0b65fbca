// Equi-joins with a bounded build side.
//
// The build side is read first. A barrier may come in the middle of it; then the probe
// side is read up to the same barrier, its rows are held until the build side is
// complete, and the barrier goes on. What is held is what was on its way between tasks,
// which their credit bounds: sources put a barrier before anything that they have not
// sent yet.
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/join/build_side.h"
#include "millrace/operators/state_rows.h"
#include "millrace/plan/join_node.h"

namespace millrace::operators {

namespace {

using plan::JoinType;
using Arrays = std::vector<std::shared_ptr<arrow::Array>>;

constexpr int kProbe = 0;
constexpr int kBuild = 1;

class Join final : public Operator {
 public:
  Join(const plan::JoinNode& node, const OperatorContext& context)
      : type_(node.type()),
        left_keys_(node.left_keys()),
        residual_(node.residual()),
        schema_(node.schema()),
        left_schema_(node.inputs()[0]->schema()),
        pair_schema_(PairSchema(node)),
        batch_rows_(context.batch_rows),
        dealt_by_key_(DealsByKey(node)),
        evaluation_(context),
        build_(node, evaluation_) {}

  bool wants(int port) const override {
    if (port == kBuild) return !build_at_barrier_ && !build_ended_;
    return !probe_at_barrier_ && (build_.finished() || build_at_barrier_);
  }

  Result<OpState> Run(Input* in, Output& out, const Budget&) override {
    if (in == nullptr) return Continue(out);
    return in->port == kBuild ? OnBuild(in->event, out) : OnProbe(in->event, out);
  }

  Status Snapshot(state::OperatorSnapshot& out) override {
    ARROW_RETURN_NOT_OK(build_.Snapshot(out));
    StateRows held(left_schema_, evaluation_.memory());
    for (const Event& event : held_) {
      const auto* batch = std::get_if<data::Batch>(&event);
      if (batch == nullptr) continue;
      ARROW_ASSIGN_OR_RAISE(
          auto rows, data::DecodedTo(batch->rows, left_schema_, evaluation_.pool()));
      std::shared_ptr<arrow::Array> groups;
      if (dealt_by_key_) {
        ARROW_ASSIGN_OR_RAISE(Arrays keys, JoinKeys(left_keys_, *rows, evaluation_));
        ARROW_ASSIGN_OR_RAISE(groups,
                              KeyGroupsOf(keys, rows->num_rows(), evaluation_.pool()));
      } else {
        ARROW_ASSIGN_OR_RAISE(groups,
                              SameKeyGroup(FirstKeyGroupOf(out.task(), out.tasks()),
                                           rows->num_rows(), evaluation_.pool()));
      }
      ARROW_RETURN_NOT_OK(held.Add(rows->columns(), std::move(groups)));
    }
    // Rows that are held no longer must not be found again: then the part is empty.
    const bool any = held.rows() > 0;
    const bool replaces = std::exchange(held_written_, any) && !out.whole();
    return any || replaces ? held.Put(kHeld, state::Extent::kWhole, out) : Status::OK();
  }

  Status Restore(const state::OperatorState& state) override {
    ARROW_RETURN_NOT_OK(build_.Restore(state));
    return state.Visit(
        kHeld, state::OperatorState::Rows::kMine,
        [this](const std::shared_ptr<arrow::RecordBatch>& rows, state::Extent) {
          held_written_ = true;
          data::Batch batch;
          batch.rows = rows;
          if (rows->num_rows() > 0) held_.push_back(std::move(batch));
          return Status::OK();
        });
  }

 private:
  // Watermarks of the build side are not ours: time is that of the probe side.
  Result<OpState> OnBuild(Event& event, Output& out) {
    const bool ends = std::holds_alternative<End>(event);
    build_ended_ |= ends;
    // Restored complete: all that comes again is the end.
    if (build_.finished()) return OpState::kNeedInput;
    if (auto* batch = std::get_if<data::Batch>(&event)) {
      build_.Add(std::move(batch->rows));
    } else if (const auto* barrier = std::get_if<Barrier>(&event)) {
      build_at_barrier_ = true;
      barrier_ = *barrier;
      PassBarrier(out);
    } else if (ends) {
      ARROW_RETURN_NOT_OK(build_.Finish());
      return Resume(out);
    }
    return OpState::kNeedInput;
  }

  Result<OpState> OnProbe(Event& event, Output& out) {
    if (const auto* barrier = std::get_if<Barrier>(&event)) {
      probe_at_barrier_ = true;
      barrier_ = *barrier;
      PassBarrier(out);
      return OpState::kNeedInput;
    }
    if (!build_.finished()) {
      probe_ended_ |= std::holds_alternative<End>(event);
      held_.push_back(std::move(event));
      PassBarrier(out);
      return OpState::kNeedInput;
    }
    ARROW_RETURN_NOT_OK(Use(std::move(event), out));
    return probing_ || ended_ ? Continue(out) : OpState::kNeedInput;
  }

  // Once both sides have met it. The last thing of a Run: state is taken behind it.
  void PassBarrier(Output& out) {
    const bool build_met = build_at_barrier_ || build_.finished();
    const bool probe_met = probe_at_barrier_ || probe_ended_;
    if (!build_met || !probe_met || !(build_at_barrier_ || probe_at_barrier_)) return;
    build_at_barrier_ = probe_at_barrier_ = false;
    out.Push(barrier_);
  }

  // An event of the probe side, with the build side complete.
  Status Use(Event event, Output& out) {
    if (auto* batch = std::get_if<data::Batch>(&event))
      return BeginProbe(std::move(*batch));
    if (std::holds_alternative<End>(event)) {
      ended_ = true;
    } else {
      out.Push(std::move(event));
    }
    return Status::OK();
  }

  // Go on with the events that were held.
  Result<OpState> Resume(Output& out) {
    if (!held_.empty()) {
      Event event = std::move(held_.front());
      held_.pop_front();
      ARROW_RETURN_NOT_OK(Use(std::move(event), out));
      return OpState::kHasOutput;
    }
    if (ended_) return OpState::kHasOutput;
    PassBarrier(out);
    return OpState::kNeedInput;
  }

  // The columns of a pair of rows, over which the residual condition is evaluated.
  static std::shared_ptr<arrow::Schema> PairSchema(const plan::JoinNode& node) {
    arrow::FieldVector fields = node.inputs()[0]->schema()->fields();
    const auto& right = node.inputs()[1]->schema()->fields();
    fields.insert(fields.end(), right.begin(), right.end());
    return arrow::schema(std::move(fields));
  }

  bool KeepsUnmatchedLeft() const {
    return type_ == JoinType::kLeft || type_ == JoinType::kFull ||
           type_ == JoinType::kAnti;
  }
  bool KeepsUnmatchedRight() const {
    return type_ == JoinType::kRight || type_ == JoinType::kFull;
  }
  bool LeftOnly() const { return type_ == JoinType::kSemi || type_ == JoinType::kAnti; }

  Status BeginProbe(data::Batch batch) {
    probe_ = std::move(batch);
    const int64_t rows = probe_.num_rows();
    ARROW_ASSIGN_OR_RAISE(probe_keys_, JoinKeys(left_keys_, *probe_.rows, evaluation_));
    candidates_.resize(static_cast<size_t>(rows));
    ARROW_RETURN_NOT_OK(build_.table().Find(probe_keys_, rows, candidates_.data()));
    probe_matched_.assign(static_cast<size_t>(rows), 0);
    probe_row_ = 0;
    probing_ = true;
    return Status::OK();
  }

  Result<OpState> Continue(Output& out) {
    if (probing_) {
      ARROW_RETURN_NOT_OK(PutPairs(out));
      if (probe_row_ < probe_.num_rows()) return OpState::kHasOutput;
      probing_ = false;
      if (KeepsUnmatchedLeft() || type_ == JoinType::kSemi)
        ARROW_RETURN_NOT_OK(PutProbeRows(out));
      probe_ = {};
      return Resume(out);
    }
    if (!ended_ || !held_.empty()) return Resume(out);
    if (KeepsUnmatchedRight() && unmatched_at_ < build_.rows()->num_rows()) {
      ARROW_RETURN_NOT_OK(PutBuildRows(out));
      return OpState::kHasOutput;
    }
    out.Push(End{});
    return OpState::kDone;
  }

  // The next pairs, at most about batch_rows_ of them: one probe row may match millions
  // of build rows, so a chain can be left in the middle and gone on with.
  Status PutPairs(Output& out) {
    arrow::Int32Builder left(evaluation_.pool()), right(evaluation_.pool());
    const int64_t rows = probe_.num_rows();
    while (probe_row_ < rows && left.length() < batch_rows_) {
      int32_t& candidate = candidates_[static_cast<size_t>(probe_row_)];
      while (candidate != BuildTable::kNone && left.length() < batch_rows_) {
        const int32_t row = candidate;
        candidate = build_.table().Next(row);
        if (!build_.table().Matches(probe_keys_, probe_row_, row)) continue;
        ARROW_RETURN_NOT_OK(left.Append(static_cast<int32_t>(probe_row_)));
        ARROW_RETURN_NOT_OK(right.Append(row));
        // One match is enough to know, where no further condition can refuse it.
        if (LeftOnly() && !residual_) candidate = BuildTable::kNone;
      }
      if (candidate == BuildTable::kNone) ++probe_row_;
    }
    if (left.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> left_rows, right_rows;
    ARROW_RETURN_NOT_OK(left.Finish(&left_rows));
    ARROW_RETURN_NOT_OK(right.Finish(&right_rows));
    std::shared_ptr<arrow::RecordBatch> pairs;
    if (!LeftOnly() || residual_) {
      ARROW_ASSIGN_OR_RAISE(pairs, Paired(left_rows, right_rows));
    }
    if (residual_) {
      ARROW_ASSIGN_OR_RAISE(auto chosen, expr::EvaluateToSelection(
                                             *residual_, *pairs, evaluation_.context()));
      if (chosen->length() < pairs->num_rows()) {
        ARROW_ASSIGN_OR_RAISE(pairs, TakeRows(pairs, chosen));
        ARROW_ASSIGN_OR_RAISE(left_rows, TakeIndices(left_rows, chosen));
        ARROW_ASSIGN_OR_RAISE(right_rows, TakeIndices(right_rows, chosen));
      }
    }
    for (int64_t i = 0; i < left_rows->length(); ++i) {
      probe_matched_[static_cast<size_t>(left_rows->Value(i))] = 1;
      if (KeepsUnmatchedRight()) build_.SetMatched(right_rows->Value(i));
    }
    if (!LeftOnly() && pairs->num_rows() > 0) Put(std::move(pairs), out);
    return Status::OK();
  }

  // Probe rows without a match (with one, for semi), as far as the join's type wants
  // them.
  Status PutProbeRows(Output& out) {
    const char wanted = type_ == JoinType::kSemi ? 1 : 0;
    arrow::Int32Builder chosen(evaluation_.pool());
    for (size_t i = 0; i < probe_matched_.size(); ++i) {
      if (probe_matched_[i] == wanted)
        ARROW_RETURN_NOT_OK(chosen.Append(static_cast<int32_t>(i)));
    }
    if (chosen.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> rows;
    ARROW_RETURN_NOT_OK(chosen.Finish(&rows));
    ARROW_ASSIGN_OR_RAISE(auto left, TakeRows(probe_.rows, rows));
    if (!LeftOnly()) {
      ARROW_ASSIGN_OR_RAISE(left, WithNulls(left, left->num_columns()));
    }
    Put(std::move(left), out);
    return Status::OK();
  }

  Status PutBuildRows(Output& out) {
    arrow::Int32Builder chosen(evaluation_.pool());
    while (unmatched_at_ < build_.rows()->num_rows() && chosen.length() < batch_rows_) {
      if (!build_.matched(unmatched_at_)) {
        ARROW_RETURN_NOT_OK(chosen.Append(static_cast<int32_t>(unmatched_at_)));
      }
      ++unmatched_at_;
    }
    if (chosen.length() == 0) return Status::OK();
    std::shared_ptr<arrow::Int32Array> rows;
    ARROW_RETURN_NOT_OK(chosen.Finish(&rows));
    ARROW_ASSIGN_OR_RAISE(auto right, TakeRows(build_.rows(), rows));
    ARROW_ASSIGN_OR_RAISE(auto whole, WithNulls(right, 0));
    probe_ = {};
    Put(std::move(whole), out);
    return Status::OK();
  }

  // `rows` with the other side's columns as NULLs, before or behind column `at`.
  Result<std::shared_ptr<arrow::RecordBatch>> WithNulls(
      const std::shared_ptr<arrow::RecordBatch>& rows, int at) {
    Arrays columns = rows->columns();
    const int missing = schema_->num_fields() - rows->num_columns();
    for (int i = 0; i < missing; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto nulls,
                            arrow::MakeArrayOfNull(schema_->field(at + i)->type(),
                                                   rows->num_rows(), evaluation_.pool()));
      columns.insert(columns.begin() + at + i, std::move(nulls));
    }
    return Named(schema_, std::move(columns), rows->num_rows());
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Paired(
      const std::shared_ptr<arrow::Int32Array>& left_rows,
      const std::shared_ptr<arrow::Int32Array>& right_rows) {
    ARROW_ASSIGN_OR_RAISE(auto left, TakeRows(probe_.rows, left_rows));
    ARROW_ASSIGN_OR_RAISE(auto right, TakeRows(build_.rows(), right_rows));
    Arrays columns = left->columns();
    const Arrays others = right->columns();
    columns.insert(columns.end(), others.begin(), others.end());
    return Named(pair_schema_, std::move(columns), left->num_rows());
  }

  static std::shared_ptr<arrow::RecordBatch> Named(
      const std::shared_ptr<arrow::Schema>& schema, Arrays columns, int64_t rows) {
    arrow::FieldVector fields = schema->fields();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i]->type_id() != fields[i]->type()->id()) {
        fields[i] = fields[i]->WithType(columns[i]->type());
      }
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                    std::move(columns));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
      const std::shared_ptr<arrow::RecordBatch>& rows,
      const std::shared_ptr<arrow::Int32Array>& chosen) {
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return taken.record_batch();
  }
  Result<std::shared_ptr<arrow::Int32Array>> TakeIndices(
      const std::shared_ptr<arrow::Int32Array>& rows,
      const std::shared_ptr<arrow::Int32Array>& chosen) {
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             evaluation_.arrow()));
    return std::static_pointer_cast<arrow::Int32Array>(taken.make_array());
  }

  // Rows leave with the place of the probe batch that they came from.
  void Put(std::shared_ptr<arrow::RecordBatch> rows, Output& out) {
    data::Batch batch = probe_;
    batch.rows = std::move(rows);
    out.Push(std::move(batch));
  }

  const JoinType type_;
  const std::vector<expr::ExprPtr> left_keys_;
  const expr::ExprPtr residual_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<arrow::Schema> left_schema_;
  const std::shared_ptr<arrow::Schema> pair_schema_;
  const int64_t batch_rows_;
  const bool dealt_by_key_;
  Evaluation evaluation_;

  BuildSide build_;
  bool build_at_barrier_ = false;
  bool build_ended_ = false;
  int64_t unmatched_at_ = 0;

  static constexpr const char* kHeld = "held";
  std::deque<Event> held_;  // of the probe side, while the build side is not complete
  bool held_written_ = false;
  bool probe_at_barrier_ = false;
  bool probe_ended_ = false;
  Barrier barrier_;

  data::Batch probe_;
  Arrays probe_keys_;
  std::vector<int32_t> candidates_;  // next build row to look at, per probe row
  std::vector<char> probe_matched_;
  int64_t probe_row_ = 0;
  bool probing_ = false;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeJoin(const plan::Node& node,
                                           const OperatorContext& context) {
  return std::make_unique<Join>(static_cast<const plan::JoinNode&>(node), context);
}

}  // namespace millrace::operators

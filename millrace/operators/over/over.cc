// Functions OVER windows of rows.
//
// Rows wait until they are due: until the watermark has passed them, or to the end of the
// input. Those that are due are ordered by partition and go to the functions block by
// block. At the end, rows that memory has no room for lie in sorted runs and come back in
// the same order.
//
// In a snapshot: rows that wait; of each partition what functions know of it; rows that
// frames of later rows still hold. Where all rows wait for the end there are only the
// first, written as what came since the last one.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/operators/aggregate/group_table.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/over/ending_rows.h"
#include "millrace/operators/over/frame_evaluator.h"
#include "millrace/operators/over/order_rows.h"
#include "millrace/operators/over/waiting_rows.h"
#include "millrace/operators/state_rows.h"
#include "millrace/operators/window/runs.h"
#include "millrace/plan/over_node.h"

namespace millrace::operators {

namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;
using Arrays = std::vector<std::shared_ptr<arrow::Array>>;

constexpr const char* kWaiting = "waiting";
constexpr const char* kPartitions = "partitions";
constexpr const char* kFrames = "frames";
constexpr const char* kPassed = "passed";
// So many partitions without rows are worth forgetting.
constexpr int64_t kFewPartitions = 64 * 1024;

// Rows that are due, in the order of the window.
struct Due {
  explicit Due(const std::shared_ptr<MemoryBudget>& memory)
      : order(memory), reservation(memory) {}
  Rows rows;
  std::vector<uint32_t> ids;  // empty: all of partition 0
  std::vector<int64_t> sorted;
  RowOrder order;
  Reservation reservation;
  int64_t next = 0;
  uint32_t first_id = 0;  // partitions are numbered from here on
};

class Over final : public UnaryOperator {
 public:
  Over(const plan::OverNode& node, const OperatorContext& context)
      : node_(node),
        batch_rows_(context.batch_rows),
        counters_(context.counters),
        memory_(context.memory),
        spill_(context.spill),
        evaluation_(context),
        schema_(node.input()->schema()),
        waiting_(schema_, context.spill, evaluation_),
        ending_(node, context.spill, evaluation_) {}

  Status Start() {
    for (const expr::ExprPtr& key : node_.partition()) key_types_.push_back(key->type());
    ARROW_RETURN_NOT_OK(NewTable());
    ARROW_ASSIGN_OR_RAISE(evaluator_, FrameEvaluator::Make(node_, evaluation_));
    partition_schema_ = KeysAnd(evaluator_->FactTypes());
    auto types = std::vector<std::shared_ptr<arrow::DataType>>{arrow::int64()};
    for (const auto& field : evaluator_->row_schema()->fields())
      types.push_back(field->type());
    frame_schema_ = KeysAnd(types);
    return Status::OK();
  }

  Status Snapshot(state::OperatorSnapshot& out) override {
    if (!node_.by_time()) return ending_.Snapshot(out);
    out.SetFact(kPassed, passed_);
    ARROW_RETURN_NOT_OK(SnapshotWaiting(out));
    ARROW_RETURN_NOT_OK(SnapshotPartitions(out));
    return SnapshotFrames(out);
  }

  Status Restore(const state::OperatorState& state) override {
    if (!node_.by_time()) return ending_.Restore(state);
    passed_ = state.Fact(kPassed).value_or(data::event_time::kMin);
    wrote_waiting_ = wrote_partitions_ = wrote_frames_ = true;
    const auto mine = state::OperatorState::Rows::kMine;
    ARROW_RETURN_NOT_OK(state.Visit(
        kPartitions, mine,
        [this](const Rows& rows, state::Extent) { return RestorePartitions(*rows); }));
    ARROW_RETURN_NOT_OK(state.Visit(
        kFrames, mine,
        [this](const Rows& rows, state::Extent) { return RestoreFrames(*rows); }));
    ARROW_RETURN_NOT_OK(evaluator_->FinishRestore());
    return state.Visit(kWaiting, mine, [this](const Rows& rows, state::Extent) -> Status {
      ARROW_ASSIGN_OR_RAISE(auto times, TimesOf(*rows));
      return waiting_.Add(
          arrow::RecordBatch::Make(schema_, rows->num_rows(), rows->columns()), times);
    });
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    if (!node_.by_time()) {
      ARROW_RETURN_NOT_OK(ending_.Add(batch.rows));
      return OpState::kNeedInput;
    }
    ARROW_ASSIGN_OR_RAISE(Rows rows, InTime(std::move(batch.rows)));
    ARROW_ASSIGN_OR_RAISE(auto times, TimesOf(*rows));
    ARROW_RETURN_NOT_OK(waiting_.Add(std::move(rows), times));
    return OpState::kNeedInput;
  }

  Result<OpState> OnWatermark(const Watermark& watermark, Output& out) override {
    if (!node_.by_time() || watermark.micros <= passed_) return OpState::kNeedInput;
    return PassTo(watermark.micros, out);
  }

  // Rows whose frames are not complete leave later.
  Watermark Passed(const Watermark& watermark) override {
    if (!evaluator_->waiting()) return watermark;
    const int64_t first = evaluator_->FirstWaiting();
    if (first > watermark.micros) return watermark;
    // Who is idle holds nobody back; these rows must.
    return {first - 1, false};
  }

  Result<OpState> OnEnd(Output& out) override {
    ended_ = true;
    if (node_.by_time()) return PassTo(data::event_time::kMax, out);
    ARROW_ASSIGN_OR_RAISE(Rows all, ending_.Take());
    if (!all) return Continue(out);  // they come from runs
    ARROW_RETURN_NOT_OK(Begin(std::move(all)));
    return Continue(out);
  }

  Result<OpState> Continue(Output& out) override {
    if (due_) {
      ARROW_RETURN_NOT_OK(PutBlock(out));
      if (due_->next < static_cast<int64_t>(due_->sorted.size()))
        return OpState::kHasOutput;
      due_.reset();
    } else if (ending_.merging()) {
      return PutMerged(out);
    }
    if (evaluator_->waiting() && (ended_ || evaluator_->waits_for_time())) {
      ARROW_ASSIGN_OR_RAISE(Rows rows, evaluator_->PutOut(passed_, ended_));
      Push(std::move(rows), out);
    }
    ARROW_RETURN_NOT_OK(evaluator_->Trim(passed_));
    ARROW_RETURN_NOT_OK(Forget());
    return OpState::kNeedInput;
  }

 private:
  Status NewTable() {
    ARROW_ASSIGN_OR_RAISE(auto table, GroupTable::Make(key_types_, memory_));
    table_.emplace(std::move(table));
    return Status::OK();
  }

  std::shared_ptr<arrow::Schema> KeysAnd(
      const std::vector<std::shared_ptr<arrow::DataType>>& types) const {
    arrow::FieldVector fields;
    for (const auto* part : {&key_types_, &types}) {
      for (const auto& type : *part)
        fields.push_back(arrow::field("c" + std::to_string(fields.size()), type));
    }
    return arrow::schema(std::move(fields));
  }

  void Push(Rows rows, Output& out) const {
    if (!rows) return;
    for (int64_t at = 0; at < rows->num_rows(); at += batch_rows_) {
      data::Batch batch;
      batch.rows = rows->Slice(at, batch_rows_);
      out.Push(std::move(batch));
    }
  }

  Result<Arrays> KeysOf(const arrow::RecordBatch& rows) {
    Arrays keys;
    for (const expr::ExprPtr& key : node_.partition()) {
      ARROW_ASSIGN_OR_RAISE(auto column,
                            expr::EvaluateToArray(*key, rows, evaluation_.context()));
      keys.push_back(std::move(column));
    }
    return keys;
  }

  // The partition of each row.
  Result<std::vector<uint32_t>> IdsOf(const Arrays& keys, int64_t rows) {
    ARROW_ASSIGN_OR_RAISE(const uint32_t* ids, table_->Map(keys, rows));
    if (ids == nullptr) return std::vector<uint32_t>(static_cast<size_t>(rows));
    return std::vector<uint32_t>(ids, ids + rows);
  }

  Result<std::shared_ptr<arrow::Array>> TimesOf(const arrow::RecordBatch& rows) {
    return expr::EvaluateToArray(*node_.order()[0].expression, rows,
                                 evaluation_.context());
  }

  // Rows that have a time which the watermark has not passed; the others are counted.
  Result<Rows> InTime(Rows rows) {
    ARROW_ASSIGN_OR_RAISE(auto times, TimesOf(*rows));
    const int64_t* values = times->data()->GetValues<int64_t>(1);
    int64_t without_time = 0, late = 0;
    const auto keep = [&](int64_t row) {
      if (times->IsNull(row)) {
        ++without_time;
        return false;
      }
      const bool in_time = values[row] > passed_;
      late += in_time ? 0 : 1;
      return in_time;
    };
    const auto runs = RunsWhere(rows->num_rows(), keep);
    if (without_time + late == 0) return rows;
    counters_->without_time.fetch_add(without_time, std::memory_order_relaxed);
    counters_->late.fetch_add(late, std::memory_order_relaxed);
    return RowsOf(rows, runs, evaluation_);
  }

  Result<OpState> PassTo(int64_t time, Output& out) {
    passed_ = time;
    ARROW_ASSIGN_OR_RAISE(auto pieces,
                          waiting_.Take(time, [this](const arrow::RecordBatch& rows) {
                            return TimesOf(rows);
                          }));
    if (!pieces.empty()) {
      Rows rows = std::move(pieces[0]);
      if (pieces.size() > 1) {
        pieces[0] = std::move(rows);
        for (Rows& piece : pieces) {
          ARROW_ASSIGN_OR_RAISE(piece,
                                data::DecodedTo(piece, schema_, evaluation_.pool()));
        }
        ARROW_ASSIGN_OR_RAISE(
            rows, arrow::ConcatenateRecordBatches(pieces, evaluation_.pool()));
      }
      ARROW_RETURN_NOT_OK(Begin(std::move(rows)));
    }
    return Continue(out);
  }

  // Order rows that are due.
  Status Begin(Rows rows) {
    const int64_t count = rows->num_rows();
    if (count == 0) return Status::OK();
    due_ = std::make_unique<Due>(memory_);
    ARROW_RETURN_NOT_OK(due_->reservation.Hold(count * 12));
    ARROW_ASSIGN_OR_RAISE(const Arrays keys, KeysOf(*rows));
    ARROW_ASSIGN_OR_RAISE(const uint32_t* ids, table_->Map(keys, count));
    if (ids != nullptr) due_->ids.assign(ids, ids + count);
    ARROW_RETURN_NOT_OK(due_->order.Load(node_.order(), *rows, evaluation_));
    due_->sorted = OrderByPartition(ids, count, table_->size(), due_->order);
    due_->rows = std::move(rows);
    return Status::OK();
  }

  uint32_t IdAt(int64_t place) const {
    if (due_->ids.empty()) return 0;
    return due_->ids[static_cast<size_t>(due_->sorted[static_cast<size_t>(place)])];
  }
  bool DiffersAt(int64_t place) const {
    if (IdAt(place) != IdAt(place - 1)) return true;
    const auto at = static_cast<size_t>(place);
    return !due_->order.Equal(due_->sorted[at - 1], due_->sorted[at]);
  }

  // About a batch of rows, as many as must stay together.
  Status PutBlock(Output& out) {
    const auto all = static_cast<int64_t>(due_->sorted.size());
    const int64_t begin = due_->next;
    int64_t end = std::min(begin + batch_rows_, all);
    while (end < all && !MayCutAt(end)) ++end;
    due_->next = end;
    // Rows that all are here leave nothing for later ones of their partition.
    if (!node_.by_time() && (begin == 0 || IdAt(begin) != IdAt(begin - 1))) {
      evaluator_->Clear();
      due_->first_id = IdAt(begin);
    }
    OrderedRows ordered;
    const auto rows = static_cast<size_t>(end - begin);
    ordered.ids.resize(rows);
    ordered.differs.resize(rows);
    bool in_place = true;
    for (size_t i = 0; i < rows; ++i) {
      const int64_t place = begin + static_cast<int64_t>(i);
      ordered.ids[i] = IdAt(place) - due_->first_id;
      ordered.differs[i] =
          i == 0 || (evaluator_->needs_equals() ? DiffersAt(place) : true);
      in_place &= due_->sorted[static_cast<size_t>(place)] ==
                  due_->sorted[static_cast<size_t>(begin)] + static_cast<int64_t>(i);
    }
    if (in_place) {
      ordered.rows =
          due_->rows->Slice(due_->sorted[static_cast<size_t>(begin)], end - begin);
    } else {
      const arrow::Int64Array indices(
          end - begin,
          arrow::Buffer::Wrap(due_->sorted.data() + begin, static_cast<size_t>(rows)));
      ARROW_ASSIGN_OR_RAISE(
          arrow::Datum taken,
          arrow::compute::Take(due_->rows, indices,
                               arrow::compute::TakeOptions::NoBoundsCheck(),
                               evaluation_.arrow()));
      ordered.rows = taken.record_batch();
    }
    ARROW_ASSIGN_OR_RAISE(
        Rows done,
        evaluator_->Add(ordered, int64_t{ordered.ids.back()} + 1, passed_, ended_));
    Push(std::move(done), out);
    return evaluator_->Trim(passed_);
  }

  bool MayCutAt(int64_t place) const {
    if (evaluator_->needs_partitions()) return IdAt(place) != IdAt(place - 1);
    return !evaluator_->needs_equals() || DiffersAt(place);
  }

  // Rows of runs: whole partitions, after which everything is forgotten, or as much of
  // one as is certain to be followed by something else.
  Result<OpState> PutMerged(Output& out) {
    ARROW_ASSIGN_OR_RAISE(Rows next, ending_.Next());
    if (!next) {
      if (!held_.empty()) ARROW_RETURN_NOT_OK(PutHeld(0, out));
      return OpState::kNeedInput;
    }
    ARROW_ASSIGN_OR_RAISE(const Arrays keys, KeysOf(*next));
    ARROW_ASSIGN_OR_RAISE(const std::vector<uint32_t> ids, IdsOf(keys, next->num_rows()));
    int64_t cut = next->num_rows() - 1;
    while (cut > 0 && ids[static_cast<size_t>(cut)] == ids[static_cast<size_t>(cut) - 1])
      --cut;
    const bool other = cut > 0 || (!held_.empty() && ids[0] != held_id_);
    const int64_t rows = next->num_rows();
    held_id_ = ids.back();
    held_.push_back(next);
    if (other) {
      ARROW_RETURN_NOT_OK(PutHeld(rows - cut, out));
      evaluator_->Clear();
      table_->Clear();
      ARROW_ASSIGN_OR_RAISE(const Arrays last, KeysOf(*held_.back()->Slice(0, 1)));
      ARROW_ASSIGN_OR_RAISE(const auto first, IdsOf(last, 1));
      held_id_ = first[0];
    } else if (!evaluator_->needs_partitions()) {
      ARROW_RETURN_NOT_OK(PutHeld(-1, out));
    }
    return OpState::kHasOutput;
  }

  // Put out what is held but its last `keep` rows; -1: but what is equal to the last row.
  Status PutHeld(int64_t keep, Output& out) {
    Rows all = held_[0];
    if (held_.size() > 1) {
      ARROW_ASSIGN_OR_RAISE(all,
                            arrow::ConcatenateRecordBatches(held_, evaluation_.pool()));
    }
    held_.clear();
    OrderedRows ordered;
    RowOrder order(memory_);
    ARROW_RETURN_NOT_OK(order.Load(node_.order(), *all, evaluation_));
    int64_t end = all->num_rows() - std::max<int64_t>(keep, 0);
    if (keep < 0 && evaluator_->needs_equals()) {
      --end;
      while (end > 0 && order.Equal(end - 1, end)) --end;
    }
    if (end < all->num_rows()) held_.push_back(all->Slice(end));
    if (end == 0) return Status::OK();
    ordered.rows = all->Slice(0, end);
    ARROW_ASSIGN_OR_RAISE(const Arrays keys, KeysOf(*ordered.rows));
    ARROW_ASSIGN_OR_RAISE(ordered.ids, IdsOf(keys, end));
    ordered.differs.assign(static_cast<size_t>(end), 1);
    for (int64_t i = 1; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      ordered.differs[at] =
          ordered.ids[at] != ordered.ids[at - 1] || !order.Equal(i - 1, i);
    }
    ARROW_ASSIGN_OR_RAISE(Rows done,
                          evaluator_->Add(ordered, table_->size(), passed_, ended_));
    Push(std::move(done), out);
    return evaluator_->Trim(passed_);
  }

  // Keys of time past go; the table can't let go of single ones.
  Status Forget() {
    if (!node_.by_time() || !evaluator_->can_forget() || key_types_.empty() ||
        table_->size() < checked_ * 2 + kFewPartitions)
      return Status::OK();
    const std::vector<uint32_t> living = evaluator_->Living();
    checked_ = table_->size();
    if (static_cast<int64_t>(living.size()) * 2 > table_->size()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const Arrays keys, table_->Keys(expr::GroupSelection(living)));
    ARROW_RETURN_NOT_OK(NewTable());
    ARROW_ASSIGN_OR_RAISE(const auto ids,
                          IdsOf(keys, static_cast<int64_t>(living.size())));
    checked_ = table_->size();
    return evaluator_->Renumber(living, ids, table_->size());
  }

  // --- checkpoints

  Status SnapshotWaiting(state::OperatorSnapshot& out) {
    const bool replaces = wrote_waiting_ && !out.whole();
    wrote_waiting_ = waiting_.rows() > 0;
    if (!wrote_waiting_ && !replaces) return Status::OK();
    StateRows stored(schema_, memory_, spill_);
    ARROW_RETURN_NOT_OK(waiting_.Each([&](const Rows& rows) -> Status {
      ARROW_ASSIGN_OR_RAISE(const Arrays keys, KeysOf(*rows));
      ARROW_ASSIGN_OR_RAISE(auto groups,
                            KeyGroupsOf(keys, rows->num_rows(), evaluation_.pool()));
      return stored.Add(rows->columns(), std::move(groups));
    }));
    return stored.Put(kWaiting, state::Extent::kWhole, out);
  }

  // The keys of `ids`, plain, and their key groups.
  Status AddKeyed(std::span<const uint32_t> ids, const Arrays& columns,
                  StateRows* stored) {
    Arrays all;
    if (!key_types_.empty()) {
      ARROW_ASSIGN_OR_RAISE(all, table_->Keys(expr::GroupSelection(ids)));
      for (auto& column : all) {
        ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation_.pool()));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto groups, KeyGroupsOf(all, static_cast<int64_t>(ids.size()),
                                                   evaluation_.pool()));
    all.insert(all.end(), columns.begin(), columns.end());
    return stored->Add(std::move(all), std::move(groups));
  }

  Status SnapshotPartitions(state::OperatorSnapshot& out) {
    std::vector<uint32_t> ids(static_cast<size_t>(evaluator_->partitions()));
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<uint32_t>(i);
    const bool replaces = wrote_partitions_ && !out.whole();
    wrote_partitions_ = !ids.empty();
    if (!wrote_partitions_ && !replaces) return Status::OK();
    StateRows stored(partition_schema_, memory_, spill_);
    constexpr size_t kChunk = 64 * 1024;
    for (size_t at = 0; at < ids.size(); at += kChunk) {
      const auto part =
          std::span<const uint32_t>(ids).subspan(at, std::min(kChunk, ids.size() - at));
      ARROW_ASSIGN_OR_RAISE(const Arrays facts, evaluator_->Facts(part));
      ARROW_RETURN_NOT_OK(AddKeyed(part, facts, &stored));
    }
    return stored.Put(kPartitions, state::Extent::kWhole, out);
  }

  Status SnapshotFrames(state::OperatorSnapshot& out) {
    ARROW_ASSIGN_OR_RAISE(const auto held, evaluator_->Held(passed_));
    const bool replaces = wrote_frames_ && !out.whole();
    wrote_frames_ = !held.ids.empty();
    if (!wrote_frames_ && !replaces) return Status::OK();
    StateRows stored(frame_schema_, memory_, spill_);
    if (!held.ids.empty()) {
      arrow::Int64Builder numbers(evaluation_.pool());
      ARROW_RETURN_NOT_OK(numbers.AppendValues(held.numbers));
      Arrays columns(1);
      ARROW_RETURN_NOT_OK(numbers.Finish(&columns[0]));
      for (const auto& column : held.rows->columns()) columns.push_back(column);
      ARROW_RETURN_NOT_OK(AddKeyed(held.ids, columns, &stored));
    }
    return stored.Put(kFrames, state::Extent::kWhole, out);
  }

  Result<std::vector<uint32_t>> RestoredIds(const arrow::RecordBatch& rows) {
    const auto& columns = rows.columns();
    const auto end = columns.begin() + static_cast<std::ptrdiff_t>(key_types_.size());
    return IdsOf(Arrays(columns.begin(), end), rows.num_rows());
  }

  Status RestorePartitions(const arrow::RecordBatch& rows) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, RestoredIds(rows));
    const auto& columns = rows.columns();
    const auto first = columns.begin() + static_cast<std::ptrdiff_t>(key_types_.size());
    return evaluator_->RestoreFacts(Arrays(first, columns.end()), ids, table_->size());
  }

  Status RestoreFrames(const arrow::RecordBatch& rows) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, RestoredIds(rows));
    const auto columns = rows.columns();
    const auto first = columns.begin() + static_cast<std::ptrdiff_t>(key_types_.size());
    const int64_t* numbers = (*first)->data()->GetValues<int64_t>(1);
    return evaluator_->RestoreRows(
        arrow::RecordBatch::Make(evaluator_->row_schema(), rows.num_rows(),
                                 Arrays(first + 1, columns.end())),
        ids, numbers, table_->size());
  }

  const plan::OverNode node_;
  const int64_t batch_rows_;
  RowCounters* const counters_;
  const std::shared_ptr<MemoryBudget> memory_;
  SpillSpace* const spill_;
  Evaluation evaluation_;
  const std::shared_ptr<arrow::Schema> schema_;
  std::vector<expr::TypePtr> key_types_;
  std::shared_ptr<arrow::Schema> partition_schema_, frame_schema_;

  std::optional<GroupTable> table_;
  std::unique_ptr<FrameEvaluator> evaluator_;
  WaitingRows waiting_;  // by time
  EndingRows ending_;    // for the end
  std::unique_ptr<Due> due_;
  std::vector<Rows> held_;  // of runs: rows that others may follow
  uint32_t held_id_ = 0;
  int64_t passed_ = data::event_time::kMin;  // the watermark
  bool ended_ = false;
  int64_t checked_ = 0;  // partitions, when some were last forgotten
  bool wrote_waiting_ = false, wrote_partitions_ = false, wrote_frames_ = false;
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeOver(const plan::Node& node,
                                           const OperatorContext& context) {
  auto over = std::make_unique<Over>(static_cast<const plan::OverNode&>(node), context);
  ARROW_RETURN_NOT_OK(over->Start());
  return over;
}

}  // namespace millrace::operators

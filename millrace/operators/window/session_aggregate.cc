// GROUP BY keys and their sessions.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/operators/aggregate/aggregate_set.h"
#include "millrace/operators/aggregate/emission.h"
#include "millrace/operators/aggregate/group_table.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/operators/state_rows.h"
#include "millrace/operators/window/open_sessions.h"
#include "millrace/operators/window/runs.h"

namespace millrace::operators {

namespace {

using Arrays = std::vector<std::shared_ptr<arrow::Array>>;
using Rows = std::shared_ptr<arrow::RecordBatch>;

constexpr const char* kPart = "sessions";
constexpr const char* kClosed = "closed";
constexpr size_t kChunk = 64 * 1024;
// So many dead sessions are worth leaving.
constexpr int64_t kFewDead = 64 * 1024;

Result<std::shared_ptr<arrow::Buffer>> Allocate(size_t rows, arrow::MemoryPool* pool) {
  return arrow::AllocateBuffer(static_cast<int64_t>(rows) * 8, pool);
}

// Keys, sessions and their aggregates, by the same ids.
struct Held {
  Held(GroupTable keys, OpenSessions open, AggregateSet aggregates)
      : keys(std::move(keys)),
        sessions(std::move(open)),
        aggregates(std::move(aggregates)) {}
  GroupTable keys;
  OpenSessions sessions;
  AggregateSet aggregates;
};

class SessionAggregate final : public UnaryOperator {
 public:
  SessionAggregate(const plan::AggregateNode& node, const OperatorContext& context)
      : window_(*node.window()),
        keys_(node.keys()),
        calls_(node.aggregates()),
        schema_(node.schema()),
        batch_rows_(static_cast<size_t>(context.batch_rows)),
        counters_(context.counters),
        late_rows_(context.late_rows),
        memory_(context.memory),
        spill_(context.spill),
        evaluation_(context),
        reservation_(context.memory) {
    arrow::FieldVector fields;
    for (const expr::ExprPtr& key : keys_) {
      key_types_.push_back(key->type());
      fields.push_back(arrow::field("key" + std::to_string(fields.size()), key->type()));
    }
    fields.push_back(arrow::field("start", arrow::int64()));
    fields.push_back(arrow::field("last", arrow::int64()));
    for (const expr::TypePtr& type : AggregateSet::StateTypes(calls_)) {
      fields.push_back(arrow::field("state" + std::to_string(fields.size()), type));
    }
    state_schema_ = arrow::schema(std::move(fields));
  }

  Status Start() {
    ARROW_ASSIGN_OR_RAISE(held_, NewHeld());
    // Where the states of sessions that ended become results.
    ARROW_ASSIGN_OR_RAISE(auto set, NewAggregates());
    finished_.emplace(std::move(set));
    return Status::OK();
  }

  Status Snapshot(state::OperatorSnapshot& out) override {
    out.SetFact(kClosed, closed_);
    const bool replaces = written_ && !out.whole();
    written_ = held_->sessions.living() > 0;
    if (!written_ && !replaces) return Status::OK();
    StateRows rows(state_schema_, memory_, spill_);
    ARROW_RETURN_NOT_OK(EachLiving([&](std::span<const uint32_t> ids) -> Status {
      ARROW_ASSIGN_OR_RAISE(Arrays columns, StateOf(ids));
      const Arrays keys(columns.begin(),
                        columns.begin() + static_cast<std::ptrdiff_t>(keys_.size()));
      ARROW_ASSIGN_OR_RAISE(
          auto groups,
          KeyGroupsOf(keys, static_cast<int64_t>(ids.size()), evaluation_.pool()));
      return rows.Add(std::move(columns), std::move(groups));
    }));
    return rows.Put(kPart, state::Extent::kWhole, out);
  }

  Status Restore(const state::OperatorState& state) override {
    closed_ = state.Fact(kClosed).value_or(data::event_time::kMin);
    written_ = true;
    ARROW_RETURN_NOT_OK(state.Visit(kPart, state::OperatorState::Rows::kMine,
                                    [this](const Rows& rows, state::Extent) {
                                      return TakeIn(*held_, rows->columns(),
                                                    rows->num_rows());
                                    }));
    return Charge();
  }

 protected:
  Result<OpState> OnBatch(data::Batch batch, Output& out) override {
    ARROW_ASSIGN_OR_RAISE(Arrays keys, Keys(*batch.rows));
    ARROW_ASSIGN_OR_RAISE(const uint32_t* ids,
                          held_->keys.Map(keys, batch.rows->num_rows()));
    merges_.clear();
    ARROW_RETURN_NOT_OK(Assign(&batch.rows, ids));
    if (batch.rows->num_rows() == 0) return OpState::kNeedInput;
    ARROW_RETURN_NOT_OK(held_->aggregates.Resize(held_->sessions.size()));
    ARROW_RETURN_NOT_OK(held_->aggregates.Update(*batch.rows, assigned_.data(), 0));
    ARROW_RETURN_NOT_OK(MergeStates());
    ARROW_RETURN_NOT_OK(Charge());
    return OpState::kNeedInput;
  }

  Result<OpState> OnWatermark(const Watermark& watermark, Output& out) override {
    closed_ = std::max(closed_, watermark.micros);
    return CloseUpTo(closed_, out);
  }

  Result<OpState> OnEnd(Output& out) override {
    return CloseUpTo(data::event_time::kMax, out);
  }

  // Sessions that have ended, a batch at a time.
  Result<OpState> Continue(Output& out) override {
    const size_t count = std::min(batch_rows_, ended_.size() - next_ended_);
    if (count > 0) {
      ARROW_RETURN_NOT_OK(Emit({ended_.data() + next_ended_, count}, out));
      next_ended_ += count;
    }
    if (next_ended_ < ended_.size()) return OpState::kHasOutput;
    ended_.clear();
    next_ended_ = 0;
    ARROW_RETURN_NOT_OK(DropDead());
    return OpState::kNeedInput;
  }

 private:
  Result<AggregateSet> NewAggregates() {
    return AggregateSet::Make(calls_, plan::AggregatePhase::kSingle, evaluation_);
  }
  Result<std::unique_ptr<Held>> NewHeld() {
    ARROW_ASSIGN_OR_RAISE(auto keys, GroupTable::Make(key_types_, memory_));
    ARROW_ASSIGN_OR_RAISE(auto aggregates, NewAggregates());
    return std::make_unique<Held>(
        std::move(keys), OpenSessions(window_.size.micros, window_.longest.micros),
        std::move(aggregates));
  }

  Result<Arrays> Keys(const arrow::RecordBatch& rows) {
    Arrays out;
    for (const expr::ExprPtr& key : keys_) {
      ARROW_ASSIGN_OR_RAISE(auto column,
                            expr::EvaluateToArray(*key, rows, evaluation_.context()));
      out.push_back(std::move(column));
    }
    return out;
  }

  // Fills assigned_ with the session of each of `rows`, which become those that have one:
  // the others have no time or come too late, and are counted.
  Status Assign(Rows* rows, const uint32_t* keys) {
    const arrow::Array& column = *(*rows)->column(window_.time_column);
    const int64_t* times = column.data()->GetValues<int64_t>(1);
    const int64_t count = (*rows)->num_rows();
    const bool nulls = column.null_count() != 0;
    assigned_.resize(static_cast<size_t>(count));
    int64_t without_time = 0, late = 0;
    for (int64_t i = 0; i < count; ++i) {
      uint32_t& session = assigned_[static_cast<size_t>(i)];
      if (nulls && column.IsNull(i)) {
        session = OpenSessions::kNone;
        ++without_time;
        continue;
      }
      session =
          held_->sessions.Add(keys == nullptr ? 0 : keys[i], times[i], closed_, &merges_);
      if (session == OpenSessions::kNone) ++late;
    }
    if (without_time + late == 0) return Status::OK();
    counters_->without_time.fetch_add(without_time, std::memory_order_relaxed);
    counters_->late.fetch_add(late, std::memory_order_relaxed);
    if (late > 0 && window_.late == plan::Window::Late::kDeadLetter) {
      const std::vector<SlotRun> refused = RunsWhere(count, [&](int64_t row) {
        return assigned_[static_cast<size_t>(row)] == OpenSessions::kNone &&
               column.IsValid(row);
      });
      ARROW_ASSIGN_OR_RAISE(const Rows late_rows, RowsOf(*rows, refused, evaluation_));
      ARROW_RETURN_NOT_OK(late_rows_->Take(*late_rows));
    }
    const std::vector<SlotRun> runs = RunsWhere(count, [this](int64_t row) {
      return assigned_[static_cast<size_t>(row)] != OpenSessions::kNone;
    });
    std::erase(assigned_, OpenSessions::kNone);
    ARROW_ASSIGN_OR_RAISE(*rows, RowsOf(*rows, runs, evaluation_));
    return Status::OK();
  }

  // After the rows have been added: what sessions that are dead by now had, goes to what
  // they have become.
  Status MergeStates() {
    if (merges_.empty()) return Status::OK();
    std::vector<uint32_t> from, into;
    for (const OpenSessions::Merge& merge : merges_) {
      from.push_back(merge.from);
      into.push_back(held_->sessions.Root(merge.into));
    }
    ARROW_ASSIGN_OR_RAISE(Arrays states,
                          held_->aggregates.State(expr::GroupSelection(from)));
    return MergeInto(held_->aggregates, std::move(states), from.size(), into.data());
  }

  // `states`: as AggregateSet::State gives them.
  Status MergeInto(AggregateSet& aggregates, Arrays states, size_t rows,
                   const uint32_t* ids) {
    arrow::FieldVector fields;
    for (const auto& state : states) fields.push_back(arrow::field("", state->type()));
    return aggregates.Merge(
        *arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                  static_cast<int64_t>(rows), std::move(states)),
        ids, 0);
  }

  Status Charge() {
    ARROW_RETURN_NOT_OK(held_->aggregates.Charge());
    return reservation_.Hold(held_->sessions.bytes());
  }

  Result<OpState> CloseUpTo(int64_t watermark, Output& out) {
    held_->sessions.Close(watermark, &ended_);
    return ended_.empty() ? OpState::kNeedInput : Continue(out);
  }

  Result<Arrays> KeysOf(std::span<const uint32_t> ids) {
    if (keys_.empty()) return Arrays();
    std::vector<uint32_t> keys;
    for (const uint32_t id : ids) keys.push_back(held_->sessions.key(id));
    return held_->keys.Keys(expr::GroupSelection(keys));
  }

  template <typename Value>
  Result<std::shared_ptr<arrow::Array>> Times(std::span<const uint32_t> ids,
                                              const expr::TypePtr& type,
                                              const Value& value) {
    ARROW_ASSIGN_OR_RAISE(auto data, Allocate(ids.size(), evaluation_.pool()));
    auto* out = reinterpret_cast<int64_t*>(data->mutable_data());
    for (size_t i = 0; i < ids.size(); ++i) out[i] = value(held_->sessions, ids[i]);
    return arrow::MakeArray(arrow::ArrayData::Make(type, static_cast<int64_t>(ids.size()),
                                                   {nullptr, std::move(data)}, 0));
  }

  Status Emit(std::span<const uint32_t> ids, Output& out) {
    const auto rows = static_cast<int64_t>(ids.size());
    const auto& type = schema_->field(0)->type();
    Arrays columns(2);
    ARROW_ASSIGN_OR_RAISE(columns[0],
                          Times(ids, type, [](const OpenSessions& all, uint32_t id) {
                            return all.start(id);
                          }));
    ARROW_ASSIGN_OR_RAISE(columns[1],
                          Times(ids, type, [](const OpenSessions& all, uint32_t id) {
                            return all.end(id);
                          }));
    ARROW_ASSIGN_OR_RAISE(Arrays keys, KeysOf(ids));
    columns.insert(columns.end(), keys.begin(), keys.end());
    ARROW_ASSIGN_OR_RAISE(Arrays states,
                          held_->aggregates.State(expr::GroupSelection(ids)));
    finished_->Clear();
    ARROW_RETURN_NOT_OK(finished_->Resize(rows));
    ARROW_RETURN_NOT_OK(
        MergeInto(*finished_, std::move(states), ids.size(), Numbers(ids.size())));
    ARROW_ASSIGN_OR_RAISE(Arrays results, finished_->Finish(0, rows));
    columns.insert(columns.end(), results.begin(), results.end());
    out.Push(FinishedBatch(*schema_, std::move(columns), rows));
    return Status::OK();
  }

  // 0, 1, 2 …
  const uint32_t* Numbers(size_t count) {
    while (numbers_.size() < count)
      numbers_.push_back(static_cast<uint32_t>(numbers_.size()));
    return numbers_.data();
  }

  Status EachLiving(const std::function<Status(std::span<const uint32_t>)>& visit) {
    std::vector<uint32_t> ids;
    const OpenSessions& sessions = held_->sessions;
    for (int64_t i = 0; i < sessions.size(); ++i) {
      const auto id = static_cast<uint32_t>(i);
      if (sessions.alive(id)) ids.push_back(id);
      if (ids.size() == kChunk || (i + 1 == sessions.size() && !ids.empty())) {
        ARROW_RETURN_NOT_OK(visit(ids));
        ids.clear();
      }
    }
    return Status::OK();
  }

  // Columns of state_schema_, plain.
  Result<Arrays> StateOf(std::span<const uint32_t> ids) {
    ARROW_ASSIGN_OR_RAISE(Arrays columns, KeysOf(ids));
    for (auto& column : columns) {
      ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation_.pool()));
    }
    const auto start = [](const OpenSessions& all, uint32_t id) { return all.start(id); };
    const auto last = [](const OpenSessions& all, uint32_t id) { return all.last(id); };
    ARROW_ASSIGN_OR_RAISE(auto starts, Times(ids, arrow::int64(), start));
    ARROW_ASSIGN_OR_RAISE(auto lasts, Times(ids, arrow::int64(), last));
    columns.push_back(std::move(starts));
    columns.push_back(std::move(lasts));
    ARROW_ASSIGN_OR_RAISE(Arrays states,
                          held_->aggregates.State(expr::GroupSelection(ids)));
    columns.insert(columns.end(), states.begin(), states.end());
    return columns;
  }

  // Rows of StateOf become sessions of `into`.
  Status TakeIn(Held& into, const Arrays& columns, int64_t rows) {
    const auto keys_end = columns.begin() + static_cast<std::ptrdiff_t>(keys_.size());
    ARROW_ASSIGN_OR_RAISE(const uint32_t* keys,
                          into.keys.Map({columns.begin(), keys_end}, rows));
    const int64_t* starts = (*keys_end)->data()->GetValues<int64_t>(1);
    const int64_t* lasts = (*(keys_end + 1))->data()->GetValues<int64_t>(1);
    std::vector<uint32_t> ids;
    for (int64_t i = 0; i < rows; ++i) {
      ids.push_back(static_cast<uint32_t>(into.sessions.size()));
      into.sessions.Restore(keys == nullptr ? 0 : keys[i], starts[i], lasts[i]);
    }
    ARROW_RETURN_NOT_OK(into.aggregates.Resize(into.sessions.size()));
    return MergeInto(into.aggregates, {keys_end + 2, columns.end()}, ids.size(),
                     ids.data());
  }

  // Keys and aggregates can't let go of single ids: those that live move to new ones.
  Status DropDead() {
    const int64_t living = held_->sessions.living();
    if (held_->sessions.size() <= 2 * living + kFewDead) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto fresh, NewHeld());
    ARROW_RETURN_NOT_OK(EachLiving([&](std::span<const uint32_t> ids) -> Status {
      ARROW_ASSIGN_OR_RAISE(Arrays columns, StateOf(ids));
      return TakeIn(*fresh, columns, static_cast<int64_t>(ids.size()));
    }));
    held_ = std::move(fresh);
    return Charge();
  }

  const plan::Window window_;
  const std::vector<expr::ExprPtr> keys_;
  const std::vector<plan::AggregateCall> calls_;
  const std::shared_ptr<arrow::Schema> schema_;
  const size_t batch_rows_;
  RowCounters* const counters_;
  LateRows* const late_rows_;
  const std::shared_ptr<MemoryBudget> memory_;
  SpillSpace* const spill_;
  Evaluation evaluation_;
  Reservation reservation_;
  std::vector<expr::TypePtr> key_types_;
  std::shared_ptr<arrow::Schema> state_schema_;

  std::unique_ptr<Held> held_;
  std::optional<AggregateSet> finished_;
  std::vector<uint32_t> assigned_;  // the session of each row of a batch
  std::vector<OpenSessions::Merge> merges_;
  std::vector<uint32_t> ended_;  // to be put out, from next_ended_ on
  size_t next_ended_ = 0;
  std::vector<uint32_t> numbers_;
  int64_t closed_ = data::event_time::kMin;  // the watermark
  bool written_ = false;                     // an earlier checkpoint holds sessions
};

}  // namespace

Result<std::unique_ptr<Operator>> MakeSessionAggregate(const plan::AggregateNode& node,
                                                       const OperatorContext& context) {
  auto out = std::make_unique<SessionAggregate>(node, context);
  ARROW_RETURN_NOT_OK(out->Start());
  return out;
}

}  // namespace millrace::operators

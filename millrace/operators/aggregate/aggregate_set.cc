#include "millrace/operators/aggregate/aggregate_set.h"

#include <numeric>
#include <optional>
#include <string_view>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include "millrace/data/dictionary.h"
#include "millrace/functions/aggregate/distinct.h"

namespace millrace::operators {

namespace {

using functions::Part;
using functions::StatsAccumulator;
using plan::AggregatePhase;

std::optional<Part> PartOf(std::string_view function) {
  if (function == "count") return Part::kCount;
  if (function == "sum") return Part::kSum;
  if (function == "avg") return Part::kAvg;
  if (function == "min") return Part::kMin;
  if (function == "max") return Part::kMax;
  return std::nullopt;
}

// May the call share a StatsAccumulator? Distinct forms see other rows; a type whose
// result is not what the shared row answers (decimal sums) keeps its own.
bool CanShare(const plan::AggregateCall& call) {
  if (call.arguments.size() != 1 || (call.distinct && !call.function->ignores_distinct))
    return false;
  const auto part = PartOf(call.function->doc.name);
  if (!part || !StatsAccumulator::Supports(*call.arguments[0]->type())) return false;
  const auto type = call.arguments[0]->type()->id();
  const bool number = arrow::is_integer(type) || arrow::is_floating(type);
  return number || *part == Part::kCount || *part == Part::kMin || *part == Part::kMax;
}

bool SameFilter(const expr::ExprPtr& left, const expr::ExprPtr& right) {
  return left && right ? left->Equals(*right) : !left && !right;
}

bool SameInput(const std::vector<expr::ExprPtr>& arguments, const expr::ExprPtr& filter,
               const plan::AggregateCall& call) {
  return arguments.size() == 1 && arguments[0]->Equals(*call.arguments[0]) &&
         SameFilter(filter, call.filter);
}

std::vector<expr::TypePtr> StateTypesOf(const plan::AggregateCall& call) {
  if (!call.distinct || call.function->ignores_distinct) return call.binding.state;
  return functions::DistinctStateTypes(call.binding.argument_types);
}

// COUNT(*), and COUNT(1).
bool CountsRows(const plan::AggregateCall& call) {
  if (call.function->doc.name != "count" || call.distinct) return false;
  return call.arguments.empty() ||
         (call.literals.size() == 1 && call.literals[0] && call.literals[0]->is_valid);
}

}  // namespace

Result<AggregateSet> AggregateSet::Make(const std::vector<plan::AggregateCall>& calls,
                                        plan::AggregatePhase phase,
                                        Evaluation& evaluation) {
  AggregateSet set(evaluation);
  set.phase_ = phase;
  set.answers_.resize(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!CountsRows(calls[i])) set.answers_[i] = set.AddCall(calls[i]);
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    if (CountsRows(calls[i])) set.answers_[i] = set.AddRowCount(calls[i]);
  }
  ARROW_RETURN_NOT_OK(set.MakeAccumulators(calls));
  return set;
}

AggregateSet::Answer AggregateSet::AddCall(const plan::AggregateCall& call) {
  Answer answer;
  answer.state_columns = StateTypesOf(call).size();
  answer.feed = feeds_.size();
  if (CanShare(call)) {
    answer.shared = true;
    answer.part = *PartOf(call.function->doc.name);
    for (size_t i = 0; i < feeds_.size(); ++i) {
      if (feeds_[i].parts != 0 &&
          SameInput(feeds_[i].arguments, feeds_[i].filter, call)) {
        answer.feed = i;
      }
    }
  }
  if (answer.feed == feeds_.size()) {
    feeds_.emplace_back();
    feeds_.back().arguments = call.arguments;
    feeds_.back().filter = call.filter;
  }
  if (answer.shared) {
    Feed& feed = feeds_[answer.feed];
    feed.parts = feed.parts | static_cast<functions::Parts>(answer.part);
  }
  return answer;
}

// The rows of a group are counted by whoever sees them all: an accumulator of any
// argument, under the same filter.
AggregateSet::Answer AggregateSet::AddRowCount(const plan::AggregateCall& call) {
  for (size_t i = 0; i < feeds_.size(); ++i) {
    if (feeds_[i].parts == 0 || !SameFilter(feeds_[i].filter, call.filter)) continue;
    feeds_[i].parts = feeds_[i].parts | static_cast<functions::Parts>(Part::kRows);
    Answer answer;
    answer.feed = i;
    answer.shared = true;
    answer.part = Part::kRows;
    answer.state_columns = call.binding.state.size();
    return answer;
  }
  return AddCall(call);
}

Status AggregateSet::MakeAccumulators(const std::vector<plan::AggregateCall>& calls) {
  for (size_t i = 0; i < calls.size(); ++i) {
    Feed& feed = feeds_[answers_[i].feed];
    if (answers_[i].shared) {
      if (feed.stats) continue;
      ARROW_ASSIGN_OR_RAISE(feed.stats,
                            StatsAccumulator::Make(feed.arguments[0]->type(), feed.parts,
                                                   evaluation_->pool()));
      continue;
    }
    const plan::AggregateCall& call = calls[i];
    ARROW_ASSIGN_OR_RAISE(
        feed.own, call.function->make(call.binding, call.literals, evaluation_->pool()));
    if (call.distinct && !call.function->ignores_distinct) {
      feed.own = functions::MakeDistinct(std::move(feed.own), call.binding.argument_types,
                                         evaluation_->pool(),
                                         call.function->distinct_keeps_nulls);
    }
  }
  return Status::OK();
}

Status AggregateSet::Resize(int64_t groups) {
  for (Feed& feed : feeds_) {
    ARROW_RETURN_NOT_OK(feed.stats ? feed.stats->Resize(groups)
                                   : feed.own->Resize(groups));
  }
  return Status::OK();
}

Status AggregateSet::Update(const arrow::RecordBatch& rows, const uint32_t* ids,
                            int first_state) {
  if (phase_ == AggregatePhase::kFinal) return Merge(rows, ids, first_state);
  for (Feed& feed : feeds_) ARROW_RETURN_NOT_OK(UpdateFeed(feed, rows, ids));
  return Status::OK();
}

std::vector<expr::TypePtr> AggregateSet::StateTypes(
    const std::vector<plan::AggregateCall>& calls) {
  std::vector<expr::TypePtr> out;
  for (const plan::AggregateCall& call : calls) {
    const auto types = StateTypesOf(call);
    out.insert(out.end(), types.begin(), types.end());
  }
  return out;
}

Status AggregateSet::Charge() {
  int64_t bytes = 0;
  for (const Feed& feed : feeds_) {
    bytes += feed.stats ? feed.stats->extra_bytes() : feed.own->extra_bytes();
  }
  return reservation_.Hold(bytes);
}

// Where a part lies in the state of a StatsAccumulator: the count, then sum, min, max and
// rows, as far as wanted.
size_t AggregateSet::StateColumnOf(functions::Parts parts, Part part) {
  if (part == Part::kCount) return 0;
  size_t column = 1;
  if (part == Part::kSum || part == Part::kAvg) return column;
  column += functions::Has(parts, Part::kSum) || functions::Has(parts, Part::kAvg);
  if (part == Part::kMin) return column;
  column += functions::Has(parts, Part::kMin);
  if (part == Part::kMax) return column;
  return column + functions::Has(parts, Part::kMax);
}

// Each call brings its own state; those of calls that share an accumulator are put
// together again, so that a group's row is touched once.
Status AggregateSet::Merge(const arrow::RecordBatch& rows, const uint32_t* ids,
                           int first_state) {
  std::vector<std::vector<std::shared_ptr<arrow::Array>>> states(feeds_.size());
  int column = first_state;
  for (const Answer& answer : answers_) {
    auto& state = states[answer.feed];
    for (size_t i = 0; i < answer.state_columns; ++i, ++column) {
      size_t at = i;
      if (answer.shared && (i > 0 || answer.part == Part::kRows)) {
        at = StateColumnOf(feeds_[answer.feed].parts, answer.part);
      }
      if (at >= state.size()) state.resize(at + 1);
      if (state[at]) continue;
      ARROW_ASSIGN_OR_RAISE(state[at],
                            data::Decoded(rows.column(column), evaluation_->pool()));
    }
  }
  for (size_t i = 0; i < feeds_.size(); ++i) {
    Feed& feed = feeds_[i];
    ARROW_RETURN_NOT_OK(feed.stats ? feed.stats->Merge(states[i], ids, rows.num_rows())
                                   : feed.own->Merge(states[i], ids, rows.num_rows()));
  }
  return Status::OK();
}

Status AggregateSet::UpdateFeed(Feed& feed, const arrow::RecordBatch& rows,
                                const uint32_t* ids) {
  std::vector<arrow::Datum> arguments;
  for (const expr::ExprPtr& argument : feed.arguments) {
    ARROW_ASSIGN_OR_RAISE(arrow::Datum value,
                          expr::Evaluate(*argument, rows, evaluation_->context()));
    arguments.push_back(std::move(value));
  }
  int64_t count = rows.num_rows();
  if (feed.filter) {
    ARROW_ASSIGN_OR_RAISE(auto chosen, expr::EvaluateToSelection(*feed.filter, rows,
                                                                 evaluation_->context()));
    count = chosen->length();
    if (count == 0) return Status::OK();
    const bool all = count == rows.num_rows();
    for (arrow::Datum& argument : arguments) {
      if (all || argument.is_scalar()) continue;
      ARROW_ASSIGN_OR_RAISE(
          argument, arrow::compute::Take(argument, chosen,
                                         arrow::compute::TakeOptions::NoBoundsCheck(),
                                         evaluation_->arrow()));
    }
    if (ids != nullptr && !all) {
      chosen_ids_.resize(static_cast<size_t>(count));
      for (int64_t i = 0; i < count; ++i)
        chosen_ids_[static_cast<size_t>(i)] = ids[chosen->Value(i)];
      ids = chosen_ids_.data();
    }
  }
  return feed.stats ? feed.stats->Update(arguments[0], ids, count)
                    : feed.own->Update(arguments, ids, count);
}

Result<std::vector<std::shared_ptr<arrow::Array>>> AggregateSet::Finish(int64_t begin,
                                                                        int64_t end) {
  if (phase_ == AggregatePhase::kPartial) return State({begin, end});
  std::vector<std::shared_ptr<arrow::Array>> out;
  for (const Answer& answer : answers_) {
    Feed& feed = feeds_[answer.feed];
    ARROW_ASSIGN_OR_RAISE(auto column,
                          answer.shared ? feed.stats->FinishPart(answer.part, begin, end)
                                        : feed.own->Finish(begin, end));
    out.push_back(std::move(column));
  }
  return out;
}

// The packed rows of the chosen groups become an accumulator of their own; others may
// have states of any size, whose result is all that is wanted.
Result<std::vector<std::shared_ptr<arrow::Array>>> AggregateSet::FinishSome(
    std::span<const uint32_t> groups) {
  const auto count = static_cast<int64_t>(groups.size());
  for (Feed& feed : feeds_) {
    if (!feed.stats) continue;
    if (!feed.some) {
      ARROW_ASSIGN_OR_RAISE(feed.some,
                            StatsAccumulator::Make(feed.arguments[0]->type(), feed.parts,
                                                   evaluation_->pool()));
    }
    ARROW_ASSIGN_OR_RAISE(const auto state,
                          feed.stats->State(expr::GroupSelection(groups)));
    feed.some->Clear();
    ARROW_RETURN_NOT_OK(feed.some->Resize(count));
    ARROW_RETURN_NOT_OK(feed.some->Merge(state, OwnIds(count), count));
  }
  std::vector<std::shared_ptr<arrow::Array>> out;
  for (const Answer& answer : answers_) {
    Feed& feed = feeds_[answer.feed];
    ARROW_ASSIGN_OR_RAISE(auto column, answer.shared
                                           ? feed.some->FinishPart(answer.part, 0, count)
                                           : FinishRuns(*feed.own, groups));
    out.push_back(std::move(column));
  }
  return out;
}

Result<std::shared_ptr<arrow::Array>> AggregateSet::FinishRuns(
    expr::Accumulator& accumulator, std::span<const uint32_t> groups) {
  arrow::ArrayVector runs;
  for (size_t begin = 0; begin < groups.size();) {
    size_t end = begin + 1;
    while (end < groups.size() && groups[end] == groups[end - 1] + 1) ++end;
    ARROW_ASSIGN_OR_RAISE(
        auto run, accumulator.Finish(groups[begin], groups[end - 1] + int64_t{1}));
    runs.push_back(std::move(run));
    begin = end;
  }
  if (runs.empty()) return accumulator.Finish(0, 0);
  return runs.size() == 1 ? runs[0] : arrow::Concatenate(runs, evaluation_->pool());
}

Result<std::vector<std::shared_ptr<arrow::Array>>> AggregateSet::State(
    const expr::GroupSelection& groups) {
  std::vector<std::vector<std::shared_ptr<arrow::Array>>> states(feeds_.size());
  for (size_t i = 0; i < feeds_.size(); ++i) {
    Feed& feed = feeds_[i];
    ARROW_ASSIGN_OR_RAISE(
        states[i], feed.stats ? feed.stats->State(groups) : feed.own->State(groups));
  }
  std::vector<std::shared_ptr<arrow::Array>> out;
  for (const Answer& answer : answers_) {
    const auto& state = states[answer.feed];
    if (!answer.shared) {
      out.insert(out.end(), state.begin(), state.end());
      continue;
    }
    // Each call's own state is the count and its part; a count's is itself.
    if (answer.state_columns > 1) out.push_back(state[0]);
    out.push_back(state[StateColumnOf(feeds_[answer.feed].parts, answer.part)]);
  }
  return out;
}

// 0, 1, 2 …, `count` of them.
const uint32_t* AggregateSet::OwnIds(int64_t count) {
  if (static_cast<int64_t>(own_ids_.size()) < count) {
    own_ids_.resize(static_cast<size_t>(count));
    std::iota(own_ids_.begin(), own_ids_.end(), 0u);
  }
  return own_ids_.data();
}

Result<std::vector<std::shared_ptr<arrow::Array>>> AggregateSet::RowStates(
    const arrow::RecordBatch& rows) {
  const int64_t count = rows.num_rows();
  Clear();
  ARROW_RETURN_NOT_OK(Resize(count));
  ARROW_RETURN_NOT_OK(Update(rows, OwnIds(count), 0));
  ARROW_RETURN_NOT_OK(Charge());
  return Finish(0, count);
}

void AggregateSet::Clear() {
  for (Feed& feed : feeds_) {
    if (feed.stats) {
      feed.stats->Clear();
    } else {
      feed.own->Clear();
    }
  }
}

}  // namespace millrace::operators

// AggregateSet: the aggregates of one GROUP BY over its dense group ids.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "millrace/functions/aggregate/stats_accumulator.h"
#include "millrace/operators/evaluation.h"
#include "millrace/operators/reservation.h"
#include "millrace/plan/aggregate_node.h"

namespace millrace::operators {

/// COUNT, SUM, AVG, MIN and MAX over the same argument share one accumulator, whose
/// packed row is touched once a row of input (or a merged state) whatever their number;
/// COUNT(*) shares it too. Every other aggregate has its own. Used by one thread.
class AggregateSet {
 public:
  /// `phase` decides what is fed (rows, or states of a partial set) and what comes out.
  static Result<AggregateSet> Make(const std::vector<plan::AggregateCall>& calls,
                                   plan::AggregatePhase phase, Evaluation& evaluation);

  /// Make room for groups [0, groups).
  Status Resize(int64_t groups);
  /// Add rows of the node's input: row i to group ids[i]; null `ids`: all to group 0. For
  /// kFinal the states start at column `first_state` of `rows`.
  Status Update(const arrow::RecordBatch& rows, const uint32_t* ids, int first_state);
  /// Results (kSingle, kFinal) or states (kPartial) of groups [begin, end), in the order
  /// of the node's output.
  Result<std::vector<std::shared_ptr<arrow::Array>>> Finish(int64_t begin, int64_t end);
  /// Results of `groups` (kSingle, kFinal).
  Result<std::vector<std::shared_ptr<arrow::Array>>> FinishSome(
      std::span<const uint32_t> groups);
  /// Is FinishSome cheaper for neighbours?
  bool finishes_by_runs() const {
    return std::any_of(feeds_.begin(), feeds_.end(),
                       [](const Feed& feed) { return feed.own != nullptr; });
  }
  /// The state of each row of the node's input by itself, as Finish of a kPartial set
  /// gives them. Only for kPartial; forgets every group.
  Result<std::vector<std::shared_ptr<arrow::Array>>> RowStates(
      const arrow::RecordBatch& rows);
  void Clear();

  /// The state of `groups`, in any phase: columns as a kPartial set of these calls gives
  /// them (a DISTINCT form gives its values).
  Result<std::vector<std::shared_ptr<arrow::Array>>> State(
      const expr::GroupSelection& groups);
  /// Types of these columns.
  static std::vector<expr::TypePtr> StateTypes(
      const std::vector<plan::AggregateCall>& calls);
  /// Add states, in any phase; they start at column `first_state` of `rows`.
  Status Merge(const arrow::RecordBatch& rows, const uint32_t* ids, int first_state);
  /// Count what accumulators hold outside the pool, after any of the above. Where the
  /// budget has no room for it, what was added stays added all the same.
  Status Charge();

 private:
  // One accumulator with what it is fed.
  struct Feed {
    std::vector<expr::ExprPtr> arguments;
    expr::ExprPtr filter;
    std::unique_ptr<expr::Accumulator> own;
    std::unique_ptr<functions::StatsAccumulator> stats;
    std::unique_ptr<functions::StatsAccumulator> some;  // of FinishSome
    functions::Parts parts = 0;
  };
  // Where a call's answer comes from.
  struct Answer {
    size_t feed = 0;
    bool shared = false;
    functions::Part part = functions::Part::kCount;
    size_t state_columns = 0;
  };

  Answer AddCall(const plan::AggregateCall& call);
  Answer AddRowCount(const plan::AggregateCall& call);
  explicit AggregateSet(Evaluation& evaluation)
      : evaluation_(&evaluation),
        reservation_(evaluation.memory(), Reservation::Kind::kSpillable) {}
  const uint32_t* OwnIds(int64_t count);
  Result<std::shared_ptr<arrow::Array>> FinishRuns(expr::Accumulator& accumulator,
                                                   std::span<const uint32_t> groups);
  Status MakeAccumulators(const std::vector<plan::AggregateCall>& calls);
  Status UpdateFeed(Feed& feed, const arrow::RecordBatch& rows, const uint32_t* ids);
  static size_t StateColumnOf(functions::Parts parts, functions::Part part);

  plan::AggregatePhase phase_ = plan::AggregatePhase::kSingle;
  Evaluation* evaluation_;
  Reservation reservation_;
  std::vector<Feed> feeds_;
  std::vector<Answer> answers_;
  std::vector<uint32_t> chosen_ids_;
  std::vector<uint32_t> own_ids_;  // 0, 1, 2 …
};

}  // namespace millrace::operators

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::plan {

/// One end of a frame. `offset` is 0 or more: rows (kRows), groups of equal rows
/// (kGroups), or a distance of the only order key (kRange): in units of its integers, of
/// the last digit of a DECIMAL, of its time type (DATE: microseconds); `real` for
/// floating point.
struct FrameBound {
  enum class Kind {
    kUnboundedPreceding,
    kPreceding,
    kCurrentRow,
    kFollowing,
    kUnboundedFollowing
  };
  Kind kind = Kind::kUnboundedPreceding;
  int64_t offset = 0;
  double real = 0;

  bool operator==(const FrameBound&) const = default;
};

/// The rows that a function sees beside its own, in the order of the window. The default
/// is that of SQL: up to the last row that is equal in the order.
struct OverFrame {
  enum class Unit { kRows, kRange, kGroups };
  Unit unit = Unit::kRange;
  FrameBound begin;
  FrameBound end{FrameBound::Kind::kCurrentRow};

  bool operator==(const OverFrame&) const = default;
  /// Does it reach behind the row itself without a limit?
  bool to_end() const { return end.kind == FrameBound::Kind::kUnboundedFollowing; }
  /// Does every frame of a partition begin with its first row?
  bool from_begin() const { return begin.kind == FrameBound::Kind::kUnboundedPreceding; }
  std::string ToString() const;
};

enum class OverFunction {
  kAggregate,
  kRowNumber,
  kRank,
  kDenseRank,
  kPercentRank,
  kCumeDist,
  kNtile,
  kFirstValue,  ///< LAG and LEAD are this one over a frame of one row
  kLastValue,
  kNthValue
};

/// One function OVER the window of a node.
struct OverCall {
  OverFunction function = OverFunction::kRowNumber;
  /// kAggregate: the call. The functions of values: their argument, as the only one of
  /// `aggregate.arguments`.
  AggregateCall aggregate;
  int64_t number = 1;       ///< of NTILE's parts, of NTH_VALUE's row
  expr::ExprPtr otherwise;  ///< of LAG and LEAD where there is no row; may be null
  OverFrame frame;
  expr::TypePtr type;  ///< of the result
  std::string name;    ///< of the output column

  /// Can its answer be known before all rows of the partition are?
  bool needs_partition() const;
  std::string ToString() const;
};

/// Appends a column for each call: the value of a function over rows of the same
/// partition, in the order of the window.
///
/// With `by_time` the first order key is the ascending column of the watermark: a row
/// leaves when the watermark has passed it and all rows of its frames, rows that come
/// later than the watermark are left out and counted, as are those without a time. Else
/// all rows leave at the end of the input, which must be bounded. They leave in the order
/// of the window, partition by partition; rows that are equal in it by arrival.
class OverNode final : public Node {
 public:
  static constexpr std::string_view kKind = "over";

  static NodePtr Make(NodePtr input, std::vector<expr::ExprPtr> partition,
                      std::vector<SortKey> order, std::vector<OverCall> calls,
                      bool by_time);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  const std::vector<expr::ExprPtr>& partition() const { return partition_; }
  const std::vector<SortKey>& order() const { return order_; }
  const std::vector<OverCall>& calls() const { return calls_; }
  bool by_time() const { return by_time_; }
  /// Some function needs all rows of its partition before it gives an answer.
  bool needs_partition() const;

 private:
  OverNode(NodePtr input, SchemaPtr schema);
  std::vector<expr::ExprPtr> partition_;
  std::vector<SortKey> order_;
  std::vector<OverCall> calls_;
  bool by_time_ = false;
};

}  // namespace millrace::plan

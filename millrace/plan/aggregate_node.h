#pragma once

#include <optional>

#include "millrace/expr/expression.h"
#include "millrace/expr/function.h"
#include "millrace/plan/emission.h"
#include "millrace/plan/node.h"
#include "millrace/plan/window.h"

namespace millrace::plan {

/// One aggregate of a GROUP BY. Arguments have the types that the binding asks for (casts
/// are inserted by the planner).
struct AggregateCall {
  const expr::AggregateFunction* function = nullptr;
  expr::AggregateBinding binding;
  std::vector<expr::ExprPtr> arguments;  ///< over the node's input; empty for COUNT(*)
  std::vector<std::shared_ptr<arrow::Scalar>>
      literals;  ///< per argument: its constant value, or null
  bool distinct = false;
  expr::ExprPtr filter;  ///< FILTER (WHERE …), or null
  std::string name;      ///< of the output column

  std::string ToString() const;
};

/// Which half of an aggregation a node does.
enum class AggregatePhase {
  kSingle,   ///< rows → results
  kPartial,  ///< rows → keys and states; runs before an exchange
  kFinal,    ///< keys and states → results
};

/// GROUP BY, with or without a window; DISTINCT is one without aggregates.
///
/// Output columns: window_start and window_end when there is a window, then the keys,
/// then one column per aggregate (kSingle, kFinal) or the state columns of each aggregate
/// in turn (kPartial, whose windows are slices). Without keys and window a bounded input
/// gives exactly one row. A NULL key is a group like any other; a NULL event time belongs
/// to no window and is counted as a dead letter. A window's rows leave when the watermark
/// passes its end, and at the end of input; where the window has a grace period, rows
/// that come in it change them again. Without grace final results are rows only; all
/// others are changes (kRetract).
class AggregateNode final : public Node {
 public:
  static constexpr std::string_view kKind = "aggregate";

  static NodePtr Make(NodePtr input, std::vector<expr::ExprPtr> keys,
                      std::vector<std::string> key_names,
                      std::vector<AggregateCall> aggregates,
                      std::optional<Window> window = std::nullopt,
                      Emission emission = {});

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  AggregatePhase phase() const { return phase_; }
  /// For kFinal these read the columns of the partial node's output.
  const std::vector<expr::ExprPtr>& keys() const { return keys_; }
  const std::vector<AggregateCall>& aggregates() const { return aggregates_; }
  const std::optional<Window>& window() const { return window_; }
  const Emission& emission() const { return emission_; }

  /// Can every aggregate be merged from partial states? (DISTINCT forms can't be split
  /// cheaply; sessions would have to be found again from parts of them.)
  bool can_split() const;
  /// This kSingle node's first half, over the same input.
  NodePtr Partial() const;
  /// Its second half over `exchanged`, whose rows come from Partial().
  NodePtr Final(NodePtr exchanged) const;
  /// May a row of this node lie in several windows, which it has not been given yet?
  bool assigns_windows() const {
    return phase_ == AggregatePhase::kSingle && window_ && !window_->tumbles() &&
           !window_->is_session() && !window_->assigned;
  }
  /// Such a node in the form that runs: slices are aggregated, where that can be split,
  /// and their states are given the windows; else the rows are.
  NodePtr OverAssigned() const;

 private:
  AggregateNode(NodePtr input, SchemaPtr schema);
  // With the settings of this one, in this phase.
  std::shared_ptr<AggregateNode> Over(NodePtr input, SchemaPtr schema,
                                      AggregatePhase phase) const;
  void TellChangeMode();
  AggregatePhase phase_ = AggregatePhase::kSingle;
  std::vector<expr::ExprPtr> keys_;
  std::vector<std::string> key_names_;
  std::vector<AggregateCall> aggregates_;
  std::optional<Window> window_;
  Emission emission_;
};

}  // namespace millrace::plan

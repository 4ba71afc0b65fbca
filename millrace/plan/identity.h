// Identity: which operator of a plan is which, across restarts and numbers of shards.
#pragma once

#include <string>
#include <vector>

#include "millrace/plan/node.h"

namespace millrace::plan {

struct OperatorIdentity {
  /// Of the node's own settings, its types, and all that stands below it, as 16
  /// hexadecimal digits: equal for equal computations, whatever their exchanges.
  std::string fingerprint;
  /// For people, with what stands below: "aggregate by (carrier) count(*) of scan
  /// flights (carrier VARCHAR)".
  std::string description;
};

/// Does a node of this kind keep state between batches?
bool IsStateful(const Node& node);

/// What a checkpoint tells of the plan that it belongs to.
struct PlanIdentity {
  /// Of the whole: equal for equal queries over the same tables.
  std::string fingerprint;
  /// The stateful operators in pre-order. Cutting a plan keeps that order, as what it
  /// adds (exchanges, first halves, key columns) holds nothing at a barrier.
  std::vector<OperatorIdentity> operators;
  /// The names of the tables that are read, in pre-order.
  std::vector<std::string> scans;
  /// Of the table that is written: `'name' (connector)`.
  std::string sink;
};

/// Of a plan that Parallelize has not cut.
PlanIdentity Identify(const NodePtr& root);

}  // namespace millrace::plan

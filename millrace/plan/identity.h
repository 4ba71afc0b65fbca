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
  std::string description;  ///< for people: "aggregate by (carrier) count(*)"
};

/// Does a node of this kind keep state between batches?
bool IsStateful(const Node& node);

/// The stateful operators of a plan that Parallelize has not cut, in pre-order: cutting
/// keeps that order, as what it adds (exchanges, first halves, key columns) holds nothing
/// at a barrier.
std::vector<OperatorIdentity> IdentifyOperators(const NodePtr& root);

}  // namespace millrace::plan

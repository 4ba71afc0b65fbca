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

/// The stateful operators of a plan that Parallelize has not cut, in pre-order: cutting
/// keeps that order, as what it adds (exchanges, first halves, key columns) holds nothing
/// at a barrier.
std::vector<OperatorIdentity> IdentifyOperators(const NodePtr& root);

}  // namespace millrace::plan

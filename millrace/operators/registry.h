// From plan nodes to operators.
#pragma once

#include <memory>
#include <vector>

#include "millrace/operators/operator.h"
#include "millrace/plan/node.h"

namespace millrace::operators {

/// The operator that runs `node` (one with inputs). A kind that nothing is registered for
/// is a fault of ours.
Result<std::unique_ptr<Operator>> Build(const plan::Node& node,
                                        const OperatorContext& context);

/// The events of a leaf that needs no connector (VALUES), without the End.
Result<std::vector<Event>> BuildLeaf(const plan::Node& node,
                                     const OperatorContext& context);

}  // namespace millrace::operators

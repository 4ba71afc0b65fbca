// One factory per plan node, in the folder of its operator; registry.cc lists them.
#pragma once

#include <memory>

#include "millrace/operators/operator.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/node.h"

namespace millrace::operators {

using Factory = Result<std::unique_ptr<Operator>> (*)(const plan::Node& node,
                                                      const OperatorContext& context);

Result<std::unique_ptr<Operator>> MakeFilter(const plan::Node& node,
                                             const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeProject(const plan::Node& node,
                                              const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeLimit(const plan::Node& node,
                                            const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeUnion(const plan::Node& node,
                                            const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeUnpivot(const plan::Node& node,
                                              const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeExpand(const plan::Node& node,
                                             const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeSample(const plan::Node& node,
                                             const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeChangelog(const plan::Node& node,
                                                const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeWindow(const plan::Node& node,
                                             const OperatorContext& context);

Result<std::unique_ptr<Operator>> MakeJoin(const plan::Node& node,
                                           const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeSort(const plan::Node& node,
                                           const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeArrange(const plan::Node& node,
                                              const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeAggregate(const plan::Node& node,
                                                const OperatorContext& context);
Result<std::unique_ptr<Operator>> MakeOver(const plan::Node& node,
                                           const OperatorContext& context);
/// The form of an aggregate whose windows are sessions.
Result<std::unique_ptr<Operator>> MakeSessionAggregate(const plan::AggregateNode& node,
                                                       const OperatorContext& context);

}  // namespace millrace::operators

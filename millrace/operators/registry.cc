#include "millrace/operators/registry.h"

#include <arrow/record_batch.h>

#include <string_view>

#include "millrace/base/error.h"
#include "millrace/operators/factories_internal.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/arrange_node.h"
#include "millrace/plan/changelog_node.h"
#include "millrace/plan/expand_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/over_node.h"
#include "millrace/plan/project_node.h"
#include "millrace/plan/sample_node.h"
#include "millrace/plan/sort_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/plan/unpivot_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/plan/window_node.h"

namespace millrace::operators {

namespace {

struct Row {
  std::string_view kind;
  Factory make;
};

constexpr Row kFactories[] = {
    {plan::AggregateNode::kKind, MakeAggregate},
    {plan::JoinNode::kKind, MakeJoin},
    {plan::SortNode::kKind, MakeSort},
    {plan::FilterNode::kKind, MakeFilter},
    {plan::ProjectNode::kKind, MakeProject},
    {plan::LimitNode::kKind, MakeLimit},
    {plan::UnionNode::kKind, MakeUnion},
    {plan::WindowNode::kKind, MakeWindow},
    {plan::UnpivotNode::kKind, MakeUnpivot},
    {plan::ArrangeNode::kKind, MakeArrange},
    {plan::SampleNode::kKind, MakeSample},
    {plan::ChangelogNode::kKind, MakeChangelog},
    {plan::OverNode::kKind, MakeOver},
    {plan::ExpandNode::kKind, MakeExpand},
};

}  // namespace

Result<std::unique_ptr<Operator>> Build(const plan::Node& node,
                                        const OperatorContext& context) {
  for (const Row& row : kFactories) {
    if (row.kind == node.kind()) return row.make(node, context);
  }
  return errors::kInternal.Make({}, "no operator runs a '{}' node", node.kind());
}

Result<std::vector<Event>> BuildLeaf(const plan::Node& node,
                                     const OperatorContext& context) {
  if (node.kind() != plan::ValuesNode::kKind) {
    return errors::kInternal.Make({}, "a '{}' node is no leaf", node.kind());
  }
  const auto& values = static_cast<const plan::ValuesNode&>(node);
  std::vector<Event> events;
  for (int64_t at = 0; at < values.rows()->num_rows(); at += context.batch_rows) {
    data::Batch batch;
    batch.rows = values.rows()->Slice(at, context.batch_rows);
    events.push_back(std::move(batch));
  }
  return events;
}

}  // namespace millrace::operators

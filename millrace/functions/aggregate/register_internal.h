// The groups of aggregate functions, each registered by one call, and what they share.
#pragma once

#include <arrow/api.h>

#include "millrace/expr/function.h"
#include "millrace/functions/scalar/signature_internal.h"

namespace millrace::functions {

using expr::Accumulator;
using expr::AggregateBinding;
using expr::AggregateFunction;
using expr::FunctionRegistry;
using expr::GroupSelection;
using Arguments = std::vector<arrow::Datum>;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using AccumulatorResult = Result<std::unique_ptr<Accumulator>>;

Status RegisterBasicAggregates(FunctionRegistry& registry);
Status RegisterOrderedAggregates(FunctionRegistry& registry);
Status RegisterMoments(FunctionRegistry& registry);
Status RegisterTextAggregates(FunctionRegistry& registry);
Status RegisterQuantiles(FunctionRegistry& registry);
Status RegisterDistinctAggregates(FunctionRegistry& registry);
Status RegisterByKey(FunctionRegistry& registry);
Status RegisterArrayAggregates(FunctionRegistry& registry);
Status RegisterFolds(FunctionRegistry& registry);
Status RegisterMode(FunctionRegistry& registry);
Status RegisterShapes(FunctionRegistry& registry);

/// The argument as a plain array of `rows` values.
Result<ArrayPtr> ArgumentArray(const arrow::Datum& argument, int64_t rows,
                               arrow::MemoryPool* pool);

inline uint32_t GroupOf(const uint32_t* ids, int64_t row) {
  return ids == nullptr ? 0 : ids[row];
}

/// The type in which an aggregate computes with a number: small integers widen.
TypePtr Widened(const TypePtr& type);

/// MIN and MAX of text, binary, DECIMAL and BOOLEAN.
std::unique_ptr<Accumulator> MakeExtreme(const TypePtr& type, bool max,
                                         arrow::MemoryPool* pool);

}  // namespace millrace::functions

// Evaluation: the context that expressions of one operator are evaluated in.
#pragma once

#include <arrow/compute/exec.h>

#include "millrace/expr/evaluate.h"
#include "millrace/operators/operator.h"

namespace millrace::operators {

/// Owned by one operator. Not movable: the expressions' context points into it.
class Evaluation {
 public:
  explicit Evaluation(const OperatorContext& context)
      : memory_(context.memory), arrow_(context.memory->pool()) {
    arrow_.set_use_threads(false);
    context_.pool = context.memory->pool();
    context_.arrow = &arrow_;
    context_.clock = context.clock;
    context_.statement_micros = context.statement_micros;
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  expr::EvalContext& context() { return context_; }
  arrow::compute::ExecContext* arrow() { return &arrow_; }
  arrow::MemoryPool* pool() const { return context_.pool; }
  const std::shared_ptr<MemoryBudget>& memory() const { return memory_; }

 private:
  std::shared_ptr<MemoryBudget> memory_;
  arrow::compute::ExecContext arrow_;
  expr::EvalContext context_;
};

}  // namespace millrace::operators

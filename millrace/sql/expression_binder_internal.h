// ExpressionBinder: syntax → typed expressions over a scope.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/expr/expression.h"
#include "millrace/sql/planner.h"
#include "millrace/sql/scope_internal.h"

namespace millrace::sql {

/// TUMBLE_START, HOP_END and the like, in small letters: which bound of the window they
/// are, 0 or 1; nothing for other names.
std::optional<int> WindowBound(std::string_view function);

class OverBinder;

/// Binds expressions whose names are the columns of `scope`. Aggregates are refused; see
/// AggregateBinder. The references given outlive it.
class ExpressionBinder {
 public:
  ExpressionBinder(const PlannerContext& context, const Scope& scope)
      : context_(context), scope_(scope) {}
  virtual ~ExpressionBinder() = default;

  /// Names that are no columns may be aliases of these items.
  void set_aliases(const std::vector<SelectItem>* items) { aliases_ = items; }

  /// Takes the functions with OVER; null where there can't be any.
  void set_over(OverBinder* over) { over_ = over; }

  Result<expr::ExprPtr> Bind(const Expression& expression);
  /// For WHERE, HAVING, ON, FILTER: must be boolean; `clause` is for the error.
  Result<expr::ExprPtr> BindCondition(const Expression& expression,
                                      std::string_view clause);

 protected:
  /// Answer for `expression` as a whole, or nothing to bind it part by part.
  virtual Result<std::optional<expr::ExprPtr>> Intercept(const Expression& expression);
  virtual Result<expr::ExprPtr> BindName(const Path& path);
  /// The alias that `path` is, bound; nothing when it is none.
  Result<std::optional<expr::ExprPtr>> BindAlias(const Path& path);

  const PlannerContext& context() const { return context_; }
  const Scope& scope() const { return scope_; }

 private:
  friend struct NodeBinder;
  Result<expr::ExprPtr> Call(Location where, const std::string& name,
                             std::vector<expr::ExprPtr> arguments);
  Result<expr::ExprPtr> BindCall(const FunctionCall& call, const Expression& expression);
  Result<expr::ExprPtr> BindPath(const Path& path);
  Result<expr::ExprPtr> BindField(expr::ExprPtr operand, const Identifier& field);
  Result<expr::ExprPtr> BindCase(const CaseOf& node, Location where);

  const PlannerContext& context_;
  const Scope& scope_;
  const std::vector<SelectItem>* aliases_ = nullptr;
  bool in_alias_ = false;
  OverBinder* over_ = nullptr;
};

/// The value of a literal. Dates and times are read now; fails with kSqlBadLiteral.
Result<expr::ExprPtr> BindLiteral(const Literal& literal, bool negative, Location where,
                                  const PlannerContext& context);

/// The type that holds both, for CASE, UNION and joins; fails with kSqlTypeMismatch.
Result<expr::TypePtr> CommonTypeAt(const expr::TypePtr& left, const expr::TypePtr& right,
                                   Location where, std::string_view what);

/// Values that group, order, join or are told apart must be comparable: fails with
/// kSqlBadKey for lists, structs and maps. `what` is the clause.
Status CheckKey(const expr::Expr& key, Location where, std::string_view what);

/// "… is not supported by this version" at a place.
Status NotSupported(Location where, std::string_view what);

/// The name of an output column without an alias.
std::string OutputName(const Expression& expression);

/// Is there an aggregate function anywhere inside, queries left out?
bool HasAggregate(const Expression& expression, const expr::FunctionRegistry& functions);

/// AND over `terms`, balanced so that its depth stays small; null when there is none.
Result<expr::ExprPtr> Conjunction(std::vector<expr::ExprPtr> terms,
                                  const expr::FunctionRegistry& functions);

/// The terms of a top-level AND.
std::vector<expr::ExprPtr> SplitConjunction(const expr::ExprPtr& condition);

}  // namespace millrace::sql

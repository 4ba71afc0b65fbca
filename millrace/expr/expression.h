// Expr: a typed expression over the columns of one schema.
//
// Names are resolved and types are known: the binder makes these from SQL, a loaded plan
// makes them from JSON. Trees are immutable and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::expr {

struct ScalarFunction;
class Expr;
using ExprPtr = std::shared_ptr<const Expr>;
using TypePtr = std::shared_ptr<arrow::DataType>;

enum class ExprKind { kLiteral, kColumn, kCall, kCast, kCase };

/// What the user wrote for an expression, for errors at run time.
struct Source {
  std::string text;   ///< as SQL
  int32_t line = -1;  ///< 1-based; -1 where not known
  int32_t column = -1;
};

/// One node. `kind` says which of the members below the type mean something.
class Expr {
 public:
  static ExprPtr Literal(std::shared_ptr<arrow::Scalar> value);
  /// Column number `index` of the input; `name` is for people.
  static ExprPtr Column(int index, std::string name, TypePtr type);
  /// Resolve `name` among the functions, cast the arguments as its binding asks, and type
  /// the call. Fails with errors::kUnknownFunction (nearest name offered) or
  /// kBadArguments.
  static Result<ExprPtr> Call(const class FunctionRegistry& functions,
                              const std::string& name, std::vector<ExprPtr> arguments);
  /// A call that is already resolved; used by Call, rewrites and the loader.
  static ExprPtr BoundCall(const ScalarFunction* function, std::vector<ExprPtr> arguments,
                           TypePtr type);
  /// CAST, or TRY_CAST (NULL where a value does not fit) when `lenient`. The same type on
  /// both sides gives `input` back.
  static ExprPtr Cast(ExprPtr input, TypePtr to, bool lenient = false);
  /// CASE WHEN c1 THEN v1 … ELSE e END; all values have the same type. A branch is
  /// evaluated only on its own rows.
  static ExprPtr Case(std::vector<ExprPtr> conditions, std::vector<ExprPtr> values,
                      ExprPtr otherwise);

  ExprKind kind() const { return kind_; }
  const TypePtr& type() const { return type_; }

  const std::shared_ptr<arrow::Scalar>& literal() const {
    return literal_;
  }                                                             ///< kLiteral
  int column() const { return column_; }                        ///< kColumn
  const std::string& name() const { return name_; }             ///< kColumn: its name
  const ScalarFunction* function() const { return function_; }  ///< kCall
  bool lenient() const { return lenient_; }                     ///< kCast
  /// kCall: arguments; kCast: one; kCase: c1, v1, c2, v2, …, else.
  const std::vector<ExprPtr>& children() const { return children_; }

  /// The same node over other children.
  ExprPtr WithChildren(std::vector<ExprPtr> children) const;

  /// The same node with another source; it is no part of the node's meaning.
  ExprPtr WithSource(std::shared_ptr<const Source> source) const;
  /// Null where the user did not write this node.
  const std::shared_ptr<const Source>& source() const { return source_; }

  /// SQL-like text, the same for equal expressions: used by EXPLAIN and fingerprints.
  std::string ToString() const;
  bool Equals(const Expr& other) const { return ToString() == other.ToString(); }
  /// No column, and every function deterministic: may be folded.
  bool is_constant() const;
  bool is_deterministic() const;

 private:
  Expr() = default;
  ExprKind kind_ = ExprKind::kLiteral;
  TypePtr type_;
  std::shared_ptr<arrow::Scalar> literal_;
  int column_ = -1;
  std::string name_;
  const ScalarFunction* function_ = nullptr;
  bool lenient_ = false;
  std::vector<ExprPtr> children_;
  std::shared_ptr<const Source> source_;
};

/// Can evaluation of `expr` meet an error on some row (a division, a cast of text)?
bool CanFail(const Expr& expr);

/// Every column index that `expr` reads, each once, ascending.
std::vector<int> ColumnsOf(const Expr& expr);

/// `expr` with column i replaced by `replacements[i]`.
ExprPtr Substitute(const ExprPtr& expr, const std::vector<ExprPtr>& replacements);

/// `expr` with column indices mapped through `to` (to[old] = new); the names stay.
ExprPtr RemapColumns(const ExprPtr& expr, const std::vector<int>& to);

}  // namespace millrace::expr

// Predicate: the part of a WHERE clause that a source may be asked to apply.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

namespace millrace::data {

/// A condition over columns and constants, with SQL's three-valued logic. Immutable tree.
///
/// A source that accepts a predicate may still return rows that fail it (row groups are
/// pruned by statistics); the engine keeps its own filter unless the source answered that
/// it applies the predicate exactly.
struct Predicate {
  enum class Kind { kAnd, kOr, kNot, kCompare, kIn, kIsNull, kPrefix };
  enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

  Kind kind = Kind::kAnd;
  std::vector<std::shared_ptr<const Predicate>>
      children;                                ///< kAnd, kOr: any number; kNot: one
  std::string column;                          ///< the others
  Comparison comparison = Comparison::kEqual;  ///< kCompare
  std::vector<std::shared_ptr<arrow::Scalar>>
      values;  ///< kCompare, kPrefix: one; kIn: any number; never null

  std::string ToString() const;
};

using PredicatePtr = std::shared_ptr<const Predicate>;

/// What `predicate` asks of columns that `known` names: every row that fulfils it fulfils
/// that, too. Null for nothing.
PredicatePtr OnlyOf(const PredicatePtr& predicate,
                    const std::function<bool(const std::string&)>& known);

}  // namespace millrace::data

// RowRule: what rows must satisfy before a sink gets them.
#pragma once

#include <string>

#include "millrace/expr/expression.h"
#include "millrace/plan/table.h"

namespace millrace::plan {

/// What becomes of a row that breaks a rule.
enum class OnInvalid {
  kFail,        ///< end the pipeline
  kDeadLetter,  ///< set the row aside, count it, go on
  kDrop,        ///< leave the row out, count it, go on
};

/// What the option on_invalid of `table` says.
OnInvalid OnInvalidOf(const Table& table);

/// As SQL's CHECK: broken where the condition is false; NULL is borne.
struct RowRule {
  std::string name;         ///< empty: it was given none
  std::string text;         ///< of the condition, as errors print it
  expr::ExprPtr condition;  ///< boolean, over the columns of the rows that are written

  /// "positive (amount > 0)", or the text alone.
  std::string ToString() const { return name.empty() ? text : name + " (" + text + ")"; }
};

}  // namespace millrace::plan

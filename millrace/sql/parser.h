// Parser: SQL text → syntax tree.
//
// Hand-written recursive descent with Pratt expressions, for the union of the dialects
// that users bring. It accepts what the grammar knows; whether the engine can run it is
// the binder's question.
#pragma once

#include <string_view>

#include "millrace/base/result.h"
#include "millrace/sql/ast.h"

namespace millrace::sql {

/// All statements of `text`. The error names the line and column in Where.
Result<Script> Parse(std::string_view text);

/// One statement, which may end with a semicolon.
Result<StatementPtr> ParseStatement(std::string_view text);

/// One expression, for options that take a condition.
Result<ExpressionPtr> ParseExpression(std::string_view text);

/// The items of a SELECT: `a, YEAR(t) AS y`.
Result<std::vector<SelectItem>> ParseItems(std::string_view text);

/// Names and types of columns: `id BIGINT, name VARCHAR NOT NULL`.
Result<std::shared_ptr<arrow::Schema>> ParseColumns(std::string_view text);

/// The name of a type, such as DECIMAL(10, 2).
Result<std::shared_ptr<arrow::DataType>> ParseType(std::string_view text);

}  // namespace millrace::sql

// Numbered errors of SQL: text, names, types, and what this version can't plan.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kSqlSyntax{3001, arrow::StatusCode::Invalid, false,
                                      "syntax error",
                                      "see docs/reference/sql.md for the grammar"};
inline constexpr ErrorSpec kSqlUnterminated{3002, arrow::StatusCode::Invalid, false,
                                            "text is not closed",
                                            "close the quote or the comment"};
inline constexpr ErrorSpec kSqlBadCharacter{
    3003, arrow::StatusCode::Invalid, false, "character can't stand here",
    "remove it, or put it inside quotes; the text must be UTF-8"};
inline constexpr ErrorSpec kSqlBadLiteral{3004, arrow::StatusCode::Invalid, false,
                                          "literal can't be read", "correct the value"};
inline constexpr ErrorSpec kSqlTooDeep{3005, arrow::StatusCode::Invalid, false,
                                       "statement is nested too deeply",
                                       "split it with WITH or CREATE VIEW"};
inline constexpr ErrorSpec kSqlUnknownType{3006, arrow::StatusCode::TypeError, false,
                                           "unknown type",
                                           "see docs/reference/sql.md for the types"};
inline constexpr ErrorSpec kSqlDuplicateClause{
    3007, arrow::StatusCode::Invalid, false, "clause is given twice", "keep one of them"};

inline constexpr const ErrorSpec* kSqlErrors[] = {
    &kSqlSyntax,  &kSqlUnterminated, &kSqlBadCharacter,   &kSqlBadLiteral,
    &kSqlTooDeep, &kSqlUnknownType,  &kSqlDuplicateClause};

}  // namespace millrace::errors

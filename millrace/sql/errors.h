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

inline constexpr ErrorSpec kSqlUnknownTable{
    3020, arrow::StatusCode::KeyError, false, "no such table",
    "SHOW TABLES lists the names; put the path of a file in single quotes"};
inline constexpr ErrorSpec kSqlUnknownColumn{3021, arrow::StatusCode::KeyError, false,
                                             "no such column",
                                             "DESCRIBE the table to see its columns"};
inline constexpr ErrorSpec kSqlAmbiguousColumn{
    3022, arrow::StatusCode::Invalid, false, "column is in more than one table",
    "write the table before the column, as in t.a"};
inline constexpr ErrorSpec kSqlNotGrouped{
    3023, arrow::StatusCode::Invalid, false, "column is not grouped",
    "put it into GROUP BY, or into an aggregate such as MIN(…)"};
inline constexpr ErrorSpec kSqlMisplacedAggregate{
    3024, arrow::StatusCode::Invalid, false, "an aggregate can't stand here",
    "use HAVING for conditions on aggregates, or a subquery"};
inline constexpr ErrorSpec kSqlTypeMismatch{3025, arrow::StatusCode::TypeError, false,
                                            "types don't fit together",
                                            "add a CAST to one of them"};
inline constexpr ErrorSpec kSqlColumnCount{3026, arrow::StatusCode::Invalid, false,
                                           "wrong number of columns",
                                           "make both sides have as many"};
inline constexpr ErrorSpec kSqlBadPosition{3027, arrow::StatusCode::IndexError, false,
                                           "position is not in the SELECT list",
                                           "positions count from 1"};
inline constexpr ErrorSpec kSqlNameTaken{3028, arrow::StatusCode::AlreadyExists, false,
                                         "name is used twice",
                                         "choose another, or give an alias"};
inline constexpr ErrorSpec kSqlMissingConnector{
    3029, arrow::StatusCode::Invalid, false, "no connector is named",
    "add WITH (connector = 'files', path = '…'); see `millrace connectors`"};
inline constexpr ErrorSpec kSqlBadWindow{3030, arrow::StatusCode::Invalid, false,
                                         "window can't be built",
                                         "write WINDOW TUMBLING(time_column, 5m)"};
inline constexpr ErrorSpec kSqlNotConstant{3031, arrow::StatusCode::Invalid, false,
                                           "a constant is needed here",
                                           "write a literal"};
inline constexpr ErrorSpec kSqlWrongObject{3032, arrow::StatusCode::Invalid, false,
                                           "statement does not fit its object",
                                           "see docs/reference/sql.md"};
inline constexpr ErrorSpec kSqlNotSupported{3040, arrow::StatusCode::NotImplemented,
                                            false, "is not supported by this version",
                                            "see docs/reference/sql.md for what is"};

inline constexpr ErrorSpec kSqlBadKey{3041, arrow::StatusCode::TypeError, false,
                                      "values of this type can't be a key",
                                      "take a part of the value, or cast it to VARCHAR"};

inline constexpr ErrorSpec kSqlNeedsName{3042, arrow::StatusCode::Invalid, false,
                                         "an expression needs a name here",
                                         "write it as `expression AS name`"};

inline constexpr ErrorSpec kSqlBadEmission{
    3043, arrow::StatusCode::Invalid, false, "results can't leave this way",
    "write EMIT FINAL, EMIT CHANGES or EMIT EVERY 1s behind a query that groups; behind "
    "one with windows EMIT ON WINDOW CLOSE and GRACE PERIOD 10s, too"};

inline constexpr ErrorSpec kSqlBadOver{
    3044, arrow::StatusCode::Invalid, false, "the window of OVER can't be built",
    "write OVER (PARTITION BY k ORDER BY t ROWS 9 PRECEDING)"};
inline constexpr ErrorSpec kSqlMisplacedOver{
    3045, arrow::StatusCode::Invalid, false, "a function with OVER can't stand here",
    "use it in the SELECT list, in ORDER BY, or in QUALIFY for conditions"};

inline constexpr const ErrorSpec* kSqlErrors[] = {
    &kSqlSyntax,          &kSqlUnterminated,     &kSqlBadCharacter,
    &kSqlBadLiteral,      &kSqlTooDeep,          &kSqlUnknownType,
    &kSqlDuplicateClause, &kSqlUnknownTable,     &kSqlUnknownColumn,
    &kSqlAmbiguousColumn, &kSqlNotGrouped,       &kSqlMisplacedAggregate,
    &kSqlTypeMismatch,    &kSqlColumnCount,      &kSqlBadPosition,
    &kSqlNameTaken,       &kSqlMissingConnector, &kSqlBadWindow,
    &kSqlNotConstant,     &kSqlWrongObject,      &kSqlNotSupported,
    &kSqlBadKey,          &kSqlNeedsName,        &kSqlBadEmission,
    &kSqlBadOver,         &kSqlMisplacedOver};

}  // namespace millrace::errors

// Numbered errors of binding and evaluating expressions.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kUnknownFunction{3501, arrow::StatusCode::KeyError, false,
                                            "no such function",
                                            "see `millrace functions` for what there is"};
inline constexpr ErrorSpec kBadArguments{
    3502, arrow::StatusCode::TypeError, false, "a function does not take these arguments",
    "see `millrace functions NAME`; cast an argument where its type is the matter"};
inline constexpr ErrorSpec kNumericOverflow{
    3503, arrow::StatusCode::Invalid, false, "a number does not fit its type",
    "cast to a wider type before computing, or use TRY_CAST"};
inline constexpr ErrorSpec kDivisionByZero{
    3504, arrow::StatusCode::Invalid, false, "division by zero",
    "guard it: CASE WHEN x <> 0 THEN 1 / x END, or divide by NULLIF(x, 0)"};
inline constexpr ErrorSpec kBadCast{3505, arrow::StatusCode::Invalid, false,
                                    "a value can't be cast",
                                    "TRY_CAST gives NULL for such values"};
inline constexpr ErrorSpec kBadPattern{3506, arrow::StatusCode::Invalid, false,
                                       "a pattern is not valid",
                                       "regular expressions follow RE2's syntax"};
inline constexpr ErrorSpec kOutOfDomain{3507, arrow::StatusCode::Invalid, false,
                                        "an argument is outside what is allowed",
                                        "see `millrace functions NAME` for the range"};
inline constexpr ErrorSpec kUnknownTimeZone{
    3508, arrow::StatusCode::Invalid, false, "no such time zone",
    "use a name of the IANA database such as 'Europe/Berlin', or 'UTC'"};
inline constexpr ErrorSpec kNoCast{3509, arrow::StatusCode::TypeError, false,
                                   "there is no cast between these types",
                                   "cast to VARCHAR in between where that makes sense"};
inline constexpr ErrorSpec kTextTooLong{
    3510, arrow::StatusCode::CapacityError, false, "a text would become too long",
    "lower the length asked for, or batches with fewer rows"};
inline constexpr ErrorSpec kEvaluationFailed{
    3511, arrow::StatusCode::Invalid, false, "an expression can't be evaluated",
    "see the message for the value that it failed on"};
inline constexpr ErrorSpec kBadJsonPath{
    3512, arrow::StatusCode::Invalid, false, "a path into JSON is not valid",
    "write $.field, $[0], $.a[0].\"b c\" or $['a']; a text without $ names one field"};

inline constexpr const ErrorSpec* kExprErrors[] = {
    &kUnknownFunction, &kBadArguments, &kNumericOverflow,  &kDivisionByZero,
    &kBadCast,         &kBadPattern,   &kOutOfDomain,      &kUnknownTimeZone,
    &kNoCast,          &kTextTooLong,  &kEvaluationFailed, &kBadJsonPath};

}  // namespace millrace::errors

// Numbered errors of planning.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kNeedsBoundedInput{4001, arrow::StatusCode::Invalid, false,
                                              "this needs an input that ends",
                                              "read a bounded source, or add a window"};
inline constexpr ErrorSpec kSinkCannotTake{
    4002, arrow::StatusCode::Invalid, false, "the sink can't take these changes",
    "use EMIT FINAL, a sink that takes updates, or its option changes_column, which "
    "writes beside each row what it does"};

inline constexpr ErrorSpec kColumnTwice{
    4003, arrow::StatusCode::Invalid, false,
    "two columns that are to be written have the same name",
    "give one of them another name with AS"};

inline constexpr ErrorSpec kChangesNotTaken{
    4004, arrow::StatusCode::NotImplemented, false,
    "this can't be asked of rows that change later",
    "use EMIT FINAL in the query below it, without a grace period"};

inline constexpr const ErrorSpec* kPlanErrors[] = {&kNeedsBoundedInput, &kSinkCannotTake,
                                                   &kColumnTwice, &kChangesNotTaken};

}  // namespace millrace::errors

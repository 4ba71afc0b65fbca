// Numbered errors of the generators.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kNotGenerated{
    2470, arrow::StatusCode::Invalid, false, "a declared column is not generated",
    "declare columns of the connector with their names and types, or none"};
inline constexpr ErrorSpec kGeneratorChanged{
    2471, arrow::StatusCode::Invalid, false,
    "the options of a generator are others than those of the checkpoint",
    "put the options back, or drop the checkpoint and begin again"};
inline constexpr ErrorSpec kBadGeneratorPosition{
    2472, arrow::StatusCode::Invalid, false,
    "a checkpoint does not say how far rows were generated",
    "the checkpoint is damaged: drop it and begin again"};

inline constexpr ErrorSpec kDoesNotFit{
    2473, arrow::StatusCode::Invalid, false, "a generated value does not fit its column",
    "declare the column with another type, or change its fields options"};
inline constexpr ErrorSpec kNothingDeclared{
    2474, arrow::StatusCode::Invalid, false, "a generator needs columns",
    "declare the columns: their names and types say what is to be made"};

inline constexpr const ErrorSpec* kGeneratorErrors[] = {
    &kNotGenerated, &kGeneratorChanged, &kBadGeneratorPosition, &kDoesNotFit,
    &kNothingDeclared};

}  // namespace millrace::errors

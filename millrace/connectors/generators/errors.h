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

inline constexpr const ErrorSpec* kGeneratorErrors[] = {
    &kNotGenerated, &kGeneratorChanged, &kBadGeneratorPosition};

}  // namespace millrace::errors

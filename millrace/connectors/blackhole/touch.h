// Touch: read Arrow data as a sink does that has to look at all of it.
#pragma once

#include <cstdint>

#include <arrow/type_fwd.h>

namespace millrace::blackhole {

/// Read one byte of every 64 that the values use: of each buffer the part between offset
/// and offset + length (what has offsets of its own: the part that they tell), of
/// children and dictionaries too. Answers the exclusive or of what was read, so that no
/// read can be left out.
uint64_t Touch(const arrow::ArrayData& data);
/// The same of each column, which brings lazily made ones into being.
uint64_t Touch(const arrow::RecordBatch& rows);

}  // namespace millrace::blackhole

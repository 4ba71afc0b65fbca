// Event: what travels along an edge between operators.
#pragma once

#include <memory>
#include <variant>

#include "millrace/base/ids.h"
#include "millrace/data/batch.h"
#include "millrace/data/schema_change.h"

namespace millrace::operators {

/// Rows with event time ≤ micros are complete. An idle edge holds nobody back until its
/// next event.
struct Watermark {
  int64_t micros = data::event_time::kMin;
  bool idle = false;
};

/// Cuts the stream between two epochs.
struct Barrier {
  Epoch epoch{0};
};

/// The rows that follow belong to `split` (until the next SplitBegin): lets a gather keep
/// the order of splits.
struct SplitBegin {
  SplitId split{0};
};

/// Nothing follows; stands for the watermark +∞.
struct End {};

using SchemaChangePtr = std::shared_ptr<const data::SchemaChange>;
using Event =
    std::variant<data::Batch, Watermark, Barrier, SplitBegin, SchemaChangePtr, End>;

}  // namespace millrace::operators

// Event: what travels along an edge between operators.
#pragma once

#include <memory>
#include <variant>

#include "millrace/base/ids.h"
#include "millrace/data/batch.h"
#include "millrace/data/row_encoder.h"
#include "millrace/data/schema_change.h"

namespace millrace::operators {

/// Rows with event time ≤ micros are complete, also where it is idle. An idle edge holds
/// nobody back until its next event.
struct Watermark {
  int64_t micros = data::event_time::kMin;
  bool idle = false;

  bool operator==(const Watermark&) const = default;
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
/// EncodedRows travel only between the tasks that encode for a sink and its writer: no
/// operator meets them.
using Event = std::variant<data::Batch, data::EncodedRows, Watermark, Barrier, SplitBegin,
                           SchemaChangePtr, End>;

}  // namespace millrace::operators

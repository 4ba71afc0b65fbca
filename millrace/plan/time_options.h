// Event time by options of a source, beside WATERMARK FOR.
#pragma once

#include "millrace/base/result.h"
#include "millrace/plan/table.h"
#include "millrace/plan/window.h"

namespace millrace::plan {

/// What a source says of its late rows.
struct LateStrategy {
  Window::Late late = Window::Late::kDrop;
  /// Windows are put right for so long, where the query says nothing of its own; 0: not.
  int64_t update_micros = 0;

  bool operator==(const LateStrategy&) const = default;
};

/// The watermark that the options event.time.field, watermark.strategy and
/// watermark.max_out_of_orderness of a declared `table` ask for, if any. Fails with
/// kBadOption, also where the table has a watermark already.
Status SetWatermark(Table* table);
/// late.data.strategy and late.data.retention of a table. Fails with kBadOption.
Result<LateStrategy> LateStrategyOf(const Table& table);

}  // namespace millrace::plan

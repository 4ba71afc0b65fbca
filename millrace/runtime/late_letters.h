// LateLetters: rows that came too late become dead letters.
#pragma once

#include "millrace/operators/operator.h"
#include "millrace/runtime/progress.h"
#include "millrace/runtime/scan.h"

namespace millrace::runtime {

/// Of one pipeline; used by all of its shards.
class LateLetters final : public operators::LateRows {
 public:
  /// Both outlive this. `office` null: a late row fails the pipeline.
  LateLetters(DeadLetterOffice* office, Progress* progress)
      : office_(office), progress_(progress) {}
  Status Take(const arrow::RecordBatch& rows) override;

 private:
  DeadLetterOffice* const office_;
  Progress* const progress_;
};

}  // namespace millrace::runtime

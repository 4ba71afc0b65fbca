// Progress: what a running pipeline has done so far, as counters that anyone may read at
// any time.
#pragma once

#include <atomic>
#include <cstdint>

#include "millrace/operators/operator.h"

namespace millrace::runtime {

/// Written by the shards with relaxed order once a batch, read by whoever reports.
struct Progress {
  std::atomic<int64_t> rows_read{0};
  std::atomic<int64_t> bytes_read{0};  ///< from outside
  std::atomic<int64_t> rows_written{0};
  std::atomic<int64_t> dead_letters{0};
  std::atomic<int64_t> rows_invalid{0};  ///< broke a rule of the sink: left out
  operators::RowCounters left_out;
  std::atomic<int64_t> splits_total{0};
  std::atomic<int64_t> splits_done{0};
  std::atomic<int64_t> bytes_total{
      0};  ///< of all splits, as far as known: the end of a bounded read
  std::atomic<int64_t> bytes_committed{0};   ///< written outside, known after the commit
  std::atomic<int64_t> epochs_decided{0};    ///< by this run, the one of its end included
  std::atomic<int64_t> checkpoint_epoch{0};  ///< the newest, also of runs before; or 0
  std::atomic<int64_t> checkpoint_micros{0};  ///< wall-clock time at which it was made
};

/// What one plan node did, summed over its tasks: for EXPLAIN ANALYZE.
struct NodeStats {
  std::atomic<int64_t> rows_out{0};
  std::atomic<int64_t> bytes_out{0};
  std::atomic<int64_t> batches_out{0};
  std::atomic<int64_t> nanos{0};
};

}  // namespace millrace::runtime

// Parallelize: cut a plan into stages by inserting exchanges.
#pragma once

#include "millrace/plan/node.h"

namespace millrace::plan {

struct ParallelizeOptions {
  int shards = 1;
  /// The root's sink works with several writers at a time (and so gives up the order of
  /// rows).
  bool parallel_sink = false;
};

/// `root` with aggregations over windows that may share rows in the form that runs.
NodePtr LowerWindows(const NodePtr& root);

/// LowerWindows, then `root` with exchanges where rows with equal keys must meet, where a
/// single task must see everything (sort, limit, one writer), and with aggregations split
/// in two around theirs where the aggregates allow. With one shard no exchange is
/// inserted.
NodePtr Parallelize(const NodePtr& root, const ParallelizeOptions& options);

}  // namespace millrace::plan

// Batch: the unit that moves through the engine.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/ids.h"
#include "millrace/data/position.h"

namespace millrace::data {

/// What a row does to the table that it belongs to.
enum class RowKind : int8_t {
  kInsert = 0,
  kUpdateBefore = 1,
  kUpdateAfter = 2,
  kDelete = 3
};

/// "+I", "-U", "+U" or "-D".
const char* RowKindName(RowKind kind);

/// Event time in microseconds since 1970-01-01 UTC. kMin stands before, kMax (+∞) after
/// every row.
namespace event_time {
inline constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
}  // namespace event_time

/// Facts of the transaction that a batch's rows come from.
struct Transaction {
  uint64_t id = 0;
  int64_t commit_micros = 0;
  bool last = false;  ///< no row of this transaction follows the batch
};

/// What only a change stream carries; absent on the batches of append-only sources.
struct Changes {
  std::shared_ptr<arrow::Int8Array> kinds;  ///< one RowKind a row
  /// Per column: rows whose value the change did not carry. Null where every value was
  /// carried. Empty: all were.
  std::vector<std::shared_ptr<arrow::Buffer>> unchanged;
  std::shared_ptr<const Transaction>
      transaction;  ///< null when the rows span several or none
};

/// Rows with their place in the source. Cheap to copy: everything large is shared and
/// immutable.
///
/// The columns have the types of the stream's schema with one freedom: a string or binary
/// column may arrive dictionary-encoded with int32 indices (see data/dictionary.h),
/// because low-cardinality text is cheaper that way.
struct Batch {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::shared_ptr<const Changes> changes;  ///< null: every row is +I
  SplitId split{0};
  Position
      end;  ///< where to go on after this batch; empty where no source position applies
  /// Range of event time in the rows, both inclusive; min > max when it is not known.
  int64_t min_event_time = event_time::kMax;
  int64_t max_event_time = event_time::kMin;

  int64_t num_rows() const;
  /// Bytes of the buffers that the rows reference, shared ones included.
  int64_t num_bytes() const;
};

}  // namespace millrace::data

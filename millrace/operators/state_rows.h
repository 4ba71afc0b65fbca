// What operators that keep state share: rows of one part on their way into a snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/spill/spill_space.h"
#include "millrace/state/operator_state.h"

namespace millrace::operators {

/// The key group of each row by the hash of `keys`, as an exchange deals them; without
/// keys all rows belong to group 0.
Result<std::shared_ptr<arrow::Array>> KeyGroupsOf(
    const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows,
    arrow::MemoryPool* pool);
/// `rows` times the same key group.
Result<std::shared_ptr<arrow::Array>> SameKeyGroup(int group, int64_t rows,
                                                   arrow::MemoryPool* pool);
/// The lowest key group that belongs to `task` of `tasks`: for rows that any task may
/// hold.
int FirstKeyGroupOf(int task, int tasks);

/// `schema` with the key group as its first column.
std::shared_ptr<arrow::Schema> WithKeyGroup(const std::shared_ptr<arrow::Schema>& schema);

/// Collects rows and puts them into a snapshot as one piece. Used by one thread.
class StateRows {
 public:
  /// `schema`: of the rows, without the key group.
  /// `spill`: where they go when memory is half used, as what waits to be written counts
  /// like the state itself; null: they stay.
  StateRows(const std::shared_ptr<arrow::Schema>& schema,
            std::shared_ptr<MemoryBudget> memory, SpillSpace* spill = nullptr);

  /// Columns have exactly the types of the schema. Many small batches become few.
  Status Add(std::vector<std::shared_ptr<arrow::Array>> columns,
             std::shared_ptr<arrow::Array> groups);
  /// The same, with the key group as the first column.
  Status Add(std::shared_ptr<arrow::RecordBatch> rows);
  int64_t rows() const { return rows_; }
  /// `part_rows`: of the part with this piece; 0: not known.
  Status Put(std::string part, state::Extent extent, state::OperatorSnapshot& out,
             int64_t part_rows = 0);

 private:
  Status JoinSmall();
  Status ToFile();

  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  SpillSpace* const spill_;
  std::shared_ptr<SpillFile> file_;
  std::vector<SpilledBatch> spilled_;  // before all in memory
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  size_t first_small_ = 0;  // batches from here on are to be joined
  int64_t small_rows_ = 0;
  int64_t rows_ = 0;
};

/// Decides whether a part is written whole or as its changes: changes until they are more
/// rows than the whole was, so that what is stored, and what has to be read again, stays
/// within twice the state.
class PartHistory {
 public:
  /// The part holds `rows` rows, of which `changed` have to be written. `whole`: nothing
  /// written before counts.
  state::Extent Choose(bool whole, int64_t rows, int64_t changed) {
    if (whole || !written_ || changes_ + changed > whole_rows_) {
      written_ = true;
      whole_rows_ = rows;
      changes_ = 0;
      return state::Extent::kWhole;
    }
    changes_ += changed;
    return state::Extent::kChanges;
  }
  /// Rows of the part were found in a checkpoint.
  void Restored(int64_t rows, state::Extent extent) {
    written_ = true;
    (extent == state::Extent::kWhole ? whole_rows_ : changes_) += rows;
  }
  /// Nothing of the part is in checkpoints from now on.
  void Forget() { *this = {}; }
  bool written() const { return written_; }

 private:
  bool written_ = false;
  int64_t whole_rows_ = 0;
  int64_t changes_ = 0;
};

}  // namespace millrace::operators

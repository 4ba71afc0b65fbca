// Drives one operator through several lives: what a life leaves at a barrier is written
// down, and the next one goes on from there, perhaps in another number of tasks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>

#include "millrace/base/testing.h"
#include "millrace/data/key_hash.h"
#include "millrace/operators/registry.h"
#include "millrace/operators/state_rows.h"

namespace millrace::operators::testing_state {

using Rows = std::shared_ptr<arrow::RecordBatch>;

/// What one task wrote, piece by piece.
struct Written {
  struct OnePiece {
    state::Extent extent;
    std::vector<Rows> batches;
  };
  std::map<std::string, int64_t> facts;
  std::map<std::string, std::vector<OnePiece>> parts;
};

/// Everything that the tasks of an operator have written up to one epoch.
class Checkpoint {
 public:
  /// Read the pieces of a snapshot by way of Arrow IPC, as files would hold them.
  Status Take(state::OperatorSnapshot& snapshot);
  const std::map<int, Written>& tasks() const { return tasks_; }
  void Clear() { tasks_.clear(); }
  int64_t rows_taken() const { return rows_taken_; }
  int64_t wholes_taken() const { return wholes_taken_; }
  int64_t changes_taken() const { return changes_taken_; }

 private:
  std::map<int, Written> tasks_;
  int64_t rows_taken_ = 0;
  int64_t wholes_taken_ = 0;
  int64_t changes_taken_ = 0;
};

/// A checkpoint as task `task` of `tasks` sees it.
class StoredState final : public state::OperatorState {
 public:
  StoredState(const Checkpoint& checkpoint, int task, int tasks);
  Status Visit(std::string_view part, Rows rows, const Visitor& visitor) const override;
  Status VisitNewestFirst(std::string_view part, Rows rows,
                          const Visitor& visitor) const override;
  int64_t PartRows(std::string_view part, Rows rows) const override;

 private:
  Status VisitPiece(const Written::OnePiece& piece, Rows rows,
                    const Visitor& visitor) const;
  const Checkpoint& checkpoint_;
  const int task_;
  const int tasks_;
};

/// One input: its events, barriers included, and how its rows reach the tasks.
struct Port {
  std::vector<Event> events;  // the last one is End
  std::function<Result<std::vector<Rows>>(const Rows& rows, int tasks)> deal;
};

/// By the hash of columns; empty: all to task 0.
std::function<Result<std::vector<Rows>>(const Rows&, int)> ByKey(std::vector<int> keys);
/// Every row to every task.
std::function<Result<std::vector<Rows>>(const Rows&, int)> ToAll();
/// Rows in turn, whatever they hold.
std::function<Result<std::vector<Rows>>(const Rows&, int)> InTurn();

/// One life: so many tasks, over once epoch `until` is written (0: goes to the end).
struct Life {
  int tasks = 1;
  int64_t until = 0;
};

struct Outcome {
  std::vector<std::string> lines;      // rows as text, in the order put out
  std::vector<Event> events;           // of task 0, in the last life, without rows
  int64_t rows_written = 0;            // by all snapshots
  std::vector<int64_t> rows_of_epoch;  // of the last life
  int64_t changes_written = 0;         // pieces of changes
};

/// Run the operator of `node` through `lives`. Fails where it wants no event although
/// there are some, or puts anything out behind a barrier.
Result<Outcome> Live(const plan::Node& node, const std::vector<Port>& ports,
                     const std::vector<Life>& lives, OperatorContext context,
                     uint64_t seed);

/// The rows of a batch as text; floating point to nine digits.
std::vector<std::string> Lines(const arrow::RecordBatch& rows);
std::vector<std::string> Sorted(std::vector<std::string> lines);

}  // namespace millrace::operators::testing_state

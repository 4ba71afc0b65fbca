// What one operator leaves in a checkpoint and finds again after it.
//
// State is rows in named parts. A row belongs to a key group (data/key_hash.h), so that
// it finds its task again when there are more or fewer of them than before. A part is
// written whole, or as what changed since the last checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::state {

/// The first column of every stored row: its key group, uint16.
inline constexpr std::string_view kGroupColumn = "#group";

/// Does a piece stand for all of its part, or for what changed since the piece before it?
enum class Extent : int8_t { kWhole, kChanges };

/// A piece of one part. Batches have kGroupColumn first, then what the operator stored;
/// they are immutable, so that they can be written while the operator goes on.
struct Piece {
  std::string part;
  Extent extent = Extent::kWhole;
  /// Read once, on a thread of the executor: a piece may be larger than memory when its
  /// rows lie in files already.
  std::shared_ptr<arrow::RecordBatchReader> rows;
  /// How many rows the part holds with this piece; 0: not known.
  int64_t part_rows = 0;
};

/// Filled by one operator at one barrier, on its shard, then handed over.
class OperatorSnapshot {
 public:
  /// `task` of `tasks` of its stage takes the snapshot. `whole`: what earlier checkpoints
  /// hold of this operator is not to be built upon; write everything.
  OperatorSnapshot(int task, int tasks, bool whole)
      : task_(task), tasks_(tasks), whole_(whole) {}

  int task() const { return task_; }
  int tasks() const { return tasks_; }
  bool whole() const { return whole_; }

  /// A number under a name; what several tasks say of the same name is restored as the
  /// least of them.
  void SetFact(std::string name, int64_t value) { facts_[std::move(name)] = value; }
  /// `groups`: uint16, a key group for each row of `rows`.
  Status Add(std::string part, Extent extent,
             const std::shared_ptr<arrow::RecordBatch>& rows,
             const std::shared_ptr<arrow::Array>& groups);
  /// For state that is made batch by batch. The batches have kGroupColumn first.
  void Add(Piece piece) { pieces_.push_back(std::move(piece)); }

  bool empty() const { return facts_.empty() && pieces_.empty(); }
  const std::map<std::string, int64_t>& facts() const { return facts_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::vector<Piece> TakePieces() { return std::move(pieces_); }

 private:
  const int task_;
  const int tasks_;
  const bool whole_;
  std::map<std::string, int64_t> facts_;
  std::vector<Piece> pieces_;
};

/// What an operator of one task gets back. Used by its shard, before the operator's first
/// event.
class OperatorState {
 public:
  virtual ~OperatorState() = default;

  std::optional<int64_t> Fact(const std::string& name) const {
    const auto found = facts_.find(name);
    return found == facts_.end() ? std::nullopt : std::optional(found->second);
  }

  enum class Rows {
    kMine,  ///< of this task's key groups
    kAll,   ///< of every key group: what each task holds a copy of
  };
  /// Visit the rows of `part`, without kGroupColumn: for each task that wrote, the last
  /// whole piece first, then the changes in the order in which they were made. The order
  /// among tasks is that of their numbers, and no key group was written by two.
  using Visitor =
      std::function<Status(const std::shared_ptr<arrow::RecordBatch>& rows, Extent)>;
  virtual Status Visit(std::string_view part, Rows rows,
                       const Visitor& visitor) const = 0;
  /// The same, the piece that was written last first: where a key has at most one row in
  /// a piece, its first row is the one that counts.
  virtual Status VisitNewestFirst(std::string_view part, Rows rows,
                                  const Visitor& visitor) const = 0;

  /// About how many rows the part holds, of each key the last one, without reading them.
  virtual int64_t PartRows(std::string_view part, Rows rows) const = 0;

 protected:
  std::map<std::string, int64_t> facts_;
};

}  // namespace millrace::state

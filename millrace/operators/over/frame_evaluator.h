// FrameEvaluator: all functions of one OVER, over rows that come in order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/operators/over/window_function.h"
#include "millrace/operators/reservation.h"
#include "millrace/plan/over_node.h"

namespace millrace::operators {

/// Rows of the input in the order of the window: those of a partition stand together.
struct OrderedRows {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::vector<uint32_t> ids;     ///< the partition of each
  std::vector<uint8_t> differs;  ///< from the row before it, in partition or order
};

/// Keeps what frames of later rows need, and rows whose own frames are not complete yet.
/// Used by one thread.
class FrameEvaluator {
 public:
  using Arrays = WindowFunction::Arrays;
  using Batch = std::shared_ptr<arrow::RecordBatch>;

  static Result<std::unique_ptr<FrameEvaluator>> Make(const plan::OverNode& node,
                                                      Evaluation& evaluation);

  /// What is added at once must not part rows that are equal in the order, or not even
  /// a partition.
  bool needs_equals() const { return dense_ >= 0; }
  bool needs_partitions() const { return needs_partitions_; }
  /// Frames may be completed by time alone.
  bool waits_for_time() const { return waits_for_time_; }
  /// A partition of which no row is left may be forgotten and begin anew.
  bool can_forget() const { return can_forget_; }

  int64_t partitions() const { return rows_.size(); }

  /// Add rows; gives those whose frames are known now, with the results, in their order;
  /// null: none. `partitions`: how many there are. Frames that reach further wait for
  /// rows later than `passed`, unless `ended`.
  Result<Batch> Add(const OrderedRows& ordered, int64_t partitions, int64_t passed,
                    bool ended);
  /// The same for rows that wait.
  Result<Batch> PutOut(int64_t passed, bool ended);
  bool waiting() const { return !deferred_.empty(); }
  /// The least time of a row that waits; where there is one, and only by time.
  int64_t FirstWaiting() const;
  /// Let go of what no frame needs, if that is worth it, and count what is held.
  Status Trim(int64_t passed);
  /// Partitions that still have rows; after Trim only.
  std::vector<uint32_t> Living() const;
  /// Partition living[i] becomes number ids[i] of `partitions`, all others go.
  Status Renumber(std::span<const uint32_t> living, std::span<const uint32_t> ids,
                  int64_t partitions);
  void Clear();

  // --- checkpoints: facts of partitions, and rows that frames need
  std::vector<std::shared_ptr<arrow::DataType>> FactTypes() const;
  Result<Arrays> Facts(std::span<const uint32_t> ids);
  Status RestoreFacts(const Arrays& facts, std::span<const uint32_t> ids,
                      int64_t partitions);
  const std::shared_ptr<arrow::Schema>& row_schema() const { return rows_.schema(); }
  /// All rows that are held, of one chunk, in order: whose they are and their numbers.
  struct HeldRows {
    Batch rows;
    std::vector<uint32_t> ids;
    std::vector<int64_t> numbers;
  };
  Result<HeldRows> Held(int64_t passed);
  Status RestoreRows(const Batch& rows, std::span<const uint32_t> ids,
                     const int64_t* numbers, int64_t partitions);
  /// After all of them.
  Status FinishRestore();

 private:
  struct Function {
    WindowFunctionPtr function;
    size_t bounds;  // of bounds_
  };

  FrameEvaluator(const plan::OverNode& node, Evaluation& evaluation)
      : node_(node), evaluation_(&evaluation), reservation_(evaluation.memory()) {}
  Status Prepare();
  Status AddFunction(const plan::OverCall& call);
  Status AddAggregate(plan::OverCall call, size_t bounds);
  int AddColumn(const expr::ExprPtr& expression);
  size_t BoundsOf(const plan::OverFrame& frame);
  Status Resize(int64_t partitions);
  Result<Batch> StoredRows(const OrderedRows& ordered);
  Result<std::shared_ptr<arrow::Array>> Dense(const OrderedRows& ordered);
  Result<std::shared_ptr<arrow::Array>> Key(const arrow::RecordBatch& rows);
  struct Piece {
    uint32_t id;
    int64_t count;
  };
  Result<Arrays> Evaluate(std::span<const Piece> pieces, int64_t rows);
  int64_t KnownOf(uint32_t id, int64_t passed, bool ended) const;
  Result<Batch> Finished(const Arrays& inputs, Arrays results, int64_t rows) const;
  Result<Batch> PutOutPieces(const std::vector<Piece>& pieces);
  int64_t NeededOf(uint32_t id) const;
  Status Compact(int64_t passed);

  const plan::OverNode& node_;
  Evaluation* const evaluation_;
  Reservation reservation_;

  // What is stored of a row: columns of functions, the key of RANGE, the number of its
  // group, and all of it where rows wait.
  std::vector<expr::ExprPtr> columns_;
  RangeKey key_;
  int dense_ = -1;
  int first_input_ = -1;
  std::shared_ptr<arrow::Schema> schema_;
  FrameRows rows_;
  std::vector<plan::OverFrame> frames_;
  std::vector<FrameBounds> bounds_;
  std::vector<Function> functions_;
  bool needs_partitions_ = false;
  bool defers_ = false;
  bool waits_for_time_ = false;
  bool can_forget_ = true;
  int64_t pinned_ = 0;

  std::vector<uint32_t> deferred_;                   // partitions with rows that wait
  std::vector<uint8_t> listed_;                      // by id: on that list
  int64_t kept_rows_ = 0;                            // by the last compaction
  std::vector<std::vector<int64_t>> begins_, ends_;  // by bounds
};

}  // namespace millrace::operators

// SpilledGroups: states of groups on disk, in partitions that are merged one at a time.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "millrace/operators/spill/spill_space.h"

namespace millrace::operators {

/// State rows, their key group first. A key may have several rows, all in one partition,
/// in the order in which they were written; merged in that order they are its state. Used
/// by one thread.
class SpilledGroups {
 public:
  static constexpr int kPartitions = 32;
  static constexpr int kPartitionBits = 5;
  /// Partitions of partitions of …: so often the hash has bits for.
  static constexpr int kMaxLevel = 8;

  /// `level`: how many times these rows were dealt to partitions before.
  static Result<std::unique_ptr<SpilledGroups>> Make(
      SpillSpace& space, std::shared_ptr<arrow::Schema> schema, int level) {
    ARROW_ASSIGN_OR_RAISE(auto file, space.Open(std::move(schema)));
    return std::unique_ptr<SpilledGroups>(new SpilledGroups(std::move(file), level));
  }

  int level() const { return level_; }
  /// The bits below those that deal rows to tasks, and to partitions before.
  int PartitionOf(uint64_t hash) const {
    return static_cast<int>(hash >> (54 - kPartitionBits * (level_ + 1))) &
           (kPartitions - 1);
  }

  Status Append(int partition, const arrow::RecordBatch& rows, arrow::MemoryPool* pool) {
    ARROW_ASSIGN_OR_RAISE(auto place, file_->Append(rows, pool));
    partitions_[static_cast<size_t>(partition)].push_back({file_, place});
    rows_ += place.rows;
    return Status::OK();
  }
  /// The batches of a partition, which is empty then.
  std::vector<SpilledBatch> Take(int partition) {
    return std::move(partitions_[static_cast<size_t>(partition)]);
  }
  int64_t rows() const { return rows_; }

  /// Batches that snapshots have not seen; `all`: or have.
  std::vector<SpilledBatch> ForSnapshot(bool all) {
    std::vector<SpilledBatch> out;
    for (size_t i = 0; i < partitions_.size(); ++i) {
      const auto& batches = partitions_[i];
      out.insert(out.end(),
                 batches.begin() + static_cast<std::ptrdiff_t>(all ? 0 : written_[i]),
                 batches.end());
      written_[i] = batches.size();
    }
    written_rows_ = rows_;
    return out;
  }
  int64_t unwritten_rows() const { return rows_ - written_rows_; }

 private:
  SpilledGroups(std::shared_ptr<SpillFile> file, int level)
      : file_(std::move(file)), level_(level) {}

  std::shared_ptr<SpillFile> file_;
  const int level_;
  std::array<std::vector<SpilledBatch>, kPartitions> partitions_;
  std::array<size_t, kPartitions> written_{};
  int64_t rows_ = 0;
  int64_t written_rows_ = 0;
};

}  // namespace millrace::operators

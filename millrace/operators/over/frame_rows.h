// FrameRows: complete rows of partitions, as long as a frame may still look at them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>
#include <arrow/util/bit_util.h>

#include "millrace/base/result.h"

namespace millrace::operators {

/// Rows have a number in their partition, from 0 in the order of the window, and lie in
/// chunks: what was added at once. What no frame needs any more goes when Compact is
/// called. Used by one thread; memory from the pool given.
class FrameRows {
 public:
  /// Rows [first, first + count) of a partition, which lie behind each other in a chunk.
  struct Segment {
    uint32_t chunk = 0;
    int64_t offset = 0;
    int64_t first = 0;
    int64_t count = 0;
  };
  struct Partition {
    std::vector<Segment> segments;
    int64_t rows = 0;   ///< so many are known: the number of the next
    int64_t out = 0;    ///< so many of them have been put out
    int64_t dense = 0;  ///< groups of equal rows so far
  };

  /// Called once, before anything else.
  void Start(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool) {
    schema_ = std::move(schema);
    pool_ = pool;
  }

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// Make room for partitions [0, partitions).
  void Resize(int64_t partitions) { partitions_.resize(static_cast<size_t>(partitions)); }
  int64_t size() const { return static_cast<int64_t>(partitions_.size()); }
  Partition& partition(uint32_t id) { return partitions_[id]; }
  const Partition& partition(uint32_t id) const { return partitions_[id]; }
  const arrow::RecordBatch& chunk(uint32_t number) const { return *chunks_[number].rows; }
  int64_t rows() const { return rows_; }
  size_t chunks() const { return chunks_.size(); }

  /// A chunk of rows; Extend says whose they are. Columns have exactly the types of the
  /// schema.
  uint32_t AddChunk(std::shared_ptr<arrow::RecordBatch> rows);
  /// `count` rows of a chunk follow in a partition, the first of them with number
  /// `first`.
  void Extend(uint32_t id, uint32_t chunk, int64_t offset, int64_t first, int64_t count);

  /// Keep rows [0, pinned) of each partition and those from needed(id) on, in one chunk.
  template <typename Needed>
  Status Compact(int64_t pinned, const Needed& needed) {
    std::vector<Kept> kept;
    for (uint32_t id = 0; id < partitions_.size(); ++id) {
      Clip(id, pinned, needed(id), &kept);
    }
    return Rebuild(kept);
  }
  /// Forget partitions, not where their rows lie.
  void ForgetPartitions() { partitions_.clear(); }
  /// Forget all rows and partitions.
  void Clear();
  /// Bytes held outside the pool.
  int64_t extra_bytes() const;

  /// Where a column's values lie in a chunk.
  struct View {
    const uint8_t* validity = nullptr;  ///< null: all valid
    const uint8_t* values = nullptr;
    int64_t offset = 0;
    const arrow::ArrayData* data = nullptr;
  };
  const View& view(uint32_t chunk, int column) const {
    return chunks_[chunk].views[static_cast<size_t>(column)];
  }

 private:
  struct Chunk {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<View> views;
  };
  struct Kept {
    uint32_t id;
    Segment segment;
  };
  void Clip(uint32_t id, int64_t pinned, int64_t needed, std::vector<Kept>* out);
  Status Rebuild(const std::vector<Kept>& kept);

  std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* pool_ = nullptr;
  std::vector<Chunk> chunks_;
  std::vector<Partition> partitions_;
  int64_t rows_ = 0;
};

/// Finds rows of one partition by number, cheaply where numbers go up.
class RowFinder {
 public:
  explicit RowFinder(const FrameRows::Partition& partition) : partition_(&partition) {}

  /// The segment that holds row `number`, which must be there.
  const FrameRows::Segment& Find(int64_t number) {
    const auto& segments = partition_->segments;
    if (at_ < segments.size() && segments[at_].first <= number) {
      while (number >= segments[at_].first + segments[at_].count) ++at_;
      return segments[at_];
    }
    size_t low = 0, high = segments.size();
    while (high - low > 1) {
      const size_t middle = (low + high) / 2;
      (segments[middle].first <= number ? low : high) = middle;
    }
    at_ = low;
    return segments[at_];
  }

 private:
  const FrameRows::Partition* partition_;
  size_t at_ = static_cast<size_t>(-1);
};

/// Values of a column of fixed width, by number of the row.
template <typename T>
class Cursor {
 public:
  Cursor(const FrameRows& rows, const FrameRows::Partition& partition, int column)
      : rows_(&rows), finder_(partition), column_(column) {}

  /// Go to row `number`; is its value there, not NULL?
  bool Seek(int64_t number) {
    if (number < begin_ || number >= end_) Load(number);
    at_ = number - begin_;
    return validity_ == nullptr || arrow::bit_util::GetBit(validity_, bit_ + at_);
  }
  T value() const { return values_[at_]; }

 private:
  void Load(int64_t number) {
    const FrameRows::Segment& segment = finder_.Find(number);
    const FrameRows::View& view = rows_->view(segment.chunk, column_);
    begin_ = segment.first;
    end_ = segment.first + segment.count;
    bit_ = view.offset + segment.offset;
    validity_ = view.validity;
    values_ =
        view.values == nullptr ? nullptr : reinterpret_cast<const T*>(view.values) + bit_;
  }

  const FrameRows* rows_;
  RowFinder finder_;
  int column_;
  int64_t begin_ = 0, end_ = 0, at_ = 0, bit_ = 0;
  const uint8_t* validity_ = nullptr;
  const T* values_ = nullptr;
};

}  // namespace millrace::operators

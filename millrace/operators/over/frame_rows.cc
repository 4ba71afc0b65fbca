#include "millrace/operators/over/frame_rows.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/record_batch.h>

namespace millrace::operators {

uint32_t FrameRows::AddChunk(std::shared_ptr<arrow::RecordBatch> rows) {
  Chunk chunk;
  for (const auto& column : rows->columns()) {
    const arrow::ArrayData& data = *column->data();
    View view;
    view.data = &data;
    view.offset = data.offset;
    if (!data.buffers.empty() && column->null_count() != 0 && data.buffers[0])
      view.validity = data.buffers[0]->data();
    if (data.buffers.size() > 1 && data.buffers[1]) view.values = data.buffers[1]->data();
    chunk.views.push_back(view);
  }
  rows_ += rows->num_rows();
  chunk.rows = std::move(rows);
  chunks_.push_back(std::move(chunk));
  return static_cast<uint32_t>(chunks_.size() - 1);
}

void FrameRows::Extend(uint32_t id, uint32_t chunk, int64_t offset, int64_t first,
                       int64_t count) {
  Partition& partition = partitions_[id];
  partition.segments.push_back({chunk, offset, first, count});
  partition.rows = std::max(partition.rows, first + count);
}

void FrameRows::Clip(uint32_t id, int64_t pinned, int64_t needed,
                     std::vector<Kept>* out) {
  const auto keep = [&](const Segment& segment, int64_t begin, int64_t end) {
    begin = std::max(begin, segment.first);
    end = std::min(end, segment.first + segment.count);
    if (begin >= end) return;
    out->push_back(
        {id,
         {segment.chunk, segment.offset + begin - segment.first, begin, end - begin}});
  };
  Partition& partition = partitions_[id];
  for (const Segment& segment : partition.segments) {
    if (pinned < needed) keep(segment, 0, pinned);
    keep(segment, pinned < needed ? needed : 0, segment.first + segment.count);
  }
  partition.segments = {};
}

Status FrameRows::Rebuild(const std::vector<Kept>& kept) {
  int64_t rows = 0;
  for (const Kept& piece : kept) rows += piece.segment.count;
  std::vector<Chunk> old = std::move(chunks_);
  chunks_.clear();
  rows_ = 0;
  if (rows == 0) return Status::OK();
  arrow::ArrayVector columns;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    arrow::ArrayVector pieces;
    pieces.reserve(kept.size());
    for (const Kept& piece : kept) {
      pieces.push_back(old[piece.segment.chunk].rows->column(i)->Slice(
          piece.segment.offset, piece.segment.count));
    }
    ARROW_ASSIGN_OR_RAISE(auto joined, arrow::Concatenate(pieces, pool_));
    columns.push_back(std::move(joined));
  }
  const uint32_t chunk =
      AddChunk(arrow::RecordBatch::Make(schema_, rows, std::move(columns)));
  int64_t offset = 0;
  for (const Kept& piece : kept) {
    auto& segments = partitions_[piece.id].segments;
    const Segment& segment = piece.segment;
    if (!segments.empty() &&
        segments.back().first + segments.back().count == segment.first) {
      segments.back().count += segment.count;
    } else {
      segments.push_back({chunk, offset, segment.first, segment.count});
    }
    offset += segment.count;
  }
  return Status::OK();
}

void FrameRows::Clear() {
  chunks_.clear();
  partitions_.clear();
  rows_ = 0;
}

int64_t FrameRows::extra_bytes() const {
  constexpr int64_t kSegments = 2;  // of a partition, about
  return static_cast<int64_t>(partitions_.capacity() *
                              (sizeof(Partition) + kSegments * sizeof(Segment)));
}

}  // namespace millrace::operators

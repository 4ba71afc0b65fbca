#include "millrace/formats/text/text_file.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>

namespace millrace::formats {

void TextFile::KeepStreamHead(const InputHead& head) {
  if (input.file) return;
  stream_head = head.text().substr(static_cast<size_t>(data_begin));
  stream_ended = head.complete();
}

RecordStarts::RecordStarts(std::shared_ptr<const TextFile> file,
                           std::vector<Range> ranges)
    : file_(std::move(file)),
      ranges_(std::move(ranges)),
      starts_(new std::atomic<int64_t>[ranges_.size()]) {
  for (size_t i = 0; i < ranges_.size(); ++i) starts_[i] = -1;
}

Result<int64_t> RecordStarts::Find(size_t ordinal, arrow::MemoryPool* pool) {
  const Range& range = ranges_[ordinal];
  if (range.begin <= file_->data_begin) return std::min(file_->data_begin, range.end);
  int64_t start = starts_[ordinal].load(std::memory_order_relaxed);
  if (start < 0) {
    ARROW_ASSIGN_OR_RAISE(start, Search(ordinal, pool));
    starts_[ordinal].store(start, std::memory_order_relaxed);
  }
  return start;
}

Result<int64_t> RecordStarts::Search(size_t ordinal, arrow::MemoryPool* pool) {
  constexpr int64_t kPiece = 16 * 1024;
  const Range& range = ranges_[ordinal];
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool));
  for (int64_t at = range.begin - 1; at < range.end;) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file_->input, at, std::min(kPiece, range.end - at),
                                 piece->mutable_data()));
    if (got == 0) break;
    const void* end = memchr(piece->data(), '\n', static_cast<size_t>(got));
    if (end != nullptr) {
      return at + (static_cast<const uint8_t*>(end) - piece->data()) + 1;
    }
    at += got;
  }
  return range.end;
}

void RecordStarts::PublishNext(size_t ordinal, int64_t offset) {
  for (size_t next = ordinal + 1; next < ranges_.size(); ++next) {
    const bool inside = offset < ranges_[next].end;
    starts_[next].store(inside ? offset : ranges_[next].end, std::memory_order_relaxed);
    if (inside) break;
  }
}

Result<std::vector<Range>> TextFileReader::Ranges(int64_t target_bytes) {
  const int64_t size = file_->input.file_size;
  std::vector<Range> ranges;
  if (!file_->input.file || !splittable() || target_bytes >= size) {
    ranges.push_back({.begin = 0, .end = size, .approximate_bytes = size});
  } else {
    const int64_t step = std::max<int64_t>(target_bytes, 1);
    for (int64_t begin = 0; begin < size; begin += step) {
      const int64_t end = std::min(begin + step, size);
      ranges.push_back({.begin = begin, .end = end, .approximate_bytes = end - begin});
    }
  }
  std::lock_guard lock(mutex_);
  starts_ = MakeStarts(ranges);
  return ranges;
}

Result<std::unique_ptr<RangeReader>> TextFileReader::Open(size_t ordinal,
                                                          const Pushdown& pushdown,
                                                          const Context& context) {
  std::shared_ptr<RecordStarts> starts;
  {
    std::lock_guard lock(mutex_);
    starts = starts_;
  }
  return MakeReader(std::move(starts), ordinal, pushdown, context);
}

}  // namespace millrace::formats

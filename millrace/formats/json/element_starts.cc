#include "millrace/formats/json/element_starts.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>

#include "millrace/formats/input.h"
#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {

namespace {

constexpr int64_t kPiece = 256 * 1024;  // stays in the second-level cache

// Is the byte at `offset` escaped by those before it? They are looked at back to the
// records' begin at most.
Result<bool> IsEscaped(const OpenFile& file, int64_t offset) {
  uint8_t bytes[256];
  int64_t count = 0;
  for (int64_t end = offset; end > file.data_begin;) {
    const int64_t n = std::min<int64_t>(end - file.data_begin, sizeof(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(file.input, end - n, n, bytes));
    if (got < n) break;
    int64_t i = n;
    while (i > 0 && bytes[i - 1] == '\\') --i;
    count += n - i;
    if (i > 0) break;
    end -= n;
  }
  return count % 2 == 1;
}

}  // namespace

ElementStarts::ElementStarts(std::shared_ptr<const OpenFile> file,
                             std::vector<Range> ranges)
    : RecordStarts(file, std::move(ranges)),
      file_(std::move(file)),
      deltas_(this->ranges().size()),
      before_(this->ranges().size()) {}

Result<StructureDelta> ElementStarts::DeltaOf(size_t ordinal, arrow::MemoryPool* pool) {
  {
    std::lock_guard lock(mutex_);
    if (deltas_[ordinal]) return *deltas_[ordinal];
  }
  const Range& range = ranges()[ordinal];
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece + kPadding, pool));
  char* const data = reinterpret_cast<char*>(piece->mutable_data());
  int64_t at = std::max(range.begin, file_->data_begin);
  StructureDelta delta;
  ARROW_ASSIGN_OR_RAISE(delta.escapes_next, IsEscaped(*file_, at));
  while (at < range.end) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file_->input, at, std::min(kPiece, range.end - at),
                                 piece->mutable_data()));
    if (got == 0) break;
    memset(data + got, 0, static_cast<size_t>(kPadding));
    const StructureDelta next =
        ScanStructure(data, static_cast<size_t>(got), delta.escapes_next);
    const bool odd = delta.quotes_odd;
    delta.outside += odd ? next.inside : next.outside;
    delta.inside += odd ? next.outside : next.inside;
    delta.quotes_odd = odd != next.quotes_odd;
    delta.escapes_next = next.escapes_next;
    at += got;
  }
  std::lock_guard lock(mutex_);
  deltas_[ordinal] = delta;
  return delta;
}

Result<Structure> ElementStarts::Before(size_t ordinal, arrow::MemoryPool* pool) {
  Structure at{.depth = RecordDepth(file_->layout)};
  size_t from = ordinal;
  {
    std::lock_guard lock(mutex_);
    while (from > 0 && !before_[from]) --from;
    if (before_[from]) at = *before_[from];
  }
  for (; from < ordinal; ++from) {
    ARROW_ASSIGN_OR_RAISE(const StructureDelta delta, DeltaOf(from, pool));
    at = delta.After(at);
    std::lock_guard lock(mutex_);
    before_[from + 1] = at;
  }
  return at;
}

Result<int64_t> ElementStarts::Search(size_t ordinal, arrow::MemoryPool* pool) {
  const Range& range = ranges()[ordinal];
  const bool array = file_->layout == Layout::kArray;
  // One's own first: the ranges that follow may ask for it soon.
  if (ordinal + 1 < ranges().size()) {
    ARROW_RETURN_NOT_OK(DeltaOf(ordinal, pool).status());
  }
  ARROW_ASSIGN_OR_RAISE(const Structure before, Before(ordinal, pool));
  // Nothing begins behind an array, or behind a bracket that closes nothing.
  if (before.depth < RecordDepth(file_->layout)) return range.end;
  // A comma that the file ends with has nothing behind it that would begin here.
  const int64_t end =
      array ? std::min(range.end,
                       file_->input.growing ? range.end : file_->input.file_size - 1)
            : range.end;
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool));
  const char* const data = reinterpret_cast<const char*>(piece->data());
  ARROW_RETURN_NOT_OK(
      ReadAt(file_->input, range.begin - 1, 1, piece->mutable_data()).status());
  const bool parts = array ? data[0] == ',' : data[0] == '}' || data[0] == ']';
  if (parts && !before.in_string && before.depth == RecordDepth(file_->layout)) {
    return range.begin;
  }
  RecordEnds ends(file_->layout, before);
  int64_t size = 4096;  // mostly enough
  for (int64_t at = range.begin; at < end;) {
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        ReadAt(file_->input, at, std::min(size, end - at), piece->mutable_data()));
    if (got == 0) break;
    for (int64_t i = 0; i < got; ++i) {
      const RecordEnds::End found = ends.Step(data[i]);
      if (found == RecordEnds::End::kAll) return range.end;
      if (found == RecordEnds::End::kRecord) return at + i + 1;
    }
    at += got;
    size = kPiece;
  }
  return range.end;
}

Result<int64_t> CountElements(const OpenFile& file, int64_t offset,
                              arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool));
  RecordEnds ends(file.layout, {.depth = RecordDepth(file.layout)});
  int64_t records = 0;
  for (int64_t at = file.data_begin; at < offset;) {
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        ReadAt(file.input, at, std::min(kPiece, offset - at), piece->mutable_data()));
    if (got == 0) break;
    for (int64_t i = 0; i < got; ++i) {
      records += ends.Step(static_cast<char>(piece->data()[i])) != RecordEnds::End::kNone;
    }
    at += got;
  }
  return records;
}

Result<bool> ClosedBefore(const OpenFile& file, int64_t offset) {
  if (!file.input.file || offset <= file.data_begin) return false;
  // A reader stands right behind a comma until the array is closed.
  uint8_t byte = 0;
  ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(file.input, offset - 1, 1, &byte));
  return got == 1 && byte != ',';
}

}  // namespace millrace::formats::json

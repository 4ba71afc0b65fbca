#include "millrace/formats/json/elements.h"

#include <algorithm>

namespace millrace::formats::json {

namespace {
// What is gone over byte by byte to find a record's end.
constexpr int64_t kChunk = 1024;
}  // namespace

Elements::Elements(Layout layout, int64_t file_size, arrow::MemoryPool* pool)
    : TokenBuffer(pool), layout_(layout), file_size_(file_size) {
  at_.depth = RecordDepth(layout);
}

void Elements::Consume(int64_t next) {
  const bool all = next >= complete() && closes_ && garbage_ < 0;
  ConsumeTo(all ? size() : next);
}

// What is known about the end of the text holds for what was kept of it, too.
Status Elements::Restart(int64_t kept) {
  if (replaced_ >= 0 && kept > 0) *mutable_text() = static_cast<char>(replaced_);
  replaced_ = -1;
  closes_ = false;
  stop_ = 0;
  Forget();
  return Status::OK();
}

Status Elements::Index(int64_t begin, bool last) {
  if (closed_) {
    FindGarbage(begin);
    if (garbage_ < 0) ConsumeTo(size());
    return Tokenize(0);
  }
  const int64_t close = Scan(begin);
  const int64_t end = close < 0 ? size() : close;
  const int64_t limit = this->limit() - 1 - offset();
  int64_t record = -1;  // last byte of the last complete one
  if (limit < end) {
    record = FirstEnd(std::max(limit, begin), end);
    // A comma that the file ends with has nothing behind it that would begin in another
    // range.
    if (layout_ == Layout::kArray && offset() + record + 1 >= file_size_) record = -1;
    if (record >= 0) set_limit_reached();
  }
  if (!limit_reached()) {
    if (close >= 0) {
      closed_ = true;
      closes_ = text()[close] == ']' && layout_ == Layout::kArray;
      stray_ = !closes_;
      if (stray_) garbage_ = close;
      record = layout_ == Layout::kArray ? close : LastEnd(end);
      if (closes_) FindGarbage(close + 1);
    } else if (!last) {
      record = LastEnd(end);
    }
  }
  if (last && !limit_reached() && !closed_) {
    PutEnd('\n');
    stop_ = size();
    set_complete(size() + 1);
    // Behind the last of some objects, spaces are no record that was cut.
    const int64_t tail = layout_ == Layout::kArray ? 0 : LastEnd(end) + 1;
    if (layout_ == Layout::kArray || !IsBlank(tail)) set_tail_open();
    return Tokenize(complete());
  }
  if (record < 0) return Tokenize(0);
  set_complete(record + 1);
  if (layout_ == Layout::kArray) {
    stop_ = record;
  } else {
    stop_ = record + 1;
    replaced_ = static_cast<unsigned char>(text()[stop_]);
  }
  mutable_text()[stop_] = '\n';
  return Tokenize(stop_ + 1);
}

// Answers where the array is closed, or a bracket that nothing has opened; -1 where
// neither is.
int64_t Elements::Scan(int64_t begin) {
  chunks_.clear();
  for (int64_t at = begin; at < size(); at += kChunk) {
    const int64_t n = std::min(kChunk, size() - at);
    const StructureDelta delta =
        ScanStructure(text() + at, static_cast<size_t>(n), at_.escaped);
    chunks_.push_back({.begin = at, .at = at_, .closers = delta.closers});
    const int64_t low = delta.LowAfter(at_);
    at_ = delta.After(at_);
    if (low >= RecordDepth(layout_)) continue;
    RecordEnds ends(layout_, chunks_.back().at);
    for (int64_t i = at; i < at + n; ++i) {
      if (ends.Step(text()[i]) == RecordEnds::End::kAll) return i;
    }
  }
  return -1;
}

int64_t Elements::EndOfChunk(size_t i, int64_t end) const {
  return i + 1 < chunks_.size() ? std::min(chunks_[i + 1].begin, end) : end;
}

// The first byte from `from` on that ends a record.
int64_t Elements::FirstEnd(int64_t from, int64_t end) const {
  for (size_t c = 0; c < chunks_.size(); ++c) {
    const Chunk& chunk = chunks_[c];
    const int64_t chunk_end = EndOfChunk(c, end);
    if (chunk_end <= from || chunk.at.depth - chunk.closers > RecordDepth(layout_)) {
      continue;
    }
    RecordEnds ends(layout_, chunk.at);
    for (int64_t i = chunk.begin; i < chunk_end; ++i) {
      const RecordEnds::End found = ends.Step(text()[i]);
      if (found == RecordEnds::End::kAll) return -1;
      if (found == RecordEnds::End::kRecord && i >= from) return i;
    }
  }
  return -1;
}

// The last byte that ends a record.
int64_t Elements::LastEnd(int64_t end) const {
  for (size_t c = chunks_.size(); c-- > 0;) {
    const Chunk& chunk = chunks_[c];
    if (chunk.at.depth - chunk.closers > RecordDepth(layout_)) continue;
    RecordEnds ends(layout_, chunk.at);
    int64_t last = -1;
    const int64_t chunk_end = EndOfChunk(c, end);
    for (int64_t i = chunk.begin; i < chunk_end; ++i) {
      if (ends.Step(text()[i]) == RecordEnds::End::kRecord) last = i;
    }
    if (last >= 0) return last;
  }
  return -1;
}

bool Elements::IsBlank(int64_t from) const {
  return std::all_of(text() + from, text() + size(), Tokens::IsSpace);
}

void Elements::FindGarbage(int64_t from) {
  for (int64_t i = from; i < size() && garbage_ < 0; ++i) {
    if (!Tokens::IsSpace(text()[i])) garbage_ = i;
  }
}

int64_t Elements::EndOf(int64_t begin, int64_t* next) const {
  RecordEnds ends(layout_, {.depth = RecordDepth(layout_)});
  int64_t i = begin;
  while (i < stop_ && ends.Step(text()[i]) != RecordEnds::End::kRecord) ++i;
  const bool array = layout_ == Layout::kArray;
  const int64_t end = std::min(array ? i : i + 1, stop_);
  *next = array || end == stop_ ? end + 1 : end;
  return end;
}

}  // namespace millrace::formats::json

#include "millrace/formats/csv/open_file.h"

#include <algorithm>

#include <arrow/buffer.h>

#include "millrace/formats/csv/block.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/csv/index.h"
#include "millrace/formats/input.h"

namespace millrace::formats::csv {

namespace {
constexpr int64_t kReadPiece = 256 * 1024;  // stays in the second-level cache
}  // namespace

RangeStarts::RangeStarts(std::shared_ptr<const OpenFile> file, std::vector<Range> ranges)
    : RecordStarts(file, std::move(ranges)),
      file_(std::move(file)),
      shared_(new Shared[this->ranges().size()]) {}

Result<int8_t> RangeStarts::Parity(size_t ordinal, arrow::MemoryPool* pool) {
  const int8_t known = shared_[ordinal].parity.load(std::memory_order_relaxed);
  if (known >= 0) return known;
  int64_t count = 0;
  if (file_->dialect.quote >= 0) {
    ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kReadPiece, pool));
    const Range& range = ranges()[ordinal];
    int64_t at = std::max(range.begin, file_->data_begin);
    while (at < range.end) {
      ARROW_ASSIGN_OR_RAISE(const int64_t got,
                            ReadAt(file_->input, at, std::min(kReadPiece, range.end - at),
                                   piece->mutable_data()));
      if (got == 0) break;
      count += CountByte(piece->data(), static_cast<size_t>(got),
                         static_cast<uint8_t>(file_->dialect.quote));
      at += got;
    }
  }
  const int8_t parity = static_cast<int8_t>(count & 1);
  shared_[ordinal].parity.store(parity, std::memory_order_relaxed);
  return parity;
}

Result<int8_t> RangeStarts::PrefixParity(size_t ordinal, arrow::MemoryPool* pool) {
  size_t from = ordinal;
  while (from > 0 && shared_[from].prefix.load(std::memory_order_relaxed) < 0) --from;
  int8_t prefix = from == 0 ? 0 : shared_[from].prefix.load(std::memory_order_relaxed);
  for (; from < ordinal; ++from) {
    ARROW_ASSIGN_OR_RAISE(const int8_t parity, Parity(from, pool));
    prefix ^= parity;
    shared_[from + 1].prefix.store(prefix, std::memory_order_relaxed);
  }
  return prefix;
}

Result<int64_t> RangeStarts::Search(size_t ordinal, arrow::MemoryPool* pool) {
  const Range& range = ranges()[ordinal];
  // One's own first: the ranges that follow may ask for it soon.
  if (ordinal + 1 < ranges().size()) ARROW_RETURN_NOT_OK(Parity(ordinal, pool).status());
  ARROW_ASSIGN_OR_RAISE(const int8_t inside, PrefixParity(ordinal, pool));

  const Dialect& dialect = file_->dialect;
  ARROW_ASSIGN_OR_RAISE(auto piece,
                        arrow::AllocateBuffer(kReadPiece + 2 * kPadding, pool));
  ARROW_ASSIGN_OR_RAISE(
      auto index,
      arrow::AllocateBuffer((kReadPiece + 128) * int64_t{sizeof(uint32_t)}, pool));
  uint8_t* data = piece->mutable_data() + kPadding;
  uint32_t* entries = reinterpret_cast<uint32_t*>(index->mutable_data());
  IndexState state;
  state.in_quote = inside ? ~uint64_t{0} : 0;
  // The byte before the range may end a record; it is no quote if so, and the parity
  // before it is the same.
  int64_t at = range.begin - 1;
  ARROW_RETURN_NOT_OK(ReadAt(file_->input, at, 1, data).status());
  if (!inside && data[0] == static_cast<uint8_t>(dialect.newline)) return range.begin;
  at = range.begin;
  int64_t size = 4096;  // mostly enough
  while (at < range.end) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file_->input, at, std::min(size, range.end - at), data));
    if (got == 0) break;
    memset(data + got, 0, kPadding);
    const size_t count =
        IndexStructure(data, 0, static_cast<size_t>(got), dialect, &state, entries);
    for (size_t i = 0; i < count; ++i) {
      if (data[entries[i]] != static_cast<uint8_t>(dialect.newline)) continue;
      return std::min(at + entries[i] + 1, range.end);
    }
    at += got;
    size = kReadPiece;
  }
  return range.end;
}

Result<int64_t> CountRecords(const OpenFile& file, int64_t offset,
                             arrow::MemoryPool* pool) {
  Block block(file.dialect, file.width(), pool);
  block.Reset(file.data_begin);
  int64_t records = 0;
  for (int64_t at = file.data_begin; at < offset;) {
    ARROW_ASSIGN_OR_RAISE(uint8_t * out, block.Extend(kReadPiece));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(file.input, at, std::min(kReadPiece, offset - at), out));
    if (got == 0) break;
    ARROW_RETURN_NOT_OK(block.Commit(got, /*last=*/false));
    at += got;
    const uint32_t* entries = block.entries();
    const int64_t count = block.num_entries();
    uint32_t begin = entries[-1] + 1;
    for (int64_t i = 0; i < count; ++i) {
      if (!block.IsLineEnd(entries[i])) continue;
      records += !IsSkipped(block.data(), begin, entries[i], file.dialect, file.width());
      begin = entries[i] + 1;
    }
    block.Consume(count);
    if (block.held() >= file.max_record_bytes) {
      return errors::kCsvRecordTooLarge.Make(
          {.file = file.input.name, .byte = block.offset() + block.consumed()},
          "it has more than {} bytes", file.max_record_bytes);
    }
  }
  return records;
}

}  // namespace millrace::formats::csv

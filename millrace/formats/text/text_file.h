// What every text format shares around one file: records in the order of bytes, ranges
// that begin anywhere, streams whose first bytes were taken to infer a schema.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/format.h"
#include "millrace/formats/input.h"

namespace millrace::formats {

/// A file whose schema and first record are known. Immutable once it is open.
struct TextFile {
  Input input;
  std::shared_ptr<arrow::Schema> schema;
  int64_t data_begin = 0;  ///< offset of the first record
  int64_t max_record_bytes = 0;
  /// Bytes from data_begin that were taken from a stream to infer the schema.
  std::string stream_head;
  bool stream_ended = false;

  /// A stream can't give again what `head` has taken. data_begin is known.
  void KeepStreamHead(const InputHead& head);
};

/// Calls body(text) with the text of a few places after the first `from` bytes, for what
/// comes late in a file. Places begin and end anywhere in a record.
template <class Body>
Status ForEachPlace(const Input& input, int64_t from, Body&& body) {
  constexpr int kPlaces = 4;
  constexpr int64_t kPlaceBytes = 64 * 1024;
  const int64_t size = input.file_size;
  std::string piece;
  for (int i = 1; i <= kPlaces; ++i) {
    const int64_t at = std::max(
        from, i == kPlaces ? size - kPlaceBytes : from + (size - from) / kPlaces * i);
    piece.resize(static_cast<size_t>(std::min(kPlaceBytes, size - at)));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(input, at, static_cast<int64_t>(piece.size()),
                                 reinterpret_cast<uint8_t*>(piece.data())));
    ARROW_RETURN_NOT_OK(
        body(std::string_view(piece).substr(0, static_cast<size_t>(got))));
  }
  return Status::OK();
}

/// Where the records of a file's ranges begin. Thread-safe; nobody waits for anybody.
///
/// A reader that has read its range to the end publishes where the next range's first
/// record begins, so that ranges read in order are searched by nobody.
class RecordStarts {
 public:
  RecordStarts(std::shared_ptr<const TextFile> file, std::vector<Range> ranges);
  virtual ~RecordStarts() = default;

  const Range& range(size_t ordinal) const { return ranges_[ordinal]; }
  /// Offset of the first record that begins in the range, or its end when none does.
  Result<int64_t> Find(size_t ordinal, arrow::MemoryPool* pool);
  /// A record ends right before `offset`, which is in a range after `ordinal`, and none
  /// begins between the end of `ordinal` and there.
  void PublishNext(size_t ordinal, int64_t offset);

 protected:
  /// As Find, for a range that begins inside the records: here, after the first line end
  /// from the byte before the range on.
  virtual Result<int64_t> Search(size_t ordinal, arrow::MemoryPool* pool);

  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::shared_ptr<const TextFile> file_;
  std::vector<Range> ranges_;
  std::unique_ptr<std::atomic<int64_t>[]> starts_;  // -1: not known
};

/// FileReader of a text file. Thread-safe.
class TextFileReader : public FileReader {
 public:
  explicit TextFileReader(std::shared_ptr<const TextFile> file)
      : file_(std::move(file)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return file_->schema; }
  Result<std::vector<Range>> Ranges(int64_t target_bytes) override;
  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override;

 protected:
  /// A range's first record can be found without reading all before it.
  virtual bool splittable() const { return true; }
  virtual std::shared_ptr<RecordStarts> MakeStarts(std::vector<Range> ranges) const {
    return std::make_shared<RecordStarts>(file_, std::move(ranges));
  }
  virtual Result<std::unique_ptr<RangeReader>> MakeReader(
      std::shared_ptr<RecordStarts> starts, size_t ordinal, const Pushdown& pushdown,
      const Context& context) const = 0;

 private:
  std::shared_ptr<const TextFile> file_;
  std::mutex mutex_;
  std::shared_ptr<RecordStarts> starts_;  // of the latest Ranges
};

}  // namespace millrace::formats

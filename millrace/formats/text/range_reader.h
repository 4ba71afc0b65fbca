// TextRangeReader: records of one range → Arrow batches, for every text format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/formats/format.h"
#include "millrace/formats/text/column.h"
#include "millrace/formats/text/record_buffer.h"
#include "millrace/formats/text/text_file.h"

namespace millrace::formats {

/// Reads the bytes, keeps budgets and positions, reports what is bad. What a record is,
/// and how its values become columns, is the heir's part.
class TextRangeReader : public RangeReader {
 public:
  Result<ReadResult> Next(const Budget& budget, const Waker& waker) final;
  Status Seek(const data::Position& position) final;

 protected:
  /// A record, as offsets in the buffer, the line end left out.
  struct Record {
    int64_t begin = 0, end = 0;
    int64_t number = 0;  ///< counted from this reader's first
  };

  /// What is wrong with a record.
  struct Fault {
    const ErrorSpec* spec = nullptr;
    int64_t byte = 0;  ///< offset in the buffer
    std::string column;
    std::string text;
  };

  /// `max_chunk`: bytes read at a time at the most.
  TextRangeReader(std::shared_ptr<const TextFile> file,
                  std::shared_ptr<RecordStarts> starts, size_t ordinal,
                  const Pushdown& pushdown, const Context& context,
                  std::unique_ptr<RecordBuffer> buffer, int64_t max_chunk);

  /// Reading begins at `begin`; the buffer is empty.
  virtual Status AtStart(int64_t begin) { return Status::OK(); }
  /// Take rows from the buffer, as many as the budget has, at least one while there are
  /// records; bad ones go to Reject. Answers their number.
  virtual Result<int64_t> TakeRows(const Budget& budget) = 0;
  /// The values of projection()[i], of all rows taken.
  virtual Result<std::shared_ptr<arrow::Array>> ParseColumn(
      size_t i, std::vector<BadValue>* bad) = 0;
  virtual std::string ColumnName(size_t i) const = 0;
  virtual Record RecordOf(int64_t row) const = 0;
  /// Of the rows taken only these, ascending.
  virtual void KeepRows(const std::vector<int64_t>& rows) = 0;
  /// The input or the range has ended: what is left?
  virtual Status AtEnd() { return Status::OK(); }
  /// The file's names of a record's fields, in order, where they stand before the
  /// records.
  virtual std::vector<std::string> FieldNames() const { return {}; }
  /// Why a record that is larger than max_record_bytes is refused.
  virtual const ErrorSpec& too_large() const = 0;
  /// Records of the file before `offset`, which begins one.
  virtual Result<int64_t> CountRecords(int64_t offset) const = 0;

  /// Fail, or set the record aside. `raw` is its text. `allowed`: the file's own options
  /// ask for the latter.
  Status Reject(const Record& record, Fault fault, std::string_view raw,
                bool allowed = false);
  /// The buffer's text.
  std::string_view TextOf(int64_t begin, int64_t end) const {
    return {reinterpret_cast<const char*>(buffer_->data()) + begin,
            static_cast<size_t>(end - begin)};
  }

  RecordBuffer& buffer() { return *buffer_; }
  const std::vector<int>& projection() const { return projection_; }
  const Context& context() const { return context_; }
  /// Records met so far; the number of the next one.
  int64_t records() const { return records_; }
  void CountMet(int64_t records) { records_ += records; }

 private:
  enum class Filled { kRecords, kPending, kEnd };

  Status Start();
  Status StartStream();
  Result<Filled> Fill(int64_t target, const Waker& waker);
  Result<int64_t> ReadBytes(uint8_t* out, int64_t capacity, const Waker& waker,
                            Filled* state);
  Result<std::shared_ptr<arrow::RecordBatch>> ParseRows(int64_t count);
  Status RejectRows(std::vector<BadValue>* bad, int64_t count);
  Status RejectLarge(int64_t* count);
  Result<int64_t> RecordNumber(int64_t record);
  int64_t position() const { return buffer_->offset() + buffer_->consumed(); }

  std::shared_ptr<const TextFile> file_;
  std::shared_ptr<RecordStarts> starts_;
  size_t ordinal_;
  Context context_;
  std::vector<int> projection_;  // indices into the schema
  std::unique_ptr<RecordBuffer> buffer_;
  int64_t max_chunk_;

  bool started_ = false, input_ended_ = false, done_ = false;
  int64_t seek_to_ = -1;
  int64_t begin_ = 0;          // offset of this reader's first record
  int64_t head_used_ = 0;      // bytes taken from the stream's head
  int64_t first_record_ = -1;  // records before begin_; -1: not counted
  int64_t records_ = 0;        // records met since begin_
  int64_t read_to_ = 0;        // offset after the last byte read
  int64_t told_to_ = 0;        // bytes before it were in a result's bytes_read
  std::vector<data::DeadLetter> dead_letters_;
};

}  // namespace millrace::formats

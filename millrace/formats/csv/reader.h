// CsvRangeReader: records of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/csv/block.h"
#include "millrace/formats/csv/column.h"
#include "millrace/formats/csv/open_file.h"
#include "millrace/formats/format.h"

namespace millrace::formats::csv {

class CsvRangeReader final : public RangeReader {
 public:
  /// `starts` is null for a stream.
  static Result<std::unique_ptr<RangeReader>> Make(std::shared_ptr<const OpenFile> file,
                                                   std::shared_ptr<RangeStarts> starts,
                                                   size_t ordinal,
                                                   const Pushdown& pushdown,
                                                   const Context& context);

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override;
  Status Seek(const data::Position& position) override;

 private:
  enum class Filled { kRecords, kPending, kEnd };

  // A record that is not delivered.
  struct Fault {
    const ErrorSpec* spec;
    int64_t record;      // number in the file, counted from this reader's first
    int64_t begin, end;  // offsets in the file
    int column;          // of the file; -1: the record as a whole
    int64_t byte;
    std::string values;
  };

  CsvRangeReader(std::shared_ptr<const OpenFile> file,
                 std::shared_ptr<RangeStarts> starts, size_t ordinal,
                 const Pushdown& pushdown, const Context& context);

  Status Start();
  Result<Filled> Fill(int64_t target, const Waker& waker);
  Result<int64_t> ReadBytes(uint8_t* out, int64_t capacity, const Waker& waker,
                            Filled* state);
  void TakePacked(const Budget& budget);
  Status TakePicked(const Budget& budget);
  Result<std::shared_ptr<arrow::RecordBatch>> ParseRows();
  Status HandleBadFields(std::vector<BadField>* bad);
  Status RejectUnclosed();
  std::string TypeOfColumn(int column) const;
  Status CheckRecord(const uint32_t* entries, int64_t fields, int64_t record, bool* good);
  Status Reject(Fault fault, bool allowed);
  Result<int64_t> RecordNumber(int64_t record);
  std::string Excerpt(int64_t begin, int64_t end) const;

  std::shared_ptr<const OpenFile> file_;
  std::shared_ptr<RangeStarts> starts_;
  size_t ordinal_;
  Context context_;
  std::vector<int> projection_;  // indices into the schema
  std::vector<std::unique_ptr<ColumnParser>> parsers_;
  Block block_;

  bool started_ = false, input_ended_ = false, unclosed_ = false, done_ = false;
  int64_t seek_to_ = -1;
  int64_t begin_ = 0;          // offset of this reader's first record
  int64_t head_used_ = 0;      // bytes taken from the stream's head
  int64_t first_record_ = -1;  // records before begin_; -1: not counted
  int64_t records_ = 0;        // records met since begin_
  int64_t bytes_read_ = 0;
  std::vector<data::DeadLetter> dead_letters_;

  // The rows being delivered.
  Rows rows_;
  std::vector<uint32_t> picked_;        // entries of rows picked one by one
  std::vector<int64_t> record_of_row_;  // empty for packed rows
  int64_t first_row_record_ = 0;
};

}  // namespace millrace::formats::csv

// JsonRangeReader: lines of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/format.h"
#include "millrace/formats/json/column.h"
#include "millrace/formats/json/lines.h"
#include "millrace/formats/json/object.h"
#include "millrace/formats/json/open_file.h"

namespace millrace::formats::json {

/// Objects are walked line by line, which finds where the values are; those of the
/// columns that are asked for are then parsed column by column. Other values are passed
/// over unread, whatever they hold.
class JsonRangeReader final : public RangeReader {
 public:
  /// `range` covers everything for a stream.
  static Result<std::unique_ptr<RangeReader>> Make(std::shared_ptr<const OpenFile> file,
                                                   const Range& range,
                                                   const Pushdown& pushdown,
                                                   const Context& context);

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override;
  Status Seek(const data::Position& position) override;

 private:
  enum class Filled { kLines, kPending, kEnd };

  // A line, as offsets in the text.
  struct Line {
    int64_t begin, end;
    int64_t record;  // counted from this reader's first
  };

  JsonRangeReader(std::shared_ptr<const OpenFile> file, const Range& range,
                  const Pushdown& pushdown, const Context& context);

  Status Start();
  Result<int64_t> FindStart() const;
  Result<Filled> Fill(int64_t target, const Waker& waker);
  Result<int64_t> ReadBytes(uint8_t* out, int64_t capacity, const Waker& waker,
                            Filled* state);
  Status TakeRows(const Budget& budget);
  bool WalkLine(const Line& line, Fault* fault);
  Result<std::shared_ptr<arrow::RecordBatch>> ParseRows();
  Status HandleBadValues(std::vector<BadValue>* bad);
  Status Reject(const Line& line, const ErrorSpec& spec, int64_t byte, std::string column,
                std::string values, std::string_view raw);
  Result<int64_t> RecordNumber(int64_t record);

  std::shared_ptr<const OpenFile> file_;
  Range range_;
  Context context_;
  std::vector<int> projection_;  // indices into the schema
  std::vector<std::unique_ptr<ColumnParser>> parsers_;
  ObjectWalker walker_;
  Lines lines_;

  bool started_ = false, input_ended_ = false, done_ = false;
  int64_t seek_to_ = -1;
  int64_t begin_ = 0;          // offset of this reader's first line
  int64_t head_used_ = 0;      // bytes taken from the stream's head
  int64_t first_record_ = -1;  // records before begin_; -1: not counted
  int64_t records_ = 0;        // records met since begin_
  int64_t bytes_read_ = 0;
  uint32_t token_ = 0;  // the first of the next line
  size_t broken_ = 0;   // the next of the broken lines
  std::vector<data::DeadLetter> dead_letters_;

  // The rows being delivered.
  std::vector<Line> rows_;
  std::vector<uint32_t> cells_;  // a token for every column of the schema, row by row
};

}  // namespace millrace::formats::json

// JsonRangeReader: records of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/json/column.h"
#include "millrace/formats/json/object.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/token_buffer.h"
#include "millrace/formats/text/range_reader.h"

namespace millrace::formats::json {

class Elements;

/// Objects are walked one by one, which finds where the values are; those of the
/// columns that are asked for are then parsed column by column. Other values are passed
/// over unread, whatever they hold.
class JsonRangeReader final : public TextRangeReader {
 public:
  static Result<std::unique_ptr<RangeReader>> Make(std::shared_ptr<const OpenFile> file,
                                                   std::shared_ptr<RecordStarts> starts,
                                                   size_t ordinal,
                                                   const Pushdown& pushdown,
                                                   const Context& context);

 protected:
  Status AtStart(int64_t begin) override;
  Result<int64_t> TakeRows(const Budget& budget) override;
  Result<std::shared_ptr<arrow::Array>> ParseColumn(size_t i,
                                                    std::vector<BadValue>* bad) override;
  std::string ColumnName(size_t i) const override;
  Record RecordOf(int64_t row) const override { return rows_[static_cast<size_t>(row)]; }
  void KeepRows(const std::vector<int64_t>& rows) override;
  const ErrorSpec& too_large() const override;
  Result<int64_t> CountRecords(int64_t offset) const override;

 private:
  JsonRangeReader(std::shared_ptr<const OpenFile> file,
                  std::shared_ptr<RecordStarts> starts, size_t ordinal,
                  const Pushdown& pushdown, const Context& context);

  // What an element of an array, or an object among others, comes to.
  struct Element {
    Record record;
    int64_t next = 0;         // where the next one begins
    uint32_t next_token = 0;  // and its first token
    bool good = false;
    bool blank = false;  // there is none
    json::Fault fault;
  };

  Result<int64_t> TakeLines(const Budget& budget);
  Result<int64_t> TakeElements(const Budget& budget);
  void WalkElement(Element* element);
  void SkipElement(Element* element);
  void SkipBroken(Element* element);
  bool WalkLine(const Record& line, json::Fault* fault);
  Status RejectBroken(const Record& line);
  Status RejectRecord(const Record& record, const json::Fault& fault);
  const ErrorSpec* SpecOf(const ErrorSpec* spec, const Record& line) const;

  std::shared_ptr<const OpenFile> file_;
  std::vector<std::unique_ptr<JsonColumnParser>> parsers_;
  ObjectWalker walker_;
  TokenBuffer& lines_;
  Elements* const elements_;  // the same; null when records are lines

  int64_t generation_ = 0;  // of the tokens that these belong to:
  uint32_t token_ = 0;      // the first of the next line
  size_t broken_ = 0;       // the next of the broken lines

  // The rows being delivered.
  std::vector<Record> rows_;
  std::vector<uint32_t> cells_;  // a token for every column of the schema, row by row
};

}  // namespace millrace::formats::json

// JsonRangeReader: lines of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/json/column.h"
#include "millrace/formats/json/lines.h"
#include "millrace/formats/json/object.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/text/range_reader.h"

namespace millrace::formats::json {

/// Objects are walked line by line, which finds where the values are; those of the
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

  bool WalkLine(const Record& line, json::Fault* fault);
  Status RejectBroken(const Record& line);
  Status RejectLine(const Record& line, const json::Fault& fault);
  const ErrorSpec* SpecOf(const ErrorSpec* spec, const Record& line) const;

  std::shared_ptr<const OpenFile> file_;
  std::vector<std::unique_ptr<JsonColumnParser>> parsers_;
  ObjectWalker walker_;
  Lines& lines_;

  int64_t generation_ = 0;  // of the tokens that these belong to:
  uint32_t token_ = 0;      // the first of the next line
  size_t broken_ = 0;       // the next of the broken lines

  // The rows being delivered.
  std::vector<Record> rows_;
  std::vector<uint32_t> cells_;  // a token for every column of the schema, row by row
};

}  // namespace millrace::formats::json

// CsvRangeReader: records of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/csv/block.h"
#include "millrace/formats/csv/column.h"
#include "millrace/formats/csv/open_file.h"
#include "millrace/formats/text/range_reader.h"

namespace millrace::formats::csv {

class CsvRangeReader final : public TextRangeReader {
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
  std::vector<std::string> FieldNames() const override { return file_->names; }
  Record RecordOf(int64_t row) const override;
  void KeepRows(const std::vector<int64_t>& rows) override;
  Status AtEnd() override;
  const ErrorSpec& too_large() const override;
  Result<int64_t> CountRecords(int64_t offset) const override;

 private:
  CsvRangeReader(std::shared_ptr<const OpenFile> file,
                 std::shared_ptr<RecordStarts> starts, size_t ordinal,
                 const Pushdown& pushdown, const Context& context);

  void TakePacked(const Budget& budget);
  Status TakePicked(const Budget& budget);
  Status CheckRecord(const uint32_t* entries, int64_t fields, bool* good);
  void UsePicked();

  std::shared_ptr<const OpenFile> file_;
  std::vector<std::unique_ptr<ColumnParser<CsvCells>>> parsers_;
  Block& block_;

  // The rows being delivered.
  Rows rows_;
  std::vector<uint32_t> picked_;        // entries of rows picked one by one
  std::vector<int64_t> record_of_row_;  // empty for packed rows
  int64_t first_row_record_ = 0;
};

}  // namespace millrace::formats::csv

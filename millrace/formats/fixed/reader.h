// FixedRangeReader: records of one range → Arrow batches.
#pragma once

#include <memory>
#include <vector>

#include "millrace/formats/csv/cells.h"
#include "millrace/formats/fixed/open_file.h"
#include "millrace/formats/fixed/records.h"
#include "millrace/formats/text/range_reader.h"

namespace millrace::formats::fixed {

/// The fields of a record are told to the parsers of CSV's values as fields of rows that
/// have gaps between them.
class FixedRangeReader final : public TextRangeReader {
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
  std::vector<std::string> FieldNames() const override;
  Record RecordOf(int64_t row) const override { return taken_[static_cast<size_t>(row)]; }
  void KeepRows(const std::vector<int64_t>& rows) override;
  const ErrorSpec& too_large() const override;
  Result<int64_t> CountRecords(int64_t offset) const override;

 private:
  FixedRangeReader(std::shared_ptr<const OpenFile> file,
                   std::shared_ptr<RecordStarts> starts, size_t ordinal,
                   const Pushdown& pushdown, const Context& context);

  Status TakeRecord(const Record& record, bool ascii);
  void PlaceFields(std::string_view text, uint32_t begin, bool ascii);
  void UseEnds();

  // A field that is read: its place, and how its text is.
  struct Wanted {
    FieldPlace place;
    bool trim = true;
  };

  std::shared_ptr<const OpenFile> file_;
  std::vector<std::unique_ptr<ColumnParser<csv::CsvCells>>> parsers_;
  std::vector<Wanted> wanted_;  // one a column of the projection
  Records& records_buffer_;

  // The rows being delivered.
  std::vector<Record> taken_;
  std::vector<uint32_t> ends_;  // two a field: before its first byte, behind its last
  csv::Rows rows_;
};

}  // namespace millrace::formats::fixed

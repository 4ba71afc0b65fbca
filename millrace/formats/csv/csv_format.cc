#include "millrace/base/error.h"
#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/csv/infer.h"
#include "millrace/formats/csv/reader.h"
#include "millrace/formats/csv/writer.h"
#include "millrace/formats/format.h"
#include "millrace/formats/text_appender.h"

namespace millrace::formats {

namespace {

class CsvFileReader final : public TextFileReader {
 public:
  explicit CsvFileReader(std::shared_ptr<const csv::OpenFile> file)
      : TextFileReader(file), file_(std::move(file)) {}

  const csv::OpenFile& file() const { return *file_; }

 protected:
  bool splittable() const override { return !file_->dialect.sequential(); }
  std::shared_ptr<RecordStarts> MakeStarts(std::vector<Range> ranges) const override {
    return std::make_shared<csv::RangeStarts>(file_, std::move(ranges));
  }
  Result<std::unique_ptr<RangeReader>> MakeReader(std::shared_ptr<RecordStarts> starts,
                                                  size_t ordinal,
                                                  const Pushdown& pushdown,
                                                  const Context& context) const override {
    return csv::CsvRangeReader::Make(file_, std::move(starts), ordinal, pushdown,
                                     context);
  }

 private:
  std::shared_ptr<const csv::OpenFile> file_;
};

class CsvFormat final : public Format {
 public:
  std::string_view name() const override { return "csv"; }
  std::string_view doc() const override {
    return "Text with one record a line and fields parted by a delimiter.";
  }
  std::vector<std::string> extensions() const override { return {"csv", "tsv"}; }
  const ConfigSpec& read_options() const override { return csv::ReadOptions(); }
  const ConfigSpec& write_options() const override { return csv::WriteOptions(); }
  bool can_read_stream() const override { return true; }
  ColumnsTold columns_told() const override { return ColumnsTold::kInHeader; }
  bool can_append() const override { return true; }
  bool may_be_unfinished(const Status& failure) const override {
    const int number = ErrorNumber(failure);
    return number == errors::kCsvEmpty.number ||
           number == errors::kCsvUnclosedQuote.number;
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(csv::Dialect dialect, csv::MakeDialect(options, input.name));
    const csv::OpenFile* first =
        like != nullptr ? &static_cast<const CsvFileReader*>(like)->file() : nullptr;
    ARROW_ASSIGN_OR_RAISE(auto file, csv::InferFile(std::move(input), std::move(dialect),
                                                    declared, first, context));
    return std::make_unique<CsvFileReader>(std::move(file));
  }

  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(csv::WriteDialect dialect, csv::MakeWriteDialect(options));
    return csv::MakeEncoder(std::move(dialect), *schema, context);
  }

  Status CheckAppend(std::string_view head, const Config& options,
                     const arrow::Schema& schema, const Context&) const override {
    ARROW_ASSIGN_OR_RAISE(const csv::WriteDialect dialect,
                          csv::MakeWriteDialect(options));
    return csv::CheckHeader(head, dialect, schema);
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const csv::WriteDialect dialect,
                          csv::MakeWriteDialect(options));
    std::string header;
    if (dialect.header && !appending) {
      ARROW_ASSIGN_OR_RAISE(header, csv::HeaderLine(dialect, *schema));
    }
    return std::make_unique<TextAppender>(file, std::move(header), context.pool);
  }
};

}  // namespace

std::unique_ptr<Format> MakeCsvFormat() { return std::make_unique<CsvFormat>(); }

}  // namespace millrace::formats

#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats {

namespace {

constexpr int64_t kRowsOfSplits = 256 * 1024;

class ParquetFormat final : public Format {
 public:
  std::string_view name() const override { return "parquet"; }
  std::string_view doc() const override {
    return "Apache Parquet, read and written with Arrow.";
  }
  std::vector<std::string> extensions() const override { return {"parquet", "pq"}; }
  const ConfigSpec& read_options() const override { return parquet_format::ReadSpec(); }
  const ConfigSpec& write_options() const override { return parquet_format::WriteSpec(); }
  bool can_read_stream() const override { return false; }
  bool can_append() const override { return false; }
  bool tells_its_end() const override { return true; }
  // The footer comes last.
  bool may_be_unfinished(const Status& failure) const override {
    return ErrorNumber(failure) == errors::kParquetBroken.number;
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    return parquet_format::OpenParquetReader(std::move(input), options, declared, like,
                                             context);
  }
  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return parquet_format::MakeParquetEncoder(options, schema, context);
  }

  // A split ends a row group. One that is asked to be larger than most splits is made by
  // the writer, which sees all rows.
  bool encodes_splits(const Config& options) const override {
    return options.GetInt("row_group_rows") <= kRowsOfSplits;
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool,
      const Context& context) const override {
    return parquet_format::OpenParquetAppender(file, options, schema, context);
  }
};

}  // namespace

std::unique_ptr<Format> MakeParquetFormat() { return std::make_unique<ParquetFormat>(); }

}  // namespace millrace::formats

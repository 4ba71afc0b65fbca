#include "millrace/base/error.h"
#include "millrace/formats/fixed/errors.h"
#include "millrace/formats/fixed/open_file.h"
#include "millrace/formats/fixed/reader.h"
#include "millrace/formats/fixed/writer.h"
#include "millrace/formats/format.h"
#include "millrace/formats/text_appender.h"

namespace millrace::formats {

namespace {

class FixedFileReader final : public TextFileReader {
 public:
  explicit FixedFileReader(std::shared_ptr<const fixed::OpenFile> file)
      : TextFileReader(file), file_(std::move(file)) {}

 protected:
  bool splittable() const override { return file_->settings.record_length == 0; }
  Result<std::unique_ptr<RangeReader>> MakeReader(std::shared_ptr<RecordStarts> starts,
                                                  size_t ordinal,
                                                  const Pushdown& pushdown,
                                                  const Context& context) const override {
    return fixed::FixedRangeReader::Make(file_, std::move(starts), ordinal, pushdown,
                                         context);
  }

 private:
  std::shared_ptr<const fixed::OpenFile> file_;
};

class FixedFormat final : public Format {
 public:
  std::string_view name() const override { return "fixed"; }
  std::string_view doc() const override {
    return "Text with one record a line and fields at fixed places.";
  }
  std::vector<std::string> extensions() const override { return {"fwf"}; }
  const ConfigSpec& read_options() const override { return fixed::ReadOptions(); }
  const ConfigSpec& write_options() const override { return fixed::WriteOptions(); }
  bool can_read_stream() const override { return true; }
  ColumnsTold columns_told() const override { return ColumnsTold::kInHeader; }
  bool can_append() const override { return true; }
  bool may_be_unfinished(const Status& failure) const override {
    return ErrorNumber(failure) == errors::kFixedEmpty.number;
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader*, const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(auto settings, fixed::MakeReadSettings(options));
    if (input.growing && (settings.skip_footer > 0 || settings.record_length > 0)) {
      return errors::kBadOption.Make(
          {.file = input.name},
          "fixed: options 'skip_footer' and 'record_length' don't go with mode watch");
    }
    ARROW_ASSIGN_OR_RAISE(
        auto file,
        fixed::InferFile(std::move(input), std::move(settings), declared, context));
    return std::make_unique<FixedFileReader>(std::move(file));
  }

  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(auto settings, SettingsFor(options, *schema));
    return fixed::MakeEncoder(std::move(settings), *schema, context);
  }

  Status CheckAppend(std::string_view head, const Config& options,
                     const arrow::Schema& schema, const Context&) const override {
    ARROW_ASSIGN_OR_RAISE(const auto settings, SettingsFor(options, schema));
    return fixed::CheckHead(head, settings);
  }
  Status EndLastRecord(const std::shared_ptr<arrow::io::RandomAccessFile>& existing,
                       const Config& options, io::WritableFile& to,
                       const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const auto settings, fixed::MakeWriteSettings(options));
    if (settings.line_end.empty()) return Status::OK();
    return Format::EndLastRecord(existing, options, to, context);
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const auto settings, SettingsFor(options, *schema));
    std::string header;
    if (settings.header && !appending) {
      ARROW_ASSIGN_OR_RAISE(header, fixed::HeaderLine(settings));
    }
    return std::make_unique<TextAppender>(file, std::move(header), context.pool);
  }

 private:
  static Result<fixed::WriteSettings> SettingsFor(const Config& options,
                                                  const arrow::Schema& schema) {
    ARROW_ASSIGN_OR_RAISE(auto settings, fixed::MakeWriteSettings(options));
    return fixed::FitColumns(std::move(settings), schema);
  }
};

}  // namespace

std::unique_ptr<Format> MakeFixedFormat() { return std::make_unique<FixedFormat>(); }

}  // namespace millrace::formats

#include "millrace/base/error.h"
#include "millrace/formats/format.h"
#include "millrace/formats/json/append_array.h"
#include "millrace/formats/json/array_appender.h"
#include "millrace/formats/json/element_starts.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/options.h"
#include "millrace/formats/json/reader.h"
#include "millrace/formats/json/writer.h"
#include "millrace/formats/text_appender.h"

namespace millrace::formats {

namespace {

class JsonFileReader final : public TextFileReader {
 public:
  explicit JsonFileReader(std::shared_ptr<const json::OpenFile> file)
      : TextFileReader(file), file_(std::move(file)) {}

 protected:
  std::shared_ptr<RecordStarts> MakeStarts(std::vector<Range> ranges) const override {
    if (file_->layout == json::Layout::kLines) {
      return TextFileReader::MakeStarts(std::move(ranges));
    }
    return std::make_shared<json::ElementStarts>(file_, std::move(ranges));
  }
  Result<std::unique_ptr<RangeReader>> MakeReader(std::shared_ptr<RecordStarts> starts,
                                                  size_t ordinal,
                                                  const Pushdown& pushdown,
                                                  const Context& context) const override {
    return json::JsonRangeReader::Make(file_, std::move(starts), ordinal, pushdown,
                                       context);
  }

 private:
  std::shared_ptr<const json::OpenFile> file_;
};

class JsonFormat final : public Format {
 public:
  std::string_view name() const override { return "json"; }
  std::string_view doc() const override {
    return "JSON objects: one a line (NDJSON), or in an array.";
  }
  std::vector<std::string> extensions() const override {
    return {"json", "ndjson", "jsonl"};
  }
  const ConfigSpec& read_options() const override { return json::ReadOptions(); }
  const ConfigSpec& write_options() const override { return json::WriteOptions(); }
  bool can_read_stream() const override { return true; }
  ColumnsTold columns_told() const override { return ColumnsTold::kInRows; }
  bool can_append() const override { return true; }
  bool may_be_unfinished(const Status& failure) const override {
    return ErrorNumber(failure) == errors::kJsonEmpty.number ||
           ErrorNumber(failure) == errors::kJsonArrayCut.number;
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader*, const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const json::ReadSettings settings,
                          json::MakeReadSettings(options));
    ARROW_ASSIGN_OR_RAISE(auto file,
                          json::InferFile(std::move(input), settings, declared, context));
    return std::make_unique<JsonFileReader>(std::move(file));
  }

  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return json::MakeEncoder(json::MakeWriteSettings(options), *schema, context);
  }

  Status CheckAppend(std::string_view head, const Config& options, const arrow::Schema&,
                     const Context&) const override {
    return json::CheckLayout(head, json::MakeWriteSettings(options).layout);
  }
  bool pieces_stay(const Config& options) const override {
    return json::MakeWriteSettings(options).layout != json::Layout::kArray;
  }
  Result<int64_t> AppendAt(arrow::io::RandomAccessFile& file, int64_t size,
                           const Config& options) const override {
    if (json::MakeWriteSettings(options).layout != json::Layout::kArray) return size;
    return json::EndOfElements(file, size);
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>&, bool appending,
      const Context& context) const override {
    if (json::MakeWriteSettings(options).layout == json::Layout::kArray) {
      return std::make_unique<json::ArrayAppender>(file, appending, context.pool);
    }
    return std::make_unique<TextAppender>(file, "", context.pool);
  }
};

}  // namespace

std::unique_ptr<Format> MakeJsonFormat() { return std::make_unique<JsonFormat>(); }

}  // namespace millrace::formats

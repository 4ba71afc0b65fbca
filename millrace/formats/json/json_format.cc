#include <algorithm>
#include <mutex>

#include "millrace/formats/format.h"
#include "millrace/formats/json/open_file.h"
#include "millrace/formats/json/options.h"
#include "millrace/formats/json/reader.h"
#include "millrace/formats/json/writer.h"
#include "millrace/formats/text_appender.h"

namespace millrace::formats {

namespace {

class JsonFileReader final : public FileReader {
 public:
  explicit JsonFileReader(std::shared_ptr<const json::OpenFile> file)
      : file_(std::move(file)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return file_->schema; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    const int64_t size = file_->input.file_size;
    const int64_t step = file_->input.file ? std::max<int64_t>(target_bytes, 1) : size;
    std::vector<Range> ranges;
    for (int64_t begin = 0; begin < size && step < size; begin += step) {
      const int64_t end = std::min(begin + step, size);
      ranges.push_back({.begin = begin, .end = end, .approximate_bytes = end - begin});
    }
    if (ranges.empty()) {
      ranges.push_back({.begin = 0, .end = size, .approximate_bytes = size});
    }
    std::lock_guard lock(mutex_);
    ranges_ = ranges;
    return ranges;
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    Range range;
    {
      std::lock_guard lock(mutex_);
      range = ranges_[ordinal];
    }
    return json::JsonRangeReader::Make(file_, range, pushdown, context);
  }

 private:
  std::shared_ptr<const json::OpenFile> file_;
  std::mutex mutex_;
  std::vector<Range> ranges_;  // of the latest Ranges
};

class JsonFormat final : public Format {
 public:
  std::string_view name() const override { return "json"; }
  std::string_view doc() const override {
    return "Newline-delimited JSON: one object a line.";
  }
  std::vector<std::string> extensions() const override {
    return {"json", "ndjson", "jsonl"};
  }
  const ConfigSpec& read_options() const override { return json::ReadOptions(); }
  const ConfigSpec& write_options() const override { return json::WriteOptions(); }
  bool can_read_stream() const override { return true; }
  bool can_append() const override { return true; }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const Context& context) const override {
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

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config&, const std::shared_ptr<arrow::Schema>&, bool,
      const Context&) const override {
    return std::make_unique<TextAppender>(file, "");
  }
};

}  // namespace

std::unique_ptr<Format> MakeJsonFormat() { return std::make_unique<JsonFormat>(); }

}  // namespace millrace::formats

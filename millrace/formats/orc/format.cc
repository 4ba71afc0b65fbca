#include "millrace/formats/orc/orc_internal.h"

namespace millrace::formats {

namespace {

constexpr int64_t kRowsOfSplits = 256 * 1024;

class OrcFormat final : public Format {
 public:
  std::string_view name() const override { return "orc"; }
  std::string_view doc() const override {
    return "Apache ORC, read and written with Arrow.";
  }
  std::vector<std::string> extensions() const override { return {"orc"}; }
  const ConfigSpec& read_options() const override { return orc_format::ReadSpec(); }
  const ConfigSpec& write_options() const override { return orc_format::WriteSpec(); }
  bool can_read_stream() const override { return false; }
  bool can_append() const override { return false; }
  bool tells_its_end() const override { return true; }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config&, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    return orc_format::OpenOrcReader(std::move(input), declared, like, context);
  }
  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return orc_format::MakeOrcEncoder(options, schema, context);
  }

  // A split ends a stripe. One that is asked to be larger than most splits is made by the
  // writer, which sees all rows.
  bool encodes_splits(const Config& options) const override {
    return options.GetInt("stripe_rows") <= kRowsOfSplits;
  }

  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool,
      const Context& context) const override {
    return orc_format::OpenOrcAppender(file, options, schema, context);
  }
};

}  // namespace

std::unique_ptr<Format> MakeOrcFormat() { return std::make_unique<OrcFormat>(); }

}  // namespace millrace::formats

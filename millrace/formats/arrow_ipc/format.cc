#include "millrace/formats/arrow_ipc/ipc_internal.h"

namespace millrace::formats {

namespace {

constexpr int64_t kRowsOfSplits = 256 * 1024;

class IpcFormat final : public Format {
 public:
  explicit IpcFormat(arrow_ipc::Form form) : form_(form) {}

  std::string_view name() const override { return is_file() ? "arrow" : "arrows"; }
  std::string_view doc() const override {
    return is_file()
               ? "Arrow IPC, also called Feather 2: a file with a footer. Reads the "
                 "form of a stream, too."
               : "Arrow IPC as a stream, for pipes. Reads the form of a file, too.";
  }
  std::vector<std::string> extensions() const override {
    if (is_file()) return {"arrow", "feather", "ipc"};
    return {"arrows"};
  }
  const ConfigSpec& read_options() const override { return arrow_ipc::ReadSpec(); }
  const ConfigSpec& write_options() const override { return arrow_ipc::WriteSpec(); }
  bool can_read_stream() const override { return true; }
  bool can_append() const override { return false; }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config&, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    return arrow_ipc::OpenIpcReader(std::move(input), declared, like, context);
  }
  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return arrow_ipc::MakeIpcEncoder(options, schema, context);
  }
  // As in Parquet: a split ends a record batch.
  bool encodes_splits(const Config& options) const override {
    return options.GetInt("batch_rows") <= kRowsOfSplits;
  }
  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool,
      const Context& context) const override {
    return arrow_ipc::OpenIpcAppender(form_, file, options, schema, context);
  }

 private:
  bool is_file() const { return form_ == arrow_ipc::Form::kFile; }
  const arrow_ipc::Form form_;
};

}  // namespace

namespace arrow_ipc {

const ConfigSpec& ReadSpec() {
  static const ConfigSpec spec;
  return spec;
}

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec({
      {.name = "compression",
       .type = OptionType::kEnum,
       .default_value = "none",
       .choices = {"none", "lz4", "zstd"},
       .doc = "Codec of the buffers. Without one, readers can map the file into memory."},
      {.name = "compression_level",
       .type = OptionType::kInt,
       .doc = "Level of zstd, 1 to 22; the codec's own default when absent."},
      {.name = "batch_rows",
       .type = OptionType::kInt,
       .default_value = "65536",
       .doc =
           "Rows in one record batch. Up to 262144, a batch also ends where a split of "
           "the input does; above that only the last one is smaller."},
  });
  return spec;
}

}  // namespace arrow_ipc

std::unique_ptr<Format> MakeArrowFormat() {
  return std::make_unique<IpcFormat>(arrow_ipc::Form::kFile);
}
std::unique_ptr<Format> MakeArrowStreamFormat() {
  return std::make_unique<IpcFormat>(arrow_ipc::Form::kStream);
}

}  // namespace millrace::formats

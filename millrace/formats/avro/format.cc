#include "millrace/formats/avro/reader.h"
#include "millrace/formats/avro/writer.h"

namespace millrace::formats {

namespace {

class AvroFormat final : public Format {
 public:
  std::string_view name() const override { return "avro"; }
  std::string_view doc() const override {
    return "Avro container files: records with their schema, in blocks.";
  }
  std::vector<std::string> extensions() const override { return {"avro"}; }
  const ConfigSpec& read_options() const override { return avro::ReadSpec(); }
  const ConfigSpec& write_options() const override { return avro::WriteSpec(); }
  bool can_read_stream() const override { return true; }
  bool can_append() const override { return false; }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    return avro::OpenAvroReader(std::move(input), options, declared, like, context);
  }
  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    return avro::MakeAvroEncoder(options, schema, context);
  }
  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool,
      const Context& context) const override {
    return avro::OpenAvroAppender(file, options, schema, context);
  }
};

}  // namespace

namespace avro {

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec({
      {.name = "compression",
       .type = OptionType::kEnum,
       .default_value = "snappy",
       .choices = {"none", "deflate", "snappy", "zstd", "bzip2", "xz"},
       .doc = "Codec of the blocks."},
      {.name = "compression_level",
       .type = OptionType::kInt,
       .doc =
           "Level of deflate, zstd, bzip2 and xz; the codec's own default when absent."},
      {.name = "block_bytes",
       .type = OptionType::kBytes,
       .default_value = "64KiB",
       .doc = "Bytes after which a block ends, before they are compressed. Readers can "
              "begin at every block."},
      {.name = "record_name",
       .default_value = "Row",
       .doc = "Full name of the record in the schema."},
  });
  return spec;
}

}  // namespace avro

std::unique_ptr<Format> MakeAvroFormat() { return std::make_unique<AvroFormat>(); }

}  // namespace millrace::formats

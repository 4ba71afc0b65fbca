// Writing Avro container files.
#pragma once

#include <memory>

#include "millrace/formats/format.h"

namespace millrace::formats::avro {

const ConfigSpec& WriteSpec();

/// Each piece is a block without its sync marker, which is the file's own.
Result<std::unique_ptr<data::RowEncoder>> MakeAvroEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context);
Result<std::unique_ptr<FileAppender>> OpenAvroAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

/// What both need to know.
struct WriteSettings {
  std::string codec;  ///< as the file calls it
  int level = -1;
  int64_t block_bytes = 0;
  std::string record_name;
};
/// Fails with kBadOption.
Result<WriteSettings> WriteSettingsOf(const Config& options);

}  // namespace millrace::formats::avro

// Reading Avro container files.
#pragma once

#include <memory>

#include "millrace/formats/avro/blocks.h"
#include "millrace/formats/avro/columns.h"
#include "millrace/formats/format.h"

namespace millrace::formats::avro {

const ConfigSpec& ReadSpec();

/// `first`: a reader that this function made, of the first file of a set, or null.
Result<std::unique_ptr<FileReader>> OpenAvroReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context);

}  // namespace millrace::formats::avro

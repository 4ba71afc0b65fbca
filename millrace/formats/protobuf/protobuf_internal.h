// What the parts of the Protobuf format share.
#pragma once

#include <memory>

#include "millrace/formats/format.h"
#include "millrace/formats/protobuf/message.h"

namespace millrace::formats::protobuf_format {

const ConfigSpec& ReadSpec();
const ConfigSpec& WriteSpec();

/// The message that the options name. `nanos`: times have nanoseconds.
Result<std::shared_ptr<const MessageType>> MessageOf(const Config& options, bool nanos);

/// `first`: a reader that this function made, of the first file of a set, or null.
Result<std::unique_ptr<FileReader>> OpenProtobufReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context);

/// Each piece is some messages behind their lengths.
Result<std::unique_ptr<data::RowEncoder>> MakeProtobufEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context);

}  // namespace millrace::formats::protobuf_format

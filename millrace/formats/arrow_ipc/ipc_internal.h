// What the parts of the Arrow IPC formats share.
#pragma once

#include <memory>
#include <string>

#include <arrow/ipc/options.h>

#include "millrace/formats/arrow_ipc/errors.h"
#include "millrace/formats/caught.h"
#include "millrace/formats/format.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::arrow_ipc {

/// The two forms of Arrow IPC. A file is a stream with a magic word before and a footer
/// behind.
enum class Form { kFile, kStream };

/// What a file begins with, padding included.
inline constexpr std::string_view kFileMagic{"ARROW1\0\0", 8};

const ConfigSpec& ReadSpec();
const ConfigSpec& WriteSpec();

/// Open either form, as the first bytes tell. `first`: a reader that this function made,
/// or null.
Result<std::unique_ptr<FileReader>> OpenIpcReader(
    Input input, const std::shared_ptr<arrow::Schema>& declared, const FileReader* first,
    const Context& context);

/// Each piece is the message of one record batch.
Result<std::unique_ptr<data::RowEncoder>> MakeIpcEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context);
Result<std::unique_ptr<FileAppender>> OpenIpcAppender(
    Form form, io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

/// Options of Arrow's writer. Fails with kBadOption.
Result<arrow::ipc::IpcWriteOptions> WriteOptionsOf(const Config& options,
                                                   arrow::MemoryPool* pool);

}  // namespace millrace::formats::arrow_ipc

// What the parts of the ORC format share.
#pragma once

#include <memory>
#include <string>

#include <arrow/adapters/orc/options.h>

#include "millrace/base/error.h"
#include "millrace/formats/caught.h"
#include "millrace/formats/format.h"
#include "millrace/formats/orc/errors.h"

namespace millrace::formats::orc_format {

const ConfigSpec& ReadSpec();
const ConfigSpec& WriteSpec();

/// Of WriteSpec's options.
Result<arrow::adapters::orc::WriteOptions> WriteOptionsFor(const Config& options);

/// The columns as the file gets them: narrower types that ORC lacks become wider ones.
/// Fails with kOrcUnsupported.
Result<std::shared_ptr<arrow::Schema>> WrittenSchema(const arrow::Schema& schema);

/// `rows` in the types of `written`, which WrittenSchema made of theirs. Memory from
/// `pool`.
Result<std::shared_ptr<arrow::RecordBatch>> ToWritten(
    const arrow::RecordBatch& rows, const std::shared_ptr<arrow::Schema>& written,
    arrow::MemoryPool* pool);

/// A whole ORC file with `rows`, none or more, all in the types of `written`.
Result<std::shared_ptr<arrow::Buffer>> EncodeFile(
    const arrow::adapters::orc::WriteOptions& options,
    const std::shared_ptr<arrow::Schema>& written, const arrow::RecordBatchVector& rows,
    int64_t bytes, arrow::MemoryPool* pool);

/// `first`: a reader that this function made, of the first file of a set, or null.
Result<std::unique_ptr<FileReader>> OpenOrcReader(
    Input input, const std::shared_ptr<arrow::Schema>& declared, const FileReader* first,
    const Context& context);

/// Each piece is a whole ORC file, for the appender to take apart.
Result<std::unique_ptr<data::RowEncoder>> MakeOrcEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context);
Result<std::unique_ptr<FileAppender>> OpenOrcAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

}  // namespace millrace::formats::orc_format

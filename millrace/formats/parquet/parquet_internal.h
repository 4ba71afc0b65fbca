// What the parts of the Parquet format share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millrace/base/error.h"
#include "millrace/formats/caught.h"
#include "millrace/formats/format.h"
#include "millrace/formats/parquet/errors.h"

namespace parquet {
class FileMetaData;
class WriterProperties;
}  // namespace parquet

namespace millrace::formats::parquet_format {

struct Keys;

const ConfigSpec& ReadSpec();
const ConfigSpec& WriteSpec();

/// `first`: a reader that this function made, of the first file of a set, or null.
Result<std::unique_ptr<FileReader>> OpenParquetReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context);

/// Each piece is a whole Parquet file of one row group, for the appender to take apart.
Result<std::unique_ptr<data::RowEncoder>> MakeParquetEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context);
Result<std::unique_ptr<FileAppender>> OpenParquetAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

/// The same for files that are encrypted with `keys`, whose footer key there is.
Result<std::unique_ptr<FileAppender>> OpenEncryptedAppender(
    io::WritableFile& file, const Config& options, Keys keys,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

/// What other readers get back as types: the stream's schema, with dictionaries where the
/// input file had said so.
Result<std::shared_ptr<const arrow::KeyValueMetadata>> ArrowSchemaMetadata(
    const arrow::Schema& schema, arrow::MemoryPool* pool);

/// What encoder and appender must agree on. `sample`: the first rows of a row group, or
/// null.
///
/// Encodings are chosen when the rows of a group are known: dictionaries only where
/// values repeat (a dictionary of unique strings is the most expensive mistake this
/// writer can make), delta for integers and times. Page indexes are left out: a chunk of
/// a row group of this size is a page or two, for which the chunk's own statistics tell
/// the same.
Result<std::shared_ptr<parquet::WriterProperties>> WriterPropertiesFor(
    const Config& options, const arrow::Schema& schema, const arrow::RecordBatch* sample,
    arrow::MemoryPool* pool);

/// The least value of a flat timestamp column in a row group, in microseconds, by its
/// statistics.
std::optional<int64_t> MinMicros(const parquet::FileMetaData& metadata, int row_group,
                                 const std::string& column);

/// May a row group hold rows for which `predicate` is true? Judged by min, max and null
/// count of its columns; what is not known may.
bool MayMatch(const parquet::FileMetaData& metadata, int row_group,
              const arrow::Schema& schema, const data::Predicate& predicate);

}  // namespace millrace::formats::parquet_format

// What the parts of the Parquet format share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millrace/formats/format.h"

namespace parquet {
class FileMetaData;
}

namespace millrace::formats::parquet_format {

/// Metadata of a field whose file says that it was a dictionary: the writer says so
/// again.
inline constexpr const char kDictionaryMark[] = "millrace.dictionary";

const ConfigSpec& ReadSpec();
const ConfigSpec& WriteSpec();

Result<std::unique_ptr<FileReader>> OpenParquetReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const Context& context);
Result<std::unique_ptr<FileWriter>> OpenParquetWriter(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context);

/// The least value of a flat timestamp column in a row group, in microseconds, by its
/// statistics.
std::optional<int64_t> MinMicros(const parquet::FileMetaData& metadata, int row_group,
                                 const std::string& column);

/// May a row group hold rows for which `predicate` is true? Judged by min, max and null
/// count of its columns; what is not known may.
bool MayMatch(const parquet::FileMetaData& metadata, int row_group,
              const arrow::Schema& schema, const data::Predicate& predicate);

}  // namespace millrace::formats::parquet_format

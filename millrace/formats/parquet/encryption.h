// Encryption: Parquet's own, of modules, with keys that the options refer to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/config/config.h"
#include "millrace/formats/format.h"

namespace parquet {
class FileDecryptionProperties;
class FileEncryptionProperties;
class FileMetaData;
class ParquetFileReader;
class SchemaDescriptor;
}  // namespace parquet

namespace millrace::formats::parquet_format {

/// The keys of files, as bytes. Never printed.
struct Keys {
  std::string footer;                          ///< empty: none
  std::map<std::string, std::string> columns;  ///< by column, or path of a field in one

  bool empty() const { return footer.empty() && columns.empty(); }
  /// The key of a leaf column, by its path; null where it has none of its own.
  const std::string* OfLeaf(const std::string& path) const;
};

/// The options of keys, in both directions.
const ConfigSpec& KeyOptions();
/// Those of writing.
const ConfigSpec& EncryptionOptions();

/// From options whose references have been followed. Fails with kParquetBadKey.
Result<Keys> MakeKeys(const Config& options);

/// Do the options ask for encrypted files, with whatever they lack for that?
bool Encrypts(const Config& write_options, const Keys& keys);

/// What opens files; null without keys. `schema`: of the file, where it is known already;
/// without it only the footer can be read.
std::shared_ptr<parquet::FileDecryptionProperties> Decryption(
    const Keys& keys, const parquet::SchemaDescriptor* schema);
/// For one new file that is to be encrypted. Fails with kParquetBadKey.
Result<std::shared_ptr<parquet::FileEncryptionProperties>> Encryption(
    const Config& options, const Keys& keys, const parquet::SchemaDescriptor& schema);

/// Open `file` far enough to know its columns. A footer that can't be decrypted is
/// kParquetKey. May throw as the library does.
Result<std::shared_ptr<parquet::FileMetaData>> OpenFooter(
    const std::shared_ptr<arrow::io::RandomAccessFile>& file, const std::string& name,
    const Keys& keys, arrow::MemoryPool* pool);
/// Can that column chunk be read with these keys? Fails with kParquetKey, which names the
/// column.
Status CheckKey(const parquet::FileMetaData& metadata, int row_group, int leaf,
                const std::string& name, const Keys& keys);

/// `failure` of reading the columns `wanted` of `schema`, as kParquetKey where a key did
/// not fit.
Status FailedDecryption(const Status& failure, const std::string& name,
                        const arrow::Schema& schema, const std::vector<int>& wanted);

}  // namespace millrace::formats::parquet_format

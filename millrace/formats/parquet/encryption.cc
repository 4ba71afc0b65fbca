#include "millrace/formats/parquet/encryption.h"

#include <algorithm>

#include <arrow/io/interfaces.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/secure_string.h>
#include <fmt/ranges.h>
#include <parquet/encryption/encryption.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

#include "millrace/base/error.h"
#include "millrace/formats/parquet/errors.h"

namespace millrace::formats::parquet_format {

namespace {

using arrow::util::SecureString;

bool FromHex(std::string_view text, std::string* out) {
  auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = nibble(text[i]), low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return false;
    *out += static_cast<char>(high * 16 + low);
  }
  return true;
}

// `what` names the key; the text itself is never told.
Result<std::string> KeyOf(std::string_view text, const std::string& what) {
  constexpr std::string_view kHex = "hex:";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  std::string key;
  bool good = true;
  if (text.starts_with(kHex)) {
    good = FromHex(text.substr(kHex.size()), &key);
  } else {
    auto decoded = arrow::util::base64_decode(text);
    good = decoded.ok();
    if (good) key = *std::move(decoded);
  }
  if (good && (key.size() == 16 || key.size() == 24 || key.size() == 32)) return key;
  return errors::kParquetBadKey.Make({}, "{}", what);
}

// The library has no type for what a wrong key leads to.
bool SpeaksOfDecryption(std::string_view text) {
  return text.find("crypt") != std::string_view::npos ||
         text.find("signature") != std::string_view::npos;
}

SecureString Secure(const std::string& key) { return SecureString(std::string(key)); }

}  // namespace

const std::string* Keys::OfLeaf(const std::string& path) const {
  for (const auto& [column, key] : columns) {
    if (path == column || (path.starts_with(column) && path[column.size()] == '.')) {
      return &key;
    }
  }
  return nullptr;
}

const ConfigSpec& KeyOptions() {
  static const ConfigSpec spec({
      {.name = "footer_key",
       .secret = true,
       .doc = "Reference to the key of encrypted files: env:NAME or file:PATH, which "
              "hold 16, 24 or 32 bytes as base64, or in hex behind hex:."},
      {.name = "column_key",
       .type = OptionType::kList,
       .secret = true,
       .doc = "References to the keys of columns that have one of their own: "
              "column=env:NAME, divided by commas."},
  });
  return spec;
}

const ConfigSpec& EncryptionOptions() {
  static const ConfigSpec spec({
      {.name = "encryption",
       .type = OptionType::kEnum,
       .default_value = "aes_gcm_v1",
       .choices = {"aes_gcm_v1", "aes_gcm_ctr_v1"},
       .doc = "With footer_key, how modules are encrypted. aes_gcm_ctr_v1 does not "
              "protect pages from being changed."},
      {.name = "plaintext_footer",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "With footer_key, sign the footer instead of encrypting it: columns that "
              "have no key can be read by everybody."},
  });
  return spec;
}

Result<Keys> MakeKeys(const Config& options) {
  Keys keys;
  if (options.has("footer_key")) {
    ARROW_ASSIGN_OR_RAISE(keys.footer,
                          KeyOf(options.GetString("footer_key"), "option 'footer_key'"));
  }
  if (!options.has("column_key")) return keys;
  for (const std::string& entry : options.GetList("column_key")) {
    // Base64 may end in '=', so the first one parts.
    const size_t equal = entry.find('=');
    const std::string column = entry.substr(0, equal);
    if (equal == std::string::npos || column.empty()) {
      return errors::kParquetBadKey.Make({}, "option 'column_key' names no column");
    }
    ARROW_ASSIGN_OR_RAISE(std::string key,
                          KeyOf(std::string_view(entry).substr(equal + 1),
                                "option 'column_key', " + column));
    if (!keys.columns.emplace(column, std::move(key)).second) {
      return errors::kParquetBadKey.Make({.column = column}, "it has two keys");
    }
  }
  return keys;
}

bool Encrypts(const Config& write_options, const Keys& keys) {
  return !keys.empty() || write_options.given("encryption") ||
         write_options.given("plaintext_footer");
}

std::shared_ptr<parquet::FileDecryptionProperties> Decryption(
    const Keys& keys, const parquet::SchemaDescriptor* schema) {
  if (keys.empty()) return nullptr;
  parquet::FileDecryptionProperties::Builder builder;
  if (!keys.footer.empty()) builder.footer_key(Secure(keys.footer));
  if (schema != nullptr) {
    parquet::ColumnPathToDecryptionPropertiesMap columns;
    for (int leaf = 0; leaf < schema->num_columns(); ++leaf) {
      const std::string path = schema->Column(leaf)->path()->ToDotString();
      const std::string* key = keys.OfLeaf(path);
      if (key == nullptr) continue;
      parquet::ColumnDecryptionProperties::Builder column(path);
      column.key(Secure(*key));
      columns[path] = column.build();
    }
    if (!columns.empty()) builder.column_keys(std::move(columns));
  }
  // A set of files may hold plain ones.
  builder.plaintext_files_allowed();
  return builder.build();
}

Result<std::shared_ptr<parquet::FileEncryptionProperties>> Encryption(
    const Config& options, const Keys& keys, const parquet::SchemaDescriptor& schema) {
  if (keys.footer.empty()) {
    return errors::kParquetBadKey.Make({}, "there is no footer_key");
  }
  parquet::FileEncryptionProperties::Builder builder(Secure(keys.footer));
  builder.algorithm(options.GetString("encryption") == "aes_gcm_v1"
                        ? parquet::ParquetCipher::AES_GCM_V1
                        : parquet::ParquetCipher::AES_GCM_CTR_V1);
  if (options.GetBool("plaintext_footer")) builder.set_plaintext_footer();
  parquet::ColumnPathToEncryptionPropertiesMap columns;
  for (const auto& [column, key] : keys.columns) {
    bool found = false;
    for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
      const std::string path = schema.Column(leaf)->path()->ToDotString();
      if (path != column && !path.starts_with(column + ".")) continue;
      found = true;
      columns[path] = parquet::ColumnEncryptionProperties::WithColumnKey(Secure(key));
    }
    if (!found) {
      return errors::kParquetBadKey.Make({.column = column}, "no column has that name");
    }
  }
  if (!columns.empty()) builder.encrypted_columns(std::move(columns));
  return builder.build();
}

Result<std::shared_ptr<parquet::FileMetaData>> OpenFooter(
    const std::shared_ptr<arrow::io::RandomAccessFile>& file, const std::string& name,
    const Keys& keys, arrow::MemoryPool* pool) {
  constexpr std::string_view kEncryptedMagic = "PARE";
  auto open = [&](const parquet::SchemaDescriptor* schema) {
    parquet::ReaderProperties properties(pool);
    if (auto decryption = Decryption(keys, schema)) {
      properties.file_decryption_properties(std::move(decryption));
    }
    return parquet::ParquetFileReader::Open(file, properties)->metadata();
  };
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  char magic[4] = {};
  if (size >= 4) ARROW_RETURN_NOT_OK(file->ReadAt(size - 4, 4, magic).status());
  const bool encrypted = std::string_view(magic, 4) == kEncryptedMagic;
  if (encrypted && keys.footer.empty()) {
    return errors::kParquetKey.Make({.file = name},
                                    "its footer is encrypted, and there "
                                    "is no footer_key");
  }
  std::shared_ptr<parquet::FileMetaData> metadata;
  try {
    metadata = open(nullptr);
  } catch (const std::exception& error) {
    // What was damaged and what the key does not fit look the same.
    if (!SpeaksOfDecryption(error.what())) throw;
    return errors::kParquetKey.Make({.file = name}, "footer_key does not fit its footer");
  }
  if (keys.columns.empty()) return metadata;
  // Now that the paths of its columns are known, with their keys.
  return open(metadata->schema());
}

Status CheckKey(const parquet::FileMetaData& metadata, int row_group, int leaf,
                const std::string& name, const Keys& keys) {
  const std::string path = metadata.schema()->Column(leaf)->path()->ToDotString();
  const Where where{.file = name, .column = path};
  std::unique_ptr<parquet::ColumnChunkMetaData> chunk;
  try {
    chunk = metadata.RowGroup(row_group)->ColumnChunk(leaf);
  } catch (const std::exception&) {
    // The metadata of a column with a key of its own is encrypted with it.
    return errors::kParquetKey.Make(where, "{}",
                                    keys.OfLeaf(path) == nullptr
                                        ? "it has a key of its own, which "
                                          "column_key does not name"
                                        : "column_key does not fit it");
  }
  const auto crypto = chunk->crypto_metadata();
  if (!crypto) return Status::OK();
  if (crypto->encrypted_with_footer_key()) {
    if (!keys.footer.empty()) return Status::OK();
    return errors::kParquetKey.Make(where, "it is encrypted, and there is no footer_key");
  }
  if (keys.OfLeaf(path) != nullptr) return Status::OK();
  return errors::kParquetKey.Make(where,
                                  "it has a key of its own, which column_key does not "
                                  "name");
}

Status FailedDecryption(const Status& failure, const std::string& name,
                        const arrow::Schema& schema, const std::vector<int>& wanted) {
  if (ErrorNumber(failure) != errors::kParquetBroken.number ||
      !SpeaksOfDecryption(failure.message())) {
    return failure;
  }
  std::vector<std::string> names;
  for (const int column : wanted) names.push_back(schema.field(column)->name());
  return errors::kParquetKey.Make({.file = name},
                                  "pages of column {} can't be decrypted: a key does not "
                                  "fit, or they were changed",
                                  fmt::join(names, ", or "));
}

}  // namespace millrace::formats::parquet_format

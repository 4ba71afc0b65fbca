#include <map>

#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/file_writer.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/statistics.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/parquet/encryption.h"
#include "millrace/formats/parquet/parquet_internal.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::parquet_format {

namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr int64_t kMagicSize = 4;
constexpr int64_t kFooterBytes = 64 * 1024;  // to begin with

// Says in `to` what `from` says of a column chunk that has moved by `shift` bytes.
void MoveChunk(const parquet::ColumnChunkMetaData& from, int64_t shift,
               parquet::ColumnChunkMetaDataBuilder& to) {
  std::map<parquet::Encoding::type, int32_t> of_dictionary, of_data;
  for (const parquet::PageEncodingStats& stats : from.encoding_stats()) {
    auto& pages =
        stats.page_type == parquet::PageType::DICTIONARY_PAGE ? of_dictionary : of_data;
    pages[stats.encoding] += stats.count;
  }
  // A dictionary that grew too large was given up: its chunk holds pages without it.
  const bool dictionary = from.has_dictionary_page();
  bool fell_back = false;
  for (const auto& [encoding, pages] : of_data) {
    fell_back |= dictionary && encoding != parquet::Encoding::RLE_DICTIONARY &&
                 encoding != parquet::Encoding::PLAIN_DICTIONARY;
  }
  if (auto statistics = from.encoded_statistics()) to.SetStatistics(*statistics);
  if (auto sizes = from.size_statistics()) to.SetSizeStatistics(*sizes);
  to.Finish(from.num_values(), dictionary ? from.dictionary_page_offset() + shift : -1,
            -1, from.data_page_offset() + shift, from.total_compressed_size(),
            from.total_uncompressed_size(), dictionary, fell_back, of_dictionary,
            of_data);
}

// Each piece is a Parquet file of one row group. Its column chunks are copied as they
// are; only the places that the footer names have to move.
class RowGroupAppender final : public FileAppender {
 public:
  RowGroupAppender(io::WritableFile& file, std::shared_ptr<arrow::Schema> schema,
                   std::shared_ptr<parquet::WriterProperties> properties,
                   const Context& context)
      : file_(file),
        schema_(std::move(schema)),
        properties_(std::move(properties)),
        pool_(context.pool) {}

  Status Begin() {
    begin_ = file_.position();
    ARROW_RETURN_NOT_OK(parquet::arrow::ToParquetSchema(
        schema_.get(), *properties_, *parquet::default_arrow_writer_properties(),
        &descriptor_));
    metadata_ = parquet::FileMetaDataBuilder::Make(descriptor_.get(), properties_);
    return file_.Write(kMagic.data(), kMagicSize);
  }

  Status Append(const data::EncodedRows& rows) override {
    return Caught(errors::kParquetWrite, "", [&] {
      return AppendGroups(std::make_shared<arrow::io::BufferReader>(rows.bytes),
                          rows.bytes.get());
    });
  }

  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    return Caught(errors::kParquetWrite, "",
                  [&] { return AppendGroups(piece, nullptr); });
  }

  Status Finish() override {
    return Caught(errors::kParquetWrite, "", [this]() -> Status {
      ARROW_ASSIGN_OR_RAISE(auto arrow_schema, ArrowSchemaMetadata(*schema_, pool_));
      const auto metadata = metadata_->Finish(arrow_schema);
      // Through memory: an exception of the library would hide the file's own error.
      ARROW_ASSIGN_OR_RAISE(auto footer,
                            arrow::io::BufferOutputStream::Create(kFooterBytes, pool_));
      parquet::WriteFileMetaData(*metadata, footer.get());
      ARROW_ASSIGN_OR_RAISE(auto bytes, footer->Finish());
      return file_.Write(bytes->data(), bytes->size());
    });
  }

 private:
  // `bytes`: all of `file`, where it stands in memory.
  Status AppendGroups(const std::shared_ptr<arrow::io::RandomAccessFile>& file,
                      const arrow::Buffer* bytes) {
    parquet::ReaderProperties reading(pool_);
    const auto piece = parquet::ParquetFileReader::Open(file, reading);
    const auto metadata = piece->metadata();
    ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
    const int64_t end = size - metadata->size() - 2 * kMagicSize;
    const int64_t shift = file_.position() - begin_ - kMagicSize;
    ARROW_RETURN_NOT_OK(bytes != nullptr
                            ? file_.Write(bytes->data() + kMagicSize, end - kMagicSize)
                            : CopyBytes(*file, kMagicSize, end, file_, pool_));
    for (int g = 0; g < metadata->num_row_groups(); ++g) {
      const auto group = metadata->RowGroup(g);
      parquet::RowGroupMetaDataBuilder* to = metadata_->AppendRowGroup();
      to->set_num_rows(group->num_rows());
      for (int c = 0; c < group->num_columns(); ++c) {
        MoveChunk(*group->ColumnChunk(c), shift, *to->NextColumnChunk());
      }
      // The format has 16 bits for the number of a row group, and lets it be left out.
      const bool numbered = groups_ <= INT16_MAX;
      to->Finish(group->total_byte_size(), static_cast<int16_t>(numbered ? groups_ : -1));
      ++groups_;
    }
    return Status::OK();
  }

  io::WritableFile& file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<parquet::WriterProperties> properties_;
  arrow::MemoryPool* const pool_;
  int64_t begin_ = 0;
  int64_t groups_ = 0;
  std::shared_ptr<parquet::SchemaDescriptor> descriptor_;
  std::unique_ptr<parquet::FileMetaDataBuilder> metadata_;
};

Status CheckType(const arrow::DataType& type, const std::string& column) {
  switch (type.id()) {
    case arrow::Type::INTERVAL_MONTHS:
    case arrow::Type::INTERVAL_DAY_TIME:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
    case arrow::Type::RUN_END_ENCODED:
      return errors::kParquetUnsupported.Make({.column = column}, "{}",
                                              data::SqlTypeName(type));
    default: break;
  }
  for (const auto& child : type.fields())
    ARROW_RETURN_NOT_OK(CheckType(*child->type(), column));
  return Status::OK();
}

}  // namespace

Result<std::shared_ptr<const arrow::KeyValueMetadata>> ArrowSchemaMetadata(
    const arrow::Schema& schema, arrow::MemoryPool* pool) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    const bool marked =
        field->HasMetadata() && field->metadata()->Contains(kDictionaryMark);
    fields.push_back(
        marked ? field->WithType(arrow::dictionary(arrow::int32(), field->type()))
                     ->RemoveMetadata()
               : field->RemoveMetadata());
  }
  ARROW_ASSIGN_OR_RAISE(auto bytes,
                        arrow::ipc::SerializeSchema(*arrow::schema(fields), pool));
  return arrow::key_value_metadata(
      {"ARROW:schema"},
      {arrow::util::base64_encode({reinterpret_cast<const char*>(bytes->data()),
                                   static_cast<size_t>(bytes->size())})});
}

Result<std::unique_ptr<FileAppender>> OpenParquetAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context) {
  if (options.GetInt("row_group_rows") < 1) {
    return errors::kBadOption.Make({},
                                   "parquet: option 'row_group_rows': {} is less than 1",
                                   options.GetInt("row_group_rows"));
  }
  for (const auto& field : schema->fields()) {
    ARROW_RETURN_NOT_OK(CheckType(*field->type(), field->name()));
  }
  ARROW_ASSIGN_OR_RAISE(Keys keys, MakeKeys(options));
  if (Encrypts(options, keys)) {
    return OpenEncryptedAppender(file, options, std::move(keys), schema, context);
  }
  ARROW_ASSIGN_OR_RAISE(auto properties,
                        WriterPropertiesFor(options, *schema, nullptr, context.pool));
  auto appender =
      std::make_unique<RowGroupAppender>(file, schema, std::move(properties), context);
  ARROW_RETURN_NOT_OK(
      Caught(errors::kParquetWrite, "", [&] { return appender->Begin(); }));
  return appender;
}

}  // namespace millrace::formats::parquet_format

#include <algorithm>
#include <unordered_set>

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_writer.h>
#include <parquet/properties.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/parquet/errors.h"
#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats::parquet_format {

namespace {

// Rows of the first row group that are looked at to decide how a column is encoded.
constexpr int64_t kSampleRows = 4096;

bool IsInteger(arrow::Type::type id) {
  return arrow::is_integer(id) && id != arrow::Type::UINT64;
}

bool IsTime(arrow::Type::type id) {
  return id == arrow::Type::TIMESTAMP || id == arrow::Type::TIME64 ||
         id == arrow::Type::DATE32 || id == arrow::Type::TIME32;
}

// Distinct values among the first rows, as a share of the rows looked at. Only text is
// asked: dictionaries of numbers cost more time than they save once there are many, and
// delta encoding serves numbers.
double DistinctShare(const arrow::Array& array) {
  const auto& text = static_cast<const arrow::BinaryArray&>(array);
  const int64_t rows = std::min(kSampleRows, text.length());
  std::unordered_set<std::string_view> seen;
  for (int64_t i = 0; i < rows; ++i) {
    if (text.IsValid(i)) seen.insert(text.GetView(i));
  }
  return rows == 0 ? 0.0 : static_cast<double>(seen.size()) / static_cast<double>(rows);
}

class ParquetWriter final : public FileWriter {
 public:
  ParquetWriter(io::WritableFile& file, const Config& options,
                std::shared_ptr<arrow::Schema> schema, const Context& context)
      : sink_(io::AsOutputStream(file)),
        options_(options),
        schema_(std::move(schema)),
        pool_(context.pool),
        group_rows_(options.GetInt("row_group_rows")) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    std::shared_ptr<arrow::RecordBatch> rest = rows;
    while (rest->num_rows() > 0) {
      const int64_t take = std::min(rest->num_rows(), group_rows_ - held_rows_);
      held_.push_back(take == rest->num_rows() ? rest : rest->Slice(0, take));
      held_rows_ += take;
      held_bytes_ += arrow::util::TotalBufferSize(*rows) * take / rows->num_rows();
      rest = rest->Slice(take);
      if (held_rows_ >= group_rows_)
        ARROW_RETURN_NOT_OK(Caught([this] { return WriteGroup(); }));
    }
    return Status::OK();
  }

  Status Finish() override {
    return Caught([this]() -> Status {
      if (held_rows_ > 0) ARROW_RETURN_NOT_OK(WriteGroup());
      if (!writer_) ARROW_RETURN_NOT_OK(Open());
      return writer_->Close();
    });
  }

  int64_t buffered_bytes() const override { return held_bytes_; }

 private:
  template <typename Function>
  Status Caught(Function&& function) {
    try {
      Status status = function();
      if (status.ok() || ErrorDetail::Of(status) != nullptr) return status;
      return errors::kParquetWrite.Make({}, "{}", status.message());
    } catch (const std::exception& error) {
      return errors::kParquetWrite.Make({}, "{}", error.what());
    }
  }

  // Encodings are chosen when the first row group is known: dictionaries only where
  // values repeat (a dictionary of unique strings is the most expensive mistake this
  // writer can make), delta for integers and times.
  Result<std::shared_ptr<parquet::WriterProperties>> Properties() {
    parquet::WriterProperties::Builder builder;
    builder.memory_pool(pool_);
    builder.version(parquet::ParquetVersion::PARQUET_2_6);
    builder.created_by("millrace");
    builder.max_row_group_length(group_rows_);
    const std::string& codec = options_.GetString("compression");
    // "lz4" alone names the framed form, which Parquet has not.
    ARROW_ASSIGN_OR_RAISE(
        arrow::Compression::type type,
        arrow::util::Codec::GetCompressionType(codec == "none"  ? "uncompressed"
                                               : codec == "lz4" ? "lz4_raw"
                                                                : codec));
    builder.compression(type);
    if (options_.has("compression_level")) {
      builder.compression_level(static_cast<int>(options_.GetInt("compression_level")));
    }
    builder.disable_dictionary();
    const std::string& dictionary = options_.GetString("dictionary");
    for (int i = 0; i < schema_->num_fields(); ++i) {
      const auto& field = schema_->field(i);
      const auto id = field->type()->id();
      const std::string& path = field->name();
      const bool text = id == arrow::Type::STRING || id == arrow::Type::BINARY;
      bool repeats = dictionary == "always";
      if (dictionary == "auto" && text && !held_.empty()) {
        const arrow::Array& column = *held_.front()->column(i);
        repeats =
            column.type_id() == arrow::Type::DICTIONARY || DistinctShare(column) < 0.5;
      }
      if (repeats) {
        builder.enable_dictionary(path);
      } else if (IsInteger(id) || IsTime(id)) {
        builder.encoding(path, parquet::Encoding::DELTA_BINARY_PACKED);
      }
    }
    return builder.build();
  }

  // What other readers get back as types: the stream's schema, with dictionaries where
  // the input file had said so.
  Result<std::shared_ptr<const arrow::KeyValueMetadata>> ArrowSchemaMetadata() const {
    arrow::FieldVector fields;
    for (const auto& field : schema_->fields()) {
      const bool marked =
          field->HasMetadata() && field->metadata()->Contains(kDictionaryMark);
      fields.push_back(
          marked ? field->WithType(arrow::dictionary(arrow::int32(), field->type()))
                       ->RemoveMetadata()
                 : field);
    }
    ARROW_ASSIGN_OR_RAISE(auto bytes,
                          arrow::ipc::SerializeSchema(*arrow::schema(fields), pool_));
    return arrow::key_value_metadata(
        {"ARROW:schema"},
        {arrow::util::base64_encode({reinterpret_cast<const char*>(bytes->data()),
                                     static_cast<size_t>(bytes->size())})});
  }

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(auto properties, Properties());
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().build();
    std::shared_ptr<parquet::SchemaDescriptor> descriptor;
    ARROW_RETURN_NOT_OK(parquet::arrow::ToParquetSchema(schema_.get(), *properties,
                                                        *arrow_properties, &descriptor));
    ARROW_ASSIGN_OR_RAISE(auto metadata, ArrowSchemaMetadata());
    auto root =
        std::static_pointer_cast<parquet::schema::GroupNode>(descriptor->schema_root());
    auto file = parquet::ParquetFileWriter::Open(sink_, root, properties, metadata);
    std::unique_ptr<parquet::arrow::FileWriter> writer;
    ARROW_RETURN_NOT_OK(parquet::arrow::FileWriter::Make(pool_, std::move(file), schema_,
                                                         arrow_properties, &writer));
    writer_ = std::move(writer);
    return Status::OK();
  }

  Status WriteGroup() {
    if (!writer_) ARROW_RETURN_NOT_OK(Open());
    ARROW_RETURN_NOT_OK(writer_->NewRowGroup());
    for (int i = 0; i < schema_->num_fields(); ++i) {
      arrow::ArrayVector chunks;
      bool all_dictionaries = true;
      for (const auto& rows : held_) {
        chunks.push_back(rows->column(i));
        all_dictionaries &= chunks.back()->type_id() == arrow::Type::DICTIONARY;
      }
      ARROW_ASSIGN_OR_RAISE(auto column, Unified(std::move(chunks), all_dictionaries));
      ARROW_RETURN_NOT_OK(writer_->WriteColumnChunk(column));
    }
    held_.clear();
    held_rows_ = 0;
    held_bytes_ = 0;
    return Status::OK();
  }

  // One dictionary for the row group, or none: the encoder falls back to plain values
  // when the dictionary changes under it.
  Result<std::shared_ptr<arrow::ChunkedArray>> Unified(arrow::ArrayVector chunks,
                                                       bool all_dictionaries) {
    if (all_dictionaries) {
      auto column = std::make_shared<arrow::ChunkedArray>(std::move(chunks));
      return arrow::DictionaryUnifier::UnifyChunkedArray(column, pool_);
    }
    for (auto& chunk : chunks) {
      ARROW_ASSIGN_OR_RAISE(chunk, data::Decoded(chunk, pool_));
    }
    return std::make_shared<arrow::ChunkedArray>(std::move(chunks));
  }

  const std::shared_ptr<arrow::io::OutputStream> sink_;
  const Config options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  const int64_t group_rows_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> held_;
  int64_t held_rows_ = 0;
  int64_t held_bytes_ = 0;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

Status CheckType(const arrow::DataType& type, const std::string& column) {
  switch (type.id()) {
    case arrow::Type::INTERVAL_MONTHS:
    case arrow::Type::INTERVAL_DAY_TIME:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
    case arrow::Type::RUN_END_ENCODED:
      return errors::kParquetUnsupported.Make({.column = column}, "{}", type.ToString());
    default: break;
  }
  for (const auto& child : type.fields())
    ARROW_RETURN_NOT_OK(CheckType(*child->type(), column));
  return Status::OK();
}

}  // namespace

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec({
      {.name = "compression",
       .type = OptionType::kEnum,
       .default_value = "snappy",
       .choices = {"none", "snappy", "gzip", "zstd", "lz4", "brotli"},
       .doc = "Codec of the data pages."},
      {.name = "compression_level",
       .type = OptionType::kInt,
       .doc = "Level of the codec, for gzip, zstd and brotli; the codec's own default "
              "when absent."},
      {.name = "row_group_rows",
       .type = OptionType::kInt,
       .default_value = "122880",
       .doc = "Rows in one row group."},
      {.name = "dictionary",
       .type = OptionType::kEnum,
       .default_value = "auto",
       .choices = {"auto", "always", "never"},
       .doc =
           "Dictionary-encode columns: those whose first values repeat, all, or none."},
  });
  return spec;
}

Result<std::unique_ptr<FileWriter>> OpenParquetWriter(
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
  return std::make_unique<ParquetWriter>(file, options, schema, context);
}

}  // namespace millrace::formats::parquet_format

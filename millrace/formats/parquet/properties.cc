#include <unordered_set>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/properties.h>

#include "millrace/data/sort_order.h"
#include "millrace/formats/parquet/encryption.h"
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

int LeavesOf(const arrow::DataType& type) {
  if (!arrow::is_nested(type.id())) return 1;
  int leaves = 0;
  for (const auto& field : type.fields()) leaves += LeavesOf(*field->type());
  return leaves;
}

// The order that the rows come in, as far as the file holds its columns.
Result<std::vector<parquet::SortingColumn>> OrderOf(const arrow::Schema& schema) {
  std::vector<parquet::SortingColumn> out;
  const int mark =
      schema.HasMetadata() ? schema.metadata()->FindKey(data::kSortOrderMark) : -1;
  if (mark < 0) return out;
  ARROW_ASSIGN_OR_RAISE(const auto order,
                        data::ParseSortOrder(schema.metadata()->value(mark)));
  for (const data::SortColumn& column : order) {
    const int index = schema.GetFieldIndex(column.name);
    // The name of the file's folder: the same in all of its rows.
    if (index < 0) continue;
    int leaf = 0;
    for (int i = 0; i < index; ++i) leaf += LeavesOf(*schema.field(i)->type());
    out.push_back({leaf, column.descending, column.nulls_first});
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<parquet::WriterProperties>> WriterPropertiesFor(
    const Config& options, const arrow::Schema& schema, const arrow::RecordBatch* sample,
    arrow::MemoryPool* pool) {
  parquet::WriterProperties::Builder builder;
  builder.memory_pool(pool);
  builder.version(parquet::ParquetVersion::PARQUET_2_6);
  builder.created_by("millrace");
  builder.disable_write_page_index();
  builder.max_row_group_length(options.GetInt("row_group_rows"));
  ARROW_ASSIGN_OR_RAISE(auto order, OrderOf(schema));
  builder.set_sorting_columns(std::move(order));
  const std::string& codec = options.GetString("compression");
  // "lz4" alone names the framed form, which Parquet has not.
  ARROW_ASSIGN_OR_RAISE(
      arrow::Compression::type type,
      arrow::util::Codec::GetCompressionType(codec == "none"  ? "uncompressed"
                                             : codec == "lz4" ? "lz4_raw"
                                                              : codec));
  builder.compression(type);
  if (options.has("compression_level")) {
    builder.compression_level(static_cast<int>(options.GetInt("compression_level")));
  }
  builder.disable_dictionary();
  const std::string& dictionary = options.GetString("dictionary");
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& field = schema.field(i);
    const auto id = field->type()->id();
    const std::string& path = field->name();
    const bool text = id == arrow::Type::STRING || id == arrow::Type::BINARY;
    bool repeats = dictionary == "always";
    if (dictionary == "auto" && text && sample != nullptr) {
      const arrow::Array& column = *sample->column(i);
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

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec =
      KeyOptions()
          .Plus(EncryptionOptions())
          .Plus(ConfigSpec({
              {.name = "compression",
               .type = OptionType::kEnum,
               .default_value = "snappy",
               .choices = {"none", "snappy", "gzip", "zstd", "lz4", "brotli"},
               .doc = "Codec of the data pages."},
              {.name = "compression_level",
               .type = OptionType::kInt,
               .doc = "Level of the codec, for gzip, zstd and brotli; the codec's own "
                      "default "
                      "when absent."},
              {.name = "row_group_rows",
               .type = OptionType::kInt,
               .default_value = "122880",
               .doc = "Rows in one row group. Up to 262144, a group also ends where a "
                      "split of the "
                      "input does; above that only the last one is smaller."},
              {.name = "dictionary",
               .type = OptionType::kEnum,
               .default_value = "auto",
               .choices = {"auto", "always", "never"},
               .doc = "Dictionary-encode columns: those whose first values repeat, all, "
                      "or none."},
          }));
  return spec;
}

}  // namespace millrace::formats::parquet_format

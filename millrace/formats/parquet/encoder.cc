#include <algorithm>

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/group_encoder.h"
#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats::parquet_format {

namespace {

// Makes each row group a small Parquet file in memory, which the appender takes apart.
class ParquetEncoder final : public GroupEncoder {
 public:
  ParquetEncoder(const Config& options, std::shared_ptr<arrow::Schema> schema,
                 const Context& context)
      : GroupEncoder(options.GetInt("row_group_rows")),
        options_(options),
        schema_(std::move(schema)),
        pool_(context.pool) {}

 private:
  Result<std::shared_ptr<arrow::Buffer>> EncodeGroup(
      const arrow::RecordBatchVector& group, int64_t bytes) override {
    return Caught(errors::kParquetWrite, "", [&] { return EncodeFile(group, bytes); });
  }

  Result<std::shared_ptr<arrow::Buffer>> EncodeFile(const arrow::RecordBatchVector& group,
                                                    int64_t bytes) {
    ARROW_ASSIGN_OR_RAISE(
        auto properties,
        WriterPropertiesFor(options_, *schema_, group.front().get(), pool_));
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create(
                                         std::max<int64_t>(bytes / 2, 4096), pool_));
    ARROW_ASSIGN_OR_RAISE(auto writer, parquet::arrow::FileWriter::Open(
                                           *schema_, pool_, sink, std::move(properties)));
    ARROW_RETURN_NOT_OK(writer->NewRowGroup());
    for (int i = 0; i < schema_->num_fields(); ++i) {
      arrow::ArrayVector chunks;
      bool all_dictionaries = true;
      for (const auto& rows : group) {
        chunks.push_back(rows->column(i));
        all_dictionaries &= chunks.back()->type_id() == arrow::Type::DICTIONARY;
      }
      ARROW_ASSIGN_OR_RAISE(auto column, Unified(std::move(chunks), all_dictionaries));
      ARROW_RETURN_NOT_OK(writer->WriteColumnChunk(column));
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    return sink->Finish();
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

  const Config options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::unique_ptr<data::RowEncoder>> MakeParquetEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  return std::make_unique<ParquetEncoder>(options, schema, context);
}

}  // namespace millrace::formats::parquet_format

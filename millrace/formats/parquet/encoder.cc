#include <algorithm>

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats::parquet_format {

namespace {

// Makes each row group a small Parquet file in memory, which the appender takes apart.
class ParquetEncoder final : public data::RowEncoder {
 public:
  ParquetEncoder(const Config& options, std::shared_ptr<arrow::Schema> schema,
                 const Context& context)
      : options_(options),
        schema_(std::move(schema)),
        pool_(context.pool),
        group_rows_(options.GetInt("row_group_rows")) {}

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    std::shared_ptr<arrow::RecordBatch> rest = rows;
    while (rest->num_rows() > 0) {
      const int64_t take = std::min(rest->num_rows(), group_rows_ - held_rows_);
      held_.push_back(take == rest->num_rows() ? rest : rest->Slice(0, take));
      held_rows_ += take;
      ARROW_ASSIGN_OR_RAISE(const int64_t bytes,
                            arrow::util::ReferencedBufferSize(*held_.back()));
      held_bytes_ += bytes;
      rest = rest->Slice(take);
      if (held_rows_ >= group_rows_) ARROW_RETURN_NOT_OK(Flush(out));
    }
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (held_rows_ == 0) return Status::OK();
    ARROW_RETURN_NOT_OK(Caught([&] { return EncodeGroup(out); }));
    held_.clear();
    held_rows_ = 0;
    held_bytes_ = 0;
    return Status::OK();
  }

  int64_t buffered_bytes() const override { return held_bytes_; }

 private:
  Status EncodeGroup(std::vector<data::EncodedRows>* out) {
    ARROW_ASSIGN_OR_RAISE(
        auto properties,
        WriterPropertiesFor(options_, *schema_, held_.front().get(), pool_));
    ARROW_ASSIGN_OR_RAISE(auto sink,
                          arrow::io::BufferOutputStream::Create(
                              std::max<int64_t>(held_bytes_ / 2, 4096), pool_));
    ARROW_ASSIGN_OR_RAISE(auto writer, parquet::arrow::FileWriter::Open(
                                           *schema_, pool_, sink, std::move(properties)));
    ARROW_RETURN_NOT_OK(writer->NewRowGroup());
    for (int i = 0; i < schema_->num_fields(); ++i) {
      arrow::ArrayVector chunks;
      bool all_dictionaries = true;
      for (const auto& rows : held_) {
        chunks.push_back(rows->column(i));
        all_dictionaries &= chunks.back()->type_id() == arrow::Type::DICTIONARY;
      }
      ARROW_ASSIGN_OR_RAISE(auto column, Unified(std::move(chunks), all_dictionaries));
      ARROW_RETURN_NOT_OK(writer->WriteColumnChunk(column));
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_ASSIGN_OR_RAISE(auto bytes, sink->Finish());
    out->push_back({std::move(bytes), held_rows_});
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

  const Config options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  const int64_t group_rows_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> held_;
  int64_t held_rows_ = 0;
  int64_t held_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<data::RowEncoder>> MakeParquetEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  return std::make_unique<ParquetEncoder>(options, schema, context);
}

}  // namespace millrace::formats::parquet_format

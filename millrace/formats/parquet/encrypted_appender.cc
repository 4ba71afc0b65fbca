// Writing encrypted files. What a module is encrypted with depends on its place in its
// file, so that pieces can't be copied as they are: they are decoded here and encoded
// again.
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/encryption/encryption.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

#include "millrace/formats/parquet/encryption.h"
#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats::parquet_format {

namespace {

// What the library writes to. Keeps the file's own error, which its exceptions hide.
class FileSink final : public arrow::io::OutputStream {
 public:
  explicit FileSink(io::WritableFile& file) : file_(file), begin_(file.position()) {}

  using arrow::io::OutputStream::Write;
  Status Write(const void* data, int64_t size) override {
    const Status status = file_.Write(data, size);
    if (failure_.ok()) failure_ = status;
    return status;
  }
  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return file_.position() - begin_; }

  const Status& failure() const { return failure_; }

 private:
  io::WritableFile& file_;
  const int64_t begin_;
  bool closed_ = false;
  Status failure_;
};

class EncryptedAppender final : public FileAppender {
 public:
  EncryptedAppender(io::WritableFile& file, const Config& options, Keys keys,
                    std::shared_ptr<arrow::Schema> schema, const Context& context)
      : sink_(std::make_shared<FileSink>(file)),
        options_(options),
        keys_(std::move(keys)),
        schema_(std::move(schema)),
        pool_(context.pool) {}

  // Nothing is written before the first rows are there, by which columns are encoded;
  // what can't be is said here.
  Status Begin() { return Properties(nullptr).status(); }

  // Pieces of encoders are plain, and never leave the memory.
  Status Append(const data::EncodedRows& rows) override {
    return Guarded([&] {
      return AppendGroups(std::make_shared<arrow::io::BufferReader>(rows.bytes), Keys());
    });
  }
  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    return Guarded([&] { return AppendGroups(piece, keys_); });
  }
  Status Finish() override {
    return Guarded([this]() -> Status {
      ARROW_RETURN_NOT_OK(Open(nullptr));
      ARROW_ASSIGN_OR_RAISE(auto arrow_schema, ArrowSchemaMetadata(*schema_, pool_));
      ARROW_RETURN_NOT_OK(writer_->AddKeyValueMetadata(arrow_schema));
      return writer_->Close();
    });
  }

 private:
  template <class Function>
  Status Guarded(Function&& function) {
    const Status status = Caught(errors::kParquetWrite, "", function);
    return sink_->failure().ok() ? status : sink_->failure();
  }

  Result<std::shared_ptr<parquet::WriterProperties>> Properties(
      const arrow::RecordBatch* sample) {
    return Caught(errors::kParquetWrite, "",
                  [&]() -> Result<std::shared_ptr<parquet::WriterProperties>> {
                    ARROW_ASSIGN_OR_RAISE(
                        auto plain,
                        WriterPropertiesFor(options_, *schema_, sample, pool_));
                    std::shared_ptr<parquet::SchemaDescriptor> descriptor;
                    ARROW_RETURN_NOT_OK(parquet::arrow::ToParquetSchema(
                        schema_.get(), *plain,
                        *parquet::default_arrow_writer_properties(), &descriptor));
                    ARROW_ASSIGN_OR_RAISE(auto encryption,
                                          Encryption(options_, keys_, *descriptor));
                    parquet::WriterProperties::Builder builder(*plain);
                    return builder.encryption(std::move(encryption))->build();
                  });
  }

  Status Open(const std::shared_ptr<arrow::Table>& first) {
    if (writer_) return Status::OK();
    std::shared_ptr<arrow::RecordBatch> sample;
    if (first && first->num_rows() > 0) {
      ARROW_ASSIGN_OR_RAISE(sample, first->CombineChunksToBatch(pool_));
    }
    ARROW_ASSIGN_OR_RAISE(auto properties, Properties(sample.get()));
    ARROW_ASSIGN_OR_RAISE(writer_, parquet::arrow::FileWriter::Open(
                                       *schema_, pool_, sink_, std::move(properties)));
    return Status::OK();
  }

  Status AppendGroups(const std::shared_ptr<arrow::io::RandomAccessFile>& piece,
                      const Keys& keys) {
    ARROW_ASSIGN_OR_RAISE(const auto metadata, OpenFooter(piece, "piece", keys, pool_));
    parquet::ReaderProperties reading(pool_);
    if (auto decryption = Decryption(keys, metadata->schema())) {
      reading.file_decryption_properties(std::move(decryption));
    }
    std::unique_ptr<parquet::arrow::FileReader> reader;
    ARROW_ASSIGN_OR_RAISE(
        reader, parquet::arrow::FileReader::Make(
                    pool_, parquet::ParquetFileReader::Open(piece, reading, metadata),
                    parquet::ArrowReaderProperties(/*use_threads=*/false)));
    for (int g = 0; g < metadata->num_row_groups(); ++g) {
      ARROW_ASSIGN_OR_RAISE(auto rows, reader->ReadRowGroup(g));
      ARROW_RETURN_NOT_OK(Open(rows));
      ARROW_RETURN_NOT_OK(writer_->NewRowGroup());
      for (const auto& column : rows->columns()) {
        ARROW_RETURN_NOT_OK(writer_->WriteColumnChunk(column));
      }
    }
    return Status::OK();
  }

  const std::shared_ptr<FileSink> sink_;
  const Config options_;
  const Keys keys_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<FileAppender>> OpenEncryptedAppender(
    io::WritableFile& file, const Config& options, Keys keys,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context) {
  auto appender = std::make_unique<EncryptedAppender>(file, options, std::move(keys),
                                                      schema, context);
  ARROW_RETURN_NOT_OK(appender->Begin());
  return appender;
}

}  // namespace millrace::formats::parquet_format

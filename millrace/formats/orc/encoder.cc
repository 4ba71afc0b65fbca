#include <algorithm>

#include <arrow/adapters/orc/adapter.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "millrace/formats/group_encoder.h"
#include "millrace/formats/orc/orc_internal.h"

namespace millrace::formats::orc_format {

namespace {

namespace orc = arrow::adapters::orc;

// Makes each group a small ORC file in memory, which the appender takes apart.
class OrcEncoder final : public GroupEncoder {
 public:
  OrcEncoder(int64_t stripe_rows, orc::WriteOptions options,
             std::shared_ptr<arrow::Schema> written, arrow::MemoryPool* pool)
      : GroupEncoder(stripe_rows),
        options_(std::move(options)),
        written_(std::move(written)),
        pool_(pool) {}

 private:
  Result<std::shared_ptr<arrow::Buffer>> EncodeGroup(
      const arrow::RecordBatchVector& group, int64_t bytes) override {
    return Caught(errors::kOrcWrite, "",
                  [&] { return EncodeFile(options_, written_, group, bytes, pool_); });
  }

  const orc::WriteOptions options_;
  const std::shared_ptr<arrow::Schema> written_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> EncodeFile(
    const orc::WriteOptions& options, const std::shared_ptr<arrow::Schema>& written,
    const arrow::RecordBatchVector& rows, int64_t bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create(
                                       std::max<int64_t>(bytes / 2, 4096), pool));
  ARROW_ASSIGN_OR_RAISE(auto writer, orc::ORCFileWriter::Open(sink.get(), options));
  if (rows.empty()) {
    // The columns are learned from rows, of which there may be none.
    ARROW_ASSIGN_OR_RAISE(auto none, arrow::Table::FromRecordBatches(written, {}));
    ARROW_RETURN_NOT_OK(writer->Write(*none));
  }
  for (const auto& batch : rows) {
    ARROW_ASSIGN_OR_RAISE(auto columns, ToWritten(*batch, written, pool));
    ARROW_RETURN_NOT_OK(writer->Write(*columns));
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  return sink->Finish();
}

Result<std::unique_ptr<data::RowEncoder>> MakeOrcEncoder(
    const Config& options, const std::shared_ptr<arrow::Schema>& schema,
    const Context& context) {
  ARROW_ASSIGN_OR_RAISE(auto write_options, WriteOptionsFor(options));
  ARROW_ASSIGN_OR_RAISE(auto written, WrittenSchema(*schema));
  return std::make_unique<OrcEncoder>(options.GetInt("stripe_rows"),
                                      std::move(write_options), std::move(written),
                                      context.pool);
}

}  // namespace millrace::formats::orc_format

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/type.h>

#include "millrace/formats/copy_bytes.h"
#include "millrace/formats/orc/orc_internal.h"
#include "millrace/formats/orc/tail.h"

namespace millrace::formats::orc_format {

namespace {

constexpr std::string_view kMagic = "ORC";

// Each piece is a whole ORC file. A stripe knows nothing of its place in the file: its
// bytes are copied as they are, and a new tail says where all of them are.
class StripeAppender final : public FileAppender {
 public:
  StripeAppender(io::WritableFile& file, arrow::MemoryPool* pool)
      : file_(file), pool_(pool) {}

  // `empty`: a file without rows, of the same columns and options.
  Status Begin(const std::shared_ptr<arrow::Buffer>& empty) {
    begin_ = file_.position();
    ARROW_ASSIGN_OR_RAISE(
        like_, ReadTail(std::make_shared<arrow::io::BufferReader>(empty), pool_));
    statistics_.resize(like_.statistics.size());
    return file_.Write(kMagic.data(), static_cast<int64_t>(kMagic.size()));
  }

  Status Append(const data::EncodedRows& rows) override {
    return AppendFile(std::make_shared<arrow::io::BufferReader>(rows.bytes));
  }

  Status AppendFile(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) override {
    return Caught(errors::kOrcWrite, "", [&] { return AppendStripes(piece); });
  }

  Status Finish() override {
    const int64_t content =
        file_.position() - begin_ - static_cast<int64_t>(kMagic.size());
    const auto metadata_bytes = static_cast<int64_t>(metadata_.size());
    ARROW_RETURN_NOT_OK(file_.Write(metadata_.data(), metadata_bytes));
    const std::string tail =
        WriteTail(like_, stripes_, statistics_, content, metadata_bytes);
    return file_.Write(tail.data(), static_cast<int64_t>(tail.size()));
  }

 private:
  Status AppendStripes(const std::shared_ptr<arrow::io::RandomAccessFile>& piece) {
    ARROW_ASSIGN_OR_RAISE(const Tail tail, ReadTail(piece, pool_));
    if (tail.statistics.size() != statistics_.size()) {
      return Status::Invalid("a piece of other columns");
    }
    for (size_t i = 0; i < statistics_.size(); ++i) {
      if (!statistics_[i].Add(tail.statistics[i])) {
        return Status::Invalid("statistics that can't be read");
      }
    }
    for (StripePlace stripe : tail.stripes) {
      const auto from = static_cast<int64_t>(stripe.offset);
      stripe.offset = static_cast<uint64_t>(file_.position() - begin_);
      ARROW_RETURN_NOT_OK(CopyBytes(
          *piece, from, from + static_cast<int64_t>(stripe.bytes()), file_, pool_));
      stripes_.push_back(stripe);
    }
    // Lists of statistics: one after another, compressed or not, they are one list.
    std::string metadata(static_cast<size_t>(tail.metadata_bytes), '\0');
    ARROW_ASSIGN_OR_RAISE(
        const int64_t got,
        piece->ReadAt(tail.metadata_begin, tail.metadata_bytes, metadata.data()));
    if (got != tail.metadata_bytes) return Status::IOError("a piece became shorter");
    metadata_ += metadata;
    return Status::OK();
  }

  io::WritableFile& file_;
  arrow::MemoryPool* const pool_;
  int64_t begin_ = 0;
  Tail like_;
  std::vector<StripePlace> stripes_;
  std::vector<ColumnStatistics> statistics_;
  std::string metadata_;
};

}  // namespace

Result<std::unique_ptr<FileAppender>> OpenOrcAppender(
    io::WritableFile& file, const Config& options,
    const std::shared_ptr<arrow::Schema>& schema, const Context& context) {
  ARROW_ASSIGN_OR_RAISE(const auto write_options, WriteOptionsFor(options));
  ARROW_ASSIGN_OR_RAISE(const auto written, WrittenSchema(*schema));
  auto appender = std::make_unique<StripeAppender>(file, context.pool);
  ARROW_RETURN_NOT_OK(Caught(errors::kOrcWrite, "", [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto empty,
                          EncodeFile(write_options, written, {}, 0, context.pool));
    return appender->Begin(empty);
  }));
  return appender;
}

}  // namespace millrace::formats::orc_format

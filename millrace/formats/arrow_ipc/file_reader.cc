// The file form: record batches found by the footer, in any order.
#include <algorithm>

#include <arrow/array.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/arrow_ipc/columns.h"
#include "millrace/formats/arrow_ipc/reader_internal.h"
#include "millrace/formats/range_list.h"
#include "millrace/io/pooled_file.h"

namespace millrace::formats::arrow_ipc {

namespace {

using BatchReader = std::shared_ptr<arrow::ipc::RecordBatchFileReader>;

struct File {
  std::string name;
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  int64_t size = 0;
  int batches = 0;
  std::shared_ptr<arrow::Schema> stored;
  StoredColumns columns;

  // The footer does not tell sizes through Arrow's reader.
  int64_t batch_bytes() const { return size / std::max(batches, 1); }
};

class FileRange final : public RangeReader {
 public:
  FileRange(std::shared_ptr<const File> file, BatchReader reader, Projection projection,
            Range range, const Pushdown& pushdown, const Context& context)
      : file_(std::move(file)),
        reader_(std::move(reader)),
        projection_(std::move(projection)),
        end_(range.end),
        limit_(pushdown.limit),
        context_(context),
        next_(range.begin) {}

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    int64_t batch = 0;
    if (!PairOf(position, &batch, &skip_) || batch < next_ || batch > end_ || skip_ < 0) {
      return errors::kInternal.Make({.file = file_->name},
                                    "a position that this range never gave");
    }
    next_ = batch;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker&) override {
    return Caught(errors::kIpcBroken, file_->name, [&] { return NextRows(budget); });
  }

 private:
  Result<ReadResult> NextRows(const Budget& budget) {
    ReadResult out;
    if (limit_ && given_ >= *limit_) return out;
    while (slices_.empty()) {
      if (next_ == end_) return out;
      ARROW_ASSIGN_OR_RAISE(auto rows, reader_->ReadRecordBatch(static_cast<int>(next_)));
      ARROW_ASSIGN_OR_RAISE(
          rows, projection_.Apply(std::move(rows), given_, file_->name, context_.pool));
      ++next_;
      slices_.Begin(std::move(rows), file_->batch_bytes());
      slices_.Skip(std::exchange(skip_, 0));
    }
    int64_t bytes = 0;
    out.state = ReadResult::State::kBatch;
    out.rows = slices_.Next(budget, &bytes);
    out.bytes_read = bytes;
    given_ += out.rows->num_rows();
    out.position =
        slices_.empty() ? PairPosition(next_, 0) : PairPosition(next_ - 1, slices_.row());
    return out;
  }

  const std::shared_ptr<const File> file_;
  const BatchReader reader_;
  const Projection projection_;
  const int64_t end_;
  const std::optional<int64_t> limit_;
  const Context context_;
  int64_t next_;  // batch; a position is one, and a row of it
  int64_t skip_ = 0;
  int64_t given_ = 0;
  Slices slices_;
};

Result<BatchReader> OpenBatches(const File& file, std::vector<int> included,
                                arrow::MemoryPool* pool) {
  arrow::ipc::IpcReadOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  options.included_fields = std::move(included);
  return arrow::ipc::RecordBatchFileReader::Open(
      std::make_shared<io::PooledFile>(file.file, pool), options);
}

class IpcFile final : public IpcReader {
 public:
  explicit IpcFile(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  const StoredColumns& columns() const override { return file_->columns; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    return ranges_.Once([&] { return Cut(target_bytes); });
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    ARROW_ASSIGN_OR_RAISE(const Range range, ranges_.At(ordinal, file_->name));
    return Caught(
        errors::kIpcBroken, file_->name, [&]() -> Result<std::unique_ptr<RangeReader>> {
          Projection projection(*file_->stored, file_->columns, pushdown);
          ARROW_ASSIGN_OR_RAISE(auto reader,
                                OpenBatches(*file_, projection.included(), context.pool));
          if (reader->num_record_batches() != file_->batches) {
            return errors::kIpcBroken.Make({.file = file_->name}, "the file has changed");
          }
          return std::make_unique<FileRange>(
              file_, std::move(reader), std::move(projection), range, pushdown, context);
        });
  }

 private:
  std::vector<Range> Cut(int64_t target_bytes) const {
    std::vector<Range> ranges;
    const int64_t batch_bytes = file_->batch_bytes();
    const int64_t each =
        std::max<int64_t>(target_bytes / std::max<int64_t>(batch_bytes, 1), 1);
    for (int64_t begin = 0; begin < file_->batches || begin == 0; begin += each) {
      const int64_t end = std::min<int64_t>(file_->batches, begin + each);
      ranges.push_back({begin, end, (end - begin) * batch_bytes});
      if (end == file_->batches) break;
    }
    return ranges;
  }

  const std::shared_ptr<const File> file_;
  RangeList ranges_;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenIpcFile(
    const Input& input, const std::shared_ptr<arrow::Schema>& declared,
    const StoredColumns* first, const Context& context) {
  auto file = std::make_shared<File>();
  file->name = input.name;
  file->file = input.file;
  file->size = input.file_size;
  ARROW_ASSIGN_OR_RAISE(const auto reader, OpenBatches(*file, {}, context.pool));
  file->batches = reader->num_record_batches();
  file->stored = reader->schema();
  ARROW_ASSIGN_OR_RAISE(file->columns, MapStoredColumns(*file->stored, declared, first,
                                                        input.name, errors::kIpcSchema));
  return std::make_unique<IpcFile>(std::move(file));
}

}  // namespace millrace::formats::arrow_ipc

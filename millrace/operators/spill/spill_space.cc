#include "millrace/operators/spill/spill_space.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>

#include "millrace/operators/errors.h"

namespace millrace::operators {

namespace {

Status Failure(const std::string& folder, int error) {
  if (error == ENOSPC || error == EDQUOT)
    return errors::kSpillDiskFull.Make({.file = folder}, "{}", std::strerror(error));
  return errors::kSpillIo.Make({.file = folder}, "{}", std::strerror(error));
}

class SpilledReader final : public arrow::RecordBatchReader {
 public:
  SpilledReader(std::shared_ptr<arrow::Schema> schema, std::vector<SpilledBatch> batches,
                std::shared_ptr<MemoryBudget> budget)
      : schema_(std::move(schema)),
        batches_(std::move(batches)),
        budget_(std::move(budget)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    if (next_ == batches_.size()) return Status::OK();
    const SpilledBatch& batch = batches_[next_++];
    return batch.file->Read(batch.place, budget_->pool()).Value(out);
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<SpilledBatch> batches_;
  const std::shared_ptr<MemoryBudget> budget_;
  size_t next_ = 0;
};

}  // namespace

SpillFile::~SpillFile() { ::close(descriptor_); }

Result<SpillFile::Place> SpillFile::Append(const arrow::RecordBatch& batch,
                                           arrow::MemoryPool* pool) {
  arrow::ipc::IpcWriteOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::ipc::SerializeRecordBatch(batch, options));
  Place place{end_, bytes->size(), batch.num_rows()};
  for (int64_t at = 0; at < place.bytes;) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes->data() + at, static_cast<size_t>(place.bytes - at),
                 place.offset + at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failure(folder_, errno);
    at += written;
  }
  end_ += place.bytes;
  return place;
}

Result<std::shared_ptr<arrow::RecordBatch>> SpillFile::Read(
    const Place& place, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                        arrow::AllocateBuffer(place.bytes, pool));
  for (int64_t at = 0; at < place.bytes;) {
    const ssize_t read =
        ::pread(descriptor_, bytes->mutable_data() + at,
                static_cast<size_t>(place.bytes - at), place.offset + at);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return Failure(folder_, errno);
    if (read == 0) return errors::kSpillIo.Make({.file = folder_}, "the file is short");
    at += read;
  }
  arrow::ipc::IpcReadOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  arrow::ipc::DictionaryMemo dictionaries;
  arrow::io::BufferReader reader(std::move(bytes));
  return arrow::ipc::ReadRecordBatch(schema_, &dictionaries, options, &reader);
}

Result<std::shared_ptr<SpillFile>> SpillSpace::Open(
    std::shared_ptr<arrow::Schema> schema) {
  std::string name = folder_ + "/millrace-spill-XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0)
    return errors::kSpillFolder.Make({.file = folder_}, "{}", std::strerror(errno));
  ::unlink(name.c_str());
  files_.fetch_add(1, std::memory_order_relaxed);
  return std::shared_ptr<SpillFile>(
      new SpillFile(descriptor, folder_, std::move(schema)));
}

std::shared_ptr<arrow::RecordBatchReader> ReadSpilled(
    std::shared_ptr<arrow::Schema> schema, std::vector<SpilledBatch> batches,
    std::shared_ptr<MemoryBudget> budget) {
  return std::make_shared<SpilledReader>(std::move(schema), std::move(batches),
                                         std::move(budget));
}

}  // namespace millrace::operators

#include "millrace/connectors/files/writer.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nlohmann/json.hpp>

#include "millrace/io/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

constexpr std::string_view kTemporaryPrefix = ".millrace-";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr int64_t kCopyBytes = 4 << 20;

// Unique within the process too: two pipelines may write to one folder.
std::string TemporaryName(WriterId writer) {
  static std::atomic<int64_t> next{0};
  return fmt::format("{}{}-{}-{}{}", kTemporaryPrefix, ::getpid(), writer.value,
                     next.fetch_add(1), kTemporarySuffix);
}

// One temporary file with its lock and its format writer.
struct OpenFile {
  std::string temporary;
  std::shared_ptr<void> lock;
  std::unique_ptr<io::WritableFile> file;
  std::unique_ptr<formats::FileWriter> writer;
  int64_t rows = 0;
};

class FileSinkWriter final : public connector::SinkWriter {
 public:
  FileSinkWriter(WriterOptions options, WriterId writer,
                 std::shared_ptr<arrow::Schema> schema,
                 const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        writer_(writer),
        schema_(std::move(schema)),
        files_(surroundings.files),
        memory_(surroundings.memory) {}

  ~FileSinkWriter() override {
    // Reached without Prepare only when the pipeline failed; a leftover that can't be
    // removed now is removed by the next run, so there is nobody to tell.
    if (open_) (void)files_->Remove(open_->temporary);
    for (const PreparedFile& file : finished_) (void)files_->Remove(file.temporary);
  }

  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    std::shared_ptr<arrow::RecordBatch> rows = batch.rows;
    while (rows->num_rows() > 0) {
      if (!open_) ARROW_RETURN_NOT_OK(Begin());
      int64_t take = rows->num_rows();
      if (options_.roll_rows > 0) take = std::min(take, options_.roll_rows - open_->rows);
      ARROW_RETURN_NOT_OK(
          open_->writer->Write(take == rows->num_rows() ? rows : rows->Slice(0, take)));
      open_->rows += take;
      rows_ += take;
      rows = rows->Slice(take);
      const bool full_rows = options_.roll_rows > 0 && open_->rows >= options_.roll_rows;
      const bool full_bytes = options_.roll_bytes > 0 &&
                              open_->file->position() + open_->writer->buffered_bytes() >=
                                  options_.roll_bytes;
      if (full_rows || full_bytes) ARROW_RETURN_NOT_OK(End());
    }
    return connector::WriteState::kAccepted;
  }

  // Only the writer of a single file is offered these: nothing rolls.
  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker&) override {
    if (!open_) ARROW_RETURN_NOT_OK(Begin());
    ARROW_RETURN_NOT_OK(open_->writer->Append(rows));
    open_->rows += rows.rows;
    rows_ += rows.rows;
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch) override {
    return Future<connector::CommitToken>::MakeFinished(PrepareNow());
  }

 private:
  Result<connector::CommitToken> PrepareNow() {
    if (!open_ && finished_.empty() && options_.always_a_file)
      ARROW_RETURN_NOT_OK(Begin());
    if (open_) ARROW_RETURN_NOT_OK(End());
    connector::CommitToken token;
    token.bytes = EncodePrepared(finished_);
    token.rows = rows_;
    token.size = bytes_;
    // The sink's from here on.
    for (size_t i = 0; i < finished_.size(); ++i) {
      options_.prepared->Add(finished_[i].temporary, std::move(locks_[i]));
    }
    finished_.clear();
    locks_.clear();
    return token;
  }

  Status Begin() {
    OpenFile next;
    next.temporary =
        io::JoinedPath(options_.destination.directory, TemporaryName(writer_));
    ARROW_ASSIGN_OR_RAISE(next.lock, files_->TryLock(next.temporary));
    if (!next.lock) {
      return errors::kFileUnwritable.Make({.file = next.temporary},
                                          "another process holds it");
    }
    auto file = files_->OpenWrite(next.temporary);
    if (!file.ok()) return file.status();
    next.file = std::move(*file);
    const bool appending =
        options_.append_to_file && files_->Exists(options_.destination.path);
    open_ = std::move(next);
    if (appending) ARROW_RETURN_NOT_OK(CopyExisting());
    ARROW_ASSIGN_OR_RAISE(
        open_->writer,
        options_.format->OpenWriter(*open_->file, options_.format_options, schema_,
                                    appending && open_->file->position() > 0,
                                    {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }

  // The old rows and the new ones become visible in one rename; appending in place could
  // be seen half done.
  Status CopyExisting() {
    ARROW_ASSIGN_OR_RAISE(auto existing, files_->OpenRead(options_.destination.path));
    ARROW_ASSIGN_OR_RAISE(int64_t size, existing->GetSize());
    for (int64_t at = 0; at < size; at += kCopyBytes) {
      ARROW_ASSIGN_OR_RAISE(auto piece,
                            existing->ReadAt(at, std::min(kCopyBytes, size - at)));
      ARROW_RETURN_NOT_OK(open_->file->Write(piece->data(), piece->size()));
      const bool last = at + piece->size() >= size;
      if (last && piece->size() > 0 && piece->data()[piece->size() - 1] != '\n') {
        ARROW_RETURN_NOT_OK(open_->file->Write("\n", 1));
      }
    }
    copied_ = size;
    return Status::OK();
  }

  Status End() {
    ARROW_RETURN_NOT_OK(open_->writer->Finish());
    ARROW_RETURN_NOT_OK(open_->file->Sync());
    bytes_ += open_->file->position() - copied_;
    copied_ = 0;
    ARROW_RETURN_NOT_OK(open_->file->Close());
    PreparedFile done;
    done.temporary = open_->temporary;
    if (!options_.destination.file.empty()) {
      done.name =
          io::JoinedPath(options_.destination.directory, options_.destination.file);
    }
    finished_.push_back(std::move(done));
    locks_.push_back(std::move(open_->lock));
    open_.reset();
    return Status::OK();
  }

  const WriterOptions options_;
  const WriterId writer_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<io::FileSystem> files_;
  const std::shared_ptr<MemoryBudget> memory_;
  std::optional<OpenFile> open_;
  std::vector<PreparedFile> finished_;
  std::vector<std::shared_ptr<void>> locks_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t copied_ = 0;
};

class StdoutFile final : public io::WritableFile {
 public:
  Status Write(const void* data, int64_t size) override {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t put = ::write(STDOUT_FILENO, bytes, static_cast<size_t>(size));
      if (put < 0) {
        if (errno == EINTR) continue;
        return errors::kFileIo.Make({.file = "stdout"}, "{}", std::strerror(errno));
      }
      bytes += put;
      size -= put;
      position_ += put;
    }
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return position_; }

 private:
  int64_t position_ = 0;
};

class StdoutWriter final : public connector::SinkWriter {
 public:
  StdoutWriter(WriterOptions options, std::shared_ptr<arrow::Schema> schema,
               const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        schema_(std::move(schema)),
        memory_(surroundings.memory) {}

  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += batch.num_rows();
    ARROW_RETURN_NOT_OK(writer_->Write(batch.rows));
    return connector::WriteState::kAccepted;
  }

  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker&) override {
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += rows.rows;
    ARROW_RETURN_NOT_OK(writer_->Append(rows));
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch) override {
    return Future<connector::CommitToken>::MakeFinished(PrepareNow());
  }

 private:
  Status Begin() {
    if (writer_) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(writer_, options_.format->OpenWriter(
                                       file_, options_.format_options, schema_, false,
                                       {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }
  Result<connector::CommitToken> PrepareNow() {
    ARROW_RETURN_NOT_OK(Begin());
    ARROW_RETURN_NOT_OK(writer_->Finish());
    connector::CommitToken token;
    token.bytes = EncodePrepared({});
    token.rows = rows_;
    token.size = file_.position();
    return token;
  }

  const WriterOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  StdoutFile file_;
  std::unique_ptr<formats::FileWriter> writer_;
  int64_t rows_ = 0;
};

}  // namespace

std::string EncodePrepared(const std::vector<PreparedFile>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const PreparedFile& file : files) {
    list.push_back({{"temporary", file.temporary}, {"name", file.name}});
  }
  return list.dump();
}

Result<std::vector<PreparedFile>> DecodePrepared(const std::string& token) {
  const auto list = nlohmann::json::parse(token, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return errors::kInternal.Make({}, "commit token can't be read");
  std::vector<PreparedFile> files;
  for (const auto& item : list) {
    if (!item.is_object() || !item.contains("temporary") || !item.contains("name")) {
      return errors::kInternal.Make({}, "commit token can't be read");
    }
    files.push_back(
        {item["temporary"].get<std::string>(), item["name"].get<std::string>()});
  }
  return files;
}

bool IsTemporaryName(const std::string& name) {
  return name.starts_with(kTemporaryPrefix) && name.ends_with(kTemporarySuffix);
}

std::unique_ptr<connector::SinkWriter> MakeFileSinkWriter(
    WriterOptions options, WriterId writer, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  return std::make_unique<FileSinkWriter>(std::move(options), writer, std::move(schema),
                                          surroundings);
}

std::unique_ptr<connector::SinkWriter> MakeStdoutWriter(
    WriterOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  return std::make_unique<StdoutWriter>(std::move(options), std::move(schema),
                                        surroundings);
}

}  // namespace millrace::files

#include "millrace/connectors/files/writer.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/existing.h"
#include "millrace/connectors/files/part_place.h"
#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

// One temporary file with its format writer.
struct OpenFile {
  Staged staged;
  std::unique_ptr<io::WritableFile> file;
  std::unique_ptr<formats::FileWriter> writer;
  int64_t rows = 0;
  int64_t end = 0;  // when it is to be ended, as Roll says
};

class FileSinkWriter final : public connector::SinkWriter {
 public:
  FileSinkWriter(WriterOptions options, WriterId writer,
                 std::shared_ptr<arrow::Schema> schema,
                 const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        writer_(writer),
        schema_(std::move(schema)),
        memory_(surroundings.memory),
        executor_(surroundings.executor),
        roll_(options_.roll, surroundings) {}

  ~FileSinkWriter() override {
    // Reached without Prepare only when the pipeline failed; a leftover that can't be
    // removed now is removed by the next run, so there is nobody to tell.
    if (open_) (void)files().Remove(open_->staged.temporary);
    for (const Staged& staged : finished_) (void)files().Remove(staged.temporary);
  }

  Result<connector::WriteState> Write(const data::Batch& batch,
                                      const Waker& waker) override {
    ARROW_RETURN_NOT_OK(EndDue());
    std::shared_ptr<arrow::RecordBatch> rows = batch.rows;
    while (rows->num_rows() > 0) {
      if (!open_) {
        ARROW_RETURN_NOT_OK(Begin());
        open_->end = roll_.Begin(waker);
      }
      const int64_t take = roll_.Take(rows->num_rows(), open_->rows);
      ARROW_RETURN_NOT_OK(
          open_->writer->Write(take == rows->num_rows() ? rows : rows->Slice(0, take)));
      open_->rows += take;
      rows_ += take;
      rows = rows->Slice(take);
      if (roll_.IsFull(open_->rows, *open_->file, *open_->writer)) {
        ARROW_RETURN_NOT_OK(End());
      }
    }
    return connector::WriteState::kAccepted;
  }

  Status Tend(const Waker&) override { return EndDue(); }

  // Only the writer of a single file is offered these: nothing rolls.
  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker&) override {
    if (!open_) ARROW_RETURN_NOT_OK(Begin());
    ARROW_RETURN_NOT_OK(open_->writer->Append(rows));
    open_->rows += rows.rows;
    rows_ += rows.rows;
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch, bool) override {
    auto token = MakeToken();
    if (!token.ok()) {
      return Future<connector::CommitToken>::MakeFinished(token.status());
    }
    return arrow::AllFinished(std::exchange(syncing_, {}))
        .Then([token = *std::move(token)]() -> Result<connector::CommitToken> {
          return token;
        });
  }

 private:
  Result<connector::CommitToken> MakeToken() {
    if (!open_ && finished_.empty() && options_.always_a_file)
      ARROW_RETURN_NOT_OK(Begin());
    if (open_) ARROW_RETURN_NOT_OK(End());
    CommitPlan plan;
    plan.deletes = options_.deletes;
    plan.replaces = options_.replaces;
    plan.unchanged = std::exchange(copied_from_, std::nullopt);
    for (const Staged& staged : finished_) {
      plan.renames.push_back({staged.temporary, staged.name});
    }
    connector::CommitToken token;
    token.bytes = plan.Encode();
    token.rows = std::exchange(rows_, 0);
    token.size = std::exchange(bytes_, 0);
    // The sink's from here on, which removes them where the pipeline fails: also those
    // that are being synced then.
    for (Staged& staged : finished_) options_.staging->Prepared(std::move(staged));
    finished_.clear();
    return token;
  }

  Status Begin() {
    OpenFile next;
    ARROW_ASSIGN_OR_RAISE(next.staged, options_.staging->Begin(writer_));
    auto file = files().OpenWrite(next.staged.temporary);
    if (!file.ok()) {
      (void)files().Remove(next.staged.temporary);
      return file.status();
    }
    next.file = std::move(*file);
    open_ = std::move(next);
    bool appending = false;
    if (files().Exists(open_->staged.name)) {
      ARROW_RETURN_NOT_OK(
          files().CopyPermissions(open_->staged.name, open_->staged.temporary));
      if (options_.append_to_file) ARROW_RETURN_NOT_OK(BeginWithExisting());
      appending = open_->file->position() > 0;
    }
    ARROW_ASSIGN_OR_RAISE(open_->writer,
                          options_.format->OpenWriter(
                              *open_->file, options_.format_options, schema_, appending,
                              {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }

  // The old rows and the new ones become visible in one rename; appending in place could
  // be seen half done.
  Status BeginWithExisting() {
    const std::string& path = open_->staged.name;
    ARROW_ASSIGN_OR_RAISE(
        const io::FileInfo info,
        CopyExisting(files(), path, *options_.format, options_.format_options, *schema_,
                     *open_->file, {memory_->pool(), data::BadRowPolicy::kFail}));
    copied_from_ = {path, info.size, info.modified_micros};
    copied_ = info.size;
    return Status::OK();
  }

  Status EndDue() {
    ARROW_RETURN_NOT_OK(CheckSynced());
    return open_ && roll_.IsDue(open_->end) ? End() : Status::OK();
  }

  // A disk that fails is told of at the next file, not at the end.
  Status CheckSynced() {
    while (!syncing_.empty() && syncing_.front().is_finished()) {
      ARROW_RETURN_NOT_OK(syncing_.front().status());
      syncing_.erase(syncing_.begin());
    }
    return Status::OK();
  }

  // The format is done with the file here, the disk later: it may take its time, or hang.
  Status End() {
    ARROW_RETURN_NOT_OK(roll_.Finish(*open_->file, *open_->writer));
    open_->writer.reset();
    bytes_ += open_->file->position() - std::exchange(copied_, 0);
    syncing_.push_back(RunLater<arrow::internal::Empty>(
        executor_,
        [file = std::shared_ptr<io::WritableFile>(std::move(open_->file))]() -> Status {
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.stage.sync"));
          ARROW_RETURN_NOT_OK(file->Sync());
          return file->Close();
        }));
    finished_.push_back(std::move(open_->staged));
    open_.reset();
    return Status::OK();
  }

  io::FileSystem& files() const { return options_.staging->files(); }

  const WriterOptions options_;
  const WriterId writer_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;
  Roll roll_;
  std::optional<OpenFile> open_;
  std::vector<Staged> finished_;
  std::vector<Future<>> syncing_;  // finished_, and those before them
  std::optional<CommitPlan::Unchanged> copied_from_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t copied_ = 0;  // bytes of the open file that stood in the old one
};

}  // namespace

std::unique_ptr<connector::SinkWriter> MakeFileSinkWriter(
    WriterOptions options, WriterId writer, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  return std::make_unique<FileSinkWriter>(std::move(options), writer, std::move(schema),
                                          surroundings);
}

}  // namespace millrace::files

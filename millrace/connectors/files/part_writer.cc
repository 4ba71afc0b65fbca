#include <unordered_map>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/piece_writer.h"

namespace millrace::files {

namespace {

constexpr int64_t kRowsPerSizeLook = 4096;

// A piece with its format writer.
struct OpenPart {
  PieceToken::Part part;
  std::string path;
  std::unique_ptr<io::WritableFile> file;
  std::unique_ptr<formats::FileWriter> writer;
  int64_t rows = 0;
  int64_t used = 0;  // when rows came last, by a counter
};

class PartWriter final : public connector::SinkWriter {
 public:
  PartWriter(PieceOptions options, WriterId writer,
             std::shared_ptr<const Partitions> partitions,
             const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        writer_(writer),
        partitions_(std::move(partitions)),
        memory_(surroundings.memory),
        executor_(surroundings.executor),
        epoch_(options_.next_epoch) {
    ++options_.pieces->writing;
  }

  ~PartWriter() override {
    // A leftover that can't be removed now is removed by Recover or the next run.
    for (const auto& [folder, part] : open_) (void)files().Remove(part.path);
    for (const PieceToken::Part& part : closed_) {
      (void)files().Remove(options_.pieces->PathOf(part.piece));
    }
  }

  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    // The next rows may come before anybody has looked at the future that failed.
    ARROW_RETURN_NOT_OK(failed_);
    if (batch.num_rows() == 0) return connector::WriteState::kAccepted;
    ARROW_ASSIGN_OR_RAISE(auto parts, partitions_->Split(batch.rows, memory_->pool()));
    for (Partitions::Part& part : parts) {
      ARROW_RETURN_NOT_OK(WritePart(part.folder, std::move(part.rows)));
    }
    rows_ += batch.num_rows();
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch epoch, bool last) override {
    if (failed_.ok()) failed_ = CloseAll(last);
    if (!failed_.ok()) {
      return Future<connector::CommitToken>::MakeFinished(failed_);
    }
    epoch_ = std::max(epoch_, epoch.value) + 1;
    connector::CommitToken token;
    PieceToken plan;
    plan.parts = std::exchange(closed_, {});
    // The end is the coordinator's business too: it forgets how the run began. Writers
    // end at different epochs, so only the last of them knows that it is the end.
    plan.last = last && --options_.pieces->writing == 0;
    if (plan.parts.empty() && !plan.last) {
      return Future<connector::CommitToken>::MakeFinished(std::move(token));
    }
    token.bytes = plan.Encode();
    token.rows = std::exchange(rows_, 0);
    token.size = std::exchange(bytes_, 0);
    auto prepared = Future<connector::CommitToken>::Make();
    arrow::AllFinished(std::exchange(syncs_, {}))
        .AddCallback([prepared, token, executor = executor_,
                      pieces = options_.pieces](const Status& synced) mutable {
          // The callback may run on a shard: the folder waits for the disk too.
          RunLater<connector::CommitToken>(
              executor,
              [=]() -> Result<connector::CommitToken> {
                ARROW_RETURN_NOT_OK(synced);
                ARROW_RETURN_NOT_OK(pieces->files().SyncDirectory(pieces->directory()));
                ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepared"));
                return token;
              })
              .AddCallback([prepared](const Result<connector::CommitToken>& result) {
                auto answer = prepared;
                answer.MarkFinished(result);
              });
        });
    return prepared;
  }

 private:
  Status WritePart(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows) {
    while (rows->num_rows() > 0) {
      ARROW_ASSIGN_OR_RAISE(OpenPart * part, PartOf(folder));
      part->used = ++clock_;
      int64_t take = rows->num_rows();
      if (options_.roll_rows > 0) take = std::min(take, options_.roll_rows - part->rows);
      // A file's size is looked at after so many rows.
      if (options_.roll_bytes > 0) take = std::min(take, kRowsPerSizeLook);
      ARROW_RETURN_NOT_OK(
          part->writer->Write(take == rows->num_rows() ? rows : rows->Slice(0, take)));
      part->rows += take;
      rows = rows->Slice(take);
      const bool full_rows = options_.roll_rows > 0 && part->rows >= options_.roll_rows;
      const bool full_bytes =
          options_.roll_bytes > 0 &&
          part->file->position() + part->writer->buffered_bytes() >= options_.roll_bytes;
      if (full_rows || full_bytes) ARROW_RETURN_NOT_OK(CloseOne(folder));
    }
    return Status::OK();
  }

  Result<OpenPart*> PartOf(const std::string& folder) {
    if (auto found = open_.find(folder); found != open_.end()) return &found->second;
    if (static_cast<int64_t>(open_.size()) >= options_.max_open_files) {
      auto oldest = open_.begin();
      for (auto at = open_.begin(); at != open_.end(); ++at) {
        if (at->second.used < oldest->second.used) oldest = at;
      }
      ARROW_RETURN_NOT_OK(CloseOne(std::string(oldest->first)));
    }
    OpenPart part;
    part.part = {options_.pieces->Name(writer_, epoch_, ordinal_++), folder};
    part.path = options_.pieces->PathOf(part.part.piece);
    options_.pieces->began = true;
    ARROW_ASSIGN_OR_RAISE(part.file, files().OpenWrite(part.path));
    auto& kept = open_[folder] = std::move(part);
    ARROW_ASSIGN_OR_RAISE(
        kept.writer,
        options_.format->OpenWriter(*kept.file, options_.format_options,
                                    partitions_->file_schema(), /*appending=*/false,
                                    {memory_->pool(), data::BadRowPolicy::kFail}));
    return &kept;
  }

  // The format is done with the file here, the disk later.
  Status CloseOne(const std::string& folder) {
    auto found = open_.find(folder);
    ARROW_RETURN_NOT_OK(found->second.writer->Finish());
    OpenPart part = std::move(found->second);
    open_.erase(found);
    part.writer.reset();
    bytes_ += part.file->position();
    closed_.push_back(std::move(part.part));
    syncs_.push_back(RunLater<arrow::internal::Empty>(
        executor_,
        [file = std::shared_ptr<io::WritableFile>(std::move(part.file))]() -> Status {
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.part.sync"));
          ARROW_RETURN_NOT_OK(file->Sync());
          ARROW_RETURN_NOT_OK(file->Close());
          return failpoint::Reach("files.part.synced");
        }));
    return Status::OK();
  }

  Status CloseAll(bool last) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepare"));
    if (last && options_.always_a_file && !options_.pieces->began) {
      ARROW_RETURN_NOT_OK(PartOf("").status());
    }
    while (!open_.empty()) {
      ARROW_RETURN_NOT_OK(CloseOne(std::string(open_.begin()->first)));
    }
    return Status::OK();
  }

  io::FileSystem& files() const { return options_.pieces->files(); }

  const PieceOptions options_;
  const WriterId writer_;
  const std::shared_ptr<const Partitions> partitions_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;
  std::unordered_map<std::string, OpenPart> open_;  // by folder
  std::vector<PieceToken::Part> closed_;            // of this epoch
  std::vector<Future<>> syncs_;                     // of closed_
  int64_t epoch_;                                   // that the next piece is named for
  int64_t ordinal_ = 0;
  int64_t clock_ = 0;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  Status failed_;  // of a Prepare
};

}  // namespace

std::unique_ptr<connector::SinkWriter> MakePartWriter(
    PieceOptions options, WriterId writer, std::shared_ptr<const Partitions> partitions,
    const connector::Surroundings& surroundings) {
  return std::make_unique<PartWriter>(std::move(options), writer, std::move(partitions),
                                      surroundings);
}

}  // namespace millrace::files

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/existing.h"
#include "millrace/connectors/files/piece_writer.h"

namespace millrace::files {

namespace {

constexpr WriterId kWriter{0};
constexpr int64_t kPieceOrdinal = 0;
constexpr int64_t kWholeOrdinal = 1;

// The rows since the last Prepare.
struct OpenPiece {
  std::string path;
  int64_t epoch = 0;
  std::unique_ptr<io::WritableFile> file;
  std::unique_ptr<formats::FileWriter> writer;
};

// All that putting a file together needs, apart from the writer, which may be gone by
// then.
struct Splice {
  PieceOptions options;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<MemoryBudget> memory;
  PieceToken plan;
  std::string own_piece;  // path of the last epoch's, which nobody will name; "" for none

  Result<PieceToken> Run() {
    Pieces& pieces = *options.pieces;
    io::FileSystem& files = pieces.files();
    const std::string path = pieces.PathOf(plan.whole);
    ARROW_ASSIGN_OR_RAISE(auto file, files.OpenWrite(path));
    const formats::Context context{memory->pool(), data::BadRowPolicy::kFail};
    bool appending = false;
    if (files.Exists(options.target)) {
      ARROW_RETURN_NOT_OK(files.CopyPermissions(options.target, path));
      if (options.append) {
        ARROW_ASSIGN_OR_RAISE(
            const io::FileInfo copied,
            CopyExisting(files, options.target, *options.format, options.format_options,
                         *schema, *file, context));
        plan.unchanged = {copied.size, copied.modified_micros};
        appending = file->position() > 0;
      }
    }
    ARROW_ASSIGN_OR_RAISE(
        auto appender, options.format->OpenAppender(*file, options.format_options, schema,
                                                    appending, context));
    std::vector<std::string> paths;
    for (const std::string& name : pieces.NamesOf(plan.runs)) {
      paths.push_back(pieces.PathOf(name));
    }
    if (!own_piece.empty()) paths.push_back(own_piece);
    for (const std::string& piece : paths) {
      ARROW_ASSIGN_OR_RAISE(auto from, files.OpenRead(piece));
      ARROW_RETURN_NOT_OK(appender->AppendFile(from));
    }
    ARROW_RETURN_NOT_OK(appender->Finish());
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.splice.sync"));
    ARROW_RETURN_NOT_OK(file->Sync());
    ARROW_RETURN_NOT_OK(file->Close());
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.splice.synced"));
    if (!own_piece.empty()) ARROW_RETURN_NOT_OK(files.Remove(own_piece));
    return plan;
  }
};

class SplicedWriter final : public connector::SinkWriter {
 public:
  SplicedWriter(PieceOptions options, std::shared_ptr<arrow::Schema> schema,
                const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        schema_(std::move(schema)),
        memory_(surroundings.memory),
        executor_(surroundings.executor),
        runs_(options_.runs),
        epoch_(options_.next_epoch) {}

  ~SplicedWriter() override {
    // A leftover that can't be removed now is removed by Recover.
    if (open_) (void)files().Remove(open_->path);
  }

  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    if (batch.num_rows() == 0) return connector::WriteState::kAccepted;
    ARROW_RETURN_NOT_OK(Begin());
    ARROW_RETURN_NOT_OK(open_->writer->Write(batch.rows));
    rows_ += batch.num_rows();
    return connector::WriteState::kAccepted;
  }

  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker&) override {
    ARROW_RETURN_NOT_OK(Begin());
    ARROW_RETURN_NOT_OK(open_->writer->Append(rows));
    rows_ += rows.rows;
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch epoch, bool last) override {
    if (!failed_.ok()) return Future<connector::CommitToken>::MakeFinished(failed_);
    auto prepared = last ? PrepareWhole() : PreparePiece();
    if (!prepared.ok()) {
      failed_ = prepared.status();
      return Future<connector::CommitToken>::MakeFinished(failed_);
    }
    epoch_ = std::max(epoch_, epoch.value) + 1;
    return *std::move(prepared);
  }

 private:
  Status Begin() {
    // The next rows may come before anybody has looked at the future that failed.
    ARROW_RETURN_NOT_OK(failed_);
    if (open_) return Status::OK();
    OpenPiece next;
    next.epoch = epoch_;
    next.path =
        options_.pieces->PathOf(options_.pieces->Name(kWriter, epoch_, kPieceOrdinal));
    ARROW_ASSIGN_OR_RAISE(next.file, files().OpenWrite(next.path));
    open_ = std::move(next);
    ARROW_ASSIGN_OR_RAISE(
        open_->writer,
        options_.format->OpenWriter(*open_->file, options_.format_options, schema_,
                                    /*appending=*/true,
                                    {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }

  connector::CommitToken Counted(int64_t bytes) {
    connector::CommitToken token;
    token.rows = std::exchange(rows_, 0);
    token.size = bytes;
    return token;
  }

  Result<Future<connector::CommitToken>> PreparePiece() {
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepare"));
    std::shared_ptr<io::WritableFile> file;
    if (open_) {
      ARROW_RETURN_NOT_OK(open_->writer->Finish());
      AddToRuns(&runs_, options_.pieces->attempt(), open_->epoch);
      open_->writer.reset();
      file = std::move(open_->file);
      open_.reset();
    }
    connector::CommitToken token = Counted(file ? file->position() : 0);
    // Every token tells all pieces: a recovery knows no others.
    if (!runs_.empty()) token.bytes = PieceToken{.runs = runs_}.Encode();
    if (!file) return Future<connector::CommitToken>::MakeFinished(std::move(token));
    return RunLater<connector::CommitToken>(
        executor_,
        [token, file, pieces = options_.pieces]() -> Result<connector::CommitToken> {
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.piece.sync"));
          ARROW_RETURN_NOT_OK(file->Sync());
          ARROW_RETURN_NOT_OK(file->Close());
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.piece.synced"));
          ARROW_RETURN_NOT_OK(pieces->files().SyncDirectory(pieces->directory()));
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepared"));
          return token;
        });
  }

  Result<Future<connector::CommitToken>> PrepareWhole() {
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepare"));
    // The rows came to their end before the pipeline did, which has been started again:
    // the file is there, and a second one without rows must not take its place.
    if (options_.ended && !open_ && runs_.empty()) {
      return Future<connector::CommitToken>::MakeFinished(connector::CommitToken());
    }
    auto splice = std::make_shared<Splice>();
    splice->options = options_;
    splice->schema = schema_;
    splice->memory = memory_;
    splice->plan.runs = runs_;
    splice->plan.whole = options_.pieces->Name(kWriter, epoch_, kWholeOrdinal);
    splice->plan.last = true;
    int64_t bytes = 0;
    if (open_) {
      ARROW_RETURN_NOT_OK(open_->writer->Finish());
      bytes = open_->file->position();
      ARROW_RETURN_NOT_OK(open_->file->Close());
      splice->own_piece = open_->path;
      open_.reset();
    }
    return RunLater<connector::CommitToken>(
        executor_,
        [token = Counted(bytes), splice]() mutable -> Result<connector::CommitToken> {
          ARROW_ASSIGN_OR_RAISE(const PieceToken plan, splice->Run());
          const Pieces& pieces = *splice->options.pieces;
          ARROW_RETURN_NOT_OK(pieces.files().SyncDirectory(pieces.directory()));
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepared"));
          token.bytes = plan.Encode();
          return token;
        });
  }

  io::FileSystem& files() const { return options_.pieces->files(); }

  const PieceOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;
  std::vector<PieceToken::Run> runs_;  // pieces prepared so far
  std::optional<OpenPiece> open_;
  int64_t epoch_;  // that the next piece is named for
  int64_t rows_ = 0;
  Status failed_;  // of a Prepare
};

}  // namespace

std::unique_ptr<connector::SinkWriter> MakeSplicedWriter(
    PieceOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  return std::make_unique<SplicedWriter>(std::move(options), std::move(schema),
                                         surroundings);
}

}  // namespace millrace::files

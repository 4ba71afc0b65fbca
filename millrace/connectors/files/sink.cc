#include "millrace/connectors/files/sink.h"

#include <algorithm>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/durable.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/existing.h"
#include "millrace/connectors/files/part_writer.h"
#include "millrace/connectors/files/piece_writer.h"
#include "millrace/connectors/files/row_order.h"
#include "millrace/connectors/files/writer.h"
#include "millrace/io/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

using Kind = Destination::Kind;

FilesSink::FilesSink(Parsed options, Destination destination,
                     connector::Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      mode_(options_.own.GetString("mode")),
      staging_(std::make_shared<Staging>(surroundings_.files, std::move(destination))) {}

Result<std::unique_ptr<connector::Sink>> FilesSink::Make(
    Parsed options, connector::Surroundings surroundings) {
  ARROW_ASSIGN_OR_RAISE(Destination destination,
                        ResolveDestination(*surroundings.files, options));
  ARROW_RETURN_NOT_OK(CheckRowOrder(options, destination.kind == Kind::kFolder,
                                    surroundings.checkpointed));
  return std::unique_ptr<connector::Sink>(
      new FilesSink(std::move(options), std::move(destination), std::move(surroundings)));
}

FilesSink::~FilesSink() {
  // Removed while it is held: nobody can come to hold a lock on a file without a name.
  if (append_lock_) (void)files().Remove(append_lock_path_);
  pieces_commit_.reset();
  pieces_.reset();
  // A folder that we made and never filled; refused by the system when somebody else put
  // something there.
  if (made_directory_ && !committed_) {
    (void)files().RemoveDirectory(destination().directory);
  }
}

connector::CommitClass FilesSink::commit_class() const {
  return is(Kind::kStream) ? connector::CommitClass::kNone
                           : connector::CommitClass::kTwoPhase;
}

int FilesSink::max_writers() const {
  // One file keeps the order of rows; a folder of files has none to keep.
  return is(Kind::kFolder) ? 1024 : 1;
}

Status FilesSink::CheckDestination() {
  if (is(Kind::kStream)) return Status::OK();
  ARROW_RETURN_NOT_OK(files().CheckWritable(destination().directory));
  if (is(Kind::kFile)) {
    const std::string path = destination().target();
    if (!files().Exists(path)) return Status::OK();
    if (mode_ == "error") return errors::kDestinationExists.Make({.file = path}, "");
    if (mode_ == "append" && !options_.format->appends(options_.format_options)) {
      return errors::kCannotAppend.Make({.file = path}, "format is '{}'",
                                        options_.format->name());
    }
    return Status::OK();
  }
  if (mode_ == "append") return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const Contents contents, staging_->Look(partitioned()));
  const auto& [parts, others] = contents;
  if (mode_ == "error" && !(parts.empty() && others.empty())) {
    const std::string& one = parts.empty() ? others.front() : parts.front();
    return errors::kDestinationExists.Make({.file = destination().path},
                                           "the folder holds {}", io::NameOf(one));
  }
  if (mode_ == "overwrite" && !others.empty()) {
    return errors::kForeignFiles.Make({.file = destination().path}, "{}",
                                      io::NameOf(others.front()));
  }
  return Status::OK();
}

Status FilesSink::Preflight(connector::Report& report) {
  if (is(Kind::kStream)) return Status::OK();
  const std::string subject = "sink " + destination().path;
  // What stands there may be of an earlier run of this pipeline.
  const Status status =
      later_run() ? files().CheckWritable(destination().directory) : CheckDestination();
  if (!status.ok()) {
    report.Error(subject, status);
  } else {
    report.Note(subject, is(Kind::kFolder) ? "a folder of files" : "one file");
  }
  return Status::OK();
}

Status FilesSink::EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                              const std::vector<std::string>&) {
  ARROW_ASSIGN_OR_RAISE(schema_, WithRowOrder(schema, options_));
  if (is(Kind::kStream)) return Status::OK();
  if (!later_run()) ARROW_RETURN_NOT_OK(CheckDestination());
  if (is(Kind::kFolder)) {
    ARROW_ASSIGN_OR_RAISE(
        Partitions partitions,
        Partitions::Make(options_.own.GetString("partition_by"), schema_));
    partitions_ = std::make_shared<const Partitions>(std::move(partitions));
  }
  const std::string& directory = destination().directory;
  if (!directory.empty() && !files().Exists(directory)) {
    ARROW_RETURN_NOT_OK(surroundings_.checkpointed
                            ? MakeFolders(files(), directory)
                            : files().CreateDirectories(directory));
    made_directory_ = true;
  }
  ARROW_RETURN_NOT_OK(staging_->RemoveOrphans(partitioned()).status());
  if (is(Kind::kFile) && mode_ == "append") {
    append_lock_path_ =
        io::JoinedPath(directory, ".millrace-" + destination().file + "-append.tmp");
    ARROW_ASSIGN_OR_RAISE(append_lock_, files().TryLock(append_lock_path_));
    if (!append_lock_) {
      return errors::kAppendUnderWay.Make({.file = destination().target()}, "");
    }
  }
  if (makes_pieces()) return EnsurePieces();
  if (is(Kind::kFolder) && mode_ == "overwrite") {
    ARROW_ASSIGN_OR_RAISE(Contents contents, staging_->Look());
    replaced_ = std::move(contents.parts);
  }
  return Status::OK();
}

Status FilesSink::EnsurePieces() {
  if (surroundings_.checkpointed) {
    pieces_ =
        Pieces::OfPipeline(surroundings_.files, destination(), surroundings_.pipeline,
                           surroundings_.attempt, surroundings_.executor);
  } else {
    ARROW_ASSIGN_OR_RAISE(pieces_, Pieces::OfProcess(surroundings_.files, destination(),
                                                     surroundings_.executor));
  }
  // The old rows are copied at the end, which is late to learn that ours do not fit.
  if (is(Kind::kFile) && mode_ == "append") {
    ARROW_RETURN_NOT_OK(CheckExisting(files(), destination().target(), *options_.format,
                                      options_.format_options, *schema_,
                                      {surroundings_.memory->pool()}));
  }
  pieces_commit_ = std::make_unique<PieceCommit>(pieces_, staging_, mode_, partitioned(),
                                                 surroundings_.checkpointed);
  if (!later_run()) {
    begun_ = true;
    return pieces_commit_->BeginFirst();
  }
  ARROW_ASSIGN_OR_RAISE(begun_, pieces_commit_->Resume());
  return Status::OK();
}

// A run before this one ended before it had written down how it began, or after it had
// finished. `last`: what the checkpoints know.
Status FilesSink::DecideBeginning(Epoch last) {
  if (std::exchange(begun_, true)) return Status::OK();
  if (last.value > 0) {
    pieces_commit_->BeginLater();
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(CheckDestination());
  return pieces_commit_->BeginFirst();
}

Status FilesSink::Apply(const connector::SchemaChange&) {
  return Status::NotImplemented("files keep the schema that they began with");
}

Result<std::unique_ptr<connector::SinkWriter>> FilesSink::Open(WriterId writer) {
  if (makes_pieces()) return OpenPieces(writer);
  WriterOptions options;
  options.format = options_.format;
  options.format_options = options_.format_options;
  options.staging = staging_;
  if (is(Kind::kStream)) {
    return MakeStreamWriter(std::move(options), destination().path, schema_,
                            surroundings_);
  }
  options.roll = RollOptionsOf(options_.own);
  options.append_to_file = is(Kind::kFile) && mode_ == "append";
  options.replaces = mode_ != "error";
  // One writer stands for the sink as a whole.
  if (writer.value == 0) {
    options.always_a_file = true;
    options.deletes = replaced_;
  }
  return MakeFileSinkWriter(std::move(options), writer, schema_, surroundings_);
}

Result<std::unique_ptr<connector::SinkWriter>> FilesSink::OpenPieces(WriterId writer) {
  ARROW_RETURN_NOT_OK(DecideBeginning(Epoch{0}));
  if (is(Kind::kFolder)) {
    PartOptions options = PartOptionsOf(options_, partitions_, writer);
    options.place = pieces_;
    options.next_epoch = next_epoch_;
    return MakePartWriter(std::move(options), writer, surroundings_);
  }
  PieceOptions options;
  options.format = options_.format;
  options.format_options = options_.format_options;
  options.pieces = pieces_;
  options.next_epoch = next_epoch_;
  options.target = destination().target();
  options.append = mode_ == "append";
  options.runs = runs_;
  options.ended = pieces_commit_->ended();
  return MakeSplicedWriter(std::move(options), schema_, surroundings_);
}

Result<std::unique_ptr<data::RowEncoder>> FilesSink::NewEncoder() {
  // An encoder holds rows back until there are many.
  if (is(Kind::kStream) && surroundings_.endless) return nullptr;
  if (max_writers() > 1 || !options_.format->encodes_splits(options_.format_options)) {
    return nullptr;
  }
  return options_.format->MakeEncoder(
      options_.format_options, schema_,
      {surroundings_.memory->pool(), data::BadRowPolicy::kFail});
}

std::string FilesSink::strays() const {
  return pieces_ && surroundings_.checkpointed ? pieces_->Whereabouts() : "";
}

std::string FilesSink::example() const {
  if (is(Kind::kStream)) return "";
  if (is(Kind::kFile)) return destination().target();
  return io::JoinedPath(
      destination().directory,
      (partitioned() ? "key=value/part-1" : "part-1") + destination().extension);
}

Future<> FilesSink::Commit(Epoch epoch, std::vector<connector::CommitToken> tokens) {
  // Renaming and syncing wait for the disk. Whoever waits for the future keeps the sink.
  return RunLater<arrow::internal::Empty>(
      surroundings_.executor, [this, epoch, tokens = std::move(tokens)] {
        return CommitEpoch(epoch, tokens, /*recovering=*/false);
      });
}

Status FilesSink::CommitEpoch(Epoch epoch,
                              const std::vector<connector::CommitToken>& tokens,
                              bool recovering) {
  if (is(Kind::kStream)) return Status::OK();
  if (!makes_pieces()) return CommitNow(tokens);
  ARROW_RETURN_NOT_OK(pieces_commit_->Commit(epoch, tokens, recovering));
  // An abort commits nothing.
  committed_ |= !tokens.empty();
  return Status::OK();
}

Status FilesSink::CommitNow(const std::vector<connector::CommitToken>& tokens) {
  std::vector<CommitPlan::Rename> renames;
  std::vector<std::string> deletes;
  bool published = false;
  for (const connector::CommitToken& token : tokens) {
    ARROW_ASSIGN_OR_RAISE(const CommitPlan plan, CommitPlan::Decode(token.bytes));
    for (const CommitPlan::Rename& rename : plan.renames) {
      published = true;
      // Renamed by an earlier call, which may have failed before that was safe.
      if (!files().Exists(rename.temporary)) continue;
      if (!plan.replaces && files().Exists(rename.name)) {
        return errors::kDestinationExists.Make({.file = rename.name},
                                               "somebody else made it meanwhile");
      }
      renames.push_back(rename);
    }
    if (plan.unchanged && !renames.empty()) {
      ARROW_ASSIGN_OR_RAISE(const io::FileInfo now, files().Stat(plan.unchanged->path));
      if (now.size != plan.unchanged->size ||
          now.modified_micros != plan.unchanged->modified_micros) {
        return errors::kDestinationChanged.Make({.file = plan.unchanged->path}, "");
      }
    }
    deletes.insert(deletes.end(), plan.deletes.begin(), plan.deletes.end());
  }

  // A folder gets all of its new files or none: what was renamed before a failure goes
  // back, and so does a file that took nobody's place.
  const bool goes_back = is(Kind::kFolder) || mode_ == "error";
  auto undo = [&](size_t renamed, Status status) {
    for (size_t i = 0; i < renamed && goes_back; ++i) {
      (void)files().Rename(renames[i].name, renames[i].temporary);
    }
    return status;
  };
  for (size_t i = 0; i < renames.size(); ++i) {
    Status status = failpoint::Reach("files.stage.rename");
    if (status.ok()) status = files().Rename(renames[i].temporary, renames[i].name);
    if (!status.ok()) return undo(i, std::move(status));
  }
  if (published) {
    Status synced = failpoint::Reach("files.stage.renamed");
    if (synced.ok()) synced = files().SyncDirectory(destination().directory);
    if (synced.ok()) synced = failpoint::Reach("files.stage.synced");
    if (!synced.ok()) return undo(renames.size(), std::move(synced));
    staging_->Published();
  }
  // The new files are safe before the old ones go: a crash between leaves both, never
  // neither, and the next call goes on here.
  bool deleted = false;
  for (const std::string& path : deletes) {
    if (!files().Exists(path)) continue;
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.stage.replace"));
    ARROW_RETURN_NOT_OK(files().Remove(path));
    deleted = true;
  }
  if (deleted) ARROW_RETURN_NOT_OK(files().SyncDirectory(destination().directory));
  // An abort commits nothing.
  committed_ |= published;
  return Status::OK();
}

Result<connector::RecoveryOutcome> FilesSink::Recover(
    Epoch last, std::vector<connector::CommitToken> tokens) {
  connector::RecoveryOutcome outcome;
  if (is(Kind::kStream)) return outcome;
  if (makes_pieces()) ARROW_RETURN_NOT_OK(DecideBeginning(last));
  ARROW_RETURN_NOT_OK(CommitEpoch(last, tokens, /*recovering=*/true));
  outcome.committed = static_cast<int64_t>(tokens.size());
  if (makes_pieces()) {
    // A single file's pieces go on to wait for its end.
    runs_.clear();
    for (const connector::CommitToken& token : tokens) {
      if (token.empty()) continue;
      ARROW_ASSIGN_OR_RAISE(PieceToken plan, PieceToken::Decode(token.bytes));
      if (!plan.last) runs_ = std::move(plan.runs);
    }
    next_epoch_ = last.value + 1;
    ARROW_ASSIGN_OR_RAISE(outcome.aborted, pieces_commit_->Abort(runs_));
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t aborted, staging_->Abort());
  ARROW_ASSIGN_OR_RAISE(const int64_t orphans, staging_->RemoveOrphans(partitioned()));
  outcome.aborted += aborted + orphans;
  return outcome;
}

}  // namespace millrace::files

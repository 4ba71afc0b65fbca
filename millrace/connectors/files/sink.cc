#include "millrace/connectors/files/sink.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/writer.h"
#include "millrace/io/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

constexpr std::string_view kPartPrefix = "part-";

// The number in "part-<number>.<extension>", or −1.
int64_t PartNumber(const std::string& name) {
  if (!name.starts_with(kPartPrefix)) return -1;
  int64_t number = -1;
  const char* begin = name.data() + kPartPrefix.size();
  auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
  return error == std::errc() && *end == '.' ? number : -1;
}

}  // namespace

FilesSink::FilesSink(Parsed options, Destination destination,
                     connector::Surroundings surroundings)
    : options_(std::move(options)),
      destination_(std::move(destination)),
      surroundings_(std::move(surroundings)),
      mode_(options_.own.GetString("mode")),
      prepared_(std::make_shared<PreparedFiles>()) {}

Result<std::unique_ptr<connector::Sink>> FilesSink::Make(
    Parsed options, connector::Surroundings surroundings) {
  Destination destination;
  destination.path = options.path;
  destination.extension = "." + options.format->extensions().front();
  if (options.path != "-") {
    auto info = surroundings.files->Stat(options.path);
    const bool rolls =
        options.own.GetInt("roll_rows") > 0 || options.own.GetInt("roll_size") > 0;
    const bool folder =
        options.path.ends_with('/') || rolls || (info.ok() && info->directory);
    if (folder) {
      destination.directory = options.path;
      while (destination.directory.size() > 1 && destination.directory.ends_with('/')) {
        destination.directory.pop_back();
      }
    } else {
      destination.directory = io::DirectoryOf(options.path);
      destination.file = io::NameOf(options.path);
    }
  }
  return std::unique_ptr<connector::Sink>(
      new FilesSink(std::move(options), std::move(destination), std::move(surroundings)));
}

FilesSink::~FilesSink() {
  // A folder that we made and never filled; refused by the system when somebody else put
  // something there.
  if (made_directory_ && !committed_) {
    (void)surroundings_.files->RemoveDirectory(destination_.directory);
  }
}

connector::CommitClass FilesSink::commit_class() const {
  return destination_.path == "-" ? connector::CommitClass::kNone
                                  : connector::CommitClass::kTwoPhase;
}

int FilesSink::max_writers() const {
  // One file keeps the order of rows; a folder of files has none to keep.
  return destination_.file.empty() && destination_.path != "-" ? 1024 : 1;
}

Status FilesSink::CheckDestination() {
  io::FileSystem& files = *surroundings_.files;
  if (!destination_.file.empty()) {
    if (!files.Exists(destination_.path)) return Status::OK();
    if (mode_ == "error")
      return errors::kDestinationExists.Make({.file = destination_.path}, "");
    if (mode_ == "append" && !options_.format->can_append()) {
      return errors::kCannotAppend.Make({.file = destination_.path}, "format is '{}'",
                                        options_.format->name());
    }
    return Status::OK();
  }
  if (mode_ != "error") return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto existing, FilesToReplace());
  if (!existing.empty()) {
    return errors::kDestinationExists.Make(
        {.file = destination_.path}, "the folder holds {}", io::NameOf(existing.front()));
  }
  return Status::OK();
}

Status FilesSink::Preflight(connector::Report& report) {
  if (destination_.path == "-") return Status::OK();
  const Status status = CheckDestination();
  if (!status.ok()) {
    report.Error("sink " + destination_.path, status);
  } else {
    report.Note("sink " + destination_.path,
                destination_.file.empty() ? "a folder of files" : "one file");
  }
  return Status::OK();
}

Status FilesSink::EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                              const std::vector<std::string>&) {
  schema_ = schema;
  if (destination_.path == "-") return Status::OK();
  ARROW_RETURN_NOT_OK(CheckDestination());
  if (!destination_.directory.empty() &&
      !surroundings_.files->Exists(destination_.directory)) {
    ARROW_RETURN_NOT_OK(surroundings_.files->CreateDirectories(destination_.directory));
    made_directory_ = true;
  }
  int64_t removed = 0;
  return RemoveOrphans(&removed);
}

Status FilesSink::Apply(const connector::SchemaChange&) {
  return Status::NotImplemented("files keep the schema that they began with");
}

Result<std::unique_ptr<connector::SinkWriter>> FilesSink::Open(WriterId writer) {
  WriterOptions options;
  options.format = options_.format;
  options.format_options = options_.format_options;
  options.destination = destination_;
  options.roll_rows = options_.own.GetInt("roll_rows");
  options.roll_bytes = options_.own.GetInt("roll_size");
  options.append_to_file = mode_ == "append" && !destination_.file.empty();
  options.always_a_file = writer.value == 0;
  options.prepared = prepared_;
  if (destination_.path == "-")
    return MakeStdoutWriter(std::move(options), schema_, surroundings_);
  return MakeFileSinkWriter(std::move(options), writer, schema_, surroundings_);
}

Result<std::unique_ptr<data::RowEncoder>> FilesSink::NewEncoder() {
  if (max_writers() > 1 || !options_.format->encodes_splits(options_.format_options)) {
    return nullptr;
  }
  return options_.format->MakeEncoder(
      options_.format_options, schema_,
      {surroundings_.memory->pool(), data::BadRowPolicy::kFail});
}

Result<std::vector<std::string>> FilesSink::FilesToReplace() {
  std::vector<std::string> out;
  if (!surroundings_.files->Exists(destination_.directory)) return out;
  ARROW_ASSIGN_OR_RAISE(auto entries, surroundings_.files->List(destination_.directory));
  for (const io::FileInfo& entry : entries) {
    const std::string name = io::NameOf(entry.path);
    if (!entry.directory && name.ends_with(destination_.extension) &&
        !name.starts_with('.')) {
      out.push_back(entry.path);
    }
  }
  return out;
}

Status FilesSink::AbortPrepared(int64_t* removed) {
  for (const auto& [temporary, lock] : prepared_->Take()) {
    ARROW_RETURN_NOT_OK(surroundings_.files->Remove(temporary));
    ++*removed;
  }
  return Status::OK();
}

Status FilesSink::RemoveOrphans(int64_t* removed) {
  io::FileSystem& files = *surroundings_.files;
  ARROW_ASSIGN_OR_RAISE(auto entries, files.List(destination_.directory));
  for (const io::FileInfo& entry : entries) {
    if (entry.directory || !IsTemporaryName(io::NameOf(entry.path))) continue;
    // Whoever still writes it holds the lock.
    auto lock = files.TryLock(entry.path);
    if (!lock.ok() || *lock == nullptr) continue;
    ARROW_RETURN_NOT_OK(files.Remove(entry.path));
    ++*removed;
  }
  return Status::OK();
}

Future<> FilesSink::Commit(Epoch, std::vector<connector::CommitToken> tokens) {
  return Future<>::MakeFinished(CommitNow(tokens));
}

Status FilesSink::CommitNow(const std::vector<connector::CommitToken>& tokens) {
  io::FileSystem& files = *surroundings_.files;
  std::vector<PreparedFile> prepared;
  for (const connector::CommitToken& token : tokens) {
    ARROW_ASSIGN_OR_RAISE(auto of_writer, DecodePrepared(token.bytes));
    prepared.insert(prepared.end(), of_writer.begin(), of_writer.end());
  }
  if (destination_.path == "-" || prepared.empty()) return Status::OK();

  std::vector<std::string> old;
  int64_t number = 0;
  if (destination_.file.empty()) {
    ARROW_ASSIGN_OR_RAISE(old, FilesToReplace());
    for (const std::string& path : old)
      number = std::max(number, PartNumber(io::NameOf(path)) + 1);
    if (mode_ != "overwrite") old.clear();
  } else if (mode_ == "error" && files.Exists(destination_.path) &&
             files.Exists(prepared.front().temporary)) {
    return errors::kDestinationExists.Make({.file = destination_.path},
                                           "somebody else made it meanwhile");
  }
  std::vector<PreparedFile> renamed;
  // A folder gets all of its new files or none: what was renamed before a failure goes
  // back.
  auto undo = [&](Status status) {
    for (const PreparedFile& file : renamed) {
      if (destination_.file.empty()) (void)files.Rename(file.name, file.temporary);
    }
    return status;
  };
  for (PreparedFile& file : prepared) {
    // Already renamed by an earlier call.
    if (!files.Exists(file.temporary)) continue;
    if (file.name.empty()) {
      file.name = io::JoinedPath(
          destination_.directory,
          fmt::format("{}{:05}{}", kPartPrefix, number++, destination_.extension));
    }
    Status status = files.Rename(file.temporary, file.name);
    if (!status.ok()) return undo(std::move(status));
    renamed.push_back(file);
  }
  // A repeated call: the files in the folder are the ones that it published.
  if (renamed.empty()) return Status::OK();
  Status synced = files.SyncDirectory(destination_.directory);
  if (!synced.ok()) return undo(std::move(synced));
  (void)prepared_->Take();  // published: the locks may go
  // The new files are safe before the old ones go: a crash between leaves both, never
  // neither.
  for (const std::string& path : old) ARROW_RETURN_NOT_OK(files.Remove(path));
  if (!old.empty()) ARROW_RETURN_NOT_OK(files.SyncDirectory(destination_.directory));
  committed_ = true;
  return Status::OK();
}

Result<connector::RecoveryOutcome> FilesSink::Recover(
    Epoch last, std::vector<connector::CommitToken> tokens) {
  connector::RecoveryOutcome outcome;
  if (destination_.path == "-") return outcome;
  ARROW_RETURN_NOT_OK(CommitNow(tokens));
  ARROW_RETURN_NOT_OK(AbortPrepared(&outcome.aborted));
  outcome.committed = static_cast<int64_t>(tokens.size());
  ARROW_RETURN_NOT_OK(RemoveOrphans(&outcome.aborted));
  return outcome;
}

}  // namespace millrace::files

#include "millrace/connectors/files/pieces.h"

#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>
#include <xxhash.h>
#include <nlohmann/json.hpp>

#include "millrace/base/error.h"
#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/durable.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

constexpr std::string_view kPrefix = ".millrace-";
constexpr std::string_view kSuffix = ".piece";
constexpr char kProcessMark = '@';
// Owners of processes and of pipelines can't be confused: names of the latter are
// escaped.
constexpr char kTargetMark = '~';
// Of a name's 255 bytes, so that everything else has room.
constexpr size_t kMostBytes = 72;

std::string LockNameOf(std::string_view owner) {
  return fmt::format("{}{}.tmp", kPrefix, owner);
}

std::string BegunNameOf(std::string_view owner) {
  return fmt::format("{}{}.begun", kPrefix, owner);
}

Result<int64_t> RemovePieces(io::FileSystem& files, const std::string& folder,
                             std::string_view owner, const std::set<std::string>& but) {
  const std::string own = fmt::format("{}{}.w", kPrefix, owner);
  int64_t removed = 0;
  ARROW_ASSIGN_OR_RAISE(auto entries, files.List(folder));
  for (const io::FileInfo& entry : entries) {
    const std::string name = io::NameOf(entry.path);
    if (!name.starts_with(own) || !name.ends_with(kSuffix) || but.contains(name))
      continue;
    ARROW_RETURN_NOT_OK(files.Remove(entry.path));
    ++removed;
  }
  return removed;
}

class PendingPiece final : public PendingPart {
 public:
  PendingPiece(io::FileSystem& files, Executor* executor, PieceToken::Part part,
               std::string path, std::unique_ptr<io::WritableFile> file)
      : files_(files),
        executor_(executor),
        part_(std::move(part)),
        path_(std::move(path)),
        file_(std::move(file)) {}

  const PieceToken::Part& part() const { return part_; }
  io::WritableFile& file() override { return *file_; }

  // The format is done with the file here, the disk later.
  Future<> Finish() override {
    return RunLater<arrow::internal::Empty>(
        executor_,
        [file = std::shared_ptr<io::WritableFile>(std::move(file_))]() -> Status {
          ARROW_RETURN_NOT_OK(failpoint::Reach("files.part.sync"));
          ARROW_RETURN_NOT_OK(file->Sync());
          ARROW_RETURN_NOT_OK(file->Close());
          return failpoint::Reach("files.part.synced");
        });
  }

  // A leftover that can't be removed now is removed by Recover or the next run.
  void Discard() override { (void)files_.Remove(path_); }

 private:
  io::FileSystem& files_;
  Executor* const executor_;
  const PieceToken::Part part_;
  const std::string path_;
  std::unique_ptr<io::WritableFile> file_;
};

}  // namespace

std::string EscapedName(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (out.size() <= kMostBytes) return out;
  return fmt::format("{}%%{:016x}", out.substr(0, kMostBytes - 18),
                     XXH3_64bits(text.data(), text.size()));
}

bool IsOrphanedPiece(io::FileSystem& files, const std::string& directory,
                     std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return false;
  name.remove_prefix(kPrefix.size());
  if (!name.starts_with(kProcessMark)) return false;
  return !files.Exists(
      io::JoinedPath(directory, LockNameOf(name.substr(0, name.find('.')))));
}

void AddToRuns(std::vector<PieceToken::Run>* runs, int64_t attempt, int64_t epoch) {
  if (!runs->empty() && runs->back().attempt == attempt &&
      runs->back().last + 1 == epoch) {
    runs->back().last = epoch;
  } else {
    runs->push_back({attempt, epoch, epoch});
  }
}

std::string PieceToken::Encode() const {
  nlohmann::json out;
  if (!parts.empty()) {
    auto& list = out["parts"] = nlohmann::json::array();
    for (const Part& part : parts) list.push_back({part.piece, part.folder});
  }
  if (!runs.empty()) {
    auto& list = out["runs"] = nlohmann::json::array();
    for (const Run& run : runs) list.push_back({run.attempt, run.first, run.last});
  }
  if (!whole.empty()) out["whole"] = whole;
  if (unchanged) out["unchanged"] = {unchanged->size, unchanged->modified_micros};
  out["last"] = last;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<PieceToken> PieceToken::Decode(const std::string& bytes) {
  PieceToken out;
  try {
    const auto in = nlohmann::json::parse(bytes);
    for (const auto& part : in.value("parts", nlohmann::json::array())) {
      out.parts.push_back({part.at(0), part.at(1)});
    }
    for (const auto& run : in.value("runs", nlohmann::json::array())) {
      out.runs.push_back({run.at(0), run.at(1), run.at(2)});
    }
    out.whole = in.value("whole", "");
    if (in.contains("unchanged")) {
      out.unchanged = {in.at("unchanged").at(0), in.at("unchanged").at(1)};
    }
    out.last = in.at("last");
  } catch (const nlohmann::json::exception& error) {
    return errors::kInternal.Make({}, "commit token can't be read: {}", error.what());
  }
  return out;
}

Pieces::Pieces(std::shared_ptr<io::FileSystem> files, std::string directory,
               std::string owner, int64_t attempt, Executor* executor)
    : files_(std::move(files)),
      directory_(std::move(directory)),
      owner_(std::move(owner)),
      attempt_(attempt),
      executor_(executor) {}

std::shared_ptr<Pieces> Pieces::OfPipeline(std::shared_ptr<io::FileSystem> files,
                                           const Destination& destination,
                                           const std::string& pipeline, int64_t attempt,
                                           Executor* executor) {
  const bool folder = destination.kind == Destination::Kind::kFolder;
  std::string owner = EscapedName(pipeline) + kTargetMark +
                      (folder ? "part" + EscapedName(destination.extension)
                              : EscapedName(destination.file));
  return std::shared_ptr<Pieces>(new Pieces(std::move(files), destination.directory,
                                            std::move(owner), attempt, executor));
}

Result<std::shared_ptr<Pieces>> Pieces::OfProcess(std::shared_ptr<io::FileSystem> files,
                                                  const Destination& destination,
                                                  Executor* executor) {
  static std::atomic<int64_t> next{0};
  for (;;) {
    std::shared_ptr<Pieces> out(
        new Pieces(files, destination.directory,
                   fmt::format("{}{}-{}", kProcessMark, ::getpid(), next.fetch_add(1)), 0,
                   executor));
    out->lock_path_ = out->PathOf(LockNameOf(out->owner_));
    // Processes of two machines may share the folder and the number.
    ARROW_ASSIGN_OR_RAISE(out->lock_, files->TryLock(out->lock_path_));
    if (!out->lock_) {
      out->lock_path_.clear();
      continue;
    }
    return out;
  }
}

Pieces::~Pieces() {
  // Removed while it is held: nobody can come to hold a lock on a file without a name.
  if (!lock_) return;
  (void)Remove({});
  (void)files_->Remove(lock_path_);
}

Result<std::shared_ptr<PendingPart>> Pieces::Begin(WriterId writer, int64_t epoch,
                                                   int64_t ordinal,
                                                   const std::string& folder) {
  PieceToken::Part part{Name(writer, epoch, ordinal), folder};
  std::string path = PathOf(part.piece);
  began = true;
  ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenWrite(path));
  return std::make_shared<PendingPiece>(*files_, executor_, std::move(part),
                                        std::move(path), std::move(file));
}

Status Pieces::Settle() { return files_->SyncDirectory(directory_); }

std::string Pieces::TokenOf(const Parts& parts, bool last) {
  PieceToken out;
  for (const auto& part : parts) {
    out.parts.push_back(static_cast<const PendingPiece&>(*part).part());
  }
  out.last = last;
  return out.Encode();
}

std::string Pieces::PathOf(const std::string& name) const {
  return io::JoinedPath(directory_, name);
}

std::string Pieces::NameOfAttempt(WriterId writer, int64_t attempt, int64_t epoch,
                                  int64_t ordinal) const {
  return fmt::format("{}{}.w{}.e{}.a{}.{}{}", kPrefix, owner_, writer.value, epoch,
                     attempt, ordinal, kSuffix);
}

std::vector<std::string> Pieces::NamesOf(const std::vector<PieceToken::Run>& runs) const {
  std::vector<std::string> out;
  for (const PieceToken::Run& run : runs) {
    for (int64_t epoch = run.first; epoch <= run.last; ++epoch) {
      out.push_back(NameOfAttempt(WriterId{0}, run.attempt, epoch, 0));
    }
  }
  return out;
}

Result<int64_t> Pieces::Remove(const std::set<std::string>& but) {
  return RemovePieces(*files_, directory_, owner_, but);
}

// The owner, a line end, and the folder, as whoever drops them may be anywhere.
std::string Pieces::Whereabouts() const {
  std::error_code error;
  const auto folder =
      std::filesystem::absolute(directory_.empty() ? "." : directory_, error);
  return owner_ + '\n' + (error ? directory_ : folder.string());
}

Result<int64_t> DropPieces(const std::string& whereabouts, io::FileSystem& files) {
  const size_t line = whereabouts.find('\n');
  if (line == 0 || line == whereabouts.npos) {
    return errors::kInternal.Make({}, "'{}' does not say where pieces lie", whereabouts);
  }
  const std::string owner = whereabouts.substr(0, line);
  const std::string folder = whereabouts.substr(line + 1);
  if (!files.Exists(folder)) return 0;
  ARROW_ASSIGN_OR_RAISE(const int64_t removed, RemovePieces(files, folder, owner, {}));
  ARROW_RETURN_NOT_OK(files.Remove(io::JoinedPath(folder, BegunNameOf(owner))));
  ARROW_RETURN_NOT_OK(files.SyncDirectory(folder));
  return removed;
}

Result<std::optional<Beginning>> Pieces::LoadBeginning() {
  const std::string path = PathOf(BegunNameOf(owner_));
  if (!files_->Exists(path)) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, ReadWhole(*files_, path));
  Beginning out;
  try {
    const auto in = nlohmann::json::parse(bytes);
    out.published = in.at("published");
    for (const auto& file : in.at("replaced")) {
      out.replaced.push_back({file.at(0), file.at(1), file.at(2)});
    }
  } catch (const nlohmann::json::exception& error) {
    return errors::kInternal.Make({.file = path}, "it can't be read: {}", error.what());
  }
  return out;
}

Status Pieces::SaveBeginning(const Beginning& beginning) {
  nlohmann::json out;
  out["published"] = beginning.published;
  auto& list = out["replaced"] = nlohmann::json::array();
  for (const Replaced& file : beginning.replaced) {
    list.push_back({file.path, file.size, file.modified_micros});
  }
  return WriteWhole(*files_, PathOf(BegunNameOf(owner_)),
                    out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Status Pieces::ForgetBeginning() { return files_->Remove(PathOf(BegunNameOf(owner_))); }

}  // namespace millrace::files

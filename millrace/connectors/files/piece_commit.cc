#include "millrace/connectors/files/piece_commit.h"

#include <tuple>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/durable.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {
// Epochs whose commit may be repeated by this process.
constexpr int64_t kRepeatable = 2;
}  // namespace

PieceCommit::PieceCommit(std::shared_ptr<Pieces> pieces, std::shared_ptr<Staging> staging,
                         std::string mode, bool deep, bool durable)
    : pieces_(std::move(pieces)),
      staging_(std::move(staging)),
      mode_(std::move(mode)),
      deep_(deep),
      durable_(durable) {}

Status PieceCommit::Save() {
  return durable_ ? pieces_->SaveBeginning(beginning_) : Status::OK();
}

Result<bool> PieceCommit::Resume() {
  ARROW_ASSIGN_OR_RAISE(auto beginning, pieces_->LoadBeginning());
  if (!beginning) return false;
  beginning_ = std::move(*beginning);
  pieces_->began = beginning_.published;
  return true;
}

Status PieceCommit::BeginFirst() {
  beginning_ = {};
  if (mode_ == "overwrite" &&
      staging_->destination().kind == Destination::Kind::kFolder) {
    ARROW_ASSIGN_OR_RAISE(const Contents contents, staging_->Look(deep_));
    const size_t inside = io::JoinedPath(pieces_->directory(), "").size();
    for (const std::string& part : contents.parts) {
      ARROW_ASSIGN_OR_RAISE(const io::FileInfo info, pieces_->files().Stat(part));
      beginning_.replaced.push_back(
          {part.substr(inside), info.size, info.modified_micros});
    }
  }
  return Save();
}

void PieceCommit::BeginLater() {
  beginning_ = {.published = true};
  pieces_->began = true;
  ended_ = true;
}

Status PieceCommit::Commit(Epoch epoch, const std::vector<connector::CommitToken>& tokens,
                           bool recovering) {
  std::vector<PieceToken::Part> parts;
  std::optional<PieceToken> whole;
  bool last = false;
  for (const connector::CommitToken& token : tokens) {
    if (token.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(PieceToken plan, PieceToken::Decode(token.bytes));
    last |= plan.last;
    parts.insert(parts.end(), plan.parts.begin(), plan.parts.end());
    if (!plan.whole.empty()) whole = std::move(plan);
  }
  if (parts.empty() && !whole && !last) return Status::OK();
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.commit"));
  if (whole) ARROW_RETURN_NOT_OK(PublishWhole(epoch, *whole, recovering));
  ARROW_RETURN_NOT_OK(Publish(epoch, parts, recovering));
  published_.erase(published_.begin(), published_.upper_bound(epoch.value - kRepeatable));
  // The new files are safe before the old ones go: a crash between leaves both, never
  // neither, and the next call goes on here.
  ARROW_RETURN_NOT_OK(RemoveReplaced());
  if (last && durable_) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.forget"));
    ARROW_RETURN_NOT_OK(pieces_->ForgetBeginning());
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.forgotten"));
    ARROW_RETURN_NOT_OK(pieces_->files().SyncDirectory(pieces_->directory()));
    ended_ = true;
    pieces_->began = true;
  } else if (!ended_ && !std::exchange(beginning_.published, true)) {
    ARROW_RETURN_NOT_OK(Save());
  }
  return failpoint::Reach("files.committed");
}

Result<bool> PieceCommit::Waits(Epoch epoch, const std::string& piece, bool recovering) {
  if (pieces_->files().Exists(pieces_->PathOf(piece))) return true;
  const auto ours = published_.find(epoch.value);
  if (recovering || (ours != published_.end() && ours->second.contains(piece)))
    return false;
  return errors::kPieceMissing.Make({.file = pieces_->PathOf(piece)}, "");
}

Status PieceCommit::Publish(Epoch epoch, const std::vector<PieceToken::Part>& parts,
                            bool recovering) {
  io::FileSystem& files = pieces_->files();
  std::vector<const PieceToken::Part*> waiting;
  for (const PieceToken::Part& part : parts) {
    ARROW_ASSIGN_OR_RAISE(const bool waits, Waits(epoch, part.piece, recovering));
    if (waits) waiting.push_back(&part);
  }
  // The folder gets all of its new files or none: what was renamed before a failure goes
  // back.
  std::vector<std::tuple<const PieceToken::Part*, std::string, std::string>> renamed;
  auto publish_all = [&]() -> Status {
    std::set<std::string> folders;
    for (const PieceToken::Part* part : waiting) {
      const std::string folder = FolderOf(*part);
      if (folders.insert(folder).second && !part->folder.empty()) {
        ARROW_RETURN_NOT_OK(MakeFolders(files, folder));
      }
      ARROW_ASSIGN_OR_RAISE(const Staged number, staging_->BeginPart(part->folder));
      const std::string hidden = pieces_->PathOf(part->piece);
      Status status = failpoint::Reach("files.rename");
      if (status.ok()) status = files.Rename(hidden, number.name);
      if (status.ok()) status = failpoint::Reach("files.renamed");
      // A rename that failed may have happened all the same.
      if (status.ok() || !files.Exists(hidden)) {
        renamed.emplace_back(part, hidden, number.name);
      }
      (void)files.Remove(number.temporary);
      ARROW_RETURN_NOT_OK(status);
    }
    // Whoever renamed the others may have ended before they were safe.
    for (const PieceToken::Part& part : parts) {
      if (files.Exists(FolderOf(part))) folders.insert(FolderOf(part));
    }
    // The names that went are in the destination's own folder.
    if (!parts.empty()) folders.insert(pieces_->directory());
    for (const std::string& folder : folders) {
      ARROW_RETURN_NOT_OK(files.SyncDirectory(folder));
    }
    return waiting.empty() ? Status::OK() : failpoint::Reach("files.synced");
  };
  const Status status = publish_all();
  for (const auto& [part, hidden, name] : renamed) {
    // One that can't go back stays published.
    if (!status.ok()) (void)files.Rename(name, hidden);
    if (status.ok() || !files.Exists(hidden)) {
      published_[epoch.value].insert(part->piece);
    }
  }
  return status;
}

std::string PieceCommit::FolderOf(const PieceToken::Part& part) const {
  return part.folder.empty() ? pieces_->directory()
                             : io::JoinedPath(pieces_->directory(), part.folder);
}

Status PieceCommit::PublishWhole(Epoch epoch, const PieceToken& token, bool recovering) {
  io::FileSystem& files = pieces_->files();
  const std::string target = staging_->destination().target();
  ARROW_ASSIGN_OR_RAISE(const bool waits, Waits(epoch, token.whole, recovering));
  if (waits) {
    if (mode_ == "error" && files.Exists(target)) {
      return errors::kDestinationExists.Make({.file = target},
                                             "somebody else made it meanwhile");
    }
    if (token.unchanged) {
      ARROW_ASSIGN_OR_RAISE(const io::FileInfo now, files.Stat(target));
      if (now.size != token.unchanged->size ||
          now.modified_micros != token.unchanged->modified_micros) {
        return errors::kDestinationChanged.Make({.file = target}, "");
      }
    }
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.whole.rename"));
    const std::string hidden = pieces_->PathOf(token.whole);
    const Status renamed = files.Rename(hidden, target);
    // A rename that failed may have happened all the same.
    if (renamed.ok() || !files.Exists(hidden)) {
      published_[epoch.value].insert(token.whole);
    }
    ARROW_RETURN_NOT_OK(renamed);
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.whole.renamed"));
  }
  // Also where the rename was of an earlier call, which may have ended before it was
  // safe: what it was put together from goes now.
  ARROW_RETURN_NOT_OK(files.SyncDirectory(pieces_->directory()));
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.whole.synced"));
  for (const std::string& piece : pieces_->NamesOf(token.runs)) {
    ARROW_RETURN_NOT_OK(files.Remove(pieces_->PathOf(piece)));
  }
  if (token.runs.empty()) return Status::OK();
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.whole.removed"));
  return files.SyncDirectory(pieces_->directory());
}

Status PieceCommit::RemoveReplaced() {
  if (beginning_.replaced.empty()) return Status::OK();
  io::FileSystem& files = pieces_->files();
  std::set<std::string> folders;
  for (const Replaced& old : beginning_.replaced) {
    const std::string path = pieces_->PathOf(old.path);
    const auto now = files.Stat(path);
    // A repeated commit may meet another file under the old one's name.
    if (!now.ok() || now->size != old.size || now->modified_micros != old.modified_micros)
      continue;
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.replace"));
    ARROW_RETURN_NOT_OK(files.Remove(path));
    folders.insert(io::DirectoryOf(path));
  }
  ARROW_RETURN_NOT_OK(failpoint::Reach("files.replaced"));
  for (const std::string& folder : folders) {
    ARROW_RETURN_NOT_OK(files.SyncDirectory(folder));
  }
  beginning_.replaced.clear();
  beginning_.published = true;
  return Save();
}

Result<int64_t> PieceCommit::Abort(const std::vector<PieceToken::Run>& decided) {
  const auto names = pieces_->NamesOf(decided);
  return pieces_->Remove({names.begin(), names.end()});
}

}  // namespace millrace::files

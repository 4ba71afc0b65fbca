#include "millrace/connectors/files/staging.h"

#include <unistd.h>

#include <atomic>
#include <charconv>

#include <nlohmann/json.hpp>

#include "millrace/connectors/files/pieces.h"
#include "millrace/io/errors.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

constexpr std::string_view kPartPrefix = "part-";
constexpr std::string_view kTemporaryPrefix = ".millrace-";
constexpr std::string_view kTemporarySuffix = ".tmp";

bool IsTemporaryName(std::string_view name) {
  return name.starts_with(kTemporaryPrefix) && name.ends_with(kTemporarySuffix);
}

std::string TemporaryOf(std::string_view name) {
  return fmt::format("{}{}{}", kTemporaryPrefix, name, kTemporarySuffix);
}

// The number in "part-<number>.<extension>", or −1.
int64_t PartNumber(std::string_view name) {
  if (!name.starts_with(kPartPrefix)) return -1;
  int64_t number = -1;
  const char* begin = name.data() + kPartPrefix.size();
  const char* end = name.data() + name.size();
  auto [stop, error] = std::from_chars(begin, end, number);
  return error == std::errc() && stop != end && *stop == '.' ? number : -1;
}

// The same of a part or of its temporary.
int64_t ReservedNumber(std::string_view name) {
  if (IsTemporaryName(name)) name.remove_prefix(kTemporaryPrefix.size());
  return PartNumber(name);
}

}  // namespace

std::string CommitPlan::Encode() const {
  nlohmann::json out;
  out["renames"] = nlohmann::json::array();
  for (const Rename& rename : renames) {
    out["renames"].push_back({{"temporary", rename.temporary}, {"name", rename.name}});
  }
  out["deletes"] = deletes;
  out["replaces"] = replaces;
  if (unchanged) {
    out["unchanged"] = {{"path", unchanged->path},
                        {"size", unchanged->size},
                        {"modified_micros", unchanged->modified_micros}};
  }
  return out.dump();
}

Result<CommitPlan> CommitPlan::Decode(const std::string& token) {
  CommitPlan out;
  try {
    const auto in = nlohmann::json::parse(token);
    for (const auto& rename : in.at("renames")) {
      out.renames.push_back({rename.at("temporary"), rename.at("name")});
    }
    out.deletes = in.at("deletes").get<std::vector<std::string>>();
    out.replaces = in.at("replaces");
    if (in.contains("unchanged")) {
      const auto& file = in.at("unchanged");
      out.unchanged = {file.at("path"), file.at("size"), file.at("modified_micros")};
    }
  } catch (const nlohmann::json::exception& error) {
    return errors::kInternal.Make({}, "commit token can't be read: {}", error.what());
  }
  return out;
}

Result<Staged> Staging::Begin(WriterId writer) {
  if (destination_.kind == Destination::Kind::kFolder) return BeginPart("");
  // Unique within the process too: two pipelines may write to one folder.
  static std::atomic<int64_t> next{0};
  for (;;) {
    Staged out;
    out.name = destination_.target();
    out.temporary =
        io::JoinedPath(destination_.directory,
                       TemporaryOf(fmt::format("{}-{}-{}", ::getpid(), writer.value,
                                               next.fetch_add(1))));
    ARROW_ASSIGN_OR_RAISE(out.lock, files_->TryLock(out.temporary));
    // A run that removes orphans may have found it between its making and its lock.
    if (out.lock) return out;
  }
}

Result<Staged> Staging::BeginPart(const std::string& folder) {
  const std::string directory = folder.empty()
                                    ? destination_.directory
                                    : io::JoinedPath(destination_.directory, folder);
  std::lock_guard guard(mutex_);
  auto next = next_parts_.find(folder);
  if (next == next_parts_.end()) {
    int64_t number = 0;
    ARROW_ASSIGN_OR_RAISE(auto entries, files_->List(directory));
    for (const io::FileInfo& entry : entries) {
      number = std::max(number, ReservedNumber(io::NameOf(entry.path)) + 1);
    }
    next = next_parts_.emplace(folder, number).first;
  }
  for (;;) {
    const std::string name =
        fmt::format("{}{:05}{}", kPartPrefix, next->second++, destination_.extension);
    Staged out;
    out.name = io::JoinedPath(directory, name);
    out.temporary = io::JoinedPath(directory, TemporaryOf(name));
    ARROW_ASSIGN_OR_RAISE(out.lock, files_->TryLock(out.temporary));
    if (!out.lock) continue;  // another run writes this part
    if (!files_->Exists(out.name)) return out;
    // Another run published this number after we had looked.
    ARROW_RETURN_NOT_OK(files_->Remove(out.temporary));
  }
}

Status Staging::LookInto(const std::string& directory, bool deep, Contents* out) const {
  ARROW_ASSIGN_OR_RAISE(auto entries, files_->List(directory));
  for (const io::FileInfo& entry : entries) {
    const std::string name = io::NameOf(entry.path);
    if (name.starts_with('.') || name.starts_with('_')) continue;
    if (entry.directory) {
      if (deep) ARROW_RETURN_NOT_OK(LookInto(entry.path, deep, out));
    } else if (name.ends_with(destination_.extension)) {
      (PartNumber(name) >= 0 ? out->parts : out->others).push_back(entry.path);
    }
  }
  return Status::OK();
}

Result<Contents> Staging::Look(bool deep) const {
  Contents out;
  if (!files_->Exists(destination_.directory)) return out;
  ARROW_RETURN_NOT_OK(LookInto(destination_.directory, deep, &out));
  return out;
}

void Staging::Prepared(Staged staged) {
  std::lock_guard guard(mutex_);
  prepared_[std::move(staged.temporary)] = std::move(staged.lock);
}

void Staging::Published() {
  std::lock_guard guard(mutex_);
  prepared_.clear();
}

Result<int64_t> Staging::Abort() {
  std::lock_guard guard(mutex_);
  int64_t removed = 0;
  for (const auto& [temporary, lock] : prepared_) {
    ARROW_RETURN_NOT_OK(files_->Remove(temporary));
    ++removed;
  }
  prepared_.clear();
  return removed;
}

Result<int64_t> Staging::RemoveOrphans(bool deep) {
  return RemoveOrphansOf(destination_.directory, deep);
}

Result<int64_t> Staging::RemoveOrphansOf(const std::string& directory, bool deep) {
  int64_t removed = 0;
  ARROW_ASSIGN_OR_RAISE(auto entries, files_->List(directory));
  for (const io::FileInfo& entry : entries) {
    const std::string name = io::NameOf(entry.path);
    if (entry.directory) {
      if (!deep || name.starts_with('.') || name.starts_with('_')) continue;
      ARROW_ASSIGN_OR_RAISE(const int64_t below, RemoveOrphansOf(entry.path, deep));
      removed += below;
      continue;
    }
    if (!IsTemporaryName(name)) continue;
    // Whoever still writes it holds the lock.
    auto lock = files_->TryLock(entry.path);
    if (!lock.ok() || *lock == nullptr) continue;
    ARROW_RETURN_NOT_OK(files_->Remove(entry.path));
    ++removed;
  }
  for (const io::FileInfo& entry : entries) {
    const std::string name = io::NameOf(entry.path);
    if (!IsOrphanedPiece(*files_, directory, name)) continue;
    ARROW_RETURN_NOT_OK(files_->Remove(entry.path));
    ++removed;
  }
  return removed;
}

}  // namespace millrace::files

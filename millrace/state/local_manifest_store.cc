#include "millrace/state/local_manifest_store.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/base/calendar.h"
#include "millrace/base/failpoint.h"
#include "millrace/state/errors.h"
#include "millrace/state/names.h"

namespace millrace::state {

namespace {

using connector::ManifestEntry;
using connector::ManifestState;

constexpr std::string_view kSavepointPrefix = "savepoint-";
constexpr std::string_view kPending = ".pending";
constexpr std::string_view kManifest = ".manifest";

class LocalManifestStore final : public connector::ManifestStore {
 public:
  LocalManifestStore(std::shared_ptr<io::FileSystem> files, const Clock* clock,
                     const std::string& directory, const std::string& name)
      : files_(std::move(files)),
        clock_(clock),
        name_(name),
        folder_(directory + "/" + EscapedName(name)),
        state_folder_(folder_ + "/state") {}

  std::string location() const override { return folder_; }

  Result<int64_t> Acquire() override {
    ARROW_RETURN_NOT_OK(Usable(files_->CreateDirectories(state_folder_)));
    auto lock = files_->TryLock(Path("lock"));
    ARROW_RETURN_NOT_OK(Usable(lock.status()));
    if (*lock == nullptr) {
      const auto owner = ReadText(Path("lock"));
      const bool own =
          owner.ok() && owner->starts_with(fmt::format("by process {} ", ::getpid()));
      return errors::kPipelineTaken.Make(
          {}, "'{}', {}{}", name_,
          owner.ok() && !owner->empty() ? *owner : "which has only just begun",
          own ? ", which is this one" : "");
    }
    lock_ = std::move(*lock);
    std::string since;
    AppendTimestamp(clock_->WallMicros(), 1'000'000, &since);
    ARROW_RETURN_NOT_OK(Usable(WriteDurably(
        "lock", fmt::format("by process {} since {} UTC", ::getpid(), since))));
    int64_t attempts = 0;
    if (files_->Exists(Path("attempts"))) {
      ARROW_ASSIGN_OR_RAISE(std::string text, ReadText(Path("attempts")));
      const char* end = text.data() + text.size();
      // Where the count is lost, it goes on where it can't have been: two runs must not
      // have the same.
      if (std::from_chars(text.data(), end, attempts).ec != std::errc() || attempts < 0)
        attempts = clock_->WallMicros();
    }
    ++attempts;
    // Replaced as a whole: a count that is torn would give two runs the same names.
    ARROW_RETURN_NOT_OK(
        Usable(WriteDurably("attempts.new", std::to_string(attempts) + "\n")));
    ARROW_RETURN_NOT_OK(Usable(files_->Rename(Path("attempts.new"), Path("attempts"))));
    ARROW_RETURN_NOT_OK(Usable(files_->SyncDirectory(folder_)));
    return attempts;
  }

  Result<std::vector<ManifestEntry>> List() override {
    std::vector<ManifestEntry> out;
    if (!files_->Exists(folder_)) return out;
    auto listed = files_->List(folder_);
    ARROW_RETURN_NOT_OK(Usable(listed.status()));
    for (const io::FileInfo& file : *listed) {
      if (auto entry = Parse(BaseName(file.path))) {
        entry->bytes = file.size;
        entry->modified_micros = file.modified_micros;
        out.push_back(std::move(*entry));
      }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    return out;
  }

  Result<std::string> Read(const ManifestEntry& entry) override {
    return ReadText(Path(NameOf(entry)));
  }

  Status WritePending(Epoch epoch, const std::string& manifest) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.pending"));
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(state_folder_));
    ARROW_RETURN_NOT_OK(WriteDurably(Pending(epoch), manifest));
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(folder_));
    return failpoint::Reach("checkpoint.pending.done");
  }

  Status Promote(Epoch epoch) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.decide"));
    const std::string decided = Path(Decided(epoch));
    if (files_->Exists(decided)) {
      return errors::kInternal.Make({.file = decided}, "epoch {} is decided already",
                                    epoch.value);
    }
    ARROW_RETURN_NOT_OK(files_->Rename(Path(Pending(epoch)), decided));
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.renamed"));
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(folder_));
    return failpoint::Reach("checkpoint.decided");
  }

  Status NameSavepoint(Epoch epoch, const std::string& name) override {
    ARROW_ASSIGN_OR_RAISE(std::string text, ReadText(Path(Decided(epoch))));
    const std::string final_name = SavepointName(name);
    ARROW_RETURN_NOT_OK(WriteDurably(final_name + ".new", text));
    ARROW_RETURN_NOT_OK(files_->Rename(Path(final_name + ".new"), Path(final_name)));
    return files_->SyncDirectory(folder_);
  }

  Status Remove(const ManifestEntry& entry) override {
    ARROW_RETURN_NOT_OK(files_->Remove(Path(NameOf(entry))));
    return files_->SyncDirectory(folder_);
  }

  Result<std::string> ReadNote(const std::string& name) override {
    if (!files_->Exists(Path(name))) return std::string();
    return ReadText(Path(name));
  }
  Status WriteNote(const std::string& name, const std::string& text) override {
    if (text.empty()) {
      if (!files_->Exists(Path(name))) return Status::OK();
      ARROW_RETURN_NOT_OK(Usable(files_->Remove(Path(name))));
      return Usable(files_->SyncDirectory(folder_));
    }
    ARROW_RETURN_NOT_OK(Usable(WriteDurably(name + ".new", text)));
    ARROW_RETURN_NOT_OK(Usable(files_->Rename(Path(name + ".new"), Path(name))));
    return Usable(files_->SyncDirectory(folder_));
  }

  // The newest manifest goes last: as long as it stands, the pipeline is finished and not
  // new, wherever this is cut off.
  Status RemoveAll() override {
    if (!files_->Exists(folder_)) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto entries, List());
    const auto last = std::find_if(entries.rbegin(), entries.rend(), [](const auto& e) {
      return e.state == ManifestState::kDecided;
    });
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      if (last != entries.rend() && &*entry == &*last) continue;
      ARROW_RETURN_NOT_OK(files_->Remove(Path(NameOf(*entry))));
    }
    ARROW_ASSIGN_OR_RAISE(auto names, ListFiles());
    for (const std::string& name : names) ARROW_RETURN_NOT_OK(RemoveFile(name));
    if (last == entries.rend()) return RemoveFolder();
    ARROW_RETURN_NOT_OK(files_->SyncDirectory(folder_));
    ARROW_RETURN_NOT_OK(files_->Remove(Path(NameOf(*last))));
    // The pipeline is over. Whoever heard of a failure now would run it again, and that
    // run would begin anew and write every row a second time.
    (void)RemoveFolder();
    return Status::OK();
  }

  Result<std::unique_ptr<io::WritableFile>> CreateFile(const std::string& name) override {
    return files_->OpenWrite(state_folder_ + "/" + name);
  }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenFile(
      const std::string& name) override {
    return files_->OpenRead(state_folder_ + "/" + name);
  }
  Result<std::vector<std::string>> ListFiles() override {
    std::vector<std::string> out;
    if (!files_->Exists(state_folder_)) return out;
    ARROW_ASSIGN_OR_RAISE(auto listed, files_->List(state_folder_));
    for (const io::FileInfo& file : listed) out.push_back(BaseName(file.path));
    return out;
  }
  Status RemoveFile(const std::string& name) override {
    return files_->Remove(state_folder_ + "/" + name);
  }

 private:
  Status RemoveFolder() {
    if (files_->Exists(state_folder_))
      ARROW_RETURN_NOT_OK(files_->RemoveDirectory(state_folder_));
    ARROW_ASSIGN_OR_RAISE(auto listed, files_->List(folder_));
    for (const io::FileInfo& file : listed)
      ARROW_RETURN_NOT_OK(files_->Remove(file.path));
    ARROW_RETURN_NOT_OK(files_->RemoveDirectory(folder_));
    lock_.reset();
    return Status::OK();
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string Pending(Epoch epoch) {
    return EpochName(epoch) + std::string(kPending);
  }
  static std::string Decided(Epoch epoch) {
    return EpochName(epoch) + std::string(kManifest);
  }
  static std::string SavepointName(const std::string& name) {
    return fmt::format("{}{}{}", kSavepointPrefix, EscapedName(name), kManifest);
  }
  static std::string NameOf(const ManifestEntry& entry) {
    switch (entry.state) {
      case ManifestState::kPending: return Pending(entry.epoch);
      case ManifestState::kDecided: return Decided(entry.epoch);
      case ManifestState::kSavepoint: break;
    }
    return SavepointName(entry.savepoint);
  }

  static std::optional<ManifestEntry> Parse(std::string_view name) {
    ManifestEntry out;
    if (name.starts_with(kSavepointPrefix) && name.ends_with(kManifest)) {
      name.remove_prefix(kSavepointPrefix.size());
      name.remove_suffix(kManifest.size());
      out.state = ManifestState::kSavepoint;
      out.savepoint = UnescapedName(name);
      return out;
    }
    std::string_view suffix;
    const auto epoch = EpochOf(name, &suffix);
    if (!epoch || (suffix != kPending && suffix != kManifest)) return std::nullopt;
    out.epoch = *epoch;
    if (suffix == kPending) out.state = ManifestState::kPending;
    return out;
  }

  Result<std::string> ReadText(const std::string& path) {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenRead(path));
    ARROW_ASSIGN_OR_RAISE(int64_t size, file->GetSize());
    std::string out(static_cast<size_t>(size), '\0');
    ARROW_ASSIGN_OR_RAISE(int64_t read, file->ReadAt(0, size, out.data()));
    out.resize(static_cast<size_t>(read));
    return out;
  }

  Status WriteDurably(const std::string& name, const std::string& text) {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenWrite(Path(name)));
    ARROW_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
    ARROW_RETURN_NOT_OK(file->Sync());
    return file->Close();
  }

  // A folder that can't be read or written is named as what it is to the user.
  Status Usable(const Status& status) const {
    if (status.ok()) return status;
    return errors::kStateFolder.Make({.file = folder_}, "{}", ErrorText(status));
  }

  const std::shared_ptr<io::FileSystem> files_;
  const Clock* const clock_;
  const std::string name_;
  const std::string folder_;
  const std::string state_folder_;
  std::shared_ptr<void> lock_;
};

}  // namespace

std::unique_ptr<connector::ManifestStore> MakeLocalManifestStore(
    std::shared_ptr<io::FileSystem> files, const Clock* clock,
    const std::string& directory, const std::string& name) {
  return std::make_unique<LocalManifestStore>(std::move(files), clock, directory, name);
}

Result<std::vector<std::string>> ListPipelines(io::FileSystem& files,
                                               const std::string& directory) {
  std::vector<std::string> out;
  if (!files.Exists(directory)) return out;
  ARROW_ASSIGN_OR_RAISE(auto listed, files.List(directory));
  for (const io::FileInfo& file : listed) {
    if (file.directory) out.push_back(UnescapedName(BaseName(file.path)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace millrace::state

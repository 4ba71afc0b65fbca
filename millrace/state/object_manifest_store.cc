#include "millrace/state/object_manifest_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "millrace/base/failpoint.h"
#include "millrace/io/errors.h"
#include "millrace/io/object_store/remote_file.h"
#include "millrace/state/errors.h"
#include "millrace/state/names.h"
#include "millrace/state/object_file.h"

namespace millrace::state {

namespace {

using connector::ManifestEntry;
using connector::ManifestState;
using Decided = PipelineHead::Decided;

constexpr int64_t kMaxManifest = int64_t{1} << 30;
constexpr std::string_view kManifestSuffix = ".manifest";

// Work on the store, which none is begun of once the end has come.
class Visit {
 public:
  explicit Visit(connector::StoreAccess& access)
      : access_(access), inside_(access.Enter()) {}
  ~Visit() {
    if (inside_) access_.Leave();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  Status status() const {
    return inside_ ? Status::OK() : errors::kCancelled.Make({}, "");
  }

 private:
  connector::StoreAccess& access_;
  const bool inside_;
};

class ObjectManifestStore final : public connector::ManifestStore {
 public:
  ObjectManifestStore(const KeeperContext& context, std::shared_ptr<MemoryBudget> memory,
                      const std::string& prefix, const std::string& name)
      : access_(context.access),
        clock_(context.clock),
        executor_(context.executor),
        memory_(std::move(memory)),
        folder_(prefix + EscapedName(name) + "/"),
        keeper_(std::make_shared<HeadKeeper>(context, folder_ + "head", name)) {}
  ~ObjectManifestStore() override { keeper_->Close(); }

  std::string location() const override {
    return store().root() + folder_.substr(0, folder_.size() - 1);
  }

  Result<int64_t> Acquire() override {
    ARROW_RETURN_NOT_OK(keeper_->Acquire());
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    attempt_ = head->attempt;
    // Of state files that an earlier run was killed at.
    ARROW_ASSIGN_OR_RAISE(const auto uploads, store().ListUploads(StateKey("")));
    for (const io::PendingUpload& upload : uploads) {
      if (AttemptOf(BaseName(upload.key)).value_or(attempt_) < attempt_)
        ARROW_RETURN_NOT_OK(store().AbortUpload(upload.key, upload.upload_id));
    }
    ARROW_RETURN_NOT_OK(RemoveSuperseded(*head));
    return attempt_;
  }

  Result<std::vector<ManifestEntry>> List() override {
    std::vector<ManifestEntry> out;
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    if (!head) return out;
    ARROW_RETURN_NOT_OK(ListPending(*head));
    for (const auto& [epoch, pending] : pending_) {
      out.push_back(EntryOf(pending, ManifestState::kPending));
    }
    for (const Decided& decided : head->manifests)
      out.push_back(EntryOf(decided, ManifestState::kDecided));
    for (const auto& [name, decided] : head->savepoints) {
      out.push_back(EntryOf(decided, ManifestState::kSavepoint));
      // As on a disk, where the name does not tell it.
      out.back().epoch = Epoch{0};
      out.back().savepoint = name;
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    return out;
  }

  Result<std::string> Read(const ManifestEntry& entry) override {
    ARROW_ASSIGN_OR_RAISE(const std::string key, KeyOf(entry));
    auto text = store().GetAll(key, kMaxManifest, nullptr);
    if (ErrorNumber(text.status()) == errors::kFileNotFound.number)
      return errors::kManifestDamaged.Make({.file = store().root() + key},
                                           "it is missing");
    return text;
  }

  Status WritePending(Epoch epoch, const std::string& manifest) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.pending"));
    ARROW_RETURN_NOT_OK(keeper_->CheckHeld());
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    if (head && head->Names(epoch, attempt_)) {
      return errors::kInternal.Make({.file = location()}, "epoch {} is decided already",
                                    epoch.value);
    }
    // Nobody else writes under the number of this attempt.
    ARROW_RETURN_NOT_OK(store().Put(ManifestKey(epoch, attempt_), manifest, {}).status());
    pending_[epoch.value] = {epoch, attempt_, static_cast<int64_t>(manifest.size()),
                             clock_->WallMicros()};
    return failpoint::Reach("checkpoint.pending.done");
  }

  Status Promote(Epoch epoch) override {
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.decide"));
    const auto pending = pending_.find(epoch.value);
    if (pending == pending_.end()) {
      return errors::kInternal.Make({.file = location()}, "epoch {} is not pending",
                                    epoch.value);
    }
    const Decided decided = pending->second;
    ARROW_RETURN_NOT_OK(keeper_->Change([&](PipelineHead& head) {
      for (const Decided& other : head.manifests) {
        if (other == decided) return Status::OK();  // by a try that was given up
        if (other.epoch == epoch) {
          return errors::kInternal.Make({.file = location()},
                                        "epoch {} is decided already", epoch.value);
        }
      }
      head.manifests.push_back(decided);
      return Status::OK();
    }));
    pending_.erase(epoch.value);
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.renamed"));
    return failpoint::Reach("checkpoint.decided");
  }

  Status NameSavepoint(Epoch epoch, const std::string& name) override {
    return keeper_->Change([&](PipelineHead& head) {
      const auto found = FindEpoch(head, epoch);
      if (found == head.manifests.end()) {
        return errors::kInternal.Make({.file = location()}, "epoch {} is not decided",
                                      epoch.value);
      }
      head.savepoints[name] = *found;
      return Status::OK();
    });
  }

  // What no head names any more is deleted afterwards: cut off in between, it is listed
  // as pending, and goes with that.
  Status Remove(const ManifestEntry& entry) override {
    if (entry.state == ManifestState::kPending) return RemovePending(entry.epoch);
    std::optional<Decided> gone;
    bool named = false;
    ARROW_RETURN_NOT_OK(keeper_->Change([&](PipelineHead& head) {
      if (entry.state == ManifestState::kSavepoint) {
        const auto found = head.savepoints.find(entry.savepoint);
        if (found == head.savepoints.end()) return Status::OK();
        gone = found->second;
        head.savepoints.erase(found);
      } else {
        const auto found = FindEpoch(head, entry.epoch);
        if (found == head.manifests.end()) return Status::OK();
        gone = *found;
        head.manifests.erase(found);
      }
      named = head.Names(gone->epoch, gone->attempt);
      return Status::OK();
    }));
    if (!gone || named) return Status::OK();
    return store().Delete({ManifestKey(gone->epoch, gone->attempt)});
  }

  Result<std::string> ReadNote(const std::string& name) override {
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    if (!head) return std::string();
    const auto found = head->notes.find(name);
    return found == head->notes.end() ? std::string() : found->second;
  }
  Status WriteNote(const std::string& name, const std::string& text) override {
    // A pipeline that was forgotten has no notes.
    if (text.empty() && !keeper_->held()) return Status::OK();
    return keeper_->Change([&](PipelineHead& head) {
      if (text.empty()) {
        head.notes.erase(name);
      } else {
        head.notes[name] = text;
      }
      return Status::OK();
    });
  }

  Status RemoveAll() override {
    if (!keeper_->held()) {
      ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
      if (!head) return Status::OK();
    }
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.forget"));
    ARROW_RETURN_NOT_OK(keeper_->Change([](PipelineHead& head) {
      head.manifests.clear();
      head.savepoints.clear();
      head.notes.clear();
      return Status::OK();
    }));
    ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.forgotten"));
    // The pipeline is over. Whoever heard of a failure now would run it again, and that
    // run would begin anew and write every row a second time.
    (void)RemoveObjects();
    return Status::OK();
  }

  Result<std::unique_ptr<io::WritableFile>> CreateFile(const std::string& name) override {
    return MakeObjectFile(access_, StateKey(name), memory_->pool());
  }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenFile(
      const std::string& name) override {
    const Visit visit(*access_);
    ARROW_RETURN_NOT_OK(visit.status());
    ARROW_ASSIGN_OR_RAISE(io::ObjectInfo info, store().Head(StateKey(name)));
    // The store asks its access whether it is given up, so the file keeps both.
    return std::make_shared<io::RemoteFile>(
        std::shared_ptr<io::ObjectStore>(access_, &store()), std::move(info), memory_,
        executor_);
  }
  // Files of a later attempt are of somebody who took over: not ours to look at, and not
  // ours to remove.
  Result<std::vector<std::string>> ListFiles() override {
    std::vector<std::string> out;
    ARROW_RETURN_NOT_OK(ForEachObject(
        "state/",
        [&](const std::string& name, const io::ObjectInfo&) { out.push_back(name); }));
    return out;
  }
  Status RemoveFile(const std::string& name) override {
    return store().Delete({StateKey(name)});
  }

 private:
  io::ObjectStore& store() const { return access_->store(); }
  std::string StateKey(const std::string& name) const {
    return folder_ + "state/" + name;
  }
  std::string ManifestKey(Epoch epoch, int64_t attempt) const {
    return folder_ + AttemptName(epoch, attempt) + std::string(kManifestSuffix);
  }
  static ManifestEntry EntryOf(const Decided& decided, ManifestState state) {
    ManifestEntry out;
    out.epoch = decided.epoch;
    out.state = state;
    out.bytes = decided.bytes;
    out.modified_micros = decided.made_micros;
    return out;
  }
  static std::vector<Decided>::const_iterator FindEpoch(const PipelineHead& head,
                                                        Epoch epoch) {
    return std::find_if(head.manifests.begin(), head.manifests.end(),
                        [epoch](const Decided& one) { return one.epoch == epoch; });
  }

  Result<std::string> KeyOf(const ManifestEntry& entry) {
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    std::optional<Decided> found;
    if (entry.state == ManifestState::kPending) {
      const auto pending = pending_.find(entry.epoch.value);
      if (pending != pending_.end()) found = pending->second;
    } else if (head && entry.state == ManifestState::kDecided) {
      const auto decided = FindEpoch(*head, entry.epoch);
      if (decided != head->manifests.end()) found = *decided;
    } else if (head) {
      const auto savepoint = head->savepoints.find(entry.savepoint);
      if (savepoint != head->savepoints.end()) found = savepoint->second;
    }
    // Between being listed and read it has gone.
    if (!found)
      return errors::kManifestDamaged.Make({.file = location()}, "epoch {} has gone",
                                           entry.epoch.value);
    return ManifestKey(found->epoch, found->attempt);
  }

  // Objects whose names have attempts, up to ours, directly below `folder`.
  template <typename F>
  Status ForEachObject(const std::string& folder, const F& take) {
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    const int64_t ours = attempt_ > 0 ? attempt_ : head ? head->attempt : 0;
    return store().List(folder_ + folder, "/", [&](const io::ObjectPage& page) {
      for (const io::ObjectInfo& object : page.objects) {
        const std::string name = BaseName(object.key);
        const auto attempt = AttemptOf(name);
        if (attempt && *attempt <= ours) take(name, object);
      }
      return Result<bool>(true);
    });
  }

  // Manifests that the head does not name. Of one epoch that of the latest attempt
  // counts: those before were found by it, or come from somebody who was late.
  Status ListPending(const PipelineHead& head) {
    pending_.clear();
    return ForEachObject("", [&](const std::string& name, const io::ObjectInfo& object) {
      std::string_view rest;
      const auto epoch = EpochOf(name, &rest);
      const int64_t attempt = *AttemptOf(name);
      if (!name.ends_with(kManifestSuffix) || head.Names(*epoch, attempt)) return;
      if (FindEpoch(head, *epoch) != head.manifests.end()) return;
      Decided& entry = pending_[epoch->value];
      if (attempt >= entry.attempt)
        entry = {*epoch, attempt, object.size, object.modified_micros};
    });
  }

  // Manifests of decided epochs by attempts that did not decide them: no recovery may
  // take them for something to be promoted.
  Status RemoveSuperseded(const PipelineHead& head) {
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(
        ForEachObject("", [&](const std::string& name, const io::ObjectInfo& object) {
          std::string_view rest;
          const Epoch epoch = *EpochOf(name, &rest);
          if (FindEpoch(head, epoch) != head.manifests.end() &&
              !head.Names(epoch, *AttemptOf(name))) {
            keys.push_back(object.key);
          }
        }));
    return store().Delete(keys);
  }

  Status RemovePending(Epoch epoch) {
    ARROW_ASSIGN_OR_RAISE(const auto head, keeper_->Look());
    if (!head) return Status::OK();
    const std::string prefix = EpochName(epoch) + "-";
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(
        ForEachObject(prefix, [&](const std::string& name, const io::ObjectInfo& object) {
          if (!head->Names(epoch, *AttemptOf(name))) keys.push_back(object.key);
        }));
    pending_.erase(epoch.value);
    return store().Delete(keys);
  }

  Status RemoveObjects() {
    std::vector<std::string> keys;
    for (const char* folder : {"", "state/"}) {
      ARROW_RETURN_NOT_OK(
          ForEachObject(folder, [&](const std::string&, const io::ObjectInfo& object) {
            keys.push_back(object.key);
          }));
    }
    ARROW_RETURN_NOT_OK(store().Delete(keys));
    return keeper_->Remove();
  }

  const std::shared_ptr<connector::StoreAccess> access_;
  const Clock* const clock_;
  Executor* const executor_;
  const std::shared_ptr<MemoryBudget> memory_;
  const std::string folder_;  // a slash at its end
  const std::shared_ptr<HeadKeeper> keeper_;
  int64_t attempt_ = 0;                 // 0: not taken
  std::map<int64_t, Decided> pending_;  // by epoch
};

}  // namespace

std::unique_ptr<connector::ManifestStore> MakeObjectManifestStore(
    KeeperContext context, std::shared_ptr<MemoryBudget> memory,
    const std::string& prefix, const std::string& name) {
  return std::make_unique<ObjectManifestStore>(std::move(context), std::move(memory),
                                               prefix, name);
}

Result<std::vector<std::string>> ListPipelines(io::ObjectStore& store,
                                               const std::string& prefix) {
  std::vector<std::string> out;
  ARROW_RETURN_NOT_OK(store.List(prefix, "/", [&](const io::ObjectPage& page) {
    for (std::string folder : page.prefixes) {
      folder.pop_back();
      out.push_back(UnescapedName(BaseName(folder)));
    }
    return Result<bool>(true);
  }));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace millrace::state

#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connector/store_access.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/partitions.h"
#include "millrace/connectors/files/upload_token.h"
#include "millrace/connectors/files/uploads.h"

namespace millrace::files {

/// Writes objects of a store: one, or a folder of them, which is what their keys have in
/// common up to a slash.
///
/// Two-phase: an object is an upload in parts under its final key, which nobody sees.
/// Prepare sends what is left, Commit completes the uploads that tokens name, and can be
/// repeated by any process. Recover aborts every other upload of this pipeline, which the
/// store lists; a run without checkpoints aborts its own when it fails. Nothing is
/// renamed and nothing locked: no two runs give the same key.
class ObjectSink final : public connector::Sink, public connector::Committer {
 public:
  static Result<std::unique_ptr<connector::Sink>> Make(
      Parsed options, connector::Surroundings surroundings);
  ~ObjectSink() override;

  Status Preflight(connector::Report& report) override;
  Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                     const std::vector<std::string>& keys) override;
  Status Apply(const connector::SchemaChange& change) override;
  connector::Accepts accepts() const override { return {}; }
  connector::CommitClass commit_class() const override {
    return connector::CommitClass::kTwoPhase;
  }
  /// One object keeps the order of rows; a folder of them has none to keep.
  int max_writers() const override { return folder() ? 1024 : 1; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId writer) override;
  Result<std::unique_ptr<data::RowEncoder>> NewEncoder() override;
  std::string strays() const override;
  std::string example() const override;
  connector::Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<connector::CommitToken> tokens) override;
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<connector::RecoveryOutcome> Recover(
      Epoch last, std::vector<connector::CommitToken> tokens) override;

 private:
  ObjectSink(Parsed options, connector::Surroundings surroundings,
             std::shared_ptr<connector::StoreAccess> access, ObjectNames names,
             std::string key);

  /// What the tokens of an epoch say together.
  struct Plan {
    std::vector<UploadToken::Object> objects;
    bool last = false;
    bool empty() const { return objects.empty() && !last; }
  };

  bool folder() const { return key_.empty(); }
  bool partitioned() const { return !options_.own.GetString("partition_by").empty(); }
  /// The destination may hold what an earlier run of this pipeline published.
  bool later_run() const {
    return surroundings_.checkpointed && surroundings_.attempt > 1;
  }
  io::ObjectStore& store() const { return access_->store(); }

  Status CheckDestination();
  Status CheckReachable();
  Status CheckFolder(std::vector<ObjectBeginning::Replaced>* replaced);
  Status BeginFirst();
  Status DecideBeginning(Epoch last);
  Status SaveBeginning();
  static Result<Plan> PlanOf(const std::vector<connector::CommitToken>& tokens);
  Status CommitNow(const Plan& plan);
  Status Conclude(const Plan& plan);
  Status Complete(const UploadToken::Object& object);
  Status RemoveReplaced();
  /// No writer goes on: abort what nobody will commit; answers how many.
  /// `spare_prepared`: with checkpoints a later run may commit what was prepared.
  Result<int64_t> GiveUp(bool spare_prepared);

  const Parsed options_;
  const connector::Surroundings surroundings_;
  const std::string mode_;
  const std::shared_ptr<connector::StoreAccess> access_;
  const ObjectNames names_;
  const std::string key_;  // of the single object; "": a folder
  std::shared_ptr<const Partitions> partitions_;
  std::optional<ObjectBeginning> beginning_;
  std::shared_ptr<Uploads> uploads_;
  bool saved_ = false;  // the beginning is in the store
  bool opened_ = false;
  bool committed_ = false;
  bool gave_up_ = false;
  int64_t next_epoch_ = 1;
  std::mutex mutex_;
  std::set<std::string> completed_;  // under mutex_; by a commit that has not succeeded
};

/// Abort the uploads of a pipeline, and remove how its first run began, by what
/// ObjectSink::strays told. Answers how many uploads.
Result<int64_t> DropUploads(const std::string& strays,
                            const connector::Surroundings& surroundings);

}  // namespace millrace::files

// WatchSource: the files of a path for ever, mode 'watch'.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connectors/files/watch_reader.h"

namespace millrace::files {

/// Every file is one split, which ends when the file is deleted (Parquet: when it was
/// read). Files are known by device, inode and their first bytes, not by their names.
class WatchSource final : public connector::Source {
 public:
  WatchSource(Parsed options, std::shared_ptr<arrow::Schema> declared,
              connector::Surroundings surroundings);
  ~WatchSource() override;

  Result<std::shared_ptr<arrow::Schema>> InferSchema() override;
  Result<std::vector<connector::Split>> Discover() override;
  void WakeOnNewSplits(Waker waker) override { search_->WakeOnFresh(std::move(waker)); }
  Result<std::string> DiscoveryState() override;
  Status Restore(const std::string& discovery_state,
                 const std::vector<connector::SplitState>& unfinished) override;
  void ExpectRestore(const std::string& discovery_state) override;
  bool WouldRead(const std::string& path) const override {
    return search_->WouldFind(path);
  }
  Status Preflight(connector::Report& report) override;
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }
  connector::Accepted Push(const connector::Pushdown& pushdown) override;
  connector::Replay replay() const override { return connector::Replay::kSeek; }
  bool bounded() const override { return false; }
  Result<std::unique_ptr<connector::SplitReader>> Open(
      const connector::Split& split) override;
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(connector::Command) override { return Status::OK(); }

 private:
  Status RestoreSchema(const std::shared_ptr<arrow::Schema>& schema);
  EarlierFiles* Earlier();
  Status CompareFresh(const std::vector<WatchedFilePtr>& fresh);

  const Parsed options_;
  const connector::Surroundings surroundings_;
  const std::shared_ptr<WatchedFiles> search_;
  WatchReading reading_;
  int64_t next_split_ = 0;
  std::vector<connector::Split> restored_;  // to tell in the first Discover
  bool started_ = false;
  std::mutex mutex_;
  std::map<int64_t, WatchedFilePtr> splits_;
  std::shared_ptr<const WatchReading> opened_with_;
};

}  // namespace millrace::files

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/hive_columns.h"
#include "millrace/connectors/files/offload.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/pipe_stream.h"

namespace millrace::files {

/// Reads the files of one path. Every file becomes one split, a large one several, and
/// many small ones share some, in the order of names and offsets. The first file's schema
/// (or the declared one) is the schema of all; a file that differs is an error.
class FilesSource final : public connector::Source {
 public:
  FilesSource(Parsed options, std::shared_ptr<arrow::Schema> declared,
              connector::Surroundings surroundings);
  ~FilesSource() override;

  Result<std::shared_ptr<arrow::Schema>> InferSchema() override;
  Result<std::vector<connector::Split>> Discover() override;
  Result<std::string> DiscoveryState() override;
  Status Restore(const std::string& discovery_state,
                 const std::vector<connector::SplitState>& unfinished) override;
  Status Preflight(connector::Report& report) override;
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }
  connector::Accepted Push(const connector::Pushdown& pushdown) override;
  connector::Replay replay() const override;
  bool bounded() const override { return true; }
  Result<std::unique_ptr<connector::SplitReader>> Open(
      const connector::Split& split) override;
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(connector::Command) override { return Status::OK(); }

 private:
  struct File {
    io::FileInfo info;
    std::atomic<bool> taken{false};  // has a reader that consumes it
    std::mutex mutex;
    std::shared_ptr<formats::FileReader> kept;  // files that are read in parts
    std::shared_ptr<PipeStream> stream;         // of what is no file
  };
  Status Expand();
  Status FindHiveColumns();
  Status CompareFiles();
  Status CutSplits();
  Status FindEventTimes();
  Status OpenStream(File& file);
  /// A pipe that nobody has opened yet: its first bytes are waited for.
  bool IsUnopenedPipe(File& file) const;
  /// With the file's own columns.
  Result<std::shared_ptr<formats::FileReader>> OpenFile(File& file);
  File& First() const;
  Result<std::shared_ptr<formats::FileReader>> OpenFirst();
  /// May block where the files are remote.
  Result<std::unique_ptr<connector::SplitReader>> OpenHere(const connector::Split& split);
  Result<std::unique_ptr<connector::SplitReader>> OpenSplit(size_t file, int64_t range);
  /// With all columns.
  Result<std::shared_ptr<formats::FileReader>> OpenRows(size_t file);
  bool MayHaveParts(const io::FileInfo& info) const;
  int64_t WeightOf(const io::FileInfo& info) const;
  int64_t RunWeight() const;
  size_t RunFrom(size_t first, int64_t run_weight) const;
  bool MayMatch(size_t file) const { return hive_->MayMatch(file, pushdown_.predicate); }
  formats::Context FormatContext() const;

  const Parsed options_;
  const std::shared_ptr<arrow::Schema> declared_;
  const connector::Surroundings surroundings_;
  // Whoever opens a pipe waits for its first bytes, which the common executor brings: its
  // threads must not be all waiting. Has threads only where there are such pipes.
  const std::unique_ptr<Executor> openers_;
  Offload offload_;
  const std::shared_ptr<io::FrameCache> frames_;
  int64_t split_size_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> in_files_;  // what files have of it; null: not known
  std::shared_ptr<const HiveColumns> hive_ = std::make_shared<HiveColumns>();
  std::vector<std::unique_ptr<File>> files_;
  formats::Pushdown pushdown_;
  std::vector<connector::Split> splits_;
  bool restored_ = false;
  std::optional<int> event_time_;
};

}  // namespace millrace::files

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/options.h"

namespace millrace::files {

class PreparedFiles;

/// Where a sink's files go.
struct Destination {
  std::string path;  ///< as given
  std::string
      directory;  ///< that holds final and temporary names; "" is the working directory
  std::string file;       ///< the single file's name; empty for a folder of rolled files
  std::string extension;  ///< of rolled files, with its dot
};

/// Writes one file, or a folder of rolled files. Two-phase: rows go to temporary names
/// inside the destination's folder,
/// `.millrace-<pid>-<writer>-<number>.tmp`, locked by this process; Prepare finishes and
/// fsyncs them, Commit renames them. A writer that ends without
/// Prepare removes its temporaries, Recover those that were prepared; what a killed
/// process leaves is removed by the next run, which knows it by the lock that nobody
/// holds any more.
class FilesSink final : public connector::Sink, public connector::Committer {
 public:
  static Result<std::unique_ptr<connector::Sink>> Make(
      Parsed options, connector::Surroundings surroundings);
  ~FilesSink() override;

  Status Preflight(connector::Report& report) override;
  Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                     const std::vector<std::string>& keys) override;
  Status Apply(const connector::SchemaChange& change) override;
  connector::Accepts accepts() const override { return {}; }
  connector::CommitClass commit_class() const override;
  int max_writers() const override;
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId writer) override;
  Result<std::unique_ptr<data::RowEncoder>> NewEncoder() override;
  connector::Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<connector::CommitToken> tokens) override;
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<connector::RecoveryOutcome> Recover(
      Epoch last, std::vector<connector::CommitToken> tokens) override;

 private:
  FilesSink(Parsed options, Destination destination,
            connector::Surroundings surroundings);
  Status CheckDestination();
  Status CommitNow(const std::vector<connector::CommitToken>& tokens);
  Result<std::vector<std::string>> FilesToReplace();
  Status AbortPrepared(int64_t* removed);
  Status RemoveOrphans(int64_t* removed);

  const Parsed options_;
  const Destination destination_;
  const connector::Surroundings surroundings_;
  const std::string mode_;
  std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<PreparedFiles> prepared_;
  bool made_directory_ = false;
  bool committed_ = false;
};

}  // namespace millrace::files

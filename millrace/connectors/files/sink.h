#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/partitions.h"
#include "millrace/connectors/files/piece_commit.h"
#include "millrace/connectors/files/staging.h"

namespace millrace::files {

/// Writes a stream, one file, or a folder of part files.
///
/// Files are two-phase: rows go to temporary names inside the destination's folder,
/// locked by this process; Prepare finishes and fsyncs them, Commit renames them. A
/// writer that ends without Prepare removes its temporaries, Recover those that were
/// prepared; what a killed process leaves is removed by the next run, which knows it by
/// the lock that nobody holds any more.
///
/// Of a pipeline with checkpoints, and in partitioned folders, they are pieces instead:
/// see pieces.h. A folder's pieces become parts at each commit; those of a single file
/// wait for the end, when the last Prepare puts them together.
///
/// Overwriting a folder replaces the parts that were there when the run began. Appending
/// to one file writes a new one with the old rows in front, while other appends of ours
/// are kept out by a lock and those of others are noticed at commit.
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
  std::string strays() const override;
  std::string example() const override;
  connector::Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<connector::CommitToken> tokens) override;
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<connector::RecoveryOutcome> Recover(
      Epoch last, std::vector<connector::CommitToken> tokens) override;

 private:
  FilesSink(Parsed options, Destination destination,
            connector::Surroundings surroundings);
  Status CheckDestination();
  Status EnsurePieces();
  Status DecideBeginning(Epoch last);
  Result<std::unique_ptr<connector::SinkWriter>> OpenPieces(WriterId writer);
  Status CommitEpoch(Epoch epoch, const std::vector<connector::CommitToken>& tokens,
                     bool recovering);
  Status CommitNow(const std::vector<connector::CommitToken>& tokens);
  bool partitioned() const { return !options_.own.GetString("partition_by").empty(); }
  bool makes_pieces() const {
    return !is(Destination::Kind::kStream) &&
           (surroundings_.checkpointed || partitioned());
  }
  /// The destination may hold what an earlier run of this pipeline published.
  bool later_run() const {
    return surroundings_.checkpointed && surroundings_.attempt > 1;
  }
  bool is(Destination::Kind kind) const { return destination().kind == kind; }
  const Destination& destination() const { return staging_->destination(); }
  io::FileSystem& files() { return *surroundings_.files; }

  const Parsed options_;
  const connector::Surroundings surroundings_;
  const std::string mode_;
  const std::shared_ptr<Staging> staging_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::string> replaced_;  // parts that an overwrite removes
  std::shared_ptr<const Partitions> partitions_;
  std::shared_ptr<Pieces> pieces_;
  std::unique_ptr<PieceCommit> pieces_commit_;
  bool begun_ = false;  // how the first run began is known
  std::vector<PieceToken::Run> runs_;
  int64_t next_epoch_ = 1;
  std::string append_lock_path_;
  std::shared_ptr<void> append_lock_;
  bool made_directory_ = false;
  bool committed_ = false;
};

}  // namespace millrace::files

// PieceCommit: makes pieces visible.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/pieces.h"
#include "millrace/connectors/files/staging.h"

namespace millrace::files {

/// The committer's half of a sink whose writers make pieces. Used by the coordinator.
///
/// A part gets its number when it is published, one piece after another in the order of
/// tokens: a piece that has no hidden name any more has been published, so a commit can
/// be repeated by anybody. What an overwrite replaces goes after the new files are safe.
class PieceCommit {
 public:
  /// `durable`: how the run began must survive this process.
  PieceCommit(std::shared_ptr<Pieces> pieces, std::shared_ptr<Staging> staging,
              std::string mode, bool deep, bool durable);

  /// Has a run begun before this one? Then its beginning holds for us too.
  Result<bool> Resume();
  /// This is the first run: what stands in the destination now is what it replaces.
  Status BeginFirst();
  /// Other runs published, and nothing says any more how they began: the last of them
  /// came to the end of the rows.
  void BeginLater();
  /// Has a last writer's token been committed, by this run or one before?
  bool ended() const { return ended_; }

  /// `recovering`: pieces that are missing were published by another process.
  Status Commit(Epoch epoch, const std::vector<connector::CommitToken>& tokens,
                bool recovering);
  /// Remove every piece that `decided` does not name, answers how many.
  Result<int64_t> Abort(const std::vector<PieceToken::Run>& decided);

 private:
  Status Save();
  Status Publish(Epoch epoch, const std::vector<PieceToken::Part>& parts,
                 bool recovering);
  Status PublishWhole(Epoch epoch, const PieceToken& token, bool recovering);
  Result<bool> Waits(Epoch epoch, const std::string& piece, bool recovering);
  Status RemoveReplaced();
  std::string FolderOf(const PieceToken::Part& part) const;

  const std::shared_ptr<Pieces> pieces_;
  const std::shared_ptr<Staging> staging_;
  const std::string mode_;
  const bool deep_;
  const bool durable_;
  Beginning beginning_;
  bool ended_ = false;                                  // how the run began is forgotten
  std::map<int64_t, std::set<std::string>> published_;  // by epoch, the latest
};

}  // namespace millrace::files

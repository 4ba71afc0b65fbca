// NothingToCommit: the committer of sinks whose rows need no commit.
#pragma once

#include <vector>

#include "millrace/connector/sink.h"

namespace millrace::connector {

/// Answers that all is done. Stateless.
class NothingToCommit final : public Committer {
 public:
  Future<> Commit(Epoch, std::vector<CommitToken>) override {
    return Future<>::MakeFinished(Status::OK());
  }
  Result<Epoch> FenceAndReadEpoch() override { return Epoch{0}; }
  Result<RecoveryOutcome> Recover(Epoch, std::vector<CommitToken>) override {
    return RecoveryOutcome{};
  }
};

}  // namespace millrace::connector

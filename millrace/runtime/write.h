// Write: the root that hands rows to a sink's writer.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/runtime/edge.h"
#include "millrace/runtime/not_null.h"
#include "millrace/runtime/progress.h"

namespace millrace::runtime {

/// The tokens that the writers of one sink prepared, waiting for the commit. Thread-safe.
class Tokens {
 public:
  void Add(connector::CommitToken token) {
    std::lock_guard lock(mutex_);
    tokens_.push_back(std::move(token));
  }
  std::vector<connector::CommitToken> Take() {
    std::lock_guard lock(mutex_);
    return std::move(tokens_);
  }

 private:
  std::mutex mutex_;
  std::vector<connector::CommitToken> tokens_;
};

/// Owned by one task. End is accepted when the writer's Prepare has finished and its
/// token is in `tokens`.
class WriteRoot final : public EventSink {
 public:
  WriteRoot(std::unique_ptr<connector::SinkWriter> writer, Epoch epoch,
            std::shared_ptr<Tokens> tokens, NotNull not_null, Progress* progress);
  Result<PushState> Push(operators::Event& event, const Waker& waker) override;

 private:
  std::unique_ptr<connector::SinkWriter> writer_;
  const Epoch epoch_;
  const std::shared_ptr<Tokens> tokens_;
  const NotNull not_null_;
  Progress* const progress_;
  std::optional<Future<connector::CommitToken>> prepared_;
};

}  // namespace millrace::runtime

// Executor: where blocking calls of connectors run, away from the shards.
#pragma once

#include <functional>
#include <memory>

namespace millrace {

/// Runs functions that may block. Injected: a simulated run executes them on its own
/// thread, at a moment that it chooses. A connector submits one blocking call at a time
/// (one read, one request), never a loop that lasts as long as the pipeline, so that
/// stopping and simulating both work.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Run `work` once, later, on some thread. Thread-safe.
  virtual void Submit(std::function<void()> work) = 0;
};

/// Threads made on demand and kept while work is waiting; at most `max_threads`. The
/// destructor runs what was submitted and joins.
std::unique_ptr<Executor> MakeThreadExecutor(int max_threads);

}  // namespace millrace

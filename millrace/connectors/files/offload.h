// Offload: splits whose opening or reading may block, on the executor instead of a shard.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "millrace/connector/registry.h"
#include "millrace/connector/source.h"

namespace millrace::files {

/// The work that is done on the executor for the readers of one source. Thread-safe.
class Offload {
 public:
  /// `executor`: outlives this; that of the surroundings where what blocks needs no other
  /// work there to go on.
  Offload(const connector::Surroundings& surroundings, Executor* executor);

  /// A reader whose split is opened and read on the executor, one batch ahead: everything
  /// in `open` and in the reader that it makes may block. Neither is used after Close.
  std::unique_ptr<connector::SplitReader> Read(
      std::function<Result<std::unique_ptr<connector::SplitReader>>()> open);

  /// Fails once Close was called, and when the pipeline is given up: what blocks asks it
  /// every moment.
  const std::function<Status()>& given_up() const { return given_up_; }

  /// No work begins any more. Waits for what is under way.
  void Close();

 private:
  class Reader;
  struct Gate;

  const std::shared_ptr<Gate> gate_;
  Executor* const executor_;
  const std::shared_ptr<MemoryBudget> memory_;
  const std::function<Status()> given_up_;
};

}  // namespace millrace::files

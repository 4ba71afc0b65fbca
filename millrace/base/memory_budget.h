// MemoryBudget: what one pipeline may hold in memory, and what it holds now.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace {

/// Counts the bytes of one pipeline: Arrow buffers through pool(), everything else
/// through Reserve. Thread-safe.
///
/// The pool outlives the budget for as long as a buffer taken from it lives, so a batch
/// may be handed out of the engine.
class MemoryBudget {
 public:
  /// `limit` in bytes; `parent` provides the memory and must live as long as the process.
  static std::shared_ptr<MemoryBudget> Make(int64_t limit, arrow::MemoryPool* parent);
  ~MemoryBudget();

  /// The Arrow pool that charges this budget. An allocation over the limit fails with
  /// errors::kMemoryExceeded.
  arrow::MemoryPool* pool() const;

  /// Count `bytes` that don't come from pool(). Fails, counting nothing, when the limit
  /// would be passed.
  Status Reserve(int64_t bytes);
  /// The same for state that can be put elsewhere: fails once 85 % would be in use, so
  /// that there is room for what can't while it is put there.
  Status ReserveSpillable(int64_t bytes);
  void Release(int64_t bytes);

  /// More than 70 % is in use: those that can should put state elsewhere, and nothing
  /// more should be taken in that is not needed. Cheap enough to ask for every batch.
  bool pressed() const;

  int64_t limit() const;
  int64_t used() const;
  int64_t peak() const;

 private:
  class Pool;
  explicit MemoryBudget(Pool* pool) : pool_(pool) {}
  Pool* pool_;  // counted by its buffers and by this budget
};

/// The pool that every budget draws from: one per process, chosen for a small resident
/// set.
arrow::MemoryPool* ProcessMemoryPool();

}  // namespace millrace

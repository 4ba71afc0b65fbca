// Connections: how many readers of a source may be open at once.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <vector>

#include "millrace/base/waker.h"
#include "millrace/connector/source.h"

namespace millrace::connector::resilience {

/// Lets in the first `limit` of the splits that are not finished, in the order of their
/// ids. Whoever came first would not do: a gather that keeps the order of splits waits
/// for the lowest, and a later split that held the only place would wait for the gather.
/// Splits are dealt in that order too, so the lowest is always somebody's. Thread-safe.
class Connections {
 public:
  /// `limit` 0: everybody is let in.
  explicit Connections(int64_t limit) : limit_(limit) {}

  /// Splits that somebody will read. Those told before are passed over.
  void Expect(const std::vector<Split>& splits);
  size_t unfinished() const;
  /// May a reader of `split` open? If not, `waker` fires when it may have become so.
  bool Enter(SplitId split, const Waker& waker);
  /// The reader of `split` is gone, or at its end.
  void Leave(SplitId split);

 private:
  const int64_t limit_;
  mutable std::mutex mutex_;
  std::set<SplitId> unfinished_;
  SplitId last_told_{-1};
  std::vector<Waker> waiting_;
};

}  // namespace millrace::connector::resilience

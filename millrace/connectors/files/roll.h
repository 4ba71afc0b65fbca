// When a writer of a folder ends one file and begins the next.
#pragma once

#include <cstdint>

#include "millrace/base/config/config.h"
#include "millrace/connector/registry.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// 0 means never, each.
struct RollOptions {
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t nanos = 0;

  bool any() const { return rows > 0 || bytes > 0 || nanos > 0; }
};
RollOptions RollOptionsOf(const Config& own);

/// Owned by one writer, for all of its files.
class Roll {
 public:
  Roll(RollOptions options, const connector::Surroundings& surroundings)
      : options_(options), clock_(surroundings.clock), timers_(surroundings.timers) {}

  /// A file has begun: when it is to end, in monotonic nanoseconds, 0 for never. `waker`
  /// fires then, as it may be that no row comes.
  int64_t Begin(const Waker& waker) const;
  bool IsDue(int64_t end) const { return end > 0 && clock_->MonotonicNanos() >= end; }
  /// How many of `left` rows go into a file that has `rows` before it is looked at.
  int64_t Take(int64_t left, int64_t rows) const;
  bool IsFull(int64_t rows, const io::WritableFile& file,
              const formats::FileWriter& writer) const;
  /// Finish the file, and learn what becomes of bytes that a writer holds back.
  Status Finish(const io::WritableFile& file, formats::FileWriter& writer);

 private:
  const RollOptions options_;
  const Clock* const clock_;
  Timers* const timers_;
  // Of a byte held back, what reaches the file: writers of row groups hold rows as they
  // are in memory.
  double landing_ = 1.0;
};

}  // namespace millrace::files

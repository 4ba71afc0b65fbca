// SplitQueue: the splits of one scan that nobody reads yet, and the event time of all of
// its splits together.
//
// Time is one for the scan: every task that reads tells how far its splits have come, and
// every task announces what follows from all of them, in one sequence. So it does not
// matter behind an exchange who heard of whom first: the least of what the senders have
// announced is the same for every receiver at a barrier.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "millrace/connector/source.h"
#include "millrace/operators/event.h"

namespace millrace::runtime {

/// How far the splits have come that one task reads.
struct TaskTime {
  /// The least watermark of the splits that may give rows; kMax: all are at their end for
  /// now, or there are none.
  int64_t least = data::event_time::kMax;
  /// The newest watermark of all splits that it has had.
  int64_t newest = data::event_time::kMin;

  bool operator==(const TaskTime&) const = default;
};

/// Thread-safe.
class SplitQueue {
 public:
  SplitQueue(bool bounded, size_t tasks);

  void Add(std::vector<connector::SplitState> splits);
  /// The next split, which `task` reads from here on, or none when all are dealt.
  std::optional<connector::SplitState> Take(size_t task);
  /// What `task` tells of its splits. True: the time of the scan is another now, which
  /// every task has to announce.
  bool Report(size_t task, const TaskTime& time);

  /// Raised when the time becomes another.
  int64_t time_version() const { return version_.load(std::memory_order_acquire); }
  /// The least watermark of all splits that are not at their end for now, those included
  /// that nobody reads: without that a second file would be late as soon as the first had
  /// ended. Where all are, nobody is waited for: idle, at the newest. Never goes back.
  operators::Watermark time() const;

 private:
  bool Advance();

  const bool bounded_;
  mutable std::mutex mutex_;
  std::deque<connector::SplitState> unread_;
  std::multiset<int64_t> unread_watermarks_;  // of unread_
  std::vector<TaskTime> tasks_;
  operators::Watermark time_;
  std::atomic<int64_t> version_{0};
};

}  // namespace millrace::runtime

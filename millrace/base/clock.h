// Clocks: time is always asked of an injected clock, so that a simulated run decides what
// time it is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace millrace {

/// Source of time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic nanoseconds since an arbitrary start: for durations and timers.
  virtual int64_t MonotonicNanos() const = 0;
  /// Wall-clock microseconds since 1970-01-01 UTC: for NOW() and time stamps. May jump.
  virtual int64_t WallMicros() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  int64_t MonotonicNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  int64_t WallMicros() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

/// A clock that moves only when told to: for simulation and tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t wall_micros = 0) : start_wall_micros_(wall_micros) {}
  int64_t MonotonicNanos() const override {
    return nanos_.load(std::memory_order_acquire);
  }
  int64_t WallMicros() const override {
    return start_wall_micros_ + MonotonicNanos() / 1000;
  }
  void Advance(int64_t nanos) { nanos_.fetch_add(nanos, std::memory_order_acq_rel); }

 private:
  const int64_t start_wall_micros_;
  std::atomic<int64_t> nanos_{0};
};

}  // namespace millrace

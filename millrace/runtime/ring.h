// Ring: the queue between one sending and one receiving task.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "millrace/base/waker.h"
#include "millrace/operators/event.h"
#include "millrace/runtime/edge.h"

namespace millrace::runtime {

/// Single producer, single consumer, without locks: an intrusive list after Vyukov's
/// unbounded queue, whose head belongs to the consumer and whose tail to the producer.
/// What bounds it is credit in bytes: a batch is refused while more than `credit` bytes
/// are on the way, but an empty ring takes any single batch. Events that are not rows
/// need no credit, so two tasks that fill each other can't deadlock; watermarks that pile
/// up are merged by the sender (ExchangeSender).
class Ring {
 public:
  explicit Ring(int64_t credit);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Whom to wake; both set before either end is used, and fixed.
  void Connect(Waker producer, Waker consumer);

  // Producer's end.
  /// Moves from `event` only when it is accepted. After kBlocked the producer's waker
  /// fires when credit returns.
  PushState Push(operators::Event& event, int64_t bytes);
  /// Events pushed and not yet taken.
  int64_t events_in_flight() const { return events_.load(std::memory_order_relaxed); }
  int64_t bytes_in_flight() const { return bytes_.load(std::memory_order_relaxed); }

  // Consumer's end.
  /// False when the ring is empty; then the consumer's waker fires at the next push.
  bool Pop(operators::Event* out);
  /// Nothing more is wanted: every later push answers kClosed.
  void Close();

 private:
  struct Link;
  const int64_t credit_;
  Waker producer_;
  Waker consumer_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> events_{0};
  std::atomic<bool> producer_waits_{false};
  std::atomic<bool> consumer_waits_{false};
  std::atomic<bool> closed_{false};
  Link* tail_;  // producer
  Link* head_;  // consumer: the link taken last
};

}  // namespace millrace::runtime

#include "millrace/runtime/ring.h"

#include <utility>

namespace millrace::runtime {

struct Ring::Link {
  std::atomic<Link*> next{nullptr};
  operators::Event event;
  int64_t bytes = 0;
};

Ring::Ring(int64_t credit) : credit_(credit), tail_(new Link), head_(tail_) {}

Ring::~Ring() {
  while (head_ != nullptr) delete std::exchange(head_, head_->next.load());
}

void Ring::Connect(Waker producer, Waker consumer) {
  producer_ = std::move(producer);
  consumer_ = std::move(consumer);
}

PushState Ring::Push(operators::Event& event, int64_t bytes) {
  if (closed_.load(std::memory_order_acquire)) return PushState::kClosed;
  if (bytes > 0) {
    auto full = [&] {
      const int64_t in_flight = bytes_.load();
      return in_flight > 0 && in_flight + bytes > credit_;
    };
    if (full()) {
      producer_waits_.store(true);
      // The consumer may have drained between the look and the flag: look once more, or
      // nobody would wake us.
      if (closed_.load()) return PushState::kClosed;
      if (full()) return PushState::kBlocked;
      producer_waits_.store(false);
    }
    bytes_.fetch_add(bytes);
  }
  events_.fetch_add(1, std::memory_order_relaxed);
  Link* link = new Link;
  link->event = std::move(event);
  link->bytes = bytes;
  Link* before = std::exchange(tail_, link);
  before->next.store(link);
  if (consumer_waits_.exchange(false)) consumer_.Wake();
  return PushState::kAccepted;
}

bool Ring::Pop(operators::Event* out) {
  Link* next = head_->next.load(std::memory_order_acquire);
  if (next == nullptr) {
    consumer_waits_.store(true);
    next = head_->next.load();
    if (next == nullptr) return false;
    consumer_waits_.store(false);
  }
  *out = std::move(next->event);
  next->event = operators::End{};  // the link stays as the new head; its rows must not
  const int64_t bytes = next->bytes;
  delete std::exchange(head_, next);
  events_.fetch_sub(1, std::memory_order_relaxed);
  if (bytes > 0) {
    bytes_.fetch_sub(bytes);
    if (producer_waits_.exchange(false)) producer_.Wake();
  }
  return true;
}

void Ring::Close() {
  closed_.store(true);
  if (producer_waits_.exchange(false)) producer_.Wake();
}

}  // namespace millrace::runtime

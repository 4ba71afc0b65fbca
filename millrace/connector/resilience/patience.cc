#include "millrace/connector/resilience/patience.h"

namespace millrace::connector::resilience {

bool Patience::WaitsUntil(int64_t moment, const Waker& waker) {
  const int64_t now = guard_->Now();
  if (moment <= now) return false;
  if (armed_ > now && armed_ <= moment) return true;
  armed_ = moment;
  guard_->WakeAt(moment, waker);
  return true;
}

bool Patience::IsOver(int64_t limit, const Waker& waker) {
  if (limit == 0) return false;
  if (since_ == kNever) Begin();
  return !WaitsUntil(since_ + limit, waker);
}

}  // namespace millrace::connector::resilience

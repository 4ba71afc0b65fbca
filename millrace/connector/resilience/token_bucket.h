// TokenBucket: holds a flow to a rate.
#pragma once

#include <cstdint>

namespace millrace::connector::resilience {

/// Fills with `per_second` tokens a second, up to a tenth of a second's worth (at least
/// one). What is taken may exceed what is there: a batch can't be divided after the fact,
/// so the bucket goes into debt and the next one waits until that is paid. Over a time
/// the rate is exact. Times are monotonic nanoseconds. Not thread-safe.
class TokenBucket {
 public:
  /// `per_second` 0: no limit.
  TokenBucket(int64_t per_second, int64_t now);

  /// When some may be taken: `now` or earlier for at once.
  int64_t ReadyAt(int64_t now);
  /// Whole tokens to take without debt, at least one; kint64max without a limit.
  int64_t Allowance(int64_t now);
  void Take(int64_t amount, int64_t now);
  bool limited() const { return rate_ > 0; }

 private:
  void Refill(int64_t now);
  const double rate_;
  const double capacity_;
  double tokens_;
  int64_t last_;
};

}  // namespace millrace::connector::resilience

// Injected random numbers: every choice that chance makes can be replayed from one seed.
#pragma once

#include <cstdint>

namespace millrace {

/// SplitMix64 (Steele, Lea, Flood 2014). Small, seedable, good enough for scheduling,
/// jitter and sampling; not for secrets. Not thread-safe: one per owner.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound); bound > 0. The modulo bias is below 2^-32 for the small
  /// bounds used here.
  uint64_t Below(uint64_t bound) { return Next() % bound; }

  /// Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace millrace

// Draws: random numbers that are a function of their place, so that any row can be made
// without those before it.
#pragma once

#include <cstdint>

namespace millrace::generators {

inline constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ull;

/// The finish of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on
/// every bit of `z`.
inline uint64_t Mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

/// One sequence of 64-bit numbers. At(n) is what base/random.h would give as its number n
/// (from 0) from the same start.
class Draws {
 public:
  /// Sequence number `stream` of `seed`.
  Draws(uint64_t seed, uint64_t stream)
      : base_(Mixed(Mixed(seed + kGolden) + stream * kGolden)) {}
  explicit Draws(uint64_t base) : base_(base) {}

  uint64_t At(int64_t n) const {
    return Mixed(base_ + (static_cast<uint64_t>(n) + 1) * kGolden);
  }

 private:
  uint64_t base_;
};

/// Uniform in [0, bound), by the upper bits; 0 for a bound of 0.
inline int64_t Below(uint64_t bits, int64_t bound) {
  return static_cast<int64_t>(
      static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(bound) >> 64);
}

/// Uniform in [0, 1).
inline double Unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

}  // namespace millrace::generators

// Distributions: values of a given shape from uniform bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "millrace/connectors/generators/draws.h"

namespace millrace::generators::datagen {

/// Standard normal (Box and Muller 1958), from number n of both sequences.
class Normal {
 public:
  Normal(uint64_t seed, uint64_t stream)
      : radius_(seed, stream), angle_(seed, stream + 1) {}
  double At(int64_t n) const {
    const double away = std::sqrt(-2.0 * std::log(1.0 - Unit(radius_.At(n))));
    return away * std::cos(2.0 * std::numbers::pi * Unit(angle_.At(n)));
  }

 private:
  Draws radius_;
  Draws angle_;
};

/// Ranks from 1 to n, rank k with a probability as k to the power of -exponent, by
/// rejection from the inverted integral (Hörmann and Derflinger 1996): no table, whatever
/// n. `exponent` > 0.
class Zipf {
 public:
  Zipf(int64_t n, double exponent)
      : n_(n),
        exponent_(exponent),
        lowest_(Integral(1.5) - 1.0),
        highest_(Integral(static_cast<double>(n) + 0.5)),
        sure_(2.0 - Inverse(Integral(2.5) - Height(2.0))) {}

  /// By as many draws of a sequence as it takes, seldom more than two.
  int64_t Rank(const Draws& draws) const {
    for (int64_t attempt = 0;; ++attempt) {
      const double area = highest_ + Unit(draws.At(attempt)) * (lowest_ - highest_);
      const double x = Inverse(area);
      const auto rank = std::clamp<int64_t>(static_cast<int64_t>(x + 0.5), 1, n_);
      const auto k = static_cast<double>(rank);
      if (k - x <= sure_ || area >= Integral(k + 0.5) - Height(k)) return rank;
    }
  }

 private:
  double Height(double x) const { return std::exp(-exponent_ * std::log(x)); }
  // Of Height from 1 to x.
  double Integral(double x) const {
    const double log = std::log(x), power = (1.0 - exponent_) * log;
    return std::abs(power) < 1e-8 ? log * (1.0 + power / 2.0)
                                  : std::expm1(power) / (1.0 - exponent_);
  }
  double Inverse(double area) const {
    const double t = std::max(-1.0, area * (1.0 - exponent_));
    return std::abs(t) < 1e-8 ? std::exp(area * (1.0 - t / 2.0))
                              : std::exp(std::log1p(t) / (1.0 - exponent_));
  }

  const int64_t n_;
  const double exponent_;
  const double lowest_;
  const double highest_;
  const double sure_;
};

/// A walk of normal steps from 0. It goes in blocks: how far a whole block leads is one
/// draw, and the steps inside are shifted so that they lead there, which leaves them as
/// normal and independent as they were. So row n costs a draw for each block before it,
/// and not one for each row.
class Walk {
 public:
  explicit Walk(uint64_t seed) : steps_(seed, 1), blocks_(seed, 3) {}

  double At(int64_t n) {
    if (n / kBlock != block_) GoTo(n / kBlock);
    return before_ + inside_[static_cast<size_t>(n % kBlock)];
  }

 private:
  static constexpr int64_t kBlock = 1024;

  double Distance(int64_t block) const {
    return blocks_.At(block) * std::sqrt(static_cast<double>(kBlock));
  }
  void GoTo(int64_t block) {
    // Added in the same order always, so that the sum is the same to the last bit.
    if (block < block_ || block_ < 0) {
      block_ = 0;
      before_ = 0;
    }
    for (; block_ < block; ++block_) before_ += Distance(block_);
    inside_.resize(static_cast<size_t>(kBlock) + 1);
    inside_[0] = 0;
    for (int64_t i = 0; i < kBlock; ++i) {
      inside_[static_cast<size_t>(i) + 1] =
          inside_[static_cast<size_t>(i)] + steps_.At(block * kBlock + i);
    }
    const double shift = (Distance(block) - inside_.back()) / static_cast<double>(kBlock);
    for (int64_t i = 0; i <= kBlock; ++i) {
      inside_[static_cast<size_t>(i)] += shift * static_cast<double>(i);
    }
  }

  const Normal steps_;
  const Normal blocks_;
  int64_t block_ = -1;
  double before_ = 0;           // where the block begins
  std::vector<double> inside_;  // from there
};

}  // namespace millrace::generators::datagen

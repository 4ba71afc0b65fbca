// The packed row of a group's statistics.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace millrace::functions {

// A member that takes no room where it is not wanted. `kTag` keeps the empty ones of
// different members apart, as two objects of one type may not share an address.
template <bool kWanted, typename T, int kTag>
struct Field {
  T value;
};
template <typename T, int kTag>
struct Field<false, T, kTag> {};

template <typename T, bool kSum, bool kMin, bool kMax>
struct StatsRow {
  using Value = T;
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  static constexpr bool kFloat = std::is_floating_point_v<T>;

  int64_t count;
  [[no_unique_address]] Field<kSum, Sum, 0> sum;
  [[no_unique_address]] Field<kMin, T, 1> min;
  [[no_unique_address]] Field<kMax, T, 2> max;

  static StatsRow Empty() {
    StatsRow row;
    row.count = 0;
    if constexpr (kSum) row.sum.value = 0;
    // NaN is the greatest value, so the minimum of nothing starts there.
    if constexpr (kMin) {
      row.min.value =
          kFloat ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::max();
    }
    if constexpr (kMax) {
      row.max.value =
          kFloat ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();
    }
    return row;
  }

  static bool Lower(T value, T than) {
    if constexpr (kFloat) return (value < than) | (than != than);
    return value < than;
  }
  static bool Higher(T value, T than) {
    if constexpr (kFloat) return (value > than) | (value != value);
    return value > than;
  }

  /// Add one value; true when the 64-bit sum wrapped round.
  [[gnu::always_inline]] bool Add(T value) {
    ++count;
    bool wrapped = false;
    if constexpr (kSum) {
      if constexpr (kFloat) {
        sum.value += value;
      } else {
        wrapped =
            __builtin_add_overflow(sum.value, static_cast<int64_t>(value), &sum.value);
      }
    }
    if constexpr (kMin) min.value = Lower(value, min.value) ? value : min.value;
    if constexpr (kMax) max.value = Higher(value, max.value) ? value : max.value;
    return wrapped;
  }

  /// Add another row; true when the 64-bit sum wrapped round.
  bool Fold(const StatsRow& other) {
    count += other.count;
    bool wrapped = false;
    if constexpr (kSum) {
      if constexpr (kFloat) {
        sum.value += other.sum.value;
      } else {
        wrapped = __builtin_add_overflow(sum.value, other.sum.value, &sum.value);
      }
    }
    if constexpr (kMin) {
      if (Lower(other.min.value, min.value)) min.value = other.min.value;
    }
    if constexpr (kMax) {
      if (Higher(other.max.value, max.value)) max.value = other.max.value;
    }
    return wrapped;
  }
};

}  // namespace millrace::functions

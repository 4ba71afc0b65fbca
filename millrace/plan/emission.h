// When the results of an aggregation leave it.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::plan {

/// Final results leave once, when their window closes or the input ends. Changes leave
/// while rows come: the results of the groups that rows came to, each `every_micros` of
/// the machine's time at the most, take back the ones before.
struct Emission {
  bool changes = false;
  int64_t every_micros = kDefaultEveryMicros;

  static constexpr int64_t kDefaultEveryMicros = 10'000;
  bool operator==(const Emission&) const = default;
};

}  // namespace millrace::plan

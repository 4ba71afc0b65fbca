// Which seeds the simulations run.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "millrace/base/testing.h"

namespace millrace::engine {

struct Seeds {
  uint64_t from = 0;
  uint64_t count = 0;

  uint64_t end() const { return from + count; }
  /// They are known, and some: what has to happen often does.
  bool usual() const { return from == 0 && count > 1; }
};

/// MILLRACE_SEEDS as "COUNT" or "FROM:COUNT"; without it the first `usual` ones. A test
/// that needs fewer takes one in `part` of the count.
inline Seeds SeedsToRun(uint64_t usual, uint64_t part = 1) {
  const char* value = std::getenv("MILLRACE_SEEDS");
  if (value == nullptr) return {0, usual / part};
  char* end = nullptr;
  const uint64_t first = std::strtoull(value, &end, 10);
  if (*end != ':') return {0, first / part};
  const uint64_t count = std::strtoull(end + 1, nullptr, 10);
  return {first, (count + part - 1) / part};
}

/// For SCOPED_TRACE: the command that runs `seed` of the current test alone.
inline std::string HowToRepeat(uint64_t seed) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("repeat with: MILLRACE_SEEDS={}:1 engine_test --gtest_filter={}.{}",
                     seed, test->test_suite_name(), test->name());
}

}  // namespace millrace::engine

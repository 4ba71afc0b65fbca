// COUNT + SUM + MIN + MAX of int64 by dense group id on one core: millions of rows a
// second. Every result is checked before it is printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <arrow/api.h>

#include "millrace/functions/aggregate/stats_accumulator.h"

namespace millrace::functions {
namespace {

constexpr int64_t kBatch = 1 << 16;
constexpr int64_t kRows = 320 * kBatch;
constexpr int kRounds = 7;

struct Input {
  std::vector<int64_t> values;
  std::vector<uint32_t> ids;
};

Input MakeInput(uint32_t groups, double hot_share) {
  std::mt19937_64 random(42);
  Input input;
  input.values.resize(kRows);
  input.ids.resize(kRows);
  std::uniform_real_distribution<double> share;
  for (int64_t i = 0; i < kRows; ++i) {
    input.values[i] = static_cast<int64_t>(random() % 2'000'001) - 1'000'000;
    input.ids[i] =
        share(random) < hot_share ? groups / 2 : static_cast<uint32_t>(random() % groups);
  }
  return input;
}

Status Check(StatsAccumulator& stats, const Input& input, uint32_t groups) {
  std::vector<int64_t> count(groups), sum(groups);
  std::vector<int64_t> min(groups, INT64_MAX), max(groups, INT64_MIN);
  for (int64_t i = 0; i < kRows; ++i) {
    const uint32_t group = input.ids[i];
    ++count[group];
    sum[group] += input.values[i];
    min[group] = std::min(min[group], input.values[i]);
    max[group] = std::max(max[group], input.values[i]);
  }
  const std::pair<Part, const std::vector<int64_t>*> parts[] = {
      {Part::kCount, &count}, {Part::kSum, &sum}, {Part::kMin, &min}, {Part::kMax, &max}};
  for (const auto& [part, expected] : parts) {
    ARROW_ASSIGN_OR_RAISE(auto array, stats.FinishPart(part, 0, groups));
    const auto& found = static_cast<const arrow::Int64Array&>(*array);
    for (uint32_t group = 0; group < groups; ++group) {
      if (count[group] > 0 && found.Value(group) != (*expected)[group]) {
        return Status::Invalid("wrong result in group ", group);
      }
    }
  }
  return Status::OK();
}

Status Measure(const char* name, uint32_t groups, double hot_share) {
  const Input input = MakeInput(groups, hot_share);
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    ARROW_ASSIGN_OR_RAISE(
        auto stats,
        StatsAccumulator::Make(arrow::int64(),
                               Part::kCount | Part::kSum | Part::kMin | Part::kMax,
                               arrow::system_memory_pool()));
    ARROW_RETURN_NOT_OK(stats->Resize(groups));
    const auto start = std::chrono::steady_clock::now();
    for (int64_t at = 0; at < kRows; at += kBatch) {
      const auto buffer = arrow::Buffer::Wrap(input.values.data() + at, kBatch);
      ARROW_RETURN_NOT_OK(
          stats->Update(arrow::Datum(std::make_shared<arrow::Int64Array>(kBatch, buffer)),
                        input.ids.data() + at, kBatch));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    rates.push_back(kRows / took.count() / 1e6);
    if (round == 0) ARROW_RETURN_NOT_OK(Check(*stats, input, groups));
  }
  std::sort(rates.begin(), rates.end());
  std::printf("%-28s %8.0f M rows/s (median of %d; %0.0f to %0.0f)\n", name,
              rates[rates.size() / 2], kRounds, rates.front(), rates.back());
  return Status::OK();
}

Status Run() {
  ARROW_RETURN_NOT_OK(Measure("5 groups", 5, 0));
  ARROW_RETURN_NOT_OK(Measure("10 k groups", 10'000, 0));
  ARROW_RETURN_NOT_OK(Measure("10 k groups, one 75 % hot", 10'000, 0.75));
  ARROW_RETURN_NOT_OK(Measure("1 M groups", 1'000'000, 0));
  return Measure("1 M groups, one 90 % hot", 1'000'000, 0.9);
}

}  // namespace
}  // namespace millrace::functions

int main() {
  const auto status = millrace::functions::Run();
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

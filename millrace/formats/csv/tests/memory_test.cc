// What records cost in memory once they are columns.
#include <gtest/gtest.h>

#include "millrace/base/memory_budget.h"
#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats::csv {
namespace {

// Ten columns of a usual kind: a key, text, small numbers, states, a time, a flag.
std::string Records(int64_t count) {
  constexpr const char* kCities[] = {"New York", "London", "Tokyo", "Paris", "Berlin"};
  constexpr const char* kStates[] = {"active", "inactive", "pending"};
  std::string text = "id,name,age,city,status,score,created_at,active,category,value\n";
  for (int64_t i = 0; i < count; ++i) {
    text += fmt::format(
        "{},User_{},{},{},{},{}.{:02},2024-01-{:02} 12:{:02}:00,{},cat_{},{}\n", i, i,
        18 + i % 50, kCities[i % 5], kStates[i % 3], i % 100, i % 97, 1 + i % 28, i % 60,
        i % 2 == 0 ? "true" : "false", i % 10, static_cast<double>(i) * 1.5 + 0.25);
  }
  return text;
}

TEST(CsvMemory, TenColumnsTakeAtMost84BytesARecord) {
  for (const int64_t count : {10'000, 100'000}) {
    const auto budget = MemoryBudget::Make(int64_t{1} << 30, ProcessMemoryPool());
    const auto format = MakeCsvFormat();
    ASSERT_OK_AND_ASSIGN(Config config, format->read_options().Parse("csv", {}, {}));
    const Context context{.pool = budget->pool()};
    std::vector<std::shared_ptr<arrow::RecordBatch>> held;
    int64_t rows = 0;
    {
      ASSERT_OK_AND_ASSIGN(
          auto file, format->OpenReader(TextInput(Records(count), "t"), config, nullptr,
                                        nullptr, context));
      ASSERT_OK_AND_ASSIGN(auto ranges, file->Ranges(int64_t{1} << 40));
      ASSERT_EQ(ranges.size(), 1u);
      ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, context));
      for (;;) {
        ASSERT_OK_AND_ASSIGN(ReadResult read, reader->Next({}, Waker()));
        if (read.state == ReadResult::State::kEnd) break;
        rows += read.rows->num_rows();
        held.push_back(std::move(read.rows));
      }
    }
    ASSERT_EQ(rows, count);
    // The reader is gone: what is still charged is the records'.
    const double per_record =
        static_cast<double>(budget->used()) / static_cast<double>(rows);
    EXPECT_LE(per_record, 84.0);
    EXPECT_GE(per_record, 10 * 4.0);  // the budget does count
    RecordProperty("bytes_per_record", fmt::format("{:.1f}", per_record));
  }
}

}  // namespace
}  // namespace millrace::formats::csv

#include <limits>
#include <random>
#include <unordered_map>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/operators/aggregate/group_table.h"

namespace millrace::operators {
namespace {

std::shared_ptr<MemoryBudget> Budget() {
  return MemoryBudget::Make(int64_t{1} << 32, arrow::system_memory_pool());
}

// Ids against a map, over several batches, so that the table changes its form in between.
void ExpectIds(const std::vector<std::vector<int64_t>>& batches) {
  IntegerTable table(Budget());
  std::unordered_map<int64_t, uint32_t> expected;
  for (const auto& keys : batches) {
    std::vector<uint32_t> ids(keys.size());
    ASSERT_OK(table.Map(keys.data(), static_cast<int64_t>(keys.size()), ids.data()));
    for (size_t i = 0; i < keys.size(); ++i) {
      auto [at, fresh] =
          expected.emplace(keys[i], static_cast<uint32_t>(expected.size()));
      ASSERT_EQ(ids[i], at->second) << "key " << keys[i];
      ASSERT_EQ(table.keys()[ids[i]], keys[i]);
    }
  }
  EXPECT_EQ(table.size(), expected.size());
}

TEST(IntegerTable, NegativeKeysFirst) { ExpectIds({{-1}, {-2, -3}, {5, -1, 0}}); }

TEST(IntegerTable, ExtremesOfTheRange) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ExpectIds({{kMax, kMax - 1}, {kMax}, {kMin, kMin + 1, 0}, {kMax, kMin}});
  ExpectIds({{kMin}, {kMin + 3}, {kMax}});
}

TEST(IntegerTable, FromRangeToHashAndOn) {
  std::mt19937_64 random(1);
  std::vector<std::vector<int64_t>> batches(30);
  for (size_t b = 0; b < batches.size(); ++b) {
    for (int i = 0; i < 5000; ++i) {
      batches[b].push_back(b < 5 ? static_cast<int64_t>(random() % 3000)
                                 : static_cast<int64_t>(random() >> (random() % 40)));
    }
  }
  ExpectIds(batches);
}

TEST(IntegerTable, ClearForgets) {
  IntegerTable table(Budget());
  const int64_t keys[] = {7, 8, 7};
  uint32_t ids[3];
  ASSERT_OK(table.Map(keys, 3, ids));
  table.Clear();
  const int64_t others[] = {8, 9, 7};
  ASSERT_OK(table.Map(others, 3, ids));
  EXPECT_EQ(ids[0], 0u);
  EXPECT_EQ(ids[1], 1u);
  EXPECT_EQ(ids[2], 2u);
}

TEST(KeyColumn, NullIsAKeyWhereverItComesFirst) {
  for (int null_at = 0; null_at < 3; ++null_at) {
    ASSERT_OK_AND_ASSIGN(auto column, KeyColumn::Make(arrow::utf8(), Budget()));
    arrow::StringBuilder builder;
    const char* values[] = {"a", "b", "c"};
    for (int i = 0; i < 3; ++i) {
      if (i == null_at) ASSERT_OK(builder.AppendNull());
      ASSERT_OK(builder.Append(values[i]));
    }
    std::shared_ptr<arrow::Array> array;
    ASSERT_OK(builder.Finish(&array));
    uint32_t ids[4], again[4];
    ASSERT_OK(column->Map(*array, ids));
    ASSERT_OK(column->Map(*array, again));
    EXPECT_EQ(column->size(), 4u);
    EXPECT_TRUE(std::equal(ids, ids + 4, again));
    ASSERT_OK_AND_ASSIGN(auto back, column->Values(ids, 4));
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*back);
    for (int64_t i = 0; i < 4; ++i) {
      ASSERT_EQ(dictionary.IsNull(i), array->IsNull(i));
      if (array->IsNull(i)) continue;
      EXPECT_EQ(static_cast<const arrow::StringArray&>(*dictionary.dictionary())
                    .GetView(dictionary.GetValueIndex(i)),
                static_cast<const arrow::StringArray&>(*array).GetView(i));
    }
  }
}

TEST(KeyColumn, NanIsOneKeyAndMinusZeroIsZero) {
  ASSERT_OK_AND_ASSIGN(auto column, KeyColumn::Make(arrow::float64(), Budget()));
  arrow::DoubleBuilder builder;
  const double values[] = {0.0, -0.0, std::nan("1"), std::nan("2"), 1.5};
  ASSERT_OK(builder.AppendValues(values, 5));
  std::shared_ptr<arrow::Array> array;
  ASSERT_OK(builder.Finish(&array));
  uint32_t ids[5];
  ASSERT_OK(column->Map(*array, ids));
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[2], ids[3]);
  EXPECT_EQ(column->size(), 3u);
}

}  // namespace
}  // namespace millrace::operators

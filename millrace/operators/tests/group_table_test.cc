#include <limits>
#include <random>
#include <set>
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

// Forgetting moves tags on instead of clearing entries: what an earlier round left must
// never be taken for a key of this one, in either form and across changes of form.
TEST(IntegerTable, RoundsDontSeeEachOther) {
  std::mt19937_64 random(3);
  IntegerTable table(Budget());
  for (int round = 0; round < 40; ++round) {
    const bool sparse = round % 3 == 1;
    std::unordered_map<int64_t, uint32_t> expected;
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<int64_t> keys(3000);
      std::vector<uint32_t> ids(keys.size());
      for (int64_t& key : keys)
        key = static_cast<int64_t>(sparse ? random() : random() % 5000);
      ASSERT_OK(table.Map(keys.data(), static_cast<int64_t>(keys.size()), ids.data()));
      for (size_t i = 0; i < keys.size(); ++i) {
        auto [at, fresh] =
            expected.emplace(keys[i], static_cast<uint32_t>(expected.size()));
        ASSERT_EQ(ids[i], at->second) << "round " << round;
      }
    }
    ASSERT_EQ(table.size(), expected.size());
    table.Clear();
    ASSERT_EQ(table.size(), 0u);
  }
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

// Dictionaries change from batch to batch, and NULL may be one of their entries.
TEST(KeyColumn, DictionariesOfManyBatchesShareIds) {
  ASSERT_OK_AND_ASSIGN(auto column, KeyColumn::Make(arrow::utf8(), Budget()));
  auto batch = [](const std::vector<const char*>& dictionary,
                  std::vector<int32_t> codes) {
    arrow::StringBuilder texts;
    for (const char* text : dictionary)
      EXPECT_TRUE((text != nullptr ? texts.Append(text) : texts.AppendNull()).ok());
    arrow::Int32Builder indices;
    for (int32_t code : codes)
      EXPECT_TRUE((code >= 0 ? indices.Append(code) : indices.AppendNull()).ok());
    return std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), arrow::utf8()), *indices.Finish(),
        *texts.Finish());
  };
  uint32_t ids[5];
  // "unused" occurs in no row, so it must not become a group.
  ASSERT_OK(column->Map(*batch({"unused", "a", "b"}, {2, 1, 2}), ids));
  EXPECT_EQ(std::vector<uint32_t>(ids, ids + 3), (std::vector<uint32_t>{0, 1, 0}));
  EXPECT_EQ(column->size(), 2u);
  // NULL comes in the middle of a batch, as an entry of the dictionary.
  ASSERT_OK(column->Map(*batch({"a", nullptr, "c"}, {2, 0, 1, 2, 1}), ids));
  EXPECT_EQ(ids[1], 1u);
  EXPECT_EQ(ids[0], ids[3]);
  EXPECT_EQ(ids[2], ids[4]);
  EXPECT_EQ((std::set<uint32_t>{ids[0], ids[1], ids[2]}).size(), 3u);
  EXPECT_EQ(column->size(), 4u);
  // And as a NULL row; "d" is new behind it.
  uint32_t again[3];
  ASSERT_OK(column->Map(*batch({"d", "c"}, {-1, 1, 0}), again));
  EXPECT_EQ(again[0], ids[2]);
  EXPECT_EQ(again[1], ids[0]);
  EXPECT_EQ(again[2], 4u);
  ASSERT_OK_AND_ASSIGN(auto back, column->Values(again, 3));
  const auto& values = static_cast<const arrow::DictionaryArray&>(*back);
  EXPECT_TRUE(values.IsNull(0));
  const auto& texts = static_cast<const arrow::StringArray&>(*values.dictionary());
  EXPECT_EQ(texts.GetView(values.GetValueIndex(1)), "c");
  EXPECT_EQ(texts.GetView(values.GetValueIndex(2)), "d");
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

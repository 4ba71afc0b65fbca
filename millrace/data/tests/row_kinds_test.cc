#include "millrace/data/row_kinds.h"

#include <arrow/array.h>
#include <arrow/builder.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/testing.h"

namespace millrace::data {
namespace {

constexpr auto I = RowKind::kInsert, B = RowKind::kUpdateBefore,
               A = RowKind::kUpdateAfter, D = RowKind::kDelete;

std::shared_ptr<const Changes> ChangesOf(const std::vector<RowKind>& kinds) {
  arrow::Int8Builder builder(ProcessMemoryPool());
  for (const RowKind kind : kinds)
    EXPECT_TRUE(builder.Append(static_cast<int8_t>(kind)).ok());
  auto out = std::make_shared<Changes>();
  EXPECT_TRUE(builder.Finish(&out->kinds).ok());
  return out;
}

std::vector<RowKind> Select(const std::vector<RowKind>& kinds,
                            const std::vector<int32_t>& rows) {
  arrow::Int32Builder builder(ProcessMemoryPool());
  EXPECT_TRUE(builder.AppendValues(rows).ok());
  std::shared_ptr<arrow::Int32Array> chosen;
  EXPECT_TRUE(builder.Finish(&chosen).ok());
  const auto selected =
      SelectChanges(ChangesOf(kinds), *chosen, ProcessMemoryPool()).ValueOrDie();
  std::vector<RowKind> out;
  for (int64_t i = 0; i < selected->kinds->length(); ++i)
    out.push_back(static_cast<RowKind>(selected->kinds->Value(i)));
  return out;
}

TEST(SelectChanges, HalvesOfAnUpdateStayTogetherOrStandAlone) {
  const std::vector<RowKind> kinds = {I, B, A, B, A, D};
  EXPECT_EQ(Select(kinds, {0, 1, 2, 3, 4, 5}), kinds);
  EXPECT_EQ(Select(kinds, {1, 2, 5}), (std::vector<RowKind>{B, A, D}));
  EXPECT_EQ(Select(kinds, {0, 1}), (std::vector<RowKind>{I, D}));
  EXPECT_EQ(Select(kinds, {2, 3}), (std::vector<RowKind>{I, D}));
  // Halves of two updates are no update.
  EXPECT_EQ(Select(kinds, {1, 4}), (std::vector<RowKind>{D, I}));
  EXPECT_EQ(Select(kinds, {}), std::vector<RowKind>());
}

TEST(SelectChanges, RowsOnlyStaySo) {
  const arrow::Int32Array none(0, nullptr);
  EXPECT_EQ(SelectChanges(nullptr, none, ProcessMemoryPool()).ValueOrDie(), nullptr);
}

}  // namespace
}  // namespace millrace::data

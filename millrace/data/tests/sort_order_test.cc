#include "millrace/data/sort_order.h"

#include "millrace/base/error.h"
#include "millrace/base/testing.h"

namespace millrace::data {
namespace {

TEST(SortOrder, IsReadAndWritten) {
  ASSERT_OK_AND_ASSIGN(
      const auto order,
      ParseSortOrder(
          " a,b desc , \"c, \"\"d\"\" desc\" NULLS first,desc DESC nulls LAST"));
  const std::vector<SortColumn> expected = {{"a", false, false},
                                            {"b", true, false},
                                            {"c, \"d\" desc", false, true},
                                            {"desc", true, false}};
  EXPECT_EQ(order, expected);
  EXPECT_EQ(ToText({{"x\"y", true, true}}), "\"x\"\"y\" DESC NULLS FIRST");
  ASSERT_OK_AND_ASSIGN(const auto again, ParseSortOrder(ToText(order)));
  EXPECT_EQ(again, expected);
  ASSERT_OK_AND_ASSIGN(const auto none, ParseSortOrder("  "));
  EXPECT_TRUE(none.empty());
}

TEST(SortOrder, WhatIsNoneIsRefused) {
  for (const char* text : {",a", "a,", "a b", "a NULLS", "a NULLS b", "\"a", "a, b, a",
                           "a DESC ASC", "\"\"", "a NULLS LAST DESC"}) {
    const Status status = ParseSortOrder(text).status();
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_NE(status.ToString().find("MR-1003"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace millrace::data

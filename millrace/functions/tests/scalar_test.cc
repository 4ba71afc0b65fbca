#include "millrace/base/testing.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {
namespace {

TEST(ScalarFunctions, EveryExampleGivesItsResult) {
  Fixture fixture;
  ASSERT_GT(fixture.registry.scalars().size(), 90u);
  for (const expr::ScalarFunction* function : fixture.registry.scalars()) {
    const auto& doc = function->doc;
    EXPECT_FALSE(doc.description.empty()) << doc.name;
    EXPECT_FALSE(doc.signature.empty()) << doc.name;
    EXPECT_FALSE(doc.example.empty()) << doc.name;
    auto value = fixture.Value(doc.example);
    ASSERT_TRUE(value.ok()) << doc.example << ": " << ErrorText(value.status());
    if (function->deterministic) {
      EXPECT_EQ(*value, doc.example_result) << doc.example;
    }
  }
}

}  // namespace
}  // namespace millrace::functions

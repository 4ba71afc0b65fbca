#include <cmath>
#include <filesystem>
#include <fstream>

#include "millrace/base/testing.h"
#include "millrace/expr/errors.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {
namespace {

using Texts = std::vector<std::string>;

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

// DuckDB's `//` is our `/` of integers, and its timezone(zone, time) has the other order.
std::string Translated(std::string sql) {
  if (const size_t at = sql.find("//"); at != std::string::npos) sql.erase(at, 1);
  if (sql.starts_with("timezone(")) {
    const size_t comma = sql.find(", ");
    const std::string zone = sql.substr(9, comma - 9);
    sql = "timezone(" + sql.substr(comma + 2, sql.size() - comma - 3) + ", " + zone + ")";
  }
  return sql;
}

TEST(ScalarFunctions, AgreeWithDuckDb) {
  Fixture fixture;
  // Paths in __FILE__ begin at the root of the sources, above the build folder.
  const auto relative =
      std::filesystem::path(__FILE__).parent_path() / "data" / "scalar_oracle.tsv";
  auto root = std::filesystem::current_path();
  while (!std::filesystem::exists(root / relative) && root != root.parent_path()) {
    root = root.parent_path();
  }
  std::ifstream file(root / relative);
  ASSERT_TRUE(file.good()) << relative;
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string sql = line.substr(0, line.find('\t'));
    const std::string expected = line.substr(line.find('\t') + 1);
    auto found = fixture.Value(Translated(sql));
    ++checked;
    if (expected == "!") {
      EXPECT_FALSE(found.ok()) << sql << " gave " << *found;
      if (found.ok()) continue;
      EXPECT_EQ(ErrorNumber(found.status()) / 100, 35) << sql;
      continue;
    }
    ASSERT_TRUE(found.ok()) << sql << ": " << ErrorText(found.status());
    if (expected[0] == '~') {
      const double wanted = std::stod(expected.substr(1));
      if (std::isfinite(wanted)) {
        EXPECT_NEAR(std::stod(*found), wanted, 1e-12) << sql;
      } else {
        EXPECT_EQ(std::isnan(std::stod(*found)), std::isnan(wanted)) << sql;
        if (std::isinf(wanted)) {
          EXPECT_EQ(std::stod(*found), wanted) << sql;
        }
      }
    } else {
      EXPECT_EQ(*found, expected == "\\N" ? "" : expected) << sql;
    }
  }
  EXPECT_GT(checked, 140);
}

}  // namespace
}  // namespace millrace::functions

#include "millrace/sql/keywords.h"

#include <algorithm>
#include <array>

namespace millrace::sql {

namespace {

// Each list is sorted, for the binary search below.
// clang-format off
constexpr auto kReserved = std::to_array<std::string_view>({
    "AND", "AS", "BETWEEN", "CASE", "CREATE", "CROSS", "DISTINCT", "ELSE", "END",
    "EXCEPT", "EXISTS", "FALSE", "FROM", "GROUP", "HAVING", "ILIKE", "IN", "INNER",
    "INSERT", "INTERSECT", "INTO", "IS", "JOIN", "LIKE", "LIMIT", "NOT", "NULL", "ON",
    "OR", "ORDER", "SELECT", "THEN", "TRUE", "UNION", "USING", "VALUES", "WHEN",
    "WHERE",
});
// clang-format on

// clang-format off
constexpr auto kReservedAsAlias = std::to_array<std::string_view>({
    "ASC", "AT", "DESC", "EMIT", "ESCAPE", "EXPIRE", "FETCH", "FILTER", "FOR", "FULL",
    "GRACE", "GROUPS", "ISNULL", "LATE", "LEFT", "NATURAL", "NOTNULL", "NULLS",
    "OFFSET", "OVER", "PARTITION", "PRIMARY", "QUALIFY", "RANGE", "RIGHT", "ROWS",
    "SESSION", "STRATEGY", "TABLE", "VERSION", "WINDOW", "WITH", "WITHIN",
});
// clang-format on

// Words that begin a special form of expression, table or clause although a column may
// have their name.
// clang-format off
constexpr auto kSpecial = std::to_array<std::string_view>({
    "ALL", "ANALYZE", "ANY", "ARRAY", "BLOB", "BOTH", "CAST", "CONSTRAINT", "CUBE",
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DATE", "DESCRIPTOR",
    "EXTRACT", "GROUPING", "IF", "INTERVAL", "JSON", "LATERAL", "LEADING",
    "LOCALTIMESTAMP", "MAP", "OVERWRITE", "PERIOD", "POSITION", "PRECISION",
    "RECURSIVE", "REPLACE", "ROLLUP", "ROW", "SETS", "SOME", "STRUCT", "SUBSTRING",
    "SYSTEM_TIME", "TEMP", "TEMPORARY", "TIME", "TIMESTAMP", "TIMESTAMPTZ",
    "TIMESTAMP_LTZ", "TRAILING", "TRIM", "TRY_CAST", "TUMBLING", "UNBOUNDED",
    "WATERMARK", "WATERMARKS", "ZONE",
});
// clang-format on

// clang-format off
constexpr auto kOther = std::to_array<std::string_view>({
    "ADD", "AFTER", "BUFFER", "BY", "CASCADE", "CHANGES", "CLOSE", "COLUMNS",
    "CONNECTORS", "CUMULATE", "CUMULATING", "CURRENT", "DELETE", "DEPLOY", "DESCRIBE",
    "DROP", "ENFORCED", "EVERY", "EXPLAIN", "FINAL", "FIRST", "FOLLOWING", "FUNCTIONS",
    "HOP", "INACTIVITY", "JOB", "JOBS", "KEY", "LAST", "MATERIALIZED", "METADATA",
    "METRICS", "NEVER", "OUTER", "PARTITIONS", "PAUSE", "PRECEDING", "PROPERTIES",
    "RECORD", "RESET", "RESUME", "ROLLBACK", "SCHEMA", "SET", "SHOW", "SINK", "SINKS",
    "SLIDING", "SOURCE", "SOURCES", "START", "STATUS", "STOP", "STREAM", "STREAMS",
    "SUMMARIZE", "TABLES", "TOPICS", "TUMBLE", "UPDATE", "VERSIONS", "VIEW", "VIEWS",
});
// clang-format on

template <size_t N>
bool Contains(const std::array<std::string_view, N>& sorted, std::string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

char UpperChar(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char LowerChar(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr size_t kKeywordCount =
    kReserved.size() + kReservedAsAlias.size() + kSpecial.size() + kOther.size();

constexpr std::array<std::string_view, kKeywordCount> JoinLists() {
  std::array<std::string_view, kKeywordCount> all{};
  size_t next = 0;
  for (std::string_view word : kReserved) all[next++] = word;
  for (std::string_view word : kReservedAsAlias) all[next++] = word;
  for (std::string_view word : kSpecial) all[next++] = word;
  for (std::string_view word : kOther) all[next++] = word;
  return all;
}

constexpr std::array<std::string_view, kKeywordCount> kAll = JoinLists();

static_assert(std::is_sorted(kReserved.begin(), kReserved.end()));
static_assert(std::is_sorted(kReservedAsAlias.begin(), kReservedAsAlias.end()));
static_assert(std::is_sorted(kSpecial.begin(), kSpecial.end()));

}  // namespace

bool IsReserved(std::string_view word) { return Contains(kReserved, word); }

bool IsReservedAsAlias(std::string_view word) {
  return Contains(kReserved, word) || Contains(kReservedAsAlias, word);
}

bool NeedsQuotes(std::string_view word) {
  return IsReservedAsAlias(word) || Contains(kSpecial, word);
}

std::span<const std::string_view> AllKeywords() { return kAll; }

std::string ToUpper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), UpperChar);
  return out;
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), LowerChar);
  return out;
}

bool EqualsIgnoreCase(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [](char a, char b) { return LowerChar(a) == LowerChar(b); });
}

}  // namespace millrace::sql

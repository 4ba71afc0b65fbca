// What the grammar takes, the tree it makes, and the canonical text it prints.
#include "millrace/sql/parser.h"

#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/types.h"

namespace millrace::sql {
namespace {

std::string Canonical(std::string_view text) {
  const Result<Script> script = Parse(text);
  return script.ok() ? ToSql(*script) : ErrorText(script.status());
}

// The canonical text of a statement, and that it is a fixed point.
void ExpectText(std::string_view text, std::string expected) {
  expected += ";\n";
  EXPECT_EQ(Canonical(text), expected);
  EXPECT_EQ(Canonical(expected), expected);
}

std::string CanonicalExpression(std::string_view text) {
  const Result<ExpressionPtr> expression = ParseExpression(text);
  return expression.ok() ? ToSql(**expression) : ErrorText(expression.status());
}

void ExpectExpression(std::string_view text, const std::string& expected) {
  EXPECT_EQ(CanonicalExpression(text), expected);
  EXPECT_EQ(CanonicalExpression(expected), expected);
}

TEST(ParseExpression, Precedence) {
  ExpectExpression("a or b and not c = d", "a OR b AND NOT c = d");
  ExpectExpression("(a or b) and c", "(a OR b) AND c");
  ExpectExpression("1 + 2 * 3 - (4 - 5)", "1 + 2 * 3 - (4 - 5)");
  ExpectExpression("(1 + 2) * 3", "(1 + 2) * 3");
  ExpectExpression("a || b = c || d", "a || b = c || d");
  ExpectExpression("-a + -b", "-a + -b");
  ExpectExpression("- - 5", "-(-5)");
  ExpectExpression("-x::int", "-CAST(x AS INTEGER)");
  ExpectExpression("a and (b and c)", "a AND (b AND c)");
  ExpectExpression("a = b is null", "a = b IS NULL");
  ExpectExpression("not a in (1, 2)", "NOT a IN (1, 2)");
  ExpectExpression("a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b");
  ExpectExpression("a not between 1 + 1 and 2 * 2", "a NOT BETWEEN 1 + 1 AND 2 * 2");
  ExpectExpression("ts at time zone 'UTC' + interval '1' day",
                   "ts AT TIME ZONE 'UTC' + INTERVAL '1' DAY");
}

TEST(ParseExpression, LeftAssociativeTree) {
  ASSERT_OK_AND_ASSIGN(ExpressionPtr minus, ParseExpression("1 - 2 - 3"));
  const auto* outer = minus->As<Binary>();
  ASSERT_NE(outer, nullptr);
  EXPECT_EQ(outer->right->As<Literal>()->text, "3");
  const auto* inner = outer->left->As<Binary>();
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->left->As<Literal>()->text, "1");
  EXPECT_EQ(minus->depth, 3);
}

TEST(ParseExpression, AndIsOneNode) {
  ASSERT_OK_AND_ASSIGN(ExpressionPtr all, ParseExpression("a AND b AND c AND d"));
  EXPECT_EQ(all->As<Logical>()->terms.size(), 4U);
  EXPECT_EQ(all->depth, 2);
}

TEST(ParseExpression, Literals) {
  ExpectExpression("'it''s'", "'it''s'");
  ExpectExpression("E'a\\tb\\u00e9\\x41'", "'a\tb\xC3\xA9\x41'");
  ExpectExpression("x'dead'", "X'DEAD'");
  ExpectExpression("1.50 + .5 + 1e3", "1.50 + .5 + 1e3");
  ExpectExpression("true and null", "TRUE AND NULL");
  ExpectExpression("DATE '2024-02-29'", "DATE '2024-02-29'");
  ExpectExpression("timestamp '2024-01-01 10:00:00'", "TIMESTAMP '2024-01-01 10:00:00'");
  ExpectExpression("INTERVAL '5 minutes'", "INTERVAL '5' MINUTE");
  ExpectExpression("INTERVAL '5' MINUTES", "INTERVAL '5' MINUTE");
  ExpectExpression("INTERVAL 90 SECOND", "INTERVAL '90' SECOND");
  ExpectExpression("INTERVAL '1:30' MINUTE TO SECOND", "INTERVAL '90' SECOND");
  ExpectExpression("INTERVAL '1 day 02:00:00'", "INTERVAL '1 day 2 hour'");
  ExpectExpression("INTERVAL '1.5' HOUR", "INTERVAL '90' MINUTE");
  ExpectExpression("INTERVAL '2' WEEK", "INTERVAL '14' DAY");
  ExpectExpression("INTERVAL '18' MONTH", "INTERVAL '18' MONTH");
  ExpectExpression("INTERVAL '-5' MINUTE", "INTERVAL '-5' MINUTE");
  ExpectExpression("5m", "INTERVAL '5' MINUTE");
  ExpectExpression("1h30m", "INTERVAL '90' MINUTE");
  ExpectExpression("250ms", "INTERVAL '250' MILLISECOND");
}

TEST(ParseExpression, ForcedForms) {
  ExpectExpression("CAST(a AS decimal(10,2))", "CAST(a AS DECIMAL(10, 2))");
  ExpectExpression("try_cast('x' as int)", "TRY_CAST('x' AS INTEGER)");
  ExpectExpression("EXTRACT(year FROM ts)", "EXTRACT('year', ts)");
  ExpectExpression("POSITION('b' IN 'abc')", "POSITION('b', 'abc')");
  ExpectExpression("POSITION('b', 'abc')", "POSITION('b', 'abc')");
  ExpectExpression("SUBSTRING(x FROM 2 FOR 3)", "SUBSTRING(x, 2, 3)");
  ExpectExpression("substring(x, 2)", "SUBSTRING(x, 2)");
  ExpectExpression("TRIM(BOTH 'x' FROM y)", "TRIM(y, 'x')");
  ExpectExpression("TRIM(LEADING FROM y)", "LTRIM(y)");
  ExpectExpression("CASE WHEN a THEN 1 END", "CASE WHEN a THEN 1 END");
  ExpectExpression("CASE x WHEN 1 THEN 'a' ELSE 'b' END",
                   "CASE x WHEN 1 THEN 'a' ELSE 'b' END");
  ExpectExpression("a IS NOT DISTINCT FROM b", "a IS NOT DISTINCT FROM b");
  ExpectExpression("a is not true", "a IS NOT TRUE");
  ExpectExpression("a ~* 'x' and b !~ 'y'", "a ~* 'x' AND b !~ 'y'");
  ExpectExpression("a like 'x!%' escape '!'", "a LIKE 'x!%' ESCAPE '!'");
  ExpectExpression("a[1].b", "a[1].b");
  ExpectExpression("(s).f", "(s).f");
  ExpectExpression("ARRAY[1, 2]", "[1, 2]");
  ExpectExpression("MAP['a', 1]", "MAP {'a': 1}");
  ExpectExpression("{'a': 1, b: x}", "{'a': 1, 'b': x}");
  ExpectExpression("(a, b) IN ((1, 2))", "ROW(a, b) IN (ROW(1, 2))");
  ExpectExpression("x = ANY (SELECT 1)", "x = ANY (SELECT 1)");
  ExpectExpression("x IN ((SELECT 1), 2)", "x IN ((SELECT 1), 2)");
  ExpectExpression("((SELECT 1) + 2)", "(SELECT 1) + 2");
  ExpectExpression("NOT EXISTS (SELECT 1)", "NOT EXISTS (SELECT 1)");
  ExpectExpression("current_timestamp", "CURRENT_TIMESTAMP()");
}

TEST(ParseExpression, Calls) {
  ExpectExpression("count(*)", "COUNT(*)");
  ExpectExpression("count(distinct a) filter (where b > 1)",
                   "COUNT(DISTINCT a) FILTER (WHERE b > 1)");
  ExpectExpression("string_agg(a, ',' order by b desc nulls last)",
                   "STRING_AGG(a, ',' ORDER BY b DESC NULLS LAST)");
  ExpectExpression("left(a, 2)", "LEFT(a, 2)");
  ExpectExpression("percentile_cont(0.5) within group (order by x)",
                   "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)");
  ExpectExpression(
      "AVG(p) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY s ORDER BY ts ROWS BETWEEN "
      "50 PRECEDING AND CURRENT ROW EMIT EVERY RECORD EXPIRE AFTER INTERVAL '5' MINUTE "
      "INACTIVITY)",
      "AVG(p) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY s ORDER BY ts ROWS BETWEEN "
      "50 PRECEDING AND CURRENT ROW EMIT EVERY RECORD EXPIRE AFTER INTERVAL '5' MINUTE "
      "INACTIVITY)");
  ExpectExpression(
      "sum(x) over (partition by k range between interval '1' hour "
      "preceding and unbounded following)",
      "SUM(x) OVER (PARTITION BY k RANGE BETWEEN INTERVAL '1' HOUR "
      "PRECEDING AND UNBOUNDED FOLLOWING)");
  ExpectExpression("lag(x) ignore nulls over w", "LAG(x) IGNORE NULLS OVER w");
}

// Keywords that people use as column names.
TEST(ParseExpression, NamesThatAreKeywords) {
  ExpectExpression("value + key + name + window_start + first + row_number",
                   "value + key + name + window_start + first + row_number");
  ExpectExpression("date > timestamp", "\"date\" > \"timestamp\"");
  ExpectExpression("\"Sum of x\" + `b c` + \"plain\"", "\"Sum of x\" + \"b c\" + plain");
  ExpectExpression("t.select", "t.\"select\"");
  ExpectExpression("\"a\"\"b\"", "\"a\"\"b\"");
  ExpectText("SELECT late, emit, within FROM offset",
             "SELECT \"late\", \"emit\", \"within\" FROM \"offset\"");
}

TEST(ParseQuery, Standard) {
  ExpectText("select 1", "SELECT 1");
  ExpectText("SELECT a x, b AS y, * FROM t WHERE a > 1",
             "SELECT a AS x, b AS y, * FROM t WHERE a > 1");
  ExpectText("SELECT t.* EXCEPT (a) REPLACE (b + 1 AS b) FROM 'd/*.parquet' t",
             "SELECT t.* EXCEPT (a) REPLACE (b + 1 AS b) FROM 'd/*.parquet' AS t");
  ExpectText("WITH a AS (SELECT 1), b(x) AS (SELECT 2) SELECT * FROM a, b",
             "WITH a AS (SELECT 1), b (x) AS (SELECT 2) SELECT * FROM a, b");
  ExpectText("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(i, s)",
             "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (i, s)");
  ExpectText(
      "SELECT * FROM a INNER JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (k, l) "
      "CROSS JOIN d",
      "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (k, l) CROSS JOIN d");
  ExpectText("SELECT * FROM a JOIN (b JOIN c ON b.i = c.i) ON a.i = b.i",
             "SELECT * FROM a JOIN (b JOIN c ON b.i = c.i) ON a.i = b.i");
  ExpectText("SELECT * FROM o JOIN s WITHIN INTERVAL '5' MINUTE ON o.id = s.id",
             "SELECT * FROM o JOIN s WITHIN INTERVAL '5' MINUTE ON o.id = s.id");
  ExpectText("SELECT * FROM o JOIN s ON o.id = s.id WITHIN 5m",
             "SELECT * FROM o JOIN s WITHIN INTERVAL '5' MINUTE ON o.id = s.id");
  ExpectText(
      "SELECT a, count(*) FROM t GROUP BY 1, ROLLUP (b, (c, d)), GROUPING SETS "
      "((a, b), ()) HAVING count(*) > 1 ORDER BY 2 DESC NULLS FIRST, a LIMIT 10 "
      "OFFSET 5",
      "SELECT a, COUNT(*) FROM t GROUP BY 1, ROLLUP ((b), (c, d)), GROUPING SETS "
      "((a, b), ()) HAVING COUNT(*) > 1 ORDER BY 2 DESC NULLS FIRST, a LIMIT 10 "
      "OFFSET 5");
  ExpectText("SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 ORDER BY 1",
             "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 ORDER BY 1");
  ExpectText("SELECT 1 LIMIT 1 UNION SELECT 2", "(SELECT 1 LIMIT 1) UNION SELECT 2");
  ExpectText("SELECT DISTINCT ON (a) a, b FROM t QUALIFY x = 1",
             "SELECT DISTINCT ON (a) a, b FROM t QUALIFY x = 1");
}

TEST(ParseQuery, WindowForms) {
  const std::string tail = "SELECT k, COUNT(*) FROM t GROUP BY k WINDOW ";
  ExpectText(tail + "TUMBLING(5m)", tail + "TUMBLING(INTERVAL '5' MINUTE)");
  ExpectText(tail + "TUMBLING(INTERVAL '5' MINUTE)",
             tail + "TUMBLING(INTERVAL '5' MINUTE)");
  ExpectText(tail + "TUMBLING(ts, INTERVAL '5' MINUTE)",
             tail + "TUMBLING(ts, INTERVAL '5' MINUTE)");
  ExpectText(tail + "TUMBLING(5m, t.ts)", tail + "TUMBLING(t.ts, INTERVAL '5' MINUTE)");
  ExpectText(tail + "SLIDING(ts, 10m, 2m)",
             tail + "SLIDING(ts, INTERVAL '10' MINUTE, INTERVAL '2' MINUTE)");
  ExpectText(tail + "SESSION(ts, 30s, user_id)",
             tail + "SESSION(ts, INTERVAL '30' SECOND, user_id)");
  ExpectText(tail + "CUMULATING(1m, 1h)",
             tail + "CUMULATING(INTERVAL '1' MINUTE, INTERVAL '1' HOUR)");
  ExpectText(tail + "TUMBLING PARTITION BY s EVERY 5 MINUTES",
             tail + "TUMBLING PARTITION BY s EVERY INTERVAL '5' MINUTE");
  ExpectText(tail +
                 "TUMBLING(1d) OFFSET 6h TIME ZONE 'Europe/Berlin' GRACE PERIOD 1m "
                 "EMIT FINAL LATE INTO dlq",
             tail +
                 "TUMBLING(INTERVAL '1' DAY) OFFSET INTERVAL '6' HOUR TIME ZONE "
                 "'Europe/Berlin' GRACE PERIOD INTERVAL '1' MINUTE EMIT FINAL LATE "
                 "INTO dlq");
  // HAVING on either side of WINDOW.
  ExpectText("SELECT k FROM t GROUP BY k WINDOW TUMBLING(5m) HAVING k > 1 EMIT CHANGES",
             "SELECT k FROM t GROUP BY k HAVING k > 1 WINDOW TUMBLING(INTERVAL '5' "
             "MINUTE) EMIT CHANGES");
  ExpectText("SELECT rank() OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)",
             "SELECT RANK() OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)");
}

TEST(ParseQuery, TableFunctions) {
  ExpectText(
      "SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' "
      "MINUTES, INTERVAL '1' MINUTE)) w",
      "SELECT * FROM TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' MINUTE, "
      "INTERVAL '1' MINUTE) AS w");
  ExpectText("SELECT * FROM TUMBLE(TABLE 'b.csv', DESCRIPTOR(ts), 2s)",
             "SELECT * FROM TUMBLE(TABLE 'b.csv', DESCRIPTOR(ts), INTERVAL '2' SECOND)");
  ExpectText("SELECT * FROM HOP(bids, ts, 2s, 10s)",
             "SELECT * FROM HOP(bids, ts, INTERVAL '2' SECOND, INTERVAL '10' SECOND)");
  ExpectText("SELECT * FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), 5m)",
             "SELECT * FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL "
             "'5' MINUTE)");
}

TEST(ParseStatement, Create) {
  ExpectText(
      "CREATE SOURCE bids (id BIGINT NOT NULL, price decimal(10,2), t TIMESTAMP(3) "
      "WITH TIME ZONE, PRIMARY KEY (id) NOT ENFORCED, WATERMARK FOR t AS t - "
      "INTERVAL '4' SECOND) WITH (connector = 'files', 'path' = 'x.csv', "
      "csv.delimiter = ';', retries = 3, on = true, wait = 5s,)",
      "CREATE SOURCE bids (id BIGINT NOT NULL, price DECIMAL(10, 2), t "
      "TIMESTAMP(3) WITH TIME ZONE, PRIMARY KEY (id), WATERMARK FOR t AS t - "
      "INTERVAL '4' SECOND) WITH ('connector' = 'files', 'path' = 'x.csv', "
      "'csv.delimiter' = ';', 'retries' = '3', 'on' = 'true', 'wait' = '5s')");
  ExpectText(
      "CREATE STREAM IF NOT EXISTS s AS SELECT a PRIMARY KEY FROM t WITH "
      "('s.type' = 'kafka_sink')",
      "CREATE STREAM IF NOT EXISTS s WITH ('s.type' = 'kafka_sink') AS SELECT a "
      "PRIMARY KEY FROM t");
  ExpectText(
      "create sink s (a BIGINT check (a > 0) not null, check BIGINT, constraint low "
      "check (a < b and b < 9), check(b IS NULL)) with (connector = files)",
      "CREATE SINK s (a BIGINT NOT NULL, check BIGINT, CHECK (a > 0), CONSTRAINT low "
      "CHECK (a < b AND b < 9), CHECK (b IS NULL)) WITH ('connector' = 'files')");
  ExpectText("CREATE OR REPLACE TABLE t AS SELECT 1",
             "CREATE OR REPLACE TABLE t AS "
             "SELECT 1");
  ExpectText("create view v as (select 1) union all select 2",
             "CREATE VIEW v AS (SELECT 1) UNION ALL SELECT 2");
}

TEST(ParseStatement, Others) {
  ExpectText("INSERT INTO t (a, b) VALUES (1, 2), (3, 4)",
             "INSERT INTO t (a, b) VALUES (1, 2), (3, 4)");
  ExpectText("insert into 'out.parquet' select * from t",
             "INSERT INTO 'out.parquet' SELECT * FROM t");
  ExpectText("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE SELECT 1");
  ExpectText("explain watermark select 1", "EXPLAIN WATERMARK SELECT 1");
  ExpectText("DESCRIBE t", "DESCRIBE t");
  ExpectText("SUMMARIZE 'a.csv'", "SUMMARIZE 'a.csv'");
  ExpectText("SHOW FUNCTIONS LIKE 'a%'", "SHOW FUNCTIONS LIKE 'a%'");
  ExpectText("DROP TABLE IF EXISTS a.b", "DROP TABLE IF EXISTS a.b");
  ExpectText("SET memory = '4GB'", "SET 'memory' = '4GB'");
  ExpectText("DEPLOY JOB j VERSION '2' AS SELECT 1 STRATEGY CANARY(10)",
             "DEPLOY JOB j VERSION '2' AS SELECT 1 STRATEGY CANARY(10)");
  ExpectText("SELECT a FROM t EMIT EVERY 1s INTO s WITH ('a' = 'b')",
             "SELECT a FROM t EMIT EVERY INTERVAL '1' SECOND INTO s WITH ('a' = 'b')");
}

TEST(ParseScript, CommentsAndAnnotations) {
  ASSERT_OK_AND_ASSIGN(Script script, Parse("-- @job_mode: simple\n"
                                            "-- plain remark\n"
                                            "SELECT 1 -- @inside: x\n"
                                            "; /* two /* nested */ */\n"
                                            "-- @batch_size: 100\n"
                                            "SELECT 2;"));
  ASSERT_EQ(script.statements.size(), 2U);
  ASSERT_EQ(script.statements[0]->annotations.size(), 1U);
  EXPECT_EQ(script.statements[0]->annotations[0].name, "job_mode");
  EXPECT_EQ(script.statements[0]->annotations[0].value, "simple");
  ASSERT_EQ(script.statements[1]->annotations.size(), 1U);
  EXPECT_EQ(script.statements[1]->annotations[0].value, "100");
  EXPECT_EQ(script.statements[1]->where.line, 6);
  EXPECT_EQ(ToSql(script),
            "-- @job_mode: simple\nSELECT 1;\n-- @batch_size: 100\nSELECT 2;\n");
}

TEST(ParseTypes, ToArrow) {
  const auto expect = [](const char* name, std::shared_ptr<arrow::DataType> type) {
    ASSERT_OK_AND_ASSIGN(std::shared_ptr<arrow::DataType> parsed, ParseType(name));
    EXPECT_TRUE(parsed->Equals(*type)) << name << " gave " << parsed->ToString();
    ASSERT_OK_AND_ASSIGN(std::shared_ptr<arrow::DataType> again,
                         ParseType(TypeToSql(*parsed)));
    EXPECT_TRUE(again->Equals(*type)) << TypeToSql(*parsed);
  };
  expect("BIGINT", arrow::int64());
  expect("double precision", arrow::float64());
  expect("VARCHAR(10)", arrow::utf8());
  expect("DECIMAL(20, 4)", arrow::decimal128(20, 4));
  expect("DECIMAL(50, 4)", arrow::decimal256(50, 4));
  expect("NUMERIC(5)", arrow::decimal128(5, 0));
  expect("TIMESTAMP", arrow::timestamp(arrow::TimeUnit::MICRO));
  expect("TIMESTAMP(3)", arrow::timestamp(arrow::TimeUnit::MILLI));
  expect("TIMESTAMP(9) WITH LOCAL TIME ZONE",
         arrow::timestamp(arrow::TimeUnit::NANO, "UTC"));
  expect("TIMESTAMP WITHOUT TIME ZONE", arrow::timestamp(arrow::TimeUnit::MICRO));
  expect("TIMESTAMPTZ", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"));
  expect("INT[]", arrow::list(arrow::int32()));
  expect("ARRAY<ARRAY<TEXT>>", arrow::list(arrow::list(arrow::utf8())));
  expect("MAP<VARCHAR, BIGINT>", arrow::map(arrow::utf8(), arrow::int64()));
  expect("ROW(a INT, \"b c\" TEXT)",
         arrow::struct_(
             {arrow::field("a", arrow::int32()), arrow::field("b c", arrow::utf8())}));
}

// --- errors -------------------------------------------------------------------------

void ExpectError(std::string_view text, int32_t number, int32_t line, int32_t column,
                 const std::string& part) {
  const Status status = Parse(text).status();
  ASSERT_FALSE(status.ok()) << text;
  EXPECT_EQ(ErrorNumber(status), number) << ErrorText(status);
  const ErrorDetail* detail = ErrorDetail::Of(status);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->where().line, line) << ErrorText(status);
  EXPECT_EQ(detail->where().column_number, column) << ErrorText(status);
  EXPECT_NE(ErrorText(status).find(part), std::string::npos) << ErrorText(status);
}

TEST(ParseErrors, WhereFoundExpected) {
  ExpectError("SELEC 1", 3001, 1, 1, "did you mean SELECT?");
  ExpectError("SELECT a FORM t", 3001, 1, 15, "did you mean FROM instead of FORM?");
  ExpectError("SELECT\n  a,\n  b +\nFROM t", 3001, 4, 1, "found FROM");
  ExpectError("SELECT 1 +", 3001, 1, 11, "found the end of the text, expected an expr");
  ExpectError("SELECT (1", 3001, 1, 10, "expected )");
  ExpectError("SELECT a FROM t GRUOP BY a", 3001, 1, 23, "GROUP");
  ExpectError("SELECT CASE WHEN 1 THEN 2", 3001, 1, 26, "WHEN, ELSE or END");
  ExpectError("SELECT a FROM t JOIN u", 3001, 1, 23, "expected ON or USING");
  ExpectError("SELECT 'abc", 3002, 1, 8, "string begins here");
  ExpectError("SELECT 1 /* x", 3002, 1, 10, "comment begins here");
  ExpectError("SELECT \"\xC3\xA9\", #", 3003, 1, 13, "found #");
  ExpectError("SELECT \x01", 3003, 1, 8, "0x01");
  ExpectError("SELECT 1;\nSELECT '\xFF'", 3003, 2, 1, "UTF-8");
  ExpectError("SELECT 5abc", 3004, 1, 8, "5abc");
  ExpectError("SELECT INTERVAL '5' PARSEC", 3004, 1, 17, "not an interval");
  ExpectError("SELECT INTERVAL '99999999999999999999' DAY", 3004, 1, 17, "interval");
  ExpectError("SELECT CAST(1 AS BIGNIT)", 3006, 1, 18, "did you mean BIGINT?");
  ExpectError("SELECT CAST(1 AS DECIMAL(99))", 3004, 1, 25, "1 to 76 digits");
  ExpectError("SELECT 1 LIMIT 1 LIMIT 2", 3007, 1, 18, "LIMIT");
  ExpectError("SELECT a FROM t WINDOW SLIDING(10m)", 3001, 1, 31, "two: the size and");
  ExpectError("CREATE TABLE t (a INT, A INT)", 3007, 1, 24, "column A");
  ExpectError("CREATE TABLE t WITH (a = 1, a = 2)", 3007, 1, 29, "property a");
}

TEST(ParseErrors, DepthIsLimited) {
  const auto nested = [](int n, const std::string& open, const std::string& close) {
    std::string text = "SELECT ";
    for (int i = 0; i < n; ++i) text += open;
    text += "1";
    for (int i = 0; i < n; ++i) text += close;
    return text;
  };
  EXPECT_TRUE(Parse(nested(100, "(", ")")).ok());
  for (const char* open : {"(", "- ", "NOT ", "[", "CASE WHEN ", "f(", "(SELECT ",
                           "x IN (", "position(", "EXISTS (SELECT "}) {
    EXPECT_EQ(ErrorNumber(Parse(nested(20000, open, "")).status()), 3005) << open;
  }
  std::string types = "SELECT CAST(1 AS ";
  for (int i = 0; i < 20000; ++i) types += "ARRAY<";
  EXPECT_EQ(ErrorNumber(Parse(types).status()), 3005);
  std::string sum = "SELECT 1";
  for (int i = 0; i < 20000; ++i) sum += " + 1";
  EXPECT_EQ(ErrorNumber(Parse(sum).status()), 3005);
  std::string unions = "SELECT 1";
  for (int i = 0; i < 20000; ++i) unions += " UNION SELECT 1";
  EXPECT_EQ(ErrorNumber(Parse(unions).status()), 3005);
  std::string joins = "SELECT 1 FROM a";
  for (int i = 0; i < 20000; ++i) joins += " CROSS JOIN b";
  EXPECT_EQ(ErrorNumber(Parse(joins).status()), 3005);
  // Long but flat is fine.
  std::string flat = "SELECT 1 WHERE a = 0";
  for (int i = 0; i < 20000; ++i) flat += " OR a = 1";
  EXPECT_TRUE(Parse(flat).ok());
}

}  // namespace
}  // namespace millrace::sql

// Plans of representative statements.
#include "millrace/sql/planner.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/values_node.h"
#include "millrace/sql/parser.h"
#include "millrace/sql/tests/planner_fixture.h"

namespace millrace::sql {
namespace {

class Planner : public testing::Test, public PlannerFixture {
 public:
  void Expect(const std::string& sql, const std::string& plan, bool optimize = true) {
    EXPECT_EQ(Explain(sql, optimize), plan) << sql;
  }
  // Rules keep the names and types of what they rewrite.
  void ExpectSameSchema(const std::string& sql) {
    ASSERT_OK_AND_ASSIGN(PlannedStatement plain, Statement(sql, false));
    ASSERT_OK_AND_ASSIGN(PlannedStatement optimized, Statement(sql, true));
    EXPECT_TRUE(plain.root->schema()->Equals(*optimized.root->schema()))
        << sql << "\n"
        << plain.root->schema()->ToString() << "\n"
        << optimized.root->schema()->ToString();
  }

  std::string last_;
  std::string Columns(const std::string& sql) {
    const Result<PlannedStatement> planned = Statement(sql);
    if (!planned.ok()) return ErrorText(planned.status());
    std::string out;
    for (const auto& field : planned->root->schema()->fields()) {
      out += (out.empty() ? "" : ", ") + field->name() + " " + field->type()->ToString();
    }
    return out;
  }
};

TEST_F(Planner, BindsWithoutOptimizing) {
  Expect("SELECT id, amount * 2 AS twice FROM orders WHERE qty > 3 AND amount > 1 + 1",
         "project id#0 as id, (amount#2 * CAST(2 AS DOUBLE)) as twice\n"
         "  filter ((qty#3 > 3) AND (amount#2 > CAST((1 + 1) AS DOUBLE)))\n"
         "    scan orders (id, customer, amount, qty, ts)\n",
         false);
}

TEST_F(Planner, FoldsPushesAndPrunes) {
  Expect("SELECT id, amount * 2 AS twice FROM orders WHERE qty > 3 AND amount > 1 + 1",
         "project id#0 as id, (amount#1 * 2::DOUBLE) as twice\n"
         "  filter ((qty#2 > 3) AND (amount#1 > 2::DOUBLE))\n"
         "    scan orders (id, amount, qty) where qty > 3\n");
  // A condition that is always true costs nothing.
  Expect("SELECT id FROM orders WHERE 1 = 1", "scan orders (id)\n");
  // Through subqueries, the outer condition after the inner one.
  Expect(
      "SELECT k FROM (SELECT id + 1 AS k, qty FROM orders WHERE qty <> 0) WHERE "
      "k / qty > 2",
      "project (id#0 + 1::BIGINT) as k\n"
      "  filter ((qty#1 <> 0) AND (((id#0 + 1::BIGINT) / CAST(qty#1 AS BIGINT)) > "
      "2::BIGINT))\n"
      "    scan orders (id, qty) where qty <> 0\n");
  // On the keys of a group it filters rows; on an aggregate it can't.
  Expect(
      "SELECT customer, n FROM (SELECT customer, count(*) AS n FROM orders GROUP BY "
      "customer) WHERE customer = 'x' AND n > 1",
      "project customer#0 as customer, \"count(*)\"#1 as n\n"
      "  filter (\"count(*)\"#1 > 1::BIGINT)\n"
      "    aggregate by (customer#0) count(*)\n"
      "      filter (customer#0 = 'x')\n"
      "        scan orders (customer) where customer = x\n");
}

TEST_F(Planner, ConditionsThatCantMove) {
  // Below LIMIT it would change which rows are counted.
  Expect("SELECT id FROM (SELECT id FROM orders LIMIT 5) WHERE id > 1",
         "filter (id#0 > 1::BIGINT)\n"
         "  limit 5\n"
         "    scan orders (id) limit 5\n");
  // What can fail stays behind the condition that may keep rows from it.
  Expect(
      "SELECT o.id FROM orders o JOIN customers c ON o.id = c.id WHERE c.city = 'x' "
      "AND 10 / o.qty > 1",
      "project id#0 as id\n"
      "  filter ((10 / qty#1) > 1)\n"
      "    join inner on id#0 = id#0\n"
      "      scan orders (id, qty)\n"
      "      filter (city#1 = 'x')\n"
      "        scan customers (id, city) where city = x\n");
  // After LEFT JOIN a condition on the right sees the NULLs.
  Expect(
      "SELECT o.id FROM orders o LEFT JOIN customers c ON o.id = c.id WHERE c.city IS "
      "NULL AND o.qty > 1",
      "project id#0 as id\n"
      "  filter is_null(city#3)\n"
      "    join left on id#0 = id#0\n"
      "      filter (qty#1 > 1)\n"
      "        scan orders (id, qty) where qty > 1\n"
      "      scan customers (id, city)\n");
}

TEST_F(Planner, Joins) {
  Expect(
      "SELECT o.id, c.name FROM orders o JOIN customers c ON o.id = c.id AND c.city = "
      "'Oslo' AND o.qty < length(c.name) WHERE o.qty > 1",
      "project id#0 as id, name#3 as name\n"
      "  join inner on id#0 = id#0 where (CAST(qty#1 AS BIGINT) < length(name#3))\n"
      "    filter (qty#1 > 1)\n"
      "      scan orders (id, qty) where qty > 1\n"
      "    filter (city#2 = 'Oslo')\n"
      "      scan customers (id, name, city) where city = Oslo\n");
  // FROM a, b WHERE a.k = b.k is a join by key.
  Expect("SELECT name FROM orders, customers WHERE orders.id = customers.id",
         "project name#2 as name\n"
         "  join inner on id#0 = id#0\n"
         "    scan orders (id)\n"
         "    scan customers (id, name)\n");
  // Keys meet in a common type.
  Expect("SELECT name FROM orders JOIN customers ON qty = customers.id",
         "project name#2 as name\n"
         "  join inner on CAST(qty#0 AS BIGINT) = id#0\n"
         "    scan orders (qty)\n"
         "    scan customers (id, name)\n");
  Expect("SELECT id FROM orders WHERE id IN (SELECT id FROM customers WHERE city = 'X')",
         "join semi on id#0 = id#0\n"
         "  scan orders (id)\n"
         "  project id#0 as id\n"
         "    filter (city#1 = 'X')\n"
         "      scan customers (id, city) where city = X\n");
  EXPECT_EQ(Columns("SELECT * FROM orders JOIN customers USING (id)"),
            "id int64, customer string, amount double, qty int32, ts timestamp[us], name "
            "string, city string");
  Expect("SELECT id FROM orders FULL JOIN customers USING (id)",
         "project coalesce(id#0, id#1) as id\n"
         "  join full on id#0 = id#0\n"
         "    scan orders (id)\n"
         "    scan customers (id)\n");
  EXPECT_EQ(Columns("SELECT c.* FROM orders o NATURAL JOIN customers c"),
            "id int64, name string, city string");
}

TEST_F(Planner, Aggregates) {
  Expect(
      "SELECT customer AS c, count(*), sum(qty) FILTER (WHERE amount > 1) AS q, "
      "sum(qty) + 1 FROM orders GROUP BY c HAVING q > 10 ORDER BY q DESC, count(*) "
      "LIMIT 5 OFFSET 2",
      "sort by q#2 desc, \"count(*)\"#1 limit 5 offset 2\n"
      "  project c#0 as c, \"count(*)\"#1 as count(*), \"sum(qty) FILTER (WHERE "
      "amount > 1)\"#2 as q, (\"sum(qty)\"#3 + 1::BIGINT) as SUM(qty) + 1\n"
      "    filter (\"sum(qty) FILTER (WHERE amount > 1)\"#2 > 10::BIGINT)\n"
      "      aggregate by (customer#0) count(*), sum(qty#2) filter (where (amount#1 > "
      "1::DOUBLE)), sum(qty#2)\n"
      "        scan orders (customer, amount, qty)\n");
  // By position, by expression, and the expression again in SELECT.
  Expect("SELECT id % 10, count(*) FROM orders GROUP BY 1",
         "aggregate by ((id#0 % 10::BIGINT)) count(*)\n  scan orders (id)\n");
  Expect("SELECT (id % 10) * 2 AS x FROM orders GROUP BY id % 10",
         "project (\"id % 10\"#0 * 2::BIGINT) as x\n"
         "  aggregate by ((id#0 % 10::BIGINT))\n"
         "    scan orders (id)\n");
  Expect("SELECT DISTINCT qty FROM orders ORDER BY qty",
         "sort by qty#0\n  aggregate by (qty#0)\n    scan orders (qty)\n");
  // COUNT(*) reads the cheapest column.
  Expect("SELECT count(*) FROM orders",
         "aggregate by () count(*)\n  scan orders (qty)\n");
  Expect("SELECT customer, max(qty) FROM orders GROUP BY ALL",
         "aggregate by (customer#0) max(qty#1)\n  scan orders (customer, qty)\n");
  // The column comes before the alias in GROUP BY, the alias first in ORDER BY.
  Expect("SELECT qty AS id, count(*) AS n FROM orders GROUP BY qty ORDER BY id",
         "sort by id#0\n"
         "  project qty#0 as id, \"count(*)\"#1 as n\n"
         "    aggregate by (qty#0) count(*)\n"
         "      scan orders (qty)\n");
  // ORDER BY what is not selected.
  Expect("SELECT id FROM orders ORDER BY amount DESC NULLS FIRST",
         "project id#0 as id\n"
         "  sort by amount#1 desc nulls first\n"
         "    scan orders (id, amount)\n");
}

TEST_F(Planner, Over) {
  // One node for each partition and order; what only ORDER BY asks for is cut off again.
  Expect(
      "SELECT id, sum(qty) OVER w, lag(qty) OVER w FROM orders WINDOW w AS (PARTITION BY "
      "customer ORDER BY ts) QUALIFY row_number() OVER w = 1 ORDER BY rank() OVER "
      "(ORDER BY qty)",
      "project id#0 as id, \"sum(qty) OVER w\"#1 as sum(qty) OVER w, \"lag(qty) OVER "
      "w\"#2 as lag(qty) OVER w\n"
      "  sort by \"rank() OVER (ORDER BY qty)\"#3\n"
      "    project id#0 as id, \"sum(qty) OVER w\"#4 as sum(qty) OVER w, \"lag(qty) OVER "
      "w\"#5 as lag(qty) OVER w, \"rank() OVER (ORDER BY qty)\"#7 as rank() OVER (ORDER "
      "BY qty)\n"
      "      filter (\"row_number() OVER w\"#6 = 1::BIGINT)\n"
      "        over rank() order by qty#2\n"
      "          over sum(qty#2) range unbounded preceding to current row, "
      "first_value(qty#2) rows 1 preceding to 1 preceding, row_number() partition by "
      "customer#1 order by ts#3\n"
      "            scan orders (id, customer, qty, ts)\n");
  // A stream by its time, and windows of it by their ends.
  Expect(
      "SELECT price, avg(price) OVER (ORDER BY at ROWS 9 PRECEDING) AS a FROM bids",
      "project price#0 as price, \"avg(price) OVER (ORDER BY \"\"at\"\" ROWS BETWEEN 9 "
      "PRECEDING AND CURRENT ROW)\"#2 as a\n"
      "  over avg(price#0) rows 9 preceding to current row order by at#1 as the "
      "watermark passes\n"
      "    scan bids (price, at)\n");
  Expect(
      "SELECT row_number() OVER (ORDER BY b) AS n FROM (SELECT at AS b FROM bids WHERE "
      "price > 5) AS q",
      "project \"row_number() OVER (ORDER BY b)\"#1 as n\n"
      "  over row_number() order by b#0 as the watermark passes\n"
      "    project at#1 as b\n"
      "      filter (price#0 > 5::BIGINT)\n"
      "        scan bids (price, at) where price > 5\n");
  Expect(
      "SELECT window_end, count(*) AS n, sum(count(*)) OVER (ORDER BY window_end) AS s "
      "FROM bids WINDOW TUMBLING(10s)",
      "project window_end#1 as window_end, \"count(*)\"#2 as n, \"sum(COUNT(*)) OVER "
      "(ORDER BY window_end)\"#3 as s\n"
      "  over sum(\"count(*)\"#2) range unbounded preceding to current row order by "
      "window_end#1 as the watermark passes\n"
      "    aggregate tumbling 10s by () count(*)\n"
      "      scan bids (at)\n");
}

TEST_F(Planner, Windows) {
  Expect("SELECT auction, max(price) FROM bids GROUP BY auction WINDOW TUMBLING(10s)",
         "project auction#2 as auction, \"max(price)\"#3 as max(price)\n"
         "  aggregate tumbling 10s by (auction#0) max(price#1)\n"
         "    scan bids (auction, price, at)\n");
  // The table function gives the same plan.
  const std::string by_function =
      "project window_start#0 as window_start, auction#2 as auction, \"count(*)\"#3 as "
      "count(*)\n"
      "  aggregate tumbling 10s by (auction#0) count(*)\n"
      "    scan bids (auction, at)\n";
  Expect(
      "SELECT window_start, auction, count(*) FROM TUMBLE(bids, at, 10s) GROUP BY "
      "window_start, auction",
      by_function);
  Expect(
      "SELECT window_start, auction, count(*) FROM TABLE(TUMBLE(TABLE bids, "
      "DESCRIPTOR(at), INTERVAL '10' SECONDS)) GROUP BY window_start, window_end, "
      "auction EMIT ON WINDOW CLOSE",
      by_function);
  Expect(
      "SELECT TUMBLE_START(at, 10s) AS s, TUMBLE_END(at, 10s) AS e, window_time, "
      "sum(price) FROM bids WINDOW TUMBLING(at, 10s) OFFSET 3s EMIT FINAL",
      "project window_start#0 as s, window_end#1 as e, (window_end#1 - "
      "INTERVAL '00:00:00.000001') as window_time, \"sum(price)\"#2 as sum(price)\n"
      "  aggregate tumbling 10s offset 3s by () sum(price#0)\n"
      "    scan bids (price, at)\n");
  // Milliseconds are cast, because windows count microseconds.
  Expect("SELECT count(*) FROM clicks GROUP BY url WINDOW TUMBLING(ms, 1m)",
         "project \"count(*)\"#3 as count(*)\n"
         "  aggregate tumbling 1m by (url#0) count(*)\n"
         "    project url#1 as url, CAST(ms#0 AS TIMESTAMP) as event_time\n"
         "      scan clicks (ms, url)\n");
  // Alone the function appends the bounds.
  EXPECT_EQ(Columns("SELECT * FROM TUMBLE(bids, at, 1m)"),
            "auction int64, price int64, at timestamp[us], window_start timestamp[us], "
            "window_end timestamp[us], window_time timestamp[us]");
  Expect(
      "SELECT price, window_end FROM TUMBLE(bids, at, 1m) WHERE price > 5 EMIT CHANGES",
      "project price#0 as price, window_end#3 as window_end\n"
      "  window tumbling 1m\n"
      "    filter (price#0 > 5::BIGINT)\n"
      "      scan bids (price, at) where price > 5\n");
  Expect("SELECT auction FROM bids WINDOW TUMBLING PARTITION BY auction EVERY 5 MINUTES",
         "project auction#2 as auction\n"
         "  aggregate tumbling 5m by (auction#0)\n"
         "    scan bids (auction, at)\n");
}

TEST_F(Planner, SetsValuesAndCommonTables) {
  Expect("SELECT id FROM orders UNION ALL SELECT qty FROM orders UNION ALL SELECT 3",
         "union all\n"
         "  scan orders (id)\n"
         "  project CAST(qty#0 AS BIGINT) as id\n"
         "    scan orders (qty)\n"
         "  project 3::BIGINT as id\n"
         "    values 1 row\n");
  Expect("SELECT 1 AS a UNION SELECT 2 ORDER BY a LIMIT 1",
         "sort by a#0 limit 1\n"
         "  aggregate by (a#0)\n"
         "    union all\n"
         "      project 1 as a\n"
         "        values 1 row\n"
         "      project 2 as a\n"
         "        values 1 row\n");
  Expect(
      "WITH a AS (SELECT id AS x FROM orders), b (y) AS (SELECT x + 1 FROM a) SELECT "
      "a.x, b.y FROM a JOIN b ON a.x = b.y",
      "project x#0 as x, \"x + 1\"#1 as y\n"
      "  join inner on x#0 = \"x + 1\"#0\n"
      "    project id#0 as x\n"
      "      scan orders (id)\n"
      "    project (id#0 + 1::BIGINT) as x + 1\n"
      "      scan orders (id)\n");
  // NOT NULL on one side only is nullable.
  ASSERT_OK_AND_ASSIGN(PlannedStatement both,
                       Statement("SELECT id FROM customers UNION ALL SELECT NULL"));
  EXPECT_TRUE(both.root->schema()->field(0)->nullable());
  // A query of WITH does not see itself or what comes later: here a is the table.
  ASSERT_OK(catalog.AddView("a", Statement("SELECT 7 AS seven")->root, false));
  EXPECT_EQ(Columns("WITH a AS (SELECT * FROM a) SELECT * FROM a"), "seven int32");
  ASSERT_OK_AND_ASSIGN(PlannedStatement values,
                       Statement("VALUES (1, 'a'), (2.5, NULL), (-3, 'c')"));
  const auto& rows = *plan::As<plan::ValuesNode>(values.root)->rows();
  EXPECT_EQ(rows.schema()->field(0)->type()->ToString(), "decimal128(11, 1)");
  EXPECT_EQ(rows.column(0)->GetScalar(1).ValueOrDie()->ToString(), "2.5");
  EXPECT_EQ(rows.column(0)->GetScalar(2).ValueOrDie()->ToString(), "-3.0");
  EXPECT_TRUE(rows.column(1)->IsNull(1));
  EXPECT_EQ(Columns("SELECT * FROM (VALUES (1, 'a')) AS t (i, s)"), "i int32, s string");
}

TEST_F(Planner, Files) {
  Expect("SELECT a FROM 'x/*.parquet' WHERE b LIKE 'q%' LIMIT 3",
         "limit 3\n"
         "  project a#0 as a\n"
         "    filter like(b#1, 'q%')\n"
         "      scan x/*.parquet (a, b) where b LIKE q%\n");
  Expect("SELECT a FROM 'x.parquet' LIMIT 3 OFFSET 2",
         "limit 3 offset 2\n  scan x.parquet (a) limit 5\n");
  EXPECT_EQ(Columns("SELECT x.b FROM 'd/x.parquet'"), "b string");
  for (const char* first : {"TABLE 'd/x.parquet'", "'d/x.parquet'"}) {
    EXPECT_EQ(
        ErrorNumber(
            Statement(fmt::format("SELECT * FROM TUMBLE({}, a, 1m)", first)).status()),
        3030);  // found, but BIGINT is no time
  }
  Expect("INSERT INTO 'out.csv' SELECT * FROM 'x.parquet'",
         "write out.csv (files)\n  scan x.parquet (a, b)\n");
}

TEST_F(Planner, PredicatesForSources) {
  const auto predicate = [&](const std::string& where) {
    ASSERT_OK_AND_ASSIGN(PlannedStatement planned,
                         Statement("SELECT * FROM orders WHERE " + where));
    plan::NodePtr node = planned.root;
    while (!node->inputs().empty()) node = node->input();
    last_ = plan::As<plan::ScanNode>(node)->predicate() == nullptr
                ? "none"
                : plan::As<plan::ScanNode>(node)->predicate()->ToString();
  };
  const auto expect = [&](const std::string& where, const std::string& expected) {
    predicate(where);
    EXPECT_EQ(last_, expected) << where;
  };
  expect("qty > 3", "qty > 3");
  expect("3 > qty", "qty < 3");
  // BIGINT on the other side: the value fits the column.
  expect("qty = 3000000000 - 2999999997", "qty = 3");
  // This one does not, so only the engine compares.
  expect("qty < 3000000000", "none");
  expect("qty > 2.5", "none");
  expect("qty > 2.0", "qty > 2");
  expect("id IN (1, 2)", "id IN (1, 2)");
  expect("qty IS NOT NULL", "NOT qty IS NULL");
  expect("customer LIKE 'a%b%'", "none");
  expect("customer LIKE 'ab%'", "customer LIKE ab%");
  expect("amount + 1 > 2", "none");
  expect("qty = 1 OR id = 2", "(qty = 1 OR id = 2)");
  expect("qty = 1 OR amount + 1 > 2", "none");
  expect("qty BETWEEN 1 AND 5", "(qty >= 1 AND qty <= 5)");
  expect("qty = NULL", "none");
  // NaN is greater than every number, and no statistics tell of it.
  expect("amount > 2", "none");
  expect("amount <= 2", "amount <= 2");
  expect("NOT amount <= 2", "none");
  expect("amount = 'NaN'::DOUBLE", "none");
}

TEST_F(Planner, Insert) {
  Expect("INSERT INTO out SELECT qty, amount FROM orders",
         "write out (memory)\n"
         "  project CAST(qty#1 AS BIGINT) as id, amount#0 as total\n"
         "    scan orders (amount, qty)\n");
  Expect("INSERT INTO out (total) SELECT amount FROM orders",
         "write out (memory)\n"
         "  project NULL::BIGINT as id, amount#0 as total\n"
         "    scan orders (amount)\n");
  Expect("SELECT id, amount FROM orders INTO out",
         "write out (memory)\n"
         "  project id#0 as id, amount#1 as total\n"
         "    scan orders (id, amount)\n");
}

TEST_F(Planner, Definitions) {
  EXPECT_EQ(Explain("CREATE SOURCE s (k BIGINT NOT NULL, t TIMESTAMP, PRIMARY KEY (k), "
                    "WATERMARK FOR t AS t - INTERVAL '4' SECOND) WITH (connector = "
                    "'files', path = 'x.csv')"),
            "created s\n");
  ASSERT_OK_AND_ASSIGN(plan::TablePtr table, catalog.FindTable("S"));
  EXPECT_EQ(table->connector, "files");
  EXPECT_EQ(table->options.at("path"), "x.csv");
  EXPECT_EQ(table->options.size(), 1U);
  EXPECT_TRUE(table->declared);
  EXPECT_FALSE(table->schema->field(0)->nullable());
  EXPECT_EQ(table->primary_key, std::vector<std::string>{"k"});
  EXPECT_EQ(table->watermark->column, 1);
  EXPECT_EQ(table->watermark->delay_micros, 4'000'000);
  EXPECT_FALSE(table->can_write);

  EXPECT_EQ(Explain("CREATE STREAM big AS SELECT id, qty FROM orders WHERE qty > 5"),
            "created big\n");
  Expect("SELECT id FROM big WHERE id < 9",
         "project id#0 as id\n"
         "  filter ((qty#1 > 5) AND (id#0 < 9::BIGINT))\n"
         "    scan orders (id, qty) where (qty > 5 AND id < 9)\n");
  EXPECT_EQ(Explain("CREATE STREAM IF NOT EXISTS big AS SELECT 1"), "big exists\n");
  Expect(
      "CREATE TABLE copy WITH (connector = 'files', path = 'o') AS SELECT id FROM "
      "orders",
      "write copy (files)\n  scan orders (id)\n");
  EXPECT_EQ(Explain("DROP VIEW big"), "dropped big\n");
  ASSERT_OK_AND_ASSIGN(PlannedStatement set, Statement("SET memory = '4GB'"));
  EXPECT_EQ(set.action, PlannedStatement::Action::kSet);
  EXPECT_EQ(set.key + "=" + set.value, "memory=4GB");
  ASSERT_OK_AND_ASSIGN(PlannedStatement explain, Statement("EXPLAIN ANALYZE SELECT 1"));
  EXPECT_EQ(explain.action, PlannedStatement::Action::kExplain);
  EXPECT_EQ(explain.explain, ExplainStatement::Mode::kAnalyze);
  ASSERT_OK_AND_ASSIGN(PlannedStatement describe, Statement("DESCRIBE customers"));
  const auto& rows = *plan::As<plan::ValuesNode>(describe.root)->rows();
  EXPECT_EQ(rows.num_rows(), 3);
  EXPECT_EQ(rows.column(1)->GetScalar(0).ValueOrDie()->ToString(), "BIGINT");
  EXPECT_EQ(rows.column(2)->GetScalar(0).ValueOrDie()->ToString(), "NO");
}

TEST_F(Planner, Literals) {
  EXPECT_EQ(Columns("SELECT 1 AS a, 2147483648 AS b, -2147483648 AS c, 1.50 AS d, 1e3 AS "
                    "e, DATE '2024-02-29' AS f, NULL AS g, X'00' AS h, "
                    "9223372036854775808 AS i, .5 AS j"),
            "a int32, b int64, c int32, d decimal128(3, 2), e double, f date32[day], g "
            "int32, h binary, i decimal128(19, 0), j decimal128(1, 1)");
  EXPECT_EQ(Columns("SELECT 7 / 2 AS q, CASE WHEN TRUE THEN 1 ELSE 2.5 END AS c"),
            "q int32, c decimal128(11, 1)");
}

// Queries put together from parts, so that the rules meet each other.
TEST_F(Planner, RulesKeepSchemas) {
  const std::vector<std::string> sources = {
      "orders",
      "(SELECT id, customer, amount, qty, ts FROM orders WHERE qty > 0 LIMIT 9) AS "
      "orders",
      "(SELECT qty, ts, id, id + 1 AS amount, upper(customer) AS customer FROM orders) "
      "AS "
      "orders",
      "(SELECT o.* FROM orders o LEFT JOIN customers c ON o.id = c.id AND c.city = 'x') "
      "AS "
      "orders",
      "(SELECT * FROM orders UNION ALL SELECT * FROM orders) AS orders",
      "TUMBLE(orders, ts, 1m) AS orders",
      "(SELECT id, customer, sum(qty) AS amount, max(qty) AS qty, min(ts) AS ts FROM "
      "orders GROUP BY ALL) AS orders",
      "(SELECT * FROM orders ORDER BY amount) AS orders",
      "(SELECT DISTINCT * FROM orders) AS orders"};
  const std::vector<std::string> wheres = {
      "", " WHERE qty > 1 AND customer = 'a'", " WHERE id = 3 OR amount < qty",
      " WHERE id IN (SELECT id FROM customers) AND ts IS NOT NULL"};
  const std::vector<std::string> shapes = {
      "SELECT * FROM {}{}",
      "SELECT customer FROM {}{} ORDER BY qty LIMIT 3",
      "SELECT count(*) FROM {}{}",
      "SELECT 1 AS one FROM {}{}",
      "SELECT ts, id + qty AS s FROM {}{}",
      "SELECT customer, sum(qty) AS s FROM {}{} GROUP BY customer HAVING s > 1",
      "SELECT max(amount) FROM {}{} GROUP BY id WINDOW TUMBLING(ts, 5m)",
      "SELECT n FROM (SELECT id AS i, count(*) AS n FROM {}{} GROUP BY id) WHERE i > 3"};
  for (const std::string& source : sources) {
    for (const std::string& where : wheres) {
      for (const std::string& shape : shapes) {
        const bool windows =
            source.starts_with("TUMBLE") && shape.find("WINDOW") != std::string::npos;
        if (!windows) ExpectSameSchema(fmt::format(fmt::runtime(shape), source, where));
      }
    }
  }
}

// Sizes that would explode without the limits.
TEST_F(Planner, StaysSmall) {
  std::string doubled = "SELECT id AS a FROM orders";
  for (int i = 0; i < 40; ++i) doubled = "SELECT a + a AS a FROM (" + doubled + ")";
  EXPECT_TRUE(Statement("SELECT a FROM (" + doubled + ") WHERE a > 1").ok());
  std::string chain = "SELECT id + id AS a0";
  for (int i = 1; i < 40; ++i) {
    chain += fmt::format(", a{0} + a{0} AS a{1}", i - 1, i);
  }
  EXPECT_FALSE(Statement(chain + " FROM orders WHERE a39 > 1").ok());
  std::string with = "WITH c0 AS (SELECT 1 AS x)";
  for (int i = 1; i < 40; ++i) {
    with += fmt::format(", c{1} AS (SELECT p.x FROM c{0} p, c{0} q)", i - 1, i);
  }
  EXPECT_EQ(ErrorNumber(Statement(with + " SELECT * FROM c39").status()), 3005);
  std::string sum = "SELECT 1";
  for (int i = 0; i < 480; ++i) sum += " + 1";
  EXPECT_TRUE(Statement(sum).ok());
  EXPECT_TRUE(Statement(sum + ", count(*) FROM orders").ok());
  std::string any = "SELECT id FROM orders WHERE id = 0";
  for (int i = 1; i < 5000; ++i) any += fmt::format(" OR id = {}", i);
  EXPECT_TRUE(Statement(any).ok());
}

}  // namespace
}  // namespace millrace::sql

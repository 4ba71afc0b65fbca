// Every error that binding and planning can give, with its place.
#include "millrace/base/testing.h"
#include "millrace/sql/tests/planner_fixture.h"

namespace millrace::sql {
namespace {

struct ErrorCase {
  const char* sql;
  int32_t number;
  int32_t column;    ///< in line 1
  const char* part;  ///< of the message
};

constexpr ErrorCase kErrors[] = {
    // names
    {"SELECT 1 FROM ordres", 3020, 15, "did you mean orders?"},
    {"SELECT 1 FROM sales.csv", 3020, 15, "for the file write 'sales.csv'"},
    {"SELECT x.id FROM orders o", 3020, 8, "x in x.id"},
    {"SELECT x.* FROM orders o", 3020, 8, "x"},
    {"SELECT *", 3020, 8, "* without FROM"},
    {"SELECT 1 FROM TUMBEL(bids, at, 1m)", 3020, 15, "did you mean TUMBLE?"},
    {"INSERT INTO nothing SELECT 1", 3020, 13, "nothing"},
    {"SELECT amuont FROM orders", 3021, 8, "did you mean amount?"},
    {"SELECT o.amuont FROM orders o", 3021, 10, "did you mean amount?"},
    {"SELECT * EXCEPT (nme) FROM customers", 3021, 18, "did you mean name?"},
    {"SELECT * FROM orders JOIN customers USING (idd)", 3021, 44, "did you mean id?"},
    {"SELECT DISTINCT id FROM orders ORDER BY qty", 3021, 41, "with DISTINCT"},
    {"INSERT INTO out (totl) SELECT 1", 3021, 18, "did you mean total?"},
    {"CREATE SOURCE s (a INT, WATERMARK FOR b AS b) WITH (connector = 'x')", 3021, 39,
     "b"},
    {"CREATE SOURCE s (a INT, PRIMARY KEY (b)) WITH (connector = 'x')", 3021, 38, "b"},
    {"SELECT id FROM orders, customers", 3022, 8, "in orders and in customers"},
    {"SELECT * FROM orders JOIN orders ON TRUE", 3028, 27, "give one an alias"},
    {"WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1", 3028, 23, "a"},
    {"INSERT INTO out (id, id) SELECT 1, 2", 3028, 22, "id"},
    {"SELECT lenght(name) FROM customers", 3501, 8, "did you mean length?"},
    {"SELECT upper(1, 2) FROM customers", 3502, 8, "upper"},
    // groups
    {"SELECT id, count(*) FROM orders", 3023, 8, "id"},
    {"SELECT * FROM orders GROUP BY id", 3023, 8, "customer"},
    {"SELECT customer FROM orders GROUP BY customer HAVING qty > 1", 3023, 54, "qty"},
    {"SELECT id FROM orders WHERE count(*) > 1", 3024, 29, "COUNT(*)"},
    {"SELECT sum(count(*)) FROM orders", 3024, 12, "COUNT(*)"},
    {"SELECT id FROM orders GROUP BY sum(id)", 3024, 32, "SUM(id)"},
    {"SELECT upper(DISTINCT name) FROM customers", 3024, 8, "upper is no aggregate"},
    {"SELECT sum(*) FROM orders", 3001, 8, "only COUNT takes it"},
    {"SELECT id FROM orders GROUP BY 2", 3027, 32, "2 of 1"},
    {"SELECT id FROM orders ORDER BY 0", 3027, 32, "0 of 1"},
    // types and counts
    {"SELECT id FROM orders WHERE qty", 3025, 29, "WHERE takes a condition, not INTEGER"},
    {"SELECT CASE WHEN TRUE THEN 1 ELSE 'a' END", 3025, 35, "INTEGER and VARCHAR"},
    {"SELECT 1 UNION ALL SELECT 'a'", 3025, 20, "column 1 of UNION"},
    {"SELECT 1 UNION ALL SELECT 1, 2", 3026, 20, "1 above and 2 below"},
    {"VALUES (1), (2, 3)", 3026, 14, "2 values in this row"},
    {"SELECT 1 FROM customers AS c (a, b, c, d)", 3026, 15, "4 names for 3 columns"},
    {"SELECT id FROM orders WHERE id IN (SELECT id, name FROM customers)", 3026, 36,
     "one column, not 2"},
    {"INSERT INTO out SELECT 1", 3026, 17, "gives 1, the table takes 2"},
    {"SELECT 1 LIMIT -1", 3031, 16, "LIMIT takes a whole number"},
    {"SELECT id FROM orders LIMIT id", 3031, 29, "LIMIT takes a whole number"},
    {"VALUES (now_is)", 3021, 9, "now_is"},
    {"SELECT DATE '2023-02-29'", 3004, 13, "no DATE"},
    {"SELECT 1 + *", 3001, 12, "* stands for columns"},
    // windows
    {"SELECT 1 FROM orders WINDOW TUMBLING(5m)", 3030, 29, "no time column"},
    {"SELECT 1 FROM orders WINDOW TUMBLING(qty, 5m)", 3030, 38, "no timestamp"},
    {"SELECT 1 FROM bids WINDOW TUMBLING(INTERVAL '1 month 1 day')", 3030, 36, "months"},
    {"SELECT 1 FROM bids WINDOW TUMBLING(5ns)", 3030, 36, "microseconds"},
    {"SELECT 1 FROM bids WINDOW TUMBLING(-5m)", 3030, 36, "must be positive"},
    {"SELECT 1 FROM TUMBLE(bids, at)", 3030, 15, "has 2 arguments"},
    {"SELECT tumble_start(at, 5m) FROM bids", 3030, 8, "needs GROUP BY"},
    {"SELECT 1 FROM orders EMIT ON WINDOW CLOSE", 3043, 22, "without a window"},
    {"SELECT count(*) FROM orders EMIT ON WINDOW CLOSE", 3043, 29, "without a window"},
    // functions with OVER
    {"SELECT lag(qty) FROM orders", 3044, 8, "lag needs OVER"},
    {"SELECT sum(qty) IGNORE NULLS OVER () FROM orders", 3044, 8, "takes no IGNORE"},
    {"SELECT id FROM orders QUALIFY id = 1", 3044, 31, "use WHERE"},
    {"SELECT id FROM orders ORDER BY rank() OVER w", 3044, 44, "no window w"},
    {"SELECT id FROM orders WHERE rank() OVER (ORDER BY id) = 1", 3045, 29, "RANK()"},
    {"SELECT * FROM orders o JOIN customers c ON rank() OVER () = c.id", 3045, 44,
     "RANK()"},
    // unbounded input
    {"SELECT sum(price) OVER (ORDER BY price) FROM bids", 4001, 8,
     "column of the WATERMARK"},
    {"SELECT sum(price) OVER (ORDER BY at DESC) FROM bids", 4001, 8,
     "column of the WATERMARK"},
    {"SELECT ntile(2) OVER (ORDER BY at) FROM bids", 4001, 8,
     "needs all rows of a partition"},
    {"SELECT 1, sum(price) OVER (ORDER BY at ROWS BETWEEN 1 PRECEDING AND UNBOUNDED "
     "FOLLOWING) FROM bids",
     4001, 11, "needs all rows of a partition"},
    {"SELECT count(*) FROM bids EMIT FINAL", 4001, 27, "an aggregation without a window"},
    {"SELECT price FROM bids ORDER BY price", 4001, 33, "ORDER BY"},
    {"SELECT DISTINCT price FROM bids", 4001, 1, "DISTINCT"},
    {"SELECT 1 FROM orders o JOIN bids b ON o.id = b.auction", 4001, 29, "right side"},
    {"SELECT 1 FROM bids b RIGHT JOIN orders o ON o.id = b.auction", 4001, 15,
     "left side"},
    // definitions
    {"CREATE SOURCE s (a INT)", 3029, 1, "s"},
    {"CREATE VIEW v AS SELECT 1 WITH (a = 'b')", 3032, 13, "no WITH"},
    {"CREATE SINK s AS SELECT 1", 3032, 1, "has no query"},
    {"SELECT * FROM out", 3032, 15, "can only be written"},
    {"CREATE VIEW v", 3001, 1, "a view needs AS SELECT"},
    {"CREATE SOURCE s (a INT, WATERMARK FOR a AS a) WITH (connector = 'x')", 3025, 39,
     "TIMESTAMP"},
    // carried by the grammar, not by the plan
    {"SELECT lag(qty) IGNORE NULLS OVER () FROM orders", 3040, 8, "IGNORE NULLS of lag"},
    {"SELECT sum(qty) OVER (ORDER BY id ROWS 1 PRECEDING EXCLUDE TIES) FROM orders", 3040,
     52, "EXCLUDE"},
    {"SELECT qty FROM orders GROUP BY ROLLUP (id)", 3023, 8, "qty"},
    {"SELECT id FROM orders GROUP BY CUBE (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)", 3040,
     32, "more than 4096 sets"},
    {"SELECT GROUPING(qty) FROM orders GROUP BY CUBE (id)", 3023, 17, "qty"},
    {"SELECT GROUPING() FROM orders GROUP BY CUBE (id)", 3001, 8, "GROUPING(key"},
    {"SELECT id FROM orders EMIT EVERY 1s", 3043, 23, "EMIT EVERY"},
    {"SELECT id FROM orders GRACE PERIOD 1m", 3043, 36, "GRACE PERIOD"},
    {"SELECT id FROM orders LATE INTO x", 3040, 33, "LATE INTO"},
    {"SELECT id FROM (SELECT id FROM orders INTO out)", 3040, 44, "INTO in a subquery"},
    {"SELECT id FROM orders o WITH ('a' = 'b')", 3040, 31, "after a table"},
    {"SELECT id FROM orders WHERE id = 1 WITH ('a' = 'b')", 3040, 42, "after a query"},
    {"WITH RECURSIVE a AS (SELECT 1) SELECT 1", 3040, 1, "RECURSIVE"},
    {"SELECT 1 EXCEPT SELECT 2", 3040, 1, "EXCEPT"},
    {"SELECT 1 INTERSECT SELECT 2", 3040, 1, "INTERSECT"},
    {"SELECT DISTINCT ON (id) id FROM orders", 3040, 21, "DISTINCT ON"},
    {"SELECT id PRIMARY KEY FROM orders", 3040, 8, "PRIMARY KEY"},
    {"SELECT (SELECT 1)", 3040, 8, "a query as a value"},
    {"SELECT id FROM orders WHERE EXISTS (SELECT 1)", 3040, 29, "EXISTS"},
    {"SELECT id FROM orders WHERE id NOT IN (SELECT 1)", 3040, 29, "IN (SELECT"},
    {"SELECT id FROM orders WHERE id > ALL (SELECT 1)", 3040, 29, "ALL (SELECT"},
    {"SELECT [1, 'x']", 3502, 8, "the values have no common type"},
    {"SELECT MAP {NULL: 1}", 3502, 8, "keys are texts"},
    {"SELECT {'a': 1, 'a': 2}", 3502, 8, "two fields 'a'"},
    {"SELECT name[1] FROM customers", 3502, 8, "it takes an array"},
    {"SELECT customers.name.x FROM customers", 3021, 8, "name is of type VARCHAR"},
    {"SELECT name.x FROM customers", 3021, 8, "name is of type VARCHAR"},
    {"SELECT sum(qty ORDER BY id) FROM orders", 3040, 8, "ORDER BY inside"},
    {"SELECT sum(qty) WITHIN GROUP (ORDER BY id) FROM orders", 3040, 8, "WITHIN GROUP"},
    {"SELECT sum(qty ORDER BY id) FROM orders", 3040, 8, "ORDER BY inside sum"},
    {"SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id DESC) FROM orders", 3040, 52,
     "DESC"},
    {"SELECT upper(text => name) FROM customers", 3040, 14, "named argument"},
    {"SELECT 1 FROM orders o LEFT JOIN customers c ON o.id < c.id", 3040, 49,
     "outer join without"},
    {"SELECT 1 FROM orders o JOIN customers c WITHIN 5m ON o.id = c.id", 3040, 48,
     "WITHIN"},
    {"SELECT 1 FROM orders, LATERAL (SELECT 1)", 3040, 23, "LATERAL"},
    {"SELECT 1 FROM orders FOR SYSTEM_TIME AS OF 1", 3040, 15, "SYSTEM_TIME"},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1", 3040, 1, "MATERIALIZED"},
    {"CREATE TEMP TABLE t (a INT)", 3040, 1, "TEMPORARY"},
    {"CREATE TABLE t (a INT, b AS a) WITH (connector = 'x')", 3040, 24, "computed"},
    {"CREATE TABLE t (a INT DEFAULT 1) WITH (connector = 'x')", 3040, 17, "DEFAULT"},
    {"CREATE TABLE t (a INT METADATA) WITH (connector = 'x')", 3040, 17, "METADATA"},
    {"CREATE SOURCE s (t TIMESTAMP, WATERMARK FOR t AS t + 5m) WITH (connector = 'x')",
     3040, 50, "watermark other than"},
    {"INSERT OVERWRITE out SELECT 1, 2", 3040, 1, "OVERWRITE"},
    {"EXPLAIN DROP TABLE out", 3040, 9, "EXPLAIN"},
    {"SHOW JOBS", 3040, 1, "SHOW JOBS"},
    {"STOP JOB j", 3040, 1, "a job"},
};

TEST(PlannerErrors, NumberPlaceAndHint) {
  PlannerFixture fixture;
  for (const ErrorCase& error : kErrors) {
    const Result<PlannedStatement> planned = fixture.Statement(error.sql);
    ASSERT_FALSE(planned.ok()) << error.sql;
    const std::string text = ErrorText(planned.status());
    EXPECT_EQ(ErrorNumber(planned.status()), error.number) << error.sql << "\n" << text;
    const ErrorDetail* detail = ErrorDetail::Of(planned.status());
    ASSERT_NE(detail, nullptr) << error.sql;
    EXPECT_EQ(detail->where().line, 1) << error.sql << "\n" << text;
    EXPECT_EQ(detail->where().column_number, error.column) << error.sql << "\n" << text;
    EXPECT_NE(text.find(error.part), std::string::npos) << error.sql << "\n" << text;
  }
}

// What fails in a catalog or a sink keeps its own number and gains a place.
TEST(PlannerErrors, OfOthers) {
  PlannerFixture fixture;
  EXPECT_FALSE(fixture.Statement("SELECT * FROM 'missing.csv'").ok());
  EXPECT_FALSE(
      fixture.Statement("CREATE SOURCE orders (a INT) WITH (connector = 'x')").ok());
  EXPECT_FALSE(fixture.Statement("DROP TABLE nothing").ok());
  EXPECT_TRUE(fixture.Statement("DROP TABLE IF EXISTS nothing").ok());
}

}  // namespace
}  // namespace millrace::sql

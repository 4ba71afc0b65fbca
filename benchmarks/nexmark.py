#!/usr/bin/env python3
"""Streaming SQL on one core: Nexmark queries, made and queried in one process, read to the end by a black hole.

    python benchmarks/nexmark.py [--events N] [--runs N] [QUERY …]

What counts is the processor's time of the whole process, start and making of the events included; beside it, what making the same columns
takes by itself. Every query's result over the first events is compared with DuckDB's before it is measured.
"""

import argparse
import collections
import pathlib
import resource
import statistics
import subprocess
import tempfile

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLRACE = ROOT / "build" / "release" / "bin" / "millrace"
CHECKED = 300_000
BIDS = 46 / 50  # of all events

SOURCE = """CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, dateTime TIMESTAMP, extra VARCHAR,
  WATERMARK FOR dateTime AS dateTime - INTERVAL '4' SECOND)
  WITH (connector = 'nexmark', events = {events}, splits = 1, disorder = {disorder});"""

Query = collections.namedtuple("Query", "columns bar millrace duckdb")
TEN = "time_bucket(INTERVAL 10 SECOND, dateTime)"
QUERIES = {
    "q0": Query("auction, bidder, price, dateTime", 20, "SELECT auction, bidder, price, dateTime FROM bid", None),
    "q1": Query("auction, bidder, price, dateTime", 20, "SELECT auction, bidder, 0.908 * price AS price, dateTime FROM bid", None),
    "q2": Query("auction, price", 20, "SELECT auction, price FROM bid WHERE auction % 123 = 0", None),
    # The heart of q5; the choice of the hottest is a join.
    "q5": Query("auction, dateTime", 10, """SELECT auction, window_start, COUNT(*) AS n
        FROM HOP(bid, dateTime, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY auction, window_start""",
                """SELECT auction, time_bucket(INTERVAL 2 SECOND, dateTime) - i * INTERVAL 2 SECOND, COUNT(*)
        FROM bid, range(5) AS r(i) GROUP BY ALL"""),
    "q11": Query("bidder, dateTime", 10, "SELECT bidder, window_start, COUNT(*) AS n FROM bid GROUP BY bidder WINDOW SESSION(dateTime, 10s)",
                 """WITH marked AS (SELECT *, dateTime - LAG(dateTime) OVER w < INTERVAL 10 SECOND AS follows FROM bid
                    WINDOW w AS (PARTITION BY bidder ORDER BY dateTime)),
                    numbered AS (SELECT *, COUNT(*) FILTER (follows IS NOT TRUE) OVER (PARTITION BY bidder ORDER BY dateTime) AS s FROM marked)
                    SELECT bidder, MIN(dateTime), COUNT(*) FROM numbered GROUP BY bidder, s"""),
    "q12": Query("bidder, dateTime", 10, "SELECT bidder, window_start, COUNT(*) AS n FROM bid GROUP BY bidder WINDOW TUMBLING(dateTime, 10s)",
                 f"SELECT bidder, {TEN}, COUNT(*) FROM bid GROUP BY ALL"),
    "q17": Query("auction, price, dateTime", 5, """SELECT auction, DATE_TRUNC('day', dateTime) AS day, COUNT(*) AS n,
        COUNT(*) FILTER (WHERE price < 10000) AS a, COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS b,
        COUNT(*) FILTER (WHERE price >= 1000000) AS c, MIN(price) AS l, MAX(price) AS h, AVG(price) AS m, SUM(price) AS s
        FROM bid GROUP BY auction, DATE_TRUNC('day', dateTime)""", None),
    "rows-100": Query("auction, price, dateTime", 5, """SELECT auction, price, AVG(price) OVER w AS a, MAX(price) OVER w AS m FROM bid
        WINDOW w AS (PARTITION BY auction % 1000 ORDER BY dateTime, price, auction ROWS 99 PRECEDING)""", None),
    "final": Query("bidder, price", None, "SELECT bidder, COUNT(*) AS n, MAX(price) AS m FROM bid GROUP BY bidder", None),
    "changes": Query("bidder, price", None, "SELECT bidder, COUNT(*) AS n, MAX(price) AS m FROM bid GROUP BY bidder EMIT CHANGES",
                     "SELECT bidder, COUNT(*), MAX(price) FROM bid GROUP BY bidder"),
}


def run(source, query, *words):
    """Its rows, none where they go to a black hole, and user seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([MILLRACE, "--quiet", "--shards", "1", "sql", *words, "-c", source + query], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def into_nowhere(query):
    return f"CREATE SINK nowhere WITH (connector = 'blackhole'); INSERT INTO nowhere {query}"


def rows(path, changes):
    """Of a CSV file, sorted; changes done."""
    columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    if changes:
        kept = ", ".join(columns[:-1])
        return duckdb.sql(f"SELECT {kept} FROM '{path}' GROUP BY ALL HAVING SUM(IF(op IN ('+I', '+U'), 1, -1)) = 1 ORDER BY ALL").fetchall()
    return duckdb.sql(f"SELECT * FROM '{path}' ORDER BY ALL").fetchall()


def check(name, query, disorder, folder):
    source = SOURCE.format(events=CHECKED, disorder=disorder)
    bids, out = folder / "bids.parquet", folder / "out.parquet"
    for path, text, options in ((bids, "SELECT * FROM bid", ""), (out, query.millrace, ", changes_column = 'op'" if name == "changes" else "")):
        path.unlink(missing_ok=True)
        run(source, f"CREATE SINK o WITH (connector = 'files', path = '{path}'{options}); INSERT INTO o {text}")
    expected = duckdb.sql("SELECT * FROM (" + (query.duckdb or query.millrace).replace("FROM bid", f"FROM '{bids}'") + ") ORDER BY ALL").fetchall()
    got = rows(out, name == "changes")
    same = len(got) == len(expected) and all(
        all(abs(float(x) - float(y)) <= 1e-9 * abs(float(y)) if isinstance(y, float) else x == y for x, y in zip(a, b)) for a, b in zip(got, expected))
    if not same:
        raise SystemExit(f"{name}: {len(got)} rows, DuckDB has {len(expected)}; {[p for p in zip(got, expected) if p[0] != p[1]][:3]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("queries", nargs="*", choices=[[], *QUERIES])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    print(f"{args.events} events, medians of {args.runs}; millions of bids for each second of the processor")
    for disorder in (1, 1000):
        for name in args.queries or QUERIES:
            query = QUERIES[name]
            with tempfile.TemporaryDirectory() as folder:
                check(name, query, disorder, pathlib.Path(folder))
            source = SOURCE.format(events=args.events, disorder=disorder)
            whole, made = (statistics.median(run(source, into_nowhere(text))[1] for _ in range(args.runs))
                           for text in (query.millrace, f"SELECT {query.columns} FROM bid"))
            bids = args.events * BIDS / 1e6
            bar = f"bar {query.bar} M" if query.bar else ""
            print(f"disorder {disorder:4}  {name:8}  {bids / whole:6.1f} M/s   of {whole:.2f} s {made:.2f} s making the columns   {bar}", flush=True)


if __name__ == "__main__":
    main()

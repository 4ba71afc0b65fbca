"""Rows that come when their windows have closed: what the source's options make of them."""

import json

import pytest

from program import binary, millrace  # noqa: F401 (fixtures)

# The row of 00:02 comes eleven minutes behind the one of 00:16, the last one half an hour behind.
ROWS = """v,t
1,2024-01-01T00:00:00
2,2024-01-01T00:16:00
4,2024-01-01T00:02:00
8,2024-01-01T00:15:30
16,2024-01-01T00:31:00
32,2024-01-01T00:03:00
"""
WATERMARK = {"event.time.field": "T", "watermark.strategy": "bounded_out_of_orderness", "watermark.max_out_of_orderness": "1m"}
SUMS = "SELECT window_start, SUM(v) AS s FROM w WINDOW {window}"
AT = "2024-01-01 00:{:02}:00"


def run(millrace, tmp_path, query, way="sql", code=0, **options):
    """The lines of the result, one row in a batch, and what was said."""
    (tmp_path / "in.csv").write_text(ROWS)
    options = {"connector": "files", "path": "in.csv", **WATERMARK, **options}
    options = {name: value for name, value in options.items() if value is not None}
    if way == "sql":
        words = ", ".join(f"{name} = '{value}'" for name, value in options.items())
        done = millrace("--shards", 1, "sql", "--format", "csv", "-c", "SET batch_rows = 1; SET dead_letters = 'letters.ndjson'; "
                        f"CREATE SOURCE w (v BIGINT, t TIMESTAMP) WITH ({words}); {query}", code=code)
        return done.stdout.splitlines()[1:], done.stderr
    (tmp_path / "p.yaml").write_text(json.dumps({
        "name": "p", "sources": {"w": {"columns": {"v": "BIGINT", "t": "TIMESTAMP"}, **options}}, "sql": query,
        "sink": {"connector": "files", "path": "out.csv", "changes_column": "op", "mode": "overwrite"},
        "settings": {"batch_rows": 1, "dead_letters": "letters.ndjson"}}))
    done = millrace("--shards", 1, "run", "p.yaml", code=code)
    return [line.removesuffix(",+I") for line in (tmp_path / "out.csv").read_text().splitlines()[1:]] if code == 0 else [], done.stderr


def lines(*pairs):
    return [f"{AT.format(minute)},{rest}" for minute, rest in pairs]


def letters(tmp_path):
    path = tmp_path / "letters.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


WAYS = pytest.mark.parametrize("way", ["sql", "yaml"])


@WAYS
@pytest.mark.parametrize("strategy", [None, "drop"])
def test_they_are_left_out_and_counted(millrace, tmp_path, way, strategy):
    got, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m)"), way, **{"late.data.strategy": strategy})
    assert got == lines((0, 1), (15, 10), (30, 16))
    assert "2 rows left out" in said
    assert letters(tmp_path) == []


@WAYS
@pytest.mark.parametrize("window, expected", [
    ("TUMBLING(5m)", lines((0, 1), (15, 10), (30, 16))), ("SESSION(t, 1m)", lines((0, 1), (15, 8), (16, 2), (31, 16))),
])
def test_they_are_set_aside(millrace, tmp_path, way, window, expected):
    expected = [line.replace("00:15:00,8", "00:15:30,10") for line in expected if not line.endswith("00:16:00,2")]
    got, said = run(millrace, tmp_path, SUMS.format(window=window), way, **{"late.data.strategy": "dead_letter"})
    assert got == expected
    found = letters(tmp_path)
    assert [(letter["code"], json.loads(letter["raw"])["v"]) for letter in found] == [("MR-2522", 4), ("MR-2522", 32)]
    assert "t" in json.loads(found[0]["raw"])


def test_table_functions_do_the_same(millrace, tmp_path):
    query = "SELECT window_start, SUM(v) AS s FROM TUMBLE(w, t, INTERVAL '5' MINUTE) GROUP BY window_start"
    got, _ = run(millrace, tmp_path, query, **{"late.data.strategy": "include_in_next_window"})
    assert got == lines((0, 1), (15, 14), (30, 48))
    got, _ = run(millrace, tmp_path, query, **{"late.data.strategy": "dead_letter"})
    assert got == lines((0, 1), (15, 10), (30, 16)) and len(letters(tmp_path)) == 2
    copies = "SELECT window_start, MAX(window_time) AS m FROM HOP(w, t, INTERVAL '5' MINUTE, INTERVAL '10' MINUTE) GROUP BY window_start"
    _, said = run(millrace, tmp_path, copies, code=2, **{"late.data.strategy": "dead_letter"})
    assert "MR-3040" in said and "WINDOW SLIDING" in said


def test_only_the_source_of_time_counts(millrace, tmp_path):
    (tmp_path / "dim.csv").write_text("d,at\n1,2024-01-01T00:00:00\n4,2024-01-01T00:00:00\n")
    query = ("CREATE SOURCE dim (d BIGINT, at TIMESTAMP, WATERMARK FOR at AS at) WITH (connector = 'files', path = 'dim.csv'); "
             "SELECT window_start, SUM(v) AS s FROM w JOIN dim ON v = d WINDOW TUMBLING(t, 5m)")
    got, _ = run(millrace, tmp_path, query, **{"late.data.strategy": "include_in_next_window"})
    assert sum(int(line.split(",")[1]) for line in got) == 5


def test_copies_of_late_rows_are_set_aside_once(millrace, tmp_path):
    query = "SELECT window_start, COUNT(DISTINCT v) AS n FROM w WINDOW SLIDING(t, 10m, 5m)"
    got, _ = run(millrace, tmp_path, query, **{"late.data.strategy": "dead_letter"})
    assert got == ["2023-12-31 23:55:00,1"] + lines((0, 1), (10, 2), (15, 2), (25, 1), (30, 1))
    assert [json.loads(letter["raw"])["v"] for letter in letters(tmp_path)] == [4, 32]


@WAYS
def test_they_are_counted_in_the_next_window(millrace, tmp_path, way):
    options = {"late.data.strategy": "include_in_next_window"}
    got, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m)"), way, **options)
    assert got == lines((0, 1), (15, 14), (30, 48))
    assert "left out" not in said and letters(tmp_path) == []
    # A row counts as often as its slice: in both windows over it.
    query = "SELECT window_start, SUM(v) AS s, COUNT(DISTINCT v) AS n FROM w WINDOW SLIDING(t, 10m, 5m)"
    got, _ = run(millrace, tmp_path, query, way, **options)
    assert got == ["2023-12-31 23:55:00,1,1"] + lines((0, "1,1"), (10, "14,3"), (15, "14,3"), (25, "48,2"), (30, "48,2"))


@WAYS
def test_they_put_their_window_right(millrace, tmp_path, way):
    options = {"late.data.strategy": "update_previous"}
    plain = lambda rows: [line.removesuffix(",+I") for line in rows]
    got, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m)"), way, **options)
    changes = [(0, "1"), (0, "1,-U"), (0, "5,+U"), (15, "10"), (0, "5,-U"), (0, "37,+U"), (30, "16")]
    assert sorted(plain(got)) == sorted(lines(*changes))
    assert "left out" not in said
    # Kept for a while only.
    got, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m)"), way, **options, **{"late.data.retention": "20m"})
    assert sorted(plain(got)) == sorted(lines(*changes[:4], changes[6]))
    assert "1 rows left out" in said
    # What the query says counts more.
    got, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m) GRACE PERIOD 1m"), way, **options)
    assert sorted(plain(got)) == sorted(lines((0, "1"), (15, "10"), (30, "16")))


@pytest.mark.parametrize("strategy, disorder, expected", [
    ("ascending", None, [(0, 1), (15, 2), (30, 16)]), ("bounded_out_of_orderness", "0s", [(0, 1), (15, 2), (30, 16)]),
    (None, None, [(0, 1), (15, 2), (30, 16)]), (None, "14m", [(0, 5), (15, 10), (30, 16)]), (None, "1h", [(0, 37), (15, 10), (30, 16)])])
def test_how_long_is_waited(millrace, tmp_path, strategy, disorder, expected):
    query = "SELECT window_start, SUM(v) AS s FROM w WHERE v <> 8 OR {} WINDOW TUMBLING(5m)".format("TRUE" if disorder in ("14m", "1h") else "FALSE")
    got, _ = run(millrace, tmp_path, query, **{"watermark.strategy": strategy, "watermark.max_out_of_orderness": disorder})
    assert got == lines(*expected)


def test_rows_of_the_newest_time_are_not_late(millrace, tmp_path):
    """A window that ends where the newest row stands does not close by it, nor does one that it is in."""
    (tmp_path / "x.csv").write_text("v,t\n1,2024-01-01T00:04:59.999999\n2,2024-01-01T00:04:59.999999\n4,2024-01-01T00:05:00\n")
    got, _ = run(millrace, tmp_path, SUMS.format(window="TUMBLING(5m)"), path="x.csv", **{"watermark.strategy": "ascending",
                                                                                         "watermark.max_out_of_orderness": None})
    assert got == lines((0, 3), (5, 4))


@pytest.mark.parametrize("options, says", [
    ({"event.time.field": None}, "event.time.field"), ({"event.time.field": "x"}, "no column x"), ({"event.time.field": "v"}, "TIMESTAMP"),
    ({"watermark.strategy": "ascending"}, "in order"), ({"watermark.strategy": "punctuated"}, "watermark.strategy"),
    ({"watermark.max_out_of_orderness": "soon"}, "watermark.max_out_of_orderness"), ({"late.data.strategy": "lose"}, "late.data.strategy"),
    ({"late.data.retention": "1h"}, "update_previous"),
    ({name: None for name in WATERMARK} | {"late.data.strategy": "dead_letter"}, "without a watermark"),
    ({"late.data.strategy": "update_previous", "late.data.retention": "0s"}, "more than 0")])
@WAYS
def test_what_cannot_be(millrace, tmp_path, way, options, says):
    _, said = run(millrace, tmp_path, SUMS.format(window="TUMBLING(t, 5m)"), way, code=2, **options)
    assert "MR-1003" in said and says in said


@pytest.mark.parametrize("strategy", ["include_in_next_window", "update_previous"])
def test_sessions_have_no_next_one(millrace, tmp_path, strategy):
    _, said = run(millrace, tmp_path, SUMS.format(window="SESSION(t, 1m)"), code=2, **{"late.data.strategy": strategy})
    assert "MR-3040" in said and strategy in said

"""Columns whose Arrow type is not the usual one of its SQL type: they compute like any other."""

import datetime
import decimal
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import Millrace, binary, millrace  # noqa: F401

WORDS = ["ann", None, "bob", "ann", "", "a longer text than a view holds inline", None]


def column(name):
    words = [None if word is None else word.encode() for word in WORDS]
    numbers = [1.5, None, -2.0, 1.5, 0.0, 1024.0, None]
    return {
        "string_view": pa.array(WORDS, pa.string_view()),
        "large_string": pa.array(WORDS, pa.large_string()),
        "binary_view": pa.array(words, pa.binary_view()),
        "large_binary": pa.array(words, pa.large_binary()),
        "fixed": pa.array([b"abc", None, b"abd", b"abc", b"\0\0\0", b"zzz", None], pa.binary(3)),
        "half": pa.array([None if n is None else np.float16(n) for n in numbers], pa.float16()),
        "duration": pa.array([None if n is None else int(n * 2) for n in numbers], pa.duration("ms")),
        "decimal256": pa.array([None if n is None else decimal.Decimal(n).quantize(decimal.Decimal("0.01")) for n in
                                numbers], pa.decimal256(40, 2)),
    }[name]


NAMES = ["string_view", "large_string", "binary_view", "large_binary", "fixed", "half", "duration", "decimal256"]


def run(millrace, path, sql):
    done = millrace("-q", "sql", "--format", "arrow", "-c", sql.replace("$t", f"'{path}'"), text=False)
    return pa.ipc.open_stream(done.stdout).read_all()


@pytest.mark.parametrize("name", NAMES)
def test_group_order_join_filter(name, tmp_path, millrace):
    table = pa.table({"id": pa.array(range(len(WORDS)), pa.int32()), "x": column(name)})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    values = table["x"].to_pylist()

    groups = run(millrace, path, "SELECT x, COUNT(*) AS n FROM $t GROUP BY x")
    expected = {}
    for value in values:
        expected[value] = expected.get(value, 0) + 1
    assert dict(zip(groups["x"].to_pylist(), groups["n"].to_pylist())) == expected

    order = run(millrace, path, "SELECT id FROM $t ORDER BY x, id")["id"].to_pylist()
    known = sorted((i for i, value in enumerate(values) if value is not None), key=lambda i: (values[i], i))
    assert order == known + [i for i, value in enumerate(values) if value is None]

    joined = run(millrace, path, "SELECT a.id, b.id AS other FROM $t AS a JOIN $t AS b ON a.x = b.x")
    pairs = set(zip(joined["id"].to_pylist(), joined["other"].to_pylist()))
    assert pairs == {(i, k) for i, v in enumerate(values) for k, w in enumerate(values) if v is not None and v == w}

    kept = run(millrace, path, "SELECT id, x FROM $t WHERE x IS NOT NULL AND id <> 0")
    assert kept["x"].to_pylist() == [v for i, v in enumerate(values) if v is not None and i != 0]


@pytest.mark.parametrize("name", NAMES)
def test_aggregates(name, tmp_path, millrace):
    table = pa.table({"x": column(name)})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    values = table["x"].to_pylist()
    known = [value for value in values if value is not None]
    got = run(millrace, path, "SELECT MIN(x) AS a, MAX(x) AS b, FIRST(x) AS c, LAST(x) AS d, ANY_VALUE(x) AS e, "
                              "COUNT(DISTINCT x) AS f FROM $t").to_pylist()[0]
    assert got == {"a": min(known), "b": max(known), "c": values[0], "d": values[-1], "e": known[0],
                   "f": len(set(known))}


def test_string_agg(tmp_path, millrace):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({name: column(name) for name in NAMES}), path)
    got = run(millrace, path, "SELECT " + ", ".join(f"STRING_AGG({name}, '|') AS {name}" for name in NAMES) + " FROM $t")
    words = "|".join(word for word in WORDS if word is not None)
    assert got.to_pylist()[0] == {
        "string_view": words, "large_string": words, "binary_view": words, "large_binary": words,
        "fixed": "abc|abd|abc|\0\0\0|zzz", "half": "1.5|-2.0|1.5|0.0|1024.0",
        "duration": "00:00:00.003|-00:00:00.004|00:00:00.003|00:00:00|00:00:02.048",
        "decimal256": "1.50|-2.00|1.50|0.00|1024.00"}


@pytest.mark.parametrize("clause", ["GROUP BY x", "ORDER BY x"])
@pytest.mark.parametrize("kind", ["list", "struct", "map"])
def test_nested_keys_are_refused(kind, clause, tmp_path, millrace):
    values = {"list": pa.array([[1], [2]]), "struct": pa.array([{"a": 1}, {"a": 2}]),
              "map": pa.array([[(1, 2)], [(3, 4)]], pa.map_(pa.int32(), pa.int32()))}[kind]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": values}), path)
    sql = f"SELECT COUNT(*) FROM 't.parquet' {clause}" if "GROUP" in clause else f"SELECT 1 FROM 't.parquet' {clause}"
    done = millrace("-q", "sql", "-c", sql, code=2)
    assert f"MR-3041 values of this type can't be a key: line 1:{sql.rindex('x') + 1}" in done.stderr
    done = millrace("-q", "sql", "-c", "SELECT a.x FROM 't.parquet' AS a JOIN 't.parquet' AS b ON a.x = b.x", code=2)
    assert "MR-3502" in done.stderr and "line 1:59" in done.stderr
    done = millrace("-q", "sql", "-c", "SELECT DISTINCT x FROM 't.parquet'", code=2)
    assert "MR-3041" in done.stderr and "line 1:17" in done.stderr


def test_zone_of_a_column_is_kept(tmp_path, millrace):
    """Computed in UTC; the type keeps the zone of the file."""
    moment = datetime.datetime(2024, 6, 30, 22, 30, tzinfo=datetime.timezone.utc)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"t": pa.array([moment], pa.timestamp("us", "Europe/Berlin"))}), path)
    got = run(millrace, path, "SELECT CAST(t AS DATE) AS a, DAY(t) AS b, DATE_TRUNC('day', t) AS c, "
                              "CAST(t AS TIMESTAMP) AS d, date_add(t, INTERVAL '1 day') AS e FROM $t")
    assert got.schema.field("c").type == pa.timestamp("us", "Europe/Berlin")
    assert got.schema.field("e").type == pa.timestamp("us", "Europe/Berlin")
    row = got.to_pylist()[0]
    assert row["a"] == datetime.date(2024, 6, 30) and row["b"] == 30
    assert row["c"].astimezone(datetime.timezone.utc) == datetime.datetime(2024, 6, 30, tzinfo=datetime.timezone.utc)
    assert row["d"] == datetime.datetime(2024, 6, 30, 22, 30)


def test_decimals_become_the_nearest_double(tmp_path, millrace):
    """Python's float() of the text rounds correctly; so must the cast."""
    chance = random.Random(7)
    context = decimal.Context(prec=100)
    for precision, scale in [(5, 2), (18, 3), (38, 10), (38, 38), (38, 0), (20, 20)]:
        numbers = [decimal.Decimal(chance.randint(-10 ** chance.randint(1, precision), 10 ** precision - 1)).scaleb(
            -scale, context) for _ in range(500)]
        path = tmp_path / f"{precision}_{scale}.parquet"
        pq.write_table(pa.table({"x": pa.array(numbers, pa.decimal128(precision, scale))}), path)
        got = run(millrace, path, "SELECT CAST(x AS DOUBLE) AS d, CAST(x AS REAL) AS r FROM $t")
        assert got["d"].to_pylist() == [float(number) for number in numbers]


def test_doubles_become_their_exact_decimal(tmp_path, millrace):
    chance = random.Random(8)
    numbers = [chance.uniform(-1, 1) * 10 ** chance.randint(-12, 12) for _ in range(2000)]
    numbers += [k / 8 for k in range(-40, 40)] + [1.005, 2.675, 0.285, 1e-300, -0.0]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.array(numbers)}), path)
    exact = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)
    for scale in (0, 2, 5, 20):
        got = run(millrace, path, f"SELECT CAST(x AS DECIMAL(38, {scale})) AS d, ROUND(x, {scale}) AS r FROM $t")
        wanted = [decimal.Decimal(n).quantize(decimal.Decimal(1).scaleb(-scale), context=exact) for n in numbers]
        assert got["d"].to_pylist() == wanted
        assert got["r"].to_pylist() == [float(w) for w in wanted]


@pytest.mark.parametrize("file_format, code", [("json", "MR-2210"), ("parquet", "MR-2302")])
def test_interval_in_files(file_format, code, tmp_path, millrace):
    """Where a format has no such type, the way that the hint shows works."""
    done = millrace("-q", "sql", "-c", f"INSERT INTO 'out.{file_format}' SELECT INTERVAL '26 hours' AS a", code=1)
    assert code in done.stderr and "cast the column to" in done.stderr
    millrace("-q", "sql", "-c", f"INSERT INTO 'out.{file_format}' SELECT CAST(INTERVAL '26 hours' AS VARCHAR) AS a")
    assert run(millrace, tmp_path / f"out.{file_format}", "SELECT a FROM $t").to_pylist() == [{"a": "26:00:00"}]


def test_intervals_and_nan_in_text(millrace):
    sql = "SELECT INTERVAL '1 day 2 hours' AS a, SPLIT('a,b', ',') AS b, SQRT(-1e0) AS c"
    assert millrace("-q", "sql", "--format", "csv", "-c", sql).stdout == 'a,b,c\n1 day 02:00:00,"[""a"",""b""]",nan\n'
    table = millrace("-q", "sql", "-c", sql).stdout
    assert "1 day 02:00:00 | [a, b] | nan" in table


def test_special_forms_are_listed(millrace):
    listed = millrace("functions").stdout
    line = next(line for line in listed.splitlines() if line.startswith("special form: "))
    names = line.removeprefix("special form: ").split(", ")
    assert {"case", "cast", "extract", "try_cast", "tumble_start", "tumble_end"} <= set(names)
    for name in names:
        lines = millrace("functions", name).stdout.splitlines()
        example, arrow, result = lines[-1].strip().partition("  →  ")
        if arrow:
            assert millrace("-q", "sql", "--format", "csv", "-c", f"SELECT {example} AS a").stdout == f"a\n{result}\n"

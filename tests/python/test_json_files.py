"""NDJSON against independent readers and writers: pyarrow, DuckDB and Python's own json."""

import datetime
import decimal
import json
import math
import os
import pathlib
import subprocess

import duckdb
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MILLRACE_BINARY", str(ROOT / "build/release/bin/millrace"))


def millrace(*arguments, code=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def sample_table():
    return pa.table(
        {
            "i": pa.array([1, -(2**63), None, 2**63 - 1], pa.int64()),
            "r": pa.array([0.1, -1e300, 5e-324, None], pa.float64()),
            "s": pa.array(['quote " back \\ tab \t', "é😀\u2028", "", None], pa.utf8()),
            "b": pa.array([True, False, None, True]),
            "d": pa.array([datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
            "t": pa.array(
                [datetime.datetime(2024, 1, 2, 3, 4, 5, 60), None, datetime.datetime(1969, 12, 31, 23, 59, 59), None],
                pa.timestamp("us"),
            ),
            "l": pa.array([[1, None], [], None, [3]], pa.list_(pa.int64())),
            "o": pa.array([{"x": 1, "y": ["a"]}, None, {"x": None, "y": None}, {"x": 2, "y": []}]),
        }
    )


@pytest.fixture
def table_file(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(sample_table(), path)
    return path


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def test_python_reads_what_we_write(tmp_path, table_file):
    out = tmp_path / "out.json"
    millrace("copy", table_file, out)
    rows = [json.loads(line) for line in out.read_bytes().split(b"\n") if line]
    wanted = sample_table().to_pylist()
    for got, want in zip(rows, wanted, strict=True):
        for name in ("i", "r", "s", "b", "l", "o"):
            assert got[name] == want[name], name
        assert got["d"] == (want["d"] and want["d"].isoformat())
        if want["t"] is None:
            assert got["t"] is None
        else:
            assert datetime.datetime.fromisoformat(got["t"]) == want["t"]


def test_pyarrow_and_duckdb_read_what_we_write(tmp_path, table_file):
    out = tmp_path / "out.json"
    millrace("copy", table_file, out)
    wanted = sample_table()
    # pyarrow's reader makes no dates of strings.
    schema = wanted.schema.set(wanted.schema.get_field_index("d"), pa.field("d", pa.utf8()))
    got = pa.json.read_json(out, parse_options=pa.json.ParseOptions(explicit_schema=schema))
    assert got.equals(wanted.set_column(schema.get_field_index("d"), "d", wanted["d"].cast(pa.utf8())))
    duck = duckdb.connect()
    count, total, text = duck.execute(
        f"SELECT count(*), sum(len(l)), max(s) FROM read_json('{out}', format='newline_delimited')"
    ).fetchone()
    assert (count, total) == (4, 3)
    assert text == "é😀\u2028"


@pytest.mark.parametrize("compact", [True, False])
def test_we_read_what_python_writes(tmp_path, compact):
    source, out = tmp_path / "in.ndjson", tmp_path / "out.parquet"
    rows = sample_table().drop_columns(["d", "t"]).to_pylist()
    with open(source, "w", encoding="utf-8") as file:
        for row in rows:
            separators = (",", ":") if compact else (" , ", " : ")
            file.write(json.dumps(row, ensure_ascii=compact, separators=separators) + "\n")
    millrace("copy", source, out)
    got = pq.read_table(out)
    assert got.to_pylist() == rows
    assert got.schema.field("o").type == pa.struct([("x", pa.int64()), ("y", pa.list_(pa.utf8()))]) or (
        got.schema.field("o").type.field("x").type == pa.int64()
    )


def test_we_read_what_duckdb_writes(tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    duckdb.connect().execute(
        f"""COPY (SELECT i AS n, i / 7 AS r, 'w' || i % 10 AS w, DATE '2024-01-01' + i::INT AS d,
                  TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND AS t, [i, NULL] AS l,
                  {{'a': i, 'b': i % 2 = 0}} AS o
           FROM range(20000) s(i)) TO '{source}' (FORMAT json)"""
    )
    millrace("copy", source, out)
    got = pq.read_table(out).to_pylist()
    start = datetime.datetime(2024, 1, 1)
    assert len(got) == 20000
    for i, row in enumerate(got):
        assert row["n"] == i and row["r"] == i / 7 and row["w"] == f"w{i % 10}"
        assert row["d"] == (start + datetime.timedelta(days=i)).date()
        assert row["t"] == start + datetime.timedelta(seconds=i)
        assert row["l"] == [i, None] and row["o"] == {"a": i, "b": i % 2 == 0}


def test_threads_and_ranges_lose_nothing(tmp_path):
    source = tmp_path / "in.json"
    with open(source, "w", encoding="utf-8") as file:
        for i in range(300_000):
            file.write('{"n":%d,"s":"%s"}\n' % (i, "x" * (i % 97)))
    out = millrace("sql", "--format", "csv", "-c", f"SELECT count(*), sum(n), min(n), max(n) FROM '{source}'")
    assert out.stdout.splitlines()[-1] == f"300000,{300_000 * 299_999 // 2},0,299999"


def test_decimals_are_numbers(tmp_path):
    source, out = tmp_path / "in.parquet", tmp_path / "out.json"
    pq.write_table(pa.table({"d": pa.array([decimal.Decimal("-12345678901234567890.50"), None])}), source)
    millrace("copy", source, out)
    first = json.loads(out.read_text().splitlines()[0], parse_float=decimal.Decimal)
    assert first["d"] == decimal.Decimal("-12345678901234567890.50")


@pytest.mark.parametrize(
    "text, number",
    [
        ("", 2200),
        ('{"a":1}\n{"a":\n', 2201),
        ('{"a":1}\n[2]\n', 2202),
        ('{"a":1}\n{"a":2', 2203),
        ('{"a":1}\n{"a":1,"a":2}\n', 2206),
        ('[{"a":1}', 2213),
    ],
)
def test_errors_have_numbers_and_leave_nothing(tmp_path, text, number):
    source, out = tmp_path / "in.json", tmp_path / "out.parquet"
    source.write_text(text)
    done = millrace("copy", source, out, code=1)
    assert f"MR-{number}" in done.stderr
    assert not out.exists()


def test_not_a_number_is_refused(tmp_path):
    source, out = tmp_path / "in.parquet", tmp_path / "out.json"
    pq.write_table(pa.table({"a": [1.0, math.nan]}), source)
    assert "MR-2211" in millrace("copy", source, out, code=1).stderr
    assert not out.exists()

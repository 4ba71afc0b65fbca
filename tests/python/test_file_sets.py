"""Several files read as one table: they agree in their columns, or the run says which one does not."""

import os
import pathlib
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("MILLRACE_BINARY", "build/release/bin/millrace")


def run(folder, *words):
    return subprocess.run([str(BINARY), "-q", *words], capture_output=True, text=True, timeout=60, cwd=folder)


def copy(folder, source, *words):
    return run(folder, "copy", source, "-", "--format", "csv", *words)


def sql(folder, text):
    return run(folder, "sql", "--format", "csv", "-c", text)


@pytest.mark.parametrize("second", ["last,given\nKim,Bob\n", "first,last,age\nCy,Poe,7\n", "first\nAnn\n", "x,y\n1,2\n"])
def test_csv_with_other_columns_is_refused(tmp_path, second):
    (tmp_path / "1.csv").write_text("first,last\nAnn,Lee\n")
    (tmp_path / "2.csv").write_text(second)
    done = copy(tmp_path, "*.csv")
    assert done.returncode == 1 and "MR-2114" in done.stderr and "2.csv" in done.stderr, done.stderr


def test_csv_columns_are_found_by_name(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b,a\ny,2\n")
    (tmp_path / "3.csv").write_text("")
    assert copy(tmp_path, "[12].csv").stdout == "a,b\n1,x\n2,y\n"


def test_csv_without_headers_goes_by_position(tmp_path):
    (tmp_path / "1.csv").write_text("1,2\n3,4\n")
    (tmp_path / "2.csv").write_text("5,6\n")
    assert copy(tmp_path, "*.csv", "--to", "header=false").stdout == "1,2\n3,4\n5,6\n"
    (tmp_path / "3.csv").write_text("5,6,7\n")
    assert "MR-2114" in copy(tmp_path, "*.csv").stderr


def test_an_empty_field_is_null_where_it_can_be_nothing_else(tmp_path):
    (tmp_path / "t.csv").write_text("n,s\n1,x\n,\nNA,NA\n")
    done = sql(tmp_path, "CREATE SOURCE t WITH (connector = 'files', path = 't.csv', null = 'NA'); "
               "SELECT n + 1 AS m, s IS NULL AS missing FROM t")
    assert done.stdout == "m,missing\n2,false\n,false\n,true\n", done.stderr


def table(**columns):
    return pa.table(columns)


def test_parquet_columns_are_found_by_name(tmp_path):
    pq.write_table(table(a=[1, 2], b=["x", "y"], c=[0.5, 1.5]), tmp_path / "1.parquet")
    pq.write_table(table(c=[2.5], a=[3], b=["z"]), tmp_path / "2.parquet")
    assert copy(tmp_path, "*.parquet").stdout == "a,b,c\n1,x,0.5\n2,y,1.5\n3,z,2.5\n"
    assert sql(tmp_path, "SELECT c, a FROM '*.parquet' WHERE a > 1").stdout == "c,a\n1.5,2\n2.5,3\n"


def test_many_small_files_become_large_row_groups_in_their_order(tmp_path):
    expected = pa.table({"n": list(range(3000)), "word": [f"word {n % 7}" if n % 5 else None for n in range(3000)]})
    for at in range(0, 3000, 10):
        pq.write_table(expected.slice(at, 10), tmp_path / f"{at:05}.parquet")
    done = run(tmp_path, "--shards", "2", "copy", "*.parquet", "all.parquet")
    assert done.returncode == 0, done.stderr
    written = pq.ParquetFile(tmp_path / "all.parquet")
    assert written.read().equals(expected) and written.num_row_groups <= 32
    (tmp_path / "02000.parquet").write_bytes(b"PAR1, but nothing else")
    done = run(tmp_path, "copy", "0*.parquet", "again.parquet")
    assert done.returncode == 1 and "02000.parquet" in done.stderr, done.stderr


@pytest.mark.parametrize("second", [dict(a=[1]), dict(a=[1], b=["x"], d=[1]), dict(a=["text"], b=["x"])])
def test_parquet_with_other_columns_is_refused(tmp_path, second):
    pq.write_table(table(a=[1], b=["x"]), tmp_path / "1.parquet")
    pq.write_table(table(**second), tmp_path / "2.parquet")
    done = copy(tmp_path, "*.parquet")
    assert done.returncode == 1 and "MR-2303" in done.stderr and "2.parquet" in done.stderr, done.stderr


def test_declared_columns_of_parquet(tmp_path):
    pq.write_table(pa.table({"ID": pa.array([1, 2], pa.int32()), "x": pa.array([0.5, None], pa.float32()), "rest": ["p", "q"]}),
                   tmp_path / "t.parquet")
    declare = "CREATE SOURCE t ({}) WITH (connector = 'files', path = 't.parquet'); SELECT {} FROM t"
    done = sql(tmp_path, declare.format("x DOUBLE, id BIGINT", "id, x, id + 5000000000 AS y"))
    assert done.stdout == "id,x,y\n1,0.5,5000000001\n2,,5000000002\n", done.stderr
    done = sql(tmp_path, declare.format("x DOUBLE, id BIGINT", "x") + " WHERE id = 2")
    assert done.stdout == "x\n\n", done.stderr
    assert "MR-2303" in sql(tmp_path, declare.format("id SMALLINT", "*")).stderr
    assert "MR-2303" in sql(tmp_path, declare.format("other BIGINT", "*")).stderr


@pytest.mark.parametrize("encoding", ["plain", "dictionary"])
def test_text_of_parquet_must_be_utf8(tmp_path, encoding):
    good, bad = "é日".encode(), b"ab\xff\xfe"
    # Two halves of one character: the values together are valid, neither is.
    for values, row in (([good, bad], 2), ([b"x\xc3", b"\xa9y"], 1)):
        text = pa.Array.from_buffers(pa.string(), 2, pa.array(values, pa.binary()).buffers())
        pq.write_table(pa.table({"s": text}), tmp_path / "t.parquet", use_dictionary=encoding == "dictionary")
        done = copy(tmp_path, "t.parquet")
        assert done.returncode == 1 and "MR-2305" in done.stderr and "column s" in done.stderr, done.stderr
        assert encoding == "dictionary" or f"row {row}" in done.stderr
    assert sql(tmp_path, "CREATE SOURCE t (s BLOB) WITH (connector = 'files', path = 't.parquet'); "
               "SELECT s FROM t").stdout == "s\n\\x78c3\n\\xa979\n"


@pytest.mark.parametrize("format, rows", [("csv", "a,b\n1,x\n"), ("ndjson", '{"a":1,"b":"x"}\n')])
def test_a_file_without_any_byte_teaches_no_columns(tmp_path, format, rows):
    for name in ("0", "1", "3"):
        (tmp_path / f"{name}.{format}").write_text("")
    (tmp_path / f"2.{format}").write_text(rows)
    assert copy(tmp_path, f"*.{format}").stdout == "a,b\n1,x\n"
    (tmp_path / f"2.{format}").write_text("")
    done = copy(tmp_path, f"*.{format}")
    assert done.returncode == 1 and f"0.{format}" in done.stderr

"""JSON arrays, and objects over many lines, against Python's json, DuckDB and pyarrow."""

import bz2
import gzip
import json
import os
import random
import subprocess
import sys

import duckdb
import pyarrow.parquet as pq
import pytest
from backports import zstd

from program import BINARY, binary, millrace  # noqa: F401 (fixtures)


def make_rows(count, seed=1):
    random.seed(seed)
    words = ["plain", 'quote " and \\', "},{", "][", "é😀", "", "\n\t", "\\\\\""]
    return [
        {
            "id": i,
            "word": random.choice(words) + random.choice(words),
            "real": i / 8,
            "nested": {"x": i % 7, "l": [{"y": random.choice(words)}] * (i % 3)},
            "gone": None if i % 5 else i,
        }
        for i in range(count)
    ]


FORMS = {
    "compact": lambda rows: json.dumps(rows, separators=(",", ":")),
    "spaced": lambda rows: "\n " + json.dumps(rows, ensure_ascii=False) + "\n\n",
    "pretty": lambda rows: json.dumps(rows, indent=2),
    "lines": lambda rows: "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n",
    "objects": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_rows(millrace, tmp_path, form):
    rows = make_rows(5000)
    (tmp_path / "in.json").write_text(FORMS[form](rows), encoding="utf-8")
    millrace("copy", "in.json", "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows


@pytest.mark.parametrize("form", ["pretty", "compact"])
def test_split_files_equal_the_whole(millrace, tmp_path, form):
    rows = make_rows(60_000, seed=2)
    (tmp_path / "in.json").write_text(FORMS[form](rows), encoding="utf-8")
    millrace("--shards", 4, "copy", "in.json", "out.parquet", "--select", "SELECT id, word, nested FROM source")
    table = pq.read_table(tmp_path / "out.parquet").sort_by("id")
    assert table.to_pylist() == [{k: row[k] for k in ("id", "word", "nested")} for row in rows]
    theirs = duckdb.sql(f"select count(*), sum(id), sum(real) from read_json('{tmp_path}/in.json')").fetchall()
    ours = millrace("-q", "sql", "--format", "csv", "-c", "SELECT count(*) AS c, sum(id) AS i, sum(real) AS r FROM 'in.json'")
    assert [tuple(map(float, ours.stdout.splitlines()[1].split(",")))] == theirs


@pytest.mark.parametrize("form", ["pretty", "compact", "objects"])
@pytest.mark.parametrize("extension, pack", [("gz", gzip.compress), ("zst", zstd.compress), ("bz2", bz2.compress)])
def test_compressed_arrays(millrace, tmp_path, form, extension, pack):
    rows = make_rows(5000)
    text = FORMS[form](rows).encode()
    (tmp_path / f"in.json.{extension}").write_bytes(pack(text))
    # Members behind one another, cut inside an element.
    (tmp_path / f"two.json.{extension}").write_bytes(pack(text[:70_001]) + pack(text[70_001:]))
    for name in ("in", "two"):
        millrace("copy", f"{name}.json.{extension}", "out.parquet", "--mode", "overwrite", "--from", "split_size=64KiB")
        assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows


def test_a_compressed_array_cut_short(millrace, tmp_path):
    text = FORMS["pretty"](make_rows(5000)).encode()
    (tmp_path / "in.json.gz").write_bytes(gzip.compress(text)[:-2000])
    assert "MR-2052" in millrace("copy", "in.json.gz", "out.parquet", code=1).stderr
    (tmp_path / "in.json.gz").write_bytes(gzip.compress(text[:len(text) // 2]))
    assert "MR-2213" in millrace("copy", "in.json.gz", "out.parquet", code=1).stderr
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("form", ["array", "objects"])
def test_a_compressed_array_larger_than_the_budget(millrace, tmp_path, form):
    """Half a GiB of JSON with a budget of 64 MiB."""
    count, width = 1_000_000, 500
    with gzip.open(tmp_path / "in.json.gz", "wb", compresslevel=1) as out:
        for begin in range(0, count, 10_000):
            body = b"".join(b'{"id": %d,\n "pad": "%s"}%s\n' % (i, b"x" * width, b"," if form == "array" and i < count - 1 else b"")
                            for i in range(begin, begin + 10_000))
            out.write(b"[" * (form == "array" and begin == 0) + body + b"]" * (form == "array" and begin == count - 10_000))
    words = ["-q", "--memory", "64MiB", "sql", "--format", "csv", "-c", "SELECT COUNT(*) AS n, SUM(id) AS s FROM 'in.json.gz'"]
    # A process of its own, whose only child it is.
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", code, BINARY, *words], cwd=tmp_path, env={**os.environ, **millrace.environment},
                          capture_output=True, text=True, check=True)
    *rows, kib = done.stdout.split()
    assert rows == ["n,s", f"{count},{count * (count - 1) // 2}"]
    assert int(kib) < 200 * 1024


def test_arrays_are_read_from_pipes(millrace, tmp_path):
    rows = make_rows(3000)
    done = millrace("copy", "-", "out.parquet", "--from", "format=json", stdin=FORMS["pretty"](rows))
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows, done.stderr


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_others_read_the_arrays_that_we_write(millrace, tmp_path, count):
    rows = make_rows(count or 1)
    (tmp_path / "in.json").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    millrace("copy", "in.json", "out.json", "--to", "layout=array", *([] if count else ["--select", "SELECT * FROM source WHERE id < 0"]))
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written == rows[:count]
    if count:
        assert duckdb.sql(f"select count(*) from read_json('{tmp_path}/out.json', format='array')").fetchall() == [(count,)]


def test_appending_goes_on_with_an_array(millrace, tmp_path):
    append = ["--to", "layout=array", "--to", "mode=append"]
    (tmp_path / "a.json").write_text('{"a":1}\n{"a":2}\n')
    for _ in range(3):
        millrace("copy", "a.json", "out.json", *append)
    assert json.loads((tmp_path / "out.json").read_text()) == [{"a": 1}, {"a": 2}] * 3
    (tmp_path / "out.json").write_text(" [ ]")
    millrace("copy", "a.json", "out.json", *append)
    assert json.loads((tmp_path / "out.json").read_text()) == [{"a": 1}, {"a": 2}]
    refused = millrace("copy", "a.json", "out.json", "--to", "mode=append", code=1)
    assert "MR-2216" in refused.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "text, number",
    [('[{"a":1},{"a":2}', "MR-2213"), ('[{"a":1},{"a"', "MR-2213"), ('[{"a":1}] x', "MR-2214"),
     ('[{"a":1}{"a":2}]', "MR-2201"), ('[{"a":1},2]', "MR-2202"), ('[{"a":1}}]', "MR-2215")],
)
def test_what_is_wrong_is_said(millrace, tmp_path, text, number):
    (tmp_path / "in.json").write_text(text)
    done = millrace("copy", "in.json", "out.parquet", code=1)
    assert number in done.stderr and "in.json" in done.stderr
    assert not (tmp_path / "out.parquet").exists()

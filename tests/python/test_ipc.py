"""Arrow IPC against pyarrow: files and streams, every layout, in both directions."""

import datetime
import decimal
import random

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from program import *  # noqa: F401,F403

ROWS = 1000


def table(rows=ROWS):
    chance = random.Random(7)
    maybe = lambda make: [None if chance.random() < 0.2 else make(i) for i in range(rows)]
    word = lambda i: "é" * chance.randint(0, 3) + "x" * chance.randint(0, 40)
    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "flag": pa.array(maybe(lambda i: chance.random() < 0.5), pa.bool_()),
        "small": pa.array(maybe(lambda i: chance.randint(-128, 127)), pa.int8()),
        "big": pa.array(maybe(lambda i: chance.randint(0, 2**64 - 1)), pa.uint64()),
        "real": pa.array(maybe(lambda i: chance.uniform(-1, 1)), pa.float64()),
        "text": pa.array(maybe(word), pa.utf8()),
        "bytes": pa.array(maybe(lambda i: word(i).encode()), pa.binary()),
        "fixed": pa.array(maybe(lambda i: chance.randbytes(3)), pa.binary(3)),
        "day": pa.array(maybe(lambda i: chance.randint(-10000, 10000)), pa.date32()),
        "at": pa.array(maybe(lambda i: chance.randint(-10**15, 10**15)), pa.timestamp("us", "UTC")),
        "price": pa.array(maybe(lambda i: decimal.Decimal(chance.randint(-10**9, 10**9)).scaleb(-2)), pa.decimal128(12, 2)),
        "items": pa.array(maybe(lambda i: [None, i, -i][: chance.randint(0, 3)]), pa.list_(pa.int32())),
        "point": pa.array(maybe(lambda i: {"x": i, "y": word(i)}), pa.struct([("x", pa.int32()), ("y", pa.utf8())])),
        "pairs": pa.array(maybe(lambda i: [(word(i) + "k", i)]), pa.map_(pa.utf8(), pa.int64())),
        "nothing": pa.nulls(rows),
    })


def write_file(path, data, rows=100, **options):
    with ipc.new_file(path, data.schema, options=ipc.IpcWriteOptions(**options)) as out:
        out.write_table(data, max_chunksize=rows)


def write_stream(path, data, rows=100, **options):
    with pa.OSFile(str(path), "wb") as sink, ipc.new_stream(sink, data.schema, options=ipc.IpcWriteOptions(**options)) as out:
        out.write_table(data, max_chunksize=rows)


def same(found, expected):
    assert found.schema.names == expected.schema.names
    for name in expected.schema.names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("suffix, write", [("arrow", write_file), ("feather", write_file), ("arrows", write_stream), ("arrow", write_stream)])
def test_read(millrace, tmp_path, suffix, write, compression):
    data = table()
    write(tmp_path / f"a.{suffix}", data, compression=compression)
    millrace("copy", f"a.{suffix}", "a.parquet")
    same(pq.read_table(tmp_path / "a.parquet"), data)


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("rows", [1, 300, 65536])
def test_write(millrace, tmp_path, compression, rows):
    data = table()
    pq.write_table(data, tmp_path / "a.parquet")
    options = ["--to", f"compression={compression}", "--to", f"batch_rows={rows}"]
    millrace("copy", "a.parquet", "a.arrow", *options)
    millrace("copy", "a.parquet", "a.arrows", *options)
    with ipc.open_file(tmp_path / "a.arrow") as found:
        same(found.read_all(), data)
        assert found.num_record_batches == -(-ROWS // rows)
    with ipc.open_stream(tmp_path / "a.arrows") as found:
        same(found.read_all(), data)
        assert found.schema.field("price").type == pa.decimal128(12, 2)
        assert found.schema.field("at").type == pa.timestamp("us", "UTC")
    flat = ["id", "flag", "real", "text", "day"]
    assert pl.read_ipc(tmp_path / "a.arrow", columns=flat).to_dicts() == data.select(flat).to_pylist()


def test_no_rows(millrace, tmp_path):
    write_file(tmp_path / "a.arrow", table(0))
    millrace("copy", "a.arrow", "b.arrow")
    millrace("copy", "a.arrow", "b.arrows")
    assert ipc.open_file(tmp_path / "b.arrow").read_all().num_rows == 0
    assert ipc.open_stream(tmp_path / "b.arrows").read_all().schema.names == table(0).schema.names


@pytest.mark.parametrize("write", [write_file, write_stream])
def test_pipes(millrace, tmp_path, write):
    """Standard input takes both forms; standard output gives a stream."""
    data = table()
    write(tmp_path / "a.bin", data)
    done = millrace("copy", "-", "-", "--from", "format=arrows", "--to", "format=arrows", "--quiet",
                    stdin=(tmp_path / "a.bin").read_bytes(), text=False)
    same(ipc.open_stream(done.stdout).read_all(), data)


def test_projection_and_counting(millrace, tmp_path):
    write_file(tmp_path / "a.arrow", table())
    write_stream(tmp_path / "a.arrows", table())
    for name in ("a.arrow", "a.arrows"):
        done = millrace("sql", "--format", "csv", "-c", f"SELECT text, id FROM '{name}' WHERE id > 997 ORDER BY id")
        expected = table()["text"].to_pylist()
        assert done.stdout.splitlines()[1:] == [f"{'' if expected[i] is None else expected[i] or chr(34) * 2},{i}" for i in (998, 999)]
        assert millrace("sql", "--format", "csv", "-c", f"SELECT COUNT(*) FROM '{name}'").stdout.split() == ["count(*)", "1000"] or \
            millrace("sql", "--format", "csv", "-c", f"SELECT COUNT(*) AS n FROM '{name}'").stdout.split() == ["n", "1000"]


def test_parts_of_a_large_file(millrace, tmp_path):
    rows = 200_000
    data = pa.table({"id": np.arange(rows), "v": np.arange(rows) * 0.5, "s": [f"row {i}" for i in range(rows)]})
    write_file(tmp_path / "a.arrow", data, rows=1000)
    options = ["--from", "split_size=64KiB", "--shards", "3"]
    millrace("copy", "a.arrow", "b.arrow", *options)
    assert ipc.open_file(tmp_path / "b.arrow").read_all().equals(data.cast(ipc.open_file(tmp_path / "b.arrow").schema))


def unusual():
    chance = random.Random(3)
    few = [chance.choice(["a", "b", None, "ccc"]) for _ in range(ROWS)]
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([10, ROWS], pa.int32()), pa.array(["x", None]))
    return {
        "dictionary": pa.array(few).dictionary_encode(),
        "dictionary_small": pa.array(few).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.utf8())),
        "dictionary_large": pa.array(few, pa.large_utf8()).dictionary_encode(),
        "dictionary_of_numbers": pa.array([i % 3 for i in range(ROWS)], pa.int64()).dictionary_encode(),
        "dictionary_inside": pa.array([[w, "z"] for w in few]).cast(pa.list_(pa.dictionary(pa.int32(), pa.utf8()))),
        "view": pa.array(few, pa.string_view()),
        "bytes_view": pa.array([None if w is None else w.encode() for w in few], pa.binary_view()),
        "half": pa.array(np.arange(ROWS, dtype=np.float16)),
        "decimal32": pa.array([decimal.Decimal(i).scaleb(-1) for i in range(ROWS)], pa.decimal32(5, 1)),
        "decimal64": pa.array([decimal.Decimal(i).scaleb(-1) for i in range(ROWS)], pa.decimal64(9, 1)),
        "list_view": pa.array([[i, None] for i in range(ROWS)], pa.list_view(pa.int16())),
        "runs": runs,
        "seconds": pa.array([datetime.time(i % 24) for i in range(ROWS)], pa.time32("s")),
        "large_list": pa.array([[i % 100] for i in range(ROWS)], pa.large_list(pa.int8())),
        "pair": pa.array([[i % 100, 1] for i in range(ROWS)], pa.list_(pa.int8(), 2)),
        "extension": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * ROWS, pa.binary(16))),
    }


@pytest.mark.parametrize("name", list(unusual()))
def test_unusual_layouts(millrace, tmp_path, name):
    """They become the usual ones, with the same values."""
    column = unusual()[name]
    data = pa.table({"v": column, "id": pa.array(range(ROWS))})
    write_file(tmp_path / "a.arrow", data, rows=300)
    write_stream(tmp_path / "a.arrows", data, rows=300)
    expected = column.storage.to_pylist() if name == "extension" else column.to_pylist()
    for source in ("a.arrow", "a.arrows"):
        millrace("copy", source, "b.arrow", "--mode", "overwrite")
        found = ipc.open_file(tmp_path / "b.arrow").read_all()
        values, ids = found["v"].to_pylist(), found["id"].to_pylist()
        assert values == expected
        assert ids == list(range(ROWS))
        assert not pa.types.is_dictionary(found.schema.field("v").type)


def test_declared_columns(millrace, tmp_path):
    write_file(tmp_path / "a.arrow", table())
    sql = "CREATE TABLE t ({}) WITH (connector = 'files', path = 'a.arrow'); SELECT * FROM t WHERE id < 2 ORDER BY id"
    (tmp_path / "good.sql").write_text(sql.format("small BIGINT, id BIGINT"))
    assert millrace("run", "good.sql").returncode == 0
    (tmp_path / "bad.sql").write_text(sql.format("missing BIGINT, id BIGINT"))
    assert "MR-2602" in millrace("run", "bad.sql", code=1).stderr


@pytest.mark.parametrize("write, suffix", [(write_file, "arrow"), (write_stream, "arrows")])
def test_cut_short(millrace, tmp_path, write, suffix):
    """A cut anywhere but between two messages of a stream, whose end nothing marks, is told."""
    data = table(300)
    write(tmp_path / "whole", data)
    whole = (tmp_path / "whole").read_bytes()
    chance = random.Random(1)
    sizes = sorted({0, 1, 4, 7, 8, 9, 100, len(whole) - 9, *(chance.randrange(len(whole) - 9) for _ in range(25))})
    told = 0
    for size in sizes:
        (tmp_path / f"cut.{suffix}").write_bytes(whole[:size])
        try:
            millrace("copy", f"cut.{suffix}", "out.csv", "--mode", "overwrite", "--select", "SELECT id FROM source", code=1)
            told += 1
        except AssertionError:
            assert write is write_stream
    assert told >= len(sizes) - 1
    assert not (tmp_path / "out.csv").exists() or told < len(sizes)


@pytest.mark.parametrize("write, suffix", [(write_file, "arrow"), (write_stream, "arrows")])
@pytest.mark.parametrize("compression", [None, "lz4"])
def test_damaged(millrace, tmp_path, write, suffix, compression):
    """Wrong bytes give rows or a numbered error, never a crash."""
    write(tmp_path / "whole", table(200), compression=compression)
    whole = (tmp_path / "whole").read_bytes()
    for seed in range(30):
        chance = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 4, 20])):
            damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
        (tmp_path / f"bad.{suffix}").write_bytes(damaged)
        try:
            millrace("copy", f"bad.{suffix}", "out.json", "--mode", "overwrite", "--quiet")
        except AssertionError as error:
            text = str(error)
            assert "exit 1\n" in text and "MR-" in text and "MR-9000" not in text, text

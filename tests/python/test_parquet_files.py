"""Parquet against pyarrow: every type, codec and layout, in both directions."""

import datetime
import decimal
import os
import pathlib
import random
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MILLRACE_BINARY", str(ROOT / "build/release/bin/millrace"))
ROWS = 1000


def millrace(*arguments, code=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done


def with_nulls(make, type_, rows=ROWS):
    chance = random.Random(str(type_))
    return pa.array([None if chance.random() < 0.2 else make(chance, i) for i in range(rows)], type_)


def integer(bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda chance, i: low if i == 0 else high if i == 1 else chance.randint(low, high)


def decimal_of(precision, scale):
    def make(chance, i):
        digits = chance.randint(-(10**precision) + 1, 10**precision - 1)
        with decimal.localcontext() as context:
            context.prec = 100
            return decimal.Decimal(digits).scaleb(-scale)

    return make


def word(chance, i):
    return "é" * chance.randint(0, 3) + "x" * chance.randint(0, 40)


def column_types():
    text = lambda chance, i: word(chance, i)
    blob = lambda chance, i: word(chance, i).encode()
    few = lambda chance, i: f"w{chance.randint(0, 5)}"
    whole = lambda chance, i: chance.randint(-1000, 1000)
    maybe = lambda make: lambda chance, i: None if chance.random() < 0.3 else make(chance, i)
    items = lambda make: lambda chance, i: [maybe(make)(chance, k) for k in range(chance.randint(0, 4))]
    point = pa.struct([("x", pa.int32()), ("y", pa.utf8())])
    make_point = lambda chance, i: {"x": maybe(whole)(chance, i), "y": maybe(text)(chance, i)}
    time_of_day = lambda high: lambda chance, i: chance.randint(0, high - 1)
    moment = lambda chance, i: chance.randint(-(10**9), 2 * 10**9)
    out = {
        "null": (pa.null(), lambda chance, i: None),
        "bool": (pa.bool_(), lambda chance, i: chance.random() < 0.5),
        "half": (pa.float16(), lambda chance, i: np.float16(chance.randint(-1000, 1000) / 8)),
        "float": (pa.float32(), lambda chance, i: chance.randint(-1000, 1000) / 8),
        "double": (pa.float64(), lambda chance, i: chance.uniform(-1e9, 1e9)),
        "utf8": (pa.utf8(), text),
        "large_utf8": (pa.large_utf8(), text),
        "binary": (pa.binary(), blob),
        "large_binary": (pa.large_binary(), blob),
        "fixed": (pa.binary(3), lambda chance, i: chance.randbytes(3)),
        "utf8_view": (pa.string_view(), text),
        "binary_view": (pa.binary_view(), blob),
        "date32": (pa.date32(), lambda chance, i: chance.randint(-100000, 100000)),
        "date64": (pa.date64(), lambda chance, i: datetime.date(1960, 1, 1) + datetime.timedelta(days=i)),
        "time32s": (pa.time32("s"), time_of_day(86400)),
        "time32ms": (pa.time32("ms"), time_of_day(86400 * 10**3)),
        "time64us": (pa.time64("us"), time_of_day(86400 * 10**6)),
        "time64ns": (pa.time64("ns"), time_of_day(86400 * 10**9)),
        "list": (pa.list_(pa.int32()), items(whole)),
        "large_list": (pa.large_list(pa.utf8()), items(text)),
        "struct": (point, make_point),
        "list_struct": (pa.list_(point), items(make_point)),
        "list_list": (pa.list_(pa.list_(pa.int16())), items(items(whole))),
        "struct_list": (pa.struct([("l", pa.list_(point))]), lambda c, i: {"l": maybe(items(make_point))(c, i)}),
        "map": (
            pa.map_(pa.utf8(), pa.int64()),
            lambda chance, i: [(f"k{k}", maybe(whole)(chance, k)) for k in range(chance.randint(0, 3))],
        ),
        "map_list": (
            pa.map_(pa.int32(), pa.list_(pa.utf8())),
            lambda chance, i: [(k, maybe(items(text))(chance, k)) for k in range(chance.randint(0, 3))],
        ),
        "dictionary": (pa.dictionary(pa.int32(), pa.utf8()), few),
        "fixed_list": (pa.list_(pa.int32(), 2), lambda chance, i: [1, maybe(whole)(chance, i)]),
    }
    for bits in (8, 16, 32, 64):
        out[f"int{bits}"] = (getattr(pa, f"int{bits}")(), integer(bits, True))
        out[f"uint{bits}"] = (getattr(pa, f"uint{bits}")(), integer(bits, False))
    for precision, scale in ((1, 0), (9, 2), (18, 18), (38, 10)):
        out[f"decimal128_{precision}"] = (pa.decimal128(precision, scale), decimal_of(precision, scale))
    for precision, scale in ((40, 0), (76, 38)):
        out[f"decimal256_{precision}"] = (pa.decimal256(precision, scale), decimal_of(precision, scale))
    for unit in ("s", "ms", "us", "ns"):
        out[f"timestamp_{unit}"] = (pa.timestamp(unit), moment)
        out[f"timestamp_{unit}_utc"] = (pa.timestamp(unit, "UTC"), moment)
        out[f"timestamp_{unit}_zone"] = (pa.timestamp(unit, "Europe/Berlin"), moment)
        out[f"duration_{unit}"] = (pa.duration(unit), moment)
    return out


TYPES = column_types()


def same(got, wanted):
    """Equal values and types; a dictionary may come back as its values, and layouts that few kernels know become the
    usual ones."""
    usual = {pa.string_view(): pa.utf8(), pa.binary_view(): pa.binary(), pa.float16(): pa.float32()}
    wanted = wanted.cast(usual.get(wanted.type, wanted.type))
    if pa.types.is_dictionary(wanted.type) and not pa.types.is_dictionary(got.type):
        wanted = wanted.cast(wanted.type.value_type)
    got.validate(full=True)
    assert got.type == wanted.type
    assert got.equals(wanted)


@pytest.mark.parametrize("name", TYPES)
def test_type_round_trip(tmp_path, name):
    """pyarrow writes, we read and write, pyarrow reads."""
    type_, make = TYPES[name]
    table = pa.table({"k": pa.array(range(ROWS), pa.int64()), "v": with_nulls(make, type_)})
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, source, row_group_size=300)
    millrace("copy", source, out)
    got = pq.read_table(out)
    assert got["k"].to_pylist() == list(range(ROWS))
    same(got["v"].combine_chunks(), pq.read_table(source)["v"].combine_chunks())


def everything(rows=ROWS, without=()):
    return pa.table({name: with_nulls(make, type_, rows) for name, (type_, make) in TYPES.items() if name not in without})


CODECS = [(c, None) for c in ("none", "snappy", "gzip", "zstd", "lz4", "brotli")] + [
    (c, level) for c in ("gzip", "zstd", "brotli") for level in (1, 9)]


@pytest.mark.parametrize(("codec", "level"), CODECS)
def test_codecs_and_levels(tmp_path, codec, level):
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pa.table({"k": range(ROWS), "s": ["abc" * (i % 7) for i in range(ROWS)]})
    pq.write_table(table, source)
    options = ["--to", f"compression={codec}"]
    if level is not None:
        options += ["--to", f"compression_level={level}"]
    millrace("copy", source, out, *options)
    assert pq.read_table(out).to_pylist() == table.to_pylist()
    named = pq.ParquetFile(out).metadata.row_group(0).column(0).compression.lower()
    assert named.startswith({"none": "uncompressed"}.get(codec, codec))


@pytest.mark.parametrize("codec", ["NONE", "SNAPPY", "GZIP", "ZSTD", "LZ4", "BROTLI"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_we_read_codecs_and_page_versions(tmp_path, codec, version):
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = everything(200, without=("null",))
    pq.write_table(table, source, compression=codec, data_page_version=version, row_group_size=64)
    millrace("copy", source, out)
    got, wanted = pq.read_table(out), pq.read_table(source)
    for name in wanted.column_names:
        same(got[name].combine_chunks(), wanted[name].combine_chunks())


@pytest.mark.parametrize("rows", [1, 7, 64, 5000])
def test_row_group_sizes(tmp_path, rows):
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pa.table({"k": range(ROWS), "s": [f"w{i % 3}" for i in range(ROWS)]})
    pq.write_table(table, source)
    millrace("copy", source, out, "--to", f"row_group_rows={rows}")
    file = pq.ParquetFile(out)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(sizes) == ROWS and max(sizes) <= rows
    assert file.read().sort_by("k").to_pylist() == table.to_pylist()


def test_row_groups_have_rows(tmp_path):
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"k": [1]}), source)
    for rows in (0, -1):
        done = millrace("copy", source, tmp_path / "out.parquet", "--to", f"row_group_rows={rows}", code=2)
        assert "MR-1003" in done.stderr


def test_a_struct_field_is_not_taken_for_a_column(tmp_path):
    """Statistics of the leaf a.b must not prune rows by the column "a.b"."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"a": [{"b": 1}, {"b": 2}], "a.b": [100, 200]}), source)
    query = f"""SELECT count(*) FROM '{source}' WHERE "a.b" = 200"""
    assert millrace("sql", "--format", "csv", "-c", query).stdout.splitlines()[-1] == "1"


def test_empty_file_keeps_its_schema(tmp_path):
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = everything(0)
    pq.write_table(table, source)
    millrace("copy", source, out)
    got = pq.read_table(out)
    assert got.num_rows == 0 and got.column_names == table.column_names
    assert "0" in millrace("sql", "--format", "csv", "-c", f"SELECT count(*) FROM '{out}'").stdout


def test_projections_and_pruning_give_the_same_rows(tmp_path):
    source = tmp_path / "in.parquet"
    chance = random.Random(1)
    values = [None if i % 10 == 0 else chance.randint(0, 9999) + i for i in range(20000)]
    words = [f"{v:06}" if v is not None else None for v in values]
    reals = [v / 2 if v is not None else float("nan") for v in values]
    pq.write_table(pa.table({"v": values, "w": words, "r": reals}), source, row_group_size=500)

    def ask(query):
        return millrace("sql", "--format", "csv", "-c", query).stdout.splitlines()[-1]

    assert ask(f"SELECT count(*) FROM '{source}'") == "20000"
    present = [v for v in values if v is not None]
    for bound in (-1, 0, 700, 15000, 29000, 10**6):
        for sign, test in {
            "=": lambda v: v == bound,
            "<": lambda v: v < bound,
            "<=": lambda v: v <= bound,
            ">": lambda v: v > bound,
            ">=": lambda v: v >= bound,
            "<>": lambda v: v != bound,
        }.items():
            wanted = sum(map(test, present))
            assert ask(f"SELECT count(*) FROM '{source}' WHERE v {sign} {bound}") == str(wanted), (sign, bound)
            if bound >= 0:
                found = ask(f"SELECT count(*) FROM '{source}' WHERE w {sign} '{bound:06}'")
                assert found == str(wanted) or bound >= 10**6, (sign, bound)
    assert ask(f"SELECT count(*) FROM '{source}' WHERE v IS NULL") == "2000"
    assert ask(f"SELECT count(*) FROM '{source}' WHERE v > 700.5") == str(sum(v > 700.5 for v in present))
    assert ask(f"SELECT count(*) FROM '{source}' WHERE r < 100") == str(sum(v / 2 < 100 for v in present))


def test_damaged_files_end_with_a_numbered_error(tmp_path):
    good = tmp_path / "good.parquet"
    pq.write_table(everything(300), good, row_group_size=100)
    whole = good.read_bytes()
    chance = random.Random(3)
    bad, out = tmp_path / "bad.parquet", tmp_path / "out.parquet"
    for cut in (0, 1, 4, 8, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        bad.write_bytes(whole[:cut])
        done = subprocess.run([BINARY, "copy", bad, out], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1, (cut, done)
        assert "MR-" in done.stderr and "MR-9" not in done.stderr, (cut, done.stderr)
        assert not out.exists()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        bad.write_bytes(damaged)
        done = subprocess.run([BINARY, "copy", bad, out], capture_output=True, text=True, timeout=60)
        # Damage inside values can't be seen without checksums; a crash can.
        assert done.returncode in (0, 1), done
        if done.returncode == 1:
            assert "MR-" in done.stderr and not out.exists()
        else:
            out.unlink()

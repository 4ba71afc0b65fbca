"""Avro against fastavro, and Polars as a second witness: every type, codec and damage, in both directions."""

import datetime
import decimal
import io
import json
import random
import struct
import uuid

import fastavro
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from program import *  # noqa: F401,F403

CODECS = ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"]
UTC = datetime.timezone.utc
D = decimal.Decimal


def record(*fields, name="Row"):
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t, **(more[0] if more else {})} for n, t, *more in fields]}


def write(path, schema, rows, codec="null", **options):
    with open(path, "wb") as out:
        fastavro.writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), rows, codec=codec, **options)


def read(path):
    with open(path, "rb") as file:
        return list(fastavro.reader(file))


def converted(millrace, source, target="out.arrow", *options):
    millrace("copy", source, target, "--mode", "overwrite", *options)
    return ipc.open_file(millrace.folder / target).read_all()


def logical(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


# type, values as fastavro takes them, values as Arrow gives them, type as Arrow has it
CASES = {
    "null": ("null", [None, None], [None, None], pa.null()),
    "boolean": ("boolean", [True, False], [True, False], pa.bool_()),
    "int": ("int", [0, -1, 1, 63, 64, -64, -65, 2**31 - 1, -(2**31)], None, pa.int32()),
    "long": ("long", [0, -1, 2**63 - 1, -(2**63), 2**35], None, pa.int64()),
    "float": ("float", [0.5, -1.25, float("inf")], None, pa.float32()),
    "double": ("double", [0.1, -1e300, float("-inf")], None, pa.float64()),
    "bytes": ("bytes", [b"", b"\x00\xff", b"x" * 100_000], None, pa.binary()),
    "string": ("string", ["", "é", "sixteen bytes !!", "seventeen bytes !", "long " * 50_000], None, pa.utf8()),
    "fixed": ({"type": "fixed", "name": "F", "size": 3}, [b"abc", b"\x00\x01\x02"], None, pa.binary(3)),
    "fixed_empty": ({"type": "fixed", "name": "F", "size": 0}, [b"", b""], None, pa.binary(0)),
    "enum": ({"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}, ["C", "A", "B", "A"], None, pa.utf8()),
    "array": ({"type": "array", "items": "int"}, [[], [1], [1, 2, 3]], None, None),
    "array_null": ({"type": "array", "items": "null"}, [[], [None] * 3], None, None),
    "array_deep": ({"type": "array", "items": {"type": "array", "items": ["null", "string"]}}, [[], [[]], [["a", None], ["b"]]], None, None),
    "map": ({"type": "map", "values": "long"}, [{}, {"a": 1, "é": -2}], [[], [("a", 1), ("é", -2)]], None),
    "record": (record(("x", "int"), ("y", ["null", "string"]), name="R"), [{"x": 1, "y": None}, {"x": 2, "y": "b"}], None, None),
    "record_empty": (record(name="R"), [{}, {}], None, None),
    "records": ({"type": "array", "items": record(("x", "int"), ("y", {"type": "map", "values": ["null", "double"]}), name="R")},
                [[], [{"x": 1, "y": {"k": None}}, {"x": 2, "y": {}}]], [[], [{"x": 1, "y": [("k", None)]}, {"x": 2, "y": []}]], None),
    "single_union": (["string"], ["a", "b"], None, pa.utf8()),
    "null_last": (["int", "null"], [1, None, 3], None, pa.int32()),
    "decimal_bytes": (logical("bytes", "decimal", precision=10, scale=2), [D("0.00"), D("-1.28"), D("1.28"), D("99999999.99"), D("-99999999.99")], None, pa.decimal128(10, 2)),
    "decimal_wide": (logical("bytes", "decimal", precision=60, scale=5), [D("-1.00000"), D(10) ** 50 + D("0.12345")], None, pa.decimal256(60, 5)),
    "decimal_fixed": (logical("fixed", "decimal", precision=9, scale=3, size=5, name="F"), [D("-0.001"), D("123456.789")], None, pa.decimal128(9, 3)),
    "decimal_fixed_long": (logical("fixed", "decimal", precision=9, scale=3, size=20, name="F"), [D("-0.001"), D("123456.789")], None, pa.decimal128(9, 3)),
    "uuid": (logical("string", "uuid"), [uuid.UUID(int=5)], [str(uuid.UUID(int=5))], pa.utf8()),
    "date": (logical("int", "date"), [datetime.date(1970, 1, 1), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], None, pa.date32()),
    "time_millis": (logical("int", "time-millis"), [datetime.time(0), datetime.time(23, 59, 59, 999000)], None, pa.time32("ms")),
    "time_micros": (logical("long", "time-micros"), [datetime.time(0), datetime.time(23, 59, 59, 999999)], None, pa.time64("us")),
    "timestamp_millis": (logical("long", "timestamp-millis"), [datetime.datetime(2024, 2, 29, 1, 2, 3, 4000, UTC)], None, pa.timestamp("ms", "UTC")),
    "timestamp_micros": (logical("long", "timestamp-micros"), [datetime.datetime(1960, 1, 1, 1, 2, 3, 4, UTC)], None, pa.timestamp("us", "UTC")),
    "timestamp_nanos": (logical("long", "timestamp-nanos"), [1_700_000_000_000_001_000], [datetime.datetime(2023, 11, 14, 22, 13, 20, 1, UTC)], pa.timestamp("ns", "UTC")),
    "local_millis": (logical("long", "local-timestamp-millis"), [datetime.datetime(2024, 2, 29, 1, 2, 3, 4000)], None, pa.timestamp("ms")),
    "local_micros": (logical("long", "local-timestamp-micros"), [datetime.datetime(1960, 1, 1, 1, 2, 3, 4)], None, pa.timestamp("us")),
    "duration": (logical("fixed", "duration", size=12, name="F"), [struct.pack("<III", 1, 2, 3)], [pa.MonthDayNano([1, 2, 3_000_000])], pa.month_day_nano_interval()),
    "unknown_logical": (logical("string", "no-such-thing"), ["a"], None, pa.utf8()),
    "bad_decimal": (logical("fixed", "decimal", precision=0, size=2, name="F"), [b"ab"], None, pa.binary(2)),
}


@pytest.mark.parametrize("name", list(CASES))
def test_read_types(millrace, tmp_path, name):
    """Each type bare, and within a union with null, with a column before and behind that tells when bytes are lost."""
    type_, given, expected, arrow_type = CASES[name]
    expected = given if expected is None else expected
    rows = [{"a": i, "v": v, "z": f"end {i}"} for i, v in enumerate(given)]
    write(tmp_path / "a.avro", record(("a", "long"), ("v", type_), ("z", "string")), rows)
    found = converted(millrace, "a.avro")
    assert found["v"].to_pylist() == expected
    assert found["z"].to_pylist() == [r["z"] for r in rows]
    if arrow_type is not None:
        assert found.schema.field("v").type == arrow_type
    assert found.schema.field("v").nullable == (name in ("null", "null_last"))
    if name in ("null", "single_union", "null_last"):
        return
    mixed = [None, *given, None]
    write(tmp_path / "b.avro", record(("v", ["null", type_]), ("z", "int")), [{"v": v, "z": i} for i, v in enumerate(mixed)])
    found = converted(millrace, "b.avro")
    assert found["v"].to_pylist() == [None, *expected, None]
    assert found["z"].to_pylist() == list(range(len(mixed)))
    # Passed over without being read.
    assert converted(millrace, "b.avro", "out.arrow", "--select", "SELECT z FROM source")["z"].to_pylist() == list(range(len(mixed)))


def many(rows=5000):
    chance = random.Random(5)
    maybe = lambda make: None if chance.random() < 0.2 else make()
    schema = record(
        ("id", "long"), ("n", ["null", "int"]), ("s", ["null", "string"]), ("d", "double"), ("e", {"type": "enum", "name": "E", "symbols": ["x", "y"]}),
        ("l", {"type": "array", "items": ["null", "long"]}), ("r", ["null", record(("p", ["null", "string"]), ("q", "float"), name="R")]))
    return schema, [{
        "id": i, "n": maybe(lambda: chance.randint(-10**9, 10**9)), "s": maybe(lambda: "é" * chance.randint(0, 9) + "x" * chance.randint(0, 30)),
        "d": chance.random(), "e": chance.choice("xy"), "l": [maybe(lambda: i) for _ in range(chance.randint(0, 3))],
        "r": maybe(lambda: {"p": maybe(lambda: str(i)), "q": i / 4})} for i in range(rows)]


@pytest.mark.parametrize("codec", CODECS)
def test_read_codecs_in_parts(millrace, tmp_path, codec):
    schema, rows = many()
    write(tmp_path / "a.avro", schema, rows, codec=codec, sync_interval=3000)
    for options in ([], ["--from", "split_size=5000", "--shards", "3"]):
        assert converted(millrace, "a.avro", "out.arrow", *options).to_pylist() == rows
    done = millrace("sql", "--format", "csv", "-c", "SELECT COUNT(*) AS n, SUM(id) AS s FROM 'a.avro'")
    assert done.stdout.split() == ["n,s", f"5000,{sum(range(5000))}"]
    assert millrace("sql", "--format", "csv", "-c", "SELECT COUNT(*) AS n FROM 'a.avro'").stdout.split() == ["n", "5000"]


def test_standard_input(millrace, tmp_path):
    schema, rows = many(2000)
    write(tmp_path / "a.avro", schema, rows, codec="deflate")
    done = millrace("copy", "-", "-", "--from", "format=avro", "--to", "format=avro", "--quiet", stdin=(tmp_path / "a.avro").read_bytes(), text=False)
    assert list(fastavro.reader(io.BytesIO(done.stdout))) == rows


def test_blocks_with_sizes(millrace, tmp_path):
    """Arrays and maps whose blocks tell their bytes, which fastavro reads but does not write."""
    schema = record(("l", {"type": "array", "items": "int"}), ("m", {"type": "map", "values": "int"}), ("z", "int"))
    write(tmp_path / "a.avro", schema, [])
    whole = (tmp_path / "a.avro").read_bytes()
    sync = whole[-16:]
    # [1, 2] in a block of two items and two bytes, [3] in one without; {"k": 4}; 5
    row = bytes([3, 4, 2, 4, 2, 6, 0]) + bytes([1, 6, 2]) + b"k" + bytes([8, 0]) + bytes([10])
    (tmp_path / "a.avro").write_bytes(whole + bytes([2, 2 * len(row)]) + row + sync)
    assert read(tmp_path / "a.avro") == [{"l": [1, 2, 3], "m": {"k": 4}, "z": 5}]
    assert converted(millrace, "a.avro").to_pylist() == [{"l": [1, 2, 3], "m": [("k", 4)], "z": 5}]
    assert converted(millrace, "a.avro", "out.arrow", "--select", "SELECT z FROM source").to_pylist() == [{"z": 5}]


def test_no_record_at_the_top(millrace, tmp_path):
    write(tmp_path / "a.avro", "long", [1, 2, 3])
    assert converted(millrace, "a.avro").to_pydict() == {"value": [1, 2, 3]}
    write(tmp_path / "a.avro", ["null", "string"], ["a", None])
    assert converted(millrace, "a.avro").to_pydict() == {"value": ["a", None]}


def test_names_and_namespaces(millrace, tmp_path):
    schema = {"type": "record", "name": "Top", "namespace": "a.b", "fields": [
        {"name": "first", "type": {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}},
        {"name": "second", "type": "Point"}, {"name": "third", "type": ["null", "a.b.Point"]},
        {"name": "other", "type": {"type": "record", "name": "c.Point", "fields": [{"name": "y", "type": {"type": "fixed", "name": "Mark", "size": 1}}, {"name": "z", "type": "c.Mark"}]}}]}
    rows = [{"first": {"x": 1}, "second": {"x": 2}, "third": None, "other": {"y": b"a", "z": b"b"}},
            {"first": {"x": 3}, "second": {"x": 4}, "third": {"x": 5}, "other": {"y": b"c", "z": b"d"}}]
    write(tmp_path / "a.avro", schema, rows)
    assert converted(millrace, "a.avro").to_pylist() == rows


def test_union(millrace, tmp_path):
    """A union of several types stays one, and is written as one."""
    rows = [{"u": v, "z": i} for i, v in enumerate([1, "a", None, 2.5, {"x": 7}, "b"])]
    write(tmp_path / "a.avro", record(("u", ["int", "null", "string", "double", record(("x", "int"), name="R")]), ("z", "int")), rows)
    found = converted(millrace, "a.avro")
    assert found["u"].to_pylist() == [r["u"] for r in rows]
    assert pa.types.is_union(found.schema.field("u").type)
    millrace("copy", "a.avro", "b.avro")
    assert read(tmp_path / "b.avro") == rows
    assert "MR-2302" in millrace("copy", "a.avro", "b.parquet", code=1).stderr
    assert converted(millrace, "a.avro", "out.arrow", "--select", "SELECT z FROM source")["z"].to_pylist() == list(range(6))


def test_types_that_hold_themselves_are_refused(millrace, tmp_path):
    write(tmp_path / "a.avro", record(("next", ["null", "Row"])), [{"next": None}])
    assert "MR-2703" in millrace("copy", "a.avro", "b.arrow", code=1).stderr


def test_declared_columns(millrace, tmp_path):
    schema = record(("i", "int"), ("l", "long"), ("f", "float"), ("s", "string"), ("b", "bytes"), ("o", ["null", "int"]), ("old", "int", {"aliases": ["new"]}))
    write(tmp_path / "a.avro", schema, [{"i": 1, "l": 2, "f": 0.5, "s": "s", "b": b"b", "o": None, "old": 9}])
    columns = "s VARBINARY, b VARCHAR, i DOUBLE, l REAL, f DOUBLE, o BIGINT, new BIGINT, none VARCHAR, I_ INTEGER"
    (tmp_path / "a.sql").write_text(f"CREATE TABLE t ({columns}) WITH (connector = 'files', path = 'a.avro');"
                                    "INSERT INTO 'o.arrow' SELECT * FROM t")
    millrace("run", "a.sql")
    found = ipc.open_file(tmp_path / "o.arrow").read_all()
    assert found.to_pylist() == [{"s": b"s", "b": "b", "i": 1.0, "l": 2.0, "f": 0.5, "o": None, "new": 9, "none": None, "I_": None}]
    assert found.schema.field("i").type == pa.float64() and found.schema.field("l").type == pa.float32()
    for columns in ("s INTEGER", "l INTEGER", "none VARCHAR NOT NULL, i INTEGER", "none VARCHAR"):
        (tmp_path / "b.sql").write_text(f"CREATE TABLE t ({columns}) WITH (connector = 'files', path = 'a.avro'); SELECT * FROM t")
        assert "MR-2704" in millrace("run", "b.sql", code=1).stderr, columns


def test_files_of_one_set_resolve_to_the_first(millrace, tmp_path):
    (tmp_path / "set").mkdir()
    first = record(("id", "long"), ("name", "string", {"aliases": ["title"]}), ("n", "int", {"default": 42}),
                   ("e", {"type": "enum", "name": "E", "symbols": ["A", "other"], "default": "other"}, {"default": "A"}), ("o", ["null", "string"]),
                   ("l", {"type": "array", "items": "int"}, {"default": [1, 2]}), ("r", record(("x", "int"), ("y", "string", {"default": "why"}), name="R")))
    row = {"id": 1, "name": "a", "n": 2, "e": "A", "o": "o", "l": [], "r": {"x": 1, "y": "y"}}
    write(tmp_path / "set/1.avro", first, [row])
    second = record(("extra", {"type": "map", "values": "bytes"}), ("title", "string"), ("r", record(("z", "double"), ("x", "int"), name="R")),
                    ("e", {"type": "enum", "name": "E", "symbols": ["B", "A"]}), ("id", "int"))
    write(tmp_path / "set/2.avro", second, [{"extra": {"a": b"b"}, "title": "t", "r": {"z": 0.5, "x": 3}, "e": e, "id": 7} for e in "AB"])
    with open(tmp_path / "set/2.avro", "rb") as file:
        expected = [row, *fastavro.reader(file, reader_schema=fastavro.parse_schema(json.loads(json.dumps(record(*[f for f in [
            (x["name"], x["type"], {k: v for k, v in x.items() if k in ("aliases", "default")}) for x in first["fields"]] if f[0] != "o"])))))]
    for r in expected:
        r.setdefault("o", None)
    found = converted(millrace, "set/").to_pylist()
    assert found == expected
    write(tmp_path / "set/3.avro", record(("id", "string"), ("name", "string")), [])
    assert "MR-2704" in millrace("copy", "set/", "b.arrow", code=1).stderr


def arrow_table(rows=1000):
    chance = random.Random(7)
    maybe = lambda make: [None if chance.random() < 0.2 else make(i) for i in range(rows)]
    word = lambda i: "é" * chance.randint(0, 3) + "x" * chance.randint(0, 40)
    moment = lambda i: chance.randint(-10**15, 10**15)
    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "flag": pa.array(maybe(lambda i: chance.random() < 0.5), pa.bool_()),
        "i8": pa.array(maybe(lambda i: chance.randint(-128, 127)), pa.int8()),
        "u16": pa.array(maybe(lambda i: chance.randint(0, 65535)), pa.uint16()),
        "u32": pa.array(maybe(lambda i: chance.randint(0, 2**32 - 1)), pa.uint32()),
        "real": pa.array(maybe(lambda i: i / 8), pa.float32()),
        "double": pa.array(maybe(lambda i: chance.uniform(-1, 1)), pa.float64()),
        "text": pa.array(maybe(word), pa.utf8()),
        "large": pa.array(maybe(word), pa.large_utf8()),
        "bytes": pa.array(maybe(lambda i: word(i).encode()), pa.binary()),
        "fixed": pa.array(maybe(lambda i: chance.randbytes(3)), pa.binary(3)),
        "day": pa.array(maybe(lambda i: chance.randint(-10000, 10000)), pa.date32()),
        "time": pa.array(maybe(lambda i: chance.randint(0, 86399)), pa.time32("s")),
        "micros": pa.array(maybe(lambda i: chance.randint(0, 86399999999)), pa.time64("us")),
        "at": pa.array(maybe(moment), pa.timestamp("us", "UTC")),
        "local": pa.array(maybe(lambda i: moment(i) // 1000), pa.timestamp("ms")),
        "price": pa.array(maybe(lambda i: D(chance.randint(-10**9, 10**9)).scaleb(-2)), pa.decimal128(12, 2)),
        "wide": pa.array(maybe(lambda i: D(chance.randint(-10**9, 10**9)).scaleb(-2)), pa.decimal256(50, 2)),
        "items": pa.array(maybe(lambda i: [None, i, -i][: chance.randint(0, 3)]), pa.list_(pa.int32())),
        "point": pa.array(maybe(lambda i: {"x": i, "y": word(i)}), pa.struct([("x", pa.int32()), ("y", pa.utf8())])),
        "pairs": pa.array(maybe(lambda i: [(f"k{i}", i)]), pa.map_(pa.utf8(), pa.int64())),
        "numbers": pa.array(maybe(lambda i: [(i, None), (i + 1, "b")]), pa.map_(pa.int32(), pa.utf8())),
        "nothing": pa.nulls(rows),
    })


@pytest.mark.parametrize("codec", ["none", "deflate", "snappy", "zstd", "bzip2", "xz"])
def test_write(millrace, tmp_path, codec):
    data = arrow_table()
    pq.write_table(data, tmp_path / "a.parquet")
    millrace("copy", "a.parquet", "a.avro", "--to", f"compression={codec}", "--to", "block_bytes=10KiB")
    expected = data.to_pylist()
    for row in expected:
        row["pairs"] = None if row["pairs"] is None else dict(row["pairs"])
        row["numbers"] = None if row["numbers"] is None else [{"key": k, "value": v} for k, v in row["numbers"]]
    assert read(tmp_path / "a.avro") == expected
    with open(tmp_path / "a.avro", "rb") as file:
        reader = fastavro.block_reader(file)
        assert sum(1 for _ in reader) > 10
        assert reader.codec == {"none": "null", "zstd": "zstandard"}.get(codec, codec)
    back = converted(millrace, "a.avro")
    for name in data.schema.names:
        if name != "numbers":
            found, given = back[name].to_pylist(), data[name].to_pylist()
            assert found == given, name


def test_polars_reads_what_is_written(millrace, tmp_path):
    names = ["id", "flag", "real", "double", "text", "bytes", "day"]
    data = arrow_table().select(names)
    pq.write_table(data, tmp_path / "a.parquet")
    millrace("copy", "a.parquet", "a.avro", "--to", "compression=deflate")
    assert pl.read_avro(tmp_path / "a.avro").to_dicts() == data.to_pylist()


def test_written_names_and_nullability(millrace, tmp_path):
    data = pa.table({"a b": [1], "a_b": [2], "2": [3], "é": [4]})
    schema = pa.schema([pa.field(n, pa.int64(), nullable=i != 1) for i, n in enumerate(data.schema.names)])
    pq.write_table(data.cast(schema), tmp_path / "a.parquet")
    millrace("copy", "a.parquet", "a.avro", "--to", "record_name=my.space.Thing")
    with open(tmp_path / "a.avro", "rb") as file:
        reader = fastavro.reader(file)
        fields = {f["name"]: f["type"] for f in reader.writer_schema["fields"]}
        assert reader.writer_schema["name"] == "my.space.Thing"
        assert list(reader) == [{"a_b": 1, "a_b_2": 2, "_2": 3, "__": 4}] or list(fields) == ["a_b", "a_b_2", "_2", "_"]
    assert fields["a_b"] == ["null", "long"] and fields["a_b_2"] == "long"


def test_what_can_not_be_written(millrace, tmp_path):
    for column, code in ((pa.array([1], pa.duration("s")), "MR-2708"), (pa.array([1], pa.time64("ns")), "MR-2709"),
                         (pa.array([pa.MonthDayNano([-1, 0, 0])]), "MR-2709")):
        with ipc.new_file(tmp_path / "a.arrow", pa.schema([("v", column.type)])) as out:
            out.write_table(pa.table({"v": column}))
        assert code in millrace("copy", "a.arrow", "a.avro", code=1).stderr
    for option in ("compression_level=3", "block_bytes=0", "record_name=1x"):
        assert "MR-1003" in millrace("copy", "a.arrow", "a.avro", "--to", option, code=2).stderr


def test_no_rows(millrace, tmp_path):
    write(tmp_path / "a.avro", record(("x", "int")), [])
    assert converted(millrace, "a.avro").to_pydict() == {"x": []}
    millrace("copy", "a.avro", "b.avro")
    assert read(tmp_path / "b.avro") == []


def framed(schema, records, body, sync=bytes(range(16)), codec=b"null", size=None):
    out = io.BytesIO()
    put = lambda n: fastavro.schemaless_writer(out, "long", n)
    out.write(b"Obj\x01")
    put(2)
    for key, value in ((b"avro.schema", json.dumps(schema).encode()), (b"avro.codec", codec)):
        put(len(key)); out.write(key); put(len(value)); out.write(value)
    put(0)
    out.write(sync)
    put(records); put(len(body) if size is None else size)
    out.write(body); out.write(sync)
    return out.getvalue()


LONG = bytes([0xFF] * 9 + [0x7F])
DAMAGES = {
    "too_few_records": (record(("x", "int")), 3, b"\x02\x02", "MR-2701"),
    "too_many_bytes": (record(("x", "int")), 1, b"\x02\x02", "MR-2701"),
    "giant_count": (record(("x", "int")), 2**60, b"\x02", "MR-2701"),
    "negative_count": (record(("x", "int")), -1, b"\x02", "MR-2701"),
    "giant_count_of_nothing": (record(("x", "null")), 2**60, b"", "MR-2701"),
    "long_number": (record(("x", "long")), 1, LONG, "MR-2701"),
    "long_int": (record(("x", "int")), 1, b"\xff\xff\xff\xff\x7f", "MR-2701"),
    "negative_length": (record(("x", "string")), 1, b"\x01", "MR-2701"),
    "giant_length": (record(("x", "string")), 1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "MR-2701"),
    "giant_array": (record(("x", {"type": "array", "items": "int"})), 1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "MR-2701"),
    "giant_array_of_nothing": (record(("x", {"type": "array", "items": "null"})), 1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", "MR-2705"),
    "endless_array": (record(("x", {"type": "array", "items": "int"})), 1, b"\x02\x02", "MR-2701"),
    "no_such_branch": (record(("x", ["null", "int"])), 1, b"\x04\x02", "MR-2701"),
    "negative_branch": (record(("x", ["null", "int", "string"])), 1, b"\x01\x02", "MR-2701"),
    "no_such_symbol": (record(("x", {"type": "enum", "name": "E", "symbols": ["A"]})), 1, b"\x02", "MR-2701"),
    "no_boolean": (record(("x", "boolean")), 1, b"\x02", "MR-2701"),
    "cut_double": (record(("x", "double")), 1, b"\x00\x00\x00", "MR-2701"),
    "no_utf8": (record(("x", "string")), 2, b"\x02a\x02\xff", "MR-2707"),
    "cut_character": (record(("x", "string")), 2, b"\x02\xc3\x02\xa9", "MR-2707"),
    "long_decimal": (record(("x", logical("bytes", "decimal", precision=2, scale=0))), 1, b"\x02\x7f", "MR-2701"),
    "long_day": (record(("x", logical("int", "time-millis"))), 1, b"\x01", "MR-2701"),
}


@pytest.mark.parametrize("name", list(DAMAGES))
def test_damaged_records(millrace, tmp_path, name):
    schema, records, body, code = DAMAGES[name]
    (tmp_path / "a.avro").write_bytes(framed(schema, records, body))
    assert code in millrace("copy", "a.avro", "b.arrow", code=1).stderr
    assert not (tmp_path / "b.arrow").exists()


def test_bad_containers(millrace, tmp_path):
    good = record(("x", "int"))
    for content, code in (
            (b"", "MR-2701"), (b"Obj", "MR-2701"), (b"PAR1" + bytes(100), "MR-2701"),
            (framed(good, 1, b"\x02", codec=b"lzo"), "MR-2706"),
            (framed(good, 1, b"\x02", size=2**40), "MR-2701"), (framed(good, 1, b"\x02", size=-1), "MR-2701"),
            (framed(good, 1, b"\x02")[:-1] + b"\xee", "MR-2701"),
            (framed({"type": "record", "name": "R"}, 0, b""), "MR-2702"), (framed(["int", "int"], 0, b""), "MR-2702"),
            (framed("Nothing", 0, b""), "MR-2702"), (framed(good, 1, b"junk", codec=b"deflate"), "MR-2701"),
            (framed(good, 1, b"\x80\x80\x80\x80\x0f1234", codec=b"snappy"), "MR-2705")):
        (tmp_path / "a.avro").write_bytes(content)
        assert code in millrace("copy", "a.avro", "b.arrow", code=1).stderr, content


def test_schemas_that_grow(millrace, tmp_path):
    """Names used twice a level double the columns with every level; depth has a bound, too."""
    schema = record(("x", "int"), name="R0")
    for level in range(1, 40):
        schema = record(("a", schema), ("b", f"R{level - 1}"), name=f"R{level}")
    (tmp_path / "a.avro").write_bytes(framed(schema, 0, b""))
    assert "MR-2702" in millrace("copy", "a.avro", "b.arrow", code=1).stderr
    schema = "int"
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    (tmp_path / "a.avro").write_bytes(framed(record(("x", schema)), 0, b""))
    assert "MR-2702" in millrace("copy", "a.avro", "b.arrow", code=1).stderr


@pytest.mark.parametrize("codec", ["deflate", "zstandard", "bzip2", "xz"])
def test_bombs(millrace, tmp_path, codec):
    write(tmp_path / "a.avro", record(("x", "bytes")), [{"x": bytes(20_000_000)}], codec=codec)
    assert (tmp_path / "a.avro").stat().st_size < 200_000
    assert "MR-2705" in millrace("copy", "a.avro", "b.arrow", "--from", "max_block_bytes=1MiB", code=1).stderr
    assert "MR-5001" in millrace("--memory", "24MiB", "copy", "a.avro", "b.arrow", code=1).stderr
    assert len(converted(millrace, "a.avro")["x"][0].as_py()) == 20_000_000


def test_cut_short(millrace, tmp_path):
    """Only a cut between two blocks goes unnoticed: nothing in the file tells how many there are."""
    schema, rows = many(300)
    write(tmp_path / "whole.avro", schema, rows, codec="deflate", sync_interval=1000)
    whole = (tmp_path / "whole.avro").read_bytes()
    sync = whole[-16:]
    ends = {i + 16 for i in range(len(whole)) if whole[i : i + 16] == sync}
    chance = random.Random(1)
    for size in sorted({0, 1, len(whole) - 1, len(whole) - 16, *(chance.randrange(len(whole)) for _ in range(25))} - ends):
        (tmp_path / "cut.avro").write_bytes(whole[:size])
        assert "MR-2701" in millrace("copy", "cut.avro", "out.arrow", code=1).stderr, size


@pytest.mark.parametrize("codec", ["null", "snappy"])
def test_damaged(millrace, tmp_path, codec):
    """Wrong bytes give rows or a numbered error, never a crash."""
    schema, rows = many(200)
    write(tmp_path / "whole.avro", schema, rows, codec=codec, sync_interval=2000)
    whole = (tmp_path / "whole.avro").read_bytes()
    for seed in range(30):
        chance = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 4, 20])):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        (tmp_path / "bad.avro").write_bytes(damaged)
        try:
            millrace("copy", "bad.avro", "out.arrow", "--mode", "overwrite", "--quiet")
        except AssertionError as error:
            text = str(error)
            assert "exit 1\n" in text and "MR-" in text and "MR-9000" not in text, text

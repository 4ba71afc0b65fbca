"""ORC against pyarrow.orc: every type, codec and damage, in both directions, and files put together from pieces."""

import datetime
import decimal
import io
import random
import zlib

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from program import *  # noqa: F401,F403

CODECS = ["none", "snappy", "zlib", "zstd", "lz4"]
D = decimal.Decimal


def converted(millrace, source, *options):
    millrace("copy", source, "out.arrow", "--mode", "overwrite", *options)
    return ipc.open_file(millrace.folder / "out.arrow").read_all()


def write_arrow(path, table):
    with ipc.new_file(path, table.schema) as out:
        out.write_table(table)


# type, values as given, type that comes back from the file when it is another, values as they come back
TYPES = {
    "boolean": (pa.bool_(), [True, False], None, None),
    "byte": (pa.int8(), [0, -128, 127], None, None),
    "short": (pa.int16(), [0, -(2**15), 2**15 - 1], None, None),
    "int": (pa.int32(), [0, -(2**31), 2**31 - 1], None, None),
    "long": (pa.int64(), [0, -(2**63), 2**63 - 1], None, None),
    "float": (pa.float32(), [0.5, float("-inf")], None, None),
    "double": (pa.float64(), [0.1, 1e300, float("inf")], None, None),
    "string": (pa.utf8(), ["", "é", "x" * 300_000], None, None),
    "large_string": (pa.large_utf8(), ["", "é"], pa.utf8(), None),
    "binary": (pa.binary(), [b"", b"\x00\xff"], None, None),
    "fixed": (pa.binary(3), [b"abc", b"\x00\x01\x02"], pa.binary(), None),
    "date": (pa.date32(), [datetime.date(1, 1, 1), datetime.date(1969, 12, 31), datetime.date(9999, 12, 31)], None, None),
    "timestamp": (pa.timestamp("ns"), [0, 1, -1, -1_000_000_001, 1_700_000_000_123_456_789], None, None),
    "timestamp_us": (pa.timestamp("us"), [0, 1, -1, -1_500_000, 1_700_000_000_123_456], pa.timestamp("ns"), None),
    "instant": (pa.timestamp("ns", "UTC"), [0, -1, 1_700_000_000_123_456_789], None, None),
    "decimal": (pa.decimal128(18, 3), [D("-0.001"), D("123456789012345.678")], None, None),
    "decimal_wide": (pa.decimal128(38, 10), [D("-0.0000000001"), D(10) ** 27 + D("0.5")], None, None),
    "list": (pa.list_(pa.int64()), [[], [1], [None, 2, 3]], None, None),
    "list_deep": (pa.list_(pa.list_(pa.utf8())), [[], [[]], [None], [["a", None], ["b"]]], None, None),
    "map": (pa.map_(pa.utf8(), pa.int64()), [[], [("a", 1), ("é", None)]], None, None),
    "struct": (pa.struct([("x", pa.int32()), ("y", pa.list_(pa.utf8()))]),
               [{"x": 1, "y": None}, {"x": None, "y": []}, {"x": 2, "y": ["b", None]}], None, None),
    "structs": (pa.list_(pa.struct([("p", pa.struct([("q", pa.float64())]))])),
                [[], [None], [{"p": None}], [{"p": {"q": None}}, {"p": {"q": 0.5}}]], None, None),
}
# Only written: what ORC lacks and a wider type holds.
WRITTEN = {
    "tiny_unsigned": (pa.uint8(), [0, 255], pa.int16(), None),
    "short_unsigned": (pa.uint16(), [0, 65535], pa.int32(), None),
    "unsigned": (pa.uint32(), [0, 2**32 - 1], pa.int64(), None),
    "long_unsigned": (pa.uint64(), [0, 2**64 - 1], pa.decimal128(20, 0), [D(0), D(2**64 - 1)]),
    "decimal_roomy": (pa.decimal256(38, 2), [D("-0.01")], pa.decimal128(38, 2), None),
    "pair": (pa.list_(pa.uint8(), 2), [[1, 2], [3, None]], pa.list_(pa.int16()), None),
}


def column(type_, values):
    return pa.array([None, *values, None], type_)


def values(array):
    """Timestamps as numbers: Python's have microseconds."""
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("ns", array.type.tz)).cast(pa.int64())
    return array.to_pylist()


@pytest.mark.parametrize("name", list(TYPES))
def test_read_types(millrace, tmp_path, name):
    type_, given, back, expected = TYPES[name]
    table = pa.table({"v": column(type_, given), "z": range(len(given) + 2)})
    orc.write_table(table, tmp_path / "a.orc")
    found = converted(millrace, "a.orc")
    assert found.schema.field("v").type == (back or type_)
    assert values(found["v"]) == values(table["v"])
    assert found["z"].to_pylist() == table["z"].to_pylist()
    # Passed over without being read.
    assert converted(millrace, "a.orc", "--select", "SELECT z FROM source")["z"].to_pylist() == table["z"].to_pylist()


@pytest.mark.parametrize("name", [*TYPES, *WRITTEN])
def test_written_types(millrace, tmp_path, name):
    type_, given, back, expected = {**TYPES, **WRITTEN}[name]
    table = pa.table({"v": column(type_, given), "z": range(len(given) + 2)})
    write_arrow(tmp_path / "a.arrow", table)
    millrace("copy", "a.arrow", "a.orc")
    found = orc.ORCFile(tmp_path / "a.orc").read()
    assert found.schema.field("v").type == (back or type_)
    assert values(found["v"]) == ([None, *expected, None] if expected else values(table["v"]))
    assert found["z"].to_pylist() == table["z"].to_pylist()


def table_of(rows):
    chance = random.Random(11)
    maybe = lambda make: [None if chance.random() < 0.2 else make(i) for i in range(rows)]
    word = lambda i: "é" * chance.randint(0, 2) + "x" * chance.randint(0, 20)
    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "flag": pa.array(maybe(lambda i: chance.random() < 0.5), pa.bool_()),
        "real": pa.array(maybe(lambda i: i / 8), pa.float64()),
        "text": pa.array(maybe(word), pa.utf8()),
        "kind": pa.array(maybe(lambda i: f"kind {i % 5}"), pa.utf8()),
        "bytes": pa.array(maybe(lambda i: word(i).encode()), pa.binary()),
        "day": pa.array(maybe(lambda i: chance.randint(-10000, 10000)), pa.date32()),
        "at": pa.array(maybe(lambda i: chance.randint(-10**18, 10**18)), pa.timestamp("ns")),
        "price": pa.array(maybe(lambda i: D(chance.randint(-10**9, 10**9)).scaleb(-2)), pa.decimal128(12, 2)),
        "items": pa.array(maybe(lambda i: [None, i, -i][: chance.randint(0, 3)]), pa.list_(pa.int32())),
        "point": pa.array(maybe(lambda i: {"x": i, "y": [word(i)] * (i % 3)}), pa.struct([("x", pa.int32()), ("y", pa.list_(pa.utf8()))])),
        "pairs": pa.array(maybe(lambda i: [(f"k{i}", i)]), pa.map_(pa.utf8(), pa.int64())),
    })


@pytest.mark.parametrize("codec", CODECS)
def test_many_stripes(millrace, tmp_path, codec):
    """Batches that are cut for stripes keep what belongs to each row, in nested columns, too."""
    data = table_of(20_000)
    pq.write_table(data, tmp_path / "a.parquet", row_group_size=7000)
    millrace("copy", "a.parquet", "a.orc", "--to", f"compression={codec}", "--to", "stripe_rows=3000")
    file = orc.ORCFile(tmp_path / "a.orc")
    assert file.nstripes >= 7 and file.nrows == 20_000 and file.nstripe_statistics == file.nstripes
    assert file.compression == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())
    assert file.content_length + file.stripe_statistics_length + file.file_footer_length + file.file_postscript_length + 4 == file.file_length
    found = file.read()
    rows = [file.read_stripe(i).num_rows for i in range(file.nstripes)]
    assert sum(rows) == 20_000 and max(rows) <= 3000
    for name in data.schema.names:
        assert found[name].combine_chunks().equals(data[name].combine_chunks()), name
    back = converted(millrace, "a.orc")
    for name in data.schema.names:
        assert back[name].combine_chunks().equals(data[name].combine_chunks()), name


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "zlib", "zstd", "lz4"])
def test_read_stripes_in_small_batches(millrace, tmp_path, codec):
    data = table_of(12_000)
    orc.write_table(data, tmp_path / "a.orc", compression=codec, stripe_size=20_000, batch_size=500, dictionary_key_size_threshold=0.8)
    assert orc.ORCFile(tmp_path / "a.orc").nstripes > 1
    (tmp_path / "a.sql").write_text("SET batch_rows = 700; INSERT INTO 'out.parquet' SELECT price, id, point FROM 'a.orc'")
    millrace("run", "a.sql")
    found = pq.read_table(tmp_path / "out.parquet")
    for name in ("price", "id", "point"):
        assert found[name].combine_chunks().equals(data[name].combine_chunks()), name
    (tmp_path / "b.sql").write_text("INSERT INTO 'count.csv' SELECT COUNT(*) AS n FROM 'a.orc'")
    millrace("run", "b.sql")
    assert (tmp_path / "count.csv").read_text() == "n\n12000\n"


def fields(message):
    """number → values of one protocol buffer."""
    out, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint()
            value = bytes(message[at : at + size])
            at += size
        out.setdefault(tag >> 3, []).append(value)
    return out


def test_statistics_hold_for_all_stripes(millrace, tmp_path):
    rows = 5000
    data = pa.table({
        "i": pa.array([i - 2000 for i in range(rows)], pa.int64()),
        "s": pa.array([f"v{i:05}" for i in range(rows)]),
        "late": pa.array([None] * 4000 + [7] * 1000, pa.int32()),
        "flag": pa.array([i % 5 == 0 for i in range(rows)]),
    })
    pq.write_table(data, tmp_path / "a.parquet")
    millrace("copy", "a.parquet", "a.orc", "--to", "compression=none", "--to", "stripe_rows=1000")
    whole = (tmp_path / "a.orc").read_bytes()
    postscript = fields(whole[-1 - whole[-1] : -1])
    assert postscript[8000] == [b"ORC"] and whole[:3] == b"ORC"
    end = len(whole) - 1 - whole[-1]
    footer = fields(whole[end - postscript[1][0] : end])
    assert footer[6] == [rows] and len(footer[3]) == 5
    root, i, s, late, flag = [fields(column) for column in footer[7]]
    signed = lambda n: (n >> 1) ^ -(n & 1)
    assert [c[1][0] for c in (root, i, s, late, flag)] == [5000, 5000, 5000, 1000, 5000]
    assert [c[10][0] for c in (i, s, late)] == [0, 0, 1]
    assert [signed(n) for n in (fields(i[2][0])[1] + fields(i[2][0])[2])] == [-2000, 2999]
    assert fields(s[4][0])[1] + fields(s[4][0])[2] == [b"v00000", b"v04999"]
    assert signed(fields(s[4][0])[3][0]) == 6 * rows
    assert [signed(n) for n in (fields(late[2][0])[1] + fields(late[2][0])[2])] == [7, 7]
    assert fields(flag[5][0])[1] == [bytes([1000 & 127 | 128, 1000 >> 7])]


def test_stripe_bytes_and_dictionary(millrace, tmp_path):
    data = pa.table({"s": [f"some repeated text {i % 7}" for i in range(50_000)], "r": [random.Random(i).random() for i in range(50_000)]})
    pq.write_table(data, tmp_path / "a.parquet")
    sizes = {}
    for choice in ("auto", "always", "never"):
        millrace("copy", "a.parquet", f"{choice}.orc", "--to", f"dictionary={choice}", "--to", "compression=none")
        assert orc.ORCFile(tmp_path / f"{choice}.orc").read().equals(data)
        sizes[choice] = (tmp_path / f"{choice}.orc").stat().st_size
    assert sizes["auto"] == sizes["always"] < sizes["never"] - 500_000
    millrace("copy", "a.parquet", "small.orc", "--to", "stripe_bytes=64KiB")
    assert orc.ORCFile(tmp_path / "small.orc").nstripes > 2
    assert orc.ORCFile(tmp_path / "small.orc").read().equals(data)


def test_no_rows(millrace, tmp_path):
    data = table_of(0)
    write_arrow(tmp_path / "a.arrow", data)
    millrace("copy", "a.arrow", "a.orc")
    found = orc.ORCFile(tmp_path / "a.orc")
    assert found.nrows == 0 and found.nstripes == 0 and found.schema.names == data.schema.names
    assert converted(millrace, "a.orc").schema.names == data.schema.names
    assert converted(millrace, "a.orc").num_rows == 0


def test_giant_values(millrace, tmp_path):
    data = pa.table({"s": ["a" * 30_000_000, "", "b" * 5_000_000], "l": [list(range(500_000)), None, []]})
    write_arrow(tmp_path / "a.arrow", data)
    millrace("copy", "a.arrow", "a.orc")
    assert orc.ORCFile(tmp_path / "a.orc").read().equals(data)
    assert converted(millrace, "a.orc").equals(data)


def test_sets_and_declared_columns(millrace, tmp_path):
    (tmp_path / "set").mkdir()
    orc.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), tmp_path / "set/1.orc")
    orc.write_table(pa.table({"b": ["y"], "a": pa.array([2], pa.int32())}), tmp_path / "set/2.orc")
    assert converted(millrace, "set/").to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    (tmp_path / "a.sql").write_text("CREATE TABLE t (B VARBINARY, a BIGINT) WITH (connector = 'files', path = 'set/1.orc');"
                                    "INSERT INTO 'o.arrow' SELECT * FROM t")
    millrace("run", "a.sql")
    assert ipc.open_file(tmp_path / "o.arrow").read_all().to_pylist() == [{"B": b"x", "a": 1}]
    for columns in ("a SMALLINT", "c BIGINT"):
        (tmp_path / "b.sql").write_text(f"CREATE TABLE t ({columns}) WITH (connector = 'files', path = 'set/1.orc'); SELECT * FROM t")
        assert "MR-2803" in millrace("run", "b.sql", code=1).stderr
    orc.write_table(pa.table({"a": ["z"], "b": ["y"]}), tmp_path / "set/3.orc")
    assert "MR-2803" in millrace("copy", "set/", "b.arrow", code=1).stderr


def test_what_can_not_be_written(millrace, tmp_path):
    for array in (pa.array([1], pa.duration("s")), pa.array([1], pa.time64("us")), pa.nulls(1), pa.array([D(1)], pa.decimal256(50, 2)),
                  pa.array([[{"t": 1}]], pa.list_(pa.struct([("t", pa.time32("s"))])))):
        write_arrow(tmp_path / "a.arrow", pa.table({"v": array}))
        assert "MR-2802" in millrace("copy", "a.arrow", "a.orc", code=1).stderr, array.type
        assert not (tmp_path / "a.orc").exists()
    write_arrow(tmp_path / "a.arrow", pa.table({"v": [1]}))
    for option in ("stripe_rows=0", "stripe_bytes=1", "stripe_bytes=2GiB", "compression=lzo"):
        assert millrace("copy", "a.arrow", "a.orc", "--to", option, code=2).stderr.count("MR-1003") == 1, option
    millrace("copy", "a.arrow", "a.orc")
    assert "MR-2403" in millrace("copy", "a.arrow", "a.orc", "--mode", "append", code=1).stderr


def test_timestamps_out_of_range(millrace, tmp_path):
    """Never another moment than the file has."""
    orc.write_table(pa.table({"a": [1], "at": pa.array([253402300799999999], pa.timestamp("us"))}), tmp_path / "a.orc")
    assert "MR-2806" in millrace("copy", "a.orc", "b.arrow", code=1).stderr
    assert converted(millrace, "a.orc", "--select", "SELECT a FROM source").to_pylist() == [{"a": 1}]


def test_invalid_text(millrace, tmp_path):
    bad = pa.Array.from_buffers(pa.utf8(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xff\xff")])
    orc.write_table(pa.table({"v": bad}), tmp_path / "a.orc")
    done = millrace("copy", "a.orc", "b.arrow", code=1)
    assert "MR-2805" in done.stderr and "row 2" in done.stderr


def orc_bytes(table, **options):
    out = io.BytesIO()
    orc.write_table(table, out, **options)
    return out.getvalue()


def test_cut_short(millrace, tmp_path):
    whole = orc_bytes(table_of(400), compression="zlib")
    chance = random.Random(3)
    for size in sorted({0, 1, 3, 4, len(whole) - 1, len(whole) - 5, *(chance.randrange(len(whole)) for _ in range(40))}):
        (tmp_path / "cut.orc").write_bytes(whole[:size])
        assert "MR-2801" in millrace("copy", "cut.orc", "out.arrow", code=1).stderr, size
        assert not (tmp_path / "out.arrow").exists()


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "zlib", "zstd", "lz4"])
def test_damaged(millrace, tmp_path, codec):
    """Bytes have no checksum in ORC: an error with its number, or rows, and no crash."""
    whole = orc_bytes(table_of(200), compression=codec)
    chance = random.Random(codec)
    failed = 0
    for i in range(60):
        data = bytearray(whole)
        at = chance.randrange(len(data)) if i % 2 else chance.randrange(len(data) - 600, len(data))
        data[at] = chance.randrange(256)
        (tmp_path / "a.orc").write_bytes(data)
        done = subprocess.run([BINARY, "--memory", "256MiB", "copy", "a.orc", "b.arrow", "--mode", "overwrite"], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), (at, done.returncode, done.stderr)
        assert done.returncode == 0 or "MR-28" in done.stderr or "MR-5001" in done.stderr, (at, done.stderr)
        failed += done.returncode
    assert failed > 0


def test_postscript_that_lies(millrace, tmp_path):
    """Sizes are held against the file before anything is made room for."""
    def varint(n):
        out = b""
        while n >= 128:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])

    def file(footer=0, block=65536, metadata=0, compression=1):
        end = b"\x08" + varint(footer) + b"\x10" + varint(compression) + b"\x18" + varint(block) + b"\x22\x02\x00\x0c\x28" + varint(metadata) + b"\x82\xf4\x03\x03ORC"
        return b"ORC" + bytes(50) + end + bytes([len(end)])

    for content in (b"", b"ORC", b"PAR1" + bytes(100), b"ORC" + bytes(100), b"ORC" + b"\xff" * 300, file(footer=2**40), file(metadata=2**64 - 1),
                    file(footer=10, block=2**62), file(footer=50), file(footer=30, metadata=2**63)):
        (tmp_path / "a.orc").write_bytes(content)
        assert "MR-2801" in millrace("copy", "a.orc", "b.arrow", code=1).stderr, content


def test_types_that_can_not_be(millrace, tmp_path):
    """A decimal of 82 digits in the footer: field 5 of its type."""
    whole = orc_bytes(pa.table({"v": pa.array([D("0.5")], pa.decimal128(30, 5))}), compression="uncompressed")
    assert whole.count(b"\x28\x1e\x30\x05") == 1
    (tmp_path / "a.orc").write_bytes(whole.replace(b"\x28\x1e\x30\x05", b"\x28\x52\x30\x05"))
    assert "MR-2801" in millrace("copy", "a.orc", "b.arrow", code=1).stderr


def test_pipes_are_refused(millrace, tmp_path):
    done = millrace("copy", "-", "a.csv", "--from", "format=orc", code=1, stdin="")
    assert "MR-" in done.stderr


def test_checkpoints_put_pieces_together(millrace, tmp_path):
    """A single file that is written between checkpoints is one ORC file in the end."""
    data = table_of(30_000)
    pq.write_table(data, tmp_path / "a.parquet", row_group_size=2000)
    (tmp_path / "a.sql").write_text("SET name = 'pieces'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 500;"
                                    "INSERT INTO 'out.orc' SELECT * FROM 'a.parquet'")
    millrace("run", "a.sql")
    found = orc.ORCFile(tmp_path / "out.orc").read()
    for name in data.schema.names:
        assert found[name].combine_chunks().equals(data[name].combine_chunks()), name


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """A number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


LIST, STRUCT, LONG = 10, 12, 4


def file_of_types(types, compression, head=b"ORC"):
    """An ORC file without rows whose footer has these types, (kind, children) each, and one name a field of the first."""
    footer = field(1, 3) + field(2, 0)
    for i, (kind, children) in enumerate(types):
        names = b"".join(field(3, b"c%d" % n) for n in range(len(children))) if kind == STRUCT else b""
        footer += field(4, field(1, kind) + b"".join(field(2, child) for child in children) + names)
    footer += field(6, 0)
    kinds = {"none": 0, "zlib": 1, "zstd": 5}
    if compression != "none":
        plain, footer = footer, b""
        for at in range(0, len(plain), 65536):
            part = plain[at : at + 65536]
            if compression == "zlib":
                squeeze = zlib.compressobj(wbits=-15)
                packed = squeeze.compress(part) + squeeze.flush()
            else:
                packed = pa.compress(part, codec="zstd", asbytes=True)
            footer += (len(packed) << 1).to_bytes(3, "little") + packed
    postscript = (field(1, len(footer)) + field(2, kinds.get(compression, compression)) + field(3, 65536) + field(4, varint(0) + varint(12))
                  + field(5, 0) + field(8000, b"ORC"))
    return head + footer + postscript + bytes([len(postscript)])


def chain(length):
    return [(STRUCT, [1]), *[(LIST, [i + 2]) for i in range(length)], (LONG, [])]


@pytest.mark.parametrize("compression", ["none", "zlib", "zstd"])
def test_types_that_are_no_tree(millrace, tmp_path, compression):
    """The library walks types by recursion: what would never end, or end the stack, never gets there."""
    good = {"flat": [(STRUCT, [1]), (LONG, [])], "deep": chain(60)}
    for name, types in good.items():
        (tmp_path / f"{name}.orc").write_bytes(file_of_types(types, compression))
        assert converted(millrace, f"{name}.orc").num_rows == 0
    bad = {
        "deep": chain(200_000),
        "itself": [(STRUCT, [0])],
        "ring": [(STRUCT, [1]), (LIST, [2]), (LIST, [1])],
        "twice": [(STRUCT, [1, 1]), (LONG, [])],
        "doubling": [(STRUCT, [i + 1, i + 1]) for i in range(50)] + [(LONG, [])],
        "missing": [(STRUCT, [1])],
        "backward": [(STRUCT, [2]), (LONG, []), (LIST, [1])],
        "far": [(STRUCT, [2**64 - 1]), (LONG, [])],
    }
    for name, types in bad.items():
        (tmp_path / "bad.orc").write_bytes(file_of_types(types, compression))
        done = millrace("copy", "bad.orc", "out.arrow", "--mode", "overwrite", code=1)
        assert "MR-2801" in done.stderr, name


def test_unknown_compression(millrace, tmp_path):
    (tmp_path / "a.orc").write_bytes(file_of_types(chain(1), 3))
    assert "MR-2807" in millrace("copy", "a.orc", "out.arrow", code=1).stderr

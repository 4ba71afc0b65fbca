"""Length-delimited Protobuf against Python's own library: every type, absence at every level, damage, in both directions."""

import datetime
import itertools
import json
import os
import random
import signal
import subprocess

import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from program import *  # noqa: F401,F403

ALL = """
syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
enum Color { NONE = 0; RED = 1; DARK = -5; }
message Point { int32 x = 1; optional string label = 2; repeated double weights = 3; Inner inner = 4; }
message Inner { bytes raw = 1; Color color = 2; map<int32, string> names = 3; optional int64 big = 4; }
message All {
  bool a_bool = 1; int32 a_int32 = 2; int64 a_int64 = 3; uint32 a_uint32 = 4; uint64 a_uint64 = 5; sint32 a_sint32 = 6;
  sint64 a_sint64 = 7; fixed32 a_fixed32 = 8; fixed64 a_fixed64 = 9; sfixed32 a_sfixed32 = 10; sfixed64 a_sfixed64 = 11;
  float a_float = 12; double a_double = 13; string a_string = 14; bytes a_bytes = 15; Color a_color = 16;
  optional bool o_bool = 21; optional int32 o_int32 = 22; optional uint64 o_uint64 = 23; optional double o_double = 24;
  optional string o_string = 25; optional bytes o_bytes = 26; optional Color o_color = 27; Point point = 28;
  repeated int32 r_int32 = 31; repeated sint64 r_sint64 = 32 [packed = false]; repeated fixed32 r_fixed32 = 33;
  repeated double r_double = 34; repeated bool r_bool = 35; repeated string r_string = 36; repeated Color r_color = 37;
  repeated Point r_point = 38; repeated bytes r_bytes = 39; repeated uint64 r_uint64 = 300;
  map<string, int64> m_names = 41; map<int32, Point> m_points = 42; map<bool, Color> m_bools = 43; map<uint64, bytes> m_bytes = 44;
  oneof choice { int32 c_int = 51; string c_string = 52; Point c_point = 53; Color c_color = 54; }
  google.protobuf.Timestamp at = 61; google.protobuf.Duration took = 62; repeated google.protobuf.Timestamp ats = 63;
  google.protobuf.Int64Value w_int64 = 71; google.protobuf.StringValue w_string = 72; google.protobuf.BoolValue w_bool = 73;
  google.protobuf.DoubleValue w_double = 74; google.protobuf.BytesValue w_bytes = 75; repeated google.protobuf.UInt32Value w_many = 76;
}
"""

OLD = """
syntax = "proto2";
package old;
enum Level { LOW = 2; HIGH = 7; }
message Old {
  required int32 id = 1;
  optional int32 plain = 2;
  optional int32 count = 3 [default = -42];
  optional string name = 4 [default = "nobody"];
  optional bytes raw = 5 [default = "\\x00\\xff"];
  optional Level level = 6 [default = HIGH];
  optional Level maybe = 7;
  optional double ratio = 8 [default = inf];
  optional group Part = 9 { optional int32 size = 1; repeated int32 sizes = 2; }
  repeated group Item = 10 { required string key = 1; }
  repeated Level levels = 11;
  repeated int32 packed = 12 [packed = true];
  extensions 100 to 200;
}
"""


def compiled(folder, text, name="t.proto"):
    (folder / name).write_text(text)
    subprocess.run(["protoc", "--include_imports", "--descriptor_set_out=t.desc", name], cwd=folder, check=True)
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString((folder / "t.desc").read_bytes())
    for file in files.file:
        pool.Add(file)
    return lambda full_name: message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def delimited(messages):
    bytes_ = [m if isinstance(m, bytes) else m.SerializeToString() for m in messages]
    return b"".join(varint(len(m)) + m for m in bytes_)


def parsed(data, type_):
    out = []
    while data:
        size = shift = at = 0
        while True:
            size |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                break
        out.append(type_.FromString(data[at : at + size]))
        data = data[at + size :]
    return out


MESSAGE, ENUM, GROUP = 11, 14, 10


def value(field, x):
    if field.type == ENUM:
        known = field.enum_type.values_by_number.get(x)
        return known.name if known else str(x)
    if field.type not in (MESSAGE, GROUP):
        return x
    name = field.message_type.full_name
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        return x.seconds * 10**9 + x.nanos
    if name.startswith("google.protobuf."):
        return x.value
    return row(x)


def row(message):
    """What the columns of a message must be, from what Python's library says of it."""
    out = {}
    for field in message.DESCRIPTOR.fields:
        x = getattr(message, field.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            item = field.message_type.fields_by_name["value"]
            out[field.name] = sorted((k, value(item, v)) for k, v in (((k, x[k]) for k in x)))
        elif field.is_repeated:
            out[field.name] = [value(field, i) for i in x]
        elif field.has_presence and not message.HasField(field.name) and (not field.has_default_value or field.containing_oneof):
            out[field.name] = None
        else:
            out[field.name] = value(field, x)
    return out


def plain(type_, x):
    """A value of Arrow in the form of row()."""
    if x is None or not x.is_valid:
        return None
    if pa.types.is_timestamp(type_) or pa.types.is_duration(type_):
        return x.value
    if pa.types.is_dictionary(type_):
        return x.as_py()
    if pa.types.is_map(type_):
        pairs = x.values
        return sorted((plain(type_.key_type, k), plain(type_.item_type, v)) for k, v in zip(pairs.field(0), pairs.field(1)))
    if pa.types.is_list(type_):
        return [plain(type_.value_type, i) for i in x.values]
    if pa.types.is_struct(type_):
        return {f.name: plain(f.type, x[f.name]) for f in type_}
    return x.as_py()


def rows_of(table):
    return [{f.name: plain(f.type, table[f.name][i]) for f in table.schema} for i in range(table.num_rows)]


def converted(millrace, source="a.pb", *options, message="t.All"):
    millrace("copy", source, "out.arrow", "--mode", "overwrite", "--from", "descriptor=t.desc", "--from", f"message={message}", *options)
    table = ipc.open_file(millrace.folder / "out.arrow").read_all()
    table.validate(full=True)
    return table


def fill(chance, message, depth=0):
    """Any fields, with any values, at the edges too."""
    ints = {1: [0.0, 1.5, -1e300, float("inf")], 2: [0.0, -0.5, float("-inf")], 3: [0, 1, -1, 2**63 - 1, -(2**63)], 4: [0, 1, 2**64 - 1],
            5: [0, 127, 128, -1, 2**31 - 1, -(2**31)], 6: [0, 2**64 - 1], 7: [0, 2**32 - 1], 8: [True, False],
            9: ["", "x", "é", "sixteen bytes !!", "seventeen bytes !", "long" * 100, "é" * 17], 12: [b"", b"\0\xff", b"y" * 40],
            13: [0, 2**32 - 1], 14: [0, 1, -5, 99, -7], 15: [0, -1], 16: [0, -(2**63)], 17: [0, -1, 1, 2**31 - 1], 18: [0, -1, 1, -(2**63)]}
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, item = field.message_type.fields
            for _ in range(chance.randint(0, 3)):
                k = chance.choice(ints[key.type])
                if item.message_type:
                    fill(chance, getattr(message, field.name)[k], depth + 1)
                else:
                    getattr(message, field.name)[k] = chance.choice(ints[item.type])
        elif field.message_type:
            targets = ([getattr(message, field.name).add() for _ in range(chance.randint(0, 3))] if field.is_repeated
                       else [getattr(message, field.name)])
            for target in targets:
                target.SetInParent()
                if target.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
                    target.seconds, target.nanos = chance.choice([(0, 0), (-1, 999_999_999), (1_700_000_000, 5), (-9_223_372_037, 145_224_193)])
                elif target.DESCRIPTOR.full_name == "google.protobuf.Duration":
                    target.seconds, target.nanos = chance.choice([(0, 0), (-1, -999_999_999), (0, -5), (3600, 1), (9_223_372_036, 854_775_807)])
                else:
                    fill(chance, target, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(chance.choice(ints[field.type]) for _ in range(chance.randint(0, 4)))
        else:
            setattr(message, field.name, chance.choice(ints[field.type]))
    return message


@pytest.fixture
def all_(tmp_path):
    return compiled(tmp_path, ALL)("t.All")


def test_types(millrace, tmp_path, all_):
    (tmp_path / "a.pb").write_bytes(delimited([all_()]))
    schema = converted(millrace).schema
    point = pa.struct([("x", pa.int32()), ("label", pa.utf8()), ("weights", pa.list_(pa.float64())),
                       ("inner", pa.struct([("raw", pa.binary()), ("color", pa.utf8()), ("names", pa.map_(pa.int32(), pa.utf8())), ("big", pa.int64())]))])
    expected = dict(a_bool=pa.bool_(), a_int32=pa.int32(), a_int64=pa.int64(), a_uint32=pa.uint32(), a_uint64=pa.uint64(), a_sint32=pa.int32(),
                    a_sint64=pa.int64(), a_fixed32=pa.uint32(), a_fixed64=pa.uint64(), a_sfixed32=pa.int32(), a_sfixed64=pa.int64(),
                    a_float=pa.float32(), a_double=pa.float64(), a_string=pa.utf8(), a_bytes=pa.binary(), r_int32=pa.list_(pa.int32()),
                    m_names=pa.map_(pa.utf8(), pa.int64()), at=pa.timestamp("ns", "UTC"), took=pa.duration("ns"), w_int64=pa.int64(),
                    w_string=pa.utf8(), w_many=pa.list_(pa.uint32()))
    for name, type_ in expected.items():
        assert str(schema.field(name).type).replace(" not null", "") == str(type_), name
    assert str(schema.field("point").type).replace(" not null", "") == str(point)
    assert schema.names == [f.name for f in all_.DESCRIPTOR.fields]


def test_any_messages(millrace, tmp_path, all_):
    chance = random.Random(5)
    messages = [all_()] + [fill(chance, all_()) for _ in range(400)] + [all_()]
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    expected = [row(m) for m in messages]
    assert rows_of(converted(millrace)) == expected
    # However it is cut, and whatever else is read.
    for options in (["-o", "batch_rows=7"], ["--from", "split_size=1KiB"], ["--from", "split_size=1B", "-o", "batch_rows=3"]):
        assert rows_of(converted(millrace, "a.pb", *options)) == expected, options
    some = converted(millrace, "a.pb", "--select", "SELECT c_string, r_point, a_color FROM source")
    assert rows_of(some) == [{n: r[n] for n in ("c_string", "r_point", "a_color")} for r in expected]
    with open(tmp_path / "a.pb", "rb") as file:
        done = subprocess.run([BINARY, "copy", "-", "piped.arrow", "--from", "format=protobuf", "--from", "descriptor=t.desc", "--from", "message=t.All"],
                              cwd=tmp_path, stdin=file, capture_output=True, text=True, env={**os.environ, **millrace.environment})
    assert done.returncode == 0, done.stderr
    assert rows_of(ipc.open_file(tmp_path / "piped.arrow").read_all()) == expected


def test_fields_that_stand_twice(millrace, tmp_path, all_):
    """Messages behind one another are one message: the last scalar counts, messages are merged, a oneof keeps its last field."""
    chance = random.Random(6)

    def part():
        message = fill(chance, all_())
        message.ClearField("at")  # seconds of one and nanoseconds of another may be no time
        message.ClearField("took")
        return message.SerializeToString()
    parts = [b"".join(part() for _ in range(chance.randint(2, 4))) for _ in range(300)]
    time = lambda **parts: all_(at=parts).SerializeToString()
    parts += [time(seconds=5) + time(nanos=7), time(seconds=5, nanos=1) + time(seconds=6), time(seconds=5) + time() + time(nanos=2), time(nanos=3)]
    # Unknown fields of every wire type between them, groups in groups too.
    unknown = b"".join([varint(900 << 3) + varint(2**64 - 1), varint(901 << 3 | 1) + bytes(8), varint(902 << 3 | 5) + bytes(4), varint(903 << 3 | 2) + b"\3abc",
                        varint(904 << 3 | 3) + varint(905 << 3 | 3) + varint(1 << 3) + b"\1" + varint(905 << 3 | 4) + varint(904 << 3 | 4),
                        varint(14 << 3) + b"\5"])
    parts += [unknown + parts[0] + unknown]
    (tmp_path / "a.pb").write_bytes(delimited(parts))
    assert rows_of(converted(millrace)) == [row(all_.FromString(p)) for p in parts]
    # Packed where it is not declared so, and the other way round.
    other = varint(32 << 3 | 2) + b"\2\1\2" + varint(31 << 3) + b"\7" + varint(31 << 3 | 2) + b"\2\x08\x09" + varint(37 << 3) + b"\1" + varint(37 << 3 | 2) + b"\2\0\1"
    (tmp_path / "a.pb").write_bytes(delimited([other]))
    found = rows_of(converted(millrace))
    assert found == [row(all_.FromString(other))]
    assert (found[0]["r_sint64"], found[0]["r_int32"], found[0]["r_color"]) == ([-1, 1], [7, 8, 9], ["RED", "NONE", "RED"])


def test_keys_that_stand_twice(millrace, tmp_path, all_):
    entry = lambda key, number: all_(m_names={key: number}).SerializeToString()
    messages = [b"".join(entry(k, i) for i, k in enumerate(keys)) for keys in (["a", "b", "a"], ["x"], [], ["q"] * 40 + ["r"], list("abcdefghijklmnopqrstuvwxyz") * 2)]
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    assert [dict(r["m_names"]) for r in rows_of(converted(millrace))] == [dict(all_.FromString(m).m_names) for m in messages]
    assert [len(r["m_names"]) for r in rows_of(converted(millrace))] == [2, 1, 0, 2, 26]


def test_proto2(millrace, tmp_path):
    old = compiled(tmp_path, OLD)("old.Old")
    full = old(id=1, plain=0, count=0, name="", raw=b"", level=2, maybe=2, ratio=0.0, levels=[2, 7], packed=[1, -1])
    full.part.size = 5
    full.part.sizes.extend([1, 2])
    full.item.add().key = "k"
    messages = [old(id=0), full, old(id=3).SerializeToString() + b"\x30\x63\x38\x63\x58\x63\x58\x02", full.SerializeToString() + full.SerializeToString()]
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    found = rows_of(converted(millrace, message="old.Old"))
    assert found == [row(m if isinstance(m, old) else old.FromString(m)) for m in messages]
    assert found[0] == {"id": 0, "plain": None, "count": -42, "name": "nobody", "raw": b"\0\xff", "level": "HIGH", "maybe": None, "ratio": float("inf"),
                        "part": None, "item": [], "levels": [], "packed": []}
    assert (found[2]["level"], found[2]["maybe"], found[2]["levels"]) == ("HIGH", None, ["LOW"])
    for bad in (b"", b"\x08\x01\x53\x54"):
        (tmp_path / "a.pb").write_bytes(delimited([bad]))
        assert "MR-2901" in millrace("copy", "a.pb", "b.arrow", "--from", "descriptor=t.desc", code=1).stderr


def test_giants(millrace, tmp_path, all_):
    messages = [all_(a_string="é" * 5_000_000, r_int32=range(1_000_000)), all_(a_bytes=bytes(20_000_000)), all_(a_int32=1)]
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    for options in ([], ["--from", "split_size=64KiB"]):
        assert rows_of(converted(millrace, "a.pb", *options)) == [row(m) for m in messages]
    done = millrace("copy", "a.pb", "b.arrow", "--from", "descriptor=t.desc", "--from", "message=t.All", "--from", "max_message_bytes=1MiB", code=1)
    assert "MR-2905" in done.stderr


def read_bad(millrace, *options, message="t.All"):
    return millrace("copy", "a.pb", "b.arrow", "--mode", "overwrite", "--from", "descriptor=t.desc", "--from", f"message={message}", *options, code=1).stderr


def test_cut_short(millrace, tmp_path, all_):
    chance = random.Random(8)
    whole = delimited([fill(chance, all_()) for _ in range(20)])
    ends = set(itertools.accumulate(len(delimited([m])) for m in parsed(whole, all_)))
    for size in sorted(chance.sample(range(1, len(whole)), 40)):
        if size in ends:
            continue
        (tmp_path / "a.pb").write_bytes(whole[:size])
        assert "MR-2901" in read_bad(millrace), size
        assert "MR-2901" in read_bad(millrace, "--from", "split_size=100B"), size


SIMPLE = """
syntax = "proto3";
message Simple { int32 a = 1; string b = 2; repeated sint32 c = 3; Simpler d = 4; fixed64 e = 5; }
message Simpler { double x = 1; bytes y = 2; }
"""


def test_flipped_bytes(millrace, tmp_path):
    """A message is good where Python's library takes it, and then has the same values. One that is not becomes a dead letter."""
    simple = compiled(tmp_path, SIMPLE)("Simple")
    chance = random.Random(9)
    messages = [fill(chance, simple()).SerializeToString() for _ in range(3000)]
    for i, message in enumerate(messages):
        if message:
            changed = bytearray(message)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            messages[i] = bytes(changed)
    expected, bad = [], 0
    for message in messages:
        try:
            expected.append(row(simple.FromString(message)))
        except DecodeError:
            bad += 1
    assert bad > 300
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    for options in ([], ["--from", "split_size=1KiB", "-o", "batch_rows=5"]):
        (tmp_path / "letters.ndjson").unlink(missing_ok=True)
        found = converted(millrace, "a.pb", "--from", "on_error=dead_letter", "-o", "dead_letters=letters.ndjson", message="Simple", *options)
        assert [repr(r) for r in rows_of(found)] == [repr(r) for r in expected]  # NaN is not NaN
        letters = [json.loads(line) for line in (tmp_path / "letters.ndjson").read_text().splitlines()]
        assert len(letters) == bad
        assert {letter["code"] for letter in letters} <= {2901, 2906, "MR-2901", "MR-2906"}
    assert "MR-29" in read_bad(millrace, message="Simple")


def test_text_that_is_none(millrace, tmp_path):
    compiled(tmp_path, SIMPLE)
    bad = [b"\xff", b"\xc3", b"x" * 40 + b"\xed\xa0\x80"]
    (tmp_path / "a.pb").write_bytes(delimited([b"\x12" + varint(len(b)) + b for b in bad]))
    assert "MR-2906" in read_bad(millrace, message="Simple")
    (tmp_path / "r.sql").write_text("CREATE SOURCE s (b BLOB) WITH (connector = 'files', path = 'a.pb', descriptor = 't.desc', message = 'Simple');"
                                    "CREATE SINK o WITH (connector = 'files', path = 'o.arrow'); INSERT INTO o SELECT b FROM s;")
    millrace("run", "r.sql")
    assert ipc.open_file(tmp_path / "o.arrow").read_all()["b"].to_pylist() == bad


def test_times(millrace, tmp_path, all_):
    ancient = all_()
    ancient.at.seconds, ancient.at.nanos = -62135596800, 123_456_789
    (tmp_path / "a.pb").write_bytes(delimited([ancient]))
    assert "MR-2907" in read_bad(millrace)
    found = converted(millrace, "a.pb", "--from", "times=micros")
    assert found["at"].type == pa.timestamp("us", "UTC")
    assert found["at"][0].as_py() == datetime.datetime(1, 1, 1, 0, 0, 0, 123456, tzinfo=datetime.timezone.utc)
    for seconds, nanos in ((253402300800, 0), (0, -1), (0, 10**9)):
        wrong = all_()
        wrong.at.seconds, wrong.at.nanos = seconds, nanos
        (tmp_path / "a.pb").write_bytes(delimited([wrong]))
        assert "MR-2901" in read_bad(millrace)


def test_descriptors(millrace, tmp_path):
    (tmp_path / "a.pb").write_bytes(b"")
    (tmp_path / "t.desc").write_bytes(b"no descriptor")
    assert "MR-2902" in read_bad(millrace)
    compiled(tmp_path, SIMPLE)
    assert "MR-2902" in read_bad(millrace, message="Other")
    done = millrace("copy", "a.pb", "b.arrow", "--from", "descriptor=t.desc", code=1)
    assert "MR-2902" in done.stderr and "Simple, Simpler" in done.stderr
    (tmp_path / "u.proto").write_text(ALL)
    subprocess.run(["protoc", "--descriptor_set_out=t.desc", "u.proto"], cwd=tmp_path, check=True)
    assert "MR-2902" in read_bad(millrace) and "timestamp.proto" in read_bad(millrace)
    compiled(tmp_path, 'syntax = "proto3"; message A { B b = 1; } message B { repeated A a = 1; }')
    assert "MR-2903" in read_bad(millrace, message="A")
    compiled(tmp_path, 'syntax = "proto3"; import "google/protobuf/struct.proto"; message A { google.protobuf.Struct s = 1; }')
    assert "MR-2903" in read_bad(millrace, message="A")
    assert "MR-1002" in millrace("copy", "a.pb", "b.arrow", code=2).stderr
    assert "MR-2001" in millrace("copy", "a.pb", "b.arrow", "--from", "descriptor=none", code=1).stderr


def test_written(millrace, tmp_path, all_):
    chance = random.Random(12)
    messages = [all_()] + [fill(chance, all_()) for _ in range(500)]
    (tmp_path / "a.pb").write_bytes(delimited(messages))
    shared = ["--to", "descriptor=t.desc", "--to", "message=t.All", "--from", "descriptor=t.desc", "--from", "message=t.All"]
    for options in ([], ["-o", "batch_rows=3", "--from", "split_size=1KiB"]):
        millrace("copy", "a.pb", "b.pb", "--mode", "overwrite", *shared, *options)
        found = parsed((tmp_path / "b.pb").read_bytes(), all_)
        assert [row(m) for m in found] == [row(m) for m in messages]
    millrace("copy", "a.pb", "c.arrow", *shared[4:])
    millrace("copy", "c.arrow", "c.pb", *shared[:4])
    assert [row(m) for m in parsed((tmp_path / "c.pb").read_bytes(), all_)] == [row(m) for m in messages]
    # What is zero and can't be told from absent takes no bytes.
    (tmp_path / "a.pb").write_bytes(delimited([all_()]))
    millrace("copy", "a.pb", "b.pb", "--mode", "overwrite", *shared)
    assert (tmp_path / "b.pb").read_bytes() == b"\0"


def test_proto2_written(millrace, tmp_path):
    old = compiled(tmp_path, OLD)("old.Old")
    first, second = old(id=1, count=0, name="", level=2, levels=[7, 2], packed=[3]), old(id=2)
    first.part.sizes.append(4)
    first.item.add().key = "k"
    (tmp_path / "a.pb").write_bytes(delimited([first, second]))
    millrace("copy", "a.pb", "b.pb", "--from", "descriptor=t.desc", "--to", "descriptor=t.desc")
    assert [row(m) for m in parsed((tmp_path / "b.pb").read_bytes(), old)] == [row(first), row(second)]


def test_what_can_not_be_written(millrace, tmp_path):
    compiled(tmp_path, ALL)

    def refused(number, **columns):
        table = pa.table(columns)
        with ipc.new_file(tmp_path / "a.arrow", table.schema) as out:
            out.write_table(table)
        done = millrace("copy", "a.arrow", "o.pb", "--mode", "overwrite", "--to", "descriptor=t.desc", "--to", "message=t.All", code=1)
        assert f"MR-{number}" in done.stderr, done.stderr
    refused(2904, other=pa.array([1]))
    refused(2904, point=pa.array([1]))
    refused(2904, point=pa.array([{"z": 1}]))
    refused(2908, a_int32=pa.array([None, 1]))
    refused(2908, a_int32=pa.array([2**31]))
    refused(2908, a_color=pa.array(["GREEN"]))
    refused(2908, r_int32=pa.array([None, [1]]))
    refused(2908, r_int32=pa.array([[1, None]]))
    refused(2908, m_names=pa.array([[("a", None)]], pa.map_(pa.utf8(), pa.int64())))


def test_restart_after_a_crash(millrace, tmp_path):
    simple = compiled(tmp_path, SIMPLE)("Simple")
    (tmp_path / "a.pb").write_bytes(delimited(simple(a=i, b=f"row {i}") for i in range(5000)))
    script = """
        SET name = 'p'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 50;
        CREATE SOURCE s WITH (connector = 'files', path = 'a.pb', descriptor = 't.desc', message = 'Simple', split_size = '20KiB', rate_limit_rows = {rate});
        CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');
        INSERT INTO o SELECT a FROM s;"""
    # Slow enough for three checkpoints on a disk that takes its time.
    (tmp_path / "p.sql").write_text(script.format(rate=500))
    millrace("run", "p.sql", env={"MILLRACE_FAILPOINT": "checkpoint.acknowledged@3"}, code=-signal.SIGKILL)
    (tmp_path / "p.sql").write_text(script.format(rate=100_000))
    millrace("run", "p.sql")
    found = [int(line) for path in (tmp_path / "out").glob("part-*.csv") for line in path.read_text().splitlines()[1:]]
    assert sorted(found) == list(range(5000))

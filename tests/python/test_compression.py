"""Compressed text files: every codec both ways, against other readers and writers."""

import bz2
import gzip
import io
import os
import random
import signal
import struct
import subprocess
import zlib

import cramjam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from program import BINARY, binary, millrace  # noqa: F401 (fixtures)

CODECS = {
    "gzip": ("gz", gzip.compress, gzip.decompress),
    "deflate": ("zz", zlib.compress, zlib.decompress),
    "zstd": ("zst", zstd.compress, zstd.decompress),
    "lz4": ("lz4", lambda data: bytes(cramjam.lz4.compress(data)), lambda data: pa.input_stream(pa.py_buffer(data), "lz4").read()),
    "snappy": ("sz", lambda data: bytes(cramjam.snappy.compress(data)), lambda data: bytes(cramjam.snappy.decompress(data))),
    "brotli": ("br", lambda data: bytes(cramjam.brotli.compress(data, 3)), lambda data: bytes(cramjam.brotli.decompress(data))),
    "bzip2": ("bz2", bz2.compress, bz2.decompress),
}
CODEC = pytest.mark.parametrize("codec", CODECS)
CONCATENATE = ["gzip", "zstd", "lz4", "snappy", "bzip2"]
# What tells a flipped byte: a checksum that foreign writers put there.
SUMMED = ["gzip", "deflate", "snappy", "bzip2"]


def csv_text(rows, first=0):
    return "".join(f"{i},name {i * 7919 % rows},\"a \"\"b\"\"\n{i % 5}\",{i / 4}\n" for i in range(first, first + rows))


HEADER = "id,name,odd,x\n"


def expected(rows):
    ids = list(range(rows))
    return {"id": ids, "name": [f"name {i * 7919 % rows}" for i in ids], "odd": [f'a "b"\n{i % 5}' for i in ids],
            "x": [i / 4 for i in ids]}


def ndjson_text(rows):
    return "".join(f'{{"id":{i},"name":"name {i * 7919 % rows}","odd":"a \\"b\\"\\n{i % 5}","x":{i / 4}}}\n' for i in range(rows))


def rows_of(path):
    return pq.read_table(path).to_pydict()


def table(rows):
    return pa.table(expected(rows))


def snappy_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@CODEC
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_what_others_wrote_is_read(millrace, tmp_path, codec, kind):
    extension, compress, _ = CODECS[codec]
    text = HEADER + csv_text(20_000) if kind == "csv" else ndjson_text(20_000)
    (tmp_path / f"in.{kind}.{extension}").write_bytes(compress(text.encode()))
    millrace("copy", f"in.{kind}.{extension}", "out.parquet")
    assert rows_of(tmp_path / "out.parquet") == expected(20_000)
    # Under another name, as the option says.
    (tmp_path / f"in.{kind}.{extension}").rename(tmp_path / f"other.{kind}")
    millrace("copy", f"other.{kind}", "out2.parquet", "--from", f"compression={codec}")
    assert rows_of(tmp_path / "out2.parquet") == expected(20_000)


@CODEC
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_others_read_what_was_written(millrace, tmp_path, codec, kind):
    extension, _, decompress = CODECS[codec]
    pq.write_table(table(60_000), tmp_path / "in.parquet")
    millrace("--shards", 2, "copy", "in.parquet", f"out.{kind}.{extension}")
    millrace("--shards", 2, "copy", "in.parquet", f"plain.{kind}")
    packed = (tmp_path / f"out.{kind}.{extension}").read_bytes()
    plain = (tmp_path / f"plain.{kind}").read_bytes()
    assert decompress(packed) == plain and len(packed) < len(plain)
    # And ourselves, in ranges where that is possible, and in one.
    for split in ("64KiB", "1GiB"):
        millrace("--shards", 2, "copy", f"out.{kind}.{extension}", f"{split}.parquet", "--from", f"split_size={split}")
        assert rows_of(tmp_path / f"{split}.parquet") == expected(60_000)


@pytest.mark.parametrize("name,mark", [("sz", b"\xff\x06\0\0sNaPpY"), ("s2", b"\xff\x06\0\0S2sTwO")])
def test_chunks_by_hand(millrace, tmp_path, name, mark):
    # "a\n", a literal of 2 and copies: 4 bytes from 2 before, and, of S2, repeats of the same distance.
    plain = b"a\n" + b"1\n" * 310
    block = bytes([0xEC, 0x04]) + bytes([3 << 2]) + b"a\n1\n" + bytes([0x01, 0x02])  # 620; 4 from 2 before
    if name == "s2":
        # Length codes: 0 (4 more), 5 (8 and a byte), 6 (260 and two bytes).
        block = bytes([0xEE, 0x04]) + block[2:] + bytes([0x01, 0x00])
        block += bytes([0x01 | 5 << 2, 0x00, 90]) + bytes([0x01 | 6 << 2, 0x00, 0xFC, 0x00])
        plain = b"a\n" + b"1\n" * ((4 + 4 + 4 + 8 + 90 + 260 + 252 - 2) // 2)
    else:
        for _ in range(9):
            block += bytes([63 << 2 | 2, 2, 0])
        block += bytes([35 << 2 | 2, 2, 0])
        plain = b"a\n" + b"1\n" * ((4 + 4 + 9 * 64 + 36 - 2) // 2)
    size = len(plain)
    block = bytes([size & 127 | 128, size >> 7]) + block[2:]

    def chunk(kind, body):
        return bytes([kind]) + struct.pack("<I", len(body))[:3] + body
    file = mark + chunk(0xFE, b"\0" * 9) + chunk(0, struct.pack("<I", snappy_crc(plain)) + block)
    file += chunk(0x99, b"index") + chunk(1, struct.pack("<I", snappy_crc(b"2\n")) + b"2\n") + mark
    (tmp_path / f"in.csv.{name}").write_bytes(file)
    millrace("copy", f"in.csv.{name}", "out.parquet")
    assert rows_of(tmp_path / "out.parquet") == {"a": [1] * ((size - 2) // 2) + [2]}
    assert "MR-2051" in refused(millrace, tmp_path, f"in.csv.{name}", file[:40] + bytes([file[40] ^ 1]) + file[41:])
    assert "MR-2051" in refused(millrace, tmp_path, f"in.csv.{name}", mark + chunk(0x02, b"reserved"))


def refused(millrace, folder, name, content):
    (folder / name).write_bytes(content)
    done = millrace("copy", name, "refused.parquet", code=1)
    assert not (folder / "refused.parquet").exists()
    assert name in done.stderr
    return done.stderr


@pytest.mark.parametrize("codec", CONCATENATE)
def test_members_are_read_through(millrace, tmp_path, codec):
    extension, compress, _ = CODECS[codec]
    text = (HEADER + csv_text(5_000)).encode()
    rng = random.Random(codec)
    cuts = sorted({0, len(text), *(rng.randrange(len(text)) for _ in range(20))})
    members = [compress(text[a:b]) for a, b in zip(cuts, cuts[1:])]
    (tmp_path / f"in.csv.{extension}").write_bytes(b"".join(members))
    millrace("copy", f"in.csv.{extension}", "out.parquet")
    assert rows_of(tmp_path / "out.parquet") == expected(5_000)


def test_gzip_blocks_of_bgzf(millrace, tmp_path):
    def member(data):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = packer.compress(data) + packer.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", 6) + b"BC" + struct.pack("<HH", 2, len(body) + 25)
        return head + body + struct.pack("<II", zlib.crc32(data), len(data))
    text = (HEADER + csv_text(60_000)).encode()
    file = b"".join(member(text[at:at + 65280]) for at in range(0, len(text), 65280)) + member(b"")
    assert gzip.decompress(file) == text
    (tmp_path / "in.csv.gz").write_bytes(file)
    millrace("--shards", 2, "copy", "in.csv.gz", "out.parquet", "--from", "split_size=100KB")
    assert rows_of(tmp_path / "out.parquet") == expected(60_000)
    # The size that a block tells is a lie.
    at = file.index(b"BC", 40_000)
    lie = file[:at + 4] + struct.pack("<H", 100) + file[at + 6:]
    (tmp_path / "in.csv.gz").write_bytes(lie)
    millrace("--shards", 2, "copy", "in.csv.gz", "again.parquet")
    assert rows_of(tmp_path / "again.parquet") == expected(60_000)


@CODEC
def test_what_is_cut_off_is_an_error(millrace, tmp_path, codec):
    extension, compress, _ = CODECS[codec]
    whole = compress((HEADER + csv_text(3_000)).encode())
    name = f"in.csv.{extension}"
    for at in sorted({0, 1, 2, 5, 9, 11, 17, 30, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 4,
                      len(whole) - 2, len(whole) - 1}):
        if codec == "snappy" and at == 10:
            continue
        text = refused(millrace, tmp_path, name, whole[:at])
        assert "MR-2052" in text or "MR-2051" in text, (at, text)
        assert "bytes" in text or "byte " in text


@pytest.mark.parametrize("codec", SUMMED)
def test_a_flipped_byte_is_an_error(millrace, tmp_path, codec):
    extension, compress, _ = CODECS[codec]
    whole = compress((HEADER + csv_text(3_000)).encode())
    for at in (len(whole) // 4, len(whole) // 2, len(whole) * 3 // 4):
        text = refused(millrace, tmp_path, f"in.csv.{extension}", whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
        assert "MR-205" in text, (at, text)


@pytest.mark.parametrize("extension", ["gz", "zst", "lz4", "sz", "s2", "bz2"])
def test_our_own_files_carry_checksums(millrace, tmp_path, extension):
    pq.write_table(table(60_000), tmp_path / "in.parquet")
    name = f"out.csv.{extension}"
    millrace("copy", "in.parquet", name)
    whole = (tmp_path / name).read_bytes()
    for at in (len(whole) // 5, len(whole) // 2, len(whole) - 60):
        text = refused(millrace, tmp_path, name, whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
        # A block of bzip2 tells that it is damaged behind its bytes, which may be no CSV.
        assert "MR-205" in text or (extension == "bz2" and "MR-21" in text), (at, text)


@CODEC
def test_a_name_that_is_wrong(millrace, tmp_path, codec):
    extension, compress, _ = CODECS[codec]
    text = (HEADER + csv_text(100)).encode()
    # Plain text under the name of a codec.
    (tmp_path / f"in.csv.{extension}").write_bytes(text)
    done = millrace("copy", f"in.csv.{extension}", "out.parquet", code=1)
    assert ("MR-2053" if codec not in ("deflate", "brotli") else "MR-205") in done.stderr
    millrace("copy", f"in.csv.{extension}", "out.parquet", "--from", "compression=none")
    assert rows_of(tmp_path / "out.parquet") == expected(100)
    if codec in ("deflate", "brotli"):
        return
    # The first bytes of another codec, and the name of none.
    for number, name in enumerate(["in.csv", "in.csv.gz", "in.csv.zst"]):
        (tmp_path / name).write_bytes(compress(text))
        millrace("copy", name, f"{number}.parquet")
        assert rows_of(tmp_path / f"{number}.parquet") == expected(100)
    other = "zstd" if codec == "gzip" else "gzip"
    assert "MR-2053" in millrace("copy", "in.csv", "x.parquet", "--from", f"compression={other}", code=1).stderr


@CODEC
def test_files_without_rows_and_of_one_byte(millrace, tmp_path, codec):
    extension, compress, decompress = CODECS[codec]
    (tmp_path / f"one.csv.{extension}").write_bytes(compress(b"a"))
    millrace("copy", f"one.csv.{extension}", "one.parquet", "--from", "header=true")
    assert rows_of(tmp_path / "one.parquet") == {"a": []}
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "none.parquet")
    for kind, text in (("csv", b"a\n"), ("ndjson", b"")):
        name = f"none.{kind}.{extension}"
        millrace("copy", "none.parquet", name)
        content = (tmp_path / name).read_bytes()
        assert content and decompress(content) == text
    millrace("copy", f"none.csv.{extension}", "back.parquet", "--schema", "a BIGINT")
    assert rows_of(tmp_path / "back.parquet") == {"a": []}
    # As of a plain file without a row.
    assert "MR-2200" in millrace("copy", f"none.ndjson.{extension}", "x.parquet", code=1).stderr


@CODEC
def test_pipes(millrace, tmp_path, codec):
    extension, compress, decompress = CODECS[codec]
    text = (HEADER + csv_text(30_000)).encode()
    option = ["--from", f"compression={codec}"] if codec in ("deflate", "brotli") else []
    millrace("copy", "-", "out.parquet", "--from", "format=csv", *option, stdin=compress(text), text=False)
    assert rows_of(tmp_path / "out.parquet") == expected(30_000)
    done = millrace("copy", "out.parquet", "-", "--to", "format=csv", "--to", f"compression={codec}", text=False)
    plain = millrace("copy", "out.parquet", "-", "--to", "format=csv", text=False).stdout
    assert decompress(done.stdout) == plain
    cut = millrace("copy", "-", "cut.parquet", "--from", "format=csv", *option, stdin=compress(text)[:-3], text=False, code=1)
    assert b"MR-2052" in cut.stderr and b"stdin" in cut.stderr


@pytest.mark.parametrize("codec", CONCATENATE)
def test_appending(millrace, tmp_path, codec):
    extension, compress, decompress = CODECS[codec]
    name = f"all.csv.{extension}"
    (tmp_path / name).write_bytes(compress(b"a\n1"))  # the last line has no end
    pq.write_table(pa.table({"a": [2, 3]}), tmp_path / "in.parquet")
    millrace("copy", "in.parquet", name, "--mode", "append")
    millrace("copy", "in.parquet", name, "--mode", "append")
    assert decompress((tmp_path / name).read_bytes()) == b"a\n1\n2\n3\n2\n3\n"
    # Other columns; a file of another kind.
    pq.write_table(pa.table({"b": [2, 3]}), tmp_path / "other.parquet")
    before = (tmp_path / name).read_bytes()
    assert "MR-2113" in millrace("copy", "other.parquet", name, "--mode", "append", code=1).stderr
    assert (tmp_path / name).read_bytes() == before
    (tmp_path / name).write_bytes(b"a\n1\n2\n3\n4\n5\n6\n7\n")
    assert "MR-2053" in millrace("copy", "in.parquet", name, "--mode", "append", code=1).stderr


@pytest.mark.parametrize("codec", ["deflate", "brotli"])
def test_what_can_not_be_appended_to(millrace, tmp_path, codec):
    extension, compress, _ = CODECS[codec]
    (tmp_path / f"all.csv.{extension}").write_bytes(compress(b"a\n1\n"))
    pq.write_table(pa.table({"a": [2, 3]}), tmp_path / "in.parquet")
    assert "MR-2403" in millrace("copy", "in.parquet", f"all.csv.{extension}", "--mode", "append", code=1).stderr


def test_a_glob_of_all_kinds(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    for number, (codec, (extension, compress, _)) in enumerate(CODECS.items()):
        (tmp_path / "in" / f"{number}.csv.{extension}").write_bytes(
            compress((HEADER + csv_text(1000, number * 1000)).encode()))
    (tmp_path / "in" / f"{len(CODECS)}.csv").write_text(HEADER + csv_text(1000, len(CODECS) * 1000))
    (tmp_path / "in" / "README.gz").write_bytes(gzip.compress(b"not a table"))
    millrace("--shards", 2, "copy", "in", "out.parquet", "--from", "format=csv")
    assert rows_of(tmp_path / "out.parquet")["id"] == list(range(1000 * (len(CODECS) + 1)))
    millrace("--shards", 2, "copy", "in", "again.parquet")
    assert rows_of(tmp_path / "again.parquet")["id"] == list(range(1000 * (len(CODECS) + 1)))
    sql = "SELECT SUM(id) AS s FROM 'in/*.csv.gz'"
    assert "499500" in millrace("sql", "-c", sql).stdout


def test_parts_of_a_folder(millrace, tmp_path):
    pq.write_table(table(5_000), tmp_path / "in.parquet")
    millrace("copy", "in.parquet", "out/", "--format", "csv", "--to", "compression=gzip", "--to", "roll_rows=1000")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"part-{n:05}.csv.gz" for n in range(5)]
    text = b"".join(gzip.decompress((tmp_path / "out" / name).read_bytes()).split(b"\n", 1)[1] for name in names)
    assert text.count(b"name ") == 5_000
    millrace("copy", "out", "back.parquet")
    assert rows_of(tmp_path / "back.parquet") == expected(5_000)


def test_levels(millrace, tmp_path):
    rng = random.Random(7)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randrange(2, 9))) for _ in range(3000)]
    pq.write_table(pa.table({"text": [" ".join(rng.choices(words, k=8)) for _ in range(20_000)]}), tmp_path / "in.parquet")
    sizes = {}
    for codec, extension, levels in (("gzip", "gz", (1, 9)), ("zstd", "zst", (1, 19)), ("brotli", "br", (0, 9))):
        for level in levels:
            millrace("copy", "in.parquet", f"{level}.csv.{extension}", "--to", f"compression_level={level}")
            sizes[level] = (tmp_path / f"{level}.csv.{extension}").stat().st_size
        assert sizes[levels[1]] < sizes[levels[0]]
    for name, level in (("x.csv.gz", 10), ("x.csv.gz", 0), ("x.csv.zst", 23), ("x.csv.br", 12), ("x.csv.bz2", 0),
                        ("x.csv.sz", 1), ("x.csv", 1)):
        done = millrace("copy", "in.parquet", name, "--to", f"compression_level={level}", code=2)
        assert "MR-1003" in done.stderr and not (tmp_path / name).exists()


def test_compressed_files_are_not_watched(millrace, tmp_path):
    for name, content, options in (("in.csv.gz", gzip.compress(b"a\n1\n"), []),
                                   ("in.csv", gzip.compress(b"a\n1\n"), ["--from", "compression=gzip"])):
        (tmp_path / name).write_bytes(content)
        done = millrace("copy", name, "out/", "--format", "csv", "--from", "mode=watch", *options, code=1)
        assert "MR-2054" in done.stderr


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("framed", [False, True])
def test_a_compressed_source_is_read_on_after_a_kill(millrace, tmp_path, codec, framed):
    extension, compress, _ = CODECS[codec]
    if framed:
        pq.write_table(table(40_000), tmp_path / "in.parquet")
        millrace("copy", "in.parquet", f"in.csv.{extension}")
    else:
        (tmp_path / f"in.csv.{extension}").write_bytes(compress((HEADER + csv_text(40_000)).encode()))
    words = ["--shards", 2, "copy", f"in.csv.{extension}", "out.csv", "--resume", "--from", "split_size=256KB",
             "-o", "checkpoint_interval=1ms", "-o", "batch_rows=500"]
    for epoch in (2, 1):
        millrace(*words, "--from", "rate_limit_rows=2000", code=-signal.SIGKILL,
                 env={"MILLRACE_FAILPOINT": f"checkpoint.acknowledged@{epoch}"})
    assert not (tmp_path / "out.csv").exists()
    millrace(*words)
    millrace("copy", "out.csv", "out.parquet")
    assert rows_of(tmp_path / "out.parquet") == expected(40_000)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("place", ["checkpoint.acknowledged@3", "files.prepared@3", "files.splice.synced"])
def test_a_compressed_destination_is_exactly_once(millrace, tmp_path, codec, place):
    extension, _, decompress = CODECS[codec]
    (tmp_path / "in.csv").write_text(HEADER + csv_text(20_000))
    words = ["--shards", 2, "copy", "in.csv", f"out.csv.{extension}", "--resume", "--from", "split_size=100KB",
             "-o", "checkpoint_interval=1ms", "-o", "batch_rows=500"]
    # Slow enough for three checkpoints on a disk that takes its time; the last place is at the very end.
    rate = 20_000 if place == "files.splice.synced" else 1000
    millrace(*words, "--from", f"rate_limit_rows={rate}", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": place})
    assert not (tmp_path / f"out.csv.{extension}").exists()
    millrace(*words)
    (tmp_path / "plain.csv").write_bytes(decompress((tmp_path / f"out.csv.{extension}").read_bytes()))
    millrace("copy", "plain.csv", "out.parquet")
    assert rows_of(tmp_path / "out.parquet") == expected(20_000)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".millrace")]


@pytest.mark.parametrize("extension", ["gz", "zst", "lz4", "sz", "s2", "bz2", "br", "zz"])
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_many_shards_give_what_one_gives(millrace, tmp_path, extension, kind):
    pq.write_table(table(50_000), tmp_path / "in.parquet")
    files = []
    for shards in (1, 4):
        millrace("--shards", shards, "copy", "in.parquet", f"{shards}.{kind}.{extension}")
        millrace("--shards", shards, "copy", f"1.{kind}.{extension}", f"back{shards}.parquet", "--from", "split_size=200KB")
        files.append(rows_of(tmp_path / f"back{shards}.parquet"))
    assert files[0] == files[1] == expected(50_000)

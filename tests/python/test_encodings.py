"""Text in other encodings than UTF-8, encoded by Python."""

import bz2
import gzip
import json
import os
import random
import signal
import subprocess

import pytest

from program import binary, millrace, wait_for  # noqa: F401

ENCODINGS = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "latin-1": "latin-1", "windows-1252": "cp1252", "utf-8": "utf-8"}
LETTERS = {"latin-1": "aé\u0080ÿ ", "windows-1252": "aé€Ÿ’\xa0"}


def rows(encoding, count):
    """Words of characters of one to four bytes of UTF-8, so that every piece ends inside one somewhere."""
    chance = random.Random(7)
    letters = LETTERS.get(encoding, "aé€漢😀\U0010ffff ")
    return [(i, "x" + "".join(chance.choices(letters, k=chance.randrange(12))) + "x") for i in range(count)]


def text(kind, data):
    if kind == "csv":
        return "id,word\n" + "".join(f"{i},{word}\n" for i, word in data)
    return "".join(json.dumps({"id": i, "word": word}, ensure_ascii=False) + "\n" for i, word in data)


def read(millrace, path, *options, **more):
    words = [word for option in options for word in ("--from", option)]
    done = millrace("copy", path, "-", "--format", "json", *words, **more)
    return [(row["id"], row["word"]) for row in map(json.loads, done.stdout.splitlines())]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_python_encodes_is_read(millrace, tmp_path, encoding, kind):
    data = rows(encoding, 60_000)
    (tmp_path / f"in.{kind}").write_bytes(text(kind, data).encode(ENCODINGS[encoding]))
    assert read(millrace, f"in.{kind}", f"encoding={encoding}") == data
    assert sorted(read(millrace, f"in.{kind}", f"encoding={encoding}", "split_size=64KiB")) == data


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", range(0, 9))
def test_short_texts(millrace, tmp_path, encoding, size):
    word = "aé" * (size // 2) + "b" * (size % 2)
    (tmp_path / "in.csv").write_bytes(f"id,word\n1,{word}".encode(ENCODINGS[encoding]))
    assert read(millrace, "in.csv", f"encoding={encoding}", "null=NULL") == [(1, word)]


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("option", [[], ["encoding=auto"], ["encoding=utf-16"]])
def test_a_mark_tells(millrace, tmp_path, mark, option):
    if mark == "utf-8-sig" and option == ["encoding=utf-16"]:
        return
    content = "id,word\n1,漢\n" if mark == "utf-8-sig" else "\ufeffid,word\n1,漢\n"
    (tmp_path / "in.csv").write_bytes(content.encode(mark))
    assert read(millrace, "in.csv", *option) == [(1, "漢")]


def test_utf_16_without_a_mark_is_little_endian(millrace, tmp_path):
    (tmp_path / "in.csv").write_bytes("id,word\n1,漢\n".encode("utf-16-le"))
    assert read(millrace, "in.csv", "encoding=utf-16") == [(1, "漢")]


def test_what_excel_saves_as_unicode_text(millrace, tmp_path):
    (tmp_path / "in.csv").write_bytes("\ufeffid\tword\r\n1\tGrün\r\n2\t\"a\tb\"\r\n".encode("utf-16-le"))
    assert read(millrace, "in.csv", r"delimiter=\t") == [(1, "Grün"), (2, "a\tb")]


@pytest.mark.parametrize("pack, suffix", [(gzip.compress, "gz"), (bz2.compress, "bz2")])
def test_compressed(millrace, tmp_path, pack, suffix):
    data = rows("utf-16le", 30_000)
    (tmp_path / f"in.csv.{suffix}").write_bytes(pack(("\ufeff" + text("csv", data)).encode("utf-16-le")))
    assert read(millrace, f"in.csv.{suffix}", "split_size=64KiB") == data


@pytest.mark.parametrize("encoding", ["utf-16be", "windows-1252", "utf-8"])
def test_from_a_pipe(binary, encoding):
    data = rows(encoding, 30_000)
    done = subprocess.run([binary, "-q", "copy", "-", "-", "--from", "format=csv", "--from", f"encoding={encoding}", "--format", "json"],
                          input=text("csv", data).encode(ENCODINGS[encoding]), capture_output=True, check=True)
    assert [(row["id"], row["word"]) for row in map(json.loads, done.stdout.splitlines())] == data


def test_a_pipe_that_pauses_is_read_as_it_comes(binary):
    process = subprocess.Popen([binary, "-q", "copy", "-", "-", "--from", "format=csv", "--format", "csv"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.write(process.stdin.fileno(), b"\xff")
    os.write(process.stdin.fileno(), "\ufeffid\n1\n".encode("utf-16-le")[1:])
    assert process.communicate("2\n".encode("utf-16-le"), timeout=30)[0] == b"id\n1\n2\n"


@pytest.mark.parametrize("encoding, body, byte", [
    ("utf-16le", "id\n1\n".encode("utf-16-le") + b"\x00\xd8a\x00", 10),
    ("utf-16le", "id\n1\n".encode("utf-16-le") + b"\x00\xdc\n\x00", 10),
    ("utf-16be", "id\n1\n".encode("utf-16-be") + b"\xd8\x00", 10),
    ("utf-16le", "id\n1\n".encode("utf-16-le") + b"1", 10),
    ("utf-16le", ("id\n" + "1\n" * 300_000).encode("utf-16-le") + b"\x00\xdf", 1_200_006),
])
def test_what_is_not_valid_is_told_with_its_place(millrace, tmp_path, encoding, body, byte):
    (tmp_path / "in.csv").write_bytes(body)
    done = millrace("copy", "in.csv", "out.csv", "--from", f"encoding={encoding}", code=1)
    assert "MR-2061" in done.stderr and "in.csv" in done.stderr and f"byte {byte}" in done.stderr.replace(",", "")
    assert not (tmp_path / "out.csv").exists()


def test_other_text_is_not_taken_for_utf_8(millrace, tmp_path):
    (tmp_path / "in.csv").write_bytes("id,word\n1,é\n".encode("latin-1"))
    millrace("copy", "in.csv", "-", "--format", "csv", code=1)


def test_watched_files_are_utf_8(millrace, tmp_path):
    (tmp_path / "in.csv").write_bytes("\ufeffid\n1\n".encode("utf-16-le"))
    done = millrace("copy", "in.csv", "out/", "--from", "mode=watch", "--format", "csv", "--resume", code=1)
    assert "MR-2062" in done.stderr


def test_a_copy_goes_on_where_it_was_killed(millrace, tmp_path):
    data = rows("utf-16le", 200_000)
    (tmp_path / "in.csv").write_bytes(text("csv", data).encode("utf-16-le"))
    words = ["copy", "in.csv", "out.ndjson", "--from", "encoding=utf-16le", "--resume", "-o", "checkpoint_interval=10ms",
             "--from", "rate_limit_rows=20000"]
    process = millrace.start(*words, stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.glob("**/*.manifest*")) or list(tmp_path.rglob("manifest*")) or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out.ndjson").exists()
    done = millrace(*words[:-2])
    assert "goes on from checkpoint" in done.stderr
    assert [(row["id"], row["word"]) for row in map(json.loads, (tmp_path / "out.ndjson").read_text().splitlines())] == data

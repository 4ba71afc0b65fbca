"""What a destination keeps: links, permissions, devices, files of others, and the rows of runs that append at the same
time."""

import json
import os
import pathlib
import stat
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("MILLRACE_BINARY", "build/release/bin/millrace")


def copy(source, destination, *words, **kwargs):
    return subprocess.run([str(BINARY), "-q", "copy", str(source), str(destination), *words], capture_output=True, text=True,
                          timeout=60, **kwargs)


def write(path, text):
    path.write_text(text)
    return path


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "rows.csv", "a,b\n1,x\n2,y\n")


@pytest.mark.parametrize("head", ["b,a\n", "a,b,c\n", "a;b\n", "a,b\r\n1,x\r\n", "a\n"])
def test_appending_to_csv_of_another_form_is_refused(tmp_path, rows, head):
    target = tmp_path / "target.csv"
    target.write_bytes(head.encode())
    done = copy(rows, target, "--mode", "append")
    assert done.returncode == 1 and "MR-2113" in done.stderr
    assert target.read_bytes() == head.encode()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("head", ["a,b\n", '"a","b"\n', "\ufeffa,b\n0,w\n"])
def test_appending_to_csv_of_the_same_form(tmp_path, rows, head):
    target = write(tmp_path / "target.csv", head)
    assert copy(rows, target, "--mode", "append").returncode == 0
    assert target.read_text() == head + "1,x\n2,y\n"


def test_appends_at_the_same_time_lose_nothing(tmp_path):
    source = write(tmp_path / "source.csv", "n\n" + "".join(f"{i}\n" for i in range(200_000)))
    target = write(tmp_path / "target.csv", "n\n")
    results = []
    threads = [threading.Thread(target=lambda: results.append(copy(source, target, "--mode", "append"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [result for result in results if result.returncode == 0]
    assert done
    assert all("MR-2408" in result.stderr for result in results if result.returncode != 0)
    assert len(target.read_text().splitlines()) == 1 + 200_000 * len(done)
    assert hidden(tmp_path) == []


def test_what_another_program_appends_meanwhile_is_kept(tmp_path):
    target = write(tmp_path / "target.csv", "n\n1\n")
    pipe = subprocess.Popen([str(BINARY), "-q", "copy", "-", str(target), "--mode", "append", "--from", "format=csv"],
                            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = "n\n" + "".join(f"{i}\n" for i in range(300_000))
    pipe.stdin.write(rows)
    pipe.stdin.flush()
    # The old rows have been copied once the temporary holds more than they.
    while not any(path.stat().st_size > 1000 for path in tmp_path.glob(".millrace-*")):
        assert pipe.poll() is None
    with target.open("a") as file:
        file.write("external\n")
    _, errors = pipe.communicate()
    assert pipe.returncode == 1 and "MR-2409" in errors
    assert target.read_text() == "n\n1\nexternal\n"
    assert hidden(tmp_path) == []


def test_overwriting_a_folder_replaces_parts_only(tmp_path, rows):
    folder = tmp_path / "out"
    assert copy(rows, f"{folder}/", "--format", "csv").returncode == 0
    write(folder / "README.txt", "kept")
    assert copy(rows, f"{folder}/", "--format", "csv", "--mode", "overwrite").returncode == 0
    parts = list(folder.glob("part-*.csv"))
    assert len(parts) == 1 and (folder / "README.txt").read_text() == "kept"
    write(folder / "mine.csv", "a\n9\n")
    done = copy(rows, f"{folder}/", "--format", "csv", "--mode", "overwrite")
    assert done.returncode == 1 and "MR-2407" in done.stderr and "mine.csv" in done.stderr
    assert sorted(folder.glob("*.csv")) == sorted([*parts, folder / "mine.csv"])


def test_a_link_is_followed(tmp_path, rows):
    real = write(tmp_path / "real.csv", "a,b\n0,w\n")
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    assert copy(rows, link, "--mode", "append").returncode == 0
    assert link.is_symlink() and real.read_text() == "a,b\n0,w\n1,x\n2,y\n"
    assert copy(rows, link, "--mode", "overwrite").returncode == 0
    assert link.is_symlink() and real.read_text() == rows.read_text()


def test_permissions_stay(tmp_path, rows):
    target = write(tmp_path / "target.csv", "old")
    target.chmod(0o640)
    os.chown(target, 65534, 65534)
    assert copy(rows, target, "--mode", "overwrite").returncode == 0
    found = target.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o640, 65534, 65534)


def test_a_device_stays_a_device(tmp_path, rows):
    device = tmp_path / "null"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    for mode in ("error", "overwrite"):
        assert copy(rows, device, "--format", "csv", "--mode", mode).returncode == 0
    assert stat.S_ISCHR(device.stat().st_mode)
    assert hidden(tmp_path) == []


def test_standard_output_by_its_device_name(rows):
    done = copy(rows, "/dev/stdout", "--format", "csv")
    assert (done.returncode, done.stdout) == (0, rows.read_text())


def test_named_pipes_are_read_and_written(tmp_path, rows):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([str(BINARY), "-q", "copy", str(pipe), "-", "--from", "format=csv", "--format", "csv"],
                              stdout=subprocess.PIPE, text=True)
    assert copy(rows, pipe, "--format", "csv").returncode == 0
    assert reader.communicate(timeout=30)[0] == rows.read_text() and reader.returncode == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def bad(folder):
    return write(folder / "source.csv", "a\n1\nx\n")


@pytest.mark.parametrize("name", ["source.csv", "target.csv", "other.txt"])
def test_dead_letters_replace_nothing_else(tmp_path, name):
    source = bad(tmp_path)
    write(tmp_path / "other.txt", "precious")
    done = copy(source, tmp_path / "target.csv", "--from", "sample_rows=1", "--from", "on_error=dead_letter",
                "--dead-letters", str(tmp_path / name))
    assert done.returncode != 0 and "MR-1027" in done.stderr
    assert source.read_text() == "a\n1\nx\n" and (tmp_path / "other.txt").read_text() == "precious"
    assert not (tmp_path / "target.csv").exists() and hidden(tmp_path) == []


def test_dead_letters_replace_older_ones(tmp_path):
    source, letters = bad(tmp_path), tmp_path / "letters.ndjson"
    for _ in range(2):
        done = copy(source, tmp_path / "target.csv", "--mode", "overwrite", "--from", "sample_rows=1", "--from",
                    "on_error=dead_letter", "--dead-letters", str(letters))
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["raw"] for line in letters.read_text().splitlines()] == ["x"]


def test_a_folder_tells_its_format(tmp_path, rows):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "1.csv", "a\n1\n")
    write(folder / "2.csv", "a\n2\n")
    write(folder / "notes.txt", "not data")
    for words in ([], ["--from", "format=csv"]):
        done = copy(folder, "-", "--format", "csv", *words)
        assert (done.returncode, done.stdout) == (0, "a\n1\n2\n"), done.stderr
    write(folder / "0.CSV", "a\n0\n")
    assert copy(folder, "-", "--format", "csv").stdout == "a\n0\n1\n2\n"
    write(folder / "3.json", '{"a":3}\n')
    done = copy(folder, "-", "--format", "csv")
    assert done.returncode != 0 and "MR-2410" in done.stderr


def test_a_failing_disk_is_named_once(tmp_path):
    source = write(tmp_path / "source.csv", "a\n1\n")
    done = copy(source, "/dev/full", "--format", "parquet")
    assert done.returncode == 1 and done.stderr.startswith("error: MR-2004"), done.stderr

"""What bad input, and a bad destination, get: a numbered error that says where, a non-zero exit code, nothing partial under
a final name, no temporary left, and a next run that completes."""

import ctypes
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("MILLRACE_BINARY", "build/release/bin/millrace")
GOOD = b"a,b\n1,x\n2,y\n3,z\n"


def run(*words, **kwargs):
    kwargs.setdefault("timeout", 120)
    return subprocess.run(
        [str(BINARY), *map(str, words)], capture_output=True, text=True, **kwargs
    )


def copy(source, destination, *words, **kwargs):
    return run("copy", source, destination, *words, **kwargs)


def ask(question):
    """The one row that DuckDB answers."""
    return duckdb.sql(question).fetchall()[0]


def temporaries(folder):
    return sorted(
        path.name for path in folder.rglob("*") if path.name.startswith(".millrace-")
    )


def fails(done, number, *texts, code=1):
    assert done.returncode == code, (done.returncode, done.stderr)
    assert f"MR-{number} " in done.stderr, done.stderr
    for text in texts:
        assert text in done.stderr, (text, done.stderr)


def left_nothing(destination):
    assert not destination.exists()
    assert temporaries(destination.parent) == []


@pytest.fixture
def place(tmp_path):
    """Where input files are written, and a folder of its own for destinations."""
    (tmp_path / "out").mkdir()
    return tmp_path


def write(place, content, name="in.csv"):
    path = place / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def completes_with(place, source, destination, content=GOOD):
    """The same copy, once its input is good."""
    source.write_bytes(content)
    done = copy(source, destination)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(destination).num_rows == content.count(b"\n") - 1


# --- rows ------------------------------------------------------------------------------

MALFORMED = {
    "too few fields": (b"a,b\n1,x\n2\n3,z\n", ["in.csv", "row 2", "byte 8"]),
    "too many fields": (b"a,b\n1,x\n2,y,9\n3,z\n", ["in.csv", "row 2", "byte 8"]),
    "stray quote": (b'a,b\n1,x\n2,"y"y\n3,z\n', ["in.csv", "row 2"]),
    "unclosed quote": (b'a,b\n1,x\n2,"y\n3,z\n', ["in.csv", "row 2"]),
    "invalid UTF-8": (b"a,b\n1,x\n2,\xff\xfe\n3,z\n", ["in.csv", "row 2"]),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_row(place, case):
    content, where = MALFORMED[case]
    source, destination = write(place, content), place / "out" / "o.parquet"
    done = copy(source, destination)
    assert done.returncode == 1, done.stderr
    assert "error: MR-2" in done.stderr
    for text in where:
        assert text in done.stderr, done.stderr
    left_nothing(destination)
    completes_with(place, source, destination)


@pytest.mark.parametrize("case", [case for case in MALFORMED if case != "unclosed quote"])
def test_malformed_row_set_aside(place, case):
    source, destination = write(place, MALFORMED[case][0]), place / "out" / "o.parquet"
    letters = place / "out" / "letters.ndjson"
    done = copy(
        source, destination, "--from", "on_error=dead_letter", "--from", "on_ragged=dead_letter",
        "--dead-letters", letters,
    )
    assert done.returncode == 0, done.stderr
    # What was left out is counted and named.
    assert "1 rows set aside in " in done.stderr and str(letters) in done.stderr, done.stderr
    assert pq.read_table(destination).column("a").to_pylist() == [1, 3]
    lines = letters.read_text().splitlines()
    assert len(lines) == 1
    json.loads(lines[0])
    assert temporaries(place / "out") == []


def typed(place, path, out, *options):
    words = "".join(f", {option}" for option in options)
    return run(
        "--quiet", "sql", "--format", "csv", "-c",
        f"CREATE SOURCE t (a INTEGER, b VARCHAR) WITH (connector = 'files', path = '{path}'{words});"
        f"INSERT INTO '{out}' SELECT * FROM t",
    )


def test_wrong_type_names_row_and_column(place):
    source, destination = write(place, "a,b\n1,x\ntwo,y\n3,z\n"), place / "out" / "o.parquet"
    done = typed(place, source, destination)
    assert done.returncode == 1
    for text in ("MR-2", "in.csv", "row 2", "column a", "two"):
        assert text in done.stderr, done.stderr
    left_nothing(destination)
    source.write_bytes(GOOD)
    assert typed(place, source, destination).returncode == 0
    assert pq.read_table(destination).num_rows == 3


def test_number_out_of_range(place):
    source, destination = write(place, "a,b\n1,x\n99999999999,y\n"), place / "out" / "o.parquet"
    done = typed(place, source, destination)
    assert done.returncode == 1
    assert "row 2" in done.stderr and "column a" in done.stderr, done.stderr
    left_nothing(destination)


def test_type_that_changes_after_the_sample(place):
    rows = "".join(f"{i},x\n" for i in range(400_000))
    source, destination = write(place, "a,b\n" + rows + "oops,y\n"), place / "out" / "o.parquet"
    done = copy(source, destination, "--from", "sample_rows=10", "--from", "sample_bytes=100")
    if done.returncode == 0:
        # Sampling looked at the end too, and saw text.
        assert pa.types.is_string(pq.read_schema(destination).field("a").type)
    else:
        for text in ("row 400001", "column a", "oops"):
            assert text in done.stderr, done.stderr
        left_nothing(destination)


def test_empty_file(place):
    source, destination = write(place, b""), place / "out" / "o.parquet"
    done = copy(source, destination)
    assert done.returncode == 1 and "MR-2" in done.stderr and "in.csv" in done.stderr, done.stderr
    left_nothing(destination)
    done = typed(place, source, destination)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(destination).num_rows == 0


def test_header_only(place):
    source, destination = write(place, b"a,b\n"), place / "out" / "o.parquet"
    assert copy(source, destination).returncode == 0
    table = pq.read_table(destination)
    assert (table.num_rows, table.schema.names) == (0, ["a", "b"])


# --- large and odd shapes ---------------------------------------------------------------


def test_field_of_200_megabytes(place):
    size = 200 << 20
    source, destination = place / "in.csv", place / "out" / "o.parquet"
    with open(source, "wb") as file:
        file.write(b"a,b\n1,")
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(b"\n2,y\n")
    done = copy(source, destination)
    assert done.returncode == 0, done.stderr
    lengths = duckdb.sql(f"SELECT a, length(b) FROM '{destination}' ORDER BY a").fetchall()
    assert lengths == [(1, size), (2, 1)]
    # The limit is the user's to set, and is named with its place.
    done = copy(source, place / "out" / "p.parquet", "--from", "max_record_bytes=1MiB")
    assert done.returncode == 1 and "MR-2109" in done.stderr, done.stderr
    assert "in.csv" in done.stderr and "max_record_bytes" in done.stderr, done.stderr
    left_nothing(place / "out" / "p.parquet")


def test_five_thousand_columns(place):
    names = [f"c{i}" for i in range(5000)]
    lines = [",".join(names)] + [",".join(str(r * i) for i in range(5000)) for r in range(20)]
    source, destination = write(place, "\n".join(lines) + "\n"), place / "out" / "o.parquet"
    done = copy(source, destination)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(destination)
    assert (table.num_rows, table.schema.names) == (20, names)
    assert table.column("c4999").to_pylist() == [r * 4999 for r in range(20)]


def test_duplicate_column_names(place):
    source, destination = write(place, b"a,b,a\n1,x,2\n"), place / "out" / "o.csv"
    fails(copy(source, destination), 2107, "column a", "columns 1 and 3")
    left_nothing(destination)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_bom_and_line_ends(place, ends):
    source = write(place, b"\xef\xbb\xbf" + GOOD.replace(b"\n", ends))
    destination = place / "out" / "o.parquet"
    assert copy(source, destination).returncode == 0
    table = pq.read_table(destination)
    assert table.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]


@pytest.mark.parametrize("split_size", ["64", "1000", "1MiB"])
def test_quoted_newlines_across_many_ranges(place, split_size):
    rows = [(i, f'line {i}\nsecond, "quoted"\n' + "x\n" * (i % 40)) for i in range(2000)]
    text = "n,t\n" + "".join('{},"{}"\n'.format(n, t.replace('"', '""')) for n, t in rows)
    source, destination = write(place, text), place / "out" / "o.parquet"
    done = copy(source, destination, "--from", f"split_size={split_size}")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(destination)
    # A copy from one file to one file keeps the order.
    assert list(zip(table.column("n").to_pylist(), table.column("t").to_pylist())) == rows


# --- files that are not what they seem ---------------------------------------------------


def test_missing_file(place):
    done = copy(place / "nowhere.csv", place / "out" / "o.parquet")
    assert done.returncode in (1, 2) and "MR-" in done.stderr and "nowhere.csv" in done.stderr
    left_nothing(place / "out" / "o.parquet")


def test_glob_without_files(place):
    done = copy(place / "none*.csv", place / "out" / "o.parquet")
    assert done.returncode in (1, 2) and "MR-" in done.stderr and "none*.csv" in done.stderr


def obey():
    """Root reads and writes what it likes, by two capabilities: a program started after this has them no more."""
    if os.geteuid() == 0:
        drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2  # linux/prctl.h, linux/capability.h
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (dac_override, dac_read_search):
            assert libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) == 0


def test_unreadable_file(place):
    source = write(place, GOOD)
    source.chmod(0o000)
    destination = place / "out" / "o.parquet"
    done = copy(source, destination, preexec_fn=obey)
    assert done.returncode == 1 and "MR-" in done.stderr and "in.csv" in done.stderr, done.stderr
    left_nothing(destination)
    source.chmod(0o644)
    assert copy(source, destination, preexec_fn=obey).returncode == 0


def test_unwritable_destination(place):
    source = write(place, GOOD)
    source.chmod(0o644)
    destination = place / "out" / "o.parquet"
    (place / "out").chmod(0o555)
    done = copy(source, destination, preexec_fn=obey)
    assert done.returncode == 1 and "MR-" in done.stderr and "out" in done.stderr, done.stderr
    left_nothing(destination)


def test_gzip_under_a_csv_name(place):
    import gzip

    plain, destination = place / "out" / "plain.parquet", place / "out" / "o.parquet"
    assert copy(write(place, GOOD), plain).returncode == 0
    # The first bytes tell what it is.
    done = copy(write(place, gzip.compress(GOOD)), destination)
    assert done.returncode == 0 and pq.read_table(destination).equals(pq.read_table(plain)), done.stderr
    destination.unlink()
    done = copy(write(place, gzip.compress(GOOD)[:-9]), destination)
    assert done.returncode == 1 and "MR-205" in done.stderr and "in.csv" in done.stderr, done.stderr
    plain.unlink()
    left_nothing(destination)


def parquet(place, rows=50_000):
    path = place / "in.parquet"
    table = pa.table({"n": range(rows), "t": [f"text {i}" for i in range(rows)]})
    pq.write_table(table, path, row_group_size=10_000)
    return path


@pytest.mark.parametrize("keep", [0, 3, 8, 1000, -1, -20])
def test_truncated_parquet(place, keep):
    source, destination = parquet(place), place / "out" / "o.csv"
    content = source.read_bytes()
    source.write_bytes(content[:keep])
    done = copy(source, destination)
    assert done.returncode == 1 and "MR-2" in done.stderr and "in.parquet" in done.stderr, done.stderr
    left_nothing(destination)
    source.write_bytes(content)
    assert copy(source, destination).returncode == 0
    assert ask(f"SELECT COUNT(*), SUM(n) FROM '{destination}'") == (
        50_000, 50_000 * 49_999 // 2)


def test_corrupted_parquet(place):
    source, destination = parquet(place), place / "out" / "o.csv"
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    for at in range(middle, middle + 4000):
        content[at] ^= 0x5A
    source.write_bytes(content)
    done = copy(source, destination)
    assert done.returncode == 1 and "MR-2" in done.stderr and "in.parquet" in done.stderr, done.stderr
    left_nothing(destination)


# --- destinations ------------------------------------------------------------------------


def test_full_disk(place):
    """A file system of 1 MiB where mounting is allowed, else a limit on the size of files."""
    small = place / "small"
    small.mkdir()
    words = (hashlib.sha256(str(i).encode()).hexdigest() for i in range(60_000))
    source = write(place, "a,b\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True
        ).returncode == 0
    )

    def limit():
        if not mounted:
            import resource

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    try:
        for name in ("o.csv", "o.parquet"):
            done = copy(source, small / name, preexec_fn=limit)
            assert done.returncode == 1 and "MR-" in done.stderr and "small" in done.stderr, done.stderr
            left_nothing(small / name)
    finally:
        if mounted:
            subprocess.run(["umount", small], check=True)
    assert copy(source, small / "o.csv").returncode == 0
    assert (small / "o.csv").read_bytes() == source.read_bytes()


def test_destination_exists(place):
    source, destination = write(place, GOOD), write(place / "out", b"old\n", "o.csv")
    fails(copy(source, destination), 2402, "o.csv")
    assert destination.read_bytes() == b"old\n"
    assert copy(source, destination, "--mode", "overwrite").returncode == 0
    assert destination.read_bytes() == GOOD


def test_append_to_one_parquet_file_is_refused(place):
    source, destination = write(place, GOOD), place / "out" / "o.parquet"
    assert copy(source, destination).returncode == 0
    before = destination.read_bytes()
    fails(copy(source, destination, "--mode", "append"), 2403, "folder")
    assert destination.read_bytes() == before
    assert temporaries(place / "out") == []


def test_append_to_one_csv_file(place):
    source, destination = write(place, GOOD), place / "out" / "o.csv"
    for _ in range(2):
        assert copy(source, destination, "--mode", "append").returncode == 0
    assert destination.read_bytes() == GOOD + GOOD[4:]


def test_a_failed_append_and_overwrite_change_nothing(place):
    good, destination = write(place, GOOD), place / "out" / "o.csv"
    assert copy(good, destination).returncode == 0
    bad = write(place, MALFORMED["too few fields"][0], "bad.csv")
    for mode in ("append", "overwrite"):
        assert copy(bad, destination, "--mode", mode).returncode == 1
        assert destination.read_bytes() == GOOD
        assert temporaries(place / "out") == []


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_modes_of_a_folder(place, file_format):
    source, folder = write(place, GOOD), place / "out" / "f"

    def rows():
        return ask(f"SELECT COUNT(*) FROM '{folder}/*.{file_format}'")[0]

    def go(mode):
        return copy(source, f"{folder}/", "--format", file_format, "--mode", mode)

    assert go("error").returncode == 0 and rows() == 3
    fails(go("error"), 2402)
    assert rows() == 3
    assert go("append").returncode == 0 and rows() == 6
    (folder / "strange.txt").write_text("not ours")
    assert go("overwrite").returncode == 0 and rows() == 3
    assert (folder / "strange.txt").read_text() == "not ours"
    assert temporaries(folder) == []


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("option", ["roll_rows=10000", "roll_size=64KiB"])
def test_rolled_files(place, file_format, option):
    lines = "".join(f"{i},{i * 2654435761 % 4294967291}\n" for i in range(105_000))
    source = write(place, "a,b\n" + lines)
    folder = place / "out" / "f"
    done = copy(source, f"{folder}/", "--format", file_format, "--to", option)
    assert done.returncode == 0, done.stderr
    files = sorted(folder.glob(f"*.{file_format}"))
    assert len(files) > 1
    if option == "roll_rows=10000":
        counts = [ask(f"SELECT COUNT(*) FROM '{path}'")[0] for path in files]
        assert sorted(counts) == [5000] + [10000] * 10
    found = ask(f"SELECT COUNT(*), SUM(a), SUM(b) FROM '{folder}/*.{file_format}'")
    assert found == ask(f"SELECT COUNT(*), SUM(a), SUM(b) FROM '{source}'")


# --- names -------------------------------------------------------------------------------


def test_unknown_names_offer_the_nearest(place):
    source = write(place, GOOD)
    done = copy(source, place / "out" / "o.csv", "--from", "delimitr=;")
    assert done.returncode == 2 and "'delimiter'" in done.stderr, done.stderr
    done = copy(source, place / "out" / "o.csv", "--format", "parqet")
    assert done.returncode in (1, 2) and "'parquet'" in done.stderr, done.stderr
    done = run("sql", "-c", "SELECT prise FROM (VALUES (1)) AS t (price)")
    assert done.returncode == 2 and "price" in done.stderr.split("did you mean")[-1], done.stderr
    done = run("sql", "-c", "SELECT uper('x')")
    assert done.returncode in (1, 2) and "upper" in done.stderr.split("did you mean")[-1], done.stderr
    left_nothing(place / "out" / "o.csv")


# --- pipes -------------------------------------------------------------------------------


def test_stdin_to_stdout():
    done = run(
        "copy", "-", "-", "--from", "format=csv", "--format", "csv", input=GOOD.decode())
    assert done.returncode == 0, done.stderr
    assert done.stdout == GOOD.decode()


def test_stdin_of_garbage(place):
    done = run(
        "copy", "-", place / "out" / "o.parquet", "--from", "format=csv",
        input=MALFORMED["too few fields"][0].decode())
    assert done.returncode == 1 and "row 2" in done.stderr, done.stderr
    left_nothing(place / "out" / "o.parquet")


def test_parquet_from_a_pipe(place):
    done = subprocess.run(
        [BINARY, "copy", "-", place / "out" / "o.csv", "--from", "format=parquet"],
        input=parquet(place, 10).read_bytes(), capture_output=True, timeout=60)
    assert done.returncode in (1, 2) and b"MR-2405" in done.stderr, done.stderr
    left_nothing(place / "out" / "o.csv")


# --- interruptions -----------------------------------------------------------------------


class HeldCopy:
    """A copy from stdin that has written a part and waits for more."""

    def __init__(self, destination):
        self.process = subprocess.Popen(
            [BINARY, "copy", "-", destination, "--from", "format=csv", "--mode", "overwrite"],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.stdin.write(b"a,b\n" + b"".join(b"%d,some text\n" % i for i in range(300_000)))
        self.process.stdin.flush()
        deadline = time.time() + 30
        folder = destination.parent
        while not temporaries(folder):
            assert time.time() < deadline, "the copy never began"
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.02)

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        self.process.stdin.close()
        return code, self.process.stderr.read().decode()


@pytest.mark.parametrize("name", ["o.csv", "o.parquet"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(place, number, name):
    destination = place / "out" / name
    code, message = HeldCopy(destination).end(number)
    assert code == 130, message
    assert number.name in message
    left_nothing(destination)


@pytest.mark.parametrize("name", ["o.csv", "o.parquet"])
def test_killed(place, name):
    destination = place / "out" / name
    code, _ = HeldCopy(destination).end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not destination.exists()
    assert temporaries(place / "out") != []
    # Those of a living copy stay.
    living = HeldCopy(place / "out" / ("living-" + name))
    done = copy(write(place, GOOD), destination)
    assert done.returncode == 0, done.stderr
    assert ask(f"SELECT COUNT(*), SUM(a) FROM '{destination}'") == (3, 6)
    assert len(temporaries(place / "out")) == 1
    living.process.stdin.close()
    assert living.process.wait(timeout=30) == 0
    assert ask(f"SELECT COUNT(*) FROM '{place}/out/living-{name}'") == (300_000,)
    assert temporaries(place / "out") == []


def test_interrupted_while_a_join_puts_out_rows(place):
    """25 million rows come from one pair of batches: the signal is seen between them."""
    source = write(place, "n\n" + "".join(f"{i}\n" for i in range(20_000)))
    process = subprocess.Popen(
        [BINARY, "--quiet", "--shards", "1", "sql", "-c",
         f"SET batch_rows = 7; SELECT COUNT(*) FROM '{source}' AS a CROSS JOIN '{source}' AS b"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(1)
    assert process.poll() is None, process.stderr.read()
    start = time.time()
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=20) == 130
    finally:
        process.kill()
    assert time.time() - start < 5


@pytest.mark.parametrize("text, format", [("a,b\n1,{}\n2,y\n", "csv"), ('{{"a":1,"b":"{}"}}\n{{"a":2,"b":"y"}}\n', "json")])
def test_a_record_over_the_limit(tmp_path, text, format):
    source = tmp_path / f"source.{format}"
    source.write_text(text.format("x" * 5000))
    limit = ("--from", "max_record_bytes=1KiB")
    done = copy(source, tmp_path / "target.csv", *limit)
    assert done.returncode == 1 and "it has 50" in done.stderr and "row 1" in done.stderr, done.stderr
    assert copy(source, tmp_path / "target.csv", *limit, "--from", "on_error=dead_letter").returncode == 0
    assert (tmp_path / "target.csv").read_text() == "a,b\n2,y\n"


def test_a_message_tells_its_remedy_once(tmp_path):
    source = tmp_path / "source.csv"
    source.write_text("a\n1\nx\n")
    done = copy(source, tmp_path / "target.csv", "--from", "sample_rows=1")
    remedy = done.stderr.splitlines()[-1].split("hint: ")[1]
    assert remedy and done.stderr.count(remedy) == 1, done.stderr

"""Pipes whose other end is absent, slow or silent: they hold nobody but their own pipeline, and only as long as they may."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from program import Millrace, binary, millrace, wait_for  # noqa: F401 (fixtures)
from test_serve import server  # noqa: F401 (fixture)

# More than a pipe holds, and what is queued in front of it.
ROWS = 600_000
FIRST = 100_000_000
READER_GONE = 141


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    path = tmp_path_factory.mktemp("pipes") / "big.csv"
    path.write_text("id\n" + "".join(f"{i}\n" for i in range(FIRST, FIRST + ROWS)))
    return path


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@contextlib.contextmanager
def silent_reader(pipe):
    """Has opened the pipe and reads nothing."""
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield end
    finally:
        os.close(end)


@contextlib.contextmanager
def takes_less_than(seconds):
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def bounded(source="pipe", sink="pipe", more=""):
    return f"""\
sources:
  t: {{connector: files, path: {source}, format: csv{more}}}
sql: SELECT id FROM t
sink: {{connector: files, path: {sink}, format: csv}}
"""


DECLARED = ", columns: [{name: id, type: BIGINT}]"


ENDLESS = """\
sources:
  t: {connector: files, path: in-stuck/, format: csv, mode: watch, columns: [{name: id, type: BIGINT}]}
sql: SELECT id FROM t
sink: {connector: files, path: pipe, format: csv}
settings: {checkpoint_interval: 100ms, dead_letters: discard}
"""


@pytest.mark.parametrize("endless", [False, True])
def test_a_reader_that_stops_holds_its_own_pipeline_only(server, millrace, pipe, big, endless):
    s = server(["other"])
    (s.folder / "in-stuck").mkdir()
    s.write("stuck.yaml", ENDLESS if endless else bounded(big))
    with silent_reader(pipe) as end:
        s.start("--shards", "1")
        if endless:
            (s.folder / "in-stuck/1.csv").write_bytes(big.read_bytes())
        # All is written that the pipe takes.
        wait_for(lambda: s.status("stuck")["stuck"]["rows_read"] > 0)
        time.sleep(0.5)
        s.feed("other", "1.csv", range(100))
        wait_for(lambda: s.output("other") == list(range(100)), seconds=20)
        assert s.states() == {"stuck": "running", "other": "running"}
        with takes_less_than(10):
            millrace("stop", "stuck")
        assert s.states() == {"stuck": "stopped", "other": "running"}
        s.feed("other", "2.csv", range(100, 200))
        wait_for(lambda: s.output("other") == list(range(200)), seconds=20)
        # A new run begins the same.
        assert os.read(end, 3) == b"id\n"
        millrace("start", "stuck")
        time.sleep(0.5)
        with takes_less_than(10):
            assert s.end() == 0


def test_letters_that_nobody_reads_hold_their_own_pipeline_only(server, millrace, pipe):
    s = server(["other"])
    (s.folder / "in-letters").mkdir()
    s.write("letters.yaml", """\
sources:
  t: {connector: files, path: in-letters/, format: csv, mode: watch, columns: [{name: id, type: BIGINT}], on_error: dead_letter}
sql: SELECT id FROM t
sink: {connector: files, path: out-letters/, format: csv, mode: append}
sinks: {aside: {connector: files, path: pipe, format: json}}
settings: {checkpoint_interval: 100ms, dead_letters: aside}
""")
    with silent_reader(pipe):
        s.start("--shards", "1")
        for part in range(3):
            # More than the pipe takes; then more of them, while what is there waits to be synced.
            (s.folder / f"in-letters/{part}.csv").write_text("id\n" + "none\n" * 20_000)
            time.sleep(0.7)
        s.feed("other", "1.csv", range(100))
        wait_for(lambda: s.output("other") == list(range(100)), seconds=20)
        assert s.states() == {"letters": "running", "other": "running"}
        with takes_less_than(10):
            assert s.end() == 0


def test_pipes_that_nobody_writes_hold_their_own_pipeline_only(server, millrace, tmp_path):
    s = server(["other"])
    (s.folder / "in-pipes").mkdir()
    ends = [s.folder / f"in-pipes/{i}.csv" for i in range(3)]
    for end in ends:
        os.mkfifo(end)
    s.write("pipes.yaml", bounded("in-pipes/*.csv", "out.csv"))
    writers = [threading.Thread(target=end.write_text, args=(f"id\n{i}\n",), daemon=True) for i, end in enumerate(ends)]
    writers[0].start()
    s.start("--shards", "1")
    wait_for(lambda: s.status("pipes")["pipes"]["rows_read"] > 0)
    s.feed("other", "1.csv", range(5))
    wait_for(lambda: s.output("other") == list(range(5)), seconds=20)
    assert s.states() == {"pipes": "running", "other": "running"}
    for writer in writers[1:]:
        writer.start()
    s.wait_for_states(pipes="finished")
    assert sorted((s.folder / "out.csv").read_text().split()) == ["0", "1", "2", "id"]
    # One that waits for its second pipe can be stopped.
    (s.folder / "out.csv").unlink()
    threading.Thread(target=ends[0].write_text, args=("id\n7\n",), daemon=True).start()
    millrace("start", "pipes")
    wait_for(lambda: s.status("pipes")["pipes"]["rows_read"] > 0)
    with takes_less_than(10):
        assert s.end() == 0


@pytest.mark.parametrize("endless", [False, True])
def test_nobody_has_opened_the_pipe_to_read(server, millrace, pipe, big, endless):
    s = server(["other"])
    (s.folder / "in-stuck").mkdir()
    (s.folder / "in-stuck/1.csv").write_text("id\n7\n")
    s.write("stuck.yaml", ENDLESS if endless else bounded(big))
    s.start("--shards", "1")
    wait_for(lambda: s.states()["stuck"] == "running", seconds=20)
    s.feed("other", "1.csv", range(5))
    wait_for(lambda: s.output("other") == list(range(5)), seconds=20)
    with takes_less_than(10):
        millrace("stop", "stuck")
    assert s.states() == {"stuck": "stopped", "other": "running"}
    millrace("start", "stuck")
    # Nothing was lost by waiting.
    with open(pipe) as reader:
        assert [reader.readline(), reader.readline()] == (["id\n", "7\n"] if endless else ["id\n", f"{FIRST}\n"])
    with takes_less_than(10):
        s.end()


@pytest.mark.parametrize("columns", ["", DECLARED])
def test_nobody_has_opened_the_pipe_to_write(server, millrace, pipe, columns):
    s = server(["other"])
    s.write("waits.yaml", bounded(sink="out.csv", more=columns))
    s.start("--shards", "1")
    assert s.states()["waits"] in ("starting", "running")
    s.feed("other", "1.csv", range(5))
    wait_for(lambda: s.output("other") == list(range(5)), seconds=20)
    with takes_less_than(10):
        millrace("stop", "waits")
    assert s.states() == {"waits": "stopped", "other": "running"}
    millrace("start", "waits")
    pipe.write_text("id\n1\n2\n")
    s.wait_for_states(waits="finished")
    assert (s.folder / "out.csv").read_text() == "id\n1\n2\n"
    (s.folder / "out.csv").unlink()
    millrace("start", "waits")
    with takes_less_than(10):
        assert s.end() == 0


@pytest.mark.parametrize("way", ["write", "write endlessly", "read", "read declared"])
def test_a_run_that_waits_for_a_pipe_ends_at_a_signal(millrace, pipe, big, way):
    text = bounded(big) if way == "write" else bounded(sink="out.csv", more=DECLARED if way == "read declared" else "")
    if way == "write endlessly":
        (millrace.folder / "in-stuck").mkdir()
        (millrace.folder / "in-stuck/1.csv").write_text("id\n7\n")
        text = "name: stuck\n" + ENDLESS
    (millrace.folder / "p.yaml").write_text(text)
    process = millrace.start("run", "p.yaml", stderr=subprocess.PIPE)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    with takes_less_than(2):
        assert process.wait(30) == 130


def test_a_run_whose_reader_is_silent_ends_at_a_signal(millrace, pipe, big):
    with silent_reader(pipe):
        process = millrace.start("copy", big, "pipe", "--format", "csv", stderr=subprocess.PIPE)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        with takes_less_than(2):
            assert process.wait(30) == 130


# --- what arrives -----------------------------------------------------------------------------------------------------


def slowly(read):
    """Everything, with pauses at the beginning."""
    got = []
    for _ in range(5):
        time.sleep(0.1)
        got.append(read(100_000))
    while got[-1]:
        got.append(read(1 << 20))
    return b"".join(got)


def test_a_slow_reader_gets_every_byte(millrace, pipe, big):
    process = millrace.start("copy", big, "pipe", "--format", "csv", "-q")
    time.sleep(0.3)
    with open(pipe, "rb", buffering=0) as reader:
        assert slowly(reader.read) == big.read_bytes()
    assert process.wait(30) == 0


def test_standard_output_keeps_its_flags(millrace, big):
    out, into = os.pipe()
    process = millrace.start("copy", big, "-", "--format", "csv", "-q", stdout=into)
    time.sleep(0.5)
    assert not fcntl.fcntl(into, fcntl.F_GETFL) & os.O_NONBLOCK
    os.close(into)
    assert slowly(lambda size: os.read(out, size)) == big.read_bytes()
    assert process.wait(30) == 0
    os.close(out)


def test_standard_output_may_be_a_socket(millrace, big):
    ours, theirs = socket.socketpair()
    process = millrace.start("copy", big, "-", "--format", "csv", "-q", stdout=theirs)
    theirs.close()
    assert slowly(ours.recv) == big.read_bytes()
    assert process.wait(30) == 0
    ours.close()


def test_standard_output_may_be_a_file_that_others_write(millrace, big):
    with open(millrace.folder / "log", "ab", buffering=0) as log:
        log.write(b"before\n")
        assert millrace.start("copy", big, "-", "--format", "csv", "-q", stdout=log).wait(60) == 0
        log.write(b"after\n")
    assert (millrace.folder / "log").read_bytes() == b"before\n" + big.read_bytes() + b"after\n"


def test_a_reader_that_goes_is_told(millrace, pipe, big):
    out, into = os.pipe()
    process = millrace.start("copy", big, "-", "--format", "csv", stdout=into, stderr=subprocess.PIPE, text=True)
    os.close(into)
    assert os.read(out, 3) == b"id\n"
    os.close(out)
    assert process.wait(30) == READER_GONE
    process = millrace.start("copy", big, "pipe", "--format", "csv", stderr=subprocess.PIPE, text=True)
    with open(pipe, "rb", buffering=0) as reader:
        assert reader.read(3) == b"id\n"
    assert process.wait(30) == 1 and "MR-2005" in process.stderr.read()


def test_no_rows_are_a_header(millrace, pipe):
    (millrace.folder / "none.csv").write_text("id\n")
    process = millrace.start("copy", "none.csv", "pipe", "--format", "csv", "-q")
    with open(pipe) as reader:
        assert reader.read() == "id\n"
    assert process.wait(30) == 0


# --- time-outs --------------------------------------------------------------------------------------------------------


def copied(millrace, *words, **options):
    return millrace.start("copy", *words, "--from", "format=csv", "--to", "format=csv", stderr=subprocess.PIPE, text=True, **options)


def fails(process, number, *words):
    with takes_less_than(15):
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == 1 and f"MR-{number}" in errors, errors
    for word in words:
        assert word in errors


@pytest.mark.parametrize("option, number", [("timeout_connect", 2505), ("timeout_read", 2500)])
@pytest.mark.parametrize("tries", [1, 2])
def test_time_out_where_nobody_writes(millrace, pipe, option, number, tries):
    begin = time.monotonic()
    process = copied(millrace, "pipe", "out.csv", "--from", f"{option}=400ms", "--from", f"retry_attempts={tries}",
                     "--from", "retry_backoff=10ms")
    fails(process, number, "pipe", "400 ms", *["after 2 tries"] * (tries - 1))
    assert time.monotonic() - begin >= 0.4 * tries
    assert not (millrace.folder / "out.csv").exists()


def test_a_try_more_finds_a_writer(millrace, pipe):
    process = copied(millrace, "pipe", "out.csv", "--from", "timeout_connect=500ms", "--from", "retry_attempts=100",
                     "--from", "retry_backoff=10ms")
    time.sleep(1.5)
    pipe.write_text("id\n1\n2\n")
    assert process.wait(30) == 0
    assert (millrace.folder / "out.csv").read_text() == "id\n1\n2\n"


@pytest.mark.parametrize("text", ["id", "id\n1\n2\n", None], ids=["in the header", "in the sample", "later"])
def test_time_out_where_the_writer_falls_silent(millrace, pipe, big, text):
    text = text or big.read_text()
    process = copied(millrace, "pipe", "out.csv", "--from", "timeout_read=700ms")
    with open(pipe, "w") as writer:
        writer.write(text)
        writer.flush()
        fails(process, 2500, "pipe", "700 ms")
    assert not (millrace.folder / "out.csv").exists()


def test_time_out_of_standard_input(millrace):
    process = copied(millrace, "-", "out.csv", "--from", "timeout_read=400ms", "--from", "retry_attempts=1", stdin=subprocess.PIPE)
    # communicate would close it.
    assert process.wait(30) == 1 and "MR-2500" in process.stderr.read()
    process.stdin.close()


def test_a_slow_writer_is_not_silent(millrace, pipe):
    process = copied(millrace, "pipe", "out.csv", "--from", "timeout_read=1s", "--from", "timeout_connect=1s")
    with open(pipe, "w") as writer:
        for line in ["id", *range(12)]:
            writer.write(f"{line}\n")
            writer.flush()
            time.sleep(0.25)
    assert process.wait(30) == 0
    assert (millrace.folder / "out.csv").read_text() == "id\n" + "".join(f"{i}\n" for i in range(12))


# Without rows there is a header all the same, which only the end writes.
@pytest.mark.parametrize("rows, option, number", [(0, "timeout_connect", 2505), (10, "timeout_connect", 2505), (0, "timeout_write", 2501),
                                                  (10, "timeout_write", 2501), (0, "timeout_commit", 2502)])
def test_time_out_where_nobody_reads(millrace, pipe, rows, option, number):
    (millrace.folder / "in.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(rows)))
    fails(copied(millrace, "in.csv", "pipe", "--to", f"{option}=400ms"), number, "400 ms")


# What one pipe holds and more; what is waiting in front of it as well.
@pytest.mark.parametrize("rows", [60_000, ROWS])
def test_time_out_where_the_reader_falls_silent(millrace, pipe, rows):
    (millrace.folder / "in.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(FIRST, FIRST + rows)))
    with silent_reader(pipe):
        fails(copied(millrace, "in.csv", "pipe", "--to", "timeout_write=500ms"), 2501, "500 ms")
        if rows != ROWS:
            fails(copied(millrace, "in.csv", "pipe", "--to", "timeout_commit=500ms"), 2502, "500 ms")


def test_a_slow_reader_is_not_silent(millrace, pipe, big):
    process = copied(millrace, big, "pipe", "--to", "timeout_write=4s")
    with open(pipe, "rb", buffering=0) as reader:
        got = []
        for _ in range(12):
            time.sleep(0.4)
            got.append(reader.read(300_000))
        while got[-1]:
            got.append(reader.read(1 << 20))
    assert b"".join(got) == big.read_bytes()
    assert process.wait(30) == 0


def test_a_pipeline_that_backs_off_can_be_stopped(server, millrace, pipe):
    s = server()
    s.write("waits.yaml", bounded(sink="out.csv", more=", timeout_connect: 200ms, retry_backoff: 60s, retry_jitter: false"))
    s.start()
    time.sleep(1)
    assert s.states()["waits"] in ("starting", "running")
    with takes_less_than(5):
        millrace("stop", "waits")
    assert s.end() == 0


# --- what is promised -------------------------------------------------------------------------------------------------

READ_PIPE = """
    SET name = 'p'; SET guarantee = '{guarantee}'; SET checkpoints = '{checkpoints}';
    CREATE SOURCE s (id BIGINT) WITH (connector = 'files', path = '{source}', format = 'csv');
    CREATE SINK o WITH (connector = 'files', path = '{sink}', format = 'csv');
    INSERT INTO o SELECT * FROM s;"""


@pytest.mark.parametrize("guarantee, checkpoints, sink, promised", [
    ("exactly_once", "off", "out.csv", "exactly once (two-phase commit); a run that fails writes nothing, and 's' can't be read again"),
    ("exactly_once", "on", "out/", None),
    ("at_least_once", "on", "out/", None),
    ("any", "on", "out/", "at most once ('s' can't be read again)"),
    ("at_least_once", "off", "-", None),
    ("any", "off", "-", "at most once ('s' can't be read again)"),
    ("any", "on", "-", "at most once ('s' can't be read again)"),
])
def test_what_is_promised_of_a_pipe(millrace, guarantee, checkpoints, sink, promised):
    (millrace.folder / "p.sql").write_text(READ_PIPE.format(guarantee=guarantee, checkpoints=checkpoints, sink=sink, source="-"))
    checked = millrace("check", "p.sql", stdin="id\n1\n", code=0 if promised else 2)
    assert ("MR-4508" in checked.stdout + checked.stderr) == (promised is None)
    done = millrace("run", "p.sql", stdin="id\n1\n", code=0 if promised else 1)
    if promised:
        assert f"guarantee: {promised}\n" in done.stderr
        written = done.stdout + "".join(path.read_text() for path in millrace.folder.glob("out*/*.csv"))
        assert (written or (millrace.folder / "out.csv").read_text()) == "id\n1\n"
    else:
        assert "MR-4508" in done.stderr and "at most once ('s' can't be read again)" in done.stderr
        assert done.stdout == "" and not (millrace.folder / "out").exists()


@pytest.mark.parametrize("source", ["pipe", "*", "{1.csv,pipe}"])
def test_nothing_is_waited_for_that_can_not_be_promised(millrace, pipe, source):
    os.mkdir(millrace.folder / "in")
    os.rename(pipe, millrace.folder / "in/pipe")
    (millrace.folder / "in/1.csv").write_text("id\n1\n")
    (millrace.folder / "p.sql").write_text(READ_PIPE.format(guarantee="at_least_once", checkpoints="on", source="in/" + source, sink="o/"))
    with takes_less_than(10):
        assert "MR-4508" in millrace("run", "p.sql", code=1).stderr


def test_a_pipe_is_not_read_on_from_a_checkpoint(millrace, pipe):
    (millrace.folder / "p.sql").write_text(
        "SET checkpoint_interval = '100ms';" + READ_PIPE.format(guarantee="any", checkpoints="on", source="pipe", sink="out/"))
    process = millrace.start("run", "p.sql", stderr=subprocess.PIPE)
    with open(pipe, "w") as writer:
        writer.write("id\n1\n")
        writer.flush()
        wait_for(lambda: list(millrace.folder.glob("out/*.csv")))
        process.kill()
        process.wait()
    begin = time.monotonic()
    assert "MR-2421" in millrace("run", "p.sql", code=1).stderr
    assert time.monotonic() - begin < 10
    millrace("checkpoint", "drop", "p")


def test_a_pipe_is_not_taken_up_in_the_middle(server, millrace, pipe):
    s = server()
    s.write("p.yaml", bounded(sink="out.csv", more=", timeout_read: 500ms, retry_attempts: 1") + "settings: {restart_backoff: 10ms}\n")
    s.start()
    with open(pipe, "w") as writer:
        writer.write("id\n" + "".join(f"{i}\n" for i in range(100_000)))
        writer.flush()
        s.wait_for_states(p="failed")
        assert s.status()["p"]["error"]["number"] == 2500 and s.status()["p"]["restarts"] == 0
    assert not (s.folder / "out.csv").exists()
    assert s.end() == 1


def test_dead_letters_for_nobody_do_not_outlive_a_stop(server, millrace, pipe):
    (millrace.folder / "bad.csv").write_text("id\n1\nx\n2\n")
    (millrace.folder / "p.sql").write_text("""
        CREATE SOURCE s (id BIGINT) WITH (connector = 'files', path = 'bad.csv', format = 'csv', on_error = 'dead_letter');
        CREATE SINK letters WITH (connector = 'files', path = 'pipe', format = 'json');
        CREATE SINK o WITH (connector = 'files', path = 'out.csv');
        SET dead_letters = 'letters';
        INSERT INTO o SELECT * FROM s;""")
    process = millrace.start("run", "p.sql", stderr=subprocess.PIPE)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    with takes_less_than(2):
        assert process.wait(30) == 130
    assert not (millrace.folder / "out.csv").exists()

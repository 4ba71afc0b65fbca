"""`millrace serve`: many pipelines in one process, reached over a socket."""

import contextlib
import csv
import json
import os
import re
import signal
import socket
import stat
import time

import pytest

from program import Millrace, binary, millrace, wait_for  # noqa: F401 (fixtures)

WATCH = """\
name: {name}
sources:
  t:
    connector: files
    path: in-{name}/
    format: csv
    mode: watch
    poll_interval: 1s
    columns: [{{name: id, type: BIGINT}}]
sql: SELECT id FROM t
sink: {{connector: files, path: out-{name}/, format: csv, mode: append}}
settings:
  checkpoint_interval: {interval}
  dead_letters: discard
  restart_backoff: 10ms
"""


class Server:
    def __init__(self, millrace, pipelines=(), interval="200ms"):
        self.millrace, self.folder, self.process = millrace, millrace.folder, None
        self.socket = self.folder / "state/control.sock"
        (self.folder / "pipelines").mkdir(exist_ok=True)
        for name in pipelines:
            (self.folder / f"in-{name}").mkdir()
            self.write(f"{name}.yaml", WATCH.format(name=name, interval=interval))

    def write(self, file, text):
        (self.folder / "pipelines" / file).write_text(text)

    def start(self, *words, **env):
        self.log = open(self.folder / "log", "a+")
        self.process = self.millrace.start("serve", "pipelines", *words, stderr=self.log,
                                           env={**os.environ, **self.millrace.environment, **env})
        wait_for(lambda: self.process.poll() is not None or self.answers())
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return self

    def answers(self):
        with socket.socket(socket.AF_UNIX) as peer:
            return peer.connect_ex(str(self.socket)) == 0

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.log.close()
        return code

    def status(self, *name):
        return {one["name"]: one for one in json.loads(self.millrace("status", *name, "--json").stdout)}

    def states(self):
        return {name: one["state"] for name, one in self.status().items()}

    def wait_for_states(self, **states):
        wait_for(lambda: states.items() <= self.states().items())

    def feed(self, name, file, ids):
        (self.folder / f"in-{name}" / file).write_text("id\n" + "".join(f"{i}\n" for i in ids))

    def output(self, name):
        ids = []
        for path in (self.folder / f"out-{name}").glob("*.csv"):
            ids += [int(row["id"]) for row in csv.DictReader(path.open())]
        return sorted(ids)


@pytest.fixture
def server(millrace):
    servers = []

    def make(*words, **more):
        servers.append(Server(millrace, *words, **more))
        return servers[-1]

    yield make
    for one in servers:
        if one.process and one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def ask(path, text):
    """Send bytes as they are."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(str(path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(text)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while not answer.endswith(b"\n"):
                got = peer.recv(65536)
                if not got:
                    break
                answer += got
        return answer


def test_start_stop_and_list(server, millrace):
    s = server(["a", "b"]).start()
    s.wait_for_states(a="running", b="running")
    assert stat.S_IMODE(s.socket.stat().st_mode) == 0o600
    s.feed("a", "1.csv", range(5))
    wait_for(lambda: s.output("a") == list(range(5)))
    one = wait_for(lambda: s.status("a")["a"] if "checkpoint" in s.status("a")["a"] else None)
    assert one["rows_read"] == 5 and one["rows_written"] == 5 and one["checkpoint"]["epoch"] >= 1
    assert 0 <= one["checkpoint"]["age_seconds"] < 60
    millrace("stop", "a")
    assert s.states() == {"a": "stopped", "b": "running"}
    table = millrace("status").stdout.splitlines()
    assert len(table) == 3 and table[1].split()[:2] == ["a", "stopped"] and table[2].split()[:2] == ["b", "running"]
    assert "MR-5105" in millrace("stop", "a", code=1).stderr
    assert "MR-5104" in millrace("start", "b", code=1).stderr
    assert "did you mean" not in millrace("start", "zzzz", code=1).stderr
    assert "MR-5103" in millrace("status", "c", code=1).stderr
    s.feed("a", "2.csv", range(5, 9))
    millrace("start", "a")
    wait_for(lambda: s.output("a") == list(range(9)))
    # A file that came later is started by its name.
    (s.folder / "in-c").mkdir()
    s.write("c.yaml", WATCH.format(name="c", interval="200ms"))
    millrace("start", "c")
    s.wait_for_states(a="running", b="running", c="running")
    assert s.end() == 0
    assert not s.socket.exists()
    assert "MR-5100" in millrace("status", code=1).stderr


def test_a_savepoint_is_gone_back_to(server, millrace):
    s = server(["a"]).start()
    s.feed("a", "1.csv", range(10))
    wait_for(lambda: s.output("a") == list(range(10)))
    assert "MR-5113" in millrace("stop", "a", "--savepoint", "a/b", code=1).stderr
    assert "MR-5113" in millrace("checkpoint", "now", "a", "--savepoint", "12", code=1).stderr
    assert s.states()["a"] == "running"
    millrace("stop", "a", "--savepoint", "ten")
    assert "ten" in millrace("checkpoint", "list", "a").stdout
    s.feed("a", "2.csv", range(10, 20))
    millrace("start", "a", "--from", "ten")
    wait_for(lambda: s.output("a") == list(range(20)))
    assert "epoch" in millrace("checkpoint", "now", "a", "--savepoint", "twenty").stderr
    assert "twenty" in millrace("checkpoint", "list", "a").stdout
    # One that is there stays as it is.
    for words in (["stop", "a"], ["checkpoint", "now", "a"]):
        assert "MR-4512" in millrace(*words, "--savepoint", "ten", code=1).stderr
    assert s.states()["a"] == "running"
    assert "10" in [line.split()[-1] for line in millrace("checkpoint", "show", "a", "ten").stdout.splitlines() if "rows_read" in line]
    millrace("stop", "a")
    # From ten on again: what came after it is written a second time, and nothing before it.
    millrace("start", "a", "--from", "ten")
    wait_for(lambda: s.output("a") == sorted([*range(20), *range(10, 20)]))
    millrace("stop", "a")
    said = millrace("start", "a", "--from", "nowhere", code=1).stderr
    assert "MR-4506" in said and "'ten', 'twenty'" in said, said
    s.wait_for_states(a="failed")
    assert s.status()["a"]["error"]["number"] == 4506
    assert s.end() == 1


def test_every_pipeline_has_dead_letters_of_its_own(server, millrace):
    s = server(["a", "b"])
    for name in "ab":
        path = s.folder / f"pipelines/{name}.yaml"
        path.write_text(path.read_text().replace("    format: csv\n", "    format: csv\n    on_error: dead_letter\n", 1)
                        .replace("  dead_letters: discard\n", ""))
    s.start()
    for name in "ab":
        (s.folder / f"in-{name}/1.csv").write_text(f"id\n1\nbad-{name}\n2\n")
    for name in "ab":
        wait_for(lambda: s.output(name) == [1, 2])
        letters = s.folder / f"{name}.dead-letters.ndjson"
        wait_for(lambda: letters.exists() and f"bad-{name}" in letters.read_text())
    s.wait_for_states(a="running", b="running")


def test_one_that_fails_leaves_the_others(server, millrace):
    s = server(["good"])
    s.write("bad.sql", "SELEC 1;")
    s.write("rows.sql", "SELECT 1;")
    s.write("again.yaml", (s.folder / "pipelines/good.yaml").read_text())
    s.write("done.sql", "CREATE SINK o WITH (connector='files', path='done.csv'); INSERT INTO o SELECT 1 AS id;")
    s.write("ignored.txt", "no pipeline")
    s.start()
    wait_for(lambda: s.states().get("done") == "finished")
    # By the order of files, the first of two with one name has it.
    s.wait_for_states(good="running", bad="failed", rows="failed", done="finished")
    found = s.status()
    assert set(found) == {"good", "bad", "rows", "done", "pipelines/good.yaml"}
    assert found["pipelines/good.yaml"]["error"]["number"] == 5110
    assert found["rows"]["error"]["number"] == 5112
    assert 3000 <= found["bad"]["error"]["number"] < 3500 and found["bad"]["restarts"] == 0
    s.feed("good", "1.csv", [7])
    wait_for(lambda: s.output("good") == [7])
    # Mended, it is read again.
    s.write("bad.sql", "CREATE SINK o WITH (connector='files', path='mended.csv'); INSERT INTO o SELECT 2 AS id;")
    millrace("start", "bad")
    s.wait_for_states(bad="finished")
    assert (s.folder / "mended.csv").read_text().split() == ["id", "2"]
    assert s.end() == 1, "something had failed"


def test_two_scripts_that_take_one_name(server, millrace):
    s = server(["good"])

    def write(name):
        (s.folder / f"in-{name}").mkdir()
        s.feed(name, "1.csv", [7])
        s.write(f"{name}.sql", "SET name = 'same'; SET restart_attempts = 0; SET checkpoint_interval = '200ms';"
                f"CREATE SOURCE s WITH (connector='files', path='in-{name}', mode='watch', format='csv');"
                f"CREATE SINK o WITH (connector='files', path='out-{name}/', format='csv'); INSERT INTO o SELECT id FROM s;")

    write("one")
    s.start()
    wait_for(lambda: s.output("one") == [7])
    write("two")
    millrace.start("start", "two").wait(30)
    s.wait_for_states(good="running", one="running", two="failed")
    failed = s.status()["two"]
    assert failed["error"]["number"] == 4501
    assert f"process {s.process.pid} " in json.dumps(failed) and "which is this one" in json.dumps(failed)
    s.end()


@pytest.mark.parametrize("attempts", [0, 3])
def test_a_retryable_failure_is_started_again(server, millrace, attempts):
    s = server(["a", "b"]).start("--option", f"restart_attempts={attempts}", MILLRACE_FAILPOINT="checkpoint.prepared@5=error")
    written = {"a": [], "b": []}

    def failed():
        now = s.status()
        return [n for n in now if now[n]["restarts"] or now[n]["state"] == "failed"]

    for number in range(40):
        for name in written:
            ids = range(number * 10, number * 10 + 10)
            s.feed(name, f"{number}.csv", ids)
            written[name] += ids
        if failed():
            break
        time.sleep(0.2)
    (which,) = wait_for(failed)
    other = "b" if which == "a" else "a"
    if attempts:
        wait_for(lambda: s.status()[which]["state"] == "running" and s.status()[which]["restarts"] == 1)
        assert s.status()[which]["error"]["number"] == 5004
        wait_for(lambda: s.output(which) == written[which])
    else:
        assert s.states()[which] == "failed"
        millrace("start", which)
        wait_for(lambda: s.output(which) == written[which])
    wait_for(lambda: s.output(other) == written[other])
    assert s.status()[other]["restarts"] == 0
    assert s.end() == 0
    assert s.output(which) == written[which] and s.output(other) == written[other]


def test_a_second_server_is_refused(server, millrace):
    s = server(["a"]).start()
    s.wait_for_states(a="running")
    assert "MR-5101" in millrace("serve", "pipelines", code=1).stderr
    assert s.states() == {"a": "running"}
    assert "MR-5111" in millrace("serve", "nowhere", "--socket", "other.sock", code=1).stderr
    (s.folder / "file").write_text("mine")
    assert "MR-5102" in millrace("serve", "pipelines", "--socket", "file", code=1).stderr
    assert (s.folder / "file").read_text() == "mine"
    assert "MR-5102" in millrace("serve", "pipelines", "--socket", "x" * 120, code=1).stderr
    assert s.end(signal.SIGINT) == 0


def test_killed_and_started_again_nothing_is_lost(server, millrace):
    s = server(["a", "b"], interval="20ms").start()
    written = []
    for turn in range(4):
        for number in range(5):
            ids = range(len(written), len(written) + 100)
            for name in "ab":
                s.feed(name, f"{turn}-{number}.csv", ids)
            written += ids
            time.sleep(0.05)
        s.process.kill()
        s.process.wait()
        s.log.close()
        assert s.socket.exists(), "stale"
        s.start()
    wait_for(lambda: s.output("a") == written and s.output("b") == written)
    assert s.end() == 0
    assert s.output("a") == written and s.output("b") == written


def test_bad_requests_are_answered(server, millrace):
    s = server(["a"]).start()
    for text, number in [(b"\n", 5106), (b"nonsense\n", 5106), (b"[1]\n", 5106), (b'{"do": 1}\n', 5106), (b'{"do": "fly"}\n', 5106),
                         (b'{"do": "status", "pipeline": "\xff"}\n', 5106), (b'{"do": "status", "x": "y"}\n', 5106),
                         (b"[" * 60000 + b"\n", 5106), (b"x" * 200000, 5106), (b'{"do": "stop", "pipeline": "b"}\n', 5103)]:
        answer = json.loads(ask(s.socket, text))
        assert answer["ok"] is False and answer["error"]["number"] == number, (text[:50], answer)
    # Several requests of one connection, in pieces.
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(s.socket))
        peer.sendall(b'{"do": "status"}\n{"do": "sta')
        time.sleep(0.1)
        peer.sendall(b'tus"}\n')
        lines = peer.makefile()
        assert [json.loads(lines.readline())["ok"] for _ in range(2)] == [True, True]
    # Clients that say nothing do not shut out others for ever, and do not hold up the end.
    idle = [socket.socket(socket.AF_UNIX) for _ in range(70)]
    for peer in idle:
        peer.connect(str(s.socket))
    answers = []
    wait_for(lambda: answers.append(ask(s.socket, b'{"do": "status"}\n')) or b"5108" in answers[-1])
    for peer in idle[35:]:
        peer.close()
    wait_for(lambda: b'"ok":true' in ask(s.socket, b'{"do": "status"}\n'))
    assert s.end() == 0
    for peer in idle[:35]:
        peer.close()


def figures(pid):
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    rollup = open(f"/proc/{pid}/smaps_rollup").read()
    private = sum(int(size) for size in re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB", rollup, re.M))
    return private / 1024, int(status["Threads"]), seconds


# What is promised of each idle pipeline, and of 500 together.
PRIVATE_MIB = 1.5
IDLE_PERCENT = 2


def test_500_idle_pipelines_share_the_shards(server, millrace, capsys):
    names = [f"p{i:03}" for i in range(500)]
    s = server(names, interval="10s")
    began = time.monotonic()
    s.start()
    wait_for(lambda: list(s.states().values()) == ["running"] * 500, 120)
    running = time.monotonic() - began
    time.sleep(3)
    _, _, before = figures(s.process.pid)
    span = time.monotonic()
    time.sleep(25)  # every pipeline has two checkpoints in there
    private, threads, after = figures(s.process.pid)
    idle = (after - before) / (time.monotonic() - span) * 100
    began = time.monotonic()
    s.feed("p321", "1.csv", [1, 2, 3])
    wait_for(lambda: s.status("p321")["p321"]["rows_read"] == 3)
    seen = time.monotonic() - began
    millrace("checkpoint", "now", "p321")
    assert s.output("p321") == [1, 2, 3]
    began = time.monotonic()
    assert s.end() == 0
    with capsys.disabled():
        print(f"\n500 pipelines: running after {running:.1f} s, {private:.0f} MiB, {threads} threads, idle {idle:.1f} % of one core, "
              f"a file seen after {seen:.2f} s, stopped after {time.monotonic() - began:.1f} s")
    # The second bar is a third more than is measured: what a pipeline costs must not creep up unseen.
    assert private < 500 * PRIVATE_MIB and private < 200
    assert threads < 800
    # A machine that does other things lets each step cost more.
    assert idle < 3 * IDLE_PERCENT

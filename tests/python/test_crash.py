"""SIGKILL at every state edge: what a pipeline has written after it was run again is what one run without a kill writes.

The program is the release build with four small sinks, one a commit class, and the files sink as it is. A failpoint
that is not reached does not kill, and fails its test.
"""

import collections
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import duckdb
import pytest

import test_object_checkpoints
import test_object_sink

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRASH = pathlib.Path(os.environ.get("MILLRACE_CRASH_BINARY", ROOT / "build/release/bin/millrace_crash")).resolve()
BINARY = pathlib.Path(os.environ.get("MILLRACE_BINARY", ROOT / "build/release/bin/millrace")).resolve()

CLASSES = ["two_phase", "atomic", "idempotent", "none"]
ROWS = 60_000

# Every edge that each pipeline passes, whatever its sink.
EDGES = [
    "checkpoint.barrier", "checkpoint.aligned", "checkpoint.prepared", "checkpoint.pending", "checkpoint.pending.done",
    "checkpoint.decide", "checkpoint.renamed", "checkpoint.decided", "checkpoint.commit", "checkpoint.committed",
    "checkpoint.acknowledged", "io.rename", "io.rename.done", "io.sync", "io.sync.done", "io.sync_directory",
]
STATE_EDGES = ["checkpoint.snapshot", "checkpoint.snapshot.done"]
SINK_EDGES = {
    "two_phase": ["ledger.prepare"], "atomic": ["ledger.prepare", "ledger.transaction", "checkpoint.recorded"],
    "idempotent": ["ledger.prepare", "ledger.load"], "none": ["ledger.prepare"],
}


@pytest.fixture(scope="session")
def events(tmp_path_factory):
    """A stream in order of time, in several files."""
    folder = tmp_path_factory.mktemp("events")
    source = random.Random(7)
    files = 6
    for part in range(files):
        with open(folder / f"events-{part}.csv", "w") as out:
            out.write("id,k,v,t\n")
            for i in range(part * ROWS // files, (part + 1) * ROWS // files):
                out.write(f"{i},{source.randrange(300)},{source.randrange(-50, 50)},"
                          f"2024-01-01 {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}\n")
    return folder


PIPELINES = {
    # Rows as they are: nothing but positions and tokens.
    "rows": "INSERT INTO out SELECT id, k, v FROM events;",
    # Windows that close while the stream runs: state, watermarks, output in every epoch.
    "windows": "INSERT INTO out SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s FROM events "
               "GROUP BY k WINDOW TUMBLING(t, 10m);",
    # All output at the end: every group has to survive.
    "groups": "INSERT INTO out SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(id) AS least FROM events GROUP BY k;",
}


# Two thirds of the rows are read as fast as can be, the others after a pause that is long for the interval of
# checkpoints: there are some on the quickest machine.
RATE = ROWS * 20 // 3


class Pipeline:
    """Rows into a ledger."""
    script = """
        SET name = 'crash'; SET checkpoints = '{checkpoints}'; SET checkpoint_interval = '1ms'; SET batch_rows = {batch_rows};
        CREATE SOURCE events (id BIGINT, k BIGINT, v BIGINT, t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '1' HOUR)
          WITH (connector = 'files', path = '{events}/*.csv', split_size = '64KB', rate_limit_rows = {rate});
        CREATE SINK out WITH ({sink});
        {query}
    """

    def __init__(self, folder, events, query, commit, shards, batch_rows=500, rate=RATE):
        self.out = folder / "out"
        self.write(folder, shards, events=events, query=query, batch_rows=batch_rows, checkpoints="on", rate=rate,
                   sink=f"connector = 'ledger', path = '{self.out}', commit = '{commit}'")

    def write(self, folder, shards, **parts):
        self.folder, self.shards = folder, shards
        (folder / "pipeline.sql").write_text(self.script.format(**parts))

    def start(self, failpoint=None, shards=None):
        env = {**os.environ, "MILLRACE_STATE_DIR": str(self.folder / "state")}
        env.pop("MILLRACE_FAILPOINT", None)
        if failpoint:
            env["MILLRACE_FAILPOINT"] = failpoint
        return subprocess.Popen([CRASH, "--shards", str(shards or self.shards), "run", "pipeline.sql"], cwd=self.folder,
                                env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, failpoint=None, shards=None):
        process = self.start(failpoint, shards)
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err

    def finished(self):
        """What is visible was decided by a manifest: when there is none any more, the pipeline had come to its end."""
        return bool(list(self.out.glob("rows-*"))) and not list((self.folder / "state").glob("crash/epoch-*"))

    def rows(self):
        lines = collections.Counter()
        for path in self.out.glob("rows-*"):
            lines.update(path.read_text().splitlines())
        return lines


@pytest.fixture(scope="session")
def expected(tmp_path_factory, events):
    """The rows of each pipeline without a kill."""
    out = {}
    for name, query in PIPELINES.items():
        pipeline = Pipeline(tmp_path_factory.mktemp(name), events, query, "two_phase", 1)
        code, text = pipeline.run()
        assert code == 0, text
        out[name] = pipeline.rows()
        assert len(out[name]) > 100
    assert out["rows"].total() == ROWS
    return out


def check(pipeline, expected, commit):
    rows = pipeline.rows()
    if commit == "none":
        # The kill may have torn a line.
        assert set(expected) <= set(rows), "rows are lost"
    else:
        assert rows == expected
    assert not list(pipeline.out.glob("staged-*")) and not list(pipeline.out.glob("spool-*"))
    assert not list((pipeline.folder / "state").glob("crash/epoch-*")), "a finished pipeline leaves no checkpoint"


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("commit", CLASSES)
@pytest.mark.parametrize("query", ["rows", "windows"])
def test_killed_at_every_edge(query, commit, shards, events, expected, tmp_path):
    edges = EDGES + SINK_EDGES[commit] + (STATE_EDGES if query == "windows" else [])
    for edge in edges:
        for time_of in (1, 3) if shards == 4 else (1,):
            folder = tmp_path / f"{edge}@{time_of}"
            folder.mkdir()
            pipeline = Pipeline(folder, events, PIPELINES[query], commit, shards)
            code, text = pipeline.run(f"{edge}@{time_of}")
            # A slow machine has fewer epochs; the first time has to come.
            if code != 0 or time_of == 1:
                assert code == -signal.SIGKILL, f"{edge}@{time_of} was not reached: exit {code}\n{text}"
                code, text = pipeline.run()
            assert code == 0, f"{edge}@{time_of}: {text}"
            check(pipeline, expected[query], commit)


@pytest.mark.parametrize("commit", CLASSES)
@pytest.mark.parametrize("query", PIPELINES)
def test_killed_again_and_again(query, commit, events, expected, tmp_path):
    """At random moments, also during recovery, with another number of shards each time."""
    seed = int(os.environ.get("MILLRACE_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    source = random.Random(seed)
    pipeline = Pipeline(tmp_path, events, PIPELINES[query], commit, 1, batch_rows=200)
    # Whatever the machine's speed, it was killed once.
    code, text = pipeline.run("checkpoint.committed")
    assert code == -signal.SIGKILL, text
    kills = 0
    for _ in range(200):
        shards = source.choice([1, 2, 3, 8])
        process = pipeline.start(shards=shards)
        try:
            process.communicate(timeout=source.uniform(0.01, 0.04 + 0.02 * kills))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            if commit != "none" and pipeline.finished():
                break
            continue
        assert process.returncode == 0, process
        break
    else:
        # On a slow machine each of them was killed.
        code, text = pipeline.run()
        assert code == 0, text
    check(pipeline, expected[query], commit)


# The files sink. Every edge between a file's first byte and the end of its commit, by what is written.
WAYS = {
    "folder": {"roll_rows": "700"},
    "partitions": {"partition_by": "p", "roll_rows": "700"},
    "file": {},
    "replaced": {"mode": "overwrite"},  # a folder with parts of somebody's
    "appended": {"mode": "append"},  # one file with rows of somebody's
}
BEGIN = ["files.begin.rename", "files.begin.renamed"]
END = ["files.prepare", "files.prepared", "files.commit", "files.committed", "files.forget", "files.forgotten"]
PART = ["files.part.sync", "files.part.synced", "files.rename", "files.renamed", "files.synced"]
WHOLE = ["files.piece.sync", "files.piece.synced", "files.splice.sync", "files.splice.synced", "files.whole.rename",
         "files.whole.renamed", "files.whole.synced", "files.whole.removed"]
WAY_EDGES = {
    "folder": ["files.folder.made", *BEGIN, *PART, *END],
    "partitions": ["files.folder.made", *BEGIN, *PART, *END],
    "file": [*BEGIN, *WHOLE, *END],
    "replaced": [*BEGIN, *PART, "files.replace", "files.replaced", *END],
    "appended": [*BEGIN, *WHOLE, *END],
}
# Of runs without checkpoints.
STAGE_EDGES = ["files.stage.sync", "files.stage.rename", "files.stage.renamed", "files.stage.synced",
               "files.stage.replace"]
FILES_QUERY = "INSERT INTO out SELECT id, k, v, k % 3 AS p FROM events;"
OLD = [(-1, 1, 1, 1), (-2, 2, 2, 2)]


class FilesPipeline(Pipeline):
    """Rows into files."""

    def __init__(self, folder, events, way, form, shards, checkpoints="on"):
        self.form = form
        single = way in ("file", "appended")
        self.out = folder / "out" / f"all.{form}" if single else folder / "out" / "parts"
        if way in ("replaced", "appended"):
            old = self.out if single else self.out / f"part-00000.{form}"
            old.parent.mkdir(parents=True)
            rows = ", ".join(map(str, OLD))
            duckdb.sql(f"COPY (FROM (VALUES {rows}) r(id, k, v, p)) TO '{old}'")
        elif single:
            self.out.parent.mkdir()
        options = {"connector": "files", "path": str(self.out) + ("" if single else "/"), "format": form, **WAYS[way]}
        self.write(folder, shards, events=events, query=FILES_QUERY, batch_rows=500, checkpoints=checkpoints, rate=RATE,
                   sink=", ".join(f"{name} = '{value}'" for name, value in options.items()))

    def rows(self):
        """As an independent reader sees them, partitions by the names of their folders."""
        path = self.out if self.out.is_file() else f"{self.out}/**/*.{self.form}"
        return collections.Counter(duckdb.sql(f"SELECT id, k, v, p::BIGINT FROM '{path}'").fetchall())

    def hidden(self):
        return [path.name for path in self.out.parent.rglob(".*")]


@pytest.fixture(scope="session")
def expected_files(tmp_path_factory, events):
    pipeline = FilesPipeline(tmp_path_factory.mktemp("files"), events, "file", "csv", 1, checkpoints="off")
    code, text = pipeline.run()
    assert code == 0, text
    rows = pipeline.rows()
    read = duckdb.sql(f"SELECT id, k, v, k % 3 FROM '{events}/*.csv'").fetchall()
    assert rows == collections.Counter(read) and len(rows) == ROWS
    return rows


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("way", WAYS)
def test_files_killed_at_every_edge(way, form, shards, events, expected_files, tmp_path):
    if (way, form) == ("appended", "parquet"):
        form = "json"  # nobody appends to one Parquet file
    expected = expected_files + collections.Counter(OLD if way == "appended" else [])
    for edge in WAY_EDGES[way]:
        folder = tmp_path / edge
        folder.mkdir()
        pipeline = FilesPipeline(folder, events, way, form, shards)
        code, text = pipeline.run(edge)
        assert code == -signal.SIGKILL, f"{edge} was not reached: exit {code}\n{text}"
        code, text = pipeline.run(shards=3)
        assert code == 0, f"{edge}: {text}"
        rows = pipeline.rows()
        assert rows == expected, f"{edge}: lost {list((expected - rows).items())[:5]}, " \
                                 f"too many {list((rows - expected).items())[:5]}"
        assert pipeline.hidden() == [], edge
        assert not list((folder / "state").glob("crash/epoch-*")), edge


IO_EDGES = [edge for edge in EDGES if edge.startswith("io.")]


def hits(pipeline):
    """How often an undisturbed run comes by each of IO_EDGES."""
    code, text = pipeline.run(">reached")
    assert code == 0, text
    reached = collections.Counter((pipeline.folder / "reached").read_text().split())
    return {edge: reached[edge] for edge in IO_EDGES}


@pytest.mark.parametrize("sink", ["ledger", "folder", "file"])
def test_killed_at_every_hit_of_io(sink, events, expected, expected_files, tmp_path):
    """Steps on the disk come by again and again: each time is another moment in the life of an epoch."""
    def pipeline(folder):
        folder.mkdir()
        if sink == "ledger":
            return Pipeline(folder, events, PIPELINES["windows"], "two_phase", 2, batch_rows=2000)
        return FilesPipeline(folder, events, sink, "csv", 2)

    wanted = expected["windows"] if sink == "ledger" else expected_files
    killed = 0
    for edge, count in hits(pipeline(tmp_path / "undisturbed")).items():
        assert count > 0, edge
        most = min(count, 12)
        for time_of in sorted({1 + i * (count - 1) // max(most - 1, 1) for i in range(most)}):
            one = pipeline(tmp_path / f"{edge}@{time_of}")
            code, text = one.run(f"{edge}@{time_of}")
            # This run may have had fewer epochs than the one that was counted; the first time has to come.
            assert code == -signal.SIGKILL or (code == 0 and time_of > 1), f"{edge}@{time_of}: exit {code}\n{text}"
            killed += code != 0
            if code != 0:
                code, text = one.run(shards=3)
                assert code == 0, f"{edge}@{time_of}: {text}"
            rows = one.rows()
            assert rows == wanted, f"{edge}@{time_of}: lost {list((wanted - rows).items())[:5]}, " \
                                   f"too many {list((rows - wanted).items())[:5]}"
            assert not list((one.folder / "state").glob("crash/epoch-*")), f"{edge}@{time_of}"
            left = list(one.out.glob("staged-*")) if sink == "ledger" else one.hidden()
            assert left == [], f"{edge}@{time_of}"
    assert killed >= 3 * len(IO_EDGES)


@pytest.mark.parametrize("way", ["folder", "file", "replaced"])
def test_files_without_checkpoints_killed_at_every_edge(way, events, expected_files, tmp_path):
    """Nothing is half there under a final name, and the next run that may replace it completes."""
    for edge in STAGE_EDGES if way == "replaced" else STAGE_EDGES[:-1]:
        folder = tmp_path / edge
        folder.mkdir()
        pipeline = FilesPipeline(folder, events, way, "parquet", 2, checkpoints="off")
        code, text = pipeline.run(edge)
        assert code == -signal.SIGKILL, f"{edge} was not reached: exit {code}\n{text}"
        if list(pipeline.out.parent.rglob("[!.]*.parquet")):
            assert set(pipeline.rows()) <= {*expected_files, *OLD}
        script = folder / "pipeline.sql"
        script.write_text(script.read_text().replace("format =", "mode = 'overwrite', format =", way != "replaced"))
        code, text = pipeline.run()
        assert code == 0, f"{edge}: {text}"
        assert pipeline.rows() == expected_files, edge
        assert pipeline.hidden() == [], edge


def test_every_failpoint_is_killed_at():
    """The list above knows every name in the sources."""
    named = set()
    for path in [*ROOT.glob("millrace/**/*.cc"), *ROOT.glob("tests/crash/*.cc")]:
        named.update(re.findall(r'failpoint::Reach\(\s*"([^"]+)"', path.read_text()))
    lists = [EDGES, STATE_EDGES, STAGE_EDGES, *SINK_EDGES.values(), *WAY_EDGES.values(), test_object_sink.EDGES,
             *test_object_sink.MORE.values(), test_object_checkpoints.EDGES, [test_object_checkpoints.LAST_EDGE]]
    assert named == {edge for edges in lists for edge in edges}


@pytest.mark.parametrize("name", ["orders", "naïve / name"])
def test_two_processes_cannot_run_one_pipeline(name, events, tmp_path):
    # It takes longer than anybody waits.
    pipeline = Pipeline(tmp_path, events, PIPELINES["rows"], "two_phase", 1, batch_rows=1, rate=50)
    text = (tmp_path / "pipeline.sql").read_text().replace("'crash'", f"'{name}'")
    (tmp_path / "pipeline.sql").write_text(text)
    first = pipeline.start()
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "state").glob("*/epoch-*")):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        code, text = pipeline.run()
        assert code == 1 and "MR-4501" in text and f"process {first.pid}" in text, text
    finally:
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=60)
    assert first.returncode in (130, 0), err

"""Checkpoints under damage: torn and flipped bytes, missing files, failing disks, changed queries and changed input."""

import collections
import os
import re
import shutil
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest

from program import BINARY, binary, millrace, preloaded, wait_for  # noqa: F401 (fixtures)

ROWS = 12_000
SLOW = 1500
GROUPS = "SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k"
# Three values of k, each met ROWS / 3 times; v is i % 10, so that every k sums up to 4.5 times that.
EXPECTED = collections.Counter({f"{k},4000,18000": 1 for k in range(3)})


class Life:
    """A pipeline that is run again and again in one folder."""

    def __init__(self, millrace, folder, query=GROUPS):
        self.millrace, self.folder, self.query = millrace, folder, query
        (folder / "in").mkdir()
        for part in range(4):
            lines = [f"{i},{i % 3},{i % 10}" for i in range(part * ROWS // 4, (part + 1) * ROWS // 4)]
            (folder / "in" / f"{part}.csv").write_text("id,k,v\n" + "\n".join(lines) + "\n")
        self.state = folder / "state" / "life"

    def __call__(self, *options, failpoint=None, code=0, shards=2, query=None):
        # So that there is time for many epochs.
        slow = f", rate_limit_rows = '{SLOW}'" if failpoint else ""
        (self.folder / "life.sql").write_text(f"""
            SET name = 'life'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 100;
            CREATE SOURCE events (id BIGINT, k BIGINT, v BIGINT)
              WITH (connector = 'files', path = '{self.folder}/in/*.csv', split_size = '8KB'{slow});
            CREATE SINK out WITH (connector = 'files', path = '{self.folder}/out/', format = 'csv');
            INSERT INTO out {query or self.query};""")
        environment = {"MILLRACE_FAILPOINT": failpoint} if failpoint else {}
        done = self.millrace("--shards", shards, "run", "life.sql", *options, code=code, env=environment)
        return done.stdout + done.stderr

    def cut_off(self, failpoint="checkpoint.acknowledged@4", **options):
        """Killed, with some epochs decided."""
        self(failpoint=failpoint, code=-signal.SIGKILL, **options)

    def rows(self):
        out = collections.Counter()
        for path in (self.folder / "out").glob("*.csv"):
            out.update(path.read_text().splitlines()[1:])
        return out

    def manifests(self):
        return sorted(self.state.glob("epoch-*.manifest"))

    def check(self, expected=EXPECTED):
        assert self.rows() == expected
        assert not list(self.state.glob("epoch-*")), "a finished pipeline leaves no checkpoint"
        assert not [path for path in (self.folder / "out").iterdir() if path.name.startswith(".")]


@pytest.fixture
def life(millrace, tmp_path):
    return Life(millrace, tmp_path)


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1:]


def epoch_of(path):
    return int(re.search(r"epoch-(\d+)", path.name)[1])


def test_a_damaged_manifest_is_refused_and_an_earlier_one_offered(life):
    life.cut_off()
    before, newest = life.manifests()[-2:]
    whole = newest.read_bytes()
    damages = [whole[:n] for n in (0, 1, len(whole) // 2, len(whole) - 22, len(whole) - 1)]
    damages += [flipped(whole, at) for at in (0, len(whole) // 3, len(whole) - 21, len(whole) - 5)]
    damages += [whole + b"x", b"\0" * len(whole)]
    for damage in damages:
        newest.write_bytes(damage)
        text = life(code=1)
        assert "MR-4502" in text and f"epoch {epoch_of(before)} is intact" in text, text
        assert "damaged" in life.millrace("checkpoint", "list").stdout
        assert newest.read_bytes() == damage and before.exists()
    life("-o", f"start_from={epoch_of(before)}")
    life.check()


@pytest.mark.parametrize("size", [0, 10, None])
def test_a_torn_pending_manifest_is_no_checkpoint(life, size):
    life.cut_off("checkpoint.pending.done@3")
    pending = list(life.state.glob("epoch-*.pending"))
    assert len(pending) == 1
    if size is not None:
        os.truncate(pending[0], size)
    life()
    life.check()


def test_damaged_state_is_refused_by_name(life):
    life.cut_off()
    before, newest = life.manifests()[-2:]
    files = [path for path in (life.state / "state").iterdir() if epoch_of(path) == epoch_of(newest)]
    assert files
    for path in files:
        whole = path.read_bytes()
        for damage in (flipped(whole, len(whole) - 3), flipped(whole, 20), whole[:-1], b""):
            path.write_bytes(damage)
            text = life(code=1)
            assert "MR-4503" in text and path.name in text, text
            assert f"epoch {epoch_of(before)} is intact: go on with -o start_from={epoch_of(before)}" in text, text
        path.unlink()
        text = life(code=1)
        assert "MR-4503" in text and path.name in text, text
        path.write_bytes(whole)
    files[0].unlink()
    life("-o", f"start_from={epoch_of(before)}")
    life.check()


def test_an_epoch_is_offered_only_if_its_state_is_intact(life):
    life("-o", "checkpoints_retained=3", failpoint="checkpoint.acknowledged@6", code=-signal.SIGKILL)
    names = [path.name for path in life.manifests()]
    assert len(names) >= 3, names
    by_epoch = collections.defaultdict(list)
    for path in (life.state / "state").iterdir():
        by_epoch[epoch_of(path)].append(path)
    epochs = [epoch_of(path) for path in life.manifests()]
    for damaged, intact in ((epochs[-1], epochs[-2]), (epochs[-2], epochs[-3])):
        for path in by_epoch[damaged]:
            path.write_bytes(flipped(path.read_bytes(), path.stat().st_size - 3))
        text = life(code=1)
        assert "MR-4503" in text and f"epoch {intact} is intact" in text, text
    # Where the older manifest is damaged as well, it is none of those that are offered.
    (life.state / names[-3]).write_bytes(b"")
    text = life(code=1)
    assert "MR-4503" in text and f"epoch {epochs[-3]} is intact" not in text, text


def test_an_unknown_checkpoint_to_start_from(life):
    assert "MR-4506" in life("-o", "start_from=77", code=1)
    life.cut_off()
    there = ", ".join(str(epoch_of(path)) for path in life.manifests())
    for name in ("77", "nightly"):
        text = life("-o", f"start_from={name}", code=1)
        assert "MR-4506" in text and f"there are {there}" in text, text
    life()
    life.check()


def test_a_state_folder_that_cannot_be_used(life, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "/proc/none"):
        text = life("-o", f"state_dir={folder}", code=1)
        assert "MR-4507" in text and str(folder) in text, text
    assert not life.rows()
    life()
    life.check()


@pytest.mark.parametrize("edge", ["io.sync", "io.sync.done", "io.rename", "io.rename.done", "io.sync_directory",
                                  "checkpoint.snapshot", "checkpoint.pending", "checkpoint.decide", "checkpoint.renamed",
                                  "checkpoint.commit", "checkpoint.committed", "files.prepare"])
def test_a_step_that_fails_loses_nothing(edge, millrace, tmp_path):
    failures = 0
    for time in (1, 2, 3, 5, 9, 17):
        folder = tmp_path / str(time)
        folder.mkdir()
        life = Life(type(millrace)(folder), folder)
        try:
            life(failpoint=f"{edge}@{time}=error", code=1)
        except AssertionError as error:
            assert "exit 0" in str(error)  # there were fewer of them, or it was tried again
        else:
            failures += 1
            life()
        life.check()
    assert failures > 0, "no run failed"


def test_a_failure_is_numbered(life):
    assert re.search(r"MR-\d{4}", life(failpoint="checkpoint.pending@2=error", code=1))
    life()
    life.check()


def test_a_disk_quota(life, tmp_path):
    """EFBIG from the system itself while a result is written."""
    rows = "SELECT id, k, v FROM events"
    life(query=rows, code=0)
    expected = life.rows()
    assert expected.total() == ROWS
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    words = f"ulimit -f 8; trap '' XFSZ; exec {BINARY} --shards 1 run life.sql -o checkpoint_interval=0s"
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **life.millrace.environment})
    assert done.returncode == 1 and re.search(r"MR-\d{4}", done.stderr), done.stderr
    assert life.rows().total() < ROWS and life.rows() <= expected
    life(query=rows)
    life.check(expected)


def test_a_changed_query(life):
    life.cut_off()
    text = life(query="SELECT k, COUNT(*) AS n, MAX(v) AS s FROM events GROUP BY k", code=1)
    assert "MR-4505" in text and "aggregate" in text, text
    text = life(query="SELECT id AS k, v AS n, v AS s FROM events", code=1)
    assert "MR-4505" in text and "aggregate" in text, text
    # What stands above the state may change.
    life(query="SELECT k, n * 2 AS n, s FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k)")
    life.check(collections.Counter({f"{k},8000,18000": 1 for k in range(3)}))


def test_a_changed_source_file(life, tmp_path):
    life.cut_off()
    path = tmp_path / "in" / "3.csv"
    before = path.read_text()
    path.write_text(before + "99999,0,5\n")
    text = life(code=1)
    assert "MR-2411" in text and "3.csv" in text, text
    assert not life.rows()


@pytest.mark.parametrize("shards", [1, 3, 8])
def test_another_number_of_shards(life, shards):
    life.cut_off(shards=2)
    life.cut_off("checkpoint.acknowledged@2", shards=shards)
    life(shards=5)
    life.check()


@pytest.mark.parametrize("retained", [1, 3])
def test_retention(life, retained):
    life("-o", f"checkpoints_retained={retained}", failpoint="checkpoint.acknowledged@9", code=-signal.SIGKILL)
    # The newest, what is retained beside it, and the one that the kill kept from going.
    assert len(life.manifests()) == retained + 2
    named = {name for path in life.manifests() for name in re.findall(r'"file":"([^"]+)"', path.read_text())}
    assert named and named <= {path.name for path in (life.state / "state").iterdir()}
    life()
    life.check()


def test_list_show_drop(life):
    assert "life" not in life.millrace("checkpoint", "list").stdout
    life.cut_off()
    epochs = [epoch_of(path) for path in life.manifests()]
    listed = life.millrace("checkpoint", "list", "life").stdout
    for epoch in epochs:
        assert re.search(rf"^life +{epoch} +checkpoint ", listed, re.M), listed
    shown = life.millrace("checkpoint", "show", "life").stdout
    assert f"epoch      {epochs[-1]}\n" in shown and "aggregate" in shown and "reads 'events'" in shown
    assert f"epoch      {epochs[0]}\n" in life.millrace("checkpoint", "show", "life", epochs[0]).stdout
    assert "MR-4506" in life.millrace("checkpoint", "show", "life", "4711", code=1).stderr
    for command in ("list", "show", "drop"):
        said = life.millrace("checkpoint", command, "other", code=1)
        assert "MR-4511" in said.stderr and "there is life" in said.stderr and not said.stdout, said
    life.millrace("checkpoint", "drop", "life")
    assert not life.state.exists()
    life()
    life.check()


@pytest.mark.parametrize("name", ["sub/all.csv", "sub/parts/"])
@pytest.mark.parametrize("failpoint", ["checkpoint.acknowledged@3", "checkpoint.pending", "checkpoint.renamed@2"])
def test_drop_takes_what_waits_for_a_commit_with_it(millrace, tmp_path, name, failpoint):
    (tmp_path / "in.csv").write_text("id,s\n" + "".join(f"{i},row {i}\n" for i in range(ROWS)))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/.millrace-other~all%2Ecsv.w0.e1.a1.0.piece").write_text("somebody else's")
    words = ["copy", "in.csv", name, "--format", "csv", "--resume", "--from", "split_size=4KB", "-o", "checkpoint_interval=1ms",
             "-o", "batch_rows=100", "-o", "name=mine"]
    hidden = lambda: sorted(path.name for path in (tmp_path / "sub").rglob(".*"))
    millrace(*words, "--from", f"rate_limit_rows={SLOW}", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": failpoint})
    assert any(".millrace-mine~" in path for path in hidden()), hidden()
    # From anywhere.
    (tmp_path / "elsewhere").mkdir()
    here, millrace.folder = millrace.folder, tmp_path / "elsewhere"
    said = millrace("checkpoint", "drop", "mine").stdout
    millrace.folder = here
    assert hidden() == [".millrace-other~all%2Ecsv.w0.e1.a1.0.piece"]
    assert "waited for a commit" in said or "renamed" in failpoint or "acknowledged" in failpoint, said
    assert "MR-4511" in millrace("checkpoint", "drop", "mine", code=1).stderr
    for path in (tmp_path / name).glob("*.csv") if name.endswith("/") else ():
        path.unlink()
    millrace(*words)
    got = [path.read_text() for path in ((tmp_path / name).glob("*.csv") if name.endswith("/") else [tmp_path / name])]
    assert sorted(line for text in got for line in text.splitlines()[1:]) == sorted(f"{i},row {i}" for i in range(ROWS))


@pytest.mark.parametrize("name", ["all.csv", "all.ndjson", "all.parquet", "parts/"])
def test_a_copy_is_killed_and_resumed(millrace, tmp_path, name):
    lines = [f"{i},row {i}" for i in range(ROWS)]
    (tmp_path / "in.csv").write_text("id,s\n" + "\n".join(lines) + "\n")
    words = ["--shards", 2, "copy", "in.csv", name, "--resume", "--from", "split_size=4KB", "-o", "checkpoint_interval=1ms",
             "-o", "batch_rows=100", *(["--format", "csv"] if name == "parts/" else [])]
    for time in (2, 1, 3):
        millrace(*words, "--from", f"rate_limit_rows={SLOW}", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": f"checkpoint.acknowledged@{time}"})
        if name != "parts/":
            assert not (tmp_path / name).exists()
    millrace(*words)
    if name == "parts/":
        got = [line for path in sorted((tmp_path / name).glob("*.csv")) for line in path.read_text().splitlines()[1:]]
        assert sorted(got) == sorted(lines)
    elif name == "all.csv":
        assert (tmp_path / name).read_text().splitlines() == ["id,s", *lines]
    elif name == "all.ndjson":
        assert (tmp_path / name).read_text().splitlines() == [f'{{"id":{i},"s":"row {i}"}}' for i in range(ROWS)]
    else:
        table = pq.read_table(tmp_path / name)
        assert table["id"].to_pylist() == list(range(ROWS)) and table["s"][ROWS - 1].as_py() == f"row {ROWS - 1}"
    assert not list((tmp_path / "state").glob("copy-*/epoch-*"))


def test_the_default_state_folder(life, tmp_path):
    environment = {"MILLRACE_STATE_DIR": "", "XDG_STATE_HOME": str(tmp_path / "xdg")}
    life.millrace.environment = environment
    life.cut_off()
    assert list((tmp_path / "xdg" / "millrace" / "life").glob("epoch-*.manifest"))
    life.millrace.environment = {"MILLRACE_STATE_DIR": "", "XDG_STATE_HOME": "", "HOME": str(tmp_path / "home")}
    life.cut_off()
    assert list((tmp_path / "home" / ".local" / "state" / "millrace" / "life").glob("epoch-*.manifest"))


def test_what_can_not_be_promised(life, millrace, tmp_path):
    (tmp_path / "stdout.sql").write_text(f"""
        SET name = 'x'; SET guarantee = 'exactly_once';
        CREATE SINK out WITH (connector = 'files', path = '-', format = 'csv');
        INSERT INTO out SELECT * FROM '{tmp_path}/in/0.csv';""")
    assert "MR-4508" in millrace("run", "stdout.sql", code=1).stderr
    # What the command line says goes over what the script says.
    for less in ("at_least_once", "any"):
        done = millrace("run", "stdout.sql", "-o", f"guarantee={less}")
        assert len(done.stdout.splitlines()) == 1 + ROWS // 4
    (tmp_path / "unnamed.sql").write_text(f"""
        SET checkpoints = 'on';
        CREATE SINK out WITH (connector = 'files', path = '{tmp_path}/out/', format = 'csv');
        INSERT INTO out SELECT * FROM '{tmp_path}/in/0.csv';""")
    assert "MR-4509" in millrace("run", "unnamed.sql", code=1).stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("guarantee, checkpoints, runs", [
    ("exactly_once", "off", False), ("at_least_once", "off", False), ("any", "off", True), ("exactly_once", "on", True)])
def test_input_without_an_end_needs_checkpoints_to_promise_anything(millrace, tmp_path, guarantee, checkpoints, runs):
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched" / "1.csv").write_text("id,v\n1,2\n")
    (tmp_path / "watch.sql").write_text(f"""
        SET name = 'watch'; SET guarantee = '{guarantee}'; SET checkpoints = '{checkpoints}';
        CREATE SOURCE s (id BIGINT, v BIGINT) WITH (connector = 'files', path = '{tmp_path}/watched/', format = 'csv',
          mode = 'watch');
        CREATE SINK out WITH (connector = 'files', path = '{tmp_path}/out/', format = 'csv');
        INSERT INTO out SELECT * FROM s;""")
    checked = millrace("check", "watch.sql", code=0 if runs else 2)
    assert ("MR-4508" in checked.stdout + checked.stderr) == (not runs)
    if not runs:
        assert "MR-4508" in millrace("run", "watch.sql", code=1).stderr


def test_new_files_are_found_without_checkpoints(millrace, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    (watched / "1.csv").write_text("id,v\n1,2\n")
    (tmp_path / "watch.sql").write_text(f"""
        SET checkpoints = 'off';
        CREATE SOURCE s (id BIGINT, v BIGINT) WITH (connector = 'files', path = '{watched}/', format = 'csv',
          mode = 'watch');
        CREATE SINK out WITH (connector = 'files', path = '-', format = 'csv');
        INSERT INTO out SELECT * FROM s;""")
    out = tmp_path / "stdout"
    process = millrace.start("run", "watch.sql", stdout=out.open("w"))
    try:
        wait_for(lambda: out.read_text() == "id,v\n1,2\n")
        (watched / "2.csv").write_text("id,v\n3,4\n")
        wait_for(lambda: out.read_text() == "id,v\n1,2\n3,4\n")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_the_command_line_wins_over_the_file(life, millrace, tmp_path):
    life.cut_off()
    (tmp_path / "p.yaml").write_text(f"""
        name: in_the_file
        source: {{connector: files, path: {tmp_path}/in/0.csv}}
        sink: {{connector: files, path: {tmp_path}/yaml/, format: csv}}
        settings: {{checkpoints: 'on'}}
        """)
    millrace("run", "p.yaml", "-o", "name=chosen", env={"MILLRACE_FAILPOINT": "checkpoint.committed"},
             code=-signal.SIGKILL)
    assert (life.state.parent / "chosen").is_dir() and not (life.state.parent / "in_the_file").exists()
    # At a prompt what is typed later counts.
    done = millrace("sql", "-o", "guarantee=exactly_once", "-c", f"""
        SET guarantee = 'any';
        CREATE SINK out WITH (connector = 'files', path = '-', format = 'csv');
        INSERT INTO out SELECT id FROM '{tmp_path}/in/0.csv' LIMIT 1""")
    assert done.stdout.splitlines() == ["id", "0"]


def test_savepoints_outlive_the_end_of_their_pipeline(life):
    life.cut_off()
    shutil.copy(life.manifests()[-1], life.state / "savepoint-nightly.manifest")
    life()
    life.check()
    assert "nightly" in life.millrace("checkpoint", "list").stdout
    shutil.rmtree(life.folder / "out")
    life("-o", "start_from=nightly")
    assert sum(life.rows().values()) == 3, "what the groups were is known"
    life.check()


def test_a_refusal_says_what_differs(life):
    life.cut_off()
    text = life(code=1, query="SELECT k, count(*) AS n FROM events WHERE v > 3 GROUP BY k")
    assert "MR-4505" in text
    there_is_none, there_is = re.search(r"no state for '(.*?)', but some of '(.*?)'", text).groups()
    assert "filter" in there_is_none and "filter" not in there_is


def test_a_clock_that_jumps(life, tmp_path):
    """Intervals are measured by the monotonic clock, and nothing is ordered by time."""
    jumping = {"LD_PRELOAD": str(preloaded("clock", tmp_path))}
    life.millrace.environment.update(jumping)
    life.cut_off("checkpoint.acknowledged@8")
    shown = life.millrace("checkpoint", "list").stdout
    assert re.search(r"20[01]\d-", shown) or len(set(re.findall(r"\d{4}-\d\d-\d\d", shown))) > 1, "the clock did not jump: " + shown
    life.cut_off("checkpoint.committed@3")
    life()
    life.check()


def test_a_watched_folder_without_declared_columns_goes_on(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("id,name\n1,x\n2,y\n")
    rows = lambda: sorted(line for path in tmp_path.glob("out/*.csv") for line in path.read_text().splitlines()[1:])
    expected = ["1,x", "2,y"]
    for turn in range(3):
        process = millrace.start("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--resume",
                                 "-o", "checkpoint_interval=50ms", stderr=subprocess.DEVNULL)
        try:
            (tmp_path / f"in/{turn}.csv").write_text(f"id,name\n1{turn},z\n")
            expected.append(f"1{turn},z")
            wait_for(lambda: rows() == sorted(expected))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert rows() == sorted(expected)
    # Columns are those of the checkpoint, whatever is there now.
    (tmp_path / "in/a.csv").write_text("id,other,name\n1,o,new\n")
    for turn in range(3):
        (tmp_path / f"in/{turn}.csv").unlink()
    process = millrace.start("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--from", "schema_policy=default",
                             "--resume", "-o", "checkpoint_interval=50ms", stderr=subprocess.DEVNULL)
    wait_for(lambda: rows() == sorted([*expected, "1,new"]))
    process.send_signal(signal.SIGINT)
    process.wait(30)
    # Others have to be asked for.
    done = millrace("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--from", "schema_policy=default", "--resume",
                    "--schema", "id BIGINT, other VARCHAR, name VARCHAR", code=1)
    assert "MR-2404" in done.stderr and "declare" in done.stderr


WATCHED = {
    "yaml": "name: w\nsource: {connector: files, path: in, format: csv, mode: watch, schema_policy: default}\nsink: {connector: files, path: out/, format: csv}\n",
    "sql": "SET name = 'w';\nCREATE SOURCE s WITH (connector = 'files', path = 'in', format = 'csv', mode = 'watch', schema_policy = 'default');\n"
           "CREATE VIEW v AS SELECT * FROM s;\nSELECT 1 AS one;\n"
           "CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');\nINSERT INTO o SELECT * FROM v;\n",
}


@pytest.mark.parametrize("language", WATCHED)
def test_a_watch_goes_on_when_all_its_files_are_gone(millrace, tmp_path, language):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("id,name\n1,x\n")
    (tmp_path / f"w.{language}").write_text(WATCHED[language])
    rows = lambda: sorted(line for path in tmp_path.glob("out/*.csv") for line in path.read_text().splitlines()[1:])

    def run(act, expected):
        process = millrace.start("run", f"w.{language}", "-o", "checkpoint_interval=50ms", stderr=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL)
        try:
            act()
            wait_for(lambda: rows() == expected, seconds=20)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    run(lambda: None, ["1,x"])
    (tmp_path / "in/a.csv").unlink()
    run(lambda: (tmp_path / "in/0.csv").write_text("more,name,id\nm,y,2\n"), ["1,x", "2,y"])


def test_a_new_file_with_the_number_and_the_bytes_of_an_old_one(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    log = tmp_path / "in/log.csv"
    rows = lambda: sorted(line for path in tmp_path.glob("out/*.csv") for line in path.read_text().splitlines()[1:])
    library = preloaded("reborn", tmp_path)

    def follow(born, expected):
        process = millrace.start("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--resume",
                                 "-o", "checkpoint_interval=50ms", stderr=subprocess.DEVNULL,
                                 env={**os.environ, "LD_PRELOAD": str(library), "REBORN_AT": str(born)})
        try:
            wait_for(lambda: rows() == sorted(expected))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    log.write_text("id,name\n1,x\n2,y\n")
    follow(1000, ["1,x", "2,y"])
    log.write_text("id,name\n1,x\n2,y\n3,z\n")
    follow(1000, ["1,x", "2,y", "3,z"])
    follow(2000, ["1,x", "1,x", "2,y", "2,y", "3,z", "3,z"])


@pytest.mark.parametrize("path, sink, letters, read", [
    ("in", "in/out/", "", True),
    ("in", "in/all.csv", "", True),
    ("in/", "in/_out/", "", False),
    ("in", "in/.out/", "", False),
    ("in", "out/", "", False),
    ("in", "link/out/", "", True),
    ("link", "in/out/", "", True),
    ("in/*.csv", "in/", "", True),
    ("in/*.csv", "in/out/", "", False),
    ("in/a*.csv", "in/", "", False),
    ("in/*/*.csv", "in/out/", "", True),
    ("**/*.csv", "in/x/y/", "", True),
    ("i{n,m}/**", "in/x/", "", True),
    ("in", "out/", "in/letters.csv", True),
    ("in", "out/", "in/letters.ndjson", False),
])
def test_what_is_written_is_not_watched(millrace, tmp_path, path, sink, letters, read):
    (tmp_path / "in/_b").mkdir(parents=True)
    for name in ("in/a.csv", "in/_b/b.csv"):
        (tmp_path / name).write_text("id\n1\n")
    (tmp_path / "link").symlink_to("in")
    before = sorted((tmp_path / "in").rglob("*"))
    words = ["copy", path, sink, "--mode", "append", "--format", "csv", "--from", "mode=watch", "--from", "format=csv", "--resume",
             "-o", "checkpoint_interval=50ms", *(["--dead-letters", letters] if letters else [])]
    if read:
        done = millrace(*words, code=1)
        assert "MR-2516" in done.stderr
        assert sorted((tmp_path / "in").rglob("*")) == before
        return
    process = millrace.start(*words, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list((tmp_path / sink).glob("part-*")), seconds=20)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_files_whose_end_nobody_can_tell_are_not_watched(millrace, tmp_path):
    for format in ("avro", "arrow", "arrows"):
        done = millrace("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--from", f"format={format}", code=1)
        assert "MR-2420" in done.stderr


def test_the_limit_of_dead_letters_counts_those_of_earlier_runs(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("id\n" + "".join(f"{i}\nbad\n" for i in range(300)))
    (tmp_path / "d.sql").write_text(f"""
        SET name = 'd'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 20;
        SET dead_letters = 'letters.ndjson'; SET max_dead_letters = 200;
        CREATE SOURCE s (id BIGINT) WITH (connector = 'files', path = 'in.csv', on_error = 'dead_letter', split_size = '200B',
          rate_limit_rows = '200');
        CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');
        INSERT INTO o SELECT * FROM s;""")
    millrace("--shards", 1, "run", "d.sql", env={"MILLRACE_FAILPOINT": "checkpoint.acknowledged@3"}, code=-signal.SIGKILL)
    before = len((tmp_path / "letters.ndjson").read_text().splitlines())
    assert 0 < before < 200
    assert "MR-2510" in millrace("--shards", 1, "run", "d.sql", code=1).stderr


@pytest.mark.parametrize("count", ["", "x", "-1"])
def test_a_lost_count_of_attempts_stops_nobody(millrace, tmp_path, count):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("n\n1\n")
    (tmp_path / "p.sql").write_text("""SET name = 'p'; SET checkpoint_interval = '50ms';
CREATE SOURCE s (n BIGINT) WITH (connector = 'files', path = 'in/', format = 'csv', mode = 'watch');
CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv', mode = 'append');
INSERT INTO o SELECT n FROM s;
""")

    def rows():
        return sorted(int(line) for path in (tmp_path / "out").glob("part-*.csv") for line in path.read_text().splitlines()[1:])
    for n in (1, 2):
        running = millrace.start("run", "p.sql")
        wait_for(lambda: rows() == list(range(1, n + 1)))
        running.send_signal(signal.SIGKILL)
        running.wait()
        (tmp_path / "state" / "p" / "attempts").write_text(count)
        (tmp_path / "in" / "b.csv").write_text("n\n2\n")
    millrace("checkpoint", "drop", "p")


def test_a_name_is_not_empty(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("n\n1\n")
    assert "MR-1003" in millrace("copy", "in.csv", "out.csv", "--resume", "-o", "name=", code=2).stderr
    (tmp_path / "x.sql").write_text("SET name = ''; INSERT INTO 'out.csv' SELECT * FROM 'in.csv'")
    assert "MR-1003" in millrace("run", "x.sql", code=2).stderr
    assert not (tmp_path / "out.csv").exists()


def test_windows_over_several_growing_files_survive_restarts(millrace, tmp_path):
    """Rows come into one file after the other, while the pipeline is killed and run again at other numbers of shards."""
    (tmp_path / "in").mkdir()
    (tmp_path / "t.sql").write_text("""SET name = 't'; SET checkpoint_interval = '30ms';
CREATE SOURCE e (id BIGINT, k BIGINT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '2' SECOND)
  WITH (connector = 'files', path = 'in/*.csv', mode = 'watch', poll_interval = '5ms');
CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');
INSERT INTO o SELECT k, COUNT(*) AS n, MIN(id) AS a, MAX(id) AS b FROM e GROUP BY k WINDOW TUMBLING(at, 10s) EMIT FINAL;
""")
    rows, windows = 0, {}
    for round, shards in enumerate([2, 3, 1, 2, 4, 2]):
        running = millrace.start("--shards", str(shards), "run", "t.sql")
        for part in range(3):
            with open(tmp_path / "in" / f"{round}-{part}.csv", "w") as file:
                file.write("id,k,at\n")
                for _ in range(10):
                    for _ in range(20):
                        windows.setdefault((rows // 20, rows % 5), []).append(rows)
                        file.write(f"{rows},{rows % 5},2024-01-01 00:{rows // 120:02}:{rows // 2 % 60:02}\n")
                        rows += 1
                    file.flush()
                    time.sleep(0.005)
        if round < 5:
            running.send_signal(signal.SIGKILL)
            running.wait()
    expected = {(k, len(ids), ids[0], ids[-1]) for (_, k), ids in windows.items()}
    # The last rows are followed by none that would close their windows.
    closed = {window for window in expected if window[3] < rows - 24}

    def written():
        return sorted(tuple(map(int, line.split(","))) for path in (tmp_path / "out").glob("part-*.csv")
                      for line in path.read_text().splitlines()[1:])
    wait_for(lambda: set(written()) >= closed)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert len(written()) == len(set(written())) and closed <= set(written()) <= expected

"""Scripts with several statements: what one that fails does to the others, and what a rerun after a crash does."""

import signal
import time

import pytest

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

SCRIPT = """{set}
CREATE SINK a WITH (connector = 'files', path = 'a.csv');
CREATE SINK b WITH (connector = 'files', path = 'b.csv');
CREATE SINK c WITH (connector = 'files', path = 'c.csv');
INSERT INTO a SELECT * FROM 'in.csv';
INSERT INTO b SELECT * FROM 'missing.csv';
SELECT nothing FROM 'in.csv';
INSERT INTO c SELECT n + 1 AS n FROM 'in.csv';
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "in.csv").write_text("n\n1\n2\n")

    def write(set=""):
        (tmp_path / "x.sql").write_text(SCRIPT.format(set=set))
        return "x.sql"
    return write


def test_a_script_stops_at_the_first_error(millrace, script, tmp_path):
    for words in ([], ["-o", "on_error=stop"]):
        (tmp_path / "a.csv").unlink(missing_ok=True)
        done = millrace("run", script(), *words, code=1)
        assert "missing.csv" in done.stderr and "MR-2515" not in done.stderr
        assert (tmp_path / "a.csv").exists() and not (tmp_path / "c.csv").exists()


@pytest.mark.parametrize("words, set", [(["--keep-going"], ""), (["-o", "on_error=continue"], ""),
                                        ([], "SET on_error = 'continue';")])
def test_the_others_run(millrace, script, tmp_path, words, set):
    done = millrace("run", script(set), *words, code=1)
    assert "missing.csv" in done.stderr and "nothing" in done.stderr
    assert "MR-2515" in done.stderr and f"2 of {8 if set else 7}: line 6 (MR-" in done.stderr and "line 7 (MR-30" in done.stderr
    assert (tmp_path / "a.csv").read_text() == "n\n1\n2\n" and (tmp_path / "c.csv").read_text() == "n\n2\n3\n"
    assert not (tmp_path / "b.csv").exists()


def test_a_script_without_failure_ends_well(millrace, script, tmp_path):
    (tmp_path / "missing.csv").write_text("n\n5\n")
    script()
    (tmp_path / "x.sql").write_text((tmp_path / "x.sql").read_text().replace("SELECT nothing", "SELECT n"))
    assert "MR-2515" not in millrace("run", "x.sql", "--keep-going").stderr


CHECKPOINTED = """SET name = 'two'; SET checkpoints = 'on'; SET checkpoint_interval = '20ms'; SET batch_rows = 10;
CREATE SOURCE s (n BIGINT) WITH (connector = 'files', path = 'in/*.csv');
CREATE SOURCE slow (n BIGINT) WITH (connector = 'files', path = 'in/*.csv'{rate});
CREATE SINK a WITH (connector = 'files', path = 'a/', format = 'csv', mode = 'append');
CREATE SINK b WITH (connector = 'files', path = 'b/', format = 'csv', mode = 'append');
INSERT INTO a SELECT n FROM s;
INSERT INTO b SELECT n FROM slow;
INSERT INTO b SELECT n + 1000 AS n FROM s;
"""


def rows(folder):
    return sorted(int(line) for path in folder.glob("part-*.csv") for line in path.read_text().splitlines()[1:])


def test_a_script_that_was_killed_does_nothing_twice(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    for part in range(10):
        (tmp_path / "in" / f"{part}.csv").write_text("n\n" + "".join(f"{part * 100 + i}\n" for i in range(100)))
    state = tmp_path / "state"
    (tmp_path / "x.sql").write_text(CHECKPOINTED.format(rate=", rate_limit_rows = 300"))
    running = millrace.start("run", "x.sql")
    deadline = time.time() + 30
    while not list(state.glob("two-b/epoch-*.manifest")):
        assert time.time() < deadline and running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert rows(tmp_path / "a") == list(range(1000)) and len(rows(tmp_path / "b")) < 1000
    (tmp_path / "x.sql").write_text(CHECKPOINTED.format(rate=""))
    done = millrace("run", "x.sql")
    assert "the run before had read everything" in done.stderr and "goes on from checkpoint" in done.stderr
    assert rows(tmp_path / "a") == list(range(1000)) and rows(tmp_path / "b") == list(range(2000))
    assert not list(state.glob("*/epoch-*"))
    # A script that has ended begins again.
    millrace("run", "x.sql")
    assert rows(tmp_path / "a") == sorted(2 * list(range(1000)))


def test_a_finished_statement_that_was_changed_is_refused(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("n\n1\n2\n")
    script = """SET name = 'two'; SET checkpoints = 'on';
CREATE SINK a WITH (connector = 'files', path = 'a/', format = 'csv', mode = 'append');
CREATE SINK b WITH (connector = 'files', path = 'b/', format = 'csv', mode = 'append');
INSERT INTO a SELECT {} AS n FROM 'in.csv';
INSERT INTO b SELECT n FROM 'later.csv';
"""
    (tmp_path / "x.sql").write_text(script.format("n"))
    assert "later.csv" in millrace("run", "x.sql", code=1).stderr
    (tmp_path / "later.csv").write_text("n\n5\n")
    (tmp_path / "x.sql").write_text(script.format("n * 10"))
    done = millrace("run", "x.sql", code=1)
    assert "MR-4505" in done.stderr and "pipeline 'two': it has read everything with another query" in done.stderr
    assert rows(tmp_path / "a") == [1, 2]
    (tmp_path / "x.sql").write_text(script.format("n"))
    millrace("run", "x.sql")
    assert rows(tmp_path / "a") == [1, 2] and rows(tmp_path / "b") == [5]


def test_a_query_shares_no_checkpoint_with_a_write(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("n\n1\n2\n")
    (tmp_path / "x.sql").write_text("""SET name = 'both'; SET checkpoints = 'on';
CREATE SINK a WITH (connector = 'files', path = 'a/', format = 'csv', mode = 'append');
INSERT INTO a SELECT n FROM 'in.csv';
SELECT n + 1 AS n FROM 'in.csv';
""")
    for times in (1, 2):
        assert millrace("run", "x.sql", "--format", "csv").stdout == "n\n2\n3\n"
        assert rows(tmp_path / "a") == sorted(times * [1, 2])


@pytest.mark.parametrize("turn", range(4))
def test_a_script_killed_while_it_forgets_its_pipelines_does_nothing_twice(millrace, tmp_path, turn):
    count = 8
    (tmp_path / "in.csv").write_text("n\n1\n2\n")
    (tmp_path / "x.sql").write_text("SET name = 'many'; SET checkpoints = 'on';\n" + "".join(
        f"CREATE SINK s{i} WITH (connector = 'files', path = 'out{i}/', format = 'csv', mode = 'append');\n"
        f"INSERT INTO s{i} SELECT n FROM 'in.csv';\n" for i in range(count)))
    running = millrace.start("run", "x.sql")
    state, most = tmp_path / "state", 0
    while running.poll() is None:
        now = len(list(state.iterdir())) if state.exists() else 0
        if most == count and now <= count - 1 - turn:
            running.send_signal(signal.SIGKILL)
            break
        most = max(most, now)
    running.wait()
    forgotten = running.returncode == 0
    millrace("run", "x.sql")
    # All of it once; where it had ended before it could be killed, all of it twice.
    assert [rows(tmp_path / f"out{i}") for i in range(count)] == count * [[1, 1, 2, 2] if forgotten else [1, 2]]
    assert not list(state.iterdir())


def test_nothing_may_follow_a_statement_without_an_end(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("n\n1\n")
    (tmp_path / "in.csv").write_text("n\n5\n")
    script = """SET name = 'two';
CREATE SOURCE s (n BIGINT) WITH (connector = 'files', path = 'in/', format = 'csv', mode = 'watch');
CREATE SINK a WITH (connector = 'files', path = 'a/', format = 'csv');
CREATE SINK b WITH (connector = 'files', path = 'b/', format = 'csv');
"""
    (tmp_path / "x.sql").write_text(script + "INSERT INTO a SELECT n FROM s;\nINSERT INTO b SELECT n FROM s;\n")
    for words in (["run"], ["check"]):
        done = millrace(*words, "x.sql", code=2)
        assert "MR-1035" in done.stderr + done.stdout and "into a" in done.stderr + done.stdout
    assert not (tmp_path / "a").exists()
    # The last one may.
    (tmp_path / "x.sql").write_text(script + "INSERT INTO b SELECT n FROM 'in.csv';\nINSERT INTO a SELECT n FROM s;\n")
    assert millrace("check", "x.sql")
    running = millrace.start("run", "x.sql")
    wait_for(lambda: rows(tmp_path / "a") == [1])
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130 and rows(tmp_path / "b") == [5]

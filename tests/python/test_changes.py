"""Results that change: what is written of them, folded, is the final result, however often the run is killed."""

import collections
import re
import signal

import pytest

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

ROWS = 12_000


@pytest.fixture
def events(tmp_path):
    (tmp_path / "in").mkdir()
    for part in range(4):
        lines = [f"{i},{i % 7},{i % 10},2024-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}"
                 for i in range(part * ROWS // 4, (part + 1) * ROWS // 4)]
        (tmp_path / "in" / f"{part}.csv").write_text("id,k,v,t\n" + "\n".join(lines) + "\n")
    return tmp_path


SCRIPT = """
    SET name = 'life'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 100;
    CREATE SOURCE events (id BIGINT, k BIGINT, v BIGINT, t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '2' HOUR)
      WITH (connector = 'files', path = 'in/*.csv', split_size = '8KB'{rate});
    CREATE SINK out WITH (connector = 'files', path = 'out/', format = 'csv', changes_column = 'does');
    INSERT INTO out {query};"""
QUERIES = {
    "groups": "SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(id) AS m FROM events GROUP BY k EMIT EVERY 3ms",
    "some": "SELECT k, COUNT(*) AS n FROM events GROUP BY k HAVING COUNT(*) > 900 AND COUNT(*) <> 1715 EMIT EVERY INTERVAL '0.000001' SECOND",
    "windows": "SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k WINDOW TUMBLING(t, 20m) EMIT EVERY 3ms",
    "sliding": "SELECT window_start, COUNT(DISTINCT k) AS n, SUM(v) AS s FROM events WINDOW SLIDING(t, 1h, 20m) EMIT EVERY 3ms",
}


def expected(query):
    rows = [(i, i % 7, i % 10, i) for i in range(ROWS)]
    out = []
    if query in ("groups", "some"):
        for key in range(7):
            of = [row for row in rows if row[1] == key]
            if query == "groups":
                out.append(f"{key},{len(of)},{sum(row[2] for row in of)},{of[-1][0]}")
            elif len(of) != 1715:
                out.append(f"{key},{len(of)}")
        return collections.Counter(out)
    size, step = (1200, 1200) if query == "windows" else (3600, 1200)
    for start in range(1200 - size, ROWS, step):
        inside = [row for row in rows if start <= row[3] < start + size]
        begin = f"2024-01-01 {start // 3600:02}:{start // 60 % 60:02}:00" if start >= 0 else f"2023-12-31 23:{60 + start // 60}:00"
        if query == "sliding":
            out.append(f"{begin},{len({row[1] for row in inside})},{sum(row[2] for row in inside)}")
            continue
        for key in range(7):
            of = [row for row in inside if row[1] == key]
            if of:
                out.append(f"{begin},{key},{len(of)},{sum(row[2] for row in of)}")
    return collections.Counter(out)


def folded(folder):
    there, kinds = collections.Counter(), collections.Counter()
    for path in folder.glob("*.csv"):
        header, *lines = path.read_text().splitlines()
        assert header.endswith(",does")
        for line in lines:
            row, op = line.rsplit(",", 1)
            kinds[op] += 1
            there[row] += 1 if op in ("+I", "+U") else -1
    assert all(count >= 0 for count in there.values())
    return +there, kinds


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("shards", [1, 4])
def test_killed_and_gone_on(millrace, events, query, shards):
    for failpoint, its_shards in [("checkpoint.acknowledged@3", shards), ("checkpoint.pending.done@3", 3), ("checkpoint.decided@2", shards)]:
        (events / "life.sql").write_text(SCRIPT.format(rate=", rate_limit_rows = 1500", query=QUERIES[query]))
        millrace("--shards", its_shards, "run", "life.sql", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": failpoint})
    (events / "life.sql").write_text(SCRIPT.format(rate="", query=QUERIES[query]))
    done = millrace("--shards", shards, "run", "life.sql")
    assert "goes on from checkpoint" in done.stderr
    rows, kinds = folded(events / "out")
    assert rows == expected(query)
    # They did change on the way.
    assert kinds["-U"] == kinds["+U"] > 0
    assert query != "some" or kinds["-D"] > 0


def test_what_changes_is_not_taken_for_rows(millrace, events):
    query = "SELECT k, COUNT(*) AS n FROM events GROUP BY k EMIT CHANGES"
    (events / "life.sql").write_text(SCRIPT.format(rate="", query=query).replace(", changes_column = 'does'", ""))
    said = millrace("run", "life.sql", code=2).stderr
    assert "MR-4002" in said and "changes_column" in said
    assert not (events / "out").exists()
    # An endless input has no final result, unless windows give one.
    endless = "CREATE SOURCE b WITH (connector = 'nexmark'); CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv'); "
    assert "MR-4002" in millrace("sql", "-c", "SET name = 'n'; " + endless + "INSERT INTO o SELECT bidder, COUNT(*) AS n FROM b GROUP BY bidder", code=2).stderr
    assert "MR-4001" in millrace("sql", "-c", endless + "INSERT INTO o SELECT bidder, COUNT(*) AS n FROM b GROUP BY bidder EMIT FINAL",
                                 code=2).stderr


def test_a_sink_may_declare_its_columns(millrace, events):
    sink = "CREATE SINK o (k BIGINT NOT NULL, n BIGINT NOT NULL{more}) WITH (connector = 'files', path = 'all.csv', changes_column = 'does'{options}); "
    query = "SELECT k, COUNT(*) AS n FROM 'in/0.csv' GROUP BY k EMIT CHANGES"
    millrace("sql", "-c", sink.format(more="", options="") + "INSERT INTO o " + query)
    rows, _ = folded(events)
    assert sum(int(row.split(",")[1]) for row in rows) == ROWS // 4
    # What a rule leaves out may be taken back later.
    refused = sink.format(more=", CHECK (n < 5)", options=", on_invalid = 'drop', mode = 'overwrite'")
    assert "MR-4004" in millrace("sql", "-c", refused + "INSERT INTO o " + query, code=2).stderr


def test_the_column_is_there_for_rows_that_do_not_change_too(millrace, events):
    millrace("sql", "-c", "CREATE SOURCE e (id BIGINT, k BIGINT, v BIGINT, t TIMESTAMP) WITH (connector = 'files', path = 'in/0.csv'); "
             "CREATE SINK o WITH (connector = 'files', path = 'all.csv', changes_column = 'op'); INSERT INTO o SELECT id, v FROM e LIMIT 2")
    assert (events / "all.csv").read_text() == "id,v,op\n0,0,+I\n1,1,+I\n"


@pytest.mark.parametrize("shards", [1, 2])
def test_changes_leave_though_nothing_follows(millrace, events, shards):
    """An endless input that is quiet holds back no result."""
    (events / "w").mkdir()
    (events / "w.sql").write_text("""SET name = 'w'; SET checkpoint_interval = '50ms';
        CREATE SOURCE s (k BIGINT) WITH (connector = 'files', path = 'w/', format = 'csv', mode = 'watch');
        CREATE SINK o WITH (connector = 'print', stream = 'stderr', prefix = 'row ', format = 'csv', changes_column = 'op');
        INSERT INTO o SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT EVERY 100ms;""")
    with open(events / "said", "w") as said:
        running = millrace.start("--shards", str(shards), "run", "w.sql", stderr=said)
        try:
            lines = lambda: re.findall(r"^row (\d.*)$", (events / "said").read_text(), re.M)
            (events / "w" / "a.csv").write_text("k\n1\n1\n")
            wait_for(lambda: lines() == ["1,2,+I"])
            (events / "w" / "b.csv").write_text("k\n1\n2\n")
            wait_for(lambda: sorted(lines()[1:]) == ["1,2,-U", "1,3,+U", "2,1,+I"])
        finally:
            running.kill()
            running.wait()

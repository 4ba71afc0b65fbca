"""More state than memory: the answer is right, and memory stays within its budget."""

import os
import re
import signal
import time

import duckdb
import pytest

from program import binary, millrace  # noqa: F401 (fixtures)

GROUPS = 2_000_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "rows.parquet"
    duckdb.sql(f"""COPY (SELECT (i * 7919 % {GROUPS}) * 977 AS k, i % 1000 AS v FROM range({GROUPS} * 2) t(i))
                   TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)""")
    return path


# In memory these groups take 300 MB and more.
@pytest.mark.parametrize("shards, memory", [(1, "32MiB"), (2, "64MiB")])
def test_groups_ten_times_the_budget(millrace, tmp_path, rows, shards, memory):
    query = f"SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS lo, MAX(v) AS hi FROM '{rows}' GROUP BY k"
    (tmp_path / "q.sql").write_text(f"INSERT INTO 'out.parquet' {query};")
    millrace("--shards", shards, "--memory", memory, "run", "q.sql")
    out = tmp_path / "out.parquet"
    assert duckdb.sql(f"SELECT COUNT(*) FROM '{out}'").fetchall()[0] == (GROUPS,)
    assert duckdb.sql(f"SELECT COUNT(*) FROM ({query} EXCEPT FROM '{out}')").fetchall()[0] == (0,)


@pytest.mark.parametrize("shards, memory", [(1, "32MiB"), (2, "64MiB")])
def test_a_sort_larger_than_the_budget(millrace, tmp_path, rows, shards, memory):
    (tmp_path / "q.sql").write_text(f"INSERT INTO 'out.parquet' SELECT k, v FROM '{rows}' ORDER BY k, v;")
    millrace("--shards", shards, "--memory", memory, "run", "q.sql")
    out = tmp_path / "out.parquet"
    assert duckdb.sql(f"""SELECT COUNT(*), SUM(v), COUNT(*) FILTER (WHERE (k, v) < (pk, pv) AND pk IS NOT NULL) FROM (
        SELECT k, v, LAG(k) OVER (ORDER BY file_row_number) AS pk, LAG(v) OVER (ORDER BY file_row_number) AS pv
        FROM read_parquet('{out}', file_row_number = true))""").fetchall()[0] == (GROUPS * 2, GROUPS * 999, 0)


FILES, EACH = 24, 8_000
WIDTH = 1000


def peak(pid):
    """Of the process, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read())[1]) / 1024


@pytest.mark.parametrize("slow, memory", [("reader", 128), ("rate", 128), ("reader", 64), ("reader", 32)])
def test_input_without_an_end_waits_for_a_slow_sink(millrace, tmp_path, slow, memory):
    """More rows than memory are there at once: they wait where they are, and all of them arrive."""
    (tmp_path / "in").mkdir()
    for part in range(FILES):
        # No value twice, so that nothing is kept as a dictionary.
        (tmp_path / f"in/{part}.csv").write_text("id,pad\n" + "".join(
            f"{i},{i * 2654435761 % 10**9:0{WIDTH}}\n" for i in range(part * EACH, (part + 1) * EACH)))
    os.mkfifo(tmp_path / "pipe")
    rate = ", rate_limit_bytes = '64MB'" if slow == "rate" else ""
    (tmp_path / "p.sql").write_text(f"""
        SET checkpoints = 'off';
        CREATE SOURCE s (id BIGINT, pad VARCHAR) WITH (connector = 'files', path = 'in/', format = 'csv', mode = 'watch');
        CREATE SINK out WITH (connector = 'files', path = 'pipe', format = 'csv', header = false{rate});
        INSERT INTO out SELECT * FROM s;""")
    process = millrace.start("--shards", 2, "--memory", f"{memory}MiB", "run", "p.sql", stderr=(tmp_path / "said").open("w"))
    ids, rest, total = set(), b"", FILES * EACH
    try:
        with open(tmp_path / "pipe", "rb", buffering=0) as pipe:
            if slow == "reader":
                time.sleep(1.5)
            while len(ids) < total:
                piece = pipe.read(1 << 16)
                assert piece, (tmp_path / "said").read_text()
                *lines, rest = (rest + piece).split(b"\n")
                before = len(ids)
                ids.update(int(line.split(b",", 1)[0]) for line in lines)
                assert len(ids) - before == len(lines), "a row came twice"
                if slow == "reader":
                    time.sleep(0.0005)
            most = peak(process.pid)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    assert ids == set(range(total))
    # The program itself, the libraries' own memory and the stacks are no part of the budget.
    assert most < memory + 90, f"{most:.0f} MiB at the most"

"""More state than memory: the answer is right, and memory stays within its budget."""

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

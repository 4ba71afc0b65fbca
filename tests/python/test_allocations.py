"""Rows cost no allocations: what a run asks malloc for grows with its batches, not with its rows."""

import duckdb
import pytest

from program import binary, millrace, preloaded  # noqa: F401 (fixtures)

FEW, MANY = 300_000, 1_500_000

# A batch of thousands of rows may take some hundreds; a row that takes one would be 1 and more.
MOST_A_ROW = 0.2

QUERIES = {
    "csv": "SELECT * FROM '{csv}'",
    "parquet": "SELECT * FROM '{parquet}'",
    "rows": "SELECT id + 1 AS id, upper(name) AS name, amount * 2 AS amount FROM '{parquet}' WHERE id % 3 <> 0 AND name LIKE 'n%'",
    "groups": "SELECT id % 1000 AS k, COUNT(*) AS n, SUM(amount) AS s, MIN(id) AS lo, MAX(id) AS hi FROM '{parquet}' GROUP BY id % 1000",
    "text_groups": "SELECT name, COUNT(*) AS n, AVG(amount) AS a FROM '{parquet}' GROUP BY name",
    "windows": "SELECT id % 10 AS k, COUNT(*) AS n FROM '{parquet}' GROUP BY id % 10 WINDOW TUMBLING(at, 1m)",
    "join": "SELECT a.id, b.amount FROM '{parquet}' a JOIN (SELECT id, amount FROM '{parquet}' WHERE id < 1000) b ON a.id % 1000 = b.id",
    "sort": "SELECT id, amount FROM '{parquet}' ORDER BY amount, id",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("allocations")
    preloaded("count", folder)
    for rows in (FEW, MANY):
        select = f"""SELECT i AS id, 'name number ' || (i % 5000) || ' of many' AS name, (i * 7919 % 100000) / 100 AS amount,
                     TIMESTAMP '2024-01-01' + to_milliseconds(i) AS at FROM range({rows}) t(i)"""
        duckdb.sql(f"COPY ({select}) TO '{folder}/{rows}.csv' (HEADER)")
        duckdb.sql(f"COPY ({select}) TO '{folder}/{rows}.parquet' (ROW_GROUP_SIZE 122880)")
    return folder


@pytest.mark.parametrize("checkpoints", ["off", "on"])
@pytest.mark.parametrize("name", QUERIES)
def test_rows_cost_no_allocations(millrace, tmp_path, files, name, checkpoints):
    def allocations(rows):
        query = QUERIES[name].format(csv=files / f"{rows}.csv", parquet=files / f"{rows}.parquet")
        out = tmp_path / f"{rows}.parquet"
        (tmp_path / "q.sql").write_text(f"INSERT INTO '{out}' {query};")
        count = tmp_path / "count"
        millrace("--shards", 2, "run", "q.sql", "-o", f"checkpoints={checkpoints}", "-o", f"name={name}",
                 env={"LD_PRELOAD": str(files / "count.so"), "ALLOCATIONS_FILE": str(count)})
        assert duckdb.sql(f"SELECT COUNT(*) > 0 FROM '{out}'").fetchall()[0] == (True,)
        return int(count.read_text())

    few, many = allocations(FEW), allocations(MANY)
    assert few > 0
    assert (many - few) / (MANY - FEW) < MOST_A_ROW, f"{few} allocations with {FEW} rows, {many} with {MANY}"

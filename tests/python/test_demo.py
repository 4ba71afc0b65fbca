"""examples/delays.sql over the flights of 2013, compared row by row with DuckDB over the same CSV files."""

import os
import pathlib
import subprocess

import duckdb
import pytest

import sql_values

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("MILLRACE_BINARY", "build/release/bin/millrace")
DATA = ROOT / "demo" / "data"

HOURLY = f"""
SELECT date_trunc('hour', time_hour) AS hour, f.carrier, a.name AS airline, COUNT(*) AS flights,
       COUNT(dep_delay) AS departed, AVG(dep_delay) AS mean_delay, MAX(dep_delay) AS worst_delay
FROM read_csv('{DATA}/flights.csv', nullstr = 'NA') AS f
JOIN read_csv('{DATA}/airlines.csv') AS a ON f.carrier = a.carrier
GROUP BY ALL ORDER BY hour, f.carrier
"""


@pytest.mark.parametrize("shards", [1, 4])
def test_delays(tmp_path, shards):
    subprocess.run([ROOT / "tools/demo_data.sh", DATA], check=True)
    out = tmp_path / "delays.parquet"
    done = subprocess.run(
        [BINARY, "--shards", str(shards), "run", ROOT / "examples/delays.sql", "--format", "csv",
         "--set", f"data={DATA}", "--set", f"out={out}"],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE hourly AS {HOURLY}")
    expected = sql_values.rows(connection.table("hourly").to_arrow_table())
    # Every flight of the year is in one window.
    assert sum(row[3] for row in expected) == 336_776
    got = sql_values.rows(
        connection.sql(f"SELECT * FROM '{out}' ORDER BY hour, carrier").to_arrow_table())
    assert len(got) == len(expected)
    for left, right in zip(got, expected):
        assert sql_values.same_row(left, right), (left, right)

    worst = connection.sql(
        "SELECT airline, SUM(flights), ROUND(SUM(mean_delay * departed) / SUM(departed), 1) AS mean, "
        "MAX(worst_delay) FROM hourly GROUP BY airline ORDER BY mean DESC LIMIT 10").fetchall()
    lines = done.stdout.strip().split("\n")
    assert lines[0] == "airline,flights,mean_delay_minutes,worst_delay_minutes"
    assert [line.split(",")[0] for line in lines[1:]] == [row[0] for row in worst]
    for line, row in zip(lines[1:], worst):
        assert [float(cell) for cell in line.split(",")[1:]] == [float(cell) for cell in row[1:]]

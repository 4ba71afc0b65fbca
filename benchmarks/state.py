"""What state costs: checkpoints while a query runs, keys of which one has most rows, a restart from a checkpoint.

    .venv/bin/python benchmarks/state.py [--runs 3] [--folder build/benchmarks/state]

Each workload is run against itself without what is measured, in turn; results are checked before they count. Medians.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLRACE = ROOT / "build" / "release" / "bin" / "millrace"


def timed(folder, query, *words, failpoint=None, code=0, memory="8GiB"):
    """Wall seconds of one run. Of a gigabyte of state, 2 are in memory at the most."""
    (folder / "q.sql").write_text(query)
    environment = {**os.environ, "MILLRACE_STATE_DIR": str(folder / "state"), "MILLRACE_FAILPOINT": failpoint or ""}
    start = time.perf_counter()
    done = subprocess.run([MILLRACE, "--quiet", "--shards", "2", "--memory", memory, "run", "q.sql", *words], cwd=folder, env=environment,
                          capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != code:
        raise SystemExit(f"exit {done.returncode}: {done.stderr}")
    return seconds


def make(folder, name, select):
    path = folder / name
    if not path.exists():
        duckdb.sql(f"COPY ({select}) TO '{path}.tmp' (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE 245760)")
        os.rename(f"{path}.tmp", path)
    return path


def same(query, path):
    """Is the file what DuckDB answers?"""
    return duckdb.sql(f"SELECT COUNT(*) FROM (({query}) EXCEPT FROM '{path}')").fetchall() == [(0,)]


def in_turn(runs, contenders):
    out = {name: [] for name in contenders}
    for turn in range(runs + 1):  # the first warms caches
        for name, run in contenders.items():
            seconds = run()
            if turn > 0:
                out[name].append(seconds)
    return {name: statistics.median(times) for name, times in out.items()}


def checkpoints(folder, runs):
    """1 M keys; in a second about 100,000 of them change."""
    # Every key once, then ten thousand others at a time.
    every = make(folder, "every.parquet", "SELECT i AS k, i % 1000 AS v FROM range(1000000) t(i)")
    one_pass = make(folder, "wandering.parquet", "SELECT (i // 20000000 * 50000 + hash(i) % 10000)::BIGINT AS k, i % 1000 AS v "
                    "FROM range(400000000) t(i)")
    (folder / "passes").mkdir(exist_ok=True)
    for i, path in enumerate([every, *[one_pass] * 5]):
        link = folder / f"passes/{i}.parquet"
        link.unlink(missing_ok=True)
        os.link(path, link)
    rows = f"{folder}/passes/*.parquet"
    query = f"SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS lo, MAX(v) AS hi FROM '{rows}' GROUP BY k"
    out = folder / "out.parquet"

    def one(mode):
        out.unlink(missing_ok=True)
        return timed(folder, f"INSERT INTO '{out}' {query};", "-o", f"checkpoints={mode}", "-o", "checkpoint_interval=1s",
                     "-o", "name=checkpoints")

    found = in_turn(runs, {"off": lambda: one("off"), "on": lambda: one("on")})
    assert same(query, out), "the result differs"
    print(f"checkpoint every second, 1 M keys: {found['off']:.2f} s without, {found['on']:.2f} s with: "
          f"{(found['on'] / found['off'] - 1) * 100:+.1f} % (bar 5 %)")


def skew(folder, runs):
    for keys in (1_000, 1_000_000):
        key = f"hash(i) % {keys}"
        files = {
            "uniform": make(folder, f"uniform-{keys}.parquet", f"SELECT ({key})::BIGINT AS k, i % 1000 AS v FROM range(40000000) t(i)"),
            "skewed": make(folder, f"skewed-{keys}.parquet", f"SELECT (CASE WHEN hash(i + 7) % 10 < 9 THEN 7 ELSE {key} END)::BIGINT AS k, "
                           "i % 1000 AS v FROM range(40000000) t(i)"),
        }
        out = folder / "out.parquet"

        def one(path):
            out.unlink(missing_ok=True)
            seconds = timed(folder, f"INSERT INTO '{out}' SELECT k, COUNT(*) AS n, SUM(v) AS s FROM '{path}' GROUP BY k;")
            assert same(f"SELECT k, COUNT(*) AS n, SUM(v) AS s FROM '{path}' GROUP BY k", out), "the result differs"
            return seconds

        found = in_turn(runs, {name: lambda path=path: one(path) for name, path in files.items()})
        print(f"90 % of rows on one of {keys} keys, 2 shards: {found['uniform'] / found['skewed']:.2f} x uniform (bar 0.9)")


def restart(folder, runs, gigabytes):
    """Killed behind a checkpoint that holds every key, when rows of one key are all that is left to read; then to the first
    row of the result."""
    keys = int(gigabytes * 13_500_000)
    inputs = folder / f"restart-{gigabytes:g}"
    inputs.mkdir(exist_ok=True)
    make(inputs, "0.parquet", f"SELECT i * 2654435761 % 1099511627776 AS k, i % 1000 AS v FROM range({keys}) t(i)")
    make(inputs, "1.parquet", f"SELECT 0::BIGINT AS k, i % 1000 AS v FROM range({int(max(1, gigabytes / 2) * 100_000_000)}) t(i)")
    query = f"INSERT INTO 'out.csv' SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS lo, MAX(v) AS hi FROM '{inputs}/*.parquet' GROUP BY k LIMIT 1;"
    words = ["-o", "checkpoints=on", "-o", "name=restart"]
    memory = f"{max(8, int(gigabytes * 2.2))}GiB"
    kept = folder / f"kept-{gigabytes:g}"
    size = 0
    for at in range(2, 200):
        if kept.exists():
            size = stored(kept / "restart", keys)
            break
        clear(folder)
        timed(folder, query, *words, "-o", f"checkpoint_interval={300 * gigabytes:.0f}ms",
              failpoint=f"checkpoint.acknowledged@{at}", code=-signal.SIGKILL, memory=memory)
        if size := stored(folder / "state/restart", keys):
            (folder / "state").rename(kept)
    times, used = [], []
    for _ in range(runs):
        clear(folder)
        # State files are written once: links to them will do.
        shutil.copytree(kept, folder / "state", copy_function=lambda a, b: (os.link if a.endswith(".state") else shutil.copy)(a, b))
        before = os.times()
        times.append(timed(folder, query, *words, "-o", "checkpoint_interval=1h", memory=memory))
        after = os.times()
        used.append((after.children_user - before.children_user, after.children_system - before.children_system))
    user, system = (statistics.median(some) for some in zip(*used))
    print(f"restart from {size / 1e9:.2f} GB of state, with one key left to read: {statistics.median(times):.2f} s to the first row "
          f"(bar {2 * gigabytes:g} s); {user:.2f} s user, {system:.2f} s system")


def clear(folder):
    for left in ("state", "out.csv"):
        path = folder / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def stored(pipeline, keys):
    """Bytes of state that the newest manifest names; 0 where keys are missing."""
    manifest = json.loads(sorted(pipeline.glob("epoch-*.manifest"))[-1].read_text().splitlines()[0])
    if manifest["final"]:
        raise SystemExit("no checkpoint holds every key: the input ended first")
    sections = [section for operator in manifest["operators"] for section in operator["sections"]]
    return sum(section["length"] for section in sections) if sum(section["rows"] for section in sections) >= keys else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", default=str(ROOT / "build/benchmarks/state"))
    parser.add_argument("--gigabytes", type=float, default=1, help="of state to restart from")
    parser.add_argument("workloads", nargs="*", default=["checkpoints", "skew", "restart"])
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.workloads:
        if name == "restart":
            restart(folder, options.runs, options.gigabytes)
        else:
            {"checkpoints": checkpoints, "skew": skew}[name](folder, options.runs)


if __name__ == "__main__":
    main()

"""Run the benchmarks: Millrace against its peers, in turn, on the same files, with the same number of threads.

    make bench                        all
    make bench BENCH="csv_to_parquet --runs 3"

Prints per workload the median wall and CPU seconds and the peak memory of each contender and the ratio of the fastest peer's
median to ours. Every result is checked before it counts. --json FILE keeps the numbers.
"""

import argparse
import ast
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import data
import workloads

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLRACE = ROOT / "build" / "release" / "bin" / "millrace"


def run(command, cwd=None):
    """Wall seconds, CPU seconds, peak bytes and standard output of one process."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise SystemExit(f"{command} failed with {process.returncode}:\n{text}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text


def run_python(setup, script, values):
    """As run, but wall seconds are those of `script` alone."""
    program = (
        "import time\n"
        + "".join(f"{name} = {value!r}\n" for name, value in values.items())
        + setup
        + "_start = time.perf_counter()\n"
        + script
        + "\nprint('seconds', time.perf_counter() - _start)\n"
    )
    environment_threads = str(values["threads"])
    os.environ["POLARS_MAX_THREADS"] = environment_threads
    os.environ["OMP_NUM_THREADS"] = environment_threads
    _, cpu, memory, text = run([sys.executable, "-c", program])
    seconds = [line for line in text.splitlines() if line.startswith("seconds ")]
    return float(seconds[-1].split()[1]), cpu, memory


def remove(path):
    if path.exists():
        path.unlink()


def ask(sql):
    """Rows of `sql` in DuckDB, as text, in a process of its own: what this process once held in memory would count as the
    peak of every child started later."""
    return run([sys.executable, "-c", f"import duckdb\nprint(duckdb.sql({sql!r}).fetchall())"])[3].strip().splitlines()[-1]


def checksum(path, suffix):
    """Rows, and a sum over hashes of the columns that every contender writes alike."""
    reader = f"read_csv('{path}')" if suffix == "csv" else f"'{path}'"
    return ask(
        f"select count(*), sum(id), sum(age), round(sum(salary)), count(distinct department), "
        f"sum(hash(name || email) % 1000), min(created_at::timestamp), max(created_at::timestamp) from {reader}"
    )


def report(name, bar, results):
    ours = statistics.median(wall for wall, _, _ in results["millrace"])
    best = None
    rows = []
    for contender, runs in results.items():
        wall, cpu, memory = (statistics.median(values) for values in zip(*runs))
        rows.append((contender, wall, cpu, max(run[2] for run in runs)))
        if contender != "millrace" and (best is None or wall < best[1]):
            best = (contender, wall)
    ratio = best[1] / ours if best else None
    print(f"\n{name}: bar {bar} x the fastest peer" if bar else f"\n{name}")
    for contender, wall, cpu, memory in rows:
        print(f"  {contender:<10} wall {wall:7.3f} s   cpu {cpu:7.3f} s   peak {memory / 2**20:7.0f} MiB")
    if ratio is not None:
        verdict = "met" if ratio >= bar else "MISSED"
        print(f"  ratio {ratio:.2f} x {best[0]}  ({verdict})")
    sys.stdout.flush()
    return {"name": name, "bar": bar, "ratio": ratio, "best_peer": best[0] if best else None,
            "contenders": {r[0]: {"wall": r[1], "cpu": r[2], "peak_bytes": r[3]} for r in rows}}


def run_copy(name, work, folder, options):
    source = data.make(folder, work["source"], options.scale)
    target = folder / f"out.{work['suffix']}"
    results = {"millrace": [], **{peer: [] for peer in work["peers"]}}
    expected = None
    for turn in range(options.runs + 1):  # the first warms caches and checks results
        for contender in results:
            remove(target)
            if contender == "millrace":
                wall, cpu, memory, _ = run([MILLRACE, "--shards", "2", "--quiet", "copy", source, target])
            else:
                setup, script = work["peers"][contender]
                if "duckdb.sql(f" in script:
                    script = script.replace("{source}", str(source)).replace("{target}", str(target))
                wall, cpu, memory = run_python(setup, script, dict(source=str(source), target=str(target), threads=2))
            if turn == 0:
                found = checksum(target, work["suffix"])
                expected = expected or found
                if found != expected:
                    raise SystemExit(f"{name}: {contender} wrote {found}, expected {expected}")
            else:
                results[contender].append((wall, cpu, memory))
    remove(target)
    return report(name, work["bar"], results)


def run_query(name, work, folder, options):
    source = data.make(folder, work["source"], options.scale)
    targets = {c: folder / f"out-{c}.parquet" for c in ("millrace", "duckdb")}
    results = {"millrace": [], "duckdb": []}
    threads = work["threads"]
    for turn in range(options.runs + 1):
        for contender, target in targets.items():
            remove(target)
            if contender == "millrace":
                sql = work["millrace"].format(source=source, target=target)
                wall, cpu, memory, _ = run([MILLRACE, "--shards", str(threads), "--quiet", "sql", "-c", sql])
            else:
                sql = work["duckdb"].format(source=source, target=target)
                wall, cpu, memory = run_python(workloads.DUCKDB, f"duckdb.sql({sql!r})", dict(threads=threads))
            if turn > 0:
                results[contender].append((wall, cpu, memory))
        if turn == 0:
            described = ask(f"select list(column_name) from (describe from '{targets['duckdb']}')")
            columns = ast.literal_eval(described)[0][0]
            listed = ", ".join(f"round({c}, 6) as {c}" if c == "mean" else c for c in columns)
            difference = ask(
                f"select count(*) from ((select {listed} from '{targets['millrace']}' except all select {listed} from '{targets['duckdb']}') "
                f"union all (select {listed} from '{targets['duckdb']}' except all select {listed} from '{targets['millrace']}'))"
            )
            if difference != "[(0,)]":
                raise SystemExit(f"{name}: {difference} rows differ from DuckDB's")
    for target in targets.values():
        remove(target)
    return report(name, work["bar"], results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="workloads; all when absent")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--scale", type=int, default=1, help="divide the rows by this, for a quick look")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.data / f"scale-{options.scale}"
    copies, queries = workloads.copies(), workloads.queries()
    names = options.names or [*copies, *queries]
    out = []
    for name in names:
        if name in copies:
            out.append(run_copy(name, copies[name], folder, options))
        elif name in queries:
            out.append(run_query(name, queries[name], folder, options))
        else:
            parser.error(f"no workload '{name}'; there are {', '.join([*copies, *queries])}")
    if options.json:
        options.json.write_text(json.dumps(out, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

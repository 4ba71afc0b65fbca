"""Input files of the benchmarks, made once by DuckDB from fixed seeds."""

import pathlib
import subprocess
import sys

MILLRACE = pathlib.Path(__file__).resolve().parent.parent / "build" / "release" / "bin" / "millrace"

USERS = """
select i as id, 'User_' || i as name, 'user' || i || '@example.com' as email, (18 + hash(i) % 50)::int as age,
       (['Engineering', 'Sales', 'Marketing', 'HR', 'Finance'])[(1 + hash(i + 7) % 5)::int] as department,
       round(30000 + (hash(i * 3) % 9000000) / 100.0, 2)::double as salary,
       timestamp '2024-01-01' + to_seconds((hash(i * 5) % 31536000)::int) as created_at
from range({rows}) t(i)
"""

STATIONS = """
select 'Station ' || (hash(i) % 413) as station, round(((hash(i * 3) % 1000)::int - 300) / 10.0, 1) as temperature
from range({rows}) t(i)
"""

# In time order, 100,000 rows in ten seconds.
EVENTS = """
select 'key-' || (hash(i) % 5) as k5, (hash(i * 11) % 1000000)::bigint as k,
       timestamp '2024-01-01' + to_microseconds(i * 100) as ts, (hash(i * 7) % 100000)::bigint as v
from range({rows}) t(i)
"""


# Into the file of the first argument, from that of the second.
AVRO = """
import sys, fastavro, pyarrow.parquet as pq
moment = {"type": "long", "logicalType": "timestamp-micros"}
types = dict(id="long", name="string", email="string", age="int", department="string", salary="double", created_at=moment)
schema = {"type": "record", "name": "User", "fields": [{"name": n, "type": ["null", t]} for n, t in types.items()]}
batches = pq.ParquetFile(sys.argv[2]).iter_batches(20_000)
with open(sys.argv[1], "wb") as out:
    fastavro.writer(out, schema, (row for rows in batches for row in rows.to_pylist()), codec="snappy", sync_interval=64_000)
"""

PACK = """
import gzip, sys
from backports import zstd
text = open(sys.argv[2], "rb").read()
open(sys.argv[1], "wb").write(gzip.compress(text, 6) if ".gz" in sys.argv[1] else zstd.compress(text, 3))
"""


# Into the file of the first argument, from that of the second.
ORC = """
import sys, pyarrow as pa, pyarrow.orc as orc, pyarrow.parquet as pq
with orc.ORCWriter(sys.argv[1], compression="snappy", stripe_size=8 << 20) as out:
    for rows in pq.ParquetFile(sys.argv[2]).iter_batches(65_536):
        out.write(pa.Table.from_batches([rows]))
"""


# Into the folder of the first argument, 200 rows a file, from the file of the second.
SMALL_FILES = """
import pathlib, sys, pyarrow.csv as pc, pyarrow.parquet as pq
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
rows = pq.read_table(sys.argv[2])
for at in range(0, rows.num_rows, 200):
    part, name = rows.slice(at, 200), folder / f"{at // 200:06}.{sys.argv[3]}"
    pc.write_csv(part, name) if sys.argv[3] == "csv" else pq.write_table(part, name)
"""


def make(folder, name, scale):
    """The file `name` in `folder`; `scale` divides its number of rows."""
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    users, big = 5_000_000 // scale, 100_000_000 // scale
    partial = path.with_name(path.name + ".part")
    if name in ("users_2m.avro", "users_2m.orc"):
        script = AVRO if name.endswith(".avro") else ORC
        subprocess.run([sys.executable, "-c", script, partial, make(folder, "users_2m.parquet", scale)], check=True)
        partial.rename(path)
        return path
    if name in ("users_10k_parquet", "users_10k_csv"):
        # 10,000 files of 2 M rows.
        subprocess.run([sys.executable, "-c", SMALL_FILES, partial, make(folder, "users_2m.parquet", scale),
                        name.removeprefix("users_10k_")], check=True)
        partial.rename(path)
        return path
    if name in ("users.csv.zst", "users.csv.gz"):
        # As the tools write it: one frame or member.
        subprocess.run([sys.executable, "-c", PACK, partial, make(folder, "users.csv", scale)], check=True)
        partial.rename(path)
        return path
    if name == "users_frames.csv.zst":
        subprocess.run([MILLRACE, "--quiet", "copy", make(folder, "users.csv", scale), partial, "--to", "format=csv",
                        "--to", "compression=zstd"], check=True)
        partial.rename(path)
        return path
    how = {
        "users.csv": (USERS, users, "(format csv, header)"),
        "users.ndjson": (USERS, users, "(format json)"),
        "users_array.json": (USERS, users, "(format json, array true)"),
        "users.parquet": (USERS, users, "(format parquet, compression snappy)"),
        "users_2m.parquet": (USERS, 2_000_000 // scale, "(format parquet, compression snappy)"),
        "users_large.csv": (USERS, users * 10, "(format csv, header)"),
        "stations.csv": (STATIONS, big, "(format csv, delimiter ';', header false)"),
        "events.parquet": (EVENTS, big, "(format parquet, compression snappy, row_group_size 1000000)"),
    }[name]
    sql = f"copy ({how[0].format(rows=how[1])}) to '{partial}' {how[2]}"
    subprocess.run([sys.executable, "-c", f"import duckdb\nduckdb.sql({sql!r})"], check=True)
    partial.rename(path)
    return path

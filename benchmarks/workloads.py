"""The workloads: what each contender runs, and how its result is checked.

A workload names its input, the bar (our time against the fastest peer's) and one command or script per contender. Peers run
inside their own Python process and time themselves without the interpreter's start; Millrace is timed as a whole process,
start included, which is the stricter side.
"""

USERS = "users"  # 5 M rows of id, name, email, age, department, salary, created_at

# Every script below is Python with `source`, `target` and `threads` defined.
DUCKDB = "import duckdb\nduckdb.sql(f'set threads={threads}')\n"
POLARS = "import polars as pl\n"
PYARROW = (
    "import pyarrow as pa, pyarrow.csv as pc, pyarrow.json as pj, pyarrow.parquet as pq\n"
    "pa.set_cpu_count(threads)\n"
)
PYARROW_CSV_STREAM = (
    "reader = pc.open_csv(source)\n"
    "with {writer} as writer:\n"
    "    for batch in reader:\n"
    "        {write}\n"
)
FASTAVRO_TO_PARQUET = (
    "writer = None\n"
    "with open(source, 'rb') as file:\n"
    "    rows = fastavro.reader(file)\n"
    "    while part := list(itertools.islice(rows, 100_000)):\n"
    "        table = pa.Table.from_pylist(part)\n"
    "        writer = writer or pq.ParquetWriter(target, table.schema, compression='snappy')\n"
    "        writer.write_table(table)\n"
    "writer.close()\n"
)


def copies():
    """name → (input, output extension, bar, {contender: setup, timed script})."""
    return {
        "csv_to_parquet": dict(
            source="users.csv", suffix="parquet", bar=2.0,
            peers={
                "duckdb": (DUCKDB, "duckdb.sql(f\"copy (from read_csv('{source}')) to '{target}' (format parquet, compression snappy)\")"),
                "polars": (POLARS, "pl.scan_csv(source, try_parse_dates=True).sink_parquet(target, compression='snappy')"),
                "pyarrow": (PYARROW, PYARROW_CSV_STREAM.format(
                    writer="pq.ParquetWriter(target, reader.schema, compression='snappy')", write="writer.write_batch(batch)")),
            }),
        **{name: dict(
            source=source, suffix="parquet", bar=1.3,
            peers={"duckdb": (DUCKDB, "duckdb.sql(f\"copy (from read_csv('{source}')) to '{target}' (format parquet, compression snappy)\")")})
           for name, source in (("csv_zst_to_parquet", "users.csv.zst"), ("csv_zst_frames_to_parquet", "users_frames.csv.zst"),
                                ("csv_gz_to_parquet", "users.csv.gz"))},
        "csv_to_csv": dict(
            source="users.csv", suffix="csv", bar=3.0,
            peers={
                "duckdb": (DUCKDB, "duckdb.sql(f\"copy (from read_csv('{source}')) to '{target}' (format csv, header)\")"),
                "polars": (POLARS, "pl.scan_csv(source, try_parse_dates=True).sink_csv(target)"),
                "pyarrow": (PYARROW, PYARROW_CSV_STREAM.format(
                    writer="pc.CSVWriter(target, reader.schema)", write="writer.write(batch)")),
            }),
        "ndjson_to_parquet": dict(
            source="users.ndjson", suffix="parquet", bar=1.5,
            peers={
                "duckdb": (DUCKDB, "duckdb.sql(f\"copy (from read_json('{source}', format='newline_delimited')) to '{target}' (format parquet, compression snappy)\")"),
                "polars": (POLARS, "pl.scan_ndjson(source).sink_parquet(target, compression='snappy')"),
                "pyarrow": (PYARROW, "pq.write_table(pj.read_json(source), target, compression='snappy')"),
            }),
        "json_array_to_parquet": dict(
            source="users_array.json", suffix="parquet", bar=2.0,
            peers={
                "duckdb": (DUCKDB, "duckdb.sql(f\"copy (from read_json('{source}', format='array')) to '{target}' (format parquet, compression snappy)\")"),
                "polars": (POLARS, "pl.read_json(source).write_parquet(target, compression='snappy')"),
            }),
        "avro_to_parquet": dict(
            source="users_2m.avro", suffix="parquet", bar=1.5,
            peers={
                "polars": (POLARS, "pl.read_avro(source).write_parquet(target, compression='snappy')"),
                "fastavro": (PYARROW + "import fastavro, itertools\n", FASTAVRO_TO_PARQUET),
            }),
        "orc_to_parquet": dict(
            source="users_2m.orc", suffix="parquet", bar=1.5,
            peers={
                "pyarrow": (PYARROW + "import pyarrow.orc as orc\n",
                            "f = orc.ORCFile(source)\nwith pq.ParquetWriter(target, f.schema, compression='snappy') as w:\n"
                            "    for i in range(f.nstripes):\n        w.write_batch(f.read_stripe(i))"),
            }),
        # Opening costs more than reading here, and the row groups of the output must not be as small as the files.
        **{f"10k_{kind}_to_parquet": dict(
            source=f"users_10k_{kind}", suffix="parquet", bar=2.0,
            peers={"duckdb": (DUCKDB, f"duckdb.sql(f\"copy (from read_{kind}('{{source}}/*.{kind}')) to '{{target}}' (format parquet, compression snappy)\")")})
           for kind in ("parquet", "csv")},
        "parquet_to_csv": dict(
            source="users.parquet", suffix="csv", bar=3.0,
            peers={
                "duckdb": (DUCKDB, "duckdb.sql(f\"copy (from '{source}') to '{target}' (format csv, header)\")"),
                "polars": (POLARS, "pl.scan_parquet(source).sink_csv(target)"),
                "pyarrow": (PYARROW, "f = pq.ParquetFile(source)\nwith pc.CSVWriter(target, f.schema_arrow) as w:\n"
                                     "    for b in f.iter_batches():\n        w.write(b)"),
            }),
    }


STATIONS_QUERY = ("SELECT station, min(temperature) AS low, avg(temperature) AS mean, max(temperature) AS high "
                  "FROM {table} GROUP BY station ORDER BY station")
GROUP_QUERY = "SELECT {key}, count(*) AS n, sum(v) AS s, min(v) AS low, max(v) AS high FROM {table} GROUP BY {key}"


def queries():
    """name → input, bar, threads, Millrace SQL and DuckDB SQL; the result goes to Parquet and is compared."""
    # The windows' rows are summed up: nearly every row of a million keys would otherwise be written out again, and the
    # writer measured instead of the windows.
    summary = ("SELECT count(*) AS windows, sum(n) AS n, sum(s) AS s, sum(low) AS low, sum(high) AS high, "
               "min(window_start) AS first_start, max(window_start) AS last_start FROM ({inner}) AS w")
    window_millrace = (
        "CREATE SOURCE events ({columns}, WATERMARK FOR ts AS ts - INTERVAL '0' SECOND) "
        "WITH (connector = 'files', path = '{source}'); INSERT INTO '{target}' " +
        summary.replace("{inner}", "SELECT window_start, {key}, count(*) AS n, sum(v) AS s, min(v) AS low, max(v) AS high "
                        "FROM events GROUP BY {key} WINDOW TUMBLING(ts, INTERVAL '10' SECOND) EMIT FINAL"))
    window_duckdb = (
        "copy (" + summary.replace("{inner}", "SELECT time_bucket(interval 10 second, ts) AS window_start, {key}, "
                                   "count(*) AS n, sum(v)::BIGINT AS s, min(v) AS low, max(v) AS high "
                                   "FROM '{source}' GROUP BY 1, 2") +
        ") to '{target}' (format parquet)")
    columns = "k5 VARCHAR, k BIGINT, ts TIMESTAMP, v BIGINT"
    out = {
        "stations": dict(
            source="stations.csv", bar=3.0, threads=2,
            millrace="CREATE SOURCE t (station VARCHAR, temperature DOUBLE) WITH (connector='files', path='{source}', "
                     "delimiter=';', header='false'); INSERT INTO '{target}' " + STATIONS_QUERY.format(table="t"),
            duckdb="copy (" + STATIONS_QUERY.format(
                table="read_csv('{source}', delim=';', header=false, "
                      "columns={{'station':'VARCHAR','temperature':'DOUBLE'}})") +
                   ") to '{target}' (format parquet, compression snappy)"),
        "group_5_strings": dict(
            source="events.parquet", bar=1.0, threads=2,
            millrace="INSERT INTO '{target}' " + GROUP_QUERY.format(key="k5", table="'{source}'"),
            duckdb="copy (" + GROUP_QUERY.format(key="k5", table="'{source}'").replace("sum(v)", "sum(v)::BIGINT") +
                   ") to '{target}' (format parquet, compression snappy)"),
        "group_1m_integers": dict(
            source="events.parquet", bar=1.1, threads=2,
            millrace="INSERT INTO '{target}' " + GROUP_QUERY.format(key="k", table="'{source}'"),
            duckdb="copy (" + GROUP_QUERY.format(key="k", table="'{source}'").replace("sum(v)", "sum(v)::BIGINT") +
                   ") to '{target}' (format parquet, compression snappy)"),
    }
    for name, key, bar in (("window_5_strings", "k5", 1.0), ("window_1m_integers", "k", 3.0)):
        out[name] = dict(
            source="events.parquet", bar=bar, threads=1,
            millrace=window_millrace.replace("{columns}", columns).replace("{key}", key),
            duckdb=window_duckdb.replace("{key}", key))
    return out

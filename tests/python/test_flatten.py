"""Structs as columns, of every nested format, against what Python makes of the same rows."""

import json

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from program import *  # noqa: F401,F403

POINT = pa.struct([("x", pa.int64()), ("deep", pa.struct([("y", pa.utf8()), ("l", pa.list_(pa.int64()))]))])
ROWS = [
    {"id": 1, "p": {"x": 10, "deep": {"y": "one", "l": [1, 2]}}, "l": [{"z": 1}]},
    {"id": 2, "p": None, "l": None},
    {"id": 3, "p": {"x": None, "deep": None}, "l": []},
    {"id": 4, "p": {"x": 40, "deep": {"y": None, "l": []}}, "l": [{"z": None}]},
] * 300
TABLE = pa.Table.from_pylist(ROWS, pa.schema([("id", pa.int64()), ("p", POINT), ("l", pa.list_(pa.struct([("z", pa.int64())])))]))
FLAT = [{"id": row["id"], "p_x": (row["p"] or {}).get("x"), "p_deep_y": ((row["p"] or {}).get("deep") or {}).get("y"),
         "p_deep_l": ((row["p"] or {}).get("deep") or {}).get("l"), "l": row["l"]} for row in ROWS]
FORMATS = ["parquet", "orc", "arrow", "arrows", "avro", "json", "array.json", "json.gz"]


def write(millrace, name):
    """The nested rows as a file, made by others where they can."""
    path = millrace.folder / name
    if name.endswith(".parquet"):
        pq.write_table(TABLE, path, row_group_size=200)
    elif name.endswith(".orc"):
        orc.write_table(TABLE, path)
    elif name.endswith(".arrow"):
        with ipc.new_file(path, TABLE.schema) as out:
            out.write_table(TABLE, max_chunksize=100)
    elif name.endswith(".array.json"):
        path.write_text(json.dumps(ROWS, indent=1))
    elif name.endswith(".json"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        write(millrace, "in.parquet")
        millrace("copy", "in.parquet", name)
    return name


@pytest.mark.parametrize("form", FORMATS)
def test_structs_become_columns(millrace, form):
    millrace("copy", write(millrace, "in." + form), "out.parquet", "--from", "flatten=true")
    table = pq.read_table(millrace.folder / "out.parquet")
    assert sorted(table.schema.names) == sorted(FLAT[0])
    assert table.select(list(FLAT[0])).to_pylist() == FLAT


@pytest.mark.parametrize("form", FORMATS)
def test_only_what_is_asked_for(millrace, form):
    name = write(millrace, "in." + form)
    table = f"CREATE TABLE t WITH (connector = 'files', path = '{name}', flatten = 'true'); "
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT p_deep_y, id FROM t WHERE p_x > 20 AND id < 100 AND p_deep_y IS NULL")
    assert done.stdout.split() == ["p_deep_y,id"] + [",4"] * 300
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT COUNT(*) AS n FROM t")
    assert done.stdout.split() == ["n", "1200"]
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT COUNT(*) AS n FROM t WHERE id = 3 AND p_x IS NULL")
    assert done.stdout.split() == ["n", "300"]


def test_parquet_is_asked_for_the_struct_only(millrace):
    """The damaged column is not touched when another one is asked for."""
    wide = pa.table({"a": pa.array([{"b": i, "c": str(i)} for i in range(5000)]), "z": pa.array(["q" * 50] * 5000)})
    pq.write_table(wide, millrace.folder / "in.parquet", use_dictionary=False, compression="none")
    chunk = pq.ParquetFile(millrace.folder / "in.parquet").metadata.row_group(0).column(2)
    assert chunk.path_in_schema == "z"
    data = bytearray((millrace.folder / "in.parquet").read_bytes())
    data[chunk.data_page_offset:chunk.data_page_offset + 40] = b"\xff" * 40
    (millrace.folder / "in.parquet").write_bytes(data)
    table = "CREATE TABLE t WITH (connector = 'files', path = 'in.parquet', flatten = 'true'); "
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT SUM(a_b) AS s FROM t")
    assert done.stdout.split() == ["s", str(sum(range(5000)))]
    millrace("sql", "-c", table + "SELECT MAX(z) FROM t", code=1)


def test_depth_and_separator(millrace):
    write(millrace, "in.parquet")
    millrace("copy", "in.parquet", "out.parquet", "--from", "flatten=true", "--from", "flatten_depth=1", "--from", "flatten_separator=.")
    table = pq.read_table(millrace.folder / "out.parquet")
    assert table.schema.names == ["id", "p.x", "p.deep", "l"]
    assert table["p.deep"].to_pylist() == [(row["p"] or {}).get("deep") for row in ROWS]


def test_names_that_collide(millrace):
    rows = [{"a": {"b": 1}, "a_b": 2}]
    pq.write_table(pa.Table.from_pylist(rows), millrace.folder / "in.parquet")
    done = millrace("copy", "in.parquet", "out.csv", "--from", "flatten=true", code=1)
    assert "MR-2071" in done.stderr and "in.parquet" in done.stderr and "a.b and a_b" in done.stderr
    millrace("copy", "in.parquet", "out.csv", "--from", "flatten=true", "--from", "flatten_separator=__")
    assert (millrace.folder / "out.csv").read_text() == "a__b,a_b\n1,2\n"


def test_options_that_do_not_fit(millrace, people):
    pq.write_table(TABLE, millrace.folder / "in.parquet")
    for words in (["people.csv", "out.json", "--from", "flatten=true"], ["in.parquet", "out.json", "--from", "flatten_depth=1"],
                  ["in.parquet", "out.json", "--from", "flatten=true", "--from", "flatten_depth=0"],
                  ["in.parquet", "out.json", "--to", "flatten_separator=."]):
        assert "MR-1003" in millrace("copy", *words, code=2).stderr


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "arrow", "avro", "orc", "json"])
def test_structs_are_written_as_columns(millrace, form):
    write(millrace, "in.parquet")
    millrace("copy", "in.parquet", "out." + form, "--to", "flatten=true", "--select", "SELECT id, p FROM source")
    millrace("copy", "out." + form, "back.json")
    ours = [json.loads(line) for line in (millrace.folder / "back.json").read_text().splitlines()]
    names = ["id", "p_x", "p_deep_y", "p_deep_l"]
    text = form.startswith("csv")
    cell = lambda value: json.dumps(value, separators=(",", ":")) if text and isinstance(value, list) else value
    assert [{name: row[name] for name in names} for row in ours] == [{name: cell(row[name]) for name in names} for row in FLAT]


def test_folders_and_appending(millrace):
    write(millrace, "in.parquet")
    millrace("copy", "in.parquet", "out/", "--format", "csv", "--to", "flatten=true", "--to", "partition_by=id", "--select", "SELECT id, p FROM source")
    done = millrace("-q", "sql", "--format", "csv", "-c", "SELECT SUM(p_x) AS s FROM 'out/' WHERE id = 4")
    assert done.stdout.split() == ["s", "12000"]
    for mode in ("error", "append"):
        millrace("copy", "in.parquet", "one.csv", "--mode", mode, "--to", "flatten=true", "--select", "SELECT p FROM source LIMIT 1")
    assert (millrace.folder / "one.csv").read_text() == 'p_x,p_deep_y,p_deep_l\n10,one,"[1,2]"\n10,one,"[1,2]"\n'


@pytest.mark.parametrize("form", ["parquet", "json", "avro"])
def test_declared_columns(millrace, form):
    name = write(millrace, "in." + form)
    table = (f"CREATE TABLE t (p_x DOUBLE, id BIGINT, p_deep_y VARCHAR) WITH (connector = 'files', path = '{name}', "
             "flatten = 'true'); ").replace("DOUBLE", "BIGINT" if form == "avro" else "DECIMAL(20, 1)" if form == "json" else "BIGINT")
    millrace("sql", "-c", table + "INSERT INTO 'out.parquet' SELECT * FROM t")
    rows = pq.read_table(millrace.folder / "out.parquet").to_pylist()
    assert rows == [{"p_x": row["p_x"], "id": row["id"], "p_deep_y": row["p_deep_y"]} for row in FLAT]
    wrong = table.replace("p_deep_y VARCHAR", "p_other VARCHAR")
    done = millrace("sql", "-c", wrong + "SELECT * FROM t", code=1)
    assert ("MR-2073" if form == "json" else "MR-2072") in done.stderr and "p_other" in done.stderr


@pytest.mark.parametrize("form", ["parquet", "json"])
@pytest.mark.parametrize("policy", [None, "default"])
def test_files_of_a_set(millrace, form, policy):
    """The second file has fields in another order, and one that the first lacks."""
    first, second = [{"a": {"b": 1, "c": "x"}, "d": 1}], [{"d": 2, "a": {"c": "y", "b": 2}}]
    if policy:
        second[0]["a"]["new"] = 7
    for number, rows in enumerate((first, second)):
        path = millrace.folder / f"in{number}.{form}"
        if form == "json":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            rows = [{"a": {"b": rows[0]["a"]["b"], "c": rows[0]["a"]["c"], **rows[0]["a"]}, "d": rows[0]["d"]}]
            pq.write_table(pa.Table.from_pylist(rows), path)
    options = ["--from", "flatten=true"] + (["--from", "schema_policy=" + policy] if policy else [])
    millrace("copy", f"in*.{form}", "out.csv", *options)
    assert (millrace.folder / "out.csv").read_text() == "a_b,a_c,d\n1,x,1\n2,y,2\n"


def test_objects_whose_fields_come_later(millrace):
    """A file whose sample lacks a field has its values all the same, as the first file told the path."""
    (millrace.folder / "in0.json").write_text('{"a": {"b": 1, "c": 1}}\n')
    (millrace.folder / "in1.json").write_text('{"a": {"b": 2}}\n' * 3 + '{"a": {"b": 3, "c": 3}}\n')
    done = millrace("-q", "sql", "--format", "csv", "-c", "CREATE TABLE t WITH (connector = 'files', path = 'in*.json', flatten = 'true', "
                    "sample_rows = '1'); SELECT * FROM t")
    assert done.stdout == "a_b,a_c\n1,1\n2,\n2,\n2,\n3,3\n"


def test_pipes(millrace):
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    millrace("copy", "-", "out.parquet", "--from", "format=json", "--from", "flatten=true", stdin=text)
    table = pq.read_table(millrace.folder / "out.parquet")
    assert table.select(list(FLAT[0])).to_pylist() == FLAT


def test_a_watched_file_goes_on_after_a_stop(millrace):
    """The paths are known after a restart, whatever the file's sample holds by then."""
    (millrace.folder / "in").mkdir()
    path = millrace.folder / "in/a.json"
    path.write_text('{"a": {"b": 1, "c": "x"}}\n')
    words = ["copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--from", "flatten=true", "--from", "format=json", "--resume",
             "-o", "checkpoint_interval=100ms"]

    def seen():
        return sorted(line for part in millrace.folder.glob("out/*.csv") for line in part.read_text().splitlines()[1:])
    for more, expected in (("", ["1,x"]), ('{"a": {"b": 2}}\n{"a": {"c": "y"}}\n', [",y", "1,x", "2,"])):
        with path.open("a") as out:
            out.write(more)
        process = millrace.start(*words)
        try:
            wait_for(lambda: seen() == expected)
        finally:
            process.send_signal(2)
            process.wait(30)


@pytest.mark.parametrize("sink", ["out.parquet", "out.arrow"])
def test_nothing_of_the_paths_is_left_in_files(millrace, sink):
    write(millrace, "in.json")
    millrace("copy", "in.json", sink, "--from", "flatten=true")
    assert b"millrace.path" not in (millrace.folder / sink).read_bytes()
    schema = pq.read_schema(millrace.folder / sink) if sink.endswith("parquet") else ipc.open_file(millrace.folder / sink).schema
    assert all(not field.metadata or b"millrace.path" not in field.metadata for field in schema)

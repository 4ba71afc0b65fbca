"""Partitioned folders, read by DuckDB and pyarrow."""

import shutil

import duckdb
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from program import binary, millrace, root, wait_for  # noqa: F401 (fixtures)


def rows_of(folder, extension):
    reader = "read_parquet" if extension == "parquet" else "read_csv_auto"
    return sorted(duckdb.sql(f"SELECT id, kind, day FROM {reader}('{folder}/**/*.{extension}', hive_partitioning = true, "
                             "hive_types_autocast = false)").fetchall(), key=lambda row: int(row[0]))


SOURCE = "id,kind,day\n1,a,2024-01-01\n2,b/c=d,2024-01-01\n3,,2024-01-02\n4,a,2024-01-02\n5,50%,2024-01-02\n"
EXPECTED = [(1, "a", "2024-01-01"), (2, "b/c=d", "2024-01-01"), (3, None, "2024-01-02"), (4, "a", "2024-01-02"),
            (5, "50%", "2024-01-02")]


@pytest.mark.parametrize("extension", ["parquet", "csv"])
def test_others_read_the_partitions(millrace, tmp_path, extension):
    (tmp_path / "source.csv").write_text(SOURCE)
    millrace("copy", "source.csv", "out/", "--format", extension, "--to", "partition_by=day, kind", "--to", "max_open_files=2")
    assert rows_of(tmp_path / "out", extension) == EXPECTED
    folders = {str(path.parent.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob(f"*.{extension}")}
    assert folders == {"day=2024-01-01/kind=a", "day=2024-01-01/kind=b%2Fc%3Dd", "day=2024-01-02/kind=a",
                       "day=2024-01-02/kind=__HIVE_DEFAULT_PARTITION__", "day=2024-01-02/kind=50%25"}
    assert [path for path in (tmp_path / "out").rglob(".*")] == []


def test_pyarrow_finds_the_columns(millrace, tmp_path):
    (tmp_path / "source.csv").write_text(SOURCE)
    millrace("copy", "source.csv", "out/", "--format", "parquet", "--to", "partition_by=kind")
    table = pyarrow.dataset.dataset(tmp_path / "out", partitioning="hive").to_table().sort_by("id")
    assert table["id"].to_pylist() == [1, 2, 3, 4, 5]
    assert table["kind"].to_pylist() == [row[1] for row in EXPECTED]


def test_overwrite_and_append(millrace, tmp_path):
    (tmp_path / "source.csv").write_text(SOURCE)
    (tmp_path / "less.csv").write_text("id,kind,day\n9,a,2024-01-01\n")
    words = ("--format", "csv", "--to", "partition_by=kind")
    millrace("copy", "source.csv", "out/", *words)
    assert "MR-2402" in millrace("copy", "source.csv", "out/", *words, code=1).stderr
    millrace("copy", "less.csv", "out/", *words, "--mode", "append")
    assert len(rows_of(tmp_path / "out", "csv")) == 6
    millrace("copy", "less.csv", "out/", *words, "--mode", "overwrite")
    assert [row[0] for row in rows_of(tmp_path / "out", "csv")] == [9]


def test_bad_partition_columns(millrace, tmp_path):
    (tmp_path / "source.csv").write_text(SOURCE)
    for columns, text in [("kund", "did you mean 'kind'?"), ("kind,kind", "named twice"), ("id,kind,day", "no column is left")]:
        done = millrace("copy", "source.csv", "out/", "--format", "csv", "--to", f"partition_by={columns}", code=1)
        assert "MR-2412" in done.stderr and text in done.stderr
    assert "MR-2413" in millrace("copy", "source.csv", "-", "--format", "csv", "--to", "partition_by=kind", code=1).stderr
    assert not (tmp_path / "out").exists()


def select(millrace, query, **options):
    return millrace("sql", "--format", "csv", "-c", query, **options).stdout.splitlines()[1:]


def test_partitions_are_read_back(millrace, tmp_path):
    """What was written comes back, NULL and escaped names with it, as BIGINT, DATE and VARCHAR."""
    source, back = tmp_path / "source.parquet", tmp_path / "back.parquet"
    duckdb.sql(f"""COPY (
        SELECT i AS id, i % 4 - 1 AS number, DATE '2024-02-28' + (i % 3)::INT AS day,
               CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'b/c=d' WHEN 2 THEN '50%' ELSE 'näher ' || i % 5 END AS kind
        FROM range(1000) r(i)) TO '{source}'""")
    for form in ("parquet", "csv", "json"):
        millrace("copy", "source.parquet", f"{form}/", "--format", form, "--to", "partition_by=number,day,kind")
        for path in (f"{form}/", f"{form}/**/*.{form}"):
            millrace("copy", path, "back.parquet", "--mode", "overwrite")
            read = duckdb.sql(f"FROM '{back}'")
            columns = [(name, str(kind)) for name, kind in zip(read.columns, read.types)]
            assert columns == [("id", "BIGINT"), ("number", "BIGINT"), ("day", "DATE"), ("kind", "VARCHAR")], path
            rows = {row[0]: row for row in read.fetchall()}
            assert rows == {row[0]: row for row in duckdb.sql(f"FROM '{source}'").fetchall()}, path


@pytest.fixture
def tree(tmp_path):
    """Numbers, days and words by folder; each file of 40 rows."""
    names = [(n, f"2024-01-0{n % 4 + 1}", ["north", "nose", "south", None][n % 4]) for n in range(-2, 6)]
    for n, day, word in names:
        folder = tmp_path / "tree" / f"n={n}" / f"day={day}" / f"word={word or '__HIVE_DEFAULT_PARTITION__'}"
        folder.mkdir(parents=True)
        duckdb.sql(f"COPY (SELECT i AS id, i % 5 AS v FROM range({n * 40}, {n * 40 + 40}) r(i)) TO '{folder}/x.parquet'")
    return tmp_path / "tree"


CONDITIONS = [
    ("n = 3", [3]), ("n IN (1, 4, 17)", [1, 4]), ("n > 2 AND v < 2", [3, 4, 5]), ("n > 2 OR word = 'nose'", [1, 3, 4, 5]),
    ("NOT n <= 3", [4, 5]), ("day = DATE '2024-01-02'", [1, 5]), ("day < DATE '2024-01-02'", [0, 4]),
    ("word IS NULL", [-1, 3]), ("word IS NOT NULL AND n < 0", [-2]), ("NOT (word = 'north' OR n < 3)", [5]),
    ("n BETWEEN -1 AND 0 AND (v = 1 OR id = 3)", [-1, 0]), ("n = 1 AND n = 2", []),
]


@pytest.mark.parametrize("condition, files", CONDITIONS)
def test_conditions_leave_files_unopened(condition, files, millrace, tree):
    query = "SELECT id, n, day, word, v FROM '{}' WHERE " + condition + " ORDER BY id"
    expected = [",".join("" if value is None else str(value) for value in row)
                for row in duckdb.sql(query.format(f"{tree}/**/*.parquet")).fetchall()]
    # Nothing else is a Parquet file any more, but the first, which tells the columns.
    paths = sorted(tree.rglob("*.parquet"))
    for path in paths[1:]:
        if int(path.parts[-4].removeprefix("n=")) not in files:
            path.write_text("not to be read")
    assert select(millrace, query.format("tree/")) == expected
    assert (len(expected) > 0) == (len(files) > 0)


def test_without_the_condition_they_are_opened(millrace, tree):
    sorted(tree.rglob("*.parquet"))[-1].write_text("not to be read")
    assert "MR-" in millrace("sql", "-c", "SELECT n FROM 'tree/'", code=1).stderr


def test_folders_alone_answer_for_their_columns(millrace, tree):
    expected = [f"{n},{day},40" for n, day in duckdb.sql(
        f"SELECT DISTINCT n, day FROM '{tree}/**/*.parquet' ORDER BY n").fetchall()]
    assert select(millrace, "SELECT n, day, COUNT(*) AS c FROM 'tree/' GROUP BY n, day ORDER BY n") == expected
    assert select(millrace, "SELECT DISTINCT n FROM 'tree/' WHERE n > 3 ORDER BY n") == ["4", "5"]
    assert select(millrace, "SELECT COUNT(*) AS c FROM 'tree/'") == ["320"]


def test_large_files_have_the_columns_in_every_part(millrace, tmp_path):
    folder = tmp_path / "large" / "k=7"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id,v\n" + "".join(f"{i},x\n" for i in range(20_000)))
    script = ("CREATE SOURCE s WITH (connector = 'files', path = 'large/', split_size = '10KB'); "
              "SELECT k, v, COUNT(*) AS c, MIN(id) AS l, MAX(id) AS m FROM s WHERE k = 7 GROUP BY k, v")
    assert select(millrace, script) == ["7,x,20000,0,19999"]


@pytest.mark.parametrize("names, kind, values", [
    (["k=1", "k=-20"], "BIGINT", [-20, 1]), (["k=1", "k=02"], "VARCHAR", ["02", "1"]), (["k=1", "k=x"], "VARCHAR", ["1", "x"]),
    (["k=1.5", "k=2"], "VARCHAR", ["1.5", "2"]), (["k=99999999999999999999", "k=1"], "VARCHAR", ["1", "99999999999999999999"]),
    (["k=2024-02-29", "k=2024-03-01"], "DATE", None), (["k=2023-02-29", "k=2024-03-01"], "VARCHAR", ["2023-02-29", "2024-03-01"]),
    (["k=a%20b%2", "k=%C3%A4"], "VARCHAR", ["a b%2", "ä"]), (["k=1", "k=__HIVE_DEFAULT_PARTITION__"], "BIGINT", [1, None]),
    (["%6b=1", "k=2"], "BIGINT", [1, 2]),
])
def test_types_of_names(names, kind, values, millrace, tmp_path):
    for name in names:
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "a.csv").write_text("v\n1\n")
    millrace("copy", "in/", "out.parquet")
    read = duckdb.sql(f"SELECT k FROM '{tmp_path}/out.parquet' ORDER BY k")
    assert str(read.types[0]) == kind
    assert values is None or [row[0] for row in read.fetchall()] == values


def test_folders_stand_before_files(millrace, tmp_path):
    for n in (1, 2):
        (tmp_path / "in" / f"k={n}").mkdir(parents=True)
        duckdb.sql(f"COPY (SELECT {n + 10} AS k, 'v' AS v) TO '{tmp_path}/in/k={n}/a.parquet'")
    theirs = duckdb.sql(f"SELECT * FROM '{tmp_path}/in/**/*.parquet' ORDER BY 1")
    assert theirs.columns == ["k", "v"] and theirs.fetchall() == [(1, "v"), (2, "v")]
    assert select(millrace, "SELECT * FROM 'in/' ORDER BY k") == ["1,v", "2,v"]
    assert select(millrace, "SELECT v FROM 'in/' WHERE k = 2") == ["v"]
    declared = "CREATE SOURCE s (k {}, v VARCHAR) WITH (connector = 'files', path = 'in/'{}); SELECT * FROM s ORDER BY k"
    assert select(millrace, declared.format("VARCHAR", "")) == ["1,v", "2,v"]
    assert select(millrace, declared.format("INTEGER", ", hive_partitioning = 'off'")) == ["11,v", "12,v"]


def test_declared_types_of_folders(millrace, tmp_path):
    for n in ("2024-01-01", "2024-01-02"):
        (tmp_path / "in" / f"k={n}" / "w=x").mkdir(parents=True)
        (tmp_path / "in" / f"k={n}" / "w=x" / "a.csv").write_text("v\n1\n")
    declared = "CREATE SOURCE s (k {}, v BIGINT) WITH (connector = 'files', path = 'in/'); SELECT * FROM s ORDER BY k"
    assert select(millrace, declared.format("TIMESTAMP"))[0].startswith("2024-01-01")
    assert select(millrace, declared.format("VARCHAR")) == ["2024-01-01,1", "2024-01-02,1"]
    done = millrace("sql", "-c", declared.format("BIGINT"), code=1)
    assert "MR-2419" in done.stderr and "2024-01-01" in done.stderr and "column k" in done.stderr


def test_on_auto_and_off(millrace, tmp_path):
    (tmp_path / "in" / "k=1").mkdir(parents=True)
    (tmp_path / "in" / "k=1" / "a.csv").write_text("v\n5\n")
    script = "CREATE SOURCE s WITH (connector = 'files', path = '{}', hive_partitioning = '{}'{}); SELECT * FROM s"
    assert select(millrace, script.format("in/", "auto", "")) == ["5,1"]
    assert select(millrace, script.format("in/k=1/a.csv", "on", "")) == ["5,1"]
    assert select(millrace, script.format("in/", "off", "")) == ["5"]
    (tmp_path / "in" / "b.csv").write_text("v\n6\n")
    assert sorted(select(millrace, script.format("in/", "auto", ""))) == ["5", "6"]
    assert "MR-2418" in millrace("sql", "-c", script.format("in/", "on", ""), code=1).stderr
    watching = millrace("sql", "-c", script.format("in/", "on", ", mode = 'watch'"), code=2)
    assert "MR-1003" in watching.stderr and "hive_partitioning" in watching.stderr


EXPRESSIONS = "YEAR(at) AS year, c"


def surfaces(tmp_path):
    """The same partitions by each of the three ways."""
    (tmp_path / "x.sql").write_text(
        f"CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv', partition_by = '{EXPRESSIONS}');\n"
        "INSERT INTO o SELECT * FROM 'in.csv';\n")
    (tmp_path / "x.yaml").write_text(
        "name: x\nsource: {connector: files, path: in.csv}\n"
        f"sink: {{connector: files, path: out/, format: csv, partition_by: '{EXPRESSIONS}'}}\n")
    return (["run", "x.sql"], ["run", "x.yaml"],
            ["copy", "in.csv", "out/", "--format", "csv", "--partition-by", EXPRESSIONS])


def test_expressions_become_columns_of_the_partitions(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("id,at,c\n1,2024-01-05 10:00:00,x\n2,2023-02-05 10:00:00,y\n3,2024-03-01 00:00:00,x\n")
    for words in surfaces(tmp_path):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        millrace(*words)
        found = {str(path.parent.relative_to(tmp_path / "out")): path.read_text() for path in (tmp_path / "out").rglob("*.csv")}
        assert found == {"year=2024/c=x": "id,at\n1,2024-01-05 10:00:00\n3,2024-03-01 00:00:00\n",
                         "year=2023/c=y": "id,at\n2,2023-02-05 10:00:00\n"}


@pytest.mark.parametrize("columns, number", [("YEAR(at)", "MR-3042"), ("YEAR(ax) AS y", "MR-3021"), ("YEAR(at AS y", "MR-3001"),
                                             ("yeat", "MR-2412"), ("YEAR(at) AS id", "MR-4003")])
def test_bad_partition_expressions(millrace, tmp_path, columns, number):
    (tmp_path / "in.csv").write_text("id,at,c\n1,2024-01-05 10:00:00,x\n")
    done = millrace("copy", "in.csv", "out/", "--format", "csv", "--partition-by", columns,
                    code=1 if number == "MR-2412" else 2)
    assert number in done.stderr


@pytest.mark.parametrize("words", [[], ["--resume"]])
@pytest.mark.parametrize("value", ["x" * 260, "é" * 130, "/" * 90])
def test_a_value_too_long_for_a_folder_is_refused_before_anything_is_decided(millrace, tmp_path, words, value):
    (tmp_path / "in.csv").write_text(f"id,p\n1,ok\n2,{value}\n3,fine\n")
    copy = ["copy", "in.csv", "out/", "--format", "csv", "--partition-by"]
    for _ in range(2):
        assert "MR-2422" in millrace(*copy, "p", *words, code=1).stderr
        assert not list(tmp_path.rglob("part-*"))
    # What the hint says.
    millrace(*copy, "LEFT(p, 20) AS part")
    assert len(list(tmp_path.rglob("part-*.csv"))) == 3


def order_of(file):
    group = pq.ParquetFile(file).metadata.row_group(0)
    return [(group.column(c.column_index).path_in_schema, c.descending, c.nulls_first) for c in group.sorting_columns]


def test_every_file_is_sorted(millrace, tmp_path):
    """Per partition and where files roll, by several writers, in little memory; DuckDB says what the order is."""
    duckdb.sql(f"COPY (SELECT i AS id, i % 3 AS kind, CASE WHEN i % 11 > 0 THEN hash(i) % 1000 END AS a, 'text ' || hash(i * 7) % 100 AS b "
               f"FROM range(300000) t(i)) TO '{tmp_path}/in.csv' (HEADER)")
    millrace("--shards", "2", "--memory", "64MiB", "copy", "in.csv", "out/", "--format", "parquet", "--partition-by", "kind",
             "--sort-by", "a DESC NULLS FIRST, \"b\"", "--to", "roll_rows=40000")
    files = sorted((tmp_path / "out").rglob("*.parquet"))
    assert len(files) >= 9
    for file in files:
        assert order_of(file) == [("a", True, True), ("b", False, False)]
        assert duckdb.sql(f"SELECT count(*) FROM (SELECT (a, b) AS now, lag((a, b)) OVER (ORDER BY file_row_number) AS before FROM "
                          f"(SELECT coalesce(-a::BIGINT, -5000) AS a, b, file_row_number FROM read_parquet('{file}', file_row_number = true))) "
                          "WHERE before > now").fetchall() == [(0,)], file
    everything = f"SELECT id, kind, a, b FROM read_parquet('{tmp_path}/out/**/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(f"SELECT count(*), sum(id), sum(kind * id), sum(a), count(a), sum(hash(b) % 1000) FROM ({everything})").fetchall() == \
        duckdb.sql(f"SELECT count(*), sum(id), sum(kind * id), sum(a), count(a), sum(hash(b) % 1000) FROM '{tmp_path}/in.csv'").fetchall()


def test_one_sorted_file(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("a,b\n2,x\n,y\n3,z\n1,w\n2,v\n")
    millrace("copy", "in.csv", "out.csv", "--sort-by", "a desc")
    assert (tmp_path / "out.csv").read_text() == "a,b\n3,z\n2,x\n2,v\n1,w\n,y\n"
    for words, number in [(["--mode", "append"], "MR-2425"), (["--resume", "--mode", "overwrite"], "MR-2425")]:
        assert number in millrace("copy", "in.csv", "out.csv", "--sort-by", "a", *words, code=1).stderr
    assert "MR-2424" in millrace("copy", "in.csv", "new.csv", "--sort-by", "bb", code=1).stderr
    assert "MR-1003" in millrace("copy", "in.csv", "new.csv", "--sort-by", "a,,b", code=2).stderr
    assert not (tmp_path / "new.csv").exists()


def test_an_epoch_is_sorted(millrace, tmp_path):
    (tmp_path / "in").mkdir()
    for number, values in enumerate([[3, 1, 2], [9, 7, 8]]):
        (tmp_path / f"in/{number}.csv").write_text("a\n" + "".join(f"{value}\n" for value in values))
    (tmp_path / "p.sql").write_text("CREATE SOURCE s WITH (connector = 'files', path = 'in/', format = 'csv', mode = 'watch'); CREATE SINK t WITH "
                                    "(connector = 'files', path = 'out/', format = 'csv', sort_by = 'a DESC', mode = 'append'); "
                                    "SET name = 'sorted'; SET checkpoint_interval = '300ms'; INSERT INTO t SELECT a FROM s")
    process = millrace.start("--shards", "1", "run", "p.sql")
    try:
        wait_for(lambda: sum(len(f.read_text().split()) - 1 for f in (tmp_path / "out").glob("*.csv")) == 6)
        (tmp_path / "in/2.csv").write_text("a\n5\n6\n4\n")
        wait_for(lambda: sum(len(f.read_text().split()) - 1 for f in (tmp_path / "out").glob("*.csv")) == 9)
    finally:
        process.terminate()
        process.wait(60)
    for file in (tmp_path / "out").glob("*.csv"):
        values = [int(word) for word in file.read_text().split()[1:]]
        assert values == sorted(values, reverse=True)


def test_rolled_parquet_is_as_large_as_asked(millrace, tmp_path):
    duckdb.sql(f"COPY (SELECT i AS id, hash(i) % 5000 AS a, 'the same words again and again' AS b FROM range(600000) t(i)) TO '{tmp_path}/in.csv'")
    millrace("--shards", "1", "copy", "in.csv", "out/", "--format", "parquet", "--to", "roll_size=200KB", "--from", "split_size=1GiB")
    sizes = [file.stat().st_size for file in sorted((tmp_path / "out").glob("*.parquet"))]
    assert len(sizes) >= 4
    # The first judges rows by their size in memory, the last has what is left.
    assert all(150_000 <= size <= 250_000 for size in sizes[1:-1]), sizes

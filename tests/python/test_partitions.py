"""Partitioned folders, read by DuckDB and pyarrow."""

import duckdb
import pyarrow.dataset
import pytest
from program import binary, millrace, root  # noqa: F401 (fixtures)


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

"""The sinks for work on SQL: rows as lines for people, and rows for nobody."""

import pytest

from program import binary, millrace  # noqa: F401 (fixtures)

ROWS = "id,word\n1,a\n2,\"b\nc\"\n"


@pytest.fixture
def run(millrace, tmp_path):
    """A run of in.csv into a sink with these options, said in SQL or YAML: what stands on both streams."""
    (tmp_path / "in.csv").write_text(ROWS)

    def run(way, connector, code=0, **options):
        if way == "sql":
            words = "".join(f", {name} = '{value}'" for name, value in options.items())
            done = millrace("sql", "-c", f"CREATE SINK out WITH (connector = '{connector}'{words}); "
                            "INSERT INTO out SELECT * FROM 'in.csv'", code=code)
        else:
            words = "".join(f", {name}: '{value}'" for name, value in options.items())
            (tmp_path / "p.yaml").write_text("source: {connector: files, path: in.csv}\n"
                                             f"sink: {{connector: {connector}{words}}}\n")
            done = millrace("run", "p.yaml", code=code)
        return done.stdout, done.stderr
    return run


WAYS = pytest.mark.parametrize("way", ["sql", "yaml"])
JSON = '{"id":1,"word":"a"}\n{"id":2,"word":"b\\nc"}\n'


@WAYS
def test_rows_are_printed_as_lines_of_json(run, way):
    out, err = run(way, "print")
    assert out == JSON
    assert "at least once" in err


@WAYS
def test_a_prefix_stands_before_every_line(run, way):
    assert run(way, "print", prefix="in> ")[0] == "".join(f"in> {line}\n" for line in JSON.splitlines())
    out = run(way, "print", prefix="# ", format="csv")[0]
    assert out == "# id,word\n# 1,a\n# 2,\"b\n# c\"\n"


@WAYS
def test_rows_go_to_standard_error(run, way):
    out, err = run(way, "print", stream="stderr", prefix="! ")
    assert not [line for line in out.splitlines() if line.startswith("! ")]
    assert [line for line in err.splitlines() if line.startswith("! ")] == ["! " + line for line in JSON.splitlines()]


@WAYS
@pytest.mark.parametrize("option, value", [("format", "parquet"), ("stream", "out"), ("path", "x.csv")])
def test_print_refuses_what_it_does_not_have(run, way, option, value):
    assert ("MR-1001" if option == "path" else "MR-1003") in run(way, "print", code=2, **{option: value})[1]


@WAYS
def test_the_black_hole_takes_every_row(run, way):
    out, err = run(way, "blackhole")
    assert "wrote 2 rows" in err and "exactly once" in err
    assert "id" not in out


def test_the_black_hole_reads_every_type_and_leaves_nothing(millrace, tmp_path):
    millrace("sql", "-c", """CREATE SINK out WITH (connector = 'blackhole');
        INSERT INTO out SELECT 1 AS i, 'text' AS t, TRUE AS b, CAST(1.5 AS DECIMAL(9, 2)) AS d, NULL AS n,
            TIMESTAMP '2024-01-01 00:00:00' AS at""")
    assert not [path for path in tmp_path.iterdir() if path.name != "state"]

"""YAML pipelines: what they mean, and that every example in docs/ and examples/ fits the schema and runs."""

import json
import re
import subprocess

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml

from program import ROOT, binary, millrace, people  # noqa: F401 (fixtures)

SCHEMA = json.loads((ROOT / "api/pipeline.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

BASE = """\
name: demo
sources:
  t:
    connector: files
    path: people.csv
    columns: [{name: id, type: BIGINT}, {name: name, type: VARCHAR}, {name: at, type: TIMESTAMP}]
    watermark: {column: at, delay: 5s}
sql: |
  SELECT id * 2 AS twice,
         upper(name) AS name
  FROM t WHERE id > 1
sink:
  connector: files
  path: out.csv
  mode: overwrite
settings:
  parallelism: 1
"""


def examples():
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        yield pytest.param(path.read_text(), id=path.name)
    for path in sorted((ROOT / "docs").rglob("*.md")):
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.M | re.S)):
            yield pytest.param(text, id=f"{path.name}-{number}")


def write_orders(folder):
    """The files that the examples of the guide read."""
    (folder / "orders.csv").write_text("id,customer,amount,at\n1,1,10.50,2024-01-01 00:10:00\n2,2,1.00,2024-01-01 00:20:00\n"
                                       "3,1,NA,2024-01-01 00:30:00\n4,1,2.25,2024-01-01 01:10:00\n")
    (folder / "customers.csv").write_text("id,name\n1,ann\n2,bob\n")


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", list(examples()))
def test_examples_fit_the_schema_and_run(millrace, tmp_path, text):
    VALIDATOR.validate(yaml.safe_load(text))
    write_orders(tmp_path)
    (tmp_path / "p.yaml").write_text(text)
    words = ["p.yaml"]
    if "flights" in text:
        subprocess.run([ROOT / "tools/demo_data.sh", ROOT / "demo/data"], check=True)
        words += ["--set", f"data={ROOT}/demo/data", "--set", "out=delays.csv"]
    before = set(tmp_path.iterdir())
    assert " error " not in millrace("check", *words).stdout
    assert set(tmp_path.iterdir()) == before
    millrace("run", *words)
    assert set(tmp_path.iterdir()) > before


def test_the_long_example_computes(millrace, tmp_path):
    text = next(e.values[0] for e in examples() if e.id == "pipelines.md-1")
    write_orders(tmp_path)
    (tmp_path / "p.yaml").write_text(text)
    millrace("run", "p.yaml", "--set", "out=set.parquet")
    rows = pq.read_table(tmp_path / "set.parquet").to_pylist()
    assert sorted((str(r["hour"]), r["name"], str(r["total"])) for r in rows) == [
        ("2024-01-01 00:00:00", "ann", "10.50"), ("2024-01-01 00:00:00", "bob", "1.00"),
        ("2024-01-01 01:00:00", "ann", "2.25")]


def test_a_pipeline_runs(millrace, people, tmp_path):
    (tmp_path / "p.yaml").write_text(BASE)
    VALIDATOR.validate(yaml.safe_load(BASE))
    done = millrace("run", "p.yaml")
    assert "guarantee: exactly once" in done.stderr and "wrote 2 rows" in done.stderr
    assert (tmp_path / "out.csv").read_text() == "twice,name\n4,BOB\n6,\n"


def test_the_one_source_is_called_source(millrace, people, tmp_path):
    text = "source: {connector: files, path: people.csv}\nsink: {connector: files, path: '-', format: csv}\n"
    (tmp_path / "p.yaml").write_text(text)
    assert millrace("run", "p.yaml").stdout.splitlines()[0] == "id,name,at"
    (tmp_path / "p.yml").write_text(text + "sql: SELECT max(id) AS m FROM source\n")
    assert millrace("run", "p.yml").stdout == "m\n3\n"


def test_null_needs_no_quotes(millrace, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,NA\n")
    (tmp_path / "p.yaml").write_text("source: {connector: files, path: a.csv, null: NA}\n"
                                     "sink: {connector: files, path: '-', format: csv}\n")
    assert millrace("run", "p.yaml").stdout == "a,b\n1,\n"


def test_settings_have_an_effect(millrace, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    text = ("source: {connector: files, path: bad.csv, on_ragged: dead_letter}\nsink: {connector: files, path: out.csv}\n"
            "settings: {dead_letters: aside.ndjson}\n")
    (tmp_path / "p.yaml").write_text(text)
    assert "1 rows set aside in aside.ndjson" in millrace("run", "p.yaml").stderr
    assert (tmp_path / "aside.ndjson").exists()


@pytest.mark.parametrize("old, new, number, place, meant", [
    ("upper(name)", "uper(name)", 3501, "10:10", "upper"),
    ("FROM t", "FROM tt", 3020, "11:8", None),
    ("FROM t", "FRM t", 3001, "11:", None),
    ("mode: overwrite", "mode: overwrit", 1003, "15:9", "'overwrite'"),
    ("mode: overwrite", "mod: overwrite", 1001, "15:3", "'mode'"),
    ("settings:", "setings:", 1031, "16:1", "'settings'"),
    ("parallelism: 1", "paralelism: 1", 1001, "17:3", "'parallelism'"),
    ("parallelism: 1", "parallelism: many", 1003, "17:3", None),
    ("type: BIGINT", "type: BIGIN", 3006, "6:32", "BIGINT"),
    ("column: at", "column: att", 1032, "7:25", "'at'"),
    ("column: at", "column: id", 1032, "7:25", None),
    ("delay: 5s", "delay: soon", 1032, "7:36", None),
    ("    watermark: {column: at", "    watermark: {colum: at", 1031, "7:17", "'column'"),
    ("connector: files\n    path", "connector: file\n    path", 1010, "4:16", "'files'"),
    ("    connector: files\n    path", "    path", 1033, "3:3", None),
    ("delay: 5s}", "delay: 5s", 1030, "8:", None),
    ("name: demo", "name: [1]", 1032, "1:7", None),
    ("name: demo", "name: a\nname: b", 1031, "2:1", None),
    ("name: demo", "source: {connector: files, path: x}", 1031, "2:1", None),
    ("  t:", "  sink:", 1031, "3:3", None),
    ("name: demo", "---\nname: a\n---\nname: b", 1030, "1", None),
])
def test_mistakes_have_a_place(millrace, people, tmp_path, old, new, number, place, meant):
    assert old in BASE
    (tmp_path / "p.yaml").write_text(BASE.replace(old, new, 1))
    done = millrace("run", "p.yaml", code=2)
    first = done.stderr.splitlines()[0]
    assert re.match(rf"error: MR-{number} .*: p.yaml, line {place}", first), first
    if meant:
        assert f"did you mean {meant}" in first
    assert f"line {place}" in millrace("check", "p.yaml", code=2).stdout
    assert not (tmp_path / "out.csv").exists()


def test_missing_parts(millrace, people, tmp_path):
    (tmp_path / "p.yaml").write_text("source: {connector: files, path: people.csv}\n")
    assert "MR-1033" in millrace("run", "p.yaml", code=2).stderr
    (tmp_path / "p.yaml").write_text("sink: {connector: files, path: x.csv}\n")
    assert "'source' or 'sources'" in millrace("run", "p.yaml", code=2).stderr
    (tmp_path / "p.yaml").write_text("sources:\n  a: {connector: files, path: people.csv}\n  b: {connector: files, path: "
                                     "people.csv}\nsink: {connector: files, path: x.csv}\n")
    assert "'sql'" in millrace("run", "p.yaml", code=2).stderr


def test_only_a_select_stands_in_sql(millrace, people, tmp_path):
    (tmp_path / "p.yaml").write_text(BASE.replace("SELECT id * 2 AS twice,", "INSERT INTO 'x.csv' SELECT 1,"))
    assert "MR-1026" in millrace("run", "p.yaml", code=2).stderr


@pytest.mark.parametrize("change", [
    {"nme": "x"}, {"sink": {"connector": "files", "path": "x", "mod": "append"}},
    {"sink": {"connector": "files", "path": "x", "mode": "upsert"}}, {"sink": {"connector": "nothing", "path": "x"}},
    {"sink": {"connector": "files"}}, {"settings": {"parallelism": 0}}, {"sources": {}},
    {"source": {"connector": "files", "path": "x"}},
])
def test_the_schema_refuses(change):
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**yaml.safe_load(BASE), **change})


def test_the_schema_has_every_option(millrace):
    text = millrace("connectors", "files").stdout
    source, sink = text.split("as a sink")
    for side, part in (("source_files", source), ("sink_files", sink)):
        for option in re.findall(r"^    (\w+) ", part, re.M):
            assert option in SCHEMA["$defs"][side]["properties"], option

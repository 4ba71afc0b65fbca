"""Rules that rows have to satisfy before a sink gets them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import binary, millrace  # noqa: F401 (fixtures)

# NULL is borne by a CHECK, as in SQL.
ROWS = "id,amount\n1,10\n2,-5\n3,\n4,7\n5,-1\n,3\n"
SINK = ("CREATE SOURCE s (id BIGINT, amount BIGINT) WITH (connector = 'files', path = 'in.csv');"
        "CREATE SINK t (id BIGINT, amount BIGINT, CONSTRAINT positive CHECK (amount >= 0)) "
        "WITH (connector = 'files', path = 'out.csv'{}); INSERT INTO t SELECT * FROM s")


def letters(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def rows(tmp_path):
    (tmp_path / "in.csv").write_text(ROWS)
    return tmp_path


def say(kind, **options):
    """The same rule in each of the languages: words of the program, for a value of on_invalid."""
    invalid = options.get("on_invalid")
    if kind == "sql":
        return ["sql", "--dead-letters", "aside.ndjson", "-c", SINK.format(f", on_invalid = '{invalid}'" if invalid else "")]
    if kind == "copy":
        return ["copy", "in.csv", "out.csv", "--validate", "amount >= 0", "--dead-letters", "aside.ndjson",
                *(["--to", f"on_invalid={invalid}"] if invalid else [])]
    return ["run", "p.yaml"]


def yaml(invalid, validate="[amount >= 0]"):
    return ("source: {connector: files, path: in.csv}\n"
            f"sink: {{connector: files, path: out.csv, validate: {validate}{f', on_invalid: {invalid}' if invalid else ''}}}\n"
            "settings: {dead_letters: aside.ndjson}\n")


@pytest.mark.parametrize("kind", ["sql", "yaml", "copy"])
@pytest.mark.parametrize("invalid", [None, "fail", "dead_letter", "drop"])
def test_what_happens_to_a_row_that_breaks_a_rule(millrace, rows, kind, invalid):
    (rows / "p.yaml").write_text(yaml(invalid))
    done = millrace(*say(kind, on_invalid=invalid), code=1 if invalid in (None, "fail") else 0)
    if invalid in (None, "fail"):
        assert "MR-2521" in done.stderr and "amount >= 0" in done.stderr and '"amount":-5' in done.stderr
        assert not (rows / "out.csv").exists() and not (rows / "aside.ndjson").exists()
        return
    assert (rows / "out.csv").read_text() == "id,amount\n1,10\n3,\n4,7\n,3\n"
    assert "2 rows left out: they break a rule" in done.stderr
    assert "4 rows from 6" in done.stderr
    assert (rows / "aside.ndjson").exists() == (invalid == "dead_letter")
    if invalid == "dead_letter":
        assert "2 rows set aside in aside.ndjson" in done.stderr
        first, second = letters(rows / "aside.ndjson")
        assert (first["code"], first["raw"], second["raw"]) == ("MR-2521", '{"id":2,"amount":-5}', '{"id":5,"amount":-1}')
        assert "amount >= 0" in first["reason"] and ("positive" in first["reason"]) == (kind == "sql")
        assert first["sink"] == {"sql": "t", "yaml": "sink", "copy": "out.csv"}[kind] and "source" not in first


def test_a_json_summary_counts_them(millrace, rows):
    done = millrace("--log-format", "json", *say("copy", on_invalid="drop"))
    (summary,) = [line for line in map(json.loads, done.stderr.splitlines()) if line["level"] == "summary"]
    assert (summary["rows_invalid"], summary["rows_written"], summary["dead_letters"]) == (2, 4, 0)


def test_not_null_is_a_rule(millrace, rows):
    script = SINK.replace("CREATE SINK t (id BIGINT,", "CREATE SINK t (id BIGINT NOT NULL CHECK (id <> 4),")
    assert "MR-2521" in millrace("sql", "-c", script.format(""), code=1).stderr
    millrace("sql", "--dead-letters", "aside.ndjson", "-c", script.format(", on_invalid = 'dead_letter'"))
    assert (rows / "out.csv").read_text() == "id,amount\n1,10\n3,\n"
    reasons = {letter["raw"]: letter["reason"] for letter in letters(rows / "aside.ndjson")}
    assert "IS NOT NULL" in reasons['{"id":null,"amount":3}'] and "id <> 4" in reasons['{"id":4,"amount":7}']
    # Without a rule for what to do, NULL in such a column ends the run as ever.
    script = script.replace(" CHECK (id <> 4)", "").replace(", CONSTRAINT positive CHECK (amount >= 0)", "")
    assert "MR-5003" in millrace("sql", "-c", script.format(", mode = 'overwrite'"), code=1).stderr


def test_named_rules_of_yaml(millrace, rows):
    (rows / "p.yaml").write_text(yaml("dead_letter", "{positive: amount >= 0, small: id < 4}"))
    millrace("run", "p.yaml")
    assert (rows / "out.csv").read_text() == "id,amount\n1,10\n3,\n,3\n"
    assert [("positive" in letter["reason"], "small" in letter["reason"]) for letter in letters(rows / "aside.ndjson")] == [
        (True, False), (False, True), (True, False)]  # the first that is broken


@pytest.mark.parametrize("rule, error", [("amount >=", "MR-30"), ("amount", "MR-30"), ("amont > 1", "MR-30")])
def test_rules_that_are_none(millrace, rows, rule, error):
    (rows / "p.yaml").write_text(yaml(None, f"['{rule}']"))
    for words in (["copy", "in.csv", "out.csv", "--validate", rule], ["run", "p.yaml"], ["check", "p.yaml"],
                  ["sql", "-c", SINK.replace("amount >= 0", rule).format("")]):
        done = millrace(*words, code=2)
        assert error in done.stderr + done.stdout and not (rows / "out.csv").exists()
    assert "on_invalid" in millrace(*say("copy", on_invalid="ignore"), code=2).stderr
    (rows / "p.yaml").write_text(yaml(None, "[]"))
    assert "MR-1032" in millrace("run", "p.yaml", code=2).stderr


def test_a_source_has_no_check(millrace, rows):
    assert "MR-3040" in millrace("sql", "-c", "CREATE SOURCE s (id BIGINT CHECK (id > 0)) WITH (connector = 'files', "
                                 "path = 'in.csv')", code=2).stderr


def test_explain_shows_the_rules(millrace, rows):
    script = SINK.format("").replace("INSERT", "EXPLAIN INSERT")
    assert "positive (amount >= 0)" in millrace("sql", "-c", script).stdout


@pytest.mark.parametrize("target", ["out.parquet", "parts/"])
def test_many_rows_in_parallel(millrace, tmp_path, target):
    # Every seventh row breaks the rule; text that is dictionary-encoded is in the letters as text.
    n = 200_000
    for part in range(4):
        ids = range(part, n, 4)
        pq.write_table(pa.table({"id": list(ids), "kind": ["odd" if i % 7 == 0 else "even" for i in ids]}),
                       tmp_path / f"in{part}.parquet")
    millrace("--shards", "2", "copy", "in*.parquet", target, "--format", "parquet", "--validate", "kind <> 'odd'",
             "--to", "on_invalid=dead_letter", "--dead-letters", "aside.ndjson")
    table = pq.read_table(tmp_path / target)
    assert sorted(table.column("id").to_pylist()) == [i for i in range(n) if i % 7]
    aside = [json.loads(letter["raw"]) for letter in letters(tmp_path / "aside.ndjson")]
    assert sorted(row["id"] for row in aside) == list(range(0, n, 7)) and {row["kind"] for row in aside} == {"odd"}


def test_max_dead_letters_counts_them(millrace, rows):
    words = say("copy", on_invalid="dead_letter")
    assert "MR-2510" in millrace(*words, "--max-dead-letters", "1", code=1).stderr
    assert not (rows / "out.csv").exists()
    millrace(*words, "--max-dead-letters", "2")


def test_a_replay_keeps_what_a_rule_refused(millrace, rows):
    millrace("sql", "--dead-letters", "aside.ndjson", "-c", SINK.format(", on_invalid = 'dead_letter'"))
    (rows / "x.sql").write_text(SINK.format(""))
    done = millrace("dead-letters", "replay", "aside.ndjson", "--pipeline", "x.sql")
    assert "2 dead letters were not tried" in done.stderr and len(letters(rows / "aside.ndjson")) == 2
    millrace("dead-letters", "replay", "aside.ndjson", "--to", "out.csv", "--columns", "id BIGINT, amount BIGINT",
             "--select", "SELECT id, 0 AS amount FROM source")
    assert (rows / "out.csv").read_text().splitlines()[-2:] == ["2,0", "5,0"] and not (rows / "aside.ndjson").exists()

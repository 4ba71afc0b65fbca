"""Rows that are set aside: where they go, how many are borne, and how they come back."""

import base64
import json
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import binary, millrace  # noqa: F401 (fixtures)

BAD = "id,amount\n1,10\n2,n/a\n3,30\n4,xx\n5,50\n"
ASIDE = ["--from", "on_error=dead_letter", "--from", "sample_rows=1"]


def letters(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def bad(tmp_path):
    (tmp_path / "in.csv").write_text(BAD)
    return tmp_path


def test_a_letter_says_all_that_is_known(millrace, bad):
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    first, second = letters(bad / "out.csv.dead-letters.ndjson")
    assert (first["code"], first["file"], first["row"], first["column"]) == ("MR-2105", "in.csv", 2, "amount")
    # "n/a" begins behind "id,amount\n1,10\n2,".
    assert (first["byte"], first["raw"], first["pipeline"], first["attempt"]) == (17, "2,n/a", "copy", 1)
    assert (first["source"], first["connector"]) == ("in.csv", "files")
    assert (first["split"], first["position"], second["position"]) == ("in.csv", "byte 17", "byte 28")
    assert "is no BIGINT" in first["reason"] and first["time"].startswith("20")
    assert (second["row"], second["raw"]) == (4, "4,xx")


def test_the_split_and_the_row_of_a_parquet_file(millrace, tmp_path):
    # Three row groups, which become three splits; the bad rows are the 3rd and the 7th of the file.
    pq.write_table(pa.table({"v": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"v": ["1", "2", "x", "4", "5", "6", "y", "8", "9"]}), tmp_path / "2.parquet", row_group_size=3)
    millrace("copy", "*.parquet", "out.csv", "--from", "schema_policy=flexible", "--from", "split_size=1",
             "--from", "on_error=dead_letter")
    found = letters(tmp_path / "out.csv.dead-letters.ndjson")
    assert [(letter["row"], letter["position"]) for letter in found] == [(3, "row 3"), (7, "row 7")]
    assert [letter["split"] for letter in found] == ["2.parquet[1/3]", "2.parquet[3/3]"]


def test_raw_bytes_are_kept_exactly(millrace, tmp_path):
    (tmp_path / "in.csv").write_bytes(b"n,s\n1,a\nx,\xff\xfe\n")
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    (letter,) = letters(tmp_path / "out.csv.dead-letters.ndjson")
    assert base64.b64decode(letter["raw_base64"]) == b"x,\xff\xfe"


def test_list_and_show(millrace, bad):
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    listed = millrace("dead-letters", "list", "out.csv.dead-letters.ndjson").stdout.splitlines()
    assert len(listed) == 3 and "2,n/a" in listed[1] and "row 4" in listed[2]
    shown = millrace("dead-letters", "show", "out.csv.dead-letters.ndjson", "2").stdout
    assert "position  byte 28" in shown and "source    in.csv (files)" in shown
    assert "4,xx" in shown and "'xx' is no BIGINT" in shown and "n/a" not in shown
    assert "MR-1101" in millrace("dead-letters", "show", "out.csv.dead-letters.ndjson", "3", code=2).stderr
    assert "MR-2511" in millrace("dead-letters", "list", "in.csv", code=1).stderr
    # A last line that a kill cut short is no letter; one in the middle is a fault.
    path = bad / "out.csv.dead-letters.ndjson"
    path.write_text(path.read_text() + '{"code":"MR-21')
    assert len(millrace("dead-letters", "list", path).stdout.splitlines()) == 3


def test_replay_brings_the_rows_home(millrace, bad):
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    aside = "out.csv.dead-letters.ndjson"
    done = millrace("dead-letters", "replay", aside, "--to", "out.csv", "--from", "null=n/a", "--from", "sample_rows=1")
    assert "replayed 1 rows" in done.stderr and "1 of 2 dead letters remain" in done.stderr
    remaining = bad / (aside + ".remaining.ndjson")
    (letter,) = letters(remaining)
    # Its own place, not that in the file of the replay; its second attempt.
    assert (letter["file"], letter["row"], letter["byte"], letter["attempt"]) == ("in.csv", 4, 28, 2)
    assert "in.csv, row 4" in letter["reason"] and letter["raw"] == "4,xx"
    done = millrace("dead-letters", "replay", remaining.name, "--to", "out.csv", "--columns",
                    "id BIGINT, amount VARCHAR", "--select", "SELECT id, 99 AS amount FROM source")
    assert sorted((bad / "out.csv").read_text().splitlines()) == ["1,10", "2,", "3,30", "4,99", "5,50", "id,amount"]
    assert sorted(p.name for p in bad.iterdir()) == sorted(["in.csv", "out.csv", aside, remaining.name])


def test_replay_of_json(millrace, tmp_path):
    (tmp_path / "in.ndjson").write_text('{"id":1,"v":1}\n{"id":2,"v":"two"}\n{"id":3,"v":3}\n')
    script = ("CREATE SOURCE s (id BIGINT, v BIGINT) WITH (connector = 'files', path = 'in.ndjson', "
              "on_error = 'dead_letter'); SET dead_letters = 'aside.ndjson'; INSERT INTO 'out.csv' SELECT * FROM s")
    millrace("sql", "-c", script)
    assert [letter["raw"] for letter in letters(tmp_path / "aside.ndjson")] == ['{"id":2,"v":"two"}']
    millrace("dead-letters", "replay", "aside.ndjson", "--to", "more.csv", "--columns", "id BIGINT, v VARCHAR")
    assert (tmp_path / "more.csv").read_text() == "id,v\n2,two\n"


@pytest.mark.parametrize("limit, code", [("1", 1), ("2", 0), ("39%", 1), ("40%", 0), ("none", 0), ("0", 1)])
def test_limit(millrace, bad, limit, code):
    # 2 of 5 rows are bad.
    done = millrace("copy", "in.csv", "out.csv", *ASIDE, "--max-dead-letters", limit, code=code)
    assert ("MR-2510" in done.stderr) == (code == 1)
    assert (bad / "out.csv").exists() == (code == 0)


@pytest.mark.parametrize("limit", ["-1", "many", "101%", "%"])
def test_limits_that_are_none(millrace, bad, limit):
    assert "MR-1003" in millrace("copy", "in.csv", "out.csv", f"--max-dead-letters={limit}", code=2).stderr


def test_discard_only_counts(millrace, bad):
    done = millrace("copy", "in.csv", "out.csv", *ASIDE, "--dead-letters", "discard")
    assert "2 bad rows thrown away" in done.stderr
    assert sorted(p.name for p in bad.iterdir()) == ["in.csv", "out.csv"]


def test_letters_go_to_a_sink(millrace, bad):
    millrace("sql", "-c", "CREATE SINK aside WITH (connector = 'files', path = 'aside.parquet'); "
             "SET dead_letters = 'aside'; CREATE SOURCE s WITH (connector = 'files', path = 'in.csv', "
             "on_error = 'dead_letter', sample_rows = 1); INSERT INTO 'out.csv' SELECT * FROM s")
    table = pq.read_table(bad / "aside.parquet")
    assert table.column("raw").to_pylist() == ["2,n/a", "4,xx"]
    assert table.column("row").to_pylist() == [2, 4]
    assert table.column("position").to_pylist() == ["byte 17", "byte 28"]
    assert [table.column(name)[0].as_py() for name in ("source", "connector", "split")] == ["s", "files", "in.csv"]
    assert set(table.column("code").to_pylist()) == {"MR-2105"}


def test_letters_go_to_a_sink_of_a_yaml_pipeline(millrace, bad):
    (bad / "p.yaml").write_text(
        "source: {connector: files, path: in.csv, on_error: dead_letter, sample_rows: 1}\n"
        "sink: {connector: files, path: out.csv}\n"
        "sinks:\n  aside: {connector: files, path: aside.parquet, compression: none}\n"
        "settings: {dead_letters: aside}\n")
    millrace("run", "p.yaml")
    assert pq.read_table(bad / "aside.parquet").column("raw").to_pylist() == ["2,n/a", "4,xx"]
    assert not (bad / "aside").exists()
    # Nobody's but that of the letters: an option that is none is found in it.
    (bad / "p.yaml").write_text((bad / "p.yaml").read_text().replace("compression", "compresion"))
    assert "p.yaml, line 4:50" in millrace("run", "p.yaml", code=2).stderr
    (bad / "p.yaml").write_text((bad / "p.yaml").read_text().replace("  aside:", "  sink:"))
    assert "the destination's name" in millrace("run", "p.yaml", code=2).stderr


def test_statements_keep_each_others_letters(millrace, bad):
    source = "CREATE SOURCE s WITH (connector = 'files', path = 'in.csv', on_error = 'dead_letter', sample_rows = 1); "
    millrace("sql", "--dead-letters", "aside.ndjson", "-c", source +
             "INSERT INTO '1.csv' SELECT * FROM s; INSERT INTO '2.csv' SELECT * FROM s")
    assert [letter["row"] for letter in letters(bad / "aside.ndjson")] == [2, 4, 2, 4]


def test_yaml_settings(millrace, bad):
    (bad / "p.yaml").write_text(
        "name: orders\nsource: {connector: files, path: in.csv, on_error: dead_letter, sample_rows: 1}\n"
        "sink: {connector: files, path: out.csv}\nsettings: {dead_letters: aside.ndjson, max_dead_letters: 1}\n")
    assert "MR-2510" in millrace("run", "p.yaml", code=1).stderr
    (bad / "p.yaml").write_text((bad / "p.yaml").read_text().replace("max_dead_letters: 1", "max_dead_letters: 50%"))
    millrace("run", "p.yaml")
    assert {letter["pipeline"] for letter in letters(bad / "aside.ndjson")} == {"orders"}


def wait_for(condition):
    deadline = time.time() + 20
    while not condition():
        assert time.time() < deadline
        time.sleep(0.02)


def test_letters_are_there_before_the_rows(millrace, bad):
    # Slow enough for somebody else to take the destination's name: the commit fails.
    slow = ["--from", "rate_limit_rows=2", "--from", "split_size=1MiB"]
    running = millrace.start("copy", "in.csv", "out.csv", *ASIDE, *slow, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (bad / "out.csv.dead-letters.ndjson.tmp").exists())
    (bad / "out.csv").write_text("mine")
    _, said = running.communicate(timeout=30)
    assert running.returncode == 1 and "MR-2402" in said
    assert (bad / "out.csv").read_text() == "mine"
    assert [letter["row"] for letter in letters(bad / "out.csv.dead-letters.ndjson")] == [2, 4]


def test_a_kill_loses_no_letter(millrace, bad):
    slow = ["--from", "rate_limit_rows=2", "--from", "split_size=1MiB"]
    running = millrace.start("copy", "in.csv", "out.csv", *ASIDE, *slow, stderr=subprocess.DEVNULL)
    wait_for(lambda: (bad / "out.csv.dead-letters.ndjson.tmp").exists())
    running.kill()
    running.wait()
    assert not (bad / "out.csv").exists() and not (bad / "out.csv.dead-letters.ndjson").exists()
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    assert [letter["row"] for letter in letters(bad / "out.csv.dead-letters.ndjson")] == [2, 4]
    assert sorted(p.name for p in bad.iterdir()) == ["in.csv", "out.csv", "out.csv.dead-letters.ndjson"]


def test_a_sink_without_letters_is_left_alone(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("a\n1\n")
    millrace("sql", "-c", "CREATE SINK aside WITH (connector = 'files', path = 'aside.parquet'); "
             "SET dead_letters = 'aside'; INSERT INTO 'out.csv' SELECT * FROM 'in.csv'")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_sink_of_letters_is_neither_end_of_the_pipeline(millrace, bad):
    done = millrace("sql", "-c", "CREATE SINK aside WITH (connector = 'files', path = 'in.csv', mode = 'append'); "
                    "SET dead_letters = 'aside'; INSERT INTO 'out.csv' SELECT * FROM 'in.csv'", code=2)
    assert "MR-1027" in done.stderr and (bad / "in.csv").read_text() == BAD

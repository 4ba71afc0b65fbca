"""Rows that are set aside: where they go, how many are borne, and how they come back."""

import base64
import json
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

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
    found = sorted(letters(tmp_path / "out.csv.dead-letters.ndjson"), key=lambda letter: letter["row"])
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
    (letter,) = letters(bad / aside)
    # Its own place, not that in the file of the replay; its second attempt.
    assert (letter["file"], letter["row"], letter["byte"], letter["attempt"]) == ("in.csv", 4, 28, 2)
    assert (letter["split"], letter["position"], letter["pipeline"]) == ("in.csv", "byte 28", "copy")
    assert "in.csv, row 4" in letter["reason"] and letter["raw"] == "4,xx"
    done = millrace("dead-letters", "replay", aside, "--to", "out.csv", "--columns",
                    "id BIGINT, amount VARCHAR", "--select", "SELECT id, 99 AS amount FROM source")
    assert sorted((bad / "out.csv").read_text().splitlines()) == ["1,10", "2,", "3,30", "4,99", "5,50", "id,amount"]
    assert sorted(p.name for p in bad.iterdir()) == ["in.csv", "out.csv"]


def test_replay_into_another_file_leaves_the_first(millrace, bad):
    millrace("copy", "in.csv", "out.csv", *ASIDE)
    aside = bad / "out.csv.dead-letters.ndjson"
    before = aside.read_bytes()
    words = ["dead-letters", "replay", aside.name, "--to", "out.csv", "--from", "null=n/a", "--from", "sample_rows=1"]
    millrace(*words, "--remaining", "left.ndjson")
    assert aside.read_bytes() == before and [letter["attempt"] for letter in letters(bad / "left.ndjson")] == [2]
    assert "MR-1101" in millrace(*words, "--remaining", aside.name, code=2).stderr


YAML = """name: orders
source: {{connector: files, path: "in*.csv", columns: {{id: BIGINT, amount: BIGINT}}, on_error: dead_letter{source}}}
sql: SELECT id, amount * 100 AS cents FROM source WHERE amount < 1000
sink: {{connector: files, path: out.csv}}
settings: {{dead_letters: aside.ndjson, parallelism: 1}}
"""


@pytest.fixture
def orders(millrace, bad):
    """A pipeline that ran, with three letters. The second file has its columns in another order."""
    (bad / "in2.csv").write_text("amount,id\n?,6\n7,7\n")
    (bad / "orders.yaml").write_text(YAML.format(source=""))
    millrace("run", "orders.yaml")
    assert (bad / "out.csv").read_text() == "id,cents\n1,1000\n3,3000\n5,5000\n7,700\n"
    return bad


def through(millrace, *words, **more):
    return millrace("dead-letters", "replay", "aside.ndjson", "--pipeline", *words, **more)


def test_replay_through_the_pipeline(millrace, orders):
    # As it is, they fail again: nothing is written, and the letters count their attempts.
    done = through(millrace, "orders.yaml")
    assert "replayed 0 rows" in done.stderr and "3 of 3 dead letters remain, in aside.ndjson" in done.stderr
    assert [letter["attempt"] for letter in letters(orders / "aside.ndjson")] == [2, 2, 2]
    # With mended settings the query and the sink are those of the pipeline.
    (orders / "orders.yaml").write_text(YAML.format(source=', "null": ["n/a", "?"]'))
    before = (orders / "out.csv").read_text()
    assert "2 of 3" not in before
    (orders / "orders.yaml").write_text(YAML.format(source=', "null": ["n/a", "?"]').replace(
        "WHERE amount < 1000", "WHERE amount < 1000 OR amount IS NULL"))
    done = through(millrace, "orders.yaml")
    assert "1 of 3 dead letters remain" in done.stderr
    assert (orders / "out.csv").read_text() == before + "2,\n6,\n"
    (letter,) = letters(orders / "aside.ndjson")
    assert (letter["raw"], letter["attempt"], letter["file"], letter["row"]) == ("4,xx", 3, "in.csv", 4)
    # An option over the pipeline's.
    done = through(millrace, "orders.yaml", "--from", "null=xx")
    assert "all of 1 dead letters were replayed" in done.stderr
    assert (orders / "out.csv").read_text() == before + "2,\n6,\n4,\n"
    assert sorted(p.name for p in orders.iterdir()) == ["in.csv", "in2.csv", "orders.yaml", "out.csv"]


def test_replay_needs_nothing_of_the_files_that_the_records_come_from(millrace, orders):
    for path in orders.glob("in*.csv"):
        path.unlink()
    (orders / "in9.csv").write_text("id,amount\n")
    through(millrace, "orders.yaml", "--from", "null=n/a,?,xx", "--with", "path=again.csv")
    # All rows are NULL, which the query leaves out: what it leaves out is done.
    assert (orders / "again.csv").read_text() == "id,cents\n" and not (orders / "aside.ndjson").exists()


def test_a_quote_that_is_not_closed_swallows_no_letter(millrace, tmp_path):
    head = '{"code":"MR-2102","reason":"","source":"source","time":"","pipeline":"p","attempt":1,"fields":["id","amount"],'
    raws = ['1,"9', "2,8", "3,7"]
    (tmp_path / "aside.ndjson").write_text("".join(head + '"raw":' + json.dumps(raw) + "}\n" for raw in raws))
    (tmp_path / "in.csv").write_text("id,amount\n")
    (tmp_path / "p.yaml").write_text(YAML.format(source=""))
    assert "1 of 3 dead letters remain" in through(millrace, "p.yaml").stderr
    assert (tmp_path / "out.csv").read_text() == "id,cents\n2,800\n3,700\n"
    assert [letter["raw"] for letter in letters(tmp_path / "aside.ndjson")] == ['1,"9']


SCRIPT = """CREATE SOURCE s (id BIGINT, amount BIGINT) WITH (connector = 'files', path = 'in.csv', on_error = 'dead_letter');
CREATE SOURCE names WITH (connector = 'files', path = 'names.csv', on_error = 'dead_letter');
CREATE SINK a WITH (connector = 'files', path = 'a.csv');
CREATE SINK b WITH (connector = 'files', path = 'b/', format = 'csv');
SET dead_letters = 'aside.ndjson';
INSERT INTO a SELECT id, name, amount FROM s JOIN names USING (id);
INSERT INTO b SELECT COUNT(*) AS n FROM s;
INSERT INTO b SELECT id FROM s UNION ALL SELECT id FROM names;
"""


def test_replay_through_a_script(millrace, bad):
    (bad / "names.csv").write_text("id,name\n1,one\n2,two\n4,four\n")
    (bad / "x.sql").write_text(SCRIPT.replace("INSERT INTO b", "-- "))
    millrace("run", "x.sql")
    (bad / "x.sql").write_text(SCRIPT.replace("amount BIGINT", "amount VARCHAR"))
    # Which INSERT, has to be said.
    assert "MR-2512" in (said := through(millrace, "x.sql", code=1).stderr) and "a, b, b" in said
    # A table under another name has to be pointed at.
    letter = (bad / "aside.ndjson").read_text()
    (bad / "aside.ndjson").write_text(letter.replace('"source":"s"', '"source":"old"'))
    assert "--source" in through(millrace, "x.sql", "--into", "a", code=1).stderr
    through(millrace, "x.sql", "--into", "a", "--source", "S")
    assert (bad / "a.csv").read_text() == "id,name,amount\n1,one,10\n2,two,n/a\n4,four,xx\n"
    assert not (bad / "aside.ndjson").exists() and not (bad / "b").exists()


@pytest.mark.parametrize("query, says", [
    ("SELECT COUNT(*) AS n FROM s", "aggregate"), ("SELECT amount FROM s UNION ALL SELECT id FROM names", "union"),
    ("SELECT * FROM s LIMIT 1", "limit"), ("SELECT s.id FROM s JOIN s AS t USING (id)", "more than once"),
    ("SELECT id FROM names", "--source"), ("SELECT names.id FROM names LEFT JOIN s USING (id)", "join")])
def test_replay_is_refused_where_rows_need_the_others(millrace, bad, query, says):
    (bad / "names.csv").write_text("id,name\n1,one\n")
    millrace("sql", "-c", SCRIPT.replace("INSERT INTO b", "-- "))
    before = (bad / "aside.ndjson").read_bytes()
    declared = SCRIPT[:SCRIPT.index("INSERT")].replace("amount BIGINT", "amount VARCHAR").replace("id BIGINT", "id VARCHAR")
    (bad / "x.sql").write_text(declared.replace("'names.csv'", "'names.csv', all_varchar = true") + f"INSERT INTO b {query}")
    done = through(millrace, "x.sql", code=1)
    assert "MR-2512" in done.stderr and says in done.stderr, done.stderr
    assert (bad / "aside.ndjson").read_bytes() == before and not (bad / "b").exists()


def test_a_replay_that_fails_or_is_killed_loses_no_letter(millrace, orders):
    before = (orders / "aside.ndjson").read_bytes()
    # The destination can't be written: nothing has changed, nothing is left behind.
    names = sorted(p.name for p in orders.iterdir())
    through(millrace, "orders.yaml", "--with", "path=orders.yaml/x.csv", code=1)
    assert (orders / "aside.ndjson").read_bytes() == before and sorted(p.name for p in orders.iterdir()) == names
    slow = ["--from", "rate_limit_rows=1", "--from", "null=?,xx,n/a"]
    running = millrace.start("dead-letters", "replay", "aside.ndjson", "--pipeline", "orders.yaml", *slow,
                             stderr=subprocess.DEVNULL)
    wait_for(lambda: (orders / "aside.ndjson.replay.tmp").exists())
    # Nobody else may work with the letters meanwhile.
    assert "MR-2513" in through(millrace, "orders.yaml", code=1).stderr
    assert "MR-2513" in millrace("dead-letters", "drop", "aside.ndjson", "--all", code=1).stderr
    running.kill()
    running.wait()
    assert (orders / "aside.ndjson").read_bytes() == before
    assert "all of 3" in through(millrace, "orders.yaml", "--from", "null=?,xx,n/a").stderr
    assert sorted(p.name for p in orders.iterdir()) == [name for name in names if name != "aside.ndjson"]


def test_drop(millrace, orders):
    millrace("dead-letters", "drop", "aside.ndjson", "1", "3")
    assert [letter["raw"] for letter in letters(orders / "aside.ndjson")] == ["4,xx"]
    assert "MR-2514" in millrace("dead-letters", "drop", "aside.ndjson", "2", code=1).stderr
    assert "MR-1101" in millrace("dead-letters", "drop", "aside.ndjson", code=2).stderr
    assert "MR-1101" in millrace("dead-letters", "drop", "aside.ndjson", "1", "--all", code=2).stderr
    millrace("dead-letters", "drop", "aside.ndjson", "--all")
    assert not (orders / "aside.ndjson").exists()


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


def test_the_letters_of_two_pipelines_stay_apart(millrace, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"n\n1\n{name}\n")
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\nsource: {{connector: files, path: {name}.csv, sample_rows: 1, on_error: dead_letter}}\n"
            f"sink: {{connector: files, path: {name}.out.csv}}\n")
        millrace("run", f"{name}.yaml")
    for name in ("one", "two"):
        (letter,) = letters(tmp_path / f"{name}.dead-letters.ndjson")
        assert letter["raw"] == name and letter["pipeline"] == name


def test_copy_takes_the_place_from_settings_too(millrace, bad):
    for words in (["-o", "dead_letters=here.ndjson"], ["--dead-letters", "here.ndjson"],
                  ["-o", "dead_letters=there.ndjson", "--dead-letters", "here.ndjson"]):
        (bad / "here.ndjson").unlink(missing_ok=True)
        millrace("copy", "in.csv", "out.csv", "--from", "on_error=dead_letter", "--from", "sample_rows=1",
                 "--mode", "overwrite", *words)
        assert len(letters(bad / "here.ndjson")) == 2
        assert not (bad / "there.ndjson").exists() and not (bad / "out.csv.dead-letters.ndjson").exists()


def test_letters_in_one_file_are_there_though_the_last_checkpoints_had_none(millrace, tmp_path):
    lines = [f"{i}" if i > 100 else "bad" for i in range(6000)]
    (tmp_path / "in.csv").write_text("id\n" + "\n".join(lines) + "\n")
    (tmp_path / "p.sql").write_text("""
        SET name = 'p'; SET checkpoints = 'on'; SET checkpoint_interval = '20ms'; SET batch_rows = 500; SET dead_letters = 'letters';
        CREATE SINK letters WITH (connector = 'files', path = 'letters.csv');
        CREATE SOURCE s (id BIGINT) WITH (connector = 'files', path = 'in.csv', on_error = 'dead_letter', rate_limit_rows = 10000);
        CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');
        INSERT INTO o SELECT id FROM s;""")
    millrace("run", "p.sql")
    assert len((tmp_path / "letters.csv").read_text().splitlines()) == 102
    assert not list(tmp_path.glob(".millrace*"))

"""The command line: every command, every option, as a user types them."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import pexpect
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from program import binary, millrace, people, root  # noqa: F401 (fixtures)


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


# --- the program ------------------------------------------------------------------------------------------------------


def test_version(millrace):
    assert re.fullmatch(r"millrace \d+\.\d+\.\d+\n", millrace("--version").stdout)


def test_without_a_command_it_shows_help_and_fails(millrace):
    assert "Subcommands:" in millrace(code=2).stdout


@pytest.mark.parametrize("command", ["copy", "run", "sql", "check", "connectors", "functions", "completion"])
def test_help_has_an_example(millrace, command):
    text = millrace(command, "--help").stdout
    assert f"Usage: millrace {command}" in text
    assert re.search(r"Examples?:\n  .*millrace", text)


@pytest.mark.parametrize("words, text", [
    (["cpoy", "a", "b"], "there is no command 'cpoy'; did you mean 'copy'?"),
    (["copy", "--selct", "x", "a", "b"], "copy has no option '--selct'; did you mean '--select'?"),
    (["--quiett"], "millrace has no option '--quiett'; did you mean '--quiet'?"),
    (["copy", "a", "b", "c"], "copy can't use 'c'"),
    (["copy", "a"], "destination is required"),
    (["sql", "--format", "xml", "-c", "SELECT 1"], "--format"),
    (["sql", "--rows", "-1", "-c", "SELECT 1"], "--rows"),
    (["--shards", "0", "sql", "-c", "SELECT 1"], "--shards"),
    (["--memory", "much", "sql", "-c", "SELECT 1"], "--memory: 'much' is not a size"),
    (["copy", "people.csv", "-", "--to", "format"], "'format' is not of the form option=value"),
    (["copy", "people.csv", "x.csv", "--from", "nul=NA"], "did you mean 'null'?"),
    (["run", "x.sql", "--set", "a"], "'a' is not of the form name=value"),
    (["completion", "tcsh"], "tcsh"),
    (["connectors", "file"], "did you mean 'files'?"),
    (["functions", "uper"], "did you mean 'upper'?"),
])
def test_bad_usage(millrace, people, words, text):
    done = millrace(*words, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: MR-1")
    assert text in done.stderr
    [error] = json_lines(millrace(*words, "--log-format", "json", code=2).stderr)
    assert error["level"] == "error" and text in error["message"]


# --- copy -------------------------------------------------------------------------------------------------------------


def test_copy(millrace, people, tmp_path):
    done = millrace("copy", "people.csv", "out.parquet")
    assert done.stdout == ""
    guarantee, summary = done.stderr.splitlines()
    assert guarantee == "guarantee: exactly once (two-phase commit)"
    assert summary.startswith("copied 3 rows in ")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("id").to_pylist() == [1, 2, 3]
    assert table.column("name").to_pylist() == ["ann", "bob", None]


def test_copy_from_and_to_options(millrace, tmp_path):
    (tmp_path / "a.csv").write_text("x;y\n1;NA\n2;z\n")
    done = millrace("copy", "--from", "null=NA", "--from", "delimiter=;", "a.csv", "-", "--to", "format=csv", "--to",
                    "delimiter=|", "--quiet")
    assert done.stdout == "x|y\n1|\n2|z\n"
    assert done.stderr == ""


def test_copy_format(millrace, people, tmp_path):
    millrace("copy", "people.csv", "data.bin", "--format", "parquet")
    assert pq.read_table(tmp_path / "data.bin").num_rows == 3
    assert "MR-2401" in millrace("copy", "people.csv", "other.bin", code=1).stderr


def test_copy_from_standard_input(millrace, people):
    done = millrace("copy", "-", "-", "--from", "format=csv", "--to", "format=csv", stdin="a\n7\n")
    assert done.stdout == "a\n7\n"
    assert "guarantee: at most once" in done.stderr


def test_copy_modes(millrace, people, tmp_path):
    millrace("copy", "people.csv", "out.csv")
    assert "MR-2402" in millrace("copy", "people.csv", "out.csv", code=1).stderr
    millrace("copy", "people.csv", "out.csv", "--mode", "append")
    assert (tmp_path / "out.csv").read_text().count("ann") == 2
    millrace("copy", "people.csv", "out.csv", "--mode", "overwrite")
    assert (tmp_path / "out.csv").read_text().count("ann") == 1
    assert "MR-1003" in millrace("copy", "people.csv", "out.csv", "--mode", "appendd", code=2).stderr


def test_copy_upsert_is_refused_for_files(millrace, people, tmp_path):
    done = millrace("copy", "people.csv", "out.csv", "--mode", "upsert", "--key", "id", code=2)
    assert "MR-1102" in done.stderr and "connector 'files'" in done.stderr
    assert "--key goes with --mode upsert" in millrace("copy", "people.csv", "out.csv", "--key", "id", code=2).stderr
    assert not (tmp_path / "out.csv").exists()


def test_copy_select(millrace, people, tmp_path):
    select = "SELECT upper(name) AS n, id * 10 AS i FROM source WHERE id < 3 ORDER BY id DESC"
    millrace("copy", "people.csv", "out.csv", "--select", select)
    assert (tmp_path / "out.csv").read_text() == "n,i\nBOB,20\nANN,10\n"


def test_copy_select_errors(millrace, people, tmp_path):
    done = millrace("copy", "people.csv", "out.csv", "--select", "SELECT id, nme FROM source", code=2)
    assert "MR-3021 no such column: --select, line 1:12: nme" in done.stderr
    caret = done.stderr.splitlines()[-1]
    assert caret.index("^") == done.stderr.splitlines()[-2].index("nme")
    assert "MR-1026" in millrace("copy", "people.csv", "out.csv", "--select", "DROP TABLE x", code=2).stderr
    assert not (tmp_path / "out.csv").exists()


def test_dead_letters(millrace, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n4,5\n")
    words = ["bad.csv", "out.csv", "--from", "on_ragged=dead_letter", "--mode", "overwrite"]
    done = millrace("copy", *words, "--dead-letters", "aside.ndjson")
    assert "copied 2 rows" in done.stderr
    assert "1 rows set aside in aside.ndjson" in done.stderr
    assert len((tmp_path / "aside.ndjson").read_text().splitlines()) == 1
    # Beside the destination when nothing is said.
    millrace("copy", *words)
    assert (tmp_path / "out.csv.dead-letters.ndjson").exists()
    millrace("sql", "--dead-letters", "of_sql.ndjson", "-c",
             "CREATE SOURCE b WITH (connector = 'files', path = 'bad.csv', on_ragged = 'dead_letter'); SELECT * FROM b")
    assert (tmp_path / "of_sql.ndjson").exists()


# --- sql and run ------------------------------------------------------------------------------------------------------


def test_sql_table(millrace, people):
    done = millrace("sql", "-c", "SELECT id, name FROM 'people.csv' ORDER BY id DESC")
    assert done.stdout == ("id | name\n"
                           "---+-----\n"
                           " 3 | NULL\n"
                           " 2 | bob\n"
                           " 1 | ann\n"
                           "(3 rows)\n")


def test_sql_rows(millrace, people):
    text = millrace("sql", "--rows", "1", "-c", "SELECT id FROM 'people.csv'").stdout
    assert "(3 rows, first 1 shown)" in text and " 2\n" not in text


def test_sql_csv(millrace, people):
    done = millrace("sql", "--format", "csv", "-c", "SELECT id, name FROM 'people.csv'")
    assert done.stdout == "id,name\n1,ann\n2,bob\n3,\n"


def test_sql_json(millrace, people):
    # Needs the format json, which `millrace connectors files` must list.
    assert "format 'json'" in millrace("connectors", "files").stdout
    done = millrace("sql", "--format", "json", "-c", "SELECT id, name FROM 'people.csv'")
    assert json_lines(done.stdout) == [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}, {"id": 3, "name": None}]


def test_sql_arrow(millrace, people):
    done = millrace("sql", "--format", "arrow", "-c", "SELECT id, name FROM 'people.csv'", text=False)
    table = pa.ipc.open_stream(io.BytesIO(done.stdout)).read_all()
    assert table.to_pydict() == {"id": [1, 2, 3], "name": ["ann", "bob", None]}
    assert table.schema.field("id").type == pa.int64()


def test_sql_reads_a_script_from_a_pipe(millrace, people):
    done = millrace("sql", stdin="CREATE VIEW v AS SELECT max(id) AS m FROM 'people.csv';\nSELECT m + 1 AS n FROM v;")
    assert "\n4\n" in done.stdout
    done = millrace("sql", stdin="SELECT 1;\nSELEC 2;\nSELECT 3;", code=2)
    assert "MR-3001" in done.stderr and "line 2:1" in done.stderr


def test_show_and_describe(millrace, people):
    script = "CREATE SOURCE p WITH (connector = 'files', path = 'people.csv'); "
    text = millrace("sql", "--format", "csv", "-c", script + "SHOW TABLES").stdout
    assert text == "name\np\n"
    text = millrace("sql", "--format", "csv", "-c", script + "DESCRIBE p").stdout
    assert text == "column_name,column_type,null\nid,BIGINT,YES\nname,VARCHAR,YES\nat,TIMESTAMP,YES\n"
    text = millrace("sql", "--format", "csv", "-c", script + "DESCRIBE SELECT id * 2.5 AS x FROM p").stdout
    assert text.splitlines()[1].startswith("x,")
    assert "upper" in millrace("sql", "-c", "SHOW FUNCTIONS LIKE 'up%'").stdout


def test_run_sets_variables(millrace, people, tmp_path):
    (tmp_path / "s.sql").write_text("INSERT INTO '${out:-default.csv}' SELECT id FROM '${in}' WHERE id > ${least:-1};")
    millrace("run", "s.sql", "--set", "in=people.csv", "--set", "out=set.csv")
    assert (tmp_path / "set.csv").read_text() == "id\n2\n3\n"
    millrace("run", "s.sql", "--set", "least=2", env={"in": "people.csv"})
    assert (tmp_path / "default.csv").read_text() == "id\n3\n"
    done = millrace("run", "s.sql", code=2)
    assert "MR-1025" in done.stderr and "variable 'in' has no value" in done.stderr


def test_run_formats_results(millrace, people, tmp_path):
    (tmp_path / "s.sql").write_text("SELECT id FROM 'people.csv';")
    assert millrace("run", "s.sql", "--format", "csv").stdout == "id\n1\n2\n3\n"
    assert "first 2 shown" in millrace("run", "s.sql", "--rows", "2").stdout


def test_sql_error_has_a_caret(millrace, people, tmp_path):
    (tmp_path / "s.sql").write_text("SELECT id\nFROM 'people.csv'\nWHERE idd = 1;")
    lines = millrace("run", "s.sql", code=2).stderr.splitlines()
    assert lines[0] == "error: MR-3021 no such column: s.sql, line 3:7: idd; did you mean id?"
    assert lines[2] == "  3 | WHERE idd = 1;"
    assert lines[3].index("^") == lines[2].index("idd")


def test_missing_file_fails(millrace):
    assert "MR-2001" in millrace("copy", "nowhere.csv", "out.csv", code=1).stderr
    assert "MR-2001" in millrace("run", "nowhere.sql", code=1).stderr


def test_shards_and_memory_and_pin(millrace, tmp_path):
    rows = 200_000
    (tmp_path / "big.csv").write_text("k,v\n" + "".join(f"{i},{i % 7}\n" for i in range(rows)))
    script = "CREATE SOURCE b WITH (connector = 'files', path = 'big.csv', split_size = '100kB'); "
    query = script + "EXPLAIN ANALYZE SELECT v, count(*) FROM b GROUP BY v"
    # With one shard nothing is exchanged.
    assert "exchange" not in millrace("--shards", "1", "sql", "-c", query).stdout
    assert "exchange" in millrace("--shards", "2", "--pin", "sql", "-c", query).stdout
    done = millrace("--memory", "1MB", "sql", "-c", script + "SELECT k FROM b ORDER BY k DESC LIMIT 150000", code=1)
    assert "MR-5001" in done.stderr


def test_left_out_rows_are_in_the_summary(millrace, tmp_path):
    rows = 300_000  # several batches, so that the watermark has moved when the late row comes
    (tmp_path / "t.csv").write_text(
        "at,k\n" + "".join(f"2024-01-01 {i // 36000:02}:{i // 600 % 60:02}:{i // 10 % 60:02},1\n" for i in range(rows))
        + "2024-01-01 00:00:05,1\n,1\n")
    script = ("CREATE SOURCE t (at TIMESTAMP, k BIGINT, WATERMARK FOR at AS at - INTERVAL '0' SECOND) WITH (connector = "
              "'files', path = 't.csv', split_size = '1GB'); INSERT INTO 'out_{}.csv' SELECT window_start, k, count(*) AS "
              "n FROM t GROUP BY k WINDOW TUMBLING(at, 1m) EMIT FINAL")
    done = millrace("--shards", "1", "sql", "-c", script.format(1))
    assert "1 rows left out: they came after their window had closed" in done.stderr
    assert "1 rows left out: their event time is NULL" in done.stderr
    lines = json_lines(millrace("--log-format", "json", "sql", "-c", script.format(2)).stderr)
    [summary] = [line for line in lines if line["level"] == "summary"]
    assert (summary["rows_late"], summary["rows_without_time"]) == (1, 1)


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_moves_nothing(millrace, people, tmp_path):
    (tmp_path / "s.sql").write_text("INSERT INTO 'out.csv' SELECT id FROM '${in}' WHERE id > 1;")
    text = millrace("check", "s.sql", "--set", "in=people.csv").stdout
    assert "write" in text and "scan" in text
    assert re.search(r"^ok +source people.csv", text, re.M)
    assert not (tmp_path / "out.csv").exists()


def test_check_reports_everything(millrace, people, tmp_path):
    (tmp_path / "s.sql").write_text("SELECT nope FROM 'people.csv'; SELECT id FROM 'gone.csv'; SET parallelism = 'x';")
    text = millrace("check", "s.sql", code=2).stdout
    assert "nope" in text and "gone.csv" in text and "parallelism" in text


# --- lists ------------------------------------------------------------------------------------------------------------


def test_connectors(millrace):
    assert re.search(r"^files +source, sink", millrace("connectors").stdout, re.M)
    text = millrace("connectors", "files").stdout
    assert "guarantee: Exactly once" in text
    for option in ["path", "on_error", "delimiter", "mode", "roll_rows"]:
        assert re.search(rf"^    {option} ", text, re.M), option


def test_functions(millrace):
    assert re.search(r"^aggregate: .*\bavg\b", millrace("functions").stdout, re.M)
    text = millrace("functions", "upper").stdout
    assert text.startswith("upper(")


def test_completion(millrace, tmp_path):
    script = millrace("completion", "bash").stdout
    (tmp_path / "bash").write_text(script)

    def complete(*words):
        command = ("source ./bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($#-1)); _millrace; "
                   "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", command, "bash", *words], cwd=tmp_path, capture_output=True, text=True,
                              check=True)
        return done.stdout.split()

    assert complete("millrace", "co") == ["copy", "connectors", "completion"]
    assert complete("millrace", "copy", "--sel") == ["--select"]
    assert complete("millrace", "run", "x.sql", "--s") == ["--set", "--shards"]
    assert complete("millrace", "--log") == ["--log-format"]
    assert complete("millrace", "copy", "peo") == []
    # Every option that help shows, every script has.
    for shell in ["bash", "zsh", "fish"]:
        script = millrace("completion", shell).stdout
        for command in ["copy", "run", "sql", "check"]:
            for name in re.findall(r"--([a-z-]+)", millrace(command, "--help").stdout.split("Options:")[1].split("Exam")[0]):
                assert (f"-l {name}" if shell == "fish" else f"--{name}") in script, (shell, command, name)
    assert "docs" not in complete("millrace", "")


# --- what is said, and how --------------------------------------------------------------------------------------------


def test_quiet(millrace, people):
    assert millrace("copy", "people.csv", "a.csv", "--quiet").stderr == ""
    assert millrace("-q", "sql", "-c", "CREATE VIEW v AS SELECT 1; SELECT 2 AS x").stderr == ""
    assert "MR-2402" in millrace("copy", "people.csv", "a.csv", "-q", code=1).stderr


def test_json_log(millrace, people):
    lines = json_lines(millrace("copy", "people.csv", "a.csv", "--log-format", "json").stderr)
    assert lines[0] == {"level": "info", "message": "guarantee: exactly once (two-phase commit)"}
    summary = lines[-1]
    assert summary["level"] == "summary"
    assert (summary["rows_read"], summary["rows_written"], summary["dead_letters"]) == (3, 3, 0)
    lines = json_lines(millrace("--log-format", "json", "sql", "-c", "SELECT x", code=2).stderr)
    assert [line["level"] for line in lines] == ["error"]
    assert lines[0]["code"] == "MR-3021" and lines[0]["retryable"] is False and lines[0]["remedy"]


SLOW_ROWS = """
import time
import time
print('a')
for i in range(600):
    for j in range(100):
        print(i * 100 + j)
    print(end='', flush=True)
    time.sleep(0.005)
"""


def slow_copy(millrace, *words, **options):
    """A copy from a pipe that goes on for several seconds."""
    feed = subprocess.Popen([sys.executable, "-c", SLOW_ROWS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    copy = millrace.start("copy", "-", "out.csv", "--from", "format=csv", "--from", "sample_bytes=1000", *words, stdin=feed.stdout, **options)
    feed.stdout.close()
    return copy, feed


def test_json_progress(millrace):
    copy, feed = slow_copy(millrace, "--log-format", "json", stderr=subprocess.PIPE, text=True)
    _, err = copy.communicate(timeout=120)
    feed.wait()
    assert copy.returncode == 0
    lines = json_lines(err)
    progress = [line for line in lines if line["level"] == "progress"]
    assert progress and progress[-1]["rows"] > 0 and progress[-1]["memory_bytes"] > 0
    # One line a second, not more.
    assert len(progress) <= lines[-1]["seconds"] + 1
    assert lines[-1]["rows_written"] == 60_000


def test_no_progress_in_a_pipe(millrace):
    copy, feed = slow_copy(millrace, stderr=subprocess.PIPE, text=True)
    _, err = copy.communicate(timeout=120)
    feed.wait()
    assert [line.split()[0] for line in err.splitlines()] == ["guarantee:", "copied"]


def test_progress_on_a_terminal(millrace, binary, tmp_path):
    command = f"{sys.executable} -c \"$0\" | {binary} copy - out.csv --from format=csv --from sample_bytes=1000"
    child = pexpect.spawn("bash", ["-c", command, SLOW_ROWS], cwd=str(tmp_path), encoding="utf-8", timeout=60,
                          dimensions=(24, 150))
    child.expect(r"\r\x1b\[K([\d,]+) rows, [\d.]+ \w+, [\d,]+ rows/s, .*memory")
    child.expect("copied 60,000 rows")
    child.expect(pexpect.EOF)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(millrace, tmp_path, number):
    copy, feed = slow_copy(millrace, stderr=subprocess.PIPE, text=True)
    time.sleep(1.0)
    copy.send_signal(number)
    _, err = copy.communicate(timeout=20)
    feed.kill()
    feed.wait()
    assert copy.returncode == 130
    assert "MR-5002 interrupted" in err
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_signal_ends_the_wait_for_a_first_row(millrace, tmp_path):
    copy = millrace.start("copy", "-", "out.csv", "--from", "format=csv", stdin=subprocess.PIPE)
    time.sleep(0.5)
    copy.send_signal(signal.SIGINT)
    assert copy.wait(timeout=10) == 130
    copy.stdin.close()


# --- the shell --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(binary, people, tmp_path):
    child = pexpect.spawn(str(binary), ["sql"], cwd=str(tmp_path), encoding="utf-8", timeout=20, dimensions=(40, 120),
                          env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm"})
    child.expect("millrace> ")
    yield child
    child.close(force=True)


def test_shell_runs_statements_of_several_lines(shell):
    shell.sendline("SELECT count(*) AS n")
    shell.expect(r"\.\.\.> ")
    shell.sendline("FROM 'people.csv' -- a comment with a ; in it")
    shell.expect(r"\.\.\.> ")
    shell.sendline("/* and ; another */ WHERE id > 1;")
    shell.expect(r"n\r\n-\r\n2\r\n\(1 row\)")
    shell.expect("millrace> ")
    shell.sendline(".quit")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0


def test_shell_shows_where_the_error_is(shell):
    shell.sendline("SELECT idd FROM 'people.csv';")
    shell.expect("error: MR-3021 no such column: line 1:8: idd; did you mean id")
    shell.expect(r"  1 \| SELECT idd FROM 'people.csv';\r\n {13}\^")
    shell.expect("millrace> ")
    shell.sendline("SELECT 40 + 2 AS x;")
    shell.expect("42")


def test_shell_completes_names(shell):
    shell.sendline("CREATE VIEW lighthouse AS SELECT 5 AS x;")
    shell.expect("created lighthouse")
    shell.expect("millrace> ")
    shell.send("SELECT x FROM lightho\t")
    shell.expect("use")  # only what is new is drawn
    shell.sendline(";")
    shell.expect(r"\(1 row\)")


def test_shell_commands(shell):
    shell.sendline("CREATE VIEW v AS SELECT 1 AS a;")
    shell.expect("created v")
    shell.sendline(".tables")
    shell.expect("\r\nv\r\n")
    shell.sendline(".functions")
    shell.expect(r"upper\(")
    shell.sendline(".help")
    shell.expect(r"\.tables +names")


def test_shell_keeps_a_history(shell, tmp_path, binary):
    shell.sendline("SELECT 12345 AS kept;")
    shell.expect(r"\(1 row\)")
    shell.expect("millrace> ")
    shell.sendline(".quit")
    shell.expect(pexpect.EOF)
    assert "12345" in (tmp_path / ".millrace_history").read_text()
    again = pexpect.spawn(str(binary), ["sql"], cwd=str(tmp_path), encoding="utf-8", timeout=20,
                          env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm"})
    again.expect("millrace> ")
    again.send("\x1b[A")
    again.expect("SELECT 12345 AS kept;")
    again.close(force=True)


def test_shell_control_c_forgets_the_line(shell):
    shell.sendline("SELECT 1 AS never")
    shell.expect(r"\.\.\.> ")
    shell.send("WHERE")
    time.sleep(0.3)
    shell.sendintr()
    shell.expect("millrace> ")
    shell.sendline("SELECT 7 AS after;")
    shell.expect(r"after\r\n-----\r\n +7")
    shell.expect("millrace> ")
    shell.sendeof()
    shell.expect(pexpect.EOF)


def test_shell_takes_every_character(shell):
    shell.sendline("SELECT length('é日') AS n, '日' AS c;")
    shell.expect(r"2\W+日")
    shell.expect(r"\(1 row\)")


def test_shell_completes_files_inside_quotes(shell):
    shell.send("SELECT count(*) AS n FROM 'peop\t")
    shell.expect("le.csv")
    shell.sendline("';")
    shell.expect(r"n\r\n-\r\n\d\r\n\(1 row\)")


@pytest.mark.parametrize("word", ["exit", "quit;", "QUIT", ".quit"])
def test_shell_is_left_by_any_of_the_usual_words(shell, word):
    shell.sendline(word)
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0


def test_shell_helps(shell):
    shell.sendline("help")
    shell.expect("Statements end with")


def test_a_reader_that_wants_no_more_is_no_error(binary, tmp_path):
    (tmp_path / "rows.csv").write_text("a\n" + "12345678\n" * 500_000)
    for command in ("copy rows.csv - --format csv", "sql --format csv -c \"SELECT * FROM 'rows.csv'\""):
        done = subprocess.run(["bash", "-c", f"{binary} -q {command} | head -2; echo ${{PIPESTATUS[0]}}"], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr) == ("a\n12345678\n141\n", "")


def test_rows_set_aside_are_told_even_when_quiet(millrace, tmp_path):
    (tmp_path / "bad.csv").write_text("a\n1\nx\n")
    done = millrace("-q", "copy", "bad.csv", "out.csv", "--from", "sample_rows=1", "--from", "on_error=dead_letter")
    assert done.stderr == "1 rows set aside in out.csv.dead-letters.ndjson\n"


def test_a_setting_that_nothing_asks_for_is_refused(millrace, tmp_path):
    (tmp_path / "s.sql").write_text("SELECT ${data:-1} AS x;")
    error = millrace("run", "s.sql", "--set", "daat=2", code=2).stderr
    assert "MR-1025" in error and "did you mean 'data'" in error


def test_a_plan_among_arrow_results_is_a_result(millrace, people):
    done = millrace("sql", "--format", "arrow", "-c", "EXPLAIN SELECT id FROM 'people.csv'; SELECT 1 AS x", text=False)
    stream = io.BytesIO(done.stdout)
    plan = pa.ipc.open_stream(stream).read_all()
    assert plan.column_names == ["plan"] and "scan people.csv (id)" in plan["plan"][-1].as_py()
    assert pa.ipc.open_stream(stream).read_all().to_pydict() == {"x": [1]}


# --- small manners ------------------------------------------------------------------------------------------------


def test_a_folder_is_no_script(millrace, tmp_path):
    for command in ("run", "check"):
        assert "MR-2002" in millrace(command, str(tmp_path), code=1).stderr


def test_a_script_may_begin_with_a_byte_order_mark(millrace, tmp_path):
    (tmp_path / "s.sql").write_text("\ufeffSELECT 5 AS x;")
    assert millrace("run", "s.sql", "--format", "csv").stdout == "x\n5\n"


def test_words_that_are_no_choice(millrace):
    error = millrace("sql", "--format", "jsn", "-c", "SELECT 1", code=2).stderr
    assert "'jsn' is none of arrow|csv|json|table; did you mean 'json'?" in error


def test_rows_left_out_of_a_shown_result_are_told(millrace, tmp_path):
    (tmp_path / "t.csv").write_text("t,x\n2024-01-01 00:00:01,1\n,2\n")
    done = millrace("sql", "-c", "SELECT window_start, count(*) AS n FROM 't.csv' GROUP BY window_start WINDOW "
                    "TUMBLING(t, INTERVAL '5' MINUTE)")
    assert "1 rows left out: their event time is NULL" in done.stderr


def complete(binary, *words):
    """What bash would offer for the last of `words`."""
    script = (f"source <({binary} completion bash); COMP_WORDS=({' '.join(repr(word) for word in words)}); "
              f"COMP_CWORD={len(words) - 1}; _millrace; echo ${{COMPREPLY[@]}}")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_completion_offers_values_and_names(binary):
    assert complete(binary, "millrace", "sql", "--format", "") == ["arrow", "csv", "json", "table"]
    assert complete(binary, "millrace", "copy", "--mode", "ap") == ["append"]
    assert "date_trunc" in complete(binary, "millrace", "functions", "date_")
    assert complete(binary, "millrace", "connectors", "fi") == ["files"]
    assert "--dead-letters" in complete(binary, "millrace", "run", "--d")


def test_a_file_that_grows_too_large_is_an_error(binary, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n" + "12345678\n" * 200_000)
    done = subprocess.run(["bash", "-c", f"ulimit -f 500; {binary} copy rows.csv out.csv"], cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.returncode == 1 and "MR-2005" in done.stderr and "File too large" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]


def test_a_hangup_ends_cleanly(millrace, tmp_path):
    copy = millrace.start("copy", "-", "out.csv", "--from", "format=csv", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)
    copy.send_signal(signal.SIGHUP)
    assert copy.wait(timeout=10) == 130
    copy.stdin.close()
    assert not list(tmp_path.glob(".millrace-*"))


@pytest.mark.parametrize("given", ["secret_access_key = 'hid''den'", "'session_token'='hidden'", "SECRET_ACCESS_KEY = 'hid\nden'"])
def test_secrets_are_not_in_excerpts(millrace, given):
    # Nothing listens at port 1.
    done = millrace("sql", "-c", f"CREATE SOURCE s WITH (connector = 'files', path = 's3://b/x.csv', endpoint = 'http://127.0.0.1:1', {given},"
                    " access_key_id = 'AK', retry_attempts = 1); SELEKT", code=2)
    assert "SELEKT" in done.stderr and "hid" not in done.stderr and "den" not in done.stderr


def test_summarize_of_no_columns_is_empty(millrace, tmp_path):
    (tmp_path / "in.ndjson").write_text("{}\n{}\n")
    done = millrace("sql", "--format", "csv", "-c", "SUMMARIZE 'in.ndjson'")
    assert done.stdout == "column_name,column_type,min,max,approx_unique,avg,std,count,null_percentage\n"


def test_summarize_says_of_nested_columns_what_it_can(millrace, tmp_path):
    (tmp_path / "in.ndjson").write_text('{"a":[1,2],"s":{"x":1},"n":1}\n{"a":null,"s":{"x":2},"n":2}\n')
    lines = millrace("sql", "--format", "csv", "-c", "SUMMARIZE 'in.ndjson'").stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["column_name", "a", "s", "n"]
    assert lines[1].endswith(",,,,,,2,50.0") and lines[2].endswith(",,,,,,2,0.0")


def test_copy_takes_the_types_that_it_is_told(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("id,x\n007,1.50\n8,2\n")
    millrace("copy", "in.csv", "out.csv", "--schema", "id VARCHAR")
    assert (tmp_path / "out.csv").read_text() == "id,x\n007,1.5\n8,2.0\n"
    millrace("copy", "in.csv", "out.csv", "--mode", "overwrite", "--schema", "x DECIMAL(9, 2), id SMALLINT")
    assert (tmp_path / "out.csv").read_text() == "id,x\n7,1.50\n8,2.00\n"
    # A file without names gets them all.
    (tmp_path / "bare.csv").write_text("7,a\n8,b\n")
    millrace("copy", "bare.csv", "out.csv", "--mode", "overwrite", "--from", "header=false", "--schema", "n INTEGER, t VARCHAR")
    assert (tmp_path / "out.csv").read_text() == "n,t\n7,a\n8,b\n"
    done = millrace("copy", "-", "-", "--from", "format=csv", "--to", "format=csv", "--schema", "id VARCHAR, x VARCHAR",
                    stdin="id,x\n007,1.50\n")
    assert done.stdout == "id,x\n007,1.50\n"
    for schema, text in (("id VARCHAR, xx DOUBLE", "MR-1034"), ("id VARCAR", "MR-3006"), ("id VARCHAR x", "MR-3001")):
        done = millrace("copy", "in.csv", "never.csv", "--schema", schema, code=2)
        assert text in done.stderr and not (tmp_path / "never.csv").exists()


def test_copy_of_the_first_rows_and_of_none(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(1000)))
    millrace("copy", "in.csv", "out.csv", "--head", "3")
    assert (tmp_path / "out.csv").read_text() == "id\n0\n1\n2\n"
    millrace("copy", "in.csv", "out.csv", "--mode", "overwrite", "--schema-only")
    assert (tmp_path / "out.csv").read_text() == "id\n"
    millrace("copy", "in.csv", "out.csv", "--mode", "overwrite", "--head", "2", "--select", "SELECT id + 1 AS n FROM source WHERE id > 10")
    assert (tmp_path / "out.csv").read_text() == "n\n12\n13\n"
    assert "MR-" in millrace("copy", "in.csv", "out.csv", "--head", "-1", code=2).stderr


def test_a_link_that_leads_back_finds_no_file_again(millrace, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("id\n1\n")
    (tmp_path / "in" / "sub" / "b.csv").write_text("id\n2\n")
    (tmp_path / "in" / "sub" / "up").symlink_to("..")
    (tmp_path / "in" / "self").symlink_to(".")
    # A link to somewhere else is followed.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.csv").write_text("id\n3\n")
    (tmp_path / "in" / "there").symlink_to("../elsewhere")
    for path in ("in/", "in", "in/**/*.csv", str(tmp_path / "in")):
        assert millrace("sql", "--format", "csv", "-c", f"SELECT id FROM '{path}' ORDER BY id").stdout == "id\n1\n2\n3\n"

"""The resilience options from end to end, and the page about them."""

import fcntl
import json
import re
import subprocess
import time

import pytest

from program import BINARY, ROOT, binary, millrace  # noqa: F401 (fixtures)

PAGE = (ROOT / "docs/guides/resilience.md").read_text()


def test_the_examples_of_the_page(millrace, tmp_path):
    for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```", PAGE, re.M | re.S):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    commands = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    assert len(commands) >= 5
    for command in commands:
        script = f"set -e\nmillrace() {{ '{BINARY}' \"$@\"; }}\n{command}"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
    rows = (tmp_path / "orders-copy.csv").read_text().splitlines()
    assert sorted(rows) == ["1,10", "2,", "3,30", "4,12", "5,50", "id,amount"]
    assert (tmp_path / "cents.csv").read_text() == "id,cents\n1,1000\n3,3000\n5,5000\n2,\n4,1250.0\n"
    assert not (tmp_path / "aside.ndjson").exists()
    assert (tmp_path / "paid.csv").read_text() == "id,amount\n3,20.0\n5,40.0\n2,\n4,2.0\n"
    assert (tmp_path / "big.csv").read_text() == "id,amount\n3,30\n5,50\n"
    assert (tmp_path / "all.csv").read_text() == "id,amount\n1,10\n2,20\n"


def test_every_option_of_the_page_exists(millrace):
    listed = millrace("connectors", "files").stdout
    options = set(re.findall(r"`((?:retry|breaker|timeout|rate_limit|max_conn)\w+)`", PAGE))
    assert len(options) >= 13
    for option in options:
        assert option in listed, option


@pytest.fixture
def locked(tmp_path):
    """A file that somebody else is appending to, and the lock of that."""
    (tmp_path / "in.csv").write_text("a\n2\n")
    (tmp_path / "out.csv").write_text("a\n1\n")
    lock = open(tmp_path / ".millrace-out.csv-append.tmp", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield lock
    lock.close()


def test_a_passing_failure_is_waited_out(millrace, tmp_path, locked):
    words = ["--log-format", "json", "copy", "in.csv", "out.csv", "--mode", "append", "--to", "retry_attempts=100",
             "--to", "retry_backoff=50ms", "--to", "retry_multiplier=1", "--to", "breaker_failures=0"]
    running = millrace.start(*words, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    assert running.poll() is None
    locked.close()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert (tmp_path / "out.csv").read_text() == "a\n1\n2\n"
    lines = [json.loads(line) for line in said.splitlines()]
    (source, sink), = [line["connectors"] for line in lines if line["level"] == "summary"]
    assert any(line["level"] == "warning" and "last error: MR-2408" in line["message"] for line in lines)
    assert (source["name"], source["health"], source["failures"]) == ("source in.csv", "ok", 0)
    assert sink["health"] == "ok" and sink["retries"] >= 1 and sink["last_error"].startswith("MR-2408")


@pytest.mark.parametrize("words, tries", [(["retry_attempts=1"], 1), (["retry_attempts=4", "retry_backoff=1ms"], 4)])
def test_it_is_given_up(millrace, locked, words, tries):
    options = [word for option in words for word in ("--to", option)]
    done = millrace("copy", "in.csv", "out.csv", "--mode", "append", *options, code=1)
    assert "MR-2408" in done.stderr
    assert (f"after {tries} tries" in done.stderr) == (tries > 1)


def test_the_deadline_and_the_breaker(millrace, locked):
    begin = time.time()
    options = ["--to", "retry_attempts=100", "--to", "retry_backoff=100ms", "--to", "retry_multiplier=1", "--to",
               "retry_jitter=false"]
    done = millrace("copy", "in.csv", "out.csv", "--mode", "append", *options, "--to", "retry_deadline=350ms", code=1)
    assert "MR-2408" in done.stderr and "after 4 tries" in done.stderr
    assert time.time() - begin >= 0.3
    done = millrace("copy", "in.csv", "out.csv", "--mode", "append", *options, "--to", "retry_deadline=2s", "--to",
                    "breaker_failures=2", "--to", "breaker_pause=1h", code=1)
    assert "MR-2503" in done.stderr and "MR-2408" in done.stderr


@pytest.mark.parametrize("side", ["source", "sink"])
def test_rates_hold_from_sql_and_yaml(millrace, tmp_path, side):
    # Batches of 10, so that a sink is given pieces that it can space.
    (tmp_path / "in.csv").write_text("a\n" + "1\n" * 100)
    rate = {"source": "", "sink": ""} | {side: ", rate_limit_rows: 50"}
    (tmp_path / "p.yaml").write_text(
        f"source: {{connector: files, path: in.csv{rate['source']}}}\n"
        f"sink: {{connector: files, path: out.csv{rate['sink']}}}\nsettings: {{batch_rows: 10}}\n")
    begin = time.time()
    millrace("run", "p.yaml")
    assert time.time() - begin > 1.5
    with_rate = {"source": "", "sink": ""} | {side: ", rate_limit_rows = 1000000"}
    begin = time.time()
    millrace("sql", "-c", f"CREATE SOURCE s WITH (connector = 'files', path = 'in.csv'{with_rate['source']}); "
             f"CREATE SINK o WITH (connector = 'files', path = 'o.csv'{with_rate['sink']}); INSERT INTO o SELECT * FROM s")
    assert time.time() - begin < 1.5
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 101


def test_connections_keep_the_order(millrace, tmp_path):
    (tmp_path / "in.csv").write_text("a\n" + "".join(f"{i}\n" for i in range(50_000)))
    millrace("--shards", "4", "copy", "in.csv", "out.csv", "--from", "split_size=4096", "--from", "max_connections=1")
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "in.csv").read_text()

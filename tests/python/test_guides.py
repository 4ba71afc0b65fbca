"""The examples of the guides about checkpoints, files and memory."""

import json
import re
import subprocess

import pytest

from program import BINARY, ROOT, binary, millrace  # noqa: F401 (fixtures)


@pytest.fixture
def run_examples(millrace, tmp_path):
    def run(name):
        page = (ROOT / "docs/guides" / name).read_text()
        for path, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```", page, re.M | re.S):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        commands = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
        assert commands
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/millrace").symlink_to(BINARY)
        said = ""
        for command in commands:
            done = subprocess.run(["bash", "-c", f"set -e\nPATH={tmp_path}/bin:$PATH\n{command}"], cwd=tmp_path, text=True,
                                  capture_output=True, timeout=120,
                                  env={"PATH": "/usr/bin:/bin", "MILLRACE_STATE_DIR": str(tmp_path / "state")})
            assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
            said += done.stdout + done.stderr
        return said
    return run


def rows(folder):
    """Of all CSV parts, without their headers."""
    return sorted(line for path in folder.glob("part-*.csv") for line in path.read_text().splitlines()[1:])


def test_checkpoints(run_examples, tmp_path):
    said = run_examples("checkpoints.md")
    # Each window once, that of 00:03 is open.
    assert rows(tmp_path / "counts") == ["2024-01-01 00:00:00,a,1", "2024-01-01 00:01:00,b,1"]
    assert "goes on from checkpoint" in said and "rows_read  3" in said
    assert len((tmp_path / "copied.csv").read_text().splitlines()) == 100_001
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["counts"]


def test_files(run_examples, tmp_path):
    run_examples("files.md")
    assert rows(tmp_path / "seen") == ["1,info", "2,warn", "3,info", "4,warn", "5,info"]
    assert sorted(path.name for path in (tmp_path / "days").iterdir()) == [
        "day=2024-01-01", "day=2024-01-02", "day=__HIVE_DEFAULT_PARTITION__"]
    assert len(list((tmp_path / "pairs").iterdir())) == 2


def test_memory(run_examples, tmp_path):
    run_examples("memory.md")
    assert sorted((tmp_path / "sums.csv").read_text().splitlines()[1:]) == ["1,6", "2,3"]
    assert list((tmp_path / "spill").iterdir()) == []


def test_every_setting_is_described():
    """In the guides, from the same table as the schema."""
    settings = set(json.loads((ROOT / "api/pipeline.schema.json").read_text())["properties"]["settings"]["properties"])
    assert len(settings) >= 11
    for page in ["pipelines.md", "checkpoints.md"]:
        text = (ROOT / "docs/guides" / page).read_text()
        missing = {name for name in settings if f"`{name}`" not in text}
        assert not missing or page == "checkpoints.md" and missing <= {
            "parallelism", "batch_rows", "dead_letters", "max_dead_letters", "on_error", "restart_attempts", "restart_backoff"}


def test_windows_are_put_out_once_whoever_is_idle_first(millrace, tmp_path):
    """Two tasks and one file: the one without a file must not decide by chance when windows close."""
    (tmp_path / "logs").mkdir()
    page = (ROOT / "docs/guides/checkpoints.md").read_text()
    (tmp_path / "follow.sql").write_text(re.search(r"^```sql follow.sql\n(.*?)^```", page, re.M | re.S)[1])
    expected = []
    with open(tmp_path / "logs/1.json", "w") as log:
        for minute in range(8):
            log.write(f'{{"id": 1, "kind": "k{minute % 3}", "at": "2024-01-01T00:0{minute}:30"}}\n')
            log.flush()
            running = millrace.start("--shards", "2", "run", "follow.sql", stderr=subprocess.DEVNULL)
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(timeout=0.4)
            running.send_signal(2)
            assert running.wait(timeout=60) == 130
            if minute > 0:
                expected.append(f"2024-01-01 00:0{minute - 1}:00,k{(minute - 1) % 3},1")
            assert rows(tmp_path / "counts") == expected


def test_generators(run_examples):
    said = run_examples("generators.md")
    # 200,000 events are 20 s of 10,000 events, 46 of 50 of them bids.
    assert re.search(r"2015-07-15 00:00:00 +\| +92000 ", said) and re.search(r"2015-07-15 00:00:10 +\| +92000 ", said)
    assert re.findall(r"^person> .*\"id\":(\d+)", said, re.M) == ["1000", "1001", "1002", "1003"]
    assert "wrote 920,000 rows" in said
    # 36,000 trades in an hour, half of them of the first symbol.
    assert re.search(r"2024-01-01 09:00:00 +\| AAA +\| +(8[89]|9[012])\d\d ", said)
    assert re.search(r"2024-01-01 09:30:00 +\| CCC +\| +3[4567]\d\d ", said)

"""What may not be read or written: numbered errors, a failing exit, and nothing lost.

Root may do everything, so the program is run without that right; its own files' modes then count for root as for
anybody."""

import os
import signal
import subprocess

import pytest

from program import BINARY, Millrace, binary, millrace, wait_for  # noqa: F401 (fixtures)

POWERLESS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"] if os.geteuid() == 0 else []


class Powerless(Millrace):
    def __call__(self, *words, code=0):
        done = subprocess.run([*POWERLESS, BINARY, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=120,
                              env={**os.environ, **self.environment})
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words):
        return subprocess.Popen([*POWERLESS, BINARY, *map(str, words)], cwd=self.folder, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, **self.environment})


@pytest.fixture
def powerless(tmp_path, binary):
    (tmp_path / "probe").mkdir(mode=0o555)
    probe = subprocess.run([*POWERLESS, "touch", tmp_path / "probe/file"], capture_output=True)
    assert probe.returncode != 0, "this test would prove nothing"
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_text("id\n1\n2\n")
    (tmp_path / "in/2.csv").write_text("id\n3\n")
    yield Powerless(tmp_path)
    # So that the folder can be removed.
    for path in tmp_path.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def rows(folder):
    return sorted(int(line) for path in folder.glob("*.csv") for line in path.read_text().splitlines()[1:])


def hidden(folder):
    """What waits for a commit."""
    return [path.name for path in folder.glob(".*.piece")] + [path.name for path in folder.glob(".*.tmp")]


def fails(powerless, *words, number, place):
    said = powerless(*words, code=1).stderr
    assert f"MR-{number}" in said and place in said and "Permission denied" in said, said


def test_a_state_folder_that_may_not_be_written(powerless, tmp_path):
    (tmp_path / "state").mkdir(mode=0o555)
    fails(powerless, "copy", "in", "out.csv", "--resume", number=4507, place=f"{tmp_path}/state")
    assert not (tmp_path / "out.csv").exists() and not hidden(tmp_path)
    (tmp_path / "state").chmod(0o755)
    powerless("copy", "in", "out.csv", "--resume")
    assert (tmp_path / "out.csv").read_text() == "id\n1\n2\n3\n"


@pytest.mark.parametrize("resume", [[], ["--resume"]], ids=["plain", "resumed"])
@pytest.mark.parametrize("name", ["to/out.csv", "to/parts/", "to/"])
def test_a_destination_that_may_not_be_written(powerless, tmp_path, name, resume):
    (tmp_path / "to").mkdir(mode=0o555)
    words = ["copy", "in", name, "--to", "format=csv", *resume]
    fails(powerless, *words, number=2003, place="to")
    assert not list((tmp_path / "to").iterdir())
    (tmp_path / "to").chmod(0o755)
    powerless(*words)
    assert rows(tmp_path / "to") + rows(tmp_path / "to/parts") == [1, 2, 3]


@pytest.mark.parametrize("resume", [[], ["--resume"]], ids=["plain", "resumed"])
def test_a_source_that_may_not_be_read(powerless, tmp_path, resume):
    (tmp_path / "in/2.csv").chmod(0)
    (tmp_path / "to").mkdir()
    for name in ("to/out.csv", "to/"):
        words = ["copy", "in", name, "--to", "format=csv", *resume]
        fails(powerless, *words, number=2002, place="2.csv")
        assert not rows(tmp_path / "to") and not hidden(tmp_path / "to"), "a part of the input is no result"
    (tmp_path / "in").chmod(0)
    fails(powerless, "copy", "in", "to/", "--to", "format=csv", "--from", "format=csv", *resume, number=2002, place="in")
    (tmp_path / "in").chmod(0o755)
    (tmp_path / "in/2.csv").chmod(0o644)
    powerless("copy", "in", "to/", "--to", "format=csv", *resume)
    assert rows(tmp_path / "to") == [1, 2, 3]


def test_check_says_it_before(powerless, tmp_path):
    (tmp_path / "to").mkdir(mode=0o555)
    (tmp_path / "p.yaml").write_text("source: {connector: files, path: in/*.csv}\nsink: {connector: files, path: to/out.csv}\n")
    said = powerless("check", "p.yaml", code=2).stdout
    assert "MR-2003" in said and "to" in said
    (tmp_path / "to").chmod(0o755)
    (tmp_path / "in/2.csv").chmod(0)
    assert "MR-2002" in powerless("check", "p.yaml", code=2).stdout


@pytest.mark.parametrize("what", ["state", "destination", "source"])
def test_what_is_taken_away_under_way(powerless, tmp_path, what):
    (tmp_path / "in/2.csv").unlink()
    words = ["copy", "in", "out/", "--format", "csv", "--resume", "--from", "mode=watch", "--from", "poll_interval=20ms",
             "-o", "checkpoint_interval=20ms", "-o", "name=watching"]
    process = powerless.start(*words)
    try:
        wait_for(lambda: rows(tmp_path / "out") == [1, 2] or process.poll() is not None)
        assert process.poll() is None, process.stderr.read()
        taken = {"state": tmp_path / "state/watching", "destination": tmp_path / "out", "source": tmp_path / "in/2.csv"}[what]
        if what == "source":
            (tmp_path / "2.csv").write_text("id\n3\n")
            (tmp_path / "2.csv").chmod(0)
            (tmp_path / "2.csv").rename(taken)
        else:
            taken.chmod(0o555)
            (tmp_path / "in/2.csv").write_text("id\n3\n")
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1, said
        assert "MR-" in said and "Permission denied" in said and taken.name in said, said
    finally:
        if process.poll() is None:
            process.kill()
    assert rows(tmp_path / "out") == [1, 2]
    taken.chmod(0o644 if what == "source" else 0o755)
    process = powerless.start(*words)
    try:
        wait_for(lambda: len(rows(tmp_path / "out")) > 2 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
    assert rows(tmp_path / "out") == [1, 2, 3] and not hidden(tmp_path / "out")

"""What the end-to-end tests share: where the program is, and how to run it."""

import os
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MILLRACE_BINARY", ROOT / "build/release/bin/millrace")).resolve()


class Millrace:
    """Runs the program in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"MILLRACE_STATE_DIR": str(folder / "state")}

    def __call__(self, *words, code=0, stdin=None, env=None, text=True):
        """Run to the end, expect exit code `code`."""
        done = subprocess.run([BINARY, *map(str, words)], cwd=self.folder, input=stdin, capture_output=True, text=text,
                              timeout=120, env={**os.environ, **self.environment, **(env or {})})
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words, **options):
        return subprocess.Popen([BINARY, *map(str, words)], cwd=self.folder, **{"env": {**os.environ, **self.environment}, **options})


def wait_for(condition, seconds=60):
    """What `condition` answers once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come true")


def preloaded(name, folder):
    """A library made of tests/preload/`name`.c, for LD_PRELOAD."""
    library = pathlib.Path(folder) / f"{name}.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, ROOT / f"tests/preload/{name}.c", "-ldl"],
                   check=True)
    return library


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def binary():
    assert BINARY.exists(), f"{BINARY} is missing: build it, or set MILLRACE_BINARY"
    return BINARY


@pytest.fixture
def millrace(tmp_path, binary):
    return Millrace(tmp_path)


@pytest.fixture
def people(tmp_path):
    """Three rows, one with an empty name."""
    path = tmp_path / "people.csv"
    path.write_text("id,name,at\n1,ann,2024-01-01 00:00:00\n2,bob,2024-01-01 00:00:10\n3,,2024-01-01 00:01:00\n")
    return path

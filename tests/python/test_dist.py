"""The folder that tools/dist.sh makes: it holds what a bare Debian 12 lacks, and can be moved."""

import pathlib
import re
import shutil
import subprocess

import pytest

from program import ROOT, people  # noqa: F401 (fixture)

# What every Debian 12 has: libc6, libgcc-s1 and libstdc++6.
BASE = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6",
        "ld-linux-x86-64.so.2"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder that was made in one place and moved to another."""
    made = tmp_path_factory.mktemp("made") / "millrace"
    subprocess.run([ROOT / "tools/dist.sh", made], check=True, capture_output=True)
    moved = tmp_path_factory.mktemp("moved") / "opt"
    shutil.move(made, moved)
    return moved


def dynamic(path, tag):
    text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return re.findall(rf"\({tag}\).*\[(.*)\]", text)


def test_everything_needed_is_inside_or_in_the_base_system(dist):
    files = [dist / "bin/millrace", *(dist / "lib").iterdir()]
    inside = {path.name for path in files}
    assert "libmillrace.so" in inside
    assert not inside & BASE
    for path in files:
        for needed in dynamic(path, "NEEDED"):
            assert needed in inside | BASE, f"{path.name} needs {needed}"
        [runpath] = dynamic(path, "RUNPATH") or dynamic(path, "RPATH")
        assert runpath == ("$ORIGIN/../lib" if path.parent.name == "bin" else "$ORIGIN"), path.name


def test_the_loader_takes_the_libraries_of_the_folder(dist):
    text = subprocess.run(["ldd", dist / "bin/millrace"], check=True, capture_output=True, text=True, env={}).stdout
    for name, path in re.findall(r"(\S+) => (\S+)", text):
        assert name in BASE or pathlib.Path(path).resolve().is_relative_to(dist.resolve()), f"{name} => {path}"


def test_it_runs_with_an_empty_environment(dist, people, tmp_path):
    done = subprocess.run([dist / "bin/millrace", "copy", people, "out.parquet"], cwd=tmp_path, env={},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([dist / "bin/millrace", "sql", "--format", "csv", "-c", "SELECT sum(id) AS s FROM 'out.parquet'"],
                          cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.stdout == "s\n6\n"


def test_licences_are_there(dist):
    notices = {path.name for path in (dist / "share/doc/millrace").iterdir()}
    assert {"LICENSE", "arrow-LICENSE.txt", "arrow-NOTICE.txt", "libyaml-cpp0.7.txt", "libtinfo6.txt"} <= notices


def test_it_can_be_made_twice(dist, tmp_path):
    """As `make install` into a prefix that holds an older version."""
    for _ in range(2):
        subprocess.run([ROOT / "tools/dist.sh", tmp_path / "prefix"], check=True, capture_output=True)
    subprocess.run([tmp_path / "prefix/bin/millrace", "--version"], check=True, env={}, capture_output=True)

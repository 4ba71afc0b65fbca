"""A disk that is too small: a numbered error, nothing half there, and a rerun once there is room.

Where a folder of memory can be mounted it is a real one; everywhere the system's limit on the size of a file stands in
for it, which lets a write fail in the middle as a full disk does.
"""

import collections
import os
import resource
import signal
import subprocess

import duckdb
import pytest
from program import binary, millrace, root  # noqa: F401 (fixtures)

ROWS = 30_000
PAUSE = ROWS * 20 // 3  # rows a second: some come after the first checkpoints, on any machine
WAYS = {
    "file.csv": ("out/all.csv", {}),
    "file.parquet": ("out/all.parquet", {}),
    "folder.csv": ("out/parts/", {"format": "csv", "roll_rows": "4000"}),
    "folder.parquet": ("out/parts/", {"format": "parquet", "roll_rows": "4000"}),
    "partitions.parquet": ("out/parts/", {"format": "parquet", "partition_by": "p"}),
}


def can_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=4k", "none", "/mnt"],
                          capture_output=True).returncode == 0


DISKS = ["limit", "mount"] if can_mount() else ["limit"]


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "source.csv"
    duckdb.sql(f"COPY (SELECT i AS id, i % 3 AS p, md5(i::VARCHAR) AS text FROM range({ROWS}) r(i)) TO '{path}'")
    return path


class Disk:
    """A folder 'out', and the state of checkpoints, with room for `kilobytes`."""

    def __init__(self, kind, folder, binary):
        self.kind, self.folder, self.binary = kind, folder, binary

    def script(self, source, to, options, checkpoints):
        options = ", ".join(f"{name} = '{value}'" for name, value in
                            {"connector": "files", "path": to, "retry_backoff": "1ms", **options}.items())
        (self.folder / "run.sql").write_text(f"""
            SET name = 'full'; SET checkpoints = '{checkpoints}'; SET checkpoint_interval = '5ms'; SET batch_rows = 500;
            SET state_dir = 'out/.state';
            CREATE SOURCE s (id BIGINT, p BIGINT, text VARCHAR)
              WITH (connector = 'files', path = '{source}', split_size = '64KB', rate_limit_rows = {PAUSE});
            CREATE SINK o WITH ({options}); INSERT INTO o SELECT * FROM s;""")

    def run_twice(self, kilobytes):
        """With that room, then with enough: codes, what was said, and the files between."""
        (self.folder / "out").mkdir()
        env = {name: value for name, value in os.environ.items() if name != "MILLRACE_FAILPOINT"}
        common = {"cwd": self.folder, "env": env, "capture_output": True, "text": True, "timeout": 120}
        run = [str(self.binary), "--shards", "2", "run", "run.sql"]
        if self.kind == "limit":
            def limit():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.RLIM_INFINITY))
            first = subprocess.run(run, preexec_fn=limit, **common)
            between = {path.name for path in (self.folder / "out").rglob("*") if path.is_file()}
            second = subprocess.run(run, **common)
            return first, between, second
        shell = f"""
            mount -t tmpfs -o size={kilobytes}k none out || exit 99
            {' '.join(run)} > first 2>&1; echo $? > code
            find out -type f -printf '%f\\n' > between
            mount -o remount,size=64m none out || exit 99
            {' '.join(run)}; second=$?
            cp -r out kept; exit $second"""
        second = subprocess.run(["unshare", "-rm", "sh", "-c", shell], **common)
        (self.folder / "out").rmdir()
        (self.folder / "kept").rename(self.folder / "out")
        first = subprocess.CompletedProcess(run, int((self.folder / "code").read_text()), "",
                                            (self.folder / "first").read_text())
        return first, set((self.folder / "between").read_text().splitlines()), second


@pytest.mark.parametrize("checkpoints", ["off", "on"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", DISKS)
def test_rerun_completes(kind, way, checkpoints, source, binary, tmp_path):
    to, options = WAYS[way]
    failed = 0
    # From no room for the first file to room for nearly all.
    for kilobytes in (4, 16, 48, 100, 250, 600):
        folder = tmp_path / str(kilobytes)
        folder.mkdir()
        disk = Disk(kind, folder, binary)
        disk.script(source, to, options, checkpoints)
        first, between, second = disk.run_twice(kilobytes)
        if first.returncode != 0:
            failed += 1
            assert first.returncode == 1, first.stderr
            assert ("MR-2004" if kind == "mount" else "MR-2005") in first.stderr and "hint:" in first.stderr, first.stderr
            if checkpoints == "off":
                assert between == set(), "something was left"
        # What is complete is not written again.
        if first.returncode == 0:
            assert "MR-2402" in second.stderr
        else:
            assert second.returncode == 0, f"{kilobytes}: {second.stdout}{second.stderr}\nbefore: {first.stderr}"
        extension = way.split(".")[1]
        rows = duckdb.sql(f"SELECT id, p::BIGINT, text FROM '{folder}/out/**/*.{extension}'").fetchall()
        expected = duckdb.sql(f"SELECT id, p, text FROM '{source}'").fetchall()
        assert collections.Counter(rows) == collections.Counter(expected), kilobytes
        left = [path.name for path in (folder / "out").rglob(".millrace*")]
        assert left == [], kilobytes
    assert failed >= 2, "there was room for everything"


def test_a_device_that_is_full(millrace, source):
    done = millrace("copy", source, "/dev/full", "--format", "csv", code=1)
    assert "MR-2004" in done.stderr

"""A pipeline that waits for rows: epochs in which nothing moves leave nothing behind but their numbers."""

import collections
import os
import signal
import time

import pytest

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

# Some hundred intervals: as many as a quarter of an hour has at the interval that pipelines have by themselves.
IDLE = 2.0
INTERVAL = 0.01
ROWS = 100  # a turn

QUERIES = {
    "rows": "SELECT id, k FROM s",
    "windows": "SELECT window_start, k, COUNT(*) AS n, MIN(id) AS least FROM s GROUP BY k WINDOW TUMBLING(t, 10s)",
}


class Quiet:
    def __init__(self, millrace, folder, query):
        self.millrace, self.folder, self.query, self.turns = millrace, folder, query, 0
        self.state = folder / "state/quiet"
        (folder / "log.csv").write_text("id,k,t\n")
        (folder / "p.sql").write_text(f"""
            SET name = 'quiet'; SET checkpoint_interval = '{INTERVAL * 1000:.0f}ms';
            CREATE SOURCE s (id BIGINT, k BIGINT, t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '0' SECOND)
              WITH (connector = 'files', path = 'log.csv', mode = 'watch', poll_interval = '50ms');
            CREATE SINK out WITH (connector = 'files', path = 'out/', format = 'csv');
            INSERT INTO out {QUERIES[query]};""")

    def start(self):
        self.process = self.millrace.start("run", "p.sql", stderr=(self.folder / "said").open("a"))

    def feed(self):
        """A minute of event time, a row every 0.6 seconds."""
        with (self.folder / "log.csv").open("a") as out:
            for i in range(ROWS):
                out.write(f"{self.turns * ROWS + i},{i % 3},2024-01-01 {self.turns // 60:02}:{self.turns % 60:02}:{i * 0.6:04.1f}\n")
        self.turns += 1

    def expected(self):
        """What is visible after all turns: windows end with the minute, but for the last, which nothing has closed yet."""
        if self.query == "rows":
            return collections.Counter(f"{i},{i % ROWS % 3}" for i in range(self.turns * ROWS))
        windows = {}
        for row in range(self.turns * ROWS):
            turn, i = divmod(row, ROWS)
            n, least = windows.get((turn, i * 6 // 100, i % 3), (0, row))
            windows[turn, i * 6 // 100, i % 3] = n + 1, least
        return collections.Counter(
            f"2024-01-01 {turn // 60:02}:{turn % 60:02}:{window * 10:02},{k},{n},{least}"
            for (turn, window, k), (n, least) in windows.items() if (turn, window) != (self.turns - 1, 5))

    def rows(self):
        out = collections.Counter()
        for path in (self.folder / "out").glob("*.csv"):
            out.update(path.read_text().splitlines()[1:])
        return out

    def epochs(self):
        return sorted(int(path.name[6:26]) for path in self.state.glob("epoch-*.manifest"))

    def files(self):
        """Every file of the pipeline, with what would tell that it was written anew."""
        out = {}
        for path in [*self.state.rglob("*"), *self.folder.glob("out/*"), *self.folder.glob("out/.*")]:
            if path.is_file():
                found = path.stat()
                out[str(path)] = found.st_ino, found.st_mtime_ns, found.st_size
        return out

    def settled(self):
        """Manifests are written and old ones removed after rows have become visible."""
        wait_for(lambda: self.rows() == self.expected())
        before = None
        while (now := (self.files(), self.epochs())) != before:
            before = now
            time.sleep(0.3)
        return now


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_is_written_while_nothing_happens(millrace, tmp_path, query):
    quiet = Quiet(millrace, tmp_path, query)
    quiet.start()
    try:
        quiet.feed()
        files, epochs = quiet.settled()
        assert len(epochs) in (1, 2)
        end = time.monotonic() + IDLE
        while time.monotonic() < end:
            assert quiet.files() == files
            time.sleep(0.02)
        # The numbers of the epochs in between are used up.
        quiet.feed()
        _, later = quiet.settled()
        assert len(later) == 2 and later[-1] - epochs[-1] > IDLE / INTERVAL / 4, (epochs, later)
        # Killed among empty epochs, again and again, also before anything has moved.
        for wait in (0.5, 0.1, 0.3):
            quiet.process.kill()
            quiet.process.wait()
            known = quiet.epochs()[-1]
            quiet.start()
            time.sleep(wait)
            assert quiet.epochs()[-1] == known and quiet.rows() == quiet.expected()
        quiet.feed()
        _, last = quiet.settled()
        assert last[-1] > later[-1]
        # Killed right behind new rows.
        for _ in range(5):
            quiet.feed()
            time.sleep(0.06)
            quiet.process.kill()
            quiet.process.wait()
            quiet.start()
        quiet.settled()
    finally:
        quiet.process.send_signal(signal.SIGTERM)
        assert quiet.process.wait(60) == 130, (tmp_path / "said").read_text()
    assert quiet.rows() == quiet.expected()
    assert os.listdir(quiet.state)  # it is not finished

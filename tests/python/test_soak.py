"""A busy pipeline that runs on: memory and files stay as they are. MILLRACE_SOAK_SECONDS=3600 for an hour."""

import os
import signal
import time

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

SECONDS = float(os.environ.get("MILLRACE_SOAK_SECONDS", "20"))
KEYS = 500
STEP = 0.05
ROWS = 1000  # a step


def rss(pid):
    """In KiB."""
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return int(status["VmRSS"].split()[0])


def test_a_busy_pipeline_does_not_grow(millrace, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("id,k,ts\n")
    (tmp_path / "soak.sql").write_text("""
        SET name = 'soak'; SET checkpoint_interval = '100ms';
        CREATE SOURCE s (id BIGINT, k BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
          WITH (connector = 'files', path = 'log.csv', mode = 'watch');
        CREATE SINK out WITH (connector = 'files', path = 'out/', format = 'csv');
        INSERT INTO out SELECT window_start, k, COUNT(*) AS n FROM s GROUP BY k WINDOW TUMBLING(ts, 1s);""")
    state = tmp_path / "state/soak"
    process = millrace.start("run", "soak.sql")
    memory, files, row = [], [], 0
    try:
        end = time.monotonic() + SECONDS
        with log.open("a") as out:
            while time.monotonic() < end:
                # A second of event time in twenty steps.
                out.write("".join(f"{i},{i % KEYS},2024-01-01T{i // 72000000 % 24:02}:{i // 1200000 % 60:02}:{i // 20000 % 60:02}.{i // 20 % 1000:03}\n"
                                  for i in range(row, row + ROWS)))
                out.flush()
                row += ROWS
                time.sleep(STEP)
                if state.is_dir():
                    memory.append(rss(process.pid))
                    files.append(sum(len(names) for _, _, names in os.walk(state)))
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    # All windows of the first half of the input have been put out, once.
    counts = {}
    for part in (tmp_path / "out").glob("*.csv"):
        for line in part.read_text().splitlines()[1:]:
            window, k, n = line.split(",")
            assert (window, k) not in counts
            counts[window, k] = int(n)
    assert sum(counts.values()) > row / 2 and set(counts.values()) == {20000 // KEYS}
    third = len(memory) // 3
    grown = max(memory[-third:]) - max(memory[third:-third])
    assert grown < 2048 + 1024 * SECONDS / 3600, f"{grown} KiB more in the last third: {memory[::max(1, len(memory) // 20)]}"
    assert max(files[-third:]) <= max(files[:-third]) + 2, files[::max(1, len(files) // 20)]

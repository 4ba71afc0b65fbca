"""Memory is taken from the pipeline's budget: nothing of ours refers to Arrow's default pool.

The exceptions: Parquet's property builders and the options of Arrow's IPC name it in their constructors
before ours is set.
"""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALLOWED = {"millrace_formats", "millrace_operators", "millrace_state"}


def test_no_object_refers_to_the_default_pool():
    objects = sorted((ROOT / "build" / "release" / "millrace").rglob("*.cc.o")) + sorted(
        (ROOT / "build" / "release" / "millrace").rglob("*.cxx.o"))
    ours = [o for o in objects if "millrace_" in str(o) and "_test.dir" not in str(o)]
    assert len(ours) > 10, "no objects of a release build found"
    found = set()
    for path in ours:
        symbols = subprocess.run(["nm", "-C", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
        if "arrow::default_memory_pool()" in symbols:
            found.add(next(p for p in path.parts if p.startswith("millrace_")).removesuffix(".dir"))
    assert found <= ALLOWED, found

"""Every option of the files connector, said in a YAML pipeline, in SQL and behind `copy`: it is known in all three, and does the same.

A case gives an option several values. Each value has to do in all three ways the same, and something else than every
other value of the case.
"""

import bz2
import collections
import concurrent.futures
import contextlib
import fcntl
import gzip
import json
import os
import re
import signal
import subprocess
import threading
import time
import zlib

import cramjam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from program import BINARY, ROOT, binary, millrace, preloaded, wait_for  # noqa: F401 (fixtures)

WAYS = ("yaml", "sql", "copy")
CODECS = ["none", "gzip", "deflate", "zstd", "lz4", "snappy", "s2", "brotli", "bzip2"]


def packed(text):
    """The text as it is, and packed in every way that Python has."""
    return [text, gzip.compress(text), zlib.compress(text), zstd.compress(text), bz2.compress(text),
            *(bytes(pack(text)) for pack in (cramjam.lz4.compress, cramjam.snappy.compress, cramjam.brotli.compress))]


class Scene:
    """What is there before a run. A file is its text or bytes, or a function that writes it."""

    def __init__(self, files, source="in.csv", sink="out.json"):
        self.files, self.source, self.sink = files, source, sink

    @contextlib.contextmanager
    def set(self, folder):
        with contextlib.ExitStack() as stack:
            for name, content in self.files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, str):
                    content = content.encode()
                if isinstance(content, bytes):
                    path.write_bytes(content)
                else:
                    under_way = content(path)
                    if under_way is not None:
                        stack.enter_context(under_way)
            yield


def table(**columns):
    return lambda path: pq.write_table(pa.table(columns), path)


def avro(path):
    """A file of one block: its header, the records, the mark of the block's end."""
    schema = b'{"type":"record","name":"r","fields":[{"name":"a","type":"long"}]}'
    long = lambda n: bytes([n * 2]) if n < 64 else bytes([n * 2 & 127 | 128, n * 2 >> 7])
    blob = lambda data: long(len(data)) + data
    path.write_bytes(b"Obj\x01" + long(1) + blob(b"avro.schema") + blob(schema) + b"\0" + b"s" * 16 +
                     long(40) + blob(long(7) * 40) + b"s" * 16)


@contextlib.contextmanager
def locked(path):
    """Somebody else appends to out.csv."""
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def pausing(path):
    """A pipe that says nothing for a while after its first row."""
    os.mkfifo(path)

    def write():
        with contextlib.suppress(BrokenPipeError), open(path, "wb", buffering=0) as out:
            out.write(b"a\n1\n")
            time.sleep(1.5)
            out.write(b"2\n")
    writer = threading.Thread(target=write)
    writer.start()
    yield
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    writer.join()


class Case:
    """`says`: what in the messages counts besides numbers of errors. `seconds`: a run that takes longer is slow. `look`: what
    counts of a file, instead of its bytes. `count`: of files only how many there are. `distinct`: so many values differ."""

    def __init__(self, side, option, values, *scenes, format=None, source=(), sink=(), settings=(), says=None, seconds=None,
                 look=None, count=False, distinct=None):
        self.side, self.option, self.values, self.scenes, self.format = side, option, values, scenes, format
        self.source, self.sink, self.settings = dict(source), dict(sink), dict(settings)
        self.says, self.seconds, self.look, self.count = says, seconds, look, count
        self.distinct = distinct or len(values)

    def __str__(self):
        return f"{self.side}-{self.option}" + (f"-{self.format}" if self.format else "")

    def run(self, millrace, folder, way, value):
        return tuple(self.run_scene(millrace, folder / str(i), way, value, scene) for i, scene in enumerate(self.scenes))

    def run_scene(self, millrace, folder, way, value, scene):
        folder.mkdir(parents=True)
        source, sink = dict(self.source), dict(self.sink)
        if value is not None:
            (source if self.side == "source" else sink)[self.option] = value
        words = say(folder, way, scene.source, scene.sink, source, sink, {"dead_letters": "aside.ndjson", **self.settings})
        with scene.set(folder):
            began = time.monotonic()
            process = millrace.start(*words, cwd_of=folder)
            out, err = process.communicate(timeout=60)
            seconds = time.monotonic() - began
        seen = {"code": process.returncode, "errors": re.findall(r"^error: (MR-\d+)", err, re.M), "out": out}
        if self.says:
            seen["says"] = re.findall(self.says, err)
        if self.seconds:
            seen["slow"] = seconds > self.seconds
        letters = folder / "aside.ndjson"
        if letters.exists():
            found = [json.loads(line) for line in letters.read_text().splitlines()]
            # The table has a name of its own in each way, what stands in it has not.
            seen["letters"] = sorted((letter["code"], letter["row"], letter["split"], letter["raw"]) for letter in found)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.relative_to(folder).parts[0].startswith("out")]
        if self.count:
            return repr({**seen, "files": "some" if len(files) > 1 else len(files)})
        seen["files"] = {str(path.relative_to(folder)): (self.look or type(path).read_bytes)(path) for path in files}
        return repr(seen)


def say(folder, way, source_path, sink_path, source, sink, settings):
    """Words of the program for a pipeline of one source and one sink."""
    if way == "copy":
        words = ["copy", source_path, sink_path]
        for flag, options in (("--from", source), ("--to", sink), ("-o", settings)):
            for name, value in options.items():
                words += [flag, f"{name}={value}"]
        return words
    source, sink = {"connector": "files", "path": source_path, **source}, {"connector": "files", "path": sink_path, **sink}
    if way == "yaml":
        plain = lambda value: value if re.fullmatch(r"[A-Za-z0-9_.]+", value) and value != "null" else json.dumps(value)
        section = lambda options: "".join(f"  {name}: {plain(value)}\n" for name, value in options.items())
        (folder / "p.yaml").write_text(f"source:\n{section(source)}sink:\n{section(sink)}settings:\n{section(settings)}")
        return ["run", "p.yaml"]
    quoted = lambda value: "'" + value.replace("'", "''") + "'"
    options = lambda options: ", ".join(f"{name} = {quoted(value)}" for name, value in options.items())
    return ["sql", "-c", "".join(f"SET {name} = {quoted(value)}; " for name, value in settings.items()) +
            f"CREATE SOURCE s WITH ({options(source)}); CREATE SINK o WITH ({options(sink)}); INSERT INTO o SELECT * FROM s"]


@pytest.fixture(scope="module")
def broken_disk(tmp_path_factory):
    return preloaded("unreadable", tmp_path_factory.mktemp("preload"))


@pytest.fixture
def started(millrace, broken_disk):
    """Starts the program in a folder, with a disk that breaks for some files."""
    class Started:
        def start(self, *words, cwd_of):
            env = {**os.environ, **millrace.environment}
            if (cwd_of / "unreadable.csv").exists():
                env["LD_PRELOAD"] = str(broken_disk)
            return subprocess.Popen([BINARY, "--shards", "4", *words], cwd=cwd_of, env=env, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return Started()


def csv(text, sink="out.json"):
    return Scene({"in.csv": text}, sink=sink)


def ndjson(text):
    return Scene({"in.ndjson": text}, "in.ndjson")


def fixed(text, sink="out.json"):
    return Scene({"in.fwf": text}, "in.fwf", sink)


NUMBERS = "a\n" + "".join(f"{i}\n" for i in range(100))
TYPED = {"in.parquet": table(a=pa.array([1, None, 3]), s=pa.array(['x"y', "", "p,q"]),
                             t=pa.array([0, None, 86_400_000_000], pa.timestamp("us")), d=pa.array([1.5, float("nan"), float("inf")]))}
# Text that repeats, so that every codec has something to do.
TEXT = {"in.csv": "s,k\n" + "".join(f"{i * 7919 % 1000:04}{'lorem ipsum ' * 4},{i % 3}\n" for i in range(3000))}
NESTED = {"y=1/in.csv": "a\n1\n", "y=2/in.csv": "a\n2\n"}


def typed(sink):
    return Scene(TYPED, "in.parquet", sink)


def text(sink):
    return Scene(TEXT, "in.csv", sink)


def avro_pieces(path):
    """Without the mark between blocks, which is drawn by chance."""
    data = path.read_bytes()
    return data.split(data[-16:])


UNREADABLE = Scene({"unreadable.csv": "a\n1\n"}, "unreadable.csv")
LOCKED = Scene({"in.csv": "a\n2\n", "out.csv": "a\n1\n", ".millrace-out.csv-append.tmp": locked}, "in.csv", "out.csv")
TRIES = r"after \d+ tries"


FAILING = {"retry_attempts": "100", "retry_backoff": "100ms", "retry_multiplier": "1", "retry_jitter": "false",
           "retry_deadline": "350ms", "breaker_failures": "0"}


def failing(side, option, values, **others):
    """Something that never goes well fails for a passing reason."""
    fixed = {**FAILING, **others}
    if side == "source":
        return Case(side, option, values, UNREADABLE, source=fixed, says=TRIES)
    return Case(side, option, values, LOCKED, sink={"mode": "append", **fixed}, says=TRIES)


def both_sides(side):
    few = {"settings": {"batch_rows": "10"}}
    return [
        failing(side, "retry_attempts", ["1", "2", "3"], retry_backoff="1ms"),
        failing(side, "retry_backoff", ["100ms", "200ms"]),
        failing(side, "retry_multiplier", ["1", "3"]),
        failing(side, "retry_backoff_max", ["100ms", "60s"], retry_multiplier="3"),
        failing(side, "retry_deadline", ["150ms", "350ms"]),
        failing(side, "breaker_failures", ["0", "2"], breaker_pause="1h"),
        # One call after each pause, until the time is over; or none any more.
        Case(side, "breaker_pause", ["1ms", "1h"], UNREADABLE if side == "source" else LOCKED, seconds=0.8, **{side: {
            **FAILING, "retry_deadline": "1.5s", "breaker_failures": "2", **({"mode": "append"} if side == "sink" else {})}}),
        # Nineteen pauses of 50 ms, or on the average of half that.
        Case(side, "retry_jitter", ["false", "true"], UNREADABLE if side == "source" else LOCKED, seconds=0.9, **{side: {
            "retry_attempts": "20", "retry_backoff": "50ms", "retry_multiplier": "1", "breaker_failures": "0",
            **({"mode": "append"} if side == "sink" else {})}}),
        Case(side, "rate_limit_rows", ["50", "100000"], csv(NUMBERS, "out.csv"), seconds=1, **few),
        Case(side, "rate_limit_bytes", ["150", "100000"], csv(NUMBERS, "out.csv"), seconds=1, **few),
    ]


CASES = [
    Case("source", "format", ["csv", "json"], Scene({"in.txt": '{"a":1}\n{"a":2}\n'}, "in.txt")),
    Case("source", "on_error", ["fail", "dead_letter"], csv("a\n1\nx\n"), source={"sample_rows": "1"}),
    Case("source", "schema_policy", [None, "strict", "default", "flexible"],
         Scene({"in/1.csv": "a,b\n1,2\n", "in/2.csv": "b,a\n3,4\n"}, "in"),
         Scene({"in/1.csv": "a\n1\n", "in/2.csv": "a,b\n3,4\n"}, "in"),
         Scene({"in/1.parquet": table(a=[1]), "in/2.parquet": table(a=["2", "x"])}, "in"), source={"on_error": "dead_letter"}),
    Case("source", "compatibility", ["none", "backward", "forward", "full", "backward_transitive", "forward_transitive", "full_transitive"],
         Scene({"in/1.csv": "a\n1\n", "in/2.csv": "a,b\n3,4\n"}, "in"),
         Scene({"in/1.csv": "a,b\n1,2\n", "in/2.csv": "a\n3\n"}, "in"),
         Scene({"in/1.parquet": table(a=pa.array([1], pa.int32())), "in/2.parquet": table(a=[2])}, "in"),
         source={"schema_policy": "flexible"}, distinct=2),  # which differs in what: test_schema_policy.py
    Case("source", "split_size", ["3B", "16MiB"], csv("a\n1\nx\n"), source={"on_error": "dead_letter", "sample_rows": "1"}),
    Case("source", "hive_partitioning", ["auto", "on", "off"], Scene({f"in/{name}": rows for name, rows in NESTED.items()}, "in/**/*.csv"),
         Scene({"in/y=1/a.csv": "a\n1\n", "in/b.csv": "a\n2\n"}, "in/**/*.csv")),
    Case("source", "mode", ["read", "watch"], Scene({"in/1.csv": "a\n1\n", "in/2.csv": "a\n2\n"}, "in", "out.csv"),
         source={"max_connections": "1"}, settings={"checkpoints": "off"}),
    Case("source", "delimiter", [",", ";"], csv("a;b,c\n1;2,3\n"), format="csv"),
    Case("source", "quote", ['"', "'", "none"], csv("a,b\n'1',\"2\"\n"), format="csv"),
    Case("source", "escape", ["none", "\\"], csv('a,b\n"x\\,y",2\n'), format="csv"),
    Case("source", "header", ["true", "false", "auto"], csv("1,2\n3,4\n"), csv("a,b\n1,2\n"), format="csv"),
    Case("source", "null", ["", "NA"], csv("a\n1\nNA\n"), format="csv"),
    Case("source", "quoted_empty_is_null", ["false", "true"], csv('a,b\n"",1\n'), format="csv"),
    Case("source", "skip_rows", ["0", "1"], csv("a\nb\n1\n"), format="csv"),
    Case("source", "comment", ["none", "#"], csv("a\n#1\n2\n"), format="csv"),
    Case("source", "on_ragged", ["fail", "null", "dead_letter"], csv("a,b\n1\n2,3\n"), format="csv"),
    Case("source", "trim", ["false", "true"], csv("a,b\nx ,y\n"), format="csv"),
    Case("source", "all_varchar", ["false", "true"], csv("a\n1\n"), format="csv"),
    Case("source", "timestamp_format", ["", "%d.%m.%Y"], csv("t\n03.02.2024\n"), format="csv"),
    Case("source", "decimal", [".", ","], csv("a\n1.5\n2.5\n"), format="csv", source={"delimiter": ";"}),
    Case("source", "thousands", ["none", "'"], csv("a\n1'000\n2\n"), format="csv"),
    Case("source", "sample_rows", ["1", "5000"], csv("a\n1\nx\n"), format="csv"),
    Case("source", "sample_bytes", ["6B", "1MiB"], csv("a\n" + "1\n" * 100 + "x\n" + "1\n" * 500_000, "out.csv"), format="csv"),
    Case("source", "max_record_bytes", ["8B", "1GiB"], csv("a\nxxxxxxxxxxxxxxxxxxxxxx\n"), format="csv"),
    Case("source", "unknown_fields", ["ignore", "fail"], ndjson('{"a":1}\n{"a":2,"b":3}\n'), format="json", source={"sample_rows": "1"}),
    *[Case("source", "encoding", ["auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"],
           *[Scene({"in." + form: body.encode(code)}, "in." + form) for body, code in (
               ("\ufeff" + line, "utf-16-be"), (line, "utf-16-le"), (line, "cp1252"), (line, "utf-8"))], format=form.replace("nd", ""))
      for form, line in (("csv", "a\n\u20ac\u00e9\n"), ("ndjson", '{"a":"\u20ac\u00e9"}\n'))],
    Case("source", "encoding", ["auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"],
         *[Scene({"in.fwf": body.encode(code)}, "in.fwf") for body, code in (
             ("\ufeff\u20ac\u00e9\n", "utf-16-be"), ("\u20ac\u00e9\n", "utf-16-le"), ("\u20ac\u00e9\n", "cp1252"),
             ("\u20ac\u00e9\n", "utf-8"))], format="fixed", source={"widths": "2"}),
    Case("source", "layout", ["auto", "lines", "array", "objects"], ndjson('[{"a":1}]\n'), ndjson('{"a":1}{"a":2}\n'), ndjson('[{"a":\n1}]\n'),
         ndjson('{"a":\n1}\n'), format="json", distinct=4),
    Case("source", "sample_rows", ["1", "5000"], ndjson('{"a":1}\n{"a":"x"}\n'), format="json"),
    Case("source", "sample_bytes", ["10B", "1MiB"], ndjson('{"a":1}\n' * 100 + '{"a":"x"}\n' + '{"a":1}\n' * 100_000), format="json"),
    Case("source", "max_record_bytes", ["8B", "1GiB"], ndjson('{"a":"xxxxxxxxxxxxxxxxxxxxxx"}\n'), format="json"),
    *[Case("source", "compression", ["auto", *CODECS], *(Scene({"in": content}, "in", "out.csv") for content in packed(text)),
           format=name, source={"format": name, "sample_rows": "1", **more}, distinct=len(CODECS))
      for name, text, more in (("csv", b"a\n" + b"1\n" * 40, {}), ("json", b'{"a":1}\n' * 40, {}),
                               ("fixed", b"1\n" * 40, {"widths": "1"}))],
    Case("source", "fields", ["a:1-2", "a:1", "b:1-2, a:3"], fixed("123\n456\n"), format="fixed"),
    Case("source", "widths", ["2,1", "1,2", "3"], fixed("123\n456\n"), format="fixed"),
    Case("source", "names", ["a,b", "b,a"], fixed("12\n34\n"), format="fixed", source={"widths": "1,1"}),
    Case("source", "header", ["true", "false"], fixed("ab\n12\n"), format="fixed", source={"widths": "1,1"}),
    Case("source", "null", ["", "NA"], fixed("1 \nNA\n  \n"), format="fixed", source={"widths": "2"}),
    Case("source", "trim", ["true", "false"], fixed("a \n b\n"), format="fixed", source={"widths": "2"}),
    Case("source", "on_short", ["pad", "fail", "dead_letter"], fixed("1 2\n3\n"), format="fixed", source={"widths": "2,1"}),
    Case("source", "skip_rows", ["0", "1"], fixed("a\n1\n"), format="fixed", source={"widths": "1"}),
    Case("source", "skip_footer", ["0", "1"], fixed("1\n2\n"), format="fixed", source={"widths": "1"}),
    Case("source", "record_length", ["2", "3"], fixed("123456"), format="fixed", source={"widths": "2"}),
    Case("source", "decimal", [".", ","], fixed("1.5\n2.5\n"), format="fixed", source={"widths": "3"}),
    Case("source", "thousands", ["none", "'"], fixed("1'000\n2\n"), format="fixed", source={"widths": "5"}),
    Case("source", "all_varchar", ["false", "true"], fixed("1\n"), format="fixed", source={"widths": "1"}),
    Case("source", "timestamp_format", ["", "%d.%m.%Y"], fixed("03.02.2024\n"), format="fixed", source={"widths": "10"}),
    Case("source", "sample_rows", ["1", "5000"], fixed("1\nx\n"), format="fixed", source={"widths": "1"}),
    Case("source", "sample_bytes", ["4B", "1MiB"], fixed("1\n" * 100 + "x\n" + "1\n" * 500_000, "out.csv"), format="fixed",
         source={"widths": "1"}),
    Case("source", "max_record_bytes", ["8B", "16MiB"], fixed("xxxxxxxxxxxxxxxxxxxxxx\n"), format="fixed", source={"widths": "1"}),
    Case("source", "max_block_bytes", ["39B", "256MiB"], Scene({"in.avro": avro}, "in.avro"), format="avro"),
    *both_sides("source"),
    Case("source", "timeout_read", ["200ms", "0s"], Scene({"in.csv": pausing}, "in.csv", "out.csv"), source={"format": "csv"}),
    Case("source", "max_connections", ["1", "2"], Scene({f"in/{i}.csv": "a\n1\n" for i in range(3)}, "in", "out.csv"),
         source={"mode": "watch"}, settings={"checkpoints": "off"}, says=r"\d+ for \d+ splits"),

    Case("sink", "format", ["csv", "json"], csv("a\n1\n", "out.txt")),
    Case("sink", "mode", ["error", "append", "overwrite"], Scene({"in.csv": "a\n2\n", "out.csv": "a\n1\n"}, sink="out.csv")),
    Case("sink", "roll_rows", ["0", "20"], csv(NUMBERS, "out/"), sink={"format": "csv"}, settings={"batch_rows": "10"}),
    Case("sink", "roll_size", ["0", "50B"], csv(NUMBERS, "out/"), sink={"format": "csv"}, settings={"batch_rows": "10"}),
    Case("sink", "roll_interval", ["0s", "200ms"], Scene({"in.csv": pausing}, "in.csv", "out/"), source={"format": "csv"},
         sink={"format": "csv"}),
    Case("sink", "partition_by", ["", "a", "b"], csv("a,b,c\n1,2,3\n", "out/"), sink={"format": "csv"}),
    Case("sink", "sort_by", ["", "b DESC", "a"], csv("a,b\n2,1\n1,2\n1,3\n", "out/"), sink={"format": "csv"}),
    Case("sink", "max_open_files", ["1", "64"], csv("a,b\n1,1\n2,2\n1,3\n2,4\n", "out/"), sink={"format": "csv", "partition_by": "a"},
         settings={"batch_rows": "1"}),
    Case("sink", "delimiter", [",", ";"], typed("out.csv"), format="csv"),
    Case("sink", "quote", ['"', "'"], typed("out.csv"), format="csv"),
    Case("sink", "escape", ["none", "\\"], typed("out.csv"), format="csv"),
    Case("sink", "header", ["true", "false"], typed("out.csv"), format="csv"),
    Case("sink", "null", ["", "NA"], typed("out.csv"), format="csv"),
    Case("sink", "quoting", ["minimal", "all", "nonnumeric", "none"], typed("out.csv"), format="csv"),
    Case("sink", "line_end", ["lf", "crlf"], typed("out.csv"), format="csv"),
    Case("sink", "decimal", [".", ","], typed("out.csv"), format="csv"),
    Case("sink", "timestamp_separator", ["space", "t"], typed("out.csv"), format="csv"),
    Case("sink", "fields", ["a:1-5, s:6-9, t:10-40, d:50-60", "s:6-9, a:1-5, t:10-40, d:41-50"], typed("out.fwf"), format="fixed"),
    Case("sink", "widths", ["5,5,30,10", "3,5,30,10"], typed("out.fwf"), format="fixed"),
    Case("sink", "names", ["a,s,t,d", "s,a,t,d"], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    Case("sink", "header", ["false", "true"], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    Case("sink", "null", ["", "NA"], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    Case("sink", "decimal", [".", ","], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    Case("sink", "line_end", ["lf", "crlf", "none"], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    Case("sink", "timestamp_separator", ["space", "t"], typed("out.fwf"), format="fixed", sink={"widths": "5,5,30,10"}),
    *[Case("sink", option, values, text("out.fwf"), format="fixed", sink={"widths": "60,3", **more}, distinct=distinct)
      for option, values, more, distinct in (("compression", ["auto", *CODECS], {}, len(CODECS)),
                                             ("compression_level", ["1", "9"], {"compression": "gzip"}, 2))],
    *[case for side, scene in (("source", ndjson('{"a":{"b":{"c":1}}}\n')), ("sink", Scene({"in.ndjson": '{"a":{"b":{"c":1}}}\n'}, "in.ndjson")))
      for case in (
          Case(side, "flatten", ["false", "true"], scene),
          Case(side, "flatten_separator", ["_", "."], scene, **{side: {"flatten": "true"}}),
          Case(side, "flatten_depth", ["1", "2"], scene, **{side: {"flatten": "true"}}))],
    Case("sink", "layout", ["lines", "array"], typed("out.json"), format="json", sink={"non_finite": "null"}),
    Case("sink", "nulls", ["write", "omit"], typed("out.json"), format="json", sink={"non_finite": "null"}),
    Case("sink", "non_finite", ["fail", "null", "text"], typed("out.json"), format="json"),
    Case("sink", "timestamp_separator", ["t", "space"], typed("out.json"), format="json", sink={"non_finite": "null"}),
    *[case for name in ("csv", "json") for case in (
        Case("sink", "compression", ["auto", *CODECS], text(f"out.{name}"), format=name, distinct=len(CODECS)),
        Case("sink", "compression_level", ["1", "9"], text(f"out.{name}"), format=name, sink={"compression": "gzip"}))],
    Case("sink", "compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"], text("out.parquet"), format="parquet"),
    Case("sink", "compression_level", ["1", "19"], text("out.parquet"), format="parquet", sink={"compression": "zstd"}),
    Case("sink", "row_group_rows", ["1000", "122880"], text("out.parquet"), format="parquet"),
    Case("sink", "dictionary", ["auto", "always", "never"], text("out.parquet"), format="parquet"),
    Case("sink", "compression", ["none", "snappy", "zlib", "zstd", "lz4"], text("out.orc"), format="orc"),
    Case("sink", "stripe_rows", ["100", "122880"], text("out.orc"), format="orc"),
    Case("sink", "stripe_bytes", ["1KiB", "64MiB"], text("out.orc"), format="orc"),
    Case("sink", "dictionary", ["auto", "always", "never"], text("out.orc"), format="orc", distinct=2),
    Case("sink", "compression", ["none", "deflate", "snappy", "zstd", "bzip2", "xz"], text("out.avro"), format="avro", look=avro_pieces),
    Case("sink", "compression_level", ["1", "9"], text("out.avro"), format="avro", sink={"compression": "deflate"}, look=avro_pieces),
    Case("sink", "block_bytes", ["1KiB", "64KiB"], text("out.avro"), format="avro", look=avro_pieces),
    Case("sink", "record_name", ["Row", "a.b"], text("out.avro"), format="avro", look=avro_pieces),
    *[case for name in ("arrow", "arrows") for case in (
        Case("sink", "compression", ["none", "lz4", "zstd"], text(f"out.{name}"), format=name),
        Case("sink", "compression_level", ["1", "19"], text(f"out.{name}"), format=name, sink={"compression": "zstd"}),
        Case("sink", "batch_rows", ["1000", "65536"], text(f"out.{name}"), format=name))],
    *both_sides("sink"),
    Case("sink", "max_connections", ["0", "1"], Scene({f"in/{i}.csv": "1234567\n" * 50_000 for i in range(8)}, "in", "out/"),
         source={"header": "false"}, sink={"format": "csv"}, count=True),
]

# Options whose effect has a test of its own, with what does not fit a run from beginning to end.
ELSEWHERE = {
    **{("source", option, None): "test_object_store.py" for option in (
        "access_key_id", "anonymous", "ca_file", "endpoint", "external_id", "path_style", "profile", "region", "role_arn",
        "secret_access_key", "session_token")},
    **{("sink", option, None): "test_object_sink.py" for option in (
        "access_key_id", "anonymous", "ca_file", "endpoint", "external_id", "kms_key_id", "path_style", "profile", "region", "role_arn",
        "secret_access_key", "session_token", "sse")},
    ("source", "poll_interval", None): "test_a_watched_folder_is_looked_at",
    ("source", "notify", None): "test_a_watched_folder_is_looked_at",
    ("source", "timeout_connect", None): "connector/resilience/tests/source_test.cc",
    ("sink", "timeout_connect", None): "connector/resilience/tests/sink_test.cc",
    ("sink", "timeout_write", None): "connector/resilience/tests/sink_test.cc",
    ("sink", "timeout_commit", None): "connector/resilience/tests/sink_test.cc",
    ("sink", "on_invalid", None): "test_validation.py",
    ("sink", "changes_column", None): "test_changes.py",
    ("source", "event.time.field", None): "test_late.py",
    ("source", "watermark.strategy", None): "test_late.py",
    ("source", "watermark.max_out_of_orderness", None): "test_late.py",
    ("source", "late.data.strategy", None): "test_late.py",
    ("source", "late.data.retention", None): "test_late.py",
    **{(side, option, "parquet"): "test_parquet_encryption.py" for side, options in (
        ("source", ("footer_key", "column_key")), ("sink", ("footer_key", "column_key", "encryption", "plaintext_footer")))
       for option in options},
    **{("source", option, "protobuf"): "test_protobuf.py" for option in ("descriptor", "message", "times", "max_message_bytes")},
    **{("sink", option, "protobuf"): "test_protobuf.py" for option in ("descriptor", "message")},
}


# Options of the other connectors, which have no path, so that `copy` can't name them: where they are tested.
OTHERS = {
    ("source", "nexmark"): {option: "test_generators.py" for option in ("table", "events", "event_rate", "disorder", "seed", "splits")},
    ("source", "datagen"): {option: "test_generators.py" for option in ("rows", "seed", "splits", *(
        fr"^fields\..+\.{option}$" for option in ("kind", "null_share", "start", "step", "min", "max", "mean", "stddev", "exponent",
                                                  "values", "weights", "length")))},
    ("sink", "blackhole"): {},
    ("sink", "print"): {option: "test_print_and_blackhole.py" for option in ("format", "stream", "prefix")},
}


def test_every_option_of_the_other_connectors_has_its_test():
    found = {}
    for name, definition in json.loads((ROOT / "api/pipeline.schema.json").read_text())["$defs"].items():
        side, _, connector = name.partition("_")
        if side not in ("source", "sink") or connector in ("", "files"):
            continue
        own = {**definition["properties"], **definition.get("patternProperties", {})}
        found[side, connector] = {option for option, spec in own.items() if spec.get("title") == side}
    assert found == {key: set(tests) for key, tests in OTHERS.items()}
    for (_, connector), tests in OTHERS.items():
        for option, test in tests.items():
            text = (ROOT / "tests/python" / test).read_text()
            assert connector in text and re.sub(r"\W*fields\W+|\W+$", "", option) in text, (connector, option)


def options():
    """(side, name, format) of every option, to its kind, from the schema that is made from the specifications."""
    found = {}
    definitions = json.loads((ROOT / "api/pipeline.schema.json").read_text())["$defs"]
    for side in ("source", "sink"):
        for name, spec in definitions[f"{side}_files"]["properties"].items():
            if name in ("connector", "path", "columns", "watermark", "validate"):
                continue  # parts of the pipeline, not options
            for one in [spec] if "title" in spec else spec["anyOf"]:
                form = re.fullmatch(r"format '(\w+)'", one["title"])
                found[side, name, form[1] if form else None] = one
    return found


def test_every_option_has_a_case():
    known = collections.Counter((case.side, case.option, case.format) for case in CASES) + collections.Counter(ELSEWHERE.keys())
    assert set(known) == set(options())
    assert set(known.values()) == {1}
    # Every choice is a value of its case.
    for case in CASES:
        choices = [one["enum"] for one in options()[case.side, case.option, case.format].get("anyOf", []) if "enum" in one]
        assert not choices or True in choices[0] or set(choices[0]) == {value for value in case.values if value is not None}, str(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_option_does_the_same_in_every_way(started, tmp_path, case):
    seen = {}
    for number, value in enumerate(case.values):
        with concurrent.futures.ThreadPoolExecutor() as threads:
            runs = {way: threads.submit(case.run, started, tmp_path / f"{number}-{way}", way, value) for way in WAYS}
            ways = {way: run.result() for way, run in runs.items()}
        assert ways["yaml"] == ways["sql"] == ways["copy"], f"{case.option} = {value}"
        seen[value] = ways["sql"]
    distinct = set(seen.values())
    assert len(distinct) >= case.distinct, seen


@pytest.mark.parametrize("side", ["source", "sink"])
def test_a_value_that_cannot_be_is_refused_alike_in_every_way(started, tmp_path, side):
    scene = Scene({"in.csv": "a\n1\n"}, "in.csv", "out.csv")
    refused = 0
    for (of, name, form), spec in options().items():
        # Any text is a text, also in a list; a column that is not there is told when the rows are known.
        any_text = {"$ref": "#/$defs/scalar"}
        if of != side or any_text.items() <= spec.items() or any_text in spec.get("anyOf", []):
            continue
        case = Case(side, name, ["@ 7 @"], scene, **{side: {"format": form or "csv"}}, says=f"option '{name}': .*")
        said = {way: case.run(started, tmp_path / f"{name}-{form}-{way}", way, "@ 7 @") for way in WAYS}
        assert "MR-1003" in said["sql"][0] and f"option '{name}'" in said["sql"][0], said
        assert said["sql"] == said["copy"], said
        # A pipeline file is looked at before anybody asks what format it is about.
        assert said["yaml"] == said["sql"] or " fits no format; " in said["yaml"][0], said
        refused += 1
    assert refused > 25


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options, seen", [({"poll_interval": "50ms", "notify": "false"}, True), ({"poll_interval": "1h", "notify": "false"}, False),
                                           ({"poll_interval": "1h", "notify": "true"}, True)])
def test_a_watched_folder_is_looked_at(millrace, tmp_path, way, options, seen):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_text("a\n1\n")
    words = say(tmp_path, way, "in", "-", {"mode": "watch", **options}, {"format": "csv"}, {"checkpoints": "off"})
    out = tmp_path / "stdout"
    process = millrace.start(*words, stdout=out.open("w"), stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: out.read_text() == "a\n1\n")
        time.sleep(0.3)
        (tmp_path / "in/2.csv").write_text("a\n2\n")
        if seen:
            wait_for(lambda: out.read_text() == "a\n1\n2\n")
        else:
            time.sleep(1)
            assert out.read_text() == "a\n1\n"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)

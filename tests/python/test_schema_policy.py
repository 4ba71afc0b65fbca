"""Files of one set whose columns differ: what each policy makes of each difference."""

import json
import signal
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import binary, millrace, wait_for  # noqa: F401 (fixtures)

FIRST = {"csv": "a,b\n1,x\n", "ndjson": '{"a":1,"b":"x"}\n'}
# Change, second file, the row that it gives where the policy does not refuse it.
CSV = [
    ("reordered", "b,a\ny,2\n", "2,y"),
    ("added", "a,b,c\n2,y,9\n", "2,y"),
    ("removed", "b\ny\n", ",y"),
    ("renamed", "a,z\n2,y\n", "2,"),
]


@pytest.mark.parametrize("policy", ["strict", "default", "flexible"])
@pytest.mark.parametrize("change, second, row", CSV, ids=[case[0] for case in CSV])
def test_csv(millrace, tmp_path, change, second, row, policy):
    (tmp_path / "1.csv").write_text(FIRST["csv"])
    (tmp_path / "2.csv").write_text(second)
    expected = None if policy == "strict" else row
    done = millrace("copy", "*.csv", "-", "--format", "csv", "--from", f"schema_policy={policy}",
                    code=0 if expected else 1)
    if expected:
        assert done.stdout == f"a,b\n1,x\n{expected}\n"
    else:
        assert "MR-2404" in done.stderr and "2.csv" in done.stderr and "default or flexible" in done.stderr


def test_the_first_file_may_be_one_of_many(millrace, tmp_path):
    for i in range(12):
        (tmp_path / f"{i:02}.csv").write_text("a,b\n1,x\n" if i % 2 == 0 else "b,c,a\ny,9,2\n")
    done = millrace("sql", "--format", "csv", "-c", "CREATE SOURCE s WITH (connector = 'files', path = '*.csv', "
                    "schema_policy = 'default'); SELECT b, COUNT(*) AS n, SUM(a) AS s FROM s GROUP BY b ORDER BY b")
    assert done.stdout == "b,n,s\nx,6,6\ny,6,12\n"


def test_a_bad_value_of_csv_is_a_bad_row(millrace, tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b,a\ny,1.5\nz,3\n")
    words = ["copy", "*.csv", "out.csv", "--from", "schema_policy=default"]
    assert "MR-2105" in millrace(*words, code=1).stderr
    millrace(*words, "--from", "on_error=dead_letter")
    assert (tmp_path / "out.csv").read_text() == "a,b\n1,x\n3,z\n"
    assert json.loads((tmp_path / "out.csv.dead-letters.ndjson").read_text())["raw"] == "y,1.5"


def test_a_key_beyond_the_sample_is_still_read(millrace, tmp_path):
    (tmp_path / "1.ndjson").write_text('{"a":1,"b":"x"}\n')
    # "b" is named by one row only, far behind what is sampled.
    (tmp_path / "2.ndjson").write_text('{"a":2,"c":1}\n' * 200_000 + '{"a":3,"b":"late"}\n')
    done = millrace("sql", "--format", "csv", "-c", "CREATE SOURCE s WITH (connector = 'files', path = '*.ndjson', "
                    "schema_policy = 'default'); SELECT b FROM s WHERE b IS NOT NULL ORDER BY b")
    assert done.stdout == "b\nlate\nx\n"
    assert "MR-2404" in millrace("copy", "*.ndjson", "-", "--format", "csv", "--from", "schema_policy=strict",
                                 code=1).stderr


def field(type, nullable=True):
    return pa.schema([pa.field("k", pa.int64()), pa.field("v", type, nullable)])


I32, I64, TEXT = pa.int32(), pa.int64(), pa.string()
LIST = pa.list_(pa.int64())
# First type and second, values of the second, and what default and flexible read; "bad" is a row set aside.
PARQUET = [
    ("narrowed", field(I64), field(I32), [7], ["7"], ["7"]),
    ("widened", field(I32), field(I64), [7, 5_000_000_000], None, ["7", "bad"]),
    ("text to number", field(I64), field(TEXT), ["7", "x"], None, ["7", "bad"]),
    ("number to text", field(TEXT), field(I64), [7], None, ["7"]),
    ("unrelated", field(I64), field(LIST), [[1]], None, None),
    ("nulls allowed", field(I64, False), field(I64), [7, None], None, ["7", "bad"]),
    ("nulls forbidden", field(I64), field(I64, False), [7], ["7"], ["7"]),
]


@pytest.mark.parametrize("policy", ["strict", "default", "flexible"])
@pytest.mark.parametrize("change, first, second, values, default, flexible", PARQUET, ids=[case[0] for case in PARQUET])
def test_parquet(millrace, tmp_path, change, first, second, values, default, flexible, policy):
    sample = {I64: 1, I32: 1, TEXT: "1"}[first.field("v").type]
    pq.write_table(pa.table([[0], [sample]], schema=first), tmp_path / "1.parquet")
    pq.write_table(pa.table([list(range(1, len(values) + 1)), values], schema=second), tmp_path / "2.parquet")
    expected = {"strict": None, "default": default, "flexible": flexible}[policy]
    words = ["copy", "*.parquet", "out.csv", "--from", f"schema_policy={policy}", "--from", "on_error=dead_letter"]
    done = millrace(*words, code=0 if expected else 1)
    if not expected:
        assert "MR-2404" in done.stderr and "column v" in done.stderr, done.stderr
        by = "default or flexible" if default else "flexible" if flexible else "no other"
        assert f"{by} would accept it" in done.stderr
        return
    rows = [line.split(",")[1] for line in (tmp_path / "out.csv").read_text().splitlines()[2:]]
    assert rows == [text for text in expected if text != "bad"]
    aside = tmp_path / "out.csv.dead-letters.ndjson"
    letters = [json.loads(line) for line in aside.read_text().splitlines()] if aside.exists() else []
    assert len(letters) == expected.count("bad")
    for letter in letters:
        assert letter["code"] == "MR-2520" and letter["column"] == "v" and letter["file"] == "2.parquet"
        assert json.loads(letter["raw"])["k"] == 2
    if "bad" in expected:
        assert "MR-2520" in millrace(*words[:-1], "on_error=fail", "--mode", "overwrite", code=1).stderr


def test_columns_of_parquet_come_and_go(millrace, tmp_path):
    pq.write_table(pa.table(dict(a=[1], b=["x"])), tmp_path / "1.parquet")
    pq.write_table(pa.table(dict(z=[0.5, 1.5], a=[2, 3])), tmp_path / "2.parquet")
    sql = ("CREATE SOURCE s WITH (connector = 'files', path = '*.parquet', schema_policy = 'default'); "
           "SELECT {} FROM s {}")
    ask = lambda what, rest="": millrace("sql", "--format", "csv", "-c", sql.format(what, rest)).stdout
    assert ask("*") == "a,b\n1,x\n2,\n3,\n"
    assert ask("b") == "b\nx\n\n\n"
    assert ask("COUNT(*) AS n") == "n\n3\n"
    assert ask("a", "WHERE b IS NULL AND a > 2") == "a\n3\n"
    schema = pa.schema([pa.field("a", pa.int64()), pa.field("c", pa.int64(), False)])
    pq.write_table(pa.table([[4], [1]], schema=schema), tmp_path / "2.parquet")
    assert "flexible would accept it" in millrace("copy", "*.parquet", "-", "--format", "csv", "--from",
                                                  "schema_policy=default", code=1).stderr
    assert millrace("copy", "*.parquet", "-", "--format", "csv", "--from",
                    "schema_policy=flexible").stdout == "a,b\n1,x\n4,\n"


# Of the later file's type, which levels bear it.
@pytest.mark.parametrize("level", ["none", "backward", "forward", "full"])
@pytest.mark.parametrize("first, second, bearable", [
    (I64, I32, {"none", "forward"}), (I32, I64, {"none", "backward"}), (I64, I64, {"none", "backward", "forward", "full"}),
])
def test_compatibility(millrace, tmp_path, first, second, bearable, level):
    pq.write_table(pa.table({"v": pa.array([1], first)}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"v": pa.array([2], second)}), tmp_path / "2.parquet")
    done = millrace("copy", "*.parquet", "-", "--format", "csv", "--from", "schema_policy=flexible", "--from",
                    f"compatibility={level}", code=0 if level in bearable else 1)
    assert level in bearable or (f"not {level} compatible" in done.stderr and "MR-2404" in done.stderr)


@pytest.mark.parametrize("level", ["none", "backward", "forward", "full", "backward_transitive", "forward_transitive",
                                   "full_transitive"])
@pytest.mark.parametrize("second, fourth, bearable", [
    # Each is harmless beside the first file, which has no such column.
    (I64, I32, {"forward_transitive"}), (I32, I64, {"backward_transitive"}), (I64, TEXT, set()),
    (I64, I64, {"forward_transitive", "backward_transitive", "full_transitive"}),
])
def test_transitive_compatibility(millrace, tmp_path, second, fourth, bearable, level):
    value = lambda type: pa.array(["7"] if type == TEXT else [7], type)
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"v": [1]}), tmp_path / "in/1.parquet")
    pq.write_table(pa.table({"v": [2], "c": value(second)}), tmp_path / "in/2.parquet")
    pq.write_table(pa.table({"v": [3]}), tmp_path / "in/3.parquet")
    pq.write_table(pa.table({"v": [4], "c": value(fourth)}), tmp_path / "in/4.parquet")
    borne = "transitive" not in level or level in bearable
    words = ["--from", "schema_policy=flexible", "--from", f"compatibility={level}"]
    done = millrace("copy", "in", "out.csv", *words, code=0 if borne else 1)
    (tmp_path / "p.yaml").write_text(
        f"source: {{connector: files, path: in, schema_policy: flexible, compatibility: {level}}}\n"
        "sink: {connector: files, path: more.csv}\n")
    checked = millrace("check", "p.yaml", code=0 if borne else 2)
    if borne:
        assert (tmp_path / "out.csv").read_text() == "v\n1\n2\n3\n4\n"
        return
    for said in (done.stderr, checked.stdout):
        assert "MR-2404" in said and "4.parquet" in said and "since in/2.parquet" in said and level in said
    assert not (tmp_path / "out.csv").exists()


class Watching:
    """Copies the folder `in` for ever; stopped and started again it goes on."""

    def __init__(self, millrace, tmp_path, *words):
        self.millrace, self.folder = millrace, tmp_path
        self.words = ["copy", "in", "out/", "--format", "csv", "--resume", "-o", "checkpoint_interval=20ms", "--from", "mode=watch",
                      "--from", "poll_interval=20ms", *[part for word in words for part in ("--from", word)]]
        (tmp_path / "in").mkdir()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.stop()

    def start(self):
        self.process = self.millrace.start(*self.words, stderr=subprocess.PIPE, text=True)

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=30)

    def rows(self):
        return sorted(line for path in self.folder.glob("out/*.csv") for line in path.read_text().splitlines()[1:])

    def gives(self, rows):
        wait_for(lambda: self.rows() == sorted(rows) or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()[1]

    def refuses(self):
        said = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 1 and "MR-2404" in said, said
        return said

    def letters(self):
        return [json.loads(line) for path in self.folder.glob("out*dead-letters*") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("policy", ["strict", "default", "flexible"])
@pytest.mark.parametrize("change, second, row", CSV, ids=[case[0] for case in CSV])
def test_csv_that_is_watched(millrace, tmp_path, change, second, row, policy):
    watching = Watching(millrace, tmp_path, f"schema_policy={policy}")
    (tmp_path / "in/1.csv").write_text(FIRST["csv"])
    with watching:
        watching.gives(["1,x"])
        (tmp_path / "in/2.csv").write_text(second)
        if policy == "strict":
            said = watching.refuses()
            assert "2.csv" in said and "default or flexible" in said
            watching.start()
            assert watching.refuses().splitlines()[-2:] == said.splitlines()[-2:]
            assert watching.rows() == ["1,x"]
            return
        watching.gives(["1,x", row])
        watching.stop()
        # The header is not read again, and yet its order is known.
        with open(tmp_path / "in/2.csv", "a") as file:
            file.write(second.splitlines()[1] + "\n")
        watching.start()
        watching.gives(["1,x", row, row])


@pytest.mark.parametrize("policy", ["strict", "default", "flexible"])
def test_json_that_is_watched(millrace, tmp_path, policy):
    watching = Watching(millrace, tmp_path, f"schema_policy={policy}", "format=json")
    (tmp_path / "in/1.ndjson").write_text(FIRST["ndjson"])
    with watching:
        watching.gives(["1,x"])
        (tmp_path / "in/2.ndjson").write_text('{"a":2,"b":"y","c":1}\n')
        if policy == "strict":
            assert "column c" in watching.refuses()
        else:
            watching.gives(["1,x", "2,y"])


@pytest.mark.parametrize("policy", ["strict", "default", "flexible"])
@pytest.mark.parametrize("change, first, second, values, default, flexible", PARQUET, ids=[case[0] for case in PARQUET])
def test_parquet_that_is_watched(millrace, tmp_path, change, first, second, values, default, flexible, policy):
    sample = {I64: 1, I32: 1, TEXT: "1"}[first.field("v").type]
    expected = {"strict": None, "default": default, "flexible": flexible}[policy]
    watching = Watching(millrace, tmp_path, f"schema_policy={policy}", "format=parquet", "on_error=dead_letter")
    pq.write_table(pa.table([[0], [sample]], schema=first), tmp_path / "in/1.parquet")
    with watching:
        watching.gives(["0,1"])
        pq.write_table(pa.table([list(range(1, len(values) + 1)), values], schema=second), tmp_path / "2.parquet")
        (tmp_path / "2.parquet").rename(tmp_path / "in/2.parquet")
        if expected is None:
            assert "column v" in watching.refuses()
            return
        watching.gives(["0,1"] + [f"{i},{text}" for i, text in enumerate(expected, 1) if text != "bad"])
        wait_for(lambda: len(watching.letters()) == expected.count("bad"))
    for letter in watching.letters():
        assert letter["code"] == "MR-2520" and letter["column"] == "v" and json.loads(letter["raw"])["k"] == 2


def test_a_rotated_log_with_another_header(millrace, tmp_path):
    watching = Watching(millrace, tmp_path, "schema_policy=default")
    log = tmp_path / "in/log.csv"
    log.write_text("a,b\n1,x\n2,x\n3,x\n")
    with watching:
        watching.gives(["1,x", "2,x", "3,x"])
        log.write_text("c,b,a\n0,y,4\n")  # cut and written anew
        watching.gives(["1,x", "2,x", "3,x", "4,y"])
        log.rename(tmp_path / "in/log-1.csv")
        log.write_text("b,a\nz,5\n")
        watching.gives(["1,x", "2,x", "3,x", "4,y", "5,z"])


def test_without_a_policy_a_watched_header_has_the_first_ones_names(millrace, tmp_path):
    watching = Watching(millrace, tmp_path)
    (tmp_path / "in/1.csv").write_text("a,b\n1,x\n")
    with watching:
        watching.gives(["1,x"])
        (tmp_path / "in/2.csv").write_text("b,a\ny,2\n")
        watching.gives(["1,x", "2,y"])
        (tmp_path / "in/3.csv").write_text("a,z\n3,y\n")
        assert "3.csv" in watching.refuses()
    assert watching.rows() == ["1,x", "2,y"]


def test_compatibility_needs_a_policy(millrace, tmp_path):
    (tmp_path / "1.csv").write_text("a\n1\n")
    assert "schema_policy" in millrace("copy", "1.csv", "-", "--format", "csv", "--from", "compatibility=full",
                                       code=2).stderr


def test_declared_columns_are_the_first(millrace, tmp_path):
    (tmp_path / "1.csv").write_text("a,c\n1,9\n")
    sql = ("CREATE SOURCE s (a BIGINT, b VARCHAR) WITH (connector = 'files', path = '1.csv', schema_policy = '{}'); "
           "SELECT * FROM s")
    assert millrace("sql", "--format", "csv", "-c", sql.format("default")).stdout == "a,b\n1,\n"
    assert "MR-2404" in millrace("sql", "--format", "csv", "-c", sql.format("strict"), code=1).stderr

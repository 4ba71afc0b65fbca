"""Text in columns of fixed width, against what Python puts together and takes apart."""

import datetime
import decimal
import gzip
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from program import *  # noqa: F401,F403

FIELDS = "id:1-6, name:8-19, amount:20-30, day:32-41, ok:43-47"
COLUMNS = {"id": pa.int64(), "name": pa.utf8(), "amount": pa.float64(), "day": pa.date32(), "ok": pa.bool_()}


def make_rows(count, seed=1, words=("ann", "bob the 2nd", "x", "")):
    random.seed(seed)
    return [{"id": i - 5, "name": random.choice(words) or None, "amount": None if i % 7 == 0 else random.randrange(-10**6, 10**6) / 4,
             "day": datetime.date(2024, 1, 1) + datetime.timedelta(i % 366), "ok": i % 3 == 0} for i in range(count)]


def line(row):
    amount = "" if row["amount"] is None else f"{row['amount']:.2f}"
    return f"{row['id']:>6}|{row['name'] or '':<12}{amount:>11} {row['day']} {str(row['ok']).lower():<5}"


def read(millrace, path, *options):
    millrace("copy", path, "out.parquet", "--mode", "overwrite", "--from", "format=fixed", *(word for one in options for word in ("--from", one)))
    return pq.read_table(millrace.folder / "out.parquet")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("options", [[], ["split_size=1000B"]])
def test_rows_of_python(millrace, end, last, options):
    rows = make_rows(3000)
    text = end.join(map(line, rows)) + (end if last else "")
    (millrace.folder / "in.txt").write_bytes(text.encode())
    table = read(millrace, "in.txt", "fields=" + FIELDS, *options)
    assert {field.name: field.type for field in table.schema} == COLUMNS
    assert table.to_pylist() == rows


def test_many_shards(millrace):
    rows = make_rows(60_000)
    (millrace.folder / "in.fwf").write_text("".join(line(row) + "\n" for row in rows))
    table = (f"CREATE TABLE t WITH (connector = 'files', path = 'in.fwf', fields = '{FIELDS}', split_size = '100KiB'); ")
    done = millrace("-q", "--shards", 4, "sql", "--format", "csv", "-c", table + "SELECT COUNT(*) AS n, SUM(id) AS i, SUM(amount) AS a FROM t")
    n, i, a = done.stdout.splitlines()[1].split(",")
    assert (int(n), int(i), float(a)) == (len(rows), sum(row["id"] for row in rows), sum(row["amount"] or 0 for row in rows))
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT name FROM t WHERE id = 7")
    assert done.stdout.split("\n")[1] == (rows[12]["name"] or "")


def test_characters_are_counted(millrace):
    """Positions are characters, whatever they take in bytes, in one encoding as in the other."""
    rows = make_rows(500, words=("äöü", "a€b", "\U0001f600", "plain", "日本語"))
    text = "".join(line(row) + "\n" for row in rows)
    (millrace.folder / "in.txt").write_text(text, encoding="utf-8")
    for options in ([], ["split_size=500B"]):
        assert read(millrace, "in.txt", "fields=" + FIELDS, *options).to_pylist() == rows
    (millrace.folder / "in.txt").write_text(text, encoding="utf-16")
    assert read(millrace, "in.txt", "fields=" + FIELDS).to_pylist() == rows
    latin = make_rows(500, words=("äöü", "é"))
    (millrace.folder / "in.txt").write_text("".join(line(row) + "\n" for row in latin), encoding="latin-1")
    assert read(millrace, "in.txt", "fields=" + FIELDS, "encoding=latin-1").to_pylist() == latin


@pytest.mark.parametrize("words", [("ann", ""), ("äöü", "日本語", "x")])
def test_records_without_line_ends(millrace, words):
    rows = make_rows(2000, words=words)
    text = "".join(line(row) for row in rows)
    for tail in ("", "\n", "\x1a"):
        (millrace.folder / "in.txt").write_text(text + tail)
        assert read(millrace, "in.txt", "fields=" + FIELDS, "record_length=47", "split_size=1KiB").to_pylist() == rows
    done = millrace("copy", "-", "out2.parquet", "--from", "format=fixed", "--from", "fields=" + FIELDS, "--from", "record_length=47", stdin=text)
    assert pq.read_table(millrace.folder / "out2.parquet").to_pylist() == rows, done.stderr


def test_widths_and_names(millrace):
    (millrace.folder / "in.txt").write_text("id  name amount\n 1  ann     1.5\n 22 bob    10\n")
    table = read(millrace, "in.txt", "widths=4,5,6", "header=true")
    assert table.to_pydict() == {"id": [1, 22], "name": ["ann", "bob"], "amount": [1.5, 10.0]}
    assert read(millrace, "in.txt", "widths=4,5,6", "names=a,b,c", "header=true").schema.names == ["a", "b", "c"]
    assert read(millrace, "in.txt", "widths=4,5,6", "skip_rows=1").schema.names == ["column1", "column2", "column3"]
    # Fields may overlap, and come in any order.
    table = read(millrace, "in.txt", "fields=all:1-15, name:5-9", "header=true", "trim=false", "all_varchar=true")
    assert table.to_pydict() == {"all": [" 1  ann     1.5", " 22 bob    10"], "name": ["ann  ", "bob  "]}


@pytest.mark.parametrize("ends", ["\n", ""])
def test_headers_and_footers(millrace, ends):
    text = "made by x\n\nid name\n 1 ann\n\n 2 bob\n\nTOTAL 2\nend" + ends
    (millrace.folder / "in.txt").write_text(text)
    options = ["widths=3,5", "skip_rows=2", "header=true", "skip_footer=2"]
    expected = {"id": [1, 2], "name": ["ann", "bob"]}
    assert read(millrace, "in.txt", *options).to_pydict() == expected
    assert read(millrace, "in.txt", *options, "split_size=4B").to_pydict() == expected
    (millrace.folder / "in.txt.gz").write_bytes(gzip.compress(text.encode()))
    assert read(millrace, "in.txt.gz", *options).to_pydict() == expected
    assert read(millrace, "in.txt", "widths=3,5", "names=a,b", "skip_footer=20", "all_varchar=true").num_rows == 0


def test_short_records(millrace):
    (millrace.folder / "in.txt").write_text("1 a  9\n2 b\n3\n\n4 d  8\n")
    fields = "fields=i:1, s:3-4, n:6"
    assert read(millrace, "in.txt", fields).to_pydict() == {"i": [1, 2, 3, 4], "s": ["a", "b", None, "d"], "n": [9, None, None, 8]}
    done = millrace("copy", "in.txt", "o.csv", "--from", "format=fixed", "--from", fields, "--from", "on_short=fail", code=1)
    assert "MR-2152" in done.stderr and "in.txt, row 2, byte 7" in done.stderr
    millrace("copy", "in.txt", "o.csv", "--from", "format=fixed", "--from", fields, "--from", "on_short=dead_letter", "-o", "dead_letters=d.ndjson")
    assert (millrace.folder / "o.csv").read_text() == "i,s,n\n1,a,9\n4,d,8\n"
    assert (millrace.folder / "d.ndjson").read_text().count("MR-2152") + (millrace.folder / "d.ndjson").read_text().count("2152") >= 2


def test_values_are_spelled_as_in_csv(millrace):
    (millrace.folder / "in.txt").write_text("  1.234,50 NA 03.02.2024\n     -0,25 x  04.02.2024\n")
    table = read(millrace, "in.txt", "fields=n:1-10, s:12-13, t:15-24", "decimal=,", "thousands=.", "null=NA", "timestamp_format=%d.%m.%Y")
    assert table.to_pydict() == {"n": [1234.5, -0.25], "s": [None, "x"], "t": [datetime.datetime(2024, 2, 3), datetime.datetime(2024, 2, 4)]}


def test_declared_types_and_bad_values(millrace):
    (millrace.folder / "in.txt").write_text("00012x  1250\n00013y  12.5\n")
    declared = ("CREATE TABLE t (code VARCHAR, s VARCHAR, d DECIMAL(8, 2)) WITH (connector = 'files', path = 'in.txt', format = 'fixed', "
                "fields = 'code:1-5, s:6, d:7-12'); ")
    millrace("sql", "-c", declared + "INSERT INTO 'out.parquet' SELECT * FROM t")
    assert pq.read_table(millrace.folder / "out.parquet").to_pylist() == [
        {"code": "00012", "s": "x", "d": decimal.Decimal("1250.00")}, {"code": "00013", "s": "y", "d": decimal.Decimal("12.50")}]
    done = millrace("sql", "-c", declared.replace("DECIMAL(8, 2)", "INTEGER") + "SELECT * FROM t", code=1)
    assert "MR-2105" in done.stderr and "row 2, column d" in done.stderr


@pytest.mark.parametrize("options", [[], ["fields=a:1-2", "widths=2"], ["fields=a:2-1"], ["fields=a:0-1"], ["fields=1-2"], ["widths=0"],
                                     ["widths=1,2", "names=a"], ["widths=1,1", "names=a,a"], ["fields=a:1-9", "record_length=5"]])
def test_layouts_that_are_none(millrace, options):
    (millrace.folder / "in.txt").write_text("abc\n")
    words = [word for one in options for word in ("--from", one)]
    assert "MR-2150" in millrace("copy", "in.txt", "out.csv", "--from", "format=fixed", *words, code=1).stderr


@pytest.mark.parametrize("name", ["out.fwf", "out.fwf.gz", "out.fwf.zst"])
@pytest.mark.parametrize("end", ["lf", "crlf"])
def test_written_and_read_back(millrace, name, end):
    rows = make_rows(20_000, words=("ann", "äöü", "日本語", ""))
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(COLUMNS.items())), millrace.folder / "in.parquet")
    millrace("copy", "in.parquet", name, "--to", "fields=" + FIELDS, "--to", "line_end=" + end)
    assert read(millrace, name, "fields=" + FIELDS).to_pylist() == rows
    if name == "out.fwf":
        text = (millrace.folder / name).read_bytes().decode()
        lines = text.split("\r\n" if end == "crlf" else "\n")
        assert lines.pop() == "" and {len(one) for one in lines} == {47}
        row = rows[1]
        real = str(row["amount"])
        assert lines[1] == f"{row['id']:>6} {row['name'] or '':<12}{real:>11} {row['day']} {str(row['ok']).lower():<5}"


def test_written_with_header_null_and_comma(millrace):
    pq.write_table(pa.table({"n": [1.5, None], "name": ["a", None]}), millrace.folder / "in.parquet")
    millrace("copy", "in.parquet", "out.fwf", "--to", "widths=6,5", "--to", "header=true", "--to", "null=-", "--to", "decimal=,")
    assert (millrace.folder / "out.fwf").read_text() == "n     name \n   1,5a    \n     --    \n"
    millrace("copy", "in.parquet", "out.fwf", "--mode", "append", "--to", "widths=6,5", "--to", "header=true")
    assert (millrace.folder / "out.fwf").read_text().count("\n") == 5
    done = millrace("copy", "in.parquet", "out.fwf", "--mode", "append", "--to", "widths=7,5", "--to", "header=true", code=1)
    assert "MR-2156" in done.stderr
    millrace("copy", "in.parquet", "run.fwf", "--to", "fields=name:1-2, n:4-6", "--to", "line_end=none")
    assert (millrace.folder / "run.fwf").read_text() == "a  1.5      "


def test_values_that_do_not_fit(millrace):
    for column, number in ((["abcd"], "MR-2155"), ([12345], "MR-2155"), (["a\nb"], "MR-2155")):
        pq.write_table(pa.table({"x": column}), millrace.folder / "in.parquet")
        done = millrace("copy", "in.parquet", "out.fwf", "--to", "widths=3", code=1)
        assert number in done.stderr and "column x" in done.stderr
    for options in (["widths=3,3"], ["fields=y:1-3"]):
        done = millrace("copy", "in.parquet", "out.fwf", "--to", options[0], code=1)
        assert "MR-2154" in done.stderr
    assert not (millrace.folder / "out.fwf").exists()


def test_watched(millrace):
    (millrace.folder / "in").mkdir()
    (millrace.folder / "in/a.fwf").write_text("1 ann\n")
    process = millrace.start("copy", "in", "out/", "--format", "csv", "--from", "mode=watch", "--from", "format=fixed", "--from", "widths=2,4",
                             "--from", "names=i,s", "--resume", "-o", "checkpoint_interval=100ms")
    try:
        with (millrace.folder / "in/a.fwf").open("a") as out:
            out.write("2 bob\n3 ")
        rows = lambda: sorted(row for part in millrace.folder.glob("out/*.csv") for row in part.read_text().splitlines()[1:])
        wait_for(lambda: rows() == ["1,ann", "2,bob"])
    finally:
        process.send_signal(2)
        process.wait(30)

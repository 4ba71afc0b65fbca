"""Replays tests/sql/**/*.test. Their form stands in tests/sql/README.md."""

import collections
import functools
import itertools
import os
import pathlib
import re
import subprocess

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sql_file
import sql_values

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / os.environ.get("MILLRACE_BINARY", "build/release/bin/millrace")
TESTS = ROOT / "tests" / "sql"

# The file format alternates, so that both meet every batch size and every shard count.
CONFIGURATIONS = [
    (rows, shards, "csv" if (i + j) % 2 == 0 else "parquet")
    for i, rows in enumerate((1, 7, 4096))
    for j, shards in enumerate((1, 4))
]


def _files():
    return sorted(TESTS.rglob("*.test"))


@functools.lru_cache(maxsize=1)
def _read(path):
    return sql_file.read(path)


def _connect(parsed):
    """DuckDB with the tables of the file."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'; SET integer_division = true")
    for source in parsed.sources:
        if source.generator:
            connection.execute(f"CREATE TABLE {source.name} AS {source.generator}")
            continue
        connection.execute(f"CREATE TABLE {source.name} ({source.columns})")
        types = [row[1] for row in connection.execute(f"DESCRIBE {source.name}").fetchall()]
        values = ", ".join(f"CAST(? AS {name})" for name in types)
        for row in itertools.chain.from_iterable(source.files):
            connection.execute(
                f"INSERT INTO {source.name} VALUES ({values})",
                [None if cell.null else cell.text for cell in row],
            )
    return connection


@functools.lru_cache(maxsize=1)
def _oracle(path):
    """What DuckDB answers: block line → rows, and its connection with the tables."""
    parsed = _read(path)
    connection = _connect(parsed)
    answers = {}
    for block in parsed.blocks:
        if block.kind == "statement" and block.oracle is not None:
            connection.execute(block.oracle)
        if block.kind == "query" and not block.no_oracle:
            table = connection.sql(block.oracle or block.sql).to_arrow_table()
            answers[block.line] = sql_values.rows(table)
    return answers, connection


def _csv_field(cell):
    if cell.null:
        return ""
    if cell.text == "" or cell.text != cell.text.strip() or any(c in cell.text for c in '",\n\r'):
        return '"' + cell.text.replace('"', '""') + '"'
    return cell.text


def _write_csv(path, names, rows):
    lines = [",".join(names)] + [",".join(map(_csv_field, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def _write_source(source, connection, folder, file_format, whole):
    """Writes the files of a source and answers the statement that creates it."""
    place = folder / source.name
    place.mkdir()
    table = connection.table(source.name).to_arrow_table()
    if source.generator:
        parts = [table]
        columns = ", ".join(
            f'"{row[0]}" {row[1]}'
            for row in connection.execute(f"DESCRIBE {source.name}").fetchall()
        )
    else:
        columns = source.columns
        parts, at = [], 0
        for rows in source.files:
            parts.append(table.slice(at, len(rows)))
            at += len(rows)
    for number, part in enumerate(parts):
        path = place / f"{number:03d}.{file_format}"
        if file_format == "parquet":
            pq.write_table(part, path, row_group_size=1000 if whole else max(3, part.num_rows // 9))
        elif source.generator:
            connection.execute(f"COPY {source.name} TO '{path}' (FORMAT csv, HEADER)")
        else:
            _write_csv(path, table.schema.names, source.files[number])
    bytes_read = sum(path.stat().st_size for path in place.iterdir())
    size = bytes_read + 1 if whole else max(40, bytes_read // 9)
    watermark = f", {source.watermark}" if source.watermark else ""
    return (
        f"CREATE SOURCE {source.name} ({columns}{watermark}) WITH (connector = 'files', "
        f"path = '{place}/*.{file_format}', split_size = '{size}')"
    )


def _run(folder, script, shards, *options):
    path = folder / "script.sql"
    path.write_text(script)
    return subprocess.run(
        [BINARY, "--quiet", "--shards", str(shards), "run", path, *options],
        capture_output=True,
        timeout=120,
        cwd=folder,
    )


def _results(output):
    reader = pa.BufferReader(output)
    tables = []
    while reader.tell() < reader.size():
        tables.append(pa.ipc.open_stream(reader).read_all())
    return tables


def _show(rows, limit=20):
    lines = ["  " + " ".join(map(str, row)) for row in rows[:limit]]
    if len(rows) > limit:
        lines.append(f"  … {len(rows)} rows")
    return "\n".join(lines) or "  (no rows)"


def _folded(rows, where):
    """What is left once every row has done what its last column says."""
    there, before = collections.Counter(), None
    for *row, op in rows:
        key = repr(row)
        assert op in ("+I", "-U", "+U", "-D"), f"{where}: {op}"
        assert (before == "-U") == (op == "+U"), f"{where}: the halves of an update are apart: {before} {op}"
        before = op
        if op in ("+I", "+U"):
            there[key] += 1
        else:
            assert there[key] > 0, f"{where}: {row} is taken back, and is not there"
            there[key] -= 1
    assert before != "-U", where
    left = []
    for *row, op in rows:
        if there[repr(row)] > 0:
            there[repr(row)] -= 1
            left.append(row)
    return left


def _check(block, where, got, answers):
    if block.folded:
        got = _folded(got, where)
    if block.line in answers:
        expected = answers[block.line]
        left, right = got, expected
        if not block.ordered:
            left, right = sql_values.in_order(got), sql_values.in_order(expected)
        if len(left) != len(right) or not all(map(sql_values.same_row, left, right)):
            differ = [pair for pair in zip(left, right) if not sql_values.same_row(*pair)]
            pytest.fail(
                f"{where}: differs from DuckDB\n{block.sql}\nmillrace, {len(left)} rows:\n"
                f"{_show(left)}\nduckdb, {len(right)} rows:\n{_show(right)}\n"
                f"first difference: {differ[:1]}"
            )
    if block.expected is not None:
        rest = list(got)
        matched = len(rest) == len(block.expected)
        if matched and block.ordered:
            matched = all(map(sql_values.row_matches, block.expected, rest))
        elif matched:
            for cells in block.expected:
                found = next(
                    (at for at, row in enumerate(rest) if sql_values.row_matches(cells, row)), None
                )
                if found is None:
                    matched = False
                    break
                del rest[found]
        if not matched:
            wanted = [[cell.text for cell in cells] for cells in block.expected]
            pytest.fail(
                f"{where}: not the expected rows\n{block.sql}\ngot:\n{_show(got)}\n"
                f"expected:\n{_show(wanted)}"
            )


def _check_error(block, where, prelude, folder, shards):
    done = _run(folder, prelude + block.sql + ";\n", shards, "--format", "csv")
    message = done.stderr.decode()
    assert done.returncode in (1, 2), f"{where}: exit code {done.returncode}\n{message}"
    assert f"error: {block.code} " in message, f"{where}: expected {block.code}\n{message}"
    if block.position:
        line = block.position[0] + prelude.count("\n")
        position = re.search(r"line (\d+):(\d+)", message)
        assert position, f"{where}: no position\n{message}"
        found = (int(position.group(1)), int(position.group(2)))
        assert found == (line, block.position[1]), (
            f"{where}: at {found[0] - prelude.count(chr(10))}:{found[1]}\n{message}"
        )
    assert block.text in message, f"{where}: no '{block.text}'\n{message}"


def _check_plan(block, where, prelude, folder, shards):
    done = _run(folder, prelude + block.sql + ";\n", shards, "--format", "csv")
    assert done.returncode == 0, f"{where}\n{done.stderr.decode()}"
    lines = iter(done.stdout.decode().split("\n"))
    for wanted in block.expected:
        assert any(wanted.strip() in line for line in lines), (
            f"{where}: no line '{wanted}' (after the ones before it)\n{done.stdout.decode()}"
        )


def _cases():
    for path in _files():
        only = sql_file.read(path).only
        for rows, shards, file_format in CONFIGURATIONS:
            if rows in only.get("batch_rows", {rows}) and shards in only.get("shards", {shards}):
                name = path.relative_to(TESTS).with_suffix("")
                yield pytest.param(
                    path, rows, shards, file_format, id=f"{name}-{rows}-{shards}-{file_format}"
                )


@pytest.mark.parametrize("path, batch_rows, shards, file_format", list(_cases()))
def test_file(path, batch_rows, shards, file_format, tmp_path):
    parsed = _read(path)
    answers, connection = _oracle(path)
    settings = f"SET batch_rows = {batch_rows};\nSET parallelism = {shards};\n"
    prelude = settings + "".join(
        _write_source(source, connection, tmp_path, file_format, "splits" in parsed.only) + ";\n"
        for source in parsed.sources
    )
    script = prelude
    queries = []
    # Errors and plans end or disturb the stream of results: each has a process of its own, after
    # the statements before it.
    apart = []
    for block in parsed.blocks:
        block_sql = block.sql.replace("{tmp}", str(tmp_path))
        if block.kind == "query":
            queries.append(block)
            script += block_sql + ";\n"
        elif block.kind == "statement":
            script += block_sql + ";\n"
            prelude += block_sql + ";\n"
        else:
            apart.append((block, prelude))
    if queries:
        done = _run(tmp_path, script, shards, "--format", "arrow")
        assert done.returncode == 0, f"{path}\n{done.stderr.decode()}"
        tables = _results(done.stdout)
        assert len(tables) == len(queries)
        for block, table in zip(queries, tables):
            _check(block, f"{path}:{block.line}", sql_values.rows(table), answers)
    for block, before in apart:
        check = _check_error if block.kind == "error" else _check_plan
        # Statements that wrote files ran already, above.
        check(block, f"{path}:{block.line}", before, tmp_path, shards)


def test_there_are_files():
    assert len(_files()) > 20

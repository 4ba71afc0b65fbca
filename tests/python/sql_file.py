"""Reader of tests/sql/*.test: text → blocks. tests/sql/README.md describes the form."""

import dataclasses
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Cell:
    text: str
    quoted: bool

    @property
    def null(self):
        return self.text == "NULL" and not self.quoted


@dataclasses.dataclass
class Source:
    name: str
    columns: str = ""  # the text between the parentheses
    watermark: str = ""
    generator: str = ""  # SQL that makes the rows instead
    files: list = dataclasses.field(default_factory=lambda: [[]])  # of rows of cells


@dataclasses.dataclass
class Block:
    kind: str  # statement, query, error, plan
    line: int
    sql: str = ""
    oracle: str | None = None  # None: the same text
    no_oracle: bool = False
    ordered: bool = False
    folded: bool = False  # the last column says what a row does
    expected: list | None = None  # rows of cells; lines of text for a plan
    code: str = ""
    position: tuple | None = None
    text: str = ""


@dataclasses.dataclass
class SqlFile:
    path: pathlib.Path
    sources: list
    blocks: list
    only: dict  # name of a setting → its values


class BadTest(Exception):
    pass


_CELL = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\S+))")


def cells(line):
    out, at = [], 0
    line = line.rstrip()
    while at < len(line):
        match = _CELL.match(line, at)
        if match is None:
            raise BadTest(f"not a row of cells: {line}")
        at = match.end()
        if match.group(1) is not None:
            out.append(Cell(match.group(1).replace("''", "'").replace("\\n", "\n"), True))
        else:
            out.append(Cell(match.group(2), False))
    return out


def _source_head(line):
    match = re.match(r"source (\w+) AS (.*?)(?:\s+(WATERMARK FOR .*))?$", line, re.S)
    if match:
        return Source(match.group(1), watermark=match.group(3) or "", generator=match.group(2))
    match = re.match(r"source (\w+) \((.*)\)\s*(WATERMARK .*)?$", line)
    if match is None:
        raise BadTest(f"not a source: {line}")
    return Source(match.group(1), match.group(2), match.group(3) or "")


def _block(lines, number):
    head = lines[0]
    words = head.split()
    block = Block(words[0], number)
    if block.kind == "query":
        block.ordered = words[1:] == ["ordered"]
        block.folded = words[1:] == ["folded"]
        if words[1:] not in ([], ["ordered"], ["folded"]):
            raise BadTest(head)
    elif block.kind == "error":
        match = re.match(r"error (MR-\d{4})(?: (\d+):(\d+))?(?: (.*))?$", head)
        if match is None:
            raise BadTest(head)
        block.code = match.group(1)
        if match.group(2):
            block.position = (int(match.group(2)), int(match.group(3)))
        block.text = match.group(4) or ""
    elif block.kind not in ("statement", "plan") or len(words) > 1:
        raise BadTest(f"unknown block: {head}")
    sql, oracle, part = [], [], None
    part = sql
    for line in lines[1:]:
        if part is not block.expected and line == "----":
            block.expected = []
            part = block.expected
        elif part is sql and line == "oracle":
            part = oracle
        elif part is not block.expected and line.startswith("no oracle:"):
            block.no_oracle = True
        else:
            part.append(line)
    if not sql:
        raise BadTest("a block without SQL")
    block.sql = "\n".join(sql).rstrip(";")
    if oracle:
        block.oracle = "\n".join(oracle)
    if block.kind == "query":
        if block.expected is not None:
            block.expected = [cells(line) for line in block.expected]
        elif block.no_oracle:
            raise BadTest("a query that nothing checks")
    return block


def read(path):
    sources, blocks, only = [], [], {}
    lines = path.read_text().split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        number = at + 1
        try:
            if not line.strip() or line.startswith("#"):
                at += 1
            elif line.startswith("only "):
                for word in line.split()[1:]:
                    name, values = word.split("=")
                    only[name] = {int(value) for value in values.split(",")}
                at += 1
            elif line.startswith("source "):
                source = _source_head(line)
                sources.append(source)
                at += 1
                if source.generator:
                    while at < len(lines) and lines[at].strip():
                        source.generator += "\n" + lines[at]
                        at += 1
                    continue
                while lines[at] != "end":
                    if lines[at] == "file":
                        source.files.append([])
                    elif lines[at] == "row" or lines[at].startswith("row "):
                        source.files[-1].append(cells(lines[at][3:]))
                    else:
                        raise BadTest(f"not a row: {lines[at]}")
                    at += 1
                at += 1
            else:
                end = at
                while end < len(lines) and lines[end].strip():
                    end += 1
                blocks.append(_block(lines[at:end], number))
                at = end
        except (BadTest, IndexError, ValueError) as error:
            raise BadTest(f"{path}:{number}: {error}") from None
    return SqlFile(path, sources, blocks, only)

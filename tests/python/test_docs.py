"""What the hand-written pages claim: every example of docs/reference/sql.md, every link, every command that is named."""

import re

import pytest

from program import ROOT, binary, millrace  # noqa: F401 (fixtures)

SQL_PAGE = (ROOT / "docs/reference/sql.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
         *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "millrace").rglob("README.md"))]
EXAMPLES = re.findall(r"^```sql\n(.*?)^```\n```csv\n(.*?)^```", SQL_PAGE, re.M | re.S)
REFUSED = [(m[0].replace("\\|", "|"), m[1]) for m in re.findall(r"^\| `([^`]+)` \| (MR-\d+) \|$", SQL_PAGE, re.M)]


@pytest.fixture
def trips(tmp_path):
    (tmp_path / "trips.csv").write_text(re.search(r"^```csv trips.csv\n(.*?)^```", SQL_PAGE, re.M | re.S)[1])


def test_there_are_examples():
    assert len(EXAMPLES) >= 4 and len(REFUSED) >= 10
    assert SQL_PAGE.count("```sql") == len(EXAMPLES)


@pytest.mark.parametrize("statement, rows", EXAMPLES)
def test_sql_examples(millrace, trips, statement, rows):
    assert millrace("sql", "--format", "csv", "-c", statement).stdout == rows


@pytest.mark.parametrize("statement, number", REFUSED)
def test_refused_statements(millrace, trips, statement, number):
    assert f"error: {number} " in millrace("sql", "-c", statement, code=2).stderr


@pytest.mark.parametrize("statement", re.findall(r"^    (SELECT .*)$", SQL_PAGE, re.M))
def test_window_examples(millrace, tmp_path, statement):
    (tmp_path / "t.csv").write_text(
        "id,k,v,ts\n1,1,5,2024-05-01 08:00:00\n2,1,6,2024-05-01 08:06:00\n"
    )
    millrace("sql", "-c", "CREATE SOURCE t WITH (connector = 'files', path = 't.csv'); " + statement)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_named_exist(millrace, page):
    commands = set(re.findall(r"^  ([\w-]+)  ", millrace("--help").stdout.split("Subcommands:")[1], re.M)) | {"docs"}
    for command in re.findall(r"`millrace (\w[\w-]*)", page.read_text()):
        assert command in commands, f"{page.name} names millrace {command}"


def test_every_error_that_is_declared_is_listed():
    listed = set(re.findall(r"^\| MR-(\d+) \|", (ROOT / "docs/reference/errors.md").read_text(), re.M))
    for header in sorted((ROOT / "millrace").rglob("errors.h")) + [ROOT / "millrace/base/error.h"]:
        declared = re.findall(r"constexpr ErrorSpec \w+\{\s*(\d+),", header.read_text())
        assert declared, header
        assert {f"{int(number):04}" for number in declared} <= listed, header


def test_every_error_has_a_number_of_its_own():
    numbers = re.findall(r"^\| (MR-\d+) \|", (ROOT / "docs/reference/errors.md").read_text(), re.M)
    assert len(numbers) > 50 and len(numbers) == len(set(numbers))
    # What the pages and the other tests name exists.
    for page in PAGES:
        for number in re.findall(r"MR-\d{4}", page.read_text()):
            assert number in numbers, f"{page.name} names {number}"

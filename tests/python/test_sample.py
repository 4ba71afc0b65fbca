"""copy --sample: how many rows, which ones, and that nothing else decides."""

import pytest
from program import binary, millrace, root  # noqa: F401 (fixtures)

ROWS = 40_000


@pytest.fixture
def numbers(tmp_path):
    """One large file of several splits, and many small ones that share splits."""
    (tmp_path / "many").mkdir()
    (tmp_path / "one.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(ROWS)))
    for at in range(0, ROWS, 400):
        (tmp_path / f"many/{at:05}.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(at, at + 400)))
    return tmp_path


def sample(millrace, source, *words):
    out = millrace("-q", *words[:2], "copy", source, "-", "--format", "csv", "--from", "split_size=32KiB", *words[2:]).stdout.split()
    assert out[0] == "n"
    return [int(line) for line in out[1:]]


@pytest.mark.parametrize("source", ["one.csv", "many/"])
@pytest.mark.parametrize("size", ["500", "2.5%"])
def test_the_same_for_any_number_of_shards(millrace, numbers, source, size):
    one = sample(millrace, source, "--shards", "1", "--sample", size, "--seed", "3")
    assert one == sorted(set(one))
    assert sample(millrace, source, "--shards", "2", "--sample", size, "--seed", "3") == one
    assert sample(millrace, source, "--shards", "2", "-o", "batch_rows=7", "--sample", size, "--seed", "3") == one
    other = sample(millrace, source, "--shards", "2", "--sample", size, "--seed", "4")
    assert len(set(one) & set(other)) < 100


def test_a_sample_is_fair(millrace, numbers):
    """4,000 of 40,000: binomial, so within 5 standard deviations of what is expected, in every tenth of the input."""
    for words in (["--sample", "4000"], ["--sample", "10%"]):
        rows = sample(millrace, "one.csv", "--shards", "2", *words)
        if words[1] == "4000":
            assert len(rows) == 4000
        else:
            assert abs(len(rows) - 4000) < 5 * 60
        for tenth in range(10):
            found = sum(tenth * 4000 <= n < (tenth + 1) * 4000 for n in rows)
            assert abs(found - 400) < 5 * 19, (words, tenth, found)


def test_the_ends(millrace, numbers):
    assert sample(millrace, "one.csv", "--shards", "2", "--sample", "100%") == list(range(ROWS))
    assert sample(millrace, "one.csv", "--shards", "2", "--sample", "50000") == list(range(ROWS))
    assert sample(millrace, "one.csv", "--shards", "2", "--sample", "0%") == []
    assert sample(millrace, "one.csv", "--shards", "2", "--sample", "0") == []


@pytest.mark.parametrize("words", [["--sample", "x"], ["--sample", "101%"], ["--sample", "-1"], ["--sample", "5", "--resume"], ["--seed", "5"],
                                   ["--sample", "1%%"], ["--sample", "5", "--select", "SELECT n FROM source"],
                                   ["--sample", "5", "--from", "mode=watch"]])
def test_what_is_refused(millrace, numbers, words):
    assert "MR-1101" in millrace("copy", "one.csv", "out.csv", *words, code=2).stderr

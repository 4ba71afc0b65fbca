"""Sources that make their rows: the same for the same seed, whoever makes them and however often he is killed."""

import csv
import io
import json
import math
import os
import re
import signal

import pytest

from program import ROOT, binary, millrace, wait_for  # noqa: F401 (fixtures)

GOLDEN, MASK = 0x9E3779B97F4A7C15, 2 ** 64 - 1


def mixed(z):
    """SplitMix64's finish."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def at(base, n):
    return mixed(base + (n + 1) * GOLDEN & MASK)


def draw(seed, stream, n):
    return at(mixed((mixed(seed + GOLDEN & MASK) + stream * GOLDEN) & MASK), n)


def below(bits, bound):
    return bits * bound >> 64


def unit(bits):
    return (bits >> 11) * 2.0 ** -53


def letters(key, size):
    blocks = b"".join(at(key, i).to_bytes(8, "little") for i in range((size + 7) // 8))
    return "".join(chr(97 + (byte * 26 >> 8)) for byte in blocks[:size])


class Nexmark:
    """The rules of the benchmark, told once more."""

    FIRST = "Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter".split()
    LAST = "Shultz Abrams Spencer White Bartels Walton Smith Jones Noris".split()
    CITIES = ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"]
    STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"]
    HOT = ["Google", "Facebook", "Baidu", "Apple"]

    def __init__(self, seed=1, rate=10_000, disorder=1):
        self.seed, self.rate, self.disorder = seed, rate, disorder

    def draw(self, stream, m):
        return draw(self.seed, stream, m)

    def millis(self, m):
        return 1436918400000 + m * 1_000_000 // self.rate // 1000

    def price(self, stream, m):
        return math.floor(10 ** (6 * unit(self.draw(stream, m))) * 100 + 0.5)

    def person_id(self, bits, m):
        active = min(m // 50 + 1, 1000)
        return 1000 + m // 50 + 1 - active + below(bits, active + 10)

    def extra(self, text, size, m, used, mean):
        wanted = mean - used
        delta = math.floor(wanted * 0.2 + 0.5)
        count = 0 if wanted <= 0 else wanted - delta + below(self.draw(size, m), 2 * delta)
        return letters(self.draw(text, m), count)

    def url(self, i):
        text = letters(self.draw(25, i), 15)
        channel = f"&channel_id={i - 4}" if i >= 4 and below(self.draw(26, i), 10) < 9 else ""
        return f"https://www.nexmark.com/{text[:5]}/{text[5:10]}/{text[10:]}/item.htm?query=1{channel}"

    def event(self, n):
        m = n // self.disorder * self.disorder + n * 953 % self.disorder
        kind = "person" if m % 50 < 1 else "auction" if m % 50 < 4 else "bid"
        return kind, {**getattr(self, kind)(m), "dateTime": self.millis(m)}

    def person(self, m):
        name = below(self.draw(18, m), 99)
        mail = self.draw(19, m)
        card = str(below(self.draw(20, m), 10 ** 16)).zfill(16)
        out = {"id": 1000 + m // 50, "name": f"{self.FIRST[name // 9]} {self.LAST[name % 9]}",
               "emailAddress": f"{letters(mail, 7)}@{letters(mail, 13)[8:]}.com",
               "creditCard": " ".join(card[i:i + 4] for i in range(0, 16, 4)),
               "city": self.CITIES[below(self.draw(21, m), 10)], "state": self.STATES[below(self.draw(22, m), 6)]}
        used = 8 + sum(len(text) for key, text in out.items() if key != "id")
        return {**out, "extra": self.extra(23, 24, m, used, 200)}

    def auction(self, m):
        bits = self.draw(13, m)
        name = letters(self.draw(7, m), 3 + below(self.draw(8, m), 17))
        description = letters(self.draw(9, m), 3 + below(self.draw(10, m), 97))
        now = self.millis(m)
        horizon = self.millis(m + 1666) - now
        return {"id": 1000 + m // 50 * 3 + m % 50 - 1, "itemName": name, "description": description,
                "initialBid": self.price(11, m), "reserve": self.price(11, m) + self.price(12, m),
                "expires": now + 1 + below(self.draw(15, m), max(2 * horizon, 1)),
                "seller": 1000 + m // 50 // 100 * 100 if bits & 3 else self.person_id(bits, m),
                "category": 10 + below(self.draw(14, m), 5),
                "extra": self.extra(16, 17, m, 48 + len(name) + len(description), 500)}

    def bid(self, m):
        last = m // 50 * 3 + 2
        to, by, channel = (self.draw(stream, m) for stream in (1, 2, 4))
        oldest = max(last - 100, 0)
        index = below(channel, 4) if channel & 1 else 4 + below(channel, 10_000)
        return {"auction": 1000 + (last // 100 * 100 if to & 1 else oldest + below(to, last - oldest + 11)),
                "bidder": 1001 + m // 50 // 100 * 100 if by & 3 else self.person_id(by, m),
                "price": self.price(3, m), "channel": self.HOT[index] if index < 4 else f"channel-{index - 4}",
                "url": self.url(index), "extra": self.extra(5, 6, m, 32, 100)}


def millis(text):
    """Of a time as JSON has it."""
    import datetime
    moment = datetime.datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=datetime.timezone.utc)
    return round(moment.timestamp() * 1000)


def rows(millrace, source, query="SELECT * FROM t", shards=2, columns=""):
    """What the query gives, as JSON gives it."""
    options = ", ".join(f"{name} = '{value}'" for name, value in source.items())
    done = millrace("--shards", shards, "sql", "--format", "json", "-c", f"CREATE SOURCE t {columns} WITH ({options}); {query}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def nexmark(**options):
    return {"connector": "nexmark", **options}


@pytest.mark.parametrize("settings", [{}, {"disorder": 1000, "event_rate": 10_000_000, "seed": -7}, {"disorder": 7, "splits": 3}], ids=str)
def test_nexmark_keeps_to_the_rules(millrace, settings):
    rules = Nexmark(settings.get("seed", 1) & MASK, settings.get("event_rate", 10_000), settings.get("disorder", 1))
    expected = {"person": [], "auction": [], "bid": []}
    for n in range(10_000):
        kind, row = rules.event(n)
        expected[kind].append(row)
    for kind in expected:
        found = rows(millrace, nexmark(table=kind, events=10_000, **settings), shards=1)
        for row in found:
            row["dateTime"] = millis(row["dateTime"])
            if "expires" in row:
                row["expires"] = millis(row["expires"])
        assert len(found) == len(expected[kind])
        assert found == expected[kind]


def test_all_events_in_one_table(millrace):
    found = rows(millrace, nexmark(table="all", events=2000, disorder=50), shards=1)
    singly = {kind: iter(rows(millrace, nexmark(table=kind, events=2000, disorder=50), shards=1)) for kind in ("person", "auction", "bid")}
    assert len(found) == 2000
    for row in found:
        kind = ("person", "auction", "bid")[row["event_type"]]
        one = next(singly[kind])
        assert row["dateTime"] == one.pop("dateTime")
        for name, value in one.items():
            assert row[f"{kind}_{name}"] == value
        assert all(value is None for name, value in row.items() if "_" in name and not name.startswith((kind, "event")))
    assert all(next(rest, None) is None for rest in singly.values())


def test_nexmark_is_the_same_in_any_parts(millrace):
    query = "SELECT COUNT(*) AS n, SUM(price) AS p, SUM(bidder) AS b, SUM(LENGTH(extra)) AS e, COUNT(DISTINCT url) AS u FROM t"
    seen = [rows(millrace, nexmark(events=300_000, **options), query, shards=shards)
            for options, shards in [({}, 1), ({"splits": 1}, 4), ({"splits": 5}, 1), ({"splits": 5}, 4)]]
    assert seen[0][0]["n"] == 300_000 // 50 * 46
    assert all(one == seen[0] for one in seen)
    other = rows(millrace, nexmark(events=300_000, seed=2), query)
    assert other[0]["n"] == seen[0][0]["n"] and other != seen[0]


def test_declared_columns_choose(millrace):
    source = nexmark(events=1000)
    found = rows(millrace, source, columns="(datetime TIMESTAMP, price BIGINT, WATERMARK FOR datetime AS datetime - INTERVAL '4' SECOND)")
    assert [list(row) for row in found] == [["datetime", "price"]] * 920
    whole = rows(millrace, source)
    assert [row["price"] for row in found] == [row["price"] for row in whole]
    for columns, says in [("(prize BIGINT)", "did you mean 'price'"), ("(price INT)", "int64")]:
        done = millrace("sql", "-c", f"CREATE SOURCE t {columns} WITH (connector = 'nexmark', events = 1); SELECT * FROM t", code=1)
        assert "MR-2470" in done.stderr and says in done.stderr


@pytest.mark.parametrize("option, value, number", [
    ("table", "bids", 1003), ("events", -1, 1003), ("event_rate", 0, 1003), ("disorder", 0, 1003), ("disorder", 953, 1003),
    ("disorder", 1906, 1003), ("splits", 0, 1003), ("seed", "x", 1003), ("rate", 5, 1001)])
def test_nexmark_refuses_what_cannot_be(millrace, option, value, number):
    done = millrace("sql", "-c", f"CREATE SOURCE t WITH (connector = 'nexmark', {option} = '{value}'); SELECT COUNT(*) FROM t", code=2)
    assert f"MR-{number}" in done.stderr


COLUMNS = """(id BIGINT, k INT, p DOUBLE, n DOUBLE, l DOUBLE, w DOUBLE, z BIGINT, c VARCHAR, t VARCHAR, at TIMESTAMP, b BOOLEAN,
    s VARCHAR, o VARCHAR)"""
FIELDS = {"k.kind": "uniform", "k.min": -2, "k.max": 3, "p.min": 5, "p.max": 7, "n.kind": "normal", "n.mean": 10, "n.stddev": 2,
          "l.kind": "log_normal", "l.mean": 1, "l.stddev": 0.5, "w.kind": "random_walk", "w.start": 100, "w.step": 3,
          "z.kind": "zipf", "z.max": 50, "z.exponent": 1.5, "c.kind": "choice", "c.values": "x,y,z", "c.weights": "1,0,3",
          "t.length": 11, "at.start": "2024-02-28 23:00:00", "at.step": "90s", "s.kind": "sequence", "s.start": 7, "s.step": -3,
          "o.null_share": 0.25}


def datagen(count=None, fields=FIELDS, **options):
    out = {"connector": "datagen", **{f"fields.{name}": value for name, value in fields.items()}, **options}
    return out if count is None else {**out, "rows": count}


def column(name, seed=1):
    """The seed of a column."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return mixed(seed ^ value)


def normal(seed, stream, n):
    return math.sqrt(-2 * math.log(1 - unit(draw(seed, stream, n)))) * math.cos(2 * math.pi * unit(draw(seed, stream + 1, n)))


def walk(seed, count):
    """From 0: a block of 1024 steps is shifted so that it leads as far as one draw says."""
    out, begin = [], 0.0
    for block in range((count + 1023) // 1024):
        steps = [normal(seed, 1, block * 1024 + i) for i in range(1024)]
        leads = normal(seed, 3, block) * 32
        out += [begin + sum(steps[:i]) + (leads - sum(steps)) * i / 1024 for i in range(1024)]
        begin += leads
    return out[:count]


def test_datagen_keeps_to_its_kinds(millrace):
    count = 3000
    found = rows(millrace, {f"{name}": value for name, value in datagen(count).items()}, columns=COLUMNS, shards=1)
    assert len(found) == count
    steps = walk(column("w"), count)
    for i, row in enumerate(found):
        first = {name: draw(column(name), 1, i) for name in row}
        assert row["id"] == i and row["s"] == str(7 - 3 * i)
        assert row["k"] == -2 + below(first["k"], 6)
        assert row["p"] == 5 + 2 * unit(first["p"])
        assert row["n"] == pytest.approx(10 + 2 * normal(column("n"), 1, i), rel=1e-12)
        assert row["l"] == pytest.approx(math.exp(1 + 0.5 * normal(column("l"), 1, i)), rel=1e-12)
        assert row["w"] == pytest.approx(100 + 3 * steps[i], rel=1e-9)
        assert row["c"] == ("x" if unit(first["c"]) * 4 < 1 else "z")
        assert row["b"] == (unit(first["b"]) >= 0.5)
        assert row["t"] == letters(first["t"], 11)
        assert millis(row["at"]) == 1709161200000 + 90_000 * i
        assert row["o"] == (None if unit(draw(column("o"), 9, i)) < 0.25 else letters(first["o"], 8))
    # Rank k in proportion to k ** -1.5, within five standard deviations.
    whole = sum(k ** -1.5 for k in range(1, 51))
    for k in (1, 2, 3, 10):
        share = k ** -1.5 / whole
        assert abs(sum(row["z"] == k for row in found) - count * share) < 5 * math.sqrt(count * share)
    assert {row["z"] for row in found} <= set(range(1, 51))


def test_datagen_is_the_same_in_any_parts(millrace):
    query = """SELECT COUNT(*) AS n, SUM(id) AS i, SUM(k) AS k, SUM(z) AS z, MIN(w) AS l, MAX(w) AS h, MAX(t) AS t, COUNT(o) AS o,
        COUNT(DISTINCT c) AS c, MAX(at) AS a FROM t"""
    seen = [rows(millrace, datagen(100_000, **options), query, shards=shards, columns=COLUMNS)
            for options, shards in [({}, 1), ({"splits": 1}, 4), ({"splits": 7}, 1), ({"splits": 7}, 4)]]
    assert seen[0][0]["n"] == 100_000 and seen[0][0]["i"] == 100_000 * 99_999 // 2
    assert all(one == seen[0] for one in seen)
    assert rows(millrace, datagen(100_000, seed=2), query, columns=COLUMNS) != seen[0]
    # A column does not depend on those beside it.
    assert rows(millrace, datagen(100_000, {"w.kind": "random_walk", "w.start": 100, "w.step": 3}), "SELECT MAX(w) AS h FROM t",
                columns="(w DOUBLE, more INT)")[0]["h"] == seen[0][0]["h"]


@pytest.mark.parametrize("columns, options, number", [
    ("", {}, 2474), ("(a INT)", {"fields.b.kind": "uniform"}, 1001), ("(a INT)", {"fields.a.kidn": "uniform"}, 1001),
    ("(a INT)", {"fields.a.kind": "unifrom"}, 1003), ("(a INT)", {"fields.a.mean": 3}, 1003), ("(a INT)", {"rows": -1}, 1003),
    ("(a INT)", {"splits": 0}, 1003), ("(a INT)", {"seed": "x"}, 1003), ("(a INT)", {"fields.a.null_share": 1.5}, 1003),
    ("(a INT)", {"fields.a.start": "x"}, 1003), ("(a INT)", {"fields.a.kind": "uniform", "fields.a.min": 101}, 1003),
    ("(a INT)", {"fields.a.kind": "zipf", "fields.a.exponent": 0}, 1003), ("(a INT)", {"fields.a.kind": "choice"}, 1003),
    ("(a INT)", {"fields.a.kind": "choice", "fields.a.values": "1,2", "fields.a.weights": "1"}, 1003),
    ("(a INT)", {"fields.a.kind": "choice", "fields.a.values": "1,x"}, 2473),
    ("(a INT)", {"fields.a.kind": "choice", "fields.a.values": "x"}, 2473),
    ("(a DOUBLE)", {"fields.a.kind": "normal", "fields.a.stddev": -1}, 1003),
    ("(a VARCHAR)", {"fields.a.length": -1}, 1003), ("(a TIMESTAMP)", {"fields.a.start": "noon"}, 1003),
    ("(a TIMESTAMP)", {"fields.a.step": "5 apples"}, 1003), ("(a TINYINT)", {"rows": 200}, 2473)])
def test_datagen_refuses_what_cannot_be(millrace, columns, options, number):
    words = ", ".join(f"{name} = '{value}'" for name, value in {"connector": "datagen", "rows": 100, **options}.items())
    process = millrace.start("sql", "-c", f"CREATE SOURCE t {columns} WITH ({words}); SELECT COUNT(a) FROM t", stdout=-1, stderr=-1,
                             text=True)
    err = process.communicate(timeout=60)[1]
    assert process.returncode in (1, 2) and f"MR-{number}" in err, err


def test_datagen_in_yaml(millrace, tmp_path):
    (tmp_path / "p.yaml").write_text("source:\n  connector: datagen\n  rows: 2\n  columns: {id: BIGINT, Word: VARCHAR}\n"
                                     "  fields.id.start: 5\n  fields.word.kind: choice\n  fields.word.values: [x]\n"
                                     "sink: {connector: print}\n")
    assert millrace("run", "p.yaml").stdout == '{"id":5,"Word":"x"}\n{"id":6,"Word":"x"}\n'
    schema = json.loads((ROOT / "api/pipeline.schema.json").read_text())["$defs"]["source_datagen"]
    patterns = schema["patternProperties"]
    assert [re.search(pattern, "fields.word.kind") is not None for pattern in patterns].count(True) == 1
    assert not any(re.search(pattern, "fields.word.kidn") or re.search(pattern, "fields..kind") for pattern in patterns)


def script(folder, source, query, settings=""):
    (folder / "life.sql").write_text(f"""
        SET name = 'life'; SET checkpoints = 'on'; SET checkpoint_interval = '1ms'; SET batch_rows = 500; {settings}
        CREATE SOURCE t {source};
        CREATE SINK out WITH (connector = 'files', path = '{folder}/out/', format = 'csv');
        INSERT INTO out {query};""")


def written(folder):
    out = []
    for path in (folder / "out").glob("*.csv"):
        out += list(csv.reader(io.StringIO(path.read_text())))[1:]
    return sorted(out)


@pytest.mark.parametrize("source", [
    "(dateTime TIMESTAMP, auction BIGINT, bidder BIGINT, WATERMARK FOR dateTime AS dateTime - INTERVAL '1' SECOND) "
    "WITH (connector = 'nexmark', events = 30000, disorder = 100, splits = 4",
    "(dateTime TIMESTAMP, auction BIGINT, bidder BIGINT, WATERMARK FOR dateTime AS dateTime) "
    "WITH (connector = 'datagen', rows = 30000, splits = 4, fields.datetime.step = '100us', fields.auction.kind = 'zipf', "
    "fields.bidder.kind = 'random_walk', fields.bidder.step = 1000"])
def test_exactly_once_through_kills(millrace, tmp_path, source):
    query = """SELECT window_start, auction, COUNT(*) AS n, SUM(bidder) AS b
        FROM TUMBLE(t, dateTime, INTERVAL '1' SECOND) GROUP BY window_start, auction"""
    runs = 0
    for failpoint, shards in [("checkpoint.acknowledged@3", 2), ("checkpoint.pending.done@3", 4), ("checkpoint.decided@2", 1)]:
        script(tmp_path, source + ", rate_limit_rows = 3000)", query)
        millrace("--shards", shards, "run", "life.sql", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": failpoint})
        runs += 1
    script(tmp_path, source + ")", query)
    millrace("run", "life.sql")
    found = written(tmp_path)
    done = millrace("--shards", 1, "sql", "--format", "csv", "-c",
                    f"CREATE SOURCE t {source}); SELECT DATE_TRUNC('second', dateTime) AS w, auction, COUNT(*) AS n, "
                    "SUM(bidder) AS b FROM t GROUP BY 1, 2")
    expected = [row for row in csv.reader(io.StringIO(done.stdout)) if row and row[0][:2] == "20"]
    assert runs == 3 and len(expected) > 100
    assert [row[1:] for row in found] == [row[1:] for row in sorted(expected)]


def test_an_endless_stream_goes_on_and_refuses_other_options(millrace, tmp_path):
    columns = "(dateTime TIMESTAMP, auction BIGINT, price BIGINT, extra VARCHAR) "
    source = columns + "WITH (connector = 'nexmark', splits = 3, rate_limit_rows = 20000, seed = {seed})"
    script(tmp_path, source.format(seed=5), "SELECT * FROM t")
    for failpoint in ("checkpoint.acknowledged@3", "checkpoint.acknowledged@4"):
        millrace("run", "life.sql", code=-signal.SIGKILL, env={"MILLRACE_FAILPOINT": failpoint})
    script(tmp_path, source.format(seed=6), "SELECT * FROM t")
    assert "MR-2471" in millrace("run", "life.sql", code=1).stderr
    found = written(tmp_path)
    assert found
    # Lanes get blocks of a thousand numbers in turn; each has come so far, without a gap.
    rules = Nexmark(seed=5)
    left = {tuple(row[1:]) for row in found}
    assert len(left) == len(found), "a row came twice"
    for lane in range(3):
        ended = False
        for n in (n for block in range(lane, 30, 3) for n in range(block * 1000, block * 1000 + 1000)):
            kind, row = rules.event(n)
            if kind != "bid":
                continue
            key = tuple(str(row[name]) for name in ("auction", "price", "extra"))
            assert not (ended and key in left)
            ended = ended or key not in left
            left.discard(key)
        assert ended
    assert not left


@pytest.mark.parametrize("splits", [3, 8])
def test_all_parts_are_read_in_turn_with_little_memory(millrace, tmp_path, splits):
    """None of them ever pauses, and unread ones would hold back time."""
    with open(tmp_path / "rows", "w") as rows:
        running = millrace.start("--shards", "2", "--memory", "32MB", "sql", "--format", "csv", "-c",
                                 f"SET checkpoints = 'off'; CREATE SOURCE d (n BIGINT, t TIMESTAMP, WATERMARK FOR t AS t) "
                                 f"WITH (connector = 'datagen', splits = {splits}); "
                                 "SELECT window_start, COUNT(*) AS c FROM d WINDOW TUMBLING(t, 1h)", stdout=rows, stderr=-3)
        try:
            wait_for(lambda: (tmp_path / "rows").read_text().count("3600") > 100)
        finally:
            running.kill()
            running.wait()

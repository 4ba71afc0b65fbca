"""Checkpoints in a bucket: kills, rivals, late predecessors, storms, damage. The rows of every run are compared one by one."""

import collections
import os
import re
import signal
import subprocess
import time
import urllib.parse

import duckdb
import pytest

import servers
from program import BINARY, binary, millrace, wait_for  # noqa: F401 (fixtures)
from servers import variables
from test_object_sink import ROWS, Storm, StormHandler, bucket, gateway, numbers  # noqa: F401 (fixtures)
from test_serve import Server, server  # noqa: F401 (fixtures)

QUERIES = {
    "rows": "SELECT id, p, s FROM events",
    "groups": "SELECT id % 5000 AS k, COUNT(*) AS n, SUM(id) AS total, MIN(s) AS least FROM events GROUP BY id % 5000",
}
SCRIPT = """
SET name = 'crash'; SET checkpoints = 'on'; SET checkpoint_interval = '{interval}'; SET batch_rows = 2000;
SET state_dir = 's3://{bucket}/ck pt/a'; SET state_endpoint = '{endpoint}';
CREATE SOURCE events (id BIGINT, p BIGINT, s VARCHAR)
  WITH (connector = 'files', path = '{numbers}', split_size = '64KB', rate_limit_rows = {rate});
CREATE SINK out WITH (connector = 'files', path = 's3://{bucket}/f/', format = 'parquet', endpoint = '{endpoint}');
INSERT INTO out {query};
"""
PREFIX = "ck pt/a/crash"


@pytest.fixture(scope="module")
def expected(numbers):
    return {name: collections.Counter(duckdb.sql(query.replace("events", f"'{numbers}'")).fetchall()) for name, query in QUERIES.items()}


class Pipeline:
    def __init__(self, folder, bucket, numbers, query="rows", rate=200_000, interval="20ms", endpoint=None):
        self.folder, self.bucket, self.query = folder, bucket, query
        (folder / "pipeline.sql").write_text(SCRIPT.format(bucket=bucket.name, endpoint=endpoint or bucket.gateway.endpoint, numbers=numbers,
                                                           rate=rate, interval=interval, query=QUERIES[query]))

    def start(self, failpoint=None, shards=1, options=(), **more):
        env = {**os.environ, **self.bucket.env, "HOME": str(self.folder), **more}
        env.pop("MILLRACE_STATE_DIR", None)
        if failpoint:
            env["MILLRACE_FAILPOINT"] = failpoint
        return subprocess.Popen([BINARY, "--shards", str(shards), "run", "pipeline.sql", *options], cwd=self.folder, env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, timeout=100, **more):
        process = self.start(*arguments, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
            process.wait()
        return process.returncode, out + err

    def state(self):
        return self.bucket.keys(PREFIX)

    def check(self, expected, where):
        self.check_rows(expected, where)
        assert self.bucket.clean() and self.state() == [], f"{where}: {self.bucket.keys()} {self.bucket.uploads()}"
        assert not (self.folder / ".local").exists(), "nothing of it is on this machine"

    def check_rows(self, expected, where):
        table = self.bucket.table("f")
        columns = ["id", "p", "s"] if self.query == "rows" else ["k", "n", "total", "least"]
        rows = collections.Counter(zip(*(table[name].to_pylist() for name in columns)))
        wanted = expected[self.query]
        assert rows == wanted, f"{where}: lost {list((wanted - rows).items())[:3]}, too many {list((rows - wanted).items())[:3]}"


EDGES = ["checkpoint.barrier", "checkpoint.prepared", "checkpoint.pending", "checkpoint.pending.done", "checkpoint.decide",
         "checkpoint.renamed", "checkpoint.decided", "checkpoint.commit", "checkpoint.committed", "checkpoint.acknowledged", "head.put",
         "head.put.done", "checkpoint.forget"]
STATE_EDGES = ["checkpoint.snapshot", "checkpoint.snapshot.done"]
LAST_EDGE = "checkpoint.forgotten"  # behind which the pipeline begins anew


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("query", QUERIES)
def test_killed_at_every_edge(gateway, numbers, tmp_path, expected, query, shards):
    for edge in EDGES + (STATE_EDGES if query == "groups" else []):
        for time_of in (1, 3):
            where = f"{edge}@{time_of}"
            folder = tmp_path / where
            folder.mkdir()
            pipeline = Pipeline(folder, gateway.bucket(), numbers, query)
            code, text = pipeline.run(where, shards)
            if code != 0 or time_of == 1:
                assert code == -signal.SIGKILL, f"{where} was not reached: exit {code}\n{text}"
                begun = time.monotonic()
                code, text = pipeline.run(shards=3)
                assert time.monotonic() - begun < 15, "whoever was killed on this machine is not waited for"
            assert code == 0, f"{where}: {text}"
            pipeline.check(expected, where)


def test_killed_at_every_change_of_the_head(gateway, numbers, tmp_path, expected):
    """The same places come by again and again: each time is another moment in the life of an epoch."""
    for edge in ("head.put", "head.put.done"):
        for time_of in range(2, 14):
            where = f"{edge}@{time_of}"
            folder = tmp_path / where
            folder.mkdir()
            pipeline = Pipeline(folder, gateway.bucket(), numbers, "groups", rate=100_000)
            code, text = pipeline.run(where, 2)
            assert code in (0, -signal.SIGKILL) and (code != 0 or time_of > 4), f"{where}: {text}"
            if code != 0:
                code, text = pipeline.run(shards=3)
                if edge == "head.put.done" and "MR-2402" in text:
                    # That was the last change, which forgets the pipeline: it had come to its end.
                    pipeline.check_rows(expected, where)
                    continue
                assert code == 0, f"{where}: {text}"
            pipeline.check(expected, where)


def test_once_it_is_forgotten_it_begins_anew(gateway, numbers, tmp_path):
    """Cut off behind that, what is left of it does no harm."""
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers)
    code, text = pipeline.run(LAST_EDGE)
    assert code == -signal.SIGKILL and pipeline.state(), text
    code, text = pipeline.run()
    assert code == 1 and "MR-2402" in text, text
    assert sorted(pipeline.bucket.table("f")["id"].to_pylist()) == list(range(ROWS))


def test_two_processes(millrace, gateway, numbers, tmp_path, expected):
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, rate=6_000)
    first = pipeline.start()
    try:
        wait_for(lambda: any(".manifest" in key for key in pipeline.state()))
        begun = time.monotonic()
        code, text = pipeline.run()
        assert code == 1 and "MR-4501" in text and f"process {first.pid} on host {os.uname().nodename}" in text, text
        said = millrace("checkpoint", "drop", "crash", "--state-dir", f"s3://{pipeline.bucket.name}/ck pt/a", "-o",
                        f"state_endpoint={gateway.endpoint}", env=pipeline.bucket.env, code=1).stderr
        assert "MR-4501" in said
        assert time.monotonic() - begun < 25, "a sign of life comes every 5 s"
        out, err = first.communicate(timeout=100)
        assert first.returncode == 0, out + err
    finally:
        first.kill()
        first.wait()
    pipeline.check(expected, "first")


def test_a_late_predecessor(gateway, numbers, tmp_path, expected):
    """One that stands still for so long that another takes over. Whatever it had under way when it stood, it decides nothing."""
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, "groups", rate=20_000)
    late = pipeline.start()
    try:
        wait_for(lambda: any(".manifest" in key for key in pipeline.state()))
        late.send_signal(signal.SIGSTOP)
        next_one = pipeline.start()
        # It waits for a sign of life first, then goes on from the last checkpoint.
        wait_for(lambda: any("-attempt-2" in key for key in pipeline.state()), 60)
        late.send_signal(signal.SIGCONT)
        out, err = late.communicate(timeout=60)
        assert late.returncode == 1 and "MR-4501" in err and f"process {next_one.pid}" in err and "took over" in err, err
        out, err = next_one.communicate(timeout=100)
        assert next_one.returncode == 0 and "goes on from checkpoint" in out + err, out + err
    finally:
        for process in (late, next_one):
            process.kill()
            process.wait()
    pipeline.check(expected, "next")


@pytest.mark.parametrize("fault", ["before", "after"])
def test_storms_pass_by(gateway, numbers, tmp_path, expected, fault):
    """Every second request that writes is answered with 503, undone or done."""
    with Storm(gateway.endpoint, ["", fault] * 60) as store:
        one = gateway.bucket()
        one.env = variables(store.endpoint)
        pipeline = Pipeline(tmp_path, one, numbers, "groups", interval="150ms", endpoint=store.endpoint)
        code, text = pipeline.run(shards=2)
        assert code == 0, text
        assert len(store.faults) < 100
    pipeline.check(expected, fault)


class Renewed(Storm):
    """Keys that expire: what the token service gives is good for some requests only. No session tokens, as the gateway knows none."""

    def __init__(self, endpoint):
        super().__init__(endpoint, [])
        self.RequestHandlerClass = RenewedHandler
        self.given, self.left, self.refused = 0, 0, 0


class RenewedHandler(StormHandler):
    def do_POST(self):
        if "uploads" in self.path or "uploadId" in self.path or "delete" in self.path:
            return self.do_PUT()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert urllib.parse.parse_qs(body)["Action"] == ["AssumeRole"]
        with self.server.lock:
            self.server.given, self.server.left = self.server.given + 1, 10
        self.answer(200, f"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{servers.KEY}</AccessKeyId>
            <SecretAccessKey>{servers.SECRET}</SecretAccessKey><SessionToken></SessionToken>
            <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>""".encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self):
        with self.server.lock:
            self.server.left -= 1
            good = self.server.left >= 0
            self.server.refused += not good
        if good:
            return super().do_PUT()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(400, b"<Error><Code>ExpiredToken</Code><Message>on purpose</Message></Error>")

    do_GET = do_HEAD = do_DELETE = do_PUT


def test_credentials_that_expire(gateway, numbers, tmp_path, expected):
    one = gateway.bucket()
    with Renewed(gateway.endpoint) as store:
        pipeline = Pipeline(tmp_path, one, numbers, "groups")
        script = tmp_path / "pipeline.sql"
        script.write_text(script.read_text().replace(f"state_endpoint = '{gateway.endpoint}'",
                                                     f"state_endpoint = '{store.endpoint}'; SET state_role_arn = 'r'"))
        code, text = pipeline.run(AWS_ENDPOINT_URL_STS=store.endpoint)
        assert code == 0, text
        assert store.given > 2 and store.refused > 1
    pipeline.check(expected, "renewed")


def damaged(bucket, key, at):
    data = bytearray(bucket.get(key))
    data[at] ^= 1
    bucket.put(key, bytes(data))


def test_damage(millrace, gateway, numbers, tmp_path):
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, "groups", rate=20_000)
    code, text = pipeline.run("checkpoint.acknowledged@4")
    assert code == -signal.SIGKILL, text
    place = ["--state-dir", f"s3://{pipeline.bucket.name}/ck pt/a", "-o", f"state_endpoint={gateway.endpoint}"]
    ask = lambda *words, **more: millrace("checkpoint", *words, *place, env=pipeline.bucket.env, **more)
    listed = ask("list").stdout
    epochs = re.findall(r"crash +(\d+) +checkpoint", listed)
    assert len(epochs) >= 2, listed
    shown = ask("show", "crash").stdout
    assert f"epoch      {epochs[-1]}" in shown and "rows in" in shown
    newest = next(key for key in pipeline.state() if f"epoch-{int(epochs[-1]):020}" in key and key.endswith(".manifest"))
    damaged(pipeline.bucket, newest, 30)
    assert re.search(rf"crash +{epochs[-1]} +damaged", ask("list").stdout)
    code, text = pipeline.run()
    assert code == 1 and "MR-4502" in text and epochs[-2] in text, text
    code, text = pipeline.run(options=["-o", f"start_from={epochs[-2]}"])
    assert code == 0, text
    # What was committed stays, and nothing was: groups come at the end.
    assert len(pipeline.bucket.table("f")) == 5000 and pipeline.state() == []


def test_damaged_state_and_head(millrace, gateway, numbers, tmp_path):
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, "groups", rate=20_000)
    code, text = pipeline.run("checkpoint.acknowledged@4")
    assert code == -signal.SIGKILL, text
    state = sorted(key for key in pipeline.state() if key.endswith(".state"))
    saved = pipeline.bucket.get(state[-1])
    damaged(pipeline.bucket, state[-1], len(saved) // 2)
    code, text = pipeline.run()
    assert code == 1 and "MR-4503" in text and os.path.basename(state[-1]) in text, text
    pipeline.bucket.put(state[-1], saved)
    head = pipeline.bucket.get(f"{PREFIX}/head")
    damaged(pipeline.bucket, f"{PREFIX}/head", 5)
    code, text = pipeline.run()
    assert code == 1 and "MR-4514" in text and "/head" in text, text
    pipeline.bucket.put(f"{PREFIX}/head", head)
    place = ["--state-dir", f"s3://{pipeline.bucket.name}/ck pt/a", "-o", f"state_endpoint={gateway.endpoint}"]
    millrace("checkpoint", "drop", "crash", *place, env=pipeline.bucket.env)
    assert pipeline.bucket.keys() == [] and pipeline.bucket.uploads() == []
    assert "MR-4511" in millrace("checkpoint", "show", "crash", *place, env=pipeline.bucket.env, code=1).stderr


def test_no_such_bucket(gateway, bucket, numbers, tmp_path):
    pipeline = Pipeline(tmp_path, bucket, numbers)
    script = tmp_path / "pipeline.sql"
    script.write_text(script.read_text().replace(f"s3://{bucket.name}/ck pt", "s3://no-such-bucket/ck pt"))
    code, text = pipeline.run()
    assert code == 1 and "MR-2019" in text and "no-such-bucket" in text, text
    code, text = pipeline.run(options=["-o", "state_dir=https://127.0.0.1:1/x"])
    assert code == 1 and "MR-2022" in text, text
    assert bucket.keys() == []


class Unconditional(StormHandler):
    """A store of an earlier time: conditions of puts are not known to it."""
    refuses = False

    def do_PUT(self):
        conditional = self.headers.get("If-Match") or self.headers.get("If-None-Match")
        if conditional and self.command == "PUT":
            if self.refuses:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = b"<Error><Code>NotImplemented</Code><Message>A header is not known</Message></Error>"
                self.send_response(501)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                return
            del self.headers["If-Match"], self.headers["If-None-Match"]
        super().do_PUT()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT


@pytest.mark.parametrize("refuses", [False, True])
def test_a_store_without_conditions(gateway, numbers, tmp_path, refuses):
    with Storm(gateway.endpoint, []) as store:
        store.RequestHandlerClass = type("Handler", (Unconditional,), {"refuses": refuses})
        pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, endpoint=store.endpoint)
        code, text = pipeline.run()
    assert code == 1 and "MR-4513" in text, text
    assert pipeline.bucket.keys() == []


def test_a_whole_script_and_yaml(gateway, numbers, tmp_path):
    """Each way to say where; several pipelines of one script are forgotten together."""
    one = gateway.bucket()
    (tmp_path / "two.sql").write_text(f"""
        SET name = 'two'; SET checkpoints = 'on'; SET checkpoint_interval = '20ms';
        CREATE SOURCE a (id BIGINT, p BIGINT, s VARCHAR) WITH (connector = 'files', path = '{numbers}', rate_limit_rows = 300000);
        CREATE SINK x WITH (connector = 'files', path = 's3://{one.name}/a/', format = 'csv');
        CREATE SINK y WITH (connector = 'files', path = 's3://{one.name}/b/', format = 'csv');
        INSERT INTO x SELECT id FROM a;
        INSERT INTO y SELECT id FROM a;
    """)
    (tmp_path / "one.yaml").write_text(f"""
name: yaml
source: {{connector: files, path: {numbers}, format: csv}}
sink: {{connector: files, path: s3://{one.name}/c/, format: csv}}
settings: {{checkpoints: on, state_dir: s3://{one.name}/st, state_region: us-east-1}}
""")
    env = {**os.environ, **one.env, "HOME": str(tmp_path), "MILLRACE_STATE_DIR": f"s3://{one.name}/st"}
    run = lambda file, **more: subprocess.run([BINARY, "run", file], cwd=tmp_path, env={**env, **more}, capture_output=True, text=True,
                                              timeout=100)
    for point in ("checkpoint.decided@2", LAST_EDGE, ""):
        done = run("two.sql", MILLRACE_FAILPOINT=point) if point else run("two.sql")
        assert done.returncode == (-signal.SIGKILL if point else 0), done.stderr
    for folder in ("a", "b"):
        assert sorted(one.table(folder, "csv", None)["id"].to_pylist()) == list(range(ROWS))
    done = run("one.yaml", MILLRACE_FAILPOINT="checkpoint.decided")
    assert done.returncode == -signal.SIGKILL and any(key.startswith("st/yaml/") for key in one.keys()), done.stderr
    assert run("one.yaml").returncode == 0
    assert sorted(one.table("c", "csv", None)["id"].to_pylist()) == list(range(ROWS))
    assert one.keys("st") == [] and one.clean() and not (tmp_path / ".local").exists()


def test_serve_and_savepoints(millrace, server, bucket):
    """Stopped, started and killed under `millrace serve`, with a savepoint in the bucket."""
    millrace.environment = {**bucket.env, "MILLRACE_STATE_DIR": f"s3://{bucket.name}/st", "XDG_STATE_HOME": str(millrace.folder / "x")}
    one = server(["p"])
    one.socket = millrace.folder / "x/millrace/control.sock"
    one.start()
    one.feed("p", "1.csv", range(100))
    wait_for(lambda: one.output("p") == list(range(100)))
    millrace("checkpoint", "now", "p", "--savepoint", "first")
    assert re.search(r"p +first +savepoint", millrace("checkpoint", "list", "p").stdout)
    one.process.kill()
    one.process.wait()
    one.feed("p", "2.csv", range(100, 200))
    begun = time.monotonic()
    one.start()
    wait_for(lambda: one.output("p") == list(range(200)))
    assert time.monotonic() - begun < 15
    millrace("stop", "p")
    one.wait_for_states(p="stopped")
    millrace("start", "p")
    one.feed("p", "3.csv", range(200, 250))
    wait_for(lambda: one.output("p") == list(range(250)))
    assert one.end() == 0
    assert re.search(r"p +first +savepoint", millrace("checkpoint", "list", "p").stdout)
    millrace("checkpoint", "drop", "p", "first")
    assert "first" not in millrace("checkpoint", "list", "p").stdout
    millrace("checkpoint", "drop", "p")
    assert bucket.keys() == []


KEYS = {"access_key_id": "AKOPTION", "secret_access_key": "hidden"}


@pytest.mark.parametrize("options, line, header, value", [
    ({}, "GET", "authorization", "Credential=AKOPTION/"),
    ({"region": "eu-west-1"}, "GET", "authorization", "/eu-west-1/s3/"),
    ({"session_token": "tok"}, "GET", "x-amz-security-token", "tok"),
    ({"anonymous": "true"}, "GET", "authorization", None),
    ({"path_style": "false"}, "GET", "host", "bkt.localhost"),
    ({"profile": "other", "access_key_id": "", "secret_access_key": ""}, "GET", "authorization", "Credential=AKOTHER/"),
    ({"sse": "aes256"}, "PUT", "x-amz-server-side-encryption", "AES256"),
    ({"sse": "aws:kms", "kms_key_id": "key-1"}, "PUT", "x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
])
@pytest.mark.parametrize("way", ["set", "option", "yaml"])
def test_options_of_the_bucket_are_in_its_requests(numbers, tmp_path, way, options, line, header, value):
    """Whatever the store answers: nothing is there, and a put is not known to it."""
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = AKOTHER\naws_secret_access_key = s\n")
    with Storm("http://127.0.0.1:1", []) as store:
        store.RequestHandlerClass = Nothing
        given = {"endpoint": store.endpoint.replace("127.0.0.1", "localhost"), **KEYS, **options}
        settings = {"state_dir": "s3://bkt/x", "checkpoints": "on", **{f"state_{name}": text for name, text in given.items() if text}}
        words = []
        if way == "yaml":
            (tmp_path / "p.yaml").write_text(
                f"name: n\nsource: {{connector: files, path: {numbers}, format: csv}}\nsink: {{connector: files, path: out/, format: csv}}\n"
                "settings:\n" + "".join(f"  {name}: '{text}'\n" for name, text in settings.items()))
        else:
            (tmp_path / "p.sql").write_text(
                "SET name = 'n';" + "".join(f"SET {name} = '{text}';" for name, text in settings.items() if way == "set") +
                "CREATE SINK o WITH (connector = 'files', path = 'out/', format = 'csv');"
                f"INSERT INTO o SELECT * FROM '{numbers}';")
            words = [word for name, text in settings.items() for word in ("-o", f"{name}={text}") if way == "option"]
        done = subprocess.run([BINARY, "run", "p.yaml" if way == "yaml" else "p.sql", *words], cwd=tmp_path, capture_output=True, text=True,
                              timeout=60, env={"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "localhost",
                                               "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")})
        assert done.returncode == 1 and "MR-4513" in done.stderr and "hidden" not in done.stdout + done.stderr, done.stderr
        assert not (tmp_path / "out").exists()
        heard = [headers for said, headers in store.heard if said.startswith(line)]
    for one in heard:
        assert header not in one if value is None else value in one.get(header, ""), one
    assert heard


class Nothing(StormHandler):
    """An empty bucket that can't be written."""

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.heard.append((f"{self.command} {self.path}", {name.lower(): value for name, value in self.headers.items()}))
        status, code = (404, "NoSuchKey") if self.command in ("GET", "HEAD") else (501, "NotImplemented")
        if "list-type" in self.path:
            status, answer = 200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        else:
            answer = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

"""Objects that are written: whole or not at all, once each, and nothing left behind.

versitygw stands for the store; pyarrow and DuckDB read what was written; requests of our own, through pyarrow, say what is left.
"""

import collections
import http.client
import http.server
import os
import random
import signal
import ssl
import subprocess
import threading
import time

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

import servers
from program import BINARY, binary, millrace, wait_for  # noqa: F401
from servers import variables
from test_option_surfaces import say

ROWS = 60_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versitygw")
    with servers.versitygw(folder) as endpoint:
        yield Gateway(folder, endpoint)


class Gateway:
    def __init__(self, folder, endpoint):
        self.folder, self.endpoint, self.buckets = folder, endpoint, 0
        self.s3 = pyarrow.fs.S3FileSystem(access_key=servers.KEY, secret_key=servers.SECRET, region="us-east-1", scheme="http",
                                          endpoint_override=endpoint.removeprefix("http://"))

    def bucket(self):
        self.buckets += 1
        (self.folder / f"root/bkt{self.buckets}").mkdir()
        return Bucket(self, f"bkt{self.buckets}")


class Bucket:
    """One bucket, seen from the outside."""

    def __init__(self, gateway, name):
        self.gateway, self.name, self.s3 = gateway, name, gateway.s3
        self.env = variables(gateway.endpoint)
        self.local = gateway.folder / "root" / name

    def keys(self, prefix=""):
        found = self.s3.get_file_info(pyarrow.fs.FileSelector(f"{self.name}/{prefix}".rstrip("/"), recursive=True, allow_not_found=True))
        return sorted(info.path.split("/", 1)[1] for info in found if info.type == pyarrow.fs.FileType.File)

    def data(self, prefix=""):
        return [key for key in self.keys(prefix) if not any(part[0] in "._" for part in key.split("/"))]

    def uploads(self):
        """Parts that wait in the gateway's folder: it keeps an upload in a folder of its own below .sgwtmp/multipart."""
        return sorted(path.name for path in (self.local / ".sgwtmp/multipart").glob("*/*"))

    def put(self, key, data):
        with self.s3.open_output_stream(f"{self.name}/{key}", compression=None) as out:
            out.write(data)

    def get(self, key):
        with self.s3.open_input_stream(f"{self.name}/{key}", compression=None) as file:
            return file.read()

    def table(self, prefix, form="parquet", partitioning="hive"):
        return pyarrow.dataset.dataset(f"{self.name}/{prefix}".rstrip("/"), filesystem=self.s3, format=form, partitioning=partitioning).to_table()

    def clean(self):
        return self.uploads() == [] and not [key for key in self.keys() if key.startswith("_") or "/_" in key]


@pytest.fixture
def bucket(gateway):
    return gateway.bucket()


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("numbers") / "in.csv"
    path.write_text("id,p,s\n" + "".join(f"{i},{i % 3},row {i}\n" for i in range(ROWS)))
    return path


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "arrow", "avro", "csv.gz", "json.zst"])
@pytest.mark.parametrize("single", [False, True])
def test_each_format(millrace, bucket, numbers, tmp_path, form, single):
    kind, _, compression = form.partition(".")
    words = ["--format", kind, *(["--to", f"compression={'gzip' if compression == 'gz' else 'zstd'}"] if compression else [])]
    name = f"s3://{bucket.name}/one.{form}" if single else f"s3://{bucket.name}/f/"
    millrace("copy", numbers, name, *words, env=bucket.env)
    keys = bucket.data()
    assert keys == [f"one.{form}"] if single else keys and all(key.startswith("f/part-") for key in keys), keys
    assert bucket.clean()
    local = tmp_path / "back"
    local.mkdir()
    rows = []
    for i, key in enumerate(keys):
        path = local / f"{i}-{os.path.basename(key)}"
        path.write_bytes(bucket.get(key))
        if kind == "arrow":
            rows += pa.ipc.open_file(path).read_all().select(["id", "s"]).to_pylist()
        elif kind == "avro":  # DuckDB needs an extension for it
            done = millrace("sql", "--format", "csv", "-c", f"SELECT id, s FROM '{path}'").stdout.splitlines()[1:]
            rows += [{"id": int(line.split(",")[0]), "s": line.split(",")[1]} for line in done]
        else:
            reader = {"csv": "read_csv", "json": "read_ndjson", "parquet": "read_parquet"}[kind]
            rows += [{"id": id, "s": s} for id, s in duckdb.sql(f"SELECT id, s FROM {reader}('{path}')").fetchall()]
    assert collections.Counter((row["id"], row["s"]) for row in rows) == {(i, f"row {i}"): 1 for i in range(ROWS)}
    if single:
        assert [row["id"] for row in rows] == list(range(ROWS)), "one object keeps the order"


def test_partitions_and_rolling(millrace, bucket, numbers):
    millrace("copy", numbers, f"s3://{bucket.name}/t/", "--format", "parquet", "--to", "partition_by=p", "--to", "roll_rows=7000",
             "--to", "max_open_files=2", env=bucket.env)
    table = bucket.table("t")
    assert sorted(zip(table["id"].to_pylist(), map(int, table["p"].to_pylist()))) == [(i, i % 3) for i in range(ROWS)]
    keys = bucket.data("t")
    assert {key.split("/")[1] for key in keys} == {"p=0", "p=1", "p=2"} and len(keys) >= 9
    for key in keys:
        assert pq.read_metadata(f"{bucket.name}/{key}", filesystem=bucket.s3).num_rows <= 7000
    assert bucket.clean()
    millrace("copy", numbers, f"s3://{bucket.name}/r", "--format", "csv", "--to", "roll_size=100KB", env=bucket.env)
    sizes = [len(bucket.get(key)) for key in bucket.data("r")]
    assert len(sizes) >= 5 and max(sizes) < 400_000


def test_a_large_object_has_many_parts(millrace, bucket, tmp_path):
    rows = 3_000_000
    source = tmp_path / "big.parquet"
    pq.write_table(pa.table({"id": range(rows), "s": [f"{i:020}" for i in range(rows)]}), source)
    millrace("copy", source, f"s3://{bucket.name}/big.csv", env=bucket.env)
    data = bucket.get("big.csv")
    assert len(data) > 80 << 20 and data.count(b"\n") == rows + 1
    assert data.startswith(b"id,s\n0,") and data.endswith(b"2999999,00000000000002999999\n")
    assert bucket.clean()


def test_modes_of_a_folder(millrace, bucket, numbers):
    name = f"s3://{bucket.name}/f/"
    count = lambda: len(bucket.table("f", "csv", None))
    millrace("copy", numbers, name, "--format", "csv", env=bucket.env)
    before = bucket.data()
    said = millrace("copy", numbers, name, "--format", "csv", env=bucket.env, code=1).stderr
    assert "MR-2402" in said and bucket.data() == before
    millrace("copy", numbers, name, "--format", "csv", "--to", "mode=append", env=bucket.env)
    assert count() == 2 * ROWS and set(before) < set(bucket.data())
    bucket.put("f/_hidden.csv", b"x")
    bucket.put("f/other/part-x.csv", b"id,p,s\n")
    bucket.put("f/notes.txt", b"x")
    millrace("copy", numbers, name, "--format", "csv", "--to", "mode=overwrite", env=bucket.env)
    parts = [key for key in bucket.keys() if key.startswith("f/part-")]
    assert sum(bucket.get(key).count(b"\n") - 1 for key in parts) == ROWS and not set(before) & set(parts)
    # What is no part of this table is not ours to remove.
    assert {"f/_hidden.csv", "f/other/part-x.csv", "f/notes.txt"} < set(bucket.keys())
    bucket.put("f/mine.csv", b"id,p,s\n")
    said = millrace("copy", numbers, name, "--format", "csv", "--to", "mode=overwrite", env=bucket.env, code=1).stderr
    assert "MR-2407" in said and "mine.csv" in said
    assert bucket.uploads() == []


def test_modes_of_an_object(millrace, bucket, numbers):
    name = f"s3://{bucket.name}/x.csv"
    millrace("copy", numbers, name, env=bucket.env)
    data = bucket.get("x.csv")
    assert data == numbers.read_bytes()
    assert "MR-2402" in millrace("copy", numbers, name, env=bucket.env, code=1).stderr
    assert "MR-2423" in millrace("copy", numbers, name, "--to", "mode=append", env=bucket.env, code=1).stderr
    assert "MR-2423" in millrace("copy", numbers, name, "--resume", env=bucket.env, code=1).stderr
    numbers_2 = numbers.parent / "two.csv"
    numbers_2.write_text("id,p,s\n1,1,one\n")
    millrace("copy", numbers_2, name, "--to", "mode=overwrite", env=bucket.env)
    assert bucket.get("x.csv") == b"id,p,s\n1,1,one\n"
    assert bucket.clean()


def test_no_rows(millrace, bucket, tmp_path):
    (tmp_path / "none.csv").write_text("id,s\n")
    for form, content in (("csv", b"id,s\n"), ("json", b"")):
        millrace("sql", "-c", f"CREATE TABLE t (id BIGINT, s VARCHAR) WITH (connector = 'files', path = 'none.csv'); "
                 f"INSERT INTO 's3://{bucket.name}/{form}.{form}' SELECT * FROM t", env=bucket.env)
        assert bucket.get(f"{form}.{form}") == content
    assert bucket.clean()


def test_wrong_keys_and_buckets(millrace, bucket, numbers):
    name = f"s3://{bucket.name}/f/"
    said = millrace("copy", numbers, name, "--format", "csv", env={**bucket.env, "AWS_SECRET_ACCESS_KEY": "wrong-secret"}, code=1).stderr
    assert "MR-2017" in said and "wrong-secret" not in said
    assert "MR-2019" in millrace("copy", numbers, "s3://no-such-bucket/f/", "--format", "csv", env=bucket.env, code=1).stderr
    assert "MR-2022" in millrace("copy", numbers, "http://127.0.0.1:1/x.csv", code=1).stderr
    assert bucket.keys() == []


# Kills. Every edge between the first byte of an object and the end of its commit.
EDGES = ["objects.begin.put", "objects.begin.done", "objects.begin", "objects.begun", "objects.part", "files.prepare", "files.prepared",
         "objects.commit", "objects.complete", "objects.completed", "objects.committed", "objects.forget", "objects.forgotten"]
WAYS = {
    "folder": {"roll_rows": "7000"},
    "partitions": {"partition_by": "p", "roll_rows": "7000"},
    "replaced": {"mode": "overwrite"},
}
MORE = {"replaced": ["objects.replace", "objects.replaced"]}
SCRIPT = """
SET name = 'crash'; SET checkpoints = '{checkpoints}'; SET checkpoint_interval = '20ms'; SET batch_rows = 2000;
CREATE SOURCE events (id BIGINT, p BIGINT, s VARCHAR)
  WITH (connector = 'files', path = '{numbers}', split_size = '64KB', rate_limit_rows = {rate});
CREATE SINK out WITH (connector = 'files', path = 's3://{bucket}/f/', format = 'parquet', endpoint = '{endpoint}', {options});
INSERT INTO out SELECT id, p, s FROM events;
"""


class Pipeline:
    def __init__(self, folder, bucket, numbers, way, checkpoints="on", rate=200_000):
        self.folder, self.bucket = folder, bucket
        if way == "replaced":
            with bucket.s3.open_output_stream(f"{bucket.name}/f/part-old.parquet") as out:
                pq.write_table(pa.table({"id": [-1], "p": [0], "s": [""]}), out)
        (folder / "pipeline.sql").write_text(SCRIPT.format(
            checkpoints=checkpoints, numbers=numbers, rate=rate, bucket=bucket.name, endpoint=bucket.gateway.endpoint,
            options=", ".join(f"{name} = '{value}'" for name, value in WAYS[way].items())))

    def run(self, binary, failpoint=None, shards=1, timeout=100):
        env = {**os.environ, **self.bucket.env, "MILLRACE_STATE_DIR": str(self.folder / "state")}
        if failpoint:
            env["MILLRACE_FAILPOINT"] = failpoint
        done = subprocess.run([binary, "--shards", str(shards), "run", "pipeline.sql"], cwd=self.folder, env=env, capture_output=True,
                              text=True, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def check(self, where):
        ids = collections.Counter(self.bucket.table("f")["id"].to_pylist())
        assert ids == {i: 1 for i in range(ROWS)}, f"{where}: {sum(ids.values())} rows, {len(ids)} of them different"
        assert self.bucket.clean(), f"{where}: {self.bucket.keys()} {self.bucket.uploads()}"
        assert not list((self.folder / "state").glob("crash/epoch-*")), where


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_every_edge(binary, gateway, numbers, tmp_path, way, shards):
    for edge in EDGES + MORE.get(way, []):
        for time_of in (1, 3):
            folder = tmp_path / f"{edge}@{time_of}"
            folder.mkdir()
            pipeline = Pipeline(folder, gateway.bucket(), numbers, way)
            code, text = pipeline.run(binary, f"{edge}@{time_of}", shards)
            if code != 0 or time_of == 1:
                assert code == -signal.SIGKILL, f"{edge}@{time_of} was not reached: exit {code}\n{text}"
                code, text = pipeline.run(binary, shards=3)
            assert code == 0, f"{edge}@{time_of}: {text}"
            pipeline.check(f"{edge}@{time_of}")


def test_killed_again_and_again(binary, gateway, numbers, tmp_path):
    seed = int(os.environ.get("MILLRACE_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    chance = random.Random(seed)
    pipeline = Pipeline(tmp_path, gateway.bucket(), numbers, "partitions", rate=50_000)
    kills = 0
    while True:
        try:
            code, text = pipeline.run(binary, shards=chance.choice([1, 2, 4]), timeout=chance.uniform(0.1, 0.5 + 0.1 * kills))
        except subprocess.TimeoutExpired:  # killed by it
            kills += 1
            continue
        assert code == 0, text
        break
    assert kills > 0
    pipeline.check(f"{kills} kills")


def test_killed_without_checkpoints(binary, gateway, numbers, tmp_path):
    """Nothing is half there, and a folder that got nothing can be written."""
    for edge in ["objects.begun", "objects.part", "files.prepared", "objects.complete"]:
        folder = tmp_path / edge
        folder.mkdir()
        bucket = gateway.bucket()
        pipeline = Pipeline(folder, bucket, numbers, "folder", checkpoints="off")
        code, text = pipeline.run(binary, edge, 4)
        assert code == -signal.SIGKILL, text
        assert bucket.keys() == [] and bucket.uploads()
        code, text = pipeline.run(binary, shards=4)
        assert code == 0, text
        assert sorted(bucket.table("f")["id"].to_pylist()) == list(range(ROWS))


@pytest.mark.parametrize("edge", ["objects.begun@2", "objects.part@2", "files.prepared", "objects.commit", "objects.complete@3",
                                  "objects.completed@3"])
@pytest.mark.parametrize("checkpoints", ["on", "off"])
def test_what_fails_leaves_nothing(binary, gateway, numbers, tmp_path, edge, checkpoints):
    bucket = gateway.bucket()
    pipeline = Pipeline(tmp_path, bucket, numbers, "folder", checkpoints=checkpoints)
    code, text = pipeline.run(binary, f"{edge}=error", 4)
    if checkpoints == "off":
        assert bucket.uploads() == []
        if code != 0:
            assert bucket.keys() == []
    if code != 0:
        code, text = pipeline.run(binary, shards=4)
        assert code == 0, text
    pipeline.check(edge)


@pytest.mark.parametrize("failpoint", ["files.prepared@2", "checkpoint.decided@2", "objects.part@2"])
def test_drop_aborts_the_uploads(millrace, binary, bucket, numbers, tmp_path, failpoint):
    pipeline = Pipeline(tmp_path, bucket, numbers, "folder", rate=50_000)
    code, text = pipeline.run(binary, failpoint)
    assert code == -signal.SIGKILL, text
    assert bucket.uploads()
    left = bucket.data()
    millrace("checkpoint", "drop", "crash", env=bucket.env)
    assert bucket.clean() and bucket.data() == left
    # A pipeline of this name that begins anew gives other keys.
    script = tmp_path / "pipeline.sql"
    script.write_text(script.read_text().replace("roll_rows", "mode = 'append', roll_rows"))
    code, text = pipeline.run(binary)
    assert code == 0, text
    assert set(left) <= set(bucket.data()) and bucket.clean()


class Storm(http.server.ThreadingHTTPServer):
    """Hands requests on, and answers some of those that write itself: before they are done, or after."""
    daemon_threads = True

    def __init__(self, endpoint, faults):
        super().__init__(("127.0.0.1", 0), StormHandler)
        self.target, self.faults, self.lock = endpoint.removeprefix("http://"), list(faults), threading.Lock()
        self.heard = []
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        pass


class StormHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.heard.append((f"{self.command} {self.path}", {name.lower(): value for name, value in self.headers.items()}))
            fault = self.server.faults.pop(0) if self.server.faults and self.command != "GET" else ""
        if fault != "before":
            # With the Host that was signed.
            connection = http.client.HTTPConnection(self.server.target)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            status, headers, answer = response.status, response.getheaders(), response.read()
            connection.close()
        if fault:
            status, headers = 503, []
            answer = b"<Error><Code>SlowDown</Code><Message>on purpose</Message></Error>"
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("checkpoints", ["on", "off"])
def test_storms_pass_by(binary, gateway, numbers, tmp_path, fault, checkpoints):
    """Every second request that writes is answered with 503, undone or done."""
    bucket = gateway.bucket()
    with Storm(gateway.endpoint, ["", fault] * 40) as store:
        bucket.env = variables(store.endpoint)
        pipeline = Pipeline(tmp_path, bucket, numbers, "partitions", checkpoints=checkpoints)
        script = tmp_path / "pipeline.sql"
        script.write_text(script.read_text().replace(gateway.endpoint, store.endpoint).replace("'20ms'", "'150ms'"))
        code, text = pipeline.run(binary, shards=2)
        assert code == 0, text
        assert len(store.faults) < 60
    ids = collections.Counter(bucket.table("f")["id"].to_pylist())
    assert ids == {i: 1 for i in range(ROWS)}
    # Uploads that were begun twice, since an answer was lost, too.
    assert bucket.clean()


def test_stop_in_a_storm(millrace, gateway, bucket, numbers):
    with Storm(gateway.endpoint, ["before"] * 1000) as store:
        begun = time.monotonic()
        process = millrace.start("copy", str(numbers), f"s3://{bucket.name}/f/", "--format", "csv", stderr=subprocess.PIPE,
                                 env={**os.environ, **millrace.environment, **variables(store.endpoint)})
        wait_for(lambda: len(store.faults) < 999)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode != 0 and time.monotonic() - begun < 15
    assert bucket.keys() == [] and bucket.uploads() == []


def test_dead_letters(millrace, bucket, tmp_path):
    (tmp_path / "bad.csv").write_text("id,v\n1,1\n2,x\n3,3\n")
    millrace("copy", "bad.csv", f"s3://{bucket.name}/f/", "--format", "csv", "--from", "on_error=dead_letter", "--from", "sample_rows=1",
             env=bucket.env)
    assert "2,x" in (tmp_path / "f.dead-letters.ndjson").read_text()
    millrace("copy", "bad.csv", f"s3://{bucket.name}/g/", "--format", "csv", "--from", "on_error=dead_letter", "--from", "sample_rows=1",
             "--dead-letters", f"s3://{bucket.name}/letters.ndjson", env=bucket.env)
    assert b"2,x" in bucket.get("letters.ndjson")
    assert bucket.clean() and len(bucket.table("g", "csv", None)) == 2


KEYS = {"access_key_id": "AKOPTION", "secret_access_key": "hidden"}
ways = pytest.mark.parametrize("way", ["copy", "yaml", "sql"])


def heard(millrace, folder, way, store, options, **environment):
    """What a store hears of a run that may not write there, since the folder holds an object."""
    (folder / "in.csv").write_text("id\n7\n")
    done = millrace(*say(folder, way, "in.csv", "s3://bkt/f/", {}, {"format": "csv", **options}, {"dead_letters": "aside.ndjson"}), code=1,
                    env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **environment})
    assert "MR-2402" in done.stderr and "hidden" not in done.stderr
    return store.heard


@ways
@pytest.mark.parametrize("options, header, value", [
    ({}, "authorization", "Credential=AKOPTION/"),
    ({}, "authorization", "/us-east-1/s3/"),
    ({"region": "eu-west-1"}, "authorization", "/eu-west-1/s3/"),
    ({"session_token": "tok"}, "x-amz-security-token", "tok"),
    ({"anonymous": "true"}, "authorization", None),
    ({"path_style": "true"}, "host", "localhost"),
    ({"path_style": "false"}, "host", "bkt.localhost"),
])
def test_options_of_a_store_are_in_its_requests(millrace, tmp_path, way, options, header, value):
    with servers.Faults({"f/t.csv": b"id\n7\n"}) as store:
        endpoint = store.endpoint.replace("127.0.0.1", "localhost")
        for one in heard(millrace, tmp_path, way, store, {"endpoint": endpoint, **KEYS, **options}):
            assert header not in one if value is None else value in one[header] and (header != "host" or one[header].startswith(value)), one


@ways
def test_who_writes(millrace, tmp_path, way):
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = AKOTHER\naws_secret_access_key = s\n")
    with servers.Faults({"f/t.csv": b"id\n7\n"}) as store:
        for one in heard(millrace, tmp_path, way, store, {"endpoint": store.endpoint, "profile": "other"},
                         AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials")):
            assert "Credential=AKOTHER/" in one["authorization"]
    with servers.Faults({"f/t.csv": b"id\n7\n"}) as store:
        store.sts = ["AKROLE"] * 9
        asked, *rest = heard(millrace, tmp_path, way, store, {"endpoint": store.endpoint, **KEYS, "role_arn": "r", "external_id": "ext"},
                             AWS_ENDPOINT_URL_STS=store.endpoint)
        assert asked["RoleArn"] == "r" and asked["ExternalId"] == "ext"
        assert rest and all("Credential=AKROLE/" in one["authorization"] for one in rest if "authorization" in one)


@ways
@pytest.mark.parametrize("ca", ["good", "other"])
def test_certificates_are_checked_by_the_file_that_is_named(millrace, tmp_path, way, ca):
    for name in ("good", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"],
                       check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.pem", tmp_path / "good.key")
    (tmp_path / "in.csv").write_text("id\n7\n")
    with servers.Faults({"f/t.csv": b"id\n7\n"}) as store:
        store.socket = context.wrap_socket(store.socket, server_side=True, do_handshake_on_connect=False)
        options = {"endpoint": store.endpoint.replace("http://127.0.0.1", "https://localhost"), **KEYS, "ca_file": str(tmp_path / f"{ca}.pem"),
                   "retry_attempts": "1", "format": "csv"}
        done = millrace(*say(tmp_path, way, "in.csv", "s3://bkt/f/", {}, options, {"dead_letters": "aside.ndjson"}), code=1)
        assert ("MR-2402" if ca == "good" else "MR-2012") in done.stderr and bool(store.heard) == (ca == "good")


@ways
@pytest.mark.parametrize("options", [{"sse": "aes256"}, {"sse": "aws:kms", "kms_key_id": "key-1"}])
def test_how_the_store_encrypts(millrace, gateway, bucket, tmp_path, way, options):
    (tmp_path / "in.csv").write_text("id\n7\n")
    with Storm(gateway.endpoint, []) as store:
        words = say(tmp_path, way, "in.csv", f"s3://{bucket.name}/f/", {}, {"format": "csv", "endpoint": store.endpoint, **options},
                    {"dead_letters": "aside.ndjson"})
        subprocess.run([BINARY, *map(str, words)], cwd=tmp_path, capture_output=True, timeout=60,
                       env={**os.environ, **millrace.environment, **bucket.env})  # the gateway may know no encryption
        (begun,) = [headers for line, headers in store.heard if line.startswith("POST") and "uploads" in line][:1]
    assert begun["x-amz-server-side-encryption"] == options["sse"].replace("aes", "AES")
    assert begun.get("x-amz-server-side-encryption-aws-kms-key-id") == options.get("kms_key_id")


@ways
def test_a_secret_is_the_one_that_is_given(millrace, gateway, bucket, tmp_path, way):
    (tmp_path / "in.csv").write_text("id\n7\n")
    for secret, code in (("another-secret", 1), (servers.SECRET, 0)):
        done = millrace(*say(tmp_path, way, "in.csv", f"s3://{bucket.name}/f/", {}, {
            "format": "csv", "endpoint": gateway.endpoint, "access_key_id": servers.KEY, "secret_access_key": secret},
            {"dead_letters": "aside.ndjson"}), code=code)
        assert secret not in done.stdout + done.stderr
    assert [bucket.get(key) for key in bucket.data()] == [b"id\n7\n"]

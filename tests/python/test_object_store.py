"""Objects of S3 and files of web servers, read as files.

versitygw checks every signature; what needs faults goes to a server of our own.
"""

import functools
import http.server
import os
import ssl
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

import servers
from test_option_surfaces import say
from program import binary, millrace  # noqa: F401
from servers import Faults, variables

ROWS = 100_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versitygw")
    with servers.versitygw(folder) as endpoint:
        (folder / "root/bkt").mkdir()
        yield folder, endpoint


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moto")
    with servers.moto(folder) as endpoint:
        yield folder, endpoint


def pyarrow_s3(endpoint):
    return pyarrow.fs.S3FileSystem(access_key=servers.KEY, secret_key=servers.SECRET, endpoint_override=endpoint.removeprefix("http://"),
                                   scheme="http", region="us-east-1", allow_bucket_creation=True)


def put(endpoint, path, data):
    with pyarrow_s3(endpoint).open_output_stream(path) as out:
        out.write(data)


def table():
    return pa.table({"id": range(ROWS), "word": [f"word {i % 97}" for i in range(ROWS)], "real": [i / 7 for i in range(ROWS)]})


def write(folder, kind):
    path = folder / f"t.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(table(), path)
    elif kind == "ndjson":
        path.write_text("".join(f'{{"id": {r["id"]}, "word": "{r["word"]}", "real": {r["real"]!r}}}\n' for r in table().to_pylist()))
    else:
        pq.write_table(table(), path, row_group_size=20_000)
    return path


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_bucket_gives_what_the_local_file_gives(millrace, gateway, tmp_path, kind):
    path = write(tmp_path, kind)
    put(gateway[1], f"bkt/kinds/t.{kind}", path.read_bytes())
    for source, out in ((path, "local.parquet"), (f"s3://bkt/kinds/t.{kind}", "remote.parquet")):
        millrace("copy", source, out, "--from", "split_size=500KB", env=variables(gateway[1]))
    local, remote = pq.read_table(tmp_path / "local.parquet"), pq.read_table(tmp_path / "remote.parquet")
    assert remote.num_rows == ROWS and remote.equals(local)
    assert remote.column("id").to_pylist() == list(range(ROWS))


def test_columns_of_a_parquet_file_come_in_few_requests(millrace, gateway, tmp_path):
    put(gateway[1], "bkt/few/t.parquet", write(tmp_path, "parquet").read_bytes())
    log = gateway[0] / "versitygw.log"
    before = log.read_text()
    out = millrace("sql", "--format", "csv", "-c", "SELECT SUM(id) FROM 's3://bkt/few/t.parquet'", env=variables(gateway[1])).stdout
    assert out.splitlines()[1] == str(ROWS * (ROWS - 1) // 2)
    requests = [line for line in log.read_text()[len(before):].splitlines() if "/bkt/few/t.parquet" in line]
    # HEAD and the footer, and five row groups at the most.
    assert 2 <= len(requests) <= 7, requests


def test_globs_folders_and_hive_columns(millrace, gateway):
    for year in (2023, 2024):
        for part in "ab":
            put(gateway[1], f"bkt/hive/year={year}/{part}.csv", f"id\n{year % 100}{ord(part)}\n".encode())
    put(gateway[1], "bkt/hive/_hidden/x.csv", b"id\n1\n")
    put(gateway[1], "bkt/hive/year=2024/note.txt", b"no data")

    def rows(path, text="SELECT id, year FROM '{}' ORDER BY id"):
        return millrace("sql", "--format", "csv", "-c", text.format(path), env=variables(gateway[1])).stdout.split()[1:]

    everything = ["2397,2023", "2398,2023", "2497,2024", "2498,2024"]
    assert rows("s3://bkt/hive") == everything
    assert rows("s3://bkt/hive/**/*.csv") == everything
    assert rows("s3://bkt/hive/year=*/*.csv") == everything
    assert rows("s3://bkt/hive/year=202[4]/*.csv") == everything[2:]
    assert rows("s3://bkt/hive/year={2023,2024}/b.csv") == [everything[1], everything[3]]
    assert rows("s3://bkt/hive/**/*.csv", "SELECT id, year FROM '{}' WHERE year = 2023 ORDER BY id") == everything[:2]
    assert "MR-2001" in millrace("sql", "-c", "SELECT * FROM 's3://bkt/hive/*.parquet'", code=1, env=variables(gateway[1])).stderr


def test_ten_thousand_small_keys(millrace, gateway):
    folder = gateway[0] / "root/bkt/many"
    folder.mkdir()
    for i in range(10_000):
        (folder / f"{i:05}.csv").write_text(f"id\n{i}\n")
    out = millrace("sql", "--format", "csv", "-c", "SELECT COUNT(*), SUM(id) FROM 's3://bkt/many/*.csv'", env=variables(gateway[1])).stdout
    assert out.splitlines()[1] == f"10000,{10_000 * 9_999 // 2}"


@pytest.mark.parametrize("name", ["a b", "a+b", "100%", "%41", "ünï", "q?x=1&y=2", "star*", "~!'()", "a=b;c,d", "[x]"])
def test_odd_keys(millrace, gateway, name):
    put(gateway[1], f"bkt/odd/{name}/t.csv", b"id\n7\n")
    done = millrace("copy", f"s3://bkt/odd/{name}/t.csv", "-", "--format", "csv", "--from", "hive_partitioning=off",
                    env=variables(gateway[1]))
    assert done.stdout == "id\n7\n"
    listed = millrace("sql", "--format", "csv", "-c", "SELECT COUNT(*) FROM 's3://bkt/odd/**/*.csv'", env=variables(gateway[1])).stdout
    assert int(listed.split()[1]) >= 1


def test_keys_with_empty_parts(millrace):
    with Faults({"a//b.csv": b"id\n1\n", "a/c+d e.csv": b"id\n2\n"}) as store:
        env = variables(store.endpoint)
        assert millrace("copy", "s3://bkt/a//b.csv", "-", "--format", "csv", env=env).stdout == "id\n1\n"
        assert millrace("copy", "s3://bkt/a/*.csv", "-", "--format", "csv", env=env).stdout == "id\n2\n"
        assert millrace("copy", "s3://bkt/a/**/*.csv", "-", "--format", "csv", env=env).stdout == "id\n1\n2\n"


def test_a_wrong_secret_is_told_and_not_shown(millrace, gateway):
    put(gateway[1], "bkt/secret.csv", b"id\n1\n")
    for source in ("s3://bkt/secret.csv", "s3://bkt/secr*.csv"):
        done = millrace("copy", source, "-", "--format", "csv", "--from", "secret_access_key=hunter2hunter2", code=1,
                        env=variables(gateway[1]))
        # An answer to HEAD has no body that would say more than that.
        assert "MR-2017" in done.stderr or ("MR-2015" in done.stderr and "*" not in source), done.stderr
        assert "secret_access_key" in done.stderr and "hunter2" not in done.stderr


def test_what_is_not_there(millrace, gateway):
    env = variables(gateway[1])
    assert "MR-2001" in millrace("copy", "s3://bkt/none.csv", "-", "--format", "csv", code=1, env=env).stderr
    assert "MR-2019" in millrace("copy", "s3://no-such-bucket/*.csv", "-", "--format", "csv", code=1, env=env).stderr
    assert "MR-2023" in millrace("copy", "s3:///x.csv", "-", "--format", "csv", code=1, env=env).stderr
    put(gateway[1], "bkt/there.csv", b"id\n1\n")
    assert "MR-2022" in millrace("copy", "s3://bkt/there.csv", "https://127.0.0.1:1/out.csv", code=1, env=env).stderr
    nobody = {**env, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert "MR-2016" in millrace("copy", "s3://bkt/none.csv", "-", "--format", "csv", code=1, env=nobody).stderr


def test_profiles_and_roles(millrace, moto, tmp_path):
    pyarrow_s3(moto[1]).create_dir("roles")
    put(moto[1], "roles/t.csv", b"id\n5\n")
    (tmp_path / "config").write_text("[profile base]\nregion = us-east-1\n[profile other]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
                                     "source_profile = base\n")
    (tmp_path / "credentials").write_text(f"[base]\naws_access_key_id = {servers.KEY}\naws_secret_access_key = {servers.SECRET}\n")
    (tmp_path / "token").write_text("a.b.c\n")
    base = {**variables(moto[1]), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL_STS": moto[1]}
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    keys = {"AWS_ACCESS_KEY_ID": servers.KEY, "AWS_SECRET_ACCESS_KEY": servers.SECRET}
    arn = "arn:aws:iam::123456789012:role/r"
    log = moto[0] / "moto.log"
    for env, words, asks_sts in ((files, ["profile=base"], 0), (files, ["profile=other"], 1), (keys, [f"role_arn={arn}"], 1),
                                 ({"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": arn}, [], 1)):
        before = log.read_text().count('"POST / ')
        done = millrace("copy", "s3://roles/t.csv", "-", "--format", "csv", *[w for o in words for w in ("--from", o)], env={**base, **env})
        assert done.stdout == "id\n5\n"
        assert log.read_text().count('"POST / ') - before == asks_sts


BODY = b"id,name\n" + b"".join(b"%d,%s\n" % (i, b"x" * 50) for i in range(60_000))


def total(millrace, store, *words, code=0, env=None, **more):
    return millrace("sql", "--format", "csv", "-c", "SELECT COUNT(*), SUM(id) FROM 's3://bkt/t.csv'", *words, code=code,
                    env=variables(store.endpoint, **(env or {})), **more)


@pytest.mark.parametrize("fault", [servers.reset, servers.short, servers.status(500), servers.status(503, "SlowDown"),
                                   servers.status(400, "RequestTimeout"), servers.status(429)])
def test_passing_faults_are_passed_by(millrace, fault):
    with Faults({"t.csv": BODY}) as store:
        store.faults = [fault, fault]
        assert total(millrace, store).stdout.splitlines()[1] == f"60000,{60_000 * 59_999 // 2}"
        assert not store.faults


def test_a_storm_ends_with_the_number_of_the_error(millrace):
    with Faults({"t.csv": BODY}) as store:
        store.faulty = lambda handler: True
        store.faults = [servers.status(503, "SlowDown")] * 1000
        begun = time.monotonic()
        process = millrace.start("sql", "-c", "SELECT COUNT(*) FROM 's3://bkt/t.csv'", env={**os.environ, **variables(store.endpoint)})
        time.sleep(2)
        process.send_signal(2)
        # A stop does not wait for pauses.
        assert process.wait(5) != 0 and time.monotonic() - begun < 7
        assert 2 <= 1000 - len(store.faults) <= 10


def test_retry_after_is_honoured(millrace):
    with Faults({"t.csv": BODY}) as store:
        store.faults = [servers.status(503, Retry_After="2")]
        assert total(millrace, store).stdout.splitlines()[1].startswith("60000,")
        assert max(b - a for a, b in zip(store.times, store.times[1:])) >= 2


def test_expired_credentials_are_renewed(millrace):
    with Faults({"t.csv": BODY}) as store:
        store.sts = ["old", "new"]
        store.expired = lambda key: key == "old" and len(store.requests) > 3
        store.accepts = lambda key: key in ("old", "new")
        done = millrace("sql", "--format", "csv", "-c", "CREATE TABLE t (id BIGINT, name VARCHAR) WITH (connector = 'files', "
                        "path = 's3://bkt/t.csv', role_arn = 'r', split_size = '300KB'); SELECT COUNT(*) FROM t",
                        env=variables(store.endpoint, AWS_ENDPOINT_URL_STS=store.endpoint))
        assert "60000" in done.stdout and store.sts == []


def test_an_object_that_is_replaced_is_noticed(millrace):
    with Faults({"t.csv": b"id\n1\n", "u.csv": b"id\n2\n"}) as store:
        store.changes.append(lambda: store.objects.update({"u.csv": b"id\n3\n"}))
        done = millrace("copy", "s3://bkt/*.csv", "-", "--format", "csv", "--from", "retry_attempts=1", code=1, env=variables(store.endpoint))
        assert "MR-2018" in done.stderr and "u.csv" in done.stderr


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_files_of_a_web_server(millrace, tmp_path):
    with Faults({"t.csv": BODY, "e.csv": b""}) as store:  # gives parts
        done = millrace("sql", "--format", "csv", "-c", f"SELECT COUNT(*) FROM '{store.endpoint}/b/t.csv?token=hidden'")
        assert done.stdout.split()[1] == "60000"
        done = millrace("copy", f"{store.endpoint}/b/none.csv?token=hidden", "-", "--format", "csv", code=1)
        assert "MR-2001" in done.stderr and "hidden" not in done.stderr
    (tmp_path / "w").mkdir()
    path = write(tmp_path / "w", "parquet")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=path.parent)) as web:  # whole files only
        threading.Thread(target=web.serve_forever, daemon=True).start()
        millrace("copy", f"http://127.0.0.1:{web.server_address[1]}/t.parquet", "web.parquet")
        web.shutdown()
    assert pq.read_table(tmp_path / "web.parquet").select(["id", "word"]).equals(table().select(["id", "word"]))


def test_what_writes(gateway, binary):
    """The sinks' half of the interface."""
    (gateway[0] / "root/live").mkdir()
    done = subprocess.run([binary.parent / "s3_live"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables(gateway[1]), "MILLRACE_TEST_S3": gateway[1]})
    assert done.returncode == 0 and "[  PASSED  ] 1 test" in done.stdout, done.stdout


def heard(millrace, folder, store, way, options, code=0, **environment):
    """What the store hears of a run that reads one object with these options."""
    millrace(*say(folder, way, "s3://bkt/t.csv", "out.csv", options, {"mode": "overwrite"}, {"dead_letters": "aside.ndjson"}), code=code,
             env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **environment})
    if code == 0:
        assert (folder / "out.csv").read_text() == "id\n7\n"
    return store.heard


KEYS = {"access_key_id": "AKOPTION", "secret_access_key": "hidden"}
ways = pytest.mark.parametrize("way", ["copy", "yaml", "sql"])


@ways
@pytest.mark.parametrize("options, header, value", [
    ({}, "authorization", "Credential=AKOPTION/"),
    ({}, "authorization", "/us-east-1/s3/"),
    ({"region": "eu-west-1"}, "authorization", "/eu-west-1/s3/"),
    ({"session_token": "tok"}, "x-amz-security-token", "tok"),
    ({"anonymous": "true"}, "authorization", None),
    ({"anonymous": "false"}, "authorization", "Credential=AKOPTION/"),
    ({}, "host", "localhost"),
    ({"path_style": "true"}, "host", "localhost"),
    ({"path_style": "false"}, "host", "bkt.localhost"),
])
def test_options_of_a_store_are_in_its_requests(millrace, tmp_path, way, options, header, value):
    with Faults({"t.csv": b"id\n7\n"}) as store:
        endpoint = store.endpoint.replace("127.0.0.1", "localhost")
        for one in heard(millrace, tmp_path, store, way, {"endpoint": endpoint, **KEYS, **options}):
            assert header not in one if value is None else value in one[header] and (header != "host" or one[header].startswith(value)), one


@ways
def test_the_endpoint_is_the_one_that_is_named(millrace, tmp_path, way):
    with Faults({"t.csv": b"id\n7\n"}) as store, Faults({}) as other:
        assert heard(millrace, tmp_path, store, way, {"endpoint": store.endpoint, **KEYS}, AWS_ENDPOINT_URL_S3=other.endpoint)
        assert not other.heard


@ways
def test_a_secret_is_the_one_that_is_given(millrace, gateway, tmp_path, way):
    put(gateway[1], "bkt/t.csv", b"id\n7\n")
    for secret, code in ((servers.SECRET, 0), ("another", 1)):
        done = millrace(*say(tmp_path, way, "s3://bkt/t.csv", "out.csv", {"endpoint": gateway[1], "access_key_id": servers.KEY,
                                                                         "secret_access_key": secret}, {"mode": "overwrite"}, {"dead_letters": "aside.ndjson"}), code=code)
        assert secret not in done.stdout + done.stderr


@ways
@pytest.mark.parametrize("external", [None, "ext"])
def test_a_role_is_assumed_with_what_its_owner_asks_for(millrace, tmp_path, way, external):
    with Faults({"t.csv": b"id\n7\n"}) as store:
        store.sts = ["AKROLE"] * 9
        options = {"endpoint": store.endpoint, **KEYS, "role_arn": "arn:aws:iam::123456789012:role/r",
                   **({"external_id": external} if external else {})}
        asked, *rest = heard(millrace, tmp_path, store, way, options, AWS_ENDPOINT_URL_STS=store.endpoint)
        assert asked["RoleArn"] == options["role_arn"] and asked.get("ExternalId") == external
        assert rest and all("Credential=AKROLE/" in one["authorization"] for one in rest if "authorization" in one)


@ways
def test_a_profile_is_the_one_that_is_named(millrace, tmp_path, way):
    (tmp_path / "credentials").write_text("".join(f"[{name}]\naws_access_key_id = AK{name.upper()}\naws_secret_access_key = s\n"
                                                  for name in ("default", "other")))
    for profile, key in ((None, "AKDEFAULT"), ("default", "AKDEFAULT"), ("other", "AKOTHER")):
        with Faults({"t.csv": b"id\n7\n"}) as store:
            options = {"endpoint": store.endpoint, **({"profile": profile} if profile else {})}
            for one in heard(millrace, tmp_path, store, way, options, AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials")):
                assert f"Credential={key}/" in one["authorization"]


@ways
def test_certificates_are_checked_by_the_file_that_is_named(millrace, tmp_path, way):
    for name in ("good", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"],
                       check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.pem", tmp_path / "good.key")
    with Faults({"t.csv": b"id\n7\n"}) as store:
        store.socket = context.wrap_socket(store.socket, server_side=True, do_handshake_on_connect=False)
        options = {"endpoint": store.endpoint.replace("http://127.0.0.1", "https://localhost"), **KEYS}
        for ca, code in (("good.pem", 0), ("other.pem", 1), (None, 1)):
            del store.heard[:]
            got = heard(millrace, tmp_path, store, way, {**options, "retry_attempts": "1", **({"ca_file": str(tmp_path / ca)} if ca else {})},
                        code=code)
            assert bool(got) == (code == 0)

"""Object stores that tests start: versitygw and moto are others' programs, Faults is ours and proves nothing by itself."""

import contextlib
import hashlib
import http.server
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time
import urllib.parse
import urllib.request

KEY, SECRET = "test-key", "test-secret-0123456789"
CACHE = pathlib.Path(
    os.environ.get("MILLRACE_SERVERS")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "millrace/servers")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def variables(endpoint, **more):
    """The environment of a program that is to use the store there, and no other."""
    return {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "no_proxy": "127.0.0.1", **more}


@contextlib.contextmanager
def started(words, port, log):
    program = pathlib.Path(words[0])
    assert program.exists(), f"{program} is missing: run tools/install_servers.sh"
    with open(log, "wb") as out:
        process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < end, pathlib.Path(log).read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def versitygw(folder):
    """A strict S3 gateway over `folder`/root, whose folders are the buckets. Its log has a line a request."""
    (folder / "root").mkdir()
    port = free_port()
    words = [CACHE / "versitygw-1.8.0/versitygw", "--port", f"127.0.0.1:{port}", "--access", KEY, "--secret", SECRET,
             "posix", folder / "root"]
    with started(words, port, folder / "versitygw.log") as endpoint:
        yield endpoint


@contextlib.contextmanager
def moto(folder):
    port = free_port()
    words = [CACHE / "moto-5.2.5/bin/moto_server", "-H", "127.0.0.1", "-p", port]
    with started(words, port, folder / "moto.log") as endpoint:
        yield endpoint


class Faults(http.server.ThreadingHTTPServer):
    """A store that misbehaves: `objects` by key, `faults` as functions of a handler that answer a request instead.

    A fault is taken for each request that `faulty` accepts, until none is left. `accepts` says which access keys are good.
    """
    daemon_threads = True

    def __init__(self, objects):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects, self.faults, self.requests, self.times = dict(objects), [], [], []
        self.faulty = lambda handler: handler.command == "GET" and "list-type" not in handler.path
        self.accepts = lambda key: True
        self.expired = lambda key: False
        self.heard = []  # headers of requests to the store, forms of those to the token service
        self.sts = []  # keys that AssumeRole gives, one after the other
        self.changes = []  # run after each listing
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, headers=()):
        self.answer(status, f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode(), headers)

    def key(self):
        if not self.headers["Host"].startswith(("127.", "localhost")):  # the bucket is in the name
            return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)[1:]
        return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).split("/", 2)[2]

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path, self.headers.get("Range")))
            server.heard.append({name.lower(): value for name, value in self.headers.items()})
            server.times.append(time.monotonic())
            fault = server.faults.pop(0) if server.faults and server.faulty(self) else None
        if fault:
            return fault(self)
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        name = signed.group(1) if signed else ""
        if server.expired(name):
            return self.error(400, "ExpiredToken")
        if not server.accepts(name):
            return self.error(403, "InvalidAccessKeyId")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in query:
            return self.list(query)
        return self.give()

    do_HEAD = do_GET

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        with self.server.lock:
            self.server.requests.append((self.command, form.get("Action", [""])[0], None))
            self.server.heard.append({name: values[0] for name, values in form.items()})
            name = self.server.sts.pop(0)
        self.answer(200, f"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{name}</AccessKeyId>
            <SecretAccessKey>s</SecretAccessKey><SessionToken>t-{name}</SessionToken>
            <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>""".encode())

    def give(self):
        with self.server.lock:
            body = self.server.objects.get(self.key())
        if body is None:
            return self.error(404, "NoSuchKey")
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if self.headers.get("If-Match", etag) != etag:
            return self.error(412, "PreconditionFailed")
        headers = {"ETag": etag, "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        if self.headers.get("Range") and self.command == "GET":
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
            headers["Content-Range"] = f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"
            return self.answer(206, body[first:last + 1], headers)
        return self.answer(200, body, headers)

    def list(self, query):
        def quoted(key):
            return urllib.parse.quote_plus(key, safe="/")

        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        with self.server.lock:
            objects = sorted((key, body) for key, body in self.server.objects.items() if key.startswith(prefix))
        start = int(query.get("continuation-token", ["0"])[0])
        entries, folders = [], set()
        for key, body in objects:
            rest = key[len(prefix):]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest[:rest.index(delimiter) + 1])
                continue
            entries.append(f"<Contents><Key>{quoted(key)}</Key><Size>{len(body)}</Size><ETag>&quot;{hashlib.md5(body).hexdigest()}&quot;"
                           "</ETag><LastModified>2015-10-21T07:28:00.000Z</LastModified></Contents>")
        more = start + 1000 < len(entries)
        text = "".join(entries[start:start + 1000]) + "".join(
            f"<CommonPrefixes><Prefix>{quoted(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders))
        token = f"<NextContinuationToken>{start + 1000}</NextContinuationToken>" if more else ""
        self.answer(200, f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
                         f"{token}{text}</ListBucketResult>".encode())
        for change in self.server.changes:
            change()


def stall(handler):
    handler.server.closing.wait(60)
    handler.close_connection = True


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.wfile.flush()
    handler.connection.close()
    handler.close_connection = True


def short(handler):
    """More is promised than comes."""
    handler.answer(206, b"1,", {"Content-Range": "bytes 0-99/100"}, length=100)
    handler.wfile.flush()
    handler.close_connection = True


def status(number, code="", **headers):
    def fault(handler):
        handler.error(number, code, {name.replace("_", "-"): value for name, value in headers.items()})
    return fault

"""Parquet's modular encryption against pyarrow and DuckDB, in both directions."""

import base64
import os
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from program import *  # noqa: F401,F403

KEYS = {size: bytes(range(7, 7 + size)) for size in (16, 24, 32)}
OTHER = b"another key, wow"
TABLE = pa.table({"id": range(5000), "s": [f"text {i % 50}" for i in range(5000)],
                  "p": [{"x": i / 2, "l": [i, None]} for i in range(5000)]})


def text(key):
    return base64.b64encode(key).decode()


ENV = {"K": text(KEYS[16]), "K24": text(KEYS[24]), "K32": text(KEYS[32]), "OTHER": text(OTHER), "HEX": "hex:" + KEYS[16].hex(),
       "SHORT": text(b"abc"), "RAW": "0123456789112345"}


def options(side, **given):
    return [word for name, value in given.items() for word in (f"--{side}", f"{name}={value}")]


def silent(done):
    """Nothing says a key."""
    for key in (*ENV.values(), KEYS[16].hex()):
        assert key not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("size", KEYS)
@pytest.mark.parametrize("algorithm", ["AES_GCM_V1", "AES_GCM_CTR_V1"])
@pytest.mark.parametrize("plain", [False, True])
def test_files_of_pyarrow(millrace, size, algorithm, plain):
    properties = pe.create_encryption_properties(footer_key=KEYS[size], encryption_algorithm=algorithm, plaintext_footer=plain)
    pq.write_table(TABLE, millrace.folder / "in.parquet", encryption_properties=properties, row_group_size=700)
    name = "K" if size == 16 else f"K{size}"
    silent(millrace("--shards", 4, "copy", "in.parquet", "out.parquet", *options("from", footer_key="env:" + name, split_size="1KiB"), env=ENV))
    assert pq.read_table(millrace.folder / "out.parquet").sort_by("id").equals(TABLE)
    # A condition looks at the statistics, which are encrypted, too.
    table = f"CREATE TABLE t WITH (connector = 'files', path = 'in.parquet', footer_key = 'env:{name}'); "
    done = millrace("-q", "sql", "--format", "csv", "-c", table + "SELECT s FROM t WHERE id = 4999", env=ENV)
    assert done.stdout.split("\n")[1] == "text 49"


@pytest.mark.parametrize("size", KEYS)
@pytest.mark.parametrize("algorithm", ["aes_gcm_v1", "aes_gcm_ctr_v1"])
@pytest.mark.parametrize("plain", ["false", "true"])
def test_pyarrow_reads_ours(millrace, size, algorithm, plain):
    pq.write_table(TABLE, millrace.folder / "in.parquet")
    (millrace.folder / "key").write_text(text(KEYS[size]) + "\n")
    silent(millrace("copy", "in.parquet", "out.parquet",
                    *options("to", footer_key="file:key", encryption=algorithm, plaintext_footer=plain, row_group_rows=1000)))
    data = (millrace.folder / "out.parquet").read_bytes()
    assert data[-4:] == (b"PAR1" if plain == "true" else b"PARE") and b"text 4" not in data
    properties = pe.create_decryption_properties(footer_key=KEYS[size])
    assert pq.read_table(millrace.folder / "out.parquet", decryption_properties=properties).equals(TABLE)
    file = pq.ParquetFile(millrace.folder / "out.parquet", decryption_properties=properties)
    assert [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)] == [1000] * 5
    with pytest.raises((OSError, ValueError)):
        pq.read_table(millrace.folder / "out.parquet", decryption_properties=pe.create_decryption_properties(
            footer_key=bytes(size)))


def test_duckdb_reads_ours(millrace):
    """What DuckDB writes without its httpfs extension, pyarrow can't decrypt either."""
    con = duckdb.connect()
    con.execute(f"PRAGMA add_parquet_key('k', '{ENV['RAW']}')")
    pq.write_table(pa.table({"id": range(3000), "s": [f"v{i}" for i in range(3000)]}), millrace.folder / "plain.parquet")
    millrace("copy", "plain.parquet", "ours.parquet", *options("to", footer_key="env:D"), env={"D": text(ENV["RAW"].encode())})
    assert con.execute(f"SELECT COUNT(*), SUM(id), MAX(s) FROM read_parquet('{millrace.folder}/ours.parquet', encryption_config = {{footer_key: 'k'}})"
                       ).fetchall() == [(3000, 2999 * 1500, "v999")]


class Kms(pe.KmsClient):
    """Hands out what it was to wrap."""

    made = {}

    def __init__(self, *_):
        super().__init__()

    def wrap_key(self, key_bytes, master_key_identifier):
        self.made[master_key_identifier] = key_bytes
        return text(key_bytes)

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("plain", [False, True])
def test_column_keys_of_pyarrow(millrace, plain):
    factory = pe.CryptoFactory(Kms)
    config = pe.EncryptionConfiguration(footer_key="f", column_keys={"a": ["s"], "b": ["p.x"]}, double_wrapping=False, plaintext_footer=plain)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    pq.write_table(TABLE, millrace.folder / "in.parquet", encryption_properties=properties)
    env = {name: text(key) for name, key in Kms.made.items()}
    both = options("from", footer_key="env:f", column_key="s=env:a, p.x=env:b")
    millrace("copy", "in.parquet", "out.parquet", *both, env=env)
    assert pq.read_table(millrace.folder / "out.parquet").equals(TABLE)
    # What has no key of its own can be read without those of the others.
    few = options("from", footer_key="env:f")
    millrace("copy", "in.parquet", "id.parquet", *few, "--select", "SELECT id FROM source", env=env)
    assert pq.read_table(millrace.folder / "id.parquet").column("id").to_pylist() == list(range(5000))
    done = millrace("copy", "in.parquet", "none.parquet", *few, "--select", "SELECT s FROM source WHERE s = 'x'", env=env, code=1)
    assert "MR-2306" in done.stderr and "in.parquet, column s" in done.stderr
    wrong = options("from", footer_key="env:f", column_key="s=env:b, p.x=env:b")
    done = millrace("copy", "in.parquet", "none.parquet", *wrong, "--select", "SELECT s FROM source", env=env, code=1)
    assert "MR-2306" in done.stderr and "in.parquet" in done.stderr and "column s" in done.stderr


def test_column_keys_of_ours(millrace):
    pq.write_table(TABLE, millrace.folder / "in.parquet")
    for plain in ("false", "true"):
        keys = options("to", footer_key="env:K", column_key="s=env:OTHER, p=env:K32", plaintext_footer=plain)
        silent(millrace("copy", "in.parquet", "out.parquet", "--mode", "overwrite", *keys, env=ENV))
        silent(millrace("copy", "out.parquet", "back.parquet", "--mode", "overwrite",
                        *options("from", footer_key="env:HEX", column_key="p=env:K32, s=env:OTHER"), env=ENV))
        assert pq.read_table(millrace.folder / "back.parquet").equals(TABLE)
    # The last one has a footer that everybody reads, and id is not encrypted.
    assert pq.read_schema(millrace.folder / "out.parquet").names == ["id", "s", "p"]
    millrace("copy", "out.parquet", "id.csv", "--select", "SELECT id FROM source LIMIT 2")
    assert (millrace.folder / "id.csv").read_text() == "id\n0\n1\n"
    done = millrace("copy", "out.parquet", "s.csv", "--select", "SELECT s FROM source", code=1)
    assert "MR-2306" in done.stderr and "column s" in done.stderr


@pytest.mark.parametrize("given, number, word", [
    ({}, "MR-2306", "footer_key"),
    ({"footer_key": "env:OTHER"}, "MR-2306", "footer_key"),
    ({"footer_key": "env:K32"}, "MR-2306", "footer_key"),
    ({"footer_key": "env:NOT_THERE"}, "MR-2427", "NOT_THERE"),
    ({"footer_key": "file:not-there"}, "MR-2427", "not-there"),
    ({"footer_key": text(KEYS[16])}, "MR-2427", "footer_key"),
    ({"footer_key": "env:SHORT"}, "MR-2307", "footer_key"),
    ({"footer_key": "env:RAW"}, "MR-2307", "footer_key"),
    ({"footer_key": "env:K", "column_key": "env:K"}, "MR-2427", "column_key"),
])
@pytest.mark.parametrize("plain", [False, True])
def test_keys_that_do_not_fit(millrace, given, number, word, plain):
    if plain and not given:
        word = "id"
    pq.write_table(TABLE, millrace.folder / "in.parquet", encryption_properties=pe.create_encryption_properties(
        footer_key=KEYS[16], plaintext_footer=plain))
    done = silent(millrace("copy", "in.parquet", "out.csv", "--select", "SELECT id FROM source", *options("from", **given), env=ENV, code=1))
    assert number in done.stderr and word in done.stderr
    if number == "MR-2306":
        assert "in.parquet" in done.stderr


def test_options_of_writing(millrace):
    pq.write_table(TABLE, millrace.folder / "in.parquet")
    for given in ({"column_key": "s=env:K"}, {"encryption": "aes_gcm_v1"}, {"plaintext_footer": "true"},
                  {"footer_key": "env:K", "column_key": "no=env:K"}):
        done = millrace("copy", "in.parquet", "out.parquet", *options("to", **given), env=ENV, code=1)
        assert "MR-2307" in done.stderr
    assert not (millrace.folder / "out.parquet").exists()


def test_a_set_of_plain_and_encrypted_files(millrace):
    pq.write_table(TABLE.slice(0, 10), millrace.folder / "in1.parquet")
    pq.write_table(TABLE.slice(10, 10), millrace.folder / "in2.parquet",
                   encryption_properties=pe.create_encryption_properties(footer_key=KEYS[16]))
    millrace("copy", "in*.parquet", "out.parquet", *options("from", footer_key="env:K"), env=ENV)
    assert pq.read_table(millrace.folder / "out.parquet").equals(TABLE.slice(0, 20))


@pytest.mark.parametrize("target", ["out/", "out.parquet"])
def test_under_checkpoints_nothing_lies_about_in_plain(millrace, target):
    """Pieces are encrypted, and put together without being readable in between."""
    pq.write_table(TABLE, millrace.folder / "in.parquet", row_group_size=100)
    (millrace.folder / "p.yaml").write_text(
        f"name: p\nsource: {{connector: files, path: in.parquet, split_size: 1KiB, rate_limit_rows: 5000}}\n"
        f"sink: {{connector: files, path: {target}, format: parquet, footer_key: env:K}}\n"
        "settings: {checkpoint_interval: 100ms, checkpoints: on}\n")
    process = millrace.start("run", "p.yaml", env={**os.environ, **millrace.environment, **ENV})
    seen = set()
    while process.poll() is None:
        for path in millrace.folder.rglob(".millrace-*"):
            try:
                data = path.read_bytes()
            except OSError:
                continue
            seen.add(path)
            assert b"text " not in data
        time.sleep(0.01)
    assert process.returncode == 0
    files = list(millrace.folder.glob("out/*.parquet")) if target == "out/" else [millrace.folder / "out.parquet"]
    properties = pe.create_decryption_properties(footer_key=KEYS[16])
    rows = pa.concat_tables(pq.read_table(file, decryption_properties=properties) for file in files)
    assert rows.sort_by("id").equals(TABLE)
    assert seen
    for path in (millrace.folder / "state").rglob("*"):
        assert path.is_dir() or ENV["K"].encode() not in path.read_bytes()

"""Parquet files are written to URLs, to file systems of pyarrow and fsspec, to an S3 server, and to open files."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
import pytest
from support.free_ports import free_port

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = [{"a": 1}, {"a": 2}]
UNUSED = "http://127.0.0.1:1"


def failing_rows() -> Iterator[dict[str, int]]:
    for number in range(25_000):
        yield {"a": number}
    raise RuntimeError("lost")


def arrow_subtree(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    store = pa_fs.SubTreeFileSystem(str(folder), pa_fs.LocalFileSystem())
    return "rows.parquet", store, store


def arrow_local(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    return str(folder / "rows.parquet"), pa_fs.LocalFileSystem(), pa_fs.LocalFileSystem()


def fsspec_local(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    return str(folder / "rows.parquet"), fsspec.filesystem("file"), pa_fs.LocalFileSystem()


def fsspec_memory(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    store = fsspec.filesystem("memory")
    return f"{folder}/rows.parquet", store, pa_fs.PyFileSystem(pa_fs.FSSpecHandler(store))


def memory_url(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    return f"memory:/{folder}/rows.parquet", None, pa_fs.PyFileSystem(pa_fs.FSSpecHandler(fsspec.filesystem("memory")))


def file_url(folder: Path) -> tuple[str, Any, pa_fs.FileSystem]:
    return (folder / "rows.parquet").as_uri(), None, pa_fs.LocalFileSystem()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of an S3 server with a bucket."""
    if find_spec("moto") is None or find_spec("flask") is None:
        pytest.skip("the S3 server is not installed: moto and flask, of the test group")
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.partition(":")[2]]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(3_000):
            try:
                httpx.get(f"http://{address}/", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        s3_filesystem(address).create_dir("bucket")
        yield address
    finally:
        server.kill()
        server.wait()


def s3_filesystem(address: str) -> pa_fs.FileSystem:
    keys = {"access_key": "key", "secret_key": "secret", "region": "us-east-1"}
    return pa_fs.S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True, **keys)


STORES = {
    "a file:// URL": file_url,
    "a memory:// URL": memory_url,
    "pyarrow's local file system": arrow_local,
    "pyarrow's subtree": arrow_subtree,
    "fsspec's local file system": fsspec_local,
    "fsspec's memory": fsspec_memory,
    "an S3 file system": None,
    "an s3:// URL": None,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any, pa_fs.FileSystem, str]:
    """A path or URL, its filesystem=, and the file system and path to read it by."""
    name = request.param
    if STORES[name] is not None:
        path, filesystem, reader = STORES[name](tmp_path)
        in_reader = path.partition("://")[2] if "://" in path else path
        return path, filesystem, reader, in_reader
    address = request.getfixturevalue("s3_server")
    in_reader = f"bucket/{uuid.uuid4().hex}/rows.parquet"
    filesystem = s3_filesystem(address)
    if "URL" in name:
        query = f"endpoint_override={address}&scheme=http&region=us-east-1"
        return f"s3://key:secret@{in_reader}?{query}", None, filesystem, in_reader
    return in_reader, filesystem, filesystem, in_reader


def test_rows_are_written_to_a_file_system_or_a_url(store: tuple[str, Any, pa_fs.FileSystem, str]) -> None:
    path, filesystem, reader, in_reader = store
    for number in range(2):  # the second one replaces the first
        name = tf.to_parquet([{"a": number}], path, filesystem=filesystem)
        assert str(name) in (path, in_reader)
        assert pq.read_table(in_reader, filesystem=reader)["a"].to_pylist() == [number]


def test_a_scan_is_written_to_a_file_system_or_a_url(
    store: tuple[str, Any, pa_fs.FileSystem, str], client: tf.AsyncTolokaClient, pool_id: str
) -> None:
    del pool_id
    path, filesystem, reader, in_reader = store
    client.get_pools().to_parquet(path, filesystem=filesystem)
    assert pq.read_table(in_reader, filesystem=reader).num_rows == 1
    asyncio.run(tf.aio.to_parquet(client.get_pools(), path, filesystem=filesystem))
    asyncio.run(tf.aio.to_parquet(ROWS, path, filesystem=filesystem))
    assert pq.read_table(in_reader, filesystem=reader).num_rows == 2


def test_an_error_leaves_what_was_there(store: tuple[str, Any, pa_fs.FileSystem, str]) -> None:
    path, filesystem, reader, in_reader = store
    with pytest.raises(RuntimeError, match="lost"):
        tf.to_parquet(failing_rows(), path, filesystem=filesystem)
    assert reader.get_file_info(in_reader).type == pa_fs.FileType.NotFound
    tf.to_parquet(ROWS, path, filesystem=filesystem)
    with pytest.raises(RuntimeError, match="lost"):
        tf.to_parquet(failing_rows(), path, filesystem=filesystem)
    assert pq.read_table(in_reader, filesystem=reader)["a"].to_pylist() == [1, 2]


def test_pandas_reads_what_to_parquet_returns(tmp_path: Path) -> None:
    url = f"memory:/{tmp_path}/rows.parquet"
    assert pd.read_parquet(tf.to_parquet(ROWS, url))["a"].tolist() == [1, 2]
    assert pd.read_parquet(tf.to_parquet(ROWS, tmp_path / "rows.parquet"))["a"].tolist() == [1, 2]


def test_a_missing_bucket_is_an_error_of_the_package_that_shows_no_secret(s3_server: str) -> None:
    query = f"endpoint_override={s3_server}&scheme=http&region=us-east-1"
    with pytest.raises(tf.WriteFailed, match=r"s3://\*\*\*@missing/rows\.parquet") as caught:
        tf.to_parquet(ROWS, f"s3://key:password@missing/rows.parquet?{query}")
    assert "password" not in str(caught.value)


FULL_TEMPORARY_FOLDER = """
import resource, sys
import toloka_frames as tf

sys.dont_write_bytecode = True  # Python does not notice that it writes a part of a module only
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    tf.to_parquet(({"a": f"{number}-{number * 7919}"} for number in range(250_000)), "memory://key:password@bucket/x.parquet")
except tf.WriteFailed as error:
    print(error)
"""


def test_a_full_temporary_folder_is_an_error_of_the_package(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="this system cannot limit a file's size")
    command = [sys.executable, "-c", FULL_TEMPORARY_FOLDER]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "memory://***@bucket/x.parquet cannot be written (OSError" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_open_file_is_written_to_and_left_open(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    assert tf.to_parquet(ROWS, buffer) is buffer
    assert pq.read_table(pa.BufferReader(buffer.getvalue()))["a"].to_pylist() == [1, 2]
    with (tmp_path / "two").open("wb") as file:
        file.write(b"before")
        tf.to_parquet(ROWS, file)
        file.write(b"after")
    content = (tmp_path / "two").read_bytes()
    assert pq.read_table(pa.BufferReader(content.removeprefix(b"before").removesuffix(b"after")))["a"].to_pylist() == [1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_open_file_that_fails_is_an_error_of_the_package() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(tf.WriteFailed, match="No space left"):
        tf.to_parquet(ROWS, file)


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "brotli", "lz4", None])
def test_the_codec_and_the_rows_of_a_group_can_be_chosen(codec: str | None, tmp_path: Path) -> None:
    path = tf.to_parquet(({"a": number} for number in range(250)), tmp_path / "x", compression=codec, row_group_rows=100)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(number).num_rows for number in range(3)] == [100, 100, 50]
    assert metadata.row_group(0).column(0).compression == (codec or "uncompressed").upper()
    assert metadata.row_group(0).column(0).has_column_index


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown scheme": ({"path": "nosuch://bucket/x.parquet"}, "nosuch://bucket/x.parquet is not the URL of a file"),
    "a folder of a store": ({"path": "memory://bucket/"}, "is a folder"),
    "a file open for text": ({"path": io.StringIO()}, "is not open for writing bytes"),
    "a file and a file system": ({"path": io.BytesIO(), "filesystem": pa_fs.LocalFileSystem()}, "filesystem= is for a path"),
    "no file system": ({"path": "x", "filesystem": 5}, "filesystem=5 is not a file system"),
    "an unknown codec": ({"path": "x", "compression": "rar"}, "compression='rar' is not a codec"),
    "no rows of a group": ({"path": "x", "row_group_rows": 0}, "row_group_rows=0"),
}


@pytest.mark.parametrize(("arguments", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_destination_is_rejected_before_the_first_request(arguments: dict[str, Any], message: str) -> None:
    scan = tf.AsyncTolokaClient("token", url=UNUSED).get_skills()
    for write in (scan.to_parquet, lambda **given: tf.to_parquet(ROWS, **given)):
        with pytest.raises(tf.InputError, match=message):
            write(**arguments)


COPIES: dict[str, dict[str, Any]] = {
    "s3": {"path": "s3://bucket/copy"},
    "memory": {"path": "memory://bucket/copy"},
    "a file system": {"path": "copy", "filesystem": pa_fs.LocalFileSystem()},
    "an open file": {"path": io.BytesIO()},
    "a codec": {"path": "copy", "compression": "gzip"},
    "rows of a group": {"path": "copy", "row_group_rows": 5},
}


@pytest.mark.parametrize("arguments", COPIES.values(), ids=COPIES)
def test_a_copy_is_a_local_folder(arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scan = tf.AsyncTolokaClient("token", url=UNUSED).get_skills()
    with pytest.raises(tf.InputError):
        scan.to_parquet(resume=True, **arguments)
    if set(arguments) == {"path"} and isinstance(arguments["path"], str):
        for call in (tf.verify, lambda path: tf.sync(scan, path)):
            with pytest.raises(tf.InputError, match=r"is a URL; this call needs a path of this computer\.\nUse a local path"):
                call(arguments["path"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_url_is_the_path_of_a_copy(client: tf.AsyncTolokaClient, pool_id: str, tmp_path: Path) -> None:
    del pool_id
    url = (tmp_path / "my copy").as_uri()
    assert client.get_pools().to_parquet(url, resume=True) == tmp_path / "my copy"
    assert tf.verify(url)["rows"].tolist() == [1]


NO_FSSPEC = """
import sys
sys.modules["fsspec"] = None
import toloka_frames as tf
try:
    tf.to_parquet([{"a": 1}], "memory://bucket/x.parquet")
except ImportError as error:
    print(error)
"""


def test_a_url_that_needs_fsspec_says_so_where_it_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", NO_FSSPEC], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("memory://bucket/x.parquet needs fsspec. Install it: pip install fsspec")

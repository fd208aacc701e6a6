"""A file appears when it is complete; devices, FIFOs and links stay what they are; a full disk is an error of the package."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.forked_scripts import run_script

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = [{"a": 1}, {"a": 2}]


def rows_in(path: Path) -> list[int]:
    values: list[int] = pq.read_table(path)["a"].to_pylist()
    return values


def read_in_thread(fifo: Path) -> Callable[[], bytes]:
    """Read a FIFO in a thread; return the function that waits for its content."""
    content: list[bytes] = []
    thread = threading.Thread(target=lambda: content.append(fifo.read_bytes()))
    thread.start()

    def wait() -> bytes:
        thread.join(60)
        return content[0]

    return wait


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_a_fifo_is_written_to(fifo: Path) -> None:
    content = read_in_thread(fifo)
    assert tf.to_parquet(ROWS, fifo) == fifo
    assert pq.read_table(pa.BufferReader(content()))["a"].to_pylist() == [1, 2]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_fifo_that_nobody_reads_is_an_error_and_stays(fifo: Path) -> None:
    with pytest.raises(tf.WriteFailed, match="no process has opened this FIFO for reading"):
        tf.to_parquet(ROWS, fifo)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_the_reader_of_a_fifo_gets_no_complete_file_if_the_rows_end_with_an_error(fifo: Path) -> None:
    def rows() -> Iterator[dict[str, int]]:
        for number in range(25_000):
            yield {"a": number}
        raise RuntimeError("lost")

    content = read_in_thread(fifo)
    with pytest.raises(RuntimeError, match="lost"):
        tf.to_parquet(rows(), fifo)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(pa.BufferReader(content()))
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_is_written_to(client: tf.AsyncTolokaClient) -> None:
    null = Path(os.devnull)
    before = null.stat()
    tf.to_parquet(ROWS, null)
    client.get_skills().to_parquet(null)
    assert (null.stat().st_mode, null.stat().st_ino) == (before.st_mode, before.st_ino)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_device_is_an_error_of_the_package() -> None:
    with pytest.raises(tf.WriteFailed, match=r"/dev/full cannot be written .*No space left") as caught:
        tf.to_parquet(ROWS, "/dev/full")
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_written_through(exists: bool, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file, link = tmp_path / "data" / "rows.parquet", tmp_path / "link.parquet"
    link.symlink_to(file)
    if exists:
        file.write_bytes(b"old")
    assert tf.to_parquet(ROWS, link) == link
    assert link.is_symlink()
    assert not file.is_symlink()
    assert rows_in(file) == [1, 2]
    assert [path.name for path in file.parent.iterdir()] == ["rows.parquet"]


def test_a_link_into_a_missing_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "link.parquet").symlink_to(tmp_path / "missing" / "rows.parquet")
    with pytest.raises(tf.InputError, match="missing does not exist"):
        tf.to_parquet(ROWS, tmp_path / "link.parquet")
    (tmp_path / "loop.parquet").symlink_to(tmp_path / "loop.parquet")
    with pytest.raises(tf.InputError, match="cannot be the name"):
        tf.to_parquet(ROWS, tmp_path / "loop.parquet")


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_permissions_are_kept(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"old")
    path.chmod(mode)
    tf.to_parquet(ROWS, path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert rows_in(path) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"old")
    os.chown(path, 1234, 1235)
    tf.to_parquet(ROWS, path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_an_error_of_the_caller_is_not_an_error_of_the_file(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise OSError("lost")

    with pytest.raises(OSError, match=r"^lost$") as caught:
        tf.to_parquet(rows(), tmp_path / "rows.parquet")
    assert not isinstance(caught.value, tf.WriteFailed)
    assert list(tmp_path.iterdir()) == []


WRITE_WITH_FILE_SIZE_LIMIT = """
import resource, sys
import toloka_frames as tf

path, limit = sys.argv[1:]
sys.dont_write_bytecode = True  # Python does not notice that it writes a part of a module only
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
try:
    tf.to_parquet(({"a": f"{number}-{number * 7919}"} for number in range(250_000)), path)
except tf.WriteFailed as error:
    print(error)
"""


# in the header, in a row group, and in the footer
@pytest.mark.parametrize("limit", [2, 50_000, "last"])
def test_a_full_disk_is_an_error_of_the_package_and_leaves_the_old_file(limit: int | str, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="this system cannot limit a file's size")
    if limit == "last":
        complete = tf.to_parquet(({"a": f"{number}-{number * 7919}"} for number in range(250_000)), tmp_path / "complete")
        limit = complete.stat().st_size - 10
        complete.unlink()
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"old")
    done = run_script(WRITE_WITH_FILE_SIZE_LIMIT, path, str(limit))
    assert done.returncode == 0, done.stderr
    assert f"{path} cannot be written (OSError: " in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

"""A folder of parts is what its manifest says, or an error says what is wrong; nothing in it is touched then."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import toloka_frames as tf
from toloka_frames._reading.manifest import Manifest
from toloka_frames._reading.parts import Folder, check_output_folder
from toloka_frames._schema.lists import RowLifecycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIFE = RowLifecycle(created="created", status="status", final=("DONE",))
SCHEMA = pa.schema([("id", pa.string()), ("created", pa.timestamp("us", tz="UTC")), ("status", pa.string())])
COPY = Manifest("sync", "rows", "/v1/rows", {}, "me", "2026-01-01T00:00:00")


def rows(*ids: str, status: str | None = "DONE") -> pa.Table:
    return pa.Table.from_pylist([{"id": each, "created": 0, "status": status} for each in ids], SCHEMA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete copy of three rows in two parts."""
    with Folder(tmp_path / "copy", LIFE, COPY) as folder:
        folder.match(SCHEMA)
        folder.put(0, rows("a", "b"))
        folder.put(1, rows("c", status="NEW"), cursor="c", complete=True)
    return tmp_path / "copy"


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_verify_gives_a_row_for_each_part(folder: Path) -> None:
    frame = tf.verify(str(folder))
    assert frame.columns.tolist() == ["file", "rows", "list_rows", "open_rows", "bytes", "sha256"]
    assert frame["file"].tolist() == ["part-00000.parquet", "part-00001.parquet"]
    assert frame["rows"].tolist() == frame["list_rows"].tolist() == [2, 1]
    assert frame["open_rows"].tolist() == [0, 1]
    assert frame["bytes"].tolist() == [(folder / name).stat().st_size for name in frame["file"]]
    assert [str(dtype) for dtype in frame.dtypes] == ["string", "Int64", "Int64", "Int64", "Int64", "string"]


def test_rows_of_one_id_count_once_and_a_state_that_is_not_known_is_open(tmp_path: Path) -> None:
    with Folder(tmp_path / "copy", LIFE, COPY) as folder:
        folder.put(0, pa.concat_tables([rows("a", "a", "b", status="NEW"), rows("c", status=None), rows("d")]))
        (part,) = folder.manifest.parts
    assert (part.rows, part.list_rows, part.open_rows) == (5, 4, 3)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object], *, sound: bool = False) -> None:
    said = json.loads((folder / "_manifest.json").read_text("utf-8"))
    change(said)
    if sound:
        facts = {name: value for name, value in said.items() if name not in ("format", "checksum")}
        said["checksum"] = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    (folder / "_manifest.json").write_text(json.dumps(said), "utf-8")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lambda folder: (folder / "part-00000.parquet").unlink(), "part-00000.parquet is missing"),
    "a part that is not of it": (
        lambda folder: pq.write_table(rows("x"), folder / "x.parquet"),
        r"x\.parquet.*no manifest names.\nMove",
    ),
    "a damaged manifest": (lambda folder: (folder / "_manifest.json").write_text("{"), "manifest of .* is damaged"),
    "an empty manifest": (lambda folder: (folder / "_manifest.json").write_text(""), "manifest of .* is damaged"),
    "no object": (lambda folder: (folder / "_manifest.json").write_text("[1]"), "manifest of .* is damaged"),
    "no text": (lambda folder: (folder / "_manifest.json").write_bytes(b"\xff\xfe"), "manifest of .* is damaged"),
    "another cursor": (
        lambda folder: change_manifest(folder, lambda said: said.update(cursor="b")),
        "manifest of .* is damaged",
    ),
    "a newer format": (lambda folder: change_manifest(folder, lambda said: said.update(format=2)), "newer version"),
    "an odd format": (
        lambda folder: change_manifest(folder, lambda said: said.update(format="x")),
        "manifest of .* is damaged",
    ),
    "no manifest": (lambda folder: (folder / "_manifest.json").unlink(), "no manifest names"),
}


@pytest.mark.parametrize(("harm", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_and_left_alone(folder: Path, harm: Callable[[Path], object], message: str) -> None:
    harm(folder)
    before = content_of(folder)
    for use in (lambda: tf.verify(folder), lambda: Folder(folder, LIFE, COPY).__enter__()):
        with pytest.raises(tf.CopyError, match=message) as caught:
            use()
        assert caught.value.path == folder
    assert content_of(folder) == before


def test_a_part_that_was_changed_is_told_by_its_checksum(folder: Path) -> None:
    pq.write_table(rows("a", "z"), folder / "part-00000.parquet")
    with pytest.raises(tf.CopyError, match="checksum"):
        tf.verify(folder)
    with Folder(folder, LIFE, COPY) as opened, pytest.raises(tf.CopyError, match="checksum"):
        opened.read(0)


def test_a_part_that_cannot_be_read_is_to_be_brought_back(folder: Path) -> None:
    part = folder / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-10])
    with Folder(folder, LIFE, COPY) as opened, pytest.raises(tf.CopyError, match="Bring it back"):
        opened.read_columns(0, ["id"])


def test_a_pull_that_is_complete_can_be_where_nobody_can_write(folder: Path) -> None:
    (folder / "_lock").unlink()
    (folder / "_lock").mkdir()  # which nobody can lock, root neither
    with pytest.raises(tf.CopyError, match="cannot go on"):
        Folder(folder, LIFE, COPY).__enter__()
    pulled = dataclasses.replace(COPY, made_by="to_parquet")
    change_manifest(folder, lambda said: said.update(made_by="to_parquet"), sound=True)
    with Folder(folder, LIFE, pulled) as opened:
        assert opened.manifest.rows == 3
    assert tf.verify(folder)["rows"].sum() == 3


def test_a_folder_without_a_copy_is_told(tmp_path: Path) -> None:
    with pytest.raises(tf.CopyError, match="holds no copy"):
        tf.verify(tmp_path)
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(tf.InputError, match="is no folder"):
            tf.verify(path)


def test_files_of_others_beside_the_parts_are_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with Folder(folder, LIFE, COPY) as opened:
        opened.put(2, rows("d"))
    assert (folder / "notes.txt").read_text() == "mine"
    assert tf.verify(folder)["rows"].sum() == 4


def test_a_second_writer_is_refused_while_the_first_has_the_folder(folder: Path) -> None:
    with Folder(folder, LIFE, COPY), pytest.raises(tf.CopyError, match="another call"), Folder(folder, LIFE, COPY):
        pass
    with Folder(folder, LIFE, COPY) as opened:
        assert opened.manifest.rows == 3


def test_what_a_writer_is_at_is_no_fault_of_the_folder(folder: Path) -> None:
    with Folder(folder, LIFE, COPY) as opened:
        pq.write_table(rows("d"), folder / "part-00002.parquet")  # as one sees it who has read the manifest a moment before
        with pytest.raises(tf.CopyError, match="being written by another call"):
            Folder(folder, LIFE, COPY).__enter__()
        with pytest.raises(tf.CopyError, match="being written by another call"):
            tf.verify(folder)
        opened.put(2, rows("d"))
    assert tf.verify(folder)["rows"].tolist() == [2, 1, 1]


def test_a_damaged_folder_without_a_lock_gets_none(folder: Path) -> None:
    (folder / "_lock").unlink()
    (folder / "_manifest.json").write_text("{")
    with pytest.raises(tf.CopyError, match="damaged"):
        Folder(folder, LIFE, COPY).__enter__()
    assert not (folder / "_lock").exists()


def test_a_copy_of_something_else_is_told(folder: Path) -> None:
    with pytest.raises(tf.CopyError, match="its account is 'me', and not 'you'"):
        Folder(folder, LIFE, dataclasses.replace(COPY, account="you")).__enter__()
    with (
        Folder(folder, LIFE, COPY) as opened,
        pytest.raises(tf.CopyError, match=r"in more, status.\nThe project's fields have changed"),
    ):
        opened.match(pa.schema([*list(SCHEMA)[:2], ("status", pa.int64()), ("more", pa.string())]))


def test_what_was_written_and_not_committed_is_removed(folder: Path) -> None:
    for name in (".part-00001.parquet.0123456789abcdef", ".part-00002.parquet.0123456789abcdef.new"):
        (folder / name).write_bytes(b"half")
    tf.verify(folder)
    with Folder(folder, LIFE, COPY):
        assert sorted(content_of(folder)) == ["_lock", "_manifest.json", "part-00000.parquet", "part-00001.parquet"]


def test_files_of_others_that_look_like_ours_are_left_alone(folder: Path) -> None:
    for name in (".part-mine", ".part-time.parquet.txt"):
        (folder / name).write_text("mine")
    with Folder(folder, LIFE, COPY) as opened:
        opened.put(2, rows("d"))
    assert {".part-mine", ".part-time.parquet.txt"} < content_of(folder).keys()


@pytest.mark.parametrize("name", ["thesis.txt", ".part-mine", "rows.csv"])
def test_a_folder_of_other_things_is_refused_before_anything_is_asked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    client = tf.AsyncTolokaClient("token", url="http://127.0.0.1:1")
    with pytest.raises(tf.InputError, match="Name a new folder"):
        client.get_pools().to_parquet(tmp_path, resume=True)
    with pytest.raises(tf.InputError, match="Name a new folder"):
        tf.sync(client.get_pools(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_what_a_kill_left_before_the_first_manifest_is_gone_on_with(tmp_path: Path) -> None:
    for name in ("_lock", "_manifest.json.new", ".part-00000.parquet.0123456789abcdef", ".part-00000.parquet.0123.new"):
        (tmp_path / name).write_bytes(b"half")
    assert check_output_folder(tmp_path) == tmp_path
    with Folder(tmp_path, LIFE, COPY) as opened:
        opened.put(0, rows("a"), complete=True)
    assert sorted(content_of(tmp_path)) == ["_lock", "_manifest.json", "part-00000.parquet"]


def test_what_was_committed_and_not_moved_counts_and_is_moved(tmp_path: Path) -> None:
    with Folder(tmp_path / "other", LIFE, COPY) as other:
        other.match(SCHEMA)
        other.put(0, rows("a", "b", "b2"), complete=True)
        (part,) = other.manifest.parts
    (tmp_path / "other" / part.file).rename(tmp_path / "other" / part.staged)
    pq.write_table(rows("a", "b"), tmp_path / "other" / part.file)  # as it was before
    with pytest.raises(tf.CopyError, match="not complete"):  # who reads the folder does not see the part
        tf.verify(tmp_path / "other")
    with Folder(tmp_path / "other", LIFE, COPY) as opened:
        assert opened.read(0)["id"].to_pylist() == ["a", "b", "b2"]
    assert pq.read_table(tmp_path / "other")["id"].to_pylist() == ["a", "b", "b2"]
    assert tf.verify(tmp_path / "other")["rows"].tolist() == [3]


@pytest.mark.parametrize("name", ["file", "missing/copy"])
def test_a_place_that_cannot_be_a_folder_is_refused_before_anything_is_asked(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    client = tf.AsyncTolokaClient("token", url="http://127.0.0.1:1")
    with pytest.raises(tf.InputError):
        client.get_pools().to_parquet(tmp_path / name, resume=True)
    with pytest.raises(tf.InputError):
        tf.sync(client.get_pools(), tmp_path / name)

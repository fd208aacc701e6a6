"""The folder of a copy: parts and manifest agree, or an error says what is wrong and leaves the folder unchanged."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.text_dtype import TEXT_NAME

import toloka_frames as tf
from toloka_frames._reading.manifest import Manifest
from toloka_frames._reading.output_paths import check_output_folder
from toloka_frames._reading.parts import CopyFolder
from toloka_frames._schema.lists import RowLifecycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIFECYCLE = RowLifecycle(created="created", status="status", final=("DONE",))
SCHEMA = pa.schema([("id", pa.string()), ("created", pa.timestamp("us", tz="UTC")), ("status", pa.string())])
COPY = Manifest("sync", "rows", "/v1/rows", {}, "me", "2026-01-01T00:00:00")


def rows(*ids: str, status: str | None = "DONE") -> pa.Table:
    return pa.Table.from_pylist([{"id": id_, "created": 0, "status": status} for id_ in ids], SCHEMA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete copy of three rows in two parts."""
    with CopyFolder(tmp_path / "copy", LIFECYCLE, COPY) as folder:
        folder.match_columns(SCHEMA)
        folder.put_part(0, rows("a", "b"))
        folder.put_part(1, rows("c", status="NEW"), cursor="c", complete=True)
    return tmp_path / "copy"


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_verify_returns_a_row_per_part(folder: Path) -> None:
    frame = tf.verify(str(folder))
    assert frame.columns.tolist() == ["file", "rows", "list_rows", "open_rows", "bytes", "sha256"]
    assert frame["file"].tolist() == ["part-00000.parquet", "part-00001.parquet"]
    assert frame["rows"].tolist() == frame["list_rows"].tolist() == [2, 1]
    assert frame["open_rows"].tolist() == [0, 1]
    assert frame["bytes"].tolist() == [(folder / name).stat().st_size for name in frame["file"]]
    assert [str(dtype) for dtype in frame.dtypes] == [TEXT_NAME, "Int64", "Int64", "Int64", "Int64", TEXT_NAME]


def test_rows_with_one_id_count_once_and_rows_of_unknown_status_are_open(tmp_path: Path) -> None:
    with CopyFolder(tmp_path / "copy", LIFECYCLE, COPY) as folder:
        folder.put_part(0, pa.concat_tables([rows("a", "a", "b", status="NEW"), rows("c", status=None), rows("d")]))
        (part,) = folder.manifest.parts
    assert (part.rows, part.list_rows, part.open_rows) == (5, 4, 3)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object], *, valid_checksum: bool = False) -> None:
    content = json.loads((folder / "_manifest.json").read_text("utf-8"))
    change(content)
    if valid_checksum:
        fields = {name: value for name, value in content.items() if name not in ("format", "checksum")}
        content["checksum"] = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    (folder / "_manifest.json").write_text(json.dumps(content), "utf-8")


def cut_manifest(folder: Path, length: int) -> None:
    path = folder / "_manifest.json"
    path.write_bytes(path.read_bytes()[:length])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lambda folder: (folder / "part-00000.parquet").unlink(), "part-00000.parquet is missing"),
    "a part that is not listed": (
        lambda folder: pq.write_table(rows("x"), folder / "x.parquet"),
        r"no manifest lists: x\.parquet\.\nMove",
    ),
    "a part in a folder below": (
        lambda folder: (
            (folder / "sub" / "deep").mkdir(parents=True) or pq.write_table(rows("x"), folder / "sub" / "deep" / "x.parquet")
        ),
        r"no manifest lists: sub/deep/x\.parquet\.",
    ),
    "a part under any name": (lambda folder: pq.write_table(rows("x"), folder / "notes.txt"), r"no manifest lists: notes\.txt"),
    "a link to the folder itself": (
        lambda folder: (folder / "loop").symlink_to(folder),
        r"lists: loop/part-00000\.parquet, loop/part-00001",
    ),
    "a manifest that ends early": (lambda folder: cut_manifest(folder, 100), "is damaged: it ends early, after 100 bytes, at "),
    "an empty manifest": (lambda folder: cut_manifest(folder, 0), "manifest of .* is damaged: it is empty"),
    "a manifest of zeros": (lambda folder: (folder / "_manifest.json").write_bytes(bytes(500)), "is damaged: it is empty"),
    "no JSON": (lambda folder: (folder / "_manifest.json").write_text("rows: 3"), "is damaged: it is not JSON"),
    "no JSON object": (lambda folder: (folder / "_manifest.json").write_text("[1]"), "damaged: it is a list, not an object"),
    "no UTF-8": (
        lambda folder: (folder / "_manifest.json").write_bytes(b'{"parts":[{"file":"\xff"}]}'),
        r"is damaged: the byte 0xff at position 19 is not UTF-8, at parts\[0\]\.file",
    ),
    "nesting": (
        lambda folder: (folder / "_manifest.json").write_text("[" * 100_000 + "]" * 100_000),
        "nested 99,999 levels deep",
    ),
    "no checksum": (
        lambda folder: (folder / "_manifest.json").write_text('{"format":1}'),
        'damaged: it has no "checksum"',
    ),
    "a changed cursor": (
        lambda folder: change_manifest(folder, lambda content: content.update(cursor="b")),
        "manifest of .* is damaged: its checksum is not that of its content",
    ),
    "a newer format": (lambda folder: change_manifest(folder, lambda content: content.update(format=2)), "newer version"),
    "an unknown format": (
        lambda folder: change_manifest(folder, lambda content: content.update(format="x")),
        "manifest of .* is damaged: its fields are not those of a manifest",
    ),
    "no manifest": (lambda folder: (folder / "_manifest.json").unlink(), "no manifest lists"),
}


STRAY_FILES = [
    *("x.parquet", "x.PARQUET", "x.Parquet", "x.parq", "x.pq", "x", "x.txt", "x.parquet.bak", "part-00000.parquet.bak"),
    *("_x.parquet", ".x.parquet", ".x.parq", "sub/x.parquet", "sub/deep/x", "k=1/x.parquet"),
    *("_sub/x.parquet", ".sub/x.parquet"),
]
READERS: dict[str, Callable[[Path], int]] = {
    "pandas": lambda folder: len(pd.read_parquet(folder)),
    "pyarrow": lambda folder: pq.read_table(folder).num_rows,
    "pyarrow.dataset": lambda folder: ds.dataset(folder).count_rows(),
    "DuckDB": lambda folder: len(duckdb.sql(f"from '{folder}/*.parquet'").fetchall()),
    "DuckDB, all folders": lambda folder: len(duckdb.sql(f"from '{folder}/**/*.parquet'").fetchall()),
    "Polars": lambda folder: pl.read_parquet(f"{folder}/*.parquet").height,
    "Polars, all folders": lambda folder: pl.read_parquet(f"{folder}/**/*.parquet").height,
    "Dask": lambda folder: len(dd.read_parquet(folder)),
}


@pytest.mark.parametrize("name", STRAY_FILES)
def test_verify_fails_if_a_reader_would_read_other_rows(name: str, folder: Path) -> None:
    assert {reader: read(folder) for reader, read in READERS.items()} == dict.fromkeys(READERS, 3)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows("x"), folder / name)
    assert {read(folder) for read in READERS.values()} >= {4}
    with pytest.raises(tf.CopyError, match="files that no manifest lists") as caught:
        tf.verify(folder)
    assert name in str(caught.value)


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_folder_raises_and_is_left_unchanged(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    before = content_of(folder)
    for open_copy in (lambda: tf.verify(folder), lambda: CopyFolder(folder, LIFECYCLE, COPY).__enter__()):
        with pytest.raises(tf.CopyError, match=message) as caught:
            open_copy()
        assert caught.value.path == folder
    assert content_of(folder) == before


def test_a_changed_part_is_detected_by_its_checksum(folder: Path) -> None:
    pq.write_table(rows("a", "z"), folder / "part-00000.parquet")
    with pytest.raises(tf.CopyError, match="checksum"):
        tf.verify(folder)
    with CopyFolder(folder, LIFECYCLE, COPY) as opened, pytest.raises(tf.CopyError, match="checksum"):
        opened.read_part(0)


def test_the_error_for_an_unreadable_part_says_to_restore_it(folder: Path) -> None:
    part = folder / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-10])
    with CopyFolder(folder, LIFECYCLE, COPY) as opened, pytest.raises(tf.CopyError, match="Restore it"):
        opened.read_columns(0, ["id"])


def test_a_complete_pull_can_be_opened_without_write_access(folder: Path) -> None:
    (folder / "_lock").unlink()
    (folder / "_lock").mkdir()  # a folder cannot be locked, not even by root
    with pytest.raises(tf.CopyError, match="cannot be read or written"):
        CopyFolder(folder, LIFECYCLE, COPY).__enter__()
    pulled = dataclasses.replace(COPY, made_by="to_parquet")
    change_manifest(folder, lambda content: content.update(made_by="to_parquet"), valid_checksum=True)
    with CopyFolder(folder, LIFECYCLE, pulled) as opened:
        assert opened.manifest.rows == 3
    assert tf.verify(folder)["rows"].sum() == 3


def test_verify_rejects_a_path_without_a_copy(tmp_path: Path) -> None:
    with pytest.raises(tf.CopyError, match="holds no copy"):
        tf.verify(tmp_path)
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(tf.InputError, match="is not a folder"):
            tf.verify(path)


def test_unrelated_files_in_the_folder_are_left_unchanged(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with CopyFolder(folder, LIFECYCLE, COPY) as opened:
        opened.put_part(2, rows("d"))
    assert (folder / "notes.txt").read_text() == "mine"
    assert tf.verify(folder)["rows"].sum() == 4


def test_a_second_writer_is_rejected_while_the_first_has_the_folder_open(folder: Path) -> None:
    with (
        CopyFolder(folder, LIFECYCLE, COPY),
        pytest.raises(tf.CopyError, match="another call"),
        CopyFolder(folder, LIFECYCLE, COPY),
    ):
        pass
    with CopyFolder(folder, LIFECYCLE, COPY) as opened:
        assert opened.manifest.rows == 3


def test_a_write_in_progress_is_not_reported_as_damage(folder: Path) -> None:
    with CopyFolder(folder, LIFECYCLE, COPY) as opened:
        pq.write_table(
            rows("d"), folder / "part-00002.parquet"
        )  # as another process sees it that read the manifest just before
        with pytest.raises(tf.CopyError, match="being written by another call"):
            CopyFolder(folder, LIFECYCLE, COPY).__enter__()
        with pytest.raises(tf.CopyError, match="being written by another call"):
            tf.verify(folder)
        opened.put_part(2, rows("d"))
    assert tf.verify(folder)["rows"].tolist() == [2, 1, 1]


def test_no_lock_file_is_created_in_a_damaged_folder(folder: Path) -> None:
    (folder / "_lock").unlink()
    (folder / "_manifest.json").write_text("{")
    with pytest.raises(tf.CopyError, match="damaged"):
        CopyFolder(folder, LIFECYCLE, COPY).__enter__()
    assert not (folder / "_lock").exists()


def test_a_copy_of_another_account_or_with_other_columns_is_rejected(folder: Path) -> None:
    with pytest.raises(tf.CopyError, match="its account is 'me', not 'you'"):
        CopyFolder(folder, LIFECYCLE, dataclasses.replace(COPY, account="you")).__enter__()
    with (
        CopyFolder(folder, LIFECYCLE, COPY) as opened,
        pytest.raises(tf.CopyError, match=r"in more, status.\nThe project's fields have changed"),
    ):
        opened.match_columns(pa.schema([*list(SCHEMA)[:2], ("status", pa.int64()), ("more", pa.string())]))


def test_staged_parts_that_no_manifest_lists_are_deleted(folder: Path) -> None:
    for name in (".part-00001.parquet.0123456789abcdef", ".part-00002.parquet.0123456789abcdef.new"):
        (folder / name).write_bytes(b"half")
    tf.verify(folder)
    with CopyFolder(folder, LIFECYCLE, COPY):
        assert sorted(content_of(folder)) == ["_lock", "_manifest.json", "part-00000.parquet", "part-00001.parquet"]


def test_unrelated_files_with_similar_names_are_left_unchanged(folder: Path) -> None:
    for name in (".part-mine", ".part-time.parquet.txt"):
        (folder / name).write_text("mine")
    with CopyFolder(folder, LIFECYCLE, COPY) as opened:
        opened.put_part(2, rows("d"))
    assert {".part-mine", ".part-time.parquet.txt"} < content_of(folder).keys()


@pytest.mark.parametrize("name", ["thesis.txt", ".part-mine", "rows.csv"])
def test_a_folder_with_unrelated_files_is_rejected_before_the_first_request(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    client = tf.AsyncTolokaClient("token", url="http://127.0.0.1:1")
    with pytest.raises(tf.InputError, match="Name a new folder"):
        client.get_pools().to_parquet(tmp_path, resume=True)
    with pytest.raises(tf.InputError, match="Name a new folder"):
        tf.sync(client.get_pools(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_left_by_a_kill_before_the_first_manifest_can_be_used(tmp_path: Path) -> None:
    for name in ("_lock", "_manifest.json.new", ".part-00000.parquet.0123456789abcdef", ".part-00000.parquet.0123.new"):
        (tmp_path / name).write_bytes(b"half")
    assert check_output_folder(tmp_path) == tmp_path
    with CopyFolder(tmp_path, LIFECYCLE, COPY) as opened:
        opened.put_part(0, rows("a"), complete=True)
    assert sorted(content_of(tmp_path)) == ["_lock", "_manifest.json", "part-00000.parquet"]


def test_a_listed_part_that_was_not_moved_counts_and_is_moved(tmp_path: Path) -> None:
    with CopyFolder(tmp_path / "other", LIFECYCLE, COPY) as other:
        other.match_columns(SCHEMA)
        other.put_part(0, rows("a", "b", "b2"), complete=True)
        (part,) = other.manifest.parts
    (tmp_path / "other" / part.file).rename(tmp_path / "other" / part.staged_name)
    pq.write_table(rows("a", "b"), tmp_path / "other" / part.file)  # the previous version of the part
    with pytest.raises(tf.CopyError, match="not complete"):  # readers of the folder do not see the part
        tf.verify(tmp_path / "other")
    with CopyFolder(tmp_path / "other", LIFECYCLE, COPY) as opened:
        assert opened.read_part(0)["id"].to_pylist() == ["a", "b", "b2"]
    assert pq.read_table(tmp_path / "other")["id"].to_pylist() == ["a", "b", "b2"]
    assert tf.verify(tmp_path / "other")["rows"].tolist() == [3]


@pytest.mark.parametrize("name", ["file", "missing/copy"])
def test_a_path_that_cannot_be_a_folder_is_rejected_before_the_first_request(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    client = tf.AsyncTolokaClient("token", url="http://127.0.0.1:1")
    with pytest.raises(tf.InputError):
        client.get_pools().to_parquet(tmp_path / name, resume=True)
    with pytest.raises(tf.InputError):
        tf.sync(client.get_pools(), tmp_path / name)

"""A copy of a list: a folder of Parquet parts with a manifest, consistent after a kill at any moment.

A part is written under a staged name that readers ignore; then a manifest that lists it replaces the previous one; then the
part is moved to its final name. It counts from the second step on: the next call that opens the folder does the third.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import CopyError, InputError
from toloka_frames._reading.atomic_write import flush_folder, write_durably
from toloka_frames._reading.manifest import (
    LOCK,
    MANIFEST,
    RESTORE_HINT,
    Manifest,
    PartFile,
    as_copy_error,
    read_manifest,
    verified_bytes,
)
from toloka_frames._reading.output_paths import resolve_path
from toloka_frames._reading.sinks import PARQUET, parquet, release_arrow_memory, to_frame, with_pandas_metadata
from toloka_frames._runtime.concurrency import FileLock
from toloka_frames._schema.columns import INTEGER, TEXT
from toloka_frames._transport.connections import normal_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._schema.lists import RowLifecycle

STAGED_PARTS = ".part-[0-9]*.parquet.*"
# a call resumes a copy that was started with equal values of these
IDENTITY_FIELDS = ("made_by", "list", "path", "query", "account")
VERIFY_SCHEMA = pa.schema(
    [("file", TEXT), *((name, INTEGER) for name in ("rows", "list_rows", "open_rows", "bytes")), ("sha256", TEXT)]
)


def verify(path: FilePath) -> pd.DataFrame:
    """Read every byte of a copy made by `to_parquet(..., resume=True)` or `tf.sync`, and compare it with its manifest.

    Args:
        path: The folder. No other call may be writing it.

    Returns:
        One row per part: `file` (string), `rows` in the file, `list_rows` (rows of the list: an assignment is one, but has a
        row in the file for each task), `open_rows` (rows of the list that can still change), `bytes` (all Int64) and `sha256`
        (string).

    Raises:
        InputError: If the path is not a folder.
        CopyError: If the manifest is missing or damaged, a part is missing or damaged, the folder or a folder in it holds other
            Parquet files, which a reader could take for parts, the copy is not complete, or another call is writing it.

    Example:
        >>> path = client.get_tasks(pool.id).to_parquet("tasks", resume=True)
        >>> tf.verify("tasks")[["file", "rows"]]
                         file  rows
        0  part-00000.parquet     9
    """
    folder = resolve_path(path)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.", column="path", hint="Pass the folder of the copy.")
    manifest = None
    with contextlib.suppress(CopyError):
        manifest = _verified_manifest(folder)
    if manifest is None:
        manifest = _verified_under_lock(folder) if (folder / LOCK).exists() else _verified_manifest(folder)
    return to_frame(pa.Table.from_pylist([asdict(part) for part in manifest.parts], VERIFY_SCHEMA))


def _verified_under_lock(folder: Path) -> Manifest:
    """Verify again while no other call can be writing, so that an error is not due to a write in progress."""
    lock = FileLock(folder / LOCK)
    with contextlib.suppress(OSError):  # a read-only folder: nobody can be writing to it
        if not lock.acquire():
            raise _locked(folder)
    try:
        return _verified_manifest(folder)
    finally:
        lock.release()


def _verified_manifest(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise CopyError(f"{folder} holds no copy: it has no {MANIFEST}.", path=folder)
    for part in manifest.parts:
        with as_copy_error(folder):
            rows = parquet().read_metadata(pa.BufferReader(verified_bytes(folder, part))).num_rows
        if rows != part.rows:
            raise CopyError(f"{part.file} has {rows:,} rows; the manifest says {part.rows:,}.", path=folder)
    # readers of the folder do not see a part that still has its staged name
    if not manifest.complete or any((folder / part.staged_name).exists() for part in manifest.parts):
        hint = "Run the call that started it again: it resumes."
        raise CopyError(f"{folder} is not complete.", path=folder, hint=hint)
    return manifest


class CopyFolder:
    """The folder of a copy, opened for writing in a `with` block; a lock keeps other calls from writing it meanwhile.

    Attributes:
        path: The folder.
        manifest: Its manifest, as it is on disk.
        schema: The schema of its parts, once `match_columns` has set it.
        lifecycle: Which columns show whether a row can still change.
    """

    def __init__(self, path: Path, lifecycle: RowLifecycle, new_manifest: Manifest, url: str = "") -> None:
        self.path = path
        self._url = normal_url(url)
        self.manifest = new_manifest
        self.schema = pa.schema([])
        self.lifecycle = lifecycle
        self._lock = FileLock(path / LOCK)

    def __enter__(self) -> Self:
        with as_copy_error(self.path):
            self.path.mkdir(exist_ok=True)
            self._acquire_lock(required=not self._is_finished_pull())
            try:
                self._load_manifest()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def check_sizes(self) -> None:
        """Check the size of each part, which needs no reading.

        Raises:
            CopyError: If it is not the one in the manifest.
        """
        for part in self.manifest.parts:
            with as_copy_error(self.path):
                size = part.path_in(self.path).stat().st_size
            if size != part.bytes:
                message = f"{part.file} in {self.path} is damaged: it has {size:,} bytes; the manifest says {part.bytes:,}."
                raise CopyError(message, path=self.path, hint=RESTORE_HINT)

    def match_columns(self, schema: pa.Schema) -> None:
        """Set the schema of new parts: these columns, in the order of the existing parts.

        Raises:
            CopyError: If the existing parts have other columns.
        """
        given = {column.name: str(column.type) for column in schema}
        existing = self.manifest.columns or given
        if different := sorted(name for name in {*existing, *given} if existing.get(name) != given.get(name)):
            hint = "The project's fields have changed since the copy was started: start a new copy in another folder."
            raise self._copy_of_something_else(f"its columns differ in {', '.join(different)}", hint)
        self.schema = pa.schema([schema.field(name) for name in existing])
        self.manifest = replace(self.manifest, columns=dict(existing))

    def put_part(self, number: int, table: pa.Table, **changes: Any) -> None:
        """Write a table as the part of this number, new or in place of the existing one, with other changes of the manifest."""
        with as_copy_error(self.path):
            parts = list(self.manifest.parts)
            parts[number : number + 1] = [self._write_staged(f"part-{number:05}.parquet", table)]
            self._commit(replace(self.manifest, parts=tuple(parts), **changes))

    def update_manifest(self, **changes: Any) -> None:
        """Change fields of the manifest."""
        with as_copy_error(self.path):
            self._commit(replace(self.manifest, **changes))

    def read_part(self, number: int) -> pa.Table:
        """Return the rows of a part, after checking its checksum."""
        with as_copy_error(self.path):
            return parquet().read_table(pa.BufferReader(verified_bytes(self.path, self.manifest.parts[number])))

    def read_columns(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a part."""
        with as_copy_error(self.path):
            part = self.manifest.parts[number]
            try:
                # partitioning=None: in a folder named like id=5, pyarrow 17 takes id for a partition column and fails
                return parquet().read_table(self.path / part.file, columns=list(columns), partitioning=None)
            except (OSError, pa.ArrowException):
                verified_bytes(self.path, part)  # raises the clearer error if the part is damaged
                raise

    def _is_finished_pull(self) -> bool:
        """Whether the folder holds a complete pull, so that nothing will be written.

        Raises:
            CopyError: If the copy cannot be resumed; then the folder is left as it is, without a lock file.
        """
        try:
            manifest = read_manifest(self.path)
        except CopyError:
            # if there is a lock file, another call may be between its manifest and its parts: decide under the lock
            if not (self.path / LOCK).exists():
                raise
            return False
        return manifest is not None and manifest.made_by == "to_parquet" and manifest.complete

    def _acquire_lock(self, *, required: bool) -> None:
        try:
            acquired = self._lock.acquire()
        except OSError:
            if required:
                raise
            return  # a complete pull may be in a read-only folder
        if not acquired:
            raise _locked(self.path)

    def _load_manifest(self) -> None:
        existing = read_manifest(self.path)
        if existing is None:
            return
        if normal_url(existing.account) == self._url:
            # 0.1.0 took the URL for the account where the service did not tell it
            existing = replace(existing, account=self.manifest.account)
        for name in IDENTITY_FIELDS:
            its, new = getattr(existing, name), getattr(self.manifest, name)
            if its != new:
                raise self._copy_of_something_else(f"its {name} is {its!r}, not {new!r}")
        self.manifest = existing
        self._move_staged_parts()

    def _copy_of_something_else(self, difference: str, hint: str = "Choose another folder.") -> CopyError:
        return CopyError(f"{self.path} is a copy of something else: {difference}.", path=self.path, hint=hint)

    def _write_staged(self, file: str, table: pa.Table) -> PartFile:
        # in memory first, because the staged name contains the checksum
        sink = pa.BufferOutputStream()
        parquet().write_table(table.cast(with_pandas_metadata(table.schema)), sink, **PARQUET)
        content, ids = sink.getvalue(), table[self.lifecycle.id]
        list_rows, open_rows = len(pc.unique(ids)), len(pc.unique(ids.filter(is_open(table, self.lifecycle))))
        part = PartFile(file, len(table), list_rows, open_rows, content.size, hashlib.sha256(content).hexdigest())
        write_durably(self.path / part.staged_name, content)
        del content, sink
        release_arrow_memory()
        return part

    def _commit(self, manifest: Manifest) -> None:
        write_durably(self.path / MANIFEST, manifest.to_json())
        self.manifest = manifest
        self._move_staged_parts()

    def _move_staged_parts(self) -> None:
        """Move parts that the manifest lists to their final names, and delete what a killed call left."""
        for part in self.manifest.parts:
            if (staged := self.path / part.staged_name).exists():
                staged.replace(self.path / part.file)
        for leftover in self.path.glob(STAGED_PARTS):
            leftover.unlink()
        flush_folder(self.path)


def is_open(table: pa.Table, lifecycle: RowLifecycle) -> pa.ChunkedArray:
    """Return which rows can still change and have a creation time to request them by."""
    if lifecycle.created is None or lifecycle.status is None:
        return pa.chunked_array([pa.repeat(pa.scalar(value=False), len(table))])
    final = pc.is_in(table[lifecycle.status], value_set=pa.array(lifecycle.final, TEXT))
    return pc.and_not(pc.is_valid(table[lifecycle.created]), final)


def _locked(folder: Path) -> CopyError:
    return CopyError(f"{folder} is being written by another call.", path=folder, hint="Wait until that call ends.")

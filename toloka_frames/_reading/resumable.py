"""Pull a list into a folder of Parquet parts; a later call resumes after the last complete part."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import CopyError, TolokaError
from toloka_frames._reading.manifest import Manifest
from toloka_frames._reading.parts import Folder, check_output_folder
from toloka_frames._reading.sinks import ROW_GROUP_BYTES, ROW_GROUP_ROWS, FilePath
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from toloka_frames._reading.page import Page
    from toloka_frames._reading.pager import Source
    from toloka_frames._runtime.progress import ProgressTracker


async def pull_resumable(source: Source, path: FilePath, meter: ProgressTracker) -> Path:
    """Copy what a list holds now into a folder, or go on with that; see `Scan.to_parquet`."""
    place = check_output_folder(path)
    query, life = source.question.query, source.question.resource.life
    wanted = await new_manifest(source, "to_parquet")
    if life.created is not None and not {"created_lt", "created_lte"} & set(query):
        wanted = replace(wanted, until=format_timestamp(source.service.latest_now()))
    with Folder(place, life, wanted) as folder:
        if folder.manifest.complete:
            meter.note = f"complete since {folder.manifest.ended} UTC, so nothing was pulled; to pull again, delete {place}"
        else:
            folder.match((await source.layout()).schema)
            await fill(source, folder, meter)
    return place


async def new_manifest(source: Source, made_by: Literal["to_parquet", "sync"]) -> Manifest:
    asked, account = source.question, await source.service.account()
    return Manifest(made_by, asked.resource.name, asked.path, dict(asked.query), account, _now())


async def fill(source: Source, folder: Folder, meter: ProgressTracker) -> int:
    """Walk the manifest's bounds from its cursor to their end; how many rows of the list came."""
    rows = folder.manifest.rows
    growth = await in_thread(_Growth, folder)
    async with (
        keep_on_error(folder, growth.keep),
        aclosing(source.pages(_bounds(folder.manifest, source.question.resource.cursor))) as pages,
    ):
        async for cursor, page in pages:
            meter.rows += len(page.batch)
            growth.add((await in_thread(growth.without_undated, page)).batch, cursor)
            if growth.full:
                await in_thread(growth.put)
    await in_thread(growth.put, complete=True, ended=_now())
    return folder.manifest.rows - rows


@asynccontextmanager
async def keep_on_error(folder: Folder, keep: Callable[[], object]) -> AsyncIterator[None]:
    """Have what came put on disk when the service fails, or Stop is pressed, and the error say so."""
    try:
        yield
    except CopyError:  # the disk fails
        raise
    except (TolokaError, asyncio.CancelledError) as error:
        await in_thread(keep)
        if folder.manifest.parts:
            error.add_note(f"What came is kept in {folder.path}; the same call goes on.")
        raise


def _bounds(manifest: Manifest, cursor: str) -> dict[str, str]:
    filters = {"created_gt": manifest.since, "created_lte": manifest.until, f"{cursor}_gt": manifest.cursor}
    return {name: value for name, value in filters.items() if value is not None}


class _Growth:
    """The last part of a copy while pages come; a small one grows, so that many small copies do not make many small parts."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._cursor = folder.manifest.cursor
        self._number = len(folder.manifest.parts)
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        if self._number and folder.manifest.parts[-1].rows < ROW_GROUP_ROWS:
            self._number -= 1
            for batch in folder.read(self._number).cast(folder.schema).to_batches():
                self.add(batch, self._cursor)
        self._settled()

    @property
    def full(self) -> bool:
        """Whether the part is as large as one should be."""
        return self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES

    def without_undated(self, page: Page) -> Page:
        """The page without rows that have no time of creation and are in the copy: a service may give them each time."""
        created = self._folder.life.created
        if self._folder.manifest.since is None or created is None or not page.batch[created].null_count:
            return page
        return page.keep([each not in self._undated for each in page.ids])

    @cached_property
    def _undated(self) -> set[str]:
        """Ids of the rows on disk that have no time of creation."""
        life, ids = self._folder.life, set[str]()
        for number in range(len(self._folder.manifest.parts)):
            table = self._folder.read_columns(number, [life.id, str(life.created)])
            ids.update(table[life.id].filter(pc.is_null(table[life.created])).to_pylist())
        return ids

    def add(self, batch: pa.RecordBatch, cursor: str | None) -> None:
        """Take a page and the cursor behind it."""
        self._batches.append(batch.select(self._folder.schema.names))
        self._rows, self._bytes, self._cursor = self._rows + len(batch), self._bytes + batch.nbytes, cursor

    def keep(self) -> None:
        """Write what came, if anything did."""
        if self._rows > self._written:
            self.put()

    def put(self, **changes: Any) -> None:
        """Write what came, and where the copy is now; a copy without rows has a part too, for its columns."""
        if self._rows > self._written or not self._folder.manifest.parts:
            table = pa.Table.from_batches(self._batches, self._folder.schema)
            self._folder.put(self._number, table, cursor=self._cursor, **changes)
        else:
            self._folder.note(cursor=self._cursor, **changes)
        self._settled()

    def _settled(self) -> None:
        """What is here is on disk; a full part is followed by another."""
        if self.full:
            self._number, self._batches, self._rows, self._bytes = self._number + 1, [], 0, 0
        self._written = self._rows


def _now() -> str:
    return format_timestamp(datetime.now(UTC).replace(microsecond=0))

"""Pull a list into a folder of Parquet parts; after an interruption, the same call resumes after the last row on disk."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import CopyError, TolokaError
from toloka_frames._reading.manifest import Manifest
from toloka_frames._reading.output_paths import check_output_folder
from toloka_frames._reading.parts import CopyFolder
from toloka_frames._reading.sinks import ROW_GROUP_BYTES, ROW_GROUP_ROWS
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import Source
    from toloka_frames._runtime.tracker import ProgressTracker


async def pull_resumable(source: Source, path: FilePath, tracker: ProgressTracker) -> Path:
    """Pull the rows that a list has now into a folder, or resume a pull there; see `Scan.to_parquet`."""
    destination = check_output_folder(path)
    query, lifecycle = source.request.query, source.request.resource.life
    manifest = await new_manifest(source, "to_parquet")
    if lifecycle.created is not None and not {"created_lt", "created_lte"} & set(query):
        manifest = replace(manifest, until=format_timestamp(source.service.latest_now()))
    with CopyFolder(destination, lifecycle, manifest, source.service.url) as folder:
        folder.check_sizes()
        if folder.manifest.complete:
            since = f"complete since {folder.manifest.ended} UTC"
            tracker.note = f"{since}, so nothing was pulled; to pull again, delete {destination}"
        else:
            folder.match_columns((await source.layout()).schema)
            await fill(source, folder, tracker)
    return destination


async def new_manifest(source: Source, made_by: Literal["to_parquet", "sync"]) -> Manifest:
    """Return the manifest of a copy without parts.

    Raises:
        ConfigurationError: If the service refuses to tell whose rows these are.
    """
    request, account = source.request, await source.service.known_account()
    return Manifest(made_by, request.resource.name, request.path, dict(request.query), account, _now())


async def fill(source: Source, folder: CopyFolder, tracker: ProgressTracker) -> int:
    """Fetch the rows between the manifest's bounds, from its cursor on; return the number of rows added."""
    rows_before = folder.manifest.rows
    part = await in_thread(_LastPart, folder)
    async with (
        save_on_error(folder, part.save),
        source.pages(_bounds(folder.manifest, source.request.resource.cursor)) as pages,
    ):
        async for cursor, page in pages:
            batch = (await in_thread(part.without_known_undated, page)).batch
            tracker.add_page(len(batch))
            part.add(batch, cursor)
            if part.is_full:
                await in_thread(part.write)
    await in_thread(part.write, complete=True, ended=_now())
    return folder.manifest.rows - rows_before


@asynccontextmanager
async def save_on_error(folder: CopyFolder, save: Callable[[], object]) -> AsyncIterator[None]:
    """Write the fetched rows to disk when a request fails or the call is cancelled, and note that on the error."""
    try:
        yield
    except CopyError:  # the disk failed, so saving would fail too
        raise
    except (TolokaError, asyncio.CancelledError) as error:
        await in_thread(save)
        if folder.manifest.parts:
            error.add_note(f"The rows fetched so far are in {folder.path}; run the same call again to resume.")
        raise


def _bounds(manifest: Manifest, cursor: str) -> dict[str, str]:
    filters = {"created_gt": manifest.since, "created_lte": manifest.until, f"{cursor}_gt": manifest.cursor}
    return {name: value for name, value in filters.items() if value is not None}


class _LastPart:
    """The last part of a copy, to which pages are added. A part that is not full is extended, so that parts stay few."""

    def __init__(self, folder: CopyFolder) -> None:
        self._folder = folder
        self._cursor = folder.manifest.cursor
        self._number = len(folder.manifest.parts)
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        if self._number and folder.manifest.parts[-1].rows < ROW_GROUP_ROWS:
            self._number -= 1
            for batch in folder.read_part(self._number).cast(folder.schema).to_batches():
                self.add(batch, self._cursor)
        self._mark_written()

    @property
    def is_full(self) -> bool:
        """Whether the part has reached its size limit."""
        return self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES

    def without_known_undated(self, page: Page) -> Page:
        """Return the page without rows that are in the copy and have no creation time: every range may include them."""
        created = self._folder.lifecycle.created
        if self._folder.manifest.since is None or created is None or not page.batch[created].null_count:
            return page
        return page.keep([id_ not in self._undated_ids for id_ in page.ids])

    @cached_property
    def _undated_ids(self) -> set[str]:
        """Ids of the rows on disk without a creation time."""
        lifecycle, ids = self._folder.lifecycle, set[str]()
        for number in range(len(self._folder.manifest.parts)):
            table = self._folder.read_columns(number, [lifecycle.id, str(lifecycle.created)])
            ids.update(table[lifecycle.id].filter(pc.is_null(table[lifecycle.created])).to_pylist())
        return ids

    def add(self, batch: pa.RecordBatch, cursor: str | None) -> None:
        """Add a page and the cursor after it."""
        self._batches.append(batch.select(self._folder.schema.names))
        self._rows, self._bytes, self._cursor = self._rows + len(batch), self._bytes + batch.nbytes, cursor

    def save(self) -> None:
        """Write the part if rows were added since it was written."""
        if self._rows > self._written_rows:
            self.write()

    def write(self, **changes: Any) -> None:
        """Write the part and update the manifest. A copy without rows gets an empty part, for its columns."""
        if self._rows > self._written_rows or not self._folder.manifest.parts:
            table = pa.Table.from_batches(self._batches, self._folder.schema)
            self._folder.put_part(self._number, table, cursor=self._cursor, **changes)
        else:
            self._folder.update_manifest(cursor=self._cursor, **changes)
        self._mark_written()

    def _mark_written(self) -> None:
        if self.is_full:
            self._number, self._batches, self._rows, self._bytes = self._number + 1, [], 0, 0
        self._written_rows = self._rows


def _now() -> str:
    return format_timestamp(datetime.now(UTC).replace(microsecond=0))

"""A scan's source comes in, its rows go into a folder of parts (`_parts`): once, or again and again what is new and changed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import CopyError, InputError, TolokaError
from toloka_frames._reading.manifest import Manifest
from toloka_frames._reading.parts import Folder, check_output_folder, is_open
from toloka_frames._reading.sinks import ROW_GROUP_BYTES, ROW_GROUP_ROWS, FilePath
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.timestamps import MILLISECOND_US, format_microseconds, format_timestamp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toloka_frames._reading.page import Page
    from toloka_frames._reading.pager import Source
    from toloka_frames._runtime.progress import ProgressTracker
    from toloka_frames._schema.lists import RowLifecycle

# Filters by which a row belongs to a list for ever or never. By its status, or by another thing that changes, a row leaves the
# list unseen, and its last state is never asked for.
STEADY = {
    "owner",
    "project_id",
    "pool_id",
    "task_id",
    "task_suite_id",
    "user_id",
    "app_id",
    "parent_app_project_id",
    "batch_id",
    "assignment_id",
    "owner_id",
    "owner_company_id",
    "scope",
    "requester_ids",
}
STEADY |= {"id_gt", "id_gte", "id_lt", "id_lte", "after_id", "created_gte"}

Moments: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


@dataclass(frozen=True)
class Synced:
    """What a `tf.sync` did; rows are counted as the list has them, so an assignment is one.

    Attributes:
        path: The folder.
        added: Rows that this call added.
        changed: Rows that were there and are another now.
        rows: Rows that are there.
    """

    path: Path
    added: int
    changed: int
    rows: int


async def pull(source: Source, path: FilePath, meter: ProgressTracker) -> Path:
    """Copy what a list holds now into a folder, or go on with that; see `Scan.to_parquet`."""
    place = check_output_folder(path)
    query, life = source.question.query, source.question.resource.life
    wanted = await _wanted(source, "to_parquet")
    if life.created is not None and not {"created_lt", "created_lte"} & set(query):
        wanted = replace(wanted, until=format_timestamp(source.service.latest_now()))
    with Folder(place, life, wanted) as folder:
        if folder.manifest.complete:
            meter.note = f"complete since {folder.manifest.ended} UTC, so nothing was pulled; to pull again, delete {place}"
        else:
            folder.match((await source.layout()).schema)
            await _fill(source, folder, meter)
    return place


async def copy(source: Source, path: FilePath, lag: timedelta, meter: ProgressTracker) -> Synced:
    """Bring a copy up to date; see `tf.sync`."""
    place = check_output_folder(path)
    _refuse_unsteady(source)
    wanted = await _wanted(source, "sync")
    with Folder(place, source.question.resource.life, replace(wanted, until=_until(source, lag))) as folder:
        folder.match((await source.layout()).schema)
        homes, windows = await in_thread(_open_rows, folder, int(source.limit))
        # new rows before those that are there: a service that fails now and then in a long asking again keeps none away
        added = 0 if folder.manifest.complete else await _fill(source, folder, meter)
        until = _until(source, lag)
        if until > (folder.manifest.until or ""):
            await in_thread(folder.note, since=folder.manifest.until, until=until, cursor=None, complete=False)
            added += await _fill(source, folder, meter)
        changed = await _ask_again(source, folder, meter, homes, windows)
        return Synced(place, added, changed, folder.manifest.rows)


async def _wanted(source: Source, made_by: Literal["to_parquet", "sync"]) -> Manifest:
    asked, account = source.question, await source.service.account()
    return Manifest(made_by, asked.resource.name, asked.path, dict(asked.query), account, _now())


def _until(source: Source, lag: timedelta) -> str:
    """The instant so long ago, by the earlier of both clocks: what a sync has passed it never asks for again."""
    return format_timestamp((min(source.service.now(), datetime.now(UTC)) - lag).replace(microsecond=0))


def _refuse_unsteady(source: Source) -> None:
    asked = source.question
    if asked.resource.life.created is None:
        raise InputError(f"{asked.resource.name} cannot be asked for by when they were created, so they cannot be synced.")
    if asked.resource.life.fluid:
        raise InputError(
            f"{asked.resource.name} change or go away, and no state tells of it, so a copy cannot be kept up to date.",
            hint="Pull them anew: scan.to_parquet(path).",
        )
    if unsteady := sorted(set(asked.query) - STEADY):
        hint = (
            "A row that changes would leave the list unseen (and the upper bound of `created` is set by tf.sync): sync without "
            "this filter, and filter the copy."
        )
        hint = "Give created_gte in its place." if unsteady == ["created_gt"] else hint
        raise InputError(f"A copy cannot be kept up to date by {', '.join(unsteady)}.", column=unsteady[0], hint=hint)


async def _fill(source: Source, folder: Folder, meter: ProgressTracker) -> int:
    """Walk the manifest's bounds from its cursor to their end; how many rows of the list came."""
    rows = folder.manifest.rows
    growth = await in_thread(_Growth, folder)
    async with (
        _kept(folder, growth.keep),
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
async def _kept(folder: Folder, keep: Callable[[], object]) -> AsyncIterator[None]:
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


async def _ask_again(
    source: Source, folder: Folder, meter: ProgressTracker, homes: Mapping[str, int], windows: Sequence[Mapping[str, str]]
) -> int:
    """Ask for the open rows of a copy and replace those that are another now; how many."""
    left, changed = set(homes), 0
    fetched: list[pa.RecordBatch] = []
    async with _kept(folder, lambda: _replace(folder, homes, fetched)):
        for window in windows:
            async with aclosing(source.pages(window)) as pages:
                async for _, page in pages:
                    wanted = page.keep([each in left for each in page.ids])
                    left.difference_update(wanted.ids)
                    meter.rows += len(wanted.batch)
                    fetched.append(wanted.batch)
                    if sum(map(len, fetched)) >= ROW_GROUP_ROWS:
                        changed += await in_thread(_replace, folder, homes, fetched)
                        fetched = []
    return changed + await in_thread(_replace, folder, homes, fetched)


def _open_rows(folder: Folder, page_rows: int) -> tuple[dict[str, int], list[dict[str, str]]]:
    """The numbers of the parts of open rows by the rows' ids, and filters for when they were created."""
    life = folder.life
    if life.created is None or life.status is None or not any(part.open_rows for part in folder.manifest.parts):
        return {}, []
    homes: dict[str, int] = {}
    created, opened = [], []
    for number in range(len(folder.manifest.parts)):
        table = folder.read_columns(number, [life.id, life.created, life.status])
        still = table.filter(is_open(table, life))
        homes |= dict.fromkeys(still[life.id].to_pylist(), number)
        created.append(_microseconds(table[life.created]))
        opened.append(_microseconds(still[life.created]))
    return homes, list(_windows(np.sort(np.concatenate(created)), np.sort(np.concatenate(opened)), page_rows))


def _windows(created: Moments, opened: Moments, page_rows: int) -> Iterator[dict[str, str]]:
    """Filters that open rows pass: neighbours share one unless more than a page of rows lies between them."""
    if not opened.size:  # what an older version took for open is final
        return
    between = np.diff(np.searchsorted(created, opened))
    breaks = np.flatnonzero(between > page_rows) + 1
    for group in np.split(opened, breaks):
        # the service may show or compare whole milliseconds
        first, last = (
            group[0] // MILLISECOND_US * MILLISECOND_US,
            (group[-1] // MILLISECOND_US + 1) * MILLISECOND_US,
        )
        yield {"created_gte": format_microseconds(int(first)), "created_lte": format_microseconds(int(last))}


def _replace(folder: Folder, homes: Mapping[str, int], fetched: Sequence[pa.RecordBatch]) -> int:
    """Put rows in the place of those of the same id where they differ; how many rows of the list did."""
    if not fetched:
        return 0
    table, key, changed = pa.Table.from_batches(fetched).select(folder.schema.names), folder.life.id, 0
    numbers = np.array([homes[each] for each in table[key].to_pylist()], dtype=np.int64)
    for number in np.unique(numbers).tolist():
        there, here = folder.read(number).cast(table.schema), table.filter(pa.array(numbers == number))
        if differing := pa.array(_differing(there, here, folder.life), pa.string()):
            kept, new = pc.invert(pc.is_in(there[key], differing)), pc.is_in(here[key], differing)
            folder.put(number, pa.concat_tables([there.filter(kept), here.filter(new)]))
            changed += len(differing)
    return changed


def _differing(there: pa.Table, here: pa.Table, life: RowLifecycle) -> list[str]:
    """Ids of rows that are not as they were."""
    before = _by_id(there.filter(pc.is_in(there[life.id], pc.unique(here[life.id]))), life)
    return [each for each, rows in _by_id(here, life).items() if rows != before.get(each)]


def _by_id(table: pa.Table, life: RowLifecycle) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.drop_columns([name for name in life.passing if name in table.column_names]).to_pylist():
        rows.setdefault(row[life.id], []).append(row)
    return rows


def _microseconds(instants: pa.ChunkedArray) -> Moments:
    return np.asarray(instants.drop_null().cast(pa.int64()).to_numpy())


def _now() -> str:
    return format_timestamp(datetime.now(UTC).replace(microsecond=0))

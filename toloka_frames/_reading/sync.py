"""A scan's source comes in, its rows go into a folder of parts (`_parts`): once, or again and again what is new and changed."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import InputError
from toloka_frames._reading.parts import Folder, check_output_folder, is_open
from toloka_frames._reading.resumable import fill, keep_on_error, new_manifest
from toloka_frames._reading.scan import check_scan
from toloka_frames._reading.sinks import ROW_GROUP_ROWS, FilePath
from toloka_frames._runtime.event_loop import in_thread, run
from toloka_frames._runtime.progress import ProgressArg, track_progress
from toloka_frames._schema.timestamps import MILLISECOND_US, format_microseconds, format_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toloka_frames._reading.pager import Source
    from toloka_frames._reading.scan import Scan
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

# rows become visible late: Toloka-Kit 1.2.0 made its own cursors stay a minute behind the clock
LAG = timedelta(minutes=1)
LAG_MAX = timedelta(days=365)

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


def sync(scan: Scan, folder: FilePath, *, lag: timedelta = LAG, progress: ProgressArg = "auto") -> Synced:
    """Make a copy of a list in a folder of Parquet parts, or bring it up to date: run it as often as you like.

    Each call goes on with what an earlier one did not finish, asks again for the rows of the copy that can still change, and
    adds the rows created since then. A row that is another now takes the place of the old one; the copy is never without it,
    and never has it twice, also for those who read it meanwhile and after a kill at any moment. A row that vanishes from the
    list stays. Open rows that are scattered over a whole list make a call as long as a pull.

    Final, and not asked for again, are: ACCEPTED, SKIPPED and EXPIRED assignments; COMPLETED, ERROR, CANCELLED and ARCHIVE app
    items and batches; ARCHIVED pools, trainings, projects and app projects, and ERROR app projects; all bonuses and
    attachments; all tasks and task suites (they have no status, and a later change of their overlap is not followed). The time
    of asking, `current_time` of app batches, is no change.

    Args:
        scan: What to copy, the same each time. Its filters must be ones that a row passes for ever or never: ids, and
            `created_gte`. Apps, operations and aggregated solutions cannot be asked for by `created`, and skills, bans,
            messages and subscriptions change or go away untold, so that these cannot be synced.
        folder: The folder; it is made, and holds `part-00000.parquet` and so on. `tf.verify(folder)` checks it.
        lag: How far the copy stays behind the earlier of the service's clock and this computer's, because rows become visible
            late. A row that becomes visible later than this, with a `created` that is copied already, is missed.
        progress: As in `Scan.to_dataframe`.

    Returns:
        What was done. Rows are counted as the list has them: an assignment is one, though it has a row for each of its tasks.

    Raises:
        InputError: The list or a filter does not allow it, `lag` is no length of time, or the folder cannot be one, or holds
            other things than a copy.
        ApiError: The service refused.
        ScanInterrupted: The service failed half-way; what came is kept, and the next call goes on.
        CopyError: The folder holds a copy of something else (also where the project's fields have changed since), is damaged,
            is being written by another call, or cannot be written.

    Source: Toloka-Kit 1.2.0's changelog for the lag; Toloka API, "Get list of responses", and Apps API for the states.
    """
    return run(awaited_sync(scan, folder, lag, progress))


async def awaited_sync(scan: Scan, folder: FilePath, lag: timedelta, progress: ProgressArg) -> Synced:
    """`sync` for async code, by `toloka_frames.aio`."""
    check_scan(scan, "tf.sync copies")
    if not isinstance(lag, timedelta) or not timedelta(0) <= lag <= LAG_MAX:
        hint = "As lag=timedelta(minutes=1); rows become visible within minutes."
        raise InputError(f"lag={lag!r}: a timedelta from 0 to {LAG_MAX.days} days is needed.", column="lag", hint=hint)
    # `tf.sync` is a part of Scan that has its own file
    with track_progress(progress, scan._title) as tracker:  # noqa: SLF001
        return await copy(scan._source, folder, lag, tracker)  # noqa: SLF001


async def copy(source: Source, path: FilePath, lag: timedelta, meter: ProgressTracker) -> Synced:
    """Bring a copy up to date; see `tf.sync`."""
    place = check_output_folder(path)
    _refuse_unsteady(source)
    wanted = await new_manifest(source, "sync")
    with Folder(place, source.question.resource.life, replace(wanted, until=_until(source, lag))) as folder:
        folder.match((await source.layout()).schema)
        homes, windows = await in_thread(_open_rows, folder, int(source.limit))
        # new rows before those that are there: a service that fails now and then in a long asking again keeps none away
        added = 0 if folder.manifest.complete else await fill(source, folder, meter)
        until = _until(source, lag)
        if until > (folder.manifest.until or ""):
            await in_thread(folder.note, since=folder.manifest.until, until=until, cursor=None, complete=False)
            added += await fill(source, folder, meter)
        changed = await _ask_again(source, folder, meter, homes, windows)
        return Synced(place, added, changed, folder.manifest.rows)


def _until(source: Source, lag: timedelta) -> str:
    """The instant so long ago, by the earlier of both clocks: what a sync has passed it never asks for again."""
    return format_timestamp((min(source.service.now(), datetime.now(UTC)) - lag).replace(microsecond=0))


def _refuse_unsteady(source: Source) -> None:
    asked = source.question
    if asked.resource.life.created is None:
        raise InputError(f"{asked.resource.name} cannot be asked for by when they were created, so they cannot be synced.")
    if asked.resource.life.untracked:
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


async def _ask_again(
    source: Source, folder: Folder, meter: ProgressTracker, homes: Mapping[str, int], windows: Sequence[Mapping[str, str]]
) -> int:
    """Ask for the open rows of a copy and replace those that are another now; how many."""
    left, changed = set(homes), 0
    fetched: list[pa.RecordBatch] = []
    async with keep_on_error(folder, lambda: _replace(folder, homes, fetched)):
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
    for row in table.drop_columns([name for name in life.volatile_columns if name in table.column_names]).to_pylist():
        rows.setdefault(row[life.id], []).append(row)
    return rows


def _microseconds(instants: pa.ChunkedArray) -> Moments:
    return np.asarray(instants.drop_null().cast(pa.int64()).to_numpy())

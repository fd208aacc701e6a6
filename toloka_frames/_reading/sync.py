"""`tf.sync`: copy a list into a folder, and on later calls add its new rows and replace its changed ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import InputError
from toloka_frames._reading.output_paths import check_output_folder
from toloka_frames._reading.parts import CopyFolder, is_open
from toloka_frames._reading.resumable import fill, new_manifest, save_on_error
from toloka_frames._reading.scan import check_scan
from toloka_frames._reading.sinks import ROW_GROUP_ROWS
from toloka_frames._runtime.event_loop import in_thread, public_class, run
from toloka_frames._runtime.tracker import track_progress
from toloka_frames._schema.timestamps import MILLISECOND_US, format_microseconds, format_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._reading.scan import ListRequest, Scan, Source
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._schema.lists import RowLifecycle

# A row matches these filters forever or never. With others, such as status, a row that changes could leave the list
# unnoticed, and its last state would never be fetched.
IMMUTABLE_FILTERS = {
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
IMMUTABLE_FILTERS |= {"id_gt", "id_gte", "id_lt", "id_lte", "after_id", "created_gte"}

# rows become visible late: Toloka-Kit 1.2.0 made its own cursors stay a minute behind the clock
DEFAULT_LAG = timedelta(minutes=1)
MAX_LAG = timedelta(days=365)

Microseconds: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


@public_class
@dataclass(frozen=True)
class Synced:
    """The result of a `tf.sync`. Rows are counted as in the list: an assignment is one, even with several tasks.

    Attributes:
        path: The folder.
        added: Rows that this call added.
        changed: Rows of the copy that this call replaced because they had changed.
        rows: Rows in the copy.
        too_young: Rows of the list that are too young to be copied yet; a call later than `lag` from now adds them.

    Example:
        >>> synced = tf.sync(client.get_tasks(pool.id), "tasks")
        >>> synced.added + synced.too_young  # the tasks of the last minute are too young
        9
    """

    path: Path
    added: int
    changed: int
    rows: int
    too_young: int = 0


def sync(scan: Scan, folder: FilePath, *, lag: timedelta = DEFAULT_LAG, progress: ProgressArg = "auto") -> Synced:
    """Copy a list into a folder of Parquet parts, or bring the copy there up to date. Call it as often as needed.

    Each call finishes what an earlier one left unfinished, adds the rows created since then, and requests the rows of the copy
    that can still change again. A changed row replaces the old one: readers find it exactly once at any moment, also while a
    call is running and after a kill. A row that disappears from the list stays in the copy. If the rows that can still change
    are spread over the whole list, a call takes as long as a full pull.

    These rows are final and are not requested again: ACCEPTED, SKIPPED and EXPIRED assignments; COMPLETED, ERROR, CANCELLED
    and ARCHIVE app items and batches; ARCHIVED pools, trainings, projects and app projects, and ERROR app projects; all
    bonuses and attachments; all tasks and task suites (they have no status; later changes of their overlap are missed).
    `current_time` of app batches, the time of the response, does not count as a change.

    Args:
        scan: The list to copy; the same one in each call. Allowed filters are those that a row matches forever or never: ids,
            and `created_gte`. These lists cannot be synced: apps, operations and aggregated solutions, which cannot be
            filtered by `created`; skills, bans, messages and subscriptions, which change or disappear without a trace.
        folder: The folder; created if missing. It holds `part-00000.parquet` and so on. `tf.verify(folder)` checks it.
        lag: Copy only rows created at least this long ago, by the earlier of the service's and this computer's clock, because
            rows become visible late. A row that takes longer than this to become visible is missed.
        progress: As in `Scan.to_dataframe`.

    Returns:
        How many rows were added and changed, how many the copy has, and how many are too young to be copied yet. Counting
            those takes a request for each page of them.

    Raises:
        InputError: If the list or a filter cannot be synced, `lag` is not valid, or the path is not a folder, its parent does
            not exist, or it holds files other than those of a copy.
        ApiError: If the service rejects a request.
        ScanInterrupted: If requests failed half-way. The rows fetched so far are kept, and the next call resumes.
        CopyError: If the folder is a copy of something else (also if the project's fields have changed since), is damaged, is
            being written by another call, or cannot be written.

    Example:
        >>> copied = tf.sync(client.get_tasks(pool.id), "tasks")
        >>> copied.added + copied.too_young  # the next call copies those of the last minute
        9

    Source: Toloka-Kit 1.2.0's changelog for the lag; Toloka API, "Get list of responses", and Apps API for the statuses.
    """
    return run(awaited_sync(scan, folder, lag, progress))


async def awaited_sync(scan: Scan, folder: FilePath, lag: timedelta, progress: ProgressArg) -> Synced:
    """`sync` for async code, used by `toloka_frames.aio`."""
    check_scan(scan, "tf.sync copies")
    if not isinstance(lag, timedelta) or not timedelta(0) <= lag <= MAX_LAG:
        hint = "Rows become visible within minutes: lag=timedelta(minutes=1) is the default."
        raise InputError(f"lag={lag!r}: must be a timedelta from 0 to {MAX_LAG.days} days.", column="lag", hint=hint)
    # `tf.sync` is a part of Scan that has its own file
    with track_progress(progress, scan._title) as tracker:  # noqa: SLF001
        return await _sync(scan._source, folder, lag, tracker)  # noqa: SLF001


async def _sync(source: Source, path: FilePath, lag: timedelta, tracker: ProgressTracker) -> Synced:
    destination = check_output_folder(path)
    _check_syncable(source.request)
    manifest = await new_manifest(source, "sync")
    manifest = replace(manifest, until=_latest_created(source, lag))
    with CopyFolder(destination, source.request.resource.life, manifest, source.service.url) as folder:
        folder.check_sizes()
        folder.match_columns((await source.layout()).schema)
        part_of_row, ranges = await in_thread(_open_rows, folder, source.page_size.most)
        # new rows first: they are added even if the service keeps failing during a long refresh of the open ones
        added = 0 if folder.manifest.complete else await fill(source, folder, tracker)
        until = _latest_created(source, lag)
        if until > (folder.manifest.until or ""):
            since = folder.manifest.until
            await in_thread(folder.update_manifest, since=since, until=until, cursor=None, complete=False)
            added += await fill(source, folder, tracker)
        changed = await _refresh(source, folder, tracker, part_of_row, ranges)
        too_young = await _count_created_after(source, folder.manifest.until)
        if too_young:
            tracker.note = f"{too_young:,} rows are younger than lag={lag} and not copied yet"
        return Synced(destination, added, changed, folder.manifest.rows, too_young)


def _check_syncable(request: ListRequest) -> None:
    resource = request.resource
    if resource.life.created is None:
        raise InputError(f"{resource.name} cannot be filtered by creation time, so they cannot be synced.")
    if resource.life.untracked:
        raise InputError(
            f"{resource.name} change or disappear without a change of status, so a copy cannot be kept up to date.",
            hint="Pull them again instead: scan.to_parquet(path).",
        )
    if mutable := sorted(set(request.query) - IMMUTABLE_FILTERS):
        hint = (
            "A row that changes could leave the list unnoticed (and tf.sync itself sets the upper bound of `created`): sync "
            "without this filter, and filter the copy."
        )
        hint = "Use created_gte instead." if mutable == ["created_gt"] else hint
        message = f"A copy filtered by {', '.join(mutable)} cannot be kept up to date."
        raise InputError(message, column=mutable[0], hint=hint)


def _latest_created(source: Source, lag: timedelta) -> str:
    # the earlier clock, because later calls request only rows created after this
    return format_timestamp((min(source.service.now(), datetime.now(UTC)) - lag).replace(microsecond=0))


async def _count_created_after(source: Source, until: str | None) -> int:
    if until is None:
        return 0
    count = 0
    async with source.pages({"created_gt": until}) as pages:
        async for _, page in pages:
            count += len(page.ids)
    return count


def _open_rows(folder: CopyFolder, page_rows: int) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Return the part numbers of the rows that can still change, by id, and filters that match when they were created."""
    lifecycle = folder.lifecycle
    if lifecycle.created is None or lifecycle.status is None or not any(part.open_rows for part in folder.manifest.parts):
        return {}, []
    part_of_row: dict[str, int] = {}
    all_created, open_created = [], []
    for number in range(len(folder.manifest.parts)):
        table = folder.read_columns(number, [lifecycle.id, lifecycle.created, lifecycle.status])
        open_rows = table.filter(is_open(table, lifecycle))
        part_of_row |= dict.fromkeys(open_rows[lifecycle.id].to_pylist(), number)
        all_created.append(_microseconds(table[lifecycle.created]))
        open_created.append(_microseconds(open_rows[lifecycle.created]))
    ranges = _time_ranges(np.sort(np.concatenate(all_created)), np.sort(np.concatenate(open_created)), page_rows)
    return part_of_row, list(ranges)


def _time_ranges(all_created: Microseconds, open_created: Microseconds, page_rows: int) -> Iterator[dict[str, str]]:
    """Yield filters that match the open rows: two neighbours share a range unless more than a page of rows is between them."""
    if not open_created.size:  # the manifest of an older version can count rows as open that are final now
        return
    rows_between = np.diff(np.searchsorted(all_created, open_created))
    for group in np.split(open_created, np.flatnonzero(rows_between > page_rows) + 1):
        # rounded outward, because the service may return or compare timestamps in whole milliseconds
        first = group[0] // MILLISECOND_US * MILLISECOND_US
        last = (group[-1] // MILLISECOND_US + 1) * MILLISECOND_US
        yield {"created_gte": format_microseconds(int(first)), "created_lte": format_microseconds(int(last))}


async def _refresh(
    source: Source,
    folder: CopyFolder,
    tracker: ProgressTracker,
    part_of_row: Mapping[str, int],
    ranges: Sequence[Mapping[str, str]],
) -> int:
    """Request the open rows again and replace those that have changed; return their number."""
    missing, changed = set(part_of_row), 0
    fetched: list[pa.RecordBatch] = []
    async with save_on_error(folder, lambda: _replace_changed(folder, part_of_row, fetched)):
        for filters in ranges:
            async with source.pages(filters) as pages:
                async for _, page in pages:
                    wanted = page.keep([id_ in missing for id_ in page.ids])
                    missing.difference_update(wanted.ids)
                    tracker.add_page(len(wanted.batch))
                    fetched.append(wanted.batch)
                    if sum(map(len, fetched)) >= ROW_GROUP_ROWS:
                        changed += await in_thread(_replace_changed, folder, part_of_row, fetched)
                        fetched = []
    return changed + await in_thread(_replace_changed, folder, part_of_row, fetched)


def _replace_changed(folder: CopyFolder, part_of_row: Mapping[str, int], fetched: Sequence[pa.RecordBatch]) -> int:
    """Replace the rows of the copy that differ from the fetched ones of the same id; return their number."""
    if not fetched:
        return 0
    table, key, changed = pa.Table.from_batches(fetched).select(folder.schema.names), folder.lifecycle.id, 0
    numbers = np.array([part_of_row[id_] for id_ in table[key].to_pylist()], dtype=np.int64)
    for number in np.unique(numbers).tolist():
        old, new = folder.read_part(number).cast(table.schema), table.filter(pa.array(numbers == number))
        if changed_ids := pa.array(_changed_ids(old, new, folder.lifecycle), pa.string()):
            unchanged, replacing = pc.invert(pc.is_in(old[key], changed_ids)), pc.is_in(new[key], changed_ids)
            folder.put_part(number, pa.concat_tables([old.filter(unchanged), new.filter(replacing)]))
            changed += len(changed_ids)
    return changed


def _changed_ids(old: pa.Table, new: pa.Table, lifecycle: RowLifecycle) -> list[str]:
    old_rows = _rows_by_id(old.filter(pc.is_in(old[lifecycle.id], pc.unique(new[lifecycle.id]))), lifecycle)
    return [id_ for id_, rows in _rows_by_id(new, lifecycle).items() if rows != old_rows.get(id_)]


def _rows_by_id(table: pa.Table, lifecycle: RowLifecycle) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.drop_columns([name for name in lifecycle.volatile_columns if name in table.column_names]).to_pylist():
        rows.setdefault(row[lifecycle.id], []).append(row)
    return rows


def _microseconds(timestamps: pa.ChunkedArray) -> Microseconds:
    return np.asarray(timestamps.drop_null().cast(pa.int64()).to_numpy())

"""`tf.follow`: iterate over the new rows of a list as DataFrames, each row once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from copy import copy as copy_of
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.follow_cursor import Cursor, PendingFrame
from toloka_frames._reading.follow_position import Position
from toloka_frames._reading.follow_times import followed_time
from toloka_frames._reading.follow_until import End, check_until
from toloka_frames._reading.interruptions import Handover
from toloka_frames._reading.output_paths import check_output_file
from toloka_frames._reading.scan import check_scan
from toloka_frames._reading.sinks import check_dtype_backend, to_frame
from toloka_frames._reading.sync import DEFAULT_LAG, MAX_LAG
from toloka_frames._runtime.displays import drawing
from toloka_frames._runtime.event_loop import in_thread, iterate, on_tick
from toloka_frames._runtime.tracker import ProgressTracker, as_current
from toloka_frames._schema.timestamps import EPOCH, MICROSECOND, format_microseconds, to_microseconds
from toloka_frames._transport.operations import in_seconds
from toloka_frames._validation import flag, seconds_or_none, validate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from toloka_frames._reading.follow_times import FollowedTime
    from toloka_frames._reading.follow_until import Until
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import Scan, Source
    from toloka_frames._reading.sinks import DtypeBackend
    from toloka_frames._runtime.progress import Progress, ProgressArg

T = TypeVar("T")

# A page of most lists. The rows of a frame are noted in the cursor, which is written for each frame.
MAX_FRAME_ROWS = 10_000
ONLY = ""  # the name of a scan that is followed alone


@overload
def follow(
    scan: Scan,
    *,
    by: str = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> Iterator[pd.DataFrame]: ...
@overload
def follow(
    scan: Mapping[str, Scan],
    *,
    by: str | Mapping[str, str] = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> Iterator[tuple[str, pd.DataFrame]]: ...
def follow(
    scan: Scan | Mapping[str, Scan],
    *,
    by: str | Mapping[str, str] = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> Iterator[pd.DataFrame] | Iterator[tuple[str, pd.DataFrame]]:
    """Iterate over the rows of a list as they come, in DataFrames: first those it has, then every minute those that are new.

    Each row is in one frame, once, in its state of that moment: also rows with equal times, and rows that become visible late.
    A frame has at most 10,000 rows of the list, or those of a page (`batch_size=`). Between two frames, your loop's body can
    take as long as it needs.

    A row that leaves the list between two looks is missing: with `status="SUBMITTED"`, one that was accepted meanwhile. Without
    `status=`, and with `by="submitted"`, every row that was submitted is in a frame, whatever its status is by then.

    Args:
        scan: The list; or several by names, `{"answers": scan, "pools": other}`, whose frames are yielded with their names.
            Filters that a row can come to match later are rejected, except for `status`.
        by: The time that makes a row new. "created": when it became a row of the list; of assignments filtered by status, when
            they entered that status, such as `submitted` for `status="SUBMITTED"`. Of assignments also "submitted",
            "accepted", "rejected", "skipped" or "expired"; of app items "finished"; of operations "submitted" or "finished"; of
            pools and trainings "last_started"; of user skills "modified". A row whose time changes, as by another start of a
            pool, is new again. For several scans also a dict by names.
        every: Seconds between two looks at the list, or a timedelta.
        cursor: A file in which the position is kept, so that the same call continues after a restart or a kill. A frame counts
            as done when the loop asks for the next one, or ends with the last. After an error in the loop's body, `break`, Stop
            or a kill, the same rows come again, in one frame, so every row is handed over at least once. The functions that
            create rows, such as `tf.create_tasks`, recognise that frame, so that all in all each row is created once.
        until: When to end: `tf.closed(pool_id)`; a function without arguments that returns True or False, called in another
            thread before each look; a datetime with a time zone; a timedelta from now. None never ends. Before the end, all
            rows of until then are handed over. The condition is checked again after that: if the loop's body has opened
            a pool, the loop goes on, also if the pool was completed in the meantime. Of several scans, each is looked at once
            more after rows of another one.
        lag: How late a row can become visible, in seconds or as a timedelta. Each look requests the rows of this time before
            the latest one again and leaves out those that are known. The last look begins this long after `until` has begun to
            hold; for `tf.closed`, after the pool was closed. By default a minute, and 0 for `LocalToloka`, whose responses say
            that rows are visible at once.
        empty: Whether a look without new rows yields a frame without rows.
        dtype_backend: As in `Scan.to_dataframe`.
        progress: As in `Scan.to_dataframe`.

    Yields:
        Frames with the columns and dtypes of `scan.to_dataframe()` and a RangeIndex, rows in the order of their ids.

    Raises:
        InputError: If an argument is not valid, or the list does not have the time of `by`; nothing was sent.
        CursorError: If the cursor is in use by another call, is that of other lists, filters, times or another account, or
            cannot be read or written.
        ApiError: If the service refuses, or requests fail for good. The cursor is kept: the same call continues.
        ScanInterrupted: The same, after the first page of a look.

    Example:
        >>> answers = client.get_assignments(pool.id)
        >>> for frame in tf.follow(answers, by="submitted", cursor="answers.json", until=tf.closed(pool)):
        ...     print(frame["ASSIGNMENT:status"].unique().tolist())
        ['SUBMITTED', 'ACCEPTED']

    Source: Toloka-Kit 1.2.0's changelog for the lag; Toloka API, "Get list of responses", for the times.
    """
    frames = followed(scan, by, every, cursor, until, lag, empty, dtype_backend, progress)
    return iterate(frames) if isinstance(scan, Mapping) else iterate(WithoutNames(frames))


def followed(
    scan: Scan | Mapping[str, Scan],
    by: str | Mapping[str, str],
    every: float | timedelta,
    cursor: FilePath | None,
    until: Until,
    lag: float | timedelta | None,
    empty: bool,
    dtype_backend: DtypeBackend | None,
    progress: ProgressArg,
) -> Frames:
    """Return the frames of `follow` with the names of their scans; arguments as there, which are checked first."""
    options = Options(
        _check_every(every),
        None if cursor is None else check_output_file(cursor),
        until,
        validate("empty", flag, empty) == "true",
        dtype_backend,
    )
    check_until(until)
    check_dtype_backend(dtype_backend)
    return Frames(_check_scans(scan, by, _check_lag(lag)), options, progress)


@dataclass(frozen=True)
class Options:
    """The arguments of `follow`, checked; `every` in seconds."""

    every: float
    cursor: Path | None
    until: Until
    empty: bool
    dtype_backend: DtypeBackend | None


def _check_every(every: Any) -> float:
    seconds = in_seconds(every)
    if seconds is None:
        raise InputError("every=None: a number of seconds above 0 is needed.", column="every")
    validate("every", seconds_or_none, seconds)
    return float(seconds)


def _check_lag(lag: Any) -> float | None:
    seconds = in_seconds(lag)
    if seconds is None or (seconds == 0 and not isinstance(seconds, bool)):
        return seconds
    validate("lag", seconds_or_none, seconds)
    if seconds > MAX_LAG.total_seconds():
        hint = "Rows become visible within minutes: lag=60 is the default."
        raise InputError(f"lag={lag!r}: must be from 0 s to {MAX_LAG.days} days.", column="lag", hint=hint)
    return float(seconds)


def _check_scans(scan: Any, by: Any, lag: float | None) -> dict[str, FollowedList]:
    scans = dict(scan) if isinstance(scan, Mapping) else {ONLY: scan}
    if not scans or not all(isinstance(name, str) for name in scans):
        raise InputError("scan is a dict without scans, or with names that are not text.", column="scan")
    times = dict(by) if isinstance(by, Mapping) else dict.fromkeys(scans, by)
    if unknown := [name for name in times if name not in scans]:
        raise InputError(f"by has {unknown[0]!r}, which is not the name of a scan.", column="by")
    return {name: _followed_list(one, times.get(name, "created"), lag) for name, one in scans.items()}


def _followed_list(scan: Any, by: Any, lag: float | None) -> FollowedList:
    check_scan(scan, "tf.follow takes")
    # `tf.follow` is a part of Scan that has its own file
    source = scan._source  # noqa: SLF001
    return FollowedList(source, followed_time(source.request, by), lag)


@dataclass(frozen=True)
class Chunk:
    """Rows of a list that are handed over together.

    Attributes:
        batches: The rows.
        ids: Their ids in the list.
        position: The position of the list after them.
    """

    batches: list[pa.RecordBatch] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    position: Position = field(default_factory=Position)


@dataclass(frozen=True)
class FollowedList:
    """A list that is followed.

    Attributes:
        source: Its rows.
        time: The time that makes a row new.
        given_lag: How late a row can become visible, in seconds; None for as late as the service says.
    """

    source: Source
    time: FollowedTime
    given_lag: float | None

    def lag(self) -> float:
        """Return how late a row can become visible, in seconds; the service says it with each page, if at all."""
        says = self.source.service.visible_after
        otherwise = DEFAULT_LAG.total_seconds() if says is None else says
        return otherwise if self.given_lag is None else self.given_lag

    async def identity(self) -> dict[str, Any]:
        """Return what a cursor of this list identifies it by."""
        request, account = self.source.request, await self.source.service.known_account()
        return {
            "list": request.resource.name,
            "path": request.path,
            "query": dict(request.query),
            "by": self.time.key,
            "account": account,
        }

    async def look(self, position: Position, handover: Handover) -> AsyncGenerator[Chunk, None]:
        """Walk over the new rows, or continue a walk; the last chunk, which may be empty, has the position after the walk."""
        started, batches, ids = datetime.now(UTC), list[pa.RecordBatch](), list[str]()
        async with self.source.pages(self._filters(position), handover=handover) as pages:
            async for cursor, page in pages:
                # only now is the service's clock known for sure
                began = to_microseconds(started + (self.source.service.clock_skew or timedelta()))
                new, rows = self._new_rows(page, position)
                if ids and len(ids) + len(new.ids) > MAX_FRAME_ROWS:
                    yield Chunk(batches, ids, position)
                    batches, ids = [], []
                began = began if position.began is None else position.began
                position = position.after_page(rows, cursor, began, self._lag_us())
                batches.append(new.batch)
                ids += new.ids
        yield Chunk(batches, ids, position.after_look(self._lag_us()))

    async def again(self, ids: list[str]) -> list[pa.RecordBatch]:
        """Return rows that were handed over before, in the order of the list, whatever their status is now."""
        source, key, wanted = copy_of(self.source), self.source.request.resource.cursor, set(ids)
        query = {name: value for name, value in source.request.query.items() if name != "status"}
        source.request = replace(source.request, query=query)
        batches = list[pa.RecordBatch]()
        async with source.pages({f"{key}_gte": ids[0], f"{key}_lte": ids[-1]}) as pages:
            async for _, page in pages:
                batches.append(page.keep([row_id in wanted for row_id in page.ids]).batch)
        return batches

    def _lag_us(self) -> int:
        return timedelta(seconds=self.lag()) // MICROSECOND

    def _filters(self, position: Position) -> dict[str, str]:
        filters = {f"{self.time.key}_gte": format_microseconds(max(position.since, self.time.earliest))}
        return filters if position.after is None else filters | {f"{self.source.request.resource.cursor}_gt": position.after}

    def _new_rows(self, page: Page, position: Position) -> tuple[Page, list[tuple[str, int]]]:
        """Return the new rows of a page, and their ids and times."""
        rows = list(zip(page.ids, self.time.of_rows(page), strict=True))
        is_new = [position.is_new(row_id, time) for row_id, time in rows]
        return page.keep(is_new), [row for row, new in zip(rows, is_new, strict=True) if new]


class Frames:
    """The frames of `follow` with the names of their scans, one for each `anext`; whoever waits for one sees the progress.

    Attributes:
        ag_running: Whether a frame is being waited for.
    """

    def __init__(self, lists: Mapping[str, FollowedList], options: Options, progress: ProgressArg) -> None:
        self._tracker = ProgressTracker(" and ".join(dict.fromkeys(one.source.request.resource.name for one in lists.values())))
        self._frames = _frames(lists, options, self._tracker)
        self._draw: Callable[[], None] = drawing(progress, self._report)

    @property
    def ag_running(self) -> bool:
        return bool(getattr(self._frames, "ag_running", False))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, pd.DataFrame]:
        on_tick(self._draw)
        with as_current(self._tracker):
            return await anext(self._frames)

    async def aclose(self) -> None:
        """End the loop; the last frame is not done then."""
        on_tick(self._draw)
        await self._frames.aclose()

    def _report(self) -> Progress:
        # rows come when Tolokers are done with them, so a rate, a time left and the sum of the waits say nothing
        return replace(self._tracker.progress(), rate=0.0, seconds_left=None, waited={})


class WithoutNames(Generic[T]):
    """The values of an async iterator of names and values."""

    def __init__(self, items: Any) -> None:
        self._items = items

    @property
    def ag_running(self) -> bool:
        """Whether a value is being waited for."""
        return bool(self._items.ag_running)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        _, value = await anext(self._items)
        return value  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Close the iterator."""
        await self._items.aclose()


async def _frames(
    lists: Mapping[str, FollowedList], options: Options, tracker: ProgressTracker
) -> AsyncGenerator[tuple[str, pd.DataFrame], None]:
    """Yield the frames of `follow`."""
    try:
        identities = {name: await one.identity() if options.cursor else {} for name, one in lists.items()}
        with Cursor(options.cursor, identities) as cursor:
            run = _Run(lists, options, cursor, tracker)
            async with aclosing(run.frames()) as frames:
                async for name, frame in frames:
                    with tracker.wait("your code"):
                        yield name, frame
    except BaseException as error:
        if options.cursor:
            tracker.note = " · ".join(filter(None, [tracker.note, "the same call continues"]))
        tracker.end("failed" if isinstance(error, Exception) else "stopped", error)
        raise
    else:
        tracker.end("done")


class _Run:
    """A run of `follow`."""

    def __init__(self, lists: Mapping[str, FollowedList], options: Options, cursor: Cursor, tracker: ProgressTracker) -> None:
        self._lists = lists
        self._options = options
        self._cursor = cursor
        self._tracker = tracker
        self._handover = Handover.FOLLOWED if options.cursor else Handover.FRAMES

    async def frames(self) -> AsyncGenerator[tuple[str, pd.DataFrame], None]:
        """Yield the frames of all looks until the end."""
        if (pending := self._cursor.pending) is not None:
            frame = await self._frame(pending.name, await self._lists[pending.name].again(list(pending.ids)))
            if len(frame):
                yield pending.name, frame
            await in_thread(self._cursor.complete)
        options, lists = self._options, list(self._lists.values())
        end = End(options.until, options.every, lambda: max(one.lag() for one in lists), lists[0].source.service)
        more_looks = len(lists) - 1
        while True:
            before, had_rows = await end.held(), False
            after = before
            for name in self._lists:
                async with aclosing(self._look(name)) as frames:
                    async for frame in frames:
                        had_rows |= len(frame) > 0
                        yield name, frame
            if before is not None:
                after = await end.held()
            if end.is_last(before, after):
                # the loop's body may have made rows of another list, as by accepting what is followed by="accepted", too
                if not (had_rows and more_looks):
                    return
                more_looks -= 1
            else:
                more_looks = len(lists) - 1
            seconds = end.seconds_to_next_look(after)
            with self._tracker.wait("new rows" if after is None else "late rows", seconds):
                await asyncio.sleep(seconds)

    async def _look(self, name: str) -> AsyncGenerator[pd.DataFrame, None]:
        rows = 0
        async with aclosing(self._lists[name].look(self._cursor.positions[name], self._handover)) as chunks:
            async for chunk in chunks:
                rows += len(chunk.ids)
                if not chunk.ids:
                    self._cursor.positions[name] = chunk.position
                    continue
                frame = await self._frame(name, chunk.batches)
                await in_thread(self._cursor.begin, PendingFrame(name, chunk.ids, chunk.position))
                self._note(len(frame), chunk.position)
                yield frame
                await in_thread(self._cursor.complete)
        if not rows and self._options.empty:
            yield await self._frame(name, [])

    async def _frame(self, name: str, batches: list[pa.RecordBatch]) -> pd.DataFrame:
        table = pa.Table.from_batches(batches, await self._lists[name].source.schema())
        return await in_thread(to_frame, table, self._options.dtype_backend)

    def _note(self, rows: int, position: Position) -> None:
        self._tracker.rows += rows
        self._tracker.note = f"latest row: {EPOCH + position.latest * MICROSECOND:%Y-%m-%d %H:%M:%S} UTC"

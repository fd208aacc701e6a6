"""Create tasks and task suites: the public functions, and how the rows of a frame become tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._runtime.event_loop import both
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading import task_members
from toloka_frames._uploading.cells import ColumnReader, check_fields, column_roles, convert_rows
from toloka_frames._uploading.ledger import place_of
from toloka_frames._uploading.requests import (
    COUNT,
    FRAME_BLOCK_ROWS,
    HASH,
    MAX_INPUT_BYTES,
    PoolObjects,
    concatenate,
    content_hashes,
    dumps,
    joined_runs,
    make_plan,
    number_array,
    text_array,
)
from toloka_frames._uploading.task_members import MAX_OVERLAP, OVERLAP_HINT, is_overlap
from toloka_frames._uploading.upload import CONCURRENCY, FrameRows, FrameUpload, check_flags, upload_verb
from toloka_frames._validation import (
    check_column_names,
    check_frame,
    id_or_none,
    identifier,
    is_whole,
    positive,
    reject,
    reject_rows,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._schema.columns import Specification
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.cells import ColumnRoles, ConvertedRows
    from toloka_frames._uploading.requests import Hashes, RowTexts, UploadPlan
    from toloka_frames._validation import Id


@upload_verb
def create_tasks(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None = None,
    *,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    infinite_overlap: bool | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
    max_price: float | Decimal | None = None,
) -> FrameUpload:
    """Create a task from each row of a DataFrame.

    The columns are the project's input fields, or those of the platform's own files and of `get_tasks`: `INPUT:*`, `GOLDEN:*`
    (a known solution), `HINT:text`, `HINT:default_language`, and `TASK:` with `overlap`, `infinite_overlap`, `reserved_for`,
    `unavailable_for`, `traits_all_of`, `traits_any_of`, `traits_none_of_any`, `known_solutions` (several with their weights),
    `known_solutions.correctness_weight` and `baseline_solutions`. Frames of `get_tasks`, `get_task_suites` and
    `get_assignments` can be passed as they are: columns that cannot be sent, such as `id` and `created`, are ignored. Missing
    cells are left out, and in other columns than those of input fields also empty text. Text in a field of type json or
    array_* that is JSON is sent as that JSON. All rows are converted and checked before anything is sent, and each request is
    recorded in the ledger before it is sent.

    A control task (a row with a `GOLDEN:` value) with a finite overlap is used up by that number of Tolokers, and later pages
    have none: give control tasks `TASK:infinite_overlap` True.

    The same call again (same rows in the same order, same account and pool) creates nothing twice, even after a restart, a lost
    response or a killed process: it continues where the first call ended, or returns the same results without sending anything
    if the first call completed. Flags do not count: rows that exist stay as they are. Rows that another upload has created in
    the pool are known by their content: a frame with such rows is rejected before anything is sent, and `tf.new_rows` returns
    the others.

    Args:
        df: The rows, with any index: a DataFrame of pandas or Polars, or an Arrow table.
        client: The account.
        pool_id: The pool; None if `df` has a column `pool_id`.
        allow_defaults: Whether tasks without an overlap get that of the pool's defaults. Otherwise, each task needs an overlap.
        open_pool: Whether to open the pool, once, after all tasks are created.
        skip_invalid_items: Whether to create valid rows even if others are not valid; the results then show what the service
            reports for each invalid row.
        overlap: The number of answers wanted for each task, 1 to 30,000, where no `TASK:overlap` gives it.
        infinite_overlap: Whether each task is given to every Toloker, where no `TASK:overlap` or `TASK:infinite_overlap` says
            otherwise.
        input_columns: The columns that hold input values, if the frame has others too.
        upload_id: A name for the upload. Its rows are not compared with those of other uploads, so a new name creates all of
            them, and you pay for them again; other rows under a name that the ledger has are rejected.
        ledger: The SQLite file that records what was sent; by default `uploads.db` in the user's data folder.
        concurrency: The number of requests in flight at once.
        progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.
        timeout: Seconds after which the call stops, as Ctrl-C would stop it, and raises UploadError; by default no limit.
        retry_failed: Whether to send rows again whose operation ended with FAIL in an earlier call and created none of them.
        max_price: The most that the rewards for the rows of this call may cost, in US dollars, without the platform's fee; by
            default no limit. Rows that an earlier call has created are not counted, rows that the service may refuse are. A
            price that is not known, as with infinite overlap, is over every limit. `tf.preflight` shows the price.

    Returns:
        A DataFrame with the index and the row order of `df`. String columns: `status` (CREATED, INVALID, FAILED, UNKNOWN,
        NOT_SENT), `task_id`, `error_field`, `error_code`, `error_message`, `operation_id`; Int64 column: `chunk`.

    Raises:
        InputError: If a column or row cannot be sent, or `upload_id` is the name of other rows; nothing was sent.
        RowsAlreadyCreated: If rows are like those of another upload; nothing was sent.
        PriceExceeded: If the rewards cost more than max_price; nothing was sent.
        ConfigurationError: If the service does not tell whose token it is; nothing was sent.
        LedgerError: If the ledger cannot be used; nothing was sent.
        UploadError: If a row was not created (with skip_invalid_items, other than INVALID ones); `.results` holds all rows.
        UploadInterrupted: If the call was stopped (Ctrl-C); `.results` holds what is known of all rows.

    Example:
        >>> df = pd.DataFrame({"image": ["https://example.com/cat.jpg", "https://example.com/dog.jpg"]})
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
        >>> results["status"].tolist()
        ['CREATED', 'CREATED']

    Source: Toloka API, "Create single/multiple tasks": at most 1,048,576 bytes of input_values a request, and an
    operation_id is refused a second time; Toloka-Kit 1.2.3: at most 10,000 tasks.
    """
    df = check_frame(df)
    pool_id, upload_id = id_or_none("pool_id", pool_id), id_or_none("upload_id", upload_id)
    flags = check_flags(allow_defaults=allow_defaults, open_pool=open_pool, skip_invalid_items=skip_invalid_items)
    roles = column_roles(df, input_columns, has_pool=pool_id is not None)
    default = _check_overlap(overlap, infinite_overlap, allow_defaults, roles.members)
    rows = TaskRows(CREATE_TASKS, df, flags, upload_id, roles, pool_id, default)
    return FrameUpload(rows, client, ledger, concurrency, progress, timeout, retry_failed=retry_failed, max_price=max_price)


@upload_verb
def create_task_suites(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None = None,
    *,
    suite_column: str | None = None,
    rows_per_suite: int | None = None,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    infinite_overlap: bool | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
    max_price: float | Decimal | None = None,
) -> FrameUpload:
    """Create task suites from the rows of a DataFrame, for a pool without smart mixing.

    A suite holds the tasks of one page that a Toloker sees. Columns of tasks, checks, the ledger and the effect of the same
    call again are as in `create_tasks`. A suite also has columns whose value is the same in all of its rows: `SUITE:` with
    `overlap`, `infinite_overlap`, `reserved_for`, `unavailable_for`, `traits_all_of`, `traits_any_of`, `traits_none_of_any`,
    `issuing_order_override`, `longitude` and `latitude`. Its tasks have no overlap, Tolokers or traits of their own.

    Args:
        df: The rows, with any index.
        client: The account.
        pool_id: The pool; None if `df` has a column `pool_id`.
        suite_column: A column whose value is the same for all rows of a suite; it is not an input field. By default
            `SUITE:id`, if `df` has it, as frames of `get_task_suites` do. Alternatively:
        rows_per_suite: The number of consecutive rows in a suite; the last suite of a pool may have fewer.
        allow_defaults: Whether suites get the overlap of the pool's defaults.
        open_pool: Whether to open the pool, once, after all suites are created.
        skip_invalid_items: Whether to create valid suites even if others are not valid.
        overlap: The number of answers wanted for each suite, 1 to 30,000, where no `SUITE:overlap` gives it.
        infinite_overlap: Whether each suite is given to every Toloker, where no `SUITE:` column says otherwise.
        input_columns: The columns that hold input values, if the frame has others too.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.
        retry_failed: As in `create_tasks`.
        max_price: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `task_suite_id` instead of `task_id`: one row per row of `df`, with the outcome
        of its suite.

    Raises:
        InputError: If a column or row cannot be sent, or not exactly one of suite_column and rows_per_suite is given.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Example:
        >>> df = pd.DataFrame({"image": [f"https://example.com/cat-{number}.jpg" for number in range(4)]})
        >>> results = df.pipe(tf.create_task_suites, client, suite_pool.id, rows_per_suite=2, overlap=3)
        >>> results["task_suite_id"].nunique()
        2

    Source: Toloka API, "Create single/multiple task suites".
    """
    df = check_frame(df)
    check_column_names(df)
    pool_id, upload_id = id_or_none("pool_id", pool_id), id_or_none("upload_id", upload_id)
    flags = check_flags(allow_defaults=allow_defaults, open_pool=open_pool, skip_invalid_items=skip_invalid_items)
    if suite_column is None and rows_per_suite is None and "SUITE:id" in df.columns:
        suite_column = "SUITE:id"
    suites = _suite_of_each_row(df, suite_column, rows_per_suite)
    frame = df if suite_column is None else df.drop(columns=suite_column)
    roles = column_roles(frame, input_columns, has_pool=pool_id is not None)
    default = _check_overlap(overlap, infinite_overlap, allow_defaults, roles.suite)
    rows = TaskRows(CREATE_TASK_SUITES, frame, flags, upload_id, roles, pool_id, default, suites)
    return FrameUpload(rows, client, ledger, concurrency, progress, timeout, retry_failed=retry_failed, max_price=max_price)


def _suite_of_each_row(df: pd.DataFrame, suite_column: str | None, rows_per_suite: int | None) -> Sequence[Any]:
    """Return a value for each row that is the same for all rows of a suite."""
    if (suite_column is None) == (rows_per_suite is None):
        raise InputError("Exactly one of suite_column and rows_per_suite is needed.")
    if rows_per_suite is not None:
        validate("rows_per_suite", positive, rows_per_suite)
        return [row // rows_per_suite for row in range(len(df))]
    if suite_column is None or suite_column not in df.columns:
        raise InputError(f"suite_column={suite_column!r}: the frame has no such column.", column=suite_column)
    suites = plain_values(df[suite_column])
    if missing := [row for row, suite in enumerate(suites) if suite is None]:
        raise InputError(f"Column {suite_column!r}: row {missing[0]} has no suite.", column=suite_column, rows=missing[:5])
    why = "cannot name a suite; text or a number is needed"
    reject_rows(suite_column, suites, lambda suite: not isinstance(suite, str | int | float | date), why)
    return suites


@dataclass(frozen=True)
class DefaultOverlap:
    """The overlap of tasks or suites without one of their own.

    Attributes:
        overlap: The number of answers wanted for each, or None.
        is_infinite: Whether each is given to every Toloker.
        is_required: Whether the pool's default overlap is not to be used.
    """

    overlap: int | None = None
    is_infinite: bool = False
    is_required: bool = False

    @property
    def text(self) -> str:
        """The JSON member after the values of a task, with a comma before it; "" if the pool's default is used."""
        return "" if self.is_missing else ',"infinite_overlap":true' if self.is_infinite else f',"overlap":{self.overlap}'

    @property
    def is_missing(self) -> bool:
        """Whether the pool's default is used."""
        return self.overlap is None and not self.is_infinite


def _check_overlap(
    overlap: int | None, infinite_overlap: bool | None, allow_defaults: bool | None, columns: Mapping[str, str]
) -> DefaultOverlap:
    """Return the overlap that the arguments of an upload function give.

    Args:
        overlap: The argument of that name; likewise the next two.
        infinite_overlap: The argument.
        allow_defaults: The argument.
        columns: The columns of members.

    Raises:
        InputError: If the overlap is not valid, given in two ways, or not given at all.
    """
    if overlap is not None and is_whole(overlap):
        overlap = int(overlap)  # of NumPy, as a maximum of a column is one
    if overlap is not None and not is_overlap(overlap):
        raise InputError(f"overlap={overlap!r}: a whole number from 1 to {MAX_OVERLAP:,} is needed.", column="overlap")
    if infinite_overlap not in (None, True, False):
        raise InputError(f"infinite_overlap={infinite_overlap!r}: True, False or None is needed.", column="infinite_overlap")
    if overlap is not None and infinite_overlap:
        raise InputError("overlap= and infinite_overlap=True are given; a task has one of them.", column="overlap")
    default = DefaultOverlap(overlap, is_infinite=bool(infinite_overlap), is_required=not allow_defaults)
    has_column = any(name.endswith((":overlap", ":infinite_overlap")) for name in columns)
    if default.is_missing and default.is_required and not has_column:
        reject(InputError("Neither allow_defaults=True nor overlap= is given.", column="overlap", hint=OVERLAP_HINT))
        return replace(default, is_required=False)  # rejected once, and not in each row
    return default


@dataclass(frozen=True)
class TaskRows(FrameRows):
    """The rows of `create_tasks` or `create_task_suites`.

    Attributes:
        roles: The roles of the columns.
        pool_id: The pool; None if a column names it.
        overlap: The overlap of tasks or suites without one of their own.
        suites: For task suites, a value for each row that is the same for all rows of a suite.
    """

    roles: ColumnRoles
    pool_id: str | None
    overlap: DefaultOverlap
    suites: Sequence[Any] | None = None

    async def plan(self, service: ApiClient) -> UploadPlan:
        """Convert each row to a task, or the rows of each suite to a task suite."""
        account, pools = await both(service.account(), self._pools(service))
        object_of_row: Sequence[int] = range(len(self.frame))
        if self.suites is None:
            groups: Iterable[PoolObjects] = self._tasks(pools)
        else:
            groups, object_of_row = self._suites(pools, self.suites)
        plan = make_plan(self.kind, account, groups, object_of_row, self.upload_id, [pool.returned for pool in pools])
        return replace(plan, specifications={pool.id: pool.specification for pool in pools})

    def check_pools(self, pools: Iterable[Mapping[str, Any]]) -> None:
        """Raise InputError if a pool is archived, or takes suites where tasks are sent or tasks where suites are sent."""
        for pool in pools:
            _check_pool(pool, self.kind)

    def new_rows_call(self) -> str:
        """Return the code that chooses the rows that were not created yet."""
        pool = "" if self.pool_id is None else f", {self.pool_id!r}"
        # a frame for suites has a column for them, which is no input field
        names = list(self.roles.inputs.values())
        others = set(self.frame.columns) - {*names, *self.roles.golden.values(), self.roles.pool}
        inputs = f", input_columns={names!r}" if others or self.suites is not None else ""
        return f"tf.new_rows(df, client{pool}{inputs})"

    def places(self, account: str) -> set[str]:
        """Return what the rows are compared within: their pools."""
        return {place_of(self.kind, account, {}, pool_id) for pool_id in self._rows_by_pool()}

    async def hashes(self, service: ApiClient) -> Hashes:
        """Return a hash of each row's pool, input values and known solutions."""
        hashes, pools = np.zeros(len(self.frame), HASH), await self._pools(service)
        for pool in pools:
            check_fields(self.roles.inputs, pool.specification.input, "input")
        for pool, _, converted in self._convert(_blocks(pools), self.overlap if self.suites is None else None):
            hashes[list(pool.rows)] = _task_hashes(pool.id, converted)
        return hashes

    async def _pools(self, service: ApiClient) -> list[_Pool]:
        """Request the pools of all rows."""
        by_pool = self._rows_by_pool()
        return [_Pool(pool_id, rows, *await field_specs.of_pool(service, pool_id)) for pool_id, rows in by_pool.items()]

    def _rows_by_pool(self) -> Mapping[str, Sequence[int]]:
        if self.pool_id is not None:
            return {self.pool_id: range(len(self.frame))}
        pools: dict[str, list[int]] = {}
        for position, pool_id in enumerate(plain_values(self.frame[self.roles.pool])):
            pools.setdefault(_checked_pool_id(pool_id, position), []).append(position)
        return pools

    def _tasks(self, pools: Iterable[_Pool]) -> Iterator[PoolObjects]:
        for pool, _, converted in self._convert(_blocks(pools), self.overlap):
            texts, hashes = _task_texts(pool, converted), _task_hashes(pool.id, converted)
            yield PoolObjects(pool.id, pool.rows, texts, converted.input_bytes, hashes)

    def _suites(self, pools: Iterable[_Pool], suites: Sequence[Any]) -> tuple[list[PoolObjects], list[int]]:
        """Return the suites of each pool, and the position of each row's suite."""
        groups, suite_of_row = [], [0] * len(self.frame)
        numbers: dict[tuple[str, Any], int] = {}
        for pool, part, converted in self._convert(pools, overlap=None):
            for row in pool.rows:
                suite_of_row[row] = numbers.setdefault((pool.id, suites[row]), len(numbers))
            numbers_of_part = [suite_of_row[row] for row in pool.rows]
            reader = ColumnReader(part, pool.rows, strict=self.strict)
            members = task_members.of_suites(reader, self.roles.suite, numbers_of_part, self.overlap)
            groups.append(_suites_of_pool(pool.id, numbers_of_part, converted, members))
        return groups, suite_of_row

    def _convert(
        self, pools: Iterable[_Pool], overlap: DefaultOverlap | None
    ) -> Iterator[tuple[_Pool, pd.DataFrame, ConvertedRows]]:
        for pool in pools:
            rows = pool.rows
            part = self.frame.iloc[slice(rows.start, rows.stop) if isinstance(rows, range) else list(rows)]
            converted = convert_rows(
                part, self.roles, pool.specification, overlap=overlap, positions=pool.rows, strict=self.strict
            )
            yield pool, part, converted


@dataclass(frozen=True)
class _Pool:
    id: str
    rows: Sequence[int]
    returned: Mapping[str, Any]
    specification: Specification


def _blocks(pools: Iterable[_Pool]) -> Iterator[_Pool]:
    """Iterate over the rows of each pool in blocks, so that few rows are in memory in every form at once."""
    for pool in pools:
        for start in range(0, len(pool.rows), FRAME_BLOCK_ROWS):
            yield replace(pool, rows=pool.rows[start : start + FRAME_BLOCK_ROWS])


def _check_pool(pool: Mapping[str, Any], kind: BulkCreation) -> None:
    """Raise InputError if a pool is archived, or takes tasks where suites are sent or suites where tasks are sent.

    Source: Toloka API, "Create single/multiple tasks", "Create single/multiple task suites".
    """
    name = f"The pool {pool.get('id')} ({pool.get('private_name')})"
    if pool.get("status") == "ARCHIVED":
        reject(InputError(f"{name} is archived and takes no {kind.name}.", column="pool_id"))
    # a training mixes its tasks without a mixer_config (Toloka API, Training.training_tasks_in_task_suite_count)
    if kind is CREATE_TASKS and not (pool.get("mixer_config") or "training_tasks_in_task_suite_count" in pool):
        error = InputError(
            f"{name} has no mixer_config, so it takes task suites, not tasks.",
            column="pool_id",
            hint="Send suites with tf.create_task_suites, or make the pool with smart mixing: "
            "mixer_config={'real_tasks_count': ..., 'golden_tasks_count': ...}.",
        )
        reject(error)
    if kind is CREATE_TASK_SUITES and pool.get("mixer_config"):
        error = InputError(
            f"{name} has a mixer_config, so it takes tasks, not task suites.",
            column="pool_id",
            hint="Send them with tf.create_tasks.",
        )
        reject(error)


def _checked_pool_id(pool_id: Any, position: int) -> str:
    try:
        return identifier(pool_id)
    except ValueError as error:
        raise InputError(f"pool_id={pool_id!r} in row {position}: {error}.", column="pool_id", rows=[position]) from error


def _task_texts(pool: _Pool, converted: ConvertedRows) -> RowTexts:
    """Return the JSON of each row's task."""
    # The operation's log echoes the position. It alone links an entry to its row: the order of entries is not promised.
    pool_id = dumps(pool.id).decode()
    return ['{"__item_idx":"', number_array(pool.rows), f'","pool_id":{pool_id},"input_values":', *converted.texts]


def _task_hashes(pool_id: str, converted: ConvertedRows) -> Hashes:
    """Return a hash of each row's pool, input values and known solutions."""
    known = converted.known_solutions
    return content_hashes(f"pool {pool_id}", [*converted.inputs, *([] if known is None else [text_array(known)])])


def _suites_of_pool(
    pool_id: str, suite_of_row: Sequence[int], converted: ConvertedRows, members: Mapping[int, bytes]
) -> PoolObjects:
    numbers, counts = np.unique(suite_of_row, return_counts=True)
    suites = numbers.tolist()
    order, ends = np.argsort(suite_of_row, kind="stable"), counts.cumsum()
    sizes = np.add.reduceat(converted.input_bytes[order], ends - counts)
    if len(large := counts[sizes > MAX_INPUT_BYTES]):
        error = InputError(
            f"A suite of {large[0]:,} rows has more than {MAX_INPUT_BYTES:,} bytes of input values, the limit of one request.",
            hint="Put fewer rows into a suite.",
        )
        reject(error)
    pool = dumps(pool_id).decode()
    starts = ['{"__item_idx":"', number_array(suites), f'","pool_id":{pool},"tasks":[']
    tasks = concatenate(['{"input_values":', *converted.texts]).take(order)
    texts = joined_runs(starts, tasks, ",", ["]", text_array([members[suite] for suite in suites])], counts)
    hashes = _suite_hashes(pool_id, order, converted)
    return PoolObjects(pool_id, suites, [texts], sizes.tolist(), hashes, counts.astype(COUNT))


def _suite_hashes(pool_id: str, order: np.ndarray[Any, Any], converted: ConvertedRows) -> Hashes:
    """Return a hash of each row in the order of the suites; 0 for control tasks, which are shown again and again."""
    hashes = _task_hashes(pool_id, converted)
    if converted.known_solutions is not None:
        hashes = np.where(np.array([bool(known) for known in converted.known_solutions]), 0, hashes)
    ordered: Hashes = hashes[order]
    return ordered

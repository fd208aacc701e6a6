"""Create tasks and task suites: the public functions, and how the rows of a frame become tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading.cells import check_fields, column_roles, convert_rows
from toloka_frames._uploading.ledger import place_of
from toloka_frames._uploading.requests import (
    HASH,
    MAX_INPUT_BYTES,
    PoolObjects,
    content_hashes,
    dumps,
    make_plan,
    number_array,
    text_array,
    text_list,
)
from toloka_frames._uploading.upload import CONCURRENCY, FrameRows, Upload, check_flags, upload_verb
from toloka_frames._validation import check_frame, path_part, positive, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.columns import Specification
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.cells import ColumnRoles, ConvertedRows
    from toloka_frames._uploading.requests import Hashes, RowTexts, UploadPlan


@upload_verb
def create_tasks(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    pool_id: str | None = None,
    *,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
) -> Upload:
    """Create a task from each row of a DataFrame.

    The columns are the project's input fields, or those of the platform's own upload files: `INPUT:*`, `GOLDEN:*` (a known
    solution), `HINT:text`, `TASK:overlap`. Missing cells are left out. All rows are converted and checked before anything is
    sent, and each request is recorded in the ledger before it is sent.

    The same call again (same rows in the same order, same account and pool) creates nothing twice, even after a restart, a lost
    response or a killed process: it continues where the first call ended, or returns the same results without sending anything
    if the first call completed. Flags do not count: rows that exist stay as they are. Rows that another upload has created in
    the pool are known by their content: a frame with such rows is rejected before anything is sent, and `tf.new_rows` returns
    the others.

    Args:
        df: The rows, with any index.
        client: The account.
        pool_id: The pool; None if `df` has a column `pool_id`.
        allow_defaults: Whether tasks without an overlap get that of the pool's defaults.
        open_pool: Whether to open the pool, once, after all tasks are created.
        skip_invalid_items: Whether to create valid rows even if others are not valid; the results then show what the service
            reports for each invalid row.
        overlap: The number of answers wanted for each task, 1 to 30,000, where no `TASK:overlap` gives it.
        input_columns: The columns that hold input values, if the frame has others too.
        upload_id: A name for the upload. Its rows are not compared with those of other uploads, so a new name creates all of
            them, and you pay for them again; other rows under a name that the ledger has are rejected.
        ledger: The SQLite file that records what was sent; by default `uploads.db` in the user's data folder.
        concurrency: The number of requests in flight at once.
        progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.
        timeout: Seconds after which the call stops, as Ctrl-C would stop it, and raises UploadError; by default no limit.
        retry_failed: Whether to send rows again whose operation ended with FAIL in an earlier call and created none of them.

    Returns:
        A DataFrame with the index and the row order of `df`. String columns: `status` (CREATED, INVALID, FAILED, UNKNOWN,
        NOT_SENT), `task_id`, `error_field`, `error_code`, `error_message`, `operation_id`; Int64 column: `chunk`.

    Raises:
        InputError: If a column or row cannot be sent, or `upload_id` is the name of other rows; nothing was sent.
        RowsAlreadyCreated: If rows are like those of another upload; nothing was sent.
        ConfigurationError: If the service does not tell whose token it is; nothing was sent.
        LedgerError: If the ledger cannot be used; nothing was sent.
        UploadError: If a row was not created (with skip_invalid_items, other than INVALID ones); `.results` holds all rows.
        UploadInterrupted: If the call was stopped (Ctrl-C); `.results` holds what is known of all rows.

    Source: Toloka API, "Create single/multiple tasks": at most 1,048,576 bytes of input_values a request, and an
    operation_id is refused a second time; Toloka-Kit 1.2.3: at most 10,000 tasks.
    """
    flags = check_flags(upload_id, allow_defaults=allow_defaults, open_pool=open_pool, skip_invalid_items=skip_invalid_items)
    roles = column_roles(df, input_columns, has_pool=pool_id is not None)
    rows = TaskRows(CREATE_TASKS, df, flags, upload_id, roles, pool_id, overlap)
    return Upload(rows, client, ledger, concurrency, progress, timeout, retry_failed=retry_failed)


@upload_verb
def create_task_suites(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    pool_id: str | None = None,
    *,
    suite_column: str | None = None,
    rows_per_suite: int | None = None,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
) -> Upload:
    """Create task suites from the rows of a DataFrame, for a pool without smart mixing.

    A suite holds the tasks of one page that a Toloker sees. Columns, checks, the ledger and the effect of the same call again
    are as in `create_tasks`.

    Args:
        df: The rows, with any index.
        client: The account.
        pool_id: The pool; None if `df` has a column `pool_id`.
        suite_column: A column whose value is the same for all rows of a suite; it is not an input field. Alternatively:
        rows_per_suite: The number of consecutive rows in a suite; the last suite of a pool may have fewer.
        allow_defaults: Whether suites get the overlap of the pool's defaults.
        open_pool: Whether to open the pool, once, after all suites are created.
        skip_invalid_items: Whether to create valid suites even if others are not valid.
        overlap: The number of answers wanted for each suite, 1 to 30,000.
        input_columns: The columns that hold input values, if the frame has others too.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.
        retry_failed: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `task_suite_id` instead of `task_id`: one row per row of `df`, with the outcome
        of its suite.

    Raises:
        InputError: If a column or row cannot be sent, or not exactly one of suite_column and rows_per_suite is given.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Source: Toloka API, "Create single/multiple task suites".
    """
    flags = check_flags(upload_id, allow_defaults=allow_defaults, open_pool=open_pool, skip_invalid_items=skip_invalid_items)
    suites = _suite_of_each_row(df, suite_column, rows_per_suite)
    frame = df if suite_column is None else df.drop(columns=suite_column)
    if "TASK:overlap" in frame.columns:
        raise InputError("A suite has one overlap: give overlap= instead of the column TASK:overlap.", column="TASK:overlap")
    roles = column_roles(frame, input_columns, has_pool=pool_id is not None)
    rows = TaskRows(CREATE_TASK_SUITES, frame, flags, upload_id, roles, pool_id, overlap, suites)
    return Upload(rows, client, ledger, concurrency, progress, timeout, retry_failed=retry_failed)


def _suite_of_each_row(df: pd.DataFrame, suite_column: str | None, rows_per_suite: int | None) -> Sequence[Any]:
    """Return a value for each row that is the same for all rows of a suite."""
    if (suite_column is None) == (rows_per_suite is None):
        raise InputError("Exactly one of suite_column and rows_per_suite is needed.")
    check_frame(df)
    if rows_per_suite is not None:
        validate("rows_per_suite", positive, rows_per_suite)
        return [row // rows_per_suite for row in range(len(df))]
    if suite_column not in df.columns:
        raise InputError(f"suite_column={suite_column!r}: the frame has no such column.", column=suite_column)
    suites = plain_values(df[suite_column])
    if missing := [row for row, suite in enumerate(suites) if suite is None]:
        raise InputError(f"Column {suite_column!r}: row {missing[0]} has no suite.", column=suite_column, rows=missing[:5])
    return suites


@dataclass(frozen=True)
class TaskRows(FrameRows):
    """The rows of `create_tasks` or `create_task_suites`.

    Attributes:
        roles: The roles of the columns.
        pool_id: The pool; None if a column names it.
        overlap: The overlap of suites, or of tasks without a TASK:overlap.
        suites: For task suites, a value for each row that is the same for all rows of a suite.
    """

    roles: ColumnRoles
    pool_id: str | None
    overlap: int | None
    suites: Sequence[Any] | None = None

    async def plan(self, service: ApiClient) -> UploadPlan:
        """Convert each row to a task, or the rows of each suite to a task suite."""
        account, pools = await service.account(), await self._pools(service)
        object_of_row: Sequence[int] = range(len(self.frame))
        if self.suites is None:
            groups = self._tasks(pools)
        else:
            groups, object_of_row = self._suites(pools, self.suites)
        return make_plan(self.kind, account, groups, object_of_row, self.upload_id, [pool.returned for pool in pools])

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
        for pool, converted in self._convert(pools, self.overlap):
            hashes[list(pool.rows)] = _task_hashes(pool.id, converted)
        return hashes

    async def _pools(self, service: ApiClient) -> list[_Pool]:
        """Request the pools of all rows."""
        by_pool = self._rows_by_pool()
        return [_Pool(pool_id, rows, *await field_specs.of_pool(service, pool_id)) for pool_id, rows in by_pool.items()]

    def _rows_by_pool(self) -> Mapping[str, Sequence[int]]:
        if self.pool_id is not None:
            validate("pool_id", path_part, self.pool_id)
            return {self.pool_id: range(len(self.frame))}
        pools: dict[str, list[int]] = {}
        for position, pool_id in enumerate(plain_values(self.frame[self.roles.pool])):
            pools.setdefault(_checked_pool_id(pool_id, position), []).append(position)
        return pools

    def _tasks(self, pools: Iterable[_Pool]) -> list[PoolObjects]:
        return [
            PoolObjects(
                pool.id, pool.rows, _task_texts(pool, converted), converted.input_bytes, _task_hashes(pool.id, converted)
            )
            for pool, converted in self._convert(pools, self.overlap)
        ]

    def _suites(self, pools: Iterable[_Pool], suites: Sequence[Any]) -> tuple[list[PoolObjects], list[int]]:
        """Return the suites of each pool, and the position of each row's suite."""
        groups, suite_of_row = [], [0] * len(self.frame)
        numbers: dict[tuple[str, Any], int] = {}
        for pool, converted in self._convert(pools, overlap=None):
            for row in pool.rows:
                suite_of_row[row] = numbers.setdefault((pool.id, suites[row]), len(numbers))
            groups.append(_suites_of_pool(pool.id, [suite_of_row[row] for row in pool.rows], converted, self.overlap))
        return groups, suite_of_row

    def _convert(self, pools: Iterable[_Pool], overlap: int | None) -> Iterator[tuple[_Pool, ConvertedRows]]:
        for pool in pools:
            part = self.frame if len(pool.rows) == len(self.frame) else self.frame.iloc[list(pool.rows)]
            converted = convert_rows(
                part, self.roles, pool.specification, overlap=overlap, positions=pool.rows, strict=self.strict
            )
            yield pool, converted


@dataclass(frozen=True)
class _Pool:
    id: str
    rows: Sequence[int]
    returned: Mapping[str, Any]
    specification: Specification


def _checked_pool_id(pool_id: Any, position: int) -> str:
    try:
        path_part(pool_id)
    except ValueError as error:
        raise InputError(f"pool_id={pool_id!r} in row {position}: {error}.", column="pool_id", rows=[position]) from error
    return str(pool_id)


def _task_texts(pool: _Pool, converted: ConvertedRows) -> RowTexts:
    """Return the JSON of each row's task."""
    # The operation's log echoes the position. It alone links an entry to its row: the order of entries is not promised.
    pool_id = dumps(pool.id).decode()
    return ['{"__item_idx":"', number_array(pool.rows), f'","pool_id":{pool_id},"input_values":', *converted.texts]


def _task_hashes(pool_id: str, converted: ConvertedRows) -> Hashes:
    """Return a hash of each row's pool, input values and known solutions."""
    known = converted.known_solutions
    return content_hashes(f"pool {pool_id}", [*converted.inputs, *([] if known is None else [text_array(known)])])


def _suites_of_pool(pool_id: str, suite_of_row: Sequence[int], converted: ConvertedRows, overlap: int | None) -> PoolObjects:
    tasks: dict[int, list[bytes]] = {}
    sizes: dict[int, int] = {}
    for suite, values, size in zip(suite_of_row, text_list(converted.texts), converted.input_bytes, strict=True):
        tasks.setdefault(suite, []).append(b'{"input_values":' + values)
        sizes[suite] = sizes.get(suite, 0) + size
    if large := [suite for suite, size in sizes.items() if size > MAX_INPUT_BYTES]:
        raise InputError(
            f"A suite of {len(tasks[large[0]]):,} rows has more than {MAX_INPUT_BYTES:,} bytes of input values, the limit of "
            "one request.",
            hint="Put fewer rows into a suite.",
        )
    pool, tail = dumps(pool_id), b"]}" if overlap is None else b'],"overlap":%d}' % overlap
    objects = [
        b'{"__item_idx":"%d","pool_id":%b,"tasks":[%b%b' % (suite, pool, b",".join(texts), tail)
        for suite, texts in tasks.items()
    ]
    counts = [len(texts) for texts in tasks.values()]
    hashes = _suite_hashes(pool_id, suite_of_row, list(tasks), converted)
    return PoolObjects(pool_id, list(tasks), [text_array(objects)], list(sizes.values()), hashes, counts)


def _suite_hashes(pool_id: str, suite_of_row: Sequence[int], suites: Sequence[int], converted: ConvertedRows) -> Hashes:
    """Return a hash of each row in the order of the suites; 0 for control tasks, which are shown again and again."""
    hashes = _task_hashes(pool_id, converted)
    if converted.known_solutions is not None:
        hashes = np.where(np.array([bool(known) for known in converted.known_solutions]), 0, hashes)
    place = {suite: place for place, suite in enumerate(suites)}
    return hashes[np.argsort([place[suite] for suite in suite_of_row], kind="stable")]

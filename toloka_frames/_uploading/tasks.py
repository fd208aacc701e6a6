"""A frame of input values comes in; the plan of its tasks, or of task suites that hold them, goes out, all checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading.cells import MAX_INPUT_BYTES, cells_of
from toloka_frames._uploading.json_text import dumps, number_array, text_array, text_list
from toloka_frames._uploading.requests import RequestGroup, make_plan
from toloka_frames._validation import path_part, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._schema.columns import Specification
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.cells import Cells
    from toloka_frames._uploading.frame_columns import ColumnRoles
    from toloka_frames._uploading.json_text import Pieces
    from toloka_frames._uploading.requests import UploadPlan


@dataclass(frozen=True)
class _Pool:
    id: str
    rows: Sequence[int]
    facts: Mapping[str, Any]
    specification: Specification


async def plan_tasks(
    service: ApiClient,
    frame: pd.DataFrame,
    roles: ColumnRoles,
    *,
    pool_id: str | None,
    overlap: int | None,
    upload_id: str | None,
    strict: bool,
) -> UploadPlan:
    """A task of each row.

    Raises:
        InputError: Something cannot be sent.
    """
    account, pools = await service.account(), await _pools(service, frame, roles, pool_id)
    parts = [
        RequestGroup(name, rows, tasks_of(name, rows, cells), cells.input_bytes)
        for name, rows, cells in _cells_by_pool(pools, frame, roles, overlap=overlap, strict=strict)
    ]
    return make_plan(CREATE_TASKS, account, parts, range(len(frame)), upload_id, [pool.facts for pool in pools])


async def plan_suites(
    service: ApiClient,
    frame: pd.DataFrame,
    roles: ColumnRoles,
    suites: Sequence[Any],
    *,
    pool_id: str | None,
    overlap: int | None,
    upload_id: str | None,
    strict: bool,
) -> UploadPlan:
    """A task suite of all rows that `suites` says the same of.

    Raises:
        InputError: Something cannot be sent.
    """
    account, pools = await service.account(), await _pools(service, frame, roles, pool_id)
    parts, number_of_row = [], [0] * len(frame)
    numbers: dict[tuple[str, Any], int] = {}
    for name, rows, cells in _cells_by_pool(pools, frame, roles, overlap=None, strict=strict):
        for row in rows:
            number_of_row[row] = numbers.setdefault((name, suites[row]), len(numbers))
        parts.append(_suites(name, [number_of_row[row] for row in rows], cells, overlap))
    return make_plan(CREATE_TASK_SUITES, account, parts, number_of_row, upload_id, [pool.facts for pool in pools])


def check_pool(pool: Mapping[str, Any], kind: BulkCreation) -> None:
    """Refuse a pool that does not take what is to be made.

    Raises:
        InputError: It is archived, or takes the other of tasks and task suites.

    Source: Toloka API, "Create single/multiple tasks", "Create single/multiple task suites".
    """
    name = f"The pool {pool.get('id')} ({pool.get('private_name')})"
    if pool.get("status") == "ARCHIVED":
        raise InputError(f"{name} is archived and takes no {kind.name}.", column="pool_id")
    if kind is CREATE_TASKS and not pool.get("mixer_config"):
        raise InputError(
            f"{name} has no mixer_config, so it takes task suites, not tasks.",
            column="pool_id",
            hint="Send suites with tf.create_task_suites, or make the pool with smart mixing: "
            "mixer_config={'real_tasks_count': ..., 'golden_tasks_count': ...}.",
        )
    if kind is CREATE_TASK_SUITES and pool.get("mixer_config"):
        raise InputError(
            f"{name} has a mixer_config, so it takes tasks, not task suites.",
            column="pool_id",
            hint="Send them with tf.create_tasks.",
        )


def tasks_of(pool_id: str, rows: Sequence[int], cells: Cells) -> Pieces:
    """The JSON of each row's task."""
    # the position is echoed by the operation's log, whose order is not promised: it alone ties an entry to its row
    pool = dumps(pool_id).decode()
    return ['{"__item_idx":"', number_array(rows), f'","pool_id":{pool},"input_values":', *cells.texts]


def _suites(pool_id: str, numbers: Sequence[int], cells: Cells, overlap: int | None) -> RequestGroup:
    """The suites of one pool; `numbers` has the number of each row's suite."""
    tasks: dict[int, list[bytes]] = {}
    sizes: dict[int, int] = {}
    for number, values, size in zip(numbers, text_list(cells.texts), cells.input_bytes, strict=True):
        tasks.setdefault(number, []).append(b'{"input_values":' + values)
        sizes[number] = sizes.get(number, 0) + size
    if large := [number for number, size in sizes.items() if size > MAX_INPUT_BYTES]:
        raise InputError(
            f"A suite of {len(tasks[large[0]]):,} rows has more than {MAX_INPUT_BYTES:,} bytes of input values, the most one "
            "request can hold.",
            hint="Put fewer rows into a suite.",
        )
    pool, tail = dumps(pool_id), b"]}" if overlap is None else b'],"overlap":%d}' % overlap
    objects = [
        b'{"__item_idx":"%d","pool_id":%b,"tasks":[%b%b' % (number, pool, b",".join(each), tail)
        for number, each in tasks.items()
    ]
    return RequestGroup(pool_id, list(tasks), [text_array(objects)], list(sizes.values()))


async def _pools(service: ApiClient, frame: pd.DataFrame, roles: ColumnRoles, pool_id: str | None) -> list[_Pool]:
    """The pools of all rows, as the service has them."""
    named = _rows_by_pool(frame, roles, pool_id)
    return [_Pool(name, rows, *await field_specs.of_pool(service, name)) for name, rows in named.items()]


def _rows_by_pool(frame: pd.DataFrame, roles: ColumnRoles, pool_id: str | None) -> Mapping[str, Sequence[int]]:
    """The positions of each pool's rows."""
    if pool_id is not None:
        validate("pool_id", path_part, pool_id)
        return {pool_id: range(len(frame))}
    pools: dict[str, list[int]] = {}
    for position, pool in enumerate(plain_values(frame[roles.pool])):
        pools.setdefault(_named(pool, position), []).append(position)
    return pools


def _cells_by_pool(
    pools: Iterable[_Pool], frame: pd.DataFrame, roles: ColumnRoles, *, overlap: int | None, strict: bool
) -> Iterator[tuple[str, Sequence[int], Cells]]:
    """Each pool with its rows and their JSON."""
    for pool in pools:
        part = frame if len(pool.rows) == len(frame) else frame.iloc[list(pool.rows)]
        cells = cells_of(part, roles, pool.specification, overlap=overlap, positions=pool.rows, strict=strict)
        yield pool.id, pool.rows, cells


def _named(pool: Any, position: int) -> str:
    try:
        path_part(pool)
    except ValueError as error:
        raise InputError(f"pool_id={pool!r} in row {position}: {error}.", column="pool_id", rows=[position]) from error
    return str(pool)

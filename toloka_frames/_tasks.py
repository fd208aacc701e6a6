"""A frame of input values comes in; the plan of its tasks, or of task suites that hold them, goes out, all checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames import _specifications
from toloka_frames._cells import MAX_INPUT_BYTES, cells_of, plain_values
from toloka_frames._errors import InputError
from toloka_frames._filters import checked, path_part
from toloka_frames._kinds import TASK_SUITES, TASKS
from toloka_frames._plan import Part, planned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._cells import Cells
    from toloka_frames._http import Service
    from toloka_frames._kinds import Kind
    from toloka_frames._plan import Plan
    from toloka_frames._roles import Roles


async def plan_tasks(
    service: Service,
    frame: pd.DataFrame,
    roles: Roles,
    *,
    pool_id: str | None,
    overlap: int | None,
    upload_id: str | None,
    strict: bool,
) -> Plan:
    """A task of each row.

    Raises:
        InputError: Something cannot be sent.
    """
    account = await service.account()
    parts, pools = [], []
    for name, rows in _pools(frame, roles, pool_id):
        pool, specification = await _specifications.of_pool(service, name)
        cells = cells_of(_rows(frame, rows), roles, specification, overlap=overlap, positions=rows, strict=strict)
        parts.append(Part(name, rows, list(tasks_of(name, rows, cells)), cells.input_bytes))
        pools.append(pool)
    return planned(TASKS, account, parts, range(len(frame)), upload_id, pools)


async def plan_suites(
    service: Service,
    frame: pd.DataFrame,
    roles: Roles,
    suites: Sequence[Any],
    *,
    pool_id: str | None,
    overlap: int | None,
    upload_id: str | None,
    strict: bool,
) -> Plan:
    """A task suite of all rows that `suites` says the same of.

    Raises:
        InputError: Something cannot be sent.
    """
    account = await service.account()
    parts, pools, number_of_row = [], [], [0] * len(frame)
    numbers: dict[tuple[str, Any], int] = {}
    for name, rows in _pools(frame, roles, pool_id):
        pool, specification = await _specifications.of_pool(service, name)
        cells = cells_of(_rows(frame, rows), roles, specification, overlap=None, positions=rows, strict=strict)
        for row in rows:
            number_of_row[row] = numbers.setdefault((name, suites[row]), len(numbers))
        parts.append(_suites(name, [number_of_row[row] for row in rows], cells, overlap))
        pools.append(pool)
    return planned(TASK_SUITES, account, parts, number_of_row, upload_id, pools)


def check_pool(pool: Mapping[str, Any], kind: Kind) -> None:
    """Refuse a pool that does not take what is to be made (Toloka API, "Create a task", "Create task suites").

    Raises:
        InputError: It is archived, or takes the other of tasks and task suites.
    """
    name = f"The pool {pool.get('id')} ({pool.get('private_name')})"
    if pool.get("status") == "ARCHIVED":
        raise InputError(f"{name} is archived and takes no {kind.name}.", column="pool_id")
    if kind is TASKS and not pool.get("mixer_config"):
        raise InputError(
            f"{name} has no mixer_config, so it takes task suites, not tasks.",
            column="pool_id",
            hint="Send suites with tf.create_task_suites, or make the pool with smart mixing: "
            "mixer_config={'real_tasks_count': ..., 'golden_tasks_count': ...}.",
        )
    if kind is TASK_SUITES and pool.get("mixer_config"):
        raise InputError(
            f"{name} has a mixer_config, so it takes tasks, not task suites.",
            column="pool_id",
            hint="Send them with tf.create_tasks.",
        )


def tasks_of(pool_id: str, rows: Sequence[int], cells: Cells) -> Iterator[bytes]:
    """The JSON of each row's task."""
    pool = orjson.dumps(pool_id)
    # the position is echoed by the operation's log, whose order is not promised: it alone ties an entry to its row
    for row, values, rest in zip(rows, cells.inputs, cells.rests, strict=True):
        yield b'{"__item_idx":"%d","pool_id":%b,"input_values":%b%b' % (row, pool, values, rest)


def _suites(pool_id: str, numbers: Sequence[int], cells: Cells, overlap: int | None) -> Part:
    """The suites of one pool; `numbers` has the number of each row's suite."""
    tasks: dict[int, list[bytes]] = {}
    sizes: dict[int, int] = {}
    for number, values, rest in zip(numbers, cells.inputs, cells.rests, strict=True):
        tasks.setdefault(number, []).append(b'{"input_values":%b%b' % (values, rest))
        sizes[number] = sizes.get(number, 0) + len(values)
    if large := [number for number, size in sizes.items() if size > MAX_INPUT_BYTES]:
        raise InputError(
            f"A suite of {len(tasks[large[0]]):,} rows has more than {MAX_INPUT_BYTES:,} bytes of input values, the most one "
            "request can hold.",
            hint="Put fewer rows into a suite.",
        )
    head = b'{"__item_idx":"%d","pool_id":' + orjson.dumps(pool_id).replace(b"%", b"%%") + b',"tasks":['
    tail = b"]}" if overlap is None else b'],"overlap":%d}' % overlap
    objects = [head % number + b",".join(each) + tail for number, each in tasks.items()]
    return Part(pool_id, list(tasks), objects, list(sizes.values()))


def _rows(frame: pd.DataFrame, rows: Sequence[int]) -> pd.DataFrame:
    return frame if len(rows) == len(frame) else frame.iloc[list(rows)]


def _pools(frame: pd.DataFrame, roles: Roles, pool_id: str | None) -> Iterator[tuple[str, Sequence[int]]]:
    """Each pool with the positions of its rows."""
    if pool_id is not None:
        checked("pool_id", path_part, pool_id)
        yield pool_id, range(len(frame))
        return
    pools: dict[str, list[int]] = {}
    for position, pool in enumerate(plain_values(frame[roles.pool])):
        pools.setdefault(_named(pool, position), []).append(position)
    yield from pools.items()


def _named(pool: Any, position: int) -> str:
    try:
        path_part(pool)
    except ValueError as error:
        raise InputError(f"pool_id={pool!r} in row {position}: {error}.", column="pool_id", rows=[position]) from error
    return str(pool)

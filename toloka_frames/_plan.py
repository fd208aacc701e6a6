"""A frame comes in; all that will be sent of it goes out, checked and cut, under the name that the upload has in the ledger."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames import _specifications
from toloka_frames._cells import cells_of, plain_values
from toloka_frames._chunks import NAMESPACE, Chunk, cut
from toloka_frames._errors import InputError
from toloka_frames._filters import checked, path_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._http import Service
    from toloka_frames._roles import Roles

PATH = "/v1/tasks"


@dataclass(frozen=True)
class Plan:
    """What an upload will send.

    Attributes:
        account: Whose upload it is.
        path: Where it goes, behind `/api`.
        upload_id: Its name: the user's, or one that follows from the content.
        key: What the operation ids are derived from beside the content.
        content: A hash of all rows, however they are cut.
        digests: Four bytes for each row, to tell which differ.
        chunks: The requests.
        pools: The pools as the service has them, by id.
    """

    account: str
    path: str
    upload_id: str
    key: str
    content: str
    digests: array[int]
    chunks: Sequence[Chunk]
    pools: Mapping[str, Mapping[str, Any]]


async def planned(
    service: Service,
    frame: pd.DataFrame,
    roles: Roles,
    *,
    pool_id: str | None,
    overlap: int | None,
    upload_id: str | None,
    strict: bool,
) -> Plan:
    """Convert and check all rows.

    Raises:
        InputError: Something cannot be sent.
    """
    account = await service.account()
    key = f"{account}\n{PATH}\n{upload_id!r}"
    chunks: list[Chunk] = []
    pools: dict[str, Mapping[str, Any]] = {}
    for pool, rows in _pools(frame, roles, pool_id):
        pools[pool], specification = await _specifications.of_pool(service, pool)
        part = frame if len(rows) == len(frame) else frame.iloc[list(rows)]
        cells = cells_of(part, roles, specification, pool_id=pool, overlap=overlap, positions=rows, strict=strict)
        numbered = enumerate(cut(cells.input_bytes), len(chunks))
        chunks += [Chunk(number, pool, rows[span], cells.tasks[span], key) for number, span in numbered]
    content, digests = _fingerprints(chunks, len(frame))
    return Plan(
        account, PATH, upload_id or str(uuid.uuid5(NAMESPACE, f"{key}\n{content}")), key, content, digests, chunks, pools
    )


def check_pool(pool: Mapping[str, Any]) -> None:
    """Refuse a pool that takes no tasks (Toloka API, "Create a task").

    Raises:
        InputError: It is archived, or takes task suites.
    """
    name = f"The pool {pool.get('id')} ({pool.get('private_name')})"
    if pool.get("status") == "ARCHIVED":
        raise InputError(f"{name} is archived and takes no tasks.", column="pool_id")
    if not pool.get("mixer_config"):
        raise InputError(
            f"{name} has no mixer_config, so it takes task suites, not tasks.",
            column="pool_id",
            hint="Make the pool with smart mixing: mixer_config={'real_tasks_count': ..., 'golden_tasks_count': ...}.",
        )


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


def _fingerprints(chunks: Sequence[Chunk], rows: int) -> tuple[str, array[int]]:
    content, digests = hashlib.sha256(), array("I", bytes(4 * rows))
    for chunk in chunks:
        content.update(b"\n".join(chunk.tasks) + b"\n")
        for row, task in zip(chunk.rows, chunk.tasks, strict=True):
            digests[row] = zlib.crc32(task)
    return content.hexdigest(), digests

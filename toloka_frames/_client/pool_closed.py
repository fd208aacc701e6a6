"""The condition that pools are closed, for `tf.follow`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from toloka_frames._client.pool_progress import check_pool_ids, fetch_pools, state_of
from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._client.pool_progress import PoolIds
    from toloka_frames._transport.http import ApiClient

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def closed(pool_ids: PoolIds) -> PoolsClosed:
    """Return the condition that a pool is closed, or each of several: `tf.follow(scan, until=tf.closed(pool))`.

    A pool is closed for whatever reason: it is complete, its owner has closed it, or the service has, for example because there
    is no money left. A pool that was never opened is closed, too. One that is closed for editing is not: the service opens it
    again. Nothing is requested by this call; `tf.follow` asks with the client of its scan, with a GET request for each pool.

    Args:
        pool_ids: A pool: its id or the pool. Or a list of these, for example a scan of pools or a DataFrame with a column `id`.

    Raises:
        InputError: If an id is not valid.

    Example:
        >>> answers = client.get_assignments(pool.id, status="SUBMITTED")
        >>> for frame in tf.follow(answers, until=tf.closed(pool)):
        ...     print(len(frame) == len(answers.to_dataframe()))
        True

    Source: Toloka API, "Get pool by ID".
    """
    return PoolsClosed(tuple(check_pool_ids(pool_ids)[0]))


@dataclass(frozen=True)
class PoolsClosed:
    """The condition that pools are closed.

    Attributes:
        pool_ids: The pools.
    """

    pool_ids: Sequence[str]

    async def held_since(self, service: ApiClient) -> datetime | None:
        """Return when the last of the pools was closed, by the service's clock; None if one is not closed.

        Raises:
            TolokaError: If a pool cannot be read.
        """
        pools, _ = await fetch_pools(service, self.pool_ids, is_first=True)
        if any(state_of(pool) == "open" for pool in pools.values()):
            return None
        return max(map(_stopped, pools.values()))


def _stopped(pool: Mapping[str, Any]) -> datetime:
    """Return when a pool was closed; of one without that time when it was opened, and long ago if it never was."""
    for name in ("last_stopped", "last_started"):
        with suppress(LookupError, ValueError, OverflowError):
            return parse_timestamp(pool[name])
    return LONG_AGO

"""The time by which the rows of a list are followed: its key in filters and its column, and which filters go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.sync import IMMUTABLE_FILTERS
from toloka_frames._schema.columns import TIMESTAMP, Column
from toloka_frames._schema.timestamps import parse_timestamp, to_microseconds
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import ListRequest
    from toloka_frames._schema.lists import Resource

# a row matches these forever or never, as it does IMMUTABLE_FILTERS
FIXED_FILTERS = IMMUTABLE_FILTERS | {"skill_id", "type", "event_type", "created_gt", "created_lt", "created_lte"}
COMPARISONS = ("gt", "gte", "lt", "lte")
# Each status in which rows can enter a list that is filtered by status: the statuses that a row can have from then on, and the
# time at which it entered. (Toloka API, "Get list of responses", "Get list of pools" and "Get list of operations"; Apps API.)
ENTRANCES: Mapping[str, Mapping[str, tuple[frozenset[str], str]]] = {
    "assignments": {
        "ACTIVE": (frozenset({"ACTIVE", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "EXPIRED"}), "created"),
        "SUBMITTED": (frozenset({"SUBMITTED", "ACCEPTED", "REJECTED"}), "submitted"),
        "ACCEPTED": (frozenset({"ACCEPTED"}), "accepted"),
        "REJECTED": (frozenset({"REJECTED"}), "rejected"),
        "SKIPPED": (frozenset({"SKIPPED"}), "skipped"),
        "EXPIRED": (frozenset({"EXPIRED"}), "expired"),
    },
    "pools": {"OPEN": (frozenset({"OPEN"}), "last_started")},
    "trainings": {"OPEN": (frozenset({"OPEN"}), "last_started")},
    "operations": {
        "PENDING": (frozenset({"PENDING", "RUNNING", "SUCCESS", "FAIL"}), "submitted"),
        "SUCCESS": (frozenset({"SUCCESS"}), "finished"),
        "FAIL": (frozenset({"FAIL"}), "finished"),
    },
    "app items": {"COMPLETED": (frozenset({"COMPLETED"}), "finished")},
}


@dataclass(frozen=True)
class FollowedTime:
    """A time of the rows of a list.

    Attributes:
        key: Its name in filters.
        column: Its column.
        earliest: The lower bound that the scan itself has, in microseconds since 1970.
    """

    key: str
    column: str
    earliest: int = 0

    def of_rows(self, page: Page) -> list[int]:
        """Return the time of each row of a page in microseconds since 1970; -1 for a row without one."""
        times = page.batch.column(self.column).cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        if page.parents is not None:  # a row of the list has several in the batch
            times = times[np.unique(page.parents, return_index=True)[1]]
        return [int(time) for time in times]


def followed_time(request: ListRequest, by: Any) -> FollowedTime:
    """Return the time to follow the rows of a list by.

    Args:
        request: The list.
        by: The key of the time. "created" stands for the time at which a row becomes one of the list: of a list that is
            filtered by status, the time at which rows enter that status.

    Raises:
        InputError: If the list has no such time, or rows that enter the list later would be missed.
    """
    columns = _time_columns(request.resource)
    if not columns:
        hint = "Read them again instead: scan.to_dataframe()."
        raise InputError(f"{request.resource.name} have no time to follow them by.", column="scan", hint=hint)
    key = _default_key(request.resource, columns) if by == "created" else by
    if not isinstance(key, str) or key not in columns:
        known = ", ".join(columns)
        raise InputError(
            f"by={by!r}: {request.resource.name} can be followed by {known}{nearest_hint(str(by), columns)}.", column="by"
        )
    if "status" in request.query:
        key = _key_of_status(request, by, key)
    _check_filters(request, key)
    earliest = request.query.get(f"{key}_gte")
    return FollowedTime(key, columns[key], to_microseconds(parse_timestamp(earliest)) if earliest else 0)


def _time_columns(resource: Resource) -> dict[str, str]:
    """Return the columns of the times that a list can be filtered by, by their keys."""
    return dict(_each_time_column(resource))


def _each_time_column(resource: Resource) -> Iterator[tuple[str, str]]:
    for key in resource.sort:
        # app items and batches have `created_at` where the filter is `created`
        paths = {(key,), (f"{key}_at",)}
        names = [
            column.name
            for column in resource.columns
            if isinstance(column, Column) and column.type == TIMESTAMP and column.path in paths
        ]
        if names and f"{key}_gte" in resource.filters:
            yield key, names[0]


def _default_key(resource: Resource, columns: Mapping[str, str]) -> str:
    # operations have `submitted` instead
    key = resource.creation_key[0] if resource.creation_key else "created"
    return key if key in columns else "created"


def _key_of_status(request: ListRequest, by: str, key: str) -> str:
    """Return the time at which rows enter the statuses that a list is filtered by."""
    name, statuses = request.resource.name, set(request.query["status"].split(","))
    entrances = ENTRANCES.get(name, {})
    found = next((time for first, (later, time) in entrances.items() if first in statuses and statuses <= later), None)
    given = ", ".join(sorted(statuses))
    if found is None:
        hint = "Leave out status=, and filter the frames."
        if entrances.keys() >= statuses:
            hint = 'Follow a scan for each: tf.follow({"a": scan, "b": other}).'
        raise InputError(f"{name} have no single time at which a row comes into {given}.", column="status", hint=hint)
    if by not in ("created", found):
        message = f"by={by!r} with status={given}: a row comes into the list at {found}, and later ones would be missed."
        raise InputError(message, column="by", hint=f"Use by={found!r}, or leave out status= and filter the frames.")
    return found if by == "created" else key


def _check_filters(request: ListRequest, key: str) -> None:
    allowed = FIXED_FILTERS | {"status"} | {f"{key}_{comparison}" for comparison in COMPARISONS}
    if mutable := sorted(set(request.query) - allowed):
        message = f"Rows can come into a list that is filtered by {', '.join(mutable)} at any time, and would be missed."
        raise InputError(message, column=mutable[0], hint="Leave out this filter, and filter the frames.")

"""A list comes in, what tells when its rows were made goes out; instants as microseconds, and as filters spell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from toloka_frames._schema.filters import moment

if TYPE_CHECKING:
    from toloka_frames._schema.resources import Resource
    from toloka_frames._transport.http import Service

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# in microseconds since 1970, as Arrow counts instants; the service may show or compare whole milliseconds only
MILLISECOND = 1_000
SECOND = 1_000_000


def told_by(resource: Resource) -> tuple[str, str] | None:
    """What a list can be compared and sorted by that tells when a row was made and never changes, and its column."""
    for key, column in (("created", resource.life.created), ("submitted", "submitted")):
        if column is not None and key in resource.sort and f"{key}_gte" in resource.filters:
            return key, column
    return None


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def spelt(at: float) -> str:
    """So many microseconds since 1970, as filters spell an instant.

    Raises:
        OverflowError: It is before the year 1 or after 9999.
    """
    return moment(EPOCH + at * MICROSECOND)


def later_clock(service: Service) -> datetime:
    """Now, by the later of the service's clock and ours, in whole seconds: where one is wrong, what ends now misses nothing."""
    return (max(service.now(), datetime.now(UTC)) + SECOND * MICROSECOND).replace(microsecond=0)

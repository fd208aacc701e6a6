"""A list comes in, what tells when its rows were made goes out; instants as microseconds, and as filters spell them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# in microseconds since 1970, as Arrow counts instants; the service may show or compare whole milliseconds only
MILLISECOND_US = 1_000
SECOND_US = 1_000_000


def microseconds(timestamp: datetime) -> int:
    """Microseconds since 1970."""
    return (timestamp - EPOCH) // MICROSECOND


def format_microseconds(at: float) -> str:
    """So many microseconds since 1970, as filters spell an instant.

    Raises:
        OverflowError: It is before the year 1 or after 9999.
    """
    return format_timestamp(EPOCH + at * MICROSECOND)


Instant: TypeAlias = str | date


def format_timestamp(value: Any) -> str:
    """An instant: ISO 8601 text, a datetime (naive is UTC), or a date; goes out as UTC without a zone."""
    # a bare date is the instant it begins with, as in the API's own examples
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    try:
        return parse_timestamp(value).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        raise ValueError("an instant is needed, as '2026-01-31', '2026-01-31T12:00:00' or a datetime") from None


NAIVE = pa.timestamp("us")


# microseconds since 1970
CALENDAR = range(-62_135_596_800_000_000, 253_402_300_800_000_000)


INSTANT_TEXT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def parse_timestamp(value: Any) -> datetime:
    """An instant from any spelling of the API (UTC, with or without fraction, with or without Z), or from a datetime.

    Raises:
        ValueError: It is no instant, or finer than a microsecond.
        OverflowError: It is before the year 1 or after 9999.
    """
    # fromisoformat also takes weeks and days without hyphens, and cuts off what is finer than a microsecond
    if isinstance(value, str) and INSTANT_TEXT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value != value or getattr(value, "nanosecond", None):  # noqa: PLR0124 -- NaT is not itself
        raise ValueError(value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_calendar(instants: pa.Array) -> bool:
    """Whether Python has a datetime for each; Arrow counts on beyond the years 1 and 9999."""
    ends = pc.min_max(instants.cast(pa.int64()))
    first, last = ends["min"].as_py(), ends["max"].as_py()
    return first is None or (first in CALENDAR and last in CALENDAR)

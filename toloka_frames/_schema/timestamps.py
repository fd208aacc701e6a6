"""Timestamps: the API's text format, Python's datetime, and microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

TimestampLike: TypeAlias = str | date | np.datetime64

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND_US = 1_000
TIMESTAMP_TEXT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def parse_timestamp(value: Any) -> datetime:
    """Return a timestamp of the API as a datetime in UTC; text without a zone and a naive datetime are UTC.

    Raises:
        ValueError: If `value` is not a timestamp, or is finer than a microsecond.
        OverflowError: If it is before the year 1 or after 9999.
    """
    # fromisoformat also accepts week dates and dates without hyphens, and silently cuts digits after the microsecond
    if isinstance(value, str) and TIMESTAMP_TEXT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value != value or getattr(value, "nanosecond", None):  # noqa: PLR0124 -- NaT != NaT
        raise ValueError(value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_timestamp(value: Any) -> str:
    """Format a timestamp for a filter: ISO 8601 in UTC without a zone.

    Args:
        value: ISO 8601 text, a datetime of Python, pandas or NumPy, or a date, which is its first moment in UTC.

    Raises:
        ValueError: If `value` is not one of these.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    try:
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value
        return parse_timestamp(value).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        raise ValueError("a timestamp is needed, such as '2026-01-31', '2026-01-31T12:00:00' or a datetime") from None


def to_microseconds(timestamp: datetime) -> int:
    """Return the microseconds from 1970 to a timestamp."""
    return (timestamp - EPOCH) // MICROSECOND


def format_microseconds(microseconds: float) -> str:
    """Format microseconds since 1970 as a timestamp for a filter.

    Raises:
        OverflowError: If it is before the year 1 or after 9999.
    """
    return format_timestamp(EPOCH + microseconds * MICROSECOND)

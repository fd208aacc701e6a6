"""Checks of filters: accepted values in the API's format, and messages for rejected values."""

from __future__ import annotations

from collections.abc import Collection  # noqa: TC003 -- types of keywords are read at run time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_type_hints

import numpy as np
import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames._schema.filters import filters_of, some_of, sorting
from toloka_frames._schema.timestamps import TimestampLike, format_timestamp
from toloka_frames._validation import Id, flag, identifier, integer, one_of, page_size, text, validate

if TYPE_CHECKING:
    from toloka_frames._validation import Check

Colour = Literal["RED", "GREEN", "DARK_GREEN"]
MOSCOW = timezone(timedelta(hours=3))

ACCEPTED: dict[str, tuple[Check, Any, str]] = {
    "text": (text, "1080020", "1080020"),
    "text with special characters": (text, " a,b&c \u00f6 ", " a,b&c \u00f6 "),
    "a whole number": (integer, 3, "3"),
    "a negative number": (integer, -3, "-3"),
    "True": (flag, True, "true"),
    "False": (flag, False, "false"),
    "a date as text": (format_timestamp, "2026-01-31", "2026-01-31T00:00:00"),
    "a timestamp": (format_timestamp, "2026-01-31T12:00:00", "2026-01-31T12:00:00"),
    "a timestamp without seconds": (format_timestamp, "2026-01-31T12:00", "2026-01-31T12:00:00"),
    "a timestamp with a space": (format_timestamp, "2026-01-31 12:00:00", "2026-01-31T12:00:00"),
    "a timestamp with Z": (format_timestamp, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
    "a timestamp with a zone": (format_timestamp, "2026-01-31T02:30:00+03:00", "2026-01-30T23:30:00"),
    "milliseconds": (format_timestamp, "2026-01-31T12:00:00.190", "2026-01-31T12:00:00.190000"),
    "microseconds": (format_timestamp, "2026-01-31T12:00:00.000001Z", "2026-01-31T12:00:00.000001"),
    "a naive datetime": (format_timestamp, datetime(2026, 1, 31, 12), "2026-01-31T12:00:00"),  # noqa: DTZ001 -- naive is UTC
    "a datetime in UTC": (format_timestamp, datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00"),
    "a datetime in another zone": (format_timestamp, datetime(2026, 1, 31, 2, 30, tzinfo=MOSCOW), "2026-01-30T23:30:00"),
    "a date": (format_timestamp, date(2026, 1, 31), "2026-01-31T00:00:00"),
    "a pandas Timestamp": (format_timestamp, pd.Timestamp("2026-01-31 12:00", tz="Europe/Paris"), "2026-01-31T11:00:00"),
    "a NumPy datetime64": (format_timestamp, np.datetime64("2026-01-31T12:00"), "2026-01-31T12:00:00"),
    "a NumPy month": (format_timestamp, np.datetime64("2026-01"), "2026-01-01T00:00:00"),
    "one of several names": (one_of(Colour), "RED", "RED"),
    "a single value where several are possible": (some_of(one_of(Colour)), "RED", "RED"),
    "a list of values": (some_of(one_of(Colour)), ["RED", "GREEN"], "RED,GREEN"),
    "a tuple of values": (some_of(one_of(Colour)), ("GREEN", "RED"), "GREEN,RED"),
    "a Series of values": (some_of(one_of(Colour)), pd.Series(["RED", "GREEN"]), "RED,GREEN"),
    "values as text with commas": (some_of(one_of(Colour)), "RED,GREEN", "RED,GREEN"),
    "a generator of values": (some_of(text), (name for name in ("a", "b")), "a,b"),
    "the smallest page size": (page_size(300), 1, "1"),
    "the largest page size": (page_size(300), 300, "300"),
    "a sort key": (sorting(("id", "created")), "created", "created"),
    "a sort key, descending": (sorting(("id", "created")), "-created", "-created"),
    "sort keys": (sorting(("id", "created")), ["-created", "id"], "-created,id"),
    "sort keys as text": (sorting(("id", "created")), "-created,id", "-created,id"),
}

REJECTED: dict[str, tuple[Check, Any, str]] = {
    "empty text": (text, "", "text that is not empty"),
    "a number for text": (text, 1080020, "text that is not empty"),
    "bytes for text": (text, b"a", "text that is not empty"),
    "None for text": (text, None, "text that is not empty"),
    "text for a number": (integer, "3", "whole number"),
    "a number for a flag": (flag, 1, "True or False"),
    "text for a flag": (flag, "true", "True or False"),
    "a float for a number": (integer, 3.0, "whole number"),
    "a boolean for a number": (integer, True, "whole number"),
    "a word for a timestamp": (format_timestamp, "today", "timestamp"),
    "empty text for a timestamp": (format_timestamp, "", "timestamp"),
    "a month of one digit": (format_timestamp, "2026-1-31", "timestamp"),
    "a day that does not exist": (format_timestamp, "2026-02-30", "timestamp"),
    "an hour that does not exist": (format_timestamp, "2026-01-31T25:00:00", "timestamp"),
    "a week date": (format_timestamp, "2026-W05", "timestamp"),
    "a date without hyphens": (format_timestamp, "20260131", "timestamp"),
    "nanoseconds": (format_timestamp, "2026-01-31T12:00:00.000000001", "timestamp"),
    "a number for a timestamp": (format_timestamp, 1769817600, "timestamp"),
    "a NumPy NaT": (format_timestamp, np.datetime64("NaT", "ns"), "timestamp"),
    "a NumPy datetime64 finer than a microsecond": (
        format_timestamp,
        np.datetime64("2026-01-31T12:00:00.000000001"),
        "timestamp",
    ),
    "an unknown name": (one_of(Colour), "BLUE", "one of RED, GREEN, DARK_GREEN is needed"),
    "a misspelt name": (one_of(Colour), "GREN", "the nearest is 'GREEN'"),
    "a name in lower case": (one_of(Colour), "dark_green", "the nearest is 'DARK_GREEN'"),
    "a list where one value is possible": (one_of(Colour), ["RED"], "one of RED"),
    "a number for a name": (one_of(Colour), 5, "one of RED"),
    "an empty list of values": (some_of(text), [], "at least one"),
    "an empty value in a list": (some_of(text), ["a", ""], "text that is not empty"),
    "a trailing comma": (some_of(text), "a,", "text that is not empty"),
    "a number for a list of values": (some_of(text), 5, "text that is not empty"),
    "a page size of 0": (page_size(300), 0, "from 1 to 300"),
    "a page size above the maximum": (page_size(100_000), 100_001, "from 1 to 100,000"),
    "a page size as text": (page_size(300), "300", "from 1 to 300"),
    "a page size as a boolean": (page_size(300), True, "from 1 to 300"),
    "an unknown sort key": (sorting(("id", "created")), "name", "one of id, created"),
    "a misspelt sort key": (sorting(("id", "created")), "creatde", "the nearest is 'created'"),
    "a plus before a sort key": (sorting(("id", "created")), "+id", "one of id, created"),
    "no sort key": (sorting(("id",)), [], "at least one"),
    "a list in a list of sort keys": (sorting(("id",)), [["id"]], "one of id"),
}


@pytest.mark.parametrize(("check", "value", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_check_accepts(check: Check, value: Any, expected: str) -> None:
    assert validate("name", check, value) == expected


@pytest.mark.parametrize(("check", "value", "message"), REJECTED.values(), ids=REJECTED)
def test_check_rejects(check: Check, value: Any, message: str) -> None:
    with pytest.raises(tf.InputError) as caught:
        validate("name", check, value)
    assert str(caught.value).startswith(f"name={value!r}: ")
    assert message in str(caught.value)
    assert caught.value.column == "name"
    assert caught.value.rows == ()


class Keywords(TypedDict, total=False):
    """A keyword of each type."""

    name: str | None
    overlap_gte: int | None
    hidden: bool | None
    colour: Colour | None
    colours: Colour | Collection[Colour] | None
    names: str | Collection[str] | None
    id: Id | None
    ids: Id | Collection[Id] | None
    since: TimestampLike | None


def test_check_of_a_keyword_follows_from_its_type() -> None:
    filters = filters_of(get_type_hints(Keywords))
    assert (filters["name"], filters["overlap_gte"], filters["hidden"], filters["since"]) == (
        text,
        integer,
        flag,
        format_timestamp,
    )
    assert filters["colour"]("RED") == "RED"
    assert filters["colours"](["RED", "GREEN"]) == "RED,GREEN"
    assert filters["names"](["a", "b"]) == "a,b"
    assert filters["id"] is identifier
    assert filters["ids"](["a", 3]) == "a,3"
    for name, wrong in {"colour": "RED,GREEN", "colours": ["RED", "BLUE"], "names": [3], "id": [3], "ids": [3.0]}.items():
        with pytest.raises(tf.InputError, match=name):
            validate(name, filters[name], wrong)

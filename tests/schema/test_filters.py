"""A filter's value goes in as people have it, and out as the API takes it."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 -- types of keywords are read at run time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_type_hints

import numpy as np
import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames._schema.filters import filters_of, some_of, sorting
from toloka_frames._schema.timestamps import TimestampLike, format_timestamp
from toloka_frames._validation import flag, integer, one_of, page_size, text, validate

if TYPE_CHECKING:
    from toloka_frames._validation import Check

Colour = Literal["RED", "GREEN", "DARK_GREEN"]
MOSCOW = timezone(timedelta(hours=3))

ACCEPTED: dict[str, tuple[Check, Any, str]] = {
    "text": (text, "1080020", "1080020"),
    "text as it is": (text, " a,b&c \u00f6 ", " a,b&c \u00f6 "),
    "a whole number": (integer, 3, "3"),
    "a negative number": (integer, -3, "-3"),
    "yes": (flag, True, "true"),
    "no": (flag, False, "false"),
    "a day": (format_timestamp, "2026-01-31", "2026-01-31T00:00:00"),
    "an instant": (format_timestamp, "2026-01-31T12:00:00", "2026-01-31T12:00:00"),
    "an instant without seconds": (format_timestamp, "2026-01-31T12:00", "2026-01-31T12:00:00"),
    "an instant with a blank": (format_timestamp, "2026-01-31 12:00:00", "2026-01-31T12:00:00"),
    "an instant with Z": (format_timestamp, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
    "an instant with a zone": (format_timestamp, "2026-01-31T02:30:00+03:00", "2026-01-30T23:30:00"),
    "milliseconds": (format_timestamp, "2026-01-31T12:00:00.190", "2026-01-31T12:00:00.190000"),
    "microseconds": (format_timestamp, "2026-01-31T12:00:00.000001Z", "2026-01-31T12:00:00.000001"),
    "a naive datetime": (format_timestamp, datetime(2026, 1, 31, 12), "2026-01-31T12:00:00"),  # noqa: DTZ001 -- naive is UTC
    "a datetime in UTC": (format_timestamp, datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00"),
    "a datetime elsewhere": (format_timestamp, datetime(2026, 1, 31, 2, 30, tzinfo=MOSCOW), "2026-01-30T23:30:00"),
    "a date": (format_timestamp, date(2026, 1, 31), "2026-01-31T00:00:00"),
    "a pandas Timestamp": (format_timestamp, pd.Timestamp("2026-01-31 12:00", tz="Europe/Paris"), "2026-01-31T11:00:00"),
    "one of a kind": (one_of(Colour), "RED", "RED"),
    "one where several can be": (some_of(one_of(Colour)), "RED", "RED"),
    "several in a list": (some_of(one_of(Colour)), ["RED", "GREEN"], "RED,GREEN"),
    "several in a tuple": (some_of(one_of(Colour)), ("GREEN", "RED"), "GREEN,RED"),
    "several in a column": (some_of(one_of(Colour)), pd.Series(["RED", "GREEN"]), "RED,GREEN"),
    "several in text": (some_of(one_of(Colour)), "RED,GREEN", "RED,GREEN"),
    "several of a generator": (some_of(text), (name for name in ("a", "b")), "a,b"),
    "the smallest page": (page_size(300), 1, "1"),
    "the largest page": (page_size(300), 300, "300"),
    "a sort key": (sorting(("id", "created")), "created", "created"),
    "a sort key, descending": (sorting(("id", "created")), "-created", "-created"),
    "sort keys": (sorting(("id", "created")), ["-created", "id"], "-created,id"),
    "sort keys as text": (sorting(("id", "created")), "-created,id", "-created,id"),
}

REFUSED: dict[str, tuple[Check, Any, str]] = {
    "empty text": (text, "", "text that is not empty"),
    "a number for text": (text, 1080020, "text that is not empty"),
    "bytes for text": (text, b"a", "text that is not empty"),
    "None for text": (text, None, "text that is not empty"),
    "text for a number": (integer, "3", "whole number"),
    "a number for a flag": (flag, 1, "True or False"),
    "text for a flag": (flag, "true", "True or False"),
    "a float for a number": (integer, 3.0, "whole number"),
    "truth for a number": (integer, True, "whole number"),
    "a word for an instant": (format_timestamp, "today", "timestamp"),
    "empty text for an instant": (format_timestamp, "", "timestamp"),
    "a short day": (format_timestamp, "2026-1-31", "timestamp"),
    "a day of no calendar": (format_timestamp, "2026-02-30", "timestamp"),
    "an hour of no day": (format_timestamp, "2026-01-31T25:00:00", "timestamp"),
    "a week": (format_timestamp, "2026-W05", "timestamp"),
    "digits alone": (format_timestamp, "20260131", "timestamp"),
    "nanoseconds": (format_timestamp, "2026-01-31T12:00:00.000000001", "timestamp"),
    "a number for an instant": (format_timestamp, 1769817600, "timestamp"),
    "an instant of numpy": (format_timestamp, np.datetime64("2026-01-31"), "timestamp"),
    "another name": (one_of(Colour), "BLUE", "one of RED, GREEN, DARK_GREEN is needed"),
    "a misspelt name": (one_of(Colour), "GREN", "the nearest is 'GREEN'"),
    "a name in small letters": (one_of(Colour), "dark_green", "the nearest is 'DARK_GREEN'"),
    "a list for one": (one_of(Colour), ["RED"], "one of RED"),
    "a number for a name": (one_of(Colour), 5, "one of RED"),
    "none of several": (some_of(text), [], "at least one"),
    "an empty one of several": (some_of(text), ["a", ""], "text that is not empty"),
    "a trailing comma": (some_of(text), "a,", "text that is not empty"),
    "a number for several": (some_of(text), 5, "text that is not empty"),
    "a page of no rows": (page_size(300), 0, "from 1 to 300"),
    "a page too large": (page_size(100_000), 100_001, "from 1 to 100,000"),
    "a page as text": (page_size(300), "300", "from 1 to 300"),
    "a page as truth": (page_size(300), True, "from 1 to 300"),
    "another sort key": (sorting(("id", "created")), "name", "one of id, created"),
    "a misspelt sort key": (sorting(("id", "created")), "creatde", "the nearest is 'created'"),
    "a plus": (sorting(("id", "created")), "+id", "one of id, created"),
    "no sort key": (sorting(("id",)), [], "at least one"),
    "a list in a list": (sorting(("id",)), [["id"]], "one of id"),
}


@pytest.mark.parametrize(("check", "given", "out"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_filter_takes(check: Check, given: Any, out: str) -> None:
    assert validate("name", check, given) == out


@pytest.mark.parametrize(("check", "given", "says"), REFUSED.values(), ids=REFUSED)
def test_a_filter_refuses(check: Check, given: Any, says: str) -> None:
    with pytest.raises(tf.InputError) as caught:
        validate("name", check, given)
    assert str(caught.value).startswith(f"name={given!r}: ")
    assert says in str(caught.value)
    assert caught.value.column == "name"
    assert caught.value.rows == ()


class Given(TypedDict, total=False):
    """Keywords of every kind."""

    name: str | None
    overlap_gte: int | None
    hidden: bool | None
    colour: Colour | None
    colours: Colour | Sequence[Colour] | None
    names: str | Sequence[str] | None
    since: TimestampLike | None


def test_what_a_keyword_takes_is_told_from_its_type() -> None:
    filters = filters_of(get_type_hints(Given))
    assert (filters["name"], filters["overlap_gte"], filters["hidden"], filters["since"]) == (
        text,
        integer,
        flag,
        format_timestamp,
    )
    assert filters["colour"]("RED") == "RED"
    assert filters["colours"](["RED", "GREEN"]) == "RED,GREEN"
    assert filters["names"](["a", "b"]) == "a,b"
    for name, wrong in {"colour": "RED,GREEN", "colours": ["RED", "BLUE"], "names": [3]}.items():
        with pytest.raises(tf.InputError, match=name):
            validate(name, filters[name], wrong)

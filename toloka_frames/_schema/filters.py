"""Filters of a list: check a value and convert it to the text of a query parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import Check, flag, integer, nearest_hint, one_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping


def filters_of(hints: Mapping[str, Any]) -> Mapping[str, Check]:
    """Return the check of each keyword of a list.

    Args:
        hints: The keywords' type hints.
    """
    return {name: _filter_of(hint) for name, hint in hints.items()}


def some_of(check_one: Check) -> Check:
    """Return a check of one or several values: a list, or text with commas; the API takes them joined by commas."""

    def check(value: Any) -> str:
        values = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
        if not values:
            raise ValueError("at least one value is needed")
        return ",".join(map(check_one, values))

    return check


def sorting(keys: tuple[str, ...]) -> Check:
    """Return a check of sort keys: the first key sorts first, and `-` before a key sorts in descending order."""
    known = [sign + key for sign in ("", "-") for key in keys]

    def check(value: Any) -> str:
        if value not in known:
            message = f"one of {', '.join(keys)} is needed, with '-' in front for descending order"
            raise ValueError(message + nearest_hint(str(value), keys))
        return str(value)

    return some_of(check)


@cache  # most keywords have one of a few types
def _filter_of(hint: Any) -> Check:
    """Return the check of a type, which is a union with None."""
    one, *others = get_args(hint)
    # the union with None dissolves TimestampLike into its members
    if date in others:
        return format_timestamp
    check = one_of(one) if get_origin(one) is Literal else {str: text, int: integer, bool: flag}[one]
    return some_of(check) if any(get_origin(other) is Sequence for other in others) else check

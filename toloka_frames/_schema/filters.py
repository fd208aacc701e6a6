"""Filters of a list: check a value and convert it to the text of a query parameter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import Check, flag, identifier, integer, nearest_hint, one_of, text


def filters_of(hints: Mapping[str, Any]) -> Mapping[str, Check]:
    """Return the check of each keyword of a list.

    Args:
        hints: The keywords' type hints.
    """
    return {name: _filter_of(hint) for name, hint in hints.items()}


def some_of(check_one: Check) -> Check:
    """Return a check of one or several values: a list, or text with commas; the API takes them joined by commas."""

    def check(value: Any) -> str:
        texts = list(map(check_one, _items(value)))
        if not texts:
            raise ValueError("at least one value is needed")
        # the order of a set differs from process to process
        return ",".join(sorted(texts) if isinstance(value, AbstractSet) else texts)

    return check


def _items(value: Any) -> Iterable[Any]:
    """Return the values of a list, of text with commas, or a value that is a single one."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value.split(",")
    # a row is a single id, also as a Series or a named tuple
    is_single = isinstance(value, Mapping | bytes | str) or hasattr(value, "id") or not isinstance(value, Iterable)
    return [value] if is_single else value


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
    # so does the union with Id
    checks = {str: identifier if UUID in others else text, int: integer, bool: flag}
    check = one_of(one) if get_origin(one) is Literal else checks[one]
    return some_of(check) if any(get_origin(other) is Collection for other in others) else check

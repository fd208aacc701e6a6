"""A filter's value as the user gives it comes in, the text of the query parameter goes out, or an error before any request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import Filter, flag, integer, nearest, one_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping


def some_of(filter_one: Filter) -> Filter:
    """One value, or several of them (a list, or text with commas), which travel comma-joined."""

    def check(value: Any) -> str:
        values = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
        if not values:
            raise ValueError("at least one value is needed")
        return ",".join(filter_one(one) for one in values)

    return check


def filters_of(keywords: type) -> Mapping[str, Filter]:
    """What each keyword of a list takes, told from its type."""
    return {name: _filter_of(hint) for name, hint in get_type_hints(keywords).items()}


def _filter_of(hint: Any) -> Filter:
    """The filter of a type, which is a union with None."""
    one, *others = get_args(hint)
    # an Instant, which is no more in a union with None than its members
    if date in others:
        return format_timestamp
    plain = one_of(one) if get_origin(one) is Literal else {str: text, int: integer, bool: flag}[one]
    return some_of(plain) if any(get_origin(other) is Sequence for other in others) else plain


def sorting(keys: tuple[str, ...]) -> Filter:
    """Sort keys, earlier ones weigh more, `-` in front for descending."""
    known = [sign + key for sign in ("", "-") for key in keys]

    def check(value: Any) -> str:
        if value not in known:
            raise ValueError(f"one of {', '.join(keys)}, '-' in front for descending, is needed{nearest(str(value), keys)}")
        return str(value)

    return some_of(check)

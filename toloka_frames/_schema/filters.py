"""A filter's value as the user gives it comes in, the text of the query parameter goes out, or an error before any request."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints
from urllib.parse import quote

from toloka_frames._errors import InputError
from toloka_frames._schema.json_rows import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

Instant: TypeAlias = str | date
Filter: TypeAlias = Callable[[Any], str]


def text(value: Any) -> str:
    """An id or a name: text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("text that is not empty is needed, as '1080020'")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text that UTF-8 can spell is needed") from None
    return value


def path_part(value: Any) -> str:
    """An id that stands in a path, quoted."""
    # quoting leaves these as they are, and httpx takes them for folders: it would ask another path
    if value in (".", ".."):
        raise ValueError(f"{value} is no id")
    return quote(text(value), safe="")


def integer(value: Any) -> str:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number is needed")  # noqa: TRY004 -- one error for all that is wrong with a value
    return str(value)


def positive(value: Any) -> str:
    """A whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a positive whole number is needed")
    return str(value)


def flag(value: Any) -> str:
    """True or False."""
    if value is True or value is False:
        return str(value).lower()
    raise ValueError("True or False is needed")


def flag_or_none(value: Any) -> str:
    """True or False; None leaves it to the service."""
    if value is not None and not isinstance(value, bool):
        raise ValueError("True, False or None is needed")
    return str(value).lower()


def moment(value: Any) -> str:
    """An instant: ISO 8601 text, a datetime (naive is UTC), or a date; goes out as UTC without a zone."""
    # a bare date is the instant it begins with, as in the API's own examples
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    try:
        return instant(value).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        raise ValueError("an instant is needed, as '2026-01-31', '2026-01-31T12:00:00' or a datetime") from None


def one_of(literal: Any) -> Filter:
    """One value of a Literal type."""
    values = get_args(literal)

    def check(value: Any) -> str:
        if value not in values:
            raise ValueError(f"one of {', '.join(values)} is needed{nearest(str(value), values)}")
        return str(value)

    return check


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
        return moment
    plain = one_of(one) if get_origin(one) is Literal else {str: text, int: integer, bool: flag}[one]
    return some_of(plain) if any(get_origin(other) is Sequence for other in others) else plain


def checked(name: str, check: Filter, value: Any) -> str:
    """One value, checked.

    Raises:
        InputError: It is none that the filter takes.
    """
    try:
        return check(value)
    except ValueError as error:
        raise InputError(f"{name}={value!r}: {error}.", column=name) from error


def within(maximum: int) -> Filter:
    """A number of rows a page, from 1 to the list's maximum."""

    def check(value: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
            raise ValueError(f"a whole number from 1 to {maximum:,} is needed")
        return str(value)

    return check


def sorting(keys: tuple[str, ...]) -> Filter:
    """Sort keys, earlier ones weigh more, `-` in front for descending."""
    known = [sign + key for sign in ("", "-") for key in keys]

    def check(value: Any) -> str:
        if value not in known:
            raise ValueError(f"one of {', '.join(keys)}, '-' in front for descending, is needed{nearest(str(value), keys)}")
        return str(value)

    return some_of(check)


def nearest(value: str, values: Iterable[str]) -> str:
    """The rest of a sentence that names the known word next to one that is not known, or nothing."""
    near = difflib.get_close_matches(value.upper(), [each.upper() for each in values], n=1)
    return f"; the nearest is {next(each for each in values if each.upper() == near[0])!r}" if near else ""

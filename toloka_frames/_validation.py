"""A frame or its values come in; what is wrong with them goes out as an error that names column, rows and reason."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, get_args
from urllib.parse import quote

import pandas as pd

from toloka_frames._errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_ROWS_SHOWN = 5


def check_frame(frame: Any) -> None:
    """Refuse what is no frame.

    Raises:
        InputError: It is none.
    """
    if not isinstance(frame, pd.DataFrame):
        came = type(frame).__name__
        raise InputError(f"A pandas DataFrame is needed, and a {came} came.", hint="A Scan gives one by .to_dataframe().")


def reject_rows(
    column: str,
    values: Sequence[Any],
    wrong: Callable[[Any], bool],
    why: str,
    hint: str = "",
    *,
    positions: Sequence[int] | None = None,
) -> None:
    """Refuse a column with values that are wrong.

    Args:
        column: Its name.
        values: Its values.
        wrong: Tells that one is wrong.
        why: What is wrong with it.
        hint: What to do about it.
        positions: The values' positions in the upload, where they are not all of it.

    Raises:
        InputError: There are some; it names column and rows.
    """
    bad = [index for index, value in enumerate(values) if wrong(value)]
    if bad:
        rows = bad if positions is None else [positions[index] for index in bad]
        raise InputError(
            f"Column {column!r}, rows {format_rows(rows)}: the value {why} (as {_short_repr(values[bad[0]])}).",
            column=column,
            rows=rows[:MAX_ROWS_SHOWN],
            hint=hint,
        )


def format_rows(rows: Sequence[int]) -> str:
    """The first of rows, and how many more there are."""
    more = f" and {len(rows) - MAX_ROWS_SHOWN:,} more" if len(rows) > MAX_ROWS_SHOWN else ""
    return ", ".join(map(str, rows[:MAX_ROWS_SHOWN])) + more


def _short_repr(value: Any) -> str:
    try:
        text = str(value)[:60]
    except (ValueError, RecursionError):  # thousands of digits, or of lists in each other
        text = "..."
    return f"{text!r}, {type(value).__name__}"


Check: TypeAlias = Callable[[Any], str]


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


def one_of(literal: Any) -> Check:
    """One value of a Literal type."""
    values = get_args(literal)

    def check(value: Any) -> str:
        if value not in values:
            raise ValueError(f"one of {', '.join(values)} is needed{nearest_hint(str(value), values)}")
        return str(value)

    return check


def validate(name: str, check: Check, value: Any) -> str:
    """One value, checked.

    Raises:
        InputError: It is none that the filter takes.
    """
    try:
        return check(value)
    except ValueError as error:
        raise InputError(f"{name}={value!r}: {error}.", column=name) from error


def page_size(maximum: int) -> Check:
    """A number of rows a page, from 1 to the list's maximum."""

    def check(value: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
            raise ValueError(f"a whole number from 1 to {maximum:,} is needed")
        return str(value)

    return check


def nearest_hint(value: str, values: Iterable[str]) -> str:
    """The rest of a sentence that names the known word next to one that is not known, or nothing."""
    near = difflib.get_close_matches(value.upper(), [each.upper() for each in values], n=1)
    return f"; the nearest is {next(each for each in values if each.upper() == near[0])!r}" if near else ""

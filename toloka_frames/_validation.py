"""Check arguments and columns of frames before anything is sent, with messages that name the argument, or column and rows."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from enum import Enum
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, SupportsIndex, TypeAlias, get_args
from urllib.parse import quote
from uuid import UUID

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class HasId(Protocol):
    """An object with an id, such as a pool of Toloka-Kit."""

    @property
    def id(self) -> Any:
        """The id."""


# an id, or what has one: text, a whole number (also NumPy's), a UUID, an enum of these, a row, an object
Id: TypeAlias = str | SupportsIndex | UUID | Enum | Mapping[str, Any] | HasId
# checks a value and returns it as text for a path or a query; raises ValueError with what is needed instead
Check: TypeAlias = Callable[[Any], str]

MAX_SHOWN = 5  # rows, or names, in one message

# -- Frames

# how values of other types become a DataFrame
FRAME_HINTS: Sequence[tuple[Any, str]] = (
    (Awaitable, "It is a coroutine: await it first."),
    ((str, PathLike), "Read the file first: pd.read_csv(path), for a TSV file with sep='\\t'."),
    (Mapping, "pd.DataFrame([row]) makes one of a row, pd.DataFrame(columns) one of columns."),
    (pd.Series, "A column becomes one by .to_frame(name), a row by .to_frame().T."),
    (Sequence, "pd.DataFrame(rows) makes one of a list of dicts."),
)


def check_frame(frame: Any) -> pd.DataFrame:
    """Return an argument as a pandas DataFrame: it is one, or a frame of Polars or a table of Arrow, which is converted.

    Raises:
        InputError: If it is not a frame.
    """
    if isinstance(frame, pd.DataFrame):
        return frame
    if hasattr(frame, "__arrow_c_stream__") and not hasattr(frame, "to_dataframe") and not hasattr(frame, "collect"):
        try:
            # Polars exports text to Arrow as views, which pandas does not take
            table = frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame)
        except (TypeError, pa.ArrowException):  # a column alone
            table = None
        if isinstance(table, pa.Table):
            converted: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
            return converted
    hint = next((hint for kinds, hint in FRAME_HINTS if isinstance(frame, kinds)), "A Scan gives one by .to_dataframe().")
    hint = "Collect it first: .collect()." if hasattr(frame, "collect") else hint
    raise InputError(f"A DataFrame is needed, not a {type(frame).__name__}.", hint=hint)


def check_column_names(frame: pd.DataFrame) -> None:
    """Check that the column names of a frame are texts that differ.

    Raises:
        InputError: If they are not.
    """
    if frame.columns.nlevels > 1:
        raise InputError(
            f"The columns have {frame.columns.nlevels} levels of names (MultiIndex), and one is needed.",
            hint="df.columns = df.columns.map('_'.join)",
        )
    if wrong := [name for name in frame.columns if not isinstance(name, str)]:
        raise InputError(
            f"Column names must be text; these are not: {wrong[:MAX_SHOWN]!r}.",
            hint="df.columns = df.columns.map(str)",
        )
    if duplicates := frame.columns[frame.columns.duplicated()].unique().tolist():
        raise InputError(
            f"Column names must differ; these occur twice: {duplicates[:MAX_SHOWN]!r}.",
            column=duplicates[0],
            hint="Keep the first of each name: df.loc[:, ~df.columns.duplicated()].",
        )


class Rejection(NamedTuple):
    """What a check of a frame has rejected, where rejections are collected and not raised.

    Attributes:
        error: The error that is raised elsewhere.
        rows: The positions of all rejected rows; empty if the error is not about rows.
        reasons: What is wrong with each of them, as a sentence; empty if the message of the error says it.
    """

    error: InputError
    rows: Sequence[int] = ()
    reasons: Sequence[str] = ()


_rejections: ContextVar[list[Rejection] | None] = ContextVar("rejections", default=None)


@contextlib.contextmanager
def collected_rejections() -> Iterator[list[Rejection]]:
    """Collect what the checks of a frame reject within the block, so that all of it can be reported."""
    rejections: list[Rejection] = []
    token = _rejections.set(rejections)
    try:
        yield rejections
    finally:
        _rejections.reset(token)


def reject(error: InputError, rows: Sequence[int] = (), reasons: Sequence[str] = ()) -> None:
    """Raise an error of a frame; where rejections are collected, keep it and return, so that the next check follows."""
    rejections = _rejections.get()
    if rejections is None:
        raise error
    rejections.append(Rejection(error, rows, reasons))


def reject_rows(
    column: str,
    values: Sequence[Any],
    is_wrong: Callable[[Any], bool],
    why: str,
    hint: str = "",
    *,
    positions: Sequence[int] | None = None,
) -> list[int]:
    """Raise an error if a column has wrong values.

    Args:
        column: The column's name.
        values: The column's values.
        is_wrong: Returns whether a value is wrong.
        why: The end of the message after "the value", such as "is missing".
        hint: What to do about it.
        positions: The values' positions in the whole upload, if they are only a part of it.

    Returns:
        The indexes of the wrong values: none, unless rejections are collected.

    Raises:
        InputError: If a value is wrong; names the column, the first rows, and the first wrong value.
    """
    wrong = [index for index, value in enumerate(values) if is_wrong(value)]
    if wrong:
        rows = wrong if positions is None else [positions[index] for index in wrong]
        error = InputError(
            f"Column {column!r}, rows {format_rows(rows)}: the {_value_that(values[wrong[0]], why)}",
            column=column,
            rows=rows[:MAX_SHOWN],
            hint=hint,
        )
        reject(error, rows, [f"The {_value_that(values[index], why)}" for index in wrong])
    return wrong


def _value_that(value: Any, why: str) -> str:
    return f"value {why}." if value is None else f"value {why} (as {short_repr(value)})."


def without(values: list[Any], wrong: Sequence[int]) -> list[Any]:
    """Return values with None in place of those that `reject_rows` has rejected."""
    positions = set(wrong)
    return [None if index in positions else value for index, value in enumerate(values)] if wrong else values


def format_rows(rows: Sequence[int]) -> str:
    """Return the first rows as text, with the number of the others."""
    more = f" and {len(rows) - MAX_SHOWN:,} more" if len(rows) > MAX_SHOWN else ""
    return ", ".join(map(str, rows[:MAX_SHOWN])) + more


def short_repr(value: Any) -> str:
    """Return the beginning of a value as text, and its type."""
    try:
        text = str(value)[:60]
    except (ValueError, RecursionError):  # an integer of thousands of digits, or a list that contains itself
        text = "..."
    return f"{text!r}, {type(value).__name__}"


# -- Arguments


def validate(name: str, check: Check, value: Any) -> str:
    """Return an argument as text.

    Raises:
        InputError: If the check rejects the value; names the argument.
    """
    try:
        return check(value)
    except ValueError as error:
        raise InputError(f"{name}={value!r}: {error}.", column=name) from error


def text(value: Any) -> str:
    """Check a name or another text, which is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("text that is not empty is needed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text that UTF-8 can encode is needed") from None
    # text of NumPy and other subclasses as plain text, which orjson and SQLite take
    return str.__str__(value)


def identifier(value: Any) -> str:
    """Check an id, in any form of `Id`, and return it as text."""
    id_ = _id_of(value)
    if isinstance(id_, Enum):
        id_ = id_.value
    if isinstance(id_, UUID) or (is_whole(id_) and id_ >= 0):
        return str(id_)
    if isinstance(id_, Real) and math.isnan(id_):
        raise ValueError("the id is missing")
    if isinstance(id_, Real) and not isinstance(id_, Integral):
        raise ValueError("an id is text or a whole number, not a float: convert it with int(), a column with .astype('Int64')")  # noqa: TRY004
    if not isinstance(id_, str) or not id_:
        raise ValueError("an id that is not empty is needed: text as '1080020', a whole number, a UUID or a row with an id")
    # quoting keeps these two, and httpx resolves them like folders: the request would go to another path
    if id_ in (".", ".."):
        raise ValueError(f"{id_} is not an id")
    return text(id_)


def _id_of(value: Any) -> Any:
    """Return the id of a row or of an object that has one, and any other value as it is."""
    if isinstance(value, Mapping):
        return value.get("id")
    # an enum can have members and attributes of any name
    return value if isinstance(value, Enum) else getattr(value, "id", value)


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number, of Python or NumPy."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def id_text(name: str, value: Any) -> str:
    """Return an id as text; errors as in `validate`."""
    return validate(name, identifier, value)


def id_or_none(name: str, value: Any) -> str | None:
    """Return an id as text, or None if it is not given; errors as in `validate`."""
    return None if value is None else id_text(name, value)


def path_part(value: Any) -> str:
    """Check an id in a path, and quote it."""
    return quote(identifier(value), safe="")


def integer(value: Any) -> str:
    """Check a whole number."""
    if not is_whole(value):
        raise ValueError("a whole number is needed")
    return str(value)


def positive(value: Any) -> str:
    """Check a whole number of at least 1."""
    if not is_whole(value) or value < 1:
        raise ValueError("a positive whole number is needed")
    return str(value)


def seconds_or_none(value: Any) -> str:
    """Check a number of seconds above 0, or None, which sets no limit."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)  # of NumPy too, as a maximum of a column is one
    if value is not None and not (is_number and 0 < value < math.inf):
        raise ValueError("a number of seconds above 0 is needed, or None for no limit")
    return str(value)


def page_size(maximum: int) -> Check:
    """Return a check of a number of rows per page, from 1 to the maximum of a list."""

    def check(value: Any) -> str:
        if not is_whole(value) or not 1 <= value <= maximum:
            raise ValueError(f"a whole number from 1 to {maximum:,} is needed")
        return str(value)

    return check


def flag(value: Any) -> str:
    """Check True or False."""
    if value is True or value is False:
        return str(value).lower()
    raise ValueError("True or False is needed")


def flag_or_none(value: Any) -> str:
    """Check True, False, or None, which leaves the choice to the service."""
    if value is not None and not isinstance(value, bool):
        raise ValueError("True, False or None is needed")
    return str(value).lower()


def one_of(literal: Any) -> Check:
    """Return a check of a value of a Literal type."""
    values = get_args(literal)

    def check(value: Any) -> str:
        value = value.value if isinstance(value, Enum) else value
        if not isinstance(value, str) or value not in values:
            raise ValueError(f"one of {', '.join(values)} is needed{nearest_hint(str(value), values)}")
        return str(value)

    return check


def nearest_hint(value: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the known word most similar to an unknown one; "" if none is similar."""
    by_upper_case = {name.upper(): name for name in known}
    similar = difflib.get_close_matches(value.upper(), by_upper_case, n=1)
    return f"; the nearest is {by_upper_case[similar[0]]!r}" if similar else ""

"""Values of rows from any source: plain Python values, the Arrow type of a column of them, and their exact conversion to it.

Values of pandas and NumPy become the Python values that they equal. A column gets the type of its first value; the number of
digits, the zone and the unit are those that all its values need, so that none is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT, Column
from toloka_frames._schema.json_rows import (
    INT64,
    JSON_CASTS,
    NotJsonError,
    cast_list,
    checked_array,
    json_texts,
    uniform_array,
)
from toloka_frames._schema.timestamps import to_microseconds

if TYPE_CHECKING:
    from datetime import tzinfo

    from toloka_frames._schema.field_types import JsonShape
    from toloka_frames._schema.json_rows import Cast

Path: TypeAlias = tuple[str, ...]

NAIVE = pa.timestamp("us")
# missing values of these types show the type of a column that has no others
MISSING_TYPES: dict[type, pa.DataType] = {float: FLOAT, type(pd.NaT): NAIVE}
PLAIN_TYPES = {str, bool, int, type(None)}
JSON_TYPES = {TEXT, BOOLEAN, INTEGER, FLOAT}
UUID_TYPE = pa.uuid() if hasattr(pa, "uuid") else None  # since pyarrow 18
MAX_DIGITS, MAX_SHORT_DIGITS = 76, 38  # of decimal256 and decimal128
NANOSECOND_UNITS = {"s", "ms", "us", "ns"}  # the units of pandas' timestamps and timedeltas
LONG_UNITS = {"W", "D", "h", "m"}
CALENDAR_UNITS = {"Y", "M"}
SECONDS_OF_DAY = 86_400
MILLION = 1_000_000


def plain_row(row: Mapping[Any, Any], fields: dict[Path, pa.DataType | None], path: Path = ()) -> dict[str, Any]:
    """Return a row with plain Python values, None for missing ones: NaN, NaT and NA.

    Args:
        row: The row.
        fields: Gets the path of each value, with the type that a missing value shows.
        path: The keys that lead to the row.

    Raises:
        NotJsonError: If a key is not text.
    """
    plain = {}
    for key, value in row.items():
        name = _plain_key(key, path)
        if type(value) not in PLAIN_TYPES:
            value = plain_value(value, (*path, name))  # noqa: PLW2901 -- the same value
            if isinstance(value, dict) and value:
                plain[name] = plain_row(value, fields, (*path, name))
                continue
            if value is pd.NaT or (type(value) is float and value != value):  # noqa: PLR0124 -- NaN != NaN
                fields[*path, name] = fields.get((*path, name)) or MISSING_TYPES[type(value)]
                value = None  # noqa: PLW2901 -- the same value
        fields.setdefault((*path, name))
        plain[name] = value
    return plain


def plain_value(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    """Return the plain Python value that equals a value; values of unknown types stay as they are.

    Raises:
        NotJsonError: If a key of a dict is not text.
    """
    if isinstance(value, Enum):
        return plain_value(value.value, path)
    if isinstance(value, np.generic):
        return _from_numpy(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        return plain_value(value[()], path)
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        items = [plain_value(item, (*path, position)) for position, item in enumerate(value)]
        return [None if item is pd.NaT else item for item in items]
    if isinstance(value, Mapping):
        return {_plain_key(key, path): plain_value(item, (*path, str(key))) for key, item in value.items()}
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    # not str(value) and its like, which a subclass can override
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return value if isinstance(value, bool) else int.__int__(value)
    if isinstance(value, float):
        return value if type(value) is float else float.__float__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return None if value is pd.NA else value


def _plain_key(key: Any, path: tuple[str | int, ...]) -> str:
    if type(key) is str:
        return key
    key = plain_value(key)
    if not isinstance(key, str):
        raise NotJsonError(key, path)
    return key


def _from_numpy(value: np.generic[Any]) -> Any:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _from_numpy_time(value)
    if isinstance(value, np.longdouble | np.complexfloating | np.void):
        # item() keeps a longdouble, and returns other values in place of a void
        return float(value) if isinstance(value, np.longdouble) and float(value) == value else value
    return value.item()


def _from_numpy_time(value: Any) -> Any:
    if np.isnat(value):
        return pd.NaT if isinstance(value, np.datetime64) else None
    unit, is_timestamp = np.datetime_data(value.dtype)[0], isinstance(value, np.datetime64)
    if unit in LONG_UNITS or (is_timestamp and unit in CALENDAR_UNITS):
        value = value.astype(f"{value.dtype.kind}8[s]")
    elif unit not in NANOSECOND_UNITS:  # pandas would cut picoseconds; months have no length
        return value
    return pd.Timestamp(value) if is_timestamp else pd.Timedelta(value)


def infer_type(values: Sequence[Any], missing: pa.DataType | None) -> tuple[pa.DataType, JsonShape | None]:
    """Return the type of a column of plain values, and the JSON shape of its text if it holds JSON.

    Args:
        values: The values.
        missing: The type if all are None.
    """
    first = next((value for value in values if value is not None), None)
    if first is None:
        return missing or TEXT, None
    if isinstance(first, list):
        return _list_type([value for value in values if isinstance(value, list)])
    if isinstance(first, dict):
        return TEXT, "object"
    kind = _kind(first)
    return _COLUMN_TYPES[kind](values) if kind in _COLUMN_TYPES else TEXT, None


def _list_type(lists: Sequence[list[Any]]) -> tuple[pa.DataType, JsonShape | None]:
    """Return a list type if the elements of the first list that has some have one type; other lists are JSON."""
    elements = ([element for element in value if element is not None] for value in lists)
    first = next(filter(None, elements), None)
    if first is None:  # only empty lists
        return pa.list_(TEXT), None
    to_types = {_COLUMN_TYPES.get(_kind(element)) for element in first}
    to_type = to_types.pop() if len(to_types) == 1 else None
    if to_type is None:
        return TEXT, "array"
    return pa.list_(to_type([element for value in lists for element in value])), None


def _kind(value: Any) -> type | tuple[type, bool]:
    """Return what the values of a column have in common: a type; of timestamps, also whether they have a zone."""
    if isinstance(value, datetime):
        return datetime, value.tzinfo is not None
    return next(
        (kind for kind in (bool, int, float, Decimal, str, bytes, UUID, date, time, timedelta) if isinstance(value, kind)),
        object,
    )


def _number_type(values: Sequence[Any]) -> pa.DataType:
    kinds = set(map(type, values))
    if float in kinds:
        return FLOAT
    is_wide = Decimal in kinds or any(type(value) is int and value not in INT64 for value in values)
    return _decimal_type(values) if is_wide else INTEGER


def _decimal_type(values: Sequence[Any]) -> pa.DataType:
    """Return a type with the digits of all integers and decimals, or of as many of them as it can hold."""
    whole = scale = 0
    for value in values:
        if type(value) is int or (isinstance(value, Decimal) and value.is_finite()):
            digits = _digits(value)
            wider = max(whole, digits[0]), max(scale, digits[1])
            whole, scale = wider if sum(wider) <= MAX_DIGITS else (whole, scale)
    precision = max(whole + scale, 1)
    return pa.decimal128(precision, scale) if precision <= MAX_SHORT_DIGITS else pa.decimal256(precision, scale)


def _digits(value: int | Decimal) -> tuple[int, int]:
    """Return the number of digits before and after the decimal point."""
    _, digits, exponent = Decimal(value).as_tuple()
    return max(len(digits) + int(exponent), 0), max(-int(exponent), 0)


def _timestamp_type(values: Sequence[Any], *, has_zone: bool) -> pa.DataType:
    timestamps = [value for value in values if isinstance(value, datetime)]
    unit = "ns" if any(getattr(value, "nanosecond", 0) for value in timestamps) else "us"
    zones = {_zone_name(value.tzinfo) for value in timestamps if value.tzinfo is not None}
    # equal timestamps of several zones are the same moments in UTC
    return pa.timestamp(unit, (zones.pop() if len(zones) == 1 else "UTC") if has_zone else None)


@lru_cache(maxsize=1_000)
def _zone_name(zone: tzinfo) -> str:
    try:
        name: str = pa.scalar(datetime(2000, 1, 1, tzinfo=UTC).astimezone(zone)).type.tz
        pd.Timestamp(0, tz=name)
    except (ValueError, TypeError, pa.ArrowException, LookupError, OSError):  # a zone without a name
        return "UTC"
    return name


def _duration_type(values: Sequence[Any]) -> pa.DataType:
    return pa.duration("ns" if any(getattr(value, "nanoseconds", 0) for value in values) else "us")


def foreign_array(values: Sequence[Any], column: Column) -> tuple[pa.Array, Sequence[int]]:
    """Return the array of a column of plain values, and the numbers of the rows whose values do not fit it.

    Raises:
        NotJsonError: If the column holds JSON, and JSON cannot represent a value.
    """
    if column.json is not None:
        try:
            return pa.array(json_texts(values), TEXT), ()
        except NotJsonError as error:
            error.path = (*map(str, column.path), *error.path)
            raise
    element = column.type.value_type if pa.types.is_list(column.type) else column.type
    if element in JSON_TYPES and (array := uniform_array(values, column.type)) is not None:
        return array, ()
    is_uuid_list = element == UUID_TYPE and element is not column.type
    # Arrow makes arrays of extension types, but not lists of them
    array, misfits = checked_array(values, pa.list_(pa.binary(16)) if is_uuid_list else column.type, _cast_to(column.type))
    return array.cast(column.type), misfits


def _cast_to(declared: pa.DataType) -> Cast:
    """Return the function that converts a plain value to the value of a column; it raises if that would change it."""
    types = pa.types
    if types.is_list(declared):
        return partial(cast_list, cast=_cast_to(declared.value_type))
    if types.is_decimal(declared):
        return partial(_cast_decimal, declared=declared)
    if types.is_timestamp(declared):
        return partial(_cast_timestamp, declared=declared)
    if types.is_duration(declared):
        return partial(_cast_duration, unit=declared.unit)
    if declared in JSON_TYPES:
        return JSON_CASTS[declared]
    kinds = {pa.binary(): bytes, pa.date32(): date, pa.time64("us"): time, UUID_TYPE: UUID}
    return partial(_cast_kind, kind=kinds[declared])


def _cast_kind(value: Any, kind: type) -> Any:
    if _kind(value) is not kind or (kind is time and value.tzinfo is not None):
        raise TypeError(value)
    return value.bytes if kind is UUID else value


def _cast_decimal(value: Any, declared: pa.DataType) -> Decimal:
    if type(value) is not int and not isinstance(value, Decimal):
        raise TypeError(value)
    decimal = Decimal(value)
    whole, scale = _digits(decimal) if decimal.is_finite() else (MAX_DIGITS, MAX_DIGITS)
    if scale > declared.scale or whole > declared.precision - declared.scale:
        raise ValueError(value)
    return decimal


def _cast_timestamp(value: Any, declared: pa.DataType) -> int:
    if not isinstance(value, datetime) or (value.tzinfo is None) != (declared.tz is None):
        raise TypeError(value)
    nanosecond = getattr(value, "nanosecond", 0)
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    return _in_unit(to_microseconds(value if declared.tz else value.replace(tzinfo=UTC)), nanosecond, declared.unit)


def _cast_duration(value: Any, unit: str) -> int:
    if not isinstance(value, timedelta):
        raise TypeError(value)
    microseconds = (value.days * SECONDS_OF_DAY + value.seconds) * MILLION + value.microseconds
    return _in_unit(microseconds, getattr(value, "nanoseconds", 0), unit)


def _in_unit(microseconds: int, nanoseconds: int, unit: str) -> int:
    if unit == "us" and nanoseconds:
        raise ValueError(nanoseconds)
    number = microseconds * 1_000 + nanoseconds if unit == "ns" else microseconds
    if number not in INT64:
        raise OverflowError(number)
    return number


_COLUMN_TYPES: dict[type | tuple[type, bool], Callable[[Sequence[Any]], pa.DataType]] = {
    str: lambda _: TEXT,
    bool: lambda _: BOOLEAN,
    int: _number_type,
    float: _number_type,
    Decimal: _number_type,
    bytes: lambda _: pa.binary(),
    date: lambda _: pa.date32(),
    time: lambda _: pa.time64("us"),
    timedelta: _duration_type,
    (datetime, False): partial(_timestamp_type, has_zone=False),
    (datetime, True): partial(_timestamp_type, has_zone=True),
}
if UUID_TYPE is not None:
    _COLUMN_TYPES[UUID] = lambda _: UUID_TYPE

"""Make a frame that Excel and SQL take: timestamps without a zone, lists and objects as JSON text."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from toloka_frames._schema.field_values import plain as json_value
from toloka_frames._schema.pandas_values import TEXT_DTYPE, plain_values
from toloka_frames._validation import check_frame

INT64 = range(-(2**63), 2**63)  # the integers of SQLite and most other databases
# XML, and so a file of Excel, cannot have these characters; PostgreSQL rejects the first, and UTF-8 the surrogates
NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
REPLACEMENT = "\ufffd"
NUMBER_DTYPES: dict[str, Any] = {"b": "boolean", "i": "Int64", "u": "UInt64", "f": "float64"}  # by NumPy's kind of a dtype


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with values that Excel and SQL take, for `to_excel`, `to_sql` and `to_csv`.

    Text can change: characters that XML cannot have, such as NUL, become U+FFFD.

    Args:
        frame: Any frame, such as that of `to_dataframe`.

    Returns:
        The same rows, columns and index, with numbers and booleans as they are. Timestamps are in UTC without a zone. Lists,
        dicts and arrays are JSON text. All other values are text: bytes as hexadecimal digits, decimals, dates, times,
        durations and UUIDs as Python writes them, and the integers of a column with an integer beyond 64 bits.

    Raises:
        InputError: If `frame` is not a frame.

    Example:
        >>> frame = pd.DataFrame({"tags": [("a", "b"), ()], "at": pd.to_datetime(["2026-01-31T12:00+01:00", None])})
        >>> frame.pipe(tf.plain)
                tags                  at
        0  ["a","b"] 2026-01-31 11:00:00
        1         []                 NaT
    """
    frame = check_frame(frame)
    columns = {number: _plain_column(frame.iloc[:, number]).set_axis(range(len(frame))) for number in range(frame.shape[1])}
    return pd.DataFrame(columns, range(len(frame))).set_axis(frame.columns, axis=1).set_axis(_plain_index(frame.index))


def _plain_index(index: pd.Index[Any]) -> pd.Index[Any]:
    if isinstance(index, pd.RangeIndex):
        return index
    if isinstance(index, pd.MultiIndex):
        levels = [_plain_index(index.get_level_values(number)) for number in range(index.nlevels)]
        return pd.MultiIndex.from_arrays(levels, names=index.names)
    plain_index: pd.Index[Any] = pd.Index(_plain_column(index.to_series()), name=index.name)
    return plain_index


def _plain_column(column: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(column.dtype, pd.ArrowDtype) and column.dtype.kind in NUMBER_DTYPES:
        column = column.astype(NUMBER_DTYPES[column.dtype.kind])
    dtype: Any = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        naive: pd.Series[Any] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return naive
    if dtype.kind == "M" and not isinstance(dtype, pd.ArrowDtype):
        return column
    if dtype.kind in NUMBER_DTYPES and (dtype.kind != "u" or not (column > INT64[-1]).any()):
        return column
    values = plain_values(column)
    kinds = set(map(type, values)) - {type(None)}
    if kinds and all(issubclass(kind, datetime) for kind in kinds):
        unit = "ns" if any(getattr(value, "nanosecond", 0) for value in values) else "us"
        timestamps = [None if value is None else _in_utc(value) for value in values]
        # not pandas.to_datetime, which before pandas 3 rejects years that nanoseconds do not reach
        return pd.Series(np.array(timestamps, dtype=f"datetime64[{unit}]"), column.index)
    is_wide = any(type(value) is int and value not in INT64 for value in values)
    cells = pd.Series([_plain_cell(value, is_wide=is_wide) for value in values], column.index, dtype=object)
    is_text = all(value is None or isinstance(value, str) for value in cells)
    return cells.astype(TEXT_DTYPE) if is_text else cells.infer_objects()


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _plain_cell(value: Any, *, is_wide: bool) -> Any:
    if isinstance(value, bool | float) or value is None or (isinstance(value, int) and not is_wide):
        return value
    return re.sub(NOT_IN_XML, REPLACEMENT, _as_text(value))


def _as_text(value: Any) -> str:
    if isinstance(value, Enum):
        return _as_text(value.value)
    if isinstance(value, list | tuple | Mapping | np.ndarray):
        with contextlib.suppress(ValueError):  # it holds a value that JSON does not have
            return json.dumps(json_value(value), ensure_ascii=False, separators=(",", ":"))
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)

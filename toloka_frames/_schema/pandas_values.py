"""pandas columns: the dtypes of the package's frames, and cells as Python values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# pandas' own dtype of text: `str` since pandas 3, object before. Comparisons return NumPy booleans, which NumPy and crowd-kit
# take; those of StringDtype("pyarrow") return bool[pyarrow], which they reject.
TEXT_DTYPE = pd.Series(["text"]).dtype
# Booleans are left to Arrow, which makes bool columns, or object columns of True, False and None where a value is missing:
# crowd-kit and NumPy reject comparisons of the dtype `boolean`. Integers need Int64, because NumPy has no missing integers.
DEFAULT_DTYPES: dict[pa.DataType, Any] = {pa.int64(): pd.Int64Dtype()}
if isinstance(TEXT_DTYPE, pd.StringDtype):
    DEFAULT_DTYPES |= {pa.string(): TEXT_DTYPE, pa.large_string(): TEXT_DTYPE}
DOUBLE_BYTES = 8


def as_text(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of any dtype as text; missing values stay missing."""
    text = series.astype("string")
    return text.astype(TEXT_DTYPE).where(text.notna(), None)


def plain_values(series: pd.Series[Any]) -> list[Any]:
    """Return a column's cells as Python values, tuples as lists, None for missing ones."""
    series = _with_short_floats(series)
    # astype(object) of an Arrow column turns lists into arrays, and integers of a column with nulls into floats
    if isinstance(series.dtype, pd.ArrowDtype):
        values = [None if value is pd.NA else value for value in series.tolist()]
    else:
        values = series.astype(object).where(series.notna(), None).tolist()
        if isinstance(series.dtype, pd.StringDtype) or series.dtype.kind in "biuf":
            return values
        kinds = set(map(type, values))
        if tuple in kinds:
            values = [list(value) if type(value) is tuple else value for value in values]
        if not any(issubclass(kind, np.generic | np.ndarray) for kind in kinds):
            return values
        values = [_from_numpy(value) if _is_convertible(value) else value for value in values]
    # pandas does not count a NaN in an Arrow column or in a zero-dimensional array as missing
    return [None if type(value) is float and math.isnan(value) else value for value in values]


def task_values(series: pd.Series[Any]) -> list[Any]:
    """Return the cells of a GOLDEN:, HINT:, TASK: or OUTPUT: column as `plain_values` does, None also for empty text.

    The platform's own files have empty cells where a task has no known solution, hint or answer.
    """
    return [None if isinstance(value, str) and not value else value for value in plain_values(series)]


def _with_short_floats(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of 32-bit or 16-bit floats as 64-bit floats with the same digits: 0.1, not 0.10000000149011612."""
    dtype = getattr(series.dtype, "numpy_dtype", series.dtype)
    if not isinstance(dtype, np.dtype) or dtype.kind != "f" or dtype.itemsize >= DOUBLE_BYTES:
        return series
    values = series.to_numpy(dtype, na_value=np.nan)
    return pd.Series(short_floats(values), series.index)


def _from_numpy(value: Any) -> Any:
    if value.dtype.kind == "f" and value.dtype.itemsize < DOUBLE_BYTES:
        value = short_floats(np.ravel(value)).reshape(value.shape)
    return value.tolist()


def short_floats(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 32-bit or 16-bit floats as 64-bit floats with the same digits; whole numbers keep all of theirs."""
    exact = values.astype(np.float64)
    if values.dtype == np.float32:
        digits = pc.cast(pc.cast(pa.array(values), pa.string()), pa.float64()).to_numpy(zero_copy_only=False)
    else:  # Arrow does not convert 16-bit floats to text
        digits = np.array([float(str(value)) for value in values])
    return np.where(exact == np.trunc(exact), exact, digits)


def _is_convertible(value: Any) -> bool:
    """Return whether `tolist()` keeps the meaning of a NumPy value; a datetime64 would become a bare number."""
    return isinstance(value, np.generic | np.ndarray) and value.dtype.kind not in "mM"

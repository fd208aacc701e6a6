"""pandas columns: the text dtype of the package's frames, and cells as Python values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

STRING_DTYPE = pd.StringDtype("pyarrow")


def plain_values(series: pd.Series[Any]) -> list[Any]:
    """Return a column's cells as Python values, None for missing ones."""
    # astype(object) of an Arrow column turns lists into arrays, and integers of a column with nulls into floats
    if isinstance(series.dtype, pd.ArrowDtype):
        values = [None if value is pd.NA else value for value in series.tolist()]
    else:
        values = series.astype(object).where(series.notna(), None).tolist()
        is_plain = isinstance(series.dtype, pd.StringDtype) or series.dtype.kind in "biuf"
        if is_plain or not any(issubclass(kind, np.generic | np.ndarray) for kind in set(map(type, values))):
            return values
        values = [value.tolist() if _is_convertible(value) else value for value in values]
    # pandas does not count a NaN in an Arrow column or in a zero-dimensional array as missing
    return [None if type(value) is float and math.isnan(value) else value for value in values]


def _is_convertible(value: Any) -> bool:
    """Return whether `tolist()` keeps the meaning of a NumPy value; a datetime64 would become a bare number."""
    return isinstance(value, np.generic | np.ndarray) and value.dtype.kind not in "mM"

"""pandas columns: the text dtype of our frames, and cells as plain Python values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

STRING_DTYPE = pd.StringDtype("pyarrow")


def plain_values(series: pd.Series[Any]) -> list[Any]:
    """A column's cells as Python values, None where they are missing."""
    if isinstance(series.dtype, pd.ArrowDtype):  # as objects, its lists would be arrays and ints beside a null floats
        values = [None if each is pd.NA else each for each in series.tolist()]
    else:
        values = series.astype(object).where(series.notna(), None).tolist()
        is_plain = isinstance(series.dtype, pd.StringDtype) or series.dtype.kind in "biuf"
        if is_plain or not any(issubclass(kind, np.generic | np.ndarray) for kind in set(map(type, values))):
            return values
        values = [each.tolist() if _has_plain(each) else each for each in values]
    # a NaN beside Arrow's nulls or in an array without dimensions is a value to pandas
    return [None if type(each) is float and math.isnan(each) else each for each in values]


def _has_plain(value: Any) -> bool:
    """Whether NumPy turns a value into what it is in Python; instants would be bare numbers."""
    return isinstance(value, np.generic | np.ndarray) and value.dtype.kind not in "mM"

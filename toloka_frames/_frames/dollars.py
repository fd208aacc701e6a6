"""Add up amounts of money as decimal numbers, because 0.1 + 0.2 is not 0.3 in binary floating point."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._schema.pandas_values import plain_values

if TYPE_CHECKING:
    from collections.abc import Iterable

FOUR_DIGITS = Decimal("0.0001")


def decimals(amounts: pd.Series[Any]) -> pd.Series[Any]:
    """Return amounts as decimal numbers, 0 for a missing amount.

    Raises:
        InputError: If a value is not a number.
    """
    try:
        exact = [Decimal(0) if amount is None else Decimal(str(amount)) for amount in plain_values(amounts)]
    except InvalidOperation as error:
        name = str(amounts.name)
        raise InputError(f"Column {name!r} has values that are not amounts of money.", column=name) from error
    return pd.Series(exact, amounts.index, dtype=object)


def dollars(amounts: Iterable[Decimal]) -> list[float]:
    """Return sums of `decimals` rounded to four digits."""
    # money is rounded half up; the default of Decimal is half to even
    return [float(Decimal(amount).quantize(FOUR_DIGITS, ROUND_HALF_UP)) for amount in amounts]

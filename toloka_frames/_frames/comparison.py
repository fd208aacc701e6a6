"""Compare answers with known solutions and with each other by their values, whatever their dtypes and spelling."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from toloka_frames._errors import InputError
from toloka_frames._schema.field_values import parse_json, plain
from toloka_frames._schema.pandas_values import task_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*")
BOOLEANS = {"true": True, "false": False}


def have_values(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each row whether one of these columns has a value; empty text is none, as in an upload."""
    found = np.zeros(len(frame), dtype=bool)
    for name in names:
        found |= np.array([value is not None for value in task_values(frame[name])], dtype=bool)
    return found


def without_empty_text(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the frame with missing values in place of empty text in these columns."""
    for name in names:
        is_empty = ~have_values(frame, [name]) & frame[name].notna().to_numpy(dtype=bool)
        if is_empty.any():
            frame = frame.assign(**{name: frame[name].mask(is_empty)})
    return frame


def matches(golden: pd.Series[Any], output: pd.Series[Any]) -> list[bool]:
    """Return for each row whether the answer equals the known solution; True if there is none.

    Raises:
        InputError: If no answer is of a kind that can be compared with its known solution.
    """
    pairs = list(zip(map(_plain, task_values(golden)), map(_plain, task_values(output)), strict=True))
    outcomes = [True if known is None else answer is not None and equal(known, answer) for known, answer in pairs]
    compared = [outcome for outcome, pair in zip(outcomes, pairs, strict=True) if None not in pair]
    if compared and all(outcome is None for outcome in compared):
        raise InputError(
            f"Columns {golden.name!r} ({golden.dtype}) and {output.name!r} ({output.dtype}) cannot be compared.",
            column=str(golden.name),
            hint="Convert one of them, or read both from the file as text: dtype=str.",
        )
    return [bool(outcome) for outcome in outcomes]


def equal(one: Any, other: Any) -> bool | None:
    """Return whether two values are equal; None if they are of kinds that cannot be compared.

    Numbers, booleans, lists and dicts equal their text. Two texts are equal if they are the same, or JSON of equal lists or
    objects: '007' is not '7'.
    """
    if isinstance(one, str) and isinstance(other, str):
        one, other = _container(one), _container(other)
    one, other = _like(one, other), _like(other, one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other) if type(one) is type(other) else None


def label(value: Any) -> Any:
    """Return a value as a label: text that is a JSON list or object with its keys sorted, others as they are."""
    container = _container(value)
    return value if container is value else json.dumps(container, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    try:
        return plain(value)
    except ValueError:
        return value


def _container(value: Any) -> Any:
    """Return the list or dict of which a text is the JSON; other values as they are."""
    parsed = parse_json(value) if isinstance(value, str) and value.lstrip().startswith(("[", "{")) else value
    return parsed if isinstance(parsed, list | dict) else value


def _like(value: Any, other: Any) -> Any:
    """Return text as a value of the other's kind, if it is the text of such a value."""
    if not isinstance(value, str):
        return value
    if isinstance(other, bool):
        return BOOLEANS.get(value.strip().lower(), value)
    if isinstance(other, int | float):
        return _number(value) if NUMBER.fullmatch(value) else value
    return _container(value) if isinstance(other, list | dict) else value


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)

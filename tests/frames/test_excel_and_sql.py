"""`tf.plain`: every kind of column becomes one that Excel and SQL take."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.text_dtype import TEXT

import toloka_frames as tf


class Color(Enum):
    RED = "red"


TWO_O_CLOCK = pd.Timestamp("2026-01-31 02:00")
PARIS = pd.Timestamp("2026-01-31 03:00", tz="Europe/Paris")
# a column and its cells afterwards; "" where a value is missing
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "text": (pd.Series(["a", None], dtype=TEXT), ["a", ""]),
    "text of Arrow": (pd.array(["a", None], dtype=pd.ArrowDtype(pa.string())), ["a", ""]),
    "nullable text": (pd.array(["a", None], dtype="string"), ["a", ""]),
    "text with characters that XML does not have": (
        pd.Series(["a\x00\x1f\tb\n", "\ud800"], dtype=object),
        ["a\ufffd\ufffd\tb\n", "\ufffd"],
    ),
    "integers": (pd.array([2**62 + 1, None], dtype="Int64"), [2**62 + 1, ""]),
    "integers of Arrow": (pd.array([2**62 + 1, None], dtype=pd.ArrowDtype(pa.int64())), [2**62 + 1, ""]),
    "integers beyond 64 bits": ([2**63, 1], ["9223372036854775808", "1"]),
    "unsigned integers": (np.array([2**64 - 1, 1], dtype=np.uint64), ["18446744073709551615", "1"]),
    "small unsigned integers": (np.array([5, 1], dtype=np.uint64), [5, 1]),
    "floats": ([0.5, None], [0.5, ""]),
    "booleans": ([True, False], [True, False]),
    "booleans with a missing value": (pd.Series([True, None], dtype=object), [True, ""]),
    "nullable booleans": (pd.array([True, None], dtype="boolean"), [True, ""]),
    "timestamps in UTC": (pd.to_datetime(["2026-01-31T02:00Z", None]), [TWO_O_CLOCK, ""]),
    "timestamps in another zone": (pd.Series([PARIS, None]), [TWO_O_CLOCK, ""]),
    "timestamps in several zones": (pd.Series([PARIS, datetime(2026, 1, 31, 2, tzinfo=UTC)], dtype=object), [TWO_O_CLOCK] * 2),
    "timestamps without a zone": (pd.Series([TWO_O_CLOCK, None]), [TWO_O_CLOCK, ""]),
    "timestamps of Arrow": (pd.Series([PARIS, None]).astype(pd.ArrowDtype(pa.timestamp("us", "UTC"))), [TWO_O_CLOCK, ""]),
    "timestamps and text": (
        [datetime(2026, 1, 31, tzinfo=UTC), "a"],
        ["2026-01-31 00:00:00+00:00", "a"],
    ),
    "lists": (pd.Series([("a", 'ü"'), ()], dtype=object), ['["a","ü\\""]', "[]"]),
    "lists of Arrow": (pd.array([[1, None], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), ["[1,null]", ""]),
    "lists that JSON does not have": (
        pd.Series([(date(2026, 1, 31),), None], dtype=object),
        ["[datetime.date(2026, 1, 31)]", ""],
    ),
    "arrays": (pd.Series([np.array([1, 2]), None], dtype=object), ["[1,2]", ""]),
    "dicts": ([{"a": [1, {"b": 0.5}]}, {}], ['{"a":[1,{"b":0.5}]}', "{}"]),
    "dates": ([date(2026, 1, 31), None], ["2026-01-31", ""]),
    "times": ([time(1, 2), None], ["01:02:00", ""]),
    "durations": (pd.to_timedelta(["1 day", None]), ["1 days 00:00:00", ""]),
    "decimals": ([Decimal("0.10"), None], ["0.10", ""]),
    "bytes": ([b"\x00\xff", None], ["00ff", ""]),
    "UUIDs": ([UUID(int=1), None], ["00000000-0000-0000-0000-000000000001", ""]),
    "enums": ([Color.RED, None], ["red", ""]),
    "categories": (pd.Categorical(["a", None]), ["a", ""]),
    "numbers and text": ([1, "a"], [1, "a"]),
    "nothing": ([None, None], ["", ""]),
}


def frame_of(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"v": values, "n": [1, 2]})


def cells(frame: pd.DataFrame) -> list[Any]:
    return ["" if pd.isna(value) else value for value in frame["v"].tolist()]


@pytest.mark.parametrize(("values", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_every_kind_of_column_becomes_text_numbers_booleans_or_timestamps_without_a_zone(
    values: Any, expected: list[Any]
) -> None:
    plain = frame_of(values).pipe(tf.plain)
    assert cells(plain) == expected
    assert plain["n"].tolist() == [1, 2]
    with closing(sqlite3.connect(":memory:")) as connection:
        assert plain.to_sql("t", connection, index=False) == 2
        rows = connection.execute("select v from t").fetchall()
    # timestamps are text in SQLite, and a column of numbers and text is one of text
    is_text = any(isinstance(cell, pd.Timestamp) for cell in expected) or expected == [1, "a"]
    assert [row[0] or "" for row in rows] == [str(cell) if is_text else cell or "" for cell in expected]


@pytest.mark.parametrize(("values", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_excel_takes_every_kind_of_column(values: Any, expected: list[Any]) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="pandas writes files of Excel with it")
    file = io.BytesIO()
    frame_of(values).pipe(tf.plain).to_excel(file, index=False)
    read = [row[0].value or "" for row in openpyxl.load_workbook(file).active.iter_rows(min_row=2)]
    # Excel has only floats
    assert read == [float(cell) if type(cell) is int else cell or "" for cell in expected]


def test_the_index_and_the_names_of_the_columns_stay() -> None:
    index = pd.MultiIndex.from_arrays([["a", "a"], pd.to_datetime(["2026-01-31T02:00Z"] * 2)], names=["x", "day"])
    frame = pd.DataFrame([[1, (1,)], [2, None]], index, columns=["same", "same"])
    plain = frame.pipe(tf.plain)
    assert plain.index.tolist() == [("a", TWO_O_CLOCK)] * 2
    assert (plain.index.names, list(plain)) == (["x", "day"], ["same", "same"])
    assert tf.plain(frame.droplevel("x")).index.tolist() == [TWO_O_CLOCK] * 2
    assert frame.index.tolist() == index.tolist()


def test_what_is_not_a_frame_is_rejected() -> None:
    with pytest.raises(tf.InputError, match="A DataFrame is needed"):
        tf.plain([1])  # type: ignore[arg-type]

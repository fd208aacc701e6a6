"""Values that pandas, NumPy and Python make keep their value and type, or an error names the value that cannot be kept."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.text_dtype import TEXT_NAME

import toloka_frames as tf
from toloka_frames._reading.page import read_dicts, read_page
from toloka_frames._schema.columns import FLOAT, TEXT, Column, Layout

if TYPE_CHECKING:
    from pathlib import Path


class Color(Enum):
    RED = "red"


class TextColor(str, Enum):  # noqa: UP042 -- the class of a StrEnum has another str()
    """An enum like those of Toloka-Kit."""

    RED = "red"


class Level(IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Count(int):
    def __repr__(self) -> str:
        return "something else"


class Share(float):
    pass


BERLIN = pd.Timestamp("2022-01-01", tz="Europe/Berlin")
LONG = Decimal("12345678901234567890.12")
# a value, the value of the frame, and the dtype of its column
KINDS: dict[str, tuple[Any, Any, str]] = {
    **{f"np.{kind}": (getattr(np, kind)(5), 5, "Int64") for kind in ("int8", "int16", "int32", "int64")},
    **{f"np.{kind}": (getattr(np, kind)(5), 5, "Int64") for kind in ("uint8", "uint16", "uint32", "uint64")},
    **{f"np.{kind}": (getattr(np, kind)(1.5), 1.5, "float64") for kind in ("float16", "float32", "float64", "longdouble")},
    "np.float32 of 0.1": (np.float32(0.1), float(np.float32(0.1)), "float64"),
    "np.bool_": (np.bool_(True), True, "bool"),
    "np.str_": (np.str_("x"), "x", TEXT_NAME),
    "np.datetime64 of a day": (np.datetime64("2022-01-01"), pd.Timestamp("2022-01-01"), "datetime64[us]"),
    "np.datetime64 of a month": (np.datetime64("2022-01"), pd.Timestamp("2022-01-01"), "datetime64[us]"),
    "np.datetime64": (np.datetime64(5, "ns"), pd.Timestamp(5), "datetime64[ns]"),
    "np.timedelta64 of days": (np.timedelta64(5, "D"), pd.Timedelta(days=5), "timedelta64[us]"),
    "np.timedelta64": (np.timedelta64(-5, "ns"), pd.Timedelta(-5), "timedelta64[ns]"),
    "pd.Timestamp": (pd.Timestamp("2022-01-01"), pd.Timestamp("2022-01-01"), "datetime64[us]"),
    "pd.Timestamp of nanoseconds": (pd.Timestamp(-1), pd.Timestamp(-1), "datetime64[ns]"),
    "pd.Timestamp with a zone": (BERLIN, BERLIN, "datetime64[us, Europe/Berlin]"),
    "pd.Timedelta": (pd.Timedelta("1s"), pd.Timedelta("1s"), "timedelta64[us]"),
    "datetime": (datetime(2022, 1, 1), pd.Timestamp("2022-01-01"), "datetime64[us]"),  # noqa: DTZ001 -- without a zone
    "datetime in UTC": (datetime(2022, 1, 1, tzinfo=UTC), pd.Timestamp("2022-01-01", tz="UTC"), "datetime64[us, UTC]"),
    "datetime with a zone": (datetime(2022, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), BERLIN, "datetime64[us, Europe/Berlin]"),
    "datetime with an offset": (datetime(2022, 1, 1, tzinfo=timezone(timedelta(hours=1))), BERLIN, "datetime64[us, UTC+01:00]"),
    "date": (date(2022, 1, 1), date(2022, 1, 1), "object"),
    "time": (time(1, 2, 3, 4), time(1, 2, 3, 4), "object"),
    "timedelta": (timedelta(-1, 2, 3), pd.Timedelta(timedelta(-1, 2, 3)), "timedelta64[us]"),
    "bytes": (b"\xff", b"\xff", "object"),
    "bytearray": (bytearray(b"x"), b"x", "object"),
    "Decimal": (LONG, LONG, "object"),
    "Decimal of 60 digits": (Decimal(10**59) + Decimal("0.5"), Decimal(10**59) + Decimal("0.5"), "object"),
    "an integer beyond 64 bits": (2**70, Decimal(2**70), "object"),
    "Enum": (Color.RED, "red", TEXT_NAME),
    "Enum of text": (TextColor.RED, "red", TEXT_NAME),
    "IntEnum": (Level.LOW, 1, "Int64"),
    "a subclass of str": (Text("x"), "x", TEXT_NAME),
    "a subclass of int": (Count(5), 5, "Int64"),
    "a subclass of float": (Share(0.5), 0.5, "float64"),
    "infinity": (math.inf, math.inf, "float64"),
}
if hasattr(pa, "uuid"):
    KINDS["UUID"] = (UUID(int=1), UUID(int=1), "object")
ROWS: dict[str, Any] = {
    "alone": lambda value: [value],
    "first": lambda value: [value, None],
    "later": lambda value: [None, pd.NA, value],
    "twice": lambda value: [value, float("nan"), value],
}


@pytest.mark.parametrize("place", ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_keeps_its_value_and_type(kind: str, place: str) -> None:
    value, expected, dtype = KINDS[kind]
    values = ROWS[place](value)
    frame = tf.to_dataframe([{"v": item} for item in values])
    assert list(frame) == ["v", "extra"]
    # pyarrow 17 makes the time zones of pytz, which spell an offset in another way
    found_dtype = str(frame["v"].dtype).replace("pytz.FixedOffset(60)", "UTC+01:00")
    is_there = [item is value for item in values]
    # a missing value makes a column of booleans one of objects
    assert found_dtype == ("object" if dtype == "bool" and not all(is_there) else dtype)
    assert frame["v"].notna().tolist() == is_there
    found = frame["v"][is_there].tolist()
    assert found == [expected] * len(found)
    assert {type(item) for item in found} == {type(expected)}
    assert frame["extra"].isna().all()


@pytest.mark.parametrize("kind", KINDS)
def test_elements_of_lists_and_arrays_keep_their_value(kind: str) -> None:
    value, expected, _ = KINDS[kind]
    for cell in ([value, None], (value, None), np.array([value, None], dtype=object)):
        (read,) = tf.to_arrow([{"v": cell}])["v"].to_pylist()
        assert read == [expected, None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_parquet_file_keeps_the_values(kind: str, tmp_path: Path) -> None:
    rows = [{"v": KINDS[kind][0]}, {"v": None}]
    assert pq.read_table(tf.to_parquet(rows, tmp_path / "rows.parquet")).equals(tf.to_arrow(rows))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (None, TEXT_NAME),
        (pd.NA, TEXT_NAME),
        (float("nan"), "float64"),
        (np.float32("nan"), "float64"),
        (pd.NaT, "datetime64[us]"),
    ],
)
def test_missing_values_alone_have_the_dtype_that_they_show(value: Any, dtype: str) -> None:
    frame = tf.to_dataframe([{"v": value}, {"v": value}])
    assert str(frame["v"].dtype) == dtype
    assert frame.isna().all(axis=None)


MISSING = [None, pd.NA, pd.NaT, float("nan"), np.float64("nan"), np.datetime64("NaT", "us")]


@pytest.mark.parametrize("first", ["x", 1, True, 1.5, pd.Timestamp("2022-01-01"), Decimal(1), [1]], ids=repr)
def test_missing_values_of_any_kind_are_missing_in_any_column(first: Any) -> None:
    for values in ([first, *MISSING], [*MISSING, first]):
        table = tf.to_arrow([{"v": value} for value in values])
        assert table["v"].null_count == len(MISSING)
        assert table["extra"].null_count == len(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("1.5"), 2], [Decimal("1.5"), Decimal(2)]),
        ([1, Decimal("0.25")], [Decimal(1), Decimal("0.25")]),
        ([1, 0.5, Decimal("0.25")], [1.0, 0.5, 0.25]),
        ([BERLIN, datetime(2022, 1, 1, tzinfo=UTC)], [BERLIN, pd.Timestamp("2022-01-01", tz="UTC")]),
        ([pd.Timestamp("2022-01-01"), pd.Timestamp(1)], [pd.Timestamp("2022-01-01"), pd.Timestamp(1)]),
        ([timedelta(1), pd.Timedelta(1)], [timedelta(1), pd.Timedelta(1)]),
        ([Color.RED, "blue", TextColor.RED], ["red", "blue", "red"]),
        ([[1], [0.5]], [[1.0], [0.5]]),
        ([[Decimal("0.5")], [Decimal("0.25")]], [[Decimal("0.5")], [Decimal("0.25")]]),
    ],
)
def test_a_column_has_the_digits_the_unit_and_the_zone_of_all_its_values(values: list[Any], expected: list[Any]) -> None:
    table = tf.to_arrow([{"v": value} for value in values])
    assert table["v"].to_pylist() == expected
    assert table["extra"].null_count == len(values)


@pytest.mark.parametrize(
    ("values", "extra"),
    [
        (["x", Decimal("0.10")], '{"v":0.10}'),
        ([1.5, Decimal("0.1")], '{"v":0.1}'),
        ([Decimal(1), Decimal("1e100")], '{"v":1E+100}'),
        (["x", np.array([1, 2])], '{"v":[1,2]}'),
        (["x", Level.LOW], '{"v":1}'),
        ([BERLIN, "2022-01-01"], '{"v":"2022-01-01"}'),
        ([1, True], '{"v":true}'),
        ([0.5, 2**53 + 1], '{"v":9007199254740993}'),
    ],
)
def test_a_json_value_that_does_not_fit_its_column_is_in_extra_exactly(values: list[Any], extra: str) -> None:
    table = tf.to_arrow([{"v": value} for value in values])
    assert table["v"].null_count == 1
    assert table["extra"].to_pylist() == [None, extra]


def test_json_columns_have_the_digits_of_decimals() -> None:
    rows = [{"v": [{"price": Decimal("0.0700"), "n": np.int8(1), "color": Color.RED, "none": pd.NA}]}]
    assert tf.to_arrow(rows)["v"].to_pylist() == ['[{"price":0.0700,"n":1,"color":"red","none":null}]']


REJECTED: dict[str, list[Any]] = {
    "pd.Period": [pd.Period("2022-01")],
    "pd.Interval": [pd.Interval(0, 1)],
    "complex": [1j],
    "set": [{1}],
    "any object": [object()],
    "months without a length": [np.timedelta64(1, "M")],
    "picoseconds": [np.datetime64(1, "ps")],
    "a time with a zone": [time(1, tzinfo=UTC)],
    "Decimal of NaN": [Decimal("NaN")],
    "a timestamp in a column of text": ["x", pd.Timestamp("2022-01-01")],
    "a timestamp in a column of integers": [1, pd.Timestamp("2022-01-01")],
    "a date in a column of timestamps": [pd.Timestamp("2022-01-01"), date(2022, 1, 1)],
    "a timestamp without a zone after one with a zone": [BERLIN, pd.Timestamp("2022-01-01")],
    "nanoseconds of the year 9999": [pd.Timestamp(1), datetime(9999, 1, 1)],  # noqa: DTZ001 -- without a zone
    "a UUID in a column of text": ["x", UUID(int=1)],
    "bytes in a column of text": ["x", b"x"],
    "infinity in a column of text": ["x", math.inf],
    "a timestamp in JSON": [[{"a": pd.Timestamp("2022-01-01")}]],
    "NaN in JSON": [[{"a": float("nan")}]],
    "NaN in a list of text": [["x", float("nan")]],
    "a key that is not text": [{"a": {1: 2}}],
}


@pytest.mark.parametrize("values", REJECTED.values(), ids=REJECTED)
@pytest.mark.parametrize("convert", [tf.to_dataframe, tf.to_arrow])
def test_a_value_that_cannot_be_kept_is_rejected_by_name(values: list[Any], convert: Any) -> None:
    rows = [{"w": 1}, *({"v": value} for value in values)]
    with pytest.raises(tf.InputError, match=rf"Column 'v(\.a)?', row {len(values)}: .* cannot be kept exactly") as caught:
        convert(rows)
    assert caught.value.column
    assert caught.value.rows == (len(values),)
    assert caught.value.hint


def test_a_rejected_row_of_a_stream_has_its_number_in_the_stream(tmp_path: Path) -> None:
    rows = ({"a": "x" if number < 25_000 else pd.Timestamp(0)} for number in range(25_001))
    with pytest.raises(tf.InputError, match="Column 'a', row 25,000"):
        tf.to_parquet(rows, tmp_path / "long.parquet")
    assert list(tmp_path.iterdir()) == []


def test_records_of_a_frame_give_the_frame() -> None:
    frame = tf.to_dataframe(
        [
            {"id": "1", "n": 1, "x": 0.5, "ok": True, "at": BERLIN, "day": pd.Timestamp("2022-01-01"), "tags": ["a"]},
            {"id": "2", "n": None, "x": None, "ok": None, "at": None, "day": pd.NaT, "tags": None, "n.late": "x"},
            {"id": "3", "n": "wrong", "INPUT:a": "b"},
        ]
    )
    assert frame["extra"].fillna("").tolist() == ["", "", '{"n":"wrong"}']
    again = tf.to_dataframe(frame.to_dict("records"))
    pd.testing.assert_frame_equal(again, frame)
    pd.testing.assert_frame_equal(tf.to_dataframe(again.to_dict("records")), frame)


def test_records_of_pandas_give_timestamps_and_integers() -> None:
    frame = pd.DataFrame({"when": pd.to_datetime(["2022-01-01", None]), "n": pd.array([1, None], "Int64"), "t": ["x", None]})
    read = tf.to_dataframe(frame.to_dict("records"))
    assert read["when"].tolist() == [pd.Timestamp("2022-01-01"), pd.NaT]
    assert read["n"].tolist() == [1, pd.NA]
    assert read["t"].fillna("").tolist() == ["x", ""]


def test_new_values_in_extra_are_added_to_those_of_the_row() -> None:
    rows = [{"a": 1, "extra": None}, {"a": "x", "extra": '{"b":[1]}'}, {"a": 2, "extra": '{"c":1e400}'}]
    assert tf.to_arrow(rows)["extra"].to_pylist() == [None, '{"b":[1],"a":"x"}', '{"c":1e400}']


LAYOUT = Layout("items", "id", (Column("id", ("id",), TEXT), Column("v", ("v",), FLOAT), Column("j", ("j",), TEXT, "object")))


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1" + "0" * 400 + ".5", "NaN", "Infinity", "-Infinity"])
def test_numbers_beyond_floats_are_valid_json(text: str) -> None:
    rows = [f'{{"id":"a","v":{text},"j":[{text},{{"a":{text}}}],"new":{text}}}', '{"id":"b","v":1.5}']
    body = f'{{"items":[{",".join(rows)}],"has_more":false}}'.encode()
    row, other = read_page(body, LAYOUT).batch.to_pylist()
    kept = f'"{text}"' if text.endswith(("NaN", "Infinity")) else text
    assert row["j"] == f'[{kept},{{"a":{kept}}}]'
    if kept == text:  # JSON numbers that a float would round
        assert (row["v"], row["extra"]) == (None, f'{{"new":{text},"v":{text}}}')
    else:
        assert repr(row["v"]) == repr(float(text))
        assert row["extra"] == f'{{"new":{kept}}}'
    assert other == {"id": "b", "v": 1.5, "j": None, "extra": None}
    (value,) = {type(item["v"]) for item in read_dicts(body, LAYOUT).rows} - {float}
    assert pickle.loads(pickle.dumps(value(kept))).json == kept  # noqa: S301 -- our own bytes


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


def strict_json(text: str) -> Any:
    def reject(name: str) -> Any:
        raise AssertionError(name)

    return json.loads(text, parse_constant=reject)


@settings(max_examples=examples(200))
@given(st.lists(st.fixed_dictionaries({}, optional={"v": JSON_VALUES, "j": JSON_VALUES, "new": JSON_VALUES}), max_size=4))
def test_any_json_in_any_column_of_a_page_is_valid_json_with_the_same_value(values: list[dict[str, Any]]) -> None:
    rows = [{"id": str(number), **value} for number, value in enumerate(values)]
    body = json.dumps({"items": rows, "has_more": False}).encode()
    for row, read in zip(rows, read_page(body, LAYOUT).batch.to_pylist(), strict=True):
        extra = strict_json(read["extra"]) if read["extra"] else {}
        value = row.get("v")
        assert (read["v"] if read["v"] is not None else extra.get("v")) == value or value is None
        assert (None if read["j"] is None else strict_json(read["j"])) == row.get("j")
        assert extra.get("new") == row.get("new")


@settings(max_examples=examples(200))
@given(st.lists(JSON_VALUES, max_size=4))
def test_any_json_from_elsewhere_comes_back_with_the_same_value(values: list[Any]) -> None:
    for read, value in zip(tf.to_arrow([{"v": [{"a": value}]} for value in values]).to_pylist(), values, strict=True):
        assert strict_json(read["v"]) == [{"a": value}]


def test_records_of_a_default_frame_give_the_frame(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    del pool_id
    for scan in (client.get_pools(), client.get_projects()):
        frame = scan.to_dataframe()
        again = tf.to_dataframe(frame.to_dict("records"))
        assert list(again) == list(frame)
        shown = [name for name in frame if frame[name].notna().any()]  # a column without values does not show its dtype
        pd.testing.assert_frame_equal(again[shown], frame[shown])

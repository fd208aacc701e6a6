"""Cells are converted to JSON: missing ones are left out, valid ones keep their value, others are rejected."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.sample_project import INPUT_SPEC, OUTPUT_SPEC

import toloka_frames as tf
from toloka_frames._schema.columns import Specification
from toloka_frames._uploading.cells import column_roles, convert_rows
from toloka_frames._uploading.requests import text_list
from toloka_frames._uploading.tasks import DefaultOverlap

ARRAYS = {"shares": "array_float", "numbers": "array_integer", "anything": "array_json", "place": "coordinates"}
MORE_FIELDS = {name: {"type": type_name, "required": False} for name, type_name in ARRAYS.items()}
SPECIFICATION = Specification(INPUT_SPEC | MORE_FIELDS, OUTPUT_SPEC)
CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


class Colour(Enum):
    RED = "a"


class StrColour(StrEnum):
    RED = "a"


class Word(str):
    """Text of a type of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not the text"


def nested(levels: int) -> Any:
    """Return lists nested to this number of levels."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def sent(
    frame: pd.DataFrame, *, strict: bool = True, overlap: int | None = None, input_columns: Any = None
) -> list[dict[str, Any]]:
    """Return the tasks of a frame as they are sent, without the members that all of them share."""
    roles = column_roles(frame, input_columns, has_pool=True)
    rows = range(len(frame))
    cells = convert_rows(frame, roles, SPECIFICATION, overlap=DefaultOverlap(overlap), positions=rows, strict=strict)
    tasks = [json.loads(b'{"input_values":' + values) for values in text_list(cells.texts)]
    assert cells.input_bytes.tolist() == [len(orjson.dumps(task["input_values"])) for task in tasks]
    return tasks


def column(values: Any, name: str = "meta", dtype: Any = None) -> list[Any]:
    """Return the sent values of one column, "absent" for those that were left out."""
    frame = pd.DataFrame({"image": "https://e.com/1", name: pd.Series(values, dtype=dtype)})
    return [task["input_values"].get(name, "absent") for task in sent(frame)]


@pytest.mark.parametrize(
    ("values", "dtype", "name", "expected"),
    [
        (["007", None, "NA"], "string", "text", ["007", "absent", "NA"]),
        (["007", np.nan, "Ж"], object, "text", ["007", "absent", "Ж"]),
        (["a", "b", None], "category", "text", ["a", "b", "absent"]),
        (["a", None], "string[pyarrow]", "text", ["a", "absent"]),
        ([1, None, 3], "Int64", "number", [1, "absent", 3]),
        ([1, None, 3], "float64", "number", [1, "absent", 3]),
        ([1, 2], "uint8", "number", [1, 2]),
        ([np.int64(1), None], object, "number", [1, "absent"]),
        ([1.0, 2.5, None], "float64", "share", [1.0, 2.5, "absent"]),
        ([True, None], "boolean", "flag", [True, "absent"]),
        ([True, False], bool, "flag", [True, False]),
        ([np.bool_(True), pd.NA], object, "flag", [True, "absent"]),
        ([["a"], None, [], ("b",)], object, "tags", [["a"], "absent", [], ["b"]]),
        ([np.array(["a", "b"]), None], object, "tags", [["a", "b"], "absent"]),
        ([["a"], None, []], pd.ArrowDtype(pa.list_(pa.string())), "tags", [["a"], "absent", []]),
        ([{"a": 1}, None, {}], pd.ArrowDtype(pa.struct({"a": pa.int64()})), "meta", [{"a": 1}, "absent", {"a": None}]),
        ([2**53 + 1, None], pd.ArrowDtype(pa.int64()), "number", [2**53 + 1, "absent"]),
        ([2**53 + 1, None], "Int64", "number", [2**53 + 1, "absent"]),
        ([2**64 - 1, 0], "uint64", "number", [2**64 - 1, 0]),
        ([{"a": [1, None]}, None, "x", 5, True], object, "meta", [{"a": [1, None]}, "absent", "x", 5, True]),
    ],
)
def test_a_cell_keeps_its_value_and_type(values: Any, dtype: Any, name: str, expected: list[Any]) -> None:
    sent_values = column(values, name, dtype)
    assert sent_values == expected
    assert list(map(type, sent_values)) == list(map(type, expected))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_cells_are_left_out(missing: Any) -> None:
    assert column([missing, "x"], "text", object) == ["absent", "x"]


def test_a_nan_is_left_out_even_if_pandas_treats_it_as_a_value() -> None:
    with_nulls = pd.arrays.ArrowExtensionArray(pa.array([0.5, math.nan, None]))
    assert column(with_nulls, "share") == [0.5, "absent", "absent"]
    assert column([np.array(math.nan), 0.5], "share", object) == ["absent", 0.5]


# cells that are equal, and the one JSON value that all of them have in a field
EQUAL_CELLS: dict[str, list[tuple[Any, list[Any]]]] = {
    "share": [
        (1.0, [1, 1.0, Decimal(1), Decimal("1.00"), np.int8(1), np.uint64(1), np.float32(1), np.float64(1)]),
        (0.1, [0.1, Decimal("0.1"), np.float16(0.1), np.float32(0.1), np.float64(0.1), np.array(0.1, "float32")]),
        (0.0, [0, 0.0, -0.0, Decimal("-0.0"), np.float32(-0.0)]),
        (float(2**53), [2**53, float(2**53), Decimal(2**53)]),
        (2**53 + 1, [2**53 + 1, Decimal(2**53 + 1), np.int64(2**53 + 1)]),
        (123456792.0, [np.float32(123456789), 123456792]),
        (1e300, [1e300, Decimal("1e300"), int(1e300)]),
    ],
    "number": [(1, [1, 1.0, Decimal("1.0"), np.int8(1), np.float32(1)]), (0, [0, -0.0]), (2**63, [2**63, float(2**63)])],
    "flag": [(True, [True, np.bool_(True)])],
    "text": [("a", ["a", np.str_("a"), Colour.RED, Word("a"), StrColour.RED])],
    "meta": [
        (1, [1, 1.0, Decimal("1.0"), np.float32(1), "1", "1.0", " 1 "]),
        (0, [0, -0.0, "-0"]),
        (2**53, [2**53, Decimal(2**53), str(2**53)]),
        (0.5, [0.5, Decimal("0.5"), np.float16(0.5), "0.5", "5e-1"]),
        (True, [True, np.bool_(True), "true"]),
        ("a", ["a", '"a"', Colour.RED, Word("a")]),
        ("1", ['"1"']),
        ([1, 2], [[1, 2], (1, 2.0), np.array([1, 2], "float32"), "[1, 2.0]", [np.int8(1), Decimal(2)]]),
        (
            {"a": 1, "b": {"c": [0, 0.5], "d": None}},
            [
                {"b": {"d": None, "c": [-0.0, np.float32(0.5)]}, "a": 1.0},
                {Word("a"): np.int64(1), np.str_("b"): {"c": (0, Decimal("0.5")), "d": None}},
                '{"b": {"d": null, "c": [0.0, 5e-1]}, "a": 1}',
            ],
        ),
    ],
    "tags": [(["a", "b"], [["a", "b"], ("a", "b"), np.array(["a", "b"]), [Word("a"), np.str_("b")], '["a", "b"]'])],
    "shares": [([1.0, 0.1, 0.0], [[1, 0.1, 0], (1.0, Decimal("0.1"), -0.0), np.array([1, 0.1, 0], "float32"), "[1, 0.1, 0]"])],
    "numbers": [([1, 2], [[1, 2], (1.0, 2.0), np.array([1.0, 2.0])])],
    "place": [("1.5,-2", ["1.5,-2", (1.5, -2), [1.5, -2.0], np.array([1.5, -2]), (Decimal("1.5"), np.int8(-2)), [1.5, -2]])],
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning:pandas")  # convert_dtypes of pandas 2.2
@pytest.mark.parametrize(
    ("field", "expected", "cells"),
    [(field, expected, cells) for field, groups in EQUAL_CELLS.items() for expected, cells in groups],
)
def test_equal_cells_have_one_json_text(field: str, expected: Any, cells: list[Any]) -> None:
    expected_text = orjson.dumps({field: expected, "image": "https://e.com/1"}, option=orjson.OPT_SORT_KEYS)
    for cell in cells:
        for series in columns_of(cell):
            assert input_texts(series, field)[0] == expected_text, (cell, series.dtype)


def columns_of(cell: Any) -> list[pd.Series[Any]]:
    """Return columns that hold a cell: alone, next to a missing one, and with dtypes of its own."""
    columns = [pd.Series([cell], dtype=object), pd.Series([cell, None], dtype=object)]
    # pandas converts 16-bit floats to others without keeping their digits
    if type(cell) in (bool, int, float, str) or isinstance(cell, np.integer | np.float32 | np.float64 | np.bool_):
        columns += [pd.Series([cell])]
        with contextlib.suppress(OverflowError):  # pandas 2.2 cannot convert integers of more than 64 bits
            columns += [pd.Series([cell]).convert_dtypes()]
    if type(cell) in (bool, int, float, str) and not (type(cell) is int and cell >= 2**63):
        columns.append(pd.Series([cell], dtype=pd.ArrowDtype(pa.array([cell]).type)))
    return columns


def input_texts(series: pd.Series[Any], field: str) -> list[bytes]:
    """Return the JSON text of the input values of each row of a frame with this column."""
    frame = pd.DataFrame({"image": "https://e.com/1", field: series})
    roles = column_roles(frame, None, has_pool=True)
    cells = convert_rows(frame, roles, SPECIFICATION, overlap=DefaultOverlap(), positions=range(len(frame)), strict=True)
    return [text[:-1] for text in text_list(cells.texts)]


NUMBERS = st.one_of(
    *(
        st.integers(-(2**54), 2**54),
        st.floats(-(2.0**100), 2.0**100),
        st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
NUMBER_DTYPES = ["object", "int64", "Int64", "uint8", "float64", "Float64", "float32", "int64[pyarrow]", "double[pyarrow]"]


@pytest.mark.filterwarnings("ignore:NumPy will stop allowing:DeprecationWarning:pandas")  # NumPy 1 accepts -1 as uint8
@settings(max_examples=examples(200), derandomize=True)
@example(numbers=[1.00390625], dtype="float32", field="share")
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=5),
    dtype=st.sampled_from(NUMBER_DTYPES),
    field=st.sampled_from(["share", "number", "meta"]),
)
def test_a_column_of_any_dtype_has_the_texts_of_its_cells(numbers: list[Any], dtype: str, field: str) -> None:
    try:
        series = pd.Series(numbers, dtype=object).astype(dtype)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return
    if list(series.astype(object)) != numbers or not all(fits(field, number) for number in numbers):
        return
    if field == "meta" and max(map(abs, numbers)) >= 2**53:  # from there on, a free-form field keeps a float
        return
    # a 32-bit float has the digits that NumPy shows, and not those of the 64-bit float of the same value
    cells = list(series.to_numpy()) if dtype == "float32" else numbers
    assert input_texts(series, field) == input_texts(pd.Series(cells, dtype=object), field)


CELLS = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(max_size=5)
    | st.lists(st.none() | st.text(max_size=3) | st.integers(0, 9), max_size=3),
    min_size=1,
    max_size=8,
)


def fits(field: str, value: Any) -> bool:
    """Return whether a field accepts a value, by the type of the field."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    value = read(field, value)
    return (
        value is None
        or {
            "text": isinstance(value, str),
            "number": number and value == int(value) and -(2**63) <= value < 2**64,
            "share": number,
            "flag": isinstance(value, bool),
            "tags": isinstance(value, list) and all(isinstance(item, str) for item in value),
            "meta": True,
        }[field]
    )


def canonical(field: str, value: Any) -> Any:
    """Return the value that is sent for a valid cell."""
    value = read(field, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if field == "share":
        return float(value) if float(value) == value else value
    return int(value) if value == int(value) and (field == "number" or abs(value) < 2**53) else value


def read(field: str, value: Any) -> Any:
    """Return a cell as its field takes it: the text of an array or of a free-form field is JSON if it can be."""
    if field not in ("tags", "meta") or not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return value


@settings(max_examples=examples(300), derandomize=True)
@example(values=[False, "null", '["a"]'], field="tags")
@given(values=CELLS, field=st.sampled_from(["text", "number", "share", "flag", "tags", "meta"]))
def test_values_of_a_wrong_type_are_named_by_column_and_rows_and_others_are_sent(values: list[Any], field: str) -> None:
    wrong = [row for row, value in enumerate(values) if not fits(field, value)]
    if wrong:
        with pytest.raises(tf.InputError, match=f"is not of type {INPUT_SPEC[field]['type']}") as caught:
            column(values, field, object)
        assert (caught.value.column, list(caught.value.rows)) == (field, wrong[:5])
        return
    expected = [canonical(field, value) for value in values]
    # as text, because Python treats 1, 1.0 and True as equal
    assert json.dumps(column(values, field, object)) == json.dumps(["absent" if value is None else value for value in expected])


def test_the_platforms_own_columns_create_control_and_training_tasks() -> None:
    frame = pd.DataFrame(
        {
            "INPUT:image": ["https://e.com/1", "https://e.com/2"],
            "GOLDEN:result": ["cat", None],
            "HINT:text": ["Whiskers", None],
            "HINT:default_language": ["EN", None],
            "TASK:overlap": [5, None],
        }
    )
    assert sent(frame, overlap=3) == [
        {
            "input_values": {"image": "https://e.com/1"},
            "known_solutions": [{"output_values": {"result": "cat"}, "correctness_weight": 1}],
            "message_on_unknown_solution": "Whiskers",
            "localization_config": {"default_language": "EN"},
            "overlap": 5,
        },
        {"input_values": {"image": "https://e.com/2"}, "overlap": 3},
    ]


def test_plain_columns_are_fields_next_to_prefixed_ones() -> None:
    frame = pd.DataFrame({"image": ["https://e.com/1"], "GOLDEN:result": ["cat"]})
    assert sent(frame)[0]["known_solutions"][0]["output_values"] == {"result": "cat"}


def test_input_columns_can_be_chosen() -> None:
    frame = pd.DataFrame({"INPUT:image": ["https://e.com/1"], "OUTPUT:result": ["cat"], "junk": [object()]})
    assert sent(frame, input_columns=["INPUT:image"]) == [{"input_values": {"image": "https://e.com/1"}}]


def test_the_overlap_can_be_given_for_all_tasks() -> None:
    assert sent(pd.DataFrame({"image": ["https://e.com/1"]}), overlap=2)[0]["overlap"] == 2


def test_rows_that_the_service_validates_are_sent_unchanged() -> None:
    frame = pd.DataFrame({"image": [None, "x"], "number": ["seven", None], "undeclared": [1, None]}, dtype=object)
    values = [task["input_values"] for task in sent(frame, strict=False)]
    assert values == [
        {"number": "seven", "undeclared": 1},
        {"image": "x"},
    ]


def test_values_that_json_cannot_represent_are_always_rejected() -> None:
    with pytest.raises(tf.InputError, match="infinite") as caught:
        sent(pd.DataFrame({"share": [1.0, np.inf]}), strict=False)
    assert (caught.value.column, caught.value.rows) == ("share", (1,))


@pytest.mark.parametrize(
    "value",
    [
        np.datetime64("2026-01-01", "ns"),
        np.timedelta64(1, "ns"),
        np.array(["2026-01-01"], dtype="datetime64[ns]"),
        pd.Period("2026-01"),
        10**5_000,
        nested(201),
        nested(5_000),
        CIRCLE,
        {"\ud800": 1},
    ],
    ids=["timestamp", "timedelta", "timestamps", "period", "5,000 digits", "201 levels", "5,000 levels", "circle", "key"],
)
def test_no_cell_is_sent_as_another_value(value: Any) -> None:
    with pytest.raises(tf.InputError, match="Column 'meta', rows 1:") as caught:
        column([None, value, "x"], "meta", object)
    assert (caught.value.column, caught.value.rows) == ("meta", (1,))


def test_lists_may_be_nested_200_levels_deep() -> None:
    assert column([nested(200)]) == [nested(200)]


def test_an_integer_of_thousands_of_digits_does_not_break_the_message() -> None:
    with pytest.raises(tf.InputError, match="is not of type string") as caught:
        column(["x", 10**5_000], "text", object)
    assert caught.value.rows == (1,)


@pytest.mark.parametrize("name", ["INPUT:text", "GOLDEN:result", "HINT:text", "HINT:default_language"])
def test_text_that_cannot_be_encoded_is_named_by_column_and_rows(name: str) -> None:
    halves = pd.Series(["\ud800", "x", "\udfff"], dtype=object)
    with pytest.raises(tf.InputError, match="cannot be written as JSON") as caught:
        sent(pd.DataFrame({"INPUT:image": ["https://e.com/1"] * 3, name: halves}))
    assert (caught.value.column, caught.value.rows) == (name, (0, 2))


@pytest.mark.parametrize("columns", [5, iter(["image"]), ["image", 5]], ids=["number", "iterator", "number among names"])
def test_input_columns_that_are_not_a_list_of_names_are_rejected(columns: Any) -> None:
    with pytest.raises(tf.InputError, match="input_columns"):
        sent(pd.DataFrame({"image": ["https://e.com/1"]}), input_columns=columns)


def test_members_after_the_input_values_keep_their_order() -> None:
    frame = pd.DataFrame(
        {
            "INPUT:image": ["x"],
            "GOLDEN:result": ["cat"],
            "HINT:text": ["h"],
            "HINT:default_language": ["EN"],
            "TASK:overlap": [5],
        }
    )
    cells = convert_rows(
        frame, column_roles(frame, None, has_pool=True), SPECIFICATION, overlap=DefaultOverlap(), positions=[0], strict=True
    )
    # the ledgers of earlier versions know the rows by this text
    assert text_list(cells.texts) == [
        (
            b'{"image":"x"},"message_on_unknown_solution":"h","known_solutions":[{"output_values":{"result":"cat"},'
            b'"correctness_weight":1}],"localization_config":{"default_language":"EN"},"overlap":5}'
        )
    ]


CONVERTIBLE: dict[str, list[list[Any]]] = {
    "text": [[b"a", None], ["a", b"b"], [1, 2], [1.5, None], [True, None], [pd.Timedelta("1s"), None], [pd.Period("2026-01")]],
    "image": [[1, 2], [b"https://e.com/1", b"https://e.com/2"]],
    "number": [["1", None], ["007", "8"], [1.5, 2.0], [True, None]],
    "share": [["0.5", None], ["1", "2e3"], [True, False], [pd.Timedelta("1s"), pd.Timedelta("2s")]],
    "flag": [[1, 0], [0.0, 1.0], ["true", "false"], ["yes", "no"]],
    "tags": [["a,b", None], [[1, 2], None], [{"a"}, None]],
    "numbers": [["1,2", None], [["1", "2"], None], [{1}, None]],
    "shares": [["1,2.5", None], [["1", "2.5"], None]],
    "meta": [[b"a", None], [{"a"}, None], [dt.date(2026, 1, 1), None], [pd.Timestamp("2026-01-01"), "x"]],
}


@pytest.mark.parametrize(
    ("field", "cells"), [(field, cells) for field, examples in CONVERTIBLE.items() for cells in examples], ids=str
)
def test_the_code_in_a_hint_makes_a_column_that_is_sent(field: str, cells: list[Any]) -> None:
    df = pd.DataFrame({"image": "https://e.com/1", field: pd.Series(cells, dtype=object)}).infer_objects()
    with pytest.raises(tf.InputError, match="Convert the column first: ") as caught:
        sent(df)
    exec(caught.value.hint.removeprefix("Convert the column first: "), {"df": df})  # noqa: S102 -- as a user does
    values = [task["input_values"].get(field) for task in sent(df)]
    assert [value is None for value in values] == [value is None for value in cells]


def test_dates_times_and_ids_are_sent_as_text() -> None:
    moment = pd.Timestamp("2026-01-31T12:00:00.5")
    cells = [
        dt.date(2026, 1, 31),
        moment,
        moment.tz_localize("UTC"),
        moment.to_datetime64(),
        moment.to_pydatetime(),
        UUID(int=1),
    ]
    texts = ["2026-01-31", "2026-01-31T12:00:00.500000", "2026-01-31T12:00:00.500000+00:00"]
    assert column(cells, "text", object) == [*texts, texts[1], texts[1], "00000000-0000-0000-0000-000000000001"]
    assert column(pd.Series([moment, None]), "text") == [texts[1], "absent"]

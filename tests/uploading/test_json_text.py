"""Columns become the text that orjson makes of each row, whatever is in them and however much is missing."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toloka_frames._uploading.requests import (
    BLOCK_ROWS,
    byte_lengths,
    concatenate,
    json_objects,
    lines,
    number_array,
    text_array,
    text_list,
)

LENGTH = 4
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# of one type, as most columns are, or of many
ESCAPED = "".join(map(chr, range(128))) + "\x80ж\u2028😀"
CELLS = [
    *(st.text(max_size=4), st.text(ESCAPED, max_size=9), st.sampled_from("ab")),
    *(st.integers(-(2**63), 2**64 - 1), NUMBERS, st.booleans()),
]
CELLS.append(st.one_of(*CELLS) | st.lists(st.none() | NUMBERS, max_size=2) | st.dictionaries(st.text(max_size=2), st.none()))
COLUMNS = st.one_of(
    *(st.lists(maybe, min_size=LENGTH, max_size=LENGTH) for cell in CELLS for maybe in (cell, st.none() | cell))
)


def expected(fields: dict[str, list[Any]]) -> list[bytes]:
    rows = [{name: fields[name][row] for name in sorted(fields) if fields[name][row] is not None} for row in range(LENGTH)]
    return [orjson.dumps(row) for row in rows]


@settings(deadline=None, max_examples=300, derandomize=True)
@given(fields=st.dictionaries(st.text(max_size=3), COLUMNS, max_size=4))
def test_each_row_is_written_as_orjson_writes_it(fields: dict[str, list[Any]]) -> None:
    assert text_list(json_objects(fields, LENGTH)) == expected(fields)


ARRAYS = {
    "text": pa.array(["a", None, 'quote"', "\\"]),
    "plain text": pa.array(["a", None, "ж\x7f\u2028", ""]),
    "all that is escaped": pa.array([ESCAPED, ESCAPED[::-1], "\\\\n\\", None]),
    "large text": pa.array(["a", "b", "c", "d"], pa.large_string()),
    "part of a longer one": pa.array(["\n", "a", "b", "c", "d", '"']).slice(1, 4),
    "integers": pa.array([1, None, -(2**63), 2**63 - 1]),
    "numbers": pa.array([0.1, -0.0, None, 1e16]),
    "truth values": pa.array([True, None, False, True]),
    "nothing": pa.nulls(LENGTH, pa.string()),
}


@pytest.mark.parametrize("beside", [{}, {"a": ["x"] * LENGTH}, {"z": ["x"] * LENGTH}], ids=["alone", "behind", "before"])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_written_like_a_list_of_its_values(array: pa.Array, beside: dict[str, list[str]]) -> None:
    fields = {"m": array.to_pylist(), **beside}
    assert text_list(json_objects({**fields, "m": array}, LENGTH)) == expected(fields)


def test_columns_may_be_longer_than_a_block() -> None:
    values = [row if row % 3 else [row] for row in range(2 * BLOCK_ROWS + 1)]
    assert text_list(json_objects({"a": values}, len(values))) == [orjson.dumps({"a": value}) for value in values]


@pytest.mark.parametrize("value", ["\ud800", 2**64, b"b", {1: 2}], ids=["half a character", "large", "bytes", "key"])
def test_a_value_that_json_cannot_represent_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        json_objects({"a": [value, None]}, 2)


def test_row_texts_are_concatenated_and_sliced() -> None:
    rows = ["<", number_array(range(3, 6)), ":", text_array([b"a", "ж".encode(), b""]), ">"]
    assert text_list(rows) == [b"<3:a>", "<4:ж>".encode(), b"<5:>"]
    assert byte_lengths(rows) == [5, 6, 4]
    assert lines(rows, [slice(0, 1), slice(1, 3)]) == [b"<3:a>", "<4:ж>\n<5:>".encode()]
    assert lines([text_array([b"a", b"b", b"c"]).slice(1)], [slice(0, 2)]) == [b"b\nc"]
    assert concatenate(["[", number_array([7, 5]), "]"]).to_pylist() == ["[7]", "[5]"]

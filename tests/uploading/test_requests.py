"""Rows become JSON text, cut into requests within both limits, each with the same operation id on every attempt."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples

from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading.requests import (
    BLOCK_ROWS,
    Chunk,
    PoolObjects,
    body_of,
    byte_lengths,
    concatenate,
    joined_runs,
    json_objects,
    lines,
    make_plan,
    number_array,
    pack,
    retry_operation_id,
    slices_within_limits,
    text_array,
    text_list,
    unpack,
)

CHUNK = Chunk(0, "1", range(4), b'{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}', "key")


@given(st.lists(st.integers(1, 50)), st.integers(1, 7), st.integers(50, 120))
def test_every_row_is_in_one_slice_in_order_within_both_limits(sizes: list[int], rows: int, limit: int) -> None:
    parts = list(slices_within_limits(sizes, rows, limit))
    assert [row for part in parts for row in range(len(sizes))[part]] == list(range(len(sizes)))
    assert all(0 < len(sizes[part]) <= rows and sum(sizes[part]) <= limit for part in parts)
    for one, other in itertools.pairwise(parts):
        assert len(sizes[one]) == rows or sum(sizes[one]) + sizes[other.start] > limit


def test_slices_are_as_long_as_possible() -> None:
    assert [(part.start, part.stop) for part in slices_within_limits([1] * 25, 10, 100)] == [(0, 10), (10, 20), (20, 25)]
    assert [(part.start, part.stop) for part in slices_within_limits([40, 40, 40, 99], 10, 100)] == [(0, 2), (2, 3), (3, 4)]
    assert list(slices_within_limits([], 10)) == []


def test_the_operation_id_depends_on_upload_and_content_only() -> None:
    assert replace(CHUNK, number=7, pending_operation_id="x").operation_id == CHUNK.operation_id
    others = [replace(CHUNK, key="again"), replace(CHUNK, packed=CHUNK.text[:-2] + b"5}")]
    assert len({CHUNK.operation_id, *(other.operation_id for other in others)}) == 3


def test_the_next_attempts_id_is_derived_from_the_previous_one() -> None:
    ids = [CHUNK.operation_id]
    for _ in range(3):
        ids.append(retry_operation_id(ids[-1]))
    assert len(set(ids)) == 4
    assert retry_operation_id(ids[0]) == ids[1]


def test_halves_share_the_chunks_number_and_split_its_rows() -> None:
    first, second = replace(CHUNK, pending_operation_id="too large").halves()
    assert [*first.positions, *second.positions] == [0, 1, 2, 3]
    assert body_of(first.text) == b'[{"a":1},{"a":2}]'
    assert (first.number, second.number, first.pending_operation_id, second.pending_operation_id) == (0, 0, None, None)
    assert first.operation_id != second.operation_id


@settings(max_examples=examples(50), derandomize=True)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=40, unique=True))
def test_repeated_halving_keeps_every_row_with_its_task_once(rows: list[int]) -> None:
    whole = replace(CHUNK, positions=rows, packed=b"\n".join(b'{"row":%d}' % row for row in rows))
    level = [whole]
    seen = {whole.operation_id}
    while any(len(chunk.positions) > 1 for chunk in level):
        level = [half for chunk in level for half in (chunk.halves() if len(chunk.positions) > 1 else [chunk])]
        seen |= {chunk.operation_id for chunk in level}
        assert [row for chunk in level for row in chunk.positions] == rows
        assert [task for chunk in level for task in chunk.object_texts] == whole.object_texts
    assert len(seen) == 2 * len(rows) - 1


def hashes(*numbers: int) -> bytes:
    return np.array(numbers, "<u8").tobytes()


def test_an_objects_hashes_stay_with_it_and_rows_that_are_not_looked_for_are_left_out() -> None:
    rows = replace(CHUNK, contents=hashes(11, 12, 0, 14))
    suites = replace(CHUNK, contents=hashes(11, 12, 0, 21, 31), content_counts=np.array([3, 1, 1, 0], "<u4").tobytes())
    assert rows.contents_of([True, False, True, True]) == hashes(11, 14)
    assert suites.contents_of([True, False, True, False]) == hashes(11, 12, 31)
    assert [half.contents_of([True, True]) for half in rows.halves()] == [hashes(11, 12), hashes(14)]
    assert [half.contents_of([True, True]) for half in suites.halves()] == [hashes(11, 12, 21), hashes(31)]
    assert [half.contents_of([False, True]) for half in suites.halves()] == [hashes(21), hashes()]
    assert CHUNK.contents_of([True] * 4) == b""


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("12")), max_size=30), st.integers(1, 7), st.data())
def test_blocks_of_a_pool_are_cut_as_the_whole_pool(rows: list[tuple[int, str]], max_objects: int, data: st.DataObject) -> None:
    pools = {pool: [row for row, (_, its) in enumerate(rows) if its == pool] for pool in sorted({pool for _, pool in rows})}

    def group(pool: str, part: list[int]) -> PoolObjects:
        texts = [text_array([b"%d" % row for row in part])]
        return PoolObjects(pool, part, texts, [rows[row][0] * 30_000 for row in part], np.array(part, "<u8"))

    blocks = []
    for pool, part in pools.items():
        cuts = sorted(data.draw(st.sets(st.integers(1, len(part)))) | {0, len(part)})
        blocks += [group(pool, part[start:stop]) for start, stop in itertools.pairwise(cuts)]
    kind = CREATE_TASKS._replace(max_objects=max_objects)
    whole = make_plan(kind, "me", [group(pool, part) for pool, part in pools.items()], range(len(rows)), "mine")
    cut = make_plan(kind, "me", blocks, range(len(rows)), "mine")
    assert cut == replace(whole, chunks=cut.chunks)
    assert list(cut.chunks) == list(whole.chunks)
    # the hash that a plan has kept is that of the text
    assert [chunk.operation_id for chunk in cut.chunks] == [replace(chunk).operation_id for chunk in cut.chunks]
    assert b"\n".join(chunk.text for chunk in cut.chunks) == b"\n".join(b"%d" % row for part in pools.values() for row in part)


@given(st.binary().map(bytes.hex).map(str.encode), st.integers(0, 3_000))
def test_a_packed_text_is_unpacked(text: bytes, times: int) -> None:
    assert unpack(pack(text * times)) == text * times
    assert len(pack(b'{"a":1}\n' * 10_000)) < 1_000


LENGTH = 4
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# cells of one type, as in most columns, or of several
ESCAPED_TEXT = "".join(map(chr, range(128))) + "\x80ж\u2028😀"
CELLS = [
    *(st.text(max_size=4), st.text(ESCAPED_TEXT, max_size=9), st.sampled_from("ab")),
    *(st.integers(-(2**63), 2**64 - 1), NUMBERS, st.booleans()),
]
CELLS.append(st.one_of(*CELLS) | st.lists(st.none() | NUMBERS, max_size=2) | st.dictionaries(st.text(max_size=2), st.none()))
COLUMNS = st.one_of(
    *(st.lists(maybe, min_size=LENGTH, max_size=LENGTH) for cell in CELLS for maybe in (cell, st.none() | cell))
)


def expected(fields: dict[str, list[Any]]) -> list[bytes]:
    rows = [{name: fields[name][row] for name in sorted(fields) if fields[name][row] is not None} for row in range(LENGTH)]
    return [orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows]


@settings(max_examples=examples(300), derandomize=True)
@given(fields=st.dictionaries(st.text(max_size=3), COLUMNS, max_size=4))
def test_each_row_is_written_as_orjson_writes_it(fields: dict[str, list[Any]]) -> None:
    assert text_list(json_objects(fields, LENGTH)) == expected(fields)


ARRAYS = {
    "text": pa.array(["a", None, 'quote"', "\\"]),
    "text without escapes": pa.array(["a", None, "ж\x7f\u2028", ""]),
    "all escaped characters": pa.array([ESCAPED_TEXT, ESCAPED_TEXT[::-1], "\\\\n\\", None]),
    "large text": pa.array(["a", "b", "c", "d"], pa.large_string()),
    "a slice of a longer array": pa.array(["\n", "a", "b", "c", "d", '"']).slice(1, 4),
    "integers": pa.array([1, None, -(2**63), 2**63 - 1]),
    "numbers": pa.array([0.1, -0.0, None, 1e16]),
    "booleans": pa.array([True, None, False, True]),
    "nulls only": pa.nulls(LENGTH, pa.string()),
}


@pytest.mark.parametrize("others", [{}, {"a": ["x"] * LENGTH}, {"z": ["x"] * LENGTH}], ids=["alone", "last", "first"])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_written_like_a_list_of_its_values(array: pa.Array, others: dict[str, list[str]]) -> None:
    fields = {"m": array.to_pylist(), **others}
    assert text_list(json_objects({**fields, "m": array}, LENGTH)) == expected(fields)


def test_columns_may_be_longer_than_a_block() -> None:
    values = [row if row % 3 else [row] for row in range(2 * BLOCK_ROWS + 1)]
    assert text_list(json_objects({"a": values}, len(values))) == [orjson.dumps({"a": value}) for value in values]


@pytest.mark.parametrize("value", ["\ud800", 2**64, b"b", {1: 2}], ids=["surrogate", "large integer", "bytes", "key"])
def test_a_value_that_json_cannot_represent_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        json_objects({"a": [value, None]}, 2)


def test_row_texts_are_concatenated_and_sliced() -> None:
    rows = ["<", number_array(range(3, 6)), ":", text_array([b"a", "ж".encode(), b""]), ">"]
    assert text_list(rows) == [b"<3:a>", "<4:ж>".encode(), b"<5:>"]
    assert byte_lengths(rows).tolist() == [5, 6, 4]
    assert list(lines(rows, [slice(0, 1), slice(1, 3)])) == [b"<3:a>", "<4:ж>\n<5:>".encode()]
    assert list(lines([text_array([b"a", b"b", b"c"]).slice(1)], [slice(0, 2)])) == [b"b\nc"]
    assert concatenate(["[", number_array([7, 5]), "]"]).to_pylist() == ["[7]", "[5]"]


def test_runs_of_rows_are_joined() -> None:
    rows = text_array([b"a", "ж".encode(), b"", b"d"]).slice(1)
    runs = joined_runs(["<", number_array([7, 5])], rows, ",", [text_array([b"]", b"}"]), ">"], np.array([2, 1]))
    assert runs.to_pylist() == ["<7ж,]>", "<5d}>"]

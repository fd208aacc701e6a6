"""Rows become requests that keep both limits, give back every row, and have the same operation id on every try."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from toloka_frames._uploading.requests import Chunk, retry_operation_id, slices_within_limits

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
    others = [replace(CHUNK, key="again"), replace(CHUNK, text=CHUNK.text[:-2] + b"5}")]
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
    assert first.body == b'[{"a":1},{"a":2}]'
    assert (first.number, second.number, first.pending_operation_id, second.pending_operation_id) == (0, 0, None, None)
    assert first.operation_id != second.operation_id


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=40, unique=True))
def test_repeated_halving_keeps_every_row_with_its_task_once(rows: list[int]) -> None:
    whole = replace(CHUNK, positions=rows, text=b"\n".join(b'{"row":%d}' % row for row in rows))
    level = [whole]
    seen = {whole.operation_id}
    while any(len(chunk.positions) > 1 for chunk in level):
        level = [half for chunk in level for half in (chunk.halves() if len(chunk.positions) > 1 else [chunk])]
        seen |= {chunk.operation_id for chunk in level}
        assert [row for chunk in level for row in chunk.positions] == rows
        assert [task for chunk in level for task in chunk.object_texts] == whole.object_texts
    assert len(seen) == 2 * len(rows) - 1

"""Ranges of ids cover the whole list, and hold about a page each if ids are uniformly distributed."""

from __future__ import annotations

import random
import string
import uuid
from math import ceil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.bonus_list_server import app_ids

from toloka_frames._reading.id_ranges import IdScale, between, split_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._reading.id_ranges import IdRangeSplitter

PAGE = 1_000
APP_SYMBOLS = "".join(sorted(string.digits + string.ascii_letters))
seeded = random.Random


def split_after_first_page(ids: list[str], **query: str) -> IdRangeSplitter | None:
    return split_after(sorted(ids)[:PAGE], PAGE, PAGE, query, "id")


def ranges(splitter: IdRangeSplitter) -> list[tuple[str, str | None]]:
    return list(iter(splitter.next, None))


def of_app(number: int) -> list[str]:
    return app_ids(number, seed=number)


def of_uuids(number: int) -> list[str]:
    generator = seeded(number)
    return [str(uuid.UUID(int=generator.getrandbits(128), version=4)) for _ in range(number)]


UNIFORM = {"app ids": of_app, "UUIDs": of_uuids}


@pytest.mark.parametrize("ids_of", UNIFORM.values(), ids=UNIFORM)
@pytest.mark.parametrize("rows", [1_500, 10_000, 30_000])
def test_ranges_of_uniform_ids_take_few_more_requests_than_pages(ids_of: Callable[[int], list[str]], rows: int) -> None:
    ids = sorted(ids_of(rows))
    splitter = split_after_first_page(ids)
    assert splitter
    start, counts = ids[PAGE - 1], []
    while id_range := splitter.next():
        low, high = id_range
        assert low == start
        counts.append(sum(between([id_], low, high) for id_ in ids))
        if high:
            splitter.record(low, high, counts[-1])
            start = high
    assert sum(counts) == rows - PAGE
    assert 1 + sum(max(1, ceil(count / PAGE)) for count in counts) <= 1.15 * rows / PAGE + 1


NOT_UNIFORM = {
    "of one pool, by time": [
        f"000248a756--{second:08x}e5997032541d856b" for second in range(0x6422CA21, 0x6422CA21 + 5 * PAGE)
    ],
    "by time": [f"{second:08x}e5997032541d856b" for second in range(0x6422CA21, 0x6422CA21 + 5 * PAGE)],
    "consecutive numbers": [str(number) for number in range(163_295_269, 163_295_269 + 2 * PAGE)],
    "numbers of all lengths": [str(number) for number in range(2 * PAGE)],
    "clustered": ["0" * 6 + id_[:14] for id_ in app_ids(PAGE // 2)] + app_ids(PAGE),
    "short": [id_[:4] for id_ in app_ids(2 * PAGE)],
    "all equal": ["a" * 20] * (2 * PAGE),
    "with equal prefixes": ["0" * 8 + id_ for id_ in app_ids(2 * PAGE)],
}


@pytest.mark.parametrize("ids", NOT_UNIFORM.values(), ids=NOT_UNIFORM)
def test_ids_that_are_not_uniform_are_not_split(ids: list[str]) -> None:
    assert split_after_first_page(ids) is None


def test_lists_with_small_pages_are_not_split() -> None:
    assert split_after(sorted(app_ids(5_000))[:100], 100, 100, {}, "id") is None


def test_the_ranges_are_within_the_bounds_of_the_user() -> None:
    ids = sorted(id_ for id_ in app_ids(30_000) if "M" < id_ < "h")
    assert split_after_first_page(ids) is None
    splitter = split_after_first_page(ids, id_gt="M", id_lt="h")
    assert splitter
    id_ranges = ranges(splitter)
    assert len(id_ranges) <= 1.2 * len(ids) / PAGE
    assert max(str(low) for low, _ in id_ranges) < "h"


def test_consecutive_numbers_after_a_cursor_are_not_split() -> None:
    assert split_after_first_page(NOT_UNIFORM["consecutive numbers"], id_gt=NOT_UNIFORM["consecutive numbers"][0]) is None


def test_a_list_with_an_inclusive_upper_bound_of_the_user_is_not_split() -> None:
    assert split_after_first_page(app_ids(30_000), id_lte="zz") is None


def test_a_range_is_never_empty_even_after_a_cluster() -> None:
    seconds = NOT_UNIFORM["by time"]
    splitter = split_after_first_page(seconds, id_gt=seconds[0])
    assert splitter
    low, high = splitter.next() or ("", "")
    assert splitter.record(low, str(high), PAGE**3)
    low, high = splitter.next() or ("", "")
    assert low < str(high)


def test_recorded_rows_change_the_length_of_the_next_ranges() -> None:
    splitter = split_after_first_page(app_ids(10_000))
    assert splitter
    scale = IdScale(APP_SYMBOLS, "")
    low, high = splitter.next() or ("", "")
    before = scale.position(str(high)) - scale.position(low)
    assert splitter.record(low, str(high), 10 * PAGE)
    low, high = splitter.next() or ("", "")
    assert scale.position(str(high)) - scale.position(low) < before / 3


def test_a_range_with_far_too_few_rows_shows_that_ids_are_not_uniform() -> None:
    for rows, is_uniform in [(950, True), (700, True), (400, False), (0, False)]:
        splitter = split_after_first_page(app_ids(10_000))
        assert splitter
        low, high = splitter.next() or ("", "")
        assert splitter.record(low, str(high), rows) is is_uniform
    assert splitter.record("0Z", "0a", 0)  # too short to tell


@settings(max_examples=examples(50), deadline=None)
@given(st.text(string.digits + string.ascii_letters, min_size=20, max_size=20), st.integers(0, 62**8 - 1))
def test_positions_ascend_like_ids_and_convert_back_to_them(text: str, position: int) -> None:
    scale = IdScale(APP_SYMBOLS, "rest")
    assert scale.id_at(scale.position(text)) == text[:8] + "rest"
    assert scale.position(scale.id_at(position)) == position
    assert (scale.position(text) < position) == (text[:8] < scale.id_at(position)[:8])


def test_an_id_with_other_symbols_or_length_has_a_position() -> None:
    scale = IdScale("0123456789abcdef", "")
    assert scale.position("") == scale.position("0") == 0
    assert scale.position("8") == scale.end // 2
    assert scale.position("8-") < scale.position("81")


@pytest.mark.parametrize(
    ("ids", "is_within"),
    [
        ([], True),
        (["c"], True),
        (["c", "e", "f"], True),
        (["b", "c"], False),
        (["c", "g"], False),
        (["d", "c"], False),
        (["c", "c"], False),
    ],
)
def test_between_requires_ascending_ids_above_low_and_up_to_high(ids: list[str], is_within: bool) -> None:
    assert between(ids, "b", "f") is is_within
    assert between(ids, "b", None) is (is_within or ids == ["c", "g"])

"""Where ids are cut: pieces are all that there is, and hold about a page where ids lie evenly."""

from __future__ import annotations

import random
import string
import uuid
from math import ceil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bonus_list_server import app_ids

from toloka_frames._reading.id_ranges import IdScale, between, split_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._reading.id_ranges import IdRangeSplitter

PAGE = 1_000
APP_SYMBOLS = "".join(sorted(string.digits + string.ascii_letters))
drawing = random.Random  # the same each time


def first_page_of(ids: list[str], **query: str) -> IdRangeSplitter | None:
    return split_after(sorted(ids)[:PAGE], PAGE, PAGE, query, "id")


def pieces(cuts: IdRangeSplitter) -> list[tuple[str, str | None]]:
    return list(iter(cuts.next, None))


def of_app(number: int) -> list[str]:
    return app_ids(number, seed=number)


def of_uuids(number: int) -> list[str]:
    draw = drawing(number)
    return [str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(number)]


EVEN = {"app ids": of_app, "UUIDs": of_uuids}


@pytest.mark.parametrize("ids_of", EVEN.values(), ids=EVEN)
@pytest.mark.parametrize("rows", [1_500, 10_000, 30_000])
def test_pieces_of_even_ids_take_hardly_more_requests_than_pages(ids_of: Callable[[int], list[str]], rows: int) -> None:
    ids = sorted(ids_of(rows))
    cuts = first_page_of(ids)
    assert cuts
    begin, counts = ids[PAGE - 1], []
    while piece := cuts.next():
        low, high = piece
        assert low == begin
        counts.append(sum(between([each], low, high) for each in ids))
        if high:
            cuts.record(low, high, counts[-1])
            begin = high
    assert sum(counts) == rows - PAGE
    assert 1 + sum(max(1, ceil(count / PAGE)) for count in counts) <= 1.15 * rows / PAGE + 1


UNEVEN = {
    "of one pool, by time": [
        f"000248a756--{second:08x}e5997032541d856b" for second in range(0x6422CA21, 0x6422CA21 + 5 * PAGE)
    ],
    "by time": [f"{second:08x}e5997032541d856b" for second in range(0x6422CA21, 0x6422CA21 + 5 * PAGE)],
    "numbers in a row": [str(number) for number in range(163_295_269, 163_295_269 + 2 * PAGE)],
    "numbers of all lengths": [str(number) for number in range(2 * PAGE)],
    "in crowds": ["0" * 6 + each[:14] for each in app_ids(PAGE // 2)] + app_ids(PAGE),
    "short": [each[:4] for each in app_ids(2 * PAGE)],
    "all the same": ["a" * 20] * (2 * PAGE),
    "without a place": ["0" * 8 + each for each in app_ids(2 * PAGE)],
}


@pytest.mark.parametrize("ids", UNEVEN.values(), ids=UNEVEN)
def test_ids_that_do_not_lie_evenly_are_not_cut(ids: list[str]) -> None:
    assert first_page_of(ids) is None


def test_small_pages_are_not_cut_because_pieces_would_be_many_more() -> None:
    assert split_after(sorted(app_ids(5_000))[:100], 100, 100, {}, "id") is None


def test_bounds_of_the_user_are_where_the_list_begins_and_ends() -> None:
    ids = sorted(each for each in app_ids(30_000) if "M" < each < "h")
    assert first_page_of(ids) is None
    cuts = first_page_of(ids, id_gt="M", id_lt="h")
    assert cuts
    cut = pieces(cuts)
    assert len(cut) <= 1.2 * len(ids) / PAGE
    assert max(str(low) for low, _ in cut) < "h"


def test_numbers_that_are_counted_up_are_not_cut_behind_a_cursor_either() -> None:
    assert first_page_of(UNEVEN["numbers in a row"], id_gt=UNEVEN["numbers in a row"][0]) is None


def test_an_upper_bound_of_the_user_does_not_give_way_to_that_of_a_piece() -> None:
    assert first_page_of(app_ids(30_000), id_lte="zz") is None


def test_pieces_go_on_behind_a_crowd() -> None:
    seconds = UNEVEN["by time"]
    cuts = first_page_of(seconds, id_gt=seconds[0])
    assert cuts
    low, high = cuts.next() or ("", "")
    assert cuts.record(low, str(high), PAGE**3)
    low, high = cuts.next() or ("", "")
    assert low < str(high)


def test_what_comes_tells_how_long_the_next_pieces_are() -> None:
    cuts = first_page_of(app_ids(10_000))
    assert cuts
    scale = IdScale(APP_SYMBOLS, "")
    low, high = cuts.next() or ("", "")
    before = scale.place(str(high)) - scale.place(low)
    assert cuts.record(low, str(high), 10 * PAGE)
    low, high = cuts.next() or ("", "")
    assert scale.place(str(high)) - scale.place(low) < before / 3


def test_a_piece_of_far_fewer_rows_than_an_even_list_has_there_tells_that_it_is_none() -> None:
    for rows, even in [(950, True), (700, True), (400, False), (0, False)]:
        cuts = first_page_of(app_ids(10_000))
        assert cuts
        low, high = cuts.next() or ("", "")
        assert cuts.record(low, str(high), rows) is even
    assert cuts.record("0Z", "0a", 0)  # a short piece says little


@settings(max_examples=50, deadline=None)
@given(st.text(string.digits + string.ascii_letters, min_size=20, max_size=20), st.integers(0, 62**8 - 1))
def test_places_ascend_as_ids_do_and_lead_back_to_them(text: str, place: int) -> None:
    scale = IdScale(APP_SYMBOLS, "rest")
    assert scale.id_at(scale.place(text)) == text[:8] + "rest"
    assert scale.place(scale.id_at(place)) == place
    assert (scale.place(text) < place) == (text[:8] < scale.id_at(place)[:8])


def test_an_id_of_other_symbols_or_length_has_a_place_too() -> None:
    scale = IdScale("0123456789abcdef", "")
    assert scale.place("") == scale.place("0") == 0
    assert scale.place("8") == scale.end // 2
    assert scale.place("8-") < scale.place("81")


@pytest.mark.parametrize(
    ("ids", "fits"),
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
def test_a_piece_holds_ids_above_one_and_up_to_another_in_their_order(ids: list[str], fits: bool) -> None:
    assert between(ids, "b", "f") is fits
    assert between(ids, "b", None) is (fits or ids == ["c", "g"])

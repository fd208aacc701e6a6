"""Positions of ids ascend as ids do, and tell where ids are evenly distributed."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.bonus_list_server import app_ids

from toloka_frames._reading.id_axis import are_even, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable

seeded = random.Random
PAGE = 1_000


def of_uuids(number: int) -> list[str]:
    generator = seeded(number)
    return [str(uuid.UUID(int=generator.getrandbits(128), version=4)) for _ in range(number)]


def of_tasks(number: int) -> list[str]:
    generator = seeded(number)
    seconds = sorted(generator.randrange(0x60000000, 0x68000000) for _ in range(number))
    return [f"000248a756--{second:08x}e599703254{count:06x}" for count, second in enumerate(seconds)]


FORMS: dict[str, Callable[[int], list[str]]] = {
    "app ids": app_ids,
    "UUIDs": of_uuids,
    "UUIDs in upper case": lambda number: [id_.upper() for id_ in of_uuids(number)],
    "tasks of a pool": of_tasks,
    "numbers": lambda number: [str(id_) for id_ in seeded(number).sample(range(10**7), number)],
}


@settings(max_examples=examples(40))
@given(form=st.sampled_from(list(FORMS)), share=st.floats(0, 1))
def test_positions_ascend_like_ids_and_convert_back_to_them(form: str, share: float) -> None:
    ids = sorted(FORMS[form](200), key=lambda id_: (len(id_), id_) if form == "numbers" else id_)
    axis = axis_of(ids)
    assert axis
    positions = [axis.position(id_) for id_ in ids]
    assert positions == sorted(set(positions))
    assert [axis.id_at(position) for position in positions] == ids
    low, high = positions[0], positions[-1]
    middle = axis.id_at(min(low + int((high - low - 1) * share) + 1, high))
    assert axis.between([middle], ids[0], ids[-1])


@pytest.mark.parametrize(
    "ids",
    [[], ["b", "a"], ["9", "10", "1"], ["a", "bb", "c"], ["10", "2"], ["\u00e4a", "\u00e4b"], ["a", "a"]],
    ids=str,
)
def test_ids_in_another_order_or_form_have_no_axis(ids: list[str]) -> None:
    assert axis_of(ids) is None


def test_an_incomplete_id_has_a_position() -> None:
    axis = axis_of(sorted(of_uuids(PAGE)))
    assert axis
    assert axis.position("") == axis.position("0") == 0
    assert axis.position("8") == axis.end // 2
    assert 0 < axis.position("8~") - axis.end // 2 < axis.end


EVEN = {"app ids": True, "UUIDs": True, "UUIDs in upper case": True, "tasks of a pool": False, "numbers": False}


@pytest.mark.parametrize("form", FORMS)
def test_only_ids_in_no_order_of_time_are_even(form: str) -> None:
    ids = sorted(FORMS[form](30 * PAGE), key=lambda id_: (len(id_), id_) if form == "numbers" else id_)
    axis = axis_of(ids[:PAGE])
    assert axis
    assert are_even(axis, ids[:PAGE], PAGE, "") is EVEN[form]


def test_ids_after_a_cursor_are_even_from_there() -> None:
    ids = [id_ for id_ in sorted(app_ids(30 * PAGE)) if id_ > "M"]
    axis = axis_of(ids[:PAGE])
    assert axis
    assert not are_even(axis, ids[:PAGE], PAGE, "")
    assert are_even(axis, ids[:PAGE], PAGE, "M")


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
    axis = axis_of(["a", "b"])
    assert axis
    assert axis.between(ids, "b", "f") is is_within
    assert axis.between(ids, "b", None) is (is_within or ids == ["c", "g"])

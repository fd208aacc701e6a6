"""Each item is matched with one row of equal input; errors are reported for the row that they concern."""

from __future__ import annotations

from typing import Any

import pytest

from toloka_frames._uploading.requests import Chunk
from toloka_frames._uploading.send_app_items import errors_by_row, inputs_of, match_items


def chunk(*inputs: bytes) -> Chunk:
    text = b"\n".join(b'{"__item_idx":"%d","input_data":%b}' % (row, value) for row, value in enumerate(inputs))
    return Chunk(0, "", range(10, 10 + len(inputs)), text, "key")


def item(id_: str, data: Any) -> dict[str, Any]:
    return {"id": id_, "input_data": data}


def test_rows_of_equal_input_get_an_item_each() -> None:
    inputs = inputs_of(chunk(b'{"a":1}', b'{"a":2}', b'{"a":1}', b'{"a":3}'))
    match = match_items(inputs, [item("x", {"a": 2}), item("y", {"a": 1}), item("z", {"a": 1})])
    assert match.item_of_row == {10: "y", 11: "x", 12: "z"}
    assert (match.missing, match.is_proof, match.unmatched_items) == ([13], True, 0)


def test_values_are_compared_independently_of_their_json_text() -> None:
    inputs = inputs_of(chunk(b'{"a":1.0,"b":{"c":[1,{"d":null}]}}', b'{"a":"1"}'))
    match = match_items(inputs, [item("x", {"b": {"c": [1, {"d": None}]}, "a": 1}), item("y", {"a": 1})])
    assert match.item_of_row == {10: "x"}
    assert match.unmatched_items == 1


def test_fewer_items_than_rows_of_an_input_prove_nothing() -> None:
    assert not match_items(inputs_of(chunk(b'{"a":1}', b'{"a":1}')), [item("x", {"a": 1})]).is_proof


def test_an_item_that_another_request_may_have_created_proves_nothing() -> None:
    own, others = inputs_of(chunk(b'{"a":1}', b'{"a":2}')), inputs_of(chunk(b'{"a":1}')).values()
    one, two = item("x", {"a": 1}), item("y", {"a": 2})
    assert not match_items(own, [one, two], others).is_proof
    assert match_items(own, [one, two, item("z", {"a": 1})], others).is_proof
    assert match_items(own, [two], others).is_proof


def test_items_without_input_match_no_row() -> None:
    match = match_items(inputs_of(chunk(b'{"a":1}')), [{}, {"id": "x"}, item("y", None)])
    assert (match.item_of_row, match.missing, match.unmatched_items) == ({}, [10], 3)


URL = {"code": "INVALID_URL_SYNTAX", "message": "!"}


@pytest.mark.parametrize(
    ("errors", "by_row"),
    [
        ({"input_data.1.image": URL, "input_data.1.text": URL}, {11: {"input_data.image": URL, "input_data.text": URL}}),
        ({"input_data.0.a.b": URL}, {10: {"input_data.a.b": URL}}),
        ({"input_data.2": URL}, {12: {"input_data": URL}}),
        ({"input_data.3.image": URL, "name": URL, "input_data.x.image": URL, "input_data.99999999999.a": URL}, {}),
        (None, {}),
        ("text", {}),
    ],
)
def test_errors_are_grouped_by_row(errors: Any, by_row: dict[int, Any]) -> None:
    assert errors_by_row(errors, range(10, 13)) == by_row


def test_inputs_of_one_request_alone_decide_if_it_creates_all_or_nothing() -> None:
    own, others = inputs_of(chunk(b'{"a":1}', b'{"a":2}')), inputs_of(chunk(b'{"a":1}')).values()
    one, two = item("x", {"a": 1}), item("y", {"a": 2})
    assert match_items(own, [one, two], others, all_or_nothing=True).item_of_row == {10: "x", 11: "y"}
    assert match_items(own, [one, two], others, all_or_nothing=True).is_proof
    assert match_items(own, [one], others, all_or_nothing=True).item_of_row == {}

"""A log is parsed into created objects and errors by position, in any form and order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import reply

import toloka_frames as tf
from toloka_frames._transport import operations
from toloka_frames._transport.operations import OperationLog, parse_log

if TYPE_CHECKING:
    from support.scripted_server import Scripted

CREATED = [
    {"type": "TASK_CREATE", "success": True, "input": {"__item_idx": "1", "text": "ж\n]"}, "output": {"task_id": "t1"}},
    {"type": "TASK_CREATE", "success": True, "input": {"__item_idx": "0", "deep": [{"a": {}}]}, "output": {"task_id": "ж"}},
]
INVALID = {
    "type": "TASK_VALIDATE",
    "success": False,
    "input": {"__item_idx": "2", "meta": [{"a": {}}]},
    "output": {"text": {"code": "X"}},
}
OTHERS = [INVALID, {"type": "POOL_OPEN", "success": False, "input": None, "output": {"code": "EMPTY_POOL"}}, {}]


def texts_of(log: OperationLog) -> list[str]:
    return [id_.decode() for id_ in log.ids.tolist()]


def parsed(text: str | bytes) -> tuple[list[tuple[int, str]], dict[int, Any]]:
    log = parse_log(text if isinstance(text, bytes) else text.encode(), "task_id")
    return list(zip(log.positions.tolist(), texts_of(log), strict=True)), dict(log.errors)


FORMS = {
    "plain": json.dumps,
    "with spaces": lambda log: f"\n {json.dumps(log, indent=2)} \n",
    "with other line breaks": lambda log: json.dumps(log, indent=2).replace("\n", "\r"),
    "without escapes": lambda log: json.dumps(log, ensure_ascii=False),
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_created_objects_are_read_with_and_without_errors(write: Any) -> None:
    assert parsed(write(CREATED)) == ([(1, "t1"), (0, "ж")], {})
    assert parsed(write([*CREATED, *OTHERS])) == ([(1, "t1"), (0, "ж")], {2: INVALID["output"], -1: None})
    assert parsed(write([])) == ([], {})


ODD = {
    "a position as a number": ({"input": {"__item_idx": 7}}, [(7, "t")]),
    "a position that is not a number": ({"input": {"__item_idx": "x"}}, [(-1, "t")]),
    "a negative position": ({"input": {"__item_idx": "-1"}}, [(-1, "t")]),
    "a position of many digits": ({"input": {"__item_idx": "9" * 30}}, [(-1, "t")]),
    "no input": ({"input": None}, [(-1, "t")]),
    "an id of another type": ({"output": {"task_id": 5}}, []),
    "an output that is text": ({"output": "text"}, []),
    "a lone surrogate": ({"output": {"task_id": "\ud800"}}, [(3, "?")]),
}


@pytest.mark.parametrize(("odd", "expected"), ODD.values(), ids=ODD)
def test_entries_of_another_form_are_read_as_far_as_possible(odd: dict[str, Any], expected: list[Any]) -> None:
    entry = {"success": True, "input": {"__item_idx": "3"}, "output": {"task_id": "t"}} | odd
    assert parsed(json.dumps([entry])) == (expected, {})


@pytest.mark.parametrize("second", [{}, {"success": False}], ids=["all created", "one not"])
def test_the_input_of_an_entry_is_not_mistaken_for_its_output(second: dict[str, Any]) -> None:
    sent = {"input_values": {"task_id": "mine", "__item_idx": "9", "json": '"task_id":"x"', "output": {"task_id": "y"}}}
    entry = {"input": {**sent, "__item_idx": "0"}, "output": {"task_id": "t"}}
    created, errors = parsed(json.dumps([entry, {**entry, "input": {**sent, "__item_idx": "1"}, **second, "output": {}}]))
    assert created == [(0, "t")]
    assert errors == {1: {}}


def test_the_last_of_several_entries_of_a_row_has_its_id() -> None:
    entries = [{"input": {"__item_idx": "0"}, "output": {"task_id": id_}} for id_ in ("a", "b")]
    for more in ([], [{"success": True}]):
        created, _ = parsed(json.dumps([*entries, *more]))
        assert dict(created) == {0: "b"}


BAD = ["", "{}", "<html>", "[", "[{}", "[{},]", "[{} {}]", "[,{}]", "[1]", "[{}, 1]", "[{}]]", "[{]", b"\xff[]", "[" * 9_000]
BAD += ["[],[]", '[],"x":1', '[]]}\n{"logs":[[]', "null", "[null]"]


@pytest.mark.parametrize("body", BAD)
def test_a_log_that_is_not_an_array_of_objects_raises_bad_answer(body: Any, scripted: Scripted) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer, match="a list of objects"):
        tf.run(operations.read_log(scripted.async_client(retries=1).service, "op", "task_id"))


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    log: OperationLog = parse_log(b'[{"input":{"__item_idx":"0"},"output":{"task_id":"t\xff"}}]', "task_id")
    assert texts_of(log) == ["t\ufffd"]

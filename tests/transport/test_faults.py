"""The error of a faulty response states the fault: of single answers, ids, operations, logs and the service's own errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._transport.faults import EXCERPT_BYTES, excerpt, field_fault, members, shape_fault, syntax_fault
from toloka_frames._transport.operations import read_log

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[tf.AsyncTolokaClient], object]

DEEP = "[" * 50_000 + "]" * 50_000
LONG = "x" * 300
FOREIGN = (
    "A proxy between you and Toloka may have sent it: check url= and proxy=, or the variables that take their place "
    "(TOLOKA_URL, HTTPS_PROXY)."
)
FAULTY = "If it happens again, send this message to Toloka's support."


def get_pool(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.get_pool("1"))


def get_operation(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.wait_operation("op", progress=False))


def poll_operation(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.wait_operation({"id": "op", "status": "RUNNING"}, progress=False))


def open_pool(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.open_pool_async("1"))


def create_project(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.create_project({"public_name": "p"}))


def get_log(client: tf.AsyncTolokaClient) -> object:
    return tf.run(client.get_operation_log("op"))


def get_upload_log(client: tf.AsyncTolokaClient) -> object:
    return tf.run(read_log(client.service, "op", "task_id"))


# the call, the body, the end of the message without the excerpt, the position, the hint
CASES: dict[str, tuple[Call, bytes | str, str, int | None, str]] = {
    "a pool that is HTML": (get_pool, "<html>", "JSON was expected (an object), but the response was '<html>'.", None, FOREIGN),
    "a pool that is empty": (get_pool, "", "JSON was expected (an object), but the response was an empty body.", None, FOREIGN),
    "a pool that is null": (get_pool, "null", "JSON was expected (an object), but it is null: 'null'.", None, FOREIGN),
    "a pool that is a list": (get_pool, "[1]", "JSON was expected (an object), but it is a list: '[1]'.", 0, FAULTY),
    "a pool with a byte that is not UTF-8": (
        get_pool,
        b'{"a":{"b":["%b","\xff"]}}' % LONG.encode(),
        "but the byte 0xff at position 315 is not UTF-8, at a.b[1]: '…xxx",
        315,
        FAULTY,
    ),
    "a pool with a byte order mark and a fault": (
        get_pool,
        b'\xef\xbb\xbf{"a":"\xc3\xa9" 1}',
        "but it is not JSON from position 13 on (Expecting ',' delimiter), at a: ",
        13,
        FAULTY,
    ),
    "a pool that ends early": (get_pool, '{"a":{"b":[1,', "but it ends early, after 13 bytes, at a.b[0]: ", 13, FAULTY),
    "a pool that is nested too deep": (
        get_pool,
        f'{{"a":"{LONG}","b":{DEEP}}}',
        "but a value is nested 50,000 levels deep, too deep to be parsed, at b[0][0][0][0]: '…[[[[",
        50_311,
        FAULTY,
    ),
    "a pool with a number of too many digits": (
        get_pool,
        f'{{"a":-{"1" * 5_000}}}',
        "but a number has 5,001 digits, more than can be parsed, at a: ",
        5,
        FAULTY,
    ),
    "an operation without id": (get_operation, '{"status":"RUNNING"}', 'but it has no "id": ', 0, FAULTY),
    "an operation without status": (
        get_operation,
        '{"id":"op","status":null}',
        '"status" is null, not text, at status: ',
        23,
        FAULTY,
    ),
    "another operation": (get_operation, '{"id":"o2","status":"RUNNING"}', "but it is the operation o2: ", 0, FAULTY),
    "a poll that is a list": (poll_operation, "[]", "JSON was expected (an object), but it is a list: '[]'.", 0, FAULTY),
    "a poll with another status": (poll_operation, '{"id":"op","status":5}', '"status" is the number 5, not text', 23, FAULTY),
    "a creation without id": (create_project, '{"ID":"1"}', 'with id was expected, but it has no "id": ', 0, FAULTY),
    "a creation with an odd id": (
        create_project,
        '{"id":{"a":1}}',
        'with id was expected, but "id" is an object, not text, at id: ',
        6,
        FAULTY,
    ),
    "an action with two ids": (
        open_pool,
        '{"id":"1","status":"RUNNING","id":7}',
        '"id" is the number 7, not text (the last of 2 values of this key), at id: ',
        34,
        FAULTY,
    ),
    "a log that is an object": (get_log, "{}", "JSON was expected (a list of objects), but it is an object: '{}'.", 0, FAULTY),
    "a log with a null": (get_log, "[{},null]", "but an item is null, not an object, at [1]: '[{},null]'.", 4, FAULTY),
    "an upload's log with text": (
        get_upload_log,
        '[{},{},"a"]',
        "but an item is the text 'a', not an object, at [2]: ",
        7,
        FAULTY,
    ),
    "an upload's log with a fault": (
        get_upload_log,
        b'[{"input":{"text":"\xff"}},{"output":{"task_id" "x"}}]',
        "but it is not JSON from position 45 on (Expecting ':' delimiter), at [1].output: ",
        45,
        FAULTY,
    ),
    "an upload's log that ends early": (
        get_upload_log,
        b'[{"input":{}},{"out',
        "it ends early, after 19 bytes, at [1]: ",
        15,
        FAULTY,
    ),
}


@pytest.mark.parametrize(("call", "body", "message", "position", "hint"), CASES.values(), ids=CASES)
def test_error_states_the_fault(
    scripted: Scripted, call: Call, body: bytes | str, message: str, position: int | None, hint: str
) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        call(scripted.async_client(retries=1))
    assert message in str(caught.value)
    assert caught.value.fault in str(caught.value)
    assert (caught.value.position, caught.value.hint) == (position, hint)
    assert caught.value.may_have_taken_effect == (call in (open_pool, create_project))
    assert len(str(caught.value)) < EXCERPT_BYTES + 300


@pytest.mark.parametrize("call", [get_pool, create_project, get_operation, get_log])
def test_the_token_is_not_shown(scripted: Scripted, call: Call) -> None:
    scripted.answers = [reply(f'{{"token":"{scripted.token}","id":7')]
    with pytest.raises(tf.BadAnswer) as caught:
        call(scripted.async_client(retries=1))
    assert scripted.token not in str(caught.value)


ENVELOPES: dict[str, tuple[bytes | str, str]] = {
    "a byte that is not UTF-8": (
        b'{"code":"VALIDATION_ERROR","message":"caf\xe9"}',
        '400 : the details cannot be read, because the byte 0xe9 at position 41 is not UTF-8, at message: \'{"code"',
    ),
    "an error that ends early": ('{"code":"VAL', "400 : the details cannot be read, because it ends early, after 12 bytes"),
    "a code that is a number": ('{"code":5,"message":"m"}', '400 : \'{"code":5'),
    "a message that is an object": ('{"code":"C","message":{"a":1}}', "400 C: {'a': 1}"),
    "no message": ('{"code":"C"}', "400 C: Reason"),
    "odd details": ('{"code":"C","message":"m","request_id":5,"payload":["x"]}', "400 C: m"),
    "details that are nested too deep": (f'{{"code":"C","payload":{DEEP}}}', "because a value is nested 50,000 levels deep"),
    "a page of a proxy": ("<html>", "400 : '<html>'"),
    "text": ('"no"', "400 : '\"no\"'"),
    "nothing": ("", "400 : an empty body"),
}


@pytest.mark.parametrize(("body", "message"), ENVELOPES.values(), ids=ENVELOPES)
def test_a_rejection_whose_details_are_faulty_is_a_rejection(scripted: Scripted, body: bytes | str, message: str) -> None:
    scripted.answers = [reply(body, 400)]
    with pytest.raises(tf.ValidationFailed) as caught:
        get_pool(scripted.async_client(retries=1))
    assert message in str(caught.value)
    assert type(caught.value.request_id) in (str, type(None))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def values_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of a value and of all values in it, in the order of its text."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inside for found in values_of(item, (*path, key)))]


@given(value=JSON, is_ascii=st.booleans())
def test_members_of_json_are_its_values(value: Any, is_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "replace")
    value = json.loads(body)
    found = list(members(body))
    assert [member.path for member in found] == [path[:5] for path in values_of(value)]
    decoder = json.JSONDecoder()
    for member in found:
        text = body[member.position :].decode()
        assert decoder.raw_decode(text)[0] == value_at(value, member.path) or member.depth > len(member.path)


def value_at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@given(value=JSON, is_ascii=st.booleans(), data=st.data())
def test_the_beginning_of_an_object_ends_early(value: Any, is_ascii: bool, data: st.DataObject) -> None:
    body = json.dumps({"items": value}, ensure_ascii=is_ascii).encode("utf-8", "replace")
    fault = syntax_fault(body[: data.draw(st.integers(0, len(body) - 1))])
    assert fault is not None
    assert fault.ends_early


COMPLETE = [
    b'{"a":"\xc3\xa9" 1}',
    b"{}{}",
    b"[1]]",
    b"{]",
    b"[1,]",
    b"[tru]",
    b'["\\u12"]',
    b'["\\x"]',
    b"[1.]",
    b'{"a"}',
    b"[01]",
    b"[nul ]",
]


@pytest.mark.parametrize("body", COMPLETE)
def test_a_fault_at_the_end_is_not_an_early_end(body: bytes) -> None:
    fault = syntax_fault(body)
    assert fault is not None
    assert not fault.ends_early


@given(body=st.binary(max_size=60) | st.text('[]{},:"\\u0d81 x-1nul', max_size=30).map(str.encode))
def test_any_body_has_a_fault_or_is_json(body: bytes) -> None:
    fault = syntax_fault(body)
    if fault is None:
        assert shape_fault(body, dict) or isinstance(json.loads(body), dict)
    else:
        assert 0 <= fault.position <= len(body)
        assert fault.reason or fault.is_whole


@given(body=st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")), position=st.integers(0, 1_600))
def test_an_excerpt_cuts_no_character(body: bytes, position: int) -> None:
    position = min(position, len(body))
    shown = excerpt(body, position)
    assert "\ufffd" not in shown or "\ufffd" in body.decode()
    assert len(body) > EXCERPT_BYTES or shown in (repr(body.decode()), "an empty body")


def test_the_fields_of_an_object_are_checked_in_their_order() -> None:
    body = b'{"a":{"id":"1","status":"OPEN"}}'
    value = json.loads(body)["a"]
    assert field_fault(body, value, {"id": "text", "status": "'OPEN'"}, ("a",)) is None
    fault = field_fault(body, value, {"id": "text", "status": "'CLOSED'", "x": ""}, ("a",))
    assert fault is not None
    assert (fault.reason, fault.position) == ("\"status\" is the text 'OPEN', not 'CLOSED'", 24)

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

USER = "a1b0b42923c429daa2c764d7ccfc364d"
FORM = {
    "topic": {"EN": "Thanks"},
    "text": {"EN": "Well done"},
    "recipients_select_type": "DIRECT",
    "recipients_ids": [USER],
    "answerable": True,
}


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def thread(wire: Wire, **changes: Any) -> dict[str, Any]:
    reply = wire.post("/v1/message-threads/compose", {**FORM, **changes})
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_a_composed_message_begins_a_thread(wire: Wire) -> None:
    row = thread(wire)
    assert re.fullmatch("[0-9a-f]{24}", row["id"])
    assert (row["topic"], row["folders"], row["answerable"]) == (FORM["topic"], ["OUTBOX"], True)
    assert [message["text"] for message in row["messages"]] == [FORM["text"]]
    assert row["messages"][0]["from"]["myself"]
    assert {one["role"] for one in row["interlocutors"]} == {"REQUESTER", "USER"}
    assert row["compose_details"] == {"recipients_select_type": "DIRECT", "recipients_ids": [USER]}


WRONG = [
    ({"topic": None}, "topic", "VALUE_REQUIRED"),
    ({"text": "x"}, "text", "OBJECT_EXPECTED"),
    ({"recipients_select_type": "SOME"}, "recipients_select_type", "UNKNOWN_ENUM_VALUE"),
    ({"recipients_ids": None}, "recipients_ids", "VALUE_REQUIRED"),
    ({"recipients_ids": [USER] * 101}, "recipients_ids", "ARRAY_SIZE_GREATER_THAN_MAX"),
    ({"recipients_select_type": "FILTER"}, "recipients_filter", "VALUE_REQUIRED"),
]


@pytest.mark.parametrize(("change", "field", "code"), WRONG, ids=[f"{field} {code}" for _, field, code in WRONG])
def test_a_message_that_cannot_be_is_refused(wire: Wire, change: dict[str, Any], field: str, code: str) -> None:
    reply = wire.post("/v1/message-threads/compose", {**FORM, **change})
    assert (reply.status_code, reply.json()["payload"][field]["code"]) == (400, code)


def test_a_message_to_nobody_is_a_conflict(wire: Wire) -> None:
    reply = wire.post("/v1/message-threads/compose", {**FORM, "recipients_ids": ["nobody"]})
    assert (reply.status_code, reply.json()["code"]) == (409, "INCORRECT_RECIPIENTS")


def test_a_reply_is_the_newest_message(wire: Wire) -> None:
    row = thread(wire)
    reply = wire.post(f"/v1/message-threads/{row['id']}/reply", {"text": {"EN": "And more"}})
    assert reply.status_code == 200
    assert [message["text"]["EN"] for message in reply.json()["messages"]] == ["And more", "Well done"]
    closed = thread(wire, answerable=False)
    assert wire.post(f"/v1/message-threads/{closed['id']}/reply", {"text": {"EN": "x"}}).status_code == 409


def test_threads_go_into_folders_and_are_listed_by_them(wire: Wire) -> None:
    first, second = thread(wire), thread(wire, recipients_select_type="ALL", recipients_ids=None)
    path = f"/v1/message-threads/{first['id']}"
    both = wire.post(f"{path}/add-to-folders", {"folders": ["IMPORTANT", "OUTBOX"]})
    assert (both.status_code, both.json()["folders"]) == (200, ["OUTBOX", "IMPORTANT"])
    since = {"created_gte": first["created"]}

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in wire.get("/v1/message-threads", **since, **query)["items"]]

    assert ids(folder="IMPORTANT,UNREAD") == [first["id"]]
    assert ids(folder="OUTBOX") == [first["id"], second["id"]]
    assert ids(folder_ne="IMPORTANT,UNREAD") == [second["id"]]
    assert ids(folder="OUTBOX", folder_ne="OUTBOX") == []
    out = wire.post(f"{path}/remove-from-folders", {"folders": ["OUTBOX"]})
    assert (out.status_code, out.json()["folders"]) == (200, ["IMPORTANT"])
    for folders, code in (({}, "ARRAY_EXPECTED"), (["ATTIC"], "UNKNOWN_ENUM_VALUE")):
        reply = wire.post(f"{path}/add-to-folders", {"folders": folders})
        assert reply.json()["payload"]["folders"]["code"] == code

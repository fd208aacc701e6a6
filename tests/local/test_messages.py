from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

USER = "a1b0b42923c429daa2c764d7ccfc364d"
FORM = {
    "topic": {"EN": "Thanks"},
    "text": {"EN": "Well done"},
    "recipients_select_type": "DIRECT",
    "recipients_ids": [USER],
    "answerable": True,
}


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def create_thread(api: RawClient, **changes: Any) -> dict[str, Any]:
    response = api.post("/v1/message-threads/compose", {**FORM, **changes})
    assert response.status_code == 201, response.text
    return response.json()


def test_composing_a_message_creates_a_thread(api: RawClient) -> None:
    row = create_thread(api)
    assert re.fullmatch("[0-9a-f]{24}", row["id"])
    assert (row["topic"], row["folders"], row["answerable"]) == (FORM["topic"], ["OUTBOX"], True)
    assert [message["text"] for message in row["messages"]] == [FORM["text"]]
    assert row["messages"][0]["from"]["myself"]
    assert {person["role"] for person in row["interlocutors"]} == {"REQUESTER", "USER"}
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
def test_an_invalid_message_is_rejected(api: RawClient, change: dict[str, Any], field: str, code: str) -> None:
    response = api.post("/v1/message-threads/compose", {**FORM, **change})
    assert (response.status_code, response.json()["payload"][field]["code"]) == (400, code)


def test_a_message_to_an_unknown_user_is_a_conflict(api: RawClient) -> None:
    response = api.post("/v1/message-threads/compose", {**FORM, "recipients_ids": ["nobody"]})
    assert (response.status_code, response.json()["code"]) == (409, "INCORRECT_RECIPIENTS")


def test_a_reply_is_the_newest_message(api: RawClient) -> None:
    row = create_thread(api)
    response = api.post(f"/v1/message-threads/{row['id']}/reply", {"text": {"EN": "And more"}})
    assert response.status_code == 200
    assert [message["text"]["EN"] for message in response.json()["messages"]] == ["And more", "Well done"]
    closed = create_thread(api, answerable=False)
    assert api.post(f"/v1/message-threads/{closed['id']}/reply", {"text": {"EN": "x"}}).status_code == 409


def test_threads_are_added_to_folders_and_filtered_by_them(api: RawClient) -> None:
    first, second = create_thread(api), create_thread(api, recipients_select_type="ALL", recipients_ids=None)
    path = f"/v1/message-threads/{first['id']}"
    both = api.post(f"{path}/add-to-folders", {"folders": ["IMPORTANT", "OUTBOX"]})
    assert (both.status_code, both.json()["folders"]) == (200, ["OUTBOX", "IMPORTANT"])
    since = {"created_gte": first["created"]}

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in api.get("/v1/message-threads", **since, **query)["items"]]

    assert ids(folder="IMPORTANT,UNREAD") == [first["id"]]
    assert ids(folder="OUTBOX") == [first["id"], second["id"]]
    assert ids(folder_ne="IMPORTANT,UNREAD") == [second["id"]]
    assert ids(folder="OUTBOX", folder_ne="OUTBOX") == []
    removed = api.post(f"{path}/remove-from-folders", {"folders": ["OUTBOX"]})
    assert (removed.status_code, removed.json()["folders"]) == (200, ["IMPORTANT"])
    for folders, code in (({}, "ARRAY_EXPECTED"), (["ATTIC"], "UNKNOWN_ENUM_VALUE")):
        response = api.post(f"{path}/add-to-folders", {"folders": folders})
        assert response.json()["payload"]["folders"]["code"] == code

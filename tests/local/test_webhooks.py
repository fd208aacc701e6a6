from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

PATH = "/v1/webhook-subscriptions"


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def form(pool_id: str, event_type: str = "POOL_CLOSED", **more: Any) -> dict[str, Any]:
    return {"event_type": event_type, "webhook_url": "https://example.com/hook", "pool_id": pool_id, **more}


def test_a_subscription_is_new_once_and_never_shows_its_secret(wire: Wire) -> None:
    sent = form(wire.pool()) | {"secret_key": "whisper"}
    first, again = (wire.http.put(PATH, json=sent) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "event_type", "webhook_url", "pool_id", "created"}
    assert wire.get(f"{PATH}/{first.json()['id']}") == first.json()


def test_those_of_an_array_share_the_instant_and_errors_have_positions(wire: Wire) -> None:
    pool_id = wire.pool()
    events = ("ASSIGNMENT_CREATED", "ASSIGNMENT_DREAMT", "ASSIGNMENT_APPROVED")
    reply = wire.http.put(PATH, json=[form(pool_id, event) for event in events])
    body = reply.json()
    assert (reply.status_code, set(body["items"])) == (200, {"0", "2"})
    assert body["validation_errors"]["1"]["event_type"]["code"] == "UNKNOWN_ENUM_VALUE"
    assert len({row["created"] for row in body["items"].values()}) == 1
    rows = wire.get(PATH, pool_id=pool_id, sort="created")["items"]
    assert rows == list(body["items"].values())
    assert wire.get(PATH, pool_id=pool_id, event_type="ASSIGNMENT_APPROVED")["items"] == rows[1:]
    assert wire.get(PATH, pool_id=pool_id, created_gt=rows[0]["created"])["items"] == []


def test_a_subscription_that_cannot_be_is_refused(wire: Wire) -> None:
    payload = wire.http.put(PATH, json=form("1", webhook_url="nowhere", event_type=None)).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "event_type": "VALUE_REQUIRED",
        "webhook_url": "INVALID_URL_SYNTAX",
        "pool_id": "ENTITY_DOES_NOT_EXIST",
    }


def test_a_subscription_is_tested_without_leaving_the_machine_and_taken_away(wire: Wire) -> None:
    row = wire.http.put(PATH, json=form(wire.pool())).json()
    tested = wire.post(f"{PATH}/{row['id']}/test")
    assert (tested.status_code, tested.json()["success"], tested.json()["errorType"]) == (200, False, "CONNECTION_ERROR")
    assert wire.http.delete(f"{PATH}/{row['id']}").status_code == 204
    assert wire.http.get(f"{PATH}/{row['id']}").status_code == 404

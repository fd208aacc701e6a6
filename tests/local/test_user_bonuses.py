from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

USER = "a1b0b42923c429daa2c764d7ccfc364d"
TEXTS = {"public_title": {"EN": "Good work"}, "public_message": {"EN": "Thank you"}}


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def bonus(amount: float = 0.5, **more: Any) -> dict[str, Any]:
    return {"user_id": USER, "amount": amount, **TEXTS, **more}


def test_a_bonus_is_created_and_returned(api: RawClient) -> None:
    response = api.post("/v1/user-bonuses", bonus(private_comment="x"))
    row = response.json()
    assert response.status_code == 201
    assert row.items() >= bonus(private_comment="x").items()
    assert (row["id"].isdecimal(), row["without_message"]) == (True, False)
    assert api.get(f"/v1/user-bonuses/{row['id']}") == row


WRONG = [
    (bonus(user_id="nobody"), "user_id", "ENTITY_DOES_NOT_EXIST"),
    (bonus(user_id=None), "user_id", "VALUE_REQUIRED"),
    (bonus(0.001), "amount", "VALUE_LESS_THAN_MIN"),
    (bonus(101), "amount", "VALUE_GREATER_THAN_MAX"),
    (bonus("1"), "amount", "FLOAT_EXPECTED"),  # type: ignore[arg-type]
    (bonus(None), "amount", "VALUE_REQUIRED"),  # type: ignore[arg-type]
    (bonus(public_title=None), "public_title", "VALUE_REQUIRED"),
    (bonus(public_message="text"), "public_message", "OBJECT_EXPECTED"),
    (bonus(without_message=True), "public_title", "VALUE_NOT_ALLOWED"),
    (bonus(assignment_id="x"), "assignment_id", "ENTITY_DOES_NOT_EXIST"),
]


@pytest.mark.parametrize(("sent", "field", "code"), WRONG, ids=[f"{field} {code}" for _, field, code in WRONG])
def test_an_invalid_bonus_is_rejected(api: RawClient, sent: Any, field: str, code: str) -> None:
    response = api.post("/v1/user-bonuses", sent)
    assert (response.status_code, response.json()["payload"][field]["code"]) == (400, code)


def test_a_bonus_without_message_has_no_texts(api: RawClient) -> None:
    row = api.post("/v1/user-bonuses", {"user_id": USER, "amount": 1, "without_message": True}).json()
    assert row["without_message"]
    assert not set(TEXTS) & set(row)


def test_the_same_bonus_twice_in_a_request_is_a_conflict_without_envelope(api: RawClient) -> None:
    response = api.post("/v1/user-bonuses", [bonus(0.7), bonus(0.8), bonus(0.7)])
    assert response.status_code == 409
    assert set(response.json()) == {"user_id"}
    assert response.json()["user_id"]["code"] == "ENTITY_CONFLICT"
    assert api.post("/v1/user-bonuses", [bonus(0.7), bonus(0.7, private_comment="another")]).status_code == 201


def test_a_synchronous_request_is_limited_to_100_bonuses(api: RawClient) -> None:
    many = [bonus(1 + number / 100) for number in range(101)]
    response = api.post("/v1/user-bonuses", many)
    assert (response.status_code, response.json()["code"]) == (413, "ENTITY_TOO_LARGE")
    made = api.post("/v1/user-bonuses", many[:100]).json()["items"]
    ids = [int(row["id"]) for row in made.values()]
    assert ids == list(range(ids[0], ids[0] + 100))


def test_an_operation_creates_bonuses_and_logs_their_input(api: RawClient) -> None:
    sent = [bonus(2 + number, __item_idx=str(number)) for number in range(120)]  # one user, all different
    sent = [item if item["amount"] <= 100 else item | {"amount": 3 + item["amount"] / 1000} for item in sent]
    sent[1]["user_id"] = "nobody"
    response = api.post("/v1/user-bonuses", sent, async_mode="true", skip_invalid_items="true")
    operation = api.wait_operation(response.json()["id"])
    log = api.get(f"/v1/operations/{operation['id']}/log")
    assert (response.status_code, operation["type"], operation["status"]) == (202, "USER_BONUS.BATCH_CREATE", "SUCCESS")
    assert operation["parameters"] == {"skip_invalid_items": True}
    assert {entry["type"] for entry in log} == {"USER_BONUS_PERSIST", "USER_BONUS_VALIDATE"}
    [failed] = [entry for entry in log if not entry["success"]]
    assert failed["output"]["user_id"]["code"] == "ENTITY_DOES_NOT_EXIST"
    paid = {entry["input"]["__item_idx"]: entry["output"]["user_bonus_id"] for entry in log if entry["success"]}
    assert api.get(f"/v1/user-bonuses/{paid['0']}")["amount"] == 2


@pytest.mark.parametrize("mode", ["true", "false"])
def test_an_operation_id_works_once_in_both_modes(api: RawClient, mode: str) -> None:
    query = {"operation_id": str(uuid.uuid4()), "async_mode": mode}
    first = api.post("/v1/user-bonuses", [bonus(9.5, private_comment=mode)], **query)
    again = api.post("/v1/user-bonuses", [bonus(9.5, private_comment=mode)], **query)
    assert first.status_code == (202 if mode == "true" else 201)
    assert (again.status_code, again.json()["code"]) == (409, "OPERATION_ALREADY_EXISTS")
    assert api.wait_operation(query["operation_id"])["details"]["success_count"] == 1
    [entry] = api.get(f"/v1/operations/{query['operation_id']}/log")
    assert api.get(f"/v1/user-bonuses/{entry['output']['user_bonus_id']}")["private_comment"] == mode
    assert len(api.get("/v1/user-bonuses", private_comment=mode)["items"]) == 1


def test_bonuses_are_filtered_by_user_and_assignment(api: RawClient) -> None:
    other = "b" * 32
    row = api.post("/v1/user-bonuses", bonus(user_id=other)).json()
    assert api.get("/v1/user-bonuses", user_id=other)["items"] == [row]
    assert api.get("/v1/user-bonuses", assignment_id="x")["items"] == []
    assert api.get("/v1/user-bonuses", sort="-id", limit=1)["items"] == [row]

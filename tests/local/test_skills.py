from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

USER = "a1b0b42923c429daa2c764d7ccfc364d"
OTHER = "b" * 32


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def skill(wire: Wire, **form: Any) -> dict[str, Any]:
    reply = wire.post("/v1/skills", {"name": "Cats", **form})
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_a_new_skill_is_hidden_and_one_s_own(wire: Wire) -> None:
    row = skill(wire, public_name={"EN": "Cats"}, colour="red")
    assert (row["hidden"], row["global"], row["training"], row["deprecated"]) == (True, False, False, False)
    assert row["owner"]["myself"]
    assert "colour" not in row
    assert wire.get(f"/v1/skills/{row['id']}") == row


def test_a_skill_is_replaced_but_keeps_what_the_service_set(wire: Wire) -> None:
    row = skill(wire)
    form = {"name": "Dogs", "hidden": False, "deprecated": True, "created": "2000-01-01T00:00:00"}
    changed = wire.http.put(f"/v1/skills/{row['id']}", json=form).json()
    assert changed == {**row, "name": "Dogs", "hidden": False, "deprecated": True}


def test_a_skill_form_that_cannot_be_is_refused(wire: Wire) -> None:
    form = {"name": 1, "public_name": "Cats", "hidden": "no", "skill_ttl_hours": "1"}
    payload = wire.post("/v1/skills", form).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "name": "STRING_EXPECTED",
        "public_name": "OBJECT_EXPECTED",
        "hidden": "BOOLEAN_EXPECTED",
        "skill_ttl_hours": "INTEGER_EXPECTED",
    }
    assert wire.post("/v1/skills", {}).json()["payload"]["name"]["code"] == "VALUE_REQUIRED"


def test_skills_are_listed_by_name_and_reach(wire: Wire) -> None:
    row = skill(wire, name="Birds")
    assert wire.get("/v1/skills", name="Birds")["items"] == [row]
    assert wire.get("/v1/skills", name="Birds", **{"global": "false"})["items"] == [row]
    assert wire.get("/v1/skills", **{"global": "true"})["items"] == []
    reply = wire.http.get("/v1/skills", params={"global": "perhaps"})
    assert reply.json()["payload"]["global"]["code"] == "BOOLEAN_EXPECTED"


def test_a_toloker_has_one_value_in_a_skill(wire: Wire) -> None:
    form = {"skill_id": skill(wire)["id"], "user_id": USER, "value": 85.5, "reason": "tested"}
    first = wire.http.put("/v1/user-skills", json=form)
    again = wire.http.put("/v1/user-skills", json={**form, "value": 20})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["value"], first.json()["exact_value"]) == (86, 85.5)
    assert again.json() == {**first.json(), "value": 20, "exact_value": 20, "modified": again.json()["modified"]}
    assert wire.get("/v1/user-skills", skill_id=form["skill_id"])["items"] == [again.json()]


def test_a_value_that_cannot_be_is_refused(wire: Wire) -> None:
    form = {"skill_id": "1", "user_id": "nobody", "value": 101}
    payload = wire.http.put("/v1/user-skills", json=form).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "skill_id": "ENTITY_DOES_NOT_EXIST",
        "user_id": "ENTITY_DOES_NOT_EXIST",
        "value": "VALUE_GREATER_THAN_MAX",
    }


def test_a_value_is_taken_away(wire: Wire) -> None:
    row = wire.http.put("/v1/user-skills", json={"skill_id": skill(wire)["id"], "user_id": USER, "value": 1}).json()
    path = f"/v1/user-skills/{row['id']}"
    assert wire.get(path) == row
    gone = wire.http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert wire.http.get(path).json()["code"] == wire.http.delete(path).json()["code"] == "DOES_NOT_EXIST"


def test_a_ban_is_one_for_each_toloker_and_place(wire: Wire) -> None:
    project, pool_id = wire.project(), wire.pool()
    bans = [
        {"scope": "ALL_PROJECTS", "user_id": OTHER},
        {"scope": "PROJECT", "user_id": OTHER, "project_id": project["id"]},
        {"scope": "POOL", "user_id": OTHER, "pool_id": pool_id, "will_expire": "2050-01-01T00:00:00Z"},
    ]
    replies = [wire.http.put("/v1/user-restrictions", json=ban) for ban in bans]
    again = wire.http.put("/v1/user-restrictions", json={**bans[1], "private_comment": "still"})
    assert [reply.status_code for reply in replies] == [201] * 3
    assert replies[2].json()["will_expire"] == "2050-01-01T00:00:00"
    assert (again.status_code, again.json()) == (200, {**replies[1].json(), "private_comment": "still"})
    assert len(wire.get("/v1/user-restrictions", user_id=OTHER)["items"]) == 3
    assert wire.get("/v1/user-restrictions", scope="POOL", pool_id=pool_id)["items"] == [replies[2].json()]
    assert wire.http.delete(f"/v1/user-restrictions/{again.json()['id']}").status_code == 204
    assert wire.get("/v1/user-restrictions", scope="PROJECT", project_id=project["id"])["items"] == []


WRONG_BANS = [
    ({"scope": "WORLD"}, "scope", "UNKNOWN_ENUM_VALUE"),
    ({"scope": "POOL"}, "pool_id", "VALUE_REQUIRED"),
    ({"scope": "PROJECT", "project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"scope": "ALL_PROJECTS", "user_id": "nobody"}, "user_id", "ENTITY_DOES_NOT_EXIST"),
    ({"scope": "ALL_PROJECTS", "private_comment": "x" * 500}, "private_comment", "STRING_LENGTH_GREATER_THAN_MAX"),
    ({"scope": "ALL_PROJECTS", "will_expire": "soon"}, "will_expire", "INVALID_DATE_TIME_SYNTAX"),
]


@pytest.mark.parametrize(("ban", "field", "code"), WRONG_BANS, ids=[f"{field} {code}" for _, field, code in WRONG_BANS])
def test_a_ban_that_cannot_be_is_refused(wire: Wire, ban: dict[str, str], field: str, code: str) -> None:
    reply = wire.http.put("/v1/user-restrictions", json={"user_id": USER, **ban})
    assert (reply.status_code, reply.json()["payload"][field]["code"]) == (400, code)


def test_bans_of_the_system_are_the_service_s_own(wire: Wire) -> None:
    reply = wire.http.put("/v1/user-restrictions", json={"user_id": USER, "scope": "SYSTEM"})
    assert (reply.status_code, reply.json()["code"]) == (409, "SYSTEM_SCOPE_MODIFICATION")


@pytest.mark.parametrize(("scope", "name"), [("POOL", "pool_id"), ("PROJECT", "project_id")])
def test_bans_of_a_place_are_listed_with_the_place(wire: Wire, scope: str, name: str) -> None:
    reply = wire.http.get("/v1/user-restrictions", params={"scope": scope})
    assert (reply.status_code, reply.json()["payload"][name]["code"]) == (400, "VALUE_REQUIRED")


def test_what_is_known_of_a_toloker_does_not_change(wire: Wire) -> None:
    row = wire.get(f"/v1/user-metadata/{USER}")
    assert row["id"] == USER
    assert row == wire.get(f"/v1/user-metadata/{USER}")
    assert wire.http.get("/v1/user-metadata/nobody").json()["code"] == "DOES_NOT_EXIST"

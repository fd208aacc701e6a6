from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

USER = "a1b0b42923c429daa2c764d7ccfc364d"


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def create_skill(api: RawClient, **form: Any) -> dict[str, Any]:
    response = api.post("/v1/skills", {"name": "Cats", **form})
    assert response.status_code == 201, response.text
    return response.json()


def test_a_new_skill_is_hidden_and_belongs_to_the_account(api: RawClient) -> None:
    row = create_skill(api, public_name={"EN": "Cats"}, colour="red")
    assert (row["hidden"], row["global"], row["training"], row["deprecated"]) == (True, False, False, False)
    assert row["owner"]["myself"]
    assert "colour" not in row
    assert api.get(f"/v1/skills/{row['id']}") == row


def test_replacing_a_skill_keeps_its_service_fields(api: RawClient) -> None:
    row = create_skill(api)
    form = {"name": "Dogs", "hidden": False, "deprecated": True, "created": "2000-01-01T00:00:00"}
    changed = api.http.put(f"/v1/skills/{row['id']}", json=form).json()
    assert changed == {**row, "name": "Dogs", "hidden": False, "deprecated": True}


def test_an_invalid_skill_is_rejected(api: RawClient) -> None:
    form = {"name": 1, "public_name": "Cats", "hidden": "no", "skill_ttl_hours": "1"}
    payload = api.post("/v1/skills", form).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "name": "STRING_EXPECTED",
        "public_name": "OBJECT_EXPECTED",
        "hidden": "BOOLEAN_EXPECTED",
        "skill_ttl_hours": "INTEGER_EXPECTED",
    }
    assert api.post("/v1/skills", {}).json()["payload"]["name"]["code"] == "VALUE_REQUIRED"


def test_skills_are_filtered_by_name_and_global(api: RawClient) -> None:
    row = create_skill(api, name="Birds")
    assert api.get("/v1/skills", name="Birds")["items"] == [row]
    assert api.get("/v1/skills", name="Birds", **{"global": "false"})["items"] == [row]
    assert api.get("/v1/skills", **{"global": "true"})["items"] == []
    response = api.http.get("/v1/skills", params={"global": "perhaps"})
    assert response.json()["payload"]["global"]["code"] == "BOOLEAN_EXPECTED"


def test_a_toloker_has_one_value_per_skill(api: RawClient) -> None:
    form = {"skill_id": create_skill(api)["id"], "user_id": USER, "value": 85.5, "reason": "tested"}
    first = api.http.put("/v1/user-skills", json=form)
    again = api.http.put("/v1/user-skills", json={**form, "value": 20})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["value"], first.json()["exact_value"]) == (86, 85.5)
    assert again.json() == {**first.json(), "value": 20, "exact_value": 20, "modified": again.json()["modified"]}
    assert api.get("/v1/user-skills", skill_id=form["skill_id"])["items"] == [again.json()]


def test_an_invalid_user_skill_is_rejected(api: RawClient) -> None:
    form = {"skill_id": "1", "user_id": "nobody", "value": 101}
    payload = api.http.put("/v1/user-skills", json=form).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "skill_id": "ENTITY_DOES_NOT_EXIST",
        "user_id": "ENTITY_DOES_NOT_EXIST",
        "value": "VALUE_GREATER_THAN_MAX",
    }


def test_a_user_skill_is_deleted(api: RawClient) -> None:
    row = api.http.put("/v1/user-skills", json={"skill_id": create_skill(api)["id"], "user_id": USER, "value": 1}).json()
    path = f"/v1/user-skills/{row['id']}"
    assert api.get(path) == row
    gone = api.http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.http.get(path).json()["code"] == api.http.delete(path).json()["code"] == "DOES_NOT_EXIST"

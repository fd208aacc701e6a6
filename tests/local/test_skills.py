from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path

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
    assert row not in api.get("/v1/skills", **{"global": "true"})["items"]
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


# Toloka-Kit 1.2.3, toloka.client.filter.Languages.VERIFIED_LANGUAGES_TO_SKILLS
LANGUAGE_SKILLS = "26296 26366 26377 26513 26711 26714 29789 30724 32346 39821 44742 44954 48836 54378"


def test_every_service_has_the_skills_of_language_tests(api: RawClient) -> None:
    rows = api.get("/v1/skills", **{"global": "true"})["items"]
    assert [row["id"] for row in rows] == LANGUAGE_SKILLS.split()
    assert {(row["global"], row["hidden"], row["owner"]["myself"]) for row in rows} == {(True, False, False)}
    english = api.get("/v1/skills/26366")
    assert (english["name"], english in rows) == ("Language test: EN", True)
    assert api.get("/v1/skills", name=english["name"])["items"] == [english]


def test_a_global_skill_belongs_to_the_service_and_tolokers_have_values_of_it(api: RawClient) -> None:
    response = api.http.put("/v1/skills/26366", json={"name": "Mine"})
    assert (response.status_code, response.json()["code"]) == (403, "ACCESS_DENIED")
    form = {"skill_id": "26366", "user_id": USER, "value": 100}
    assert api.http.put("/v1/user-skills", json=form).json()["value"] == 100


def test_a_service_that_is_started_again_has_each_global_skill_once(tmp_path: Path) -> None:
    for _ in range(2):
        with LocalToloka(tmp_path / "state.db") as toloka:
            client = RawClient(toloka)
            with client.http:
                assert len(client.get("/v1/skills", **{"global": "true"})["items"]) == 14
                new = client.post("/v1/skills", {"name": "Cats"}).json()
                assert int(new["id"]) > 54378

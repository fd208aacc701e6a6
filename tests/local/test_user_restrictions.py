from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient


USER = "a1b0b42923c429daa2c764d7ccfc364d"


OTHER = "b" * 32


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_a_restriction_is_unique_per_toloker_and_scope(api: RawClient) -> None:
    project, pool_id = api.create_project(), api.create_pool()
    bans = [
        {"scope": "ALL_PROJECTS", "user_id": OTHER},
        {"scope": "PROJECT", "user_id": OTHER, "project_id": project["id"]},
        {"scope": "POOL", "user_id": OTHER, "pool_id": pool_id, "will_expire": "2050-01-01T00:00:00Z"},
    ]
    responses = [api.http.put("/v1/user-restrictions", json=ban) for ban in bans]
    again = api.http.put("/v1/user-restrictions", json={**bans[1], "private_comment": "still"})
    assert [response.status_code for response in responses] == [201] * 3
    assert responses[2].json()["will_expire"] == "2050-01-01T00:00:00"
    assert (again.status_code, again.json()) == (200, {**responses[1].json(), "private_comment": "still"})
    assert len(api.get("/v1/user-restrictions", user_id=OTHER)["items"]) == 3
    assert api.get("/v1/user-restrictions", scope="POOL", pool_id=pool_id)["items"] == [responses[2].json()]
    assert api.http.delete(f"/v1/user-restrictions/{again.json()['id']}").status_code == 204
    assert api.get("/v1/user-restrictions", scope="PROJECT", project_id=project["id"])["items"] == []


WRONG_BANS = [
    ({"scope": "WORLD"}, "scope", "UNKNOWN_ENUM_VALUE"),
    ({"scope": "POOL"}, "pool_id", "VALUE_REQUIRED"),
    ({"scope": "PROJECT", "project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"scope": "ALL_PROJECTS", "user_id": "nobody"}, "user_id", "ENTITY_DOES_NOT_EXIST"),
    ({"scope": "ALL_PROJECTS", "private_comment": "x" * 500}, "private_comment", "STRING_LENGTH_GREATER_THAN_MAX"),
    ({"scope": "ALL_PROJECTS", "will_expire": "soon"}, "will_expire", "INVALID_DATE_TIME_SYNTAX"),
]


@pytest.mark.parametrize(("ban", "field", "code"), WRONG_BANS, ids=[f"{field} {code}" for _, field, code in WRONG_BANS])
def test_an_invalid_restriction_is_rejected(api: RawClient, ban: dict[str, str], field: str, code: str) -> None:
    response = api.http.put("/v1/user-restrictions", json={"user_id": USER, **ban})
    assert (response.status_code, response.json()["payload"][field]["code"]) == (400, code)


def test_system_restrictions_cannot_be_set(api: RawClient) -> None:
    response = api.http.put("/v1/user-restrictions", json={"user_id": USER, "scope": "SYSTEM"})
    assert (response.status_code, response.json()["code"]) == (409, "SYSTEM_SCOPE_MODIFICATION")


@pytest.mark.parametrize(("scope", "name"), [("POOL", "pool_id"), ("PROJECT", "project_id")])
def test_lists_by_scope_need_the_project_or_pool(api: RawClient, scope: str, name: str) -> None:
    response = api.http.get("/v1/user-restrictions", params={"scope": scope})
    assert (response.status_code, response.json()["payload"][name]["code"]) == (400, "VALUE_REQUIRED")

from __future__ import annotations

import pytest
from support.raw_client import POOL, PROJECT, TRAINING, RawClient

from toloka_frames.local import LocalToloka


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_a_project_has_the_fields_of_its_form_and_of_the_service(api: RawClient) -> None:
    project = api.create_project()
    assert {name: project[name] for name in PROJECT} == PROJECT
    assert project["status"] == "ACTIVE"
    assert project["owner"]["myself"]
    assert project["id"].isdecimal()
    assert api.get(f"/v1/projects/{project['id']}") == project


def test_an_invalid_project_is_rejected(api: RawClient) -> None:
    response = api.post("/v1/projects", {"public_name": "x"})
    assert set(response.json()["payload"]) == {"task_spec", "assignments_issuing_type"}
    fields = {"a": {"type": "picture", "min_value": "3"}, "b": "string", "c": {"type": "string", "allowed_values": "x"}}
    spec = {"input_spec": fields, "output_spec": None}
    payload = api.post("/v1/projects", {**PROJECT, "task_spec": spec}).json()["payload"]
    assert payload["task_spec.input_spec.a.type"]["code"] == "UNKNOWN_ENUM_VALUE"
    assert payload["task_spec.input_spec.a.min_value"]["code"] == "FLOAT_EXPECTED"
    assert payload["task_spec.input_spec.b"]["code"] == "OBJECT_EXPECTED"
    assert payload["task_spec.input_spec.c.allowed_values"]["code"] == "ARRAY_EXPECTED"
    assert payload["task_spec.output_spec"]["code"] == "OBJECT_EXPECTED"


def test_replacing_a_project_keeps_its_service_fields(api: RawClient) -> None:
    project = api.create_project()
    response = api.http.put(f"/v1/projects/{project['id']}", json={**PROJECT, "public_name": "New", "status": "ARCHIVED"})
    assert response.json()["public_name"] == "New"
    assert {name: response.json()[name] for name in ("id", "status", "created", "owner")} == {
        name: project[name] for name in ("id", "status", "created", "owner")
    }


def test_a_project_is_archived_only_after_its_pools(api: RawClient) -> None:
    project = api.create_project()
    path = f"/v1/projects/{project['id']}/archive"
    row = api.post("/v1/trainings", {**TRAINING, "project_id": project["id"]}).json()
    rejected = api.post(path)
    assert (rejected.status_code, rejected.json()["code"]) == (409, "UNARCHIVED_POOLS_CONFLICT")
    api.run_operation(f"/v1/trainings/{row['id']}/archive")
    operation = api.run_operation(path)
    assert (operation["type"], operation["status"], operation["details"]) == ("PROJECT.ARCHIVE", "SUCCESS", {})
    assert api.get(f"/v1/projects/{project['id']}")["status"] == "ARCHIVED"
    for response in (api.post(path), api.post("/v1/pools", {**POOL, "project_id": project["id"]})):
        assert (response.status_code, response.json()["code"]) == (409, "PROJECT_INAPPROPRIATE_STATUS")


def test_a_project_with_a_new_pool_is_not_archived() -> None:
    with LocalToloka(operation_seconds=2) as toloka:  # the pool is made before the operation ends, on a busy machine, too
        api = RawClient(toloka)
        with api.http:
            project = api.create_project()
            operation_id = api.post(f"/v1/projects/{project['id']}/archive").json()["id"]
            api.create_pool(project)
            assert api.wait_operation(operation_id)["status"] == "FAIL"
            assert api.get(f"/v1/projects/{project['id']}")["status"] == "ACTIVE"

from __future__ import annotations

from typing import Any

import pytest
from support.raw_client import RawClient, task

FORM = {
    "private_name": "Training",
    "inherited_instructions": True,
    "training_tasks_in_task_suite_count": 2,
    "task_suites_required_to_pass": 1,
    "assignment_max_duration_seconds": 60,
}
HINT = {"message_on_unknown_solution": "Look again", "known_solutions": [{"output_values": {"result": "cat"}}]}


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def create_training(api: RawClient, project: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/v1/trainings", {**FORM, "project_id": project["id"]})
    assert response.status_code == 201, response.text
    return response.json()


def test_a_new_training_is_closed(api: RawClient) -> None:
    project = api.create_project()
    row = create_training(api, project)
    assert row.items() >= FORM.items()
    assert (row["status"], row["mix_tasks_in_creation_order"], row["project_id"]) == ("CLOSED", True, project["id"])
    assert api.get(f"/v1/trainings/{row['id']}") == row
    assert api.get("/v1/trainings", project_id=project["id"], status="CLOSED")["items"] == [row]
    assert api.get("/v1/pools", project_id=project["id"])["items"] == []


def test_pools_and_trainings_share_one_sequence_of_ids(api: RawClient) -> None:
    project = api.create_project()
    ids = [
        create_training(api, project)["id"],
        api.create_pool(project),
        create_training(api, project)["id"],
        api.create_pool(project),
    ]
    assert [int(pool_id) for pool_id in ids] == list(range(int(ids[0]), int(ids[0]) + 4))


def test_replacing_a_training_keeps_its_service_fields(api: RawClient) -> None:
    project = api.create_project()
    row = create_training(api, project)
    form = {**FORM, "project_id": project["id"], "private_name": "New", "status": "OPEN"}
    assert api.http.put(f"/v1/trainings/{row['id']}", json=form).json() == {**row, "private_name": "New"}


def test_a_training_has_instructions_of_its_own_by_default(api: RawClient) -> None:
    form = {name: value for name, value in FORM.items() if name != "inherited_instructions"}
    response = api.post("/v1/trainings", {**form, "project_id": api.create_project()["id"]})
    assert (response.status_code, response.json()["inherited_instructions"]) == (201, False)


WRONG = [
    ({"project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"private_name": None}, "private_name", "VALUE_REQUIRED"),
    ({"inherited_instructions": "yes"}, "inherited_instructions", "BOOLEAN_EXPECTED"),
    ({"training_tasks_in_task_suite_count": 501}, "training_tasks_in_task_suite_count", "VALUE_GREATER_THAN_MAX"),
    ({"assignment_max_duration_seconds": 4}, "assignment_max_duration_seconds", "VALUE_LESS_THAN_MIN"),
    ({"retry_training_after_days": "5"}, "retry_training_after_days", "INTEGER_EXPECTED"),
]


@pytest.mark.parametrize(("change", "field", "code"), WRONG, ids=[field for _, field, _ in WRONG])
def test_an_invalid_training_is_rejected(api: RawClient, change: dict[str, Any], field: str, code: str) -> None:
    response = api.post("/v1/trainings", {**FORM, "project_id": api.create_project()["id"], **change})
    assert (response.status_code, response.json()["payload"][field]["code"]) == (400, code)


def test_a_training_accepts_tasks_and_is_changed_by_operations(api: RawClient) -> None:
    row = create_training(api, api.create_project())
    path = f"/v1/trainings/{row['id']}"
    assert api.post(f"{path}/open").json()["code"] == "EMPTY_POOL"
    made = api.post("/v1/tasks", {"pool_id": row["id"], **task(1), **HINT}, allow_defaults="true").json()
    assert made["infinite_overlap"]
    assert api.get("/v1/tasks", pool_id=row["id"])["items"] == [made]
    operations = [api.run_operation(f"{path}/{action}") for action in ("open", "close", "clone", "archive")]
    assert [operation["type"].removeprefix("TRAINING.") for operation in operations] == ["OPEN", "CLOSE", "CLONE", "ARCHIVE"]
    results = {(operation["status"], operation["parameters"]["training_id"]) for operation in operations}
    assert results == {("SUCCESS", row["id"])}
    clone = api.get(f"/v1/trainings/{operations[2]['details']['training_id']}")
    assert (clone["private_name"], clone["status"]) == ("Training", "CLOSED")
    assert "last_started" not in clone
    assert api.get("/v1/tasks", pool_id=clone["id"])["items"] == []
    assert api.post(f"{path}/archive").status_code == 204
    assert api.http.put(path, json={**FORM, "project_id": row["project_id"]}).status_code == 409

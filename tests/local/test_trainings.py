from __future__ import annotations

from typing import Any

import pytest
from support.raw_client import POOL, Wire, task

from toloka_frames.local import LocalToloka

FORM = {
    "private_name": "Training",
    "inherited_instructions": True,
    "training_tasks_in_task_suite_count": 2,
    "task_suites_required_to_pass": 1,
    "assignment_max_duration_seconds": 60,
}
HINT = {"message_on_unknown_solution": "Look again", "known_solutions": [{"output_values": {"result": "cat"}}]}


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def training(wire: Wire, project: dict[str, Any]) -> dict[str, Any]:
    reply = wire.post("/v1/trainings", {**FORM, "project_id": project["id"]})
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_a_new_training_is_closed(wire: Wire) -> None:
    project = wire.project()
    row = training(wire, project)
    assert row.items() >= FORM.items()
    assert (row["status"], row["mix_tasks_in_creation_order"], row["project_id"]) == ("CLOSED", True, project["id"])
    assert wire.get(f"/v1/trainings/{row['id']}") == row
    assert wire.get("/v1/trainings", project_id=project["id"], status="CLOSED")["items"] == [row]
    assert wire.get("/v1/pools", project_id=project["id"])["items"] == []


def test_pools_and_trainings_share_one_sequence_of_ids(wire: Wire) -> None:
    project = wire.project()
    ids = [training(wire, project)["id"], wire.pool(project), training(wire, project)["id"], wire.pool(project)]
    assert [int(each) for each in ids] == list(range(int(ids[0]), int(ids[0]) + 4))


def test_a_training_is_replaced_but_keeps_what_the_service_set(wire: Wire) -> None:
    project = wire.project()
    row = training(wire, project)
    form = {**FORM, "project_id": project["id"], "private_name": "New", "status": "OPEN"}
    assert wire.http.put(f"/v1/trainings/{row['id']}", json=form).json() == {**row, "private_name": "New"}


WRONG = [
    ({"project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"private_name": None}, "private_name", "VALUE_REQUIRED"),
    ({"inherited_instructions": "yes"}, "inherited_instructions", "BOOLEAN_EXPECTED"),
    ({"training_tasks_in_task_suite_count": 501}, "training_tasks_in_task_suite_count", "VALUE_GREATER_THAN_MAX"),
    ({"assignment_max_duration_seconds": 4}, "assignment_max_duration_seconds", "VALUE_LESS_THAN_MIN"),
    ({"retry_training_after_days": "5"}, "retry_training_after_days", "INTEGER_EXPECTED"),
]


@pytest.mark.parametrize(("change", "field", "code"), WRONG, ids=[field for _, field, _ in WRONG])
def test_a_training_that_cannot_be_is_refused(wire: Wire, change: dict[str, Any], field: str, code: str) -> None:
    reply = wire.post("/v1/trainings", {**FORM, "project_id": wire.project()["id"], **change})
    assert (reply.status_code, reply.json()["payload"][field]["code"]) == (400, code)


def test_a_training_takes_tasks_for_everybody_and_lives_by_operations(wire: Wire) -> None:
    row = training(wire, wire.project())
    path = f"/v1/trainings/{row['id']}"
    assert wire.post(f"{path}/open").json()["code"] == "EMPTY_POOL"
    made = wire.post("/v1/tasks", {"pool_id": row["id"], **task(1), **HINT}, allow_defaults="true").json()
    assert made["infinite_overlap"]
    assert wire.get("/v1/tasks", pool_id=row["id"])["items"] == [made]
    operations = [wire.done(f"{path}/{action}") for action in ("open", "close", "clone", "archive")]
    assert [one["type"].removeprefix("TRAINING.") for one in operations] == ["OPEN", "CLOSE", "CLONE", "ARCHIVE"]
    assert {(one["status"], one["parameters"]["training_id"]) for one in operations} == {("SUCCESS", row["id"])}
    clone = wire.get(f"/v1/trainings/{operations[2]['details']['training_id']}")
    assert (clone["private_name"], clone["status"]) == ("Training", "CLOSED")
    assert "last_started" not in clone
    assert wire.get("/v1/tasks", pool_id=clone["id"])["items"] == []
    assert wire.post(f"{path}/archive").status_code == 204
    assert wire.http.put(path, json={**FORM, "project_id": row["project_id"]}).status_code == 409


def test_a_pool_closed_for_an_update_opens_by_itself_after_a_quarter_of_an_hour() -> None:
    with LocalToloka(operation_seconds=0) as toloka:
        wire = Wire(toloka)
        with wire.http:
            path = f"/v1/pools/{wire.pool()}"
            wire.tasks(path.rpartition("/")[2], 1)
            wire.done(f"{path}/open")
            assert wire.done(f"{path}/close-for-update")["type"] == "POOL.CLOSE"
            assert (wire.get(path)["status"], wire.get(path)["last_close_reason"]) == ("CLOSED", "FOR_UPDATE")
            assert wire.post(f"{path}/close-for-update").status_code == 204
            toloka._service.store.execute_many("UPDATE agenda SET at = at - ?", [(900,)])
            assert wire.get(path)["status"] == "OPEN"


def test_a_cloned_pool_is_new_closed_and_empty(wire: Wire) -> None:
    pool_id = wire.pool(priority=7)
    wire.tasks(pool_id, 1)
    wire.done(f"/v1/pools/{pool_id}/open")
    operation = wire.done(f"/v1/pools/{pool_id}/clone")
    clone = wire.get(f"/v1/pools/{operation['details']['pool_id']}")
    assert (operation["type"], operation["parameters"]) == ("POOL.CLONE", {"pool_id": pool_id})
    assert {name: clone[name] for name in POOL} == POOL
    assert (clone["priority"], clone["status"], clone["type"]) == (7, "CLOSED", "REGULAR")
    assert int(clone["id"]) > int(pool_id)


def test_a_project_is_archived_when_all_in_it_is(wire: Wire) -> None:
    project = wire.project()
    path = f"/v1/projects/{project['id']}/archive"
    row = training(wire, project)
    refused = wire.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "UNARCHIVED_POOLS_CONFLICT")
    wire.done(f"/v1/trainings/{row['id']}/archive")
    operation = wire.done(path)
    assert (operation["type"], operation["status"], operation["details"]) == ("PROJECT.ARCHIVE", "SUCCESS", {})
    assert wire.get(f"/v1/projects/{project['id']}")["status"] == "ARCHIVED"
    for reply in (wire.post(path), wire.post("/v1/pools", {**POOL, "project_id": project["id"]})):
        assert (reply.status_code, reply.json()["code"]) == (409, "PROJECT_INAPPROPRIATE_STATUS")


def test_a_project_that_got_a_pool_meanwhile_is_not_archived(wire: Wire) -> None:
    project = wire.project()
    operation_id = wire.post(f"/v1/projects/{project['id']}/archive").json()["id"]
    wire.pool(project)
    assert wire.finished(operation_id)["status"] == "FAIL"
    assert wire.get(f"/v1/projects/{project['id']}")["status"] == "ACTIVE"

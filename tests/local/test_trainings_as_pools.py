"""Each call that takes the id of a pool, with the id of a training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import POOL, TRAINING, RawClient, task

from toloka_frames.local import LocalToloka
from toloka_frames.local._api import list_specs
from toloka_frames.local._api.list_query import ListSpec
from toloka_frames.local._server.routes import routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HINT = {"message_on_unknown_solution": "Look again", "known_solutions": [{"output_values": {"result": "cat"}}]}
USER = "a1b0b42923c429daa2c764d7ccfc364d"
SERVICE_FIELDS = {"id", "owner", "status", "created", "last_started", "last_stopped", "last_close_reason"}


@dataclass(frozen=True)
class Trained:
    """A service with a closed training that Tolokers have done; `id` is the training's."""

    api: RawClient
    project: dict[str, Any]
    id: str
    assignments: int


def create_training(api: RawClient, project: dict[str, Any]) -> str:
    response = api.post("/v1/trainings", {**TRAINING, "project_id": project["id"], "assignment_max_duration_seconds": 60})
    assert response.status_code == 201, response.text
    return response.json()["id"]


@pytest.fixture(scope="module")
def trained() -> Iterator[Trained]:
    with LocalToloka(operation_seconds=0.05) as toloka:
        api = RawClient(toloka)
        with api.http:
            project = api.create_project()
            training_id = create_training(api, project)
            api.create_tasks(training_id, 2, **HINT)
            api.run_operation(f"/v1/trainings/{training_id}/open")
            assignments = toloka.answer(training_id, workers=3)
            api.run_operation(f"/v1/trainings/{training_id}/close")
            yield Trained(api, project, training_id, assignments)


def as_shown(api: RawClient, training_id: str) -> dict[str, Any]:
    return api.get(f"/v1/pools/{training_id}")


def shown_as_a_pool(trained: Trained) -> None:
    pool, training = as_shown(trained.api, trained.id), trained.api.get(f"/v1/trainings/{trained.id}")
    assert {name: pool[name] for name in SERVICE_FIELDS} == {name: training[name] for name in SERVICE_FIELDS}
    assert (pool["type"], pool["training"], pool["reward_per_assignment"]) == ("TRAINING", True, 0)
    assert pool["mixer_config"] == {"real_tasks_count": 0, "golden_tasks_count": 0, "training_tasks_count": 1}
    assert pool["private_name"] == training["private_name"]
    # clients take the overlap of a pool's tasks from its defaults; the tasks of a training have infinite overlap
    assert "defaults" not in pool


def replaced_as_a_pool(trained: Trained) -> None:
    training_id = create_training(trained.api, trained.project)
    before = trained.api.get(f"/v1/trainings/{training_id}")
    pool = as_shown(trained.api, training_id)
    mixer = {**pool["mixer_config"], "training_tasks_count": 3}
    changes = {"private_name": "New", "mixer_config": mixer, "assignment_max_duration_seconds": 90, "reward_per_assignment": 1}
    response = trained.api.http.put(f"/v1/pools/{training_id}", json={**pool, **changes})
    assert response.json() == {**pool, **changes, "reward_per_assignment": 0} == as_shown(trained.api, training_id)
    after = trained.api.get(f"/v1/trainings/{training_id}")
    changed = {"private_name": "New", "assignment_max_duration_seconds": 90, "training_tasks_in_task_suite_count": 3}
    assert after == {**before, **changed}
    wrong = trained.api.http.put(f"/v1/pools/{training_id}", json={**pool, "assignment_max_duration_seconds": 4})
    assert wrong.json()["payload"]["assignment_max_duration_seconds"]["code"] == "VALUE_LESS_THAN_MIN"


def patched_as_a_pool(trained: Trained) -> None:
    training_id = create_training(trained.api, trained.project)
    before = trained.api.get(f"/v1/trainings/{training_id}")
    assert trained.api.http.patch(f"/v1/pools/{training_id}", json={"priority": 7}).json()["priority"] == 7
    form = {**TRAINING, "project_id": trained.project["id"], "assignment_max_duration_seconds": 60}
    # a training itself has no priority, and a replacement keeps that of the pool
    assert trained.api.http.put(f"/v1/trainings/{training_id}", json=form).json() == before
    assert trained.api.get(f"/v1/trainings/{training_id}") == before
    assert before in trained.api.get("/v1/trainings", project_id=trained.project["id"])["items"]
    assert as_shown(trained.api, training_id)["priority"] == 7


def opened_closed_and_archived(trained: Trained) -> None:
    training_id = create_training(trained.api, trained.project)
    path = f"/v1/pools/{training_id}"
    assert trained.api.post(f"{path}/open").json()["code"] == "EMPTY_POOL"
    trained.api.create_tasks(training_id, 1, **HINT)
    for action, status in (("open", "OPEN"), ("close-for-update", "CLOSED"), ("open", "OPEN"), ("close", "CLOSED")):
        operation = trained.api.run_operation(f"{path}/{action}")
        assert (operation["status"], operation["parameters"]) == ("SUCCESS", {"pool_id": training_id})
        assert as_shown(trained.api, training_id)["status"] == status
        assert trained.api.get(f"/v1/trainings/{training_id}")["status"] == status
        assert trained.api.post(f"{path}/{action}").status_code == 204
    assert trained.api.run_operation(f"{path}/archive")["type"] == "POOL.ARCHIVE"
    assert trained.api.get(f"/v1/trainings/{training_id}")["status"] == "ARCHIVED"
    patched = trained.api.http.patch(path, json={"priority": 3})
    assert (patched.status_code, patched.content) == (409, b"")
    assert trained.api.http.put(path, json={"private_name": "New"}).json()["code"] == "POOL_INAPPROPRIATE_STATUS"


def cloned(trained: Trained) -> None:
    operation = trained.api.run_operation(f"/v1/pools/{trained.id}/clone")
    assert operation["type"] == "POOL.CLONE"
    clone = trained.api.get(f"/v1/trainings/{operation['details']['pool_id']}")
    assert (clone["private_name"], clone["status"]) == (TRAINING["private_name"], "CLOSED")


def exported(trained: Trained) -> None:
    response = trained.api.http.get(f"/new/requester/pools/{trained.id}/assignments.tsv")
    assert len(response.text.splitlines()) - 1 == trained.assignments


PATHS: dict[str, Callable[[Trained], None]] = {
    "GET /api/v1/pools/{id}": shown_as_a_pool,
    "PUT /api/v1/pools/{id}": replaced_as_a_pool,
    "PATCH /api/v1/pools/{id}": patched_as_a_pool,
    "POST /api/v1/pools/{id}/open": opened_closed_and_archived,
    "POST /api/v1/pools/{id}/close": opened_closed_and_archived,
    "POST /api/v1/pools/{id}/close-for-update": opened_closed_and_archived,
    "POST /api/v1/pools/{id}/archive": opened_closed_and_archived,
    "POST /api/v1/pools/{id}/clone": cloned,
    "GET /api/new/requester/pools/{pool_id}/assignments.tsv": exported,
}


def test_every_route_with_a_pool_in_its_path_is_in_the_table() -> None:
    found = {f"{method} {route.path}" for route in routes() for method in route.methods or () if method != "HEAD"}
    assert {route for route in found if re.search(r"/pools/\{", route)} == set(PATHS)


@pytest.mark.parametrize("route", PATHS)
def test_a_training_is_a_pool_in_each_path(trained: Trained, route: str) -> None:
    PATHS[route](trained)


LISTS = {
    "tasks": "/v1/tasks",
    "task_suites": "/v1/task-suites",
    "assignments": "/v1/assignments",
    "attachments": "/v1/attachments",
    "webhook_subscriptions": "/v1/webhook-subscriptions",
    "user_restrictions": "/v1/user-restrictions",
}


def test_every_list_with_a_filter_by_pool_is_in_the_table() -> None:
    specs = [spec for spec in vars(list_specs).values() if isinstance(spec, ListSpec)]
    assert {spec.table for spec in specs if "pool_id" in spec.filters} == set(LISTS)


def test_each_list_is_filtered_by_a_training(trained: Trained) -> None:
    put_restriction(trained)
    put_subscription(trained)
    found = {table: trained.api.get(path, pool_id=trained.id)["items"] for table, path in LISTS.items()}
    assert found.pop("attachments") == []
    assert [table for table, rows in found.items() if {row["pool_id"] for row in rows} != {trained.id}] == []
    assert (len(found["tasks"]), len(found["assignments"])) == (2, trained.assignments)


def put_restriction(trained: Trained) -> None:
    form = {"scope": "POOL", "pool_id": trained.id, "user_id": USER}
    assert trained.api.http.put("/v1/user-restrictions", json=form).json()["pool_id"] == trained.id


def put_subscription(trained: Trained) -> None:
    form = {"event_type": "POOL_CLOSED", "webhook_url": "https://example.com/hook", "pool_id": trained.id}
    assert trained.api.http.put("/v1/webhook-subscriptions", json=form).json()["pool_id"] == trained.id


def created_task(trained: Trained) -> None:
    training_id = create_training(trained.api, trained.project)
    sent = {"pool_id": training_id, **task(1), **HINT}
    made = trained.api.post("/v1/tasks", sent, allow_defaults="true", open_pool="true").json()
    assert (made["pool_id"], made["infinite_overlap"]) == (training_id, True)
    assert as_shown(trained.api, training_id)["status"] == "OPEN"
    patched = trained.api.http.patch(f"/v1/tasks/{made['id']}", json={"overlap": 3}).json()
    assert (patched["overlap"], patched["infinite_overlap"]) == (3, False)


def refused_suite(trained: Trained) -> None:
    sent = {"pool_id": trained.id, "tasks": [task(1)]}
    assert trained.api.post("/v1/task-suites", sent, allow_defaults="true").json()["code"] == "POOL_TASK_TYPE_CONFLICT"


def analysed(trained: Trained) -> None:
    metrics = [
        {"name": name, "subject": "POOL", "subject_id": trained.id} for name in ("submitted_assignments_count", "spent_budget")
    ]
    response = trained.api.post("/staging/analytics-2", metrics)
    results = trained.api.wait_operation(response.json()["id"])["details"]["value"]
    assert [result["result"] for result in results] == [trained.assignments, 0]


def aggregated(trained: Trained) -> None:
    form = {"type": "DAWID_SKENE", "pool_id": trained.id, "fields": [{"name": "result"}]}
    response = trained.api.post("/v1/aggregated-solutions/aggregate-by-pool", form)
    operation = trained.api.wait_operation(response.json()["id"])
    assert (operation["status"], operation["parameters"]["pool_id"]) == ("SUCCESS", trained.id)


def aggregated_by_task(trained: Trained) -> None:
    task_id = trained.api.get("/v1/tasks", pool_id=trained.id)["items"][0]["id"]
    form = {"type": "DAWID_SKENE", "pool_id": trained.id, "task_id": task_id, "fields": [{"name": "result"}]}
    response = trained.api.post("/v1/aggregated-solutions/aggregate-by-task", form)
    # control tasks, which all tasks of a training are, have no aggregated solution
    assert (response.status_code, response.json()["code"]) == (404, "DOES_NOT_EXIST")
    assert "answer to task" in response.json()["message"]


def required_by_a_pool(trained: Trained) -> None:
    requirement = {"training_pool_id": trained.id, "training_passing_skill_value": 70}
    pool_id = trained.api.create_pool(trained.project, quality_control={"training_requirement": requirement, "configs": []})
    assert as_shown(trained.api, pool_id)["quality_control"]["training_requirement"] == requirement


BODIES = [
    created_task,
    refused_suite,
    analysed,
    aggregated,
    aggregated_by_task,
    put_restriction,
    put_subscription,
    required_by_a_pool,
]


@pytest.mark.parametrize("call", BODIES, ids=lambda call: call.__name__)
def test_a_training_is_a_pool_in_each_body(trained: Trained, call: Callable[[Trained], None]) -> None:
    call(trained)


def test_calls_of_trainings_take_no_pools(trained: Trained) -> None:
    pool_id = trained.api.create_pool(trained.project)
    path = f"/v1/trainings/{pool_id}"
    responses = [
        trained.api.http.get(path),
        trained.api.http.put(path, json={**TRAINING, "project_id": trained.project["id"]}),
        *(trained.api.post(f"{path}/{action}") for action in ("open", "close", "close-for-update", "archive", "clone")),
    ]
    assert {(response.status_code, response.json()["code"]) for response in responses} == {(404, "DOES_NOT_EXIST")}


def test_an_id_of_neither_does_not_exist(trained: Trained) -> None:
    for pool_id in ("1", "no number"):
        path = f"/v1/pools/{pool_id}"
        responses = [
            trained.api.http.get(path),
            trained.api.http.put(path, json={**POOL, "project_id": trained.project["id"]}),
            trained.api.http.patch(path, json={"priority": 1}),
            trained.api.post(f"{path}/open"),
            trained.api.http.get(f"/new/requester/pools/{pool_id}/assignments.tsv"),
        ]
        assert {(response.status_code, response.json()["code"]) for response in responses} == {(404, "DOES_NOT_EXIST")}


def test_the_list_of_pools_has_no_trainings(trained: Trained) -> None:
    project = trained.api.create_project()
    training_id, pool_id = create_training(trained.api, project), trained.api.create_pool(project)
    assert [row["id"] for row in trained.api.get("/v1/pools", project_id=project["id"])["items"]] == [pool_id]
    assert [row["id"] for row in trained.api.get("/v1/trainings", project_id=project["id"])["items"]] == [training_id]


def test_a_pool_stays_a_pool_with_a_field_of_trainings(trained: Trained) -> None:
    pool_id = trained.api.create_pool(trained.project, training_tasks_in_task_suite_count=1)
    assert as_shown(trained.api, pool_id)["type"] == "REGULAR"
    assert trained.api.http.patch(f"/v1/pools/{pool_id}", json={"priority": 2}).json()["priority"] == 2
    assert as_shown(trained.api, pool_id)["priority"] == 2

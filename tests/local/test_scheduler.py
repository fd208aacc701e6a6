from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import TRAINING, RawClient, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = "a1b0b42923c429daa2c764d7ccfc364d"


def test_a_failing_job_is_dropped_and_the_service_continues(
    toloka: LocalToloka, api: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    toloka._service.store.schedule(0, "a job nobody knows")
    toloka._service.store.schedule(0, "a job nobody knows", operation_id="an operation nobody knows")
    assert api.get("/v1/requester")
    assert caplog.text.count("A scheduled job failed and is dropped") == 2


@pytest.fixture(scope="module")
def slow() -> Iterator[LocalToloka]:
    """A service whose operations end only when a test lets time pass."""
    with LocalToloka(operation_seconds=3600) as toloka:
        yield toloka


@pytest.fixture
def slow_api(slow: LocalToloka) -> Iterator[RawClient]:
    client = RawClient(slow)
    with client.http:
        yield client


def pool_with_task(api: RawClient) -> str:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    return pool_id


def training(api: RawClient) -> str:
    form = {**TRAINING, "project_id": api.create_project()["id"]}
    training_id = str(api.post("/v1/trainings", form).json()["id"])
    api.create_tasks(training_id, 1)
    return training_id


def create(path: str, sent: dict[str, Any], api: RawClient) -> Any:
    operation_id = str(uuid.uuid4())
    return api.post(path, [sent], async_mode="true", operation_id=operation_id, allow_defaults="true")


def analytics(api: RawClient) -> Any:
    return [{"name": "real_tasks_count", "subject": "POOL", "subject_id": api.create_pool()}]


def aggregation(api: RawClient) -> Any:
    return {"type": "DAWID_SKENE", "pool_id": api.create_pool(), "fields": [{"name": "result"}]}


BEGUN: dict[str, Callable[[RawClient], Any]] = {
    "tasks": lambda api: create("/v1/tasks", {"pool_id": api.create_pool(), **task(1)}, api),
    "task suites": lambda api: create(
        "/v1/task-suites", {"pool_id": api.create_pool(mixer_config=None), "tasks": [task(1)]}, api
    ),
    "bonuses": lambda api: create("/v1/user-bonuses", {"user_id": USER, "amount": 1, "without_message": True}, api),
    "open pool": lambda api: api.post(f"/v1/pools/{pool_with_task(api)}/open"),
    "archive pool": lambda api: api.post(f"/v1/pools/{api.create_pool()}/archive"),
    "clone pool": lambda api: api.post(f"/v1/pools/{api.create_pool()}/clone"),
    "open training": lambda api: api.post(f"/v1/trainings/{training(api)}/open"),
    "clone training": lambda api: api.post(f"/v1/trainings/{training(api)}/clone"),
    "open training as a pool": lambda api: api.post(f"/v1/pools/{training(api)}/open"),
    "archive project": lambda api: api.post(f"/v1/projects/{api.create_project()['id']}/archive"),
    "analytics": lambda api: api.post("/staging/analytics-2", analytics(api)),
    "aggregation": lambda api: api.post("/v1/aggregated-solutions/aggregate-by-pool", aggregation(api)),
}
DEFECTS = {
    "without its argument": (
        "UPDATE agenda SET argument = json_object('operation_id', argument ->> 'operation_id') WHERE job != 'run_operation'"
    ),
    "of a newer version": "UPDATE agenda SET job = 'a newer job' WHERE job != 'run_operation'",
    "of a newer version, at the begin": "UPDATE agenda SET job = 'a newer job' WHERE job = 'run_operation'",
}


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("name", BEGUN)
def test_the_operation_of_a_job_that_raises_fails(slow: LocalToloka, slow_api: RawClient, name: str, defect: str) -> None:
    begun = BEGUN[name](slow_api)
    assert begun.status_code == 202, begun.text
    store = slow._service.store
    store.execute_many(DEFECTS[defect], [()])
    store.execute_many("UPDATE agenda SET at = at - 3600", [()])
    operation = slow_api.get(f"/v1/operations/{begun.json()['id']}")
    assert (operation["status"], operation["progress"], "finished" in operation) == ("FAIL", 100, True)
    assert slow_api.get(f"/v1/operations/{operation['id']}/log") == []
    assert store.select("SELECT * FROM agenda") == []


def test_a_job_of_an_operation_that_has_ended_changes_nothing(toloka: LocalToloka, api: RawClient) -> None:
    operation = api.run_operation(f"/v1/pools/{api.create_pool()}/clone")
    toloka._service.store.schedule(0, "a job nobody knows", operation_id=operation["id"])
    assert api.get(f"/v1/operations/{operation['id']}") == operation

"""Simulated Tolokers who work over real seconds."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.raw_client import TRAINING, RawClient, get_assignments, time_of

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

DEADLINE_SECONDS = 120
TIMES = ("created", "submitted", "accepted", "skipped", "expired")
MIXER = {"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0}


@contextmanager
def serving(path: Path, **options: Any) -> Iterator[tuple[LocalToloka, RawClient]]:
    with LocalToloka(path, operation_seconds=0.05, **options) as toloka:
        api = RawClient(toloka)
        with api.http:
            yield toloka, api


def poll(look: Callable[[], Any], until: Callable[[Any], bool]) -> Any:
    """Return what `look` returns as soon as it is what is waited for."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if until(found):
            return found
        time.sleep(0.02)
    pytest.fail("this has not happened in time")


def statuses(api: RawClient, pool_id: str) -> Counter[str]:
    return Counter(row["status"] for row in get_assignments(api, pool_id))


def wait_closed(api: RawClient, pool_id: str) -> dict[str, Any]:
    return poll(lambda: api.get(f"/v1/pools/{pool_id}"), lambda pool: pool["status"] == "CLOSED")


def open_pool(api: RawClient, count: int = 21, **pool: Any) -> str:
    return api.open_pool(count, mixer_config=MIXER, **pool)


def test_live_work_ends_as_work_in_the_past_does(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api)
    assert toloka.answer(pool_id, live=True, speed=500) == 0
    assert wait_closed(api, pool_id)["last_close_reason"] == "COMPLETED"
    rows = get_assignments(api, pool_id)
    assert Counter(row["status"] for row in rows) == {"ACCEPTED": 18}
    given = Counter((row["user_id"], task["id"]) for row in rows for task in row["tasks"])
    assert set(given.values()) == {1}
    assert len(given) == 63
    assert {row["remaining_overlap"] for row in api.get("/v1/tasks", pool_id=pool_id)["items"]} == {0}


def test_pages_are_active_while_a_worker_has_them_and_no_time_lies_ahead(toloka: LocalToloka, api: RawClient) -> None:
    seen: set[str] = set()

    def look() -> dict[str, Any]:
        rows = get_assignments(api, pool_id)
        now = datetime.now(UTC)
        seen.update(row["status"] for row in rows)
        times = [row[name] for row in rows for name in TIMES if name in row]
        assert max(map(time_of, times), default=now) <= now
        assert all(("solutions" in row) == (row["status"] == "ACCEPTED") for row in rows)
        return api.get(f"/v1/pools/{pool_id}")

    for speed in (400, 40):  # a busy machine may look when the quicker ones have done all
        pool_id = open_pool(api)
        toloka.answer(pool_id, live=True, speed=speed, dropouts=0.3)
        assert time_of(poll(look, lambda pool: pool["status"] == "CLOSED")["last_stopped"]) <= datetime.now(UTC)
        if "ACTIVE" in seen:
            break
    assert seen == {"ACTIVE", "ACCEPTED", "SKIPPED", "EXPIRED"}
    assert statuses(api, pool_id)["ACCEPTED"] == 18


def test_live_work_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with serving(path) as (toloka, api):
        pool_id = open_pool(api, 100)
        toloka.answer(pool_id, live=True, speed=100)
        before = poll(lambda: get_assignments(api, pool_id), lambda rows: len({row["status"] for row in rows}) == 2)
    with serving(path) as (_, api):
        wait_closed(api, pool_id)
        rows = get_assignments(api, pool_id)
    assert Counter(row["status"] for row in rows) == {"ACCEPTED": 75}
    assert {row["id"] for row in before} <= {row["id"] for row in rows}


def test_workers_wait_for_the_pool_to_open_and_for_new_tasks(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool(mixer_config=MIXER, auto_close_after_complete_delay_seconds=600)
    toloka.answer(pool_id, live=True, speed=1000)
    api.create_tasks(pool_id, 4)
    assert get_assignments(api, pool_id) == []
    api.run_operation(f"/v1/pools/{pool_id}/open")
    poll(lambda: statuses(api, pool_id), lambda found: found == {"ACCEPTED": 3})
    [task, *_] = api.create_tasks(pool_id, 4)
    poll(lambda: statuses(api, pool_id), lambda found: found == {"ACCEPTED": 6})
    api.http.patch(f"/v1/tasks/{task['id']}", json={"overlap": 5})
    poll(lambda: statuses(api, pool_id), lambda found: found == {"ACCEPTED": 8})
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"


def test_no_worker_gets_a_page_of_a_closed_pool_but_ends_the_page_at_hand(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 400)
    toloka.answer(pool_id, live=True, speed=100)
    poll(lambda: statuses(api, pool_id)["ACCEPTED"], lambda count: count > 0)
    api.run_operation(f"/v1/pools/{pool_id}/close")
    held = statuses(api, pool_id).total()
    poll(lambda: statuses(api, pool_id)["ACTIVE"], lambda count: count == 0)
    assert statuses(api, pool_id) == {"ACCEPTED": held}
    api.run_operation(f"/v1/pools/{pool_id}/open")
    poll(lambda: statuses(api, pool_id).total(), lambda count: count > held)


def test_another_call_replaces_the_workers(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 400)
    toloka.answer(pool_id, live=True, speed=100)
    poll(lambda: statuses(api, pool_id)["ACTIVE"], lambda count: count > 0)
    toloka.answer(pool_id, workers=0, live=True)
    poll(lambda: statuses(api, pool_id)["ACTIVE"], lambda count: count == 0)


def test_solve_answers_live_and_its_errors_skip_the_page(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 8)
    failures = iter([True, True])

    def solve(task: dict[str, Any], worker: Any) -> dict[str, Any]:
        if next(failures, False):
            raise ZeroDivisionError
        assert task["input_values"]["image"]
        return {"result": "cat" if worker.accuracy else "dog"}

    toloka.answer(pool_id, live=True, speed=1000, solve=solve)
    wait_closed(api, pool_id)
    rows = get_assignments(api, pool_id)
    assert Counter(row["status"] for row in rows) == {"ACCEPTED": 6, "SKIPPED": 2}
    answers = [each["output_values"]["result"] for row in rows for each in row.get("solutions", [])]
    assert set(answers) == {"cat"}


def test_requests_are_answered_while_more_work_is_due_than_the_machine_can_do(toloka: LocalToloka, api: RawClient) -> None:
    pools, answered = [open_pool(api, 400) for _ in range(2)], list[str]()

    def solve(task: dict[str, Any], _worker: Any) -> dict[str, Any]:
        time.sleep(0.02)
        answered.append(task["id"])
        return {"result": "cat"}

    for pool_id in pools:
        toloka.answer(pool_id, live=True, speed=100, solve=solve)
    poll(lambda: api.get("/v1/requester"), lambda _: answered)
    assert len(answered) < 2 * 3 * 400


def test_after_a_restart_workers_answer_without_solve(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with serving(path) as (toloka, api):
        pool_id = open_pool(api, 100)
        toloka.answer(pool_id, live=True, speed=100, accuracy=1.0, solve=lambda _task, _worker: {"result": "cat"})
        poll(lambda: statuses(api, pool_id)["ACCEPTED"], lambda count: count > 0)
    with serving(path) as (_, api):
        wait_closed(api, pool_id)
        rows = get_assignments(api, pool_id)
    assert {each["output_values"]["result"] for row in rows for each in row["solutions"]} == {"cat", "dog"}


def test_trainings_train_live(toloka: LocalToloka, api: RawClient) -> None:
    form = {**TRAINING, "project_id": api.create_project()["id"], "task_suites_required_to_pass": 2}
    training_id = api.post("/v1/trainings", form).json()["id"]
    hint = {
        "infinite_overlap": True,
        "message_on_unknown_solution": "Look",
        "known_solutions": [{"output_values": {"result": "cat"}}],
    }
    api.create_tasks(training_id, 5, **hint)
    api.run_operation(f"/v1/trainings/{training_id}/open")
    toloka.answer(training_id, workers=3, live=True, speed=1000)
    poll(lambda: statuses(api, training_id), lambda found: found == {"ACCEPTED": 6})
    [skill] = [row for row in api.get("/v1/skills", limit=100)["items"] if row["training"]]
    assert len(api.get("/v1/user-skills", skill_id=skill["id"])["items"]) == 3


def test_a_service_with_a_live_speed_answers_every_open_pool(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with serving(path) as (_, api):
        opened_before = open_pool(api, 4)
    with serving(path, live_speed=1000) as (_, api):
        wait_closed(api, opened_before)
        wait_closed(api, open_pool(api, 4))
        held = open_pool(api, 4000)
        poll(lambda: statuses(api, held)["ACTIVE"], lambda count: count > 0)
    with serving(path) as (_, api):
        poll(lambda: statuses(api, held)["ACTIVE"], lambda count: count == 0)
        left = open_pool(api, 4)
        assert get_assignments(api, left) == []
        assert not api.http.get("/v1/pools/1").is_success


ARGUMENTS = {"workers": 3, "accuracy": 1, "seed": 2, "dropouts": 0.0}


def ask(api: RawClient, body: Any) -> httpx.Response:
    return api.http.post(str(api.http.base_url).removesuffix("/api/") + "/local/answer", json=body)


@pytest.mark.parametrize("live", [False, True])
def test_another_process_lets_tolokers_work(api: RawClient, live: bool) -> None:
    pool_id = open_pool(api, 8)
    response = ask(api, {"pool_id": pool_id, **ARGUMENTS, "live": live, "speed": 1000})
    assert (response.status_code, response.json()) == (200, {"assignments": 0 if live else 6})
    wait_closed(api, pool_id)
    assert len({row["user_id"] for row in get_assignments(api, pool_id)}) == 3


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no pool": ({}, 400, "VALIDATION_ERROR"),
    "a pool that does not exist": ({"pool_id": "1"}, 404, "DOES_NOT_EXIST"),
    "a pool that is closed": ({"pool_id": None}, 409, "POOL_INAPPROPRIATE_STATUS"),
    "an unknown argument": ({"pool_id": None, "solve": "cat"}, 400, "VALIDATION_ERROR"),
    "a wrong type": ({"pool_id": None, "workers": "many"}, 400, "VALIDATION_ERROR"),
    "a boolean for a number": ({"pool_id": None, "workers": True}, 400, "VALIDATION_ERROR"),
    "a number out of its range": ({"pool_id": None, "accuracy": 1.1, "live": True}, 400, "VALIDATION_ERROR"),
    "no speed": ({"pool_id": None, "speed": 0, "live": True}, 400, "VALIDATION_ERROR"),
}


@pytest.mark.parametrize(("body", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_request_for_tolokers_is_refused(api: RawClient, body: dict[str, Any], status: int, code: str) -> None:
    closed = api.create_pool()
    response = ask(api, {name: value or closed if name == "pool_id" else value for name, value in body.items()})
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_request_for_tolokers_needs_the_token(api: RawClient) -> None:
    api.http.headers["Authorization"] = "ApiKey another"
    assert ask(api, {"pool_id": "1"}).status_code == 401


def test_arguments_can_be_numbers_of_numpy(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 4)
    count, share = np.int64(3), np.float32(0.5)
    toloka.answer(pool_id, workers=count, accuracy=share, seed=count, live=True, speed=np.float64(1000))  # type: ignore[arg-type]
    wait_closed(api, pool_id)
    assert toloka.answer(open_pool(api, 4), workers=count, accuracy=share, seed=count) == 3  # type: ignore[arg-type]


WRONG = {
    "workers": {"workers": -1},
    "accuracy": {"accuracy": 1.5},
    "dropouts": {"dropouts": -0.1},
    "speed": {"speed": 0.0, "live": True},
}


@pytest.mark.parametrize(("name", "arguments"), WRONG.items(), ids=WRONG)
def test_an_argument_out_of_its_range_is_refused(
    toloka: LocalToloka, api: RawClient, name: str, arguments: dict[str, Any]
) -> None:
    pool_id = open_pool(api, 4)
    with pytest.raises(ValueError, match=f"{name}={arguments[name]} is not a "):
        toloka.answer(pool_id, **arguments)
    assert get_assignments(api, pool_id) == []

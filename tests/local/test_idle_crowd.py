"""answer() says why no worker got a page although tasks wait, and what its hint says helps."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import TRAINING, RawClient, get_assignments, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable

MIXER = {"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0}
NOBODY = {"and": [{"or": [{"category": "profile", "key": "country", "operator": "EQ", "value": "XX"}]}]}
HINT = {
    "known_solutions": [{"output_values": {"result": "cat"}, "correctness_weight": 1}],
    "message_on_unknown_solution": "It is a cat",
}


def open_training(toloka: LocalToloka, api: RawClient) -> str:
    training_id = api.post("/v1/trainings", {**TRAINING, "project_id": api.create_project()["id"]}).json()["id"]
    assert api.post("/v1/tasks", {"pool_id": training_id, **task(1), **HINT}, allow_defaults="true").is_success
    api.run_operation(f"/v1/trainings/{training_id}/open")
    assert toloka.answer(training_id, workers=3) == 3
    return str(training_id)


def open_done_pool(toloka: LocalToloka, api: RawClient) -> str:
    pool_id = api.open_pool(6, mixer_config=MIXER)
    assert toloka.answer(pool_id, workers=2) == 4
    return pool_id


def open_changed(api: RawClient, changes: dict[str, Any]) -> str:
    pool_id = api.create_pool(mixer_config=MIXER)
    api.create_tasks(pool_id, 1, **changes)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    return pool_id


def open_suites(toloka: LocalToloka, api: RawClient) -> str:
    pool_id = api.create_pool(mixer_config=None, defaults={"default_overlap_for_new_task_suites": 3})
    suite = {"pool_id": pool_id, "tasks": [task(1), task(2)], "overlap": 3}
    assert api.post("/v1/task-suites", suite, allow_defaults="true").is_success
    api.run_operation(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id, workers=2) == 2
    return pool_id


CAUSES: dict[str, tuple[Callable[[LocalToloka, RawClient], str], str]] = {
    "done by all": (
        open_done_pool,
        r"pool \d+, where 6 tasks wait for answers: of 2 workers, 2 have done all of these\. .*another seed=: .*workers=4\)",
    ),
    "a filter": (
        lambda _, api: api.open_pool(1, filter=NOBODY),
        r"where 1 task waits for answers: of 2 workers, 2 are kept out by bans, the filter or the training requirement\.",
    ),
    "reserved for another": (
        lambda _, api: open_changed(api, {"reserved_for": ["somebody"]}),
        r"2 may not have what they have not done \(reserved_for, unavailable_for\)\. ",
    ),
    "not enough tasks for a page": (
        lambda _, api: api.open_pool(2, mixer_config={**MIXER, "force_last_assignment": False}),
        r"2 tasks wait .* 2 would get a page of fewer tasks than mixer_config allows\. Add tasks",
    ),
    "suites done by all": (
        open_suites,
        r"where 1 task suite waits .* 2 have done all of these",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_reason_is_named(toloka: LocalToloka, api: RawClient, cause: str) -> None:
    open_pool, message = CAUSES[cause]
    pool_id = open_pool(toloka, api)
    with pytest.warns(UserWarning, match=f"^No worker may work on .*{message}") as warned:
        assert toloka.answer(pool_id, workers=2) == 0
    assert [warning.filename for warning in warned] == [__file__]


def test_workers_can_have_different_reasons(toloka: LocalToloka, api: RawClient) -> None:
    first = api.open_pool(1, mixer_config=MIXER)
    toloka.answer(first, workers=2)
    one, _ = (row["user_id"] for row in get_assignments(api, first))
    pool_id = open_changed(api, {"unavailable_for": [one]})
    assert toloka.answer(pool_id, workers=2) == 1
    with pytest.warns(UserWarning, match="of 2 workers, 1 .*, 1 ") as warned:
        toloka.answer(pool_id, workers=2)
    message = str(warned[0].message)
    assert "1 have done all of these" in message
    assert "1 may not have what they have not done" in message


@pytest.mark.parametrize("more", [{"workers": 4}, {"workers": 2, "seed": 1}])
def test_other_workers_can_do_what_waits(toloka: LocalToloka, api: RawClient, more: dict[str, int]) -> None:
    pool_id = open_done_pool(toloka, api)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert toloka.answer(pool_id, **more) == 2
    assert api.get(f"/v1/pools/{pool_id}")["last_close_reason"] == "COMPLETED"


def test_a_balance_that_pays_no_page_is_named() -> None:
    with LocalToloka(operation_seconds=0.05, balance=0.01) as toloka:
        api = RawClient(toloka)
        with api.http:
            pool_id = api.open_pool(1)
            with pytest.warns(UserWarning, match=r"the balance does not pay a page, .* NOT_ENOUGH_BALANCE"):
                assert toloka.answer(pool_id) == 0


def test_nothing_is_said_if_nothing_waits_or_nobody_was_sent(toloka: LocalToloka, api: RawClient) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert toloka.answer(api.open_pool(1), workers=0) == 0
        assert toloka.answer(open_training(toloka, api), workers=3) == 0


def test_a_request_of_another_process_has_it_in_the_log(
    toloka: LocalToloka, api: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    pool_id = open_done_pool(toloka, api)
    response = api.http.post(f"{toloka.url}/local/answer", json={"pool_id": pool_id, "workers": 2})
    assert response.json() == {"assignments": 0}
    assert [record.message for record in caplog.records if "No worker may work" in record.message]

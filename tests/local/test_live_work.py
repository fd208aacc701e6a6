"""Simulated Tolokers who work over real seconds."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEADLINE_SECONDS = 30
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


def get_assignments(api: RawClient, pool_id: str) -> list[dict[str, Any]]:
    return api.get("/v1/assignments", pool_id=pool_id, limit=100_000)["items"]


def statuses(api: RawClient, pool_id: str) -> Counter[str]:
    return Counter(row["status"] for row in get_assignments(api, pool_id))


def wait_closed(api: RawClient, pool_id: str) -> dict[str, Any]:
    return poll(lambda: api.get(f"/v1/pools/{pool_id}"), lambda pool: pool["status"] == "CLOSED")


def open_pool(api: RawClient, count: int = 21, **pool: Any) -> str:
    pool_id = api.create_pool(mixer_config=MIXER, **pool)
    api.create_tasks(pool_id, count)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    return pool_id


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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
    pool_id = open_pool(api)
    toloka.answer(pool_id, live=True, speed=100, dropouts=0.3)
    seen: set[str] = set()

    def look() -> dict[str, Any]:
        rows = get_assignments(api, pool_id)
        now = datetime.now(UTC)
        seen.update(row["status"] for row in rows)
        times = [row[name] for row in rows for name in TIMES if name in row]
        assert max(map(time_of, times), default=now) <= now
        assert all(("solutions" in row) == (row["status"] == "ACCEPTED") for row in rows)
        return api.get(f"/v1/pools/{pool_id}")

    assert time_of(poll(look, lambda pool: pool["status"] == "CLOSED")["last_stopped"]) <= datetime.now(UTC)
    assert seen == {"ACTIVE", "ACCEPTED", "SKIPPED", "EXPIRED"}
    assert statuses(api, pool_id)["ACCEPTED"] == 18


def test_live_work_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with serving(path) as (toloka, api):
        pool_id = open_pool(api)
        toloka.answer(pool_id, live=True, speed=100)
        before = poll(lambda: get_assignments(api, pool_id), lambda rows: len({row["status"] for row in rows}) == 2)
    with serving(path) as (_, api):
        wait_closed(api, pool_id)
        rows = get_assignments(api, pool_id)
    assert Counter(row["status"] for row in rows) == {"ACCEPTED": 18}
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

"""When complete pools close, and when waiting assignments are accepted."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import get_assignments, time_of

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka

DEADLINE_SECONDS = 120
MIXER = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}


def open_pool(api: RawClient, count: int, **pool: Any) -> str:
    return api.open_pool(count, mixer_config=MIXER, **pool)


def wait_closed(api: RawClient, pool_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        pool: dict[str, Any] = api.get(f"/v1/pools/{pool_id}")
        if pool["status"] == "CLOSED":
            return pool
        time.sleep(0.02)
    pytest.fail("the pool has not closed")


def test_a_complete_pool_closes_after_its_delay(toloka: LocalToloka, api: RawClient) -> None:
    soon, later = (open_pool(api, 2, auto_close_after_complete_delay_seconds=delay) for delay in (1, 600))
    for pool_id in (soon, later):
        toloka.answer(pool_id)
    pool = wait_closed(api, soon)
    last = max(time_of(row["submitted"]) for row in get_assignments(api, soon))
    assert pool["last_close_reason"] == "COMPLETED"
    assert timedelta(seconds=1) <= time_of(pool["last_stopped"]) - last < timedelta(seconds=1.2)
    assert api.get(f"/v1/pools/{later}")["status"] == "OPEN"


def test_a_pool_with_new_tasks_stays_open_after_its_delay(toloka: LocalToloka, api: RawClient) -> None:
    for delay in (1, 30):  # a busy machine may take longer than a second until the new task is there
        waits, grows = (open_pool(api, 2, auto_close_after_complete_delay_seconds=delay) for _ in range(2))
        for pool_id in (grows, waits):
            toloka.answer(pool_id)
        api.create_tasks(grows, 1)
        if api.get(f"/v1/pools/{grows}")["status"] == "OPEN":
            break
    wait_closed(api, waits)
    assert api.get(f"/v1/pools/{grows}")["status"] == "OPEN"


def test_assignments_that_nobody_judges_are_accepted_after_their_period(toloka: LocalToloka, api: RawClient) -> None:
    # 2,600 pages by one worker take more than a day
    pool_id = open_pool(api, 2600, auto_accept_solutions=False, auto_accept_period_day=1)
    toloka.answer(pool_id, workers=1)
    rows = get_assignments(api, pool_id)
    now = datetime.now(UTC)
    period = timedelta(days=1)
    due = [row for row in rows if time_of(row["submitted"]) + period <= now - timedelta(minutes=1)]
    assert 0 < len(due) < len(rows)
    accepted = [row for row in rows if row["status"] == "ACCEPTED"]
    assert {row["id"] for row in due} <= {row["id"] for row in accepted}
    assert {time_of(row["accepted"]) - time_of(row["submitted"]) for row in accepted} == {period}
    assert set(Counter(row["status"] for row in rows)) == {"ACCEPTED", "SUBMITTED"}
    assert api.get("/v1/requester")["balance"] == round(1000 - 0.05 * len(accepted), 2)

"""The balance falls with accepted assignments and bonuses, and pools close when it is used up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from support.raw_client import RawClient, get_assignments

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path

MIXER = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}


def open_pool(api: RawClient, count: int, **pool: Any) -> str:
    return api.open_pool(count, mixer_config=MIXER, **pool)


def get_balance(api: RawClient) -> float:
    return float(api.get("/v1/requester")["balance"])


def test_accepted_assignments_and_bonuses_are_paid(toloka: LocalToloka, api: RawClient) -> None:
    assert get_balance(api) == 1000
    toloka.answer(open_pool(api, 10, reward_per_assignment=0.1))
    assert get_balance(api) == 997
    judged = open_pool(api, 2, reward_per_assignment=7, auto_accept_solutions=False)
    toloka.answer(judged)
    assert get_balance(api) == 997
    first, second, *_ = get_assignments(api, judged)
    api.http.patch(f"/v1/assignments/{first['id']}", json={"status": "ACCEPTED"})
    api.http.patch(f"/v1/assignments/{second['id']}", json={"status": "REJECTED"})
    assert get_balance(api) == 990
    api.http.patch(f"/v1/assignments/{second['id']}", json={"status": "ACCEPTED"})
    assert get_balance(api) == 983
    api.post("/v1/user-bonuses", {"user_id": first["user_id"], "amount": 0.5, "without_message": True})
    assert get_balance(api) == 982.5


def test_drop_outs_cost_nothing(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 10)
    toloka.answer(pool_id, dropouts=1.0)
    assert {row["status"] for row in get_assignments(api, pool_id)} <= {"SKIPPED", "EXPIRED"}
    assert get_balance(api) == 1000


def test_a_pool_closes_when_the_balance_is_used_up(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with LocalToloka(path, operation_seconds=0.05, balance=1.23) as toloka:
        api = RawClient(toloka)
        with api.http:
            pool_id = open_pool(api, 20, reward_per_assignment=0.1)
            toloka.answer(pool_id)
            assert Counter(row["status"] for row in get_assignments(api, pool_id)) == {"ACCEPTED": 12}
            pool = api.get(f"/v1/pools/{pool_id}")
            assert (pool["status"], pool["last_close_reason"]) == ("CLOSED", "NOT_ENOUGH_BALANCE")
            assert get_balance(api) == 0.03
    with LocalToloka(path) as toloka:
        api = RawClient(toloka)
        with api.http:
            assert get_balance(api) == 0.03

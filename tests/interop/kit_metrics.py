"""Toloka-Kit's metrics at work: a service's address -> lines of JSON on standard output, one for each scenario.

Runs inside .venv-kit, as `TOLOKA_TOKEN=... python kit_metrics.py URL`, driven by test_interop.py.
"""

from __future__ import annotations

import asyncio
import collections
import os
import sys
import time
from datetime import timedelta
from decimal import Decimal

import toloka.client as tk
from kit_session import run_scenarios
from kit_streaming import AT_ONCE, ban, bonus, half_answered, message
from toloka import metrics
from toloka.async_client import AsyncTolokaClient

MAX_SECONDS = 30
SOON = timedelta(seconds=0.1)
# without join_events, each of these metrics of Toloka-Kit 1.2.3 raises a TypeError at its first event
NEW = {"cursor_time_lag": AT_ONCE, "timeout": SOON, "join_events": True}
COUNTS = {"submitted": "submitted", "accepted": "accepted", "rejected": "rejected", "skipped": "skipped"}
EVENTS = {f"{status}_name": f"{status} events" for status in ("created", *COUNTS, "expired")}


class Collected(dict):
    """The points of each line, in the order in which they were gathered."""

    def __init__(self, names: list) -> None:
        super().__init__({name: [] for name in names})
        self.rounds = collections.Counter()

    def __call__(self, lines: dict) -> None:
        for name, points in lines.items():
            self.rounds[name] += 1
            self[name] += points

    def total(self, name: str) -> object:
        return sum(value for _, value in self[name])

    def last(self, name: str) -> object:
        return self[name][-1][1]

    async def wait(self, *, rounds: int) -> None:
        """Wait until each line has been gathered this many times more."""
        before = self.rounds.copy()
        deadline = time.monotonic() + MAX_SECONDS
        while missing := [name for name in self if self.rounds[name] < before[name] + rounds]:
            assert time.monotonic() < deadline, f"not gathered: {missing}"
            await asyncio.sleep(0.02)


def every_metric(pool: tk.Pool, skill: tk.Skill) -> list:
    return [
        metrics.Balance(timeout=SOON),
        metrics.NewUserBonuses(count_name="bonuses", money_name="bonus money", **NEW),
        metrics.NewUserSkills(skill.id, count_name="skills", value_name="skill values", **NEW),
        metrics.NewMessageThreads(count_name="messages", **NEW),
        metrics.AssignmentEventsInPool(pool.id, **EVENTS, **NEW),
        metrics.AssignmentsInPool(pool.id, **{f"{status}_name": name for status, name in COUNTS.items()}, timeout=SOON),
        metrics.PoolCompletedPercentage(pool.id, timeout=SOON),
        metrics.TasksInPool(pool.id, timeout=SOON),
        metrics.SpentBudgetOnPool(pool.id, timeout=SOON),
        metrics.WorkersByFilterOnPool(pool.id, timeout=SOON),
        metrics.BansInPool(pool.id, count_name="bans", **NEW),
        metrics.BansInPool(pool.id, filter_by_comment={"too fast": "fast"}, **NEW),
    ]


def bind_both(gathered: list, client: tk.TolokaClient) -> None:
    """A half of the metrics with each kind of client."""
    metrics.bind_client(gathered[::2], client)
    metrics.bind_client(gathered[1::2], AsyncTolokaClient.from_sync_client(client))


async def collector(client: tk.TolokaClient) -> None:
    """Every metric agrees with what was done and with the service's lists."""
    pool, rows = half_answered(client)
    skill = client.create_skill(name="Measured")
    gathered = every_metric(pool, skill)
    bind_both(gathered, client)
    collected = Collected([name for metric in gathered for name in metric.get_line_names()])
    running = asyncio.create_task(metrics.MetricCollector(gathered, collected).run())
    await collected.wait(rounds=1)
    work(client, pool, rows, skill)
    await collected.wait(rounds=3)
    running.cancel()
    users = {row.user_id for row in rows}
    compare_events(collected, len(users))
    compare_states(client, pool, collected)
    balances = [balance for _, balance in collected["toloka_requester_balance"]]
    assert balances[0] - balances[-1] == Decimal("0.06") + len(users)  # accepted answers and bonuses
    assert collected.last("workers_count") == len(users)


def work(client: tk.TolokaClient, pool: tk.Pool, rows: list, skill: tk.Skill) -> None:
    for row in rows[:3]:
        client.accept_assignment(row.id, "")
    client.reject_assignment(rows[3].id, "")
    users = sorted({row.user_id for row in rows})
    for user in users:
        bonus(client, user)
        message(client, user)
        client.set_user_skill(skill_id=skill.id, user_id=user, value=Decimal("62.5"))
        ban(client, pool, user, private_comment="too fast" if user == users[0] else "other")


def compare_events(collected: Collected, users: int) -> None:
    """Events count from the start of the collector, each once; the answers are older."""
    events = {name.removesuffix(" events"): collected.total(name) for name in EVENTS.values()}
    assert events == {"created": 0, "submitted": 0, "accepted": 3, "rejected": 1, "skipped": 0, "expired": 0}, events
    totals = {name: collected.total(name) for name in ("bonuses", "bonus money", "skills", "messages", "bans", "fast")}
    assert totals == {**dict.fromkeys(("bonuses", "bonus money", "skills", "messages", "bans"), users), "fast": 1}, totals
    assert [value for _, value in collected["skill values"]] == [Decimal("62.5")] * users


def compare_states(client: tk.TolokaClient, pool: tk.Pool, collected: Collected) -> None:
    statuses = collections.Counter(row.status.value for row in client.get_assignments(pool_id=pool.id))
    assert statuses == {"SUBMITTED": 2, "ACCEPTED": 3, "REJECTED": 1}
    counts = {name: collected.last(name) for name in COUNTS}
    assert counts == {"submitted": 6, "accepted": 3, "rejected": 1, "skipped": 0}, counts
    tasks = list(client.get_tasks(pool_id=pool.id))
    left, wanted = (sum(getattr(task, name) for task in tasks) for name in ("remaining_overlap", "overlap"))
    assert collected.last("completion_percentage") == int(100 * (1 - left / wanted))
    assert collected.last("tasks_count") == len(tasks)
    assert collected.last("spent_money") == Decimal("0.06")


SCENARIOS = (collector,)


def main() -> None:
    [url] = sys.argv[1:]
    run_scenarios(SCENARIOS, tk.TolokaClient(os.environ["TOLOKA_TOKEN"], url=url, retries=0, timeout=30))


if __name__ == "__main__":
    main()

"""An open pool -> suites, mixed from its tasks or sent by the requester, answered by simulated Tolokers."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._api.assignments import assignment_row
from toloka_frames.local._api.pool_lifecycle import set_closed
from toloka_frames.local._api.task_suites import shown_task, suite_row
from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames.local._base.field_specs import Spec
    from toloka_frames.local._store.store import Row, Store

_SHORTEST, _LONGEST = 20.0, 90.0
_PAUSE = 1.0


@dataclass
class _Task:
    """A task while it is being worked on; `left` is None for infinite overlap."""

    row: Row
    left: int | None
    # JSON that is made once, for all the suites and assignments that repeat it
    shown: orjson.Fragment
    body: orjson.Fragment
    done_by: set[str] = field(default_factory=set)

    def open_to(self, user_id: str) -> bool:
        """Whether this Toloker may still do it."""
        return self.left != 0 and user_id not in self.done_by


@dataclass(frozen=True)
class _Suite:
    """Who gets which tasks; `id` is that of a suite which the requester sent."""

    user_id: str
    tasks: Sequence[_Task]
    id: str | None = None


def answer_pool(store: Store, pool_id: str, *, workers: int, accuracy: float, seed: int) -> int:
    """Let `workers` work on the pool; how many assignments they made.

    Raises:
        ValueError: There is no such pool, or it is not open.
    """
    with store.transaction():
        pool = store.find("pools", pool_id)
        if pool is None:
            raise ValueError(f"There is no pool {pool_id}")
        if pool["status"] != "OPEN":
            raise ValueError(f"Pool {pool_id} is {pool['status']}: open it first (POST /api/v1/pools/{pool_id}/open)")
        users = [blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest() for number in range(workers)]
        tasks = _tasks(store, pool_id)
        mixer = pool.get("mixer_config")
        suites = list(_mix(tasks, users, mixer, seed) if mixer else _hand_out(store, pool, users))
        end = _work(store, pool, suites, _Judgement(store, pool, accuracy, seed))
        if mixer:
            _count_down(store, suites)
        else:
            _count_down_suites(store, suites)
        if not _has_work(store, pool_id, tasks):
            set_closed(store, pool, end, "COMPLETED")
    return len(suites)


def _has_work(store: Store, pool_id: str, tasks: Sequence[_Task]) -> bool:
    unfinished = "SELECT 1 FROM task_suites WHERE pool_id = ? AND body ->> '$.remaining_overlap' > 0 LIMIT 1"
    return any(task.left for task in tasks if not _is_control(task)) or bool(store.select(unfinished, (int(pool_id),)))


def _hand_out(store: Store, pool: Row, users: Sequence[str]) -> Iterator[_Suite]:
    """Each suite that the requester sent goes to as many Tolokers as its overlap asks for, none of whom has done it."""
    done = defaultdict(set)
    for suite_id, user_id in store.select(
        "SELECT task_suite_id, user_id FROM assignments WHERE pool_id = ?", (int(pool["id"]),)
    ):
        done[suite_id].add(user_id)
    found = store.select("SELECT body FROM task_suites WHERE pool_id = ? ORDER BY id", (int(pool["id"]),))
    for number, row in enumerate(orjson.loads(body) for (body,) in found):
        tasks = [_suite_task(row, task) for task in row["tasks"]]
        first = number % max(1, len(users))
        free = [user_id for user_id in (*users[first:], *users[:first]) if user_id not in done[row["id"]]]
        # all of them where the overlap is infinite and the row has no number
        for user_id in free[: row.get("remaining_overlap")]:
            yield _Suite(user_id, tasks, row["id"])


def _suite_task(suite: Row, task: Row) -> _Task:
    whole: Row = {name: suite[name] for name in ("pool_id", "created", "overlap", "infinite_overlap") if name in suite}
    whole |= task
    return _Task(whole, None, orjson.Fragment(orjson.dumps(task)), orjson.Fragment(orjson.dumps(whole)))


def _tasks(store: Store, pool_id: str) -> list[_Task]:
    done = defaultdict(set)
    for task_id, user_id in store.select(
        "SELECT value ->> 'id', user_id FROM assignments, json_each(body, '$.tasks') WHERE pool_id = ?", (int(pool_id),)
    ):
        done[task_id].add(user_id)
    found = store.select("SELECT CAST(body AS BLOB) FROM tasks WHERE pool_id = ? ORDER BY id", (int(pool_id),))
    return [_task(body, done) for (body,) in found]


def _task(body: bytes, done: dict[str, set[str]]) -> _Task:
    row = orjson.loads(body)
    shown = orjson.Fragment(orjson.dumps(shown_task(row)))
    finished = row if row["infinite_overlap"] else {**row, "remaining_overlap": 0}
    left = None if row["infinite_overlap"] else row["remaining_overlap"]
    return _Task(row, left, shown, orjson.Fragment(orjson.dumps(finished)), done[row["id"]])


def _mix(tasks: Sequence[_Task], users: Sequence[str], mixer: Row, seed: int) -> Iterator[_Suite]:
    """Suites of real tasks, block by block, with control and training tasks among them as the pool asks."""
    training = [task for task in tasks if _is_training(task)]
    golden = [task for task in tasks if _is_control(task) and not _is_training(task)]
    real = sorted((task for task in tasks if not _is_control(task)), key=lambda task: -(task.left or 0))
    size = max(1, mixer["real_tasks_count"])
    for number, block in enumerate(real[start : start + size] for start in range(0, len(real), size)):
        for suite in _share(block, users, number):
            shown = [*_take(training, mixer.get("training_tasks_count", 0), suite.user_id), *suite.tasks]
            for task in _take(golden, mixer.get("golden_tasks_count", 0), suite.user_id):
                place = seeded_random.uniform(seed, suite.user_id, task.row["id"]) * (len(shown) + 1)
                shown.insert(int(place), task)
            yield _Suite(suite.user_id, shown)


def _share(block: Sequence[_Task], users: Sequence[str], number: int) -> Iterator[_Suite]:
    """Each Toloker in turn gets what of the block still needs answers; the next block begins with the next one."""
    first = number % max(1, len(users))
    for user_id in (*users[first:], *users[:first]):
        if not any(task.left != 0 for task in block):
            return
        taken = _take(block, len(block), user_id)
        if taken:
            yield _Suite(user_id, taken)


def _is_control(task: _Task) -> bool:
    return "known_solutions" in task.row


def _is_training(task: _Task) -> bool:
    return _is_control(task) and "message_on_unknown_solution" in task.row


def _take(tasks: Sequence[_Task], count: int, user_id: str) -> list[_Task]:
    """The first `count` tasks that this Toloker may do, done."""
    found = list(islice((task for task in tasks if task.open_to(user_id)), count))
    for task in found:
        task.done_by.add(user_id)
        if task.left is not None:
            task.left -= 1
    return found


class _Judgement:
    """What Tolokers answer."""

    def __init__(self, store: Store, pool: Row, accuracy: float, seed: int) -> None:
        self._spec: Spec = store.get("projects", pool["project_id"])["task_spec"]["output_spec"]
        self._accuracy = accuracy
        self._seed = seed

    def solve(self, user_id: str, task: Row) -> dict[str, Any]:
        truth = seeded_random.field_values(self._spec, task["id"])
        if task.get("known_solutions"):
            truth |= task["known_solutions"][0]["output_values"]
        if seeded_random.uniform(self._seed, user_id, task["id"]) < self._accuracy:
            return truth
        return seeded_random.different_field_values(self._spec, truth, self._seed, user_id, task["id"])


def _work(store: Store, pool: Row, suites: Sequence[_Suite], judgement: _Judgement) -> float:
    """Make the rows of suites and assignments; the moment when the last is done, in Unix seconds."""
    start = _start(store, pool)
    free: dict[str, float] = defaultdict(lambda: start)
    rows = []
    for suite in suites:
        begun = free[suite.user_id]
        ended = begun + _SHORTEST + seeded_random.uniform(suite.user_id, suite.tasks[0].row["id"]) * (_LONGEST - _SHORTEST)
        free[suite.user_id] = ended + _PAUSE
        rows.append((begun, ended, suite))
    # ids are made in this order, and their order is that of time
    rows.sort(key=lambda row: row[0])
    made = [_rows(store, pool, suite, judgement, begun=begun, ended=ended) for begun, ended, suite in rows]
    store.insert("task_suites", (orjson.dumps(suite) for suite, _ in made if suite["mixed"]))
    store.insert("assignments", (orjson.dumps(assignment) for _, assignment in made))
    return max(free.values(), default=start)


def _start(store: Store, pool: Row) -> float:
    """Now, or after the work that other simulated Tolokers have done ahead of the clock."""
    last = store.select("SELECT max(submitted) FROM assignments WHERE pool_id = ?", (int(pool["id"]),))[0][0]
    return max(time.time(), parse_timestamp(last) + _PAUSE) if last else time.time()


def _rows(store: Store, pool: Row, suite: _Suite, judgement: _Judgement, *, begun: float, ended: float) -> tuple[Row, Row]:
    suite_id, assignment_id = (store.object_ids.new(pool["id"], begun) for _ in range(2))
    suite_id, mixed = suite.id or suite_id, suite.id is None
    created = format_timestamp(begun)
    timestamps = {"created": created, "submitted": format_timestamp(ended)}
    status = "SUBMITTED"
    if pool["auto_accept_solutions"]:
        status = "ACCEPTED"
        timestamps["accepted"] = format_timestamp(ended + 0.1)
    shown = suite_row(suite_id, pool["id"], [task.shown for task in suite.tasks], created, 1, remaining=0, mixed=mixed)
    assignment = assignment_row(
        assignment_id,
        suite_id,
        pool,
        user_id=suite.user_id,
        status=status,
        tasks=[task.body for task in suite.tasks],
        solutions=[judgement.solve(suite.user_id, task.row) for task in suite.tasks],
        timestamps=timestamps,
        reward=pool["reward_per_assignment"],
        mixed=mixed,
    )
    return shown, assignment


def _count_down_suites(store: Store, suites: Sequence[_Suite]) -> None:
    # where the overlap is infinite there is no number, and json_set would write a null
    store.execute_many(
        "UPDATE task_suites SET body = json_set(body, '$.remaining_overlap', body ->> '$.remaining_overlap' - 1)"
        " WHERE id = ? AND body ->> '$.remaining_overlap' IS NOT NULL",
        ((suite.id,) for suite in suites),
    )


def _count_down(store: Store, suites: Sequence[_Suite]) -> None:
    touched = {task.row["id"]: task.left for suite in suites for task in suite.tasks if task.left is not None}
    store.execute_many(
        "UPDATE tasks SET body = json_set(body, '$.remaining_overlap', ?) WHERE id = ?",
        ((left, task_id) for task_id, left in touched.items()),
    )

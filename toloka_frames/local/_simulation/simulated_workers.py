"""Simulated Tolokers: assign the tasks and suites of an open pool to workers, and make their answers."""

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
from toloka_frames.local._api.task_suites import embedded_task, suite_row
from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames.local._base.field_specs import Spec
    from toloka_frames.local._store.store import Row, Store

_MIN_SECONDS, _MAX_SECONDS = 20.0, 90.0
_PAUSE_SECONDS = 1.0


@dataclass
class _Task:
    """A task during the simulation; `remaining` is its remaining overlap, None if infinite."""

    row: Row
    remaining: int | None
    # serialized once for all suites and assignments that repeat the task
    in_suite: orjson.Fragment
    in_assignment: orjson.Fragment
    done_by: set[str] = field(default_factory=set)

    def is_available_to(self, user_id: str) -> bool:
        """Return whether this worker may still do the task."""
        return self.remaining != 0 and user_id not in self.done_by


@dataclass(frozen=True)
class _WorkItem:
    """Tasks assigned to a worker; `suite_id` is None for a suite that the service mixes itself."""

    user_id: str
    tasks: Sequence[_Task]
    suite_id: str | None = None


def answer_pool(store: Store, pool_id: str, *, workers: int, accuracy: float, seed: int) -> int:
    """Let `workers` work on a pool; return the number of assignments created.

    Raises:
        ValueError: If the pool does not exist or is not open.
    """
    with store.transaction():
        pool = _open_pool(store, pool_id)
        users = [blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest() for number in range(workers)]
        tasks = _load_tasks(store, pool_id)
        mixer = pool.get("mixer_config")
        items = list(_mix(tasks, users, mixer, seed) if mixer else _assign_suites(store, pool, users))
        end = _add_assignments(store, pool, items, _AnswerModel(store, pool, accuracy, seed))
        if mixer:
            _save_remaining_overlaps(store, items)
        else:
            _reduce_suite_overlaps(store, items)
        if not _has_work(store, pool_id, tasks):
            set_closed(store, pool, end, "COMPLETED")
    return len(items)


def _open_pool(store: Store, pool_id: str) -> Row:
    pool = store.find("pools", pool_id)
    if pool is None:
        raise ValueError(f"There is no pool {pool_id}")
    if pool["status"] != "OPEN":
        raise ValueError(f"Pool {pool_id} is {pool['status']}: open it first, by client.open_pool({pool_id!r})")
    return pool


def _has_work(store: Store, pool_id: str, tasks: Sequence[_Task]) -> bool:
    unfinished = "SELECT 1 FROM task_suites WHERE pool_id = ? AND body ->> '$.remaining_overlap' > 0 LIMIT 1"
    return any(task.remaining for task in tasks if not _is_control(task)) or bool(store.select(unfinished, (int(pool_id),)))


def _assign_suites(store: Store, pool: Row, users: Sequence[str]) -> Iterator[_WorkItem]:
    """Assign each of the requester's suites to the number of workers that its overlap asks for, to each worker once."""
    done = defaultdict(set)
    for suite_id, user_id in store.select(
        "SELECT task_suite_id, user_id FROM assignments WHERE pool_id = ?", (int(pool["id"]),)
    ):
        done[suite_id].add(user_id)
    found = store.select("SELECT body FROM task_suites WHERE pool_id = ? ORDER BY id", (int(pool["id"]),))
    for number, suite in enumerate(orjson.loads(body) for (body,) in found):
        tasks = [_task_of_suite(suite, task) for task in suite["tasks"]]
        available = [user_id for user_id in _rotate(users, number) if user_id not in done[suite["id"]]]
        # all of them if the overlap is infinite, because the slice then ends at None
        for user_id in available[: suite.get("remaining_overlap")]:
            yield _WorkItem(user_id, tasks, suite["id"])


def _rotate(users: Sequence[str], number: int) -> Sequence[str]:
    """Return the users, starting with another one for each number."""
    first = number % max(1, len(users))
    return (*users[first:], *users[:first])


def _task_of_suite(suite: Row, task: Row) -> _Task:
    row: Row = {name: suite[name] for name in ("pool_id", "created", "overlap", "infinite_overlap") if name in suite}
    row |= task
    return _Task(row, None, orjson.Fragment(orjson.dumps(task)), orjson.Fragment(orjson.dumps(row)))


def _load_tasks(store: Store, pool_id: str) -> list[_Task]:
    done = defaultdict(set)
    for task_id, user_id in store.select(
        "SELECT value ->> 'id', user_id FROM assignments, json_each(body, '$.tasks') WHERE pool_id = ?", (int(pool_id),)
    ):
        done[task_id].add(user_id)
    found = store.select("SELECT CAST(body AS BLOB) FROM tasks WHERE pool_id = ? ORDER BY id", (int(pool_id),))
    return [_load_task(body, done) for (body,) in found]


def _load_task(body: bytes, done: dict[str, set[str]]) -> _Task:
    row = orjson.loads(body)
    in_suite = orjson.Fragment(orjson.dumps(embedded_task(row)))
    finished = row if row["infinite_overlap"] else {**row, "remaining_overlap": 0}
    remaining = None if row["infinite_overlap"] else row["remaining_overlap"]
    return _Task(row, remaining, in_suite, orjson.Fragment(orjson.dumps(finished)), done[row["id"]])


def _mix(tasks: Sequence[_Task], users: Sequence[str], mixer: Row, seed: int) -> Iterator[_WorkItem]:
    """Mix suites of real, control and training tasks, in the numbers that the pool's mixer_config asks for."""
    training = [task for task in tasks if _is_training(task)]
    golden = [task for task in tasks if _is_control(task) and not _is_training(task)]
    real = sorted((task for task in tasks if not _is_control(task)), key=lambda task: -(task.remaining or 0))
    size = max(1, mixer["real_tasks_count"])
    for number, block in enumerate(real[start : start + size] for start in range(0, len(real), size)):
        for item in _assign_block(block, users, number):
            mixed = [*_take(training, mixer.get("training_tasks_count", 0), item.user_id), *item.tasks]
            for task in _take(golden, mixer.get("golden_tasks_count", 0), item.user_id):
                position = seeded_random.uniform(seed, item.user_id, _content(task.row)) * (len(mixed) + 1)
                mixed.insert(int(position), task)
            yield _WorkItem(item.user_id, mixed)


def _assign_block(block: Sequence[_Task], users: Sequence[str], number: int) -> Iterator[_WorkItem]:
    """Assign a block of real tasks to one worker after another, until all have their overlap."""
    for user_id in _rotate(users, number):
        if not any(task.remaining != 0 for task in block):
            return
        taken = _take(block, len(block), user_id)
        if taken:
            yield _WorkItem(user_id, taken)


def _is_control(task: _Task) -> bool:
    return "known_solutions" in task.row


def _is_training(task: _Task) -> bool:
    return _is_control(task) and "message_on_unknown_solution" in task.row


def _take(tasks: Sequence[_Task], count: int, user_id: str) -> list[_Task]:
    """Mark the first `count` tasks that are available to a worker as done by the worker, and return them."""
    taken = list(islice((task for task in tasks if task.is_available_to(user_id)), count))
    for task in taken:
        task.done_by.add(user_id)
        if task.remaining is not None:
            task.remaining -= 1
    return taken


class _AnswerModel:
    """The answers of workers: the true answer with probability `accuracy`, otherwise a wrong one."""

    def __init__(self, store: Store, pool: Row, accuracy: float, seed: int) -> None:
        self._spec: Spec = store.get("projects", pool["project_id"])["task_spec"]["output_spec"]
        self._accuracy = accuracy
        self._seed = seed

    def answer(self, user_id: str, task: Row) -> dict[str, Any]:
        content = _content(task)
        truth = seeded_random.field_values(self._spec, content)
        if task.get("known_solutions"):
            truth |= task["known_solutions"][0]["output_values"]
        if seeded_random.uniform(self._seed, user_id, content) < self._accuracy:
            return truth
        return seeded_random.different_field_values(self._spec, truth, self._seed, user_id, content)


def _content(task: Row) -> str:
    """Return the key of a task, on which its random numbers depend."""
    return seeded_random.content_key(task.get("input_values"))


def _add_assignments(store: Store, pool: Row, items: Sequence[_WorkItem], model: _AnswerModel) -> float:
    """Add the rows of suites and assignments; return the end of the work, in Unix seconds."""
    start = _start(store, pool)
    free_at: dict[str, float] = defaultdict(lambda: start)
    timed = []
    for item in items:
        began = free_at[item.user_id]
        share = seeded_random.uniform(item.user_id, _content(item.tasks[0].row))
        ended = began + _MIN_SECONDS + share * (_MAX_SECONDS - _MIN_SECONDS)
        free_at[item.user_id] = ended + _PAUSE_SECONDS
        timed.append((began, ended, item))
    # rows get their ids in this order, and the order of ids is that of time
    timed.sort(key=lambda times: times[0])
    rows = [_make_rows(store, pool, item, model, began=began, ended=ended) for began, ended, item in timed]
    store.insert("task_suites", (orjson.dumps(suite) for suite, _ in rows if suite["mixed"]))
    store.insert("assignments", (orjson.dumps(assignment) for _, assignment in rows))
    return max(free_at.values(), default=start)


def _start(store: Store, pool: Row) -> float:
    """Return the current time, or the end of earlier simulated work if that lies in the future."""
    last = store.select("SELECT max(submitted) FROM assignments WHERE pool_id = ?", (int(pool["id"]),))[0][0]
    return max(time.time(), parse_timestamp(last) + _PAUSE_SECONDS) if last else time.time()


def _make_rows(store: Store, pool: Row, item: _WorkItem, model: _AnswerModel, *, began: float, ended: float) -> tuple[Row, Row]:
    suite_id, assignment_id = (store.object_ids.new(pool["id"], began) for _ in range(2))
    suite_id, mixed = item.suite_id or suite_id, item.suite_id is None
    created = format_timestamp(began)
    timestamps = {"created": created, "submitted": format_timestamp(ended)}
    status = "SUBMITTED"
    if pool["auto_accept_solutions"]:
        status = "ACCEPTED"
        timestamps["accepted"] = format_timestamp(ended + 0.1)
    suite = suite_row(suite_id, pool["id"], [task.in_suite for task in item.tasks], created, 1, remaining=0, mixed=mixed)
    assignment = assignment_row(
        assignment_id,
        suite_id,
        pool,
        user_id=item.user_id,
        status=status,
        tasks=[task.in_assignment for task in item.tasks],
        solutions=[model.answer(item.user_id, task.row) for task in item.tasks],
        timestamps=timestamps,
        reward=pool["reward_per_assignment"],
        mixed=mixed,
    )
    return suite, assignment


def _reduce_suite_overlaps(store: Store, items: Sequence[_WorkItem]) -> None:
    # rows with infinite overlap have no remaining_overlap, and json_set would write a null
    store.execute_many(
        "UPDATE task_suites SET body = json_set(body, '$.remaining_overlap', body ->> '$.remaining_overlap' - 1)"
        " WHERE id = ? AND body ->> '$.remaining_overlap' IS NOT NULL",
        ((item.suite_id,) for item in items),
    )


def _save_remaining_overlaps(store: Store, items: Sequence[_WorkItem]) -> None:
    remaining = {task.row["id"]: task.remaining for item in items for task in item.tasks if task.remaining is not None}
    store.execute_many(
        "UPDATE tasks SET body = json_set(body, '$.remaining_overlap', ?) WHERE id = ?",
        ((count, task_id) for task_id, count in remaining.items()),
    )

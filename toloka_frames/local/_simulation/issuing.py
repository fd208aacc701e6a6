"""Which page of a pool a worker gets next.

Real tasks are put in order of their overlap, the highest first, and cut into blocks of `real_tasks_count`; a page has the tasks
of one block that the worker may still do. Tasks that come back, because a page was not finished or their overlap was raised,
are issued first, and together. In a pool without a mixer, each of the requester's suites is a page. A pool whose pages have no
real tasks is an exam: its control tasks are issued like real ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.pool_lifecycle import is_training
from toloka_frames.local._base import seeded_random

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toloka_frames.local._store.store import Row, Store


@dataclass
class WorkItem:
    """What is issued as a whole: a task, or a suite of the requester; `remaining` is None for infinite overlap."""

    row: Row
    tasks: Sequence[Row]
    remaining: int | None
    reserved_for: frozenset[str] = frozenset()
    unavailable_for: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The id of the task or suite."""
        return str(self.row["id"])

    def is_open_to(self, user_id: str) -> bool:
        """Return whether the overlap and the owner let this worker do it."""
        return (
            self.remaining != 0
            and user_id not in self.unavailable_for
            and (not self.reserved_for or user_id in self.reserved_for)
        )


@dataclass(frozen=True)
class Page:
    """What a worker gets at once; `suite_id` is None for a suite that the service mixes itself."""

    items: Sequence[WorkItem]
    suite_id: str | None = None

    @property
    def tasks(self) -> list[Row]:
        """The rows of the page's tasks."""
        return [task for item in self.items for task in item.tasks]

    @property
    def content(self) -> str:
        """A key of the page that depends only on its first task's values."""
        return content_key(self.tasks[0])


def content_key(task: Row) -> str:
    """Return the key of a task, on which its random numbers depend."""
    return seeded_random.content_key(task.get("input_values"))


@dataclass
class _Position:
    """How far a worker has come: the ids done, the next block, and the next control and training tasks."""

    done: set[str]
    block: int = 0
    extra: Counter[str] = field(default_factory=Counter)


class Issuing:
    """The pages of a pool or training that are still to be issued."""

    def __init__(self, store: Store, pool: Row) -> None:
        self._store = store
        self._pool_id = int(pool["id"])
        self._mixer: Row = pool.get("mixer_config") or {}
        self._table = "tasks" if self._mixer or is_training(pool) else "task_suites"
        self.items = {item.id: item for item in self._load()}
        is_exam = bool(self._mixer) and not self._mixer.get("real_tasks_count")
        real = [item for item in self.items.values() if is_training(pool) or _is_control(item.row) == is_exam]
        extra = [] if is_exam else [item for item in self.items.values() if _is_control(item.row)]
        self._golden = [item for item in extra if not _is_training_task(item.row)]
        self._training = [item for item in extra if _is_training_task(item.row)]
        self._size = max(1, _tasks_on_page(pool))
        waiting = [item for item in self._in_order(real) if item.remaining != 0]
        self._blocks = [waiting[start : start + self._size] for start in range(0, len(waiting), self._size)]
        self._first_block = 0
        self._returned: dict[str, WorkItem] = {}
        self._positions: dict[str, _Position] = {}
        self._issued: Counter[str] = Counter()
        self._open_overlap = sum(item.remaining or 0 for item in real)
        self._real_ids = {item.id for item in real}
        self.has_infinite = any(item.remaining is None for item in real)

    @property
    def is_exhausted(self) -> bool:
        """Whether every task and suite with a finite overlap has been issued as often as its overlap."""
        return self._open_overlap == 0

    def waiting(self) -> list[WorkItem]:
        """Return the tasks or suites that workers may still do, without those that other tasks are mixed with."""
        return [item for item in self.items.values() if item.id in self._real_ids and item.remaining != 0]

    def done_by(self, user_id: str) -> set[str]:
        """Return the ids of the tasks or suites that a worker has got."""
        return self._position(user_id).done

    def next_page(self, user_id: str) -> Page | None:
        """Issue the next page to a worker; None if there is none for this worker."""
        position = self._position(user_id)
        items = self._next_returned(user_id, position) or self._next_block(user_id, position)
        if not items or len(items) < self._min_size():
            return None
        if not self._mixer:
            page = Page(items, items[0].id if self._table == "task_suites" else None)
        else:
            page = Page(self._mix(items, user_id, position))
        for item in page.items:
            position.done.add(item.id)
            self._change_remaining(item, -1)
        return page

    def give_back(self, item_ids: Iterable[str]) -> None:
        """Let other workers do tasks or suites of a page that was not finished."""
        for item_id in item_ids:
            item = self.items.get(item_id)
            if item and item.remaining is not None:
                self._change_remaining(item, 1)
                self._offer_again(item)

    def reload_overlaps(self, item_ids: Iterable[str]) -> bool:
        """Take notice of overlaps that have changed in the store; return whether there are any."""
        rows = [row for item_id in item_ids if item_id in self.items and (row := self._store.find(self._table, item_id))]
        changed = [row for row in rows if row.get("overlap") != self.items[row["id"]].row.get("overlap")]
        for row in changed:
            self._change_overlap(self.items[row["id"]], row["overlap"])
        return bool(changed)

    def _change_overlap(self, item: WorkItem, overlap: int) -> None:
        change = overlap - item.row["overlap"]
        item.row["overlap"] = overlap
        item.remaining = (item.remaining or 0) + change
        self._open_overlap += change * (item.id in self._real_ids)
        if change > 0:
            self._offer_again(item)

    def save(self) -> None:
        """Store the remaining overlaps."""
        # as differences, because other changes of the overlap are stored at once
        self._store.execute_many(
            f"UPDATE {self._table} SET body = json_set(body, '$.remaining_overlap', body ->> '$.remaining_overlap' - ?)"  # noqa: S608  # no names from requests
            # rows with infinite overlap have no remaining_overlap, and json_set would write a null
            " WHERE id = ? AND body ->> '$.remaining_overlap' IS NOT NULL",
            ((count, item_id) for item_id, count in self._issued.items() if count),
        )
        self._issued.clear()

    def _load(self) -> list[WorkItem]:
        sql = f"SELECT CAST(body AS BLOB) FROM {self._table} WHERE pool_id = ? ORDER BY id"  # noqa: S608  # no names from requests
        rows = [orjson.loads(body) for (body,) in self._store.select(sql, (self._pool_id,))]
        return [_task_item(row) if self._table == "tasks" else _suite_item(row) for row in rows]

    def _in_order(self, items: Sequence[WorkItem]) -> list[WorkItem]:
        if self._table == "task_suites":
            return sorted(items, key=lambda item: -(item.row.get("issuing_order_override") or 0))
        return sorted(items, key=lambda item: -(item.row.get("overlap") or 0))

    def _done(self, user_id: str) -> set[str]:
        parameters = (self._pool_id, user_id)
        if self._table == "task_suites":
            sql = "SELECT task_suite_id FROM assignments WHERE pool_id = ? AND user_id = ?"
        else:
            sql = "SELECT value ->> 'id' FROM assignments, json_each(body, '$.tasks') WHERE pool_id = ? AND user_id = ?"
        return {item_id for (item_id,) in self._store.select(sql, parameters)}

    def _position(self, user_id: str) -> _Position:
        return self._positions.get(user_id) or self._positions.setdefault(user_id, _Position(self._done(user_id)))

    def _min_size(self) -> int:
        if self._mixer.get("force_last_assignment", True):
            return 1
        return int(self._mixer.get("min_real_tasks_count") or self._size)

    def _next_returned(self, user_id: str, position: _Position) -> list[WorkItem]:
        found: list[WorkItem] = []
        for item in list(self._returned.values()):
            if item.remaining == 0:
                del self._returned[item.id]
            elif len(found) < self._size and item.id not in position.done and item.is_open_to(user_id):
                found.append(item)
        return found

    def _next_block(self, user_id: str, position: _Position) -> list[WorkItem]:
        self._skip_finished_blocks()
        position.block = max(position.block, self._first_block)
        while position.block < len(self._blocks):
            block = self._blocks[position.block]
            found = [item for item in block if item.id not in position.done and item.is_open_to(user_id)]
            if found:
                return found
            position.block += 1
        return []

    def _skip_finished_blocks(self) -> None:
        while self._first_block < len(self._blocks) and all(item.remaining == 0 for item in self._blocks[self._first_block]):
            self._first_block += 1

    def _mix(self, real: Sequence[WorkItem], user_id: str, position: _Position) -> list[WorkItem]:
        mixed = [*self._next_extra("training", self._training, user_id, position), *real]
        for item in self._next_extra("golden", self._golden, user_id, position):
            place = seeded_random.uniform(user_id, content_key(item.row)) * (len(mixed) + 1)
            mixed.insert(int(place), item)
        return mixed

    def _next_extra(self, kind: str, items: Sequence[WorkItem], user_id: str, position: _Position) -> list[WorkItem]:
        """Return the next control or training tasks; fewer than the mixer asks for if the worker has done the others."""
        count = self._mixer.get(f"{kind}_tasks_count", 0)
        found: list[WorkItem] = []
        while len(found) < count and position.extra[kind] < len(items):
            item = items[position.extra[kind]]
            position.extra[kind] += 1
            if item.id not in position.done and item.is_open_to(user_id):
                found.append(item)
        return found

    def _change_remaining(self, item: WorkItem, change: int) -> None:
        if item.remaining is not None:
            item.remaining += change
            self._issued[item.id] -= change
            self._open_overlap += change * (item.id in self._real_ids)

    def _offer_again(self, item: WorkItem) -> None:
        if item.id in self._real_ids:
            self._returned[item.id] = item


def _tasks_on_page(pool: Row) -> int:
    mixer = pool.get("mixer_config") or pool
    counts = ("real_tasks_count", "golden_tasks_count", "training_tasks_count", "training_tasks_in_task_suite_count")
    return int(next((mixer[name] for name in counts if mixer.get(name)), 1))


def _is_control(row: Row) -> bool:
    return "known_solutions" in row


def _is_training_task(row: Row) -> bool:
    return _is_control(row) and "message_on_unknown_solution" in row


def _task_item(row: Row) -> WorkItem:
    infinite = row["infinite_overlap"]
    finished = row if infinite else {**row, "remaining_overlap": 0}
    return WorkItem(row, [finished], None if infinite else row["remaining_overlap"], *_user_ids(row))


def _suite_item(suite: Row) -> WorkItem:
    common = {name: suite[name] for name in ("pool_id", "created", "overlap", "infinite_overlap") if name in suite}
    return WorkItem(suite, [common | task for task in suite["tasks"]], suite.get("remaining_overlap"), *_user_ids(suite))


def _user_ids(row: Row) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(row.get("reserved_for") or ()), frozenset(row.get("unavailable_for") or ())

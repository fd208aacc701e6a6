"""Statistics of Tolokers that the rules of quality control are about (Toloka API, QualityControlConfig).

With a `history_size`, a statistic is of the Toloker's latest results in the project, otherwise of all in the pool.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.ids_and_timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toloka_frames.local._store.store import Row

Statistics = dict[str, float | str]

_DAY_SECONDS = 86_400
# tasks between two captchas (Toloka API, PoolQualityControl.captcha_frequency)
_CAPTCHA_TASKS = {"LOW": 20, "MEDIUM": 10, "HIGH": 10}


@dataclass(frozen=True)
class Event:
    """What has happened to an assignment at a time (Unix seconds): the status that it got.

    `speed` is how many times as fast as people the Tolokers work.
    """

    kind: str
    assignment: Row
    at: float
    speed: float = 1.0

    @property
    def user_id(self) -> str:
        """The Toloker."""
        return str(self.assignment["user_id"])

    @property
    def answers(self) -> Iterator[tuple[Row, Row]]:
        """The tasks of the assignment, each with its output values."""
        for task, solution in zip(self.assignment["tasks"], self.assignment.get("solutions") or (), strict=False):
            yield task, solution["output_values"]


@dataclass
class History:
    """The latest outcomes of a Toloker, good or bad; all of them without a size."""

    size: int | None
    outcomes: deque[bool] = field(default_factory=deque)
    good: int = 0

    def add(self, outcome: bool) -> None:
        """Add an outcome, and forget the oldest one if there are more than the size."""
        self.outcomes.append(outcome)
        self.good += outcome
        if self.size and len(self.outcomes) > self.size:
            self.good -= self.outcomes.popleft()

    def statistics(self, count: str, good: str, bad: str) -> Statistics:
        """Return the number of outcomes and their shares in per cent, by these names; no shares of nothing."""
        total = len(self.outcomes)
        if not total:
            return {count: 0}
        share = 100 * self.good / total
        return {count: total, good: share, bad: 100 - share}


class Collector:
    """Computes the statistics of a type of rule from events in the order of time."""

    def __init__(self, pool: Row, parameters: Mapping[str, Any]) -> None:
        self.pool = pool
        # a parameter that is null is not set
        self.parameters = {name: value for name, value in parameters.items() if value is not None}
        self.histories: dict[str, History] = defaultdict(lambda: History(parameters.get("history_size")))

    def record(self, event: Event) -> dict[str, Statistics]:
        """Take an event; return the statistics that it has changed, by Toloker."""
        raise NotImplementedError

    def forget(self, user_id: str) -> None:
        """Begin the statistics of a Toloker anew."""
        self.histories.pop(user_id, None)


class ControlTasks(Collector):
    """GOLDEN_SET: answers to control and training tasks."""

    def __init__(self, pool: Row, parameters: Mapping[str, Any]) -> None:
        super().__init__(pool, parameters)
        self._golden: dict[str, History] = defaultdict(lambda: History(parameters.get("history_size")))

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count the control and training tasks of a submitted assignment."""
        known = [(task, values) for task, values in event.answers if task.get("known_solutions")]
        if event.kind != "SUBMITTED" or not known:
            return {}
        everything, golden = self.histories[event.user_id], self._golden[event.user_id]
        for task, values in known:
            is_right = _is_right(task, values)
            everything.add(is_right)
            if "message_on_unknown_solution" not in task:
                golden.add(is_right)
        names = ("golden_set_answers_count", "golden_set_correct_answers_rate", "golden_set_incorrect_answers_rate")
        return {event.user_id: _answer_statistics(everything) | golden.statistics(*names)}

    def forget(self, user_id: str) -> None:
        """Begin the statistics of a Toloker anew."""
        super().forget(user_id)
        self._golden.pop(user_id, None)


class MajorityVote(Collector):
    """MAJORITY_VOTE: answers to tasks that have all their answers, right if `answer_threshold` Tolokers gave the same."""

    def __init__(self, pool: Row, parameters: Mapping[str, Any]) -> None:
        super().__init__(pool, parameters)
        self._votes: dict[str, list[tuple[str, bytes]]] = defaultdict(list)

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count the answers to the tasks that a submitted assignment completes, of all their Tolokers."""
        changed: dict[str, Statistics] = {}
        for task, values in event.answers if event.kind == "SUBMITTED" else ():
            votes = self._votes[task["id"]]
            votes.append((event.user_id, orjson.dumps(values, option=orjson.OPT_SORT_KEYS)))
            for user_id, is_right in self._outcomes(votes, task.get("overlap")):
                self.histories[user_id].add(is_right)
                changed[user_id] = _answer_statistics(self.histories[user_id])
        return changed

    def _outcomes(self, votes: Sequence[tuple[str, bytes]], overlap: int | None) -> list[tuple[str, bool]]:
        """Return which votes for a task count now, and whether they are right: all when it is complete, later the new one."""
        counts, threshold = Counter(answer for _, answer in votes), self.parameters.get("answer_threshold", 1)
        if overlap is None or len(votes) < overlap or max(counts.values()) < threshold:
            return []
        new = votes if len(votes) == overlap else votes[-1:]
        return [(user_id, counts[answer] >= threshold) for user_id, answer in new]


class SubmitTime(Collector):
    """ASSIGNMENT_SUBMIT_TIME: submitted assignments, and those submitted too fast."""

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count a submitted assignment."""
        if event.kind != "SUBMITTED":
            return {}
        history = self.histories[event.user_id]
        seconds = parse_timestamp(event.assignment["submitted"]) - parse_timestamp(event.assignment["created"])
        # infinitely fast work has no time for a page, and is not too fast
        history.add(seconds * event.speed < self.parameters.get("fast_submit_threshold_seconds", 0))
        return {event.user_id: {"total_submitted_count": len(history.outcomes), "fast_submitted_count": history.good}}


class SkippedInRow(Collector):
    """SKIPPED_IN_ROW_ASSIGNMENTS: assignments skipped since the last submitted one."""

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count a skipped assignment; a submitted one ends the row."""
        if event.kind == "SUBMITTED":
            self.forget(event.user_id)
        if event.kind != "SKIPPED":
            return {}
        history = self.histories[event.user_id]
        history.add(True)
        return {event.user_id: {"skipped_in_row_count": history.good}}


class AnswerCount(Collector):
    """ANSWER_COUNT: accepted assignments."""

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count an accepted assignment."""
        if event.kind != "ACCEPTED":
            return {}
        history = self.histories[event.user_id]
        history.add(True)
        return {event.user_id: {"assignments_accepted_count": history.good}}


class AcceptanceRate(Collector):
    """ACCEPTANCE_RATE: assignments that were accepted or rejected."""

    def record(self, event: Event) -> dict[str, Statistics]:
        """Count an assignment that was reviewed."""
        if event.kind not in ("ACCEPTED", "REJECTED"):
            return {}
        history = self.histories[event.user_id]
        history.add(event.kind == "ACCEPTED")
        names = ("total_assignments_count", "accepted_assignments_rate", "rejected_assignments_rate")
        return {event.user_id: history.statistics(*names)}


class Income(Collector):
    """INCOME: rewards for assignments accepted in the last 24 hours, in US dollars."""

    def __init__(self, pool: Row, parameters: Mapping[str, Any]) -> None:
        super().__init__(pool, parameters)
        self._rewards: dict[str, deque[tuple[float, float]]] = defaultdict(deque)

    def record(self, event: Event) -> dict[str, Statistics]:
        """Add the reward of an accepted assignment."""
        if event.kind != "ACCEPTED":
            return {}
        rewards = self._rewards[event.user_id]
        rewards.append((event.at, event.assignment["reward"]))
        while rewards[0][0] <= event.at - _DAY_SECONDS:
            rewards.popleft()
        return {event.user_id: {"income_sum_for_last_24_hours": round(sum(reward for _, reward in rewards), 6)}}

    def forget(self, user_id: str) -> None:
        """Begin the statistics of a Toloker anew."""
        self._rewards.pop(user_id, None)


class Captcha(Collector):
    """CAPTCHA: captchas shown between tasks. Each Toloker has an own chance to solve one."""

    def __init__(self, pool: Row, parameters: Mapping[str, Any]) -> None:
        super().__init__(pool, parameters)
        frequency = (pool.get("quality_control") or {}).get("captcha_frequency")
        self._tasks_between = _CAPTCHA_TASKS.get(str(frequency), 0)
        self._tasks: Counter[str] = Counter()

    def record(self, event: Event) -> dict[str, Statistics]:
        """Show the captchas that are due after a submitted assignment."""
        if event.kind != "SUBMITTED" or not self._tasks_between:
            return {}
        user_id, before = event.user_id, self._tasks[event.user_id] // self._tasks_between
        self._tasks[user_id] += len(event.assignment["tasks"])
        shown = range(before, self._tasks[user_id] // self._tasks_between)
        for number in shown:
            self.histories[user_id].add(_solves_captcha(user_id, number))
        if not shown:
            return {}
        return {user_id: self.histories[user_id].statistics("stored_results_count", "success_rate", "fail_rate")}


COLLECTORS: dict[str, type[Collector]] = {
    "ACCEPTANCE_RATE": AcceptanceRate,
    "ANSWER_COUNT": AnswerCount,
    "ASSIGNMENT_SUBMIT_TIME": SubmitTime,
    "CAPTCHA": Captcha,
    "GOLDEN_SET": ControlTasks,
    "INCOME": Income,
    "MAJORITY_VOTE": MajorityVote,
    "SKIPPED_IN_ROW_ASSIGNMENTS": SkippedInRow,
}


def _answer_statistics(history: History) -> Statistics:
    return history.statistics("total_answers_count", "correct_answers_rate", "incorrect_answers_rate")


def _is_right(task: Row, values: Row) -> bool:
    """Return whether an answer agrees with one of the known solutions."""
    known = (solution["output_values"] for solution in task["known_solutions"])
    return any(all(values.get(name) == value for name, value in solution.items()) for solution in known)


def _solves_captcha(user_id: str, number: int) -> bool:
    # most Tolokers solve nearly all captchas, and a few fail often
    chance = seeded_random.uniform(user_id, "captcha") ** 0.15
    return bool(seeded_random.uniform(user_id, "captcha", str(number)) < chance)

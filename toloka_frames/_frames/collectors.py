"""Statistics of workers and task suites, as the collectors of quality control compute them.

A collector receives the events of one pool in the order of time, or with a `history_size` those of all pools. It returns the
statistics that an event has changed.

Source: Toloka-Kit 1.2.3, `collectors` and `conditions`; Toloka's guide, "Quality control rules" and "Remember values".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal

    from toloka_frames._frames.assignment_events import Answer, Assignment, Event

Parameters: TypeAlias = Mapping[str, Any]
# of one worker, or of one task suite; None for a rate of nothing
Statistics: TypeAlias = Mapping[str, float | str | None]

DAY = 24 * 60 * 60_000_000  # microseconds


class Changed(NamedTuple):
    """Statistics that have changed: of a worker, by an event of an assignment."""

    worker: str
    assignment: Assignment
    statistics: Statistics


class Collector(ABC):
    """Computes statistics from events.

    Attributes:
        needs_columns: The columns of answers that it needs beside those of every replay.
    """

    needs_columns: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def __init__(self, parameters: Parameters) -> None: ...

    @abstractmethod
    def record(self, event: Event) -> Iterator[Changed]:
        """Take an event, and yield the statistics that it has changed."""

    def miss(self, event: Event) -> Iterator[Changed]:  # noqa: ARG002 -- most do not need it
        """Take an event of an assignment that would not exist."""
        yield from ()

    @abstractmethod
    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""


class GoldenSet(Collector):
    """Answers of workers to control and training tasks, the latest `history_size` of them."""

    def __init__(self, parameters: Parameters) -> None:
        self._all, self._control = _histories(parameters), _histories(parameters)

    def record(self, event: Event) -> Iterator[Changed]:
        """Count the control and training tasks of a submitted assignment."""
        worker = event.assignment.worker
        if event.kind != "submitted" or not event.assignment.control:
            return
        for is_right, is_training in event.assignment.control:
            self._all[worker].add(is_right)
            if not is_training:
                self._control[worker].add(is_right)
        golden = self._control[worker].answer_statistics()
        named = {f"golden_set_{name.removeprefix('total_')}": value for name, value in golden.items()}
        yield Changed(worker, event.assignment, self._all[worker].answer_statistics() | named)

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._all.pop(worker, None)
        self._control.pop(worker, None)


class MajorityVote(Collector):
    """Answers of workers to tasks that have all their answers: right are those that `answer_threshold` workers have given.

    A task for which no answer has been given that often does not count.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._threshold = parameters["answer_threshold"]
        self._history = _histories(parameters)
        self._votes: dict[str, list[tuple[Assignment, str]]] = defaultdict(list)
        self._answered: Counter[str] = Counter()

    def record(self, event: Event) -> Iterator[Changed]:
        """Count the answers of a submitted assignment, and earlier answers of others to tasks that it completes."""
        if event.kind == "submitted":
            for answer in event.assignment.answers:
                self._votes[answer.task].append((event.assignment, answer.label))
            yield from self._completed(event.assignment)

    def miss(self, event: Event) -> Iterator[Changed]:
        """Take the answers as given, but by nobody: other workers would have completed the tasks."""
        if event.kind == "submitted":
            yield from self._completed(event.assignment)

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._history.pop(worker, None)

    def _completed(self, assignment: Assignment) -> Iterator[Changed]:
        changed: dict[str, Assignment] = {}
        for answer in assignment.answers:
            self._answered[answer.task] += 1
            for voter, is_right in self._outcomes(answer):
                self._history[voter.worker].add(is_right)
                changed[voter.worker] = voter
        for worker, voter in changed.items():
            yield Changed(worker, voter, self._history[worker].answer_statistics())

    def _outcomes(self, answer: Answer) -> list[tuple[Assignment, bool]]:
        """Return the votes for a task that count now: all of them when it is complete, later each one by itself."""
        votes, answered = self._votes[answer.task], self._answered[answer.task]
        counts = Counter(label for _, label in votes)
        if answered < answer.overlap or not votes or max(counts.values()) < self._threshold:
            return []
        new = votes if answered == answer.overlap else votes[-1:]
        return [(voter, counts[label] >= self._threshold) for voter, label in new]


class AnswerCount(Collector):
    """Accepted assignments of workers."""

    needs_columns = ("ASSIGNMENT:accepted",)

    def __init__(self, parameters: Parameters) -> None:  # noqa: ARG002 -- as of all collectors
        self._accepted: Counter[str] = Counter()

    def record(self, event: Event) -> Iterator[Changed]:
        """Count an accepted assignment."""
        worker = event.assignment.worker
        if event.kind == "accepted":
            self._accepted[worker] += 1
            yield Changed(worker, event.assignment, {"assignments_accepted_count": self._accepted[worker]})

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._accepted.pop(worker, None)


class SubmitTime(Collector):
    """Assignments that workers have submitted, the latest `history_size` of them, and how many of these in too short a time."""

    needs_columns = ("ASSIGNMENT:started",)

    def __init__(self, parameters: Parameters) -> None:
        self._threshold = parameters["fast_submit_threshold_seconds"] * 1_000_000
        self._history = _histories(parameters)

    def record(self, event: Event) -> Iterator[Changed]:
        """Count a submitted assignment."""
        started = event.assignment.times.get("started")
        if event.kind == "submitted" and started is not None:
            history = self._history[event.assignment.worker]
            history.add(event.at - started < self._threshold)
            statistics = {"total_submitted_count": history.count, "fast_submitted_count": history.positive}
            yield Changed(event.assignment.worker, event.assignment, statistics)

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._history.pop(worker, None)


class SkippedInRow(Collector):
    """Assignments that workers have skipped since they last submitted one."""

    needs_columns = ("ASSIGNMENT:skipped",)

    def __init__(self, parameters: Parameters) -> None:  # noqa: ARG002 -- as of all collectors
        self._skipped: Counter[str] = Counter()

    def record(self, event: Event) -> Iterator[Changed]:
        """Count a skipped assignment; a submitted one ends the row."""
        worker = event.assignment.worker
        if event.kind == "submitted":
            self._skipped[worker] = 0
        elif event.kind == "skipped":
            self._skipped[worker] += 1
            yield Changed(worker, event.assignment, {"skipped_in_row_count": self._skipped[worker]})

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._skipped.pop(worker, None)


class AcceptanceRate(Collector):
    """Reviewed assignments of workers, the latest `history_size` of them."""

    needs_columns = ("ASSIGNMENT:accepted", "ASSIGNMENT:rejected")

    def __init__(self, parameters: Parameters) -> None:
        self._history = _histories(parameters)

    def record(self, event: Event) -> Iterator[Changed]:
        """Count a reviewed assignment."""
        if event.kind in ("accepted", "rejected"):
            history = self._history[event.assignment.worker]
            history.add(event.kind == "accepted")
            accepted = 100 * history.positive / history.count
            statistics = {
                "total_assignments_count": history.count,
                "accepted_assignments_rate": accepted,
                "rejected_assignments_rate": 100 - accepted,
            }
            yield Changed(event.assignment.worker, event.assignment, statistics)

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._history.pop(worker, None)


class AssignmentsAssessment(Collector):
    """Assignments of task suites, by how they were reviewed."""

    needs_columns = ("ASSIGNMENT:task_suite_id", "ASSIGNMENT:accepted", "ASSIGNMENT:rejected")

    def __init__(self, parameters: Parameters) -> None:  # noqa: ARG002 -- as of all collectors
        self._states: dict[str | None, dict[str, str]] = defaultdict(dict)

    def record(self, event: Event) -> Iterator[Changed]:
        """Note the state of an assignment; a review changes the statistics of its suite."""
        if event.kind not in ("submitted", "accepted", "rejected"):
            return
        states = self._states[event.assignment.suite]
        before, states[event.assignment.id] = states.get(event.assignment.id), event.kind
        if event.kind == "submitted":
            return
        name = "REJECT" if event.kind == "rejected" else "ACCEPT_AFTER_REJECT" if before == "rejected" else "ACCEPT"
        counts = Counter(states.values())
        statistics: dict[str, float | str | None] = {
            "pending_assignments_count": counts["submitted"],
            "accepted_assignments_count": counts["accepted"],
            "rejected_assignments_count": counts["rejected"],
            "assessment_event": name,
        }
        yield Changed(event.assignment.worker, event.assignment, statistics)

    def forget(self, worker: str) -> None:
        """Keep everything: its statistics are of task suites."""


class Income(Collector):
    """Rewards of workers for assignments that were accepted in the last 24 hours."""

    needs_columns = ("ASSIGNMENT:accepted", "ASSIGNMENT:reward")

    def __init__(self, parameters: Parameters) -> None:  # noqa: ARG002 -- as of all collectors
        self._rewards: dict[str, deque[tuple[int, Decimal]]] = defaultdict(deque)

    def record(self, event: Event) -> Iterator[Changed]:
        """Add the reward of an accepted assignment."""
        if event.kind == "accepted":
            rewards = self._rewards[event.assignment.worker]
            rewards.append((event.at, event.assignment.reward))
            while rewards[0][0] <= event.at - DAY:
                rewards.popleft()
            income = float(sum(reward for _, reward in rewards))
            yield Changed(event.assignment.worker, event.assignment, {"income_sum_for_last_24_hours": income})

    def forget(self, worker: str) -> None:
        """Forget the history of a worker."""
        self._rewards.pop(worker, None)


COLLECTORS: dict[str, type[Collector]] = {
    "GOLDEN_SET": GoldenSet,
    "MAJORITY_VOTE": MajorityVote,
    "ANSWER_COUNT": AnswerCount,
    "ASSIGNMENT_SUBMIT_TIME": SubmitTime,
    "SKIPPED_IN_ROW_ASSIGNMENTS": SkippedInRow,
    "ACCEPTANCE_RATE": AcceptanceRate,
    "ASSIGNMENTS_ASSESSMENT": AssignmentsAssessment,
    "INCOME": Income,
}


class History:
    """The latest outcomes of a worker, and how many of them are positive.

    Attributes:
        count: The number of outcomes.
        positive: The number of positive ones.
    """

    def __init__(self, size: int | None) -> None:
        self.count = self.positive = 0
        self._size = size
        self._outcomes: deque[bool] = deque()

    def add(self, outcome: bool) -> None:
        """Add an outcome; the oldest one is forgotten if there are more than the history holds."""
        self._outcomes.append(outcome)
        self.positive += outcome
        if self._size is not None and len(self._outcomes) > self._size:
            self.positive -= self._outcomes.popleft()
        self.count = len(self._outcomes)

    def answer_statistics(self) -> dict[str, float | str | None]:
        """Return the number of answers, and the percentages that are right and wrong; None if there are none."""
        right = 100 * self.positive / self.count if self.count else None
        return {
            "total_answers_count": self.count,
            "correct_answers_rate": right,
            "incorrect_answers_rate": None if right is None else 100 - right,
        }


def _histories(parameters: Parameters) -> defaultdict[str, History]:
    """Return the history of each worker."""
    size = parameters.get("history_size")
    return defaultdict(lambda: History(size))

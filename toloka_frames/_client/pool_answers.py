"""The answers of a pool over time: how many Tolokers submit in an hour, and how many of those to control tasks are right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from toloka_frames._frames.comparison import equal
from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._client.client import BaseClient

# Answers of the last day show how it goes now, and are read in seconds.
WINDOW = timedelta(hours=24)
# An answer can become visible a minute after the time of its submission (Toloka-Kit 1.2.0).
LAG = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MAX_SLICES = 24
MIN_SLICE = timedelta(minutes=1)
ANSWERED: list[Literal["SUBMITTED", "ACCEPTED", "REJECTED"]] = ["SUBMITTED", "ACCEPTED", "REJECTED"]


class Answered(NamedTuple):
    """An assignment that was submitted: when, its reward, its control tasks, and how many of these are right."""

    submitted: datetime
    reward: float
    control: int
    right: int


class Slice(NamedTuple):
    """The answers of a part of the time.

    Attributes:
        middle: The middle of the part.
        end: Its end.
        answers_an_hour: Answers an hour.
        share_right: The share of right answers to control tasks; None without any.
        rewards: The rewards of all answers until its end, in US dollars.
    """

    middle: datetime
    end: datetime
    answers_an_hour: float
    share_right: float | None
    rewards: float


class PoolAnswers:
    """The assignments of a pool that were submitted since it was opened, at most those of the last day before the first read.

    Attributes:
        since: The earliest time that is counted; None until all answers since then were read once.
    """

    def __init__(self, pool_id: str) -> None:
        self.since: datetime | None = None
        self._pool_id = pool_id
        self._read_from: datetime | None = None
        self._answers: dict[str, Answered] = {}

    async def read(self, client: BaseClient, pool: Mapping[str, Any]) -> None:
        """Request the assignments that were submitted since the last read.

        Raises:
            TolokaError: If they cannot be read; those that were received before are kept.
        """
        since, begin = self.since, _beginning(pool)
        if since is None or begin < since:  # simulated Tolokers work in the past, and the pool was open since then
            since, self._read_from = begin, begin
        scan = client.get_assignments(self._pool_id, status=ANSWERED, submitted_gte=self._read_from)
        async for row in scan:
            if row.get("submitted"):
                self._answers[row["id"]] = answered(row)
        # rows are read by their ids, so an answer that is newer than others may be read before them
        newest = self.newest()
        self.since, self._read_from = since, max(newest - LAG, since) if newest else since

    def _all(self) -> list[Answered]:
        # a copy, because the event loop adds answers while another thread may show them
        return list(self._answers.values())

    def newest(self) -> datetime | None:
        """Return when the newest answer was submitted; None if there is none."""
        return max((answer.submitted for answer in self._all()), default=None)

    def control(self) -> tuple[int, int] | None:
        """Return the number of answers to control tasks, and how many of them are right; None before the first read."""
        if self.since is None:
            return None
        return sum(answer.control for answer in self._all()), sum(answer.right for answer in self._all())

    def last_hour(self, now: datetime) -> float | None:
        """Return the answers an hour in the hour before a time, or since the beginning if that is shorter."""
        if self.since is None:
            return None
        now = max(now, self.newest() or now)  # the clocks of the service and of this machine differ
        begin = max(now - HOUR, self.since)
        return _rate(sum(begin < answer.submitted <= now for answer in self._all()), now - begin)

    def slices(self, begin: datetime, end: datetime) -> list[Slice]:
        """Divide a time into parts of equal length, and return the answers in each."""
        count = min(MAX_SLICES, max(1, (end - begin) // MIN_SLICE))
        length = (end - begin) / count
        parts: list[list[Answered]] = [[] for _ in range(count)]
        for answer in self._all():
            if begin <= answer.submitted <= end:
                parts[min(int((answer.submitted - begin) / length), count - 1) if length else 0].append(answer)
        rewards = accumulate(sum(answer.reward for answer in part) for part in parts)
        ends = (begin + number * length for number in range(1, count + 1))
        return [_slice(end, length, part, reward) for end, part, reward in zip(ends, parts, rewards, strict=True)]


def answered(row: Mapping[str, Any]) -> Answered:
    """Return what is counted of an assignment."""
    pairs = zip(row.get("tasks") or (), row.get("solutions") or (), strict=False)
    outcomes = [
        _is_right(known, answer)
        for task, solution in pairs
        if (answer := solution.get("output_values")) and (known := _known_solutions(task))
    ]
    reward = row.get("reward")
    reward = reward if isinstance(reward, int | float) else 0.0
    return Answered(parse_timestamp(row["submitted"]), reward, len(outcomes), sum(outcomes))


def _known_solutions(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the known solutions of a task, without fields that have no value."""
    solutions = [solution.get("output_values") or {} for solution in task.get("known_solutions") or ()]
    values = [{name: value for name, value in one.items() if value not in (None, "")} for one in solutions]
    return [one for one in values if one]


def _is_right(known: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> bool:
    return any(all(equal(value, answer.get(name)) for name, value in one.items()) for one in known)


def timestamp_of(pool: Mapping[str, Any], name: str) -> datetime | None:
    """Return a timestamp of a pool; None if it has none."""
    try:
        return parse_timestamp(pool.get(name))
    except (ValueError, OverflowError):
        return None


def _beginning(pool: Mapping[str, Any]) -> datetime:
    stopped = None if pool["status"] == "OPEN" else timestamp_of(pool, "last_stopped")
    day = (stopped or datetime.now(UTC)) - WINDOW
    return max(timestamp_of(pool, "last_started") or day, day)


def _slice(end: datetime, length: timedelta, answers: Sequence[Answered], rewards: float) -> Slice:
    control, right = sum(answer.control for answer in answers), sum(answer.right for answer in answers)
    share = right / control if control else None
    return Slice(end - length / 2, end, _rate(len(answers), length) or 0.0, share, rewards)


def _rate(count: int, time: timedelta) -> float | None:
    return count / (time / HOUR) if time else None

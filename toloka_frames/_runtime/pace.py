"""How fast work gets on, and how long the rest of it takes.

An upload's rows are done in steps of thousands, so its rate is how many rows a request does in a second of work, times how many
requests are at work; and a request at work counts in part, by its age. Time in which everything waits is left out.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._runtime.progress import Quota

# Shorter, the rate jumps with each response; longer, it does not show a change.
WINDOW_SECONDS = 30.0
SAMPLE_SECONDS = 0.1
# A request that takes longer than the others goes on for a fifth of its age: nobody knows, and "0 s left" for minutes is wrong.
LATE_SHARE = 0.2
# Without requests that are followed, the first second and the first rows say nothing about the rest.
MIN_SECONDS, MIN_SHARE = 1.0, 0.02
# The averages are of this many requests, the latest that have ended.
AVERAGED_REQUESTS = 10
QUOTA_SECONDS = 60.0
CLEARLY = 1.25


@dataclass(frozen=True)
class Averages:
    """Averages of an upload's requests.

    Attributes:
        rows: Rows of a request.
        seconds: How long it takes; 0 if that is unknown.
    """

    rows: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Work:
    """How far some work is.

    Attributes:
        seconds: How long it has taken, without the time in which everything waited.
        rows: The rows done.
        total: All rows, if known; those that were done before the work began are in neither.
        ended: Rows and seconds of the latest requests that have ended, or None if the work has none that are followed.
        request_seconds: How long all its requests together have been at work.
        at_work: Rows and age of each request at work.
        wait_seconds: How long everything is still going to wait.
        quota: The quota that its rows use, if known.
        quota_waits: How many times it has waited for a quota, the rows done before the latest time, and the seconds of all.
        sent_before: The rows of requests that wait to be sent again; they have used the quota.
    """

    seconds: float
    rows: int
    total: int | None
    ended: Sequence[tuple[int, float]] | None
    request_seconds: float
    at_work: Sequence[tuple[int, float]]
    wait_seconds: float = 0.0
    quota: Quota | None = None
    quota_waits: tuple[int, int, float] = (0, 0, 0.0)
    sent_before: int = 0

    @property
    def averages(self) -> Averages:
        """Averages of the requests that have ended, and of those at work if these already take longer."""
        if not self.ended:
            return Averages()
        rows, seconds = (sum(numbers) / len(self.ended) for numbers in zip(*self.ended, strict=True))
        ages = [age for _, age in self.at_work]
        return Averages(rows, max(seconds, sum(ages) / len(ages)) if ages else seconds)

    @property
    def unsent(self) -> int:
        """The rows that were not sent yet."""
        return max((self.total or 0) - self.rows - sum(rows for rows, _ in self.at_work), 0)


class Pace:
    """The rate of work within a time that moves with it, and how long the rest takes.

    Args:
        start: The seconds of work that were over before the first row could be done.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self._samples = deque([(start, 0.0)])

    def rate(self, work: Work) -> float:
        """Return the rows per second of work; 0 while it is unknown."""
        if work.ended is None:
            return self._growth(work.seconds, work.rows)
        averages, at_work = work.averages, self._growth(work.seconds, work.request_seconds)
        return at_work * averages.rows / averages.seconds if averages.seconds else 0.0

    def _growth(self, seconds: float, number: float) -> float:
        """Return how much a number grows in a second, with what it is now."""
        samples = self._samples
        while len(samples) > 1 and samples[1][0] <= seconds - WINDOW_SECONDS:
            samples.popleft()
        if seconds - samples[-1][0] >= SAMPLE_SECONDS:
            samples.append((seconds, number))
        passed = seconds - samples[0][0]
        return max(number - samples[0][1], 0.0) / passed if passed > 0 else 0.0


def seconds_left(work: Work, rate: float) -> float | None:
    """Return how long the rest of some work takes at a rate, with the waits for the quota; None while that is unknown."""
    is_known = work.ended is not None or work.seconds >= MIN_SECONDS
    if work.total is None or not rate or not is_known or work.rows < MIN_SHARE * work.total:
        return None
    return max(work.wait_seconds + _work_seconds(work, rate) + _quota_seconds_to_come(work), _quota_seconds(work, rate))


def binding_quota(work: Work, rate: float) -> Quota | None:
    """Return the known quota if the rest has to wait for it: it takes clearly longer than its work."""
    return work.quota if rate and _quota_seconds(work, rate) > CLEARLY * _work_seconds(work, rate) else None


def _work_seconds(work: Work, rate: float) -> float:
    """Return how long the rest takes without waits."""
    request_seconds = work.averages.seconds
    left = [max(request_seconds - age, age * LATE_SHARE) if request_seconds else 0.0 for _, age in work.at_work]
    # the last request begins when one of those at work has ended
    last = min(left, default=0.0) + request_seconds if work.unsent else max(left, default=0.0)
    done = sum(rows * age / (age + rest) for (rows, age), rest in zip(work.at_work, left, strict=True) if rest)
    return max(((work.total or 0) - work.rows - done) / rate, last)


def _quota_seconds(work: Work, rate: float) -> float:
    """Return how long the rest takes if it has to wait for a known quota; 0 if the quota is large enough for it."""
    beyond = work.unsent - work.sent_before - (work.quota.most - work.quota.used) if work.quota else 0
    if work.quota is None or beyond <= 0:
        return 0.0
    minutes = math.ceil(beyond / work.quota.most) - 1
    return minutes * QUOTA_SECONDS + _free_in(work.quota, beyond - minutes * work.quota.most, rate) + work.averages.seconds


def _free_in(quota: Quota, count: int, rate: float) -> float:
    """Return when so much of a quota is free again that `count` more may be sent."""
    for seconds, freed in quota.releases:
        count -= freed
        if count <= 0:
            return seconds
    # what is not used yet is used at the rate of the work, and free again a minute later
    return QUOTA_SECONDS + count / rate


def _quota_seconds_to_come(work: Work) -> float:
    """Return how long further waits for a quota of unknown size take, if they follow each other as before."""
    count, done, waited = work.quota_waits
    if not done or work.total is None:
        return 0.0
    return max((waited + work.wait_seconds) / done * (work.total - done) - (waited + work.wait_seconds) / count, 0.0)

"""The simulated Tolokers: who they are, how accurate and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from toloka_frames.local._base import seeded_random

# multiples of the golden ratio are spread evenly over [0, 1), however many of them there are
_GOLDEN_RATIO = 0.618033988749895
_ARRIVAL_SECONDS = 120.0
_MIN_PAGE_SECONDS, _MAX_PAGE_SECONDS = 20.0, 90.0


@dataclass(frozen=True)
class Worker:
    """A simulated Toloker.

    Attributes:
        id: The Toloker's id.
        accuracy: The probability of a right answer, from 0 to 1.
        pace: The time for a page, as a multiple of the average Toloker's.
    """

    id: str
    accuracy: float
    pace: float

    @property
    def arrival_seconds(self) -> float:
        """When the Toloker begins, in seconds after the start of the work."""
        return seeded_random.uniform(self.id, "arrival") * _ARRIVAL_SECONDS

    def page_seconds(self, content: str) -> float:
        """Return the time for a page with this content, in seconds."""
        share = seeded_random.uniform(self.id, content)
        return self.pace * (_MIN_PAGE_SECONDS + share * (_MAX_PAGE_SECONDS - _MIN_PAGE_SECONDS))


def make_workers(count: int, accuracy: float, seed: int) -> list[Worker]:
    """Return `count` Tolokers whose accuracies have the mean `accuracy`."""
    ids = [blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest() for number in range(count)]
    first = seeded_random.uniform(seed, "quality")
    qualities = [(first + number * _GOLDEN_RATIO) % 1 for number in range(count)]
    return [
        Worker(user_id, own_accuracy, _pace(user_id, quality))
        for user_id, quality, own_accuracy in zip(ids, qualities, _accuracies(qualities, accuracy), strict=True)
    ]


def _accuracies(qualities: list[float], mean: float) -> list[float]:
    """Return an accuracy for each quality from [0, 1): most are above the mean, and a few far below it."""
    if not 0 < mean < 1 or not qualities:
        return [mean] * len(qualities)
    # for evenly spread qualities, the mean of this power is `mean`
    drawn = [quality ** ((1 - mean) / mean) for quality in qualities]
    correction = mean * len(drawn) / sum(drawn)
    return [min(1.0, own * correction) for own in drawn]


def _pace(user_id: str, quality: float) -> float:
    """Return a pace: the less accurate Tolokers tend to be faster."""
    return 0.4 + 0.6 * quality + 0.4 * seeded_random.uniform(user_id, "pace")

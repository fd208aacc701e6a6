"""Confidence intervals of shares, agreement and medians, and of the differences between two of them.

Answers of one worker are alike, and so are answers to one task: all intervals allow for that.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Z = 1.959964  # of the normal distribution, for 95 %
DRAWS = 1_000  # the limits of an interval then vary by a few percent of its width
PERCENTILES = (2.5, 97.5)


class Estimate(NamedTuple):
    """An estimate with the limits of its interval; NaN if there is no data."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def differs(self, other: Estimate) -> bool:
        """Return whether the difference of two independent estimates is more than noise.

        Source: Donner and Zou (2012), "Closed-form confidence intervals for functions of the normal mean and standard
        deviation"; for shares it is the method of Newcombe.
        """
        low, high = (self, other) if self.value < other.value else (other, self)
        return bool(high.value - low.value > math.hypot(high.value - high.low, low.high - low.value))


def share_of(positive: np.ndarray, workers: np.ndarray) -> Estimate:
    """Estimate a share by Wilson's interval, for the number of independent answers that is as exact as these.

    Args:
        positive: For each answer whether it counts.
        workers: For each answer the number of its worker.

    Source: Kish, "Survey Sampling" (the design effect of clusters).
    """
    count = len(positive)
    if not count:
        return Estimate()
    share = positive.mean()
    residuals = np.bincount(workers, positive - share)
    sizes = np.bincount(workers)
    clusters = np.count_nonzero(sizes)
    variance = (residuals**2).sum() / count**2 * clusters / (clusters - 1) if clusters > 1 else 0.0
    effective = min(share * (1 - share) / variance * count / (count - 1), count) if variance else count
    centre = (share + Z**2 / (2 * effective)) / (1 + Z**2 / effective)
    half = Z / (1 + Z**2 / effective) * math.sqrt(share * (1 - share) / effective + Z**2 / (4 * effective**2))
    return Estimate(float(share), max(float(centre - half), 0.0), min(float(centre + half), 1.0))


def agreement_of(labels: Iterable[Sequence[str]]) -> Estimate:
    """Estimate Krippendorff's alpha of nominal labels: 1 if workers agree on each task, 0 if they agree as by chance.

    The interval is that of the linearised estimate, for independent tasks.

    Args:
        labels: For each task the labels that workers gave it. Tasks with a single label do not count.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), nominal data.
    """
    tasks = [Counter(given) for given in labels if len(given) > 1]
    totals = sum(tasks, Counter())
    count = totals.total()
    disagreement = count**2 - sum(number**2 for number in totals.values())
    if not disagreement:
        return Estimate()
    scale = (count - 1) / disagreement
    sizes = np.array([task.total() for task in tasks])
    within = np.array([sum(number**2 for number in task.values()) for task in tasks])
    common = np.array([sum(totals[label] * number for label, number in task.items()) for task in tasks])
    observed = (sizes**2 - within) / (sizes - 1)
    ratio = float(observed.sum() * scale)
    influence = observed * scale + ratio * (sizes / (count - 1) - 2 * (count * sizes - common) / disagreement)
    error = math.sqrt((influence**2).sum() * len(tasks) / max(len(tasks) - 1, 1))
    return Estimate(1 - ratio, 1 - ratio - Z * error, min(1 - ratio + Z * error, 1.0))


def median_of(values: np.ndarray, workers: np.ndarray) -> Estimate:
    """Estimate a median; the interval is a bootstrap of workers, with a fixed seed.

    Args:
        values: The values.
        workers: For each value the number of its worker.
    """
    if not len(values):
        return Estimate()
    order = np.argsort(values, kind="stable")
    values, workers = values[order], workers[order]
    count = int(workers.max()) + 1
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    medians = [_weighted_median(values, weights[workers]) for weights in draws if weights[workers].any()]
    low, high = np.percentile(medians, PERCENTILES)
    return Estimate(float(np.median(values)), float(low), float(high))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the median of sorted values, each of which occurs a number of times."""
    counts = weights.cumsum()
    middle = (counts[-1] - 1) // 2, counts[-1] // 2
    first, second = np.searchsorted(counts, middle, side="right")
    return float(values[first] + values[second]) / 2

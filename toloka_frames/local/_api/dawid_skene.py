"""The answers of Tolokers aggregated as Dawid and Skene do it.

Each Toloker has a confusion matrix: with which probability the Toloker gives which answer where which one is true. These
matrices and the true answers are estimated in turns (expectation maximization), beginning with the shares of the votes.

Source: A. P. Dawid and A. M. Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm" (1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Positions: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_MAX_ROUNDS = 100
_TOLERANCE = 1e-6
# of an answer that a Toloker has never given where another one is true
_MIN_PROBABILITY = 1e-10
# More different answers, as free text has, are not confused with each other: then the shares of the votes stay as they are.
_MAX_LABELS = 100


def dawid_skene(votes: Sequence[tuple[str, str, Hashable]]) -> dict[str, dict[Hashable, float]]:
    """Return for each task the probabilities of the answers, those above 0.

    Args:
        votes: The task, the Toloker and the answer of each vote.
    """
    (tasks, task), (workers, worker), (labels, label) = (_positions(column) for column in zip(*votes, strict=True))
    beliefs = np.zeros((len(tasks), len(labels)))
    np.add.at(beliefs, (task, label), 1.0)
    beliefs /= beliefs.sum(axis=1, keepdims=True)
    for _ in range(_MAX_ROUNDS if len(labels) <= _MAX_LABELS else 0):
        before, matrices = beliefs, _confusion_matrices(beliefs[task], worker, label, len(workers))
        logarithms = np.tile(np.log(np.maximum(beliefs.mean(axis=0), _MIN_PROBABILITY)), (len(tasks), 1))
        np.add.at(logarithms, task, np.log(matrices[worker, :, label]))
        beliefs = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
        beliefs /= beliefs.sum(axis=1, keepdims=True)
        if np.abs(beliefs - before).max() < _TOLERANCE:
            break
    return {name: {labels[at]: float(row[at]) for at in np.flatnonzero(row)} for name, row in zip(tasks, beliefs, strict=True)}


def _positions(column: Sequence[Any]) -> tuple[list[Any], Positions]:
    """Return the different values of a column, and the position among these of each value."""
    values = list(dict.fromkeys(column))
    position = {value: number for number, value in enumerate(values)}
    return values, np.array([position[value] for value in column], dtype=np.int64)


def _confusion_matrices(beliefs: Floats, worker: Positions, label: Positions, workers: int) -> Floats:
    """Return the probabilities of answers by Toloker, true answer and given answer; `beliefs` are of each vote's task."""
    counts = np.zeros((workers, beliefs.shape[1], beliefs.shape[1]))
    np.add.at(counts.transpose(0, 2, 1), (worker, label), beliefs)
    is_given = np.zeros((workers, 1, beliefs.shape[1]), dtype=bool)
    is_given[worker, 0, label] = True
    counts = np.where(is_given, np.maximum(counts, _MIN_PROBABILITY), 0.0)
    matrices: Floats = counts / counts.sum(axis=2, keepdims=True)
    return matrices

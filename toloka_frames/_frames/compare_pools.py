"""Compare pools by the answers in them: quality, agreement, speed and cost, and which differences are more than noise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.assignment_events import add_control_answers, check_answers, labels_of, read_assignments
from toloka_frames._frames.columns import (
    ASSIGNMENT_ID,
    ASSIGNMENT_STATUS,
    TASK_ID,
    answers_once,
    check_columns,
    names_with_prefix,
)
from toloka_frames._frames.dollars import decimals, dollars
from toloka_frames._frames.intervals import agreement_of, median_of, share_of
from toloka_frames._frames.summaries import ACCEPTED_STATUSES, POOL_ID, REWARD
from toloka_frames._schema.pandas_values import as_text
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toloka_frames._frames.assignment_events import Assignment
    from toloka_frames._frames.intervals import Estimate

COUNTS = ("assignments", "tasks", "workers", "control_answers")
MEASURES = ("share_right", "agreement", "seconds")
COLUMNS = (
    *COUNTS,
    "banned",
    *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high", "_differs")),
    *("dollars", "dollars_per_task"),
)


def compare(
    answers: Iterable[pd.DataFrame], *, names: Sequence[str] | None = None, bans: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compare pools by their answers: a row for each pool, with intervals that say what is noise.

    To find the best rules, rewards or instructions, run small pools that differ in one of these, and compare them. The first
    pool is the one that the others are compared with.

    Submitted, accepted and rejected assignments count. All intervals are of 95 %. They allow for answers of the same worker
    being alike; with fewer than about ten workers they are too narrow.

    Args:
        answers: A frame for each pool, as `get_assignments` returns it: columns `ASSIGNMENT:assignment_id`,
            `ASSIGNMENT:task_id`, `ASSIGNMENT:worker_id`, `ASSIGNMENT:status` (text), `ASSIGNMENT:started`,
            `ASSIGNMENT:submitted` (timestamps), `ASSIGNMENT:reward` (US dollars) and `OUTPUT:` (any); with control tasks also
            `GOLDEN:` of the same fields.
        names: A name for each pool. By default the ids of the pools, or their numbers.
        bans: To count banned workers: column `user_id` (text), as `get_user_restrictions` returns it, or `worker_id`, as
            `replay_rules` does; those of the pools' project. A ban of scope POOL counts for its `pool_id` only.

    Returns:
        A row for each pool, with the names as index (named `pool`). Columns:
        `assignments`, `tasks` (distinct ones), `workers`, `control_answers` (int64), `banned` (Int64; workers with a ban,
        missing without `bans`);
        `share_right` (float64, 0 to 1), the share of answers to control tasks that is right;
        `agreement` (float64, at most 1), Krippendorff's alpha of the other tasks: 1 if workers always agree, 0 if as by chance;
        `seconds` (float64), the median of the time for a page, divided by its number of tasks;
        each of these three with the limits of its interval in `..._low` and `..._high`, NaN without data, and in
        `..._differs` (bool) whether the difference from the first pool is more than noise;
        `dollars` (float64), the rewards of the accepted assignments, and `dollars_per_task` (float64), these for each task
        without a known solution that has an accepted answer.

    Raises:
        InputError: If a column is missing, or the number of names is not that of the pools.

    Example:
        >>> answers = client.get_assignments(pool.id).to_dataframe()
        >>> tf.compare([answers, answers], names=["before", "after"])[["assignments", "tasks", "share_right_differs"]]
                assignments  tasks  share_right_differs
        pool
        before            4      9                False
        after             4      9                False

    Source: Wilson's interval with the design effect of workers for shares; Krippendorff, "Computing Krippendorff's
    Alpha-Reliability"; a bootstrap of workers, with a fixed seed, for medians; Donner and Zou for differences.
    """
    frames = _frames(answers)
    bans = None if bans is None else check_frame(bans)
    rows = [_row(frame, bans) for frame in frames]
    index = pd.Index(_names(frames, names), name="pool")
    frame = pd.DataFrame(rows, index=index)
    for name in MEASURES:
        estimates = [row[name] for row in rows]
        for end, values in _columns(estimates).items():
            frame[f"{name}{end}"] = pd.Series(values, index)
    return frame.astype({"banned": "Int64"})[list(COLUMNS)]


def _frames(answers: Any) -> list[pd.DataFrame]:
    if isinstance(answers, pd.DataFrame | str | Mapping) or not hasattr(answers, "__iter__"):
        raise InputError("A list with a frame for each pool is needed.", column="answers", hint="tf.compare([a, b])")
    frames = [check_frame(frame) for frame in answers]
    if not frames:
        raise InputError("There are no pools to compare.", column="answers", hint="tf.compare([a, b])")
    return frames


def _names(frames: Sequence[pd.DataFrame], names: Sequence[str] | None) -> list[str]:
    """Return the names of pools; by default their ids, if each frame is of one pool, or their numbers."""
    if names is None:
        ids = [set(as_text(frame[POOL_ID]).dropna()) if POOL_ID in frame.columns else set() for frame in frames]
        first = [str(*of_frame) for of_frame in ids if len(of_frame) == 1]
        return first if len(set(first)) == len(frames) else [str(number + 1) for number in range(len(frames))]
    if isinstance(names, str) or len(names) != len(frames):
        raise InputError(f"names={names!r}: a list of {len(frames)} names is needed, one for each pool.", column="names")
    return [str(name) for name in names]


def _row(answers: pd.DataFrame, bans: pd.DataFrame | None) -> dict[str, Any]:
    """Return the counts and the estimates of a pool."""
    check_answers(answers, [TASK_ID, "ASSIGNMENT:started", REWARD])
    assignments = [one for one in read_assignments(answers) if "submitted" in one.times]
    if names_with_prefix(answers, "GOLDEN:"):
        add_control_answers(answers, assignments)
    rows = answers_once(answers[as_text(answers[ASSIGNMENT_ID]).isin([one.id for one in assignments])])
    workers = {one.worker for one in assignments}
    return {
        "assignments": len(assignments),
        "tasks": rows[TASK_ID].nunique(),
        "workers": len(workers),
        "control_answers": sum(len(one.control) for one in assignments),
        "banned": None if bans is None else len(workers & _banned(bans, answers)),
        "share_right": _share_right(assignments),
        "agreement": _agreement(rows),
        "seconds": _seconds(assignments, Counter(as_text(rows[ASSIGNMENT_ID]))),
        **_money(rows),
    }


def _banned(bans: pd.DataFrame, answers: pd.DataFrame) -> set[str]:
    """Return the workers with a ban that holds in the pool of these answers."""
    user = "user_id" if "user_id" in bans.columns else "worker_id"
    check_columns(bans, ["user_id"] if user not in bans.columns else [])
    if "scope" in bans.columns:
        bans = bans[bans["scope"].notna()]  # other actions of a replay
        if "pool_id" in bans.columns and POOL_ID in answers.columns:
            is_elsewhere = bans["scope"].eq("POOL") & ~as_text(bans["pool_id"]).isin(as_text(answers[POOL_ID]))
            bans = bans[~is_elsewhere.to_numpy(bool)]
    return set(as_text(bans[user]))


def _share_right(assignments: Iterable[Assignment]) -> Estimate:
    outcomes = [(is_right, one.worker) for one in assignments for is_right, _ in one.control]
    right = np.array([is_right for is_right, _ in outcomes], dtype="float64")
    return share_of(right, _numbers(worker for _, worker in outcomes))


def _agreement(rows: pd.DataFrame) -> Estimate:
    by_task: dict[str, list[str]] = defaultdict(list)
    for _, task, label in labels_of(rows):
        by_task[task].append(label)
    return agreement_of(by_task.values())


def _seconds(assignments: Iterable[Assignment], tasks: Counter[str]) -> Estimate:
    timed = [one for one in assignments if "started" in one.times]
    seconds = [(one.times["submitted"] - one.times["started"]) / 1_000_000 / tasks[one.id] for one in timed]
    return median_of(np.array(seconds, dtype="float64"), _numbers(one.worker for one in timed))


def _money(rows: pd.DataFrame) -> dict[str, float]:
    accepted = rows[rows[ASSIGNMENT_STATUS].isin(ACCEPTED_STATUSES)]
    total = Decimal(sum(decimals(accepted.drop_duplicates(ASSIGNMENT_ID)[REWARD])))
    tasks = len({task for _, task, _ in labels_of(accepted)})
    spent, per_task = dollars([total, total / max(tasks, 1)])
    return {"dollars": spent, "dollars_per_task": per_task if tasks else np.nan}


def _numbers(workers: Iterable[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return a number for each worker, in the order of their ids."""
    return np.unique(np.array(list(workers), dtype=str), return_inverse=True)[1]


def _columns(estimates: Sequence[Estimate]) -> dict[str, list[Any]]:
    """Return the columns of a measure by the ends of their names."""
    return {
        "": [one.value for one in estimates],
        "_low": [one.low for one in estimates],
        "_high": [one.high for one in estimates],
        "_differs": [one.differs(estimates[0]) for one in estimates],
    }

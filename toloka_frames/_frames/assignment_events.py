"""What happened to assignments, in the order of time: a frame of answers as events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import pandas as pd

from toloka_frames._frames.columns import (
    ASSIGNMENT_ID,
    ASSIGNMENT_STATUS,
    TASK_ID,
    WORKER_ID,
    answers_once,
    check_columns,
    columns_with_prefix,
    names_with_prefix,
)
from toloka_frames._frames.comparison import have_values, label
from toloka_frames._frames.dollars import decimals
from toloka_frames._frames.over_time import times
from toloka_frames._frames.summaries import POOL_ID, REWARD, control_answers
from toloka_frames._schema.pandas_values import as_text, task_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EventKind: TypeAlias = Literal["submitted", "rejected", "accepted", "skipped", "expired", "started"]
# In this order where their times are equal: a rejected assignment can be accepted, and the next one starts at the earliest when
# the last one was submitted.
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
SUITE_ID = "ASSIGNMENT:task_suite_id"
OVERLAP = "TASK:overlap"
UNPAID_STATUSES = ("REJECTED", "SKIPPED", "EXPIRED", "ACTIVE")


class Answer(NamedTuple):
    """An answer to a task, and the number of answers that complete the task."""

    task: str
    label: str
    overlap: int


@dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """An assignment of a worker.

    Attributes:
        times: When each event happened, in microseconds.
        is_paid: Whether its reward was paid, or will be paid if it is accepted.
        control: Whether each answer to a control or training task is right, and whether it is of a training task.
        answers: Each answer to another task.
    """

    id: str
    worker: str
    pool: str | None
    suite: str | None
    reward: Decimal
    is_paid: bool
    times: Mapping[EventKind, int]
    control: list[tuple[bool, bool]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def begun(self) -> int:
        """When it was started, or the first that is known of it."""
        return self.times.get("started") or min(self.times.values(), default=0)


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """What happened to an assignment at a time, in microseconds."""

    at: int
    kind: EventKind
    assignment: Assignment


def read_assignments(answers: pd.DataFrame) -> list[Assignment]:
    """Return the assignments of a frame, each once, in the order of their ids.

    Raises:
        InputError: If a column is missing, or a value is no timestamp or no amount of money.
    """
    check_answers(answers, [ASSIGNMENT_ID, WORKER_ID, ASSIGNMENT_STATUS, f"ASSIGNMENT:{EVENT_KINDS[0]}"])
    rows = answers.dropna(subset=[ASSIGNMENT_ID, WORKER_ID]).drop_duplicates(ASSIGNMENT_ID)
    happened = {kind: _microseconds(rows, f"ASSIGNMENT:{kind}") for kind in EVENT_KINDS}
    statuses = _texts(rows, ASSIGNMENT_STATUS)
    rewards = decimals(rows[REWARD]) if REWARD in rows.columns else [Decimal("NaN")] * len(rows)
    ids, workers, pools, suites = (_texts(rows, name) for name in (ASSIGNMENT_ID, WORKER_ID, POOL_ID, SUITE_ID))
    assignments = [
        Assignment(
            ids[row],
            workers[row],
            pools[row],
            suites[row],
            reward,
            statuses[row] not in UNPAID_STATUSES,
            {kind: at for kind in EVENT_KINDS if (at := happened[kind][row]) is not None},
        )
        for row, reward in enumerate(rewards)
    ]
    return sorted(assignments, key=lambda assignment: assignment.id)


def check_answers(answers: pd.DataFrame, names: Sequence[str]) -> None:
    """Check that answers have these columns, some of which are not in an export by default; errors as in `check_columns`."""
    missing = [name for name in names if name not in answers.columns]
    hint = "client.get_assignments(pool_id) has it; client.get_assignments_df with field=[..., {!r}]."
    check_columns(answers, names, hint.format(missing[0]) if missing else "")


def add_control_answers(answers: pd.DataFrame, assignments: Iterable[Assignment]) -> None:
    """Add to assignments which of their answers to control and training tasks are right; errors as in `quality`."""
    by_id = {assignment.id: assignment for assignment in assignments}
    control = control_answers(answers)
    is_training = have_values(control, names_with_prefix(control, "HINT:"))
    for key, right, training in zip(_texts(control, ASSIGNMENT_ID), control["right"], is_training, strict=True):
        if key in by_id:
            by_id[key].control.append((bool(right), bool(training)))


def add_labels(answers: pd.DataFrame, assignments: Iterable[Assignment]) -> None:
    """Add to assignments their answers to tasks without a known solution.

    The overlap of a task is that in the frame; where there is none, the answers in hand are all.

    Raises:
        InputError: If a column is missing.
    """
    by_id = {assignment.id: assignment for assignment in assignments if "submitted" in assignment.times}
    labels = [found for found in labels_of(answers) if found[0] in by_id]
    overlaps = dict(Counter(task for _, task, _ in labels))
    if OVERLAP in answers.columns:
        known = pd.to_numeric(answers.drop_duplicates(TASK_ID).set_index(TASK_ID)[OVERLAP]).dropna()
        overlaps |= {str(task): overlap for task, overlap in known[known > 0].items()}
    for key, task, text in labels:
        by_id[key].answers.append(Answer(task, text, overlaps[task]))


def labels_of(answers: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return assignment, task and label of each answer to a task without a known solution.

    The label is made of all output fields; equal values have equal labels, as in `to_crowdkit`.

    Raises:
        InputError: If a column is missing.
    """
    outputs = sorted(columns_with_prefix(answers, "OUTPUT:"))
    check_columns(answers, [ASSIGNMENT_ID, TASK_ID, *outputs])
    answers = answers_once(answers)
    is_control = have_values(answers, names_with_prefix(answers, "GOLDEN:"))
    rows = answers[have_values(answers, outputs) & ~is_control].dropna(subset=[ASSIGNMENT_ID, TASK_ID])
    fields = [map(label, task_values(rows[name])) for name in outputs]
    texts = [repr(values) for values in zip(*fields, strict=True)]
    return list(zip(_texts(rows, ASSIGNMENT_ID), _texts(rows, TASK_ID), texts, strict=True))


def events_of(assignments: Iterable[Assignment]) -> list[Event]:
    """Return the events of assignments in the order of time."""
    events = [Event(at, kind, assignment) for assignment in assignments for kind, at in assignment.times.items()]
    order = {kind: number for number, kind in enumerate(EVENT_KINDS)}
    return sorted(events, key=lambda event: (event.at, event.kind == "started", event.assignment.id, order[event.kind]))


def _microseconds(frame: pd.DataFrame, name: str) -> list[int | None]:
    at = times(frame, name)
    return [None if missing else number for number, missing in zip(at.astype("int64").tolist(), at.isna(), strict=True)]


def _texts(frame: pd.DataFrame, name: str) -> list[Any]:
    """Return a column as text, None where it is missing, also if the frame has not this column."""
    if name not in frame.columns:
        return [None] * len(frame)
    return as_text(frame[name]).astype(object).where(frame[name].notna().to_numpy(bool), None).tolist()

"""Replay rules of quality control over answers: who would have been banned or given a skill, and what that would change."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._frames.assignment_events import add_control_answers, add_labels, check_answers, events_of, read_assignments
from toloka_frames._frames.collectors import COLLECTORS
from toloka_frames._frames.columns import names_with_prefix
from toloka_frames._frames.dollars import dollars
from toloka_frames._frames.rules import number_text, read_rules
from toloka_frames._schema.pandas_values import as_text
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toloka_frames._frames.assignment_events import Assignment, Event
    from toloka_frames._frames.collectors import Changed, Collector
    from toloka_frames._frames.rules import Rule, RuleConfig

TEXT_COLUMNS = ("worker_id", "pool_id", "rule", "reason", "action", "scope", "skill_id")
TIME_COLUMNS = ("at", "until")
COLUMNS = (
    *("at", "worker_id", "pool_id", "rule", "reason", "action", "scope", "until", "skill_id", "skill_value"),
    *("assignments", "dollars", "control_answers", "share_right", "assignment_ids"),
)


@dataclass(eq=False)
class Outcome:
    """What a rule would have done at a time, to a worker by an assignment, and the assignments that this touches.

    Attributes:
        lifted_in: The pools in which the worker has been seen after the end of a ban.
    """

    at: int
    worker: str
    assignment: Assignment
    rule: Rule
    reason: str
    until: int | None = None
    skill_value: float | None = None
    touched: list[Assignment] = field(default_factory=list)
    lifted_in: set[str | None] = field(default_factory=set)

    @property
    def scope(self) -> str | None:
        """The scope of a ban; None for other actions."""
        return self.rule.parameters.get("scope")

    def is_in(self, pool: str | None) -> bool:
        """Return whether a ban holds in a pool."""
        return self.scope != "POOL" or self.assignment.pool == pool

    def covers(self, assignment: Assignment, at: int) -> bool:
        """Return whether a ban holds at a time in the assignment's pool."""
        return self.is_in(assignment.pool) and (self.until is None or at < self.until)

    def is_lifted(self, assignment: Assignment, at: int) -> bool:
        """Return whether a ban has ended before a time, and the worker was not seen in the assignment's pool since."""
        is_over = self.until is not None and self.until <= at
        return is_over and self.is_in(assignment.pool) and assignment.pool not in self.lifted_in

    def includes(self, ban: Outcome) -> bool:
        """Return whether this ban holds wherever and as long as a later one does."""
        is_longer = self.until is None or (ban.until is not None and ban.until <= self.until)
        is_wider = self.scope != "POOL" or (ban.scope == "POOL" and self.assignment.pool == ban.assignment.pool)
        return is_longer and is_wider


def replay_rules(answers: pd.DataFrame, rules: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Replay rules of quality control over answers in hand: what would they have done? No request is sent.

    Everything that happened to the assignments is taken in the order of time, and the rules are evaluated after each event, as
    the service does it. Assignments that a worker started during a ban would not exist: they are left out, and change nobody's
    statistics. All others stay as they are. That other workers would have got these pages, and that a filter of the pool
    requires a skill, is not replayed.

    A task of an assignment counts once, also where the frame has it twice.

    The statistics of a worker are of one pool, or with `history_size` of the latest answers in all pools of the frame. They
    begin anew when a ban has ended. MAJORITY_VOTE counts a task as soon as it has all its answers; right are those that
    `answer_threshold` workers have given. A rule that sets a skill gives a row when the value changes. A ban gives a row unless
    an earlier one includes it.

    CAPTCHA, TRAINING and USERS_ASSESSMENT cannot be replayed, because answers do not hold what they count. Such a rule is left
    out, with a warning.

    Args:
        answers: As `get_assignments` returns them, of one or several pools of a project. Columns `ASSIGNMENT:assignment_id`,
            `ASSIGNMENT:worker_id`, `ASSIGNMENT:status` (text) and `ASSIGNMENT:submitted` (timestamps, in UTC without a zone);
            used if they are there: `ASSIGNMENT:started`, `ASSIGNMENT:reward` (US dollars), `ASSIGNMENT:pool_id`, `GOLDEN:` and
            `OUTPUT:` of the same fields. Needed for GOLDEN_SET: `GOLDEN:` and `OUTPUT:`; for MAJORITY_VOTE:
            `ASSIGNMENT:task_id` and `OUTPUT:`, and `TASK:overlap` if answers are still to come; for ASSIGNMENT_SUBMIT_TIME:
            `ASSIGNMENT:started`; for SKIPPED_IN_ROW_ASSIGNMENTS: `ASSIGNMENT:skipped`, and skipped assignments among the rows;
            for ANSWER_COUNT and INCOME: `ASSIGNMENT:accepted`; for ACCEPTANCE_RATE and ASSIGNMENTS_ASSESSMENT:
            `ASSIGNMENT:accepted` and `ASSIGNMENT:rejected`.
        rules: What `tf.rule` returns, a list of these, the `quality_control` of a pool, or a pool.

    Returns:
        A row for each action, in the order of time, on a new index. Columns `at` (datetime64[us, UTC]), `worker_id`, `pool_id`,
        `rule` ("GOLDEN_SET: correct_answers_rate < 60"), `reason` ("correct_answers_rate = 50") and `action` (text); of a ban
        `scope` (text) and `until` (datetime64[us, UTC]; missing if it is permanent); of a skill `skill_id` (text) and
        `skill_value` (float64).

        The other columns say which assignments the action touches: `assignments` (int64), `dollars` (float64; the rewards of
        those that were accepted or are not reviewed yet), `control_answers` (int64), `share_right` (float64, 0 to 1; NaN
        without control answers) and `assignment_ids` (tuples of text). A ban touches the assignments that would not exist, each
        counted for the first ban that prevents it. A skill touches those that the worker started in the pool before the value
        changed again. APPROVE_ALL_ASSIGNMENTS and REJECT_ALL_ASSIGNMENTS touch those of the worker that are not reviewed yet.
        For CHANGE_OVERLAP, `assignments` and `dollars` are those that are added.

        `.attrs["summary"]` is a dict of numbers: `workers`, `banned`, of the submitted assignments `assignments`, `dollars` and
        `share_right`, and `assignments_left`, `dollars_left`, `share_right_left` without those that would not exist.

    Raises:
        InputError: If a column is missing, or a rule is not valid or cannot be replayed.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "ASSIGNMENT:assignment_id": ["a1", "a2", "a3"],
        ...         "ASSIGNMENT:worker_id": ["anna", "anna", "anna"],
        ...         "ASSIGNMENT:status": ["ACCEPTED", "ACCEPTED", "ACCEPTED"],
        ...         "ASSIGNMENT:submitted": ["2026-01-31T09:50", "2026-01-31T09:55", "2026-01-31T10:10"],
        ...         "ASSIGNMENT:reward": [0.02, 0.02, 0.02],
        ...         "OUTPUT:result": ["cat", "dog", "dog"],
        ...         "GOLDEN:result": ["cat", "cat", "cat"],
        ...     }
        ... )
        >>> rule = tf.rule("GOLDEN_SET", "correct_answers_rate < 60", tf.ban(permanent=True))
        >>> answers.pipe(tf.replay_rules, rule)[["worker_id", "reason", "assignments", "dollars"]]
          worker_id                     reason  assignments  dollars
        0      anna  correct_answers_rate = 50            1     0.02

    Source: Toloka-Kit 1.2.3, `collectors`, `conditions` and `actions`; Toloka's guide, "Quality control rules".
    """
    answers = check_frame(answers)
    configs, left_out = read_rules(rules)
    for reason in left_out:
        warnings.warn(f"{reason} It is left out.", UserWarning, stacklevel=3)  # this function, and its wrapper as a public call
    assignments = _assignments(answers, configs)
    replay = Replay(configs)
    for event in events_of(assignments):
        replay.record(event)
    _add_after_skills(replay.outcomes, assignments, replay.gone)
    frame = _frame(replay.outcomes)
    frame.attrs["summary"] = _summary(assignments, replay)
    return frame


class Replay:
    """Rules at work: takes events in the order of time.

    Attributes:
        outcomes: What the rules have done.
        gone: The ids of the assignments that would not exist.
    """

    def __init__(self, configs: Sequence[RuleConfig]) -> None:
        self.outcomes: list[Outcome] = []
        self.gone: set[str] = set()
        self._configs = configs
        self._collectors: dict[str | None, list[Collector]] = {}
        self._begun: set[str] = set()
        self._bans: dict[str, list[Outcome]] = defaultdict(list)
        self._skills: dict[tuple[str, str], float] = {}
        self._pending: dict[tuple[str, str | None], dict[str, Assignment]] = defaultdict(dict)

    def record(self, event: Event) -> None:
        """Take an event: update the statistics, and act by the rules whose conditions then hold."""
        exists = self._exists(event)
        collectors = self._collectors_of(event.assignment.pool)
        if exists:
            self._note_review(event)
            self._forget(event, collectors)
        for config, collector in zip(self._configs, collectors, strict=True):
            for changed in collector.record(event) if exists else collector.miss(event):
                for rule in config.rules:
                    if all(condition.holds(changed.statistics) for condition in rule.conditions):
                        self._act(event.at, rule, changed)

    def _forget(self, event: Event, collectors: Sequence[Collector]) -> None:
        """Begin the history of a worker anew after the end of a ban."""
        assignment = event.assignment
        for ban in self._bans[assignment.worker]:
            if ban.is_lifted(assignment, event.at):
                ban.lifted_in.add(assignment.pool)
                for collector in collectors:
                    collector.forget(assignment.worker)

    def _exists(self, event: Event) -> bool:
        """Return whether an assignment would exist; its first event decides."""
        assignment = event.assignment
        if assignment.id not in self._begun:
            self._begun.add(assignment.id)
            ban = next((ban for ban in self._bans[assignment.worker] if ban.covers(assignment, event.at)), None)
            if ban is not None:
                self.gone.add(assignment.id)
                ban.touched.append(assignment)
        return assignment.id not in self.gone

    def _note_review(self, event: Event) -> None:
        pending = self._pending[event.assignment.worker, event.assignment.pool]
        if event.kind == "submitted":
            pending[event.assignment.id] = event.assignment
        elif event.kind in ("accepted", "rejected"):
            pending.pop(event.assignment.id, None)

    def _collectors_of(self, pool: str | None) -> list[Collector]:
        """Return the collectors that count in a pool; those with a `history_size` count in all pools."""
        if pool not in self._collectors:
            new = [COLLECTORS[config.collector](config.parameters) for config in self._configs]
            old = next(iter(self._collectors.values()), new)
            is_shared = [config.parameters.get("history_size") is not None for config in self._configs]
            self._collectors[pool] = [old[place] if is_one else new[place] for place, is_one in enumerate(is_shared)]
        return self._collectors[pool]

    def _act(self, at: int, rule: Rule, changed: Changed) -> None:
        reason = ", ".join(
            f"{key} = {number_text(changed.statistics[key])}" for key in dict.fromkeys(one.key for one in rule.conditions)
        )
        outcome = Outcome(at, changed.worker, changed.assignment, rule, reason)
        if self._changes_something(outcome, changed):
            self.outcomes.append(outcome)

    def _changes_something(self, outcome: Outcome, changed: Changed) -> bool:
        """Carry out an action, and return whether anything is different from before."""
        if outcome.rule.is_ban:
            return self._ban(outcome)
        if outcome.rule.action in ("APPROVE_ALL_ASSIGNMENTS", "REJECT_ALL_ASSIGNMENTS"):
            pending = self._pending.pop((outcome.worker, outcome.assignment.pool), {})
            outcome.touched = list(pending.values())
            return bool(pending)
        return outcome.rule.action == "CHANGE_OVERLAP" or self._set_skill(outcome, changed)

    def _ban(self, outcome: Outcome) -> bool:
        length = outcome.rule.microseconds
        outcome.until = None if length is None else outcome.at + length
        bans = self._bans[outcome.worker]
        if any(ban.includes(outcome) for ban in bans):
            return False
        bans.append(outcome)
        return True

    def _set_skill(self, outcome: Outcome, changed: Changed) -> bool:
        parameters = outcome.rule.parameters
        value = parameters.get("skill_value")
        if "from_field" in parameters:
            # the API's document calls one of the rates "wrong"
            value = changed.statistics[parameters["from_field"].replace("wrong", "incorrect")]
        key = (outcome.worker, str(parameters.get("skill_id")))
        if value is None or self._skills.get(key) == value:
            return False
        self._skills[key] = outcome.skill_value = float(value)
        return True


def _assignments(answers: pd.DataFrame, configs: Sequence[RuleConfig]) -> list[Assignment]:
    """Return the assignments with what the collectors need."""
    names = {config.collector for config in configs}
    check_answers(answers, sorted({column for name in names for column in COLLECTORS[name].needs_columns}))
    assignments = read_assignments(answers)
    if "GOLDEN_SET" in names or names_with_prefix(answers, "GOLDEN:"):
        add_control_answers(answers, assignments)
    if "MAJORITY_VOTE" in names:
        add_labels(answers, assignments)
    return assignments


def _add_after_skills(outcomes: Iterable[Outcome], assignments: Iterable[Assignment], gone: set[str]) -> None:
    """Add to the outcomes that set a skill the assignments that the worker has started until the skill changes again."""
    by_worker: dict[tuple[str, str | None], list[Assignment]] = defaultdict(list)
    for assignment in sorted(assignments, key=lambda one: one.begun):
        if assignment.id not in gone:
            by_worker[assignment.worker, assignment.pool].append(assignment)
    ends: dict[tuple[str, Any], float] = {}
    for outcome in reversed([outcome for outcome in outcomes if outcome.skill_value is not None]):
        key = (outcome.worker, outcome.rule.parameters.get("skill_id"))
        own = by_worker[outcome.worker, outcome.assignment.pool]
        first = bisect_left(own, outcome.at, key=lambda one: one.begun)
        outcome.touched = own[first : bisect_left(own, ends.get(key, math.inf), key=lambda one: one.begun)]
        ends[key] = outcome.at


def _frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    frame = pd.DataFrame([_row(outcome) for outcome in outcomes], columns=list(COLUMNS))
    texts = {name: as_text(frame[name]) for name in TEXT_COLUMNS}
    numbers = {name: frame[name].astype("float64") for name in ("dollars", "skill_value", "share_right")}
    counts = {name: frame[name].astype("int64") for name in ("assignments", "control_answers")}
    times = {name: pd.to_datetime(frame[name], unit="us", utc=True).astype("datetime64[us, UTC]") for name in TIME_COLUMNS}
    return frame.assign(**texts, **numbers, **counts, **times)


def _row(outcome: Outcome) -> dict[str, Any]:
    parameters, touched = outcome.rule.parameters, outcome.touched
    count, money = len(touched), sum_of_rewards(touched)
    if outcome.rule.action == "CHANGE_OVERLAP":
        count = parameters["delta"]
        money = count * outcome.assignment.reward
    return {
        "at": outcome.at,
        "worker_id": outcome.worker,
        "pool_id": outcome.assignment.pool,
        "rule": str(outcome.rule),
        "reason": outcome.reason,
        "action": outcome.rule.action,
        "scope": outcome.scope,
        "until": outcome.until,
        "skill_id": parameters.get("skill_id"),
        "skill_value": outcome.skill_value,
        "assignments": count,
        "dollars": dollars([money])[0],
        "control_answers": sum(len(one.control) for one in touched),
        "share_right": share_right(touched),
        "assignment_ids": tuple(one.id for one in touched),
    }


def _summary(assignments: Sequence[Assignment], replay: Replay) -> dict[str, float]:
    """Return counts of all submitted assignments, and of those that would exist."""
    submitted = [one for one in assignments if "submitted" in one.times]
    left = [one for one in submitted if one.id not in replay.gone]
    banned = {outcome.worker for outcome in replay.outcomes if outcome.rule.is_ban}
    return {
        "workers": len({one.worker for one in submitted}),
        "banned": len(banned),
        "assignments": len(submitted),
        "assignments_left": len(left),
        "dollars": dollars([sum_of_rewards(submitted)])[0],
        "dollars_left": dollars([sum_of_rewards(left)])[0],
        "share_right": share_right(submitted),
        "share_right_left": share_right(left),
    }


def sum_of_rewards(assignments: Iterable[Assignment]) -> Decimal:
    """Return the rewards of assignments that were paid, or will be if they are accepted."""
    return sum((one.reward for one in assignments if one.is_paid), Decimal(0))


def share_right(assignments: Iterable[Assignment]) -> float:
    """Return the share of right answers to control tasks; NaN if there are none."""
    outcomes = [is_right for one in assignments for is_right, _ in one.control]
    return sum(outcomes) / len(outcomes) if outcomes else math.nan

"""Quality control: who may work on a pool, and what happens after each assignment (Toloka API, PoolQualityControl)."""

from __future__ import annotations

import math
import operator
from collections import Counter
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.quality_actions import change_overlap, judge_all, restrict, set_skill
from toloka_frames.local._api.quality_statistics import COLLECTORS, Collector, Event, MajorityVote, Statistics
from toloka_frames.local._api.training_skills import training_skill_id
from toloka_frames.local._api.worker_filter import ORDERINGS, admits
from toloka_frames.local._base.ids_and_timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames.local._store.store import Row, Store

_BANS = (
    "SELECT body ->> '$.will_expire' FROM user_restrictions WHERE user_id = :user AND (scope IN ('SYSTEM', 'ALL_PROJECTS')"
    " OR (scope = 'PROJECT' AND project_id = :project) OR (scope = 'POOL' AND pool_id = :pool))"
)
_IN_PROJECT = "pool_id IN (SELECT id FROM pools WHERE project_id = :project)"
_OPERATORS = {"EQ": operator.eq, "NE": operator.ne, **ORDERINGS}
# an assignment gets them one after another
_KINDS = ("SUBMITTED", "SKIPPED", "EXPIRED", "REJECTED", "ACCEPTED")
_VERDICTS = {"APPROVE_ALL_ASSIGNMENTS": "ACCEPTED", "REJECT_ALL_ASSIGNMENTS": "REJECTED"}
ASSESSMENT = "ASSIGNMENTS_ASSESSMENT"
ACTIONS = ("RESTRICTION", "RESTRICTION_V2", "SET_SKILL", "SET_SKILL_FROM_OUTPUT_FIELD", "CHANGE_OVERLAP", *_VERDICTS)


class QualityControl:
    """The rules of a pool and its project, for one run of simulated work or one verdict of the requester.

    Args:
        store: The store.
        pool: The pool.
        speed: How many times as fast as people the Tolokers work, so that rules about the time for a page hold at any speed.
    """

    def __init__(self, store: Store, pool: Row, speed: float = 1.0) -> None:
        self._store = store
        self._pool = pool
        self._speed = speed
        self._requirement: Row = (pool.get("quality_control") or {}).get("training_requirement") or {}
        configs = [*configs_of(pool), *configs_of(store.find("projects", pool["project_id"]) or {})]
        self._assessments = [config for config in configs if _type(config) == ASSESSMENT]
        self._configs = [
            (config, COLLECTORS[_type(config)](pool, config["collector_config"].get("parameters") or {}))
            for config in configs
            if _type(config) in COLLECTORS
        ]
        # whether a Toloker may work, until when that is known
        self._access: dict[str, tuple[bool, float]] = {}
        # when the statistics of a Toloker began
        self._begun: dict[str, float] = {}
        self._has_votes = False

    def may_work(self, user_id: str, at: float) -> bool:
        """Return whether a Toloker may get a page at a time in Unix seconds."""
        is_allowed, until = self._access.get(user_id, (False, -math.inf))
        if at >= until:
            is_allowed, until = self._look_up(user_id, at)
            self._access[user_id] = is_allowed, until
        return is_allowed

    def record(self, kind: str, assignment: Row, at: float) -> list[str]:
        """Apply the rules after an assignment became SUBMITTED, SKIPPED, EXPIRED, ACCEPTED or REJECTED.

        Returns:
            The ids of tasks and suites whose overlap has been raised, each as often as it was raised by one, in the store.
        """
        event = Event(kind, assignment, at, self._speed)
        self._prepare(event)
        raised = self._assess(event)
        for config, collector in self._configs:
            for user_id, statistics in collector.record(event).items():
                raised += self._apply(config, statistics, event, user_id)
        return raised

    # -- who may work

    def _look_up(self, user_id: str, at: float) -> tuple[bool, float]:
        """Return whether a Toloker may work, and until when that holds if nothing changes."""
        bans = [end for end in self._ban_ends(user_id) if end > at]
        if bans:
            return False, max(bans)
        return self._is_trained(user_id) and admits(self._store, self._pool.get("filter"), user_id, at), math.inf

    def _ban_ends(self, user_id: str) -> list[float]:
        parameters = {"user": user_id, "project": int(self._pool["project_id"]), "pool": int(self._pool["id"])}
        ends = [end for (end,) in self._store.select(_BANS, parameters)]
        return [math.inf if end is None else parse_timestamp(end) for end in ends]

    def _is_trained(self, user_id: str) -> bool:
        if not self._requirement:
            return True
        skill_id = training_skill_id(self._store, self._requirement["training_pool_id"])
        skill = self._store.find_by("user_skills", skill_id=int(skill_id), user_id=user_id) if skill_id else None
        return skill is not None and bool(skill["exact_value"] >= (self._requirement.get("training_passing_skill_value") or 0))

    # -- what is known of a Toloker when the first event comes

    def _prepare(self, event: Event) -> None:
        """Load the statistics of a Toloker, or begin them anew when a ban has ended."""
        if not self._configs:
            return
        # a verdict changes no votes, and there may be thousands of verdicts, each by itself
        if event.kind == "SUBMITTED" and not self._has_votes:
            self._has_votes = True
            self._load_votes(event)
        if event.user_id not in self._begun:
            self._begun[event.user_id] = self._last_ban_end(event)
            self._load(event)
        elif (end := self._last_ban_end(event)) > self._begun[event.user_id]:
            self._begun[event.user_id] = end
            for _, collector in self._configs:
                collector.forget(event.user_id)

    def _last_ban_end(self, event: Event) -> float:
        return max((end for end in self._ban_ends(event.user_id) if end <= event.at), default=-math.inf)

    def _load(self, event: Event) -> None:
        for _, collector in self._configs:
            if not isinstance(collector, MajorityVote):
                for earlier in self._events_before(event, collector, "user_id = :user"):
                    if earlier.at > self._begun[event.user_id]:
                        collector.record(earlier)

    def _load_votes(self, event: Event) -> None:
        for _, collector in self._configs:
            if isinstance(collector, MajorityVote):
                for earlier in self._events_before(event, collector, "1"):
                    collector.record(earlier)

    def _events_before(self, event: Event, collector: Collector, which: str) -> list[Event]:
        where = _IN_PROJECT if collector.parameters.get("history_size") else "pool_id = :pool"
        parameters = {"user": event.user_id, "project": int(self._pool["project_id"]), "pool": int(self._pool["id"])}
        found = self._store.select(f"SELECT body FROM assignments WHERE {where} AND {which}", parameters)  # noqa: S608  # no names from requests
        rows = (orjson.loads(body) for (body,) in found)
        events = (earlier for row in rows for earlier in _events_of(row, self._speed) if not _is_same_or_later(earlier, event))
        return sorted(events, key=lambda earlier: earlier.at)

    # -- rules

    def _assess(self, event: Event) -> list[str]:
        """Apply the rules about the assignments of a task suite after a verdict on one of them."""
        if not self._assessments or event.kind not in ("ACCEPTED", "REJECTED"):
            return []
        statistics = _suite_statistics(self._store, event)
        raised: list[str] = []
        for config in self._assessments:
            raised += self._apply(config, statistics, event, event.user_id)
        return raised

    def _apply(self, config: Row, statistics: Statistics, event: Event, user_id: str) -> list[str]:
        raised: list[str] = []
        for rule in config.get("rules") or ():
            if all(_holds(condition, statistics) for condition in rule.get("conditions") or ()):
                raised += self._act(rule["action"], statistics, event, user_id)
        return raised

    def _act(self, action: Row, statistics: Statistics, event: Event, user_id: str) -> list[str]:
        """Carry out an action; return the ids of what has a higher overlap."""
        parameters = action.get("parameters") or {}
        self._access.pop(user_id, None)
        match action["type"]:
            case "RESTRICTION" | "RESTRICTION_V2":
                restrict(self._store, self._pool, user_id, parameters, event.at)
            case "SET_SKILL" | "SET_SKILL_FROM_OUTPUT_FIELD":
                set_skill(self._store, user_id, action, statistics, event.at)
            case "CHANGE_OVERLAP":
                return change_overlap(self._store, self._pool, event.assignment, parameters)
            case "APPROVE_ALL_ASSIGNMENTS" | "REJECT_ALL_ASSIGNMENTS" as name:
                judged = judge_all(
                    self._store, self._pool, user_id, _VERDICTS[name], parameters.get("public_comment"), event.at
                )
                return [row_id for row in judged for row_id in self.record(_VERDICTS[name], row, event.at)]
        return []


def configs_of(owner: Row) -> list[Row]:
    """Return the configurations of rules of a pool or a project."""
    return (owner.get("quality_control") or {}).get("configs") or []


def _type(config: Row) -> str:
    return str(config["collector_config"]["type"])


def _events_of(row: Row, speed: float) -> Iterator[Event]:
    for kind in _KINDS:
        if row.get(kind.lower()):
            yield Event(kind, row, parse_timestamp(row[kind.lower()]), speed)


def _is_same_or_later(earlier: Event, event: Event) -> bool:
    """Return whether an event in the store is the one that has just happened, or comes after it."""
    is_same_assignment = earlier.assignment["id"] == event.assignment["id"]
    return is_same_assignment and _KINDS.index(earlier.kind) >= _KINDS.index(event.kind)


def _suite_statistics(store: Store, event: Event) -> Statistics:
    found = store.select("SELECT status FROM assignments WHERE task_suite_id = ?", (event.assignment["task_suite_id"],))
    counts = Counter(status for (status,) in found)
    was_rejected = event.kind == "ACCEPTED" and event.assignment.get("rejected")
    assessment = "REJECT" if event.kind == "REJECTED" else "ACCEPT_AFTER_REJECT" if was_rejected else "ACCEPT"
    return {
        "pending_assignments_count": counts["SUBMITTED"],
        "accepted_assignments_count": counts["ACCEPTED"],
        "rejected_assignments_count": counts["REJECTED"],
        "assessment_event": assessment,
    }


def _holds(condition: Row, statistics: Statistics) -> bool:
    """Return whether a condition holds; never for a statistic without a value, such as a rate of no answers."""
    found, wanted = statistics.get(condition["key"]), condition["value"]
    if found is None:
        return False
    if isinstance(found, int | float):
        wanted = float(wanted)  # in examples of the API, numbers are text
    return bool(_OPERATORS[condition["operator"]](found, wanted))

"""Dynamic overlap: a task whose answers disagree gets more of them (Toloka API, BasicDynamicOverlapConfig).

The overlap of a task rises by one until the confidence of its most probable answer is `min_confidence`, or the overlap is
`max_overlap`. An answer is right with the probability that its Toloker's skill gives, and otherwise any other answer is equally
probable. A Toloker without the skill counts as one with a value of 80.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._base.field_specs import field_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._base.field_specs import Spec
    from toloka_frames.local._simulation.issuing import Issuing
    from toloka_frames.local._store.store import Row, Store

_WITHOUT_SKILL = 80.0
# no one is always right, or less often than by chance
_MAX_PROBABILITY = 0.99
_RAISE = (
    "UPDATE tasks SET body = json_set(body, '$.overlap', body ->> '$.overlap' + 1,"
    " '$.remaining_overlap', body ->> '$.remaining_overlap' + 1) WHERE id = ?"
)


class DynamicOverlap:
    """The answers to the tasks of a pool with dynamic overlap."""

    def __init__(self, store: Store, pool: Row, issuing: Issuing) -> None:
        self._store = store
        self._issuing = issuing
        self._config: Row = pool["dynamic_overlap_config"]
        spec: Spec = store.get("projects", pool["project_id"])["task_spec"]["output_spec"]
        self._options = {field["name"]: _count_options(spec, field["name"]) for field in self._config["fields"]}
        self._answers: dict[str, list[tuple[str, Row]]] = defaultdict(list)
        found = store.select(
            "SELECT body FROM assignments WHERE pool_id = ? AND status IN ('SUBMITTED', 'ACCEPTED') ORDER BY id",
            (int(pool["id"]),),
        )
        for (body,) in found:
            self._add(orjson.loads(body))

    def record(self, assignment: Row) -> bool:
        """Add the answers of an assignment; return whether the overlap of a task has risen."""
        self._add(assignment)
        raised = [task["id"] for task in assignment["tasks"] if self._needs_more(task["id"])]
        self._store.execute_many(_RAISE, ((task_id,) for task_id in raised))
        return self._issuing.reload_overlaps(raised)

    def _add(self, assignment: Row) -> None:
        for task, solution in zip(assignment["tasks"], assignment["solutions"], strict=True):
            self._answers[task["id"]].append((assignment["user_id"], solution["output_values"]))

    def _needs_more(self, task_id: str) -> bool:
        item = self._issuing.items.get(task_id)
        if item is None or item.remaining != 0 or "known_solutions" in item.row:
            return False
        overlap, answers = item.row["overlap"], self._answers[task_id]
        if len(answers) < overlap or overlap >= self._config["max_overlap"]:
            return False
        return bool(self._confidence(answers) < self._config["min_confidence"])

    def _confidence(self, answers: Sequence[tuple[str, Row]]) -> float:
        """Return the confidence of the field that is least certain."""
        probabilities = [self._probability(user_id) for user_id, _ in answers]
        found = [
            _confidence([(p, values.get(name)) for p, (_, values) in zip(probabilities, answers, strict=True)], options)
            for name, options in self._options.items()
        ]
        return min(found, default=1.0)

    def _probability(self, user_id: str) -> float:
        skill = self._store.find_by("user_skills", skill_id=int(self._config["answer_weight_skill_id"]), user_id=user_id)
        return (skill["exact_value"] if skill else _WITHOUT_SKILL) / 100


def _count_options(spec: Spec, name: str) -> int | None:
    """Return the number of possible answers; None if it is not limited."""
    field = spec.get(name, {})
    allowed = field.get("allowed_values") or ([False, True] if field_type(field) == "boolean" else [])
    return len(allowed) or None


def _confidence(votes: Sequence[tuple[float, Any]], options: int | None) -> float:
    """Return the probability of the most probable answer, from the probability that each vote is right."""
    keys = [orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for _, value in votes]
    count = max(2, options or len(set(keys)) + 1)
    rights = [min(_MAX_PROBABILITY, max(1 / count, probability)) for probability, _ in votes]
    likelihoods = [
        math.prod(right if key == option else (1 - right) / (count - 1) for right, key in zip(rights, keys, strict=True))
        for option in dict.fromkeys(keys)
    ]
    others = (count - len(likelihoods)) * math.prod((1 - right) / (count - 1) for right in rights)
    return max(likelihoods) / (sum(likelihoods) + others)

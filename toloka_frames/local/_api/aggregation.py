"""Aggregate the accepted answers of a pool into one answer per task, with a confidence (Toloka API, Aggregated solutions).

DAWID_SKENE is the model of Dawid and Skene, for each field by itself. WEIGHTED_DYNAMIC_OVERLAP is a vote here, unlike the real
service's model: Tolokers have the value of a skill as weight, the answer with the largest weight wins, and its share of the
weight is the confidence.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from toloka_frames.local._api.dawid_skene import dawid_skene
from toloka_frames.local._api.operations import begin_operation, finish_operation
from toloka_frames.local._api.pool_lifecycle import find_pool, get_pool
from toloka_frames.local._base.errors import conflict, does_not_exist, field_error, invalid
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store

Answers: TypeAlias = "dict[str, list[tuple[str, Row]]]"  # by task: Tolokers and their output values
Winners: TypeAlias = dict[str, tuple[Any, float]]  # by task: a value and its confidence

_ALGORITHMS = ("DAWID_SKENE", "WEIGHTED_DYNAMIC_OVERLAP")


def aggregate_pool(store: Store, request: ApiRequest) -> Response:
    """Respond with 202 and an operation, whose id the aggregated solutions will have; 409 while the pool is open."""
    form, pool = _form(store, request), get_pool(store, str(request.json_object()["pool_id"]))
    if pool["status"] == "OPEN":
        raise conflict("ASSIGNMENTS_AGGREGATION_DENIED", f"Pool {pool['id']} is open: close it first")
    return begin_operation(store, "SOLUTION.AGGREGATE", _parameters(store, form, pool), "aggregate", {"form": form})


def _form(store: Store, request: ApiRequest, *required: str) -> Row:
    form = request.json_object("type", "pool_id", *required)
    errors = {}
    if form["type"] not in _ALGORITHMS:
        errors["type"] = field_error("UNKNOWN_ENUM_VALUE")
    fields = form.get("fields")
    if not isinstance(fields, list) or not all(isinstance(field, dict) and "name" in field for field in fields):
        errors["fields"] = field_error("VALUE_REQUIRED" if fields is None else "ARRAY_EXPECTED")
    skill_id = form.get("answer_weight_skill_id")
    if form["type"] == "WEIGHTED_DYNAMIC_OVERLAP" and (skill_id is None or store.find("skills", skill_id) is None):
        errors["answer_weight_skill_id"] = field_error("VALUE_REQUIRED" if skill_id is None else "ENTITY_DOES_NOT_EXIST")
    if find_pool(store, form["pool_id"]) is None:
        errors["pool_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if errors:
        raise invalid(errors)
    return form


def _parameters(store: Store, form: Row, pool: Row) -> Row:
    common = {"pool_id": pool["id"], "algorithm": form["type"], "pool_name": pool["private_name"]}
    common |= {"project_id": pool["project_id"], "requester_id": store.owner["id"]}
    if form["type"] == "WEIGHTED_DYNAMIC_OVERLAP":
        # a number here, unlike other ids (example of Toloka API, "Aggregate responses in pool")
        return {**common, "aggregated_fields": form["fields"], "answer_weight_skill_id": int(form["answer_weight_skill_id"])}
    specs = store.get("projects", pool["project_id"])["task_spec"]
    names = [field["name"] for field in form["fields"]]
    return {
        **common,
        "input_fields": list(specs["input_spec"]),
        "aggregated_output_fields": names,
        "missing_output_fields": [name for name in names if name not in specs["output_spec"]],
    }


def aggregate(store: Store, job: DueJob) -> None:
    """Finish an operation: add a solution for every task with accepted answers."""
    operation_id = job.argument["operation_id"]
    # the table needs an id; the API's rows have none, so lists omit it
    rows = (
        {"id": f"{operation_id}/{row['task_id']}", "operation_id": operation_id, **row}
        for row in _solve(store, job.argument["form"])
    )
    store.insert("aggregated_solutions", map(orjson.dumps, rows))
    finish_operation(store, job, details={})


def aggregate_task(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the aggregated solution of one task; 404 for a task without accepted answers."""
    form = _form(store, request, "task_id")
    solution = next((row for row in _solve(store, form) if row["task_id"] == form["task_id"]), None)
    if solution is None:
        raise does_not_exist("accepted answer to task", form["task_id"])
    return json_response(solution)


def _solve(store: Store, form: Mapping[str, Any]) -> Iterator[Row]:
    names = [field["name"] for field in form["fields"]]
    answers = _answers(store, form["pool_id"])
    decide = _by_model if form["type"] == "DAWID_SKENE" else partial(_by_votes, _weights(store, form["answer_weight_skill_id"]))
    winners = {name: decide(answers, name) for name in names}
    for task_id in answers:
        decided = {name: winners[name][task_id] for name in names if task_id in winners[name]}
        if decided:
            # the API has one confidence for all fields of a task; the lowest is taken
            confidence = min(share for _, share in decided.values())
            values = {name: value for name, (value, _) in decided.items()}
            yield {"pool_id": str(form["pool_id"]), "task_id": task_id, "confidence": confidence, "output_values": values}


def _by_model(answers: Answers, name: str) -> Winners:
    """Return the most probable value of a field for each task."""
    votes = [
        (task_id, user_id, _key(values[name]))
        for task_id, given in answers.items()
        for user_id, values in given
        if name in values
    ]
    return {task_id: _best(beliefs) for task_id, beliefs in dawid_skene(votes).items()} if votes else {}


def _by_votes(weights: Mapping[str, float], answers: Answers, name: str) -> Winners:
    """Return the value of a field with the largest weight for each task."""
    winners = {}
    for task_id, given in answers.items():
        sums: dict[Hashable, float] = {}
        for user_id, values in given:
            if name in values:
                sums[_key(values[name])] = sums.get(_key(values[name]), 0.0) + weights.get(user_id, 1.0)
        if sums:
            winners[task_id] = _best(sums)
    return winners


def _key(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _best(weights: Mapping[Hashable, float]) -> tuple[Any, float]:
    """Return the value with the largest weight and its share of all weight; of equal ones, the first answered."""
    best, total = max(weights, key=lambda key: weights[key]), sum(weights.values())
    return orjson.loads(best), round(weights[best] / total, 6) if total else 0.0  # type: ignore[arg-type]


def _weights(store: Store, skill_id: str) -> dict[str, float]:
    found = store.select("SELECT user_id, body ->> '$.exact_value' FROM user_skills WHERE skill_id = ?", (int(skill_id),))
    return {user_id: value / 100 for user_id, value in found}


def _answers(store: Store, pool_id: object) -> Answers:
    """Return the answers, each with its user, to every task that has no known solution."""
    found = store.select(
        "SELECT body FROM assignments WHERE pool_id = ? AND status = 'ACCEPTED' ORDER BY id", (int(str(pool_id)),)
    )
    answers: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for assignment in (orjson.loads(body) for (body,) in found):
        for task, solution in zip(assignment["tasks"], assignment["solutions"], strict=True):
            if not task.get("known_solutions"):
                answers[task["id"]].append((assignment["user_id"], solution["output_values"]))
    return answers

"""What the rules of quality control do (Toloka API, RuleConfig.action)."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._api.assignments import judge
from toloka_frames.local._api.overlaps import with_more_overlap
from toloka_frames.local._api.pool_lifecycle import open_pools
from toloka_frames.local._api.skills import save_user_skill
from toloka_frames.local._api.user_restrictions import save_restriction
from toloka_frames.local._base.errors import ServiceError
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from toloka_frames.local._api.quality_statistics import Statistics
    from toloka_frames.local._store.store import Row, Store

_UNIT_SECONDS = {"MINUTES": 60, "HOURS": 3_600, "DAYS": 86_400}
# of the year 9999, which no timestamp exceeds
_LAST_SECOND = 253_402_300_799
_SCOPE_FIELDS = {"POOL": "pool_id", "PROJECT": "project_id"}
# the API's document calls one of the rates "wrong"
_SAME_RATE = {"wrong_answers_rate": "incorrect_answers_rate"}


def restrict(store: Store, pool: Row, user_id: str, parameters: Row, at: float) -> None:
    """Ban a Toloker: RESTRICTION_V2, and RESTRICTION, its older form."""
    scope = parameters["scope"]
    ids = {"pool_id": pool["id"], "project_id": pool["project_id"]}
    fields = {name: ids[name] for name in [_SCOPE_FIELDS[scope]]} if scope in _SCOPE_FIELDS else {}
    more = {"private_comment": parameters.get("private_comment"), "will_expire": _end(parameters, at)}
    given = {name: value for name, value in more.items() if value is not None}
    save_restriction(store, {"user_id": user_id, "scope": scope}, fields, given, at)


def _end(parameters: Row, at: float) -> str | None:
    """Return when a ban ends; None if never."""
    unit = parameters.get("duration_unit", "DAYS")
    duration = parameters.get("duration", parameters.get("duration_days"))
    if duration is None or unit not in _UNIT_SECONDS:
        return None
    end = at + duration * _UNIT_SECONDS[unit]
    return None if end > _LAST_SECOND else format_timestamp(end)


def set_skill(store: Store, user_id: str, action: Row, statistics: Statistics, at: float) -> None:
    """Set a skill to a value of the rule or to one of the statistics: SET_SKILL and SET_SKILL_FROM_OUTPUT_FIELD."""
    parameters = action["parameters"]
    if action["type"] == "SET_SKILL":
        value: Any = parameters["skill_value"]
    else:
        name = parameters["from_field"]
        value = statistics.get(_SAME_RATE.get(name, name))
    skill_id = str(parameters["skill_id"])
    if not isinstance(value, int | float) or store.find("skills", skill_id) is None:
        return
    old = store.find_by("user_skills", skill_id=int(skill_id), user_id=user_id)
    if old is None or old["exact_value"] != value:
        save_user_skill(store, skill_id, user_id, float(value), at)


def change_overlap(store: Store, pool: Row, assignment: Row, parameters: Row) -> list[str]:
    """Change the overlap of the tasks, or of the suite, of an assignment; return their ids, as often as they were raised."""
    table = "tasks" if assignment["mixed"] else "task_suites"
    ids = [task["id"] for task in assignment["tasks"]] if assignment["mixed"] else [assignment["task_suite_id"]]
    rows = [row for row in (store.find(table, row_id) for row_id in ids) if row and not row["infinite_overlap"]]
    for row in rows:
        store.save(table, with_more_overlap(row, parameters["delta"]))
    if parameters.get("open_pool") and rows:
        # now, and not at the time of the event: the pool may have been closed after it
        with suppress(ServiceError):  # it is archived or has expired
            open_pools(store, [pool["id"]], time.time())
    return [row["id"] for row in rows for _ in range(max(0, parameters["delta"]))]


def judge_all(store: Store, pool: Row, user_id: str, status: str, comment: str | None, at: float) -> list[Row]:
    """Accept or reject all submitted assignments of a Toloker in the pool; return their rows."""
    found = store.select(
        "SELECT body FROM assignments WHERE pool_id = ? AND user_id = ? AND status = 'SUBMITTED' ORDER BY id",
        (int(pool["id"]), user_id),
    )
    more = {"public_comment": comment} if comment else {}
    return [judge(store, {**orjson.loads(body), **more}, status, at) for (body,) in found]

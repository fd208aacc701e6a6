"""Export the assignments of a pool as TSV, like the platform's web interface.

Parameters and fields: Toloka-Kit 1.2.3; columns and spellings: files of the platform.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._api.pool_lifecycle import get_pool
from toloka_frames.local._base.errors import invalid_field
from toloka_frames.local._base.export_format import API_STATUSES, TIMESTAMPS
from toloka_frames.local._base.ids_and_timestamps import sortable_timestamp
from toloka_frames.local._base.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_LINK = "https://platform.toloka.ai/task"
_IDS = ("link", "task_id", "assignment_id", "task_suite_id", "worker_id")
_FIELDS = tuple(f"ASSIGNMENT:{name}" for name in (*_IDS, "status", "started", *TIMESTAMPS, "reward"))
_FILE_STATUSES = {status: name for name, status in API_STATUSES.items()}
_STATUSES = {
    _FILE_STATUSES.get(status, status): status
    for status in ("ACTIVE", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "EXPIRED")
}
_BANNED = """SELECT user_id FROM user_restrictions WHERE scope IN ('SYSTEM', 'ALL_PROJECTS')
    OR (scope = 'PROJECT' AND project_id = :project) OR (scope = 'POOL' AND pool_id = :pool)"""


def export_assignments(store: Store, request: ApiRequest) -> Response:
    """Respond with the file, which has a line for each task; 400 for an invalid status, field or timestamp."""
    pool = get_pool(store, request.path_params["pool_id"])
    header = _header(store.get("projects", pool["project_id"])["task_spec"], request)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\r\n")  # quotes cells that contain one of these
    writer.writerow(header)
    for assignment in _assignments(store, request, pool):
        writer.writerows([_format_cell(cells.get(name)) for name in header] for cells in _lines(assignment))
        if request.flag("addRowDelimiter"):
            writer.writerow([])
    return Response(200, text.getvalue().encode(), {"Content-Type": "text/tab-separated-values;charset=UTF-8"})


def _header(specs: Row, request: ApiRequest) -> list[str]:
    """Return the columns: all values, and the requested fields of assignments."""
    fields = {"INPUT": specs["input_spec"], "OUTPUT": specs["output_spec"], "GOLDEN": specs["output_spec"]}
    values = [f"{prefix}:{name}" for prefix, spec in fields.items() for name in spec]
    return [*values, "HINT:text", "HINT:default_language", *_requested(request, "field", _FIELDS)]


def _requested(request: ApiRequest, name: str, known: Iterable[str]) -> list[str]:
    requested = request.query.get(name, ",".join(known)).split(",")
    if not set(requested) <= set(known):
        raise invalid_field(name, "UNKNOWN_ENUM_VALUE")
    return requested


def _assignments(store: Store, request: ApiRequest, pool: Row) -> Iterator[Row]:
    """Return the requested assignments in the order of their creation."""
    statuses = [_STATUSES[name] for name in _requested(request, "status", _STATUSES)]
    terms = ["pool_id = :pool", "status IN (SELECT value FROM json_each(:statuses))"]
    values = {"pool": int(pool["id"]), "project": int(pool["project_id"]), "statuses": orjson.dumps(statuses).decode()}
    for name, operator in (("startTimeFrom", ">="), ("startTimeTo", "<=")):
        if name in request.query:
            values[name] = _parse_timestamp(name, request.query[name])
            # these parameters limit the time of submission, in spite of their names (Toloka-Kit 1.2.3)
            terms.append(f"submitted {operator} :{name}")
    if request.flag("excludeBanned"):
        terms.append(f"user_id NOT IN ({_BANNED})")
    sql = f"SELECT body FROM assignments WHERE {' AND '.join(terms)} ORDER BY created, id"  # noqa: S608  # no names from requests
    return (orjson.loads(body) for (body,) in store.select(sql, values))


def _parse_timestamp(name: str, text: str) -> str:
    try:
        return sortable_timestamp(text)
    except ValueError:
        raise invalid_field(name, "INVALID_DATE_TIME_SYNTAX") from None


def _lines(assignment: Row) -> Iterator[Mapping[str, Json]]:
    """Yield the cells of each task, by column."""
    shared = {
        "link": f"{_LINK}/{assignment['pool_id']}/{assignment['id']}",
        "assignment_id": assignment["id"],
        "task_suite_id": assignment["task_suite_id"],
        "worker_id": assignment["user_id"],
        "status": _FILE_STATUSES.get(assignment["status"], assignment["status"]),
        "started": assignment["created"],
        "reward": assignment["reward"],
        **{name: assignment.get(name) for name in TIMESTAMPS},
    }
    solutions = assignment.get("solutions") or [{}] * len(assignment["tasks"])
    for task, solution in zip(assignment["tasks"], solutions, strict=True):
        known = task.get("known_solutions") or [{}]
        values = {
            "INPUT": task["input_values"],
            "OUTPUT": solution.get("output_values"),
            "GOLDEN": known[0].get("output_values"),
        }
        yield {
            **{f"{prefix}:{name}": value for prefix, fields in values.items() for name, value in (fields or {}).items()},
            "HINT:text": task.get("message_on_unknown_solution"),
            "HINT:default_language": (task.get("localization_config") or {}).get("default_language"),
            **{f"ASSIGNMENT:{name}": value for name, value in {**shared, "task_id": task["id"]}.items()},
        }


def _format_cell(value: Any) -> str:
    """Return text as it is, None as an empty cell, and anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()

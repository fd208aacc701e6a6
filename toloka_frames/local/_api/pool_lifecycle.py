"""Open, close, archive and clone pools and trainings, by operations (Toloka API, Pools, Trainings).

The calls of pools accept the ids of trainings, too: Toloka-Kit's executed notebooks open and close trainings by them. Their
operations then are those of pools.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin_operation, finish_operation
from toloka_frames.local._base.errors import ServiceError, conflict, does_not_exist, field_error
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp
from toloka_frames.local._base.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import DueJob, Row, Store

_FIRST_ID = 42000001
# Toloka API, "Close pool for editing": the pool opens by itself after 15 minutes
_UPDATE_SECONDS = 900
_SERVICE_FIELDS = ("id", "owner", "type", "status", "created", "last_started", "last_stopped", "last_close_reason")
_CLONED_SERVICE_FIELDS = ("id", "owner", "type", "status", "created")


@dataclass(frozen=True)
class PoolType:
    """Pools or trainings: `name` in operations and paths, and the tables in which their calls find rows."""

    name: str
    tables: tuple[str, ...]

    @property
    def id_parameter(self) -> str:
        """The parameter of operations that holds the id of the pool or training."""
        return f"{self.name.lower()}_id"

    def get(self, store: Store, row_id: str) -> Row:
        """Return the row with this id; raise ServiceError 404 if there is no such row."""
        found = (store.find(table, row_id) for table in self.tables)
        row = next((row for row in found if row), None)
        if row is None:
            raise does_not_exist(self.name.lower(), row_id)
        return row


POOL = PoolType("POOL", ("pools", "trainings"))
TRAINING = PoolType("TRAINING", ("trainings",))
POOL_TYPES = {pool_type.name: pool_type for pool_type in (POOL, TRAINING)}


def next_pool_id(store: Store) -> str:
    """Return the next id; pools and trainings share one sequence, because tasks refer to both by `pool_id`."""
    return max((store.next_id(table, _FIRST_ID) for table in POOL.tables), key=int)


def find_pool(store: Store, pool_id: object) -> Row | None:
    """Return the pool or training with this id; None if there is no such row."""
    return store.find("pools", pool_id) or store.find("trainings", pool_id)


def get_pool(store: Store, pool_id: str) -> Row:
    """Return the pool or training with this id; raise ServiceError 404 if there is no such row."""
    return POOL.get(store, pool_id)


def is_training(pool: Row) -> bool:
    """Return whether the row of a pool or training is a training."""
    return "training_tasks_in_task_suite_count" in pool


def save_pool(store: Store, pool: Row) -> Row:
    """Write back a changed pool or training and return it."""
    return store.save(_table(pool), pool)


def _table(pool: Row) -> str:
    return "trainings" if is_training(pool) else "pools"


def without_service_fields(row: Row) -> Row:
    """Return the fields that the owner sets, without null values."""
    return {name: value for name, value in row.items() if name not in _SERVICE_FIELDS and value is not None}


def service_fields(row: Row) -> Row:
    """Return the fields that the service sets."""
    return {name: row[name] for name in _SERVICE_FIELDS if name in row}


def check_not_archived(pool: Row) -> None:
    """Raise ServiceError 409 if the pool or training is archived."""
    if pool["status"] == "ARCHIVED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} is archived")


def check_project(store: Store, project_id: object) -> FieldErrors:
    """Check that a project exists; raise ServiceError 409 if it is archived."""
    project = store.find("projects", project_id)
    if project is None:
        return {"project_id": field_error("ENTITY_DOES_NOT_EXIST")}
    if project["status"] == "ARCHIVED":
        raise conflict("PROJECT_INAPPROPRIATE_STATUS", f"Project {project_id} is archived")
    return {}


def open_pool(store: Store, request: ApiRequest, pool_type: PoolType) -> Response:
    """Respond with 202 and an operation, 204 for an open pool, 409 for one that cannot be opened."""
    pool = pool_type.get(store, request.path_params["id"])
    if pool["status"] == "OPEN":
        return Response(204)
    check_can_open(store, pool)
    return _begin(store, pool_type, pool, "OPEN")


def close_pool(store: Store, request: ApiRequest, pool_type: PoolType, reason: str) -> Response:
    """Respond with 202 and an operation, 204 for a closed pool, 409 for an archived one."""
    pool = pool_type.get(store, request.path_params["id"])
    if pool["status"] == "CLOSED":
        return Response(204)
    check_not_archived(pool)
    return _begin(store, pool_type, pool, "CLOSE", reason=reason)


def archive_pool(store: Store, request: ApiRequest, pool_type: PoolType) -> Response:
    """Respond with 202 and an operation, 204 for an archived pool, 409 for one that is not closed."""
    pool = pool_type.get(store, request.path_params["id"])
    if pool["status"] == "ARCHIVED":
        return Response(204)
    if pool["status"] != "CLOSED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Close pool {pool['id']} before you archive it")
    return _begin(store, pool_type, pool, "ARCHIVE")


def clone_pool(store: Store, request: ApiRequest, pool_type: PoolType) -> Response:
    """Respond with 202 and an operation that creates an empty pool with the same settings."""
    return _begin(store, pool_type, pool_type.get(store, request.path_params["id"]), "CLONE")


def _begin(store: Store, pool_type: PoolType, pool: Row, action: str, **more: object) -> Response:
    argument = {"kind": pool_type.name, "id": pool["id"], "action": action, **more}
    return begin_operation(store, f"{pool_type.name}.{action}", {pool_type.id_parameter: pool["id"]}, "change_pool", argument)


def change_pool(store: Store, job: DueJob) -> None:
    """Finish an operation: change the pool, or fail if its state no longer allows the change."""
    pool_type = POOL_TYPES[job.argument["kind"]]
    pool = pool_type.get(store, job.argument["id"])
    try:
        details = _change(store, pool_type, pool, job)
    except ServiceError:
        finish_operation(store, job, failed=True)
    else:
        finish_operation(store, job, details=details)


def _change(store: Store, pool_type: PoolType, pool: Row, job: DueJob) -> Row | None:
    match job.argument["action"]:
        case "OPEN":
            check_can_open(store, pool)
            _set_open(store, pool, job.at)
        case "CLOSE":
            check_not_archived(pool)
            set_closed(store, pool, job.at, job.argument["reason"])
        case "ARCHIVE":
            save_pool(store, {**pool, "status": "ARCHIVED"})
        case "CLONE":
            new = {**{name: pool[name] for name in _CLONED_SERVICE_FIELDS if name in pool}, **without_service_fields(pool)}
            new |= {"id": next_pool_id(store), "status": "CLOSED", "created": format_timestamp(job.at)}
            return {pool_type.id_parameter: store.add(_table(new), new)["id"]}
    return None


def check_can_open(store: Store, pool: Row) -> None:
    """Raise ServiceError 409 if the pool is archived, has expired or has no tasks."""
    check_not_archived(pool)
    if "will_expire" in pool and parse_timestamp(pool["will_expire"]) < time.time():
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} has expired: {pool['will_expire']}")
    has_tasks = "SELECT 1 FROM tasks WHERE pool_id = :pool UNION ALL SELECT 1 FROM task_suites WHERE pool_id = :pool LIMIT 1"
    if not store.select(has_tasks, {"pool": int(pool["id"])}):
        raise conflict("EMPTY_POOL", f"Pool {pool['id']} has no tasks")


def open_pools(store: Store, pool_ids: Iterable[str], at: float) -> None:
    """Open the pools that are not open; raise ServiceError 409 if one cannot be opened."""
    for pool_id in sorted(set(pool_ids)):
        pool = get_pool(store, pool_id)
        if pool["status"] != "OPEN":
            check_can_open(store, pool)
            _set_open(store, pool, at)


def _set_open(store: Store, pool: Row, at: float) -> None:
    save_pool(store, {**pool, "status": "OPEN", "last_started": format_timestamp(at)})
    store.schedule(at, "pool_opened", pool_id=pool["id"])


def set_closed(store: Store, pool: Row, at: float, reason: str) -> None:
    """Close a pool; one that is closed for an update opens by itself later."""
    stopped = format_timestamp(at)
    save_pool(store, {**pool, "status": "CLOSED", "last_close_reason": reason, "last_stopped": stopped})
    if reason == "FOR_UPDATE":
        store.schedule(at + _UPDATE_SECONDS, "reopen_pool", kind=POOL.name, id=pool["id"], stopped=stopped)


def reopen_pool(store: Store, job: DueJob) -> None:
    """Open a pool that is still closed for the same update."""
    pool_type = POOL_TYPES[job.argument["kind"]]
    pool = pool_type.get(store, job.argument["id"])
    # the owner may have opened it and closed it again
    if (pool["status"], pool["last_stopped"]) == ("CLOSED", job.argument["stopped"]):
        _set_open(store, pool, job.at)

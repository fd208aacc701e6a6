"""A pool or a training -> opened, closed, archived, cloned by operations (Toloka API, Pools, Trainings)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin, finish
from toloka_frames.local._base.answers import Answer
from toloka_frames.local._base.errors import ServiceError, conflict
from toloka_frames.local._base.ids_and_timestamps import instant, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toloka_frames.local._api.request import Call
    from toloka_frames.local._store.store import Due, Row, Store

_FIRST_ID = 42000001
# Toloka API, "Close pool for editing": it opens by itself in 15 minutes
_UPDATE_SECONDS = 900
_SERVICE_FIELDS = ("id", "owner", "type", "status", "created", "last_started", "last_stopped", "last_close_reason")
_OF_NEW = ("id", "owner", "type", "status", "created")


@dataclass(frozen=True)
class Kind:
    """What is opened: `name` as operations have it, `table` where its rows are."""

    name: str
    table: str

    @property
    def key(self) -> str:
        """The parameter of operations that names the pool or training."""
        return f"{self.name.lower()}_id"


POOLS = Kind("POOL", "pools")
TRAININGS = Kind("TRAINING", "trainings")
KINDS = {kind.name: kind for kind in (POOLS, TRAININGS)}


def next_pool_id(store: Store) -> str:
    """The next id of a pool or training, which share one sequence: tasks name either as their pool."""
    return max((store.next_id(kind.table, _FIRST_ID) for kind in KINDS.values()), key=int)


def find_pool(store: Store, pool_id: object) -> Row | None:
    """The pool or training with that id, if there is one."""
    return store.find("pools", pool_id) or store.find("trainings", pool_id)


def without_service_fields(row: Row) -> Row:
    """What its owner has said of a pool or training; null is as good as nothing."""
    return {name: value for name, value in row.items() if name not in _SERVICE_FIELDS and value is not None}


def service_fields(row: Row) -> Row:
    """What the service has set."""
    return {name: row[name] for name in _SERVICE_FIELDS if name in row}


def refuse_archived(pool: Row) -> None:
    """ServiceError 409 if the pool or training is archived."""
    if pool["status"] == "ARCHIVED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} is archived")


def open_pool(store: Store, call: Call, kind: Kind) -> Answer:
    """Answer 202 with an operation, 204 for an open pool, 409 for one that cannot be opened."""
    pool = store.get(kind.table, call.path["id"])
    if pool["status"] == "OPEN":
        return Answer(204)
    refuse_opening(store, pool)
    return _begin(store, kind, pool, "OPEN")


def close_pool(store: Store, call: Call, kind: Kind, reason: str) -> Answer:
    """Answer 202 with an operation, 204 for a closed pool, 409 for an archived one."""
    pool = store.get(kind.table, call.path["id"])
    if pool["status"] == "CLOSED":
        return Answer(204)
    refuse_archived(pool)
    return _begin(store, kind, pool, "CLOSE", reason=reason)


def archive_pool(store: Store, call: Call, kind: Kind) -> Answer:
    """Answer 202 with an operation, 204 for an archived pool, 409 for one that is not closed."""
    pool = store.get(kind.table, call.path["id"])
    if pool["status"] == "ARCHIVED":
        return Answer(204)
    if pool["status"] != "CLOSED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Close pool {pool['id']} before you archive it")
    return _begin(store, kind, pool, "ARCHIVE")


def clone_pool(store: Store, call: Call, kind: Kind) -> Answer:
    """Answer 202 with an operation that makes an empty pool of the same form."""
    return _begin(store, kind, store.get(kind.table, call.path["id"]), "CLONE")


def _begin(store: Store, kind: Kind, pool: Row, action: str, **more: object) -> Answer:
    argument = {"kind": kind.name, "id": pool["id"], "action": action, **more}
    return begin(store, f"{kind.name}.{action}", {kind.key: pool["id"]}, "change_pool", argument)


def change_pool(store: Store, due: Due) -> None:
    """The operation's moment: the pool changes its state, or has meanwhile got into one that forbids it."""
    kind = KINDS[due.argument["kind"]]
    pool = store.get(kind.table, due.argument["id"])
    try:
        details = _change(store, kind, pool, due)
    except ServiceError:
        finish(store, due, failed=True)
    else:
        finish(store, due, details=details)


def _change(store: Store, kind: Kind, pool: Row, due: Due) -> Row | None:
    match due.argument["action"]:
        case "OPEN":
            refuse_opening(store, pool)
            _set_open(store, kind, pool, due.at)
        case "CLOSE":
            refuse_archived(pool)
            set_closed(store, pool, due.at, due.argument["reason"], kind)
        case "ARCHIVE":
            store.save(kind.table, {**pool, "status": "ARCHIVED"})
        case "CLONE":
            new = {**{name: pool[name] for name in _OF_NEW if name in pool}, **without_service_fields(pool)}
            new |= {"id": next_pool_id(store), "status": "CLOSED", "created": instant(due.at)}
            return {kind.key: store.add(kind.table, new)["id"]}
    return None


def refuse_opening(store: Store, pool: Row) -> None:
    """ServiceError 409 if the pool is archived, has expired or has nothing to work on."""
    refuse_archived(pool)
    if "will_expire" in pool and moment(pool["will_expire"]) < time.time():
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} has expired: {pool['will_expire']}")
    work = "SELECT 1 FROM tasks WHERE pool_id = :pool UNION ALL SELECT 1 FROM task_suites WHERE pool_id = :pool LIMIT 1"
    if not store.select(work, {"pool": int(pool["id"])}):
        raise conflict("EMPTY_POOL", f"Pool {pool['id']} has no tasks")


def open_pools(store: Store, pool_ids: Iterable[str], at: float) -> None:
    """Open those that are not; ServiceError 409 if one cannot be opened."""
    for pool_id in sorted(set(pool_ids)):
        kind = POOLS if store.find("pools", pool_id) else TRAININGS
        pool = store.get(kind.table, pool_id)
        if pool["status"] != "OPEN":
            refuse_opening(store, pool)
            _set_open(store, kind, pool, at)


def _set_open(store: Store, kind: Kind, pool: Row, at: float) -> None:
    store.save(kind.table, {**pool, "status": "OPEN", "last_started": instant(at)})


def set_closed(store: Store, pool: Row, at: float, reason: str, kind: Kind = POOLS) -> None:
    """Tolokers get no more tasks; a pool that is closed for an update opens by itself after a while."""
    stopped = instant(at)
    store.save(kind.table, {**pool, "status": "CLOSED", "last_close_reason": reason, "last_stopped": stopped})
    if reason == "FOR_UPDATE":
        store.schedule(at + _UPDATE_SECONDS, "reopen_pool", kind=kind.name, id=pool["id"], stopped=stopped)


def reopen_pool(store: Store, due: Due) -> None:
    """A pool that is still closed for the same update opens."""
    kind = KINDS[due.argument["kind"]]
    pool = store.get(kind.table, due.argument["id"])
    # the owner may have opened it, and closed it again
    if (pool["status"], pool["last_stopped"]) == ("CLOSED", due.argument["stopped"]):
        _set_open(store, kind, pool, due.at)

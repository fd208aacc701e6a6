"""Migrate a ledger of an earlier version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from toloka_frames._schema.bulk import BULK_CREATIONS, CREATE_TASK_SUITES, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._transport.connections import normal_url
from toloka_frames._uploading.bonuses import PAYMENT
from toloka_frames._uploading.ledger import create_tables, place_of, settle_uploads
from toloka_frames._uploading.ledger_schema import SCHEMA_VERSION, TABLES_VERSION
from toloka_frames._uploading.requests import COUNT, content_hashes, dumps, text_array
from toloka_frames._uploading.results import packed_ids

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

STATEMENTS = """
insert into uploads select
    id, account_of(account), url_of(account), upload_id, path, key, place, rows, object_of_row, content, digests, flags, begun,
    ended, null, null, null, null
from uploads_3;
insert into outcomes select * from outcomes_3;
insert into chunks select
    upload, operation_id, number, pool_id, spans, rows, state, 0, sent_as, flags, begun, ended, created,
    (select count(*) from outcomes where upload = old.upload and operation_id = old.operation_id and status = 'INVALID'),
    (select count(*) from outcomes where upload = old.upload and operation_id = old.operation_id and status = 'FAILED'),
    packed_ids(object_ids)
from chunks_3 old;
insert into objects select upload, operation_id, text from objects_3;
insert into contents select
    upload, operation_id, place_of(path, account, destination, pool_id), hashes_of(path, destination, text),
    counts_of(path, text)
from chunks join uploads on upload = id left join objects using (upload, operation_id);
insert into opened select * from opened_3
"""


def migrate(sqlite: sqlite3.Connection, version: int) -> None:
    """Migrate a ledger of this version, within the caller's transaction."""
    if version < TABLES_VERSION:
        _move_rows(sqlite)
    # objects that are not compressed are read as they are; the earlier version must not read those that are
    sqlite.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _move_rows(sqlite: sqlite3.Connection) -> None:
    """Move the rows of version 3 into new tables."""
    sqlite.create_function("account_of", 1, lambda account: "" if _is_url(account) else account)
    sqlite.create_function("url_of", 1, lambda account: normal_url(account) if _is_url(account) else None)
    sqlite.create_function("packed_ids", 1, lambda ids: None if ids is None else packed_ids(json.loads(ids)))
    sqlite.create_function("place_of", 4, _place_of)
    sqlite.create_function("hashes_of", 3, _hashes_of)
    sqlite.create_function("counts_of", 2, _counts_of)
    tables = [name for (name,) in sqlite.execute("select name from sqlite_schema where type = 'table'")]
    for table in tables:
        sqlite.execute(f"alter table {table} rename to {table}_3")
    create_tables(sqlite)
    for statement in STATEMENTS.split(";"):
        sqlite.execute(statement)
    settle_uploads(sqlite, None, None)
    # chunks first, because they refer to uploads
    for table in sorted(tables):
        sqlite.execute(f"drop table {table}_3")


def _place_of(path: str, account: str, destination: str, pool_id: str) -> str:
    return place_of(BULK_CREATIONS[path], account, json.loads(destination), pool_id)


def _hashes_of(path: str, destination: str, text: bytes | None) -> bytes:
    """Return a hash of each row of a chunk's objects; nothing for a chunk that is done, whose objects were deleted."""
    objects = list(map(json.loads, text.split(b"\n"))) if text else []
    if path == CREATE_TASK_SUITES.path:
        rows = [{"pool_id": suite["pool_id"], **task} for suite in objects for task in suite["tasks"]]
        return b"".join(bytes(8) if "known_solutions" in row else _task_hash(row) for row in rows)
    if path == CREATE_TASKS.path:
        return b"".join(map(_task_hash, objects))
    if path == CREATE_USER_BONUSES.path:
        payments = [{name: bonus[name] for name in PAYMENT if name in bonus} for bonus in objects]
        return _hash("user bonuses", *map(dumps, payments))
    return _hash(f"app project {json.loads(destination)['app_project_id']}", *(dumps(item["input_data"]) for item in objects))


def _task_hash(task: Mapping[str, Any]) -> bytes:
    known = dumps(task["known_solutions"]) if "known_solutions" in task else b""
    return _hash(f"pool {task['pool_id']}", dumps(task["input_values"]) + known)


def _hash(scope: str, *texts: bytes) -> bytes:
    return content_hashes(scope, [text_array(texts)]).tobytes() if texts else b""


def _counts_of(path: str, text: bytes | None) -> bytes | None:
    if path != CREATE_TASK_SUITES.path or not text:
        return None
    return np.array([len(json.loads(suite)["tasks"]) for suite in text.split(b"\n")], COUNT).tobytes()


def _is_url(account: str) -> bool:
    """Return whether version 3 recorded the service's URL as the account, for want of the requester's id."""
    return account.startswith(("http://", "https://"))

"""Migrate a ledger of version 3 to the tables of version 4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toloka_frames._schema.bulk import BULK_CREATIONS
from toloka_frames._transport.connections import normal_url
from toloka_frames._uploading.ledger import create_tables, packed_ids, place_of, settle_uploads

if TYPE_CHECKING:
    import sqlite3

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
    chunks.upload, operation_id, place_of(path, account, destination, pool_id), x'', null
from chunks join uploads on chunks.upload = id;
insert into opened select * from opened_3
"""


def migrate(sqlite: sqlite3.Connection) -> None:
    """Move the rows of a ledger of version 3 into new tables, within the caller's transaction."""
    sqlite.create_function("account_of", 1, lambda account: "" if _is_url(account) else account)
    sqlite.create_function("url_of", 1, lambda account: normal_url(account) if _is_url(account) else None)
    sqlite.create_function("packed_ids", 1, lambda ids: None if ids is None else packed_ids(json.loads(ids)))
    sqlite.create_function("place_of", 4, _place_of)
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


def _is_url(account: str) -> bool:
    """Return whether version 3 recorded the service's URL as the account, for want of the requester's id."""
    return account.startswith(("http://", "https://"))

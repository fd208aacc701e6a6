"""The tables of the ledger."""

from __future__ import annotations

APPLICATION_ID = 0x746F6C66  # "tolf", which distinguishes a ledger from other SQLite files
SCHEMA_VERSION = 5
TABLES_VERSION = 4  # the first with these tables; it did not compress the JSON of objects
MIGRATED_VERSIONS = (3, TABLES_VERSION)
# The columns `created` to `pool_ids` of an upload are null until all its rows are settled; they keep `tf.uploads` quick.
# `account` is empty and `url` null where version 3 did not record them. `version` counts the changes of a chunk. `place` names
# what rows are compared within. `hashes` and `counts` are those of `Chunk`; `counts` is null if each object is a row.
SCHEMA = """
create table uploads (
    id integer primary key, account text not null, url text, upload_id text not null, path text not null, key text not null,
    destination text not null, rows integer not null, object_of_row blob, content text not null, digests blob not null,
    flags text not null, begun text not null, ended text, created integer, invalid integer, failed integer, pool_ids text
);
create unique index upload_names on uploads (upload_id, account) where account <> '';
create index upload_ids on uploads (upload_id);
create index upload_contents on uploads (content);
create index unsettled_uploads on uploads (id) where ended is null;
create table chunks (
    upload integer not null, operation_id text not null, number integer not null, pool_id text not null, spans text not null,
    rows integer not null, state text not null, version integer not null default 0, sent_as text, flags text, begun text,
    ended text, created integer not null default 0, invalid integer not null default 0, failed integer not null default 0,
    object_ids blob, primary key (upload, operation_id)
);
create index unsettled_chunks on chunks (upload) where state <> 'done';
create table objects (
    upload integer not null, operation_id text not null, text blob not null, primary key (upload, operation_id)
);
create table contents (
    upload integer not null, operation_id text not null, place text not null, hashes blob not null, counts blob,
    primary key (upload, operation_id)
);
create index content_places on contents (place);
create table outcomes (
    upload integer not null, operation_id text not null, row integer not null, status text not null,
    error_field text, error_code text, error_message text,
    primary key (upload, operation_id, row)
) without rowid;
create table opened (upload integer not null, pool_id text not null, primary key (upload, pool_id)) without rowid;
"""

"""The ledger of uploads: how long it takes to find rows in it and to list its uploads."""

from __future__ import annotations

import sqlite3
from array import array
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pandas as pd
from rows import POOL, ten_values
from turns import Contender, cpu_seconds

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading.ledger import Ledger, place_of
from toloka_frames._uploading.like_rows import find_like_rows
from toloka_frames._uploading.requests import HASH, Chunk, UploadPlan

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "6c6e20dc86cca2ae787afcb2629de162"
URL = "https://toloka.dev"

DUMPED = "floor: columns zipped to dicts + orjson.dumps, of the same rows"
FOUND = "rows that the ledger has, found by their hashes"
FETCHED = "sqlite3 fetchall + pd.DataFrame, of the table of uploads"
LISTED = "tf.uploads()"


def lookup(folder: Path, rows: int, settled: int) -> list[Contender]:
    """Return the search for the hashes of `rows` rows in a ledger of `settled` rows, half of which it has, and a floor."""
    hashes = np.random.default_rng(0).integers(1, 2**63, settled + rows // 2, HASH)
    path, wanted = folder / "rows.db", hashes[-rows:]
    add_upload(path, "settled", hashes[:settled])
    frame = pd.DataFrame([ten_values(number) for number in range(rows)])

    def find() -> None:
        with Ledger(path) as ledger:
            created = ledger.open(read_only=True).created_contents({place_of(CREATE_TASKS, ACCOUNT, {}, POOL)}, ACCOUNT)
        known, _ = find_like_rows(wanted, created)
        assert known.sum() == rows - rows // 2

    def dump() -> None:
        names = list(frame)
        for row in zip(*(frame[name].tolist() for name in names), strict=True):
            orjson.dumps(dict(zip(names, row, strict=True)))

    return [Contender(DUMPED, lambda: cpu_seconds(dump)), Contender(FOUND, lambda: cpu_seconds(find), limit=1.0)]


def listing(folder: Path, uploads: int) -> list[Contender]:
    """Return `tf.uploads()` of a ledger with this number of uploads, and what reads the same table without types."""
    path = folder / "uploads.db"
    add_upload(path, "first", np.arange(1, 101, dtype=HASH))
    # copied in SQL, because each upload of its own would wait for the disk
    with closing(sqlite3.connect(path)) as sqlite, sqlite:
        for statement in COPIES:
            sqlite.execute(statement, {"uploads": uploads})

    def fetch() -> None:
        with closing(sqlite3.connect(path)) as sqlite:
            assert len(pd.DataFrame(sqlite.execute("select * from uploads order by id").fetchall())) == uploads

    def list_uploads() -> None:
        assert len(tf.uploads(path)) == uploads

    return [Contender(FETCHED, lambda: cpu_seconds(fetch)), Contender(LISTED, lambda: cpu_seconds(list_uploads), limit=1.0)]


NUMBERS = "with recursive numbers (n) as (select 2 union all select n + 1 from numbers where n < :uploads)"
UPLOAD = "account, url, path, key, destination, rows, content, digests, flags, begun, ended, created, invalid, failed, pool_ids"
CHUNK = "operation_id, number, pool_id, spans, rows, state, created, object_ids"
COPIES = (
    f"insert into uploads (id, upload_id, {UPLOAD}) {NUMBERS} select n, upload_id || n, {UPLOAD} from uploads, numbers",  # noqa: S608 -- of constants
    f"insert into chunks (upload, {CHUNK}) {NUMBERS} select n, {CHUNK} from chunks, numbers",  # noqa: S608 -- of constants
)


def add_upload(path: Path, upload_id: str, hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
    """Add an upload whose rows are settled, with these hashes."""
    count, size = len(hashes), CREATE_TASKS.max_objects
    chunks = [
        Chunk(number, POOL, range(start, min(start + size, count)), b"%d" % number, upload_id, None, own.tobytes())
        for number, start in enumerate(range(0, count, size))
        for own in [hashes[start : start + size]]
    ]
    plan = UploadPlan(CREATE_TASKS, ACCOUNT, upload_id, upload_id, upload_id, count, array("I"), list(chunks), range(count))
    with Ledger(path) as ledger:
        entry = ledger.open().add(plan, {}, URL)
        assert entry is not None
        for chunk in chunks:
            ids = [f"{int(POOL):010x}--{row:024x}" for row in chunk.positions]
            ledger.begin_chunk(entry.id, chunk, chunk.operation_id, {}, datetime.now(UTC))
            ledger.end_chunk(entry.id, chunk, "done", ids)

"""The ways to upload the rows of a frame to a sink."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pandas as pd
from rows import POOL, ten_values
from turns import KIT, Contender, cpu_seconds, elsewhere, is_made, longest_wait, tally

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading.cells import column_roles
from toloka_frames._uploading.tasks import DefaultOverlap, TaskRows

if TYPE_CHECKING:
    from collections.abc import Iterator

# rows of this size fit into the service's limit of 1,048,576 bytes a request
FLOOR_ROWS = 3_000
CONCURRENCY = 4

CHUNKS_FLOOR = "floor: columns zipped to dicts + orjson.dumps"
CHUNKS = "tf.create_tasks up to its chunks: checked, converted, hashed, cut"
SENT_FLOOR = "floor: columns zipped to dicts + orjson.dumps, POSTed"
CREATED = "tf.create_tasks: ledger, requests, operations, logs, a result for each row"
IDEAL = "t · n / concurrency"
TOTAL = f"tf.create_tasks(concurrency={CONCURRENCY})"
SMOOTH, SMOOTH_SECONDS = "tf.create_tasks: the longest wait of another thread", 0.1  # the thread of a card is one
SMALL = "tf.create_tasks"
SMALL_FLOOR = "floor: pool, project, POST, the operation after its end, its log, by httpx"
# what a short cell may take, with an operation of 50 ms, until a user notices that it takes time
SMALL_SECONDS = 0.09


class Upload:
    """A frame of ten fields, and the ways to upload it to a sink whose operations take `milliseconds`."""

    def __init__(self, server: str, milliseconds: int, rows: int) -> None:
        self._server, self._url, self._seconds = server, f"{server}/{milliseconds}", milliseconds / 1_000
        self._frame = pd.DataFrame([ten_values(number) for number in range(rows)])
        # an account's tasks are limited per minute, so each upload uses an account of its own; its token has the form
        # of Toloka's, because responses are searched for it
        self._tokens = (f"{number:022}.bench.{number:032}" for number in itertools.count())
        self._chunks = self._uploads = 0
        self._client, self._folder = self.client(), tempfile.TemporaryDirectory()

    def chunks(self) -> list[Contender]:
        """Return the ways from the frame to the bytes of the requests, without sending them."""
        return [
            Contender(CHUNKS_FLOOR, lambda: cpu_seconds(lambda: list(self.dumped()))),
            Contender(CHUNKS, lambda: cpu_seconds(lambda: tf.run(self.planned())), limit=1.5),
        ]

    def client_cpu(self) -> list[Contender]:
        """Return the ways from the frame to the outcome of its rows."""
        return [
            Contender(SENT_FLOOR, lambda: cpu_seconds(lambda: asyncio.run(self.posted(follow=False)))),
            Contender(f"{SENT_FLOOR}, logs read", lambda: cpu_seconds(lambda: asyncio.run(self.posted(follow=True)))),
            Contender(CREATED, lambda: cpu_seconds(self.created), limit=1.5),
            *([Contender("Toloka-Kit 1.2.3: Task objects, POSTed", self.kit, rounds=1)] if is_made(KIT) else []),
        ]

    def total(self) -> list[Contender]:
        """Return the upload to a slow service, and the time in which that service could do it if it was never idle."""
        return [Contender(TOTAL, self.created_in, limit=1.15), Contender(IDEAL, self.ideal)]

    def smooth(self) -> list[Contender]:
        """Return for how long the upload keeps another thread from running, and for how long it may."""
        return [
            Contender(SMOOTH, lambda: longest_wait(self.created), limit=1.0),
            Contender(f"{SMOOTH_SECONDS:g} s", lambda: SMOOTH_SECONDS),
        ]

    def small(self) -> list[Contender]:
        """Return the upload of the rows to a ledger that exists, what is necessary for it, and the seconds that it may take."""
        return [
            Contender(SMALL, self.created_again, limit=1.0),
            Contender(SMALL_FLOOR, lambda: asyncio.run(self.done_once())),
            Contender(f"{SMALL_SECONDS:g} s", lambda: SMALL_SECONDS),
        ]

    def dumped(self) -> Iterator[bytes]:
        """Yield the JSON of chunks of rows, without checks."""
        columns = [self._frame[name].tolist() for name in self._frame]
        names = list(self._frame)
        tasks = [{"pool_id": POOL, "input_values": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]
        for start in range(0, len(tasks), FLOOR_ROWS):
            yield orjson.dumps(tasks[start : start + FLOOR_ROWS])

    async def posted(self, *, follow: bool) -> None:
        """Send one request after another, and read its log if `follow` is true."""
        async with httpx.AsyncClient(base_url=f"{self._url}/api/v1", headers={"Content-Type": "application/json"}) as client:
            for body in self.dumped():
                id_ = str(uuid.uuid4())
                await client.post("/tasks", params={"operation_id": id_, "async_mode": "true"}, content=body)
                if follow:
                    log = orjson.loads((await client.get(f"/operations/{id_}/log")).content)
                    assert all(entry["success"] for entry in log)

    async def planned(self) -> Any:
        """Do what `create_tasks` does before it sends."""
        service = self.client().service
        roles = column_roles(self._frame, None, has_pool=True)
        return await TaskRows(CREATE_TASKS, self._frame, {}, None, roles, POOL, DefaultOverlap()).plan(service)

    def kit(self) -> float:
        """Send the same rows with Toloka-Kit, without waiting for the operations; return its CPU seconds."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.json"
            self._frame.to_json(file, orient="records")
            return elsewhere(KIT, "kit.py", "upload", self._url, str(file), str(FLOOR_ROWS), POOL, rows=len(self._frame))

    def client(self) -> tf.AsyncTolokaClient:
        """Return a client of a new account."""
        return tf.AsyncTolokaClient(next(self._tokens), url=self._url)

    def created(self) -> None:
        """Upload with a new ledger, so that all rows are sent."""
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, Any] = {"pool_id": POOL, "allow_defaults": True, "ledger": Path(folder) / "uploads.db"}
            results = tf.create_tasks(self._frame, self.client(), concurrency=CONCURRENCY, progress=False, **options)
        assert results["status"].eq("CREATED").all()

    def created_in(self) -> float:
        """Upload and return the seconds; remember the number of requests that the sink has counted."""
        tally(self._server)  # the uploads of other contenders
        started = time.perf_counter()
        self.created()
        took = time.perf_counter() - started
        self._chunks = tally(self._server)["creations"]
        return took

    def created_again(self) -> float:
        """Upload rows that no earlier upload had, by the same client and with the same ledger; return the seconds."""
        self._uploads += 1
        frame = self._frame.assign(text_0=f"upload {self._uploads}")
        options: dict[str, Any] = {"pool_id": POOL, "allow_defaults": True, "ledger": Path(self._folder.name) / "uploads.db"}
        started = time.perf_counter()
        tf.create_tasks(frame, self._client, progress=False, **options)
        return time.perf_counter() - started

    async def done_once(self) -> float:
        """Make the requests of a small upload one after another; return the seconds."""
        async with httpx.AsyncClient(base_url=f"{self._url}/api/v1", headers={"Content-Type": "application/json"}) as client:
            started = time.perf_counter()
            pool = (await client.get(f"/pools/{POOL}")).json()
            await client.get(f"/projects/{pool['project_id']}")
            id_ = str(uuid.uuid4())
            (body,) = self.dumped()
            await client.post("/tasks", params={"operation_id": id_, "async_mode": "true"}, content=body)
            await asyncio.sleep(self._seconds)
            assert (await client.get(f"/operations/{id_}")).json()["status"] == "SUCCESS"
            await client.get(f"/operations/{id_}/log")
            return time.perf_counter() - started

    def ideal(self) -> float:
        """Return the seconds in which a service that is never idle completes all chunks, `CONCURRENCY` at a time."""
        return self._seconds * max(self._chunks / CONCURRENCY, 1)

"""The address of a sink and a frame come in; each way to bring its rows up goes out."""

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
from turns import KIT, Contender, cpu_seconds, elsewhere, is_made, tally

import toloka_frames as tf
from toloka_frames._uploading.frame_columns import roles_of
from toloka_frames._uploading.tasks import plan_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

# as many of ours as fit the service's 1,048,576 bytes
FLOOR_ROWS = 3_000
CONCURRENCY = 4

CHUNKS_FLOOR = "floor: columns zipped to dicts + orjson.dumps"
CHUNKS = "tf.create_tasks up to its chunks: checked, converted, hashed, cut"
SENT_FLOOR = "floor: columns zipped to dicts + orjson.dumps, POSTed"
CREATED = "tf.create_tasks: ledger, requests, operations, logs, a result for each row"
IDEAL = "t · n / concurrency"
TOTAL = f"tf.create_tasks(concurrency={CONCURRENCY})"


class Up:
    """A frame of ten fields, and the ways to bring it up to a sink whose operations take so many milliseconds."""

    def __init__(self, server: str, milliseconds: int, rows: int) -> None:
        self._server, self._url, self._seconds = server, f"{server}/{milliseconds}", milliseconds / 1_000
        self._frame = pd.DataFrame([ten_values(number) for number in range(rows)])
        # an account's tasks of a minute are counted, so that each upload has an account of its own
        self._tokens = (f"token-{number}" for number in itertools.count())
        self._chunks = 0

    def chunks(self) -> list[Contender]:
        """From the frame to the bytes of the requests, without a request for them."""
        return [
            Contender(CHUNKS_FLOOR, lambda: cpu_seconds(lambda: list(self.dumped()))),
            Contender(CHUNKS, lambda: cpu_seconds(lambda: tf.run(self.planned())), limit=1.5),
        ]

    def client_cpu(self) -> list[Contender]:
        """From the frame to what became of it."""
        return [
            Contender(SENT_FLOOR, lambda: cpu_seconds(lambda: asyncio.run(self.posted(follow=False)))),
            Contender(f"{SENT_FLOOR}, logs read", lambda: cpu_seconds(lambda: asyncio.run(self.posted(follow=True)))),
            Contender(CREATED, lambda: cpu_seconds(self.created), limit=1.5),
            *([Contender("Toloka-Kit 1.2.3: Task objects, POSTed", self.kit, rounds=1)] if is_made(KIT) else []),
        ]

    def total(self) -> list[Contender]:
        """How long it takes when the service takes its time; against a service that is kept busy all the time."""
        return [Contender(TOTAL, self.created_in, limit=1.15), Contender(IDEAL, self.ideal)]

    def dumped(self) -> Iterator[bytes]:
        """JSON of chunks of rows, without a check."""
        columns = [self._frame[name].tolist() for name in self._frame]
        names = list(self._frame)
        tasks = [{"pool_id": POOL, "input_values": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]
        for start in range(0, len(tasks), FLOOR_ROWS):
            yield orjson.dumps(tasks[start : start + FLOOR_ROWS])

    async def posted(self, *, follow: bool) -> None:
        """One request after another; and what it created, when that is wanted."""
        async with httpx.AsyncClient(base_url=f"{self._url}/api/v1", headers={"Content-Type": "application/json"}) as client:
            for body in self.dumped():
                id_ = str(uuid.uuid4())
                await client.post("/tasks", params={"operation_id": id_, "async_mode": "true"}, content=body)
                if follow:
                    log = orjson.loads((await client.get(f"/operations/{id_}/log")).content)
                    assert all(entry["success"] for entry in log)

    async def planned(self) -> Any:
        """What create_tasks does before it sends."""
        service = self.client().service
        roles = roles_of(self._frame, None, has_pool=True)
        return await plan_tasks(service, self._frame, roles, pool_id=POOL, overlap=None, upload_id=None, strict=True)

    def kit(self) -> float:
        """The same rows by Toloka-Kit, begun and not followed."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.json"
            self._frame.to_json(file, orient="records")
            return elsewhere(KIT, "kit.py", "upload", self._url, str(file), str(FLOOR_ROWS), POOL, rows=len(self._frame))

    def client(self) -> tf.AsyncTolokaClient:
        """A client of an account of its own."""
        return tf.AsyncTolokaClient(next(self._tokens), url=self._url)

    def created(self) -> None:
        """With a ledger that is new, so that nothing was sent before."""
        with tempfile.TemporaryDirectory() as folder:
            given: dict[str, Any] = {"pool_id": POOL, "allow_defaults": True, "ledger": Path(folder) / "uploads.db"}
            results = tf.create_tasks(self._frame, self.client(), concurrency=CONCURRENCY, progress=False, **given)
        assert results["status"].eq("CREATED").all()

    def created_in(self) -> float:
        """Seconds of the whole; the sink tells of how many requests."""
        started = time.perf_counter()
        self.created()
        took = time.perf_counter() - started
        self._chunks = tally(self._server)["creations"]
        return took

    def ideal(self) -> float:
        """Seconds in which a service that makes so many chunks at once has made them all."""
        return self._seconds * max(self._chunks / CONCURRENCY, 1)

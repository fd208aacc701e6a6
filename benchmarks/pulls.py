"""The ways to pull all rows of a list, from a bare loop to a whole framework."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import tempfile
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import httpx
import orjson
import pandas as pd
from rows import APP_PROJECT, LISTS, POOL, TASKS_EACH, ListName
from turns import DLT, KIT, Contender, elsewhere, is_made, seconds

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

# of the form of Toloka's, because responses are searched for it
TOKEN = f"{1:022}.bench.{1:032}"
FLOOR = "floor: httpx async + orjson.loads, no frame, no garbage collection"
SEQUENTIAL = "Scan.to_dataframe(concurrency=1)"
EIGHT = "Scan.to_dataframe(concurrency=8)"
DEFAULT = "Scan.to_dataframe()"
PARQUET = "Scan.to_parquet(path)"
BYTES = "bytes only: plain socket"


class Pull:
    """A list of a page server, and the ways to pull it.

    Attributes:
        url: The page server.
        path: The path of the list after `/api`.
        rows_key: The key of the rows in a page.
        query: The query of the first page.
    """

    def __init__(self, name: ListName, url: str, rows: int) -> None:
        self._name, self.url, self._rows = name, url, rows
        self._list = LISTS[name]
        self.path, self.rows_key = self._list.path, self._list.rows
        self.query = {"sort": "id", "limit": str(self._list.page_rows), **dict(self._list.query)}

    def bare(self) -> list[Contender]:
        """Return the least that any client must do, also with httpx2 where it is installed, and the page server's speed."""
        libraries = [httpx, import_module("httpx2")] if find_spec("httpx2") else [httpx]
        return [
            self.floor(),
            Contender("the same with garbage collection", partial(seconds, self.decoded), rounds=1),
            *(
                Contender(f"bytes only: {library.__name__} async", partial(seconds, partial(self.undecoded, library=library)))
                for library in libraries
            ),
            Contender(BYTES, partial(seconds, self.socket)),
        ]

    def floor(self) -> Contender:
        """Return the base of all ratios of pulls without latency."""
        return Contender(FLOOR, partial(seconds, self.uncollected))

    def ours(self, limits: dict[str, float]) -> list[Contender]:
        """Return the ways of this package."""
        ways: dict[str, Callable[[], Any]] = {
            SEQUENTIAL: partial(self.frame, concurrency=1),
            EIGHT: partial(self.frame, concurrency=8),
            DEFAULT: self.frame,
            "Scan.to_dataframe(dtype_backend='pyarrow')": partial(self.frame, dtype_backend="pyarrow"),
            "Scan.to_arrow()": lambda: self.scan().to_arrow(progress=False),
            PARQUET: self.parquet,
        }
        return [Contender(name, partial(seconds, way), limits.get(name)) for name, way in ways.items()]

    def others(self) -> list[Contender]:
        """Return the alternatives that could be installed: few rounds each, because they are slow."""
        ways = [Contender("httpx + json_normalize", partial(seconds, self.normalised), rounds=2)]
        if is_made(KIT):
            kinds = ("sync", "async") if self._name == "app_batches" else ("sync",)
            ways += [Contender(f"Toloka-Kit 1.2.3, {kind}", partial(self.kit, kind), rounds=1) for kind in kinds]
        if is_made(DLT):
            ways.append(Contender("dlt to Parquet", self.dlt, rounds=1))
        return ways

    def scan(self) -> tf.Scan:
        """Return the list as a scan of a new client: the other contenders have new connections too."""
        client = tf.AsyncTolokaClient(TOKEN, url=self.url)
        parent = {"app_project_id": APP_PROJECT} if self._name.startswith("app_") else {"pool_id": POOL}
        scan: tf.Scan = getattr(client, f"get_{self._name}")(**parent)
        return scan

    def kit(self, kind: str) -> float:
        """Return the seconds of Toloka-Kit's sync or async client, in its own environment."""
        parent_id = APP_PROJECT if self._name.startswith("app_") else POOL
        arguments = (self.url, self._name, str(self._list.page_rows), parent_id)
        return elsewhere(KIT, "kit.py", kind, *arguments, rows=self._rows)

    def dlt(self) -> float:
        """Return the seconds of dlt, in its own environment."""
        arguments = (self.url, f"/api{self.path}", self.rows_key, json.dumps(self.query))
        return elsewhere(DLT, "dlt_pull.py", *arguments, rows=self._rows)

    def frame(self, **options: Any) -> pd.DataFrame:
        """Pull the list into a pandas frame."""
        frame = self.scan().to_dataframe(progress=False, **options)
        assert len(frame) in (self._rows, self._rows * TASKS_EACH)
        return frame

    def parquet(self) -> None:
        """Stream the list into a file in a temporary folder."""
        with tempfile.TemporaryDirectory() as folder:
            self.scan().to_parquet(Path(folder) / "rows.parquet", progress=False)

    def decoded(self) -> None:
        """Request and decode all pages."""
        asyncio.run(self._decoded())

    def uncollected(self) -> None:
        """Do the same without garbage collection, whose cost grows with the page: the least that a client does."""
        gc.disable()
        try:
            self.decoded()
        finally:
            gc.enable()

    def undecoded(self, take: Callable[[bytes], object] = len, library: Any = httpx) -> None:
        """Receive the bytes of each page by httpx or httpx2 without decoding them; the cursor is in a header."""
        asyncio.run(self._undecoded(take, library))

    async def _decoded(self) -> None:
        query, more = dict(self.query), True
        async with httpx.AsyncClient(base_url=self.url) as client:
            while more:
                page = orjson.loads((await client.get(f"/api{self.path}", params=query)).content)
                more, query["id_gt"] = page["has_more"], page[self.rows_key][-1]["id"]

    async def _undecoded(self, take: Callable[[bytes], object], library: Any) -> None:
        query, more = dict(self.query), True
        async with library.AsyncClient(base_url=self.url) as client:
            while more:
                response = await client.get(f"/api{self.path}", params=query)
                take(response.content)
                more, query["id_gt"] = response.content.endswith(b"true}"), response.headers["x-last-id"]

    def socket(self) -> None:
        """Receive the same bytes over a plain socket."""
        url, query, more = urlsplit(self.url), dict(self.query), True
        with socket.create_connection((url.hostname, url.port)) as connection, connection.makefile("rb") as file:
            while more:
                target = f"{url.path}/api{self.path}?{urlencode(query)}"
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
                head = dict(line.split(b": ", 1) for line in iter(file.readline, b"\r\n") if b": " in line)
                body = file.read(int(head[b"Content-Length"]))
                more, query["id_gt"] = body.endswith(b"true}"), head[b"X-Last-Id"].decode().strip()

    def normalised(self) -> pd.DataFrame:
        """Do what a careful hand-written loop does."""
        rows: list[dict[str, Any]] = []
        query, more = dict(self.query), True
        with httpx.Client(base_url=self.url) as client:
            while more:
                page = client.get(f"/api{self.path}", params=query).json()
                rows += page[self.rows_key]
                more, query["id_gt"] = page["has_more"], rows[-1]["id"]
        return pd.json_normalize(rows)

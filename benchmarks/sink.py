"""Accept uploads of tasks, and serve their operations and logs, from a process of its own.

Run as `sink.py`; prints its port. The first part of a path is not part of the API: in `/2000/api/...` each operation takes
2,000 ms. `/tally` returns the numbers of creations, other requests and tasks since the last call of `/tally`. A log is built
before its operation ends, so that no request waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from rows import POOL, objects

if TYPE_CHECKING:
    from collections.abc import Mapping

TEN_THOUSANDTHS = 10_000


@dataclass
class Operation:
    """An operation that creates tasks.

    Attributes:
        id: The id.
        submitted: The start, in seconds since 1970.
        ends: The end, in seconds since 1970.
        log: The log as JSON text.
    """

    id: str
    submitted: float
    ends: float
    log: bytes

    def row(self) -> dict[str, Any]:
        """Return the operation in its current state."""
        done = time.time() >= self.ends
        row = {
            "id": self.id,
            "type": "TASK.BATCH_CREATE",
            "status": "SUCCESS" if done else "RUNNING",
            "submitted": _timestamp(self.submitted),
            "started": _timestamp(self.submitted),
            "progress": 100 if done else 50,
            "parameters": {"allow_defaults": True, "skip_invalid_items": False, "open_pool": False},
        }
        return row | ({"finished": _timestamp(self.ends)} if done else {})


class Sink:
    """A pool that accepts tasks, and the operations that created them."""

    def __init__(self) -> None:
        self._objects = {path: orjson.dumps(row) for path, row in objects("tasks").items()}
        self._operations: dict[str, Operation] = {}
        self._tally: Counter[str] = Counter()

    def response(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the JSON text of a response."""
        url = urlsplit(target)
        if url.path == "/tally":
            tally, self._tally = self._tally, Counter()
            return 200, orjson.dumps({"creations": 0, "others": 0, "tasks": 0} | tally)
        _, milliseconds, api = url.path.split("/", 2)
        path, query = "/" + api.removeprefix("api/"), dict(parse_qsl(url.query))
        if method == "POST":
            return self._created(query["operation_id"], int(milliseconds) / 1_000, body)
        self._tally["others"] += 1
        if path in self._objects:
            return 200, self._objects[path]
        if path == "/v1/operations":
            return 200, orjson.dumps(self._listed(query))
        operation = self._operations.get(path.split("/")[3])
        if operation is None:
            return 404, b'{"code":"DOES_NOT_EXIST","message":"No such operation"}'
        return 200, operation.log if path.endswith("/log") else orjson.dumps(operation.row())

    def _created(self, id_: str, seconds: float, body: bytes) -> tuple[int, bytes]:
        now = time.time()
        sent = orjson.loads(body)
        self._tally.update(creations=1, tasks=len(sent))
        log = [
            {"type": "TASK_CREATE", "success": True, "input": task, "output": {"task_id": f"{int(POOL):010x}--{now_id:024x}"}}
            for now_id, task in enumerate(sent, int(now * TEN_THOUSANDTHS) << 40)
        ]
        self._operations[id_] = Operation(id_, now, now + seconds, orjson.dumps(log))
        return 202, orjson.dumps(self._operations[id_].row())

    def _listed(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the list of operations, filtered and sorted as the query says."""
        rows = [operation.row() for operation in self._operations.values()]
        for name, text in query.items():
            key, _, compare = name.partition("_")
            if name in ("status", "type"):
                rows = [row for row in rows if row[name] in text.split(",")]
            elif compare in ("gt", "gte", "lt", "lte"):
                rows = [row for row in rows if key in row and _passes(row[key], compare, text)]
        key = query.get("sort", "id").split(",")[0]
        rows.sort(key=lambda row: row.get(key.lstrip("-"), ""), reverse=key.startswith("-"))
        limit = int(query.get("limit", "50"))
        return {"items": rows[:limit], "has_more": len(rows) > limit}


def _passes(value: str, compare: str, bound: str) -> bool:
    if value == bound:
        return compare.endswith("e")
    return (value > bound) == compare.startswith("g")


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1_000):03d}"


async def serve(sink: Sink) -> None:
    """Serve on a free port of 127.0.0.1 until the process is terminated."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                method, target, _ = head.decode("latin-1").split(" ", 2)
                status, text = sink.response(method, target, body)
                writer.write(
                    f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
                )
                writer.write(text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**20, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Sink()))

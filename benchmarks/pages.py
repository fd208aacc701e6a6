"""Serve the pages of one list, serialised in advance, from a process of its own.

Run as `pages.py LIST ROWS`; prints its port. The first two parts of a path are not part of the API: `/100/0/api/...` delays
each response by 100 ms, `/0/100/api/...` puts an undeclared field into one row of every 100th page. `/tally` returns the number
of page requests since the last call of `/tally`, and the maximum in any one second.
"""

from __future__ import annotations

import asyncio
import sys
import time
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import orjson
from rows import LISTS, ListName, objects, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ranks: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

MISFIT = b'{"field_of_tomorrow":1,'


class StoredList:
    """All rows of a list in the order of their ids; the rank of a row is its position in that order."""

    def __init__(self, name: ListName, rows: int) -> None:
        self.list = LISTS[name]
        self._ids: list[str] = []
        text, ends, created = bytearray(), [], []
        for id_, created_ms, row in rows_of(name, rows):
            self._ids.append(id_)
            created.append(created_ms)
            text += row + b","
            ends.append(len(text))
        self._text, self._ends = memoryview(text), np.asarray(ends, dtype=np.int64)
        self._index(np.asarray(created, dtype=np.int64))

    def _index(self, created: Ranks) -> None:
        """Sort the creation times, which are given in the order of ids."""
        self._by_created = np.argsort(created, kind="stable")
        self._sorted_created = created[self._by_created]
        self._cached_ranks = lru_cache(maxsize=64)(self._ranks)

    def page(self, query: Mapping[str, str]) -> tuple[list[bytes | memoryview], str, bool]:
        """Return the chunks of the requested page, the id of its last row, and whether there are more rows."""
        bounds = {name: text for name, text in query.items() if name.startswith("created_")}
        ranks = self._cached_ranks(tuple(sorted(bounds.items())), query.get("sort", "id").split(",")[0])
        ranks = self._within_ids(ranks, query)
        limit = int(query.get("limit", self.list.default_rows))
        chosen = ranks[:limit]
        return self._chunks(chosen), self._ids[chosen[-1]] if len(chosen) else "", len(ranks) > limit

    def _ranks(self, bounds: Sequence[tuple[str, str]], sort: str) -> Ranks:
        """Return the ranks of the rows in a range of creation time, sorted."""
        first, last = 0, len(self._sorted_created)
        for name, text in bounds:
            cut = bisect_right if name in ("created_gt", "created_lte") else bisect_left
            position = cut(self._sorted_created, _milliseconds(text))
            first, last = (max(first, position), last) if name.startswith("created_g") else (first, min(last, position))
        ranks = self._by_created[first : max(first, last)]
        ordered = np.sort(ranks) if sort.lstrip("-") == "id" else ranks
        return ordered[::-1] if sort.startswith("-") else ordered

    def _within_ids(self, ranks: Ranks, query: Mapping[str, str]) -> Ranks:
        if "after_id" in query:
            rank = bisect_left(self._ids, query["after_id"])
            return ranks[int(np.flatnonzero(ranks == rank)[0]) + 1 :]
        low = bisect_right(self._ids, query["id_gt"]) if "id_gt" in query else 0
        low = max(low, bisect_left(self._ids, query["id_gte"])) if "id_gte" in query else low
        high = bisect_left(self._ids, query["id_lt"]) if "id_lt" in query else len(self._ids)
        high = min(high, bisect_right(self._ids, query["id_lte"])) if "id_lte" in query else high
        if query.get("sort", "id") == "id":
            return ranks[np.searchsorted(ranks, low) : np.searchsorted(ranks, high)]
        return ranks if (low, high) == (0, len(self._ids)) else ranks[(ranks >= low) & (ranks < high)]

    def _chunks(self, ranks: Ranks) -> list[bytes | memoryview]:
        """Return the JSON text of rows, separated by commas; one chunk if the rows are adjacent."""
        if not len(ranks):
            return [b""]
        ends = self._ends[ranks]
        starts = np.where(ranks > 0, self._ends[ranks - 1], 0)
        if ranks[-1] - ranks[0] == len(ranks) - 1:
            return [self._text[starts[0] : ends[-1] - 1]]
        text = self._text
        joined = b"".join([text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])
        return [memoryview(joined)[:-1]]


class Pages:
    """Responses to requests, and the times of the requests."""

    def __init__(self, name: ListName, stored: StoredList) -> None:
        self._stored = stored
        self._objects = {path: orjson.dumps(row) for path, row in objects(name).items()}
        self._request_times: list[float] = []

    async def response(self, target: str) -> list[bytes | memoryview]:
        """Return an HTTP response in chunks."""
        url = urlsplit(target)
        if url.path == "/tally":
            return _response([orjson.dumps(self._tally())])
        _, latency, misfits, api = url.path.split("/", 3)
        path = "/" + api.removeprefix("api/")
        await asyncio.sleep(int(latency) / 1_000)
        if path in self._objects:
            return _response([self._objects[path]])
        self._request_times.append(time.monotonic())
        assert path == self._stored.list.path, path
        chunks, last_id, more = self._stored.page(dict(parse_qsl(url.query)))
        if int(misfits) and len(self._request_times) % int(misfits) == 0:
            chunks = [MISFIT, memoryview(chunks[0])[1:], *chunks[1:]]
        tail = b'],"has_more":%b}' % (b"true" if more else b"false")
        return _response([b'{"%b":[' % self._stored.list.rows.encode(), *chunks, tail], last_id)

    def _tally(self) -> dict[str, int]:
        times, self._request_times = sorted(self._request_times), []
        busiest = max((bisect_left(times, time_ + 1) - index for index, time_ in enumerate(times)), default=0)
        return {"requests": len(times), "busiest_second": busiest}


def _response(body: list[bytes | memoryview], last_id: str = "") -> list[bytes | memoryview]:
    """Add the headers; the last id is in one of them, for contenders that do not decode the body."""
    head = (
        f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json\r\nX-Last-Id: {last_id}\r\n"
        f"Content-Length: {sum(map(len, body))}\r\n\r\n"
    )
    return [head.encode(), *body]


@lru_cache(maxsize=1024)
def _milliseconds(text: str) -> float:
    """Convert a timestamp in any of the service's formats to milliseconds since 1970."""
    timestamp = datetime.fromisoformat(text)
    return round((timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp() * 1_000_000) / 1_000


async def serve(pages: Pages) -> None:
    """Serve on a free port of 127.0.0.1, any number of connections at once, until the process is terminated."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                for chunk in await pages.response(head.split(b" ", 2)[1].decode()):
                    writer.write(chunk)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    name = cast("ListName", sys.argv[1])
    asyncio.run(serve(Pages(name, StoredList(name, int(sys.argv[2])))))

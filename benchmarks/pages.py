"""Requests for the pages of one list come in over a socket, pre-serialised pages go out; a process of its own.

Run as `pages.py LIST ROWS`; prints its port. The first two parts of a path are no part of the API: `/100/0/api/...` has each
answer wait for 100 ms, `/0/100/api/...` puts a field that nobody declared into one row of every 100th page. `/tally` answers
how many requests for pages there were since it was last asked, and the most of them in any one second.
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


class Shelf:
    """All rows of a list, in the order of their ids: a rank is a row's place in it."""

    def __init__(self, name: ListName, rows: int) -> None:
        self.list = LISTS[name]
        self._ids: list[str] = []
        text, ends, created = bytearray(), [], []
        for id_, moment, row in rows_of(name, rows):
            self._ids.append(id_)
            created.append(moment)
            text += row + b","
            ends.append(len(text))
        self._text, self._ends = memoryview(text), np.asarray(ends, dtype=np.int64)
        self._by_created = np.argsort(created, kind="stable")
        self._moments = np.asarray(created, dtype=np.int64)[self._by_created]
        self._window = lru_cache(maxsize=64)(self._ranks)

    def page(self, query: Mapping[str, str]) -> tuple[list[bytes | memoryview], str, bool]:
        """The pieces of the page that a query asks for, the id of its last row, and whether there are more."""
        bounds = {name: text for name, text in query.items() if name.startswith("created_")}
        ranks = self._window(tuple(sorted(bounds.items())), query.get("sort", "id").split(",")[0])
        ranks = self._behind(ranks, query)
        limit = int(query.get("limit", self.list.default_rows))
        chosen = ranks[:limit]
        return self._pieces(chosen), self._ids[chosen[-1]] if len(chosen) else "", len(ranks) > limit

    def _ranks(self, bounds: Sequence[tuple[str, str]], sort: str) -> Ranks:
        """Rows within instants, sorted."""
        first, last = 0, len(self._moments)
        for name, text in bounds:
            cut = bisect_right if name in ("created_gt", "created_lte") else bisect_left
            place = cut(self._moments, _milliseconds(text))
            first, last = (max(first, place), last) if name.startswith("created_g") else (first, min(last, place))
        ranks = self._by_created[first : max(first, last)]
        ordered = np.sort(ranks) if sort.lstrip("-") == "id" else ranks
        return ordered[::-1] if sort.startswith("-") else ordered

    def _behind(self, ranks: Ranks, query: Mapping[str, str]) -> Ranks:
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

    def _pieces(self, ranks: Ranks) -> list[bytes | memoryview]:
        """JSON text of rows with a comma between them; of neighbours, one piece."""
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
    """The answers to requests, and when they were asked for."""

    def __init__(self, name: ListName, rows: int) -> None:
        self._shelf = Shelf(name, rows)
        self._objects = {path: orjson.dumps(row) for path, row in objects(name).items()}
        self._asked: list[float] = []

    async def answer(self, target: str) -> list[bytes | memoryview]:
        """An HTTP answer in pieces."""
        url = urlsplit(target)
        if url.path == "/tally":
            return _answer([orjson.dumps(self._tally())])
        _, latency, misfits, api = url.path.split("/", 3)
        path = "/" + api.removeprefix("api/")
        await asyncio.sleep(int(latency) / 1_000)
        if path in self._objects:
            return _answer([self._objects[path]])
        self._asked.append(time.monotonic())
        assert path == self._shelf.list.path, path
        pieces, last, more = self._shelf.page(dict(parse_qsl(url.query)))
        if int(misfits) and len(self._asked) % int(misfits) == 0:
            pieces = [MISFIT, memoryview(pieces[0])[1:], *pieces[1:]]
        tail = b'],"has_more":%b}' % (b"true" if more else b"false")
        return _answer([b'{"%b":[' % self._shelf.list.rows.encode(), *pieces, tail], last)

    def _tally(self) -> dict[str, int]:
        asked, self._asked = sorted(self._asked), []
        busiest = max((bisect_left(asked, moment + 1) - place for place, moment in enumerate(asked)), default=0)
        return {"requests": len(asked), "busiest_second": busiest}


def _answer(body: list[bytes | memoryview], last: str = "") -> list[bytes | memoryview]:
    """The last id stands in a header too, for those that read no body."""
    head = (
        f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json\r\nX-Last-Id: {last}\r\n"
        f"Content-Length: {sum(map(len, body))}\r\n\r\n"
    )
    return [head.encode(), *body]


@lru_cache(maxsize=1024)
def _milliseconds(text: str) -> float:
    """An instant in any of the service's spellings, as milliseconds of the Unix clock."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000) / 1_000


async def serve(pages: Pages) -> None:
    """Answer on a port of this machine, any number of connections at once, until the process is ended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                for piece in await pages.answer(head.split(b" ", 2)[1].decode()):
                    writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Pages(cast("ListName", sys.argv[1]), int(sys.argv[2]))))

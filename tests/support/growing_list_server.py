"""A service whose list of assignments grows in virtual time: rows have several times, and become visible late."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from support.scripted_server import reply
from support.virtual_clock import loop_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START = datetime(2026, 1, 1, tzinfo=UTC)
STATUS_OF = {"accepted": "ACCEPTED", "rejected": "REJECTED", "submitted": "SUBMITTED"}
PROJECT = {"id": "1", "task_spec": {"input_spec": {"text": {"type": "string", "required": False}}, "output_spec": {}}}


@dataclass(frozen=True)
class GrowingRow:
    """An assignment.

    Attributes:
        id: Its id.
        times: When it was created, and came into other states, by the name of the time; in virtual seconds.
        late: How much later each becomes visible.
    """

    id: str
    times: dict[str, float]
    late: float = 0.0

    def visible(self, now: float) -> dict[str, float]:
        """Return the times that are visible at a moment."""
        return {name: time for name, time in self.times.items() if time + self.late <= now}


@dataclass
class GrowingList:
    """Responds with the rows that are visible at the moment of the request.

    Attributes:
        rows: The rows.
        clock_ahead: How much the service's clock is ahead of its rows, in seconds.
        closed: When the pool is closed, in virtual seconds; None if it stays open.
        fault: Called with the number of each request; what it returns, if anything, is the response.
        requests: The queries of all pages requested.
        visible_after: How late rows become visible, as the service says it; "" if it does not.
    """

    rows: Sequence[GrowingRow]
    clock_ahead: float = 0.0
    closed: float | None = None
    fault: Callable[[int], bytes | None] = lambda _: None
    account: str = "requester-1"
    visible_after: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    count: int = 0

    def __call__(self, head: str) -> bytes:
        self.count += 1
        if (response := self.fault(self.count)) is not None:
            return response
        url, date = urlsplit(head.split(" ")[1]), format_datetime(at(loop_time() + self.clock_ahead), usegmt=True)
        if url.path == "/api/v1/assignments":
            query = dict(parse_qsl(url.query))
            self.requests.append(query)
            return reply(self._page(query), Date=date, X_Visible_After=self.visible_after)
        bodies = {"/api/v1/requester": {"id": self.account}, "/api/v1/pools/1": self._pool(), "/api/v1/projects/1": PROJECT}
        return reply(bodies[url.path], Date=date)

    def _pool(self) -> dict[str, str]:
        pool = {"id": "1", "project_id": "1", "status": "OPEN", "last_started": text(0)}
        if self.closed is None or loop_time() < self.closed:
            return pool
        return pool | {"status": "CLOSED", "last_close_reason": "COMPLETED", "last_stopped": text(self.closed)}

    def _page(self, query: dict[str, str]) -> bytes:
        now, limit = loop_time(), int(query["limit"])
        found = []
        for row in self.rows:  # in the order of their ids
            if query.get("id_gt", "") < row.id and query.get("id_gte", "") <= row.id <= query.get("id_lte", "~"):
                times = row.visible(now)
                if "created" in times and is_wanted(times, query):
                    found.append(as_json(row, times))
                    if len(found) > limit:
                        break
        return b'{"items":[%s],"has_more":%s}' % (b",".join(found[:limit]), b"true" if len(found) > limit else b"false")


def is_wanted(times: dict[str, float], query: dict[str, str]) -> bool:
    """Return whether a row matches the filters of a query."""
    if "status" in query and status_of(times) not in query["status"].split(","):
        return False
    bounds = {name.removesuffix("_gte"): bound for name, bound in query.items() if name.endswith("_gte") and name != "id_gte"}
    return all(name in times and text(times[name]) >= padded(bound) for name, bound in bounds.items())


def status_of(times: dict[str, float]) -> str:
    return next((status for name, status in STATUS_OF.items() if name in times), "ACTIVE")


def as_json(row: GrowingRow, times: dict[str, float]) -> bytes:
    values = ",".join(f'"{name}":"{text(time)}"' for name, time in times.items())
    return f'{{"id":"{row.id}","status":"{status_of(times)}",{values}}}'.encode()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    return f"{at(seconds):%Y-%m-%dT%H:%M:%S.%f}"


def padded(timestamp: str) -> str:
    """Return a timestamp with six fractional digits, so that comparing text compares time."""
    return (timestamp if "." in timestamp else f"{timestamp}.").ljust(26, "0")

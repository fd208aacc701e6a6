"""A service with the assignments of one pool. Tests add rows, change their statuses and set the service's clock."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from support.scripted_server import reply

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = {"text": {"type": "string", "required": False}}
PROJECT = {"id": "1", "task_spec": {"input_spec": FIELDS, "output_spec": {}}}


class AssignmentList:
    """Responses for a `Scripted` server: `scripted.answers = [assignments]`.

    Attributes:
        now: The service's clock.
        statuses: The status of each assignment, by id.
        account: The requester's id; None for a token that may not read it.
        fields: The project's input fields.
    """

    def __init__(self) -> None:
        self.now = START
        self.account: str | None = "requester-1"
        self.fields = dict(FIELDS)
        self.statuses: dict[str, str] = {}
        self._created: dict[str, str] = {}
        self._ids: list[str] = []

    def add(self, ids: Iterable[str], status: str = "ACTIVE", *, seconds: float = 0.001) -> list[str]:
        """Create assignments one after another, advancing the clock by `seconds` before each; return their ids."""
        created = list(ids)
        for id_ in created:
            self.now += timedelta(seconds=seconds)
            self.statuses[id_], self._created[id_] = status, f"{self.now:%Y-%m-%dT%H:%M:%S.%f}"
        self._ids = sorted(self.statuses)
        return created

    def advance_clock(self, **time: float) -> None:
        """Advance the service's clock, by arguments of `timedelta`."""
        self.now += timedelta(**time)

    def __call__(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        project = PROJECT | {"task_spec": {"input_spec": self.fields, "output_spec": {}}}
        bodies = {
            "/api/v1/requester": {"id": self.account} if self.account else {"code": "ACCESS_DENIED", "message": "no"},
            "/api/v1/pools/1": {"id": "1", "project_id": "1"},
            "/api/v1/projects/1": project,
        }
        body = bodies[url.path] if url.path in bodies else self._page(dict(parse_qsl(url.query)))
        status = 403 if self.account is None and url.path == "/api/v1/requester" else 200
        return reply(body, status, Date=format_datetime(self.now, usegmt=True))

    def _page(self, query: dict[str, str]) -> bytes:
        after, until = _six_digits(query.get("created_gt", "")), _six_digits(query.get("created_lte", "9"))
        since, limit, created = _six_digits(query.get("created_gte", "")), int(query["limit"]), self._created
        ids = self._ids[bisect_right(self._ids, query.get("id_gt", "")) :]
        rows = list(islice((id_ for id_ in ids if after < created[id_] <= until and since <= created[id_]), limit + 1))
        return b'{"items":[%s],"has_more":%s}' % (
            b",".join(map(self._row, rows[:limit])),
            b"true" if len(rows) > limit else b"false",
        )

    def _row(self, id_: str) -> bytes:
        return f'{{"id":"{id_}","status":"{self.statuses[id_]}","created":"{self._created[id_]}"}}'.encode()


def _six_digits(timestamp: str) -> str:
    """Return the timestamp with six fractional digits, so that comparing text compares time."""
    return timestamp if len(timestamp) < 19 else (timestamp if "." in timestamp else f"{timestamp}.").ljust(26, "0")

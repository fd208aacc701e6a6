"""Assignments of one pool as the service lists them, and the service's clock; both change when a test says so."""

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


class Shelf:
    """What a `Scripted` server answers from: `scripted.answers = [shelf]`.

    Attributes:
        now: The service's clock.
        states: The status of each assignment.
        account: The requester's id.
        fields: The project's input fields.
    """

    def __init__(self) -> None:
        self.now = START
        self.account = "requester-1"
        self.fields = dict(FIELDS)
        self.states: dict[str, str] = {}
        self._created: dict[str, str] = {}
        self._ids: list[str] = []

    def add(self, ids: Iterable[str], status: str = "ACTIVE", *, seconds: float = 0.001) -> list[str]:
        """Assignments that are made one after another, so many seconds apart; the clock goes on with them."""
        made = list(ids)
        for each in made:
            self.now += timedelta(seconds=seconds)
            self.states[each], self._created[each] = status, f"{self.now:%Y-%m-%dT%H:%M:%S.%f}"
        self._ids = sorted(self.states)
        return made

    def wait(self, **time: float) -> None:
        """Let the service's clock go on."""
        self.now += timedelta(**time)

    def __call__(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        bodies = {"/api/v1/requester": {"id": self.account}, "/api/v1/pools/1": {"id": "1", "project_id": "1"}}
        project = PROJECT | {"task_spec": {"input_spec": self.fields, "output_spec": {}}}
        body = (bodies | {"/api/v1/projects/1": project}).get(url.path)
        said = self._page(dict(parse_qsl(url.query))) if body is None else body
        return reply(said, Date=format_datetime(self.now, usegmt=True))  # type: ignore[arg-type]

    def _page(self, query: dict[str, str]) -> bytes:
        after, before = _filled(query.get("created_gt", "")), _filled(query.get("created_lte", "9"))
        first, limit, created = _filled(query.get("created_gte", "")), int(query["limit"]), self._created
        behind = self._ids[bisect_right(self._ids, query.get("id_gt", "")) :]
        rows = list(islice((each for each in behind if after < created[each] <= before and first <= created[each]), limit + 1))
        return b'{"items":[%s],"has_more":%s}' % (
            b",".join(map(self._row, rows[:limit])),
            b"true" if len(rows) > limit else b"false",
        )

    def _row(self, each: str) -> bytes:
        return f'{{"id":"{each}","status":"{self.states[each]}","created":"{self._created[each]}"}}'.encode()


def _filled(instant: str) -> str:
    """An instant with six digits of fraction, so that text compares as time does."""
    return instant if len(instant) < 19 else (instant if "." in instant else f"{instant}.").ljust(26, "0")

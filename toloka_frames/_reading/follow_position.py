"""How far a list has been followed: which of its rows were handed over, by a time and the ids of the rows after it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.timestamps import MILLISECOND_US, format_microseconds, parse_timestamp, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Position:
    """How far a list has been followed. Times are microseconds since 1970.

    Rows become visible late, by up to `lag`, so each look at the list requests again what is not older than `since`, and leaves
    out the rows that are known. A look walks the list in the order of its ids, so rows with equal times need no care.

    Attributes:
        since: All rows before this time were handed over.
        latest: The latest time of a row so far.
        known: The times of the rows from `since` on that earlier looks have handed over, by id.
        began: When the look began that is not complete, by the service's clock; None between two looks.
        after: The id up to which that look has come.
        recent: The times of rows that it has handed over and the next look will see again, by id.
    """

    since: int = 0
    latest: int = 0
    known: Mapping[str, int] = field(default_factory=dict)
    began: int | None = None
    after: str | None = None
    recent: Mapping[str, int] = field(default_factory=dict)

    def is_new(self, row_id: str, time: int) -> bool:
        """Return whether a row was not handed over yet; one whose time has changed was not."""
        return time >= self.since and self.known.get(row_id) != time

    def after_page(self, rows: Iterable[tuple[str, int]], cursor: str | None, began: int, lag: int) -> Position:
        """Return the position after a page of a look that began at a time, of which these rows are handed over."""
        rows = list(rows)
        latest = max((time for _, time in rows), default=0)
        position = replace(self, latest=max(self.latest, latest), began=began, after=cursor)
        bound = position.next_since(lag)
        recent = {row_id: time for row_id, time in (*self.recent.items(), *rows) if time >= bound}
        return replace(position, recent=recent)

    def after_look(self, lag: int) -> Position:
        """Return the position after the last page of a look."""
        bound = self.next_since(lag)
        known = {row_id: time for row_id, time in (*self.known.items(), *self.recent.items()) if time >= bound}
        return Position(bound, self.latest, known)

    def next_since(self, lag: int) -> int:
        """Return from when on the next look has to request rows again.

        A row that this look has missed became visible after it began. So its time is at most `lag` earlier than the beginning,
        and the latest row is not later than that by much: the earlier of both, because the clock may be wrong and rows ahead
        of it.
        """
        bound = min(self.latest, self.latest if self.began is None else self.began) - lag
        # rounded down, because the service may compare times in whole milliseconds
        return max(self.since, bound // MILLISECOND_US * MILLISECOND_US)

    def to_json(self) -> dict[str, Any]:
        """Return the position as a JSON object."""
        return {
            "since": format_microseconds(self.since),
            "latest": format_microseconds(self.latest),
            "known": _texts(self.known),
            "began": None if self.began is None else format_microseconds(self.began),
            "after": self.after,
            "recent": _texts(self.recent),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Position:
        """Return the position of a JSON object.

        Raises:
            ValueError: If it is not one; also LookupError, TypeError and AttributeError.
        """
        after = value["after"]
        if after is not None and not isinstance(after, str):
            raise TypeError(after)
        return Position(
            _microseconds(value["since"]),
            _microseconds(value["latest"]),
            _times(value["known"]),
            None if value["began"] is None else _microseconds(value["began"]),
            after,
            _times(value["recent"]),
        )


def _texts(times: Mapping[str, int]) -> dict[str, str]:
    return {row_id: format_microseconds(time) for row_id, time in times.items()}


def _times(texts: Mapping[str, Any]) -> dict[str, int]:
    return {row_id: _microseconds(text) for row_id, text in texts.items()}


def _microseconds(text: Any) -> int:
    return to_microseconds(parse_timestamp(text))

"""How far work has got at one moment, as text and as a card."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from toloka_frames._runtime import cards
from toloka_frames._runtime.event_loop import public_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toloka_frames._runtime.cards import State
    from toloka_frames._runtime.displays import DisplayName

# An estimated total can be too small, and the bar is not full before the end.
MOST_OF_ESTIMATE = 0.97
MINUTE, HOUR = 60, 3_600


@dataclass(frozen=True)
class Quota:
    """How much of a quota is used.

    Attributes:
        what: What it counts, for example "tasks".
        used: How many of them were sent within the last minute.
        most: How many may be sent within a minute.
        releases: When how many of them do not count any more, in seconds from now.
    """

    what: str
    used: int
    most: int
    releases: tuple[tuple[float, int], ...] = ()

    def after(self, seconds: float) -> Quota:
        """Return the quota some seconds later, if no more of it was used."""
        releases = [(at - seconds, count) for at, count in self.releases]
        left = tuple(release for release in releases if release[0] > 0)
        return replace(self, used=self.used - sum(count for at, count in releases if at <= 0), releases=left)

    def __str__(self) -> str:
        return f"quota: {self.used:,} of {self.most:,} {self.what} a minute"


@public_class
@dataclass(frozen=True)
class Progress:
    """How far work has got; the argument of a progress callable.

    With `progress="auto"` it is shown as a card in a notebook (Jupyter, marimo), as one line in a terminal, and elsewhere, for
    example in CI, as a line on standard error after ten seconds and then ever more rarely. "notebook" and "text" choose one of
    these; "log" writes such lines to the logger `toloka_frames`.

    Attributes:
        title: What is being done, for example "tasks".
        state: "running", "done", "failed" or "stopped".
        rows: Rows done.
        total: All rows, or None if unknown (the service's lists have no count).
        unit: Unit of `rows`: "rows", or "%" for an operation.
        seconds: Time since the start.
        rate: Rows per second of work within the last 30 s, without the time of `waited`; at the end, of all the work.
        seconds_left: Estimated time left, in seconds, with waits for the quota that can be foreseen; None while it is unknown
            and at the end.
        chunks: Number of an upload's requests by state: "waiting" for others; "sending"; "running at the service"; "reading
            results"; "waiting for the quota" or "waiting for the service", before it is sent or sent again; "done"; "failed";
            "interrupted" by Stop. Empty for a pull.
        pages: Number of pages read; 0 for an upload.
        estimate: About how many rows there are in all, where the service has a count of them; None where it has none.
        waiting: What the work waits for, for example "the quota, 19 s so far, 41 s to go", or "".
        waited: The time in seconds in which nothing was at work, by what was waited for.
        quota: The quota that the rest of an upload has to wait for, or None.
        retries: Number of retries.
        upload_id: The name of an upload in the ledger, or "".
        reason: The first line of the error that ended the work, or "".
        note: A remark shown at the end, or "".

    Example:
        >>> def show(progress):
        ...     if progress.state == "done":
        ...         print(progress.title, progress.rows)
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, progress=show)
        tasks 3
    """

    title: str
    state: State
    rows: int
    total: int | None = None
    unit: str = "rows"
    seconds: float = 0.0
    rate: float = 0.0
    seconds_left: float | None = None
    chunks: Mapping[str, int] = field(default_factory=dict)
    pages: int = 0
    estimate: int | None = None
    waiting: str = ""
    waited: Mapping[str, float] = field(default_factory=dict)
    quota: Quota | None = None
    retries: int = 0
    upload_id: str = ""
    reason: str = ""
    note: str = ""

    def __str__(self) -> str:
        numbers = [self._count(), self._end(), self.reason, *self._pace(), *self._details()]
        quota = str(self.quota) if self.quota else ""
        return " · ".join(filter(None, [*numbers, quota, self._note(), self._continuation()]))

    def _repr_html_(self) -> str:
        pace, details = " · ".join(filter(None, [self._end(), *self._pace()])), " · ".join(self._details())
        # while the work runs, it is in the text beside the card
        continuation = self._continuation() if self.state == "failed" else ""
        quota = (
            [cards.line(str(self.quota), muted=True), cards.bar(self.quota.used / self.quota.most, "stopped")]
            if self.quota
            else []
        )
        return cards.card(
            self.state,
            cards.line(self._count(), strong=True),
            cards.bar(self._fraction(), self.state),
            *map(cards.line, filter(None, [pace, self.reason, self._note()])),
            *quota,
            *(cards.line(text, muted=True) for text in (details, continuation) if text),
        )

    def _fraction(self) -> float | None:
        """Return how much of the bar is filled; None for work of unknown length."""
        if self.state == "done":
            return 1.0
        if self.total is not None:
            return self.rows / max(self.total, 1)
        if self.estimate:
            return min(self.rows / self.estimate, MOST_OF_ESTIMATE)
        return None if self.state == "running" else 0.0

    def _count(self) -> str:
        total = ""
        if self.total is not None:
            total = f" of {self.total:,}"
        elif self.estimate and self.state == "running":
            total = f" of about {self.estimate:,}"
        return f"{self.title}: {self.rows:,}{total} {self.unit}"

    def _end(self) -> str:
        """Return how the work ended, how long it took and how much of that was waiting."""
        if self.state == "running":
            return ""
        waits = [f"{duration(seconds)} waiting for {reason}" for reason, seconds in self.waited.items() if seconds >= 1.0]
        of_which = f", of which {' and '.join(waits)}" if waits else ""
        return f"{self.state} in {duration(self.seconds)}{of_which}"

    def _note(self) -> str:
        return "" if self.note in self.reason else self.note

    def _pace(self) -> Iterator[str]:
        if self.seconds_left is not None:
            yield f"{duration(math.ceil(self.seconds_left))} left"
        if self.waiting:
            yield f"waiting for {self.waiting}"
        if self.rate and self.unit != "%":
            digits = 0 if self.rate >= 10 else 1  # noqa: PLR2004 -- two digits
            yield f"{self.rate:,.{digits}f} {self.unit}/s"

    def _details(self) -> Iterator[str]:
        if self.pages:
            yield counted(self.pages, "page")
        if requests := ", ".join(f"{count:,} {state}" for state, count in self.chunks.items() if count):
            yield f"requests: {requests}"
        if self.retries:
            yield counted(self.retries, "retry", "retries")

    def _continuation(self) -> str:
        """Return how to go on if this is the last that is known of an upload."""
        if not self.upload_id or self.state in ("done", "stopped"):  # the note says it when an upload is stopped
            return ""
        return f"the same call again, or tf.resume({self.upload_id!r}, client), continues"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number and its noun."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours, in steps that are small beside it."""
    if seconds < MINUTE:
        digits = 1 if isinstance(seconds, float) and seconds < 10 else 0  # noqa: PLR2004 -- one digit
        return f"{seconds:.{digits}f} s"
    if seconds < HOUR:
        minutes, rest = divmod(round(seconds), MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / MINUTE), MINUTE)
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"


ProgressArg: TypeAlias = "DisplayName | Callable[[Progress], object]"

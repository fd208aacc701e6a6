"""How far work has got at one moment, as text and as a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from toloka_frames._runtime import cards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toloka_frames._runtime.cards import State
    from toloka_frames._runtime.displays import DisplayName


@dataclass(frozen=True)
class Progress:
    """How far work has got; the argument of a progress callable.

    Attributes:
        title: What is being done, for example "tasks".
        state: "running", "done", "failed" or "stopped".
        rows: Rows done.
        total: All rows, or None if unknown (the service's lists have no count).
        unit: Unit of `rows`: "rows", or "%" for an operation.
        chunks: Number of an upload's requests by state ("waiting", "sent", "done", "failed"); empty for a pull.
        waiting: What the work waits for, for example "quota, 41 s", or "".
        retries: Number of retries.
        seconds: Time since the start.
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
    total: int | None
    unit: str
    chunks: Mapping[str, int]
    waiting: str
    retries: int
    seconds: float
    note: str

    @property
    def rate(self) -> float:
        """Rows per second since the start.

        Example:
            >>> shown = []
            >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, progress=shown.append)
            >>> shown[-1].rate > 0
            True
        """
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the current rate, in seconds; None if unknown.

        Example:
            >>> shown = []
            >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, progress=shown.append)
            >>> shown[-1].seconds_left is None  # the upload has ended
            True
        """
        if self.total is None or not self.rows or self.state != "running":
            return None
        return max(self.total - self.rows, 0) / self.rate

    def __str__(self) -> str:
        return " · ".join(filter(None, self._parts()))

    def _repr_html_(self) -> str:
        fraction = None if not self.total else self.rows / self.total
        return cards.card(self.state, cards.bar(fraction, self.state), cards.line(str(self)))

    def _parts(self) -> Iterator[str]:
        total = "" if self.total is None else f" of {self.total:,}"
        yield f"{self.title}: {self.rows:,}{total} {self.unit}"
        yield f"{self.rate:,.0f} {self.unit}/s" if self.seconds else ""
        yield f"{self.seconds_left:,.0f} s left" if self.seconds_left is not None else ""
        requests = ", ".join(f"{count} {state}" for state, count in self.chunks.items() if count)
        yield f"requests: {requests}" if requests else ""
        yield f"waiting: {self.waiting}" if self.waiting else ""
        yield f"{self.retries} retries" if self.retries else ""
        yield f"{self.state} in {self.seconds:,.1f} s" if self.state != "running" else ""
        yield self.note


ProgressArg: TypeAlias = "DisplayName | Callable[[Progress], object]"

"""Pieces of work come in, so many are done at once, and each has ended, or was given a moment to, when it goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from toloka_frames._progress import Meter

T = TypeVar("T")

# most of what is in flight ends in that time, and whoever pressed Stop is not kept waiting
GRACE_SECONDS = 1.5


class Crew:
    """Workers that share one queue.

    Attributes:
        stopping: Whether nothing new is to be begun, because Stop was pressed.
        error: The first error, after which nothing new was begun.
    """

    def __init__(self, meter: Meter) -> None:
        self.stopping = False
        self.error: Exception | None = None
        self._meter = meter

    async def do(self, pieces: Sequence[T], concurrency: int, work: Callable[[T], Awaitable[object]]) -> None:
        """Do all pieces; on cancellation begin nothing new, and wait briefly for what is in flight."""
        self._meter.chunks["waiting"] = len(pieces)
        queue = iter(pieces)
        workers = [asyncio.create_task(self._work(queue, work)) for _ in range(min(concurrency, len(pieces)))]
        try:
            await _all_of(workers)
        except asyncio.CancelledError:
            self.stopping = True
            await _all_of(workers, GRACE_SECONDS)
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, queue: Iterator[T], work: Callable[[T], Awaitable[object]]) -> None:
        """Take piece after piece until there is none, or one has failed."""
        # an iterator shared by the workers is a queue: between two awaits nobody else runs
        for piece in queue:
            if self.error or self.stopping:
                return
            self._meter.chunks.update(waiting=-1, sent=1)
            try:
                await work(piece)
                self._meter.chunks.update(sent=-1, done=1)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it must not hide what was done
                self.error = self.error or error
                self._meter.chunks.update(sent=-1, failed=1)


async def _all_of(workers: Sequence[asyncio.Task[None]], seconds: float | None = None) -> None:
    """Wait for workers without cancelling them when the waiting is cancelled."""
    if workers:
        await asyncio.wait(workers, timeout=seconds)

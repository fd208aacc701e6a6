"""Pieces of work come in, so many are done at once, and each has ended, or was given a moment to, when it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames._runtime.progress import ProgressTracker

T = TypeVar("T")
# what does a piece gets it, and what to call when another may begin
Job: TypeAlias = Callable[[T, Callable[[], None]], Awaitable[object]]

# most of what is in flight ends in that time, and whoever pressed Stop is not kept waiting
GRACE_SECONDS = 1.5


class WorkerPool:
    """Workers that share one queue.

    Attributes:
        stopping: Whether nothing new is to be begun, because Stop was pressed.
        error: The first error, after which nothing new was begun.
    """

    def __init__(self, meter: ProgressTracker) -> None:
        self.stopping = False
        self.error: Exception | None = None
        self._meter = meter

    async def do(self, pieces: Sequence[T], concurrency: int, work: Job[T]) -> None:
        """Do all pieces; on cancellation begin nothing new, and wait briefly for what is in flight.

        Args:
            pieces: What there is to do.
            concurrency: How many slots there are, each for one piece at a time.
            work: Does a piece. It may give its slot to the next one before its end; as many more pieces can end meanwhile.
        """
        self._meter.chunks["waiting"] = len(pieces)
        queue, slots = iter(pieces), asyncio.Semaphore(concurrency)
        workers = [asyncio.create_task(self._work(queue, slots, work)) for _ in range(min(2 * concurrency, len(pieces)))]
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

    async def _work(self, queue: Iterator[T], slots: asyncio.Semaphore, work: Job[T]) -> None:
        """Take piece after piece, each when a slot is free, until there is none, or one has failed."""
        while True:
            await slots.acquire()
            with ExitStack() as slot:
                slot.callback(slots.release)
                # an iterator shared by the workers is a queue: between two awaits nobody else runs
                if self.error or self.stopping or (piece := next(queue, None)) is None:
                    return
                await self._do(piece, slot, work)

    async def _do(self, piece: T, slot: ExitStack, work: Job[T]) -> None:
        self._meter.chunks.update(waiting=-1, sent=1)
        try:
            await work(piece, slot.close)
            self._meter.chunks.update(sent=-1, done=1)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it must not hide what was done
            self.error = self.error or error
            self._meter.chunks.update(sent=-1, failed=1)


async def _all_of(workers: Sequence[asyncio.Task[None]], seconds: float | None = None) -> None:
    """Wait for workers without cancelling them when the waiting is cancelled."""
    if workers:
        await asyncio.wait(workers, timeout=seconds)

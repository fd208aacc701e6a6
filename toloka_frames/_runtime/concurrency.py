"""Concurrency: a pool of workers within the process, and locks between processes.

A pool that is cancelled starts no new job and gives running jobs a short grace period.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from toloka_frames._errors import TolokaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from toloka_frames._runtime.tracker import ProgressTracker

ItemT = TypeVar("ItemT")
# Called with an item, and with a function that releases the job's slot before the job has ended.
Job: TypeAlias = Callable[[ItemT, Callable[[], None]], Awaitable[object]]

# Most requests in flight end within this time, and a user who pressed Stop does not wait long.
GRACE_SECONDS = 1.5


class WorkerPool:
    """Workers that share one queue.

    Attributes:
        stopping: Whether the pool was cancelled, so that nothing new may be sent.
        error: The first error, after which no new job was started.
    """

    def __init__(self, progress: ProgressTracker) -> None:
        self.stopping = False
        self.error: Exception | None = None
        self._progress = progress

    async def do(self, items: Sequence[ItemT], concurrency: int, job: Job[ItemT]) -> None:
        """Run a job for each item.

        Args:
            items: The items. A list is emptied as its items are taken, so that they can be freed.
            concurrency: The number of slots, each for one job at a time.
            job: The job. It may release its slot before it ends, so that the next one starts; at most `concurrency` more jobs
                are then ending.
        """
        self._progress.begin(len(items))
        slots, count = asyncio.Semaphore(concurrency), len(items)
        queue = _emptied(items) if isinstance(items, list) else iter(items)
        workers = [asyncio.create_task(self._work(queue, slots, job)) for _ in range(min(2 * concurrency, count))]
        try:
            await _wait(workers)
            self._note_errors(workers)
        except asyncio.CancelledError:
            self.stopping = True
            await _wait(workers, GRACE_SECONDS)
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, queue: Iterator[ItemT], slots: asyncio.Semaphore, job: Job[ItemT]) -> None:
        """Take item after item, each when a slot is free, until none is left or a job has failed."""
        while True:
            await slots.acquire()
            with contextlib.ExitStack() as slot:
                slot.callback(slots.release)
                # an iterator that the workers share is a queue: between two awaits no other worker runs
                if self.error or self.stopping or (item := next(queue, None)) is None:
                    return
                await self._run(item, slot, job)

    async def _run(self, item: ItemT, slot: contextlib.ExitStack, job: Job[ItemT]) -> None:
        try:
            with self._progress.request():
                await job(item, slot.close)
        except Exception as error:  # noqa: BLE001 -- no error may hide what the other jobs did
            self.error = self.error or error

    def _note_errors(self, workers: Iterable[asyncio.Task[None]]) -> None:
        """Record what ended a worker without an error of its job: a cancellation, KeyboardInterrupt or SystemExit."""
        for worker in workers:
            error = None if worker.cancelled() else worker.exception()
            if worker.cancelled() or error is not None:
                why = f"{type(error).__name__}: {error}" if error else "it was cancelled"
                self.error = self.error or TolokaError(f"A request was not completed ({why}).")


def _emptied(items: list[ItemT]) -> Iterator[ItemT]:
    while items:
        yield items.pop(0)


async def _wait(workers: Sequence[asyncio.Task[None]], seconds: float | None = None) -> None:
    """Wait for workers without cancelling them when the waiting is cancelled."""
    if workers:
        await asyncio.wait(workers, timeout=seconds)


class FileLock:
    """A lock that at most one process and one holder in it can have; the operating system frees it when the process dies.

    Args:
        path: The lock file. `acquire` creates it.
    """

    def __init__(self, path: Path) -> None:
        import filelock  # noqa: PLC0415 -- slow to load, and only uploads and copies need it

        self._path = path
        # not thread-local: the lock belongs to a call, in whichever thread parts of that call run
        self._lock = filelock.FileLock(path, thread_local=False)

    def acquire(self, seconds: float = 0.0) -> bool:
        """Return whether the lock was acquired within this time; 0 tries once.

        Raises:
            OSError: If the lock file cannot be created or opened.
        """
        try:
            self._lock.acquire(timeout=seconds)
        except TimeoutError:
            return False
        return True

    def release(self, *, remove: bool = False) -> None:
        """Release the lock if it was acquired, and with `remove` delete its file."""
        if not self._lock.is_locked:
            return
        if remove:
            # deleted while held: a waiting process notices that its file is gone and creates a new one
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._lock.release()

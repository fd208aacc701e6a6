"""Find what a read or an upload has left: threads, tasks on the package's event loop, connections in use."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from toloka_frames._runtime import event_loop

if TYPE_CHECKING:
    import toloka_frames as tf


def threads() -> set[threading.Thread]:
    """Return the running threads, except the idle ones of asyncio's `to_thread` and those of local services.

    Threads of an earlier test may still be ending: compare with `<=`, not with `==`.
    """
    return {thread for thread in threading.enumerate() if not thread.name.startswith(("asyncio_", "toloka-local"))}


def left_on_our_loop() -> set[str]:
    assert event_loop._thread_loop is not None
    return {str(task) for task in asyncio.all_tasks(event_loop._thread_loop)}


def never_ends_on_our_loop() -> set[str]:
    """Return the tasks on the package's event loop that do not end by themselves, as those that close an iterator do."""
    deadline = time.monotonic() + 30
    while left_on_our_loop() and time.monotonic() < deadline:
        time.sleep(0.001)
    return left_on_our_loop()


def busy(client: tf.AsyncTolokaClient) -> list[Any]:
    """Return the connections that are neither idle nor closed."""
    pool: Any = client.service._connections.client()._transport._pool  # type: ignore[attr-defined]
    return [connection for connection in pool.connections if not connection.is_idle()]

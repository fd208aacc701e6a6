"""What a pull or an upload must not leave behind: threads, tasks on the package's loop, connections in use."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from toloka_frames._runtime import event_loop

if TYPE_CHECKING:
    import toloka_frames as tf


def threads() -> set[threading.Thread]:
    """Those that run, without the idle ones that asyncio keeps for `to_thread`."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def left_on_our_loop() -> set[str]:
    assert event_loop._thread_loop is not None
    return {str(task) for task in asyncio.all_tasks(event_loop._thread_loop)}


def busy(client: tf.AsyncTolokaClient) -> list[Any]:
    """Connections that are neither idle nor closed."""
    pool: Any = client.service._connections.client()._transport._pool  # type: ignore[attr-defined]
    return [each for each in pool.connections if not each.is_idle()]

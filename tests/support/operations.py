"""Wait for operations in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Mapping


def wait_until_ended(client: tf.AsyncTolokaClient, operation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an operation when it has ended; fail if there is none."""
    ended = tf.run(client.wait_operation(operation, progress=False))
    assert ended is not None
    return ended

"""CPU time of this process, which a busy machine hardly changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time that all threads of this process spend during a call."""
    start = time.process_time()
    work()
    return time.process_time() - start

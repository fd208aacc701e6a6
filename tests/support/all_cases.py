"""How much of the large tables and of the random examples is tested: a share by default, everything in `make soak`."""

from __future__ import annotations

import os

ALL_CASES = bool(os.environ.get("ALL_CASES"))
SHARE = 5
MIN_EXAMPLES = 5


def examples(count: int) -> int:
    """Return the number of random examples of a property: a fifth of `count`, or `count` with ALL_CASES.

    The first examples find most faults, and most of these tests run for every list or every type.
    """
    return count if ALL_CASES else min(count, max(count // SHARE, MIN_EXAMPLES))

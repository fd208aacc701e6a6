"""The JSON of rows comes in, chunks that one request can carry go out, each with an operation id of its own."""

from __future__ import annotations

import hashlib
import uuid
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from toloka_frames._uploading.cells import MAX_INPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# any constant would do, but with another one every upload would be a new one
NAMESPACE = uuid.UUID("6f0b6bd4-29d3-5f0e-9e5c-1b1f0a7c6c55")


@dataclass(frozen=True)
class Chunk:
    """What one request carries.

    Attributes:
        number: Its place in the upload, from 0; the halves of a chunk that was too large share it.
        pool_id: The pool of its objects; "" for what belongs to none.
        rows: Positions of its objects in the upload: of tasks and bonuses these are the rows of the frame.
        text: JSON text of each object, a line each.
        key: What tells its upload from others: account, path, and the name that the user gave.
        sent_as: The operation that an earlier call began for it, whose end is not known; None when there is none.
    """

    number: int
    pool_id: str
    rows: Sequence[int]
    text: bytes
    key: str
    sent_as: str | None = None

    @property
    def objects(self) -> list[bytes]:
        """JSON text of each object."""
        return self.text.split(b"\n")

    @property
    def body(self) -> bytes:
        """The JSON text of the request."""
        # within an object a line break is always escaped
        return b"[%b]" % self.text.replace(b"\n", b",")

    @cached_property
    def content(self) -> str:
        """A hash of the objects."""
        return hashlib.sha256(self.text).hexdigest()

    @cached_property
    def operation_id(self) -> str:
        """The request's idempotency key: the same for the same upload and content, also in another process.

        Flags are no part of it: the same rows asked for in another way are still the same rows, to be paid for once.
        """
        return str(uuid.uuid5(NAMESPACE, f"{self.key}\n{self.content}"))

    def halves(self) -> tuple[Chunk, Chunk]:
        """The same rows in two requests."""
        middle, objects = len(self.rows) // 2, self.objects
        return (
            replace(self, rows=self.rows[:middle], text=b"\n".join(objects[:middle]), sent_as=None),
            replace(self, rows=self.rows[middle:], text=b"\n".join(objects[middle:]), sent_as=None),
        )


def next_id(operation_id: str) -> str:
    """The key for another try of what ended with FAIL as this operation and so created nothing."""
    return str(uuid.uuid5(NAMESPACE, operation_id))


def cut(sizes: Sequence[int], most: int, max_bytes: int = MAX_INPUT_BYTES) -> Iterator[slice]:
    """Cut objects of such sizes into runs that keep both limits, in order and as long as they can be."""
    start, ends = 0, list(accumulate(sizes, initial=0))
    while start < len(sizes):
        fit = bisect_right(ends, ends[start] + max_bytes, start) - 1
        stop = max(min(fit, start + most), start + 1)
        yield slice(start, stop)
        start = stop

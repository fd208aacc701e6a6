"""The JSON of rows comes in, chunks that one request can carry go out, each with an operation id of its own."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from toloka_frames._cells import MAX_INPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_ROWS = 10_000  # Toloka-Kit 1.2.3: tasks in one asynchronous request
NAMESPACE = uuid.UUID("6f0b6bd4-29d3-5f0e-9e5c-1b1f0a7c6c55")


@dataclass(frozen=True)
class Chunk:
    """What one request carries.

    Attributes:
        number: Its place in the upload, from 0; the halves of a chunk that was too large share it.
        rows: Positions of its rows in the upload.
        tasks: JSON text of each row's task.
        flags: The request's query, but for the operation id.
        upload: What tells this upload from another one of the same rows.
    """

    number: int
    rows: Sequence[int]
    tasks: Sequence[bytes]
    flags: Mapping[str, str]
    upload: str

    @property
    def body(self) -> bytes:
        """The JSON text of the request."""
        return b"[" + b",".join(self.tasks) + b"]"

    @cached_property
    def operation_id(self) -> str:
        """The request's idempotency key: the same for the same upload and content, also in another process."""
        content = hashlib.sha256(self.body).hexdigest()
        return str(uuid.uuid5(NAMESPACE, "\n".join((self.upload, *map(str, sorted(self.flags.items())), content))))

    def halves(self) -> Iterator[Chunk]:
        """The same rows in two requests; the second keeps a wish to open the pool."""
        middle = len(self.rows) // 2
        first = {name: value for name, value in self.flags.items() if name != "open_pool"}
        yield Chunk(self.number, self.rows[:middle], self.tasks[:middle], first, self.upload)
        yield Chunk(self.number, self.rows[middle:], self.tasks[middle:], self.flags, self.upload)


def cut(sizes: Sequence[int], max_rows: int = MAX_ROWS, max_bytes: int = MAX_INPUT_BYTES) -> Iterator[slice]:
    """Cut rows of such sizes into runs that keep both limits, in order and as long as they can be."""
    start = held = 0
    for row, size in enumerate(sizes):
        if row - start == max_rows or (row > start and held + size > max_bytes):
            yield slice(start, row)
            start, held = row, 0
        held += size
    if start < len(sizes):
        yield slice(start, len(sizes))

"""The JSON of objects comes in; all that will be sent of it goes out, cut, under the name that the upload has in the ledger."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from toloka_frames._uploading.cells import MAX_INPUT_BYTES
from toloka_frames._uploading.json_text import lines_of, text_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.json_text import Pieces


@dataclass(frozen=True)
class RequestGroup:
    """Objects of one pool.

    Attributes:
        pool_id: The pool; "" for what belongs to none.
        positions: The objects' positions in the upload.
        objects: Their JSON text.
        sizes: Bytes of input values in each.
    """

    pool_id: str
    positions: Sequence[int]
    objects: Pieces
    sizes: Sequence[int]


@dataclass(frozen=True)
class UploadPlan:
    """What an upload will send.

    Attributes:
        kind: What is made.
        account: Whose upload it is.
        upload_id: Its name: the user's, or one that follows from the content.
        key: What the operation ids are derived from beside the content.
        content: A hash of all objects, however they are cut.
        objects: How many these are.
        digests: Four bytes for each, to tell which differ; only where the user gave the name, so that others can come under it.
        chunks: The requests.
        object_of_row: The position of each input row's object.
        pools: The pools as the service has them.
        place: Where it goes, as far as its objects do not say it: an app project with a batch.
    """

    kind: BulkCreation
    account: str
    upload_id: str
    key: str
    content: str
    objects: int
    digests: array[int]
    chunks: Sequence[Chunk]
    object_of_row: Sequence[int]
    pools: Sequence[Mapping[str, Any]] = ()
    place: Mapping[str, str] = field(default_factory=dict)


def make_plan(
    kind: BulkCreation,
    account: str,
    parts: Iterable[RequestGroup],
    object_of_row: Sequence[int],
    upload_id: str | None,
    pools: Sequence[Mapping[str, Any]] = (),
    place: Mapping[str, str] | None = None,
) -> UploadPlan:
    """Cut objects into requests and name the whole."""
    parts, place = list(parts), place or {}
    cuts = [each for part in parts for each in _cut(part, kind.max_objects)]
    content = _content([text for *_, text in cuts], place)
    key = f"{account}\n{kind.path}\n{upload_id or content!r}"
    chunks = [Chunk(number, *each, key) for number, each in enumerate(cuts)]
    name = upload_id or str(uuid.uuid5(NAMESPACE, f"{key}\n{content}"))
    objects = sum(len(part.positions) for part in parts)
    digests = _digests(parts, objects) if upload_id else array("I")
    return UploadPlan(kind, account, name, key, content, objects, digests, chunks, object_of_row, pools, place)


def _cut(part: RequestGroup, most: int) -> Iterator[tuple[str, Sequence[int], bytes]]:
    """The pool, positions and text of each request."""
    spans = list(cut(part.sizes, most))
    for span, text in zip(spans, lines_of(part.objects, spans), strict=True):
        yield part.pool_id, part.positions[span], text


def _content(texts: Iterable[bytes], place: Mapping[str, str]) -> str:
    content = hashlib.sha256()
    for text in texts:
        content.update(text)
        content.update(b"\n")
    for name, where in sorted(place.items()):
        content.update(f"{name} {where}\n".encode())
    return content.hexdigest()


def _digests(parts: Sequence[RequestGroup], objects: int) -> array[int]:
    digests = array("I", bytes(4 * objects))
    for part in parts:
        for position, each in zip(part.positions, text_list(part.objects), strict=True):
            digests[position] = zlib.crc32(each)
    return digests


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

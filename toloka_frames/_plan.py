"""The JSON of objects comes in; all that will be sent of it goes out, cut, under the name that the upload has in the ledger."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toloka_frames._chunks import NAMESPACE, Chunk, cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toloka_frames._kinds import Kind


@dataclass(frozen=True)
class Part:
    """Objects of one pool.

    Attributes:
        pool_id: The pool; "" for what belongs to none.
        positions: The objects' positions in the upload.
        objects: Their JSON text.
        sizes: Bytes of input values in each.
    """

    pool_id: str
    positions: Sequence[int]
    objects: Sequence[bytes]
    sizes: Sequence[int]


@dataclass(frozen=True)
class Plan:
    """What an upload will send.

    Attributes:
        kind: What is made.
        account: Whose upload it is.
        upload_id: Its name: the user's, or one that follows from the content.
        key: What the operation ids are derived from beside the content.
        content: A hash of all objects, however they are cut.
        digests: Four bytes for each object, to tell which differ.
        chunks: The requests.
        object_of_row: The position of each input row's object.
        pools: The pools as the service has them.
        place: Where it goes, as far as its objects do not say it: an app project with a batch.
    """

    kind: Kind
    account: str
    upload_id: str
    key: str
    content: str
    digests: array[int]
    chunks: Sequence[Chunk]
    object_of_row: Sequence[int]
    pools: Sequence[Mapping[str, Any]] = ()
    place: Mapping[str, str] = field(default_factory=dict)


def planned(
    kind: Kind,
    account: str,
    parts: Iterable[Part],
    object_of_row: Sequence[int],
    upload_id: str | None,
    pools: Sequence[Mapping[str, Any]] = (),
    place: Mapping[str, str] | None = None,
) -> Plan:
    """Cut objects into requests and name the whole."""
    parts, place = list(parts), place or {}
    cuts = [(part, span) for part in parts for span in cut(part.sizes, kind.most)]
    texts = [b"\n".join(part.objects[span]) for part, span in cuts]
    content = _content(texts, place)
    key = f"{account}\n{kind.path}\n{upload_id or content!r}"
    chunks = [
        Chunk(number, part.pool_id, part.positions[span], text, key)
        for number, ((part, span), text) in enumerate(zip(cuts, texts, strict=True))
    ]
    name = upload_id or str(uuid.uuid5(NAMESPACE, f"{key}\n{content}"))
    return Plan(kind, account, name, key, content, _digests(parts), chunks, object_of_row, pools, place)


def _content(texts: Iterable[bytes], place: Mapping[str, str]) -> str:
    content = hashlib.sha256()
    for text in texts:
        content.update(text + b"\n")
    for name, where in sorted(place.items()):
        content.update(f"{name} {where}\n".encode())
    return content.hexdigest()


def _digests(parts: Sequence[Part]) -> array[int]:
    digests = array("I", bytes(4 * sum(len(part.objects) for part in parts)))
    for part in parts:
        for position, each in zip(part.positions, part.objects, strict=True):
            digests[position] = zlib.crc32(each)
    return digests

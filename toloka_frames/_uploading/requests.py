"""The requests of an upload: JSON text of rows, cut into chunks that keep the API's limits, each with an idempotency key.

Arrow joins the JSON text of all rows at once from the text of their cells, so that no row becomes a Python object. Columns of
text, numbers and booleans become such text as a whole, columns of mixed and nested values cell by cell.
"""

from __future__ import annotations

import hashlib
import json
import uuid
import zlib
from array import array
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from hashlib import blake2b
from itertools import accumulate, groupby, islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._schema.columns import Specification

# The cells of a column: JSON values with None for missing ones, or an Arrow array of text, numbers or booleans.
ColumnValues: TypeAlias = "list[Any] | pa.Array"
# A hash of each row, and the number of rows in each object.
Hashes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Counts: TypeAlias = "np.ndarray[Any, np.dtype[np.uint32]]"
# the number of bytes in the text of each row
Lengths: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
# The text of each row, as parts to be concatenated: an array has one text for each row, a str is the same in all rows.
RowTexts: TypeAlias = "Sequence[str | pa.Array]"

MAX_INPUT_BYTES = 1_048_576  # Toloka API, "Create single/multiple tasks": all input_values of one request
# Any constant would do, but with another one an upload from before would be a new upload.
NAMESPACE = uuid.UUID("6f0b6bd4-29d3-5f0e-9e5c-1b1f0a7c6c55")

# sorted keys, so that equal objects have one text
JSON_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_SORT_KEYS
)
LARGE_STRING = pa.large_string()
ARROW_TYPES = {str: LARGE_STRING, bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
# No JSON text begins with it.
PACKED = b"\0"
CODEC = pa.Codec("zstd", compression_level=1)
MIN_PACKED_BYTES = 10_000
QUOTE, BACKSLASH, FIRST_UNESCAPED = b'"'[0], b"\\"[0], b" "[0]
BLOCK_ROWS = 1_000
# rows of a frame that are converted at once: more take more memory, and fewer more time
FRAME_BLOCK_ROWS = 20_000
HASH, COUNT = np.dtype("<u8"), np.dtype("<u4")

dumps = partial(orjson.dumps, option=JSON_OPTIONS)


@dataclass(frozen=True)
class PoolObjects:
    """The objects for one pool, before they are cut into chunks.

    Attributes:
        pool_id: The pool, or the batch of app items; "" if the objects belong to neither.
        positions: The objects' positions in the upload.
        texts: Their JSON text.
        sizes: The bytes of input values in each object.
        contents: A hash of each row of the objects, 0 for a row that is not looked for in other uploads.
        row_counts: The number of rows in each object; None if each object is one row.
    """

    pool_id: str
    positions: Sequence[int]
    texts: RowTexts
    sizes: Sequence[int] | Lengths
    contents: Hashes
    row_counts: Sequence[int] | Counts | None = None


@dataclass(frozen=True)
class UploadPlan:
    """All requests of an upload, before anything is sent.

    Attributes:
        kind: The bulk creation.
        account: The account that uploads; None if the service does not tell it.
        upload_id: The name that the user gave, or one derived from the content.
        key: What operation ids are derived from in addition to the content.
        content_hash: A hash of all objects, independent of how they are cut into chunks.
        object_count: The number of objects.
        digests: A CRC-32 for each object, to name the objects that differ; empty unless the user named the upload, because
            only then can other rows come under the same name.
        chunks: The requests; `ChunkSender.send` removes those that it takes.
        object_of_row: The position of each input row's object.
        pools: The pools as the service returned them.
        destination: The app project, and the batch's id or name; empty for objects that name their pool.
        specifications: The fields by pool, or by batch of app items; empty for bonuses.
    """

    kind: BulkCreation
    account: str | None
    upload_id: str
    key: str
    content_hash: str
    object_count: int
    digests: array[int]
    chunks: list[Chunk]
    object_of_row: Sequence[int]
    pools: Sequence[Mapping[str, Any]] = ()
    destination: Mapping[str, str] = field(default_factory=dict)
    specifications: Mapping[str, Specification] = field(default_factory=dict)

    @property
    def pools_by_id(self) -> dict[str, Mapping[str, Any]]:
        """The pools by the ids in the objects."""
        return dict(zip(self.specifications, self.pools, strict=True)) if self.pools else {}


@dataclass(frozen=True)
class Chunk:
    """The objects of one request.

    Attributes:
        number: The chunk's position in the upload, from 0; the halves of a chunk that was too large share its number.
        pool_id: The pool of its objects, or the batch of its app items; "" if they belong to neither.
        positions: The objects' positions in the upload; for tasks and bonuses these are row positions in the frame.
        packed: The JSON text of the objects, one on each line, as it is or as `pack` returns it.
        key: What distinguishes its upload from others: account, path, and the name that the user gave.
        pending_operation_id: The operation that an earlier call started for the chunk and whose end is not known, or None.
        contents: A hash of each row of the objects, by which like rows of other uploads are found: little-endian 64-bit
            numbers, 0 for a row that is not looked for. Empty if they are not known.
        content_counts: The number of rows in each object, as little-endian 32-bit numbers; empty if each object is one row.
    """

    number: int
    pool_id: str
    positions: Sequence[int]
    packed: bytes
    key: str
    pending_operation_id: str | None = None
    contents: bytes = b""
    content_counts: bytes = b""

    @property
    def text(self) -> bytes:
        """The JSON text of the objects, one on each line."""
        return unpack(self.packed)

    @property
    def object_texts(self) -> list[bytes]:
        """The JSON text of each object."""
        return self.text.split(b"\n")

    @cached_property
    def content_hash(self) -> str:
        """A hash of the objects."""
        return hashlib.sha256(self.text).hexdigest()

    @cached_property
    def operation_id(self) -> str:
        """The request's idempotency key: equal for equal uploads and content, in any process.

        Flags are not part of it: the same rows sent with other flags are still the same rows and must be created once.
        """
        return str(uuid.uuid5(NAMESPACE, f"{self.key}\n{self.content_hash}"))

    def halves(self) -> tuple[Chunk, Chunk]:
        """Return the same objects as two chunks."""
        middle = len(self.positions) // 2
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def contents_of(self, chosen: Sequence[bool]) -> bytes:
        """Return the hashes of the rows of some objects, without those that are not looked for.

        Args:
            chosen: Whether the object is one of them, for each object.
        """
        hashes: np.ndarray[Any, np.dtype[np.uint64]] = np.frombuffer(self.contents, HASH)
        of_chosen = np.asarray(chosen, dtype=bool)
        if self.content_counts:
            of_chosen = of_chosen.repeat(np.frombuffer(self.content_counts, COUNT))
        hashes = hashes[of_chosen[: len(hashes)]]
        return bytes(hashes[hashes != 0])

    def _part(self, part: slice) -> Chunk:
        contents, counts = np.frombuffer(self.contents, HASH), np.frombuffer(self.content_counts, COUNT)
        ends = [0, *accumulate(counts.tolist())] if self.content_counts else range(len(self.positions) + 1)
        first, last, _ = part.indices(len(self.positions))
        return replace(
            self,
            positions=self.positions[part],
            packed=b"\n".join(self.object_texts[part]),
            pending_operation_id=None,
            contents=contents[ends[first] : ends[last]].tobytes(),
            content_counts=counts[part].tobytes(),
        )


def make_plan(
    kind: BulkCreation,
    account: str | None,
    groups: Iterable[PoolObjects],
    object_of_row: Sequence[int],
    upload_id: str | None,
    pools: Sequence[Mapping[str, Any]] = (),
    destination: Mapping[str, str] | None = None,
) -> UploadPlan:
    """Cut objects into chunks, and derive the upload's name from their content if the user gave none."""
    destination, content, digests = destination or {}, hashlib.sha256(), dict[int, int]()
    requests = []
    for request in _requests(groups, kind.max_objects):
        content.update(request.packed)
        content.update(b"\n")
        if upload_id:
            digests.update(zip(request.positions, map(zlib.crc32, request.object_texts), strict=True))
        requests.append((replace(request, packed=pack(request.packed)), request.content_hash))
    for name, value in sorted(destination.items()):
        content.update(f"{name} {value}\n".encode())
    content_hash = content.hexdigest()
    key = f"{account}\n{kind.path}\n{upload_id or content_hash!r}"
    chunks = [replace(request, number=number, key=key) for number, (request, _) in enumerate(requests)]
    for chunk, (_, hash_) in zip(chunks, requests, strict=True):
        vars(chunk)["content_hash"] = hash_  # the cached property, which would decompress the text again
    id_ = upload_id or str(uuid.uuid5(NAMESPACE, f"{key}\n{content_hash}"))
    count = sum(len(chunk.positions) for chunk in chunks)
    in_order = array("I", [digests[position] for position in range(len(digests))])
    return UploadPlan(kind, account, id_, key, content_hash, count, in_order, chunks, object_of_row, pools, destination)


def body_of(text: bytes) -> bytes:
    """Return the JSON text of the request for objects, one on each line."""
    # within an object, JSON escapes every line break
    return b"[%b]" % text.replace(b"\n", b",")


def pack(text: bytes) -> bytes:
    """Compress a text: as JSON, the rows of an upload take twice the memory of their frame."""
    if len(text) < MIN_PACKED_BYTES:
        return text
    compressed: bytes = CODEC.compress(text, asbytes=True)
    return PACKED + len(text).to_bytes(8, "little") + compressed


def unpack(packed: bytes) -> bytes:
    """Return a text that `pack` has compressed or left as it was."""
    if not packed.startswith(PACKED):
        return packed
    text: bytes = CODEC.decompress(memoryview(packed)[9:], int.from_bytes(packed[1:9], "little"), asbytes=True)
    return text


def retry_operation_id(operation_id: str) -> str:
    """Return the idempotency key for the next attempt, after this operation ended with FAIL and created nothing."""
    return str(uuid.uuid5(NAMESPACE, operation_id))


def slices_within_limits(sizes: Sequence[int] | Lengths, max_objects: int, max_bytes: int = MAX_INPUT_BYTES) -> Iterator[slice]:
    """Iterate over consecutive slices of objects, each as long as both limits allow.

    Args:
        sizes: The bytes of each object.
        max_objects: The maximum number of objects in a slice.
        max_bytes: The maximum number of bytes in a slice; a larger object gets a slice of its own.
    """
    start, ends = 0, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    while start < len(sizes):
        fit = int(ends.searchsorted(ends[start] + max_bytes, "right")) - 1
        stop = max(min(fit, start + max_objects), start + 1)
        yield slice(start, stop)
        start = stop


def spans_of(positions: Sequence[int]) -> str:
    """Return positions as JSON runs of the first one and the one after the last: [[0, 10000]]."""
    if isinstance(positions, range):
        return json.dumps([[positions.start, positions.stop]])
    runs = ([position for _, position in run] for _, run in groupby(enumerate(positions), lambda item: item[1] - item[0]))
    return json.dumps([[run[0], run[-1] + 1] for run in runs])


def positions_of(spans: str) -> Sequence[int]:
    """Return the positions in runs of `spans_of`."""
    runs = [range(*run) for run in json.loads(spans)]
    return runs[0] if len(runs) == 1 else [position for run in runs for position in run]


def content_hashes(scope: str, texts: RowTexts) -> Hashes:
    """Return a hash of each row, by which like rows of other uploads are found.

    Args:
        scope: What likeness is limited to: the pool, the app project, or bonuses.
        texts: The JSON of what makes a row like another, without its position.
    """
    person = blake2b(scope.encode(), digest_size=blake2b.PERSON_SIZE).digest()
    rows, empty = concatenate(texts).cast(pa.large_binary()), blake2b(digest_size=HASH.itemsize, person=person)
    hashes = bytearray()
    for start in range(0, len(rows), BLOCK_ROWS):
        for text in rows.slice(start, BLOCK_ROWS).to_pylist():
            row = empty.copy()  # twice as fast as its constructor
            row.update(text)
            hashes += row.digest()
    return np.frombuffer(bytes(hashes), HASH)


def _requests(groups: Iterable[PoolObjects], max_objects: int) -> Iterator[Chunk]:
    """Iterate over requests without numbers and keys; consecutive groups of one pool are cut as if they were one."""
    left, sizes = None, np.zeros(0, np.int64)
    for group in groups:
        if left is not None and left.pool_id != group.pool_id:
            yield left
            left, sizes = None, sizes[:0]
        # the last request of the group before may have room for more objects
        before, sizes = len(sizes), np.concatenate([sizes, group.sizes])
        slices = list(slices_within_limits(sizes, max_objects))
        chunks = _chunks_of(group, [slice(max(part.start - before, 0), part.stop - before) for part in slices])
        left = next(chunks) if left is None else _joined(left, next(chunks))
        # one after another, so that few are in memory as text
        for chunk in chunks:
            yield left
            left = chunk
        sizes = sizes[slices[-1]]
    if left is not None:
        yield left


def _chunks_of(group: PoolObjects, slices: Sequence[slice]) -> Iterator[Chunk]:
    """Iterate over the objects of each slice as a chunk without a number and a key."""
    for part, text in zip(slices, lines(group.texts, slices), strict=True):
        contents, counts = _contents_of(group, part)
        counted = b"" if counts is None else counts.tobytes()
        yield Chunk(0, group.pool_id, group.positions[part], text, "", None, contents.tobytes(), counted)


def _joined(one: Chunk, other: Chunk) -> Chunk:
    """Return the objects of two chunks as one; the other one may have none."""
    if not other.positions:
        return one
    positions: Sequence[int]
    if isinstance(one.positions, range) and isinstance(other.positions, range) and one.positions.stop == other.positions.start:
        positions = range(one.positions.start, other.positions.stop)
    else:
        positions = [*one.positions, *other.positions]
    return replace(
        one,
        positions=positions,
        packed=b"\n".join((one.packed, other.packed)),
        contents=one.contents + other.contents,
        content_counts=one.content_counts + other.content_counts,
    )


def _contents_of(group: PoolObjects, part: slice) -> tuple[Hashes, Counts | None]:
    """Return the hashes of the rows of some objects, and the number of rows in each."""
    if group.row_counts is None:
        return group.contents[part], None
    counts = np.asarray(group.row_counts, COUNT)
    ends = np.concatenate([[0], counts.cumsum(dtype=np.int64)])
    return group.contents[ends[part.start] : ends[part.stop]], counts[part]


def json_objects(columns: Mapping[str, ColumnValues], height: int) -> RowTexts:
    """Return the JSON object of each row as orjson writes it, without missing cells.

    The keys are sorted, so that the order of the columns does not change the content.

    Args:
        columns: The cells of each column.
        height: The number of rows.

    Raises:
        TypeError: If JSON cannot represent a cell.
    """
    texts = {name: _column_texts(columns[name]) for name in sorted(columns)}
    # Commas: members before the first column without missing cells end with one, members after it start with one.
    first = next((name for name, (cells, _) in texts.items() if not cells.null_count), None)
    if first is None:
        return [_dump_each(records(columns, height))]
    parts: list[str | pa.Array] = ["{"]
    for name, (cells, quote) in texts.items():
        start, end = f"{dumps(name).decode()}:{quote}", quote
        parts += _member("," + start if name > first else start, cells, end + "," if name < first else end)
    return [*parts, "}"]


def records(columns: Mapping[str, ColumnValues], height: int) -> Iterator[dict[str, Any]]:
    """Iterate over the rows as dicts with sorted keys and without missing cells."""
    names = sorted(columns)
    values = [_to_list(columns[name]) for name in names]
    if not names:
        return ({} for _ in range(height))
    rows = zip(*values, strict=True)
    return ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows)


def text_array(texts: Sequence[bytes | None]) -> pa.Array:
    """Return UTF-8 texts as an array."""
    # in blocks, because no other thread runs while Arrow converts a list
    starts = range(0, max(len(texts), 1), BLOCK_ROWS)
    blocks = [pa.array(texts[start : start + BLOCK_ROWS], pa.large_binary()) for start in starts]
    return pa.concat_arrays(blocks).cast(LARGE_STRING)


def number_array(numbers: Sequence[int]) -> pa.Array:
    """Return the decimal digits of numbers as an array of text."""
    array = np.arange(numbers.start, numbers.stop) if isinstance(numbers, range) else np.asarray(numbers)
    return pc.cast(pa.array(array), LARGE_STRING)


def concatenate(texts: RowTexts) -> pa.Array:
    """Return the text of each row; at least one part must be an array."""
    if len(texts) == 1 and not isinstance(texts[0], str):
        return texts[0]
    runs = [list(run) for _, run in groupby(texts, type)]
    merged = [part for run in runs for part in (["".join(run)] if isinstance(run[0], str) else run)]
    scalars = [pa.scalar(part, LARGE_STRING) if isinstance(part, str) else part for part in (*merged, "")]
    return pc.binary_join_element_wise(*scalars)


def joined_runs(start: RowTexts, texts: pa.Array, between: str, end: RowTexts, counts: np.ndarray[Any, Any]) -> pa.Array:
    """Return the texts of each run of consecutive rows as one text.

    Args:
        start: What comes before a run, for each run.
        texts: The text of each row.
        between: What comes between the texts of a run.
        end: What comes after a run, for each run.
        counts: The number of rows in each run, above 0.
    """
    run_of_row, ends = np.arange(len(counts)).repeat(counts), counts.cumsum()
    is_first, is_last = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    is_first[ends - counts] = is_last[ends - 1] = True
    before = pc.if_else(is_first, concatenate(start).take(run_of_row), "")
    after = pc.if_else(is_last, concatenate(end).take(run_of_row), between)
    # the characters of the rows lie one after another: without the offsets between them, those of a run are one text
    rows = concatenate([before, texts, after])
    offsets, _ = _buffer(rows)
    return pa.LargeStringArray.from_buffers(len(counts), pa.py_buffer(offsets[np.append(0, ends)]), rows.buffers()[2])


def byte_lengths(texts: RowTexts) -> Lengths:
    """Return the number of bytes in the text of each row."""
    arrays = [pc.binary_length(part).to_numpy() for part in texts if not isinstance(part, str)]
    shared = sum(len(part.encode()) for part in texts if isinstance(part, str))
    lengths: Lengths = np.sum(arrays, axis=0) + shared
    return lengths


def text_list(texts: RowTexts) -> list[bytes]:
    """Return the text of each row in UTF-8."""
    rows = concatenate(texts).cast(pa.large_binary())
    blocks = (rows.slice(start, BLOCK_ROWS).to_pylist() for start in range(0, len(rows), BLOCK_ROWS))  # as in `text_array`
    return [text for block in blocks for text in block]


def lines(texts: RowTexts, slices: Iterable[slice]) -> Iterator[bytes]:
    """Iterate over the text of the rows of each slice, one row on each line."""
    ends, characters = _buffer(concatenate([*texts, "\n"]))
    return (bytes(characters[ends[part.start] : ends[part.stop] - 1]) for part in slices)


def _column_texts(values: ColumnValues) -> tuple[pa.Array, str]:
    """Return the JSON text of each cell, null if missing, without the quotation mark that belongs on both sides of it."""
    array = _to_array(values) if isinstance(values, list) else values
    if array is None:
        return _dump_each(_to_list(values)), ""
    if array.type in (pa.string(), LARGE_STRING):
        return _escape(array.cast(LARGE_STRING)), '"'
    if pa.types.is_floating(array.type):
        numbers = orjson.dumps(array.to_numpy(zero_copy_only=False), option=orjson.OPT_SERIALIZE_NUMPY)
        texts = pc.list_flatten(pc.split_pattern(text_array([numbers[1:-1]]), ","))
        return pc.if_else(array.is_valid(), texts, pa.scalar(None, LARGE_STRING)), ""
    return pc.cast(array, LARGE_STRING), ""


def _to_array(values: list[Any]) -> pa.Array | None:
    """Return values of one type as an array; None if they have several types or Arrow cannot hold them."""
    types = set(map(type, values)) - {type(None)}
    if len(types) != 1 or not types <= ARROW_TYPES.keys():
        return None
    try:
        return pa.array(values, ARROW_TYPES[types.pop()])
    except (ValueError, OverflowError):  # a lone surrogate, or an integer that does not fit 64 bits
        return None


def _dump_each(values: Iterable[Any]) -> pa.Array:
    """Return the JSON text of each value, null for None."""
    # in blocks, because each bytes object that orjson returns occupies about a kilobyte
    left, blocks = iter(values), [text_array([])]
    while block := [None if value is None else dumps(value) for value in islice(left, BLOCK_ROWS)]:
        blocks.append(text_array(block))
    return pa.concat_arrays(blocks)


def _to_list(values: ColumnValues) -> list[Any]:
    listed: list[Any] = values if isinstance(values, list) else values.to_pylist()
    return listed


def _escape(texts: pa.Array) -> pa.Array:
    """Escape texts for JSON, without the quotation marks around them."""
    ends, characters = _buffer(texts)
    codes = np.frombuffer(characters, np.uint8)[ends[0] : ends[-1]]
    found = np.unique(codes[(codes < FIRST_UNESCAPED) | (codes == QUOTE) | (codes == BACKSLASH)])
    # backslashes first, because every escape contains one
    for character in map(chr, sorted(found.tolist(), key=BACKSLASH.__ne__)):
        texts = pc.replace_substring(texts, character, dumps(character).decode()[1:-1])
    return texts


def _buffer(texts: pa.Array) -> tuple[np.ndarray[Any, Any], memoryview]:
    """Return the offsets at which an array's texts end, and the bytes that they refer to."""
    _, offsets, characters = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return ends, memoryview(characters or b"")


def _member(start: str, texts: pa.Array, end: str) -> list[str | pa.Array]:
    """Return the parts that a column adds to each row's object; empty text where the cell is missing."""
    if not texts.null_count:
        return [start, texts, end]
    return [concatenate([start, texts, end]).fill_null("")]

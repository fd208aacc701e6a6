"""Checked columns come in; the JSON text of each row's object goes out, as orjson writes it, in pieces and put together.

Arrow puts all rows together at once, of the texts of their cells, so that no row is a Python object. Columns of text, of
numbers and of truth values become such texts as a whole, those of mixed and nested values cell by cell.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# the cells of a column: JSON values, None where they are missing, or an Arrow array of text, numbers or truth values
Values: TypeAlias = "list[Any] | pa.Array"
# texts of rows, in pieces that stand one behind another: an array has one for each row, other text is the same in all
Pieces: TypeAlias = "Sequence[str | pa.Array]"
# text of each cell, null where it is missing, and what stands before and behind it
Texts: TypeAlias = "tuple[pa.Array, str]"

PASSTHROUGH = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
LARGE_STRING = pa.large_string()
ARROW_TYPES = {str: LARGE_STRING, bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
QUOTE, BACKSLASH, FIRST_UNESCAPED = b'"'[0], b"\\"[0], b" "[0]
BLOCK_ROWS = 1_000

dumps = partial(orjson.dumps, option=PASSTHROUGH)


def object_texts(fields: Mapping[str, Values], height: int) -> Pieces:
    """The JSON object of each row, without what is missing; keys are in order, so that the order of columns changes no content.

    Args:
        fields: The columns.
        height: How many rows they have.

    Raises:
        TypeError: A cell holds what JSON cannot say.
    """
    columns = {name: _texts(fields[name]) for name in sorted(fields)}
    # of members that may be missing, those before the first that is always there end with a comma, the others begin with one
    first = next((name for name, (texts, _) in columns.items() if not texts.null_count), None)
    if first is None:
        return [_dumped(records(fields, height))]
    parts: list[str | pa.Array] = ["{"]
    for name, (texts, quote) in columns.items():
        start, end = f"{dumps(name).decode()}:{quote}", quote
        parts += _member("," + start if name > first else start, texts, end + "," if name < first else end)
    return [*parts, "}"]


def joined(pieces: Pieces) -> pa.Array:
    """The text of each row; at least one of its pieces is an array."""
    runs = [list(run) for _, run in groupby(pieces, type)]
    merged = [piece for run in runs for piece in (["".join(run)] if isinstance(run[0], str) else run)]
    scalars = [pa.scalar(piece, LARGE_STRING) if isinstance(piece, str) else piece for piece in (*merged, "")]
    return pc.binary_join_element_wise(*scalars)


def text_array(texts: Sequence[bytes | None]) -> pa.Array:
    """Texts in UTF-8 as an array."""
    return pa.array(texts, pa.large_binary()).cast(LARGE_STRING)


def number_array(numbers: Sequence[int]) -> pa.Array:
    """The digits of numbers as an array."""
    array = np.arange(numbers.start, numbers.stop) if isinstance(numbers, range) else np.asarray(numbers)
    return pc.cast(pa.array(array), LARGE_STRING)


def lengths(pieces: Pieces) -> list[int]:
    """How many bytes the text of each row has."""
    arrays = [pc.binary_length(piece).to_numpy() for piece in pieces if not isinstance(piece, str)]
    same = sum(len(piece.encode()) for piece in pieces if isinstance(piece, str))
    counted: list[int] = (np.sum(arrays, axis=0) + same).tolist()
    return counted


def text_list(pieces: Pieces) -> list[bytes]:
    """The text of each row, in UTF-8."""
    listed: list[bytes] = joined(pieces).cast(pa.large_binary()).to_pylist()
    return listed


def lines_of(pieces: Pieces, spans: Iterable[slice]) -> list[bytes]:
    """The texts of the rows of each span, a line each."""
    ends, characters = _characters(joined([*pieces, "\n"]))
    return [bytes(characters[ends[span.start] : ends[span.stop] - 1]) for span in spans]


def records(fields: Mapping[str, Values], height: int) -> Iterator[dict[str, Any]]:
    """A dict for each row, without what is missing; its keys are in order."""
    names = sorted(fields)
    columns = [_listed(fields[name]) for name in names]
    if not names:
        return ({} for _ in range(height))
    rows = zip(*columns, strict=True)
    return ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows)


def _texts(values: Values) -> Texts:
    array = _array(values) if isinstance(values, list) else values
    if array is None:
        return _dumped(_listed(values)), ""
    if array.type in (pa.string(), LARGE_STRING):
        return _escaped(array.cast(LARGE_STRING)), '"'
    if pa.types.is_floating(array.type):
        numbers = orjson.dumps(array.to_numpy(zero_copy_only=False), option=orjson.OPT_SERIALIZE_NUMPY)
        written = pc.list_flatten(pc.split_pattern(text_array([numbers[1:-1]]), ","))
        return pc.if_else(array.is_valid(), written, pa.scalar(None, LARGE_STRING)), ""
    return pc.cast(array, LARGE_STRING), ""


def _array(values: list[Any]) -> pa.Array | None:
    """A list of values of one type, as Arrow has it; None for others."""
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) != 1 or not kinds <= ARROW_TYPES.keys():
        return None
    try:
        return pa.array(values, ARROW_TYPES[kinds.pop()])
    except (ValueError, OverflowError):  # half a character, or an integer that is too large
        return None


def _dumped(values: Iterable[Any]) -> pa.Array:
    """The text of each value, null where it is None; in blocks, because what orjson returns keeps a kilobyte."""
    left, blocks = iter(values), [text_array([])]
    while block := [None if each is None else dumps(each) for each in islice(left, BLOCK_ROWS)]:
        blocks.append(text_array(block))
    return pa.concat_arrays(blocks)


def _listed(values: Values) -> list[Any]:
    listed: list[Any] = values if isinstance(values, list) else values.to_pylist()
    return listed


def _escaped(texts: pa.Array) -> pa.Array:
    """Texts as they stand between quotation marks in JSON."""
    ends, characters = _characters(texts)
    codes = np.frombuffer(characters, np.uint8)[ends[0] : ends[-1]]
    found = np.unique(codes[(codes < FIRST_UNESCAPED) | (codes == QUOTE) | (codes == BACKSLASH)])
    # backslashes first, because every escape has one
    for character in map(chr, sorted(found.tolist(), key=BACKSLASH.__ne__)):
        texts = pc.replace_substring(texts, character, dumps(character).decode()[1:-1])
    return texts


def _characters(texts: pa.Array) -> tuple[np.ndarray[Any, Any], memoryview]:
    """Where in an array's bytes its texts end, and these bytes."""
    _, offsets, characters = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return ends, memoryview(characters or b"")


def _member(start: str, texts: pa.Array, end: str) -> list[str | pa.Array]:
    """What a column puts into each row's object: nothing where it is missing."""
    if not texts.null_count:
        return [start, texts, end]
    return [joined([start, texts, end]).fill_null("")]

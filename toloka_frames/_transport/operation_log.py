"""The bytes of an operation's log come in; what was made of which object, and what is wrong with the others, goes out.

The fast way gives the log to Arrow's JSON reader, which takes positions and ids out and makes no Python object of what was
sent. It tells only of a log whose every entry has made something; any other is read entry by entry, with the same result.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._schema.arrow_json import read_object
from toloka_frames._transport.responses import EXCERPT_CHARS, bad_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# where an entry has the position that was sent with the object, which alone ties it to a row: entries are in no promised order
POSITION = "__item_idx"
MOST_DIGITS = 12  # of a position; a log may hold anything
# what stands around the objects of an array
OPENING = re.compile(r"\s*\[\s*(?=[{\]])")
BETWEEN = re.compile(r"\s*,\s*(?={)|\s*(?=\])")
CLOSING = re.compile(r"\]\s*\Z")


@dataclass(frozen=True)
class OperationLog:
    """What an operation tells of objects, which it names by their positions.

    Attributes:
        positions: Of those that were made; integers.
        ids: The id of each of them; text.
        complaints: What is wrong with the others, by position, as the log has it.
    """

    positions: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    complaints: Mapping[int, Any]


def read_log(body: bytes, object_id: str) -> OperationLog:
    """Read a log (Toloka API, "Get operation log").

    Args:
        body: JSON text.
        object_id: The key of an id among what an entry says was made.

    Raises:
        BadAnswer: It is no array of objects.
    """
    return _read_fast(body, object_id) or _read_exactly(body, object_id)


def text_of(fact: Any) -> str | None:
    """What can stand in a column: text that UTF-8 can spell."""
    return None if fact is None else str(fact).encode("utf-8", "replace").decode()


def _read_fast(body: bytes, object_id: str) -> OperationLog | None:
    try:
        entries = _parsed(body, object_id)
        positions = pc.cast(pc.struct_field(entries, ["input", POSITION]), pa.int64())
    except pa.ArrowInvalid:
        return None
    ids = pc.struct_field(entries, ["output", object_id])
    return None if positions.null_count or ids.null_count else OperationLog(positions.to_numpy(), ids.to_numpy(), {})


def _parsed(body: bytes, object_id: str) -> pa.ChunkedArray:
    """The position and the id in each entry of a log, as Arrow's reader finds them."""
    entry = pa.struct([("input", pa.struct([(POSITION, pa.string())])), ("output", pa.struct([(object_id, pa.string())]))])
    # in a list of its own, so that nothing but one array can stand there
    schema = pa.schema([("logs", pa.list_(pa.list_(entry)))])
    table = read_object(b'{"logs":[%b]}' % body, schema, unknown_fields="ignore")
    logs = pc.list_flatten(table.column(0))
    if len(logs) != 1 or logs.null_count:
        raise pa.ArrowInvalid("This is no array.")
    return pc.list_flatten(logs)


def _read_exactly(body: bytes, object_id: str) -> OperationLog:
    made: dict[int, str] = {}
    complaints: dict[int, Any] = {}
    try:
        for entry in _entries(body.decode("utf-8", "replace")):
            position, output = _position(entry), entry.get("output")
            id_ = output.get(object_id) if isinstance(output, dict) else None
            if isinstance(id_, str):
                made[position] = str(text_of(id_))
            elif not entry.get("success"):  # a valid one of a refused request has an entry without id
                complaints[position] = output
    except (ValueError, RecursionError) as error:
        raise bad_answer(200, body[:EXCERPT_CHARS], "JSON was expected (a list of objects)") from error
    others = {position: output for position, output in complaints.items() if position not in made}
    return OperationLog(np.fromiter(made, np.int64), np.array(list(made.values()), dtype=object), others)


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """The entries of an array one by one, so that what was sent is never there as objects all at once."""
    decode, at = json.JSONDecoder().raw_decode, _behind(OPENING, text, 0)
    while text[at] == "{":
        entry, at = decode(text, at)
        at = _behind(BETWEEN, text, at)
        yield entry
    _behind(CLOSING, text, at)


def _behind(pattern: re.Pattern[str], text: str, at: int) -> int:
    if (found := pattern.match(text, at)) is None:
        raise ValueError("This is no array of objects.")
    return found.end()


def _position(entry: Mapping[str, Any]) -> int:
    """The position that an entry names, or -1."""
    item = entry.get("input")
    index = item.get(POSITION) if isinstance(item, dict) else None
    text = index if isinstance(index, str) else str(index)
    return int(text) if len(text) <= MOST_DIGITS and text.isdecimal() else -1

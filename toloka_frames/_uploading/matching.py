"""The rows of a request and the app items that the service lists come in; which item is of which row goes out.

Nothing but its input ties an item to a row, so that rows of equal input are interchangeable.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from toloka_frames._uploading.chunks import Chunk

Inputs: TypeAlias = "Mapping[int, Hashable]"

# Apps API, "Add items in bulk": the key of an error is a position in the request and a field
COMPLAINT = re.compile(r"input_data\.(\d{1,9})(?:\.(.+))?", re.DOTALL)


@dataclass(frozen=True)
class Match:
    """Rows and items.

    Attributes:
        made: The item of each row that has one.
        missing: Rows whose input is not listed.
        sure: Whether the items are of these rows: each input that is listed is there for all that may have made it.
        more: How many items are of no row.
    """

    made: Mapping[int, str]
    missing: Sequence[int]
    sure: bool
    more: int


def match(inputs: Inputs, items: Iterable[Mapping[str, Any]], others: Iterable[Hashable] = (), *, whole: bool = False) -> Match:
    """Give each row an item of its input.

    Args:
        inputs: The input of each row.
        items: Items as the wire has them.
        others: Inputs of other rows, which may have made some of these items.
        whole: Whether all rows were made or none, so that those whose input no other row has tell it of all.
    """
    listed: dict[Hashable, list[str]] = {}
    for item in items:
        listed.setdefault(_comparable(item.get("input_data")), []).append(str(item.get("id")))
    mine, theirs = Counter(inputs.values()), Counter(others)
    if own := {each for each in mine if whole and each not in theirs}:
        sure, none = all(len(listed.get(each, ())) >= mine[each] for each in own), own.isdisjoint(listed)
    else:
        sure, none = all(len(listed[each]) >= mine[each] + theirs[each] for each in mine if each in listed), False
    made = {} if none else {row: listed[each].pop(0) for row, each in inputs.items() if listed.get(each)}
    return Match(made, [row for row in inputs if row not in made], sure, sum(map(len, listed.values())))


def inputs_of(chunk: Chunk) -> Inputs:
    """The input of each row of a chunk of app items, to be compared."""
    return {row: _comparable(json.loads(each)["input_data"]) for row, each in zip(chunk.rows, chunk.objects, strict=True)}


def complaints(errors: Any, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What is wrong with which row: field path to code and message.

    Args:
        errors: Errors of a request or of an import (Apps API, Batch.last_items_import).
        rows: The rows of the request.
    """
    told: dict[int, dict[str, Any]] = {}
    for path, complaint in errors.items() if isinstance(errors, dict) else ():
        found = COMPLAINT.fullmatch(path)
        if found and int(found[1]) < len(rows):
            field = f"input_data.{found[2]}" if found[2] else "input_data"
            told.setdefault(rows[int(found[1])], {})[field] = complaint
    return told


def _comparable(value: Any) -> Hashable:
    """A JSON value as something that is equal where the value is: 1 and 1.0 are, and so are keys in another order."""
    if isinstance(value, dict):
        return frozenset((name, _comparable(each)) for name, each in value.items())
    return tuple(map(_comparable, value)) if isinstance(value, list) else value

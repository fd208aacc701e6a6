"""What the ledger's file says of an upload and of rows goes in; it as Python has it goes out, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from toloka_frames._schema.bulk import Kind

# waiting: not sent; begun: sent, its end not known; refused: not taken; done, failed: how its operation ended
State: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Flags: TypeAlias = "Mapping[str, bool | str | None]"


@dataclass(frozen=True)
class Record:
    """An upload as the ledger has it.

    Attributes:
        id: Its number in the ledger.
        upload_id: Its name.
        kind: What it makes.
        rows: How many objects it has.
        content: A hash of all of them.
        digests: Four bytes for each, where the user named the upload.
        flags: What the last call asked for.
        ended: When all its rows were settled, or None.
        place: Where it goes, as far as its objects do not say it.
        object_of_row: The position of each input row's object.
    """

    id: int
    upload_id: str
    kind: Kind
    rows: int
    content: str
    digests: array[int]
    flags: Flags
    ended: datetime | None
    place: Mapping[str, str]
    object_of_row: Sequence[int]


def spans_of(rows: Sequence[int]) -> str:
    """Positions as runs, first and behind the last: [[0, 10000]]."""
    if isinstance(rows, range):
        return json.dumps([[rows.start, rows.stop]])
    runs = ([row for _, row in run] for _, run in groupby(enumerate(rows), lambda each: each[1] - each[0]))
    return json.dumps([[run[0], run[-1] + 1] for run in runs])


def rows_of(spans: str) -> Sequence[int]:
    """The positions in such runs."""
    runs = [range(*run) for run in json.loads(spans)]
    return runs[0] if len(runs) == 1 else [row for run in runs for row in run]

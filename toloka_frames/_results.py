"""What is learnt of each object of an upload comes in, one result row for each input row goes out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Status: TypeAlias = Literal["CREATED", "INVALID", "FAILED", "UNKNOWN", "NOT_SENT"]

TEXT = pd.StringDtype("pyarrow")
MOST_DIGITS = 12  # of a position; a log may hold anything
COLUMNS = ("status", "object_id", "error_field", "error_code", "error_message", "operation_id", "chunk")
NO_ERROR = dict.fromkeys(("error_field", "error_code", "error_message"))


class Results:
    """What is known of each object of an upload; NOT_SENT until more is known.

    `object_id` is where an operation's log has the id of what was made, and the frame's column of it; `carrier` is the frame's
    column of the operation, or of the batch.
    """

    def __init__(self, objects: int, object_id: str, carrier: str = "operation_id") -> None:
        self._object_id = object_id
        self._columns = [carrier if name == "operation_id" else name for name in COLUMNS]
        blank = dict.fromkeys(COLUMNS)
        self._rows: list[dict[str, Any]] = [{"row": row, **blank, "status": "NOT_SENT"} for row in range(objects)]

    def put(self, rows: Iterable[int], **facts: Any) -> None:
        """Write the same facts to some rows."""
        for row in rows:
            self._rows[row].update(facts)

    def restore(self, outcomes: Iterable[Mapping[str, Any]]) -> None:
        """Write what the ledger knows of rows: the position as `row`, and their columns."""
        for outcome in outcomes:
            self._rows[outcome["row"]].update(outcome)

    def rows(self, rows: Iterable[int]) -> Iterator[Mapping[str, Any]]:
        """What the ledger keeps of rows: the position as `row`, and their columns."""
        return map(self._rows.__getitem__, rows)

    def log(self, rows: Sequence[int], entries: Iterable[Mapping[str, Any]]) -> None:
        """Write an operation's log to the rows of its chunk."""
        mine = set(rows)
        for entry in entries:
            position = _position(entry)
            if position not in mine or self._is_created(position, entry):
                continue
            if not entry.get("success"):
                self.complain(position, entry.get("output"))

    def complain(self, row: int, output: Any) -> None:
        """Write that a row is not valid, and what the service says of it."""
        self._rows[row].update(status="INVALID", **{name: _told(fact) for name, fact in first_error(output).items()})

    def settle(self, rows: Sequence[int], entries: Iterable[Mapping[str, Any]], *, failed: bool) -> int:
        """Write an operation's log to the rows of its chunk, and return how many it leaves open."""
        self.log(rows, entries)
        return self.end(rows, failed=failed)

    def end(self, rows: Iterable[int], *, failed: bool) -> int:
        """Settle the rows that the log left open, and return how many these are."""
        unsettled = [row for row in rows if self._rows[row]["status"] == "UNKNOWN"]
        if failed:
            self.put(unsettled, status="FAILED", error_message="The request that carried it ended with FAIL.")
        else:
            self.put(unsettled, error_message="The operation's log does not mention this row.")
        return len(unsettled)

    def frame(self, index: pd.Index[Any], object_of_row: Sequence[int]) -> pd.DataFrame:
        """A row for each input row, on the input's index."""
        types: dict[str, Any] = {**dict.fromkeys(self._columns, TEXT), "chunk": "Int64"}
        frame = pd.DataFrame(self._rows, columns=self._columns).astype(types)
        frame = frame.rename(columns={"object_id": self._object_id})
        return frame.take(list(object_of_row)).set_axis(index)

    def counts(self) -> Counter[str]:
        """Rows by status."""
        return Counter(row["status"] for row in self._rows)

    def summary(self) -> str:
        """One sentence: how many rows have which status."""
        return ", ".join(f"{count:,} {status}" for status, count in self.counts().most_common()) + "."

    def commonest_error(self) -> str:
        """What is wrong with most of the rows that are wrong, or nothing."""
        told = Counter(
            f"{row['error_field'] or 'object'}: {row['error_code']}, {row['error_message']}"
            for row in self._rows
            if row["status"] == "INVALID"
        )
        return f"Most often: {told.most_common(1)[0][0]}." if told else ""

    def _is_created(self, position: int, entry: Mapping[str, Any]) -> bool:
        """Whether an object is there, by this entry or one before; a valid one of a refused request has an entry without id."""
        output = entry.get("output")
        object_id = output.get(self._object_id) if isinstance(output, dict) else None
        if isinstance(object_id, str):
            self._rows[position].update(status="CREATED", object_id=object_id, **NO_ERROR)
        return bool(self._rows[position]["status"] == "CREATED")


def first_error(output: Any) -> dict[str, Any]:
    """Field, code and message of the first complaint about a row.

    Two shapes are documented (Toloka API, "Get operation log"): a map of fields, and the usual envelope with it as payload.
    """
    if not isinstance(output, dict):
        return {"error_message": None if output is None else str(output)}
    if isinstance(output.get("code"), str):
        payload = output.get("payload")
        inner = first_error(payload) if isinstance(payload, dict) and payload else {}
        return {"error_code": output["code"], "error_message": output.get("message"), **inner}
    for name, complaint in output.items():
        details = complaint if isinstance(complaint, dict) else {"message": str(complaint)}
        return {"error_field": name, "error_code": details.get("code"), "error_message": details.get("message")}
    return {}


def _told(fact: Any) -> str | None:
    """What can stand in a column: text that UTF-8 can spell."""
    return None if fact is None else str(fact).encode("utf-8", "replace").decode()


def _position(entry: Mapping[str, Any]) -> int:
    item = entry.get("input")
    index = item.get("__item_idx") if isinstance(item, dict) else None
    text = index if isinstance(index, str) else str(index)
    return int(text) if len(text) <= MOST_DIGITS and text.isdecimal() else -1

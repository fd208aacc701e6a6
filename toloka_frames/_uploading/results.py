"""What is learnt of each object of an upload comes in, one result row for each input row goes out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from toloka_frames._schema.pandas_values import STRING_DTYPE
from toloka_frames._transport.operations import to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._transport.operations import OperationLog

Status: TypeAlias = Literal["CREATED", "INVALID", "FAILED", "UNKNOWN", "NOT_SENT"]
# a row that has no object: its position, status, and what is wrong with it: field, code and message
Other: TypeAlias = "tuple[int, Status, str | None, str | None, str | None]"

TYPES = {pa.large_string(): STRING_DTYPE, pa.int64(): pd.Int64Dtype()}
COLUMNS = ("status", "object_id", "error_field", "error_code", "error_message", "operation_id", "chunk")
NO_ERROR = dict.fromkeys(("error_field", "error_code", "error_message"))


class Results:
    """What is known of each object of an upload; NOT_SENT until more is known.

    `object_id` is the frame's column of the id of what was made; `carrier` that of the operation, or of the batch.
    """

    def __init__(self, objects: int, object_id: str, carrier: str = "operation_id") -> None:
        self._object_id, self._carrier = object_id, carrier
        self._columns = {name: np.full(objects, None, dtype=object) for name in (*COLUMNS, "batch_id")}
        self.put(range(objects), status="NOT_SENT")

    def put(self, rows: Sequence[int] | np.ndarray[Any, Any], **facts: Any) -> None:
        """Write facts to some rows: each the same for all of them, or a list with one for each."""
        where = slice(rows.start, rows.stop) if isinstance(rows, range) else _array(rows)
        for name, fact in facts.items():
            self._columns[name][where] = fact

    def outcomes(self, rows: Sequence[int]) -> tuple[list[str | None], list[Other]]:
        """What the ledger keeps of rows: the id of each one's object, and what became of those without."""
        where = _array(rows)
        others = where[self._columns["status"][where] != "CREATED"]
        told = [self._columns[name][others] for name in ("status", *NO_ERROR)]
        return self._columns["object_id"][where].tolist(), list(zip(others.tolist(), *told, strict=True))

    def log(self, rows: Sequence[int], log: OperationLog) -> None:
        """Write an operation's log to the rows of its chunk."""
        mine = np.isin(log.positions, _array(rows))
        self.put(log.positions[mine], status="CREATED", object_id=log.ids[mine], **NO_ERROR)
        of_chunk = set(rows) if log.errors else ()
        for position, output in log.errors.items():
            if position in of_chunk and self._columns["status"][position] != "CREATED":
                self.mark_invalid(position, output)

    def mark_invalid(self, row: int, output: Any) -> None:
        """Write that a row is not valid, and what the service says of it."""
        self.put([row], status="INVALID", **first_error(output))

    def settle(self, rows: Sequence[int], log: OperationLog, *, failed: bool) -> int:
        """Write an operation's log to the rows of its chunk, and return how many it leaves open."""
        self.log(rows, log)
        return self.end(rows, failed=failed)

    def end(self, rows: Sequence[int], *, failed: bool) -> int:
        """Settle the rows that the log left open, and return how many these are."""
        where = _array(rows)
        unsettled = where[self._columns["status"][where] == "UNKNOWN"]
        if failed:
            self.put(unsettled, status="FAILED", error_message="The request that carried it ended with FAIL.")
        else:
            self.put(unsettled, error_message="The operation's log does not mention this row.")
        return len(unsettled)

    def frame(self, index: pd.Index[Any], object_of_row: Sequence[int]) -> pd.DataFrame:
        """A row for each input row, on the input's index."""
        names = [self._carrier if name == "operation_id" else name for name in COLUMNS]
        columns = {name: pa.array(self._columns[name], pa.int64() if name == "chunk" else pa.large_string()) for name in names}
        frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=TYPES.get).rename(columns={"object_id": self._object_id})
        # where each row is an object, they are in their order already
        return (frame if isinstance(object_of_row, range) else frame.take(list(object_of_row))).set_axis(index)

    def counts(self) -> Counter[str]:
        """Rows by status."""
        return Counter(self._columns["status"].tolist())

    def summary(self) -> str:
        """One sentence: how many rows have which status."""
        return ", ".join(f"{count:,} {status}" for status, count in self.counts().most_common()) + "."

    def commonest_error(self) -> str:
        """What is wrong with most of the rows that are wrong, or nothing."""
        invalid = self._columns["status"] == "INVALID"
        told = Counter(zip(*(self._columns[name][invalid] for name in NO_ERROR), strict=True))
        if not told:
            return ""
        [((field, code, message), _)] = told.most_common(1)
        return f"Most often: {field or 'object'}: {code}, {message}."


def _array(rows: Sequence[int] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # NumPy looks at each number of a range
    return np.arange(rows.start, rows.stop) if isinstance(rows, range) else np.asarray(rows, dtype=np.int64)


def first_error(output: Any) -> dict[str, str | None]:
    """Field, code and message of the first complaint about a row, as text.

    Two shapes are documented (Toloka API, "Get operation log"): a map of fields, and the usual envelope with it as payload.
    """
    if not isinstance(output, dict):
        return {"error_message": to_text(output)}
    if isinstance(output.get("code"), str):
        payload = output.get("payload")
        inner = first_error(payload) if isinstance(payload, dict) and payload else {}
        return {"error_code": to_text(output["code"]), "error_message": to_text(output.get("message")), **inner}
    for name, complaint in output.items():
        details = complaint if isinstance(complaint, dict) else {"message": str(complaint)}
        told = {"error_field": name, "error_code": details.get("code"), "error_message": details.get("message")}
        return {column: to_text(fact) for column, fact in told.items()}
    return {}

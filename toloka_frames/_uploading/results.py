"""Collect the outcome of each object of an upload, build the result DataFrame, and pack ids for the ledger."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from toloka_frames._schema.pandas_values import DEFAULT_DTYPES
from toloka_frames._transport.responses import to_text
from toloka_frames._uploading.requests import BLOCK_ROWS, dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from toloka_frames._transport.operations import OperationLog

RowStatus: TypeAlias = Literal["CREATED", "INVALID", "FAILED", "UNKNOWN", "NOT_SENT"]
# an object that was not created: position, status, and the field, code and message of its error
UncreatedObject: TypeAlias = "tuple[int, RowStatus, str | None, str | None, str | None]"

COLUMNS = ("status", "object_id", "error_field", "error_code", "error_message", "operation_id", "chunk")
HEXADECIMAL, ZERO = re.compile(b"[0-9a-f]"), b"0"[0]
CODED_TYPES = {name: pa.large_string() for name in (*COLUMNS, "batch_id") if name != "object_id"} | {"chunk": pa.int64()}
# ids as UTF-8 text, empty for a row without one
IdTexts: TypeAlias = "np.ndarray[Any, np.dtype[np.bytes_]]"
# the rows that a NumPy array is indexed with
Where: TypeAlias = "slice | np.ndarray[Any, Any]"
NO_ERROR = dict.fromkeys(("error_field", "error_code", "error_message"))


class CodedColumn:
    """A column with few distinct values: a number for each row, from the first value on that is not None.

    Args:
        rows: The number of rows.
        dtype: The type of the values: text or whole numbers.

    Attributes:
        rows: The number of rows.
    """

    def __init__(self, rows: int, dtype: pa.DataType) -> None:
        self.rows, self._dtype = rows, dtype
        self._lock = threading.Lock()  # chunks are settled in threads
        self._codes: np.ndarray[Any, Any] | None = None
        self._code_of: dict[Any, int] = {None: 0}

    def put(self, where: Where, value: Any) -> None:
        """Set some rows to one value, or to a list with a value for each."""
        with self._lock:
            codes = np.array(list(map(self._code, value)), np.int32) if isinstance(value, list) else self._code(value)
            if self._codes is None:
                if not np.any(codes):
                    return
                self._codes = np.zeros(self.rows, np.int32)
            self._codes[where] = codes

    def get(self, where: Where) -> list[Any]:
        """Return the values of some rows."""
        values = list(self._code_of)
        return [values[code] for code in self.codes[where].tolist()]

    def equals(self, value: Any, where: Where = slice(None)) -> np.ndarray[Any, Any]:
        """Return for some rows whether they have this value."""
        is_equal: np.ndarray[Any, Any] = self.codes[where] == self._code_of.get(value, -1)
        return is_equal

    def counts(self) -> Counter[Any]:
        """Return the number of rows of each value."""
        counts = np.bincount(self.codes, minlength=len(self._code_of)).tolist()
        return Counter({value: count for value, count in zip(self._code_of, counts, strict=True) if count})

    def to_arrow(self, missing: pa.Array) -> pa.Array:
        """Return the value of each row; `missing`, if it is of this type and no row has a value."""
        if self._codes is None and missing.type == self._dtype:
            return missing
        values = list(self._code_of)[1:]
        try:
            array = pa.array(values, self._dtype)
        except (pa.ArrowException, ValueError):  # half a surrogate: results are shown all the same
            array = pa.array(list(map(to_text, values)), self._dtype)
        return array.take(pa.array(self.codes - 1, mask=self.codes == 0))

    @property
    def codes(self) -> np.ndarray[Any, Any]:
        """The number of each row's value, 0 for None."""
        return np.zeros(self.rows, np.int32) if self._codes is None else self._codes

    def _code(self, value: Any) -> int:
        return self._code_of.setdefault(value, len(self._code_of))


class IdColumn:
    """A column of ids, which differ in each row: their UTF-8 text, of which NumPy keeps no Python objects."""

    def __init__(self, rows: int) -> None:
        self._lock = threading.Lock()  # chunks are settled in threads
        self._texts = np.zeros(rows, "S1")
        self._is_shared = False  # with an array that `to_arrow` has returned

    def put(self, where: Where, ids: Any) -> None:
        """Set some rows to one id, or each to its own; None, or empty bytes, for rows without one."""
        texts = id_texts([ids] if isinstance(ids, str | None) else ids)
        with self._lock:
            if self._is_shared or texts.dtype.itemsize > self._texts.dtype.itemsize:
                self._texts, before = np.zeros(len(self._texts), f"S{max(texts.itemsize, self._texts.itemsize)}"), self._texts
                for start in range(0, len(before), BLOCK_ROWS):  # no other thread runs while NumPy copies ids
                    self._texts[start : start + BLOCK_ROWS] = before[start : start + BLOCK_ROWS]
                self._is_shared = False
            self._texts[where] = texts

    def get(self, where: Where) -> IdTexts:
        """Return the ids of some rows."""
        return self._texts[where]

    def to_arrow(self) -> pa.Array:
        """Return the ids; without a copy of them if all are equally long, as Toloka's are."""
        is_missing, width = self._texts == b"", self._texts.dtype.itemsize
        last_bytes = self._texts.view(np.uint8)[width - 1 :: width]
        if not (is_missing | (last_bytes != 0)).all():
            # in two steps: pyarrow 17 makes no large_binary of a NumPy array
            return pa.array(self._texts, pa.binary(), mask=is_missing).cast(pa.large_binary()).cast(pa.large_string())
        self._is_shared = True
        offsets = np.arange(len(self._texts) + 1, dtype=np.int64) * width
        validity = pa.array(~is_missing).buffers()[1]
        return pa.LargeStringArray.from_buffers(
            len(self._texts), pa.py_buffer(offsets), pa.py_buffer(self._texts.view(np.uint8)), validity
        )


class Results:
    """The outcome of each object of an upload; NOT_SENT until more is known.

    Args:
        objects: The number of objects.
        object_id: The result column for the ids of created objects.
        request_id: The result column for the id of the operation, or of the batch, that created them.
    """

    def __init__(self, objects: int, object_id: str, request_id: str = "operation_id") -> None:
        self._object_id, self._request_id = object_id, request_id
        self._ids = IdColumn(objects)
        self._coded = {name: CodedColumn(objects, dtype) for name, dtype in CODED_TYPES.items()}
        self._status = self._coded["status"]
        self.put(range(objects), status="NOT_SENT")

    def put(self, positions: Sequence[int] | np.ndarray[Any, Any], **columns: Any) -> None:
        """Set columns of some objects, each to one value for all of them or to a list with one value for each."""
        where = slice(positions.start, positions.stop) if isinstance(positions, range) else _index_array(positions)
        for name, value in columns.items():
            (self._ids if name == "object_id" else self._coded[name]).put(where, value)

    def mark_invalid(self, position: int, output: Any) -> None:
        """Set an object's status to INVALID, with the first error that the service reports for it."""
        self.put([position], status="INVALID", **first_error(output))

    def settle(self, positions: Sequence[int], log: OperationLog, *, failed: bool) -> int:
        """Set the outcome of a chunk's objects from its operation's log.

        Args:
            positions: The chunk's objects.
            log: The log.
            failed: Whether the operation ended with FAIL.

        Returns:
            The number of objects that the log does not mention.
        """
        where = _index_array(positions)
        created = slice(None) if np.array_equal(log.positions, where) else np.isin(log.positions, where)
        self.put(log.positions[created], status="CREATED", object_id=log.ids[created], **NO_ERROR)
        rejected = set(where[~self._status.equals("CREATED", where)].tolist()) if log.errors else ()
        for position, output in log.errors.items():
            if position in rejected:
                self.mark_invalid(position, output)
        unmentioned = where[self._status.equals("UNKNOWN", where)]
        if failed:
            self.put(unmentioned, status="FAILED", error_message="The request with this row ended with FAIL.")
        else:
            self.put(unmentioned, error_message="The operation's log does not mention this row.")
        return len(unmentioned)

    def for_ledger(self, positions: Sequence[int]) -> tuple[IdTexts, list[UncreatedObject]]:
        """Return what the ledger records of objects: the ids of the created ones, and the outcome of the others."""
        where = _index_array(positions)
        others = where[~self._status.equals("CREATED", where)]
        columns = [self._coded[name].get(others) for name in ("status", *NO_ERROR)]
        return self._ids.get(where), list(zip(others.tolist(), *columns, strict=True))

    def frame(self, index: pd.Index[Any], object_of_row: Sequence[int]) -> pd.DataFrame:
        """Return a row for each input row, with the input's index."""
        missing = pa.nulls(self._status.rows, pa.large_string())  # one for all columns without values
        columns = {}
        for name in COLUMNS:
            if name == "object_id":
                columns[self._object_id] = self._ids.to_arrow()
            else:
                shown = self._request_id if name == "operation_id" else name
                columns[shown] = self._coded[shown].to_arrow(missing)
        frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=DEFAULT_DTYPES.get)
        # a range means that each row is an object, in the same order
        return (frame if isinstance(object_of_row, range) else frame.take(np.asarray(object_of_row))).set_axis(index)

    def counts(self) -> Counter[str]:
        """Return the number of objects in each status."""
        return self._status.counts()

    def summary(self) -> str:
        """Return the number of objects in each status as a sentence."""
        return ", ".join(f"{count:,} {status}" for status, count in self.counts().most_common()) + "."

    def report(self) -> str:
        """Return for the card of an upload that ended how many rows are INVALID, why and where they are, or the summary."""
        counts = self.counts()
        if not counts["INVALID"]:
            return self.summary()
        numbers = f"{counts.pop('INVALID'):,} INVALID, {', '.join(f'{count:,} {status}' for status, count in counts.items())}"
        return f"{numbers.rstrip(', ')}. {self.commonest_error()} tf.failed(df, results) has these rows and the reasons."

    def commonest_error(self) -> str:
        """Return the most frequent error of INVALID objects as a sentence, or ""."""
        invalid = self._status.equals("INVALID")
        errors = Counter(zip(*(self._coded[name].get(invalid) for name in NO_ERROR), strict=True))
        if not errors:
            return ""
        [((field, code, message), _)] = errors.most_common(1)
        return f"Most often: {field or 'object'}: {code}, {str(message).rstrip('.')}."


def _index_array(positions: Sequence[int] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # NumPy converts a range number by number
    return np.arange(positions.start, positions.stop) if isinstance(positions, range) else np.asarray(positions, np.int64)


def first_error(output: Any) -> dict[str, str | None]:
    """Return the field, code and message of the first error that the service reports for an object.

    Two forms are documented (Toloka API, "Get operation log"): a map of fields, and the usual error body with that map as its
    payload.
    """
    if not isinstance(output, dict):
        return {"error_message": to_text(output)}
    if isinstance(output.get("code"), str):
        error = {"error_code": to_text(output["code"]), "error_message": to_text(output.get("message"))}
        return error | first_field_error(output.get("payload"))
    for name, error in output.items():
        details = error if isinstance(error, dict) else {"message": str(error)}
        columns = {"error_field": name, "error_code": details.get("code"), "error_message": details.get("message")}
        return {column: to_text(value) for column, value in columns.items()}
    return {}


def first_field_error(payload: Any) -> dict[str, str | None]:
    """Return the first error of a field in the payload of an error body.

    The payload of other errors has facts, for example that of INAPPROPRIATE_STATUS the statuses that are possible.
    """
    if not isinstance(payload, dict):
        return {}
    return first_error({name: error for name, error in payload.items() if isinstance(error, dict)})


def id_texts(ids: Sequence[str | None] | IdTexts) -> IdTexts:
    """Return ids as bytes."""
    if isinstance(ids, np.ndarray):
        return ids
    return np.array([(id_ or "").encode("utf-8", "replace") for id_ in ids], "S")


def packed_ids(ids: Sequence[str | None] | IdTexts) -> bytes | str:
    """Return ids in the form that the ledger stores: if all have the same length and differ only in hexadecimal digits, these.

    Toloka's ids are UUIDs or texts such as 000016c290--64382dfc97aa9547ff8a2299, whose digits take half the bytes.
    """
    texts = id_texts(ids)
    is_missing = texts == b""
    created = texts[~is_missing]
    pattern = HEXADECIMAL.sub(b"0", created.tobytes()[: created.itemsize]) if len(created) else b""
    packed = _packed_digits(created, pattern) if pattern else None
    if packed is None:
        return dumps([text.decode() or None for text in texts.tolist()]).decode()
    return dumps([pattern.decode(), len(created), np.flatnonzero(is_missing).tolist()]) + b"\n" + packed


def _packed_digits(ids: IdTexts, pattern: bytes) -> bytes | None:
    """Return the digits of ids, two in a byte; None if an id differs from the pattern, in which each digit is 0."""
    columns = [column for column, character in enumerate(pattern) if character != ZERO]
    form = np.frombuffer(pattern, np.uint8)[columns]
    others = np.frombuffer(ids.tobytes(), np.uint8).reshape(-1, ids.itemsize)[:, columns]
    digits = ids.tobytes().translate(None, pattern.replace(b"0", b"")).decode("latin-1")
    if not pattern.isascii() or (others != form).any() or len(digits) != len(ids) * pattern.count(b"0"):
        return None
    try:
        packed = bytes.fromhex(digits + "0" * (len(digits) % 2))
    except ValueError:
        return None
    # fromhex also takes capital letters and spaces
    return packed if packed.hex().startswith(digits) else None


def unpacked_ids(packed: bytes | str) -> list[str | None]:
    """Return the ids that `packed_ids` has packed."""
    if isinstance(packed, str):
        ids: list[str | None] = json.loads(packed)
        return ids
    header, _, digits = packed.partition(b"\n")
    pattern, count, missing = json.loads(header)
    form = np.frombuffer(pattern.encode(), np.uint8)
    characters = np.tile(form, (count, 1))
    width = int((form == ZERO).sum())
    characters[:, form == ZERO] = np.frombuffer(digits.hex().encode()[: count * width], np.uint8).reshape(count, width)
    text = characters.tobytes().decode()
    ids = [text[start : start + len(pattern)] for start in range(0, len(text), len(pattern))]
    for position in missing:
        ids.insert(position, None)
    return ids

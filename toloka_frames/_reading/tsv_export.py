"""The file that the platform exports of a pool's answers (TSV) comes in, a table with the columns of assignments goes out.

What can be asked of the export stands here, too. Sources: Toloka-Kit 1.2.3, and files of the platform.
"""

from __future__ import annotations

import csv
import json
from functools import reduce
from typing import TYPE_CHECKING, Any, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from toloka_frames._schema.columns import EXTRA, TEXT, TIMESTAMP, Column
from toloka_frames._schema.filters import some_of
from toloka_frames._schema.json_rows import batch_of, json_text
from toloka_frames._schema.keywords import AssignmentField, AssignmentStatus
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import flag, one_of, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toloka_frames._errors import BadAnswer
    from toloka_frames._schema.timestamps import TimestampLike

VALUES = ("INPUT:", "OUTPUT:", "GOLDEN:", "HINT:")
STATUS = "ASSIGNMENT:status"
# the file has a name of its own for one state
API_STATUS, FILE_STATUS = "ACCEPTED", "APPROVED"


def export_query(
    status: AssignmentStatus | Sequence[AssignmentStatus] | None,
    start_time_from: TimestampLike | None,
    start_time_to: TimestampLike | None,
    exclude_banned: bool,
    field: AssignmentField | Sequence[AssignmentField] | None,
) -> dict[str, str]:
    """What is asked of the export; it has names of its own.

    Raises:
        InputError: A value is none that it takes.
    """
    states = validate("status", some_of(one_of(AssignmentStatus)), get_args(AssignmentStatus) if status is None else status)
    query = {
        "status": ",".join(FILE_STATUS if state == API_STATUS else state for state in states.split(",")),
        "field": validate("field", some_of(one_of(AssignmentField)), get_args(AssignmentField) if field is None else field),
        "excludeBanned": validate("exclude_banned", flag, exclude_banned),
        "addRowDelimiter": "false",
    }
    if start_time_from is not None:
        query["startTimeFrom"] = validate("start_time_from", format_timestamp, start_time_from)
    if start_time_to is not None:
        query["startTimeTo"] = validate("start_time_to", format_timestamp, start_time_to)
    return query


def exported(columns: Iterable[Column], query: Mapping[str, str]) -> list[Column]:
    """Those columns of assignments that an export has: all values, and the fields that were asked for."""
    fields = query["field"].split(",")
    return [column for column in columns if column.name.startswith(VALUES) or column.name in fields]


def read_export(body: bytes, columns: Sequence[Column]) -> pa.Table:
    """Read an export into the declared columns, all of which are there also when the file lacks one or has no rows.

    A cell that does not fit its column's type is null there and stands in `extra`. What the file has besides are columns of
    text before `extra`.

    Raises:
        BadAnswer: It is no export of assignments.
    """
    file = _cells(body)
    unfit: list[dict[str, str]] = [{} for _ in range(len(file))]
    known = {column.name: _column(file, column, unfit) for column in columns}
    others = {name: file[name] for name in file.column_names if name not in known}
    extra = pa.array([json_text(cells) if cells else None for cells in unfit], TEXT)
    return pa.table({**known, **others, EXTRA: extra})


def _cells(body: bytes) -> pa.Table:
    """All cells as text, empty ones null, without the rows between assignments that have no cells."""
    if not body.strip():
        return pa.table({})
    body = body if body.endswith(b"\n") else body + b"\n"  # Arrow's reader takes no header without an end
    try:
        names = next(csv.reader([body.partition(b"\n")[0].decode("utf-8-sig")], delimiter="\t"))
        file = pa_csv.read_csv(
            pa.BufferReader(body),
            # one block, because a cell may have many lines
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa_csv.ParseOptions(delimiter="\t", newlines_in_values=True),
            # text, because Arrow would make 7 of 007; and null where empty only, because it takes NA and null for nothing, too
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, TEXT), null_values=[""], strings_can_be_null=True
            ),
        )
    except (ValueError, csv.Error) as error:  # of Arrow's errors and of UTF-8's, that is the root
        raise _no_export(body) from error
    if len(set(names)) < len(names) or not any(name.startswith("ASSIGNMENT:") for name in names):
        raise _no_export(body)
    return file.filter(reduce(pc.or_, (column.is_valid() for column in file.columns)))


def _column(file: pa.Table, column: Column, unfit: list[dict[str, str]]) -> pa.Array:
    """A column of its declared type; cells that do not fit are added to `unfit`, by row."""
    if column.name not in file.column_names:
        return pa.nulls(len(file), column.type)
    cells = file[column.name].combine_chunks()
    if column.name == STATUS:
        return pc.if_else(pc.equal(cells, FILE_STATUS), API_STATUS, cells)
    if column.type == TEXT:
        return cells
    # instants and rewards are those of all tasks of an assignment: each spelling is read once
    spelled = cells.dictionary_encode()
    values = [{"cell": _value(cell, column.type)} for cell in spelled.dictionary.to_pylist()]
    read = batch_of(values, [Column("cell", ("cell",), column.type)]).column(0).take(spelled.indices)
    for row in pc.indices_nonzero(pc.and_(cells.is_valid(), read.is_null())).to_pylist():
        unfit[row][column.name] = cells[row].as_py()
    return read


def _value(cell: str, declared: pa.DataType) -> Any:
    """What a cell says; numbers, booleans and arrays are spelled as in JSON."""
    if declared == TIMESTAMP:
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _no_export(body: bytes) -> BadAnswer:
    return bad_answer(200, body, "an export of assignments was expected (TSV)")

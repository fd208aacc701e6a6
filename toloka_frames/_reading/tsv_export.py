"""Read the TSV file that the platform exports for a pool into the columns of the list of assignments.

Sources: Toloka-Kit 1.2.3 for the query parameters; exported files of the platform for their format.
"""

from __future__ import annotations

import csv
import io
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._reading.scan import list_request
from toloka_frames._reading.sinks import to_frame
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.columns import EXTRA, TEXT, TIMESTAMP, Column, expand_columns
from toloka_frames._schema.filters import some_of
from toloka_frames._schema.json_rows import batch_of, json_text, parse_json
from toloka_frames._schema.keywords import AssignmentField, AssignmentStatus
from toloka_frames._schema.lists import ASSIGNMENTS
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._transport.faults import Fault
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import flag, one_of, validate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from enum import Enum

    import pandas as pd

    from toloka_frames._errors import BadAnswer
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id

PAGES_HINT = "client.get_assignments(pool_id) gives the same answers, page by page."
MAX_REASON_CHARS = 100
VALUE_PREFIXES = ("INPUT:", "OUTPUT:", "GOLDEN:", "HINT:")
STATUS = "ASSIGNMENT:status"
# one status has another name in exports than in the API
API_STATUS, FILE_STATUS = "ACCEPTED", "APPROVED"
ExportStatus: TypeAlias = Literal[AssignmentStatus, "APPROVED"]
# parameters of the request with another name
ARGUMENTS = {
    "startTimeFrom": "start_time_from",
    "startTimeTo": "start_time_to",
    "excludeBanned": "exclude_banned",
}


def export_arguments(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `export_query` in parameters by name, or in those of a request, as Toloka-Kit's object has them.

    Raises:
        InputError: If there is no parameter of a name.
    """
    named = {ARGUMENTS.get(name, name): value for name, value in parameters.items() if name != "addRowDelimiter"}
    for name in named:
        if name not in ("status", "field", *ARGUMENTS.values()):
            raise InputError(f"parameters: there is no parameter {name!r}.", column=name)
    lists = {name: named[name].split(",") for name in ("status", "field") if isinstance(named.get(name), str)}
    return named | lists


def export_query(
    status: ExportStatus | Enum | Collection[ExportStatus | Enum] | None,
    start_time_from: TimestampLike | None,
    start_time_to: TimestampLike | None,
    exclude_banned: bool | None,
    field: AssignmentField | Enum | Collection[AssignmentField | Enum] | None,
) -> dict[str, str]:
    """Check the arguments and return the query of the request, whose parameters have other names.

    Raises:
        InputError: If a value is not valid.
    """
    statuses = validate("status", some_of(one_of(ExportStatus)), get_args(AssignmentStatus) if status is None else status)
    query = {
        "status": ",".join(dict.fromkeys(FILE_STATUS if name == API_STATUS else name for name in statuses.split(","))),
        "field": validate("field", some_of(one_of(AssignmentField)), get_args(AssignmentField) if field is None else field),
    }
    if exclude_banned is not None:
        query["excludeBanned"] = validate("exclude_banned", flag, exclude_banned)
    query["addRowDelimiter"] = "false"
    if start_time_from is not None:
        query["startTimeFrom"] = validate("start_time_from", format_timestamp, start_time_from)
    if start_time_to is not None:
        query["startTimeTo"] = validate("start_time_to", format_timestamp, start_time_to)
    return query


async def fetch_export(service: ApiClient, pool_id: Id, path: str, query: Mapping[str, str]) -> pd.DataFrame:
    """Request an export and return its answers with the columns of the list of assignments.

    Raises:
        NotFound: If the pool does not exist.
        BadAnswer: If the response is not an export.
    """
    specification, unreadable = await field_specs.of_list(service, list_request(ASSIGNMENTS, {"pool_id": pool_id}))
    response = await service.send("GET", path, query=query, repeatable=True)
    if unreadable is not None:
        unreadable.report("their columns are text")
    columns = export_columns(expand_columns(ASSIGNMENTS.columns, specification, service.web_url), query)
    return await in_thread(lambda: to_frame(read_export(response.content, columns)))


def export_columns(columns: Iterable[Column], query: Mapping[str, str]) -> list[Column]:
    """Return the columns of assignments that an export has: those of all values, and the requested fields."""
    fields = query["field"].split(",")
    return [column for column in columns if column.name.startswith(VALUE_PREFIXES) or column.name in fields]


def read_export(body: bytes, columns: Sequence[Column]) -> pa.Table:
    """Read an export into a table that has all declared columns, even if the file lacks one or has no rows.

    A cell that does not fit the type of its column is null there and is in `extra`. Other columns of the file are text columns
    before `extra`.

    Raises:
        BadAnswer: If the body is not an export of assignments.
    """
    file = _read_cells(body)
    misfits: list[dict[str, str]] = [{} for _ in range(len(file))]
    declared = {column.name: _column(file, column, misfits) for column in columns}
    others = {name: file[name] for name in file.column_names if name not in declared}
    extra = pa.array([json_text(cells) if cells else None for cells in misfits], TEXT)
    return pa.table({**declared, **others, EXTRA: extra})


def _read_cells(body: bytes) -> pa.Table:
    """Return all cells as text, empty ones as null, without the empty lines between assignments."""
    import pyarrow.csv as pa_csv  # noqa: PLC0415 -- only an export needs it

    if not body.strip():
        return pa.table({})
    body = body if body.endswith(b"\n") else body + b"\n"  # Arrow's reader rejects a header without a line end
    try:
        names = next(csv.reader([body.partition(b"\n")[0].decode("utf-8-sig")], delimiter="\t"))
        file = pa_csv.read_csv(
            pa.BufferReader(body),
            # a single block, because a cell can have several lines
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa_csv.ParseOptions(delimiter="\t", newlines_in_values=True),
            # by default Arrow reads 007 as 7, and NA and null as missing values
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, TEXT), null_values=[""], strings_can_be_null=True
            ),
        )
    except (ValueError, csv.Error) as error:  # Arrow's errors and Unicode errors are ValueErrors
        raise _not_an_export(body, _fault(body, error)) from error
    if not any(name.startswith("ASSIGNMENT:") for name in names):
        raise _not_an_export(body, None)
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise _not_an_export(body, Fault(f"it has more than one column {repeated!r}"))
    return file.filter(reduce(pc.or_, (column.is_valid() for column in file.columns)))


def _column(file: pa.Table, column: Column, misfits: list[dict[str, str]]) -> pa.Array:
    """Return a column of the declared type; cells that do not fit are added to `misfits`, by row."""
    if column.name not in file.column_names:
        return pa.nulls(len(file), column.type)
    cells = file[column.name].combine_chunks()
    if column.name == STATUS:
        return pc.if_else(pc.equal(cells, FILE_STATUS), API_STATUS, cells)
    if column.type == TEXT:
        return cells
    # timestamps and rewards repeat for each task of an assignment: convert each distinct text once
    distinct = cells.dictionary_encode()
    values = [{"cell": _value(cell, column.type)} for cell in distinct.dictionary.to_pylist()]
    read = batch_of(values, [Column("cell", ("cell",), column.type)]).column(0).take(distinct.indices)
    for row in pc.indices_nonzero(pc.and_(cells.is_valid(), read.is_null())).to_pylist():
        misfits[row][column.name] = cells[row].as_py()
    return read


def _value(cell: str, declared: pa.DataType) -> Any:
    """Return the value of a cell; numbers, booleans and arrays are written as in JSON."""
    if declared == TIMESTAMP:
        return cell
    try:
        return parse_json(cell)
    except (ValueError, RecursionError):
        return None


def _not_an_export(body: bytes, fault: Fault | None) -> BadAnswer:
    return bad_answer(200, body, "an export of assignments was expected (TSV)", fault=fault, hint=PAGES_HINT if fault else None)


def _fault(body: bytes, error: Exception) -> Fault | None:
    """Return why a file cannot be read; None if it is not an export at all."""
    if b"ASSIGNMENT:" not in body.partition(b"\n")[0]:
        return None
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as undecodable:
        return _encoding_fault(body, undecodable)
    lines = io.StringIO(text, newline="").readlines()
    rows = csv.reader(lines, delimiter="\t")
    names = next(rows)
    for row in rows:
        if row and len(row) != len(names):
            position = len(body) - len("".join(lines[rows.line_num - 1 :]).encode())
            cells = f"{len(row)} {'cell' if len(row) == 1 else 'cells'}"
            return Fault(f"line {rows.line_num:,} has {cells}, and the header has {len(names)}", position)
    return Fault(f"it cannot be read ({str(error)[:MAX_REASON_CHARS]})")


def _encoding_fault(body: bytes, error: UnicodeDecodeError) -> Fault:
    # the decoder does not count a byte order mark
    position = error.start + len(body) - len(error.object)
    line = body.count(b"\n", 0, position) + 1
    return Fault(f"the byte 0x{body[position]:02x} at position {position:,}, in line {line:,}, is not UTF-8", position)

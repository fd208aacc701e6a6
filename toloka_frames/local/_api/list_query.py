"""Translate the query of a list to SQL and respond with one page, `{"items": [...], "has_more": ...}`.

Filters, sort keys and limits are those of the Toloka API's OpenAPI documents, else of Toloka-Kit 1.2.3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from toloka_frames.local._base.errors import does_not_exist, field_error, invalid, invalid_field
from toloka_frames.local._base.responses import Response
from toloka_frames.local._store.tables import TABLES, Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Store

_SECONDS_PER_DAY = 86_400
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ERROR_CODES: dict[str, str] = {
    "timestamp": "INVALID_DATE_TIME_SYNTAX",
    "decimal": "INTEGER_EXPECTED",
    "integer": "INTEGER_EXPECTED",
    "boolean": "BOOLEAN_EXPECTED",
}

FilterKind = Literal["equal", "any_of", "owner", "holds_task", "in_folder", "not_in_folder"]
# tasks and suites have no owner field; all of them belong to the account
_OWNER_ID = "(SELECT value FROM settings WHERE name = 'owner_id')"


@dataclass(frozen=True)
class ListSpec:
    """The table and the query parameters of one list of the API.

    Attributes:
        table: Table of the rows.
        filters: How each query or path parameter filters.
        compared: Columns with the filters `_gt`, `_gte`, `_lt` and `_lte`.
        sort_keys: Columns that `sort` accepts.
        max_limit: Highest `limit`.
        default_limit: `limit` if the query has none.
        required: Parameters of which at least one is required.
        rows_key: Name of the array of rows in a page.
        has_cursor: Whether `after_id` is supported.
        parent: Table and path parameter of the object to which the list belongs.
        body: SQL expression of a row's JSON.
        key: Unique column that rows are sorted by, by default or after other keys.
    """

    table: str
    filters: Mapping[str, FilterKind]
    compared: tuple[str, ...]
    sort_keys: tuple[str, ...]
    max_limit: int
    default_limit: int = 50
    required: tuple[str, ...] = ()
    rows_key: Literal["items", "content"] = "items"
    has_cursor: bool = False
    parent: tuple[str, str] | None = None
    body: str = "body"
    key: str = "id"

    def column(self, name: str) -> Column:
        """Return the table's column of this name."""
        return TABLES[self.table].column(name)


@dataclass
class _WhereClause:
    terms: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, term: str, *values: object) -> None:
        self.terms.append(term)
        self.values.extend(values)


def list_rows(store: Store, request: ApiRequest, list_spec: ListSpec) -> Response:
    """Respond with one page of a list; 400 for an invalid parameter, 404 if the parent object does not exist."""
    if list_spec.parent:
        table, name = list_spec.parent
        store.get(table, request.path_params[name])
    parameters = {**request.query, **request.path_params}
    limit = _limit(list_spec, parameters.get("limit"))
    keys = _sort_keys(list_spec, parameters.get("sort", list_spec.key))
    where = _where(list_spec, parameters)
    if list_spec.has_cursor and parameters.get("after_id"):
        _add_cursor(store, list_spec, parameters["after_id"], keys, where)
    hidden_seconds = request.hidden_seconds()
    if hidden_seconds:
        where.add("made <= julianday('now') - ?", hidden_seconds / _SECONDS_PER_DAY)
    order = ", ".join(f"{name} {'DESC' if descending else 'ASC'}" for name, descending in keys)
    found = store.select(
        # as bytes: a third faster than text, which sqlite3 would decode and the response encode again
        f"SELECT CAST({list_spec.body} AS BLOB) FROM {list_spec.table}"  # noqa: S608  # no names from requests
        f" WHERE {' AND '.join(where.terms) or '1'} ORDER BY {order} LIMIT ?",
        (*where.values, limit + 1),
    )
    bodies = b",".join(body for (body,) in found[:limit])
    has_more = b"true" if len(found) > limit else b"false"
    body = b'{"%s":[%s],"has_more":%s}' % (list_spec.rows_key.encode(), bodies, has_more)
    # Toloka itself does not say it: a client that follows a list has to wait a minute at the end there, and none here
    return Response(200, body, {"X-Visible-After": f"{hidden_seconds:g}"})


def show_row(store: Store, request: ApiRequest, table: str, body: str = "body") -> Response:
    """Respond with the row that has the values of the path; 404 if it does not exist."""
    try:
        values = [TABLES[table].column(name).value(text) for name, text in request.path_params.items()]
    except ValueError:
        raise does_not_exist(TABLES[table].label, request.path_params["id"]) from None
    equal = " AND ".join(f"{name} = ?" for name in request.path_params)
    found = store.select(f"SELECT CAST({body} AS BLOB) FROM {table} WHERE {equal}", values)  # noqa: S608  # no names from requests
    if not found:
        raise does_not_exist(TABLES[table].label, request.path_params["id"])
    return Response(200, found[0][0])


def delete_row(store: Store, request: ApiRequest, table: str) -> Response:
    """Delete the row and respond with 204; 404 if it does not exist."""
    store.delete(table, store.get(table, request.path_params["id"]))
    return Response(204)


def _limit(list_spec: ListSpec, text: str | None) -> int:
    if text is None:
        return list_spec.default_limit
    try:
        limit = int(text)
    except ValueError:
        raise invalid_field("limit", "INTEGER_EXPECTED") from None
    if limit < 1:
        raise invalid_field("limit", "VALUE_LESS_THAN_MIN", 1)
    if limit > list_spec.max_limit:
        # no source states what the service does; an error exposes clients that exceed the limit
        raise invalid_field("limit", "VALUE_GREATER_THAN_MAX", list_spec.max_limit)
    return limit


def _sort_keys(list_spec: ListSpec, sort: str) -> list[tuple[str, bool]]:
    keys = [(key.strip().removeprefix("-"), key.strip().startswith("-")) for key in sort.split(",")]
    if any(name not in list_spec.sort_keys for name, _ in keys):
        raise invalid_field("sort", "UNKNOWN_ENUM_VALUE")
    if any(name == list_spec.key for name, _ in keys):
        return keys
    return [*keys, (list_spec.key, keys[-1][1])]


def _where(list_spec: ListSpec, parameters: Mapping[str, str]) -> _WhereClause:
    if list_spec.required and not any(parameters.get(name) for name in list_spec.required):
        raise invalid({name: field_error("VALUE_REQUIRED") for name in list_spec.required})
    where = _WhereClause()
    for name, kind in list_spec.filters.items():
        if name in parameters:
            _add_filter(where, list_spec, name, kind, parameters[name])
    for name, suffix in itertools.product(list_spec.compared, _OPERATORS):
        parameter = f"{name}_{suffix}"
        if parameter in parameters:
            value = _parse(list_spec.column(name), parameter, parameters[parameter])
            where.add(f"{name} {_OPERATORS[suffix]} ?", value)
    return where


def _add_filter(where: _WhereClause, list_spec: ListSpec, name: str, kind: FilterKind, text: str) -> None:
    match kind:
        case "equal":
            where.add(f"{name} = ?", _parse(list_spec.column(name), name, text))
        case "any_of":
            values = [_parse(list_spec.column(name), name, value) for value in text.split(",")]
            where.add(f"{name} IN ({', '.join('?' * len(values))})", *values)
        case "owner":
            where.add(f"coalesce({name}, {_OWNER_ID}) = ?", text)
        case "holds_task":
            where.add("EXISTS (SELECT 1 FROM json_each(body, '$.tasks') WHERE value ->> 'id' = ?)", text)
        case "in_folder" | "not_in_folder":
            exists = "EXISTS" if kind == "in_folder" else "NOT EXISTS"
            folders = text.split(",")
            marks = ", ".join("?" * len(folders))
            where.add(f"{exists} (SELECT 1 FROM json_each(body, '$.folders') WHERE value IN ({marks}))", *folders)  # noqa: S608


def _parse(column: Column, parameter: str, text: str) -> str | int:
    try:
        return column.value(text)
    except ValueError:
        raise invalid_field(parameter, _ERROR_CODES[column.kind]) from None


def _add_cursor(store: Store, list_spec: ListSpec, row_id: str, keys: list[tuple[str, bool]], where: _WhereClause) -> None:
    columns = ", ".join(name for name, _ in keys)
    found = store.select(f"SELECT {columns} FROM {list_spec.table} WHERE id = ?", (row_id,))  # noqa: S608  # no names from requests
    if not found:
        raise invalid_field("after_id", "ENTITY_DOES_NOT_EXIST")
    alternatives: list[str] = []
    values: list[object] = []
    for position, ((name, descending), value) in enumerate(zip(keys, found[0], strict=True)):
        # IS, because in SQL NULL = NULL is not true
        ties = [f"{other} IS ?" for other, _ in keys[:position]]
        comparison, operands = _sorts_after(name, value, descending=descending)
        alternatives.append(" AND ".join([*ties, comparison]))
        values += [*found[0][:position], *operands]
    where.add(f"({' OR '.join(f'({alternative})' for alternative in alternatives)})", *values)


def _sorts_after(name: str, value: object, *, descending: bool) -> tuple[str, list[object]]:
    """Return the condition for what sorts after `value` in SQLite, where NULL is less than every value."""
    if descending:
        return ("0", []) if value is None else (f"({name} < ? OR {name} IS NULL)", [value])
    return (f"{name} IS NOT NULL", []) if value is None else (f"{name} > ?", [value])

"""The query of a list -> SQL -> one page `{"items": [...], "has_more": ...}`, joined from the rows' own JSON text.

Filters, sort keys and limits are those of the Toloka API's OpenAPI documents, else of Toloka-Kit 1.2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from toloka_frames.local._base.errors import does_not_exist, field_error, invalid, invalid_field
from toloka_frames.local._base.responses import Response
from toloka_frames.local._store.tables import TABLES, Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Store

_SECONDS_A_DAY = 86_400
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_CODES: dict[str, str] = {
    "timestamp": "INVALID_DATE_TIME_SYNTAX",
    "decimal": "INTEGER_EXPECTED",
    "integer": "INTEGER_EXPECTED",
    "boolean": "BOOLEAN_EXPECTED",
}

FilterKind = Literal["equal", "any_of", "owner", "holds_task", "in_folder", "not_in_folder"]
# tasks and suites do not say whose they are: all here are the account's
_ACCOUNT = "(SELECT value FROM settings WHERE name = 'owner_id')"


@dataclass(frozen=True)
class ListSpec:
    """What one list of the API understands.

    Attributes:
        table: Where its rows are.
        filters: Query (or path) parameter -> how it selects.
        compared: Columns with `_gt`, `_gte`, `_lt` and `_lte`.
        sort_keys: Columns to sort by.
        maximum: The highest `limit`, and `default` the one when none is given.
        required: Parameters of which at least one must be there.
        rows: The name of the array of rows.
        cursor: Whether `after_id` is understood.
        parent: Table and path parameter of the object that must exist for the list to.
        body: The SQL expression of a row's JSON.
        key: The column by which rows are sorted when nothing is said, and at last when they are otherwise equal.
    """

    table: str
    filters: Mapping[str, FilterKind]
    compared: tuple[str, ...]
    sort_keys: tuple[str, ...]
    maximum: int
    default: int = 50
    required: tuple[str, ...] = ()
    rows: Literal["items", "content"] = "items"
    cursor: bool = False
    parent: tuple[str, str] | None = None
    body: str = "body"
    key: str = "id"

    def column(self, name: str) -> Column:
        """The table's column of that name."""
        return TABLES[self.table].column(name)


@dataclass
class _WhereClause:
    terms: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, term: str, *values: object) -> None:
        self.terms.append(term)
        self.values.extend(values)


def list_rows(store: Store, request: ApiRequest, list_spec: ListSpec) -> Response:
    """Answer one page of a list; ServiceError 400 for a parameter that cannot be, 404 without the parent object."""
    if list_spec.parent:
        table, name = list_spec.parent
        store.get(table, request.path_params[name])
    parameters = {**request.query, **request.path_params}
    limit = _limit(list_spec, parameters.get("limit"))
    keys = _sort_keys(list_spec, parameters.get("sort", list_spec.key))
    where = _where(list_spec, parameters)
    if list_spec.cursor and parameters.get("after_id"):
        _after(store, list_spec, parameters["after_id"], keys, where)
    hidden = request.hidden_seconds()
    if hidden:
        where.add("made <= julianday('now') - ?", hidden / _SECONDS_A_DAY)
    order = ", ".join(f"{name} {'DESC' if falling else 'ASC'}" for name, falling in keys)
    found = store.select(
        # as bytes: text that sqlite3 decodes and the answer encodes again takes a third longer
        f"SELECT CAST({list_spec.body} AS BLOB) FROM {list_spec.table}"  # noqa: S608  # all names are ours
        f" WHERE {' AND '.join(where.terms) or '1'} ORDER BY {order} LIMIT ?",
        (*where.values, limit + 1),
    )
    bodies = b",".join(body for (body,) in found[:limit])
    more = b"true" if len(found) > limit else b"false"
    return Response(200, b'{"%s":[%s],"has_more":%s}' % (list_spec.rows.encode(), bodies, more))


def show_row(store: Store, request: ApiRequest, table: str, body: str = "body") -> Response:
    """Answer the one row that has all the values named in the path; ServiceError 404 if there is none."""
    try:
        values = [TABLES[table].column(name).value(text) for name, text in request.path_params.items()]
    except ValueError:
        raise does_not_exist(TABLES[table].label, request.path_params["id"]) from None
    same = " AND ".join(f"{name} = ?" for name in request.path_params)
    found = store.select(f"SELECT CAST({body} AS BLOB) FROM {table} WHERE {same}", values)  # noqa: S608  # all names are ours
    if not found:
        raise does_not_exist(TABLES[table].label, request.path_params["id"])
    return Response(200, found[0][0])


def delete_row(store: Store, request: ApiRequest, table: str) -> Response:
    """Answer 204 with nothing: the row is gone; ServiceError 404 if there was none."""
    store.delete(table, store.get(table, request.path_params["id"]))
    return Response(204)


def _limit(list_spec: ListSpec, given: str | None) -> int:
    if given is None:
        return list_spec.default
    try:
        limit = int(given)
    except ValueError:
        raise invalid_field("limit", "INTEGER_EXPECTED") from None
    if limit < 1:
        raise invalid_field("limit", "VALUE_LESS_THAN_MIN", 1)
    if limit > list_spec.maximum:
        # what the service does here no source says; to refuse shows clients that ask for too much
        raise invalid_field("limit", "VALUE_GREATER_THAN_MAX", list_spec.maximum)
    return limit


def _sort_keys(list_spec: ListSpec, sort: str) -> list[tuple[str, bool]]:
    keys = [(key.strip().removeprefix("-"), key.strip().startswith("-")) for key in sort.split(",")]
    if any(name not in list_spec.sort_keys for name, _ in keys):
        raise invalid_field("sort", "UNKNOWN_ENUM_VALUE")
    return keys if any(name == list_spec.key for name, _ in keys) else [*keys, (list_spec.key, keys[-1][1])]


def _where(list_spec: ListSpec, parameters: Mapping[str, str]) -> _WhereClause:
    if list_spec.required and not any(parameters.get(name) for name in list_spec.required):
        raise invalid({name: field_error("VALUE_REQUIRED") for name in list_spec.required})
    where = _WhereClause()
    for name, kind in list_spec.filters.items():
        if name in parameters:
            _add_filter(where, list_spec, name, kind, parameters[name])
    for name, sign in _comparisons(list_spec):
        parameter = f"{name}_{sign}"
        if parameter in parameters:
            value = _parse(list_spec.column(name), parameter, parameters[parameter])
            where.add(f"{name} {_COMPARISONS[sign]} ?", value)
    return where


def _comparisons(list_spec: ListSpec) -> Iterator[tuple[str, str]]:
    return ((name, sign) for name in list_spec.compared for sign in _COMPARISONS)


def _add_filter(where: _WhereClause, list_spec: ListSpec, name: str, kind: FilterKind, text: str) -> None:
    match kind:
        case "equal":
            where.add(f"{name} = ?", _parse(list_spec.column(name), name, text))
        case "any_of":
            values = [_parse(list_spec.column(name), name, value) for value in text.split(",")]
            where.add(f"{name} IN ({', '.join('?' * len(values))})", *values)
        case "owner":
            where.add(f"coalesce({name}, {_ACCOUNT}) = ?", text)
        case "holds_task":
            where.add("EXISTS (SELECT 1 FROM json_each(body, '$.tasks') WHERE value ->> 'id' = ?)", text)
        case "in_folder" | "not_in_folder":
            some = "EXISTS" if kind == "in_folder" else "NOT EXISTS"
            folders = text.split(",")
            marks = ", ".join("?" * len(folders))
            where.add(f"{some} (SELECT 1 FROM json_each(body, '$.folders') WHERE value IN ({marks}))", *folders)  # noqa: S608


def _parse(column: Column, parameter: str, text: str) -> str | int:
    try:
        return column.value(text)
    except ValueError:
        raise invalid_field(parameter, _CODES[column.kind]) from None


def _after(store: Store, list_spec: ListSpec, row_id: str, keys: list[tuple[str, bool]], where: _WhereClause) -> None:
    columns = ", ".join(name for name, _ in keys)
    found = store.select(f"SELECT {columns} FROM {list_spec.table} WHERE id = ?", (row_id,))  # noqa: S608  # all names are ours
    if not found:
        raise invalid_field("after_id", "ENTITY_DOES_NOT_EXIST")
    choices: list[str] = []
    values: list[object] = []
    for position, ((name, falling), value) in enumerate(zip(keys, found[0], strict=True)):
        # IS, because to SQLite not even NULL = NULL is true
        ties = [f"{other} IS ?" for other, _ in keys[:position]]
        beyond, operands = _beyond(name, value, falling=falling)
        choices.append(" AND ".join([*ties, beyond]))
        values += [*found[0][:position], *operands]
    where.add(f"({' OR '.join(f'({choice})' for choice in choices)})", *values)


def _beyond(name: str, value: object, *, falling: bool) -> tuple[str, list[object]]:
    """What follows `value` in the order of SQLite, which has the absent first when rising and last when falling."""
    if falling:
        return ("0", []) if value is None else (f"({name} < ? OR {name} IS NULL)", [value])
    return (f"{name} IS NOT NULL", []) if value is None else (f"{name} > ?", [value])

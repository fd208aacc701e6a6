"""Say why the body of a page is not a page of a list: the fault, its row, and how to pull the other rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toloka_frames._transport.faults import Fault, field_fault, kind_of, member_fault, members, syntax_fault, text_of
from toloka_frames._transport.responses import bad_answer

if TYPE_CHECKING:
    from toloka_frames._errors import BadAnswer
    from toloka_frames._schema.columns import Layout

EARLY_HINT = "Make the same call again; if it ends early again, request fewer rows at once with batch_size=."


def not_a_page(body: bytes, layout: Layout, cause: Exception | None = None, *, is_sorted_by_id: bool = True) -> BadAnswer:
    """Return the error of a body that is not a page of a list.

    Args:
        body: The body.
        layout: The names of the rows and of the cursor.
        cause: The error of parsing it, if there was one.
        is_sorted_by_id: Whether the page was requested in the order of the cursor.
    """
    fault = syntax_fault(body, cause) or _page_fault(body, layout)
    row = fault.path[1] if fault.path[:1] == (layout.rows_key,) and len(fault.path) > 1 else None
    ids = _row_ids(body, layout) if isinstance(row, int) else {}
    return bad_answer(
        200,
        body,
        f'a page {{"{layout.rows_key}": [...], "has_more": ...}} was expected',
        fault=fault,
        hint=_hint(fault, row, ids, layout.cursor, is_sorted=is_sorted_by_id and _is_ascending([*ids.values()])),
        row=(row, ids.get(row)) if isinstance(row, int) else None,
        retryable=fault.ends_early,
    )


def _page_fault(body: bytes, layout: Layout) -> Fault:
    """Return what is wrong with valid JSON."""
    page, key = json.loads(body), layout.rows_key
    if not isinstance(page, dict):
        return Fault(f"it is {kind_of(page)}", is_whole=True)
    if key not in page:
        return Fault(f'it has no "{key}"', is_whole=True)
    if fault := field_fault(body, page, {key: "a list", "has_more": "true or false"}):
        return fault
    faults = (_row_fault(body, row, layout.cursor, (key, position)) for position, row in enumerate(page[key]))
    return next(filter(None, faults), Fault("", is_whole=True))


def _row_fault(body: bytes, row: Any, cursor: str, path: tuple[str, int]) -> Fault | None:
    if not isinstance(row, dict):
        return member_fault(body, path, f"a row is {kind_of(row)}, not an object")
    if fault := field_fault(body, row, {cursor: "text"}, path):
        return fault
    if not _is_encodable(row[cursor]):
        return member_fault(body, (*path, cursor), f'"{cursor}" has half a surrogate pair, which no request can hold')
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _row_ids(body: bytes, layout: Layout) -> dict[int, str]:
    """Return the ids of the rows that have a valid one, by position on the page."""
    depth, ids = len((layout.rows_key, 0, layout.cursor)), dict[int, str]()
    for member in members(body):
        if member.depth == depth and member.path[::2] == (layout.rows_key, layout.cursor) and member.symbol[0] == '"':
            ids[int(member.path[1])] = text_of(member.symbol)
    return {row: id_ for row, id_ in ids.items() if _is_encodable(id_)}


def _is_ascending(ids: list[str]) -> bool:
    return sorted(ids) == ids or sorted(ids, key=lambda id_: (len(id_), id_)) == ids


def _hint(fault: Fault, row: int | str | None, ids: dict[int, str], cursor: str, *, is_sorted: bool) -> str | None:
    """Return how to pull the list without a row that is faulty each time; None if that is not known."""
    if fault.ends_early and not fault.is_whole:
        return EARLY_HINT
    if not isinstance(row, int):
        return None
    if row in ids:
        ways = [f"{cursor}_lt={ids[row]!r} gives those before it", f"{cursor}_gt={ids[row]!r} those after it"]
    elif not is_sorted:  # its neighbours on the page are not those in the order of ids
        return None
    else:
        ways = [f"{cursor}_lte={ids[row - 1]!r} gives those before it"] if row - 1 in ids else []
        ways += [f"{cursor}_gte={ids[row + 1]!r} gives those after it"] if row + 1 in ids else []
    if not ways:
        return None
    return f"Make the same call again. If this row is faulty again, pull the other rows: {', '.join(ways)}."

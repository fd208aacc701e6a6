"""Posted objects, one or many -> rows, at once or by an operation with a log (Toloka API, Create tasks).

An operation is created with the request's body kept on the agenda; the objects are checked and made when it ends.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.operations import begin, finish, record
from toloka_frames.local._api.pool_lifecycle import open_pools
from toloka_frames.local._base.errors import ServiceError, conflict, field_error, invalid, invalid_field
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toloka_frames.local._api.rate_limit import RateLimit
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import DueJob, Row, Store


@dataclass(frozen=True)
class CreateOptions:
    """What a request asks for in its query."""

    skip_invalid_items: bool = False
    allow_defaults: bool = False
    open_pool: bool = False


@dataclass(frozen=True)
class CheckedObject:
    """One sent object: what is wrong with it, by path, and what the service adds to it."""

    sent: Row
    errors: FieldErrors
    added: Row


def not_an_object(sent: Json, what: str) -> CheckedObject:
    """The check of something that is no JSON object."""
    return CheckedObject({"value": sent}, {what: field_error("OBJECT_EXPECTED")}, {})


@dataclass(frozen=True)
class BulkCreation:
    """What is made.

    Attributes:
        name: As operations and logs name it, such as TASK.
        table: Where the rows go.
        verb: What the log calls the making of a row.
        options: Those of `Options` that it has.
        once: Whether an operation id is good for one request also when that makes the rows at once.
        admit: Refuses requests that are too large, or that no object can be made of (ServiceError); told whether the
            rows are for an operation to make.
        check: What is wrong with each of the sent objects.
        rows: The rows of valid objects as of a moment, in Unix seconds.
    """

    name: str
    table: str
    verb: str
    options: tuple[str, ...]
    once: bool
    admit: Callable[[Store, Sequence[Json], bool], None]
    check: Callable[[Store, Sequence[Json], CreateOptions], list[CheckedObject]]
    rows: Callable[[Store, Sequence[CheckedObject], float], list[Row]]


def create(store: Store, request: ApiRequest, creation: BulkCreation, rate_limit: RateLimit | None = None) -> Response:
    """Answer 201 with the made rows, or 202 with the operation that will make them.

    ServiceError 400 for invalid objects, 409 for a used operation id or a pool that takes none, 413 above the limits,
    429 when the `quota` of objects is spent.
    """
    options = CreateOptions(**{name: request.flag(name) for name in creation.options})
    later = request.flag("async_mode")
    # for tasks and suites the id holds in async mode only (Toloka API, "Create single/multiple tasks")
    operation_id = _operation_id(store, request) if later or creation.once else None
    body = request.json()
    sent = body if isinstance(body, list) else [body]
    if not sent:
        raise invalid_field("body", "VALUES_REQUIRED")
    creation.admit(store, sent, later)
    if rate_limit:
        rate_limit.spend(len(sent))
    if not later:
        return _create_now(store, creation, sent, options, operation_id, single=isinstance(body, dict))
    argument = {"sent": sent, "options": asdict(options)}
    job_name = f"create_{creation.table}"
    return begin(store, _type(creation), _parameters(creation, options), job_name, argument, operation_id=operation_id)


def _operation_id(store: Store, request: ApiRequest) -> str | None:
    given = request.query.get("operation_id")
    if given is None:
        return None
    try:
        uuid.UUID(given)
    except ValueError:
        raise invalid_field("operation_id", "UUID_EXPECTED") from None
    if store.find("operations", given):
        raise conflict("OPERATION_ALREADY_EXISTS", f"Operation {given} exists already")
    return given


def _type(creation: BulkCreation) -> str:
    return f"{creation.name}.BATCH_CREATE"


def _parameters(creation: BulkCreation, options: CreateOptions) -> Row:
    return {name: value for name, value in asdict(options).items() if name in creation.options}


def _create_now(
    store: Store,
    creation: BulkCreation,
    sent: Sequence[Json],
    options: CreateOptions,
    operation_id: str | None,
    *,
    single: bool,
) -> Response:
    checked = creation.check(store, sent, options)
    errors = {str(position): one.errors for position, one in enumerate(checked) if one.errors}
    # also where none is valid: an error and no empty 201, say the comments of Toloka-Kit 1.2.3
    if errors and (single or not options.skip_invalid_items or len(errors) == len(sent)):
        raise invalid(errors["0"] if single else errors)
    rows = _make(store, creation, checked, time.time())
    if options.open_pool:
        open_pools(store, (row["pool_id"] for row in rows), time.time())
    if operation_id:
        log = orjson.dumps(_log(creation, checked, rows))
        record(store, _type(creation), _parameters(creation, options), operation_id, details=_details(checked, rows), log=log)
    if single:
        return json_response(rows[0], 201)
    positions = (str(position) for position, one in enumerate(checked) if not one.errors)
    body: Row = {"items": dict(zip(positions, rows, strict=True))}
    # the Toloka API has validation_errors with this flag only
    return json_response({**body, "validation_errors": errors} if options.skip_invalid_items else body, 201)


def create_due(store: Store, job: DueJob, creation: BulkCreation) -> None:
    """The operation's moment: the objects it holds are checked and made, and its log is written."""
    options = CreateOptions(**job.argument["options"])
    checked = creation.check(store, job.argument["sent"], options)
    bad = sum(bool(one.errors) for one in checked)
    failed = bad == len(checked) or (bad > 0 and not options.skip_invalid_items)
    rows = [] if failed else _make(store, creation, checked, job.at)
    log = _log(creation, checked, rows)
    if options.open_pool and not failed:
        log += _open_logged(store, rows, job.at)
    finish(store, job, failed=failed, details=_details(checked, rows), log=orjson.dumps(log))


def _make(store: Store, creation: BulkCreation, checked: Sequence[CheckedObject], at: float) -> list[Row]:
    rows = creation.rows(store, [one for one in checked if not one.errors], at)
    store.insert(creation.table, map(orjson.dumps, rows))
    return rows


def _details(checked: Sequence[CheckedObject], rows: Sequence[Row]) -> Row:
    bad = sum(bool(one.errors) for one in checked)
    return {
        "total_count": len(checked),
        "valid_count": len(checked) - bad,
        "not_valid_count": bad,
        "success_count": len(rows),
        "failed_count": len(checked) - len(rows),
    }


def _log(creation: BulkCreation, checked: Sequence[CheckedObject], rows: Sequence[Row]) -> list[Row]:
    """What was refused, and what was made; valid objects of a refused request are not told.

    No order is promised, so the log has one no client can take for the request's: bad first, good backwards. That valid
    objects are left out follows from Toloka-Kit, which takes every success for a row that was made.
    """
    log = [_entry(f"{creation.name}_VALIDATE", one.sent, one.errors, success=False) for one in checked if one.errors]
    valid = [one for one in checked if not one.errors] if rows else []
    for one, row in zip(reversed(valid), reversed(rows), strict=True):
        output = {f"{creation.name.lower()}_id": row["id"]}
        log.append(_entry(f"{creation.name}_{creation.verb}", {**one.sent, **one.added}, output, success=True))
    return log


def _entry(type_: str, given: Row, output: Row, *, success: bool) -> Row:
    return {"type": type_, "success": success, "input": given, "output": output}


def _open_logged(store: Store, rows: Sequence[Row], at: float) -> list[Row]:
    try:
        open_pools(store, (row["pool_id"] for row in rows), at)
    except ServiceError as error:
        # a number in this entry, though ids are text elsewhere
        given = {"pool_id": int(rows[0]["pool_id"])}
        return [{"type": "POOL_OPEN", "success": False, "input": given, "output": error.envelope()}]
    return []

"""Create tasks, suites or bonuses, one or many, at once or by an operation with a log (Toloka API, Create tasks).

An operation stores the request's objects with its scheduled job, which checks and creates them at the operation's end.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.operations import begin_operation, finish_operation, record_finished_operation
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
    """Options of a request, from its query."""

    skip_invalid_items: bool = False
    allow_defaults: bool = False
    open_pool: bool = False


@dataclass(frozen=True)
class CheckedObject:
    """One object of a request, with its errors by path, and fields that the service adds to it."""

    sent: Row
    errors: FieldErrors
    added: Row


def not_an_object(value: Json, label: str) -> CheckedObject:
    """Return the result of checking a value that is not a JSON object; `label` is the kind of object expected."""
    return CheckedObject({"value": value}, {label: field_error("OBJECT_EXPECTED")}, {})


@dataclass(frozen=True)
class BulkCreation:
    """How objects of one kind are created.

    Attributes:
        name: Name of the kind in operations and logs, such as TASK.
        table: Table of the rows.
        verb: Name of the creation of a row in logs.
        options: Names of the `CreateOptions` that apply.
        sync_operation_id: Whether an operation id is also recorded, and so valid only once, without `async_mode`.
        check_request: Raises ServiceError for requests that are too large or not valid as a whole; its last argument is
            `async_mode`.
        check_objects: Checks each object.
        make_rows: Makes the rows of valid objects, created at a time in Unix seconds.
    """

    name: str
    table: str
    verb: str
    options: tuple[str, ...]
    sync_operation_id: bool
    check_request: Callable[[Store, Sequence[Json], bool], None]
    check_objects: Callable[[Store, Sequence[Json], CreateOptions], list[CheckedObject]]
    make_rows: Callable[[Store, Sequence[CheckedObject], float], list[Row]]

    @property
    def operation_type(self) -> str:
        """The type of operations that create such objects."""
        return f"{self.name}.BATCH_CREATE"

    def operation_parameters(self, options: CreateOptions) -> Row:
        """Return the parameters of an operation."""
        return {name: value for name, value in asdict(options).items() if name in self.options}


def create(store: Store, request: ApiRequest, creation: BulkCreation, rate_limit: RateLimit | None = None) -> Response:
    """Respond with 201 and the created rows, or 202 and the operation that will create them.

    400 for invalid objects, 409 for a used operation id or a pool that accepts no objects, 413 above the size limits, 429
    above the rate limit of objects.
    """
    options = CreateOptions(**{name: request.flag(name) for name in creation.options})
    is_async = request.flag("async_mode")
    # for tasks and suites the id applies only in async mode (Toloka API, "Create single/multiple tasks")
    operation_id = _operation_id(store, request) if is_async or creation.sync_operation_id else None
    body = request.json()
    objects = body if isinstance(body, list) else [body]
    if not objects:
        raise invalid_field("body", "VALUES_REQUIRED")
    creation.check_request(store, objects, is_async)
    if rate_limit:
        rate_limit.spend(len(objects))
    if is_async:
        return _begin(store, creation, objects, options, operation_id)
    return _create_now(store, creation, objects, options, operation_id, single=isinstance(body, dict))


def _operation_id(store: Store, request: ApiRequest) -> str | None:
    operation_id = request.query.get("operation_id")
    if operation_id is None:
        return None
    try:
        uuid.UUID(operation_id)
    except ValueError:
        raise invalid_field("operation_id", "UUID_EXPECTED") from None
    if store.find("operations", operation_id):
        raise conflict("OPERATION_ALREADY_EXISTS", f"Operation {operation_id} exists already")
    return operation_id


def _begin(
    store: Store, creation: BulkCreation, objects: Sequence[Json], options: CreateOptions, operation_id: str | None
) -> Response:
    argument = {"sent": objects, "options": asdict(options)}
    parameters, job_name = creation.operation_parameters(options), f"create_{creation.table}"
    return begin_operation(store, creation.operation_type, parameters, job_name, argument, operation_id=operation_id)


def _create_now(
    store: Store,
    creation: BulkCreation,
    objects: Sequence[Json],
    options: CreateOptions,
    operation_id: str | None,
    *,
    single: bool,
) -> Response:
    checked = creation.check_objects(store, objects, options)
    errors = {str(position): item.errors for position, item in enumerate(checked) if item.errors}
    # if no object is valid, an error even with skip_invalid_items, not an empty 201 (comments in Toloka-Kit 1.2.3)
    if errors and (single or not options.skip_invalid_items or len(errors) == len(objects)):
        raise invalid(errors["0"] if single else errors)
    rows = _add_rows(store, creation, checked, time.time())
    if options.open_pool:
        open_pools(store, (row["pool_id"] for row in rows), time.time())
    if operation_id:
        log = orjson.dumps(_log(creation, checked, rows))
        parameters, details = creation.operation_parameters(options), _details(checked, rows)
        record_finished_operation(store, creation.operation_type, parameters, operation_id, details=details, log=log)
    if single:
        return json_response(rows[0], 201)
    positions = (str(position) for position, item in enumerate(checked) if not item.errors)
    body: Row = {"items": dict(zip(positions, rows, strict=True))}
    # the Toloka API sends validation_errors only with this option
    return json_response({**body, "validation_errors": errors} if options.skip_invalid_items else body, 201)


def create_due(store: Store, job: DueJob, creation: BulkCreation) -> None:
    """Finish an operation: check its objects, create the valid ones and write the log."""
    options = CreateOptions(**job.argument["options"])
    checked = creation.check_objects(store, job.argument["sent"], options)
    invalid_count = _count_invalid(checked)
    failed = invalid_count == len(checked) or (invalid_count > 0 and not options.skip_invalid_items)
    rows = [] if failed else _add_rows(store, creation, checked, job.at)
    log = _log(creation, checked, rows)
    if options.open_pool and not failed:
        log += _open_pools_logged(store, rows, job.at)
    finish_operation(store, job, failed=failed, details=_details(checked, rows), log=orjson.dumps(log))


def _add_rows(store: Store, creation: BulkCreation, checked: Sequence[CheckedObject], at: float) -> list[Row]:
    rows = creation.make_rows(store, [item for item in checked if not item.errors], at)
    store.insert(creation.table, map(orjson.dumps, rows))
    return rows


def _count_invalid(checked: Sequence[CheckedObject]) -> int:
    return sum(bool(item.errors) for item in checked)


def _details(checked: Sequence[CheckedObject], rows: Sequence[Row]) -> Row:
    invalid_count = _count_invalid(checked)
    return {
        "total_count": len(checked),
        "valid_count": len(checked) - invalid_count,
        "not_valid_count": invalid_count,
        "success_count": len(rows),
        "failed_count": len(checked) - len(rows),
    }


def _log(creation: BulkCreation, checked: Sequence[CheckedObject], rows: Sequence[Row]) -> list[Row]:
    """Return an entry for each rejected object and each created row.

    The API promises no order, so the log has one that no client can mistake for the request's: invalid objects first, then
    created rows backwards. Valid objects of a failed operation have no entry, because Toloka-Kit takes every success for a
    created row.
    """
    log = [_log_entry(f"{creation.name}_VALIDATE", item.sent, item.errors, success=False) for item in checked if item.errors]
    valid = [item for item in checked if not item.errors] if rows else []
    for item, row in zip(reversed(valid), reversed(rows), strict=True):
        output = {f"{creation.name.lower()}_id": row["id"]}
        log.append(_log_entry(f"{creation.name}_{creation.verb}", {**item.sent, **item.added}, output, success=True))
    return log


def _log_entry(type_: str, input_: Row, output: Row, *, success: bool) -> Row:
    return {"type": type_, "success": success, "input": input_, "output": output}


def _open_pools_logged(store: Store, rows: Sequence[Row], at: float) -> list[Row]:
    try:
        open_pools(store, (row["pool_id"] for row in rows), at)
    except ServiceError as error:
        # the id is a number in this entry, unlike elsewhere
        return [_log_entry("POOL_OPEN", {"pool_id": int(rows[0]["pool_id"])}, error.envelope(), success=False)]
    return []

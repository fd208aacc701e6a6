"""Create tasks, task suites or bonuses in one request: start the operation, wait for it, and return what it has created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID, uuid4

from toloka_frames._client.base_calls import BaseCalls
from toloka_frames._errors import InputError, OperationFailed, TolokaError, ValidationFailed
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._schema.lists import TASK_SUITES, TASKS, USER_BONUSES
from toloka_frames._schema.row import Row
from toloka_frames._transport import operations
from toloka_frames._transport.bodies import JsonObject, Unstructurable, as_dict, json_body
from toloka_frames._transport.http import OPERATION, decode_object
from toloka_frames._validation import flag_or_none, id_text, nearest_hint, path_part, validate

if TYPE_CHECKING:
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import OperationLog, Timeout

# Toloka-Kit's parameters object, a dict, or only an operation id
Parameters: TypeAlias = JsonObject | UUID | str | None
RESOURCES = {resource.path: resource for resource in (TASKS, TASK_SUITES, USER_BONUSES)}
MAX_SHOWN_ERROR = 300  # characters
HINTS = {
    True: "For one object there is create_task, create_task_suite and create_user_bonus.",
    False: "For a list there is create_tasks, create_task_suites and create_user_bonuses.",
}


class CreationCalls(BaseCalls):
    """Requests that create objects."""

    async def _start(self, kind: BulkCreation, objects: Any, parameters: Parameters, **keywords: Any) -> Row:
        return await run_on_loop(_start(self.service, _prepare(kind, objects, parameters, **keywords)))

    async def _create(
        self,
        kind: BulkCreation,
        objects: Any,
        parameters: Parameters,
        timeout: Timeout,
        progress: ProgressArg,
        *,
        is_list: bool,
        **keywords: Any,
    ) -> Row:
        creation = _prepare(kind, objects, parameters, **keywords)
        if creation.is_list != is_list:
            needed, other = ("a list", kind.name) if is_list else ("one object", "list of them")
            raise InputError(f"This call takes {needed}, not {'one of the ' if is_list else 'a '}{other}.", hint=HINTS[is_list])
        return await run_on_loop(_create(self.service, creation, timeout, progress))


class Creation(NamedTuple):
    """A request that creates objects.

    Attributes:
        kind: The bulk creation.
        rows: The objects.
        is_list: Whether the request has a list, and not a single object.
        query: The query of the request, with an operation id.
    """

    kind: BulkCreation
    rows: Sequence[dict[str, Any]]
    is_list: bool
    query: Mapping[str, str]

    @property
    def is_async(self) -> bool:
        """Whether the request starts an operation."""
        return self.query["async_mode"] == "true"

    def body(self, *, with_positions: bool = False) -> bytes:
        """Return the request's body; with the position of each object, the operation's log can be matched with the objects."""
        rows = self.rows
        if with_positions:
            rows = [{**row, operations.POSITION: str(position)} for position, row in enumerate(rows)]
        return json_body(rows if self.is_list else rows[0])


def _prepare(kind: BulkCreation, objects: Any, parameters: Parameters, **keywords: Any) -> Creation:
    """Check the arguments of a call that creates objects.

    Args:
        kind: The bulk creation.
        objects: One object or a list of them.
        parameters: Parameters by name, which replace the keywords; text or a UUID is the `operation_id`.
        keywords: The parameters of the request that the call takes; None for those that are not sent.

    Raises:
        InputError: If an argument is not valid.
    """
    is_list = isinstance(objects, Sequence) and not isinstance(objects, str | bytes)
    if not is_list and not isinstance(objects, Mapping | Unstructurable):
        raise InputError(
            f"The {kind.name} must be a dict or a list of dicts, not a {type(objects).__name__}.",
            hint=f"To upload a DataFrame, use df.pipe(tf.create_{kind.name.replace(' ', '_')}, client, ...).",
        )
    rows = [as_dict(f"Each of the {kind.name}", row) for row in (objects if is_list else [objects])]
    return Creation(kind, rows, is_list, _query(keywords | _named(parameters, keywords)))


def _named(parameters: Parameters, known: Mapping[str, Any]) -> dict[str, Any]:
    if parameters is None:
        return {}
    if isinstance(parameters, str | UUID):
        return {"operation_id": parameters}
    named = as_dict("parameters", parameters)
    if unknown := [name for name in named if name not in known]:
        near = nearest_hint(unknown[0], known)
        raise InputError(f"parameters: there is no parameter {unknown[0]!r}{near}.", column=unknown[0])
    return named


def _query(parameters: Mapping[str, Any]) -> dict[str, str]:
    operation_id = parameters.get("operation_id")
    flags = {name: value for name, value in parameters.items() if name != "operation_id" and value is not None}
    # a request has an id even if the caller gave none, so that the service can be asked for a lost response
    key = str(uuid4()) if operation_id is None else id_text("operation_id", operation_id)
    return {name: validate(name, flag_or_none, value) for name, value in flags.items()} | {"operation_id": key}


async def _start(service: ApiClient, creation: Creation) -> Row:
    """Send the request and return the operation, or what it has created if it does not start one.

    Raises:
        OperationFailed: If the operation has already ended with FAIL.
    """
    started = await _send(service, creation, creation.body())
    if creation.is_async and started["status"] == "FAIL":
        raise operations.operation_failed(started)
    return started


async def _create(service: ApiClient, creation: Creation, timeout: Timeout, progress: ProgressArg) -> Row:
    """Send the request and return what it has created, when its operation has ended.

    Returns:
        The object; for a list `{"items": {position: object}, "validation_errors": {position: errors}}`.

    Raises:
        ValidationFailed: If no object was created because some are not valid; `.payload` has their errors by position.
        OperationFailed: If the operation ended with FAIL for another reason, or its log does not mention all objects.
    """
    if not creation.is_async:
        return await _start(service, creation)
    operation = await _send(service, creation, creation.body(with_positions=True))
    log = await _ended_log(service, creation, operation, timeout, progress)
    ids = {str(position): id_.decode() for position, id_ in sorted(zip(log.positions.tolist(), log.ids.tolist(), strict=True))}
    if not creation.is_list:
        return await _get(service, creation, ids["0"])
    objects = await _objects(service, creation, ids)
    errors = {str(position): _fields(output) for position, output in sorted(log.errors.items())}
    return Row(items=Row(objects), validation_errors=Row(errors))


async def _send(service: ApiClient, creation: Creation, body: bytes) -> Row:
    kind, query = creation.kind, creation.query
    if kind.quota is not None:
        await service.rate_limiter.objects(kind.quota, len(creation.rows))
    if creation.is_async:
        return await _start_operation(service, creation, body)
    # the service ignores the operation_id of a synchronous request (Toloka API, "Create single/multiple tasks")
    response = await service.send("POST", kind.path, query=query, content=body, repeatable=False)
    return decode_object(response, ("items",) if creation.is_list else OPERATION[:1])


async def _start_operation(service: ApiClient, creation: Creation, body: bytes) -> Row:
    try:
        return await operations.start(service, creation.kind.path, creation.query, body)
    except TolokaError as error:
        if not error.may_have_taken_effect:
            raise
        # no attempt got a response, but one may have arrived; the first error explains the call better than a 404
        with suppress(TolokaError):
            return await operations.get(service, creation.query["operation_id"])
        raise


async def _ended_log(
    service: ApiClient, creation: Creation, operation: Row, timeout: Timeout, progress: ProgressArg
) -> OperationLog:
    """Wait for an operation and return its log, in which at least one object was created."""
    failed = None
    try:
        ended = await operations.wait(service, operation, timeout, progress)
    except OperationFailed as error:
        failed = error
    log = await operations.read_log(service, operation["id"], creation.kind.object_id)
    if log.errors and not len(log.ids):
        raise _not_valid(creation, log) from None
    if failed is not None:
        raise failed
    if not log.mentions(range(len(creation.rows))):
        raise operations.operation_failed(ended)
    return log


def _not_valid(creation: Creation, log: OperationLog) -> ValidationFailed:
    errors = {str(position): _fields(output) for position, output in sorted(log.errors.items())}
    position, first = next(iter(errors.items()))
    return ValidationFailed(
        f"None of the {creation.kind.name} was created, because {len(errors):,} of {len(creation.rows):,} are not valid; "
        f"the first at position {position}: {json_body(first).decode()[:MAX_SHOWN_ERROR]}.",
        status=400,
        code="VALIDATION_ERROR",
        payload=errors,
        hint="The errors of each are in error.payload, by position.",
    )


def _fields(output: Any) -> Any:
    """Return the errors by field, which a log has as they are or in an envelope (examples and schema of the API disagree)."""
    if isinstance(output, Mapping) and isinstance(output.get("code"), str):
        return output.get("payload") or output
    return output


async def _objects(service: ApiClient, creation: Creation, ids: Mapping[str, str]) -> dict[str, Row]:
    """Return the created objects by position."""
    found: dict[str, Row] = {}
    for pool_id, of_pool in _by_pool(creation, ids).items():
        found |= await _listed(service, creation, pool_id, of_pool)
    # a list may show a new object late
    return {position: found[id_] if id_ in found else await _get(service, creation, id_) for position, id_ in ids.items()}


def _by_pool(creation: Creation, ids: Mapping[str, str]) -> dict[str | None, list[str]]:
    pools: dict[str | None, list[str]] = {}
    for position, id_ in ids.items():
        pool_id = creation.rows[int(position)].get("pool_id")
        pools.setdefault(None if pool_id is None else str(pool_id), []).append(id_)
    return pools


async def _listed(service: ApiClient, creation: Creation, pool_id: str | None, ids: Sequence[str]) -> dict[str, Row]:
    from toloka_frames._reading.scan import Scan  # noqa: PLC0415 -- most calls need none of the package that reads lists

    # ids of bonuses are numbers, of different lengths
    ascending = sorted(ids, key=lambda id_: (len(id_), id_))
    filters = {"id_gte": ascending[0], "id_lte": ascending[-1]} | ({} if pool_id is None else {"pool_id": pool_id})
    wanted = set(ids)
    scan = Scan(service, RESOURCES[creation.kind.path], filters)
    return {row["id"]: row async for row in scan if row["id"] in wanted}


async def _get(service: ApiClient, creation: Creation, id_: str) -> Row:
    return decode_object(
        await service.send("GET", f"{creation.kind.path}/{validate('id', path_part, id_)}", repeatable=True), id=id_
    )

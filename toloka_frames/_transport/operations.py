"""An operation that was started comes in, the operation as it ended and its log go out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toloka_frames._errors import Conflict, InputError, OperationFailed, OperationTimeout, TolokaError
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._runtime.progress import ProgressArg, ProgressTracker, current_progress, track_progress
from toloka_frames._transport import operation_log
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import path_part, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operation_log import OperationLog


# small operations end at once and large ones take minutes: a look comes so much later as was waited for it already
SHARE = 0.05
FIRST_LOOK_SECONDS = 0.1
LAST_LOOK_SECONDS = 2.0
FINAL = ("SUCCESS", "FAIL")
ALREADY_EXISTS = "OPERATION_ALREADY_EXISTS"
LOG_HINT = "The reasons are in its log: await client.get_operation_log(operation_id)."


async def begin(service: ApiClient, path: str, query: Mapping[str, str], content: bytes) -> dict[str, Any]:
    """Start an operation of an id of ours; where only the answer was lost, the one that an earlier try started.

    Raises:
        Conflict: There was an operation of this id before (code OPERATION_ALREADY_EXISTS), or the state does not allow it.
        TolokaError: Another; `may_have_taken_effect` says whether the operation may have been started.
    """
    try:
        return expected(await service.post(path, query, content, repeatable=True), posted=True)
    except Conflict as error:
        if error.code != ALREADY_EXISTS or not error.may_have_taken_effect:
            raise
    try:
        return await get(service, query["operation_id"])
    except TolokaError as unseen:
        unseen.may_have_taken_effect = True  # the service has just said that it exists
        raise


async def wait(
    service: ApiClient, operation: Mapping[str, Any] | str, timeout: float | None, progress: ProgressArg
) -> dict[str, Any]:
    """Wait for an operation's end and return it.

    Raises:
        OperationFailed: It ended with FAIL.
        OperationTimeout: It has not ended in time.
    """
    operation = await get(service, operation) if isinstance(operation, str) else dict(operation)
    if not isinstance(operation.get("id"), str):
        raise InputError("This is no operation: it has no id.", hint="Give what the call that started it returned, or its id.")
    with track_progress(
        progress, f"{operation.get('type', 'operation')}", total=100, unit="%", quiet=FIRST_LOOK_SECONDS
    ) as meter:
        ended = await _ended_in(service, operation, timeout, meter)
        if ended["status"] == "FAIL":
            raise failed(ended)
    return ended


def failed(operation: Mapping[str, Any], more: str = "", hint: str = LOG_HINT) -> OperationFailed:
    """The error of an operation that did not do all that it was to do."""
    kind = f" ({operation['type']})" if operation.get("type") else ""
    return OperationFailed(
        f"The operation {operation['id']}{kind} ended with {operation['status']}{more}.", operation=operation, hint=hint
    )


async def ended(service: ApiClient, operation: Mapping[str, Any], meter: ProgressTracker | None = None) -> dict[str, Any]:
    """The operation once it has ended, SUCCESS or FAIL; looks often at first, then every two seconds."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not has_ended(operation):
        with current_progress().wait(f"the operation, {operation.get('status')}"):
            await asyncio.sleep(pause_after(loop.time() - begun))
        operation = await get(service, str(operation["id"]))
        if meter:
            meter.rows = int(operation.get("progress") or 0)
    return dict(operation)


def pause_after(waited: float) -> float:
    """Seconds to the next look at what was waited for so long: an end is seen at most a twentieth too late."""
    return min(max(waited * SHARE, FIRST_LOOK_SECONDS), LAST_LOOK_SECONDS)


async def get(service: ApiClient, operation_id: str) -> dict[str, Any]:
    """An operation as it is now (Toloka API, "Get operation by ID")."""
    return expected(await service.get(_path(operation_id)))


def expected(operation: dict[str, Any], *, posted: bool = False) -> dict[str, Any]:
    """An answer that is an operation; `posted` says that it was to be started.

    Raises:
        BadAnswer: It has no id or no status.
    """
    if not is_operation(operation):
        error = bad_answer(200, str(operation).encode(), "an operation was expected")
        error.may_have_taken_effect = posted
        raise error
    return operation


def is_operation(row: Any) -> bool:
    """Whether something has what every operation has: an id and a status."""
    return isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get("status"), str)


def has_ended(operation: Mapping[str, Any]) -> bool:
    """Whether an operation goes on no more."""
    return operation.get("status") in FINAL


async def read_log(service: ApiClient, operation_id: str, object_id: str) -> OperationLog:
    """What the log says was made, where `object_id` is the key of an id, and what is wrong with the rest.

    Raises:
        BadAnswer: It is no array of objects.
    """
    # only its bytes are kept: a log is some megabytes, and several are read at once
    body = (await service.send("GET", f"{_path(operation_id)}/log", repeatable=True)).content
    return await in_thread(operation_log.read_log, body, object_id)


async def log(service: ApiClient, operation_id: str) -> list[dict[str, Any]]:
    """The log of an operation (Toloka API, "Get operation log"), whose entries come in no promised order."""
    return await service.get_all(f"{_path(operation_id)}/log")


def _path(operation_id: str) -> str:
    return f"/v1/operations/{validate('operation_id', path_part, operation_id)}"


async def _ended_in(
    service: ApiClient, operation: dict[str, Any], timeout: float | None, meter: ProgressTracker
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(timeout):
            return await ended(service, operation, meter)
    except TimeoutError:
        # not chained: the variables of the request that was cut off hold the token
        raise OperationTimeout(
            f"The operation {operation['id']} has not ended in {timeout:g} s.",
            operation=operation,
            hint="It goes on at the service: wait again with client.wait_operation(operation_id).",
        ) from None


# the list only saves requests: where it is slow, operations are asked for one by one
LIST_SECONDS = 5.0
MOST = "500"  # rows of one page of operations (Toloka-Kit 1.2.3, find_operations)
# how close a look may follow another when an end is expected
CLOSE_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class Waiter:
    """An operation that somebody waits for.

    Attributes:
        operation: It, as it was when it was begun.
        since: When the waiting began, by the loop's clock.
        end: Gets it as it ended, or the error of asking for it.
    """

    operation: Mapping[str, Any]
    since: float
    end: asyncio.Future[dict[str, Any]]


class OperationPoller:
    """Looks after the operations of one upload, in an `async with` block."""

    def __init__(self, service: ApiClient) -> None:
        self._service = service
        self._waits: list[Waiter] = []
        self._one_more = asyncio.Event()
        self._can_list = True
        self._shortest: float | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_again_and_again())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._looking.cancel()
        await asyncio.wait({self._looking})

    async def ended(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """The operation once it has ended, SUCCESS or FAIL.

        Raises:
            TolokaError: It could not be asked for.
        """
        if has_ended(operation):
            return dict(operation)
        loop = asyncio.get_running_loop()
        wait = Waiter(operation, loop.time(), loop.create_future())
        self._waits.append(wait)
        self._one_more.set()
        try:
            with current_progress().wait(f"the operation, {operation.get('status')}"):
                return await wait.end
        finally:
            self._waits.remove(wait)

    async def _look_again_and_again(self) -> None:
        while True:
            self._one_more.clear()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._one_more.wait()
            except TimeoutError:
                await self._look()

    def _pause(self) -> float | None:
        """Seconds to the next look, for the operation that needs it soonest; None where nothing is waited for."""
        now = asyncio.get_running_loop().time()
        return min((look_after(now - wait.since, self._shortest) for wait in self._waits), default=None)

    async def _look(self) -> None:
        waits = [wait for wait in self._waits if not wait.end.done()]
        listed = await self._listed(waits) if self._can_list and len(waits) > 1 else {}
        await asyncio.gather(*(self._tell(wait, listed.get(wait.operation["id"])) for wait in waits))

    async def _listed(self, waits: Sequence[Waiter]) -> dict[str, dict[str, Any]]:
        """What one request shows of these operations, by id (Toloka API, "Get list of operations")."""
        kinds = {str(wait.operation.get("type")) for wait in waits}
        since = [wait.operation.get("submitted") for wait in waits]
        if len(kinds) > 1 or not all(isinstance(each, str) for each in since):
            return {}
        query = {"type": kinds.pop(), "submitted_gte": min(map(str, since)), "sort": "submitted", "limit": MOST}
        try:
            async with asyncio.timeout(LIST_SECONDS):
                rows = (await self._service.get("/v1/operations", query=query)).get("items")
        except (TolokaError, TimeoutError):
            rows = None
        self._can_list = isinstance(rows, list)
        return {row["id"]: row for row in rows or () if is_operation(row)} if self._can_list else {}

    async def _tell(self, wait: Waiter, operation: dict[str, Any] | None) -> None:
        """Tell who waits how it ended, if it has; asked for by id where no list has shown it."""
        try:
            operation = operation or await get(self._service, wait.operation["id"])
        except Exception as error:  # noqa: BLE001 -- whatever it is belongs to whoever waits
            if not wait.end.done():
                wait.end.set_exception(error)
        else:
            if has_ended(operation) and not wait.end.done():
                wait.end.set_result(operation)
                took = asyncio.get_running_loop().time() - wait.since
                self._shortest = min(took, self._shortest or took)


def look_after(waited: float, shortest: float | None) -> float:
    """Seconds to the next look at an operation that was waited for so long.

    Args:
        waited: Seconds.
        shortest: How long the shortest of those that have ended took. Requests of one upload mostly take alike, so that looks
            are few before that and close about it; None where none has ended.
    """
    usual = pause_after(waited)
    if shortest is None:
        return usual
    early = shortest * (1 - SHARE)
    if waited < early:
        return min(early - waited, max(usual, shortest / 4))
    return min(usual, max((waited - early) / 2, (shortest - early) / 2, CLOSE_SECONDS))

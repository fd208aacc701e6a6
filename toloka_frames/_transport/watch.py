"""Operations that run come in, each goes out once it has ended; while several are waited for, one request asks for all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toloka_frames._errors import TolokaError
from toloka_frames._runtime.progress import present
from toloka_frames._transport import operations as _operations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._transport.http import Service

# the list only saves requests: where it is slow, operations are asked for one by one
LIST_SECONDS = 5.0
MOST = "500"  # rows of one page of operations (Toloka-Kit 1.2.3, find_operations)
# how close a look may follow another when an end is expected
CLOSE_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class Wait:
    """An operation that somebody waits for.

    Attributes:
        operation: It, as it was when it was begun.
        since: When the waiting began, by the loop's clock.
        end: Gets it as it ended, or the error of asking for it.
    """

    operation: Mapping[str, Any]
    since: float
    end: asyncio.Future[dict[str, Any]]


class Watch:
    """Looks after the operations of one upload, in an `async with` block."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._waits: list[Wait] = []
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
        if _operations.has_ended(operation):
            return dict(operation)
        loop = asyncio.get_running_loop()
        wait = Wait(operation, loop.time(), loop.create_future())
        self._waits.append(wait)
        self._one_more.set()
        try:
            with present().wait(f"the operation, {operation.get('status')}"):
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
        return min((pause_after(now - wait.since, self._shortest) for wait in self._waits), default=None)

    async def _look(self) -> None:
        waits = [wait for wait in self._waits if not wait.end.done()]
        listed = await self._listed(waits) if self._can_list and len(waits) > 1 else {}
        await asyncio.gather(*(self._tell(wait, listed.get(wait.operation["id"])) for wait in waits))

    async def _listed(self, waits: Sequence[Wait]) -> dict[str, dict[str, Any]]:
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
        return {row["id"]: row for row in rows or () if _operations.is_operation(row)} if self._can_list else {}

    async def _tell(self, wait: Wait, operation: dict[str, Any] | None) -> None:
        """Tell who waits how it ended, if it has; asked for by id where no list has shown it."""
        try:
            operation = operation or await _operations.get(self._service, wait.operation["id"])
        except Exception as error:  # noqa: BLE001 -- whatever it is belongs to whoever waits
            if not wait.end.done():
                wait.end.set_exception(error)
        else:
            if _operations.has_ended(operation) and not wait.end.done():
                wait.end.set_result(operation)
                took = asyncio.get_running_loop().time() - wait.since
                self._shortest = min(took, self._shortest or took)


def pause_after(waited: float, shortest: float | None) -> float:
    """Seconds to the next look at an operation that was waited for so long.

    Args:
        waited: Seconds.
        shortest: How long the shortest of those that have ended took. Requests of one upload mostly take alike, so that looks
            are few before that and close about it; None where none has ended.
    """
    usual = _operations.pause_after(waited)
    if shortest is None:
        return usual
    early = shortest * (1 - _operations.SHARE)
    if waited < early:
        return min(early - waited, max(usual, shortest / 4))
    return min(usual, max((waited - early) / 2, (shortest - early) / 2, CLOSE_SECONDS))

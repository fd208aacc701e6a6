"""The planned faults: decide which of them hit a request, and apply them to its delivery."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from toloka_frames.local._faults.exchange import Delivery, Request

if TYPE_CHECKING:
    from toloka_frames.local._faults.fault_selector import FaultSelector, RequestPattern

Moment = Literal["before", "during", "after"]
Change = Callable[[Delivery], Delivery]


def unchanged(delivery: Delivery) -> Delivery:
    """Return the delivery as it is: the change of a fault that takes effect elsewhere."""
    return delivery


@dataclass(eq=False, repr=False)
class Fault:
    """One fault of a plan, with counts since it was planned.

    Attributes:
        name: The method of `Faults` that planned it.
        target: The requests that it sees.
        choice: Which of these it strikes.
        moment: When it strikes: before the request takes effect, while it does, or after.
        change: The change that it makes to the delivery of the response.
        function: A function that is called first, with the request.
        ends: Whether the request is processed no further.
        seconds: For `hide`: the age, in seconds, at which lists show a row.
        seen: The number of requests that it has seen.
        struck: The number of requests that it has struck.

    Example:
        >>> fault = toloka.faults.answer(503, "GET /v1/pools/*", times=1)
        >>> client.get_pool(pool.id).status  # the client repeats the request
        'CLOSED'
        >>> fault
        answer('GET /v1/pools/*', times=1): struck 1 of 2
    """

    name: str
    target: RequestPattern
    choice: FaultSelector
    moment: Moment
    change: Change
    function: Callable[[Request], object] | None
    ends: bool
    seconds: float
    seen: int = 0
    struck: int = 0

    def __repr__(self) -> str:
        return f"{self.name}({self.target.text!r}{self.choice}): struck {self.struck} of {self.seen}"

    def strikes(self, request: Request) -> bool:
        """Return whether the fault strikes a request, and count it.

        Example:
            >>> fault = toloka.faults.answer(503, "GET /v1/pools/*", nth=2)
            >>> status = client.get_pool(pool.id).status
            >>> fault.strikes(toloka.requests[-1])  # the request counts as the second
            True
        """
        if not self.target.matches(request):
            return False
        self.seen += 1
        struck = self.choice.selects(self.seen, self.name, self.target.text)
        self.struck += struck
        return struck


class FaultPlan:
    """The planned faults, in the order of planning."""

    def __init__(self) -> None:
        self.faults: tuple[Fault, ...] = ()

    async def apply(self, moment: Moment, request: Request, delivery: Delivery) -> tuple[Delivery, bool]:
        """Return the changed delivery, and whether the request is processed no further.

        Faults that do not end the request come first. Only one of the others strikes, and later ones do not see the request.
        """
        faults = [fault for fault in self.faults if fault.moment == moment]
        for fault in sorted(faults, key=lambda fault: fault.ends):
            if fault.strikes(request):
                if fault.function:
                    await _call_in_thread(fault.function, request)
                delivery = fault.change(delivery)
                if fault.ends:
                    return delivery, True
        return delivery, False

    def hidden_seconds(self, request: Request) -> float:
        """Return the age, in seconds, below which the requested list hides rows."""
        return max((fault.seconds for fault in self._striking("hide", request)), default=0)

    def fails_operation(self, request: Request) -> bool:
        """Return whether the operation that the request began is to fail."""
        return bool(self._striking("fail_operation", request))

    def _striking(self, name: str, request: Request) -> list[Fault]:
        return [fault for fault in self.faults if fault.name == name and fault.strikes(request)]


async def _call_in_thread(function: Callable[[Request], object], request: Request) -> None:
    """Call the function in its own daemon thread: any number run at once, and none prevents the service from closing."""
    result = Future[object]()
    result.set_running_or_notify_cancel()  # from now on it cannot be cancelled, and the thread may set it

    def work() -> None:
        try:
            result.set_result(function(request))
        except BaseException as error:  # noqa: BLE001  # raised again in the coroutine that waits
            result.set_exception(error)

    threading.Thread(target=work, name="toloka-local-call", daemon=True).start()
    await asyncio.wrap_future(result)

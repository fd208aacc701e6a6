"""Planned faults and a request -> which of them strike it, and what goes out because of that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from toloka_frames.local._faults.exchange import Reply, Request

if TYPE_CHECKING:
    from toloka_frames.local._faults.fault_selector import Choice, Target

Moment = Literal["before", "during", "after"]
Change = Callable[[Reply], Reply]


def unchanged(reply: Reply) -> Reply:
    """What goes out because of a fault that is made elsewhere."""
    return reply


@dataclass(eq=False, repr=False)
class Fault:
    """One fault of a plan; it counts as long as it is planned.

    Attributes:
        name: The method of `Faults` that planned it.
        target: Which requests it sees.
        choice: Which of those it strikes.
        moment: When: before the request takes effect, while it does, or after.
        change: What goes out because of it.
        function: What is called first.
        ends: Whether the request goes no further.
        seconds: For how long lists hide a new row.
        seen: How many requests it has seen.
        struck: How many of them it has struck.
    """

    name: str
    target: Target
    choice: Choice
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
        """Count the request, if it is one that this fault sees; whether it is struck."""
        if not self.target.matches(request):
            return False
        self.seen += 1
        struck = self.choice.takes(self.seen, self.name, self.target.text)
        self.struck += struck
        return struck


class Plan:
    """The planned faults, the first planned first."""

    def __init__(self) -> None:
        self.faults: tuple[Fault, ...] = ()

    async def strike(self, moment: Moment, request: Request, reply: Reply) -> tuple[Reply, bool]:
        """What goes out in place of `reply`, and whether the request goes no further.

        Those that let it go on come first; of the others only one strikes, and later ones do not see the request.
        """
        faults = [fault for fault in self.faults if fault.moment == moment]
        for fault in sorted(faults, key=lambda fault: fault.ends):
            if fault.strikes(request):
                if fault.function:
                    await _called(fault.function, request)
                reply = fault.change(reply)
                if fault.ends:
                    return reply, True
        return reply, False

    def hidden(self, request: Request) -> float:
        """For how many seconds the list that is asked for hides a new row."""
        return max((fault.seconds for fault in self._struck("hide", request)), default=0)

    def fails(self, request: Request) -> bool:
        """Whether the operation that the request has begun is to fail."""
        return bool(self._struck("fail_operation", request))

    def _struck(self, name: str, request: Request) -> list[Fault]:
        return [fault for fault in self.faults if fault.name == name and fault.strikes(request)]


async def _called(function: Callable[[Request], object], request: Request) -> None:
    """Wait for it in a thread of its own: any number may run at once, and none keeps the service from closing."""
    done = Future[object]()
    done.set_running_or_notify_cancel()  # from now on it can only end by itself

    def work() -> None:
        try:
            done.set_result(function(request))
        except BaseException as error:  # noqa: BLE001  # it goes to whoever waits
            done.set_exception(error)

    threading.Thread(target=work, name="toloka-local-call", daemon=True).start()
    await asyncio.wrap_future(done)

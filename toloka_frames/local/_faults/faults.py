"""What shall go wrong, as users say it -> a plan of faults, which the service then really makes on its socket."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from toloka_frames.local._base.answers import Answer
from toloka_frames.local._base.errors import ServiceError
from toloka_frames.local._faults.exchange import Reply
from toloka_frames.local._faults.fault_plan import Fault, unchanged
from toloka_frames.local._faults.fault_selector import Choice, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from toloka_frames.local._faults.exchange import Request
    from toloka_frames.local._faults.fault_plan import Change, Moment, Plan

When = Literal["before", "after"]

_CODES = {
    400: "VALIDATION_ERROR",
    401: "AUTHENTICATION_ERROR",
    403: "ACCESS_DENIED",
    404: "DOES_NOT_EXIST",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT_STATE",
    413: "ENTITY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_ERROR",
    503: "REMOTE_SERVICE_UNAVAILABLE",
}
_INTERVALS = ("MIN", "HOUR", "DAY")
_PAGE = "<html>\n<head><title>{0}</title></head>\n<body><h1>{0}</h1><hr>a proxy</body>\n</html>\n"
_FIRST_ERROR, _LAST_ERROR = 400, 599
_TOO_MANY = 429


class Which(TypedDict, total=False):
    """Which of the requests that a fault sees it strikes; at most one of `nth`, `times` and `share`, by default all.

    Attributes:
        nth: The one with this number, or those with these; the first since the fault was planned is 1.
        times: The first so many.
        share: Each with this probability.
        seed: Another seed strikes others; the same seed, 0 if there is none, the same again.
    """

    nth: int | Collection[int]
    times: int
    share: float
    seed: int


class Faults:
    """What shall go wrong at a `LocalToloka`: each method plans one fault, and then it really happens on the socket.

    `requests` is a method and a path behind `/api`, such as `"POST /v1/tasks"`; `*` stands for anything, as in
    `"GET /v1/*"` or `"* /*"`. Which of these requests are struck: `nth=2` or `nth=(1, 3)` by number, `times=3` the first
    so many, `share=0.3` each with that probability (`seed=` strikes others), without any of these all.

    A fault strikes `before` a request takes effect, so that it has none, or `after`. Of several that are planned for one
    moment the first planned strikes, and those behind it neither see nor count that request; `call`, `slow`, `hide` and
    `fail_operation` let the request go on and come first.

    Each method returns the fault, whose `struck` tells how often it has happened. ValueError for what makes no sense.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.plan)) or "no faults are planned"

    @property
    def plan(self) -> list[Fault]:
        """What is planned, the first planned first."""
        return list(self._plan.faults)

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._plan.faults = ()

    def lose_reply(self, requests: str, *, when: When = "after", **which: Unpack[Which]) -> Fault:
        """The connection is reset in place of an answer; `when="before"`: the request has no effect either."""
        return self._add("lose_reply", requests, which, _known(when), lambda _: Reply())

    def cut(self, requests: str, **which: Unpack[Which]) -> Fault:
        """The request takes effect; the connection is reset when half of the answer's body is out."""
        return self._add("cut", requests, which, "after", _cut)

    def answer(
        self,
        status: int,
        requests: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        interval: Literal["MIN", "HOUR", "DAY"] | None = None,
        **which: Unpack[Which],
    ) -> Fault:
        """The service refuses, with its envelope and without effect.

        Args:
            status: From 400 to 599.
            requests: See the class.
            code: The code in the envelope; by default the one that belongs to the status.
            retry_after: Seconds, for the header `Retry-After`.
            interval: Which quota a 429 is about, for the envelope's payload.
            which: See the class.
        """
        error = _error(status, code, interval)
        headers = {} if retry_after is None else {"Retry-After": f"{_duration(retry_after):g}"}
        return self._add("answer", requests, which, "before", lambda _: Reply(Answer(status, error.body(), headers)))

    def html(self, requests: str, *, status: int = 502, when: When = "before", **which: Unpack[Which]) -> Fault:
        """A proxy's page in place of the service's answer; `when="after"`: the request takes effect all the same."""
        page = _PAGE.format(f"Error {_refusal(status)}").encode()
        reply = Reply(Answer(status, page, {"Content-Type": "text/html"}))
        return self._add("html", requests, which, _known(when), lambda _: reply)

    def slow(self, requests: str, *, seconds: float, **which: Unpack[Which]) -> Fault:
        """The second half of the answer's body comes `seconds` after the first."""
        pause = _duration(seconds)
        return self._add("slow", requests, which, "after", lambda reply: replace(reply, pause=pause), ends=False)

    def restart(self, requests: str, *, seconds: float = 0, when: When = "after", **which: Unpack[Which]) -> Fault:
        """The service is killed: every connection is reset; after `seconds` it is back at its port, with its state.

        Until then connections are refused. Other requests in hand end without an answer, and without effect unless they
        have taken it already.
        """
        outage = _duration(seconds)
        return self._add("restart", requests, which, _known(when), lambda _: Reply(outage=outage))

    def call(
        self, requests: str, function: Callable[[Request], object], *, when: When = "before", **which: Unpack[Which]
    ) -> Fault:
        """`function` is called with the request, in a thread of its own, while the request waits.

        It may ask the service too, or close it. If it raises, that is logged and the answer is a 500.
        """
        if not callable(function):
            raise ValueError(f"{function!r} is no function")  # noqa: TRY004  # all that makes no sense is a ValueError
        return self._add("call", requests, which, _known(when), function=function, ends=False)

    def fail_operation(self, requests: str, **which: Unpack[Which]) -> Fault:
        """The operation that the request begins ends with FAIL, an empty log and nothing made.

        Its id is used up: a second POST with it is refused with 409 OPERATION_ALREADY_EXISTS. Requests that begin no
        operation (202) are not seen.
        """
        return self._add("fail_operation", requests, which, "during", ends=False)

    def hide(self, requests: str = "GET /*", *, seconds: float, **which: Unpack[Which]) -> Fault:
        """Lists show a row only `seconds` after it was made; asked for by its id, it is there at once.

        Requests for anything but lists are not seen.
        """
        return self._add("hide", requests, which, "during", ends=False, seconds=_duration(seconds))

    def _add(
        self,
        name: str,
        requests: str,
        which: Which,
        moment: Moment,
        change: Change = unchanged,
        *,
        function: Callable[[Request], object] | None = None,
        ends: bool = True,
        seconds: float = 0,
    ) -> Fault:
        fault = Fault(name, Target(requests), Choice(**which), moment, change, function, ends, seconds)
        self._plan.faults = (*self._plan.faults, fault)
        return fault


def _cut(reply: Reply) -> Reply:
    # an answer without a body is cut before it begins: a connection with all of it out would be in order
    return replace(reply, cut=True) if reply.size else Reply()


def _error(status: int, code: str | None, interval: str | None) -> ServiceError:
    if interval is not None and (status != _TOO_MANY or interval not in _INTERVALS):
        raise ValueError(f"interval={interval!r}: only a 429 has one, of {', '.join(_INTERVALS)}")
    code = code or _CODES.get(_refusal(status))
    if code is None:
        raise ValueError(f"The service has no code of its own for status {status}: give code=, or use html()")
    payload = {"interval": interval} if interval else None
    return ServiceError(status, code, "A planned fault", payload)


def _refusal(status: int) -> int:
    if not isinstance(status, int) or not _FIRST_ERROR <= status <= _LAST_ERROR:
        raise ValueError(f"status={status!r} is no error: {_FIRST_ERROR} to {_LAST_ERROR} are")
    return status


def _known(when: When) -> When:
    if when not in {"before", "after"}:
        raise ValueError(f"when={when!r}: before or after the request takes effect")
    return when


def _duration(seconds: float) -> float:
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is no number of seconds")
    return seconds

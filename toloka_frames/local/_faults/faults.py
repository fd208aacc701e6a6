"""The public methods that plan faults; the service then produces them on its socket."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from toloka_frames.local._base.errors import ServiceError
from toloka_frames.local._base.responses import Response
from toloka_frames.local._faults.exchange import Delivery
from toloka_frames.local._faults.fault_plan import Fault, unchanged
from toloka_frames.local._faults.fault_selector import FaultSelector, RequestPattern

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from toloka_frames.local._faults.exchange import Request
    from toloka_frames.local._faults.fault_plan import Change, FaultPlan, Moment

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
_ERROR_PAGE = "<html>\n<head><title>{0}</title></head>\n<body><h1>{0}</h1><hr>a proxy</body>\n</html>\n"
_MIN_ERROR, _MAX_ERROR = 300, 599
_NOT_MODIFIED = 304  # HTTP gives it no body
_TOO_MANY_REQUESTS = 429


class Selection(TypedDict, total=False):
    """Which of the requests that a fault sees it strikes: at most one of `nth`, `times` and `share`; by default all.

    Attributes:
        nth: The request with this number, or those with these numbers; the first since the fault was planned is 1.
        times: The first `times` requests.
        share: Each request with this probability.
        seed: Another seed selects other requests; the same seed, by default 0, selects the same ones again.
    """

    nth: int | Collection[int]
    times: int
    share: float
    seed: int


class Faults:
    """Plan faults of a `LocalToloka`: each method plans one, and the service produces it on its socket.

    `requests` is a method and a path after `/api`, such as `"POST /v1/tasks"`; `*` matches anything, as in `"GET /v1/*"` or
    `"* /*"`. To strike only some of these requests, select them by number (`nth=2` or `nth=(1, 3)`), as the first ones
    (`times=3`) or at random (`share=0.3`, where `seed=` selects others).

    A fault strikes `before` a request takes effect, and so prevents the effect, or `after`. If several are planned for the
    same moment, only the one planned first strikes, and the others neither see nor count the request. `call`, `slow`, `hide`
    and `fail_operation` are applied first, and let the request proceed.

    Each method returns the fault; its `struck` is the number of requests that it has struck.

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> fault = toloka.faults.lose_reply("POST /v1/pools")
        >>> try:
        ...     client.create_pool(pool)
        ... except tf.OutcomeUnknown:
        ...     print("the pool may exist")
        the pool may exist
        >>> fault.struck
        1
    """

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.plan)) or "no faults are planned"

    @property
    def plan(self) -> list[Fault]:
        """The planned faults, in the order of planning.

        Example:
            >>> fault = toloka.faults.cut("GET /v1/tasks", times=1)
            >>> toloka.faults.plan
            [cut('GET /v1/tasks', times=1): struck 0 of 0]
        """
        return list(self._plan.faults)

    def clear(self) -> None:
        """Remove all faults from the plan.

        Example:
            >>> fault = toloka.faults.cut("GET /v1/tasks")
            >>> toloka.faults.clear()
            >>> len(client.get_tasks(pool.id).to_dataframe())
            9
        """
        self._plan.faults = ()

    def lose_reply(self, requests: str, *, when: When = "after", **selection: Unpack[Selection]) -> Fault:
        """Reset the connection instead of sending the response; with `when="before"` the request has no effect either.

        Example:
            >>> fault = toloka.faults.lose_reply("POST /v1/tasks", times=1)
            >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
            >>> len(client.get_tasks(pool.id).to_dataframe())  # 9 and 3: none twice
            12
        """
        return self._add("lose_reply", requests, selection, _check_when(when), lambda _: Delivery())

    def cut(self, requests: str, **selection: Unpack[Selection]) -> Fault:
        """Let the request take effect, and reset the connection after half of the response's body.

        Example:
            >>> fault = toloka.faults.cut("GET /v1/tasks", times=1)
            >>> len(client.get_tasks(pool.id).to_dataframe()), fault.struck
            (9, 1)
        """
        return self._add("cut", requests, selection, "after", _cut)

    def answer(
        self,
        status: int,
        requests: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        interval: Literal["MIN", "HOUR", "DAY"] | None = None,
        when: When = "before",
        **selection: Unpack[Selection],
    ) -> Fault:
        """Reject the request with the service's error envelope; with `when="after"` it takes effect all the same.

        Args:
            status: From 300 to 599.
            requests: See the class.
            code: The error code in the envelope; by default the service's code for the status.
            retry_after: Seconds, for the header `Retry-After`.
            interval: The interval of the rate limit that a 429 reports in its payload.
            when: See the class.
            selection: See the class.

        Example:
            >>> fault = toloka.faults.answer(403, "POST /v1/tasks")
            >>> try:
            ...     results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
            ... except tf.UploadError as error:
            ...     results = error.results
            >>> results["status"].tolist()
            ['FAILED', 'FAILED', 'FAILED']
        """
        error = _make_error(status, code, interval)
        headers = {} if retry_after is None else {"Retry-After": f"{_check_seconds(retry_after):g}"}

        def reject(_: Delivery) -> Delivery:
            return Delivery(Response(status, b"" if status == _NOT_MODIFIED else error.body(), headers))

        return self._add("answer", requests, selection, _check_when(when), reject)

    def html(self, requests: str, *, status: int = 502, when: When = "before", **selection: Unpack[Selection]) -> Fault:
        """Send a proxy's page of a status from 300 to 599; with `when="after"` the request takes effect all the same.

        Example:
            >>> fault = toloka.faults.html("GET /v1/tasks", times=1)
            >>> len(client.get_tasks(pool.id).to_dataframe()), fault.struck
            (9, 1)
        """
        page = _ERROR_PAGE.format(f"Error {_check_status(status)}").encode()
        delivery = Delivery(Response(status, b"" if status == _NOT_MODIFIED else page, {"Content-Type": "text/html"}))
        return self._add("html", requests, selection, _check_when(when), lambda _: delivery)

    def slow(self, requests: str, *, seconds: float, **selection: Unpack[Selection]) -> Fault:
        """Send the second half of the response's body `seconds` after the first.

        Example:
            >>> fault = toloka.faults.slow("GET /v1/tasks", seconds=0.01)
            >>> len(client.get_tasks(pool.id).to_dataframe()), fault.struck
            (9, 1)
        """
        pause = _check_seconds(seconds)
        return self._add("slow", requests, selection, "after", lambda delivery: replace(delivery, pause=pause), ends=False)

    def restart(self, requests: str, *, seconds: float = 0, when: When = "after", **selection: Unpack[Selection]) -> Fault:
        """Kill the service: reset every connection, and after `seconds` serve again at the same port with the same state.

        Until then connections are refused. Other requests in progress get no response, and take no effect if they have not
        done so already.

        Example:
            >>> fault = toloka.faults.restart("POST /v1/tasks", times=1)
            >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
            >>> results["status"].tolist()
            ['CREATED', 'CREATED', 'CREATED']
        """
        outage = _check_seconds(seconds)
        return self._add("restart", requests, selection, _check_when(when), lambda _: Delivery(outage=outage))

    def call(
        self,
        requests: str,
        function: Callable[[Request], object],
        *,
        when: When = "before",
        **selection: Unpack[Selection],
    ) -> Fault:
        """Call `function` with the request, in its own thread, while the request waits.

        The function may send requests to the service, or close it. If it raises, the error is logged and the response is a
        500.

        Example:
            >>> fault = toloka.faults.call("GET /v1/pools/*", lambda request: print(request.method))
            >>> status = client.get_pool(pool.id).status
            GET
        """
        if not callable(function):
            raise ValueError(f"{function!r} is not callable")  # noqa: TRY004  # Faults raises only ValueError
        return self._add("call", requests, selection, _check_when(when), function=function, ends=False)

    def fail_operation(self, requests: str, **selection: Unpack[Selection]) -> Fault:
        """Make the operation that the request begins end with FAIL, an empty log and nothing created.

        Its id is used: a second POST with it is rejected with 409 OPERATION_ALREADY_EXISTS. Requests that begin no
        operation (202) are not seen.

        Example:
            >>> fault = toloka.faults.fail_operation("POST /v1/pools/*/open")
            >>> try:
            ...     client.open_pool(pool.id)
            ... except tf.OperationFailed as error:
            ...     print(error.operation.status)
            FAIL
        """
        return self._add("fail_operation", requests, selection, "during", ends=False)

    def hide(self, requests: str = "GET /*", *, seconds: float, **selection: Unpack[Selection]) -> Fault:
        """Make lists show a row only `seconds` after its creation; requests for the row by its id show it at once.

        Only requests for lists are seen.

        Example:
            >>> fault = toloka.faults.hide("GET /v1/tasks", seconds=3600)
            >>> len(client.get_tasks(pool.id).to_dataframe())
            0
        """
        return self._add("hide", requests, selection, "during", ends=False, seconds=_check_seconds(seconds))

    def _add(
        self,
        name: str,
        requests: str,
        selection: Selection,
        moment: Moment,
        change: Change = unchanged,
        *,
        function: Callable[[Request], object] | None = None,
        ends: bool = True,
        seconds: float = 0,
    ) -> Fault:
        target, choice = RequestPattern(requests), FaultSelector(**selection)
        fault = Fault(name, target, choice, moment, change, function, ends, seconds)
        self._plan.faults = (*self._plan.faults, fault)
        return fault


def _cut(delivery: Delivery) -> Delivery:
    # without a body nothing is sent: the headers alone would already be a complete response
    return replace(delivery, cut=True) if delivery.size else Delivery()


def _make_error(status: int, code: str | None, interval: str | None) -> ServiceError:
    if interval is not None and (status != _TOO_MANY_REQUESTS or interval not in _INTERVALS):
        raise ValueError(f"interval={interval!r} is only for status 429, and one of {', '.join(_INTERVALS)}")
    code = code or _CODES.get(_check_status(status))
    if code is None:
        raise ValueError(f"The service has no error code for status {status}: give code=, or use html()")
    payload = {"interval": interval} if interval else None
    return ServiceError(status, code, "A planned fault", payload)


def _check_status(status: int) -> int:
    if not isinstance(status, int) or not _MIN_ERROR <= status <= _MAX_ERROR:
        raise ValueError(f"status={status!r} is not a status from {_MIN_ERROR} to {_MAX_ERROR}")
    return status


def _check_when(when: When) -> When:
    if when not in {"before", "after"}:
        raise ValueError(f"when={when!r} is not 'before' or 'after'")
    return when


def _check_seconds(seconds: float) -> float:
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is not a number of seconds")
    return seconds

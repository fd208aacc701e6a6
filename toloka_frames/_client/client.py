"""A call of the API comes in as a method, what the service has goes out: scans of lists, plain dicts for all else.

Lists are in `_lists`, single calls in `_pool_calls`, `_task_calls`, `_people_calls` and `_app_calls`; here are the client and
operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypedDict

from toloka_frames._client.apps import AppCalls
from toloka_frames._client.people import PeopleCalls
from toloka_frames._client.pools import CloneCalls
from toloka_frames._client.tasks import TaskCalls
from toloka_frames._runtime.event_loop import run, run_on_loop
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._transport import operations
from toloka_frames._transport.auth import TokenAuth
from toloka_frames._transport.connections import TIMEOUT, Environment, find_host, make_headers
from toloka_frames._transport.http import ApiClient
from toloka_frames._validation import text, validate
from toloka_frames._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx
    import pandas as pd

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._transport.retries import Retries


class Task(TypedDict, total=False):
    """A task as the API has it (Toloka API, Task); at run time a plain dict.

    `overlap` counts answers wanted (1 to 30,000); `known_solutions` make a control task, with `message_on_unknown_solution` a
    training task.
    """

    pool_id: str
    input_values: dict[str, Any]
    overlap: int
    infinite_overlap: bool
    known_solutions: list[dict[str, Any]]
    message_on_unknown_solution: str
    baseline_solutions: list[dict[str, Any]]
    reserved_for: list[str]
    unavailable_for: list[str]
    localization_config: dict[str, Any]
    traits_all_of: list[str]
    traits_any_of: list[str]
    traits_none_of_any: list[str]


class AsyncTolokaClient(CloneCalls, TaskCalls, PeopleCalls, AppCalls):
    """An account at Toloka.

    Lists are scans (`get_app_batches(...).to_dataframe()`); everything else is a coroutine that returns dicts as the API has
    them: `await` it in a notebook or async code, or wait for it with `tf.run(...)`. One client serves all threads and event
    loops: its requests go through one loop of the package's own, over connections that are kept. A forked process makes
    connections of its own; a pickled client leaves its token behind and takes TOLOKA_TOKEN where it is unpickled, or what a
    callable returns there.

    Args:
        token: An API key or OAuth token; TOLOKA_TOKEN when not given. Or a callable that returns one, as from a store of
            secrets: it is called before each request, in a thread, so let it keep what is slow to get (`functools.cache`).
            When the client is pickled the callable goes along, so it must not hold the token.
        environment: "SANDBOX" or "PRODUCTION"; TOLOKA_ENVIRONMENT when neither it nor url is given.
        url: Another host, as "http://127.0.0.1:8080"; TOLOKA_URL when neither it nor environment is given.
        act_under_account_id: Requester id of an account that shared its access.
        timeout: Seconds for each read, write and connect, or an `httpx.Timeout`; None waits for ever.
        retries: Tries for each request, or a `tf.Retries`.
        verify: TLS verification as in httpx: True, False or an `ssl.SSLContext`.
        proxy: URL of a proxy.
        transport: An httpx transport to send through instead.

    Raises:
        ConfigurationError: There is no token, or not exactly one of environment and url.

    Source: Toloka-Kit 1.2.3 for names, hosts and the choice of the authorisation scheme.
    """

    def __init__(
        self,
        token: str | Callable[[], str] | None = None,
        environment: Environment | None = None,
        *,
        url: str | None = None,
        act_under_account_id: str | None = None,
        timeout: float | httpx.Timeout | None = TIMEOUT,
        retries: int | Retries = 5,
        verify: Any = True,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # at once, because tracebacks with variables would show it
        secret = TokenAuth(token)
        del token
        base_url, web_url = find_host(url, environment)
        secret.check()
        self.service = ApiClient(
            secret,
            base_url,
            make_headers(f"toloka_frames/{__version__}", act_under_account_id),
            web_url=web_url,
            timeout=timeout,
            retries=retries,
            verify=verify,
            proxy=proxy,
            transport=transport,
        )

    def __repr__(self) -> str:
        # tracebacks with variables also show a client that could not be made
        return f"<AsyncTolokaClient of {self.service.url}>" if vars(self) else "<AsyncTolokaClient>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await run_on_loop(self.service.aclose())

    def quota(self) -> pd.DataFrame:
        """The account's limits, as all its clients in this process have used them up; nothing is asked of the service.

        Returns:
            A row for each limit, with string columns `what` ("requests", "tasks", or a call that was refused, as
            "POST /v1/projects") and `interval` ("second", "MIN", "HOUR", "DAY"), Int64 `most`, `used` and `left` (null where
            only a refusal told of the limit), `closed_until` (datetime64[us, UTC]; NaT when it is open), and Int64 `refusals`
            (429 answers). A request of a partition counts for all workers that it shares the quota with.

        Raises:
            LoopError: Called on the package's own loop.

        Source: Toloka API, "Rate limiting"; Toloka-Kit 1.2.3 for tasks and for `payload.interval` of a 429.
        """
        return run(self.service.rate_limiter.frame())

    async def create_tasks_async(
        self,
        tasks: Sequence[Task] | Task,
        operation_id: str | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> dict[str, Any]:
        """Send tasks in one request; for a whole frame take `tf.create_tasks`, which splits, waits and reports row by row.

        Args:
            tasks: One task or a list of them, at most 10,000 (5,000 with async_mode=False) and 1,048,576 bytes of input_values.
            operation_id: A UUID that makes the request safe to repeat: with it a lost answer is asked for again.
            async_mode: Whether an operation is started; else the tasks are made before the answer comes.
            allow_defaults: Whether the overlap comes from the pool's defaults where a task has none.
            open_pool: Whether the pool is opened when the tasks are made.
            skip_invalid_items: Whether valid tasks are made though others are not valid.

        Returns:
            The operation; with async_mode=False the task, or `{"items": {position: task}, "validation_errors": {...}}`.

        Raises:
            ValidationFailed: The request is malformed, or with async_mode=False a task is not valid.
            Conflict: An operation of this operation_id exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: There are too many rows or bytes for one request.
            OutcomeUnknown: The answer was lost and there is no operation_id.

        Source: Toloka API, "Create single/multiple tasks".
        """
        return await self._create(
            CREATE_TASKS,
            tasks,
            operation_id,
            async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    async def get_operation(self, operation_id: str) -> dict[str, Any]:
        """An operation as it is now. Raises `NotFound`. Source: Toloka API, "Get operation by ID"."""
        return await self._get("/v1/operations/{}", operation_id)

    async def get_operation_log(self, operation_id: str) -> list[dict[str, Any]]:
        """The log of a bulk creation: `{type, success, input, output}` for each object, in no promised order.

        Source: Toloka API, "Get operation log" (kept for a month).
        """
        return await run_on_loop(operations.get_log_entries(self.service, validate("operation_id", text, operation_id)))

    async def wait_operation(
        self,
        operation: Mapping[str, Any] | str | None,
        timeout: float | None = None,
        *,
        progress: ProgressArg = "auto",
    ) -> dict[str, Any] | None:
        """Wait for an operation's end, showing its progress.

        Args:
            operation: The operation, or its id; None (an action that found nothing to do) is returned at once.
            timeout: Seconds to wait at most; None waits for its end, however long.
            progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

        Returns:
            The operation as it ended, with status SUCCESS.

        Raises:
            OperationFailed: It ended with FAIL; `.operation` holds it.
            OperationTimeout: It has not ended in time; it goes on at the service.
        """
        if operation is None:
            return None
        return await run_on_loop(operations.wait(self.service, operation, timeout, progress))

"""A call of the API comes in as a method, what the service has goes out: scans of lists, plain dicts for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypedDict

from toloka_frames import _operations
from toloka_frames._connections import Token
from toloka_frames._errors import InputError
from toloka_frames._filters import checked, flag_or_none, path_part, text
from toloka_frames._http import TIMEOUT, Environment, json_body, service
from toloka_frames._lists import Lists
from toloka_frames._sync import on_our_loop, run
from toloka_frames._version import __version__

if TYPE_CHECKING:
    import httpx
    import pandas as pd

    from toloka_frames._progress import ProgressArg
    from toloka_frames._retries import Retries


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


class AsyncTolokaClient(Lists):
    """An account at Toloka.

    Lists are scans (`get_app_batches(...).to_dataframe()`); everything else is a coroutine that returns dicts as the API has
    them: `await` it in a notebook or async code, or wait for it with `tf.run(...)`. One client serves all threads and event
    loops: its requests go through one loop of the package's own, over connections that are kept. A forked process makes
    connections of its own; a pickled client leaves its token behind and takes TOLOKA_TOKEN where it is unpickled.

    Args:
        token: An API key or OAuth token; TOLOKA_TOKEN when not given.
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
        token: str | None = None,
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
        secret = Token(token)
        del token
        self.service = service(
            secret,
            environment,
            url=url,
            act_under_account_id=act_under_account_id,
            user_agent=f"toloka_frames/{__version__}",
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
        await on_our_loop(self.service.aclose())

    def quota(self) -> pd.DataFrame:
        """The account's limits, as all its clients in this process have used them up; nothing is asked of the service.

        Returns:
            A row for each limit, with string columns `what` ("requests", "tasks", or a call that was refused, as
            "POST /v1/projects") and `interval` ("second", "MIN", "HOUR", "DAY"), Int64 `most`, `used` and `left` (null where
            only a refusal told of the limit), `closed_until` (datetime64[us, UTC]; NaT when it is open), and Int64 `refusals`
            (429 answers).

        Raises:
            LoopError: Called on the package's own loop.

        Source: Toloka API, "Restrictions"; Toloka-Kit 1.2.3 for tasks and for `payload.interval` of a 429.
        """
        return run(self.service.quota.frame())

    async def get_requester(self) -> dict[str, Any]:
        """The account: id, balance (US dollars), names. Source: Toloka API, "Get information about the requester"."""
        return await self._get("/v1/requester")

    async def get_project(self, project_id: str) -> dict[str, Any]:
        """A project. Raises `NotFound`. Source: Toloka API, "Get project data"."""
        return await self._get("/v1/projects/{}", project_id)

    async def get_pool(self, pool_id: str) -> dict[str, Any]:
        """A pool. Raises `NotFound`. Source: Toloka API, "Get pool data"."""
        return await self._get("/v1/pools/{}", pool_id)

    async def get_task(self, task_id: str) -> dict[str, Any]:
        """A task. Raises `NotFound`. Source: Toloka API, "Get a task"."""
        return await self._get("/v1/tasks/{}", task_id)

    async def get_assignment(self, assignment_id: str) -> dict[str, Any]:
        """An assignment. Raises `NotFound`. Source: Toloka API, "Get an assignment"."""
        return await self._get("/v1/assignments/{}", assignment_id)

    async def get_app(self, app_id: str) -> dict[str, Any]:
        """An app with its input_spec and output_spec. Raises `NotFound`. Source: Apps API, "Get a solution"."""
        return await self._get("/app/v0/apps/{}", app_id)

    async def get_app_project(self, app_project_id: str) -> dict[str, Any]:
        """An app project. Raises `NotFound`. Source: Apps API, "Get a project"."""
        return await self._get("/app/v0/app-projects/{}", app_project_id)

    async def get_app_item(self, app_project_id: str, app_item_id: str) -> dict[str, Any]:
        """An item of an app project. Raises `NotFound`. Source: Apps API, "Get a task item"."""
        return await self._get("/app/v0/app-projects/{}/items/{}", app_project_id, app_item_id)

    async def get_app_batch(self, app_project_id: str, batch_id: str) -> dict[str, Any]:
        """A batch of an app project. Raises `NotFound`. Source: Apps API, "Get a batch"."""
        return await self._get("/app/v0/app-projects/{}/batches/{}", app_project_id, batch_id)

    async def create_project(self, project: Mapping[str, Any]) -> dict[str, Any]:
        """Make a project and return it.

        Args:
            project: As the API has it, with `task_spec` as the most important part.

        Raises:
            ValidationFailed: A field is invalid; `.payload` says which.
            OutcomeUnknown: The answer was lost; the project may exist (this call has no idempotency key).

        Source: Toloka API, "Create a project" (20 a minute, 100 a day).
        """
        return await self._make("/v1/projects", body=project)

    async def create_pool(self, pool: Mapping[str, Any]) -> dict[str, Any]:
        """Make a pool, which is CLOSED at first, and return it; rewards in US dollars. Errors as in `create_project`.

        Source: Toloka API, "Create a pool" (20 a minute, 100 a day).
        """
        return await self._make("/v1/pools", body=pool)

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

        Source: Toloka API, "Create a task or multiple tasks".
        """
        flags = {
            "async_mode": async_mode,
            "allow_defaults": allow_defaults,
            "open_pool": open_pool,
            "skip_invalid_items": skip_invalid_items,
        }
        query = {name: checked(name, flag_or_none, flag) for name, flag in flags.items() if flag is not None}
        if operation_id is not None:
            query["operation_id"] = checked("operation_id", text, operation_id)
        rows = [tasks] if isinstance(tasks, Mapping) else tasks
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise InputError(
                f"tasks is a {type(tasks).__name__}: a task or a list of tasks is needed, each a dict as tf.Task.",
                hint="A whole frame goes up with df.pipe(tf.create_tasks, client, pool_id).",
            )
        # without async_mode the service does not heed the key (Toloka API, "Create a task or multiple tasks")
        keyed = operation_id is not None and async_mode
        return await on_our_loop(self._create_tasks(len(rows), query, json_body(tasks), keyed))

    async def open_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Open a pool: the operation to wait for, or None when it is open already. Raises `Conflict` (EMPTY_POOL and others).

        Source: Toloka API, "Open a pool".
        """
        return await self._act("/v1/pools/{}/open", pool_id)

    async def close_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Close a pool: the operation to wait for, or None when it is closed already.

        Source: Toloka API, "Close a pool".
        """
        return await self._act("/v1/pools/{}/close", pool_id)

    async def get_operation(self, operation_id: str) -> dict[str, Any]:
        """An operation as it is now. Raises `NotFound`. Source: Toloka API, "Get operation information"."""
        return await self._get("/v1/operations/{}", operation_id)

    async def get_operation_log(self, operation_id: str) -> list[dict[str, Any]]:
        """The log of a bulk creation: `{type, success, input, output}` for each object, in no promised order.

        Source: Toloka API, "Get operation log" (kept for a month).
        """
        return await on_our_loop(_operations.log(self.service, checked("operation_id", text, operation_id)))

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
        return await on_our_loop(_operations.wait(self.service, operation, timeout, progress))

    async def create_app_project(self, app_project: Mapping[str, Any]) -> dict[str, Any]:
        """Make an app project and return it; its status is CREATING at first. Errors as in `create_project`.

        Source: Apps API, "Create a project".
        """
        return await self._make("/app/v0/app-projects", body=app_project)

    async def create_app_batch(self, app_project_id: str, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Make a batch with its items (`{"items": [...], "name": ...}`, at most 10,000) and return it.

        Errors as in `create_project`.

        Source: Apps API, "Create a batch".
        """
        return await self._make("/app/v0/app-projects/{}/batches", app_project_id, body=batch)

    async def start_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Have the items of a batch labelled. Raises `Conflict` when its state does not allow it.

        Source: Apps API, "Start processing a batch".
        """
        await self._act("/app/v0/app-projects/{}/batches/{}/start", app_project_id, batch_id)

    async def _create_tasks(self, count: int, query: Mapping[str, str], body: bytes, keyed: bool) -> dict[str, Any]:
        await self.service.quota.tasks(count)
        if keyed:
            return await _operations.begin(self.service, "/v1/tasks", query, body)
        return await self.service.post("/v1/tasks", query, body, repeatable=False)

    async def _get(self, path: str, *ids: str) -> dict[str, Any]:
        return await on_our_loop(self.service.get(_filled(path, ids)))

    async def _act(self, path: str, *ids: str) -> dict[str, Any] | None:
        return await on_our_loop(self.service.act(_filled(path, ids)))

    async def _make(self, path: str, *ids: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await on_our_loop(self.service.post(_filled(path, ids), {}, json_body(body), repeatable=False))
        return answer


def _filled(path: str, ids: Sequence[str]) -> str:
    return path.format(*(checked("id", path_part, id_) for id_ in ids))

"""The clients of one Toloka account: a method for each list and each call of the API, synchronous or as a coroutine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from toloka_frames._client import cloning
from toloka_frames._client.account import AccountCalls
from toloka_frames._client.apps import AppCalls
from toloka_frames._client.call import SynchronousCalls, api_call
from toloka_frames._client.lists import Lists
from toloka_frames._client.operations import OperationCalls
from toloka_frames._client.people import PeopleCalls
from toloka_frames._client.pools import PoolCalls
from toloka_frames._client.projects import ProjectCalls
from toloka_frames._client.tasks import TaskCalls
from toloka_frames._client.trainings import TrainingCalls
from toloka_frames._runtime.event_loop import public_class, run, run_on_loop
from toloka_frames._transport.auth import TokenAuth
from toloka_frames._transport.connections import (
    MAX_RESPONSE_BYTES,
    MAX_RESPONSE_SECONDS,
    TIMEOUT,
    Environment,
    ResponseLimits,
    find_host,
    make_headers,
    warn_of_exposure,
)
from toloka_frames._transport.http import ApiClient
from toloka_frames._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames._schema.row import Row
    from toloka_frames._transport.library import httpx
    from toloka_frames._transport.retries import Retries
    from toloka_frames._validation import Id


class BaseClient(Lists, ProjectCalls, PoolCalls, TrainingCalls, TaskCalls, PeopleCalls, AppCalls, OperationCalls, AccountCalls):
    """What the two clients of an account share: the constructor, the lists, and the calls, which are written as coroutines."""

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
        max_response_seconds: float | None = MAX_RESPONSE_SECONDS,
        max_response_bytes: int | None = MAX_RESPONSE_BYTES,
    ) -> None:
        # deleted at once: a traceback that shows local variables would show the token
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
            limits=ResponseLimits(max_response_bytes, max_response_seconds),
            verify=verify,
            proxy=proxy,
            transport=transport,
        )
        warn_of_exposure(base_url, verify, transport, stacklevel=3)  # this method is a public_call

    def __repr__(self) -> str:
        # a traceback that shows local variables also shows a client whose constructor failed
        return f"<{type(self).__name__}{f' of {self.service.place}' if vars(self) else ''}>"

    if not TYPE_CHECKING:  # otherwise type checkers would accept any name

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in getattr(sys.modules[__name__.partition(".")[0]], "__all__", ()):
                message += f"; it is a name of the package: tf.{name}"
            raise AttributeError(message, name=name, obj=self)

    def quota(self) -> pd.DataFrame:
        """Return the account's rate limits and how much of them this process has used. Sends no request.

        All clients of the account in this process count together. A request of a partition counts once for each worker that
        shares the limit.

        Returns:
            A row for each limit. String columns: `what` ("requests", "tasks", or the call that a 429 response was for, as
            "POST /v1/projects") and `interval` ("second", "MIN", "HOUR", "DAY"). Int64 columns: `most`, `used` and `left` (null
            if the limit is known only from a 429 response) and `refusals` (429 responses). `closed_until`
            (datetime64[us, UTC]): until when no request may be sent, or NaT.

        Raises:
            LoopError: If called on the package's own event loop.

        Example:
            >>> quota = client.quota()
            >>> quota.loc[quota["what"] == "tasks", ["interval", "most"]].values.tolist()
            [['MIN', 100000], ['DAY', 2000000]]

        Source: Toloka API, "Rate limiting"; Toloka-Kit 1.2.3 for tasks and for `payload.interval` of a 429.
        """
        return run(self.service.rate_limiter.frame())

    @api_call
    async def clone_project(self, project_id: Id, reuse_controllers: bool = True) -> Row:
        """Create a copy of a project with its trainings and pools, archived ones included, all without their tasks.

        Args:
            project_id: The id of the project to copy.
            reuse_controllers: Whether the quality control rules of the old and the new pools count together, for example
                `fast_submitted_count`; False gives the new pools controllers of their own.

        Returns:
            What was created: `{"project": {...}, "trainings": [...], "pools": [...]}`.

        Raises:
            NotFound: If the project does not exist; nothing was created.
            OutcomeUnknown: If the response to the creation of the project was lost; an empty project may exist.
            CloneInterrupted: If a later call failed or its response was lost; `.made` holds what was created.

        Example:
            >>> clone = client.clone_project(project.id)
            >>> [pool.private_name for pool in clone.pools]
            ['Monday', 'Pages']

        Source: Toloka-Kit 1.2.3; Toloka API, "Rate limiting" (20 a minute, 100 a day each of projects, trainings, pools).
        """
        return await cloning.clone_project(self, project_id, reuse_controllers)


@public_class
class TolokaClient(SynchronousCalls, BaseClient):
    """A client of one Toloka account.

    A list method such as `get_app_batches` returns a `Scan`, which sends its requests when its rows are read, for example by
    `.to_dataframe()`. Every other call returns the API's object as a dict. It works in a script, in a notebook cell, inside any
    running event loop and in any thread. `AsyncTolokaClient` has the same methods as coroutines.

    One client can be used from all threads: its requests run on the package's own event loop and share their connections. A
    forked process opens its own connections. A pickled client does not contain its token: where it is unpickled, the token
    comes from TOLOKA_TOKEN or from the callable.

    In the examples of the package, `client` is the client of a `LocalToloka`, `toloka`, and each object of the account has the
    name of its kind: `pool` is what `client.get_pool` returns, `pool.id` its id. `df` is a DataFrame with a column `image`. The
    calls of `AsyncTolokaClient` are awaited: `await client.get_pool(pool.id)`.

    Besides the errors listed with it, each call can raise `InputError` (an id is not a non-empty string), `ConnectionFailed`
    (no response), `BadAnswer` (the response is not valid), `AuthenticationFailed`, `AccessDenied` and `QuotaExceeded`.

    Args:
        token: An API key or OAuth token, or a callable that returns one, for example from a secret store; None for
            TOLOKA_TOKEN. A callable is called in a thread before each request, so it should cache what is slow to get
            (`functools.cache`). It is pickled with the client, so it must not hold the token.
        environment: "PRODUCTION", or "SANDBOX", which Toloka closed on 2024-07-01. Without it and `url`: TOLOKA_ENVIRONMENT, or
            "PRODUCTION".
        url: Another host, for example "http://127.0.0.1:8080"; TOLOKA_URL if neither it nor `environment` is given.
        act_under_account_id: The requester id of an account that has shared its access.
        timeout: Seconds for each read, write and connect, or an `httpx.Timeout`; None waits without a limit.
        max_response_seconds: Seconds for each response as a whole, from sending its request until its last byte; None for no
            limit. A request that takes longer has failed like one whose `timeout` has passed.
        max_response_bytes: The size of a response's body, decompressed; None for no limit. A larger one raises `BadAnswer`
            before more of it is decompressed.
        retries: Maximum number of attempts for each request, or a `tf.Retries`.
        verify: TLS verification as in httpx: True, False or an `ssl.SSLContext`. True trusts the certificates in
            SSL_CERT_FILE or SSL_CERT_DIR, or those of certifi.
        proxy: URL of a proxy. By default that of HTTPS_PROXY (HTTP_PROXY for `http://`) or ALL_PROXY, unless NO_PROXY names the
            host; this machine itself is then never reached through a proxy.
        transport: An httpx transport to use instead of the default one.

    Raises:
        ConfigurationError: If there is no token, if both `environment` and `url` are given, or if an argument or a variable
            of the machine is not valid.

    Warns:
        UserWarning: If others can read the token: `http://` or unchecked certificates (`verify=False`), to another machine.

    Example:
        >>> client = tf.TolokaClient(toloka.token, url=toloka.url)  # a real account: tf.TolokaClient("your token")
        >>> client.get_requester().balance > 0
        True
        >>> client.get_tasks(pool.id).head(2)["INPUT:image"].tolist()
        ['https://example.com/0.jpg', 'https://example.com/1.jpg']

    Source: Toloka-Kit 1.2.3 for names, hosts and the choice of the authorisation scheme.
    """

    @property
    def calls(self) -> AsyncTolokaClient:
        """A client of the same account, with the same connections, whose calls are coroutines.

        Example:
            >>> tf.run(client.calls.get_pool(pool.id)).status
            'CLOSED'
        """
        client = AsyncTolokaClient.__new__(AsyncTolokaClient)
        client.service = self.service
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections.

        Example:
            >>> client.close()
        """
        run(self.service.aclose())


@public_class
class AsyncTolokaClient(BaseClient):
    """A client of one Toloka account whose calls are coroutines.

    A list method such as `get_app_batches` returns a `Scan`, as with `TolokaClient`. Every other call is a coroutine: `await`
    it in a notebook or in async code, or use `tf.run(...)`. Arguments of the constructor, results and errors are those of
    `TolokaClient`.

    One client can be used from all threads and event loops: its requests run on the package's own event loop and share their
    connections.

    Example:
        >>> client = tf.AsyncTolokaClient(toloka.token, url=toloka.url)  # a real account: tf.AsyncTolokaClient("your token")
        >>> requester = await client.get_requester()
        >>> tasks = await tf.aio.to_dataframe(client.get_tasks(pool.id))
        >>> len(tasks)
        9
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections.

        Example:
            >>> client = tf.AsyncTolokaClient("a token")
            >>> await client.aclose()
        """
        await run_on_loop(self.service.aclose())

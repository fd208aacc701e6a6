"""The Toloka service in this process, for trials and tests: the real protocol on a real socket, state in SQLite.

A request comes in at `_server`, is let in by `_service` (who asks, how often), finds its function by `_routes`, and is
answered from the rows of `_store`; what takes time waits on the store's agenda until the next request, when `_agenda`
does what is due. What shall go wrong is said to `_faults`, decided by `_plan` and made by `_wire`. `_exports` fills the
service from a real pool-result export, `_tolokers` works on its open pools.

Of the service's quotas it keeps those of requests, tasks and suites, but none by the hour or day and none of other objects.
Nothing leaves this machine: no message is delivered, no webhook called.

Nothing here is shared with the client. What the service knows of the wire is from the Toloka API's OpenAPI documents,
Toloka-Kit 1.2.3 and the Java SDK.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import sqlite3
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

try:
    from toloka_frames.local._server.dispatcher import Service
    from toloka_frames.local._server.server import Server
except ImportError as error:
    raise ImportError("The local service needs Starlette and uvicorn: pip install 'toloka_frames[local]'") from error

from toloka_frames.local._api.apps import offer_apps
from toloka_frames.local._api.attachments import attach
from toloka_frames.local._faults.exchange import Request
from toloka_frames.local._faults.fault_plan import Fault, Plan
from toloka_frames.local._faults.faults import Faults
from toloka_frames.local._server.scheduler import settle
from toloka_frames.local._simulation.exports import load_export
from toloka_frames.local._simulation.simulated_workers import answer_pool
from toloka_frames.local._store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    import pandas as pd

    from toloka_frames._client.client import AsyncTolokaClient

__all__ = ["Fault", "Faults", "LocalToloka", "Request"]


class LocalToloka:
    """A Toloka of your own, for trials and tests: no account, no money, nothing leaves this machine.

    `with LocalToloka() as toloka: client = toloka.client()`; or `start()` and `close()`.

    Args:
        path: A file for the state, which then survives a restart. By default a temporary file, gone at the end.
        port: The port on 127.0.0.1; 0 lets the system choose one.
        token: What clients must present. By default a new one, or the one that the file has.
        operation_seconds: How long operations and labelling take, in seconds.

    Attributes:
        faults: What shall go wrong, for tests of what you build on the client.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        port: int = 0,
        token: str | None = None,
        operation_seconds: float = 0.2,
    ) -> None:
        self._path = path
        self._port = port
        self._given_token = token
        self._operation_seconds = operation_seconds
        self._running: _Running | None = None
        self._plan = Plan()
        self.faults = Faults(self._plan)

    def start(self) -> Self:
        """Serve, if it does not yet.

        Raises:
            OSError: The port is taken, the file cannot hold the state, or another service has the file in use.
        """
        if self._running is None:
            self._running = _Running(self._path, self._port, self._given_token, self._operation_seconds, self._plan)
        return self

    def close(self) -> None:
        """Stop serving and close the clients that `client()` made; a temporary state is deleted, a given file stays."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise RuntimeError("The local service is not running: use it in a with statement, or call start()")
        return self._running

    @property
    def url(self) -> str:
        """Where it serves, such as `http://127.0.0.1:40123`."""
        return self._now.server.url

    @property
    def token(self) -> str:
        """What clients must present, as an ApiKey or an OAuth token."""
        return self._now.token

    @property
    def requests(self) -> list[Request]:
        """The latest 10,000 requests since the start, oldest first; also those whose answer a fault kept back."""
        return list(self._now.service.requests)

    def client(self, **options: Any) -> AsyncTolokaClient:
        """Return a client of this service, which `close()` closes too; `options` are those of `AsyncTolokaClient`."""
        from toloka_frames._client.client import AsyncTolokaClient  # noqa: PLC0415  # the service can be had without a client

        client = AsyncTolokaClient(**({"token": self.token, "url": self.url} | options))
        self._now.clients.add(client)
        return client

    def load_export(self, source: str | os.PathLike[str] | pd.DataFrame) -> str:
        """Turn a pool-result export into a project, a closed pool, its tasks, suites and assignments.

        Ids, instants, statuses and rewards are those of the export; every field is of type string, and its cells are
        text as the file has it. An empty cell is an absent value.

        Args:
            source: The TSV file of the platform, or a DataFrame with the same columns.

        Returns:
            The id of the pool.

        Raises:
            ValueError: A column that is needed is missing, or the service has these ids already.
        """
        return load_export(self._settled(), source)

    def answer(self, pool_id: str, workers: int = 20, accuracy: float = 0.9, seed: int = 0) -> int:
        """Let simulated Tolokers work on an open pool until it is done or nobody is left who may go on.

        Every task has a hidden truth, which follows from its id (for a control task its known solution), and a worker
        finds it with probability `accuracy`. The instants of the work run on from the present, or from the end of
        earlier work in the pool, at the pace of people; so they lie ahead of the clock.

        Args:
            pool_id: The pool.
            workers: How many Tolokers there are; each does a task at most once.
            accuracy: Between 0 and 1.
            seed: Another seed has other Tolokers, who err elsewhere.

        Returns:
            How many assignments were made.

        Raises:
            ValueError: There is no such pool, or it is not open.
        """
        return answer_pool(self._settled(), pool_id, workers=workers, accuracy=accuracy, seed=seed)

    def attach(self, assignment_id: str, name: str, data: bytes, *, media_type: str = "application/octet-stream") -> str:
        """Let the Toloker of an assignment send a file with it.

        Args:
            assignment_id: The assignment.
            name: The file's name.
            data: Its bytes.
            media_type: What they are.

        Returns:
            The id of the attachment, which an output field of type `file` would hold.

        Raises:
            ValueError: There is no such assignment.
        """
        return attach(self._settled(), assignment_id, name, data, media_type)

    def _settled(self) -> Store:
        settle(self._now.store)
        return self._now.store


class _Running:
    """The parts that exist between start and close."""

    def __init__(
        self, path: str | os.PathLike[str] | None, port: int, token: str | None, operation_seconds: float, plan: Plan
    ) -> None:
        self._process = os.getpid()
        self.clients = weakref.WeakSet["AsyncTolokaClient"]()
        self._folder = None if path else tempfile.mkdtemp(prefix="toloka-local-")
        file = str(path or Path(self._folder or "") / "toloka.db")
        try:
            self.store = Store(file, operation_seconds)
        except sqlite3.Error as error:
            # not by isinstance, because a full disk is an OperationalError too
            busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            why = "another service is using it" if busy else error
            raise OSError(f"{file} cannot hold the state: {why}") from error
        self.token = self.store.token(token)
        offer_apps(self.store)
        self.service = Service(self.store, self.token, plan)
        try:
            self.server = Server(self.service, port)
        except OSError:
            # otherwise the file stays locked while this object lives
            self.store.close()
            self._delete_folder()
            raise
        _running.add(self)

    def close(self) -> None:
        _running.discard(self)
        if self._process != os.getpid():
            return  # forked from the process that serves
        # the server first, because requests in progress use the store and may still receive their responses
        self.server.close()
        self.store.close()
        self._close_clients()
        self._delete_folder()

    def _delete_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _close_clients(self) -> None:
        import toloka_frames as tf  # noqa: PLC0415  # as in LocalToloka.client

        clients = list(self.clients)
        try:
            tf.run(_aclose(clients))
        except tf.LoopError:
            # inside tf.run(...), where waiting would stop the loop that closes them
            asyncio.run_coroutine_threadsafe(_aclose(clients), asyncio.get_running_loop())


async def _aclose(clients: Iterable[AsyncTolokaClient]) -> None:
    for client in clients:
        await client.aclose()


_running: set[_Running] = set()


@atexit.register
def _close_running() -> None:
    """Close at exit the services that nobody closed."""
    for running in list(_running):
        running.close()

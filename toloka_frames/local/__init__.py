"""A local Toloka service for trials and tests: the real protocol on a real socket, with its state in SQLite.

A request passes through `_server`: `server` reads it, `dispatcher` authenticates it and applies the rate limit, `routes` finds
its handler in `_api`, which reads and writes rows of the `_store`. Work that takes time is scheduled in the store, and
`scheduler` runs it before the next request. `_faults` plans faults, and `http_protocol` produces them on the connection.
`_simulation` loads pool-result exports as state and lets simulated Tolokers work on open pools.

Of Toloka's rate limits, the service applies those of requests, tasks and task suites, and none per hour or day.
Nothing leaves this machine: no message is delivered and no webhook called.

The service shares no code with the client. Its protocol is taken from the Toloka API's OpenAPI documents, Toloka-Kit 1.2.3
and the Java SDK.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import operator
import os
import shutil
import sqlite3
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

try:
    from toloka_frames.local._server.dispatcher import Dispatcher
    from toloka_frames.local._server.server import Server
except ImportError as error:
    raise ImportError("The local service needs Starlette and uvicorn: pip install 'toloka_frames[local]'") from error

from toloka_frames.local._api.apps import offer_apps
from toloka_frames.local._api.attachments import attach
from toloka_frames.local._api.language_skills import offer_language_skills
from toloka_frames.local._base.tracebacks import ShortTracebacks
from toloka_frames.local._faults.exchange import Request
from toloka_frames.local._faults.fault_plan import Fault, FaultPlan
from toloka_frames.local._faults.faults import Faults
from toloka_frames.local._server.scheduler import run_due_jobs
from toloka_frames.local._simulation import example_forms
from toloka_frames.local._simulation.exports import load_export
from toloka_frames.local._simulation.idle_crowd import why_idle
from toloka_frames.local._simulation.live_work import call_back_from_every_pool, send_to_every_pool, start_live_work
from toloka_frames.local._simulation.not_simulated import not_simulated
from toloka_frames.local._simulation.past_work import answer_pool
from toloka_frames.local._simulation.work import Crowd
from toloka_frames.local._store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    import pandas as pd

    from toloka_frames._client.client import AsyncTolokaClient, BaseClient, TolokaClient
    from toloka_frames._schema.row import Row
    from toloka_frames.local._simulation.workers import Worker

__all__ = ["Fault", "Faults", "LocalToloka", "Request"]


class LocalToloka:
    """A local Toloka service, for trials and tests without an account or money; nothing leaves this machine.

    Use it as `with LocalToloka() as toloka: client = toloka.client()`, or call `start()` and `close()`. It responds
    only to requests whose Host header is its own: 127.0.0.1, localhost or [::1] with its port.

    Args:
        path: A file for the state, which then survives a restart; only its owner can read it. By default a temporary file,
            deleted at the end.
        port: The port on 127.0.0.1; with 0 the system chooses one.
        token: The token that clients must send. By default the one stored in the file, or a new one.
        operation_seconds: Duration of operations and of labelling, in seconds.
        balance: The balance of the account, in US dollars; accepted assignments and bonuses are paid from it. A file that has
            a state keeps its balance.
        live_speed: Let simulated Tolokers work live on every open pool and training, this number of times as fast as people.
            By default, they work where `answer` sends them.

    Attributes:
        faults: Plans faults, to test how your code handles them.

    Example:
        >>> with LocalToloka() as toloka:
        ...     client = toloka.client()
        ...     print(len(client.get_projects().to_dataframe()))
        0
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        port: int = 0,
        token: str | None = None,
        operation_seconds: float = 0.2,
        balance: float = 1000.0,
        live_speed: float | None = None,
    ) -> None:
        self._path = path
        self._port = port
        self._token = token
        self._operation_seconds = operation_seconds
        self._balance = balance
        self._live_speed = live_speed
        self._running: _RunningService | None = None
        self._warned: set[str] = set()
        self._plan = FaultPlan()
        self.faults = Faults(self._plan)

    def __repr__(self) -> str:
        return f"<LocalToloka at {self.url}>" if self._running else "<LocalToloka that is not running>"

    @ShortTracebacks()
    def start(self) -> Self:
        """Start the service, if it is not running.

        Raises:
            OSError: If the port is in use, the file cannot hold the state, or another service is using the file.

        Example:
            >>> toloka = LocalToloka().start()
            >>> toloka.client().get_projects().to_dataframe().empty
            True
            >>> toloka.close()
        """
        if self._running is None:
            self._running = _RunningService(self._path, self._port, self._token, self._operation_seconds, self._plan)
            with self._running.store.transaction():
                self._prepare(self._running.store)
        return self

    def _prepare(self, store: Store) -> None:
        store.setting("balance", str(self._balance))
        if self._live_speed is None:
            call_back_from_every_pool(store)
        else:
            send_to_every_pool(store, Crowd(), self._live_speed)

    def close(self) -> None:
        """Stop the service and close the clients that `client()` made; delete a temporary state, keep a given file.

        Example:
            >>> toloka.close()
        """
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def _service(self) -> _RunningService:
        if self._running is None:
            raise RuntimeError("The local service is not running: use it in a with statement, or call start()")
        return self._running

    @property
    def url(self) -> str:
        """The URL of the service, such as `http://127.0.0.1:40123`.

        Example:
            >>> toloka.url.startswith("http://127.0.0.1:")
            True
        """
        return self._service.server.url

    @property
    def token(self) -> str:
        """The token that clients must send, as an ApiKey or an OAuth token.

        Example:
            >>> client = tf.TolokaClient(toloka.token, url=toloka.url)
            >>> client.get_pool(pool.id).status
            'CLOSED'
        """
        return self._service.token

    @property
    def requests(self) -> list[Request]:
        """The latest 10,000 requests since the start, oldest first, including those whose response a fault suppressed.

        Example:
            >>> status = client.get_pool(pool.id).status
            >>> toloka.requests[-1].method, toloka.requests[-1].status
            ('GET', 200)
        """
        return list(self._service.dispatcher.requests)

    def client(self, **options: Any) -> TolokaClient:
        """Return a client of this service, which `close()` closes too; `options` are those of `TolokaClient`.

        Without `proxy=` it never uses a proxy, whatever the variables of the machine say.

        Example:
            >>> client = toloka.client(retries=2)
            >>> client.get_pool(pool.id).status
            'CLOSED'
        """
        from toloka_frames._client.client import TolokaClient  # noqa: PLC0415  # the service works without the client

        client = TolokaClient(**({"token": self.token, "url": self.url} | options))
        self._service.clients.add(client)
        return client

    def async_client(self, **options: Any) -> AsyncTolokaClient:
        """Return a client of this service whose calls are coroutines; otherwise as `client`.

        Example:
            >>> client = toloka.async_client()
            >>> requester = await client.get_requester()
        """
        from toloka_frames._client.client import AsyncTolokaClient  # noqa: PLC0415  # the service works without the client

        client = AsyncTolokaClient(**({"token": self.token, "url": self.url} | options))
        self._service.clients.add(client)
        return client

    @ShortTracebacks()
    def example_pool(self, control_tasks: int = 0) -> Row:
        """Create a project and a pool to try things with, and return the pool as `client.get_pool` returns it.

        A task has an input field `image` (a URL) and an output field `result` ("cat" or "dog"), and gets three answers. A page
        has five tasks and pays 0.02 dollars; answers are accepted automatically. The pool has no tasks yet and is not open:
        `open_pool=True` opens it when its tasks are created.

        Args:
            control_tasks: The number of tasks on each page whose answer is known (0 to 4), for `tf.quality` and the like. With
                1 or more, create tasks with a value in `GOLDEN:result`, too.

        Raises:
            ValueError: If `control_tasks` is not such a number.

        Example:
            >>> import pandas as pd
            >>> import toloka_frames as tf
            >>> from toloka_frames.local import LocalToloka
            >>> toloka = LocalToloka().start()
            >>> client = toloka.client()
            >>> pool = toloka.example_pool()
            >>> images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(10)]})
            >>> results = images.pipe(
            ...     tf.create_tasks, client, pool_id=pool.id, allow_defaults=True, open_pool=True, progress=False
            ... )
            >>> toloka.answer(pool.id)
            6
            >>> len(client.get_assignments(pool_id=pool.id).to_dataframe())
            30
            >>> toloka.close()
        """
        with self.client() as client:
            form = example_forms.pool_form(control_tasks)
            project = client.create_project(example_forms.PROJECT)
            return client.create_pool(form | {"project_id": project.id})

    @ShortTracebacks()
    def load_export(self, source: str | os.PathLike[str] | pd.DataFrame) -> str:
        """Create a project and a closed pool with tasks, suites and assignments from a pool-result export.

        Ids, timestamps, statuses and rewards are those of the export. Every field has the type string and the text of its
        cell as value; an empty cell is a missing value.

        Args:
            source: The platform's TSV file, or a DataFrame with the same columns.

        Returns:
            The id of the pool.

        Raises:
            ValueError: If a required column is missing, or the service already has these ids.

        Example:
            >>> answers = client.get_assignments(pool.id).to_dataframe().drop(columns="extra")
            >>> with LocalToloka() as other:
            ...     pool_id = other.load_export(answers.dropna(axis="columns", how="all"))
            ...     len(other.client().get_tasks(pool_id).to_dataframe())
            9
        """
        return load_export(self._store_up_to_date(), source)

    @ShortTracebacks()
    def answer(
        self,
        pool_id: str | int | Mapping[str, Any],
        workers: int = 20,
        accuracy: float = 0.9,
        seed: int = 0,
        *,
        dropouts: float = 0.0,
        live: bool = False,
        speed: float = 1.0,
        solve: Callable[[Row, Worker], Mapping[str, Any]] | None = None,
    ) -> int:
        """Let simulated Tolokers work on an open pool or training until it is complete or no worker may continue.

        Every task has a hidden true answer that depends on its input values (for a control task, its known solution). Each
        worker has an own accuracy, the probability of the true answer, and an own speed. The same tasks, created in the same
        order, get the same answers in every service.

        The work has happened when the call returns: it takes the time that people take, and ends now. Work that follows
        earlier work in the pool starts after that, and is faster if the time between is too short for it.

        With `live`, the call returns at once, and the work happens from now on, whenever the pool is open: pages are ACTIVE
        while a worker has them. It goes on until the service ends, with a file also after a restart, but then without `solve`.
        A page that `solve` fails on is skipped, and the log has the error. Another call with the same `seed` replaces the
        workers; `workers=0` sends them away.

        Args:
            pool_id: The pool or training: its id or its object.
            workers: Number of Tolokers; each does a task at most once.
            accuracy: The mean of the workers' accuracies, from 0 to 1.
            seed: Another seed gives other Tolokers, who make other mistakes.
            dropouts: The share of pages, from 0 to 1, that workers do not finish: half of them are skipped, half expire.
            live: Whether the work happens from now on, over real seconds.
            speed: Of live work, how many times as fast as people the workers are.
            solve: Called with the row of a task and the worker (`id`, `accuracy`, `pace`), returns the output values as a dict.
                A value of a field of type `file` is bytes or a `pathlib.Path`, which becomes an attachment, or the id of an
                attachment that exists; of `array_file` a list of them. By default, workers attach a small picture.

        It warns once of each pool that uses what is not simulated (a list is on the page "Simulated Tolokers" of the docs), and
        if tasks wait for answers, and no worker may do one: because each has done them, or is kept out.

        Returns:
            The number of assignments created; with `live` 0, because they come later.

        Raises:
            ValueError: If the pool does not exist or, without `live`, is not open, an argument is out of its range, or `solve`
                returns values that the project does not allow. Then nothing is created, as after any error of `solve`.
            OSError: If a file that `solve` returns cannot be read; it names the path.

        Example:
            >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=2, open_pool=True)
            >>> toloka.answer(pool.id, workers=5, accuracy=0.8)
            2
        """
        pool_id = str(pool_id["id"] if isinstance(pool_id, Mapping) else pool_id)
        # numbers of NumPy, too
        crowd = Crowd(operator.index(workers), float(accuracy), operator.index(seed), float(dropouts))
        store = self._store_up_to_date()
        if solve:
            solve = _with_attributes(solve)
        with store.transaction():
            self._warn(not_simulated(store, pool_id), pool_id)
            if live:
                start_live_work(store, pool_id, crowd, float(speed), solve)
                return 0
            work = answer_pool(store, pool_id, crowd, solve)
            idle = why_idle(store, pool_id, work)
        if idle:
            warnings.warn(idle, stacklevel=3)  # this method, and its decorator
        return work.created

    def _warn(self, message: str, pool_id: str) -> None:
        """Warn once of what a pool uses."""
        if message and pool_id not in self._warned:
            self._warned.add(pool_id)
            warnings.warn(message, stacklevel=4)

    @ShortTracebacks()
    def attach(self, assignment_id: str, name: str, data: bytes, *, media_type: str = "application/octet-stream") -> str:
        """Attach a file to an assignment, as its Toloker would.

        Args:
            assignment_id: The assignment.
            name: The file's name.
            data: The file's content.
            media_type: The media type of the content.

        Returns:
            The id of the attachment, the value that an output field of type `file` would have.

        Raises:
            ValueError: If the assignment does not exist.

        Example:
            >>> attachment_id = toloka.attach(assignment.id, "cat.jpg", b"...", media_type="image/jpeg")
            >>> client.get_attachment(attachment_id).media_type
            'image/jpeg'
        """
        return attach(self._store_up_to_date(), assignment_id, name, data, media_type)

    def _store_up_to_date(self) -> Store:
        store = self._service.store
        run_due_jobs(store)
        return store


def _with_attributes(solve: Callable[[Row, Worker], Mapping[str, Any]]) -> Callable[[Any, Worker], Mapping[str, Any]]:
    """Return `solve` for plain dicts: it gets a task as the client returns it, whose keys are attributes, too."""
    from toloka_frames._schema.row import Row  # noqa: PLC0415  # the service works without the client

    return lambda task, worker: solve(json.loads(json.dumps(task), object_hook=Row), worker)


class _RunningService:
    """The parts of a service that exist between start and close."""

    def __init__(
        self, path: str | os.PathLike[str] | None, port: int, token: str | None, operation_seconds: float, plan: FaultPlan
    ) -> None:
        self._process = os.getpid()
        self._folder = None if path else tempfile.mkdtemp(prefix="toloka-local-")
        self.clients = weakref.WeakSet["BaseClient"]()
        try:
            self.store = _open_store(path or Path(self._folder or "") / "toloka.db", operation_seconds)
            self._serve(port, token, plan)
        except OSError:
            self._delete_folder()
            raise
        _running_services.add(self)

    def _serve(self, port: int, token: str | None, plan: FaultPlan) -> None:
        self.token = self.store.save_token(token)
        offer_apps(self.store)
        offer_language_skills(self.store)
        self.dispatcher = Dispatcher(self.store, self.token, plan)
        try:
            self.server = Server(self.dispatcher, port)
        except OSError:
            # otherwise the file stays locked while this object lives
            self.store.close()
            raise

    def close(self) -> None:
        _running_services.discard(self)
        if self._process != os.getpid():
            return  # in a forked child: the service belongs to the parent
        # the server first, because requests in progress use the store and may still receive their responses
        self.server.close()
        self.store.close()
        self._close_clients()
        self._delete_folder()

    def _close_clients(self) -> None:
        clients = list(self.clients)
        if not clients:
            return
        import toloka_frames as tf  # noqa: PLC0415  # the service works without the client

        try:
            tf.run(_close_all(clients))
        except tf.LoopError:
            # inside tf.run(...), where waiting would block the loop that closes them
            asyncio.run_coroutine_threadsafe(_close_all(clients), asyncio.get_running_loop())

    def _delete_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _open_store(path: str | os.PathLike[str], operation_seconds: float) -> Store:
    try:
        return Store(os.fspath(path), operation_seconds)
    except sqlite3.Error as error:
        # not by isinstance, because a full disk is an OperationalError too
        busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
        why = "another service is using it" if busy else error
        raise OSError(f"{path} cannot hold the state: {why}") from error


async def _close_all(clients: Iterable[BaseClient]) -> None:
    for client in clients:
        await client.service.aclose()


_running_services: set[_RunningService] = set()


@atexit.register
def _close_running_services() -> None:
    """Close at exit the services that nobody closed."""
    for service in list(_running_services):
        service.close()

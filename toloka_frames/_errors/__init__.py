"""The errors of the package. Every message says what happened; a hint says what to do.

TolokaError
├── ConfigurationError     the client's token, environment or url is missing or not valid (also a ValueError)
├── InputError             an argument, a column or a row is not valid (also a ValueError)
│   ├── RowsAlreadyCreated  another upload has created rows like these
│   └── PriceExceeded      the rows cost more than max_price
├── LoopError              a synchronous call is not possible in the running event loop (also a RuntimeError)
├── ConnectionFailed       no response to a request that is safe to repeat
├── OutcomeUnknown         no response to a request that must not be repeated
├── ApiError               the service responded with an error
│   ├── BadAnswer          the response is not valid
│   ├── ValidationFailed   400
│   ├── AuthenticationFailed  401
│   ├── AccessDenied       403
│   ├── NotFound           404
│   ├── Conflict           409
│   ├── TooLarge           413
│   └── QuotaExceeded      429
├── ScanInterrupted        a pull stopped before the end of the list
├── CloneInterrupted       a project was cloned only in part
├── OperationFailed        an operation ended with FAIL
├── OperationTimeout       an operation did not end in time (also a TimeoutError)
├── PoolFailed             a pool that was waited for will not be completed
├── PoolTimeout            a pool was not completed in time (also a TimeoutError)
├── LedgerError            the ledger of uploads cannot be read or written
├── CopyError              a folder of parts cannot be resumed, or differs from its manifest
├── CursorError            the cursor of `tf.follow` is in use, that of something else, damaged, or cannot be written
├── WriteFailed            a file cannot be written (also an OSError)
└── UploadError            not every row of an upload was created

UploadInterrupted          an upload was stopped (a KeyboardInterrupt, which `except Exception` does not catch)
UploadCancelled            the same in async code (an asyncio.CancelledError)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from toloka_frames._errors.tracebacks import ShortTraceback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd


class TolokaError(ShortTraceback, Exception):
    """The base class of the package's errors.

    A printed traceback has the caller's lines and one line of this package, and not the cause, which the message states;
    with the environment variable TOLOKA_FRAMES_TRACEBACK=full it has everything. `__cause__` is the cause in either case.

    Attributes:
        hint: What to do about it, or "".
        may_have_taken_effect: Whether a request that changes something may have taken effect, in the last attempt or an earlier
            one. False if the service itself rejected every attempt (4xx with its error body), or none reached it.

    Example:
        >>> try:
        ...     client.get_pool("1")
        ... except tf.TolokaError as error:
        ...     print(error.hint)
        Check the id, and that it belongs to this environment and account.
    """

    may_have_taken_effect: bool = False
    earlier_attempt_may_have: bool = False  # the same for the attempts before the last one

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # without the cause, as Python pickles errors
        return _restore, (type(self), self.args, {name: value for name, value in vars(self).items() if name != "_cause"})


def _restore(kind: type[TolokaError], args: tuple[Any, ...], attributes: dict[str, Any]) -> TolokaError:
    """Return an unpickled error; its class cannot be called, because it requires keyword arguments."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class ConfigurationError(TolokaError, ValueError):
    """The client's token, environment or url is missing or not valid, or they do not fit together.

    Example:
        >>> try:
        ...     tf.TolokaClient("a token", retries=0)
        ... except tf.ConfigurationError as error:
        ...     print(error)
        retries=0: the number of attempts is at least 1.
    """


class InputError(TolokaError, ValueError):
    """An argument, a column or a row is not valid; nothing was sent.

    Attributes:
        column: The name of the column or parameter, or None.
        rows: Positions (from 0) of the first wrong rows; empty if the error is not about rows.

    Example:
        >>> try:
        ...     client.get_tasks(pool.id, created_gte="yesterday")
        ... except tf.InputError as error:
        ...     print(error.column)
        created_gte
    """

    def __init__(self, message: str, *, column: str | None = None, rows: Sequence[int] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.rows = tuple(rows)


class RowsAlreadyCreated(InputError):
    """Rows of an upload are like rows that another upload has created or may have created; nothing was sent.

    Attributes:
        column: None.
        rows: Positions (from 0) of these rows.
        upload_ids: The names of the other uploads in the ledger.
        since: When the first of them was begun (UTC).

    Example:
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
        >>> try:
        ...     df.head(2).pipe(tf.create_tasks, client, pool.id, overlap=3)
        ... except tf.RowsAlreadyCreated as error:
        ...     print(error.rows)
        (0, 1)
    """

    def __init__(
        self, message: str, *, rows: Sequence[int], upload_ids: Sequence[str], since: datetime, hint: str = ""
    ) -> None:
        super().__init__(message, rows=rows, hint=hint)
        self.upload_ids = tuple(upload_ids)
        self.since = since


class PriceExceeded(InputError):
    """The rows of an upload cost more than its `max_price`, or their price is not known; nothing was sent.

    Attributes:
        column: "max_price".
        rows: Empty.
        price: The rewards in US dollars, without the platform's fee; None if they are not known.
        max_price: The limit, in US dollars.

    Example:
        >>> try:
        ...     df.pipe(tf.create_tasks, client, pool.id, overlap=3, max_price=0.10)
        ... except tf.PriceExceeded as error:
        ...     print(error.price)
        0.15
    """

    def __init__(self, message: str, *, price: float | None, max_price: float, hint: str = "") -> None:
        super().__init__(message, column="max_price", hint=hint)
        self.price = price
        self.max_price = max_price


class LoopError(TolokaError, RuntimeError):
    """A synchronous call is not possible in the event loop that is running.

    Example:
        >>> async def work():
        ...     return client.get_pool(pool.id)  # in async code: await client.calls.get_pool(pool.id)
        >>> try:
        ...     tf.run(work())
        ... except tf.LoopError:
        ...     print("an ordinary call in a coroutine of tf.run")
        an ordinary call in a coroutine of tf.run
    """


class ConnectionFailed(TolokaError):
    """No response arrived after all retries. A request that changes something was not sent, or is safe to repeat.

    Example:
        >>> client = tf.TolokaClient("a token", url="http://127.0.0.1:1", retries=1)
        >>> try:
        ...     client.get_requester()
        ... except tf.ConnectionFailed as error:
        ...     print(error.may_have_taken_effect)
        False
    """


class OutcomeUnknown(TolokaError):
    """A request without an idempotency key was sent and no response arrived, so it may have taken effect.

    Example:
        >>> fault = toloka.faults.lose_reply("POST /v1/skills")
        >>> try:
        ...     client.create_skill(name="Dog expert")
        ... except tf.OutcomeUnknown:
        ...     print(len(client.get_skills("Dog expert").to_dataframe()))
        1
    """

    may_have_taken_effect = True


class ApiError(TolokaError):
    """The service responded with an error.

    Attributes:
        status: HTTP status code.
        code: The service's own code, such as `DOES_NOT_EXIST`; None if the response has none.
        request_id: The id to quote to Toloka's support; None if the response has none.
        payload: Details, as the service sent them.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds until then, if the response says so; else None.

    Example:
        >>> try:
        ...     client.get_pool("1")
        ... except tf.ApiError as error:
        ...     print(error.status, error.code)
        404 DOES_NOT_EXIST

    Source: Toloka API, "HTTP status codes".
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        payload: Any = None,
        retryable: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.payload = payload
        self.retryable = retryable
        self.retry_after: float | None = None


class BadAnswer(ApiError):
    """The response is not valid: a proxy's HTML page, an empty body, truncated JSON, an unexpected shape, or a redirect.

    Attributes:
        fault: What is wrong with the body, as a clause: "the byte 0xff at position 17 is not UTF-8"; "" if all of it is.
        position: The byte of the body where that is; None if there is none.
        row: The position (from 0) of the faulty row on its page; None if the fault is not in a row.
        row_id: The id of that row, if it is known.
        location: Where a redirect leads, without credentials and query; None for other responses.

    Example:
        >>> fault = toloka.faults.answer(304, "GET /v1/requester", code="NOT_MODIFIED")
        >>> try:
        ...     client.get_requester()
        ... except tf.BadAnswer as error:
        ...     print(error.status)
        304
    """

    fault: str = ""
    position: int | None = None
    row: int | None = None
    row_id: str | None = None
    location: str | None = None


class ValidationFailed(ApiError):
    """400: the request is malformed or has invalid values; `payload` maps fields to reasons.

    Example:
        >>> try:
        ...     client.create_skill(skill_ttl_hours=5)
        ... except tf.ValidationFailed as error:
        ...     print(error.payload["name"]["code"])
        VALUE_REQUIRED
    """


class AuthenticationFailed(ApiError):
    """401: the token is not valid.

    Example:
        >>> try:
        ...     tf.TolokaClient("a wrong token", url=toloka.url).get_requester()
        ... except tf.AuthenticationFailed as error:
        ...     print(error.status)
        401
    """


class AccessDenied(ApiError):
    """403: the token is valid, but does not permit this request.

    Example:
        >>> fault = toloka.faults.answer(403, "GET /v1/requester")
        >>> try:
        ...     client.get_requester()
        ... except tf.AccessDenied as error:
        ...     print(error.code)
        ACCESS_DENIED
    """


class NotFound(ApiError):
    """404: the object or the path does not exist.

    Example:
        >>> try:
        ...     client.get_pool("1")
        ... except tf.NotFound as error:
        ...     print(error.status)
        404
    """


class Conflict(ApiError):
    """409: the state of the object does not allow the request.

    Example:
        >>> empty = client.clone_pool(pool.id)
        >>> try:
        ...     client.open_pool(empty.id)
        ... except tf.Conflict as error:
        ...     print(error.code)
        EMPTY_POOL
    """


class TooLarge(ApiError):
    """413: the request has too many rows or bytes.

    Example:
        >>> tasks = [{"pool_id": pool.id, "input_values": {"image": f"https://example.com/{row}"}} for row in range(10_001)]
        >>> try:
        ...     client.create_tasks(tasks, allow_defaults=True)
        ... except tf.TooLarge as error:
        ...     print(error.status)
        413
    """


class QuotaExceeded(ApiError):
    """429: a quota is used up.

    Attributes:
        interval: The interval of the quota: "MIN", "HOUR" or "DAY"; None for the limit of requests per second.
        retry_at: When to try again (UTC).

    Example:
        >>> fault = toloka.faults.answer(429, "POST /v1/skills", interval="DAY")
        >>> try:
        ...     client.create_skill(name="Dog expert")
        ... except tf.QuotaExceeded as error:
        ...     print(error.interval)
        DAY
    """

    interval: str | None = None
    retry_at: datetime | None = None


class ScanInterrupted(TolokaError):
    """A pull stopped before the end of the list.

    Attributes:
        cursor: The id of the last row that was handed over; `id_gt=cursor` resumes after it. None if no row was.
        rows: The number of rows received.

    Example:
        >>> fault = toloka.faults.answer(403, "GET /v1/tasks", nth=2)
        >>> try:
        ...     client.get_tasks(pool.id, batch_size=5).to_dataframe()
        ... except tf.ScanInterrupted as error:
        ...     print(error.rows)
        5
    """

    def __init__(self, message: str, *, cursor: str | None, rows: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cursor = cursor
        self.rows = rows


class CloneInterrupted(TolokaError):
    """A project was cloned only in part; the cause of the error says why.

    Attributes:
        made: The objects created so far: `{"project": {...}, "trainings": [...], "pools": [...]}`. If `may_have_taken_effect`
            is true, one more training or pool may exist.

    Example:
        >>> fault = toloka.faults.answer(403, "POST /v1/pools")
        >>> try:
        ...     client.clone_project(project.id)
        ... except tf.CloneInterrupted as error:
        ...     print(error.made.project.public_name, error.made.pools)
        Cats or dogs []
    """

    def __init__(self, message: str, *, made: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.made = made


class OperationFailed(TolokaError):
    """An operation ended with FAIL.

    Attributes:
        operation: The operation, as the service returns it.

    Example:
        >>> fault = toloka.faults.fail_operation("POST /v1/pools/*/open")
        >>> try:
        ...     client.open_pool(pool.id)
        ... except tf.OperationFailed as error:
        ...     print(error.operation.status)
        FAIL
    """

    def __init__(self, message: str, *, operation: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class OperationTimeout(TolokaError, TimeoutError):
    """An operation did not end in time; the service continues it.

    Attributes:
        operation: The operation, as last returned by the service.

    Example:
        >>> with LocalToloka(operation_seconds=60) as toloka:
        ...     client = toloka.client()
        ...     operation = client.archive_project_async(client.create_project(project).id)
        ...     try:
        ...         client.wait_operation(operation, timeout=0.01)
        ...     except tf.OperationTimeout as error:
        ...         print(error.operation.type)
        PROJECT.ARCHIVE
    """

    def __init__(self, message: str, *, operation: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class PoolFailed(TolokaError):
    """A pool that was waited for is closed although it is not complete: `tf.wait_pool`.

    Attributes:
        pool_id: The pool's id.
        status: The pool's status, "CLOSED" or "ARCHIVED".
        reason: Its `last_close_reason`, for example "NOT_ENOUGH_BALANCE"; None for a pool that was never opened.

    Example:
        >>> try:
        ...     tf.wait_pool(client, suite_pool)
        ... except tf.PoolFailed as error:
        ...     print(error.status, error.reason)
        CLOSED None
    """

    def __init__(self, message: str, *, pool_id: str, status: str, reason: str | None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pool_id = pool_id
        self.status = status
        self.reason = reason


class PoolTimeout(TolokaError, TimeoutError):
    """Pools were not completed in time; Tolokers continue to work on them.

    Attributes:
        pool_ids: The ids of the pools that are not complete.

    Example:
        >>> suite_pool = client.open_pool(suite_pool)
        >>> try:
        ...     tf.wait_pool(client, [pool, suite_pool], timeout=0.5, progress=False)
        ... except tf.PoolTimeout as error:
        ...     print(error.pool_ids == (suite_pool.id,))
        True
    """

    def __init__(self, message: str, *, pool_ids: Sequence[str], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pool_ids = tuple(pool_ids)


class LedgerError(TolokaError):
    """The ledger of uploads cannot be read or written; without it, nothing more is sent.

    Attributes:
        path: The file of the ledger.

    Example:
        >>> path = Path("uploads.db")
        >>> path.write_text("not a ledger")
        12
        >>> try:
        ...     tf.uploads(ledger=path)
        ... except tf.LedgerError as error:
        ...     print(error.path.name)
        uploads.db
    """

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class CopyError(TolokaError):
    """A folder of parts cannot be resumed, or differs from its manifest; the folder is unchanged.

    Attributes:
        path: The folder.

    Example:
        >>> Path("tasks").mkdir()
        >>> try:
        ...     tf.verify("tasks")
        ... except tf.CopyError as error:
        ...     print(error.path.name)
        tasks
    """

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class CursorError(TolokaError):
    """The cursor of `tf.follow` is in use, is that of something else, is damaged, or cannot be written; it is unchanged.

    Attributes:
        path: The file.

    Example:
        >>> path = Path("answers.json")
        >>> path.write_text("not a cursor")
        12
        >>> try:
        ...     next(tf.follow(client.get_assignments(pool.id), cursor=path))
        ... except tf.CursorError as error:
        ...     print(error.path.name)
        answers.json
    """

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class WriteFailed(TolokaError, OSError):
    """A file cannot be written, for example because the disk is full. A file that was there before is unchanged.

    Attributes:
        path: The file.
        errno: The number of the operating system's error, such as `errno.ENOSPC`; None if it has none.

    Example:
        >>> try:
        ...     path = client.get_tasks(pool.id).to_parquet("tasks.parquet")
        ... except tf.WriteFailed as error:
        ...     print("The disk is full" if error.errno == 28 else error)
    """

    def __init__(self, message: str, *, path: Any, errno: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.errno = errno


class _UploadOutcome(ShortTraceback):
    """Mixin for errors with the results of an upload; `hint` is passed to `TolokaError`."""

    def __init__(self, message: str, *, results: pd.DataFrame, upload_id: str = "", **hint: str) -> None:
        super().__init__(message, **hint)
        self.results = results
        self.upload_id = upload_id


class UploadError(_UploadOutcome, TolokaError):
    """Not every row of an upload was created.

    Attributes:
        results: One row per input row, with the input's index, as `create_tasks` returns it.
        upload_id: The upload's id in the ledger, for `tf.resume` and `tf.reconcile`; "" if nothing was sent.

    Example:
        >>> bad = pd.DataFrame({"image": ["https://example.com/cat.jpg", "no link"]})
        >>> try:
        ...     results = bad.pipe(tf.create_tasks, client, pool.id, overlap=3, skip_invalid_items=True)
        ... except tf.UploadError as error:
        ...     results = error.results
        >>> results["status"].tolist()
        ['CREATED', 'INVALID']
    """


class UploadInterrupted(_UploadOutcome, KeyboardInterrupt):
    """An upload was stopped: Stop in a notebook, Ctrl+C in a terminal.

    Attributes:
        results: One row per input row, with the input's index, as `create_tasks` returns it.
        upload_id: The upload's id in the ledger, for `tf.resume` and `tf.reconcile`; "" if nothing was sent.

    Example:
        >>> try:
        ...     results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
        ... except tf.UploadInterrupted as stop:  # Ctrl-C, or Stop in a notebook
        ...     results = stop.results
        >>> results["status"].tolist()
        ['CREATED', 'CREATED', 'CREATED']
    """


class UploadCancelled(_UploadOutcome, asyncio.CancelledError):
    """An awaited upload was cancelled, for example by Stop in a notebook.

    Attributes:
        results: One row per input row, with the input's index, as `create_tasks` returns it.
        upload_id: The upload's id in the ledger, for `tf.resume` and `tf.reconcile`; "" if nothing was sent.

    Example:
        >>> try:
        ...     results = await df.pipe(tf.aio.create_tasks, client, pool.id, overlap=3)
        ... except tf.UploadCancelled as stop:
        ...     results = stop.results
        >>> results["status"].tolist()
        ['CREATED', 'CREATED', 'CREATED']
    """

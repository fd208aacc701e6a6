"""Facts about a failure come in, an exception that says what to do goes out.

TolokaError
├── ConfigurationError     the client cannot be made from what was given (also a ValueError)
├── InputError             a value, a column or a row cannot be sent (also a ValueError)
├── LoopError              an event loop stands where this call cannot go (also a RuntimeError)
├── ConnectionFailed       no answer came
├── OutcomeUnknown         no answer came to a request that must not be repeated
├── ApiError               the service answered with an error
│   ├── BadAnswer          the body is not what the API promises
│   ├── ValidationFailed   400
│   ├── AuthenticationFailed  401
│   ├── AccessDenied       403
│   ├── NotFound           404
│   ├── Conflict           409
│   ├── TooLarge           413
│   └── QuotaExceeded      429
├── ScanInterrupted        a pull ended half-way
├── CloneInterrupted       a project was cloned in part
├── OperationFailed        an operation ended with FAIL
├── OperationTimeout       an operation has not ended in time (also a TimeoutError)
├── LedgerError            the ledger of uploads cannot be read or written
├── CopyError              a folder of parts cannot be gone on with, or is not what its manifest says
└── UploadError            not every row of an upload was created

UploadInterrupted          Stop was pressed during an upload (a KeyboardInterrupt, so that `except Exception` lets it pass)
UploadCancelled            the same in async code (an asyncio.CancelledError)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd


class TolokaError(Exception):
    """The root of every error of this package.

    Attributes:
        hint: What to do about it, one sentence, or "".
        may_have_taken_effect: Whether a request that changes something may have done so, in the last of its tries or in one
            before; False when each was refused by the service (4xx) or never reached it.
    """

    may_have_taken_effect: bool = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[TolokaError], args: tuple[Any, ...], facts: dict[str, Any]) -> TolokaError:
    """An error as it was in another process."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


class ConfigurationError(TolokaError, ValueError):
    """The client cannot be made: token, environment and url do not fit together."""


class InputError(TolokaError, ValueError):
    """A value cannot be sent as it is; nothing was sent.

    Attributes:
        column: The column or parameter it is about, or None.
        rows: Positions (from 0) of the first rows it is about; empty when it is not about rows.
    """

    def __init__(self, message: str, *, column: str | None = None, rows: Sequence[int] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.rows = tuple(rows)


class LoopError(TolokaError, RuntimeError):
    """An ordinary call was made where an event loop makes it impossible."""


class ConnectionFailed(TolokaError):
    """No answer came, after all retries; a request that changes something was not begun or is safe to repeat."""


class OutcomeUnknown(TolokaError):
    """A request without an idempotency key was sent and its answer never came, so it may have taken effect."""

    may_have_taken_effect = True


class ApiError(TolokaError):
    """The service answered with an error (Toloka API, "HTTP status codes": request_id, code, message, payload).

    Attributes:
        status: HTTP status.
        code: The service's own code, as `DOES_NOT_EXIST`; None when the body held none.
        request_id: The id to give to Toloka's support; None when the body held none.
        payload: Details as the service sent them.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds until then, as the service said; None when it did not.
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
    """The body is not what the API promises: HTML of a proxy, no body, truncated JSON, another shape."""


class ValidationFailed(ApiError):
    """400: the request is malformed or holds invalid values; `payload` maps fields to reasons."""


class AuthenticationFailed(ApiError):
    """401: the token is not accepted."""


class AccessDenied(ApiError):
    """403: the token is good, but not for this."""


class NotFound(ApiError):
    """404: there is no such object or path."""


class Conflict(ApiError):
    """409: the object's state does not allow it."""


class TooLarge(ApiError):
    """413: too many rows or bytes in one request."""


class QuotaExceeded(ApiError):
    """429: a quota is used up.

    Attributes:
        interval: "MIN", "HOUR", "DAY", or None for the limit of requests a second.
        retry_at: When to come back (UTC).
    """

    interval: str | None = None
    retry_at: datetime | None = None


class ScanInterrupted(TolokaError):
    """A pull ended half-way.

    Attributes:
        cursor: The id of the last row that came; `id_gt=cursor` goes on behind it. None where several connections pulled.
        rows: How many rows of the list had come.
    """

    def __init__(self, message: str, *, cursor: str | None, rows: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cursor = cursor
        self.rows = rows


class CloneInterrupted(TolokaError):
    """A project was cloned in part; its cause says why it is not whole.

    Attributes:
        made: What is there: `{"project": {...}, "trainings": [...], "pools": [...]}`. Where `may_have_taken_effect`, one more
            training or pool may be there.
    """

    def __init__(self, message: str, *, made: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.made = made


class OperationFailed(TolokaError):
    """An operation ended with FAIL.

    Attributes:
        operation: The operation as the service has it.
    """

    def __init__(self, message: str, *, operation: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class OperationTimeout(TolokaError, TimeoutError):
    """An operation has not ended in time; it goes on at the service.

    Attributes:
        operation: The operation as last seen.
    """

    def __init__(self, message: str, *, operation: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class LedgerError(TolokaError):
    """The ledger of uploads cannot be read or written; nothing more is sent without it.

    Attributes:
        path: The ledger's file.
    """

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class CopyError(TolokaError):
    """A folder of parts cannot be gone on with, or is not what its manifest says; it is left as it is.

    Attributes:
        path: The folder.
    """

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class UploadError(TolokaError):
    """Not every row of an upload was created.

    Attributes:
        results: One row per input row, on the input's index, as `create_tasks` returns it.
        upload_id: The upload's name in the ledger, for `tf.resume` and `tf.reconcile`; "" when nothing was sent.
    """

    def __init__(self, message: str, *, results: pd.DataFrame, upload_id: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.results = results
        self.upload_id = upload_id


class UploadInterrupted(KeyboardInterrupt):
    """Stop was pressed during an upload.

    Attributes:
        results: One row per input row, on the input's index, as `create_tasks` returns it.
        upload_id: The upload's name in the ledger, for `tf.resume` and `tf.reconcile`; "" when nothing was sent.
    """

    def __init__(self, message: str, *, results: pd.DataFrame, upload_id: str = "") -> None:
        super().__init__(message)
        self.results = results
        self.upload_id = upload_id


class UploadCancelled(asyncio.CancelledError):
    """An awaited upload was cancelled, as Stop does in a notebook.

    Attributes:
        results: One row per input row, on the input's index, as `create_tasks` returns it.
        upload_id: The upload's name in the ledger, for `tf.resume` and `tf.reconcile`; "" when nothing was sent.
    """

    def __init__(self, message: str, *, results: pd.DataFrame, upload_id: str = "") -> None:
        super().__init__(message)
        self.results = results
        self.upload_id = upload_id

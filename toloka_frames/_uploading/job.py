"""A client and how to work with it come in, checked; what is done for the rows of a frame goes out: one result row for each."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from toloka_frames._client.client import AsyncTolokaClient
from toloka_frames._errors import InputError, UploadCancelled, UploadError, UploadInterrupted
from toloka_frames._runtime.event_loop import run, run_on_loop
from toloka_frames._validation import positive, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pandas as pd

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.results import Results


class RowJob(ABC):
    """What a verb has prepared, while it goes on; what is known of it can be read at any time.

    Attributes:
        upload_id: Its name in the ledger; "" until it is there, and for what needs none.
    """

    _results: Results

    def __init__(self, client: AsyncTolokaClient, concurrency: int, progress: ProgressArg) -> None:
        if not isinstance(client, AsyncTolokaClient):
            raise InputError(f"client is a {type(client).__name__}, not an AsyncTolokaClient.", column="client")
        validate("concurrency", positive, concurrency)
        self.upload_id = ""
        self._service: ApiClient = client.service
        self._concurrency = concurrency
        self._progress = progress

    @abstractmethod
    async def run(self) -> pd.DataFrame:
        """Do it, on the package's own loop; the results of all rows."""

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """What is known of each input row."""

    @abstractmethod
    def stop_message(self) -> str:
        """What to say when it was stopped."""

    def _raise_for_results(self, error: Exception | None, fine: set[str], hint: str) -> None:
        """Raise unless all went well and every row has one of these statuses."""
        if error or set(self._results.counts()) - fine:
            said = " ".join(filter(None, (self._results.summary(), self._results.commonest_error(), str(error or ""))))
            raise UploadError(said, results=self.frame(), upload_id=self.upload_id, hint=hint) from error


def ordinary(prepare: Callable[P, RowJob]) -> Callable[P, pd.DataFrame]:
    """The verb for ordinary code."""

    @wraps(prepare)
    def verb(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        upload = prepare(*args, **kwargs)
        try:
            return run(upload.run())
        except KeyboardInterrupt as stop:
            raise UploadInterrupted(upload.stop_message(), results=upload.frame(), upload_id=upload.upload_id) from stop

    return _told(verb, prepare)


def awaited(prepare: Callable[P, RowJob]) -> Callable[P, Coroutine[Any, Any, pd.DataFrame]]:
    """The verb for async code."""

    @wraps(prepare)
    async def verb(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        upload = prepare(*args, **kwargs)
        try:
            return await run_on_loop(upload.run())
        except asyncio.CancelledError as stop:
            raise UploadCancelled(upload.stop_message(), results=upload.frame(), upload_id=upload.upload_id) from stop

    verb.__module__ = "toloka_frames.aio"
    return _told(verb, prepare)


def _told(verb: F, prepare: Callable[..., RowJob]) -> F:
    """The same; the signature that editors and notebooks show says that a frame comes back."""
    verb.__signature__ = inspect.signature(prepare).replace(return_annotation="pd.DataFrame")  # type: ignore[attr-defined]
    return verb


P = ParamSpec("P")


F = TypeVar("F", bound="Callable[..., Any]")

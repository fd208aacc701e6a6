"""Calls come in, one for each row of a frame; each is made, and one result row for each input row goes out.

For what the service sets and changes one by one. Each call says what shall be there, so that it may be made twice: no ledger is
needed, and the same rows again end in the same state.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ApiError, Conflict, NotFound, ValidationFailed
from toloka_frames._runtime.progress import ProgressArg, showing
from toloka_frames._runtime.worker_pool import Crew
from toloka_frames._transport.responses import decoded
from toloka_frames._uploading.job import Work
from toloka_frames._uploading.results import Results, first_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._runtime.progress import Meter

# short calls, within the 300 a second that an account has
CONCURRENCY = 8
SAME_AGAIN = "`.results` of this error has a row for each input row; the same call again leaves what is done as it is."
ROW_ERRORS = (ValidationFailed, NotFound, Conflict)


@dataclass(frozen=True)
class Call:
    """What is asked for a row.

    Attributes:
        method: PUT or PATCH.
        path: Its path behind `/api`.
        content: JSON text of the body.
        reached: The status that the object has when an earlier try of a call that is refused now was heard; None for a PUT.
    """

    method: str
    path: str
    content: bytes
    reached: str | None = None


class Each(Work):
    """The calls of one frame."""

    def __init__(
        self,
        title: str,
        object_id: str,
        calls: Sequence[Call],
        index: pd.Index[int],
        *,
        skips: bool | None,
        client: AsyncTolokaClient,
        concurrency: int,
        progress: ProgressArg,
    ) -> None:
        super().__init__(client, concurrency, progress)
        self._title, self._calls, self._index = title, calls, index
        self._fine = {"DONE", "INVALID"} if skips else {"DONE"}
        self._results = Results(len(calls), object_id)

    async def go(self) -> pd.DataFrame:
        """Make all calls; raise when one was not heard."""
        with showing(self._progress, self._title, total=len(self._calls)) as meter:
            crew = Crew(meter)
            try:
                await crew.do(range(len(self._calls)), self._concurrency, lambda row, _: self._make(row, meter))
            except asyncio.CancelledError:
                meter.note = self.stopped()
                raise
            meter.note = self._results.summary()
            self._raise_for_results(crew.error, self._fine, SAME_AGAIN)
        return self.frame()

    def frame(self) -> pd.DataFrame:
        """What is known of each input row."""
        frame = self._results.frame(self._index, range(len(self._calls)))
        return frame.drop(columns=["operation_id", "chunk"])

    def stopped(self) -> str:
        """What to say when it was stopped."""
        return f"{self._results.summary()} Running the same cell again goes on."

    async def _make(self, row: int, meter: Meter) -> None:
        """One call; what is wrong with its row alone stops no other."""
        call = self._calls[row]
        # before it is sent: when a stop comes between, nobody knows
        self._results.put([row], status="UNKNOWN")
        try:
            answer = await self._service.send(call.method, call.path, content=call.content, repeatable=True)
            self._results.put([row], status="DONE", object_id=str(decoded(answer, dict).get("id")))
        except ROW_ERRORS as error:
            if not await self._was_heard(call, error):
                self._results.put([row], status="INVALID", **_told(error))
            else:
                self._results.put([row], status="DONE", object_id=call.path.rpartition("/")[2])
        except ApiError as error:
            if not error.may_have_taken_effect:
                self._results.put([row], status="FAILED", **_told(error))
            raise
        meter.rows += 1

    async def _was_heard(self, call: Call, error: ApiError) -> bool:
        """Whether an object is refused because it has the wanted status already."""
        if call.reached is None or not isinstance(error, Conflict):
            return False
        return bool((await self._service.get(call.path)).get("status") == call.reached)


def _told(error: ApiError) -> dict[str, Any]:
    if isinstance(error.payload, dict) and error.payload:
        return {"error_code": error.code, "error_message": str(error), **first_error(error.payload)}
    return {"error_code": error.code, "error_message": str(error)}

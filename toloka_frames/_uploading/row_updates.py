"""What a user wants set or judged row by row comes in, the calls that will do it go out, all checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import ApiError, Conflict, InputError, NotFound, ValidationFailed
from toloka_frames._runtime.progress import ProgressArg, track_progress
from toloka_frames._runtime.worker_pool import WorkerPool
from toloka_frames._transport.http import decode_json
from toloka_frames._uploading.cells import objects_of
from toloka_frames._uploading.frame_columns import members_of, reject_duplicates
from toloka_frames._uploading.job import RowJob
from toloka_frames._uploading.results import Results, first_error
from toloka_frames._validation import flag_or_none, path_part, reject_rows, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._runtime.progress import ProgressArg, ProgressTracker
# short calls, within the 300 a second that an account has
CONCURRENCY = 8


def set_user_skills(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> PerRowJob:
    """Set the skill of the user of each row of a frame; the same rows again leave it as it is.

    Args:
        df: Columns `user_id`, `skill_id` (text), `value` (a number from 0 to 100), and where wanted `reason` (text).
        client: The account.
        skip_invalid_items: Whether rows that the service refuses are told in the results in place of an error.
        concurrency: Requests in flight at once, of one row each.
        progress: As in `create_tasks`.

    Returns:
        A frame on df's index with string columns `status` (DONE, INVALID, FAILED, UNKNOWN, NOT_SENT), `user_skill_id`,
        `error_field`, `error_code`, `error_message`.

    Raises:
        InputError: A column or row cannot be sent; nothing was sent.
        UploadError: A row is not DONE; `.results` is the whole frame.
        UploadInterrupted: Stop was pressed; `.results` says what is known.

    Source: Toloka API, "Set skill" (at most 100,000 a day).
    """
    calls = skill_calls(df)
    return _each("user skills", "user_skill_id", calls, df, client, skip_invalid_items, concurrency, progress)


def set_user_restrictions(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> PerRowJob:
    """Keep the user of each row of a frame from a pool, a project, or all projects; the same rows again leave it as it is.

    Args:
        df: Columns `user_id`, `scope` ("POOL", "PROJECT", "ALL_PROJECTS"), with the scopes POOL and PROJECT `pool_id` or
            `project_id`, and where wanted `private_comment`, `will_expire` (text, UTC as 2026-12-31T00:00:00).
        client: The account.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: Requests in flight at once, of one row each.
        progress: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `user_restriction_id`; errors as there.

    Source: Toloka API, "Block access to tasks".
    """
    calls = restriction_calls(df)
    return _each("user restrictions", "user_restriction_id", calls, df, client, skip_invalid_items, concurrency, progress)


def accept_assignments(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    public_comment: str | None = None,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> PerRowJob:
    """Accept the assignment of each row of a frame, which pays its Toloker; what is accepted already stays so.

    Args:
        df: A column `assignment_id` (or `ASSIGNMENT:assignment_id`), and where wanted `public_comment` (2,048 characters).
        client: The account.
        public_comment: What all are told, where there is no such column.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: Requests in flight at once, of one row each.
        progress: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `assignment_id`; errors as there.

    Source: Toloka API, "Update task suite response".
    """
    calls = verdict_calls(df, "ACCEPTED", public_comment)
    return _each("assignments", "assignment_id", calls, df, client, skip_invalid_items, concurrency, progress)


def reject_assignments(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    public_comment: str | None = None,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> PerRowJob:
    """Reject the assignment of each row of a frame; what is rejected already stays so.

    Args:
        df: As in `accept_assignments`; the Toloker is told why in `public_comment`, which each needs.
        client: The account.
        public_comment: What all are told, where there is no such column.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: Requests in flight at once, of one row each.
        progress: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `assignment_id`; errors as there.

    Source: Toloka API, "Update task suite response".
    """
    # what is no frame is refused below
    if public_comment is None and isinstance(df, pd.DataFrame) and "public_comment" not in df.columns:
        raise InputError("A Toloker whose work is rejected is told why: give public_comment=, or a column of it.")
    calls = verdict_calls(df, "REJECTED", public_comment)
    return _each("assignments", "assignment_id", calls, df, client, skip_invalid_items, concurrency, progress)


def _each(
    title: str,
    object_id: str,
    calls: Sequence[Call],
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    skips: bool | None,
    concurrency: int,
    progress: ProgressArg,
) -> PerRowJob:
    validate("skip_invalid_items", flag_or_none, skips)
    return PerRowJob(title, object_id, calls, df.index, skips=skips, client=client, concurrency=concurrency, progress=progress)


# Toloka API, "Set skill" and "Block access to tasks"
SKILL_MEMBERS = {"user_id": "string", "skill_id": "string", "value": "float", "reason": "string"}
RESTRICTION_MEMBERS = {
    "scope": "string",
    "user_id": "string",
    "project_id": "string",
    "pool_id": "string",
    "private_comment": "string",
    "will_expire": "string",
}
VERDICT_MEMBERS = {"assignment_id": "string", "public_comment": "string"}
# SYSTEM is not among them: such a ban is the service's own (Toloka-Kit 1.2.3, code SYSTEM_SCOPE_MODIFICATION)
NEEDED_BY_SCOPE = {"ALL_PROJECTS": "user_id", "PROJECT": "project_id", "POOL": "pool_id"}
MOST_SKILL = 100  # Toloka API, UserSkill.exact_value


def skill_calls(frame: pd.DataFrame) -> list[Call]:
    """A call of each row that sets a user's skill.

    Raises:
        InputError: Something cannot be sent.
    """
    values = members_of(frame, SKILL_MEMBERS, ("user_id", "skill_id", "value"))
    reject_rows("value", values["value"], lambda value: not _is_share(value), f"is no number from 0 to {MOST_SKILL}")
    pairs = list(zip(values["user_id"], values["skill_id"], strict=True))
    reject_duplicates("user_id", pairs, "skill of the same user", "Give each user one value of a skill.")
    return _puts("/v1/user-skills", values, SKILL_MEMBERS)


def restriction_calls(frame: pd.DataFrame) -> list[Call]:
    """A call of each row that restricts a user; errors as in `skill_calls`."""
    values = members_of(frame, RESTRICTION_MEMBERS, ("user_id", "scope"))
    reject_rows(
        "scope", values["scope"], lambda scope: scope not in NEEDED_BY_SCOPE, f"is none of {', '.join(NEEDED_BY_SCOPE)}"
    )
    for scope, needed in NEEDED_BY_SCOPE.items():
        of_scope = zip(values["scope"], values.get(needed, [None] * len(frame)), strict=True)
        # a row of another scope passes with any value
        given = [value if each == scope else needed for each, value in of_scope]
        reject_rows(needed, given, lambda value: value is None, f"is missing, and the scope {scope} needs it")
    return _puts("/v1/user-restrictions", values, RESTRICTION_MEMBERS)


def verdict_calls(frame: pd.DataFrame, status: str, comment: str | None) -> list[Call]:
    """A call of each row that accepts or rejects an assignment; errors as in `skill_calls`."""
    if isinstance(frame, pd.DataFrame):
        frame = frame.rename(columns={"ASSIGNMENT:assignment_id": "assignment_id"})
    values = members_of(frame, VERDICT_MEMBERS, ("assignment_id",))
    ids = values["assignment_id"]
    reject_rows("assignment_id", ids, lambda each: not _is_id(each), "is no id of an assignment")
    hint = "An assignment has a row for each of its tasks: df.drop_duplicates('assignment_id')."
    reject_duplicates("assignment_id", ids, "assignment", hint)
    comments = values.get("public_comment", [comment] * len(ids))
    bodies = objects_of(
        {"public_comment": comments, "status": [status] * len(ids)}, {"public_comment": "string", "status": "string"}
    )
    return [Call("PATCH", f"/v1/assignments/{path_part(each)}", body, status) for each, body in zip(ids, bodies, strict=True)]


def _puts(path: str, values: Mapping[str, list[Any]], members: Mapping[str, str]) -> list[Call]:
    return [Call("PUT", path, content) for content in objects_of(values, members)]


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SKILL


def _is_id(value: Any) -> bool:
    try:
        path_part(value)
    except ValueError:
        return False
    return True


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


class PerRowJob(RowJob):
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

    async def run(self) -> pd.DataFrame:
        """Make all calls; raise when one was not heard."""
        with track_progress(self._progress, self._title, total=len(self._calls)) as meter:
            crew = WorkerPool(meter)
            try:
                await crew.do(range(len(self._calls)), self._concurrency, lambda row, _: self._make(row, meter))
            except asyncio.CancelledError:
                meter.note = self.stop_message()
                raise
            meter.note = self._results.summary()
            self._raise_for_results(crew.error, self._fine, SAME_AGAIN)
        return self.frame()

    def frame(self) -> pd.DataFrame:
        """What is known of each input row."""
        frame = self._results.frame(self._index, range(len(self._calls)))
        return frame.drop(columns=["operation_id", "chunk"])

    def stop_message(self) -> str:
        """What to say when it was stopped."""
        return f"{self._results.summary()} Running the same cell again goes on."

    async def _make(self, row: int, meter: ProgressTracker) -> None:
        """One call; what is wrong with its row alone stops no other."""
        call = self._calls[row]
        # before it is sent: when a stop comes between, nobody knows
        self._results.put([row], status="UNKNOWN")
        try:
            answer = await self._service.send(call.method, call.path, content=call.content, repeatable=True)
            self._results.put([row], status="DONE", object_id=str(decode_json(answer, dict).get("id")))
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

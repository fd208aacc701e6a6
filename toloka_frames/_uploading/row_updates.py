"""Update one object per row of a DataFrame: user skills, bans, accepted and rejected assignments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ApiError, Conflict, ConnectionFailed, InputError, NotFound, TolokaError, ValidationFailed
from toloka_frames._runtime.concurrency import WorkerPool
from toloka_frames._runtime.tracker import SENDING, track_progress
from toloka_frames._schema.row import Row
from toloka_frames._transport.auth import shown_content
from toloka_frames._transport.http import decode_json
from toloka_frames._transport.responses import bad_answer
from toloka_frames._uploading.fixed_columns import convert_objects, read_columns, reject_duplicates
from toloka_frames._uploading.results import Results, first_field_error
from toloka_frames._uploading.upload import RowJob, upload_verb
from toloka_frames._validation import check_frame, flag_or_none, path_part, reject_rows, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._runtime.tracker import ProgressTracker

# short calls; an account may make 300 requests a second (Toloka API, "Rate limiting")
CONCURRENCY = 8


@upload_verb
def set_user_skills(
    df: pd.DataFrame,
    client: BaseClient,
    *,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> PerRowJob:
    """Set a skill of the user of each row of a DataFrame; the same rows again change nothing.

    Args:
        df: Columns `user_id`, `skill_id` (text), `value` (a number from 0 to 100); optional column `reason` (text).
        client: The account.
        skip_invalid_items: Whether rows that the service rejects are only reported in the results, without an error.
        concurrency: The number of requests in flight at once, of one row each.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        A DataFrame with the index of `df` and string columns `status` (DONE, INVALID, FAILED, UNKNOWN, NOT_SENT),
        `user_skill_id`, `error_field`, `error_code`, `error_message`.

    Raises:
        InputError: If a column or row cannot be sent; nothing was sent.
        UploadError: If a row is not DONE; `.results` holds all rows.
        UploadInterrupted: If the call was stopped (Ctrl-C); `.results` holds what is known of all rows.

    Example:
        >>> skills = pd.DataFrame({"skill_id": [skill.id], "user_id": [user_id], "value": [92.5]})
        >>> results = skills.pipe(tf.set_user_skills, client)
        >>> results["status"].tolist()
        ['DONE']

    Source: Toloka API, "Set skill" (at most 100,000 a day).
    """
    df = check_frame(df)
    calls = skill_calls(df)
    return PerRowJob(SKILLS, calls, df.index, skip_invalid_items, client, concurrency, progress, timeout)


@upload_verb
def set_user_restrictions(
    df: pd.DataFrame,
    client: BaseClient,
    *,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> PerRowJob:
    """Ban the user of each row of a DataFrame from a pool, a project or all projects; the same rows again change nothing.

    Args:
        df: Columns `user_id`, `scope` ("POOL", "PROJECT", "ALL_PROJECTS"); `pool_id` for the scope POOL and `project_id` for
            the scope PROJECT; optional columns `private_comment`, `will_expire` (text, UTC as 2026-12-31T00:00:00).
        client: The account.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: The number of requests in flight at once, of one row each.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `user_restriction_id`; errors as there.

    Example:
        >>> bans = pd.DataFrame({"scope": ["PROJECT"], "user_id": [user_id], "project_id": [project.id]})
        >>> results = bans.pipe(tf.set_user_restrictions, client)
        >>> results["status"].tolist()
        ['DONE']

    Source: Toloka API, "Block access to tasks".
    """
    df = check_frame(df)
    calls = restriction_calls(df)
    return PerRowJob(RESTRICTIONS, calls, df.index, skip_invalid_items, client, concurrency, progress, timeout)


@upload_verb
def accept_assignments(
    df: pd.DataFrame,
    client: BaseClient,
    *,
    public_comment: str | None = None,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> PerRowJob:
    """Accept the assignment of each row of a DataFrame, which pays its Toloker; accepted ones stay accepted.

    Args:
        df: Column `assignment_id` (or `ASSIGNMENT:assignment_id`); optional column `public_comment` (2,048 characters).
        client: The account.
        public_comment: A comment for all Tolokers, if `df` has no such column.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: The number of requests in flight at once, of one row each.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `assignment_id`; errors as there.

    Example:
        >>> answers = client.get_assignments(pool.id, status="SUBMITTED").to_dataframe()
        >>> checked = pd.DataFrame({"assignment_id": answers["ASSIGNMENT:assignment_id"].unique()})
        >>> results = checked.pipe(tf.accept_assignments, client, public_comment="Thank you")
        >>> results["status"].tolist()
        ['DONE']

    Source: Toloka API, "Update task suite response".
    """
    df = check_frame(df)
    calls = verdict_calls(df, "ACCEPTED", public_comment)
    return PerRowJob(ASSIGNMENTS, calls, df.index, skip_invalid_items, client, concurrency, progress, timeout)


@upload_verb
def reject_assignments(
    df: pd.DataFrame,
    client: BaseClient,
    *,
    public_comment: str | None = None,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> PerRowJob:
    """Reject the assignment of each row of a DataFrame; rejected ones stay rejected.

    Args:
        df: As in `accept_assignments`, but each row needs a `public_comment`, the reason, which the Toloker sees.
        client: The account.
        public_comment: A comment for all Tolokers, if `df` has no such column.
        skip_invalid_items: As in `set_user_skills`.
        concurrency: The number of requests in flight at once, of one row each.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `set_user_skills`, with `assignment_id`; errors as there.

    Example:
        >>> answers = client.get_assignments(pool.id, status="SUBMITTED").to_dataframe()
        >>> wrong = pd.DataFrame({"assignment_id": answers["ASSIGNMENT:assignment_id"].unique()})
        >>> results = wrong.pipe(tf.reject_assignments, client, public_comment="The first photo is a dog")
        >>> results["status"].tolist()
        ['DONE']

    Source: Toloka API, "Update task suite response".
    """
    # anything but a DataFrame is rejected by verdict_calls
    df = check_frame(df)
    if public_comment is None and "public_comment" not in df.columns:
        raise InputError("A rejection needs a reason for the Toloker: give public_comment=, or a column public_comment.")
    calls = verdict_calls(df, "REJECTED", public_comment)
    return PerRowJob(ASSIGNMENTS, calls, df.index, skip_invalid_items, client, concurrency, progress, timeout)


@dataclass(frozen=True)
class UpdatedObject:
    """A type of object that is updated row by row.

    Attributes:
        name: Its plural name.
        id_column: The result column of its id.
    """

    name: str
    id_column: str


SKILLS = UpdatedObject("user skills", "user_skill_id")
RESTRICTIONS = UpdatedObject("user restrictions", "user_restriction_id")
ASSIGNMENTS = UpdatedObject("assignments", "assignment_id")

# Toloka API, "Set skill" and "Block access to tasks"
SKILL_TYPES = {"user_id": "string", "skill_id": "string", "value": "float", "reason": "string"}
RESTRICTION_TYPES = {
    "scope": "string",
    "user_id": "string",
    "project_id": "string",
    "pool_id": "string",
    "private_comment": "string",
    "will_expire": "string",
}
VERDICT_TYPES = {"assignment_id": "string", "public_comment": "string"}
# without SYSTEM: only the service itself sets such a ban (Toloka-Kit 1.2.3, code SYSTEM_SCOPE_MODIFICATION)
REQUIRED_BY_SCOPE = {"ALL_PROJECTS": "user_id", "PROJECT": "project_id", "POOL": "pool_id"}
MAX_SKILL = 100  # Toloka API, UserSkill.exact_value


@dataclass(frozen=True)
class RowCall:
    """The API call for a row.

    Attributes:
        method: PUT or PATCH.
        path: The path after `/api`.
        content: The JSON text of the body.
        fields: The fields that the object has once the call has taken effect.
    """

    method: str
    path: str
    content: bytes
    fields: Mapping[str, Any]

    @property
    def query(self) -> dict[str, str]:
        """The filters of the list in which the object is, for an object that is not requested by its id."""
        return {} if "id" in self.fields else {name: value for name, value in self.fields.items() if name != "value"}


def skill_calls(frame: pd.DataFrame) -> list[RowCall]:
    """Return the call of each row that sets a user's skill.

    Raises:
        InputError: If a value cannot be sent.
    """
    values = read_columns(frame, SKILL_TYPES, ("user_id", "skill_id", "value"))
    reject_rows("value", values["value"], lambda value: not _is_skill_value(value), f"is not a number from 0 to {MAX_SKILL}")
    pairs = list(zip(values["user_id"], values["skill_id"], strict=True))
    reject_duplicates("user_id", pairs, "skill of the same user", "Give each user one value of a skill.")
    return _put_calls("/v1/user-skills", values, SKILL_TYPES, [("user_id", "skill_id", "value")] * len(frame))


def restriction_calls(frame: pd.DataFrame) -> list[RowCall]:
    """Return the call of each row that bans a user; errors as in `skill_calls`."""
    values = read_columns(frame, RESTRICTION_TYPES, ("user_id", "scope"))
    values["scope"] = [scope.value if isinstance(scope, Enum) else scope for scope in values["scope"]]
    why = f"is not one of {', '.join(REQUIRED_BY_SCOPE)}"
    reject_rows("scope", values["scope"], lambda scope: scope not in REQUIRED_BY_SCOPE, why)
    for scope, required in REQUIRED_BY_SCOPE.items():
        rows = zip(values["scope"], values.get(required, [None] * len(frame)), strict=True)
        # a row of another scope passes with any value
        checked = [value if row_scope == scope else required for row_scope, value in rows]
        reject_rows(required, checked, lambda value: value is None, f"is missing, and the scope {scope} requires it")
    names = [("scope", "user_id", REQUIRED_BY_SCOPE[scope]) for scope in values["scope"]]
    return _put_calls("/v1/user-restrictions", values, RESTRICTION_TYPES, names)


def verdict_calls(frame: pd.DataFrame, status: str, comment: str | None) -> list[RowCall]:
    """Return the call of each row that accepts or rejects an assignment; errors as in `skill_calls`."""
    frame = frame.rename(columns={"ASSIGNMENT:assignment_id": "assignment_id"})
    values = read_columns(frame, VERDICT_TYPES, ("assignment_id",))
    ids = values["assignment_id"]
    hint = "An assignment has a row for each of its tasks: df.drop_duplicates('assignment_id')."
    reject_duplicates("assignment_id", ids, "assignment", hint)
    members = {"public_comment": values.get("public_comment", [comment] * len(ids)), "status": [status] * len(ids)}
    bodies = convert_objects(members, {"public_comment": "string", "status": "string"})
    paths = [f"/v1/assignments/{path_part(id_)}" for id_ in ids]
    fields = [{"id": id_, "status": status} for id_ in ids]
    return [RowCall("PATCH", *call) for call in zip(paths, bodies, fields, strict=True)]


def _put_calls(
    path: str, values: Mapping[str, list[Any]], types: Mapping[str, str], names: Sequence[Sequence[str]]
) -> list[RowCall]:
    """Return the call of each row, whose object then has the values of these columns."""
    contents = convert_objects(values, types)
    fields = [{name: values[name][row] for name in own_names} for row, own_names in enumerate(names)]
    return [RowCall("PUT", path, *call) for call in zip(contents, fields, strict=True)]


def _is_skill_value(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SKILL


REPEAT_HINT = "`.results` of this error has a row for each input row; the same call again does not change rows that are DONE."
# errors that concern the row alone, so that the other rows are still sent
ROW_ERRORS = (ValidationFailed, NotFound, Conflict)


class PerRowJob(RowJob):
    """One call for each row of a frame."""

    def __init__(
        self,
        updated: UpdatedObject,
        calls: Sequence[RowCall],
        index: pd.Index[int],
        skip_invalid_items: bool | None,
        client: BaseClient,
        concurrency: int,
        progress: ProgressArg,
        timeout: float | None,
    ) -> None:
        validate("skip_invalid_items", flag_or_none, skip_invalid_items)
        super().__init__(client, concurrency, progress, timeout)
        self._title, self._calls, self._index = updated.name, calls, index
        self._ok_statuses = {"DONE", "INVALID"} if skip_invalid_items else {"DONE"}
        self._results = Results(len(calls), updated.id_column)

    async def _run(self) -> None:
        """Make all calls and keep the results of all rows."""
        with track_progress(self._progress, self._title, total=len(self._calls)) as tracker:
            workers = WorkerPool(tracker)
            self._may_have_sent = True
            try:
                await workers.do(range(len(self._calls)), self._concurrency, lambda row, _: self._call(row, tracker))
            except asyncio.CancelledError:
                tracker.note = self.stop_message()
                raise
            tracker.note = self._results.summary()
            self._raise_for_results(workers.error, self._ok_statuses, REPEAT_HINT)

    def frame(self) -> pd.DataFrame:
        """Return what is known of each input row."""
        frame = self._results.frame(self._index, range(len(self._calls)))
        return frame.drop(columns=["operation_id", "chunk"])

    def stop_message(self) -> str:
        """Return the message for a job that was stopped."""
        return f"{self._results.summary()} Run the same cell again to continue."

    async def _call(self, row: int, tracker: ProgressTracker) -> None:
        """Make the call of a row; an error that concerns the row alone does not stop the others."""
        call = self._calls[row]
        # before it is sent: a stop during the request leaves its outcome unknown
        self._results.put([row], status="UNKNOWN")
        tracker.enter(SENDING, 1)
        try:
            id_: str | None = await self._send(call)
        except ConnectionFailed as error:
            if not error.may_have_taken_effect:
                self._results.put([row], status="NOT_SENT")
            raise
        except ApiError as error:
            # the rejection of a retry can show that an earlier attempt succeeded, and a proxy's response shows nothing
            id_ = await self._look_up(call) if error.may_have_taken_effect or isinstance(error, Conflict) else None
            if id_ is None:
                self._record_rejection(row, error)
        if id_ is not None:
            self._results.put([row], status="DONE", object_id=id_)
        tracker.settle(1)

    async def _send(self, call: RowCall) -> str:
        """Make a call; return the id of the object that it has changed."""
        response = await self._service.send(call.method, call.path, content=call.content, repeatable=True)
        changed = decode_json(response, Row)
        if not _has(changed, call.fields):
            error = bad_answer(
                response.status_code, shown_content(response), f"an object with {dict(call.fields)} was expected"
            )
            error.may_have_taken_effect = True
            raise error
        return str(changed["id"])

    async def _look_up(self, call: RowCall) -> str | None:
        """Return the id of the object that a call was to change if it is changed; None if it is not, or cannot be requested."""
        try:
            found = await self._service.get(call.path, query=call.query)
        except TolokaError:  # the error of the call itself is more useful
            return None
        rows = [found] if "id" in call.fields else found.get("items")
        matching = [row for row in rows if _has(row, call.fields)] if isinstance(rows, list) else []
        return str(matching[0]["id"]) if matching else None

    def _record_rejection(self, row: int, error: ApiError) -> None:
        """Record the error of a row that was not changed.

        Raises:
            ApiError: The same error, unless the service itself reports it for this row alone; the row is UNKNOWN if it may have
                been changed.
        """
        concerns_row = isinstance(error, ROW_ERRORS) and error.code is not None
        if concerns_row or not error.may_have_taken_effect:
            self._results.put([row], status="INVALID" if concerns_row else "FAILED", **_error_columns(error))
        if not concerns_row:
            raise error


def _has(row: Any, fields: Mapping[str, Any]) -> bool:
    """Return whether a row of the service is an object with these fields."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        return False
    others = [name for name in fields if name != "value"]
    return all(row.get(name) == fields[name] for name in others) and ("value" not in fields or _has_value(row, fields["value"]))


def _has_value(user_skill: Mapping[str, Any], value: float) -> bool:
    # `value` is rounded (Toloka API, UserSkill)
    name, tolerance = ("exact_value", 1e-6) if "exact_value" in user_skill else ("value", 0.5)
    shown = user_skill.get(name)
    return isinstance(shown, int | float) and 0 <= shown <= MAX_SKILL and abs(shown - value) <= tolerance


def _error_columns(error: ApiError) -> dict[str, Any]:
    return {"error_code": error.code, "error_message": str(error), **first_field_error(error.payload)}

"""What a user wants set or judged row by row comes in, the calls that will do it go out, all checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._schema.filters import checked, flag_or_none
from toloka_frames._uploading.each import CONCURRENCY, Each
from toloka_frames._uploading.settings import restriction_calls, skill_calls, verdict_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._uploading.each import Call


def set_user_skills(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    skip_invalid_items: bool | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Each:
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
) -> Each:
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
) -> Each:
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
) -> Each:
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
) -> Each:
    checked("skip_invalid_items", flag_or_none, skips)
    return Each(title, object_id, calls, df.index, skips=skips, client=client, concurrency=concurrency, progress=progress)

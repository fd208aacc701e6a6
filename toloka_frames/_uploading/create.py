"""What a user wants created comes in, the upload that will do it goes out, its arguments checked.

These are the verbs of `toloka_frames` and, awaited, of `toloka_frames.aio`; `_verbs` makes both of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._schema.bulk import CREATE_APP_BATCH, CREATE_APP_ITEMS, CREATE_TASK_SUITES, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._schema.pandas_values import STRING_DTYPE, plain_values
from toloka_frames._uploading.app_items import item_roles, plan_items
from toloka_frames._uploading.bonuses import bonuses_of, plan_bonuses
from toloka_frames._uploading.frame_columns import roles_of
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.ledger_db import ledger_place
from toloka_frames._uploading.tasks import plan_suites, plan_tasks
from toloka_frames._uploading.upload import CONCURRENCY, FrameUpload, ResumedUpload, Upload
from toloka_frames._validation import check_frame, flag_or_none, one_of, path_part, positive, text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._uploading.upload import Upload


def create_tasks(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    pool_id: str | None = None,
    *,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Create a task from each row of a frame.

    The columns are the project's input fields; or those of the platform's own upload files: `INPUT:*`, `GOLDEN:*` (a known
    solution), `HINT:text`, `TASK:overlap`. Missing cells are left out. Everything is converted and checked before anything is
    sent, and is in the ledger before it is sent.

    The same call again (same rows in the same order, same account and pool) creates nothing twice, also after a restart, a lost
    answer or a killed process: it goes on where the first one ended, and returns the same results without sending when that was
    the end. Flags are not part of this: rows that are there stay as they are.

    Args:
        df: The rows, on any index.
        client: The account.
        pool_id: The pool; or give a column `pool_id`.
        allow_defaults: Whether the overlap comes from the pool's defaults where a task has none.
        open_pool: Whether the pool is opened, once, when all tasks are there.
        skip_invalid_items: Whether valid rows are created though others are not valid; the service then tells what is wrong
            with each of these.
        overlap: Answers wanted for each task, 1 to 30,000, where no `TASK:overlap` says it.
        input_columns: The columns that hold input values, when the frame has others too.
        upload_id: A name of yours. With another name the same rows are another upload; other rows under a name that the ledger
            has are refused.
        ledger: The SQLite file that holds what was sent; by default `uploads.db` in the user's data folder.
        concurrency: Requests in flight at once.
        progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

    Returns:
        A frame on df's index, in df's order, with string columns `status` (CREATED, INVALID, FAILED, UNKNOWN, NOT_SENT),
        `task_id`, `error_field`, `error_code`, `error_message`, `operation_id`, and Int64 `chunk`.

    Raises:
        InputError: A column or row cannot be sent, or the name is that of other rows; nothing was sent.
        LedgerError: The ledger cannot be used; nothing was sent.
        UploadError: A row was not created (other than INVALID ones with skip_invalid_items); `.results` is the whole frame.
        UploadInterrupted: Stop was pressed; `.results` says what is known.

    Source: Toloka API, "Create single/multiple tasks": at most 1,048,576 bytes of input_values a request, and an
    operation_id is refused a second time; Toloka-Kit 1.2.3: at most 10,000 tasks.
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    check_flags(flags, upload_id)
    plan = partial(
        plan_tasks,
        frame=df,
        roles=roles_of(df, input_columns, has_pool=pool_id is not None),
        pool_id=pool_id,
        overlap=overlap,
        upload_id=upload_id,
        strict=not skip_invalid_items,
    )
    return FrameUpload(
        CREATE_TASKS, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def create_task_suites(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    pool_id: str | None = None,
    *,
    suite_column: str | None = None,
    rows_per_suite: int | None = None,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Create task suites from the rows of a frame, for a pool without smart mixing.

    The columns are as in `create_tasks`, and so are the checks, the ledger, and what the same call again does. One suite
    holds the rows of one page of a Toloker.

    Args:
        df: The rows, on any index.
        client: The account.
        pool_id: The pool; or give a column `pool_id`.
        suite_column: A column that says the same of all rows of a suite; it is no input field. Or give:
        rows_per_suite: As many rows after each other are a suite; the last one of a pool may have fewer.
        allow_defaults: Whether the overlap comes from the pool's defaults.
        open_pool: Whether the pool is opened, once, when all suites are there.
        skip_invalid_items: Whether valid suites are created though others are not valid.
        overlap: Answers wanted for each suite, 1 to 30,000.
        input_columns: The columns that hold input values, when the frame has others too.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `task_suite_id` in place of `task_id`: a row for each row of df, which says what
        became of its suite.

    Raises:
        InputError: A column or row cannot be sent, or not exactly one of suite_column and rows_per_suite is given.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Source: Toloka API, "Create single/multiple task suites".
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    check_flags(flags, upload_id)
    suites = _suites(df, suite_column, rows_per_suite)
    frame = df if suite_column is None else df.drop(columns=suite_column)
    if "TASK:overlap" in frame.columns:
        raise InputError("A suite has one overlap: give overlap= in place of the column TASK:overlap.", column="TASK:overlap")
    plan = partial(
        plan_suites,
        frame=frame,
        roles=roles_of(frame, input_columns, has_pool=pool_id is not None),
        suites=suites,
        pool_id=pool_id,
        overlap=overlap,
        upload_id=upload_id,
        strict=not skip_invalid_items,
    )
    return FrameUpload(
        CREATE_TASK_SUITES, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def create_user_bonuses(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    *,
    public_title: str | Mapping[str, str] | None = None,
    public_message: str | Mapping[str, str] | None = None,
    skip_invalid_items: bool | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Pay a bonus to the user of each row of a frame.

    The ledger and what the same call again does are as in `create_tasks`: nobody is paid twice.

    Args:
        df: The bonuses, on any index: columns `user_id` (text) and `amount` (US dollars, 0.005 to 100), and where wanted
            `assignment_id`, `private_comment` (text), `public_title`, `public_message` ({language: text}, or text in English),
            `without_message` (boolean).
        client: The account.
        public_title: The title of all messages, as in the column of that name.
        public_message: The text of all messages, as in the column of that name.
        skip_invalid_items: Whether valid bonuses are paid though others are not valid.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once, of at most 100 bonuses each.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `user_bonus_id` in place of `task_id`.

    Raises:
        InputError: A column or row cannot be sent, or a bonus stands in the frame twice; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Source: Toloka API, "Issue bonuses" (at most 10,000 requests a day).
    """
    flags = {"skip_invalid_items": skip_invalid_items}
    check_flags(flags, upload_id)
    objects = bonuses_of(df, {"public_title": public_title, "public_message": public_message})
    plan = partial(plan_bonuses, objects=objects, upload_id=upload_id)
    return FrameUpload(
        CREATE_USER_BONUSES, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def resume(
    upload_id: str,
    client: AsyncTolokaClient,
    *,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Go on with an upload without its frame; the rows that are not settled are in the ledger.

    Args:
        upload_id: Its name, as `tf.uploads()` and the errors of an upload tell it.
        client: The account that began it.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, a row for each row of its frame, on a RangeIndex; errors as there.

    Raises:
        InputError: This account has no upload of this name in the ledger.
    """
    return ResumedUpload(upload_id, asks=False, client=client, ledger=ledger, concurrency=concurrency, progress=progress)


def reconcile(
    upload_id: str, client: AsyncTolokaClient, *, ledger: FilePath | None = None, progress: ProgressArg = "auto"
) -> Upload:
    """Ask the service what became of every UNKNOWN row of an upload, and send nothing.

    Args:
        upload_id: Its name, as `tf.uploads()` and the errors of an upload tell it.
        client: The account that began it.
        ledger: As in `create_tasks`.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, a row for each row of its frame, on a RangeIndex. What the service does not know of is
        NOT_SENT; a row stays UNKNOWN only where an operation's log does not tell of it, and one of app items while it is not
        sure whether its item is there.

    Raises:
        InputError: This account has no upload of this name in the ledger.
        ApiError: The service refused to tell.
    """
    return ResumedUpload(upload_id, asks=True, client=client, ledger=ledger, concurrency=CONCURRENCY, progress=progress)


def uploads(ledger: FilePath | None = None) -> pd.DataFrame:
    """All uploads of the ledger, the oldest first.

    Args:
        ledger: As in `create_tasks`.

    Returns:
        A row for each: string columns `upload_id`, `account`, `kind` ("tasks", "task suites", "user bonuses", "app items",
        "app batch items"), `state` (DONE, FAILED, UNFINISHED), `pool_ids` (comma list; of app items their batch); Int64 counts
        of its `rows` (of task suites: its suites), and of those `created`, `invalid`, `failed`, `unknown`, `not_sent`; and
        `begun`, `ended` (datetime64[us, UTC], missing while rows are not settled).

    Raises:
        LedgerError: The ledger cannot be used.
    """
    with Ledger(ledger_place(ledger)) as kept:
        frame = pd.DataFrame(kept.open().uploads(), columns=list(UPLOADS))
    return frame.astype(UPLOADS)


UPLOADS: dict[str, Any] = {
    **dict.fromkeys(("upload_id", "account", "kind", "state", "pool_ids"), STRING_DTYPE),
    **dict.fromkeys(("rows", "created", "invalid", "failed", "unknown", "not_sent"), "Int64"),
    **dict.fromkeys(("begun", "ended"), "datetime64[us, UTC]"),
}


def check_flags(flags: Mapping[str, bool | None], upload_id: str | None) -> None:
    """Refuse flags that are neither True, False nor None, and a name that is none."""
    for name, flag in flags.items():
        validate(name, flag_or_none, flag)
    if upload_id is not None:
        validate("upload_id", text, upload_id)


def _suites(df: pd.DataFrame, suite_column: str | None, rows_per_suite: int | None) -> Sequence[Any]:
    """What tells the suite of each row."""
    if (suite_column is None) == (rows_per_suite is None):
        raise InputError("Exactly one of suite_column and rows_per_suite is needed.")
    check_frame(df)
    if rows_per_suite is not None:
        validate("rows_per_suite", positive, rows_per_suite)
        return [row // rows_per_suite for row in range(len(df))]
    if suite_column not in df.columns:
        raise InputError(f"suite_column={suite_column!r}: the frame has no such column.", column=suite_column)
    suites = plain_values(df[suite_column])
    if missing := [row for row, suite in enumerate(suites) if suite is None]:
        raise InputError(f"Column {suite_column!r}: row {missing[0]} names no suite.", column=suite_column, rows=missing[:5])
    return suites


PriorityOrder: TypeAlias = Literal["ONE", "TWO", "THREE", "FOUR", "FIVE"]


def create_app_items(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    app_project_id: str,
    *,
    batch_id: str | None = None,
    ignore_errors: bool | None = None,
    force_new_original: bool | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Create an app item from each row of a frame: in a batch, or without one, to be labelled at once.

    The columns are the app's input fields (`INPUT:*`, or their names alone). The checks, the ledger, and what the same call
    again does are as in `create_tasks`. But these requests have no key that makes it safe to repeat one whose answer was lost:
    its rows are looked for among the items of the app project, and are UNKNOWN while it is not sure whether they are there.

    Args:
        df: The rows, on any index.
        client: The account.
        app_project_id: The app project.
        batch_id: The batch that the items go into; it must not be started yet.
        ignore_errors: Whether valid rows are created though others are not valid; in a batch only.
        force_new_original: Whether items are labelled anew that equal ones that are labelled already.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once; one with ignore_errors, as a batch tells of its latest request only.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `item_id` in place of `task_id` and `batch_id` in place of `operation_id`.

    Raises:
        InputError: A column or row cannot be sent, or ignore_errors is given without batch_id; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Source: Apps API, "Add items in bulk" (at most 10,000 items a request; one that is not valid has all refused).
    """
    flags = {"ignore_errors": ignore_errors, "force_new_original": force_new_original}
    check_flags(flags, upload_id)
    if ignore_errors and batch_id is None:
        raise InputError("ignore_errors=True is for items of a batch only.", column="ignore_errors", hint="Give batch_id=.")
    place, roles, strict = _place(app_project_id, batch_id=batch_id), item_roles(df), not ignore_errors
    plan = partial(plan_items, kind=CREATE_APP_ITEMS, frame=df, roles=roles, place=place, upload_id=upload_id, strict=strict)
    return FrameUpload(
        CREATE_APP_ITEMS, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def create_app_batch(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    app_project_id: str,
    *,
    name: str | None = None,
    priority_order: PriorityOrder | None = None,
    start: bool = False,
    ignore_errors: bool | None = None,
    force_new_original: bool | None = None,
    upload_id: str | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> Upload:
    """Create a batch with an app item from each row of a frame.

    The first request makes the batch, and the others put their items into it. All else is as in `create_app_items`; the same
    rows under another name are another batch.

    Args:
        df: The rows, on any index.
        client: The account.
        app_project_id: The app project.
        name: The name of the batch.
        priority_order: "ONE" is labelled first, "FIVE" last.
        start: Whether the batch is started, once, when all items are in it.
        ignore_errors: Whether valid rows are created though others are not valid.
        force_new_original: Whether items are labelled anew that equal ones that are labelled already.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once; one with ignore_errors, as a batch tells of its latest request only.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_app_items`; `batch_id` is the new batch.

    Raises:
        InputError: A column or row cannot be sent; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Source: Apps API, "Create batch with items", "Add items in bulk", "Start batch processing".
    """
    wishes = {"start": start, "ignore_errors": ignore_errors, "force_new_original": force_new_original}
    check_flags(wishes, upload_id)
    if priority_order is not None:
        validate("priority_order", one_of(PriorityOrder), priority_order)
    place, roles, strict = _place(app_project_id, name=name), item_roles(df), not ignore_errors
    plan = partial(plan_items, kind=CREATE_APP_BATCH, frame=df, roles=roles, place=place, upload_id=upload_id, strict=strict)
    flags = {**wishes, "priority_order": priority_order}
    return FrameUpload(
        CREATE_APP_BATCH, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def _place(app_project_id: str, **where: str | None) -> dict[str, str]:
    """Where items go, checked: an app project, and a batch's id or name."""
    validate("app_project_id", path_part, app_project_id)
    return {"app_project_id": app_project_id} | {name: validate(name, text, it) for name, it in where.items() if it is not None}

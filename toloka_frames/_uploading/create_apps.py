"""What a user wants created in an app project comes in, the upload that will do it goes out, its arguments checked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._schema.bulk import APP_BATCH_ITEMS, APP_ITEMS
from toloka_frames._schema.filters import checked, one_of, path_part, text
from toloka_frames._uploading.app_items import item_roles, plan_items
from toloka_frames._uploading.create import check_wishes
from toloka_frames._uploading.upload import CONCURRENCY, Created

if TYPE_CHECKING:
    import pandas as pd

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._reading.sinks import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._uploading.upload import Upload

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
    check_wishes(flags, upload_id)
    if ignore_errors and batch_id is None:
        raise InputError("ignore_errors=True is for items of a batch only.", column="ignore_errors", hint="Give batch_id=.")
    place, roles, strict = _place(app_project_id, batch_id=batch_id), item_roles(df), not ignore_errors
    plan = partial(plan_items, kind=APP_ITEMS, frame=df, roles=roles, place=place, upload_id=upload_id, strict=strict)
    return Created(APP_ITEMS, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress)


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
    check_wishes(wishes, upload_id)
    if priority_order is not None:
        checked("priority_order", one_of(PriorityOrder), priority_order)
    place, roles, strict = _place(app_project_id, name=name), item_roles(df), not ignore_errors
    plan = partial(plan_items, kind=APP_BATCH_ITEMS, frame=df, roles=roles, place=place, upload_id=upload_id, strict=strict)
    flags = {**wishes, "priority_order": priority_order}
    return Created(
        APP_BATCH_ITEMS, df.index, plan, flags, client=client, ledger=ledger, concurrency=concurrency, progress=progress
    )


def _place(app_project_id: str, **where: str | None) -> dict[str, str]:
    """Where items go, checked: an app project, and a batch's id or name."""
    checked("app_project_id", path_part, app_project_id)
    return {"app_project_id": app_project_id} | {name: checked(name, text, it) for name, it in where.items() if it is not None}

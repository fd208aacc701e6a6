"""Create app items, alone or in a batch: the public functions, and how the rows of a frame become app items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._runtime.event_loop import both
from toloka_frames._schema.bulk import CREATE_APP_BATCH, CREATE_APP_ITEMS
from toloka_frames._schema.keywords import PriorityOrder
from toloka_frames._uploading.cells import check_fields, column_roles, convert_rows
from toloka_frames._uploading.ledger import place_of
from toloka_frames._uploading.requests import FRAME_BLOCK_ROWS, PoolObjects, content_hashes, make_plan, number_array
from toloka_frames._uploading.upload import CONCURRENCY, FrameRows, FrameUpload, check_flags, upload_verb
from toloka_frames._validation import check_frame, id_or_none, id_text, one_of, text, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from enum import Enum

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.columns import Specification
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.cells import ColumnRoles, ConvertedRows
    from toloka_frames._uploading.requests import Hashes, UploadPlan
    from toloka_frames._validation import Id


@upload_verb
def create_app_items(
    df: pd.DataFrame,
    client: BaseClient,
    app_project_id: Id,
    *,
    batch_id: Id | None = None,
    ignore_errors: bool | None = None,
    force_new_original: bool | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> FrameUpload:
    """Create an app item from each row of a DataFrame: in a batch, or without one, to be labelled at once.

    The columns are the app's input fields (`INPUT:*`, or their names alone). Checks, the ledger and the effect of the same call
    again are as in `create_tasks`. But these requests have no key that makes it safe to repeat one whose response was lost. The
    rows of such a request are searched for among the items of the app project, and are UNKNOWN while the search proves neither
    that they exist nor that they do not.

    Args:
        df: The rows, with any index.
        client: The account.
        app_project_id: The app project.
        batch_id: The batch for the items; it must not be started yet.
        ignore_errors: Whether to create valid rows even if others are not valid; only in a batch.
        force_new_original: Whether to label items again that are equal to items labelled earlier.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once. It is 1 with ignore_errors, because a batch reports the errors of
            its latest request only.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `item_id` instead of `task_id` and `batch_id` instead of `operation_id`.

    Raises:
        InputError: If a column or row cannot be sent, or ignore_errors is given without batch_id; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Example:
        >>> photos = pd.DataFrame({"image_url": ["https://example.com/cat.jpg", "https://example.com/dog.jpg"]})
        >>> results = photos.pipe(tf.create_app_items, client, app_project.id, batch_id=batch.id)
        >>> results["status"].tolist()
        ['CREATED', 'CREATED']

    Source: Apps API, "Add items in bulk" (at most 10,000 items a request; one that is not valid has all refused).
    """
    df = check_frame(df)
    upload_id = id_or_none("upload_id", upload_id)
    flags = check_flags(ignore_errors=ignore_errors, force_new_original=force_new_original)
    if ignore_errors and batch_id is None:
        raise InputError("ignore_errors=True is for items of a batch only.", column="ignore_errors", hint="Give batch_id=.")
    batch = {} if batch_id is None else {"batch_id": id_text("batch_id", batch_id)}
    destination = {"app_project_id": id_text("app_project_id", app_project_id)} | batch
    rows = ItemRows(CREATE_APP_ITEMS, df, flags, upload_id, item_roles(df), destination)
    return FrameUpload(rows, client, ledger, concurrency, progress, timeout)


@upload_verb
def create_app_batch(
    df: pd.DataFrame,
    client: BaseClient,
    app_project_id: Id,
    *,
    name: str | None = None,
    priority_order: PriorityOrder | Enum | None = None,
    start: bool = False,
    ignore_errors: bool | None = None,
    force_new_original: bool | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> FrameUpload:
    """Create a batch with an app item from each row of a DataFrame.

    The first request creates the batch, the others add their items to it. Everything else is as in `create_app_items`.

    Args:
        df: The rows, with any index.
        client: The account.
        app_project_id: The app project.
        name: The name of the batch.
        priority_order: From "ONE" (labelled first) to "FIVE" (labelled last).
        start: Whether to start the batch, once, after all items are in it.
        ignore_errors: Whether to create valid rows even if others are not valid.
        force_new_original: Whether to label items again that are equal to items labelled earlier.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once. It is 1 with ignore_errors, because a batch reports the errors of
            its latest request only.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `create_app_items`; `batch_id` is the new batch.

    Raises:
        InputError: If a column or row cannot be sent; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Example:
        >>> photos = pd.DataFrame({"image_url": ["https://example.com/cat.jpg", "https://example.com/dog.jpg"]})
        >>> results = photos.pipe(tf.create_app_batch, client, app_project.id, name="Tuesday", start=True)
        >>> client.get_app_batch(app_project.id, results["batch_id"][0]).name
        'Tuesday'

    Source: Apps API, "Create batch with items", "Add items in bulk", "Start batch processing".
    """
    df = check_frame(df)
    upload_id = id_or_none("upload_id", upload_id)
    flags = check_flags(start=start, ignore_errors=ignore_errors, force_new_original=force_new_original)
    check = one_of(PriorityOrder)
    flags["priority_order"] = None if priority_order is None else validate("priority_order", check, priority_order)
    batch = {} if name is None else {"name": validate("name", text, name)}
    destination = {"app_project_id": id_text("app_project_id", app_project_id)} | batch
    rows = ItemRows(CREATE_APP_BATCH, df, flags, upload_id, item_roles(df), destination)
    return FrameUpload(rows, client, ledger, concurrency, progress, timeout)


@dataclass(frozen=True)
class ItemRows(FrameRows):
    """The rows of `create_app_items` or `create_app_batch`.

    Attributes:
        roles: The roles of the columns.
        destination: The app project, and the batch's id or name.
    """

    roles: ColumnRoles
    destination: Mapping[str, str]

    async def plan(self, service: ApiClient) -> UploadPlan:
        """Convert each row to an app item."""
        account, specification = await both(service.account(), field_specs.of_app_project(service, self._project))
        rows = range(len(self.frame))
        groups, destination = self._groups(specification), self.destination
        plan = make_plan(self.kind, account, groups, rows, self.upload_id, destination=destination)
        return replace(plan, specifications={destination.get("batch_id", ""): specification})

    def new_rows_call(self) -> str:
        """Return the code that chooses the rows that were not created yet."""
        return f"tf.new_rows(df, client, app_project_id={self._project!r})"

    def places(self, account: str) -> set[str]:
        """Return what the rows are compared within: their app project."""
        return {place_of(self.kind, account, self.destination, "")}

    async def hashes(self, service: ApiClient) -> Hashes:
        """Return a hash of each row's project and input."""
        specification = await field_specs.of_app_project(service, self._project)
        check_fields(self.roles.inputs, specification.input, "input")
        return np.concatenate([self._hashes(converted) for _, converted in self._blocks(specification)])

    def _groups(self, specification: Specification) -> Iterator[PoolObjects]:
        # the Apps API documents no limit of bytes for items, so the limit of tasks applies
        batch = self.destination.get("batch_id", "")
        for rows, converted in self._blocks(specification):
            # The position is not sent. In the ledger it makes rows of equal input different objects.
            objects = ['{"__item_idx":"', number_array(rows), '","input_data":', *converted.texts]
            yield PoolObjects(batch, rows, objects, converted.input_bytes, self._hashes(converted))

    def _blocks(self, specification: Specification) -> Iterator[tuple[range, ConvertedRows]]:
        """Convert the rows in blocks, so that few rows are in memory in every form at once."""
        for start in range(0, len(self.frame), FRAME_BLOCK_ROWS):
            part = self.frame.iloc[start : start + FRAME_BLOCK_ROWS]
            rows = range(start, start + len(part))
            yield rows, convert_rows(part, self.roles, specification, overlap=None, positions=rows, strict=self.strict)

    def _hashes(self, converted: ConvertedRows) -> Hashes:
        return content_hashes(f"app project {self._project}", converted.inputs)

    @property
    def _project(self) -> str:
        return self.destination["app_project_id"]


def item_roles(frame: pd.DataFrame, input_columns: Sequence[str] | None = None) -> ColumnRoles:
    """Return the columns of the app's input fields: those that are named, or else all, by their names or with `INPUT:`.

    Raises:
        InputError: If `frame` is not a DataFrame, is empty, or has columns that an item cannot hold.
    """
    roles = column_roles(frame, input_columns, has_pool=True)
    others = [*roles.golden.values(), *roles.members.values(), *roles.suite.values()]
    if others:
        raise InputError(
            f"App items have input fields only; {others[0]!r} is a column of tasks.",
            column=others[0],
            hint="Drop these columns.",
        )
    return roles

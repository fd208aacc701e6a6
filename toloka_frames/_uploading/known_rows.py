"""Choose the rows of a frame that no upload in the ledger has created yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import in_thread, run
from toloka_frames._schema.bulk import CREATE_APP_ITEMS, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._uploading.app_items import ItemRows, item_roles
from toloka_frames._uploading.bonuses import BonusRows, payments
from toloka_frames._uploading.cells import column_roles
from toloka_frames._uploading.ledger import Ledger, ledger_path
from toloka_frames._uploading.like_rows import find_like_rows
from toloka_frames._uploading.tasks import DefaultOverlap, TaskRows
from toloka_frames._uploading.upload import check_client, snapshot
from toloka_frames._validation import check_frame, id_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.ledger_entry import CreatedRows
    from toloka_frames._uploading.upload import FrameRows
    from toloka_frames._validation import Id

# Values that are not valid are compared as they are sent with this flag, so that the other rows can be chosen.
SKIP_INVALID = {CREATE_TASKS.skip_flag: True, CREATE_APP_ITEMS.skip_flag: True}


def new_rows(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None = None,
    *,
    app_project_id: Id | None = None,
    input_columns: Sequence[str] | None = None,
    ledger: FilePath | None = None,
) -> pd.DataFrame:
    """Return the rows of a DataFrame whose like no upload in the ledger has created, or may have created.

    Rows are like each other if they would be the same task, app item or bonus, in whichever frame and order they were sent:

    * tasks and the rows of task suites, with equal input values and known solutions in the same pool. Overlap, hints and other
      settings do not count. The control tasks of a suite are always returned.
    * app items, with equal input in the same app project.
    * bonuses, with equal user, amount and assignment. Titles and comments do not count.

    The service is asked only for the project's fields and for the account; the rows that were created are read from the ledger.

    Args:
        df: The rows, as for `create_tasks`, `create_task_suites`, `create_app_items`, `create_app_batch` or
            `create_user_bonuses`. With columns `user_id` and `amount`, without a pool, they are bonuses.
        client: The account.
        pool_id: The pool of tasks; None if `df` has a column `pool_id`.
        app_project_id: The app project of app items.
        input_columns: The columns that hold input values, if the frame has others too, such as that of the suite.
        ledger: As in `create_tasks`.

    Returns:
        These rows, with their index and dtypes. Rows that occur twice in `df` are all returned, or none of them.

    Raises:
        InputError: If a column or row cannot be compared.
        LedgerError: If the ledger cannot be used.
        ConfigurationError: If the account of bonuses is not known.

    Example:
        >>> df.pipe(tf.new_rows, client, pool_id).pipe(tf.create_tasks, client, pool_id, allow_defaults=True)  # doctest: +SKIP
    """
    return run(chosen_rows(df, client, pool_id, app_project_id, input_columns, ledger))


async def chosen_rows(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None,
    app_project_id: Id | None,
    input_columns: Sequence[str] | None,
    ledger: FilePath | None,
) -> pd.DataFrame:
    """Return the result of `new_rows`."""
    check_client(client, {"df": df, "client": client})
    df = check_frame(df)
    path = ledger_path(ledger)
    if not len(df):
        return df.copy()
    df = snapshot(df)
    rows = _rows_of(df, pool_id, app_project_id, input_columns)
    hashes, account = await rows.hashes(client.service), await _account(rows, client.service)
    known, _ = find_like_rows(hashes, await in_thread(_created, path, rows, account))
    return df.loc[~known]


def _rows_of(df: pd.DataFrame, pool_id: Id | None, app_project_id: Id | None, input_columns: Sequence[str] | None) -> FrameRows:
    pool_id, app_project_id = id_or_none("pool_id", pool_id), id_or_none("app_project_id", app_project_id)
    if app_project_id is not None:
        if pool_id is not None:
            raise InputError("pool_id and app_project_id exclude each other.", column="app_project_id")
        destination = {"app_project_id": app_project_id}
        return ItemRows(CREATE_APP_ITEMS, df, SKIP_INVALID, None, item_roles(df, input_columns), destination)
    if pool_id is None and {"user_id", "amount"} <= set(df.columns) and "pool_id" not in df.columns:
        return BonusRows(CREATE_USER_BONUSES, df, {}, None, [], payments(df))
    roles = column_roles(df, input_columns, has_pool=pool_id is not None)
    return TaskRows(CREATE_TASKS, df, SKIP_INVALID, None, roles, pool_id, DefaultOverlap())


async def _account(rows: FrameRows, service: ApiClient) -> str | None:
    """Return the account; it need not be known for rows whose pool or app project shows it."""
    return await (service.known_account() if rows.kind is CREATE_USER_BONUSES else service.account())


def _created(path: Path | None, rows: FrameRows, account: str | None) -> list[CreatedRows]:
    with Ledger(path) as ledger:
        return ledger.open(read_only=True).created_contents(rows.places(account or ""), account)

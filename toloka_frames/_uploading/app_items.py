"""A frame of input data comes in; the plan of its app items goes out, all checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._errors import InputError
from toloka_frames._reading import field_specs
from toloka_frames._uploading.cells import cells_of
from toloka_frames._uploading.frame_columns import roles_of
from toloka_frames._uploading.json_text import number_array
from toloka_frames._uploading.requests import RequestGroup, make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.frame_columns import ColumnRoles
    from toloka_frames._uploading.requests import UploadPlan


def item_roles(frame: pd.DataFrame) -> ColumnRoles:
    """The columns that are input fields of an app: by their names, or with `INPUT:`.

    Raises:
        InputError: The frame is none, is empty, or has columns that an item has no place for.
    """
    roles = roles_of(frame, None, has_pool=True)
    others = [*roles.golden.values(), *filter(None, (roles.hint, roles.language, roles.overlap))]
    if others:
        raise InputError(
            f"App items have input fields only; {others[0]!r} is of tasks.", column=others[0], hint="Drop these columns."
        )
    return roles


async def plan_items(
    service: ApiClient,
    kind: BulkCreation,
    frame: pd.DataFrame,
    roles: ColumnRoles,
    *,
    place: Mapping[str, str],
    upload_id: str | None,
    strict: bool,
) -> UploadPlan:
    """An item of each row, for an app project and in a batch, as `place` says.

    Raises:
        InputError: Something cannot be sent.
    """
    account = await service.account()
    specification = await field_specs.of_app_project(service, place["app_project_id"])
    rows = range(len(frame))
    cells = cells_of(frame, roles, specification, overlap=None, positions=rows, strict=strict)
    # the position stays in the ledger: it makes rows of equal input different objects
    objects = ['{"__item_idx":"', number_array(rows), '","input_data":', *cells.texts]
    # no limit of bytes is told for items, so that of tasks is kept
    part = RequestGroup(place.get("batch_id", ""), rows, objects, cells.input_bytes)
    return make_plan(kind, account, [part], rows, upload_id, place=place)

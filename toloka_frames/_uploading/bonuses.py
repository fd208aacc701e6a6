"""A frame of users and amounts comes in; the plan of their bonuses goes out, all checked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.bulk import CREATE_USER_BONUSES
from toloka_frames._uploading.cells import objects_of
from toloka_frames._uploading.frame_columns import members_of, reject_duplicates
from toloka_frames._uploading.json_text import text_array
from toloka_frames._uploading.requests import RequestGroup, make_plan
from toloka_frames._validation import reject_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.requests import UploadPlan

# Toloka API, UserBonus
MEMBERS = {
    "user_id": "string",
    "amount": "float",
    "assignment_id": "string",
    "private_comment": "string",
    "public_title": "json",
    "public_message": "json",
    "without_message": "boolean",
}
LEAST, MOST = 0.005, 100.0  # US dollars (Toloka API, UserBonus.amount)


async def plan_bonuses(service: ApiClient, objects: list[bytes], upload_id: str | None) -> UploadPlan:
    """A bonus of each object."""
    numbered = [b'{"__item_idx":"%d",' % number + each[1:] for number, each in enumerate(objects)]
    rows = range(len(objects))
    part = RequestGroup("", rows, [text_array(numbered)], [0] * len(rows))
    return make_plan(CREATE_USER_BONUSES, await service.account(), [part], rows, upload_id)


def bonuses_of(frame: pd.DataFrame, texts: Mapping[str, Any]) -> list[bytes]:
    """The JSON of each row's bonus; `texts` are members that all have.

    Raises:
        InputError: A column is missing or unknown, an amount is out of bounds, a bonus stands there twice.
    """
    values = members_of(frame, MEMBERS, ("user_id", "amount"))
    values |= {name: [text] * len(frame) for name, text in texts.items() if text is not None}
    for name in ("public_title", "public_message"):
        if name in values:
            values[name] = [{"EN": text} if isinstance(text, str) else text for text in values[name]]
    values["amount"] = [float(each) if type(each) in (Decimal, int) else each for each in values["amount"]]
    reject_rows("amount", values["amount"], lambda each: not _is_amount(each), f"is no amount of {LEAST} to {MOST:g} dollars")
    objects = objects_of(values, MEMBERS)
    # in one request the service refuses these (409 ENTITY_CONFLICT); in two they would be paid, and it is mostly a mistake
    hint = "Drop one of them; where both are meant, give each a private_comment of its own."
    reject_duplicates("user_id", objects, "bonus for the same user", hint)
    return objects


def _is_amount(value: Any) -> bool:
    return isinstance(value, float) and LEAST <= value <= MOST

"""Check bonuses and make their rows (Toloka API, User bonuses)."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.balance import spend
from toloka_frames.local._api.bulk_create import BulkCreation, CheckedObject, not_an_object
from toloka_frames.local._api.users import check_user
from toloka_frames.local._base.errors import BareError, field_error, too_large
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._api.bulk_create import CreateOptions
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

MAX_SYNC_BONUSES = 100
_FIRST_ID = 3139001
# dollars (Toloka API, "Issue bonuses"); in the test data of Toloka-Kit and the Java SDK the minimum is still 0.01
_MIN_AMOUNT, _MAX_AMOUNT = 0.005, 100
_STORED_FIELDS = ("user_id", "amount", "assignment_id", "private_comment", "public_title", "public_message")
_TEXTS = ("public_title", "public_message")
_DUPLICATE_KEY = ("user_id", "amount", "private_comment", *_TEXTS)


def _check_request(_store: Store, objects: Sequence[Json], is_async: bool) -> None:
    # Toloka API, "Issue bonuses", names a limit only of synchronous requests
    if not is_async and len(objects) > MAX_SYNC_BONUSES:
        raise too_large(f"One request may contain {MAX_SYNC_BONUSES} bonuses, this one has {len(objects)}")
    keys = [[item.get(name) for name in _DUPLICATE_KEY] for item in objects if isinstance(item, dict)]
    counts = Counter(orjson.dumps(key, option=orjson.OPT_SORT_KEYS) for key in keys)
    if any(count > 1 for count in counts.values()):
        message = "The same Toloker gets several bonuses of the same amount, title, message and comment"
        # without the envelope of all other errors (example of the Toloka API)
        raise BareError(409, "ENTITY_CONFLICT", message, {"user_id": {"code": "ENTITY_CONFLICT", "message": message}})


def _check_objects(store: Store, objects: Sequence[Json], _options: CreateOptions) -> list[CheckedObject]:
    return [
        CheckedObject(item, _check_bonus(store, item), {}) if isinstance(item, dict) else not_an_object(item, "user_bonus")
        for item in objects
    ]


def _check_bonus(store: Store, bonus: Row) -> FieldErrors:
    errors = check_user(store, bonus.get("user_id")) | _check_amount(bonus.get("amount")) | _check_texts(bonus)
    assignment_id = bonus.get("assignment_id")
    if assignment_id is not None and store.find("assignments", assignment_id) is None:
        errors["assignment_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    return errors


def _check_amount(amount: Json) -> FieldErrors:
    error = field_error("VALUE_REQUIRED") if amount is None else check_number(amount, _MIN_AMOUNT, _MAX_AMOUNT)
    return {"amount": error} if error else {}


def _check_texts(bonus: Row) -> FieldErrors:
    """Check that a bonus has a title and a message, by language, or neither and `without_message`."""
    silent = bonus.get("without_message", False)
    if not isinstance(silent, bool):
        return {"without_message": field_error("BOOLEAN_EXPECTED")}
    errors: FieldErrors = {}
    for name in _TEXTS:
        text = bonus.get(name)
        if silent and text is not None:
            errors[name] = field_error("VALUE_NOT_ALLOWED")
        elif not silent and not isinstance(text, dict):
            errors[name] = field_error("VALUE_REQUIRED" if text is None else "OBJECT_EXPECTED")
    return errors


def _make_rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    spend(store, float(sum(Decimal(str(item.sent["amount"])) for item in valid)))
    first, created = int(store.next_id("user_bonuses", _FIRST_ID)), format_timestamp(at)
    return [_row(str(first + number), item.sent, created) for number, item in enumerate(valid)]


def _row(bonus_id: str, bonus: Row, created: str) -> Row:
    fields = {name: bonus[name] for name in _STORED_FIELDS if bonus.get(name) is not None}
    return {"id": bonus_id, **fields, "without_message": bonus.get("without_message", False), "created": created}


BONUS_CREATION = BulkCreation(
    "USER_BONUS",
    "user_bonuses",
    verb="PERSIST",
    options=("skip_invalid_items",),
    # unlike for tasks, the id applies in both modes (Toloka API, "Issue bonuses")
    sync_operation_id=True,
    check_request=_check_request,
    check_objects=_check_objects,
    make_rows=_make_rows,
)

"""Posted bonuses -> what is wrong with each, and their rows (Toloka API, User bonuses)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson

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

SYNC_BONUSES = 100
_FIRST_ID = 3139001
# dollars (Toloka API, "Issue bonuses"); test data of Toloka-Kit and the Java SDK still have 0.01 as the least
_LEAST, _MOST = 0.005, 100
_KEPT = ("user_id", "amount", "assignment_id", "private_comment", "public_title", "public_message")
_TEXTS = ("public_title", "public_message")
_SAME = ("user_id", "amount", "private_comment", *_TEXTS)


def _admit(_store: Store, sent: Sequence[Json], later: bool) -> None:
    # Toloka API, "Issue bonuses", tells a limit of synchronous requests only
    if not later and len(sent) > SYNC_BONUSES:
        raise too_large(f"One request may carry {SYNC_BONUSES} bonuses, this one has {len(sent)}")
    bonuses = [one for one in sent if isinstance(one, dict)]
    alike = Counter(orjson.dumps([one.get(name) for name in _SAME], option=orjson.OPT_SORT_KEYS) for one in bonuses)
    if any(count > 1 for count in alike.values()):
        message = "The same Toloker gets several bonuses of the same amount, title, message and comment"
        # the example of the Toloka API has this one without the envelope of all other errors
        raise BareError(409, "ENTITY_CONFLICT", message, {"user_id": {"code": "ENTITY_CONFLICT", "message": message}})


def _check(store: Store, sent: Sequence[Json], _options: CreateOptions) -> list[CheckedObject]:
    return [
        CheckedObject(one, _check_bonus(store, one), {}) if isinstance(one, dict) else not_an_object(one, "user_bonus")
        for one in sent
    ]


def _check_bonus(store: Store, bonus: Row) -> FieldErrors:
    errors = check_user(store, bonus.get("user_id")) | _check_amount(bonus.get("amount")) | _check_texts(bonus)
    assignment_id = bonus.get("assignment_id")
    if assignment_id is not None and store.find("assignments", assignment_id) is None:
        errors["assignment_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    return errors


def _check_amount(amount: Json) -> FieldErrors:
    error = field_error("VALUE_REQUIRED") if amount is None else check_number(amount, _LEAST, _MOST)
    return {"amount": error} if error else {}


def _check_texts(bonus: Row) -> FieldErrors:
    """A bonus has a title and a message, by language, or neither and says so."""
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


def _rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    first, created = int(store.next_id("user_bonuses", _FIRST_ID)), format_timestamp(at)
    return [_row(str(first + number), one.sent, created) for number, one in enumerate(valid)]


def _row(bonus_id: str, bonus: Row, created: str) -> Row:
    kept = {name: bonus[name] for name in _KEPT if bonus.get(name) is not None}
    return {"id": bonus_id, **kept, "without_message": bonus.get("without_message", False), "created": created}


BONUS_CREATION = BulkCreation(
    "USER_BONUS",
    "user_bonuses",
    verb="PERSIST",
    options=("skip_invalid_items",),
    # for bonuses, other than for tasks, the id holds in both modes (Toloka API, "Issue bonuses")
    once=True,
    admit=_admit,
    check=_check,
    rows=_rows,
)

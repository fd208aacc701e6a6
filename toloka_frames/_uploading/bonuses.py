"""Pay bonuses: the public function, and how the rows of a frame become bonuses."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.bulk import CREATE_USER_BONUSES
from toloka_frames._uploading.fixed_columns import convert_objects, read_columns, reject_duplicates
from toloka_frames._uploading.ledger import place_of
from toloka_frames._uploading.requests import PoolObjects, content_hashes, make_plan, text_array
from toloka_frames._uploading.upload import CONCURRENCY, FrameRows, FrameUpload, check_flags, upload_verb
from toloka_frames._validation import check_frame, id_or_none, reject_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.requests import Hashes, UploadPlan
    from toloka_frames._validation import Id

# Toloka API, UserBonus
MEMBER_TYPES = {
    "user_id": "string",
    "amount": "float",
    "assignment_id": "string",
    "private_comment": "string",
    "public_title": "json",
    "public_message": "json",
    "without_message": "boolean",
}
PAYMENT = ("user_id", "amount", "assignment_id")
MIN_AMOUNT, MAX_AMOUNT = 0.005, 100.0  # US dollars (Toloka API, UserBonus.amount)


@upload_verb
def create_user_bonuses(
    df: pd.DataFrame,
    client: BaseClient,
    *,
    public_title: str | Mapping[str, str] | None = None,
    public_message: str | Mapping[str, str] | None = None,
    skip_invalid_items: bool | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
    max_price: float | Decimal | None = None,
) -> FrameUpload:
    """Pay a bonus to the user of each row of a DataFrame.

    The ledger and the effect of the same call again are as in `create_tasks`: nobody is paid twice.

    Args:
        df: The bonuses, with any index: columns `user_id` (text) and `amount` (US dollars, 0.005 to 100); optional columns
            `assignment_id`, `private_comment` (text), `public_title`, `public_message` ({language: text}, or text in English),
            `without_message` (boolean).
        client: The account.
        public_title: The title of all messages, as in the column of that name. Each bonus needs a title and a message, unless
            its `without_message` is True.
        public_message: The text of all messages, as in the column of that name.
        skip_invalid_items: Whether to pay valid bonuses even if others are not valid.
        upload_id: As in `create_tasks`.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once, of at most 100 bonuses each.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.
        retry_failed: As in `create_tasks`.
        max_price: The most that the bonuses of this call may be in all, in US dollars, as in `create_tasks`.

    Returns:
        The results as of `create_tasks`, with `user_bonus_id` instead of `task_id`.

    Raises:
        InputError: If a column or row cannot be sent, or two rows are the same bonus; nothing was sent.
        LedgerError, UploadError, UploadInterrupted: As in `create_tasks`.

    Example:
        >>> bonuses = pd.DataFrame({"user_id": [user_id], "amount": [0.5], "without_message": [True]})
        >>> results = bonuses.pipe(tf.create_user_bonuses, client)
        >>> results["status"].tolist()
        ['CREATED']

    Source: Toloka API, "Issue bonuses" (at most 10,000 requests a day).
    """
    df = check_frame(df)
    upload_id = id_or_none("upload_id", upload_id)
    flags = check_flags(skip_invalid_items=skip_invalid_items)
    objects = bonus_objects(df, {"public_title": public_title, "public_message": public_message})
    rows = BonusRows(CREATE_USER_BONUSES, df, flags, upload_id, objects, payments(df))
    return FrameUpload(rows, client, ledger, concurrency, progress, timeout, retry_failed=retry_failed, max_price=max_price)


@dataclass(frozen=True)
class BonusRows(FrameRows):
    """The rows of `create_user_bonuses`.

    Attributes:
        objects: The JSON of each row's bonus.
        payments: The JSON of what each row pays to whom.
    """

    objects: Sequence[bytes]
    payments: Sequence[bytes]

    async def plan(self, service: ApiClient) -> UploadPlan:
        """Number the bonuses, so that the operation's log can be matched with them, and cut them into requests."""
        rows = range(len(self.objects))
        numbered = [b'{"__item_idx":"%d",' % row + text[1:] for row, text in enumerate(self.objects)]
        group = PoolObjects("", rows, [text_array(numbered)], [0] * len(rows), await self.hashes(service))
        return make_plan(self.kind, await service.account(), [group], rows, self.upload_id)

    def new_rows_call(self) -> str:
        """Return the code that chooses the bonuses that were not paid yet."""
        return "tf.new_rows(df, client)"

    def places(self, account: str) -> set[str]:
        """Return what the rows are compared within: the bonuses of the account, and those of an account that was not known."""
        return {place_of(self.kind, name, {}, "") for name in (account, "")}

    async def hashes(self, service: ApiClient) -> Hashes:  # noqa: ARG002 -- bonuses have no fields to request
        """Return a hash of each row's user, amount and assignment."""
        return content_hashes("user bonuses", [text_array(self.payments)])


def bonus_objects(frame: pd.DataFrame, shared: Mapping[str, Any]) -> list[bytes]:
    """Return the JSON of each row's bonus.

    Args:
        frame: The rows.
        shared: Members that are the same for all bonuses; None is left out.

    Raises:
        InputError: If a column is missing or unknown, an amount is out of range, or two rows are the same bonus.
    """
    values = _checked_values(frame, shared)
    _check_messages(values)
    objects = convert_objects(values, MEMBER_TYPES)
    # Within one request the service rejects equal bonuses (409 ENTITY_CONFLICT). In two requests it would pay both, mostly by
    # mistake.
    hint = "Drop one of them, or give each a private_comment of its own if both are intended."
    reject_duplicates("user_id", objects, "bonus for the same user", hint)
    return objects


def payments(frame: pd.DataFrame) -> list[bytes]:
    """Return the JSON of each row's user, amount and assignment: bonuses are like each other whatever their messages say.

    Raises:
        InputError: As in `bonus_objects`, but two rows may be equal.
    """
    values = _checked_values(frame, {})
    return convert_objects({name: values[name] for name in PAYMENT if name in values}, MEMBER_TYPES)


def _checked_values(frame: pd.DataFrame, shared: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each member of the bonuses."""
    values = read_columns(frame, MEMBER_TYPES, ("user_id", "amount"))
    values |= {name: [value] * len(frame) for name, value in shared.items() if value is not None}
    for name in ("public_title", "public_message"):
        if name in values:
            values[name] = [{"EN": text} if isinstance(text, str) else text for text in values[name]]
    values["amount"] = [float(value) if type(value) in (Decimal, int) else value for value in values["amount"]]
    why = f"is not an amount of {MIN_AMOUNT} to {MAX_AMOUNT:g} dollars"
    reject_rows("amount", values["amount"], lambda value: not _is_amount(value), why)
    return values


def _check_messages(values: Mapping[str, Sequence[Any]]) -> None:
    """Reject bonuses without a title or message, unless without_message is True (Toloka API, UserBonus)."""
    silent = values.get("without_message", [None] * len(values["amount"]))
    for name in ("public_title", "public_message"):
        texts = values.get(name, [None] * len(silent))
        wanted = [text if is_silent is not True else text or name for text, is_silent in zip(texts, silent, strict=True)]
        hint = "Give public_title= and public_message=, or columns of these names, or a column without_message with True."
        reject_rows(name, wanted, _is_blank, "is missing, and without_message is not True", hint)


def _is_blank(text: Any) -> bool:
    return not (any(text.values()) if isinstance(text, dict) else text)


def _is_amount(value: Any) -> bool:
    return isinstance(value, float) and MIN_AMOUNT <= value <= MAX_AMOUNT

"""A call about Tolokers, messages, files and the account comes in, what the service has goes out as a dict, or as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.calls import Calls, build_path
from toloka_frames._errors import NotFound
from toloka_frames._reading.atomic_write import atomic_path
from toloka_frames._reading.sinks import FilePath, check_output_file
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._schema.bulk import CREATE_USER_BONUSES
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toloka_frames._schema.keywords import MessageFolder
    from toloka_frames._transport.http import ApiClient


class PeopleCalls(Calls):
    """Single calls about skills, bans, bonuses, messages, attachments, subscriptions and the account."""

    async def get_requester(self) -> dict[str, Any]:
        """The account: id, balance (US dollars), names. Source: Toloka API, "Get account balance"."""
        return await self._get("/v1/requester")

    async def get_user(self, user_id: str) -> dict[str, Any]:
        """What is known of a Toloker: country, languages, device. Raises `NotFound`.

        Source: Toloka API, "Get Toloker metadata".
        """
        return await self._get("/v1/user-metadata/{}", user_id)

    async def get_skill(self, skill_id: str) -> dict[str, Any]:
        """A skill. Raises `NotFound`. Source: Toloka API, "Get skill by ID"."""
        return await self._get("/v1/skills/{}", skill_id)

    async def create_skill(self, skill: Mapping[str, Any]) -> dict[str, Any]:
        """Make a skill (`{"name": ...}` at least) and return it. Errors as in `create_project`.

        Source: Toloka API, "Create skill" (10 a minute, 100 a day).
        """
        return await self._make("/v1/skills", body=skill)

    async def update_skill(self, skill_id: str, skill: Mapping[str, Any]) -> dict[str, Any]:
        """Put a whole skill in the place of the one that is there, and return it. Raises `ValidationFailed`.

        Source: Toloka API, "Edit skill".
        """
        return await self._put("/v1/skills/{}", skill_id, body=skill)

    async def get_user_skill(self, user_skill_id: str) -> dict[str, Any]:
        """The value of a Toloker's skill. Raises `NotFound`. Source: Toloka API, "Get Toloker skill by ID"."""
        return await self._get("/v1/user-skills/{}", user_skill_id)

    async def set_user_skill(self, *, skill_id: str, user_id: str, value: float, reason: str | None = None) -> dict[str, Any]:
        """Give a Toloker's skill a value, whether it has one or not, and return it.

        Args:
            skill_id: The skill.
            user_id: The Toloker.
            value: From 0 to 100, fractions too.
            reason: Why, for your own records.

        Raises:
            ValidationFailed: The value is out of bounds, or the skill or Toloker is not known.

        Source: Toloka API, "Set skill" (100,000 a day).
        """
        body = {"skill_id": skill_id, "user_id": user_id, "value": value} | ({} if reason is None else {"reason": reason})
        return await self._put("/v1/user-skills", body=body)

    async def delete_user_skill(self, user_skill_id: str) -> None:
        """Take a skill from a Toloker. Raises `NotFound`. Source: Toloka API, "Remove skill from Toloker"."""
        await self._delete("/v1/user-skills/{}", user_skill_id)

    async def get_user_restriction(self, user_restriction_id: str) -> dict[str, Any]:
        """A ban. Raises `NotFound`. Source: Toloka API, "Get ban by ID"."""
        return await self._get("/v1/user-restrictions/{}", user_restriction_id)

    async def set_user_restriction(self, user_restriction: Mapping[str, Any]) -> dict[str, Any]:
        """Ban a Toloker, or change such a ban, and return it.

        Args:
            user_restriction: `{"scope": "POOL", "user_id": ..., "pool_id": ...}`; scope PROJECT needs `project_id`,
                ALL_PROJECTS neither; `private_comment` and `will_expire` (UTC) as you like.

        Raises:
            ValidationFailed: A field is invalid; `.payload` says which.

        Source: Toloka API, "Block access to tasks".
        """
        return await self._put("/v1/user-restrictions", body=user_restriction)

    async def delete_user_restriction(self, user_restriction_id: str) -> None:
        """Lift a ban. Raises `NotFound`. Source: Toloka API, "Unblock access"."""
        await self._delete("/v1/user-restrictions/{}", user_restriction_id)

    async def create_user_bonuses_async(
        self,
        user_bonuses: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        operation_id: str | None = None,
        async_mode: bool = True,
        skip_invalid_items: bool | None = None,
    ) -> dict[str, Any]:
        """Pay bonuses in one request; for a whole frame take `tf.create_user_bonuses`, which pays each row once.

        Arguments, answers and errors as in `create_tasks_async`. A bonus is `{"user_id": ..., "amount": ...}` (US dollars),
        with `public_title` and `public_message` or `without_message`; there are at most 100 with async_mode=False.

        Source: Toloka API, "Issue bonuses" (10,000 requests a day).
        """
        return await self._create(
            CREATE_USER_BONUSES, user_bonuses, operation_id, async_mode, skip_invalid_items=skip_invalid_items
        )

    async def get_user_bonus(self, user_bonus_id: str) -> dict[str, Any]:
        """A bonus; its amount in US dollars. Raises `NotFound`. Source: Toloka API, "Get bonus by ID"."""
        return await self._get("/v1/user-bonuses/{}", user_bonus_id)

    async def get_attachment(self, attachment_id: str) -> dict[str, Any]:
        """What is known of a file: name, media_type, details. Raises `NotFound`. Source: Toloka API, "Get file metadata"."""
        return await self._get("/v1/attachments/{}", attachment_id)

    async def download_attachment(self, attachment_id: str, path: FilePath) -> Path:
        """Fetch a file that a Toloker sent; memory does not grow with its size.

        Args:
            attachment_id: The file, as `OUTPUT:` columns of type file and `get_attachments` name it.
            path: Where to; it is there when it is whole, until then it is `<path>.part`.

        Returns:
            The path.

        Raises:
            InputError: The path is a folder, or its folder is not there; nothing was asked.
            NotFound: There is no such file.
            ConnectionFailed: It broke off at every try; nothing is left at the path.

        Source: Toloka API, "Download file".
        """
        return await run_on_loop(_download(self.service, build_path("/v1/attachments/{}/download", attachment_id), path))

    async def get_message_thread(self, message_thread_id: str) -> dict[str, Any]:
        """A message thread with its messages. Raises `NotFound`.

        Source: Toloka API, "Get list of message threads" (it has no call for a single one).
        """
        id_ = validate("id", text, message_thread_id)
        page = await self._get("/v1/message-threads", query={"id_gte": id_, "id_lte": id_})
        for thread in page.get("items") or ():
            return dict(thread)
        raise NotFound(f"There is no message thread {id_}.", status=404, hint="Check the id, and the account.")

    async def compose_message_thread(self, compose: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message to Tolokers and return its thread.

        Args:
            compose: `{"recipients_select_type": "DIRECT", "recipients_ids": [...], "topic": {"EN": ...}, "text": {"EN": ...},
                "answerable": True}`; or "FILTER" with `recipients_filter`, or "ALL".

        Raises:
            ValidationFailed: A field is invalid; `.payload` says which.
            OutcomeUnknown: The answer was lost; the message may have been sent.

        Source: Toloka API, "Send message" (1 a day to all, 100,000 a day to some).
        """
        return await self._make("/v1/message-threads/compose", body=compose)

    async def reply_message_thread(self, message_thread_id: str, reply: Mapping[str, Any]) -> dict[str, Any]:
        """Answer in a thread (`{"text": {"EN": ...}}`) and return it. Errors as in `compose_message_thread`.

        Source: Toloka API, "Reply to message thread".
        """
        return await self._make("/v1/message-threads/{}/reply", message_thread_id, body=reply)

    async def add_message_thread_to_folders(self, message_thread_id: str, folders: Sequence[MessageFolder]) -> dict[str, Any]:
        """Put a thread into folders (UNREAD, IMPORTANT) and return it. Source: Toloka API, "Add message thread"."""
        path = "/v1/message-threads/{}/add-to-folders"
        return await self._make(path, message_thread_id, body={"folders": list(folders)})

    async def remove_message_thread_from_folders(
        self, message_thread_id: str, folders: Sequence[MessageFolder]
    ) -> dict[str, Any]:
        """Take a thread out of folders and return it. Source: Toloka API, "Remove message thread"."""
        path = "/v1/message-threads/{}/remove-from-folders"
        return await self._make(path, message_thread_id, body={"folders": list(folders)})

    async def get_webhook_subscription(self, webhook_subscription_id: str) -> dict[str, Any]:
        """A subscription to events. Raises `NotFound`. Source: Toloka API, "Get subscription by ID"."""
        return await self._get("/v1/webhook-subscriptions/{}", webhook_subscription_id)

    async def upsert_webhook_subscriptions(self, subscriptions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Subscribe to events, or change such subscriptions.

        Args:
            subscriptions: As `{"event_type": "POOL_CLOSED", "pool_id": ..., "webhook_url": ..., "secret_key": ...}`.

        Returns:
            `{"items": {"0": ...}, "validation_errors": {"1": ...}}`, by their positions.

        Raises:
            ValidationFailed: None of them is valid.

        Source: Toloka API, "Create subscription".
        """
        return await self._put("/v1/webhook-subscriptions", body=list(subscriptions))

    async def send_test_webhook(self, webhook_subscription_id: str) -> dict[str, Any]:
        """Have a test notification sent to a subscription's address; what came back: `success`, `errorType`, `uuids`.

        Raises `NotFound`, and `OutcomeUnknown` when the answer was lost. Source: Toloka API, "Send test notification".
        """
        return await self._start("/v1/webhook-subscriptions/{}/test", webhook_subscription_id)

    async def delete_webhook_subscription(self, webhook_subscription_id: str) -> None:
        """End a subscription. Raises `NotFound`. Source: Toloka API, "Delete subscription"."""
        await self._delete("/v1/webhook-subscriptions/{}", webhook_subscription_id)


async def _download(service: ApiClient, path: str, place: FilePath) -> Path:
    destination = check_output_file(place)
    with atomic_path(destination) as temporary, temporary.open("wb") as file:
        await service.download(path, file)
    return destination

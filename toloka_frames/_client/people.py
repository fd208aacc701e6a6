"""Calls about Tolokers: metadata, skills, bans, bonuses, messages and the files that they sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.base_calls import build_path, choice, merge_fields
from toloka_frames._client.call import api_call
from toloka_frames._client.creations import CreationCalls, Parameters
from toloka_frames._errors import NotFound
from toloka_frames._runtime.event_loop import in_thread, run_on_loop
from toloka_frames._schema.bulk import CREATE_USER_BONUSES
from toloka_frames._schema.filters import some_of
from toloka_frames._schema.keywords import MessageFolder, RecipientsSelectType, RestrictionScope
from toloka_frames._schema.row import Row
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._transport.bodies import Unstructurable, as_dict
from toloka_frames._validation import id_text, identifier, one_of, validate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id

FOLDERS = some_of(one_of(MessageFolder))
IDS = some_of(identifier)


class PeopleCalls(CreationCalls):
    """Calls about Tolokers: metadata, skills, bans, bonuses, messages and the files that they sent."""

    @api_call
    async def get_user(self, user_id: Id) -> Row:
        """Return the metadata of a Toloker.

        Args:
            user_id: The Toloker's id.

        Returns:
            The metadata as in the API: `id`, country, languages and device.

        Raises:
            NotFound: If the Toloker does not exist.

        Example:
            >>> client.get_user(user_id).id == user_id
            True

        Source: Toloka API, "Get Toloker metadata".
        """
        return await self._get("/v1/user-metadata/{}", user_id)

    @api_call
    async def get_skill(self, skill_id: Id) -> Row:
        """Return a skill.

        Args:
            skill_id: The skill's id.

        Returns:
            The skill as in the API, with `name` and `public_name`.

        Raises:
            NotFound: If the skill does not exist.

        Example:
            >>> client.get_skill(skill.id).name
            'Cat expert'

        Source: Toloka API, "Get skill by ID".
        """
        return await self._get("/v1/skills/{}", skill_id)

    @api_call
    async def create_skill(
        self,
        skill: JsonObject | None = None,
        *,
        name: str | None = None,
        private_comment: str | None = None,
        hidden: bool | None = None,
        skill_ttl_hours: int | None = None,
        training: bool | None = None,
        public_name: Mapping[str, str] | None = None,
        public_requester_description: Mapping[str, str] | None = None,
    ) -> Row:
        """Create a skill.

        The call has no idempotency key: after `OutcomeUnknown`, check the list of skills before you call it again.

        Args:
            skill: The skill as in the API, at least `{"name": ...}`, in place of keywords or beside them.
            name: The name that you see.
            private_comment: A comment that only you see.
            hidden: Whether Tolokers do not see the value; by default they see it.
            skill_ttl_hours: Hours after which a value that did not change is deleted.
            training: Whether the skill comes from a training.
            public_name: The name that Tolokers see, by language, as `{"EN": ...}`.
            public_requester_description: The description that Tolokers see, by language.

        Returns:
            The new skill, with its `id`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the skill may have been created.

        Example:
            >>> client.create_skill(name="Dog expert", public_name={"EN": "You know dogs"}).public_name
            {'EN': 'You know dogs'}

        Source: Toloka API, "Create skill" (10 a minute, 100 a day).
        """
        body = merge_fields(
            "skill",
            skill,
            name=name,
            private_comment=private_comment,
            hidden=hidden,
            skill_ttl_hours=skill_ttl_hours,
            training=training,
            public_name=public_name,
            public_requester_description=public_requester_description,
        )
        return await self._post("/v1/skills", body=body)

    @api_call
    async def update_skill(self, skill_id: Id, skill: JsonObject) -> Row:
        """Replace a skill.

        Args:
            skill_id: The skill's id.
            skill: The whole skill, as `get_skill` returns it, with your changes.

        Returns:
            The skill as it is now.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            NotFound: If the skill does not exist.

        Example:
            >>> skill = client.get_skill(skill.id)
            >>> skill.private_comment = "from the control tasks"
            >>> client.update_skill(skill.id, skill).private_comment
            'from the control tasks'

        Source: Toloka API, "Edit skill".
        """
        return await self._put("/v1/skills/{}", skill_id, body=skill)

    @api_call
    async def get_user_skill(self, user_skill_id: Id) -> Row:
        """Return the value of a Toloker's skill.

        Args:
            user_skill_id: The id of the value, not of the skill or of the Toloker.

        Returns:
            The value as in the API: `id`, `skill_id`, `user_id`, `value` (rounded) and `exact_value`.

        Raises:
            NotFound: If the value does not exist.

        Example:
            >>> client.get_user_skill(user_skill.id).value
            85

        Source: Toloka API, "Get Toloker skill by ID".
        """
        return await self._get("/v1/user-skills/{}", user_skill_id)

    @api_call
    async def set_user_skill(
        self,
        request: JsonObject | None = None,
        *,
        skill_id: Id | None = None,
        user_id: Id | None = None,
        value: float | Decimal | None = None,
        reason: str | None = None,
    ) -> Row:
        """Set a Toloker's skill to a value, whether or not the Toloker already has the skill.

        Args:
            request: The parameters by name, in place of keywords or beside them.
            skill_id: The skill's id.
            user_id: The Toloker's id.
            value: 0 to 100; fractions are allowed.
            reason: A note for your own records.

        Returns:
            The value as in `get_user_skill`.

        Raises:
            ValidationFailed: If the value is out of range, or the skill or the Toloker does not exist.

        Example:
            >>> client.set_user_skill(skill_id=skill.id, user_id=user_id, value=92.5).exact_value
            92.5

        Source: Toloka API, "Set skill" (100,000 a day).
        """
        body = merge_fields("request", request, skill_id=skill_id, user_id=user_id, value=value, reason=reason)
        return await self._put("/v1/user-skills", body=body)

    @api_call
    async def delete_user_skill(self, user_skill_id: Id) -> None:
        """Remove a skill from a Toloker.

        Args:
            user_skill_id: The id of the value, as in `get_user_skill`.

        Raises:
            NotFound: If the value does not exist.

        Example:
            >>> client.delete_user_skill(user_skill.id)

        Source: Toloka API, "Remove skill from Toloker".
        """
        await self._delete("/v1/user-skills/{}", user_skill_id)

    @api_call
    async def get_user_restriction(self, user_restriction_id: Id) -> Row:
        """Return a ban.

        Args:
            user_restriction_id: The ban's id.

        Returns:
            The ban as in the API: `id`, `scope`, `user_id`, `project_id` or `pool_id`, `private_comment`, `will_expire`.

        Raises:
            NotFound: If the ban does not exist.

        Example:
            >>> client.get_user_restriction(ban.id).private_comment
            'too fast'

        Source: Toloka API, "Get ban by ID".
        """
        return await self._get("/v1/user-restrictions/{}", user_restriction_id)

    @api_call
    async def set_user_restriction(
        self,
        user_restriction: JsonObject | None = None,
        *,
        scope: RestrictionScope | Enum | None = None,
        user_id: Id | None = None,
        project_id: Id | None = None,
        pool_id: Id | None = None,
        private_comment: str | None = None,
        will_expire: TimestampLike | None = None,
    ) -> Row:
        """Ban a Toloker, or change an existing ban.

        Args:
            user_restriction: The ban by name, in place of keywords or beside them.
            scope: POOL, PROJECT or ALL_PROJECTS.
            user_id: The Toloker's id.
            project_id: The project, for the scope PROJECT.
            pool_id: The pool, for the scope POOL.
            private_comment: A comment that only you see.
            will_expire: When the ban ends (UTC); by default never.

        Returns:
            The ban as in `get_user_restriction`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.

        Example:
            >>> client.set_user_restriction(scope="PROJECT", user_id=user_id, project_id=project.id).scope
            'PROJECT'

        Source: Toloka API, "Block access to tasks".
        """
        body = merge_fields(
            "user_restriction",
            user_restriction,
            scope=choice("scope", RestrictionScope, scope),
            user_id=user_id,
            project_id=project_id,
            pool_id=pool_id,
            private_comment=private_comment,
            will_expire=None if will_expire is None else validate("will_expire", format_timestamp, will_expire),
        )
        return await self._put("/v1/user-restrictions", body=body)

    @api_call
    async def delete_user_restriction(self, user_restriction_id: Id) -> None:
        """Lift a ban.

        Args:
            user_restriction_id: The ban's id.

        Raises:
            NotFound: If the ban does not exist.

        Example:
            >>> client.delete_user_restriction(ban.id)

        Source: Toloka API, "Unblock access".
        """
        await self._delete("/v1/user-restrictions/{}", user_restriction_id)

    @api_call
    async def create_user_bonus(
        self,
        user_bonus: JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Pay one bonus, and return it.

        Args:
            user_bonus: `{"user_id": ..., "amount": ...}` (US dollars) with either `public_title` and
                `public_message`, or `without_message`.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False pays the bonuses before the service responds; then a lost
                response raises `OutcomeUnknown`.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The bonus, with its `id`.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the bonus is not valid; `.payload` says why.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> message = {"public_title": {"EN": "Thank you"}, "public_message": {"EN": "Good work"}}
            >>> client.create_user_bonus({"user_id": user_id, "amount": 0.5, **message}).amount
            0.5

        Source: Toloka API, "Issue bonuses" (10,000 requests a day); Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_USER_BONUSES,
            user_bonus,
            parameters,
            timeout,
            progress,
            is_list=False,
            operation_id=operation_id,
            async_mode=async_mode,
        )

    @api_call
    async def create_user_bonuses(
        self,
        user_bonuses: Sequence[JsonObject],
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        skip_invalid_items: bool | None = None,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Pay bonuses in one request, and wait until they exist.

        To pay each row of a DataFrame exactly once, use `tf.create_user_bonuses`.

        Args:
            user_bonuses: A list of bonuses, each as in `create_user_bonus`.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False pays the bonuses before the service responds; then a lost
                response raises `OutcomeUnknown`.
            skip_invalid_items: Whether to pay the valid bonuses if others are not valid.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            `{"items": {"0": {...}}, "validation_errors": {"1": {...}}}`, by position in the list.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If nothing was created, because the bonuses in `.payload` are not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> bonuses = [{"user_id": user_id, "amount": amount, "without_message": True} for amount in (0.5, 0.25)]
            >>> paid = client.create_user_bonuses(bonuses)
            >>> [bonus.amount for bonus in paid["items"].values()]
            [0.5, 0.25]

        Source: Toloka API, "Issue bonuses" (10,000 requests a day); Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_USER_BONUSES,
            user_bonuses,
            parameters,
            timeout,
            progress,
            is_list=True,
            operation_id=operation_id,
            async_mode=async_mode,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def create_user_bonuses_async(
        self,
        user_bonuses: Sequence[JsonObject] | JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        skip_invalid_items: bool | None = None,
    ) -> Row:
        """Start paying bonuses, in one request.

        Args:
            user_bonuses: One bonus or a list of them, each as in `create_user_bonus`; at most 100
                with async_mode=False.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False pays the bonuses before the service responds; then a lost
                response raises `OutcomeUnknown`.
            skip_invalid_items: Whether to pay the valid bonuses if others are not valid.

        Returns:
            The operation, for `wait_operation`. With async_mode=False: the bonus, or for a list the result of
            `create_user_bonuses`, whose `validation_errors` may be missing.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the request is malformed, or with async_mode=False if a bonus is not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.

        Example:
            >>> operation = client.create_user_bonuses_async({"user_id": user_id, "amount": 0.5, "without_message": True})
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Issue bonuses" (10,000 requests a day).
        """
        return await self._start(
            CREATE_USER_BONUSES,
            user_bonuses,
            parameters,
            operation_id=operation_id,
            async_mode=async_mode,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def get_user_bonus(self, user_bonus_id: Id) -> Row:
        """Return a bonus.

        Args:
            user_bonus_id: The bonus's id.

        Returns:
            The bonus as in the API, with `user_id` and `amount` (US dollars).

        Raises:
            NotFound: If the bonus does not exist.

        Example:
            >>> client.get_user_bonus(bonus.id).amount
            0.5

        Source: Toloka API, "Get bonus by ID".
        """
        return await self._get("/v1/user-bonuses/{}", user_bonus_id)

    @api_call
    async def get_attachment(self, attachment_id: Id) -> Row:
        """Return the metadata of a file that a Toloker sent.

        Args:
            attachment_id: The file's id, as in `OUTPUT:` columns of type file and in `get_attachments`.

        Returns:
            The metadata as in the API: `id`, `attachment_type`, `name`, `media_type`, `details`, `created`.

        Raises:
            NotFound: If the file does not exist.

        Example:
            >>> client.get_attachment(attachment.id).name
            'cat.jpg'

        Source: Toloka API, "Get file metadata".
        """
        return await self._get("/v1/attachments/{}", attachment_id)

    @api_call
    async def download_attachment(self, attachment_id: Id, path: FilePath) -> Path:
        """Download a file that a Toloker sent, with a constant amount of memory.

        Args:
            attachment_id: The file's id, as in `OUTPUT:` columns of type file and in `get_attachments`.
            path: Where to save it. The data is written to a temporary file in the same folder, which is renamed when it is
                complete; to a device or a FIFO it is written directly.

        Returns:
            The path.

        Raises:
            InputError: If the path is a folder, or its parent folder does not exist; nothing was sent.
            NotFound: If the file does not exist.
            ConnectionFailed: If every attempt broke off; no file is left at the path.
            WriteFailed: If the file cannot be written, for example because the disk is full; no file is left at the path.

        Example:
            >>> client.download_attachment(attachment.id, "cat.jpg").name
            'cat.jpg'

        Source: Toloka API, "Download file".
        """
        return await run_on_loop(_download(self.service, build_path("/v1/attachments/{}/download", attachment_id), path))

    @api_call
    async def get_message_thread(self, message_thread_id: Id) -> Row:
        """Return a message thread with its messages.

        Args:
            message_thread_id: The thread's id.

        Returns:
            The thread as in the API: `id`, `topic`, `interlocutors`, `messages` (newest first), `folders`.

        Raises:
            NotFound: If the thread does not exist.

        Example:
            >>> client.get_message_thread(thread.id).topic
            {'EN': 'Thank you'}

        Source: Toloka API, "Get list of message threads" (there is no call for a single thread).
        """
        id_ = id_text("message_thread_id", message_thread_id)
        page = await self._get("/v1/message-threads", query={"id_gte": id_, "id_lte": id_})
        for thread in page.get("items") or ():
            return Row(thread)
        raise NotFound(f"There is no message thread {id_}.", status=404, hint="Check the id and the account.")

    @api_call
    async def compose_message_thread(
        self,
        compose: JsonObject | None = None,
        *,
        recipients_select_type: RecipientsSelectType | Enum | None = None,
        topic: Mapping[str, str] | None = None,
        text: Mapping[str, str] | None = None,
        answerable: bool | None = None,
        recipients_ids: Id | Collection[Id] | None = None,
        recipients_filter: JsonObject | None = None,
    ) -> Row:
        """Send a message to Tolokers, in a new thread.

        Args:
            compose: The message by name, in place of keywords or beside them.
            recipients_select_type: DIRECT with `recipients_ids`, FILTER with `recipients_filter`, or ALL.
            topic: The topic by language, as `{"EN": ...}`.
            text: The text by language.
            answerable: Whether Tolokers can answer.
            recipients_ids: Ids of Tolokers.
            recipients_filter: A filter of Tolokers, as that of a pool.

        Returns:
            The new thread as in `get_message_thread`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the message may have been sent.

        Example:
            >>> thread = client.compose_message_thread(
            ...     recipients_select_type="DIRECT",
            ...     recipients_ids=[user_id],
            ...     topic={"EN": "A question"},
            ...     text={"EN": "Was the second photo hard to see?"},
            ...     answerable=True,
            ... )
            >>> thread.answerable
            True

        Source: Toloka API, "Send message" (1 a day to all, 100,000 a day to some).
        """
        body = merge_fields(
            "compose",
            compose,
            recipients_select_type=choice("recipients_select_type", RecipientsSelectType, recipients_select_type),
            topic=topic,
            text=text,
            answerable=answerable,
            recipients_ids=None if recipients_ids is None else validate("recipients_ids", IDS, recipients_ids).split(","),
            recipients_filter=recipients_filter,
        )
        return await self._post("/v1/message-threads/compose", body=body)

    @api_call
    async def reply_message_thread(self, message_thread_id: Id, reply: JsonObject) -> Row:
        """Reply in a message thread.

        Args:
            message_thread_id: The thread's id.
            reply: `{"text": {"EN": ...}}`.

        Returns:
            The thread as in `get_message_thread`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the message may have been sent.

        Example:
            >>> thread = client.reply_message_thread(thread.id, {"text": {"EN": "See you tomorrow"}})
            >>> thread.messages[0].text
            {'EN': 'See you tomorrow'}

        Source: Toloka API, "Reply to message thread".
        """
        return await self._post("/v1/message-threads/{}/reply", message_thread_id, body=reply)

    @api_call
    async def add_message_thread_to_folders(
        self, message_thread_id: Id, folders: MessageFolder | Enum | Collection[MessageFolder | Enum] | Unstructurable
    ) -> Row:
        """Add a message thread to folders.

        Args:
            message_thread_id: The thread's id.
            folders: UNREAD, IMPORTANT or both.

        Returns:
            The thread as in `get_message_thread`.

        Raises:
            NotFound: If the thread does not exist.

        Example:
            >>> client.add_message_thread_to_folders(thread.id, "IMPORTANT").folders
            ['OUTBOX', 'IMPORTANT']

        Source: Toloka API, "Add message thread".
        """
        path = "/v1/message-threads/{}/add-to-folders"
        return await self._post(path, message_thread_id, body=_folders(folders))

    @api_call
    async def remove_message_thread_from_folders(
        self, message_thread_id: Id, folders: MessageFolder | Enum | Collection[MessageFolder | Enum] | Unstructurable
    ) -> Row:
        """Remove a message thread from folders.

        Args:
            message_thread_id: The thread's id.
            folders: UNREAD, IMPORTANT or both.

        Returns:
            The thread as in `get_message_thread`.

        Raises:
            NotFound: If the thread does not exist.

        Example:
            >>> marked = client.add_message_thread_to_folders(thread.id, "IMPORTANT")
            >>> client.remove_message_thread_from_folders(thread.id, "IMPORTANT").folders
            ['OUTBOX']

        Source: Toloka API, "Remove message thread".
        """
        path = "/v1/message-threads/{}/remove-from-folders"
        return await self._post(path, message_thread_id, body=_folders(folders))


def _folders(folders: MessageFolder | Enum | Collection[MessageFolder | Enum] | Unstructurable) -> dict[str, Any]:
    if isinstance(folders, Unstructurable):
        return as_dict("folders", folders)
    return {"folders": validate("folders", FOLDERS, folders).split(",")}


async def _download(service: ApiClient, url_path: str, path: FilePath) -> Path:
    # most calls need none of the package that reads lists and writes files
    from toloka_frames._reading.atomic_write import as_write_failed, atomic_path, open_to_write  # noqa: PLC0415
    from toloka_frames._reading.output_paths import check_output_file  # noqa: PLC0415

    destination = check_output_file(path)
    with (
        as_write_failed(destination),
        atomic_path(destination) as temporary,
        await in_thread(open_to_write, temporary) as file,
    ):
        await service.download(url_path, file)
    return destination

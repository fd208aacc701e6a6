"""Calls of the Apps API: apps, app projects, app items and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.base_calls import BaseCalls, build_path, choice, merge_fields
from toloka_frames._client.call import api_call
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._schema.keywords import PriorityOrder
from toloka_frames._transport.bodies import json_body
from toloka_frames._transport.responses import decode_ids
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import Enum

    from toloka_frames._schema.row import Row
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id


class AppCalls(BaseCalls):
    """Calls of the Apps API."""

    @api_call
    async def get_app(self, app_id: Id, lang: str | None = None) -> Row:
        """Return an app, the ready-made solution that app projects are created from.

        Args:
            app_id: The app's id.
            lang: The language of names and descriptions, for example "EN".

        Returns:
            The app as in the API, with `input_spec` and `output_spec`.

        Raises:
            NotFound: If the app does not exist.

        Example:
            >>> client.get_app(app.id).name
            'Image classification'

        Source: Apps API, "Get project template by ID".
        """
        query = None if lang is None else {"lang": validate("lang", text, lang)}
        return await self._get("/app/v0/apps/{}", app_id, query=query)

    @api_call
    async def get_app_project(self, app_project_id: Id) -> Row:
        """Return an app project.

        Args:
            app_project_id: The app project's id.

        Returns:
            The app project as in the API, with `app_id` and `status`.

        Raises:
            NotFound: If the app project does not exist.

        Example:
            >>> client.get_app_project(app_project.id).status
            'READY'

        Source: Apps API, "Get project by ID".
        """
        return await self._get("/app/v0/app-projects/{}", app_project_id)

    @api_call
    async def create_app_project(self, app_project: JsonObject) -> Row:
        """Create an app project.

        The call has no idempotency key: after `OutcomeUnknown`, check the list of app projects before you call it again.

        Args:
            app_project: `{"app_id": ..., "name": ..., "parameters": {...}}`; the app's `param_spec` describes the parameters.

        Returns:
            The new app project, with its `id`; its status is CREATING at first, then READY or ERROR.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the app project may have been created.

        Example:
            >>> client.create_app_project({"app_id": app.id, "name": "Dogs", "parameters": {}}).status
            'CREATING'

        Source: Apps API, "Create project".
        """
        return await self._post("/app/v0/app-projects", body=app_project)

    @api_call
    async def archive_app_project(self, app_project_id: Id) -> Row:
        """Archive an app project.

        Args:
            app_project_id: The app project's id.

        Returns:
            The app project as it is now.

        Raises:
            NotFound: If the app project does not exist.
            Conflict: If the app project's state does not allow it.

        Example:
            >>> client.archive_app_project(app_project.id).status
            'ARCHIVED'

        Source: Apps API, "Archive project"; Toloka-Kit 1.2.3 for the result.
        """
        await self._run_action("/app/v0/app-projects/{}/archive", app_project_id, returns=())
        return await self.get_app_project(app_project_id)

    @api_call
    async def unarchive_app_project(self, app_project_id: Id) -> Row:
        """Restore an archived app project.

        Args:
            app_project_id: The app project's id.

        Returns:
            The app project as it is now.

        Raises:
            NotFound: If the app project does not exist.
            Conflict: If the app project's state does not allow it.

        Example:
            >>> archived = client.archive_app_project(app_project.id)
            >>> client.unarchive_app_project(app_project.id).status
            'READY'

        Source: Apps API, "Unarchive project"; Toloka-Kit 1.2.3 for the result.
        """
        await self._run_action("/app/v0/app-projects/{}/unarchive", app_project_id, returns=())
        return await self.get_app_project(app_project_id)

    @api_call
    async def get_app_item(self, app_project_id: Id, app_item_id: Id) -> Row:
        """Return an item of an app project.

        Args:
            app_project_id: The app project's id.
            app_item_id: The item's id.

        Returns:
            The item as in the API: `id`, `batch_id`, `status`, `input_data`, `output_data`, `errors`.

        Raises:
            NotFound: If the item does not exist.

        Example:
            >>> client.get_app_item(app_project.id, item.id).status
            'NEW'

        Source: Apps API, "Get item by ID".
        """
        return await self._get("/app/v0/app-projects/{}/items/{}", app_project_id, app_item_id)

    @api_call
    async def create_app_item(
        self,
        app_project_id: Id,
        app_item: JsonObject | None = None,
        *,
        batch_id: Id | None = None,
        input_data: Mapping[str, Any] | None = None,
        force_new_original: bool | None = None,
    ) -> Row:
        """Submit one item for labelling.

        Args:
            app_project_id: The app project's id.
            app_item: The item by name, in place of keywords or beside them.
            batch_id: The batch to add it to.
            input_data: The input data, as the app's `input_spec` describes it.
            force_new_original: Whether the item is labelled even if an equal one was labelled before.

        Returns:
            The new item as in `get_app_item`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the item may have been created.

        Example:
            >>> photo = {"image_url": "https://example.com/cat.jpg"}
            >>> client.create_app_item(app_project.id, batch_id=batch.id, input_data=photo).input_data
            {'image_url': 'https://example.com/cat.jpg'}

        Source: Apps API, "Add new item".
        """
        body = merge_fields(
            "app_item", app_item, batch_id=batch_id, input_data=input_data, force_new_original=force_new_original
        )
        return await self._post("/app/v0/app-projects/{}/items", app_project_id, body=body)

    @api_call
    async def create_app_items(
        self,
        app_project_id: Id,
        app_items: JsonObject | None = None,
        *,
        items: Sequence[Mapping[str, Any]] | None = None,
        batch_id: Id | None = None,
        force_new_original: bool | None = None,
        ignore_errors: bool | None = None,
    ) -> list[str]:
        """Submit several items for labelling in one request.

        To submit each row of a DataFrame exactly once, use `tf.create_app_items`.

        Args:
            app_project_id: The app project's id.
            app_items: The parameters by name, in place of keywords or beside them.
            items: The input data of each item, at most 10,000 dicts.
            batch_id: The batch to add them to.
            force_new_original: Whether an item is labelled even if an equal one was labelled before.
            ignore_errors: Whether to skip items that are not valid; the response does not say which.

        Returns:
            The ids of the new items, in the order of the items.

        Raises:
            ValidationFailed: If an item is not valid; no item was created. `.payload` says which.
            TooLarge: If there are too many items.
            OutcomeUnknown: If the response was lost; the items may have been created.

        Example:
            >>> photos = [{"image_url": f"https://example.com/cat-{number}.jpg"} for number in range(3)]
            >>> len(client.create_app_items(app_project.id, items=photos, batch_id=batch.id))
            3

        Source: Apps API, "Add items in bulk".
        """
        path = build_path("/app/v0/app-projects/{}/items/bulk", app_project_id)
        body = merge_fields(
            "app_items",
            app_items,
            items=items,
            batch_id=batch_id,
            force_new_original=force_new_original,
            ignore_errors=ignore_errors,
        )
        return await run_on_loop(_create_items(self.service, path, json_body(body)))

    @api_call
    async def get_app_batch(self, app_project_id: Id, batch_id: Id) -> Row:
        """Return a batch of an app project.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Returns:
            The batch as in the API, with `status`, `items_per_state` and costs in US dollars.

        Raises:
            NotFound: If the batch does not exist.

        Example:
            >>> client.get_app_batch(app_project.id, batch.id).items_count
            3

        Source: Apps API, "Get batch by ID".
        """
        return await self._get("/app/v0/app-projects/{}/batches/{}", app_project_id, batch_id)

    @api_call
    async def create_app_batch(
        self,
        app_project_id: Id,
        batch: JsonObject | None = None,
        *,
        items: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
        priority_order: PriorityOrder | Enum | None = None,
        force_new_original: bool | None = None,
        ignore_errors: bool | None = None,
    ) -> Row:
        """Create a batch with its items.

        To submit each row of a DataFrame exactly once, use `tf.create_app_batch`.

        Args:
            app_project_id: The app project's id.
            batch: The batch by name, in place of keywords or beside them.
            items: The input data of each item, at most 10,000 dicts.
            name: The batch's name.
            priority_order: "ONE", the highest, to "FIVE".
            force_new_original: Whether an item is labelled even if an equal one was labelled before.
            ignore_errors: Whether to skip items that are not valid.

        Returns:
            The new batch as in `get_app_batch`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the batch may have been created.

        Example:
            >>> photos = [{"image_url": f"https://example.com/cat-{number}.jpg"} for number in range(3)]
            >>> client.create_app_batch(app_project.id, items=photos, name="Tuesday").status
            'NEW'

        Source: Apps API, "Create batch with items".
        """
        body = merge_fields(
            "batch",
            batch,
            items=items,
            name=name,
            priority_order=choice("priority_order", PriorityOrder, priority_order),
            force_new_original=force_new_original,
            ignore_errors=ignore_errors,
        )
        return await self._post("/app/v0/app-projects/{}/batches", app_project_id, body=body)

    @api_call
    async def start_sync_batch_processing(
        self,
        app_project_id: Id,
        batch: JsonObject | None = None,
        *,
        items: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
    ) -> Row:
        """Label a batch and return its results in the same request. Only for apps with the synchronous protocol.

        Args:
            app_project_id: The app project's id.
            batch: The batch by name, in place of keywords or beside them.
            items: The input data of each item.
            name: The batch's name.

        Returns:
            `{"batch": {...}, "items": [...]}`, the items with their `output_data`.

        Raises:
            ValidationFailed: If an item is not valid; no item was created. `.payload` says which.
            TooLarge: If there are too many items.
            OutcomeUnknown: If the response was lost; the items may have been created.

        Example:
            >>> photos = [{"image_url": "https://example.com/cat.jpg"}]
            >>> result = client.start_sync_batch_processing(app_project.id, items=photos)
            >>> [item.status for item in result["items"]]
            ['COMPLETED']

        Source: Apps API, "Start sync batch processing".
        """
        body = merge_fields("batch", batch, items=items, name=name)
        return await self._post("/app/v0/app-projects/{}/batches/sync", app_project_id, body=body, returns=("batch", "items"))

    @api_call
    async def patch_app_batch(
        self,
        app_project_id: Id,
        batch_id: Id,
        patch: JsonObject | None = None,
        *,
        name: str | None = None,
        priority_order: PriorityOrder | Enum | None = None,
    ) -> Row:
        """Change the name or the priority of a batch.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.
            patch: The new values by name, in place of keywords or beside them.
            name: The new name.
            priority_order: "ONE", the highest, to "FIVE".

        Returns:
            The batch as it is now.

        Raises:
            NotFound: If the batch does not exist.

        Example:
            >>> client.patch_app_batch(app_project.id, batch.id, priority_order="ONE").priority_order
            'ONE'

        Source: Apps API, "Update batch".
        """
        body = merge_fields("patch", patch, name=name, priority_order=choice("priority_order", PriorityOrder, priority_order))
        return await self._patch("/app/v0/app-projects/{}/batches/{}", app_project_id, batch_id, body=body)

    @api_call
    async def start_app_batch(self, app_project_id: Id, batch_id: Id) -> None:
        """Start labelling the items of a batch.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Raises:
            NotFound: If the batch does not exist.
            Conflict: If the batch's state does not allow it.

        Example:
            >>> client.start_app_batch(app_project.id, batch.id)

        Source: Apps API, "Start batch processing".
        """
        await self._run_action("/app/v0/app-projects/{}/batches/{}/start", app_project_id, batch_id, returns=())

    @api_call
    async def stop_app_batch(self, app_project_id: Id, batch_id: Id) -> None:
        """Stop labelling the items of a batch.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Raises:
            NotFound: If the batch does not exist.
            Conflict: If the batch's status is not PROCESSING.

        Example:
            >>> try:
            ...     client.stop_app_batch(app_project.id, batch.id)
            ... except tf.Conflict:
            ...     print("it is not being labelled")
            it is not being labelled

        Source: Apps API, "Stop batch processing".
        """
        await self._run_action("/app/v0/app-projects/{}/batches/{}/stop", app_project_id, batch_id, returns=())

    @api_call
    async def resume_app_batch(self, app_project_id: Id, batch_id: Id) -> None:
        """Continue labelling the items of a stopped batch.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Raises:
            NotFound: If the batch does not exist.
            Conflict: If the batch is not stopped.

        Example:
            >>> try:
            ...     client.resume_app_batch(app_project.id, batch.id)
            ... except tf.Conflict:
            ...     print("it was not stopped")
            it was not stopped

        Source: Apps API, "Resume batch processing".
        """
        await self._run_action("/app/v0/app-projects/{}/batches/{}/resume", app_project_id, batch_id, returns=())

    @api_call
    async def archive_app_batch(self, app_project_id: Id, batch_id: Id) -> None:
        """Archive a batch that is not being labelled.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Raises:
            NotFound: If the batch does not exist.
            Conflict: If the batch's status is PROCESSING.

        Example:
            >>> client.archive_app_batch(app_project.id, batch.id)

        Source: Apps API, "Archive batch".
        """
        await self._run_action("/app/v0/app-projects/{}/batches/{}/archive", app_project_id, batch_id, returns=())

    @api_call
    async def unarchive_app_batch(self, app_project_id: Id, batch_id: Id) -> None:
        """Restore an archived batch, with the status that it had.

        Args:
            app_project_id: The app project's id.
            batch_id: The batch's id.

        Raises:
            NotFound: If the batch does not exist.
            Conflict: If the batch's state does not allow it.

        Example:
            >>> client.archive_app_batch(app_project.id, batch.id)
            >>> client.unarchive_app_batch(app_project.id, batch.id)
            >>> client.get_app_batch(app_project.id, batch.id).status
            'NEW'

        Source: Apps API, "Unarchive batch".
        """
        await self._run_action("/app/v0/app-projects/{}/batches/{}/unarchive", app_project_id, batch_id, returns=())


async def _create_items(service: ApiClient, path: str, body: bytes) -> list[str]:
    return decode_ids(await service.send("POST", path, content=body, repeatable=False))

"""A call about apps, their projects, items and batches comes in, what the service has goes out as a dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.calls import Calls, build_path
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport.http import json_body
from toloka_frames._transport.responses import decode_ids
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._transport.http import ApiClient


class AppCalls(Calls):
    """Single calls of the Apps API."""

    async def get_app(self, app_id: str, lang: str | None = None) -> dict[str, Any]:
        """An app with its input_spec and output_spec. Raises `NotFound`.

        Args:
            app_id: The app.
            lang: The language of names and descriptions, as "EN".

        Source: Apps API, "Get project template by ID".
        """
        query = None if lang is None else {"lang": validate("lang", text, lang)}
        return await self._get("/app/v0/apps/{}", app_id, query=query)

    async def get_app_project(self, app_project_id: str) -> dict[str, Any]:
        """An app project. Raises `NotFound`. Source: Apps API, "Get project by ID"."""
        return await self._get("/app/v0/app-projects/{}", app_project_id)

    async def create_app_project(self, app_project: Mapping[str, Any]) -> dict[str, Any]:
        """Make an app project and return it; its status is CREATING at first. Errors as in `create_project`.

        Source: Apps API, "Create project".
        """
        return await self._make("/app/v0/app-projects", body=app_project)

    async def archive_app_project(self, app_project_id: str) -> None:
        """Archive an app project. Raises `Conflict` when its state does not allow it. Source: Apps API, "Archive project"."""
        await self._act("/app/v0/app-projects/{}/archive", app_project_id)

    async def unarchive_app_project(self, app_project_id: str) -> None:
        """Bring back an archived app project. Raises `Conflict`. Source: Apps API, "Unarchive project"."""
        await self._act("/app/v0/app-projects/{}/unarchive", app_project_id)

    async def get_app_item(self, app_project_id: str, app_item_id: str) -> dict[str, Any]:
        """An item of an app project. Raises `NotFound`. Source: Apps API, "Get item by ID"."""
        return await self._get("/app/v0/app-projects/{}/items/{}", app_project_id, app_item_id)

    async def create_app_item(self, app_project_id: str, app_item: Mapping[str, Any]) -> dict[str, Any]:
        """Have one item labelled (`{"input_data": {...}}`, with `batch_id` in a batch) and return it.

        Errors as in `create_project`. Source: Apps API, "Add new item".
        """
        return await self._make("/app/v0/app-projects/{}/items", app_project_id, body=app_item)

    async def create_app_items(self, app_project_id: str, app_items: Mapping[str, Any]) -> list[str]:
        """Have many items labelled, and return their ids in the order of the items.

        Args:
            app_project_id: The app project.
            app_items: `{"items": [{...}, ...]}` (at most 10,000 objects of input data), with `batch_id` in a batch; with
                `ignore_errors` items that are not valid are left out, and then no id tells of which item it is.

        Raises:
            ValidationFailed: An item is not valid, so that none was made; `.payload` says which.
            TooLarge: There are too many.
            OutcomeUnknown: The answer was lost; the items may have been made.

        Source: Apps API, "Add items in bulk".
        """
        path = build_path("/app/v0/app-projects/{}/items/bulk", app_project_id)
        return await run_on_loop(_ids(self.service, path, json_body(app_items)))

    async def get_app_batch(self, app_project_id: str, batch_id: str) -> dict[str, Any]:
        """A batch of an app project. Raises `NotFound`. Source: Apps API, "Get batch by ID"."""
        return await self._get("/app/v0/app-projects/{}/batches/{}", app_project_id, batch_id)

    async def create_app_batch(self, app_project_id: str, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Make a batch with its items (`{"items": [...], "name": ...}`, at most 10,000) and return it.

        Errors as in `create_project`.

        Source: Apps API, "Create batch with items".
        """
        return await self._make("/app/v0/app-projects/{}/batches", app_project_id, body=batch)

    async def start_sync_batch_processing(self, app_project_id: str, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Have a batch (`{"items": [...], "name": ...}`) labelled at once, by a solution with the synchronous protocol.

        Returns `{"batch": {...}, "items": [...]}`, the items with their `output_data`. Errors as in `create_app_items`.

        Source: Apps API, "Start sync batch processing".
        """
        return await self._make("/app/v0/app-projects/{}/batches/sync", app_project_id, body=batch)

    async def patch_app_batch(self, app_project_id: str, batch_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change a batch's `name` or `priority_order` ("ONE" to "FIVE") and return it. Source: Apps API, "Update batch"."""
        return await self._patch("/app/v0/app-projects/{}/batches/{}", app_project_id, batch_id, body=patch)

    async def start_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Have the items of a batch labelled. Raises `Conflict` when its state does not allow it.

        Source: Apps API, "Start batch processing".
        """
        await self._act("/app/v0/app-projects/{}/batches/{}/start", app_project_id, batch_id)

    async def stop_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Stop a batch that is PROCESSING. Raises `Conflict`. Source: Apps API, "Stop batch processing"."""
        await self._act("/app/v0/app-projects/{}/batches/{}/stop", app_project_id, batch_id)

    async def resume_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Go on with a batch that was stopped. Raises `Conflict`. Source: Apps API, "Resume batch processing"."""
        await self._act("/app/v0/app-projects/{}/batches/{}/resume", app_project_id, batch_id)

    async def archive_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Archive a batch that is not PROCESSING. Raises `Conflict`. Source: Apps API, "Archive batch"."""
        await self._act("/app/v0/app-projects/{}/batches/{}/archive", app_project_id, batch_id)

    async def unarchive_app_batch(self, app_project_id: str, batch_id: str) -> None:
        """Bring an archived batch back to the state it had. Raises `Conflict`. Source: Apps API, "Unarchive batch"."""
        await self._act("/app/v0/app-projects/{}/batches/{}/unarchive", app_project_id, batch_id)


async def _ids(service: ApiClient, path: str, body: bytes) -> list[str]:
    return decode_ids(await service.send("POST", path, content=body, repeatable=False))

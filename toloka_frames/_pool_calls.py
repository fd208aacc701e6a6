"""A call about projects, pools and trainings comes in, what the service has goes out as a dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._calls import Calls
from toloka_frames._filters import checked, text

if TYPE_CHECKING:
    from collections.abc import Mapping


class PoolCalls(Calls):
    """Single calls about projects, pools and trainings."""

    async def get_project(self, project_id: str) -> dict[str, Any]:
        """A project. Raises `NotFound`. Source: Toloka API, "Get project data"."""
        return await self._get("/v1/projects/{}", project_id)

    async def create_project(self, project: Mapping[str, Any]) -> dict[str, Any]:
        """Make a project and return it.

        Args:
            project: As the API has it, with `task_spec` as the most important part.

        Raises:
            ValidationFailed: A field is invalid; `.payload` says which.
            OutcomeUnknown: The answer was lost; the project may exist (this call has no idempotency key).

        Source: Toloka API, "Create a project" (20 a minute, 100 a day).
        """
        return await self._make("/v1/projects", body=project)

    async def update_project(self, project_id: str, project: Mapping[str, Any]) -> dict[str, Any]:
        """Put a whole project in the place of the one that is there, and return it. Raises `ValidationFailed`, `Conflict`.

        Source: Toloka API, "Edit project".
        """
        return await self._put("/v1/projects/{}", project_id, body=project)

    async def archive_project(self, project_id: str) -> dict[str, Any] | None:
        """Archive a project: the operation to wait for, or None when it is archived already.

        Raises `Conflict` while one of its pools is not archived. Source: Toloka API, "Archive project".
        """
        return await self._act("/v1/projects/{}/archive", project_id)

    async def get_pool(self, pool_id: str) -> dict[str, Any]:
        """A pool. Raises `NotFound`. Source: Toloka API, "Get pool data"."""
        return await self._get("/v1/pools/{}", pool_id)

    async def create_pool(self, pool: Mapping[str, Any], tier: str | None = None) -> dict[str, Any]:
        """Make a pool, which is CLOSED at first, and return it; rewards in US dollars. Errors as in `create_project`.

        Args:
            pool: As the API has it.
            tier: Where its data is stored; the service's default unless given.

        Source: Toloka API, "Create a pool" (20 a minute, 100 a day); Toloka-Kit 1.2.3 for tier.
        """
        query = {} if tier is None else {"storage_key": checked("tier", text, tier)}
        return await self._make("/v1/pools", body=pool, query=query)

    async def update_pool(self, pool_id: str, pool: Mapping[str, Any]) -> dict[str, Any]:
        """Put a whole pool in the place of the one that is there, and return it. Raises `ValidationFailed`, `Conflict`.

        Source: Toloka API, "Edit pool".
        """
        return await self._put("/v1/pools/{}", pool_id, body=pool)

    async def patch_pool(self, pool_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change a pool's `priority` and return the pool. Raises `Conflict` when it is archived.

        Source: Toloka API, "Change pool priority".
        """
        return await self._patch("/v1/pools/{}", pool_id, body=patch)

    async def clone_pool(self, pool_id: str) -> dict[str, Any]:
        """Clone a pool without its tasks: the operation to wait for, whose `details` hold the new pool's id as `pool_id`.

        Raises `OutcomeUnknown` when the answer was lost. Source: Toloka API, "Clone pool" (20 a minute, 100 a day).
        """
        return await self._start("/v1/pools/{}/clone", pool_id)

    async def open_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Open a pool: the operation to wait for, or None when it is open already. Raises `Conflict` (EMPTY_POOL and others).

        Source: Toloka API, "Open a pool".
        """
        return await self._act("/v1/pools/{}/open", pool_id)

    async def close_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Close a pool: the operation to wait for, or None when it is closed already.

        Source: Toloka API, "Close a pool".
        """
        return await self._act("/v1/pools/{}/close", pool_id)

    async def close_pool_for_update(self, pool_id: str) -> dict[str, Any] | None:
        """Close a pool to change it: as `close_pool`, but it opens again by itself after 15 minutes.

        Source: Toloka API, "Close pool for editing".
        """
        return await self._act("/v1/pools/{}/close-for-update", pool_id)

    async def archive_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Archive a closed pool: the operation to wait for, or None when it is archived already. Raises `Conflict`.

        Source: Toloka API, "Archive pool".
        """
        return await self._act("/v1/pools/{}/archive", pool_id)

    async def get_training(self, training_id: str) -> dict[str, Any]:
        """A training. Raises `NotFound`. Source: Toloka API, "Get training by ID"."""
        return await self._get("/v1/trainings/{}", training_id)

    async def create_training(self, training: Mapping[str, Any]) -> dict[str, Any]:
        """Make a training, which is CLOSED at first, and return it. Errors as in `create_project`.

        Source: Toloka API, "Create training pool" (20 a minute, 100 a day).
        """
        return await self._make("/v1/trainings", body=training)

    async def update_training(self, training_id: str, training: Mapping[str, Any]) -> dict[str, Any]:
        """Put a whole training in the place of the one that is there, and return it. Raises `ValidationFailed`, `Conflict`.

        Source: Toloka API, "Edit training pool".
        """
        return await self._put("/v1/trainings/{}", training_id, body=training)

    async def clone_training(self, training_id: str) -> dict[str, Any]:
        """Clone a training: the operation to wait for, whose `details` hold the new training's id as `training_id`.

        Raises `OutcomeUnknown` when the answer was lost. Source: Toloka API, "Clone training pool" (20 a minute, 100 a day).
        """
        return await self._start("/v1/trainings/{}/clone", training_id)

    async def open_training(self, training_id: str) -> dict[str, Any] | None:
        """Open a training: the operation to wait for, or None when it is open already. Raises `Conflict`.

        Source: Toloka API, "Open training".
        """
        return await self._act("/v1/trainings/{}/open", training_id)

    async def close_training(self, training_id: str) -> dict[str, Any] | None:
        """Close a training: the operation to wait for, or None when it is closed already.

        Source: Toloka API, "Close training".
        """
        return await self._act("/v1/trainings/{}/close", training_id)

    async def close_training_for_update(self, training_id: str) -> dict[str, Any] | None:
        """Close a training to change it: as `close_training`, but it opens again by itself after 15 minutes.

        Source: Toloka API, "Close training for editing".
        """
        return await self._act("/v1/trainings/{}/close-for-update", training_id)

    async def archive_training(self, training_id: str) -> dict[str, Any] | None:
        """Archive a closed training: the operation to wait for, or None when it is archived already. Raises `Conflict`.

        Source: Toloka API, "Archive training pool".
        """
        return await self._act("/v1/trainings/{}/archive", training_id)

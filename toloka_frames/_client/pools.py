"""Calls about pools and their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toloka_frames._client.base_calls import BaseCalls, merge_fields
from toloka_frames._client.call import api_call
from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._transport.bodies import json_body
from toloka_frames._transport.http import OPERATION
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from toloka_frames._client.form_checks import PoolForm
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id


class PoolCalls(BaseCalls):
    """Calls about pools and their statistics."""

    @api_call
    async def get_pool(self, pool_id: Id) -> Row:
        """Return a pool.

        Args:
            pool_id: The pool's id.

        Returns:
            The pool as in the API, with `status` and `last_close_reason`; rewards in US dollars.

        Raises:
            NotFound: If the pool does not exist.

        Example:
            >>> client.get_pool(pool.id).status
            'CLOSED'

        Source: Toloka API, "Get pool by ID".
        """
        return await self._get("/v1/pools/{}", pool_id)

    @api_call
    async def create_pool(self, pool: PoolForm, tier: str | None = None) -> Row:
        """Create a pool.

        The call has no idempotency key: after `OutcomeUnknown`, check the list of pools before you call it again.

        Args:
            pool: The pool as in the API; rewards in US dollars. `tf.pool_form` returns one. The call warns of names and rules
                that the API does not have, and sends them.
            tier: Where the pool's data is stored; None for the service's default.

        Returns:
            The new pool, with its `id`; its status is CLOSED.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the pool may have been created.

        Example:
            >>> tuesday = tf.pool_form(project.id, private_name="Tuesday", reward=0.05, overlap=3, real=9, golden=1)
            >>> tuesday["defaults"]
            {'default_overlap_for_new_tasks': 3, 'default_overlap_for_new_task_suites': 3}
            >>> client.create_pool(tuesday).status
            'CLOSED'

        Source: Toloka API, "Create pool" (20 a minute, 100 a day); Toloka-Kit 1.2.3 for tier.
        """
        query = {} if tier is None else {"storage_key": validate("tier", text, tier)}
        return await self._post("/v1/pools", body=pool, query=query)

    @api_call
    async def update_pool(self, pool_id: Id, pool: PoolForm) -> Row:
        """Replace a pool.

        Args:
            pool_id: The pool's id.
            pool: The whole pool, as `get_pool` returns it, with your changes. Warnings are those of `create_pool`.

        Returns:
            The pool as it is now.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            NotFound: If the pool does not exist.
            Conflict: If the pool's state does not allow the change.

        Example:
            >>> pool = client.get_pool(pool.id)
            >>> pool.reward_per_assignment = 0.08
            >>> client.update_pool(pool.id, pool).reward_per_assignment
            0.08

        Source: Toloka API, "Edit pool".
        """
        return await self._put("/v1/pools/{}", pool_id, body=pool)

    @api_call
    async def patch_pool(self, pool_id: Id, patch: JsonObject | int | None = None, *, priority: int | None = None) -> Row:
        """Change a pool's priority.

        Args:
            pool_id: The pool's id.
            patch: `{"priority": 50}` or only the number, in place of the keyword.
            priority: The new priority, 0 to 100.

        Returns:
            The pool as it is now.

        Raises:
            NotFound: If the pool does not exist.
            Conflict: If the pool is archived.

        Example:
            >>> client.patch_pool(pool.id, priority=50).priority
            50

        Source: Toloka API, "Change pool priority".
        """
        fields = {"priority": patch} if isinstance(patch, int) else patch
        return await self._patch("/v1/pools/{}", pool_id, body=merge_fields("patch", fields, priority=priority))

    @api_call
    async def clone_pool(self, pool_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Clone a pool without its tasks, and wait until the clone exists.

        Args:
            pool_id: The pool's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The new pool.

        Raises:
            NotFound: If the pool does not exist.
            OutcomeUnknown: If the response was lost; a clone may have been started.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> clone = client.clone_pool(pool.id)
            >>> clone.status, clone.private_name
            ('CLOSED', 'Monday')

        Source: Toloka API, "Clone pool" (20 a minute, 100 a day); Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.clone_pool_async(pool_id)
        return await self._after(operation, timeout, progress, "/v1/pools/{}")

    @api_call
    async def clone_pool_async(self, pool_id: Id) -> Row:
        """Start cloning a pool without its tasks.

        Args:
            pool_id: The pool's id.

        Returns:
            The operation, for `wait_operation`; when it has ended, `details["pool_id"]` is the new pool's id.

        Raises:
            NotFound: If the pool does not exist.
            OutcomeUnknown: If the response was lost; a clone may have been started.

        Example:
            >>> operation = client.wait_operation(client.clone_pool_async(pool.id))
            >>> client.get_pool(operation.details.pool_id).status
            'CLOSED'

        Source: Toloka API, "Clone pool" (20 a minute, 100 a day).
        """
        return await self._post("/v1/pools/{}/clone", pool_id, returns=OPERATION)

    @api_call
    async def open_pool(self, pool_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Open a pool, and wait until it is open.

        Args:
            pool_id: The pool's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The pool as it is now.

        Raises:
            NotFound: If the pool does not exist.
            Conflict: If the pool cannot be opened; `.code` says why, for example EMPTY_POOL.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> client.open_pool(pool.id).status
            'OPEN'

        Source: Toloka API, "Open pool"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.open_pool_async(pool_id)
        return await self._after(operation, timeout, progress, "/v1/pools/{}", pool_id)

    @api_call
    async def open_pool_async(self, pool_id: Id) -> Row | None:
        """Start opening a pool.

        Args:
            pool_id: The pool's id.

        Returns:
            The operation, for `wait_operation`; None if the pool is already open.

        Raises:
            NotFound: If the pool does not exist.
            Conflict: If the pool cannot be opened; `.code` says why, for example EMPTY_POOL.

        Example:
            >>> operation = client.open_pool_async(pool.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Open pool".
        """
        return await self._run_action("/v1/pools/{}/open", pool_id)

    @api_call
    async def close_pool(self, pool_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Close a pool, and wait until it is closed.

        Args:
            pool_id: The pool's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The pool as it is now.

        Raises:
            NotFound: If the pool does not exist.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> opened = client.open_pool(pool.id)
            >>> client.close_pool(pool.id).status
            'CLOSED'

        Source: Toloka API, "Close pool"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.close_pool_async(pool_id)
        return await self._after(operation, timeout, progress, "/v1/pools/{}", pool_id)

    @api_call
    async def close_pool_async(self, pool_id: Id) -> Row | None:
        """Start closing a pool.

        Args:
            pool_id: The pool's id.

        Returns:
            The operation, for `wait_operation`; None if the pool is already closed.

        Raises:
            NotFound: If the pool does not exist.

        Example:
            >>> operation = client.close_pool_async(pool.id)
            >>> client.wait_operation(operation)  # None, because the pool is closed already

        Source: Toloka API, "Close pool".
        """
        return await self._run_action("/v1/pools/{}/close", pool_id)

    @api_call
    async def close_pool_for_update(self, pool_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Close a pool for editing, and wait until it is closed. The service opens it again after 15 minutes.

        Args:
            pool_id: The pool's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The pool as it is now.

        Raises:
            NotFound: If the pool does not exist.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> opened = client.open_pool(pool.id)
            >>> client.close_pool_for_update(pool.id).last_close_reason
            'FOR_UPDATE'

        Source: Toloka API, "Close pool for editing"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.close_pool_for_update_async(pool_id)
        return await self._after(operation, timeout, progress, "/v1/pools/{}", pool_id)

    @api_call
    async def close_pool_for_update_async(self, pool_id: Id) -> Row | None:
        """Start closing a pool for editing. The service opens it again after 15 minutes.

        Args:
            pool_id: The pool's id.

        Returns:
            The operation, for `wait_operation`; None if the pool is already closed.

        Raises:
            NotFound: If the pool does not exist.

        Example:
            >>> opened = client.open_pool(pool.id)
            >>> operation = client.close_pool_for_update_async(pool.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Close pool for editing".
        """
        return await self._run_action("/v1/pools/{}/close-for-update", pool_id)

    @api_call
    async def archive_pool(self, pool_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Archive a closed pool, and wait until it is archived.

        Args:
            pool_id: The pool's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The pool as it is now.

        Raises:
            NotFound: If the pool does not exist.
            Conflict: If the pool's state does not allow it.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> client.archive_pool(pool.id).status
            'ARCHIVED'

        Source: Toloka API, "Archive pool"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.archive_pool_async(pool_id)
        return await self._after(operation, timeout, progress, "/v1/pools/{}", pool_id)

    @api_call
    async def archive_pool_async(self, pool_id: Id) -> Row | None:
        """Start archiving a closed pool.

        Args:
            pool_id: The pool's id.

        Returns:
            The operation, for `wait_operation`; None if the pool is already archived.

        Raises:
            NotFound: If the pool does not exist.
            Conflict: If the pool's state does not allow it.

        Example:
            >>> operation = client.archive_pool_async(pool.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Archive pool".
        """
        return await self._run_action("/v1/pools/{}/archive", pool_id)

    @api_call
    async def get_analytics(self, stats: Sequence[JsonObject], *, progress: ProgressArg = "auto") -> list[Row]:
        """Return statistics of pools as computed by the service. Wait for the operation, showing its progress.

        Args:
            stats: At most 10 dicts, as `{"name": "completion_percentage", "subject": "POOL", "subject_id": pool_id}`. Names:
                real_tasks_count, submitted_assignments_count, skipped_assignments_count, rejected_assignments_count,
                approved_assignments_count, completion_percentage, avg_submit_assignment_millis, spent_budget (US dollars),
                unique_workers_count, unique_submitters_count, active_workers_by_filter_count (with `interval_hours`),
                estimated_assignments_count.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            A dict for each element of `stats`, in the same order: `{"request": {...}, "result": ..., "finished": ...}`. The
            result is a number or `{"value": number, ...}`. `pd.json_normalize` makes a DataFrame of the list.

        Raises:
            InputError: If `stats` is not a list, or empty; nothing was sent.
            ValidationFailed: If a dict is not valid, or there are too many; `.payload` says which.
            OperationFailed: If the operation ended with FAIL.

        Example:
            >>> names = ["submitted_assignments_count", "spent_budget"]
            >>> stats = client.get_analytics([{"name": name, "subject": "POOL", "subject_id": pool.id} for name in names])
            >>> [statistic.request.name for statistic in stats]
            ['submitted_assignments_count', 'spent_budget']

        Source: Toloka-Kit 1.2.3 for the path, which is not in the API's document, and for the maximum.
        """
        if isinstance(stats, str) or not isinstance(stats, Sequence) or not stats:
            raise InputError("stats must be a list of dicts that is not empty.", column="stats")
        return await run_on_loop(_analytics(self.service, list(stats), progress))


async def start_analytics(service: ApiClient, stats: Sequence[JsonObject]) -> Row:
    """Start to compute statistics, and return the operation; arguments and errors as in `get_analytics`."""
    # computing statistics twice changes nothing, so the request is repeated if its response is lost
    started = await service.post("/staging/analytics-2", {}, json_body(stats), repeatable=True)
    return operations.check_operation(started)


def read_analytics(ended: Row) -> list[Row]:
    """Return the statistics of an operation that has ended.

    Raises:
        BadAnswer: If it has none.
    """
    details = ended.get("details")
    results = details.get("value") if isinstance(details, dict) else None
    if not isinstance(results, list):
        raise bad_answer(200, ended, "an operation with statistics was expected")
    return results


async def _analytics(service: ApiClient, stats: Sequence[JsonObject], progress: ProgressArg) -> list[Row]:
    return read_analytics(await operations.wait(service, await start_analytics(service, stats), None, progress))

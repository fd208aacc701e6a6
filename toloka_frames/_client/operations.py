"""Calls about operations: jobs of the service that take time, such as a bulk creation or opening a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.base_calls import BaseCalls
from toloka_frames._client.call import api_call
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._validation import id_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id


class OperationCalls(BaseCalls):
    """Calls about operations."""

    @api_call
    async def get_operation(self, operation_id: Id) -> Row:
        """Return an operation as it is now.

        Args:
            operation_id: The operation's id.

        Returns:
            The operation as in the API: `id`, `type`, `status` (PENDING, RUNNING, SUCCESS, FAIL), `progress` (percent),
            `parameters` and `details`.

        Raises:
            NotFound: If the operation does not exist.

        Example:
            >>> client.get_operation(operation.id).status
            'SUCCESS'

        Source: Toloka API, "Get operation by ID".
        """
        return await self._get("/v1/operations/{}", operation_id)

    @api_call
    async def get_operation_log(self, operation_id: Id) -> list[Row]:
        """Return the log of a bulk creation. The service keeps it for a month.

        Args:
            operation_id: The operation's id.

        Returns:
            An entry for each object, `{"type": ..., "success": bool, "input": {...}, "output": {...}}`. Their order is not
            defined.

        Raises:
            NotFound: If the operation does not exist.

        Example:
            >>> log = pd.DataFrame(client.get_operation_log(operation.id))
            >>> log["type"].value_counts().to_dict()
            {'TASK_CREATE': 9}

        Source: Toloka API, "Get operation log" (kept for a month).
        """
        return await run_on_loop(operations.get_log_entries(self.service, id_text("operation_id", operation_id)))

    @api_call
    async def wait_operation(
        self,
        operation: Mapping[str, Any] | Id | None,
        timeout: Timeout = None,
        *,
        progress: ProgressArg = "auto",
    ) -> Row | None:
        """Wait until an operation has ended, showing its progress.

        Args:
            operation: The operation or its id; None, which a call returns if it had nothing to do, is returned at once.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The ended operation, with status SUCCESS.

        Raises:
            InputError: If `operation` has no id.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> operation = client.open_pool_async(pool.id)
            >>> client.wait_operation(operation, timeout=60).status
            'SUCCESS'
        """
        if operation is None:
            return None
        return await run_on_loop(operations.wait(self.service, operation, timeout, progress))

"""Calls about trainings, which the API also calls training pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._client.base_calls import BaseCalls
from toloka_frames._client.call import api_call
from toloka_frames._transport.http import OPERATION

if TYPE_CHECKING:
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id


class TrainingCalls(BaseCalls):
    """Calls about trainings."""

    @api_call
    async def get_training(self, training_id: Id) -> Row:
        """Return a training.

        Args:
            training_id: The training's id.

        Returns:
            The training as in the API, with `status`.

        Raises:
            NotFound: If the training does not exist.

        Example:
            >>> client.get_training(training.id).status
            'CLOSED'

        Source: Toloka API, "Get training by ID".
        """
        return await self._get("/v1/trainings/{}", training_id)

    @api_call
    async def create_training(self, training: JsonObject) -> Row:
        """Create a training.

        The call has no idempotency key: after `OutcomeUnknown`, check the list of trainings before you call it again.

        Args:
            training: The training as in the API.

        Returns:
            The new training, with its `id`; its status is CLOSED.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the training may have been created.

        Example:
            >>> practice = {
            ...     "project_id": project.id,
            ...     "private_name": "More practice",
            ...     "may_contain_adult_content": False,
            ...     "assignment_max_duration_seconds": 600,
            ...     "mix_tasks_in_creation_order": True,
            ...     "shuffle_tasks_in_task_suite": True,
            ...     "training_tasks_in_task_suite_count": 2,
            ...     "task_suites_required_to_pass": 1,
            ...     "retry_training_after_days": 5,
            ...     "inherited_instructions": True,
            ... }
            >>> client.create_training(practice).status
            'CLOSED'

        Source: Toloka API, "Create training pool" (20 a minute, 100 a day).
        """
        return await self._post("/v1/trainings", body=training)

    @api_call
    async def update_training(self, training_id: Id, training: JsonObject) -> Row:
        """Replace a training.

        Args:
            training_id: The training's id.
            training: The whole training, as `get_training` returns it, with your changes.

        Returns:
            The training as it is now.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            NotFound: If the training does not exist.
            Conflict: If the training's state does not allow the change.

        Example:
            >>> training = client.get_training(training.id)
            >>> training.retry_training_after_days = 10
            >>> client.update_training(training.id, training).retry_training_after_days
            10

        Source: Toloka API, "Edit training pool".
        """
        return await self._put("/v1/trainings/{}", training_id, body=training)

    @api_call
    async def clone_training(self, training_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Clone a training, and wait until the clone exists.

        Args:
            training_id: The training's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The new training.

        Raises:
            NotFound: If the training does not exist.
            OutcomeUnknown: If the response was lost; a clone may have been started.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> client.clone_training(training.id).private_name
            'Practice'

        Source: Toloka API, "Clone training pool" (20 a minute, 100 a day); Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.clone_training_async(training_id)
        return await self._after(operation, timeout, progress, "/v1/trainings/{}")

    @api_call
    async def clone_training_async(self, training_id: Id) -> Row:
        """Start cloning a training.

        Args:
            training_id: The training's id.

        Returns:
            The operation, for `wait_operation`; when it has ended, `details["training_id"]` is the new training's id.

        Raises:
            NotFound: If the training does not exist.
            OutcomeUnknown: If the response was lost; a clone may have been started.

        Example:
            >>> operation = client.wait_operation(client.clone_training_async(training.id))
            >>> client.get_training(operation.details.training_id).status
            'CLOSED'

        Source: Toloka API, "Clone training pool" (20 a minute, 100 a day).
        """
        return await self._post("/v1/trainings/{}/clone", training_id, returns=OPERATION)

    @api_call
    async def open_training(self, training_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Open a training, and wait until it is open.

        Args:
            training_id: The training's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The training as it is now.

        Raises:
            NotFound: If the training does not exist.
            Conflict: If the training's state does not allow it.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> client.open_training(training.id).status
            'OPEN'

        Source: Toloka API, "Open training"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.open_training_async(training_id)
        return await self._after(operation, timeout, progress, "/v1/trainings/{}", training_id)

    @api_call
    async def open_training_async(self, training_id: Id) -> Row | None:
        """Start opening a training.

        Args:
            training_id: The training's id.

        Returns:
            The operation, for `wait_operation`; None if the training is already open.

        Raises:
            NotFound: If the training does not exist.
            Conflict: If the training's state does not allow it.

        Example:
            >>> operation = client.open_training_async(training.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Open training".
        """
        return await self._run_action("/v1/trainings/{}/open", training_id)

    @api_call
    async def close_training(self, training_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Close a training, and wait until it is closed.

        Args:
            training_id: The training's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The training as it is now.

        Raises:
            NotFound: If the training does not exist.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> opened = client.open_training(training.id)
            >>> client.close_training(training.id).status
            'CLOSED'

        Source: Toloka API, "Close training"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.close_training_async(training_id)
        return await self._after(operation, timeout, progress, "/v1/trainings/{}", training_id)

    @api_call
    async def close_training_async(self, training_id: Id) -> Row | None:
        """Start closing a training.

        Args:
            training_id: The training's id.

        Returns:
            The operation, for `wait_operation`; None if the training is already closed.

        Raises:
            NotFound: If the training does not exist.

        Example:
            >>> opened = client.open_training(training.id)
            >>> operation = client.close_training_async(training.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Close training".
        """
        return await self._run_action("/v1/trainings/{}/close", training_id)

    @api_call
    async def close_training_for_update(
        self, training_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto"
    ) -> Row:
        """Close a training for editing, and wait until it is closed. The service opens it again after 15 minutes.

        Args:
            training_id: The training's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The training as it is now.

        Raises:
            NotFound: If the training does not exist.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> opened = client.open_training(training.id)
            >>> client.close_training_for_update(training.id).last_close_reason
            'FOR_UPDATE'

        Source: Toloka API, "Close training for editing"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.close_training_for_update_async(training_id)
        return await self._after(operation, timeout, progress, "/v1/trainings/{}", training_id)

    @api_call
    async def close_training_for_update_async(self, training_id: Id) -> Row | None:
        """Start closing a training for editing. The service opens it again after 15 minutes.

        Args:
            training_id: The training's id.

        Returns:
            The operation, for `wait_operation`; None if the training is already closed.

        Raises:
            NotFound: If the training does not exist.

        Example:
            >>> opened = client.open_training(training.id)
            >>> operation = client.close_training_for_update_async(training.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Close training for editing".
        """
        return await self._run_action("/v1/trainings/{}/close-for-update", training_id)

    @api_call
    async def archive_training(self, training_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Archive a closed training, and wait until it is archived.

        Args:
            training_id: The training's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The training as it is now.

        Raises:
            NotFound: If the training does not exist.
            Conflict: If the training's state does not allow it.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> client.archive_training(training.id).status
            'ARCHIVED'

        Source: Toloka API, "Archive training pool"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.archive_training_async(training_id)
        return await self._after(operation, timeout, progress, "/v1/trainings/{}", training_id)

    @api_call
    async def archive_training_async(self, training_id: Id) -> Row | None:
        """Start archiving a closed training.

        Args:
            training_id: The training's id.

        Returns:
            The operation, for `wait_operation`; None if the training is already archived.

        Raises:
            NotFound: If the training does not exist.
            Conflict: If the training's state does not allow it.

        Example:
            >>> operation = client.archive_training_async(training.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Archive training pool".
        """
        return await self._run_action("/v1/trainings/{}/archive", training_id)

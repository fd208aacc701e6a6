"""Calls about tasks, task suites, assignments and their aggregation."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from toloka_frames._client.base_calls import build_path, choice, merge_fields
from toloka_frames._client.call import api_call
from toloka_frames._client.creations import CreationCalls, Parameters
from toloka_frames._errors import ApiError, TolokaError
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS
from toloka_frames._schema.keywords import EXPORT_FIELDS, AggregationType, Verdict
from toloka_frames._transport.bodies import as_dict, as_json
from toloka_frames._transport.http import OPERATION

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from enum import Enum

    import pandas as pd

    from toloka_frames._reading.tsv_export import ExportStatus
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.keywords import AssignmentField
    from toloka_frames._schema.row import Row
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id


class Task(TypedDict, total=False):
    """A task as in the API (Toloka API, Task); at run time a plain dict.

    `overlap` is the number of answers wanted (1 to 30,000). `known_solutions` make a control task, together with
    `message_on_unknown_solution` a training task.

    Example:
        >>> control = tf.Task(
        ...     pool_id=pool.id,
        ...     input_values={"image": "https://example.com/cat.jpg"},
        ...     known_solutions=[{"output_values": {"result": "cat"}}],
        ...     infinite_overlap=True,
        ... )
        >>> client.create_task(control).known_solutions[0].output_values
        {'result': 'cat'}
    """

    pool_id: Id
    input_values: dict[str, Any]
    overlap: int
    infinite_overlap: bool
    known_solutions: list[dict[str, Any]]
    message_on_unknown_solution: str
    baseline_solutions: list[dict[str, Any]]
    reserved_for: list[str]
    unavailable_for: list[str]
    localization_config: dict[str, Any]
    traits_all_of: list[str]
    traits_any_of: list[str]
    traits_none_of_any: list[str]


class TaskCalls(CreationCalls):
    """Calls about tasks, task suites, assignments and their aggregation."""

    @api_call
    async def get_task(self, task_id: Id) -> Row:
        """Return a task.

        Args:
            task_id: The task's id.

        Returns:
            The task as in the API; the keys are those of `tf.Task`, and `id`.

        Raises:
            NotFound: If the task does not exist.

        Example:
            >>> client.get_task(task.id).input_values.image
            'https://example.com/8.jpg'

        Source: Toloka API, "Get task by ID".
        """
        return await self._get("/v1/tasks/{}", task_id)

    @api_call
    async def create_task(
        self,
        task: Task | JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Create one task, and return it.

        Args:
            task: The task, as `tf.Task`, a dict, or an object of Toloka-Kit.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the tasks before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the tasks have been created.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The task, with its `id`.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the task is not valid; `.payload` says why.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> task = tf.Task(pool_id=pool.id, input_values={"image": "https://example.com/cat.jpg"}, overlap=3)
            >>> client.create_task(task).overlap
            3

        Source: Toloka API, "Create single/multiple tasks"; Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_TASKS,
            task,
            parameters,
            timeout,
            progress,
            is_list=False,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
        )

    @api_call
    async def create_tasks(
        self,
        tasks: Sequence[Task] | Sequence[JsonObject],
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Create tasks in one request, and wait until they exist.

        To upload a whole DataFrame, use `tf.create_tasks`: it splits the rows into requests, waits
        and reports row by row.

        Args:
            tasks: A list of tasks, each as in `create_task`; at most 10,000 and 1,048,576 bytes of input_values.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the tasks before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the tasks have been created.
            skip_invalid_items: Whether to create the valid tasks if others are not valid.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            `{"items": {"0": {...}}, "validation_errors": {"1": {...}}}`, by position in the list.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If nothing was created, because the tasks in `.payload` are not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> images = ["https://example.com/cat.jpg", "https://example.com/dog.jpg"]
            >>> tasks = [{"pool_id": pool.id, "input_values": {"image": image}} for image in images]
            >>> created = client.create_tasks(tasks, allow_defaults=True)
            >>> [task.overlap for task in created["items"].values()]
            [2, 2]

        Source: Toloka API, "Create single/multiple tasks"; Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_TASKS,
            tasks,
            parameters,
            timeout,
            progress,
            is_list=True,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def create_tasks_async(
        self,
        tasks: Sequence[Task] | Sequence[JsonObject] | Task | JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> Row:
        """Start creating tasks, in one request.

        Args:
            tasks: One task or a list of them, each as in `create_task`; at most 10,000 and 1,048,576 bytes of input_values
                (5,000 with async_mode=False).
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the tasks before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the tasks have been created.
            skip_invalid_items: Whether to create the valid tasks if others are not valid.

        Returns:
            The operation, for `wait_operation`. With async_mode=False: the task, or for a list the result of
            `create_tasks`, whose `validation_errors` may be missing.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the request is malformed, or with async_mode=False if a task is not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.

        Example:
            >>> tasks = [{"pool_id": pool.id, "input_values": {"image": "https://example.com/cat.jpg"}}]
            >>> operation = client.create_tasks_async(tasks, allow_defaults=True)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Create single/multiple tasks".
        """
        return await self._start(
            CREATE_TASKS,
            tasks,
            parameters,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def patch_task(
        self,
        task_id: Id,
        patch: JsonObject | None = None,
        *,
        overlap: int | None = None,
        infinite_overlap: bool | None = None,
        baseline_solutions: Sequence[JsonObject] | None = None,
        known_solutions: Sequence[JsonObject] | None = None,
        message_on_unknown_solution: str | None = None,
        open_pool: bool | None = None,
    ) -> Row:
        """Change the overlap or the solutions of a task.

        Args:
            task_id: The task's id.
            patch: The new values by name, in place of keywords or beside them.
            overlap: The number of answers wanted.
            infinite_overlap: Whether the task is shown to all Tolokers.
            baseline_solutions: Preliminary answers, as `[{"output_values": {...}, "confidence_weight": 1}]`.
            known_solutions: The right answers, as `[{"output_values": {...}, "correctness_weight": 1}]`.
            message_on_unknown_solution: The hint of a training task.
            open_pool: Whether to open the pool after the change.

        Returns:
            The task as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the task does not exist.

        Example:
            >>> client.patch_task(task.id, overlap=5).overlap
            5

        Source: Toloka API, "Edit task".
        """
        body = merge_fields(
            "patch",
            patch,
            overlap=overlap,
            infinite_overlap=infinite_overlap,
            baseline_solutions=baseline_solutions,
            known_solutions=known_solutions,
            message_on_unknown_solution=message_on_unknown_solution,
        )
        return await self._patch("/v1/tasks/{}", task_id, body=body, open_pool=open_pool)

    @api_call
    async def patch_task_overlap_or_min(
        self,
        task_id: Id,
        patch: JsonObject | None = None,
        *,
        overlap: int | None = None,
        infinite_overlap: bool | None = None,
    ) -> Row:
        """Set the overlap of a task, but not below the number of answers that exist or are in progress.

        Args:
            task_id: The task's id.
            patch: The new values by name, in place of keywords or beside them.
            overlap: The number of answers wanted; 0 stops the assignment of the task.
            infinite_overlap: Whether the task is shown to all Tolokers.

        Returns:
            The task as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the task does not exist.

        Example:
            >>> client.patch_task_overlap_or_min(task.id, overlap=0).overlap  # there are two answers
            2

        Source: Toloka API, "Stop assigning task".
        """
        body = merge_fields("patch", patch, overlap=overlap, infinite_overlap=infinite_overlap)
        return await self._patch("/v1/tasks/{}/set-overlap-or-min", task_id, body=body)

    @api_call
    async def get_task_suite(self, task_suite_id: Id) -> Row:
        """Return a task suite.

        Args:
            task_suite_id: The suite's id.

        Returns:
            The suite as in the API, with `pool_id`, `tasks` and `overlap`.

        Raises:
            NotFound: If the suite does not exist.

        Example:
            >>> len(client.get_task_suite(suite.id).tasks)
            2

        Source: Toloka API, "Get task suite by ID".
        """
        return await self._get("/v1/task-suites/{}", task_suite_id)

    @api_call
    async def create_task_suite(
        self,
        task_suite: JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Create one task suite, and return it.

        Args:
            task_suite: The suite, as `{"pool_id": ..., "tasks": [...], "overlap": ...}`.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the suites before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task suite without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the task suites have been created.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The task suite, with its `id`.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the task suite is not valid; `.payload` says why.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> tasks = [{"input_values": {"image": "https://example.com/cat.jpg"}}]
            >>> client.create_task_suite({"pool_id": suite_pool.id, "tasks": tasks, "overlap": 3}).overlap
            3

        Source: Toloka API, "Create single/multiple task suites"; Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_TASK_SUITES,
            task_suite,
            parameters,
            timeout,
            progress,
            is_list=False,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
        )

    @api_call
    async def create_task_suites(
        self,
        task_suites: Sequence[JsonObject],
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
        timeout: Timeout = None,
        progress: ProgressArg = "auto",
    ) -> Row:
        """Create task suites in one request, and wait until they exist.

        To upload a whole DataFrame, use `tf.create_task_suites`: it splits the rows into requests, waits
        and reports row by row.

        Args:
            task_suites: A list of task suites, each as in `create_task_suite`; at most 10,000.
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the suites before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task suite without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the task suites have been created.
            skip_invalid_items: Whether to create the valid task suites if others are not valid.
            timeout: Maximum seconds to wait for the operation, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            `{"items": {"0": {...}}, "validation_errors": {"1": {...}}}`, by position in the list.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If nothing was created, because the task suites in `.payload` are not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.
            OperationFailed: If the operation ended with FAIL for another reason.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> images = ["https://example.com/cat.jpg", "https://example.com/dog.jpg"]
            >>> suites = [{"pool_id": suite_pool.id, "tasks": [{"input_values": {"image": image}}]} for image in images]
            >>> created = client.create_task_suites(suites, allow_defaults=True)
            >>> list(created["items"]), created.validation_errors
            (['0', '1'], {})

        Source: Toloka API, "Create single/multiple task suites"; Toloka-Kit 1.2.3 for the result.
        """
        return await self._create(
            CREATE_TASK_SUITES,
            task_suites,
            parameters,
            timeout,
            progress,
            is_list=True,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def create_task_suites_async(
        self,
        task_suites: Sequence[JsonObject] | JsonObject,
        parameters: Parameters = None,
        *,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> Row:
        """Start creating task suites, in one request.

        Args:
            task_suites: One task suite or a list of them, each as in `create_task_suite`; at most 10,000
                (5,000 with async_mode=False).
            parameters: The parameters below as a dict or as Toloka-Kit's object; text or a UUID is the `operation_id`.
            operation_id: A UUID for the operation; None for a new one. The request is sent again if its response is lost, and
                creates nothing twice.
            async_mode: Whether to start an operation. False creates the suites before the service responds; then a lost
                response raises `OutcomeUnknown`.
            allow_defaults: Whether a task suite without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the task suites have been created.
            skip_invalid_items: Whether to create the valid task suites if others are not valid.

        Returns:
            The operation, for `wait_operation`. With async_mode=False: the task suite, or for a list the result of
            `create_task_suites`, whose `validation_errors` may be missing.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            ValidationFailed: If the request is malformed, or with async_mode=False if a task suite is not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.

        Example:
            >>> tasks = [{"input_values": {"image": "https://example.com/cat.jpg"}}]
            >>> operation = client.create_task_suites_async({"pool_id": suite_pool.id, "tasks": tasks, "overlap": 3})
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Create single/multiple task suites".
        """
        return await self._start(
            CREATE_TASK_SUITES,
            task_suites,
            parameters,
            operation_id=operation_id,
            async_mode=async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    @api_call
    async def patch_task_suite(
        self,
        task_suite_id: Id,
        patch: JsonObject | None = None,
        *,
        overlap: int | None = None,
        infinite_overlap: bool | None = None,
        issuing_order_override: float | None = None,
        open_pool: bool | None = None,
    ) -> Row:
        """Change the overlap or the priority of a task suite.

        Args:
            task_suite_id: The suite's id.
            patch: The new values by name, in place of keywords or beside them.
            overlap: The number of answers wanted; with this keyword `infinite_overlap` becomes False, unless it is given.
            infinite_overlap: Whether the suite is shown to all Tolokers.
            issuing_order_override: The priority of the suite in its pool.
            open_pool: Whether to open the pool after the change.

        Returns:
            The suite as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the suite does not exist.

        Example:
            >>> client.patch_task_suite(suite.id, overlap=5).overlap
            5

        Source: Toloka API, "Edit task suite overlap or priority".
        """
        if patch is None and overlap is not None and infinite_overlap is None:
            infinite_overlap = False
        body = merge_fields(
            "patch",
            patch,
            overlap=overlap,
            infinite_overlap=infinite_overlap,
            issuing_order_override=issuing_order_override,
            open_pool=open_pool,
        )
        # Toloka-Kit's patch of a suite holds the parameter of the query
        return await self._patch("/v1/task-suites/{}", task_suite_id, open_pool=body.pop("open_pool", None), body=body)

    @api_call
    async def patch_task_suite_overlap_or_min(
        self, task_suite_id: Id, patch: JsonObject | None = None, *, overlap: int | None = None
    ) -> Row:
        """Set the overlap of a task suite, but not below the number of answers that exist or are in progress.

        Args:
            task_suite_id: The suite's id.
            patch: `{"overlap": n}`, in place of the keyword.
            overlap: The number of answers wanted; 0 stops the assignment of the suite.

        Returns:
            The suite as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the suite does not exist.

        Example:
            >>> client.patch_task_suite_overlap_or_min(suite.id, overlap=0).overlap
            0

        Source: Toloka API, "Stop assigning task suite".
        """
        body = merge_fields("patch", patch, overlap=overlap)
        return await self._patch("/v1/task-suites/{}/set-overlap-or-min", task_suite_id, body=body)

    @api_call
    async def get_assignment(self, assignment_id: Id) -> Row:
        """Return an assignment.

        Args:
            assignment_id: The assignment's id.

        Returns:
            The assignment as in the API, with `status`, `tasks` and their `solutions`, and `reward` (US dollars).

        Raises:
            NotFound: If the assignment does not exist.

        Example:
            >>> client.get_assignment(assignment.id).status
            'SUBMITTED'

        Source: Toloka API, "Get task suite response by ID".
        """
        return await self._get("/v1/assignments/{}", assignment_id)

    @api_call
    async def patch_assignment(
        self,
        assignment_id: Id,
        patch: JsonObject | None = None,
        *,
        status: Verdict | Enum | None = None,
        public_comment: str | None = None,
    ) -> Row:
        """Accept or reject an assignment, or change its comment.

        Args:
            assignment_id: The assignment's id.
            patch: The new values by name, in place of keywords or beside them.
            status: The new status. SUBMITTED can become ACCEPTED or REJECTED, REJECTED can become ACCEPTED.
            public_comment: The comment, which the Toloker sees.

        Returns:
            The assignment as it is now.

        Raises:
            ValidationFailed: If the comment is too long or missing.
            NotFound: If the assignment does not exist.
            Conflict: If the assignment's status does not allow it.

        Example:
            >>> client.patch_assignment(assignment.id, status="ACCEPTED", public_comment="Thank you").status
            'ACCEPTED'

        Source: Toloka API, "Update task suite response".
        """
        body = merge_fields("patch", patch, status=choice("status", Verdict, status), public_comment=public_comment)
        try:
            return await self._patch("/v1/assignments/{}", assignment_id, body=body)
        except ApiError as error:
            if not error.may_have_taken_effect:
                raise
            # an attempt whose response was lost may have changed it, and an ACCEPTED assignment cannot be accepted again
            with suppress(TolokaError):  # the first error explains the call better
                assignment = await self.get_assignment(assignment_id)
                if all(assignment.get(name) == value for name, value in {"id": assignment_id, **as_json(body)}.items()):
                    return assignment
            raise

    @api_call
    async def accept_assignment(self, assignment_id: Id, public_comment: str) -> Row:
        """Accept an assignment, which pays its reward.

        Args:
            assignment_id: The assignment's id.
            public_comment: The comment that the Toloker sees.

        Returns:
            The assignment as it is now.

        Raises:
            ValidationFailed: If the comment is too long.
            NotFound: If the assignment does not exist.
            Conflict: If the assignment's status does not allow it.

        Example:
            >>> client.accept_assignment(assignment.id, "Thank you").status
            'ACCEPTED'

        Source: Toloka API, "Update task suite response".
        """
        return await self.patch_assignment(assignment_id, {"status": "ACCEPTED", "public_comment": public_comment})

    @api_call
    async def reject_assignment(self, assignment_id: Id, public_comment: str) -> Row:
        """Reject an assignment.

        Args:
            assignment_id: The assignment's id.
            public_comment: The comment that the Toloker sees.

        Returns:
            The assignment as it is now.

        Raises:
            ValidationFailed: If the comment is too long or missing.
            NotFound: If the assignment does not exist.
            Conflict: If the assignment's status does not allow it.

        Example:
            >>> client.reject_assignment(assignment.id, "The second photo is a dog").status
            'REJECTED'

        Source: Toloka API, "Update task suite response".
        """
        return await self.patch_assignment(assignment_id, {"status": "REJECTED", "public_comment": public_comment})

    @api_call
    async def get_assignments_df(
        self,
        pool_id: Id,
        parameters: JsonObject | None = None,
        *,
        status: ExportStatus | Enum | Collection[ExportStatus | Enum] | None = "APPROVED",
        start_time_from: TimestampLike | None = None,
        start_time_to: TimestampLike | None = None,
        exclude_banned: bool | None = None,
        field: AssignmentField | Enum | Collection[AssignmentField | Enum] | None = EXPORT_FIELDS,
    ) -> pd.DataFrame:
        """Return the answers of a pool as a DataFrame, in one request, from the export of the web interface.

        `get_assignments` requests the same answers page by page.

        Args:
            pool_id: The pool's id.
            parameters: The parameters below as a dict or as Toloka-Kit's object, in place of keywords.
            status: Only assignments in this status, or in one of these; None for all. APPROVED is ACCEPTED.
            start_time_from: Only assignments submitted after this time (UTC).
            start_time_to: Only assignments submitted before this time (UTC).
            exclude_banned: Whether to leave out answers of banned Tolokers.
            field: Which `ASSIGNMENT:` columns to export; None for all. The default is that of Toloka-Kit.

        Returns:
            A row for each task of each assignment. The columns are those of `get_assignments(...).to_dataframe()` with the same
            names and dtypes: `INPUT:*`, `OUTPUT:*`, `GOLDEN:*`, `HINT:text`, `HINT:default_language` and the chosen fields. The
            status APPROVED of the file becomes ACCEPTED. Other columns of the file follow (string; `ACCEPT:verdict`), and
            `extra` holds cells that do not fit the type of their column, as JSON text.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            NotFound: If the pool does not exist.
            BadAnswer: If the response is not an export.

        Example:
            >>> answers = client.get_assignments_df(pool.id, status="SUBMITTED")
            >>> list(answers)[:3]
            ['INPUT:image', 'OUTPUT:result', 'GOLDEN:result']

        Source: Toloka-Kit 1.2.3 (the path is not in the API's document); exported files of the platform for their columns.
        """
        from toloka_frames._reading import tsv_export  # noqa: PLC0415 -- only this call needs it

        keywords: dict[str, Any] = {
            "status": status,
            "start_time_from": start_time_from,
            "start_time_to": start_time_to,
            "exclude_banned": exclude_banned,
            "field": field,
        }
        if parameters is not None:
            keywords |= tsv_export.export_arguments(as_dict("parameters", parameters))
        query = tsv_export.export_query(**keywords)
        path = build_path("/new/requester/pools/{}/assignments.tsv", pool_id)
        return await run_on_loop(tsv_export.fetch_export(self.service, pool_id, path, query))

    @api_call
    async def aggregate_solutions_by_pool(
        self,
        request: JsonObject | None = None,
        *,
        type: AggregationType | Enum | None = None,
        pool_id: Id | None = None,
        fields: Sequence[JsonObject] | None = None,
        answer_weight_skill_id: Id | None = None,
    ) -> Row:
        """Start aggregating the answers of a pool at the service.

        Args:
            request: The parameters by name, in place of keywords or beside them.
            type: The method: WEIGHTED_DYNAMIC_OVERLAP for pools with dynamic overlap, DAWID_SKENE for others.
            pool_id: The pool's id.
            fields: The output fields, as `[{"name": "result"}]`; DAWID_SKENE takes one.
            answer_weight_skill_id: The skill that answers are weighted by; required by WEIGHTED_DYNAMIC_OVERLAP.

        Returns:
            The operation: wait with `wait_operation(operation)`, then call `get_aggregated_solutions(operation["id"])`.

        Raises:
            ValidationFailed: If the pool or a field does not allow it.
            OutcomeUnknown: If the response was lost; an operation may have been started.

        Example:
            >>> fields = [{"name": "result"}]
            >>> operation = client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=pool.id, fields=fields)
            >>> client.wait_operation(operation).status
            'SUCCESS'
            >>> labels = client.get_aggregated_solutions(operation.id).to_dataframe()
            >>> labels["OUTPUT:result"].isin(["cat", "dog"]).value_counts().to_dict()
            {True: 8}

        Source: Toloka API, "Aggregate responses in pool" (5 a minute, 30 an hour, 200 a day).
        """
        body = merge_fields(
            "request",
            request,
            type=choice("type", AggregationType, type),
            pool_id=pool_id,
            fields=fields,
            answer_weight_skill_id=answer_weight_skill_id,
        )
        return await self._post("/v1/aggregated-solutions/aggregate-by-pool", body=body, returns=OPERATION)

    @api_call
    async def aggregate_solutions_by_task(
        self,
        request: JsonObject | None = None,
        *,
        task_id: Id | None = None,
        pool_id: Id | None = None,
        fields: Sequence[JsonObject] | None = None,
        answer_weight_skill_id: Id | None = None,
        type: AggregationType | Enum | None = None,
    ) -> Row:
        """Aggregate the answers to one task at the service.

        Args:
            request: The parameters by name, in place of keywords or beside them.
            task_id: The task's id.
            pool_id: The pool's id.
            fields: The output fields, as `[{"name": "result"}]`; DAWID_SKENE takes one.
            answer_weight_skill_id: The skill that answers are weighted by; required by WEIGHTED_DYNAMIC_OVERLAP.
            type: The method, as in `aggregate_solutions_by_pool`; None for WEIGHTED_DYNAMIC_OVERLAP.

        Returns:
            `{"pool_id": ..., "task_id": ..., "output_values": {...}, "confidence": ...}`; the confidence is 0 to 1.

        Raises:
            ValidationFailed: If the pool or a field does not allow it.
            OutcomeUnknown: If the response was lost.

        Example:
            >>> label = client.aggregate_solutions_by_task(
            ...     task_id=task.id, pool_id=pool.id, fields=[{"name": "result"}], answer_weight_skill_id=skill.id
            ... )
            >>> label.output_values.result in {"cat", "dog"}
            True

        Source: Toloka API, "Aggregate responses to single task".
        """
        body = merge_fields(
            "request",
            request,
            task_id=task_id,
            pool_id=pool_id,
            fields=fields,
            answer_weight_skill_id=answer_weight_skill_id,
            type=choice("type", AggregationType, type),
        )
        body.setdefault("type", "WEIGHTED_DYNAMIC_OVERLAP")
        return await self._post("/v1/aggregated-solutions/aggregate-by-task", body=body, returns=("task_id",))

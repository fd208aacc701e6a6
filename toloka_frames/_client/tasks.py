"""Calls about tasks, task suites, assignments and their aggregation."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from toloka_frames._client.base_calls import BaseCalls, build_path
from toloka_frames._client.call import api_call
from toloka_frames._errors import ApiError, TolokaError
from toloka_frames._reading import field_specs
from toloka_frames._reading.scan import list_request
from toloka_frames._reading.sinks import to_frame
from toloka_frames._reading.tsv_export import export_columns, export_query, read_export
from toloka_frames._runtime.event_loop import in_thread, run_on_loop
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS
from toloka_frames._schema.columns import expand_columns
from toloka_frames._schema.keywords import AggregationType
from toloka_frames._schema.lists import ASSIGNMENTS
from toloka_frames._transport.http import OPERATION
from toloka_frames._validation import one_of, validate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from enum import Enum

    import pandas as pd

    from toloka_frames._schema.keywords import AssignmentField, AssignmentStatus
    from toloka_frames._schema.row import Row
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id


class Task(TypedDict, total=False):
    """A task as in the API (Toloka API, Task); at run time a plain dict.

    `overlap` is the number of answers wanted (1 to 30,000). `known_solutions` make a control task, together with
    `message_on_unknown_solution` a training task.
    """

    pool_id: str
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


class TaskCalls(BaseCalls):
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

        Source: Toloka API, "Get task by ID".
        """
        return await self._get("/v1/tasks/{}", task_id)

    @api_call
    async def create_tasks_async(
        self,
        tasks: Sequence[Task] | Task,
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> Row:
        """Create tasks in one request.

        To upload a whole DataFrame, use `tf.create_tasks`: it splits the rows into requests, waits and reports row by row.

        Args:
            tasks: One task or a list of them, at most 10,000 (5,000 with async_mode=False) and 1,048,576 bytes of input_values.
            operation_id: A UUID that makes the request safe to repeat: it is sent again if its response is lost.
            async_mode: Whether to start an operation; False creates the tasks before the service responds.
            allow_defaults: Whether a task without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the tasks have been created.
            skip_invalid_items: Whether to create the valid tasks if others are not valid.

        Returns:
            The operation, for `wait_operation`. With async_mode=False: the task, or for a list
            `{"items": {position: task}, "validation_errors": {position: {...}}}`.

        Raises:
            InputError: If `tasks` is neither a dict nor a list of dicts; nothing was sent.
            ValidationFailed: If the request is malformed, or with async_mode=False if a task is not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.
            OutcomeUnknown: If the response was lost and there is no operation_id; the tasks may have been created.

        Source: Toloka API, "Create single/multiple tasks".
        """
        flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
        return await self._create_in_bulk(CREATE_TASKS, tasks, operation_id, async_mode, flags)

    @api_call
    async def patch_task(self, task_id: Id, patch: Mapping[str, Any], *, open_pool: bool | None = None) -> Row:
        """Change the overlap or the baseline solutions of a task.

        Args:
            task_id: The task's id.
            patch: The new values: `overlap`, `infinite_overlap`, `baseline_solutions`.
            open_pool: Whether to open the pool after the change.

        Returns:
            The task as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the task does not exist.

        Source: Toloka API, "Edit task".
        """
        return await self._patch("/v1/tasks/{}", task_id, body=patch, open_pool=open_pool)

    @api_call
    async def patch_task_overlap_or_min(self, task_id: Id, patch: Mapping[str, Any]) -> Row:
        """Set the overlap of a task, but not below the number of answers that exist or are in progress.

        Args:
            task_id: The task's id.
            patch: `{"overlap": n}`; 0 stops the assignment of the task.

        Returns:
            The task as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the task does not exist.

        Source: Toloka API, "Stop assigning task".
        """
        return await self._patch("/v1/tasks/{}/set-overlap-or-min", task_id, body=patch)

    @api_call
    async def get_task_suite(self, task_suite_id: Id) -> Row:
        """Return a task suite.

        Args:
            task_suite_id: The suite's id.

        Returns:
            The suite as in the API, with `pool_id`, `tasks` and `overlap`.

        Raises:
            NotFound: If the suite does not exist.

        Source: Toloka API, "Get task suite by ID".
        """
        return await self._get("/v1/task-suites/{}", task_suite_id)

    @api_call
    async def create_task_suites_async(
        self,
        task_suites: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        operation_id: Id | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> Row:
        """Create task suites in one request.

        To upload a whole DataFrame, use `tf.create_task_suites`: it splits the rows into requests, waits and reports row by
        row.

        Args:
            task_suites: One suite or a list of them. A suite is `{"pool_id": ..., "tasks": [...], "overlap": ...}`.
            operation_id: As in `create_tasks_async`.
            async_mode: As in `create_tasks_async`.
            allow_defaults: Whether a suite without an overlap gets the pool's default.
            open_pool: Whether to open the pool when the suites have been created.
            skip_invalid_items: Whether to create the valid suites if others are not valid.

        Returns:
            As in `create_tasks_async`, with suites in place of tasks.

        Raises:
            InputError: If `task_suites` is neither a dict nor a list of dicts; nothing was sent.
            ValidationFailed: If the request is malformed, or with async_mode=False if a suite is not valid.
            Conflict: If an operation with this operation_id already exists (code OPERATION_ALREADY_EXISTS).
            TooLarge: If there are too many rows or bytes for one request.
            OutcomeUnknown: If the response was lost and there is no operation_id; the suites may have been created.

        Source: Toloka API, "Create single/multiple task suites".
        """
        flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
        return await self._create_in_bulk(CREATE_TASK_SUITES, task_suites, operation_id, async_mode, flags)

    @api_call
    async def patch_task_suite(self, task_suite_id: Id, patch: Mapping[str, Any], *, open_pool: bool | None = None) -> Row:
        """Change the overlap or the priority of a task suite.

        Args:
            task_suite_id: The suite's id.
            patch: The new values: `overlap`, `infinite_overlap`, `issuing_order_override` (priority in the pool).
            open_pool: Whether to open the pool after the change.

        Returns:
            The suite as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the suite does not exist.

        Source: Toloka API, "Edit task suite overlap or priority".
        """
        return await self._patch("/v1/task-suites/{}", task_suite_id, body=patch, open_pool=open_pool)

    @api_call
    async def patch_task_suite_overlap_or_min(self, task_suite_id: Id, patch: Mapping[str, Any]) -> Row:
        """Set the overlap of a task suite, but not below the number of answers that exist or are in progress.

        Args:
            task_suite_id: The suite's id.
            patch: `{"overlap": n}`; 0 stops the assignment of the suite.

        Returns:
            The suite as it is now.

        Raises:
            ValidationFailed: If a value is not valid; `.payload` says which.
            NotFound: If the suite does not exist.

        Source: Toloka API, "Stop assigning task suite".
        """
        return await self._patch("/v1/task-suites/{}/set-overlap-or-min", task_suite_id, body=patch)

    @api_call
    async def get_assignment(self, assignment_id: Id) -> Row:
        """Return an assignment.

        Args:
            assignment_id: The assignment's id.

        Returns:
            The assignment as in the API, with `status`, `tasks` and their `solutions`, and `reward` (US dollars).

        Raises:
            NotFound: If the assignment does not exist.

        Source: Toloka API, "Get task suite response by ID".
        """
        return await self._get("/v1/assignments/{}", assignment_id)

    @api_call
    async def patch_assignment(self, assignment_id: Id, patch: Mapping[str, Any]) -> Row:
        """Accept or reject an assignment, or change its comment.

        Args:
            assignment_id: The assignment's id.
            patch: The new `status` and `public_comment`. SUBMITTED can become ACCEPTED or REJECTED, REJECTED can become
                ACCEPTED. The Toloker sees the comment.

        Returns:
            The assignment as it is now.

        Raises:
            ValidationFailed: If the comment is too long or missing.
            NotFound: If the assignment does not exist.
            Conflict: If the assignment's status does not allow it.

        Source: Toloka API, "Update task suite response".
        """
        try:
            return await self._patch("/v1/assignments/{}", assignment_id, body=patch)
        except ApiError as error:
            if not error.may_have_taken_effect:
                raise
            # an attempt whose response was lost may have changed it, and an ACCEPTED assignment cannot be accepted again
            with suppress(TolokaError):  # the first error explains the call better
                assignment = await self.get_assignment(assignment_id)
                if all(assignment.get(name) == value for name, value in {"id": assignment_id, **patch}.items()):
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

        Source: Toloka API, "Update task suite response".
        """
        return await self.patch_assignment(assignment_id, {"status": "REJECTED", "public_comment": public_comment})

    @api_call
    async def get_assignments_df(
        self,
        pool_id: Id,
        *,
        status: AssignmentStatus | Enum | Collection[AssignmentStatus | Enum] | None = None,
        start_time_from: TimestampLike | None = None,
        start_time_to: TimestampLike | None = None,
        exclude_banned: bool = False,
        field: AssignmentField | Enum | Collection[AssignmentField | Enum] | None = None,
    ) -> pd.DataFrame:
        """Return the answers of a pool as a DataFrame, in one request, from the export of the web interface.

        `get_assignments` requests the same answers page by page.

        Args:
            pool_id: The pool's id.
            status: Only assignments in this status, or in one of these; None for all.
            start_time_from: Only assignments submitted after this time (UTC).
            start_time_to: Only assignments submitted before this time (UTC).
            exclude_banned: Whether to leave out answers of banned Tolokers.
            field: Which `ASSIGNMENT:` columns to export; None for all.

        Returns:
            A row for each task of each assignment. The columns are those of `get_assignments(...).to_dataframe()` with the same
            names and dtypes: `INPUT:*`, `OUTPUT:*`, `GOLDEN:*`, `HINT:text`, `HINT:default_language` and the chosen fields. The
            status APPROVED of the file becomes ACCEPTED. Other columns of the file follow (string; `ACCEPT:verdict`), and
            `extra` holds cells that do not fit the type of their column, as JSON text.

        Raises:
            InputError: If an argument is not valid; nothing was sent.
            NotFound: If the pool does not exist.
            BadAnswer: If the response is not an export.

        Source: Toloka-Kit 1.2.3 (the path is not in the API's document); exported files of the platform for their columns.
        """
        query = export_query(status, start_time_from, start_time_to, exclude_banned, field)
        path = build_path("/new/requester/pools/{}/assignments.tsv", pool_id)
        return await run_on_loop(_export(self.service, pool_id, path, query))

    @api_call
    async def aggregate_solutions_by_pool(
        self,
        *,
        type: AggregationType | Enum,
        pool_id: Id,
        fields: Sequence[Mapping[str, Any]],
        answer_weight_skill_id: Id | None = None,
    ) -> Row:
        """Start aggregating the answers of a pool at the service.

        Args:
            type: The method: WEIGHTED_DYNAMIC_OVERLAP for pools with dynamic overlap, DAWID_SKENE for others.
            pool_id: The pool's id.
            fields: The output fields, as `[{"name": "result"}]`; DAWID_SKENE takes one.
            answer_weight_skill_id: The skill that answers are weighted by; required by WEIGHTED_DYNAMIC_OVERLAP.

        Returns:
            The operation: wait with `wait_operation(operation)`, then call `get_aggregated_solutions(operation["id"])`.

        Raises:
            ValidationFailed: If the pool or a field does not allow it.
            OutcomeUnknown: If the response was lost; an operation may have been started.

        Source: Toloka API, "Aggregate responses in pool" (5 a minute, 30 an hour, 200 a day).
        """
        body = _aggregation(type=type, pool_id=pool_id, fields=fields, answer_weight_skill_id=answer_weight_skill_id)
        return await self._post("/v1/aggregated-solutions/aggregate-by-pool", body=body, returns=OPERATION)

    @api_call
    async def aggregate_solutions_by_task(
        self,
        *,
        task_id: Id,
        pool_id: Id,
        fields: Sequence[Mapping[str, Any]],
        answer_weight_skill_id: Id | None = None,
        type: AggregationType | Enum = "WEIGHTED_DYNAMIC_OVERLAP",
    ) -> Row:
        """Aggregate the answers to one task at the service.

        Args:
            task_id: The task's id.
            pool_id: The pool's id.
            fields: The output fields, as `[{"name": "result"}]`; DAWID_SKENE takes one.
            answer_weight_skill_id: The skill that answers are weighted by; required by WEIGHTED_DYNAMIC_OVERLAP.
            type: The method, as in `aggregate_solutions_by_pool`.

        Returns:
            `{"pool_id": ..., "task_id": ..., "output_values": {...}, "confidence": ...}`; the confidence is 0 to 1.

        Raises:
            ValidationFailed: If the pool or a field does not allow it.
            OutcomeUnknown: If the response was lost.

        Source: Toloka API, "Aggregate responses to single task".
        """
        body = _aggregation(
            type=type, task_id=task_id, pool_id=pool_id, fields=fields, answer_weight_skill_id=answer_weight_skill_id
        )
        return await self._post("/v1/aggregated-solutions/aggregate-by-task", body=body, returns=("task_id",))


def _aggregation(type: Any, **fields: Any) -> dict[str, Any]:
    method = validate("type", one_of(AggregationType), type)
    return {"type": method} | {name: value for name, value in fields.items() if value is not None}


async def _export(service: ApiClient, pool_id: Id, path: str, query: Mapping[str, str]) -> pd.DataFrame:
    specification, unreadable = await field_specs.of_list(service, list_request(ASSIGNMENTS, {"pool_id": pool_id}))
    response = await service.send("GET", path, query=query, repeatable=True)
    if unreadable is not None:
        unreadable.report("their columns are text")
    columns = export_columns(expand_columns(ASSIGNMENTS.columns, specification, service.web_url), query)
    return await in_thread(lambda: to_frame(read_export(response.content, columns)))

"""A call about tasks, task suites and the answers to them comes in, what the service has goes out as a dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from toloka_frames._client.calls import Calls, build_path
from toloka_frames._errors import ApiError
from toloka_frames._reading import field_specs
from toloka_frames._reading.sinks import to_frame
from toloka_frames._reading.tsv_export import export_query, exported, read_export
from toloka_frames._runtime.event_loop import in_thread, run_on_loop
from toloka_frames._schema.bulk import CREATE_TASK_SUITES
from toloka_frames._schema.columns import expanded
from toloka_frames._schema.lists import ASSIGNMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from toloka_frames._schema.keywords import AssignmentField, AssignmentStatus
    from toloka_frames._schema.timestamps import Instant
    from toloka_frames._transport.http import ApiClient


class TaskCalls(Calls):
    """Single calls about tasks, task suites, assignments and their aggregation."""

    async def get_task(self, task_id: str) -> dict[str, Any]:
        """A task. Raises `NotFound`. Source: Toloka API, "Get task by ID"."""
        return await self._get("/v1/tasks/{}", task_id)

    async def patch_task(self, task_id: str, patch: Mapping[str, Any], *, open_pool: bool | None = None) -> dict[str, Any]:
        """Change a task's `overlap`, `infinite_overlap` or `baseline_solutions` and return the task.

        Args:
            task_id: The task.
            patch: What changes.
            open_pool: Whether the pool is opened then.

        Source: Toloka API, "Edit task".
        """
        return await self._patch("/v1/tasks/{}", task_id, body=patch, open_pool=open_pool)

    async def patch_task_overlap_or_min(self, task_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Give a task an `overlap`, but no less than answers it has or that are on their way (0 stops it); return the task.

        Source: Toloka API, "Stop assigning task".
        """
        return await self._patch("/v1/tasks/{}/set-overlap-or-min", task_id, body=patch)

    async def create_task_suites_async(
        self,
        task_suites: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        operation_id: str | None = None,
        async_mode: bool = True,
        allow_defaults: bool | None = None,
        open_pool: bool | None = None,
        skip_invalid_items: bool | None = None,
    ) -> dict[str, Any]:
        """Send task suites in one request; for a whole frame take `tf.create_task_suites`.

        Arguments, answers and errors as in `create_tasks_async`. A suite is `{"pool_id": ..., "tasks": [...], "overlap": ...}`.

        Source: Toloka API, "Create single/multiple task suites".
        """
        return await self._create(
            CREATE_TASK_SUITES,
            task_suites,
            operation_id,
            async_mode,
            allow_defaults=allow_defaults,
            open_pool=open_pool,
            skip_invalid_items=skip_invalid_items,
        )

    async def get_task_suite(self, task_suite_id: str) -> dict[str, Any]:
        """A task suite. Raises `NotFound`. Source: Toloka API, "Get task suite by ID"."""
        return await self._get("/v1/task-suites/{}", task_suite_id)

    async def patch_task_suite(
        self, task_suite_id: str, patch: Mapping[str, Any], *, open_pool: bool | None = None
    ) -> dict[str, Any]:
        """Change a suite's `overlap`, `infinite_overlap` or `issuing_order_override` and return it; see `patch_task`.

        Source: Toloka API, "Edit task suite overlap or priority".
        """
        return await self._patch("/v1/task-suites/{}", task_suite_id, body=patch, open_pool=open_pool)

    async def patch_task_suite_overlap_or_min(self, task_suite_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Give a suite an `overlap`, but no less than answers it has or that are on their way (0 stops it); return the suite.

        Source: Toloka API, "Stop assigning task suite".
        """
        return await self._patch("/v1/task-suites/{}/set-overlap-or-min", task_suite_id, body=patch)

    async def get_assignment(self, assignment_id: str) -> dict[str, Any]:
        """An assignment. Raises `NotFound`. Source: Toloka API, "Get task suite response by ID"."""
        return await self._get("/v1/assignments/{}", assignment_id)

    async def patch_assignment(self, assignment_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change an assignment's `status` and `public_comment` and return the assignment.

        Args:
            assignment_id: The assignment.
            patch: SUBMITTED can become ACCEPTED or REJECTED, REJECTED can become ACCEPTED; the Toloker sees the comment.

        Raises:
            ValidationFailed: The comment is too long or missing.
            Conflict: The assignment's status does not allow it.

        Source: Toloka API, "Update task suite response".
        """
        try:
            return await self._patch("/v1/assignments/{}", assignment_id, body=patch)
        except ApiError as error:
            if not error.may_have_taken_effect:
                raise
            # a try whose answer was lost may have done it, and what is ACCEPTED cannot be accepted again
            assignment = await self.get_assignment(assignment_id)
            if any(assignment.get(name) != value for name, value in patch.items()):
                raise
            return assignment

    async def accept_assignment(self, assignment_id: str, public_comment: str) -> dict[str, Any]:
        """Accept an assignment, which pays it, and return it; errors as in `patch_assignment`.

        Source: Toloka API, "Update task suite response".
        """
        return await self.patch_assignment(assignment_id, {"status": "ACCEPTED", "public_comment": public_comment})

    async def reject_assignment(self, assignment_id: str, public_comment: str) -> dict[str, Any]:
        """Reject an assignment and return it; errors as in `patch_assignment`.

        Source: Toloka API, "Update task suite response".
        """
        return await self.patch_assignment(assignment_id, {"status": "REJECTED", "public_comment": public_comment})

    async def get_assignments_df(
        self,
        pool_id: str,
        *,
        status: AssignmentStatus | Sequence[AssignmentStatus] | None = None,
        start_time_from: Instant | None = None,
        start_time_to: Instant | None = None,
        exclude_banned: bool = False,
        field: AssignmentField | Sequence[AssignmentField] | None = None,
    ) -> pd.DataFrame:
        """A pool's answers in one request, by the export of the web interface; `get_assignments` asks for them page by page.

        Args:
            pool_id: The pool.
            status: Assignments in this status, or one of these, only; all are asked for unless given.
            start_time_from: Submitted after this instant (UTC) only.
            start_time_to: Submitted before this instant (UTC) only.
            exclude_banned: Whether answers of banned Tolokers are left out.
            field: Which of the `ASSIGNMENT:` columns to export; all unless given.

        Returns:
            A row for each task of each assignment, in columns as those of `get_assignments(...).to_dataframe()`: `INPUT:*`,
            `OUTPUT:*`, `GOLDEN:*`, `HINT:text`, `HINT:default_language` and the chosen fields, of the same names and dtypes,
            ACCEPTED being ACCEPTED (the file says APPROVED). Behind them what else the file has (string; `ACCEPT:verdict`),
            and `extra` with the cells that do not fit their column's type, as JSON text.

        Raises:
            InputError: A value is none that the export takes; nothing was asked.
            NotFound: There is no such pool.
            BadAnswer: What came is no export.

        Source: Toloka-Kit 1.2.3 (the path is not in the API's document); files of the platform for their columns.
        """
        query = export_query(status, start_time_from, start_time_to, exclude_banned, field)
        path = build_path("/new/requester/pools/{}/assignments.tsv", pool_id)
        return await run_on_loop(_exported(self.service, pool_id, path, query))

    async def aggregate_solutions_by_pool(
        self,
        *,
        type: Literal["WEIGHTED_DYNAMIC_OVERLAP", "DAWID_SKENE"],
        pool_id: str,
        fields: Sequence[Mapping[str, Any]],
        answer_weight_skill_id: str | None = None,
    ) -> dict[str, Any]:
        """Begin to aggregate the answers of a pool, at the service.

        Args:
            type: How; WEIGHTED_DYNAMIC_OVERLAP is for pools with dynamic overlap, DAWID_SKENE for others.
            pool_id: The pool.
            fields: Output fields, as `[{"name": "result"}]`; DAWID_SKENE takes one.
            answer_weight_skill_id: The skill that weighs answers; WEIGHTED_DYNAMIC_OVERLAP needs it.

        Returns:
            The operation: `wait_operation(operation)`, then `get_aggregated_solutions(operation["id"])`.

        Raises:
            ValidationFailed: The pool or a field does not allow it.
            OutcomeUnknown: The answer was lost; an operation may have been started.

        Source: Toloka API, "Aggregate responses in pool" (5 a minute, 30 an hour, 200 a day).
        """
        body = _aggregation(type=type, pool_id=pool_id, fields=fields, answer_weight_skill_id=answer_weight_skill_id)
        return await self._make("/v1/aggregated-solutions/aggregate-by-pool", body=body)

    async def aggregate_solutions_by_task(
        self,
        *,
        task_id: str,
        pool_id: str,
        fields: Sequence[Mapping[str, Any]],
        answer_weight_skill_id: str | None = None,
        type: Literal["WEIGHTED_DYNAMIC_OVERLAP", "DAWID_SKENE"] = "WEIGHTED_DYNAMIC_OVERLAP",
    ) -> dict[str, Any]:
        """Aggregate the answers to one task: its `output_values` and their `confidence` (0 to 1).

        Arguments and errors as in `aggregate_solutions_by_pool`. Source: Toloka API, "Aggregate responses to single task".
        """
        body = _aggregation(
            type=type, task_id=task_id, pool_id=pool_id, fields=fields, answer_weight_skill_id=answer_weight_skill_id
        )
        return await self._make("/v1/aggregated-solutions/aggregate-by-task", body=body)


def _aggregation(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


async def _exported(service: ApiClient, pool_id: str, path: str, query: Mapping[str, str]) -> pd.DataFrame:
    _, specification = await field_specs.of_pool(service, pool_id)
    answer = await service.send("GET", path, query=query, repeatable=True)
    columns = exported(expanded(ASSIGNMENTS.columns, specification, service.web_url), query)
    return await in_thread(lambda: to_frame(read_export(answer.content, columns)))

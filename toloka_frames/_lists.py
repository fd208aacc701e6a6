"""Filters come in as keywords, a `Scan` of the list or one page of it goes out: two methods for each list of the API.

The signatures are written out, so that Shift+Tab, completion and type checkers know every filter; what the filters take is said
once, in `_resources`.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from toloka_frames._filters import checked, nearest, sorting, within
from toloka_frames._question import question
from toloka_frames._resources import (
    APP_BATCHES,
    APP_ITEMS,
    APP_PROJECTS,
    APPS,
    ASSIGNMENTS,
    OPERATIONS,
    POOLS,
    PROJECTS,
    TASKS,
    Resource,
)
from toloka_frames._scan import Scan
from toloka_frames._sync import on_our_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._filters import Instant
    from toloka_frames._http import Service
    from toloka_frames._resources import (
        AppBatchStatus,
        AppItemStatus,
        AppProjectScope,
        AppProjectStatus,
        AssignmentStatus,
        OperationStatus,
        OperationType,
        PoolStatus,
        ProjectStatus,
    )

P = ParamSpec("P")
R = TypeVar("R")


def suggesting(function: Callable[P, R]) -> Callable[P, R]:
    """Have an unknown keyword answered with the nearest known one."""
    known = list(inspect.signature(function).parameters)[1:]

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in known:
                meant = nearest(name, known) or f"; it takes {', '.join(known)}"
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}{meant}")
        return function(*args, **kwargs)

    return called


class Lists:
    """The lists of the API, as methods of the client."""

    service: Service

    def _scan(self, resource: Resource, given: Mapping[str, Any]) -> Scan:
        return Scan(self.service, resource, _without_self(given))

    async def _find(self, resource: Resource, given: Mapping[str, Any]) -> dict[str, Any]:
        given = _without_self(given)
        how = {"sort": sorting(resource.sort), "limit": within(resource.max_limit)}
        query = {name: checked(name, how[name], given[name]) for name in how if given[name] is not None}
        asked = question(resource, {name: value for name, value in given.items() if name not in how})
        return await on_our_loop(self.service.get(asked.path, query={**asked.query, **query}))

    @suggesting
    def get_projects(
        self,
        *,
        status: ProjectStatus | None = None,
        owner: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Projects: a scan that asks when its rows are wanted.

        Args:
            status: Projects in this status only.
            owner: Projects of this requester only: an id, or "MY".
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            batch_size: Rows a page, at most 300; 300 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Toloka API, "Get list of projects".
        """
        return self._scan(PROJECTS, locals())

    @suggesting
    async def find_projects(
        self,
        *,
        status: ProjectStatus | None = None,
        owner: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of projects, as the wire has it: `{"items": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_projects`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 300).
        """
        return await self._find(PROJECTS, locals())

    @suggesting
    def get_pools(
        self,
        *,
        status: PoolStatus | None = None,
        project_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        last_started_gt: Instant | None = None,
        last_started_gte: Instant | None = None,
        last_started_lt: Instant | None = None,
        last_started_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Pools: a scan that asks when its rows are wanted.

        Args:
            status: Pools in this status only.
            project_id: Pools of this project only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            last_started_gt: Last started after this instant (UTC).
            last_started_gte: Last started at or after this instant (UTC).
            last_started_lt: Last started before this instant (UTC).
            last_started_lte: Last started at or before this instant (UTC).
            batch_size: Rows a page, at most 300; 300 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Toloka API, "Get list of pools".
        """
        return self._scan(POOLS, locals())

    @suggesting
    async def find_pools(
        self,
        *,
        status: PoolStatus | None = None,
        project_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        last_started_gt: Instant | None = None,
        last_started_gte: Instant | None = None,
        last_started_lt: Instant | None = None,
        last_started_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of pools, as the wire has it: `{"items": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_pools`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 300).
        """
        return await self._find(POOLS, locals())

    @suggesting
    def get_tasks(
        self,
        pool_id: str,
        *,
        overlap: int | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        overlap_gt: int | None = None,
        overlap_gte: int | None = None,
        overlap_lt: int | None = None,
        overlap_lte: int | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Tasks of a pool: a scan that asks when its rows are wanted.

        Columns: `INPUT:*`, `GOLDEN:*` (the first known solution), `HINT:text`, `HINT:default_language`, and the task's own
        fields under their names.

        Args:
            pool_id: The pool.
            overlap: Tasks with this overlap only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            overlap_gt: Overlap greater than this number.
            overlap_gte: Overlap greater than or equal to this number.
            overlap_lt: Overlap less than this number.
            overlap_lte: Overlap less than or equal to this number.
            batch_size: Rows a page, at most 100,000; 10,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Toloka API, "Get list of tasks".
        """
        return self._scan(TASKS, locals())

    @suggesting
    async def find_tasks(
        self,
        pool_id: str,
        *,
        overlap: int | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        overlap_gt: int | None = None,
        overlap_gte: int | None = None,
        overlap_lt: int | None = None,
        overlap_lte: int | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of tasks, as the wire has it: `{"items": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_tasks`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 100,000).
        """
        return await self._find(TASKS, locals())

    @suggesting
    def get_assignments(
        self,
        *,
        pool_id: str | None = None,
        task_id: str | None = None,
        task_suite_id: str | None = None,
        status: AssignmentStatus | Sequence[AssignmentStatus] | None = None,
        user_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        submitted_gt: Instant | None = None,
        submitted_gte: Instant | None = None,
        submitted_lt: Instant | None = None,
        submitted_lte: Instant | None = None,
        accepted_gt: Instant | None = None,
        accepted_gte: Instant | None = None,
        accepted_lt: Instant | None = None,
        accepted_lte: Instant | None = None,
        rejected_gt: Instant | None = None,
        rejected_gte: Instant | None = None,
        rejected_lt: Instant | None = None,
        rejected_lte: Instant | None = None,
        skipped_gt: Instant | None = None,
        skipped_gte: Instant | None = None,
        skipped_lt: Instant | None = None,
        skipped_lte: Instant | None = None,
        expired_gt: Instant | None = None,
        expired_gte: Instant | None = None,
        expired_lt: Instant | None = None,
        expired_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Assignments, a row for each task of each: a scan that asks when its rows are wanted.

        Columns: those of the platform's own export: `INPUT:*`, `OUTPUT:*`, `GOLDEN:*`, `HINT:*`, `ASSIGNMENT:*`
        (`ASSIGNMENT:reward` in US dollars, float64), and `TASK:*` for the task's other fields.

        Args:
            pool_id: Assignments in this pool only. One of pool_id, task_id, task_suite_id is needed.
            task_id: Assignments with this task only.
            task_suite_id: Assignments of this task suite only.
            status: Assignments in this status, or one of these, only.
            user_id: Assignments of this Toloker only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            submitted_gt: Submitted after this instant (UTC).
            submitted_gte: Submitted at or after this instant (UTC).
            submitted_lt: Submitted before this instant (UTC).
            submitted_lte: Submitted at or before this instant (UTC).
            accepted_gt: Accepted after this instant (UTC).
            accepted_gte: Accepted at or after this instant (UTC).
            accepted_lt: Accepted before this instant (UTC).
            accepted_lte: Accepted at or before this instant (UTC).
            rejected_gt: Rejected after this instant (UTC).
            rejected_gte: Rejected at or after this instant (UTC).
            rejected_lt: Rejected before this instant (UTC).
            rejected_lte: Rejected at or before this instant (UTC).
            skipped_gt: Skipped after this instant (UTC).
            skipped_gte: Skipped at or after this instant (UTC).
            skipped_lt: Skipped before this instant (UTC).
            skipped_lte: Skipped at or before this instant (UTC).
            expired_gt: Expired after this instant (UTC).
            expired_gte: Expired at or after this instant (UTC).
            expired_lt: Expired before this instant (UTC).
            expired_lte: Expired at or before this instant (UTC).
            batch_size: Rows a page, at most 100,000; 10,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Toloka API, "Get list of assignments".
        """
        return self._scan(ASSIGNMENTS, locals())

    @suggesting
    async def find_assignments(
        self,
        *,
        pool_id: str | None = None,
        task_id: str | None = None,
        task_suite_id: str | None = None,
        status: AssignmentStatus | Sequence[AssignmentStatus] | None = None,
        user_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        submitted_gt: Instant | None = None,
        submitted_gte: Instant | None = None,
        submitted_lt: Instant | None = None,
        submitted_lte: Instant | None = None,
        accepted_gt: Instant | None = None,
        accepted_gte: Instant | None = None,
        accepted_lt: Instant | None = None,
        accepted_lte: Instant | None = None,
        rejected_gt: Instant | None = None,
        rejected_gte: Instant | None = None,
        rejected_lt: Instant | None = None,
        rejected_lte: Instant | None = None,
        skipped_gt: Instant | None = None,
        skipped_gte: Instant | None = None,
        skipped_lt: Instant | None = None,
        skipped_lte: Instant | None = None,
        expired_gt: Instant | None = None,
        expired_gte: Instant | None = None,
        expired_lt: Instant | None = None,
        expired_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of assignments, as the wire has it: `{"items": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_assignments`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 100,000).
        """
        return await self._find(ASSIGNMENTS, locals())

    @suggesting
    def get_operations(
        self,
        *,
        type: OperationType | None = None,
        status: OperationStatus | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        submitted_gt: Instant | None = None,
        submitted_gte: Instant | None = None,
        submitted_lt: Instant | None = None,
        submitted_lte: Instant | None = None,
        finished_gt: Instant | None = None,
        finished_gte: Instant | None = None,
        finished_lt: Instant | None = None,
        finished_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Operations of the account: a scan that asks when its rows are wanted.

        Args:
            type: Operations of this type only.
            status: Operations in this status only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            submitted_gt: Submitted after this instant (UTC).
            submitted_gte: Submitted at or after this instant (UTC).
            submitted_lt: Submitted before this instant (UTC).
            submitted_lte: Submitted at or before this instant (UTC).
            finished_gt: Finished after this instant (UTC).
            finished_gte: Finished at or after this instant (UTC).
            finished_lt: Finished before this instant (UTC).
            finished_lte: Finished at or before this instant (UTC).
            batch_size: Rows a page, at most 500; 500 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Toloka API, "Get list of operations".
        """
        return self._scan(OPERATIONS, locals())

    @suggesting
    async def find_operations(
        self,
        *,
        type: OperationType | None = None,
        status: OperationStatus | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        submitted_gt: Instant | None = None,
        submitted_gte: Instant | None = None,
        submitted_lt: Instant | None = None,
        submitted_lte: Instant | None = None,
        finished_gt: Instant | None = None,
        finished_gte: Instant | None = None,
        finished_lt: Instant | None = None,
        finished_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of operations, as the wire has it: `{"items": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_operations`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 500).
        """
        return await self._find(OPERATIONS, locals())

    @suggesting
    def get_apps(
        self,
        *,
        lang: str | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Apps: ready-made solutions that app projects are made of: a scan that asks when its rows are wanted.

        Args:
            lang: The language of names and descriptions, as "EN".
            after_id: Apps behind this one, in the order of the walk, only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            batch_size: Rows a page, at most 1,000; 1,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Apps API, "Get a list of solutions".
        """
        return self._scan(APPS, locals())

    @suggesting
    async def find_apps(
        self,
        *,
        lang: str | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of apps, as the wire has it: `{"content": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_apps`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 1,000).
        """
        return await self._find(APPS, locals())

    @suggesting
    def get_app_projects(
        self,
        *,
        app_id: str | None = None,
        parent_app_project_id: str | None = None,
        status: AppProjectStatus | None = None,
        scope: AppProjectScope | None = None,
        requester_ids: str | Sequence[str] | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        name_gt: str | None = None,
        name_gte: str | None = None,
        name_lt: str | None = None,
        name_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """App projects: a scan that asks when its rows are wanted.

        Args:
            app_id: Projects of this app only.
            parent_app_project_id: Clones of this project only.
            status: Projects in this status only.
            scope: Whose projects: "MY", "COMPANY" or "REQUESTER_LIST".
            requester_ids: Whose projects, with scope "REQUESTER_LIST".
            after_id: Projects behind this one, in the order of the walk, only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            name_gt: Names greater than this one, as text.
            name_gte: Names greater than or equal to this one, as text.
            name_lt: Names less than this one, as text.
            name_lte: Names less than or equal to this one, as text.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            batch_size: Rows a page, at most 5,000; 5,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Apps API, "Get a list of projects".
        """
        return self._scan(APP_PROJECTS, locals())

    @suggesting
    async def find_app_projects(
        self,
        *,
        app_id: str | None = None,
        parent_app_project_id: str | None = None,
        status: AppProjectStatus | None = None,
        scope: AppProjectScope | None = None,
        requester_ids: str | Sequence[str] | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        name_gt: str | None = None,
        name_gte: str | None = None,
        name_lt: str | None = None,
        name_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of app projects, as the wire has it: `{"content": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_app_projects`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 5,000).
        """
        return await self._find(APP_PROJECTS, locals())

    @suggesting
    def get_app_items(
        self,
        app_project_id: str,
        *,
        batch_id: str | None = None,
        status: AppItemStatus | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        finished_gt: Instant | None = None,
        finished_gte: Instant | None = None,
        finished_lt: Instant | None = None,
        finished_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Items of an app project: a scan that asks when its rows are wanted.

        Columns: `INPUT:*` and `OUTPUT:*` from the app's specification, and the item's own fields under their names.

        Args:
            app_project_id: The app project.
            batch_id: Items of this batch only.
            status: Items in this status only.
            after_id: Items behind this one, in the order of the walk, only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            finished_gt: Finished after this instant (UTC).
            finished_gte: Finished at or after this instant (UTC).
            finished_lt: Finished before this instant (UTC).
            finished_lte: Finished at or before this instant (UTC).
            batch_size: Rows a page, at most 1,000; 1,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Apps API, "Get a list of task items".
        """
        return self._scan(APP_ITEMS, locals())

    @suggesting
    async def find_app_items(
        self,
        app_project_id: str,
        *,
        batch_id: str | None = None,
        status: AppItemStatus | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        finished_gt: Instant | None = None,
        finished_gte: Instant | None = None,
        finished_lt: Instant | None = None,
        finished_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of app items, as the wire has it: `{"content": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_app_items`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 1,000).
        """
        return await self._find(APP_ITEMS, locals())

    @suggesting
    def get_app_batches(
        self,
        app_project_id: str,
        *,
        status: AppBatchStatus | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        name_gt: str | None = None,
        name_gte: str | None = None,
        name_lt: str | None = None,
        name_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        batch_size: int | None = None,
    ) -> Scan:
        """Batches of an app project: a scan that asks when its rows are wanted.

        Columns: the batch's fields, nested ones dotted (`items_per_state.NEW`, `last_items_import.records_count`); costs in
        US dollars.

        Args:
            app_project_id: The app project.
            status: Batches in this status only.
            after_id: Batches behind this one, in the order of the walk, only.
            id_gt: Ids greater than this one.
            id_gte: Ids greater than or equal to this one.
            id_lt: Ids less than this one.
            id_lte: Ids less than or equal to this one.
            name_gt: Names greater than this one, as text.
            name_gte: Names greater than or equal to this one, as text.
            name_lt: Names less than this one, as text.
            name_lte: Names less than or equal to this one, as text.
            created_gt: Created after this instant (UTC).
            created_gte: Created at or after this instant (UTC).
            created_lt: Created before this instant (UTC).
            created_lte: Created at or before this instant (UTC).
            batch_size: Rows a page, at most 1,000; 1,000 unless given.

        Returns:
            A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

        Raises:
            InputError: A value is none that the list takes; nothing was asked.

        Source: Apps API, "Get project batches".
        """
        return self._scan(APP_BATCHES, locals())

    @suggesting
    async def find_app_batches(
        self,
        app_project_id: str,
        *,
        status: AppBatchStatus | None = None,
        after_id: str | None = None,
        id_gt: str | None = None,
        id_gte: str | None = None,
        id_lt: str | None = None,
        id_lte: str | None = None,
        name_gt: str | None = None,
        name_gte: str | None = None,
        name_lt: str | None = None,
        name_lte: str | None = None,
        created_gt: Instant | None = None,
        created_gte: Instant | None = None,
        created_lt: Instant | None = None,
        created_lte: Instant | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """One page of app batches, as the wire has it: `{"content": [...], "has_more": bool}`.

        Filters, errors and source are those of `get_app_batches`; `sort` takes keys, '-' in front for descending, `limit`
        the rows of the page (at most 1,000).
        """
        return await self._find(APP_BATCHES, locals())


def _without_self(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "self"}

"""Two methods for each list of the API: `get_` returns a `Scan`, `find_` one page.

The keywords of a list are declared once, in `_schema/keywords.py`: type checkers read them there, and `with_list_signature`
adds them to signature and docstring, so that Shift+Tab and completion show every one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from toloka_frames._client.call import api_call
from toloka_frames._client.signatures import with_list_signature
from toloka_frames._runtime.event_loop import explain_keyword, run_on_loop
from toloka_frames._schema.filters import sorting
from toloka_frames._schema.lists import (
    AGGREGATED_SOLUTIONS,
    APP_BATCHES,
    APP_ITEMS,
    APP_PROJECTS,
    APPS,
    ASSIGNMENTS,
    ATTACHMENTS,
    MESSAGE_THREADS,
    OPERATIONS,
    POOLS,
    PROJECTS,
    SKILLS,
    TASK_SUITES,
    TASKS,
    TRAININGS,
    USER_BONUSES,
    USER_RESTRICTIONS,
    USER_SKILLS,
    WEBHOOK_SUBSCRIPTIONS,
)
from toloka_frames._validation import page_size, validate

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Unpack

    from toloka_frames._reading.scan import Scan
    from toloka_frames._schema import keywords
    from toloka_frames._schema.lists import Resource
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id

Sort: TypeAlias = str | Sequence[str] | None


class Lists:
    """The lists of the API, as methods of the client."""

    service: ApiClient

    def _scan(self, resource: Resource, batch_size: int | None, filters: Mapping[str, Any], **positional: Id | None) -> Scan:
        from toloka_frames._reading.scan import Scan  # noqa: PLC0415 -- only lists need the package that reads them

        _check_names(f"get_{resource.name}", resource, filters)
        return Scan(self.service, resource, {**positional, **filters, "batch_size": batch_size})

    def _find(
        self, resource: Resource, sort: Sort, limit: int | None, filters: Mapping[str, Any], **positional: Id | None
    ) -> Coroutine[Any, Any, Row]:
        from toloka_frames._reading.scan import list_request  # noqa: PLC0415 -- as above

        _check_names(f"find_{resource.name}", resource, filters)
        request = list_request(resource, {**positional, **filters})
        query = dict(request.query)
        if sort is not None:
            query["sort"] = validate("sort", sorting(resource.sort), sort)
        if limit is not None:
            query["limit"] = validate("limit", page_size(resource.max_limit), limit)
        return self._page(request.path, query)

    async def _page(self, path: str, query: Mapping[str, str]) -> Row:
        return await run_on_loop(self.service.get(path, query=query))

    @with_list_signature(PROJECTS)
    def get_projects(self, *, batch_size: int | None = None, **filters: Unpack[keywords.Projects]) -> Scan:
        """Projects, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_projects(status="ACTIVE").to_dataframe()["public_name"].tolist()
            ['Cats or dogs']

        Source: Toloka API, "Get list of projects".
        """
        return self._scan(PROJECTS, batch_size, filters)

    @api_call
    @with_list_signature(PROJECTS)
    def find_projects(
        self, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Projects]
    ) -> Coroutine[Any, Any, Row]:
        """One page of projects.

        Example:
            >>> page = client.find_projects(status="ACTIVE", sort="-created", limit=1)
            >>> page["items"][0].public_name, page.has_more
            ('Cats or dogs', False)
        """
        return self._find(PROJECTS, sort, limit, filters)

    @with_list_signature(POOLS)
    def get_pools(
        self, project_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.Pools]
    ) -> Scan:
        """Pools, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_pools(project.id, status="CLOSED").to_dataframe()["private_name"].tolist()
            ['Monday', 'Pages']

        Source: Toloka API, "Get list of pools".
        """
        return self._scan(POOLS, batch_size, filters, project_id=project_id)

    @api_call
    @with_list_signature(POOLS)
    def find_pools(
        self, project_id: Id | None = None, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Pools]
    ) -> Coroutine[Any, Any, Row]:
        """One page of pools.

        Example:
            >>> client.find_pools(project.id, sort="-created", limit=1)["items"][0].private_name
            'Pages'
        """
        return self._find(POOLS, sort, limit, filters, project_id=project_id)

    @with_list_signature(TRAININGS)
    def get_trainings(
        self, project_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.Trainings]
    ) -> Scan:
        """Trainings (training pools), as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_trainings(project.id).to_dataframe()["private_name"].tolist()
            ['Practice']

        Source: Toloka API, "Get list of training pools".
        """
        return self._scan(TRAININGS, batch_size, filters, project_id=project_id)

    @api_call
    @with_list_signature(TRAININGS)
    def find_trainings(
        self,
        project_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.Trainings],
    ) -> Coroutine[Any, Any, Row]:
        """One page of trainings.

        Example:
            >>> client.find_trainings(project.id, limit=1)["items"][0].private_name
            'Practice'
        """
        return self._find(TRAININGS, sort, limit, filters, project_id=project_id)

    @with_list_signature(TASKS)
    def get_tasks(self, pool_id: Id, *, batch_size: int | None = None, **filters: Unpack[keywords.Tasks]) -> Scan:
        """Tasks of a pool, as a scan that requests its rows when they are wanted.

        Columns: `INPUT:*`, `GOLDEN:*` (the first known solution), `HINT:text`, `HINT:default_language`, and the task's own
        fields under their names.

        Example:
            >>> tasks = client.get_tasks(pool.id).to_dataframe()
            >>> tasks[tasks["GOLDEN:result"] == "cat"]["INPUT:image"].tolist()  # the control tasks
            ['https://example.com/0.jpg']

        Source: Toloka API, "Get list of tasks".
        """
        return self._scan(TASKS, batch_size, filters, pool_id=pool_id)

    @api_call
    @with_list_signature(TASKS)
    def find_tasks(
        self, pool_id: Id, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Tasks]
    ) -> Coroutine[Any, Any, Row]:
        """One page of tasks.

        Example:
            >>> page = client.find_tasks(pool.id, sort="created", limit=2)
            >>> [task.input_values.image for task in page["items"]]
            ['https://example.com/0.jpg', 'https://example.com/1.jpg']
        """
        return self._find(TASKS, sort, limit, filters, pool_id=pool_id)

    @with_list_signature(TASK_SUITES)
    def get_task_suites(
        self, pool_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.TaskSuites]
    ) -> Scan:
        """Task suites, a row for each task of each as in the platform's files, as a scan.

        Columns: `INPUT:*`, `GOLDEN:*`, `HINT:*`, `TASK:*` for the task's other fields (`TASK:id` where smart mixing made
        the suite) and `SUITE:*` for the suite's own (`SUITE:id`, `SUITE:overlap`).

        Example:
            >>> client.get_task_suites(suite_pool.id).to_dataframe()["INPUT:image"].tolist()
            ['https://example.com/0.jpg', 'https://example.com/1.jpg']

        Source: Toloka API, "Get list of task suites".
        """
        return self._scan(TASK_SUITES, batch_size, filters, pool_id=pool_id)

    @api_call
    @with_list_signature(TASK_SUITES)
    def find_task_suites(
        self, pool_id: Id | None = None, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.TaskSuites]
    ) -> Coroutine[Any, Any, Row]:
        """One page of task suites.

        Example:
            >>> [len(suite.tasks) for suite in client.find_task_suites(suite_pool.id)["items"]]
            [2]
        """
        return self._find(TASK_SUITES, sort, limit, filters, pool_id=pool_id)

    @with_list_signature(ASSIGNMENTS)
    def get_assignments(
        self, pool_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.Assignments]
    ) -> Scan:
        """Assignments, a row for each task of each, as a scan that requests its rows when they are wanted.

        Columns: those of the platform's own export: `INPUT:*`, `OUTPUT:*`, `GOLDEN:*`, `HINT:*`, `ASSIGNMENT:*`
        (`ASSIGNMENT:reward` in US dollars, float64), and `TASK:*` for the task's other fields.

        Example:
            >>> answers = client.get_assignments(pool.id, status="SUBMITTED").to_dataframe()
            >>> list(answers)[:3]
            ['INPUT:image', 'OUTPUT:result', 'GOLDEN:result']

        Source: Toloka API, "Get list of responses".
        """
        return self._scan(ASSIGNMENTS, batch_size, filters, pool_id=pool_id)

    @api_call
    @with_list_signature(ASSIGNMENTS)
    def find_assignments(
        self,
        pool_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.Assignments],
    ) -> Coroutine[Any, Any, Row]:
        """One page of assignments.

        Example:
            >>> page = client.find_assignments(pool.id, status=["SUBMITTED", "ACCEPTED"], sort="-created", limit=2)
            >>> len(page["items"]), page.has_more
            (2, True)
        """
        return self._find(ASSIGNMENTS, sort, limit, filters, pool_id=pool_id)

    @with_list_signature(AGGREGATED_SOLUTIONS)
    def get_aggregated_solutions(
        self, operation_id: Id, *, batch_size: int | None = None, **filters: Unpack[keywords.AggregatedSolutions]
    ) -> Scan:
        """Aggregated solutions of a pool's tasks, as a scan that requests its rows when they are wanted.

        Columns: `task_id`, `pool_id`, `OUTPUT:*` and `confidence` (float64, 0 to 1). They are walked by `task_id`.

        Example:
            >>> fields = [{"name": "result"}]
            >>> operation = client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=pool.id, fields=fields)
            >>> client.wait_operation(operation).status
            'SUCCESS'
            >>> list(client.get_aggregated_solutions(operation.id).to_dataframe())[:3]
            ['task_id', 'pool_id', 'OUTPUT:result']

        Source: Toloka API, "Get list of aggregated results".
        """
        return self._scan(AGGREGATED_SOLUTIONS, batch_size, filters, operation_id=operation_id)

    @api_call
    @with_list_signature(AGGREGATED_SOLUTIONS)
    def find_aggregated_solutions(
        self, operation_id: Id, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.AggregatedSolutions]
    ) -> Coroutine[Any, Any, Row]:
        """One page of aggregated solutions.

        Example:
            >>> fields = [{"name": "result"}]
            >>> operation = client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=pool.id, fields=fields)
            >>> client.wait_operation(operation).status
            'SUCCESS'
            >>> client.find_aggregated_solutions(operation.id, limit=1)["items"][0].pool_id == pool.id
            True
        """
        return self._find(AGGREGATED_SOLUTIONS, sort, limit, filters, operation_id=operation_id)

    @with_list_signature(ATTACHMENTS)
    def get_attachments(
        self, pool_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.Attachments]
    ) -> Scan:
        """Files that Tolokers sent (`download_attachment` fetches one), as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_attachments(pool.id).to_dataframe()["name"].tolist()
            ['cat.jpg']

        Source: Toloka API, "Get list of files"; Toloka-Kit 1.2.3 for the filters by owner.
        """
        return self._scan(ATTACHMENTS, batch_size, filters, pool_id=pool_id)

    @api_call
    @with_list_signature(ATTACHMENTS)
    def find_attachments(
        self,
        pool_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.Attachments],
    ) -> Coroutine[Any, Any, Row]:
        """One page of attachments.

        Example:
            >>> client.find_attachments(pool.id, limit=1)["items"][0].name
            'cat.jpg'
        """
        return self._find(ATTACHMENTS, sort, limit, filters, pool_id=pool_id)

    @with_list_signature(SKILLS)
    def get_skills(self, name: str | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.Skills]) -> Scan:
        """Skills, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_skills(global_=False).to_dataframe()["name"].tolist()
            ['Cat expert']

        Source: Toloka API, "Get list of skills".
        """
        return self._scan(SKILLS, batch_size, filters, name=name)

    @api_call
    @with_list_signature(SKILLS)
    def find_skills(
        self, name: str | None = None, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Skills]
    ) -> Coroutine[Any, Any, Row]:
        """One page of skills.

        Example:
            >>> client.find_skills("Cat expert")["items"][0].id == skill.id
            True
        """
        return self._find(SKILLS, sort, limit, filters, name=name)

    @with_list_signature(USER_SKILLS)
    def get_user_skills(
        self, user_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.UserSkills]
    ) -> Scan:
        """Values of Tolokers' skills, as a scan that requests its rows when they are wanted.

        Columns: `value` (Int64, 0 to 100, rounded) and `exact_value` (float64) among others.

        Example:
            >>> client.get_user_skills(skill_id=skill.id).to_dataframe()["exact_value"].tolist()
            [85.0]

        Source: Toloka API, "Get list of Toloker skills".
        """
        return self._scan(USER_SKILLS, batch_size, filters, user_id=user_id)

    @api_call
    @with_list_signature(USER_SKILLS)
    def find_user_skills(
        self, user_id: Id | None = None, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.UserSkills]
    ) -> Coroutine[Any, Any, Row]:
        """One page of user skills.

        Example:
            >>> client.find_user_skills(user_id, limit=1)["items"][0].value
            85
        """
        return self._find(USER_SKILLS, sort, limit, filters, user_id=user_id)

    @with_list_signature(USER_RESTRICTIONS)
    def get_user_restrictions(
        self, user_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.UserRestrictions]
    ) -> Scan:
        """Bans of Tolokers, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_user_restrictions(user_id).to_dataframe()["private_comment"].tolist()
            ['too fast']

        Source: Toloka API, "Get list of bans".
        """
        return self._scan(USER_RESTRICTIONS, batch_size, filters, user_id=user_id)

    @api_call
    @with_list_signature(USER_RESTRICTIONS)
    def find_user_restrictions(
        self,
        user_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.UserRestrictions],
    ) -> Coroutine[Any, Any, Row]:
        """One page of user restrictions.

        Example:
            >>> client.find_user_restrictions(user_id, limit=1)["items"][0].scope
            'POOL'
        """
        return self._find(USER_RESTRICTIONS, sort, limit, filters, user_id=user_id)

    @with_list_signature(USER_BONUSES)
    def get_user_bonuses(
        self, user_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.UserBonuses]
    ) -> Scan:
        """Bonuses that were paid, as a scan that requests its rows when they are wanted.

        Columns: `amount` in US dollars (float64) among others.

        Example:
            >>> client.get_user_bonuses(user_id).to_dataframe()["amount"].tolist()
            [0.5]

        Source: Toloka API, "Get list of bonuses"; Toloka-Kit 1.2.3 for the filter by comment.
        """
        return self._scan(USER_BONUSES, batch_size, filters, user_id=user_id)

    @api_call
    @with_list_signature(USER_BONUSES)
    def find_user_bonuses(
        self,
        user_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.UserBonuses],
    ) -> Coroutine[Any, Any, Row]:
        """One page of user bonuses.

        Example:
            >>> client.find_user_bonuses(sort="-created", limit=1)["items"][0].amount
            0.5
        """
        return self._find(USER_BONUSES, sort, limit, filters, user_id=user_id)

    @with_list_signature(MESSAGE_THREADS)
    def get_message_threads(self, *, batch_size: int | None = None, **filters: Unpack[keywords.MessageThreads]) -> Scan:
        """Message threads, as a scan that requests its rows when they are wanted.

        Columns: `topic`, `interlocutors` and `messages` (newest first) as JSON text, `folders` a list of strings, among others.

        Example:
            >>> client.get_message_threads(folder="OUTBOX").to_dataframe()["topic"].tolist()
            ['{"EN":"Thank you"}']

        Source: Toloka API, "Get list of message threads".
        """
        return self._scan(MESSAGE_THREADS, batch_size, filters)

    @api_call
    @with_list_signature(MESSAGE_THREADS)
    def find_message_threads(
        self, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.MessageThreads]
    ) -> Coroutine[Any, Any, Row]:
        """One page of message threads.

        Example:
            >>> client.find_message_threads(sort="-created", limit=1)["items"][0].topic
            {'EN': 'Thank you'}
        """
        return self._find(MESSAGE_THREADS, sort, limit, filters)

    @with_list_signature(OPERATIONS)
    def get_operations(self, *, batch_size: int | None = None, **filters: Unpack[keywords.Operations]) -> Scan:
        """Operations of the account, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_operations(type="TASK_SUITE.BATCH_CREATE").to_dataframe()["status"].tolist()
            ['SUCCESS']

        Source: Toloka API, "Get list of operations".
        """
        return self._scan(OPERATIONS, batch_size, filters)

    @api_call
    @with_list_signature(OPERATIONS)
    def find_operations(
        self, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Operations]
    ) -> Coroutine[Any, Any, Row]:
        """One page of operations.

        Example:
            >>> client.find_operations(type="TASK.BATCH_CREATE", sort="-submitted", limit=1)["items"][0].status
            'SUCCESS'
        """
        return self._find(OPERATIONS, sort, limit, filters)

    @with_list_signature(WEBHOOK_SUBSCRIPTIONS)
    def get_webhook_subscriptions(
        self, pool_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.WebhookSubscriptions]
    ) -> Scan:
        """Subscriptions to events, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_webhook_subscriptions(pool.id).to_dataframe()["event_type"].tolist()
            ['POOL_CLOSED']

        Source: Toloka API, "Get list of subscriptions".
        """
        return self._scan(WEBHOOK_SUBSCRIPTIONS, batch_size, filters, pool_id=pool_id)

    @api_call
    @with_list_signature(WEBHOOK_SUBSCRIPTIONS)
    def find_webhook_subscriptions(
        self,
        pool_id: Id | None = None,
        *,
        sort: Sort = None,
        limit: int | None = None,
        **filters: Unpack[keywords.WebhookSubscriptions],
    ) -> Coroutine[Any, Any, Row]:
        """One page of webhook subscriptions.

        Example:
            >>> client.find_webhook_subscriptions(pool.id, limit=1)["items"][0].event_type
            'POOL_CLOSED'
        """
        return self._find(WEBHOOK_SUBSCRIPTIONS, sort, limit, filters, pool_id=pool_id)

    @with_list_signature(APPS)
    def get_apps(self, *, batch_size: int | None = None, **filters: Unpack[keywords.Apps]) -> Scan:
        """Apps: ready-made solutions that app projects are made of, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_apps().to_dataframe().set_index("name")["id"]["Image classification"] == app.id
            True

        Source: Apps API, "Get project templates".
        """
        return self._scan(APPS, batch_size, filters)

    @api_call
    @with_list_signature(APPS)
    def find_apps(
        self, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.Apps]
    ) -> Coroutine[Any, Any, Row]:
        """One page of apps.

        Example:
            >>> page = client.find_apps(limit=1)
            >>> len(page["content"]), page.has_more
            (1, True)
        """
        return self._find(APPS, sort, limit, filters)

    @with_list_signature(APP_PROJECTS)
    def get_app_projects(
        self, app_id: Id | None = None, *, batch_size: int | None = None, **filters: Unpack[keywords.AppProjects]
    ) -> Scan:
        """App projects, as a scan that requests its rows when they are wanted.

        Example:
            >>> client.get_app_projects(status="READY").to_dataframe()["name"].tolist()
            ['Cats']

        Source: Apps API, "Get projects".
        """
        return self._scan(APP_PROJECTS, batch_size, filters, app_id=app_id)

    @api_call
    @with_list_signature(APP_PROJECTS)
    def find_app_projects(
        self, app_id: Id | None = None, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.AppProjects]
    ) -> Coroutine[Any, Any, Row]:
        """One page of app projects.

        Example:
            >>> client.find_app_projects(app.id, limit=1)["content"][0].name
            'Cats'
        """
        return self._find(APP_PROJECTS, sort, limit, filters, app_id=app_id)

    @with_list_signature(APP_ITEMS)
    def get_app_items(self, app_project_id: Id, *, batch_size: int | None = None, **filters: Unpack[keywords.AppItems]) -> Scan:
        """Items of an app project, as a scan that requests its rows when they are wanted.

        Columns: `INPUT:*` and `OUTPUT:*` from the app's specification, and the item's own fields under their names.

        Example:
            >>> client.get_app_items(app_project.id, batch_id=batch.id).to_dataframe()["status"].tolist()
            ['NEW', 'NEW', 'NEW']

        Source: Apps API, "Get project items".
        """
        return self._scan(APP_ITEMS, batch_size, filters, app_project_id=app_project_id)

    @api_call
    @with_list_signature(APP_ITEMS)
    def find_app_items(
        self, app_project_id: Id, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.AppItems]
    ) -> Coroutine[Any, Any, Row]:
        """One page of app items.

        Example:
            >>> client.find_app_items(app_project.id, status="NEW", limit=1)["content"][0].batch_id == batch.id
            True
        """
        return self._find(APP_ITEMS, sort, limit, filters, app_project_id=app_project_id)

    @with_list_signature(APP_BATCHES)
    def get_app_batches(
        self, app_project_id: Id, *, batch_size: int | None = None, **filters: Unpack[keywords.AppBatches]
    ) -> Scan:
        """Batches of an app project, as a scan that requests its rows when they are wanted.

        Columns: the batch's fields, nested ones dotted (`items_per_state.NEW`, `last_items_import.records_count`); costs in
        US dollars.

        Example:
            >>> client.get_app_batches(app_project.id).to_dataframe()["items_count"].tolist()
            [3]

        Source: Apps API, "Get project batches".
        """
        return self._scan(APP_BATCHES, batch_size, filters, app_project_id=app_project_id)

    @api_call
    @with_list_signature(APP_BATCHES)
    def find_app_batches(
        self, app_project_id: Id, *, sort: Sort = None, limit: int | None = None, **filters: Unpack[keywords.AppBatches]
    ) -> Coroutine[Any, Any, Row]:
        """One page of app batches.

        Example:
            >>> client.find_app_batches(app_project.id, status="NEW")["content"][0].name
            'Monday'
        """
        return self._find(APP_BATCHES, sort, limit, filters, app_project_id=app_project_id)


def _check_names(method: str, resource: Resource, filters: Mapping[str, Any]) -> None:
    """Reject keywords that the list does not have, as Python does, and name the nearest one."""
    for name in filters:
        if name not in resource.filters:
            method = method.replace(" ", "_")
            raise explain_keyword(TypeError(f"{method}() got an unexpected keyword argument {name!r}"), getattr(Lists, method))

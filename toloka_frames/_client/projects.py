"""Calls about projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._client.base_calls import BaseCalls
from toloka_frames._client.call import api_call

if TYPE_CHECKING:
    from toloka_frames._client.form_checks import ProjectForm
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id


class ProjectCalls(BaseCalls):
    """Calls about projects."""

    @api_call
    async def get_project(self, project_id: Id) -> Row:
        """Return a project.

        Args:
            project_id: The project's id.

        Returns:
            The project as in the API, with `task_spec` (input and output fields), `status` and `quality_control`.

        Raises:
            NotFound: If the project does not exist.

        Example:
            >>> client.get_project(project.id).public_name
            'Cats or dogs'

        Source: Toloka API, "Get project by ID".
        """
        return await self._get("/v1/projects/{}", project_id)

    @api_call
    async def create_project(self, project: ProjectForm) -> Row:
        """Create a project.

        The call has no idempotency key: after `OutcomeUnknown`, check the list of projects before you call it again.

        Args:
            project: The project as in the API; `task_spec` defines its input and output fields. `tf.project_form` returns one.
                The call warns of names and rules that the API does not have, and sends them.

        Returns:
            The new project, with its `id`.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            OutcomeUnknown: If the response was lost; the project may have been created.

        Example:
            >>> cats = tf.project_form("Cats", inputs={"image": "url"}, outputs={"result": ["cat", "dog"]})
            >>> cats["task_spec"]["output_spec"]
            {'result': {'type': 'string', 'allowed_values': ['cat', 'dog']}}
            >>> client.create_project(cats).status
            'ACTIVE'

        Source: Toloka API, "Create project" (20 a minute, 100 a day).
        """
        return await self._post("/v1/projects", body=project)

    @api_call
    async def update_project(self, project_id: Id, project: ProjectForm) -> Row:
        """Replace a project.

        Args:
            project_id: The project's id.
            project: The whole project, as `get_project` returns it, with your changes. Warnings are those of `create_project`.

        Returns:
            The project as it is now.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.
            NotFound: If the project does not exist.
            Conflict: If the project's state does not allow the change.

        Example:
            >>> project = client.get_project(project.id)
            >>> project.public_description = "Look at the ears."
            >>> client.update_project(project.id, project).public_description
            'Look at the ears.'

        Source: Toloka API, "Edit project".
        """
        return await self._put("/v1/projects/{}", project_id, body=project)

    @api_call
    async def archive_project(self, project_id: Id, *, timeout: Timeout = None, progress: ProgressArg = "auto") -> Row:
        """Archive a project whose pools are all archived, and wait until it is archived.

        Args:
            project_id: The project's id.
            timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
            progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.Progress`.

        Returns:
            The project as it is now.

        Raises:
            NotFound: If the project does not exist.
            Conflict: If one of the project's pools is not archived.
            OperationFailed: If the operation ended with FAIL; `.operation` holds it.
            OperationTimeout: If the operation did not end in time; it continues at the service.

        Example:
            >>> archived = client.archive_training(training.id)
            >>> archived = [client.archive_pool(row.id) for row in client.get_pools(project.id)]
            >>> client.archive_project(project.id).status
            'ARCHIVED'

        Source: Toloka API, "Archive project"; Toloka-Kit 1.2.3 for the result.
        """
        operation = await self.archive_project_async(project_id)
        return await self._after(operation, timeout, progress, "/v1/projects/{}", project_id)

    @api_call
    async def archive_project_async(self, project_id: Id) -> Row | None:
        """Start archiving a project whose pools are all archived.

        Args:
            project_id: The project's id.

        Returns:
            The operation, for `wait_operation`; None if the project is already archived.

        Raises:
            NotFound: If the project does not exist.
            Conflict: If one of the project's pools is not archived.

        Example:
            >>> archived = client.archive_training(training.id)
            >>> archived = [client.archive_pool(row.id) for row in client.get_pools(project.id)]
            >>> operation = client.archive_project_async(project.id)
            >>> client.wait_operation(operation).status
            'SUCCESS'

        Source: Toloka API, "Archive project".
        """
        return await self._run_action("/v1/projects/{}/archive", project_id)

    @api_call
    async def check_update_project_for_major_version_change(self, project_id: Id, project: ProjectForm) -> Row:
        """Check what `update_project` would change, without changing it.

        Args:
            project_id: The project's id.
            project: The whole project with your changes.

        Returns:
            `{"differenceLevel": level}`. The level is EQUAL, NON_BREAKING_CHANGE or BREAKING_CHANGE; after a breaking change,
            existing pools keep the project's old version.

        Raises:
            ValidationFailed: If a field is not valid; `.payload` says which.

        Example:
            >>> project = client.get_project(project.id)
            >>> project.task_spec.output_spec.result.allowed_values = ["cat", "dog", "other"]
            >>> client.check_update_project_for_major_version_change(project.id, project).differenceLevel
            'BREAKING_CHANGE'

        Source: Toloka-Kit 1.2.3 (the path is not in the API's document).
        """
        return await self._post(
            "/staging/projects/{}/check", project_id, body=project, repeatable=True, returns=("differenceLevel",)
        )

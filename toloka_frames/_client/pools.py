"""A call about projects, pools and trainings comes in, what the service has goes out as a dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toloka_frames._client.calls import Calls
from toloka_frames._client.lists import Lists
from toloka_frames._errors import CloneInterrupted, InputError, TolokaError
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._transport.http import json_body
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._transport.http import ApiClient

MOST_STATS = 10


class PoolCalls(Calls):
    """Single calls about projects, pools and trainings."""

    async def get_project(self, project_id: str) -> dict[str, Any]:
        """A project. Raises `NotFound`. Source: Toloka API, "Get project by ID"."""
        return await self._get("/v1/projects/{}", project_id)

    async def create_project(self, project: Mapping[str, Any]) -> dict[str, Any]:
        """Make a project and return it.

        Args:
            project: As the API has it, with `task_spec` as the most important part.

        Raises:
            ValidationFailed: A field is invalid; `.payload` says which.
            OutcomeUnknown: The answer was lost; the project may exist (this call has no idempotency key).

        Source: Toloka API, "Create project" (20 a minute, 100 a day).
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

    async def check_update_project_for_major_version_change(
        self, project_id: str, project: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What `update_project` would change, without changing it: `{"differenceLevel": ...}`.

        It is EQUAL, NON_BREAKING_CHANGE or BREAKING_CHANGE; after the last, the pools that are there keep the project as it
        was. Raises `ValidationFailed`. Source: Toloka-Kit 1.2.3 (the path is not in the API's document).
        """
        return await self._read("/staging/projects/{}/check", project_id, body=project)

    async def get_pool(self, pool_id: str) -> dict[str, Any]:
        """A pool. Raises `NotFound`. Source: Toloka API, "Get pool by ID"."""
        return await self._get("/v1/pools/{}", pool_id)

    async def create_pool(self, pool: Mapping[str, Any], tier: str | None = None) -> dict[str, Any]:
        """Make a pool, which is CLOSED at first, and return it; rewards in US dollars. Errors as in `create_project`.

        Args:
            pool: As the API has it.
            tier: Where its data is stored; the service's default unless given.

        Source: Toloka API, "Create pool" (20 a minute, 100 a day); Toloka-Kit 1.2.3 for tier.
        """
        query = {} if tier is None else {"storage_key": validate("tier", text, tier)}
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

        Source: Toloka API, "Open pool".
        """
        return await self._act("/v1/pools/{}/open", pool_id)

    async def close_pool(self, pool_id: str) -> dict[str, Any] | None:
        """Close a pool: the operation to wait for, or None when it is closed already.

        Source: Toloka API, "Close pool".
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

    async def get_analytics(
        self, stats: Sequence[Mapping[str, Any]], *, progress: ProgressArg = "auto"
    ) -> list[dict[str, Any]]:
        """Figures about pools, as the service counts them; waits for the operation that finds them, showing its progress.

        Args:
            stats: 1 to 10 of `{"name": "completion_percentage", "subject": "POOL", "subject_id": pool_id}`. Names:
                real_tasks_count, submitted_assignments_count, skipped_assignments_count, rejected_assignments_count,
                approved_assignments_count, completion_percentage, avg_submit_assignment_millis, spent_budget (US dollars),
                unique_workers_count, unique_submitters_count, active_workers_by_filter_count (with `interval_hours`),
                estimated_assignments_count.
            progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

        Returns:
            For each of them `{"request": {...}, "result": ..., "finished": ...}`, the result a number or
            `{"value": number, ...}`; `pd.json_normalize` makes a frame of them.

        Raises:
            InputError: There are none, or more than 10; nothing was asked.
            ValidationFailed: One of them is not valid.
            OperationFailed: The operation ended with FAIL.

        Source: Toloka-Kit 1.2.3 (the path is not in the API's document).
        """
        if isinstance(stats, str) or not isinstance(stats, Sequence) or not 1 <= len(stats) <= MOST_STATS:
            raise InputError(f"stats is no list of 1 to {MOST_STATS} requests.", column="stats")
        return await run_on_loop(_analytics(self.service, json_body(list(stats)), progress))

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


async def _analytics(service: ApiClient, body: bytes, progress: ProgressArg) -> list[dict[str, Any]]:
    # counting twice changes nothing, so a lost answer is asked for again
    begun = await service.post("/staging/analytics-2", {}, body, repeatable=True)
    ended = await operations.wait(service, operations.check_operation(begun), None, progress)
    value = (ended.get("details") or {}).get("value")
    if not isinstance(value, list):
        raise bad_answer(200, str(ended).encode(), "an operation with figures was expected")
    return value


Row = dict[str, Any]

KINDS = ("trainings", "pools")
# what no form of a project, training or pool has
OF_THE_SERVICE = ("id", "owner", "type", "status", "created", "last_started", "last_stopped", "last_close_reason")


class CloneCalls(Lists, PoolCalls):
    """What is made of several calls about projects, trainings and pools."""

    async def clone_project(self, project_id: str, reuse_controllers: bool = True) -> Row:
        """Make another project with the same trainings and pools, archived ones too, all without their tasks.

        Args:
            project_id: The project.
            reuse_controllers: Whether the quality control rules of the old and the new pools count together, as for
                `fast_submitted_count`; False gives the new ones controllers of their own.

        Returns:
            What was made: `{"project": {...}, "trainings": [...], "pools": [...]}`.

        Raises:
            NotFound: There is no such project; nothing was made.
            OutcomeUnknown: The answer was lost when the project itself was made; it may be there, empty.
            CloneInterrupted: A call half-way was refused, or its answer was lost; `.made` says what is there.

        Source: Toloka-Kit 1.2.3; Toloka API, "Rate limiting" (20 a minute, 100 a day each of projects, trainings, pools).
        """
        # all is read before anything is made
        project = await self.get_project(project_id)
        trainings = [row async for row in self.get_trainings(project_id=project_id)]
        pools = [row async for row in self.get_pools(project_id=project_id)]
        made: Row = {"project": await self.create_project(_form(project, "quality_control")), "trainings": [], "pools": []}
        try:
            await self._fill(made, project, trainings, pools, reuse_controllers)
        except TolokaError as error:
            raise _interrupted(project_id, made, error) from error
        return made

    async def _fill(self, made: Row, project: Row, trainings: list[Row], pools: list[Row], reuse_controllers: bool) -> None:
        new_id = made["project"]["id"]
        for training in trainings:
            made["trainings"].append(await self.create_training(_form(training) | {"project_id": new_id}))
        clones = {old["id"]: new["id"] for old, new in zip(trainings, made["trainings"], strict=True)}
        # only now, because rules of a project can be about its trainings
        if (rules := _rules(project, clones, reuse_controllers)) is not None:
            made["project"] = await self.update_project(new_id, _form(project) | {"quality_control": rules})
        for pool in pools:
            form = _form(pool, "quality_control") | {"project_id": new_id}
            if (rules := _rules(pool, clones, reuse_controllers)) is not None:
                form["quality_control"] = rules
            made["pools"].append(await self.create_pool(form))


def _form(row: Row, *without: str) -> Row:
    """What its owner has said of a project, training or pool."""
    return {name: value for name, value in row.items() if name not in (*OF_THE_SERVICE, *without)}


def _rules(row: Row, clones: Mapping[str, str], reuse_controllers: bool) -> Row | None:
    """The quality control of a clone, which asks for the clone of a training where the old one asks for the training."""
    old: Row | None = row.get("quality_control")
    if old is None:
        return None
    rules = dict(old)
    if not reuse_controllers:
        rules["configs"] = [
            config | {"collector_config": _without_uuid(config["collector_config"])} for config in old.get("configs") or ()
        ]
    if needed := old.get("training_requirement"):
        training_id = needed.get("training_pool_id")
        rules["training_requirement"] = needed | {"training_pool_id": clones.get(training_id, training_id)}
    return rules


def _without_uuid(collector: Row) -> Row:
    return {name: value for name, value in collector.items() if name != "uuid"}


def _interrupted(project_id: str, made: Row, error: TolokaError) -> CloneInterrupted:
    there = [f"project {made['project']['id']}", *(f"{kind[:-1]} {row['id']}" for kind in KINDS for row in made[kind])]
    interrupted = CloneInterrupted(
        f"The clone of project {project_id} is not whole; there is {', '.join(there)}.",
        made=made,
        hint="Make what is missing, or archive what is there: a second clone_project makes another project.",
    )
    interrupted.may_have_taken_effect = error.may_have_taken_effect
    return interrupted

"""Clone a project: create a project, its trainings and its pools like those of another project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._errors import CloneInterrupted, TolokaError
from toloka_frames._schema.row import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._client.client import BaseClient
    from toloka_frames._validation import Id

# a project, training or pool has these only because the service set them; a request to create one must not hold them
SET_BY_SERVICE = ("id", "owner", "type", "status", "created", "last_started", "last_stopped", "last_close_reason")


async def clone_project(client: BaseClient, project_id: Id, reuse_controllers: bool) -> Row:
    """Create a copy of a project; parameters, result and errors as in `AsyncTolokaClient.clone_project`."""
    # everything is read before anything is created
    project = await client.get_project(project_id)
    trainings = [row async for row in client.get_trainings(project_id=project_id)]
    pools = [row async for row in client.get_pools(project_id=project_id)]
    new_project = await client.create_project(_settings(project, "quality_control"))
    created = Row(project=new_project, trainings=[], pools=[])
    try:
        await _clone_trainings_and_pools(client, created, project, trainings, pools, reuse_controllers)
    except TolokaError as error:
        raise _interrupted(project_id, created, error) from error
    return created


async def _clone_trainings_and_pools(
    client: BaseClient, created: Row, project: Row, trainings: list[Row], pools: list[Row], reuse_controllers: bool
) -> None:
    """Create the trainings and pools and add each to `created`, which after an error shows what exists."""
    new_id = created["project"]["id"]
    for training in trainings:
        created["trainings"].append(await client.create_training(_settings(training) | {"project_id": new_id}))
    new_training_ids = {old["id"]: new["id"] for old, new in zip(trainings, created["trainings"], strict=True)}
    # the project's quality control can refer to its trainings, which exist only now
    if (rules := _quality_control(project, new_training_ids, reuse_controllers)) is not None:
        created["project"] = await client.update_project(new_id, _settings(project) | {"quality_control": rules})
    for pool in pools:
        settings = _settings(pool, "quality_control") | {"project_id": new_id}
        if (rules := _quality_control(pool, new_training_ids, reuse_controllers)) is not None:
            settings["quality_control"] = rules
        created["pools"].append(await client.create_pool(settings))


def _settings(row: Row, *without: str) -> dict[str, Any]:
    """Return the fields of a project, training or pool that its owner has set."""
    return {name: value for name, value in row.items() if name not in (*SET_BY_SERVICE, *without)}


def _quality_control(row: Row, new_training_ids: Mapping[str, str], reuse_controllers: bool) -> dict[str, Any] | None:
    """Return the quality control for a copy of a row, with the ids of its trainings replaced by those of their copies."""
    old: dict[str, Any] | None = row.get("quality_control")
    if old is None:
        return None
    rules = dict(old)
    if not reuse_controllers:
        rules["configs"] = [
            config | {"collector_config": _without_uuid(config["collector_config"])} for config in old.get("configs") or ()
        ]
    if requirement := old.get("training_requirement"):
        training_id = requirement.get("training_pool_id")
        rules["training_requirement"] = requirement | {"training_pool_id": new_training_ids.get(training_id, training_id)}
    return rules


def _without_uuid(collector: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in collector.items() if name != "uuid"}


def _interrupted(project_id: Id, created: Row, error: TolokaError) -> CloneInterrupted:
    names = [
        f"project {created['project']['id']}",
        *(f"training {row['id']}" for row in created["trainings"]),
        *(f"pool {row['id']}" for row in created["pools"]),
    ]
    interrupted = CloneInterrupted(
        f"The clone of project {project_id} is not complete; created so far: {', '.join(names)}.",
        made=created,
        hint="Create what is missing, or archive what was created: calling clone_project again creates another project.",
    )
    interrupted.may_have_taken_effect = error.may_have_taken_effect
    return interrupted

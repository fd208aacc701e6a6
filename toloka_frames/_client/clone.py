"""A project comes in, another one with the same trainings and pools goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._client.lists import Lists
from toloka_frames._client.pool_calls import PoolCalls
from toloka_frames._errors import CloneInterrupted, TolokaError

if TYPE_CHECKING:
    from collections.abc import Mapping

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

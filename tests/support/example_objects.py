"""The account that examples in docstrings work on: an object of each kind, under the name of its kind."""

from __future__ import annotations

import copy
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import toloka_frames as tf
from toloka_frames.local import Faults, LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


SPEC = {
    "input_spec": {"image": {"type": "url", "required": True}},
    "output_spec": {"result": {"type": "string", "required": True, "allowed_values": ["cat", "dog"]}},
    "view_spec": {"type": "classic", "markup": ""},
}
PROJECT = {
    "public_name": "Cats or dogs",
    "public_description": "Which animal is it?",
    "assignments_issuing_type": "AUTOMATED",
    "task_spec": SPEC,
}
POOL = {
    "private_name": "Monday",
    "may_contain_adult_content": False,
    "will_expire": "2099-01-01T00:00:00",
    "reward_per_assignment": 0.05,
    "assignment_max_duration_seconds": 600,
    "auto_accept_solutions": False,
    "auto_close_after_complete_delay_seconds": 0,
    "defaults": {"default_overlap_for_new_tasks": 2, "default_overlap_for_new_task_suites": 2},
}
TRAINING = {
    "private_name": "Practice",
    "assignment_max_duration_seconds": 600,
    "mix_tasks_in_creation_order": True,
    "shuffle_tasks_in_task_suite": True,
    "training_tasks_in_task_suite_count": 2,
    "task_suites_required_to_pass": 1,
    "retry_training_after_days": 5,
    "inherited_instructions": True,
}
CONTROL_TASK = {"known_solutions": [{"output_values": {"result": "cat"}}], "infinite_overlap": True}
IMAGE = "https://example.com/{}.jpg"


class ExampleAccount:
    """A local service's state, of which each example gets a copy.

    Args:
        folder: Where the state and its copies are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        with LocalToloka(folder / "account.db", operation_seconds=0) as toloka:
            self._objects = create_objects(toloka)

    @contextmanager
    def names(self) -> Iterator[dict[str, Any]]:
        """Start a service with a copy of the state; yield the names that an example finds."""
        self._count += 1
        path = self._folder / f"{self._count}.db"
        shutil.copy(self._folder / "account.db", path)
        with LocalToloka(path, operation_seconds=0) as toloka:
            yield {
                **copy.deepcopy(self._objects),
                "toloka": toloka,
                "client": toloka.client(),
                "df": pd.DataFrame({"image": [IMAGE.format(f"new-{row}") for row in range(3)]}),
                "tf": tf,
                "pd": pd,
                "Path": Path,
                "LocalToloka": LocalToloka,
                "Faults": Faults,
            }


def create_objects(toloka: LocalToloka) -> dict[str, Any]:
    """Create the objects of the account, and return them by the names of their kinds."""
    client = toloka.client()
    project = client.create_project(PROJECT)
    mixer = {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0}
    pool = client.create_pool(POOL | {"project_id": project.id, "mixer_config": mixer})
    names: dict[str, Any] = {"project": project, "pool": pool}
    names["training"] = client.create_training(TRAINING | {"project_id": project.id})
    hint = {"pool_id": names["training"].id, "message_on_unknown_solution": "Look at the ears."}
    client.create_tasks(
        [CONTROL_TASK | hint | {"input_values": {"image": IMAGE.format(row)}} for row in range(2)], progress=False
    )
    names["suite_pool"] = client.create_pool(POOL | {"project_id": project.id, "private_name": "Pages"})
    names |= _create_work(toloka, client, pool.id, names["suite_pool"].id)
    return names | _create_people(toloka, client, names) | _create_app_objects(client)


def _create_work(toloka: LocalToloka, client: tf.TolokaClient, pool_id: str, suite_pool_id: str) -> dict[str, Any]:
    """Create tasks and suites, and have the tasks answered."""
    control = {"known_solutions": [{"output_values": {"result": "cat"}}], "infinite_overlap": True}
    tasks = [
        {"pool_id": pool_id, "input_values": {"image": IMAGE.format(row)}} | (control if row == 0 else {}) for row in range(9)
    ]
    operation = client.wait_operation(client.create_tasks_async(tasks, allow_defaults=True, open_pool=True), progress=False)
    toloka.answer(pool_id, workers=4)
    for answered in client.find_assignments(pool_id, status="SUBMITTED", sort="id")["items"][1:]:
        client.accept_assignment(answered.id, "Thank you")
    suite = {"pool_id": suite_pool_id, "tasks": [{"input_values": {"image": IMAGE.format(row)}} for row in range(2)]}
    return {
        "operation": operation,
        "task": client.find_tasks(pool_id, sort="created")["items"][-1],
        "suite": client.create_task_suite(suite, allow_defaults=True, progress=False),
        "assignment": client.find_assignments(pool_id, status="SUBMITTED", sort="id")["items"][0],
    }


def _create_people(toloka: LocalToloka, client: tf.TolokaClient, names: Mapping[str, Any]) -> dict[str, Any]:
    user_id, pool_id = names["assignment"].user_id, names["pool"].id
    skill = client.create_skill(name="Cat expert")
    subscription = {"event_type": "POOL_CLOSED", "pool_id": pool_id, "webhook_url": "https://example.com/hook"}
    bonus = {"user_id": user_id, "amount": 0.5, "without_message": True}
    return {
        "user_id": user_id,
        "skill": skill,
        "user_skill": client.set_user_skill(skill_id=skill.id, user_id=user_id, value=85),
        "ban": client.set_user_restriction(scope="POOL", user_id=user_id, pool_id=pool_id, private_comment="too fast"),
        "bonus": client.create_user_bonus(bonus, progress=False),
        "attachment": client.get_attachment(toloka.attach(names["assignment"].id, "cat.jpg", b"a photo")),
        "thread": client.compose_message_thread(
            recipients_select_type="DIRECT",
            recipients_ids=user_id,
            topic={"EN": "Thank you"},
            text={"EN": "Good work."},
            answerable=True,
        ),
        "subscription": client.upsert_webhook_subscriptions([subscription])["items"]["0"],
    }


def _create_app_objects(client: tf.TolokaClient) -> dict[str, Any]:
    app = next(app for app in client.get_apps() if app.name == "Image classification")
    app_project = client.create_app_project({"app_id": app.id, "name": "Cats", "parameters": {}})
    batch = client.create_app_batch(app_project.id, name="Monday", items=[{"image_url": IMAGE.format(row)} for row in range(3)])
    return {
        "app": app,
        "app_project": client.get_app_project(app_project.id),
        "batch": batch,
        "item": client.find_app_items(app_project.id)["content"][0],
    }

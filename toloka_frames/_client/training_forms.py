"""Forms of trainings in a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from toloka_frames._client.form_checks import check_field_names, with_fields
from toloka_frames._schema.form_fields import TRAINING_VALUES, TrainingFields
from toloka_frames._schema.form_values import refuse, value_problems
from toloka_frames._validation import id_text

if TYPE_CHECKING:
    from typing import Unpack

    from toloka_frames._validation import Id


@with_fields(TrainingFields)
def training_form(
    project_id: Id,
    *,
    tasks: int = 5,
    pages: int = 1,
    private_name: str | None = None,
    inherited_instructions: bool = True,
    assignment_max_duration_seconds: int = 600,
    mix_tasks_in_creation_order: bool = True,
    shuffle_tasks_in_task_suite: bool = True,
    may_contain_adult_content: bool = False,
    **more: Unpack[TrainingFields],
) -> dict[str, Any]:
    """Return the form of a training, for `client.create_training`.

    It is a dict with the names of the API, which can be changed before it is sent.

    Args:
        project_id: The training's project.
        tasks: The number of tasks on a page.
        pages: The number of pages that a Toloker must do to pass.
        private_name: The training's name, which only you see; by default, it has today's date.
        inherited_instructions: Whether the training has the project's instructions.
        assignment_max_duration_seconds: The time for a page, in seconds.
        mix_tasks_in_creation_order: Whether pages are made of tasks in the order of their creation.
        shuffle_tasks_in_task_suite: Whether the tasks of a page are in random order.
        may_contain_adult_content: Whether tasks may have content for adults only.
        **more: Other fields of the API, such as `retry_training_after_days=5`.

    Returns:
        The form.

    Raises:
        InputError: If a value is out of range.
        TypeError: If there is no field of a name; the message has the nearest.

    Example:
        >>> training = client.create_training(tf.training_form(project.id, tasks=2, private_name="Practice"))
        >>> training.training_tasks_in_task_suite_count
        2

    Source: Toloka API, "Create training pool".
    """
    check_field_names(training_form, more)
    settings = {
        "inherited_instructions": inherited_instructions,
        "assignment_max_duration_seconds": assignment_max_duration_seconds,
        "mix_tasks_in_creation_order": mix_tasks_in_creation_order,
        "shuffle_tasks_in_task_suite": shuffle_tasks_in_task_suite,
        "may_contain_adult_content": may_contain_adult_content,
        **more,
    }
    values = {"tasks": tasks, "pages": pages, **settings}
    refuse(value_problems("A training", {name: values[name] for name in TRAINING_VALUES if name in values}, TRAINING_VALUES))
    return {
        "project_id": id_text("project_id", project_id),
        "private_name": f"Training of {datetime.now(UTC):%Y-%m-%d}" if private_name is None else private_name,
        "training_tasks_in_task_suite_count": tasks,
        "task_suites_required_to_pass": pages,
        **settings,
    }

"""The project and the pool of `LocalToloka.example_pool`: pictures that show a cat or a dog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames.local._store.store import Row

PAGE_TASKS = 5

PROJECT: Row = {
    "public_name": "Cat or dog?",
    "public_description": "Look at a picture and say which animal it shows",
    "public_instructions": "Open the picture, and choose the animal that you see.",
    "assignments_issuing_type": "AUTOMATED",
    "task_spec": {
        "input_spec": {"image": {"type": "url", "required": True}},
        "output_spec": {"result": {"type": "string", "required": True, "allowed_values": ["cat", "dog"]}},
        "view_spec": {"type": "classic", "markup": '{{img src=image}} {{field type="radio" name="result"}}'},
    },
}


def pool_form(control_tasks: int) -> Row:
    """Return the pool to create, without its project: pages of five tasks, three answers to each task, two cents for a page.

    Raises:
        ValueError: If the number of control tasks leaves no other task on a page.
    """
    if isinstance(control_tasks, bool) or control_tasks not in range(PAGE_TASKS):
        raise ValueError(f"control_tasks={control_tasks!r} is not a whole number from 0 to {PAGE_TASKS - 1}")
    real_tasks = PAGE_TASKS - control_tasks
    return {
        "private_name": "Example",
        "may_contain_adult_content": False,
        "will_expire": "2099-01-01T00:00:00",
        "reward_per_assignment": 0.02,
        "assignment_max_duration_seconds": 600,
        "auto_accept_solutions": True,
        "mixer_config": {"real_tasks_count": real_tasks, "golden_tasks_count": control_tasks, "training_tasks_count": 0},
        "defaults": {"default_overlap_for_new_tasks": 3, "default_overlap_for_new_task_suites": 3},
    }

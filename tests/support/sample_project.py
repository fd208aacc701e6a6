"""A sample project with an input field of each type, and a pool in it."""

from __future__ import annotations

from typing import Any

import toloka_frames as tf

INPUT_SPEC = {
    "image": {"type": "url", "required": True},
    "text": {"type": "string", "required": False},
    "number": {"type": "integer", "required": False},
    "share": {"type": "float", "required": False},
    "flag": {"type": "boolean", "required": False},
    "tags": {"type": "array_string", "required": False},
    "meta": {"type": "json", "required": False},
}
OUTPUT_SPEC = {"result": {"type": "string", "required": True, "allowed_values": ["cat", "dog"]}}


def create_pool(
    client: tf.AsyncTolokaClient,
    input_spec: dict[str, Any] = INPUT_SPEC,
    output_spec: dict[str, Any] = OUTPUT_SPEC,
    **fields: Any,
) -> str:
    """Create a project with these fields and a pool in it, and return the pool's id."""
    spec = {"input_spec": input_spec, "output_spec": output_spec, "view_spec": {"type": "classic", "markup": ""}}
    project = {
        "public_name": "Animals",
        "public_description": "Which one?",
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": spec,
    }
    pool = {
        "project_id": tf.run(client.create_project(project))["id"],
        "private_name": "Pool",
        "may_contain_adult_content": False,
        "will_expire": "2099-01-01T00:00:00",
        "reward_per_assignment": 0.02,
        "assignment_max_duration_seconds": 600,
        "auto_accept_solutions": True,
        "defaults": {"default_overlap_for_new_tasks": 2, "default_overlap_for_new_task_suites": 2},
        "mixer_config": {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0},
    }
    return str(tf.run(client.create_pool(pool | fields))["id"])

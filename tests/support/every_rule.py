"""Every rule that `tf.rule` can make: each condition, operator and action of each collector."""

from __future__ import annotations

import itertools
from typing import Any

import toloka_frames as tf
from toloka_frames._schema.form_values import PERCENTAGE
from toloka_frames._schema.quality_control import COLLECTORS, CONDITIONS, Collector

ACTIONS = (tf.ban(hours=12), tf.set_skill(42, 80), tf.approve_all(), tf.reject_all("too fast"), tf.change_overlap(-1))
PARAMETERS = {"history_size": 10, "fast_submit_threshold_seconds": 20, "answer_threshold": 2}


def every_rule() -> list[dict[str, Any]]:
    """Return a rule for each condition, operator and action of each collector."""
    found = []
    for name, collector in COLLECTORS.items():
        parameters: Any = {key: value for key, value in PARAMETERS.items() if key in collector.parameters}
        fitting = [action for action in actions(collector) if action["type"] in collector.actions]
        for key, action in itertools.product(collector.conditions, fitting):
            value = {"next_assignment_available": True}.get(key, (CONDITIONS[key].names or ["50"])[0])
            value = int(value) if value == "50" and key != "skill_id" else value
            conditions = [{"key": key, "operator": operator, "value": value} for operator in CONDITIONS[key].operators]
            found += [tf.rule(name, condition, action, **parameters) for condition in conditions]  # type: ignore[arg-type]
    return found


def actions(collector: Collector) -> list[dict[str, Any]]:
    rates = [key for key in collector.conditions if CONDITIONS[key] is PERCENTAGE]
    return [*ACTIONS, *(tf.set_skill(42, rate) for rate in rates)]

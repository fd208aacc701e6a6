"""Trainings: first attempts, corrected answers, and the value of the skill that a worker gets.

A worker who gives a wrong answer sees the hint and answers again, until the answer is right. The skill is the share of the
training's tasks whose first answer was right, in per cent (Toloka API, TrainingRequirement.training_passing_skill_value).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.training_skills import set_training_skill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._simulation.answers import Answers, Values
    from toloka_frames.local._store.store import Row, Store


class Training:
    """What workers have done of a training."""

    def __init__(self, store: Store, training: Row, answers: Answers) -> None:
        self._store = store
        self._training = training
        self._answers = answers
        [(tasks,)] = store.select("SELECT count(*) FROM tasks WHERE pool_id = ?", (int(training["id"]),))
        all_pages = -(-tasks // max(1, training["training_tasks_in_task_suite_count"]))
        self._required_pages: int = min(all_pages, training.get("task_suites_required_to_pass") or all_pages)

    def is_passed_by(self, user_id: str) -> bool:
        """Return whether a worker has done as many pages as the training requires."""
        return len(self._assignments(user_id)) >= self._required_pages

    def first_attempts(self, tasks: Sequence[Row], answers: Sequence[Values]) -> Row:
        """Return the field of an assignment that holds first answers, if one of them is wrong."""
        if all(map(self._answers.is_right, tasks, answers)):
            return {}
        return {"first_declined_solution_attempt": [{"output_values": values} for values in answers]}

    def corrected(self, tasks: Sequence[Row], answers: Sequence[Values]) -> list[Values]:
        """Return the answers that a worker gives in the end."""
        pairs = zip(tasks, answers, strict=True)
        return [
            values if self._answers.is_right(task, values) else self._answers.correct(task, values) for task, values in pairs
        ]

    def record(self, user_id: str, at: float) -> None:
        """Set the skill of a worker who has now done all required pages."""
        assignments = self._assignments(user_id)
        if len(assignments) == self._required_pages:
            right = [result for assignment in assignments for result in self._first_results(assignment)]
            set_training_skill(self._store, self._training, user_id, 100 * sum(right) / len(right), at)

    def _assignments(self, user_id: str) -> list[Row]:
        found = self._store.select(
            "SELECT body FROM assignments WHERE pool_id = ? AND user_id = ? AND status = 'ACCEPTED'",
            (int(self._training["id"]), user_id),
        )
        return [orjson.loads(body) for (body,) in found]

    def _first_results(self, assignment: Row) -> list[bool]:
        attempts = assignment.get("first_declined_solution_attempt") or assignment["solutions"]
        values = [attempt["output_values"] for attempt in attempts]
        return [self._answers.is_right(task, given) for task, given in zip(assignment["tasks"], values, strict=True)]

"""A function that prepares an upload comes in; the verb that carries it out goes out, for ordinary code and for async code."""

from __future__ import annotations

from toloka_frames._uploading import create, row_updates
from toloka_frames._uploading.job import ordinary

create_tasks = ordinary(create.create_tasks)
create_task_suites = ordinary(create.create_task_suites)
create_user_bonuses = ordinary(create.create_user_bonuses)
create_app_items = ordinary(create.create_app_items)
create_app_batch = ordinary(create.create_app_batch)
set_user_skills = ordinary(row_updates.set_user_skills)
set_user_restrictions = ordinary(row_updates.set_user_restrictions)
accept_assignments = ordinary(row_updates.accept_assignments)
reject_assignments = ordinary(row_updates.reject_assignments)
resume = ordinary(create.resume)
reconcile = ordinary(create.reconcile)

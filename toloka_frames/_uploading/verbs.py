"""A function that prepares an upload comes in; the verb that carries it out goes out, for ordinary code and for async code."""

from __future__ import annotations

from toloka_frames._uploading import create as _create
from toloka_frames._uploading import create as _create_apps
from toloka_frames._uploading import row_updates as _set
from toloka_frames._uploading.job import ordinary

create_tasks = ordinary(_create.create_tasks)
create_task_suites = ordinary(_create.create_task_suites)
create_user_bonuses = ordinary(_create.create_user_bonuses)
create_app_items = ordinary(_create_apps.create_app_items)
create_app_batch = ordinary(_create_apps.create_app_batch)
set_user_skills = ordinary(_set.set_user_skills)
set_user_restrictions = ordinary(_set.set_user_restrictions)
accept_assignments = ordinary(_set.accept_assignments)
reject_assignments = ordinary(_set.reject_assignments)
resume = ordinary(_create.resume)
reconcile = ordinary(_create.reconcile)

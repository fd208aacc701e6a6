"""What Toloka does, and simulated Tolokers do not: the one list, which `docs/simulation.md` repeats."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from toloka_frames.local._api.pool_lifecycle import find_pool
from toloka_frames.local._api.quality_control import ACTIONS, ASSESSMENT, configs_of
from toloka_frames.local._api.quality_statistics import COLLECTORS
from toloka_frames.local._api.worker_filter import unknown_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local._store.store import Row, Store

_logger = logging.getLogger("toloka_frames.local")
# the pools of each store whose warning is in the log
_logged: WeakKeyDictionary[Store, set[str]] = WeakKeyDictionary()


def _has(*path: str) -> Callable[[Row, Row], bool]:
    """Return a check whether a pool has a value at a path."""

    def check(pool: Row, _project: Row) -> bool:
        value: Any = pool
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return bool(value)

    return check


def _collectors(owner: Row) -> set[str]:
    """Return the collectors of a pool or project that are not simulated."""
    return {config["collector_config"]["type"] for config in configs_of(owner)} - {*COLLECTORS, ASSESSMENT}


def _actions(owner: Row) -> set[str]:
    """Return the actions of a pool or project that are not simulated."""
    return {rule["action"]["type"] for config in configs_of(owner) for rule in config.get("rules") or ()} - set(ACTIONS)


# what is not simulated, what happens instead, and whether a pool and its project use it
NOT_SIMULATED: tuple[tuple[str, str, Callable[[Row, Row], bool]], ...] = (
    ("dynamic_pricing_config", "every page pays reward_per_assignment", _has("dynamic_pricing_config")),
    ("speed_quality_balance", "every worker whom the filter admits may work", _has("speed_quality_balance")),
    (
        "mixer_config.golden_task_distribution_function",
        "every page has golden_tasks_count control tasks",
        _has("mixer_config", "golden_task_distribution_function"),
    ),
    (
        "mixer_config.training_task_distribution_function",
        "every page has training_tasks_count training tasks",
        _has("mixer_config", "training_task_distribution_function"),
    ),
    (
        "mixer_config.min_golden_tasks_count",
        "a worker who has done all control tasks goes on without them",
        _has("mixer_config", "min_golden_tasks_count"),
    ),
    (
        "quality_control.configs with TRAINING or USERS_ASSESSMENT",
        "such a rule does nothing",
        lambda pool, project: bool(_collectors(pool) | _collectors(project)),
    ),
    (
        "quality_control.configs with SET_POOL_COMPLETE, CLEAN_COLLECTOR or other actions",
        "such an action does nothing",
        lambda pool, project: bool(_actions(pool) | _actions(project)),
    ),
    (
        "filter by gender, city and other fields",
        "Tolokers have a country, languages, adult_allowed, a client, a device and an operating system; other fields admit all",
        lambda pool, _project: any(unknown_fields(pool.get("filter"))),
    ),
    ("quality_control.checkpoints_config", "the overlap is the same for all", _has("quality_control", "checkpoints_config")),
    ("training_config", "the skill of a training does not expire", _has("training_config")),
    ("retry_training_after_days", "a worker does a training once", _has("retry_training_after_days")),
    (
        "assignments_issuing_type MAP_SELECTOR",
        "workers get pages instead of choosing them on a map",
        lambda _pool, project: project.get("assignments_issuing_type") == "MAP_SELECTOR",
    ),
    (
        "assignments_automerge_enabled",
        "identical tasks are not merged",
        lambda _pool, project: bool(project.get("assignments_automerge_enabled")),
    ),
    (
        "max_active_assignments_count",
        "a worker has one page at a time",
        lambda _pool, project: (project.get("max_active_assignments_count") or 1) > 1,
    ),
    (
        "localization_config",
        "workers see every task, whatever their languages",
        lambda _pool, project: bool(project.get("localization_config")),
    ),
)


def log_not_simulated(store: Store, pool_id: str) -> None:
    """Log once what a pool or training uses that is not simulated: for work that no caller in this process has asked for."""
    message, logged = not_simulated(store, pool_id), _logged.setdefault(store, set())
    if message and pool_id not in logged:
        logged.add(pool_id)
        _logger.warning(message)


def not_simulated(store: Store, pool_id: str) -> str:
    """Return what a pool or training uses that is not simulated, as a sentence; "" if there is nothing."""
    pool = find_pool(store, pool_id)
    if pool is None:
        return ""
    project = store.get("projects", pool["project_id"])
    found = [f"{name} ({instead})" for name, instead, is_used in NOT_SIMULATED if is_used(pool, project)]
    return f"Pool {pool_id} uses what simulated Tolokers do not know: {'; '.join(found)}" if found else ""

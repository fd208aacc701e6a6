"""The skill of each training, and the values that Tolokers have of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.skills import add_skill, save_user_skill

if TYPE_CHECKING:
    from toloka_frames.local._store.store import Row, Store


def training_skill_id(store: Store, training_id: object) -> str | None:
    """Return the id of a training's skill; None before a Toloker has it."""
    return store.find_setting(_setting(training_id))


def set_training_skill(store: Store, training: Row, user_id: str, value: float, at: float) -> None:
    """Set a Toloker's value of a training's skill, from 0 to 100, at `at` (Unix seconds)."""
    skill_id = training_skill_id(store, training["id"])
    if skill_id is None:
        skill_id = str(add_skill(store, {"name": training["private_name"], "hidden": True}, at, training=True)["id"])
        store.change_setting(_setting(training["id"]), skill_id)
    save_user_skill(store, skill_id, user_id, value, at)


def _setting(training_id: object) -> str:
    return f"skill_of_training/{training_id}"

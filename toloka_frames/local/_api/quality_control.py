"""Quality control: who may work on a pool, and what happens after each assignment (Toloka API, PoolQualityControl)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.training_skills import training_skill_id
from toloka_frames.local._base.ids_and_timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._store.store import Row, Store

_BANS = (
    "SELECT body ->> '$.will_expire' FROM user_restrictions WHERE user_id = :user AND (scope IN ('SYSTEM', 'ALL_PROJECTS')"
    " OR (scope = 'PROJECT' AND project_id = :project) OR (scope = 'POOL' AND pool_id = :pool))"
)


class QualityControl:
    """The rules of a pool and its project, for one run of simulated work or one verdict of the requester."""

    def __init__(self, store: Store, pool: Row) -> None:
        self._store = store
        self._pool = pool
        self._requirement: Row = (pool.get("quality_control") or {}).get("training_requirement") or {}

    def may_work(self, user_id: str, at: float) -> bool:
        """Return whether a Toloker may get a page at a time in Unix seconds."""
        return not self._is_banned(user_id, at) and self._is_trained(user_id)

    def record(self, _kind: str, _assignment: Row, _at: float) -> Sequence[str]:
        """Apply the rules after an assignment became SUBMITTED, SKIPPED, EXPIRED, ACCEPTED or REJECTED.

        Returns:
            The ids of tasks and suites whose overlap has been raised by one, in the store.
        """
        return ()

    def _is_banned(self, user_id: str, at: float) -> bool:
        parameters = {"user": user_id, "project": int(self._pool["project_id"]), "pool": int(self._pool["id"])}
        ends = [end for (end,) in self._store.select(_BANS, parameters)]
        return any(end is None or parse_timestamp(end) > at for end in ends)

    def _is_trained(self, user_id: str) -> bool:
        if not self._requirement:
            return True
        skill_id = training_skill_id(self._store, self._requirement["training_pool_id"])
        skill = self._store.find_by("user_skills", skill_id=int(skill_id), user_id=user_id) if skill_id else None
        return skill is not None and bool(skill["exact_value"] >= self._requirement.get("training_passing_skill_value", 0))

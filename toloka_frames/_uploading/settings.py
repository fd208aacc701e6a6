"""A frame of settings or verdicts comes in; a call for each row goes out, all checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._schema.filters import path_part
from toloka_frames._uploading.cells import objects_of
from toloka_frames._uploading.each import Call
from toloka_frames._uploading.objects import members_of, refuse_twins
from toloka_frames._validation import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

# Toloka API, "Set skill" and "Block access to tasks"
SKILL_MEMBERS = {"user_id": "string", "skill_id": "string", "value": "float", "reason": "string"}
RESTRICTION_MEMBERS = {
    "scope": "string",
    "user_id": "string",
    "project_id": "string",
    "pool_id": "string",
    "private_comment": "string",
    "will_expire": "string",
}
VERDICT_MEMBERS = {"assignment_id": "string", "public_comment": "string"}
# SYSTEM is not among them: such a ban is the service's own (Toloka-Kit 1.2.3, code SYSTEM_SCOPE_MODIFICATION)
NEEDED_BY_SCOPE = {"ALL_PROJECTS": "user_id", "PROJECT": "project_id", "POOL": "pool_id"}
MOST_SKILL = 100  # Toloka API, UserSkill.exact_value


def skill_calls(frame: pd.DataFrame) -> list[Call]:
    """A call of each row that sets a user's skill.

    Raises:
        InputError: Something cannot be sent.
    """
    values = members_of(frame, SKILL_MEMBERS, ("user_id", "skill_id", "value"))
    refuse("value", values["value"], lambda value: not _is_share(value), f"is no number from 0 to {MOST_SKILL}")
    pairs = list(zip(values["user_id"], values["skill_id"], strict=True))
    refuse_twins("user_id", pairs, "skill of the same user", "Give each user one value of a skill.")
    return _puts("/v1/user-skills", values, SKILL_MEMBERS)


def restriction_calls(frame: pd.DataFrame) -> list[Call]:
    """A call of each row that restricts a user; errors as in `skill_calls`."""
    values = members_of(frame, RESTRICTION_MEMBERS, ("user_id", "scope"))
    refuse("scope", values["scope"], lambda scope: scope not in NEEDED_BY_SCOPE, f"is none of {', '.join(NEEDED_BY_SCOPE)}")
    for scope, needed in NEEDED_BY_SCOPE.items():
        of_scope = zip(values["scope"], values.get(needed, [None] * len(frame)), strict=True)
        # a row of another scope passes with any value
        given = [value if each == scope else needed for each, value in of_scope]
        refuse(needed, given, lambda value: value is None, f"is missing, and the scope {scope} needs it")
    return _puts("/v1/user-restrictions", values, RESTRICTION_MEMBERS)


def verdict_calls(frame: pd.DataFrame, status: str, comment: str | None) -> list[Call]:
    """A call of each row that accepts or rejects an assignment; errors as in `skill_calls`."""
    if isinstance(frame, pd.DataFrame):
        frame = frame.rename(columns={"ASSIGNMENT:assignment_id": "assignment_id"})
    values = members_of(frame, VERDICT_MEMBERS, ("assignment_id",))
    ids = values["assignment_id"]
    refuse("assignment_id", ids, lambda each: not _is_id(each), "is no id of an assignment")
    hint = "An assignment has a row for each of its tasks: df.drop_duplicates('assignment_id')."
    refuse_twins("assignment_id", ids, "assignment", hint)
    comments = values.get("public_comment", [comment] * len(ids))
    bodies = objects_of(
        {"public_comment": comments, "status": [status] * len(ids)}, {"public_comment": "string", "status": "string"}
    )
    return [Call("PATCH", f"/v1/assignments/{path_part(each)}", body, status) for each, body in zip(ids, bodies, strict=True)]


def _puts(path: str, values: Mapping[str, list[Any]], members: Mapping[str, str]) -> list[Call]:
    return [Call("PUT", path, content) for content in objects_of(values, members)]


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SKILL


def _is_id(value: Any) -> bool:
    try:
        path_part(value)
    except ValueError:
        return False
    return True

"""The keywords of each list of the API: the type that mypy checks and `_filters` reads, and what Shift+Tab says of them.

Source: the lists' query parameters in the Toloka API's and the Apps API's OpenAPI documents, in Toloka-Kit 1.2.3 and in
Toloka's Java SDK.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias, TypedDict

from toloka_frames._schema.timestamps import TimestampLike

ProjectStatus: TypeAlias = Literal["ACTIVE", "ARCHIVED"]
PoolStatus: TypeAlias = Literal["OPEN", "CLOSED", "ARCHIVED", "LOCKED"]
AssignmentStatus: TypeAlias = Literal["ACTIVE", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "EXPIRED"]
AssignmentField: TypeAlias = Literal[
    "ASSIGNMENT:link",
    "ASSIGNMENT:task_id",
    "ASSIGNMENT:assignment_id",
    "ASSIGNMENT:task_suite_id",
    "ASSIGNMENT:worker_id",
    "ASSIGNMENT:status",
    "ASSIGNMENT:started",
    "ASSIGNMENT:submitted",
    "ASSIGNMENT:accepted",
    "ASSIGNMENT:rejected",
    "ASSIGNMENT:skipped",
    "ASSIGNMENT:expired",
    "ASSIGNMENT:reward",
]
AttachmentType: TypeAlias = Literal["ASSIGNMENT_ATTACHMENT"]
RestrictionScope: TypeAlias = Literal["SYSTEM", "ALL_PROJECTS", "PROJECT", "POOL"]
MessageFolder: TypeAlias = Literal["INBOX", "OUTBOX", "AUTOMATIC_NOTIFICATION", "IMPORTANT", "UNREAD"]
OperationStatus: TypeAlias = Literal["PENDING", "RUNNING", "SUCCESS", "FAIL"]
OperationType: TypeAlias = Literal[
    "TASK.BATCH_CREATE",
    "TASK_SUITE.BATCH_CREATE",
    "USER_BONUS.BATCH_CREATE",
    "POOL.OPEN",
    "POOL.CLOSE",
    "POOL.ARCHIVE",
    "POOL.CLONE",
    "TRAINING.OPEN",
    "TRAINING.CLOSE",
    "TRAINING.ARCHIVE",
    "TRAINING.CLONE",
    "PROJECT.ARCHIVE",
    "SOLUTION.AGGREGATE",
    "ANALYTICS",
    "KNOWN_SOLUTIONS.GENERATE",
]
WebhookEventType: TypeAlias = Literal[
    "POOL_CLOSED",
    "DYNAMIC_OVERLAP_COMPLETED",
    "ASSIGNMENT_CREATED",
    "ASSIGNMENT_SUBMITTED",
    "ASSIGNMENT_SKIPPED",
    "ASSIGNMENT_EXPIRED",
    "ASSIGNMENT_APPROVED",
    "ASSIGNMENT_REJECTED",
    "TEST_EVENT",
]
AppProjectStatus: TypeAlias = Literal["CREATING", "READY", "ARCHIVED", "ARCHIVE", "ERROR"]
AppProjectScope: TypeAlias = Literal["MY", "COMPANY", "REQUESTER_LIST"]
AppItemStatus: TypeAlias = Literal["NEW", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "ARCHIVE", "NO_MONEY", "STOPPED"]
AppBatchStatus: TypeAlias = Literal[
    "NEW",
    "QUEUED",
    "PROCESSING",
    "COMPLETED",
    "ERROR",
    "CANCELLED",
    "NO_MONEY",
    "ARCHIVE",
    "LOADING",
    "STOPPING",
    "STOPPED",
]


class ById(TypedDict, total=False):
    """What lists can be compared by their ids with."""

    id_gt: Annotated[str | None, "Ids greater than this one."]
    id_gte: Annotated[str | None, "Ids greater than or equal to this one."]
    id_lt: Annotated[str | None, "Ids less than this one."]
    id_lte: Annotated[str | None, "Ids less than or equal to this one."]


class ByTaskId(TypedDict, total=False):
    """What lists can be compared by their tasks' ids with."""

    task_id_gt: Annotated[str | None, "Task ids greater than this one."]
    task_id_gte: Annotated[str | None, "Task ids greater than or equal to this one."]
    task_id_lt: Annotated[str | None, "Task ids less than this one."]
    task_id_lte: Annotated[str | None, "Task ids less than or equal to this one."]


class ByCreated(TypedDict, total=False):
    """What lists can be compared by `created` with."""

    created_gt: Annotated[TimestampLike | None, "Created after this instant (UTC)."]
    created_gte: Annotated[TimestampLike | None, "Created at or after this instant (UTC)."]
    created_lt: Annotated[TimestampLike | None, "Created before this instant (UTC)."]
    created_lte: Annotated[TimestampLike | None, "Created at or before this instant (UTC)."]


class ByModified(TypedDict, total=False):
    """What lists can be compared by `modified` with."""

    modified_gt: Annotated[TimestampLike | None, "Modified after this instant (UTC)."]
    modified_gte: Annotated[TimestampLike | None, "Modified at or after this instant (UTC)."]
    modified_lt: Annotated[TimestampLike | None, "Modified before this instant (UTC)."]
    modified_lte: Annotated[TimestampLike | None, "Modified at or before this instant (UTC)."]


class ByLastStarted(TypedDict, total=False):
    """What lists can be compared by `last_started` with."""

    last_started_gt: Annotated[TimestampLike | None, "Last started after this instant (UTC)."]
    last_started_gte: Annotated[TimestampLike | None, "Last started at or after this instant (UTC)."]
    last_started_lt: Annotated[TimestampLike | None, "Last started before this instant (UTC)."]
    last_started_lte: Annotated[TimestampLike | None, "Last started at or before this instant (UTC)."]


class BySubmitted(TypedDict, total=False):
    """What lists can be compared by `submitted` with."""

    submitted_gt: Annotated[TimestampLike | None, "Submitted after this instant (UTC)."]
    submitted_gte: Annotated[TimestampLike | None, "Submitted at or after this instant (UTC)."]
    submitted_lt: Annotated[TimestampLike | None, "Submitted before this instant (UTC)."]
    submitted_lte: Annotated[TimestampLike | None, "Submitted at or before this instant (UTC)."]


class ByAccepted(TypedDict, total=False):
    """What lists can be compared by `accepted` with."""

    accepted_gt: Annotated[TimestampLike | None, "Accepted after this instant (UTC)."]
    accepted_gte: Annotated[TimestampLike | None, "Accepted at or after this instant (UTC)."]
    accepted_lt: Annotated[TimestampLike | None, "Accepted before this instant (UTC)."]
    accepted_lte: Annotated[TimestampLike | None, "Accepted at or before this instant (UTC)."]


class ByRejected(TypedDict, total=False):
    """What lists can be compared by `rejected` with."""

    rejected_gt: Annotated[TimestampLike | None, "Rejected after this instant (UTC)."]
    rejected_gte: Annotated[TimestampLike | None, "Rejected at or after this instant (UTC)."]
    rejected_lt: Annotated[TimestampLike | None, "Rejected before this instant (UTC)."]
    rejected_lte: Annotated[TimestampLike | None, "Rejected at or before this instant (UTC)."]


class BySkipped(TypedDict, total=False):
    """What lists can be compared by `skipped` with."""

    skipped_gt: Annotated[TimestampLike | None, "Skipped after this instant (UTC)."]
    skipped_gte: Annotated[TimestampLike | None, "Skipped at or after this instant (UTC)."]
    skipped_lt: Annotated[TimestampLike | None, "Skipped before this instant (UTC)."]
    skipped_lte: Annotated[TimestampLike | None, "Skipped at or before this instant (UTC)."]


class ByExpired(TypedDict, total=False):
    """What lists can be compared by `expired` with."""

    expired_gt: Annotated[TimestampLike | None, "Expired after this instant (UTC)."]
    expired_gte: Annotated[TimestampLike | None, "Expired at or after this instant (UTC)."]
    expired_lt: Annotated[TimestampLike | None, "Expired before this instant (UTC)."]
    expired_lte: Annotated[TimestampLike | None, "Expired at or before this instant (UTC)."]


class ByFinished(TypedDict, total=False):
    """What lists can be compared by `finished` with."""

    finished_gt: Annotated[TimestampLike | None, "Finished after this instant (UTC)."]
    finished_gte: Annotated[TimestampLike | None, "Finished at or after this instant (UTC)."]
    finished_lt: Annotated[TimestampLike | None, "Finished before this instant (UTC)."]
    finished_lte: Annotated[TimestampLike | None, "Finished at or before this instant (UTC)."]


class ByName(TypedDict, total=False):
    """What lists can be compared by names with."""

    name_gt: Annotated[str | None, "Names greater than this one, as text."]
    name_gte: Annotated[str | None, "Names greater than or equal to this one, as text."]
    name_lt: Annotated[str | None, "Names less than this one, as text."]
    name_lte: Annotated[str | None, "Names less than or equal to this one, as text."]


class ByOverlap(TypedDict, total=False):
    """What lists can be compared by overlaps with."""

    overlap_gt: Annotated[int | None, "Overlap greater than this number."]
    overlap_gte: Annotated[int | None, "Overlap greater than or equal to this number."]
    overlap_lt: Annotated[int | None, "Overlap less than this number."]
    overlap_lte: Annotated[int | None, "Overlap less than or equal to this number."]


class ByOwner(TypedDict, total=False):
    """Whose rows are asked for; Toloka's Java SDK has these where the API's document has not."""

    owner_id: Annotated[str | None, "What belongs to this requester only."]
    owner_company_id: Annotated[str | None, "What belongs to this company only."]


class Projects(ById, ByCreated, ByOwner, total=False):
    """Keywords of projects."""

    status: Annotated[ProjectStatus | None, "Projects in this status only."]
    owner: Annotated[str | None, "Projects of this requester only: an id, or 'MY'."]


class Pools(ById, ByCreated, ByLastStarted, ByOwner, total=False):
    """Keywords of pools."""

    status: Annotated[PoolStatus | None, "Pools in this status only."]
    project_id: Annotated[str | None, "Pools of this project only."]


class Trainings(ById, ByCreated, ByLastStarted, total=False):
    """Keywords of trainings."""

    status: Annotated[PoolStatus | None, "Trainings in this status only."]
    project_id: Annotated[str | None, "Trainings of this project only."]


class Tasks(ById, ByCreated, ByOverlap, ByOwner, total=False):
    """Keywords of tasks."""

    overlap: Annotated[int | None, "Tasks with this overlap only."]


class TaskSuites(ById, ByCreated, ByOverlap, ByOwner, total=False):
    """Keywords of task suites."""

    pool_id: Annotated[str | None, "Task suites of this pool only. One of pool_id, task_id is needed."]
    task_id: Annotated[str | None, "Task suites with this task only."]
    overlap: Annotated[int | None, "Task suites with this overlap only."]


class Assignments(ById, ByCreated, BySubmitted, ByAccepted, ByRejected, BySkipped, ByExpired, total=False):
    """Keywords of assignments."""

    pool_id: Annotated[str | None, "Assignments in this pool only. One of pool_id, task_id, task_suite_id is needed."]
    task_id: Annotated[str | None, "Assignments with this task only."]
    task_suite_id: Annotated[str | None, "Assignments of this task suite only."]
    status: Annotated[
        AssignmentStatus | Sequence[AssignmentStatus] | None, "Assignments in this status, or one of these, only."
    ]
    user_id: Annotated[str | None, "Assignments of this Toloker only."]


class AggregatedSolutions(ByTaskId, total=False):
    """Keywords of aggregated solutions."""


class Attachments(ById, ByCreated, ByOwner, total=False):
    """Keywords of attachments."""

    pool_id: Annotated[str | None, "Files of this pool only. One of pool_id, assignment_id is needed."]
    assignment_id: Annotated[str | None, "Files of this assignment only."]
    name: Annotated[str | None, "Files of this name only."]
    type: Annotated[AttachmentType | None, "Files of this type only."]
    user_id: Annotated[str | None, "Files of this Toloker only."]


class Skills(ById, ByCreated, ByModified, ByOwner, total=False):
    """Keywords of skills."""

    name: Annotated[str | None, "Skills of this name only."]
    global_: Annotated[bool | None, "True: skills of Toloka's own only; False: those of requesters only."]


class UserSkills(ById, ByCreated, ByModified, total=False):
    """Keywords of user skills."""

    user_id: Annotated[str | None, "Skills of this Toloker only."]
    skill_id: Annotated[str | None, "Values of this skill only."]


class UserRestrictions(ById, ByCreated, total=False):
    """Keywords of user restrictions."""

    scope: Annotated[RestrictionScope | None, "Bans of this scope only; PROJECT needs project_id, POOL pool_id."]
    user_id: Annotated[str | None, "Bans of this Toloker only."]
    project_id: Annotated[str | None, "Bans from this project only."]
    pool_id: Annotated[str | None, "Bans from this pool only."]


class UserBonuses(ById, ByCreated, total=False):
    """Keywords of user bonuses."""

    user_id: Annotated[str | None, "Bonuses of this Toloker only."]
    assignment_id: Annotated[str | None, "Bonuses for this assignment only."]
    private_comment: Annotated[str | None, "Bonuses with this comment only."]


class MessageThreads(ById, ByCreated, total=False):
    """Keywords of message threads."""

    folder: Annotated[MessageFolder | Sequence[MessageFolder] | None, "Threads in these folders only."]
    folder_ne: Annotated[MessageFolder | Sequence[MessageFolder] | None, "Threads outside these folders only."]


class Operations(ById, BySubmitted, ByFinished, total=False):
    """Keywords of operations."""

    type: Annotated[OperationType | None, "Operations of this type only."]
    status: Annotated[OperationStatus | None, "Operations in this status only."]


class WebhookSubscriptions(ById, ByCreated, total=False):
    """Keywords of webhook subscriptions."""

    event_type: Annotated[WebhookEventType | None, "Subscriptions to events of this type only."]
    pool_id: Annotated[str | None, "Subscriptions to events of this pool only."]


class AppProjects(ById, ByName, ByCreated, total=False):
    """Keywords of app projects."""

    app_id: Annotated[str | None, "Projects of this app only."]
    parent_app_project_id: Annotated[str | None, "Clones of this project only."]
    status: Annotated[AppProjectStatus | None, "Projects in this status only."]
    scope: Annotated[AppProjectScope | None, "Whose projects: 'MY', 'COMPANY' or 'REQUESTER_LIST'."]
    requester_ids: Annotated[str | Sequence[str] | None, "Whose projects, with scope 'REQUESTER_LIST'."]
    after_id: Annotated[str | None, "Projects behind this one, in the order of the walk, only."]


class Apps(ById, total=False):
    """Keywords of apps."""

    lang: Annotated[str | None, "The language of names and descriptions, as 'EN'."]
    after_id: Annotated[str | None, "Apps behind this one, in the order of the walk, only."]


class AppItems(ById, ByCreated, ByFinished, total=False):
    """Keywords of app items."""

    batch_id: Annotated[str | None, "Items of this batch only."]
    status: Annotated[AppItemStatus | None, "Items in this status only."]
    after_id: Annotated[str | None, "Items behind this one, in the order of the walk, only."]


class AppBatches(ById, ByName, ByCreated, total=False):
    """Keywords of app batches."""

    status: Annotated[AppBatchStatus | None, "Batches in this status only."]
    after_id: Annotated[str | None, "Batches behind this one, in the order of the walk, only."]

"""The keywords of each list of the API: types for type checkers and for `filters.py`, and the help text shown by Shift+Tab.

Source: the query parameters of the lists in the OpenAPI documents of the Toloka API and the Apps API, in Toloka-Kit 1.2.3, and
in Toloka's Java SDK.
"""

from collections.abc import Collection
from enum import Enum
from typing import Annotated, Literal, TypeAlias, TypedDict

from toloka_frames._schema.timestamps import TimestampLike
from toloka_frames._validation import Id

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
# the default of Toloka-Kit 1.2.3 for exports
EXPORT_FIELDS: tuple[AssignmentField, ...] = (
    "ASSIGNMENT:link",
    "ASSIGNMENT:assignment_id",
    "ASSIGNMENT:worker_id",
    "ASSIGNMENT:status",
    "ASSIGNMENT:started",
)
AttachmentType: TypeAlias = Literal["ASSIGNMENT_ATTACHMENT"]
RecipientsSelectType: TypeAlias = Literal["DIRECT", "FILTER", "ALL"]
Verdict: TypeAlias = Literal["ACCEPTED", "REJECTED"]
PriorityOrder: TypeAlias = Literal["ONE", "TWO", "THREE", "FOUR", "FIVE"]
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
AggregationType: TypeAlias = Literal["WEIGHTED_DYNAMIC_OVERLAP", "DAWID_SKENE"]
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
    """Comparisons by id."""

    id_gt: Annotated[Id | None, "Ids greater than this one."]
    id_gte: Annotated[Id | None, "Ids greater than or equal to this one."]
    id_lt: Annotated[Id | None, "Ids less than this one."]
    id_lte: Annotated[Id | None, "Ids less than or equal to this one."]


class ByTaskId(TypedDict, total=False):
    """Comparisons by task id."""

    task_id_gt: Annotated[Id | None, "Task ids greater than this one."]
    task_id_gte: Annotated[Id | None, "Task ids greater than or equal to this one."]
    task_id_lt: Annotated[Id | None, "Task ids less than this one."]
    task_id_lte: Annotated[Id | None, "Task ids less than or equal to this one."]


class ByCreated(TypedDict, total=False):
    """Comparisons by `created`."""

    created_gt: Annotated[TimestampLike | None, "Created after this time (UTC)."]
    created_gte: Annotated[TimestampLike | None, "Created at or after this time (UTC)."]
    created_lt: Annotated[TimestampLike | None, "Created before this time (UTC)."]
    created_lte: Annotated[TimestampLike | None, "Created at or before this time (UTC)."]


class ByModified(TypedDict, total=False):
    """Comparisons by `modified`."""

    modified_gt: Annotated[TimestampLike | None, "Modified after this time (UTC)."]
    modified_gte: Annotated[TimestampLike | None, "Modified at or after this time (UTC)."]
    modified_lt: Annotated[TimestampLike | None, "Modified before this time (UTC)."]
    modified_lte: Annotated[TimestampLike | None, "Modified at or before this time (UTC)."]


class ByLastStarted(TypedDict, total=False):
    """Comparisons by `last_started`."""

    last_started_gt: Annotated[TimestampLike | None, "Last started after this time (UTC)."]
    last_started_gte: Annotated[TimestampLike | None, "Last started at or after this time (UTC)."]
    last_started_lt: Annotated[TimestampLike | None, "Last started before this time (UTC)."]
    last_started_lte: Annotated[TimestampLike | None, "Last started at or before this time (UTC)."]


class BySubmitted(TypedDict, total=False):
    """Comparisons by `submitted`."""

    submitted_gt: Annotated[TimestampLike | None, "Submitted after this time (UTC)."]
    submitted_gte: Annotated[TimestampLike | None, "Submitted at or after this time (UTC)."]
    submitted_lt: Annotated[TimestampLike | None, "Submitted before this time (UTC)."]
    submitted_lte: Annotated[TimestampLike | None, "Submitted at or before this time (UTC)."]


class ByAccepted(TypedDict, total=False):
    """Comparisons by `accepted`."""

    accepted_gt: Annotated[TimestampLike | None, "Accepted after this time (UTC)."]
    accepted_gte: Annotated[TimestampLike | None, "Accepted at or after this time (UTC)."]
    accepted_lt: Annotated[TimestampLike | None, "Accepted before this time (UTC)."]
    accepted_lte: Annotated[TimestampLike | None, "Accepted at or before this time (UTC)."]


class ByRejected(TypedDict, total=False):
    """Comparisons by `rejected`."""

    rejected_gt: Annotated[TimestampLike | None, "Rejected after this time (UTC)."]
    rejected_gte: Annotated[TimestampLike | None, "Rejected at or after this time (UTC)."]
    rejected_lt: Annotated[TimestampLike | None, "Rejected before this time (UTC)."]
    rejected_lte: Annotated[TimestampLike | None, "Rejected at or before this time (UTC)."]


class BySkipped(TypedDict, total=False):
    """Comparisons by `skipped`."""

    skipped_gt: Annotated[TimestampLike | None, "Skipped after this time (UTC)."]
    skipped_gte: Annotated[TimestampLike | None, "Skipped at or after this time (UTC)."]
    skipped_lt: Annotated[TimestampLike | None, "Skipped before this time (UTC)."]
    skipped_lte: Annotated[TimestampLike | None, "Skipped at or before this time (UTC)."]


class ByExpired(TypedDict, total=False):
    """Comparisons by `expired`."""

    expired_gt: Annotated[TimestampLike | None, "Expired after this time (UTC)."]
    expired_gte: Annotated[TimestampLike | None, "Expired at or after this time (UTC)."]
    expired_lt: Annotated[TimestampLike | None, "Expired before this time (UTC)."]
    expired_lte: Annotated[TimestampLike | None, "Expired at or before this time (UTC)."]


class ByFinished(TypedDict, total=False):
    """Comparisons by `finished`."""

    finished_gt: Annotated[TimestampLike | None, "Finished after this time (UTC)."]
    finished_gte: Annotated[TimestampLike | None, "Finished at or after this time (UTC)."]
    finished_lt: Annotated[TimestampLike | None, "Finished before this time (UTC)."]
    finished_lte: Annotated[TimestampLike | None, "Finished at or before this time (UTC)."]


class ByName(TypedDict, total=False):
    """Comparisons by name."""

    name_gt: Annotated[str | None, "Names greater than this one, as text."]
    name_gte: Annotated[str | None, "Names greater than or equal to this one, as text."]
    name_lt: Annotated[str | None, "Names less than this one, as text."]
    name_lte: Annotated[str | None, "Names less than or equal to this one, as text."]


class ByOverlap(TypedDict, total=False):
    """Comparisons by overlap."""

    overlap_gt: Annotated[int | None, "Overlap greater than this number."]
    overlap_gte: Annotated[int | None, "Overlap greater than or equal to this number."]
    overlap_lt: Annotated[int | None, "Overlap less than this number."]
    overlap_lte: Annotated[int | None, "Overlap less than or equal to this number."]


class ByOwner(TypedDict, total=False):
    """Filters by owner. Source: Toloka's Java SDK; the API's document does not have them for every list."""

    owner_id: Annotated[Id | None, "Only rows that belong to this requester."]
    owner_company_id: Annotated[Id | None, "Only rows that belong to this company."]


class Projects(ById, ByCreated, ByOwner, total=False):
    """Keywords of projects."""

    status: Annotated[ProjectStatus | Enum | None, "Only projects in this status."]
    owner: Annotated[Id | None, "Only projects of this requester: an id, or 'MY'."]


class Pools(ById, ByCreated, ByLastStarted, ByOwner, total=False):
    """Keywords of pools."""

    status: Annotated[PoolStatus | Enum | None, "Only pools in this status."]


class Trainings(ById, ByCreated, ByLastStarted, total=False):
    """Keywords of trainings."""

    status: Annotated[PoolStatus | Enum | None, "Only trainings in this status."]


class Tasks(ById, ByCreated, ByOverlap, ByOwner, total=False):
    """Keywords of tasks."""

    overlap: Annotated[int | None, "Only tasks with this overlap."]


class TaskSuites(ById, ByCreated, ByOverlap, ByOwner, total=False):
    """Keywords of task suites."""

    task_id: Annotated[Id | None, "Only task suites with this task."]
    overlap: Annotated[int | None, "Only task suites with this overlap."]


class Assignments(ById, ByCreated, BySubmitted, ByAccepted, ByRejected, BySkipped, ByExpired, total=False):
    """Keywords of assignments."""

    task_id: Annotated[Id | None, "Only assignments with this task."]
    task_suite_id: Annotated[Id | None, "Only assignments of this task suite."]
    status: Annotated[
        AssignmentStatus | Enum | Collection[AssignmentStatus | Enum] | None,
        "Only assignments in this status, or in one of these.",
    ]
    user_id: Annotated[Id | None, "Only assignments of this Toloker."]


class AggregatedSolutions(ByTaskId, total=False):
    """Keywords of aggregated solutions."""


class Attachments(ById, ByCreated, ByOwner, total=False):
    """Keywords of attachments."""

    assignment_id: Annotated[Id | None, "Only files of this assignment."]
    name: Annotated[str | None, "Only files of this name."]
    type: Annotated[AttachmentType | Enum | None, "Only files of this type."]
    user_id: Annotated[Id | None, "Only files of this Toloker."]


class Skills(ById, ByCreated, ByModified, ByOwner, total=False):
    """Keywords of skills."""

    global_: Annotated[bool | None, "True: only Toloka's own skills; False: only those of requesters."]


class UserSkills(ById, ByCreated, ByModified, total=False):
    """Keywords of user skills."""

    skill_id: Annotated[Id | None, "Only values of this skill."]


class UserRestrictions(ById, ByCreated, total=False):
    """Keywords of user restrictions."""

    scope: Annotated[RestrictionScope | Enum | None, "Only bans of this scope. PROJECT needs project_id, POOL needs pool_id."]
    project_id: Annotated[Id | None, "Only bans from this project."]
    pool_id: Annotated[Id | None, "Only bans from this pool."]


class UserBonuses(ById, ByCreated, total=False):
    """Keywords of user bonuses."""

    assignment_id: Annotated[Id | None, "Only bonuses for this assignment."]
    private_comment: Annotated[str | None, "Only bonuses with this comment."]


class MessageThreads(ById, ByCreated, total=False):
    """Keywords of message threads."""

    folder: Annotated[MessageFolder | Enum | Collection[MessageFolder | Enum] | None, "Only threads in these folders."]
    folder_ne: Annotated[MessageFolder | Enum | Collection[MessageFolder | Enum] | None, "Only threads outside these folders."]


class Operations(ById, BySubmitted, ByFinished, total=False):
    """Keywords of operations."""

    type: Annotated[OperationType | Enum | None, "Only operations of this type."]
    status: Annotated[OperationStatus | Enum | None, "Only operations in this status."]


class WebhookSubscriptions(ById, ByCreated, total=False):
    """Keywords of webhook subscriptions."""

    event_type: Annotated[WebhookEventType | Enum | None, "Only subscriptions to events of this type."]


class AppProjects(ById, ByName, ByCreated, total=False):
    """Keywords of app projects."""

    parent_app_project_id: Annotated[Id | None, "Only clones of this project."]
    status: Annotated[AppProjectStatus | Enum | None, "Only projects in this status."]
    scope: Annotated[AppProjectScope | Enum | None, "Whose projects: 'MY', 'COMPANY' or 'REQUESTER_LIST'."]
    requester_ids: Annotated[Id | Collection[Id] | None, "Whose projects, with scope 'REQUESTER_LIST'."]
    after_id: Annotated[Id | None, "Only projects after this one, in the order of the sort keys."]


class Apps(ById, total=False):
    """Keywords of apps."""

    lang: Annotated[str | None, "The language of names and descriptions, such as 'EN'."]
    after_id: Annotated[Id | None, "Only apps after this one, in the order of the sort keys."]


class AppItems(ById, ByCreated, ByFinished, total=False):
    """Keywords of app items."""

    batch_id: Annotated[Id | None, "Only items of this batch."]
    status: Annotated[AppItemStatus | Enum | None, "Only items in this status."]
    after_id: Annotated[Id | None, "Only items after this one, in the order of the sort keys."]


class AppBatches(ById, ByName, ByCreated, total=False):
    """Keywords of app batches."""

    status: Annotated[AppBatchStatus | Enum | None, "Only batches in this status."]
    after_id: Annotated[Id | None, "Only batches after this one, in the order of the sort keys."]

"""Say what an upload would do, before anything is sent: rows that would be refused, requests, answers, price and time."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

import pandas as pd

from toloka_frames._errors import ApiError, InputError, RowsAlreadyCreated
from toloka_frames._errors.tracebacks import first_line
from toloka_frames._runtime.displays import choose
from toloka_frames._runtime.event_loop import both, run, unknown_keyword
from toloka_frames._runtime.progress import counted
from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._schema.columns import NO_FIELDS
from toloka_frames._transport.rate_limits import seconds_for
from toloka_frames._uploading.app_items import ItemRows, create_app_batch, create_app_items
from toloka_frames._uploading.bonuses import create_user_bonuses
from toloka_frames._uploading.preflight_report import ALREADY_CREATED, DTYPES, Preflight
from toloka_frames._uploading.price import (
    ExpectedWork,
    decimal_number,
    dollars,
    expected_work,
    may_have_smaller_pages,
    pages_of,
)
from toloka_frames._uploading.service_rules import Fault, faults_of, overlap_of
from toloka_frames._uploading.tasks import TaskRows, create_task_suites, create_tasks
from toloka_frames._uploading.upload import with_client_checked
from toloka_frames._validation import check_frame, collected_rejections, path_part, reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.requests import Chunk
    from toloka_frames._uploading.upload import FrameUpload, Outlook
    from toloka_frames._validation import Id, Rejection

Verb: TypeAlias = "Callable[..., Any]"

VERBS: Sequence[Verb] = (create_tasks, create_task_suites, create_user_bonuses, create_app_items, create_app_batch)
MAX_FEE = 10  # more is a percentage: a fee has a lowest amount, which can be several times a small reward
MAX_READ_TASKS = 10_000  # of a pool, to count its control tasks
CONFLICT = "ENTITY_CONFLICT"
BONUS_KEY = ("user_id", "amount", "private_comment", "public_title", "public_message")
FEE_NOTE = "The platform's fee is not in the price: the API does not tell it. fee=0.3 adds 30 % of the rewards."
FAILED_NOTE = (
    "The call would not send the rows again that an earlier call has sent and that were not created, and raise an UploadError. "
    "Correct INVALID rows; retry_failed=True sends the others again."
)
SMALL_PAGES_NOTE = (
    "Tolokers can get pages with fewer tasks, because min_real_tasks_count is less than real_tasks_count: there can be more "
    "pages, and the price can be higher."
)
BONUS_NOTE = "Not checked: whether these users and assignments exist."
CONTROL_NOTE = (
    "Each page of the pool {pool} needs {tasks}, and {missing:,} uses are missing. Send control tasks (rows with GOLDEN: "
    "values) first, with TASK:infinite_overlap True, so that they are not used up."
)


@overload
def preflight(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None = None,
    *,
    fee: float | None = None,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    infinite_overlap: bool | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: Id | None = None,
    ledger: FilePath | None = None,
    concurrency: int = ...,
    progress: ProgressArg = ...,
    timeout: float | None = None,
    retry_failed: bool = False,
    max_price: float | Decimal | None = None,
) -> Preflight: ...


@overload
def preflight(
    df: pd.DataFrame, client: BaseClient, *args: Any, verb: Verb, fee: float | None = None, **arguments: Any
) -> Preflight: ...


def preflight(
    df: pd.DataFrame,
    client: BaseClient,
    *args: Any,
    verb: Verb = create_tasks,
    fee: float | None = None,
    **arguments: Any,
) -> Preflight:
    """Return what an upload of a DataFrame would do: rows that would be refused, requests, answers, price and time.

    The arguments are those of the upload: in `df.pipe(tf.create_tasks, client, pool_id, overlap=3)`, replace `tf.create_tasks`
    by `tf.preflight`. For another upload, name its function as `verb`: `df.pipe(tf.preflight, client, pool_id,
    rows_per_suite=10, overlap=3, verb=tf.create_task_suites)`. Only GET requests are sent, and nothing is recorded in the
    ledger.

    All problems are reported, not only the first: what the upload would reject itself, rows that another upload in the ledger
    has created, and values that the service would refuse by the types and limits of the project's fields. The service alone
    decides; it also refuses bonuses for users that do not exist, which is not checked here.

    Pages, answers and price are those of the new rows by themselves, when Tolokers have done all of them. Where the service
    mixes the pages (`mixer_config`), the real tasks of a pool are put in order of their overlap, the highest first, and cut
    into blocks of `real_tasks_count`; a block takes as many pages as its first task has overlap, and each page, the last ones
    too, costs `reward_per_assignment`. Otherwise a suite takes as many pages as its overlap. With infinite or dynamic overlap,
    or a dynamic price, they are not known, and a note says why.

    Args:
        df: The rows, with any index.
        client: The account.
        *args: The pool or app project, as for the upload.
        verb: The upload: `tf.create_tasks`, `tf.create_task_suites`, `tf.create_user_bonuses`, `tf.create_app_items` or
            `tf.create_app_batch`.
        fee: The platform's fee as a share of the rewards, such as 0.3, to be added to the price: the API does not tell it.
        **arguments: The other arguments of the upload. Those that change neither rows nor requests, such as `progress`, are
            checked and have no other effect.

    Returns:
        The report. It is shown as text, and in a notebook as a card; `.ok`, `.price` (US dollars) and `.problems` (a DataFrame)
        are for code.

    Raises:
        InputError: If an argument is not valid, or the frame has no rows or no column of input values.
        ConfigurationError: If the service does not tell whose token it is.
        NotFound: If a pool or an app project does not exist.
        LedgerError: If the ledger cannot be used.

    Example:
        >>> report = df.pipe(tf.preflight, client, pool.id, overlap=3)  # three rows, on one page of $0.05
        >>> report.ok, report.requests, report.pages, report.price
        (True, 1, 3, 0.15)

    Source: Toloka API, Pool.reward_per_assignment, MixerConfig, "Get account balance"; Apps API, AppProject.item_price.
    """
    return run(examined(df, client, args, arguments, verb, fee))


OWN_PARAMETERS = [parameter for name, parameter in inspect.signature(preflight).parameters.items() if name in ("verb", "fee")]


def signature_for(prepare: Verb) -> inspect.Signature:
    """Return the parameters of an upload with those of `preflight`."""
    signature = inspect.signature(prepare)
    parameters = [*signature.parameters.values(), *OWN_PARAMETERS]
    return signature.replace(parameters=parameters, return_annotation="Preflight")


# editors and notebooks show the arguments of tasks
preflight.__signature__ = signature_for(create_tasks)  # type: ignore[attr-defined]


async def examined(
    df: Any, client: BaseClient, args: Sequence[Any], arguments: Mapping[str, Any], verb: Verb, fee: float | None
) -> Preflight:
    """Return the report of `preflight`."""
    prepare = with_client_checked(_prepare_of(verb, arguments))
    fee = _checked_fee(fee)
    if not len(check_frame(df)):
        raise InputError("The frame has no rows, so there is nothing to check.")
    choose(arguments.get("progress", False))  # raises what the upload would raise
    _check_verb(verb, df, has_pool=bool(args) or "pool_id" in arguments)
    with collected_rejections() as rejections:
        job = cast("FrameUpload", prepare(df, client, *args, **arguments))
        outlook = await job.look_ahead()
        balance, item_price = await both(_balance(client.service), _item_price(client.service, outlook))
    frame, findings = check_frame(df), _Findings(outlook, rejections)
    work = findings.work(item_price)
    missing, control_notes = await _missing_control_tasks(client.service, findings)
    notes = (*control_notes, *_notes(findings, work, fee))
    report = _report(frame.index, findings, work, fee=fee, balance=balance, control_tasks_missing=missing, notes=notes)
    if not findings.leaves_valid_rows:
        return report
    others = frame.iloc[sorted(set(range(len(frame))) - findings.refused_rows)]
    return replace(report, valid=await examined(others, client, args, arguments, verb, fee))


def _report(index: pd.Index[Any], findings: _Findings, work: ExpectedWork, **others: Any) -> Preflight:
    """Return the report of what was found of a frame with this index, with the other attributes."""
    has_pages = isinstance(findings.outlook.rows, TaskRows)
    sent_objects = sum(len(chunk.positions) for chunk in findings.requests)
    return Preflight(
        kind=findings.outlook.plan.kind.name,
        rows=len(index),
        sent=len(index) - len(findings.unsent_rows),
        failed=len(findings.failed_rows),
        refused=len(findings.refused_rows),
        created=findings.created,
        requests=len(findings.requests),
        bytes=sum(len(chunk.text) for chunk in findings.requests),
        problems=_problem_frame(findings.problems, index),
        pages=work.pages if has_pages else None,
        answers=work.answers if has_pages else None,
        rewards=None if work.rewards is None else float(work.rewards),
        seconds=seconds_for(findings.outlook.plan.kind.quota, sent_objects, len(findings.requests)),
        valid=None,
        **others,
    )


def _prepare_of(verb: Verb, arguments: Mapping[str, Any]) -> Verb:
    """Return the function that prepares an upload, of the ordinary or the awaited form of a verb.

    Raises:
        InputError: If the verb is none of those.
        TypeError: If it does not have these keyword arguments.
    """
    prepare: Verb | None = inspect.unwrap(verb) if callable(verb) else None
    if prepare is None or prepare not in map(inspect.unwrap, VERBS):
        names = ", ".join(f"tf.{known.__name__}" for known in VERBS)
        raise InputError(f"verb={getattr(verb, '__name__', verb)!r}: one of {names} is needed.", column="verb")
    signature = signature_for(prepare)
    for name in arguments:
        if name not in signature.parameters:
            others = [other.__name__ for other in VERBS if name in inspect.signature(other).parameters]
            if others:
                raise TypeError(f"preflight() needs verb=tf.{others[0]} for the argument {name!r}")
            raise unknown_keyword("preflight", name, signature)
    return prepare


def _check_verb(verb: Verb, df: Any, *, has_pool: bool) -> None:
    """Raise InputError if the frame is one of bonuses, and the verb that of tasks."""
    if verb is not create_tasks or has_pool:
        return
    columns = set(check_frame(df).columns)
    if columns >= {"user_id", "amount"} and "pool_id" not in columns:
        message = "No pool is given for the tasks, and the columns are those of bonuses."
        raise InputError(message, column="verb", hint="For bonuses, give verb=tf.create_user_bonuses.")


def _checked_fee(fee: Any) -> float | None:
    if fee is None:
        return None
    share = decimal_number(fee)
    if share is None or not 0 <= share <= MAX_FEE:
        raise InputError(f"fee={fee!r}: a share of the rewards is needed, such as 0.3 for 30 %.", column="fee")
    return float(share)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a value, a row or a frame; the attributes are those of `Preflight.problems`."""

    position: int | None
    column: str
    message: str
    field: str | None = None
    code: str | None = None


class _Findings:
    """What is known of an upload that was not sent.

    Args:
        outlook: What the call would do.
        rejections: What its own checks reject.

    Attributes:
        outlook: As above.
        rejections: As above.
    """

    def __init__(self, outlook: Outlook, rejections: Sequence[Rejection]) -> None:
        self.outlook, self.rejections = outlook, rejections
        self._kind = outlook.plan.kind
        self._allow_defaults = bool(outlook.rows.flags.get("allow_defaults"))
        self._skips = bool(outlook.rows.flags.get(self._kind.skip_flag))
        self._objects = [
            (chunk, dict(zip(chunk.positions, map(json.loads, chunk.object_texts), strict=True))) for chunk in outlook.unsent
        ]

    @cached_property
    def faults(self) -> dict[int, dict[str, Fault]]:
        """What the service would report of each object that it refuses, by the object's position."""
        plan, found = self.outlook.plan, {}
        for chunk, objects in self._objects:
            pool = plan.pools_by_id.get(chunk.pool_id, {})
            fields = plan.specifications.get(chunk.pool_id, NO_FIELDS)
            for position, sent in objects.items():
                if faults := faults_of(self._kind, sent, pool, fields, allow_defaults=self._allow_defaults):
                    found[position] = faults
        return found

    @cached_property
    def conflicts(self) -> set[int]:
        """The positions of bonuses for which the service refuses their whole request, because an earlier one is like them."""
        if self._kind is not CREATE_USER_BONUSES:
            return set()
        found = set()
        for _, bonuses in self._objects:
            first: dict[str, int] = {}
            for position, bonus in bonuses.items():
                if first.setdefault(json.dumps([bonus.get(name) for name in BONUS_KEY], sort_keys=True), position) != position:
                    found.add(position)
        return found

    @cached_property
    def problems(self) -> list[Problem]:
        """All problems, one for each value."""
        found: dict[tuple[int | None, str], Problem] = {}
        for problem in self._own_problems():
            # several checks can reject a value, of which the first tells why
            found.setdefault((problem.position, problem.column), problem)
        for problem in self._faults_by_row():
            key = (problem.position, problem.column)
            if (None, problem.column) in found:
                continue  # said once of the whole column
            known = found.get(key)
            if known is None:
                found[key] = problem
            elif problem.code != "VALUE_REQUIRED" or known.message.startswith("The value is missing"):
                found[key] = replace(known, field=problem.field, code=problem.code)
        return sorted(found.values(), key=lambda problem: -1 if problem.position is None else problem.position)

    @cached_property
    def refused_rows(self) -> set[int]:
        """The positions of the rows that would be refused, with all rows of their suites."""
        rows = {problem.position for problem in self.problems}
        if None in rows:
            return self.unsent_rows
        object_of_row = self.outlook.plan.object_of_row
        objects = {object_of_row[row] for row in rows if row is not None}
        return {row for number in objects for row in self._rows_of(number)}

    @cached_property
    def unsent_rows(self) -> set[int]:
        """The positions of the rows that no call has begun to send."""
        return {row for _, objects in self._objects for number in objects for row in self._rows_of(number)}

    @cached_property
    def failed_rows(self) -> list[int]:
        """The positions of the rows that an earlier call has sent and that were not created."""
        return [row for number in self.outlook.failed for row in self._rows_of(number)]

    @property
    def leaves_valid_rows(self) -> bool:
        """Whether another call without the refused rows would create the others."""
        is_about_rows = all(problem.position is not None for problem in self.problems)
        is_blocked = bool(self.rejections) or not self._skips
        return is_about_rows and is_blocked and 0 < len(self.refused_rows) < len(self.unsent_rows)

    @property
    def requests(self) -> Sequence[Chunk]:
        """The requests that would be sent."""
        return [] if self.rejections else self.outlook.unsent

    @cached_property
    def accepted(self) -> dict[str, list[dict[str, Any]]]:
        """The objects that would be created, by pool."""
        accepted: dict[str, list[dict[str, Any]]] = {}
        for chunk, objects in self._objects if not self.rejections else ():
            valid = [sent for position, sent in objects.items() if position not in self.faults]
            if self.conflicts.isdisjoint(objects) and (self._skips or len(valid) == len(objects)):
                accepted.setdefault(chunk.pool_id, []).extend(valid)
        return accepted

    @property
    def created(self) -> int:
        """The number of rows that would be created."""
        return sum(len(sent["tasks"]) if "tasks" in sent else 1 for objects in self.accepted.values() for sent in objects)

    def work(self, item_price: Any) -> ExpectedWork:
        """Return what Tolokers will do for the created rows; `item_price` is the price of an app item."""
        if not isinstance(self.outlook.rows, ItemRows):
            return self.work_of(self.accepted)
        if item_price is None:
            return ExpectedWork(rewards=None, unknown="the app project has no item_price")
        return ExpectedWork(rewards=self.created * dollars(item_price))

    def work_of(self, sent: Mapping[str, Sequence[Mapping[str, Any]]]) -> ExpectedWork:
        """Return what Tolokers will do for objects of pools, or what bonuses cost."""
        return expected_work(self._kind, sent, self.outlook.plan.pools_by_id, allow_defaults=self._allow_defaults)

    def control_overlaps(self, pool_id: str) -> list[float]:
        """Return how often each control task among the created rows of a pool can be used."""
        pool = self.outlook.plan.pools_by_id[pool_id]
        given = [
            overlap_of(self._kind, task, pool, allow_defaults=self._allow_defaults)
            for task in self.accepted[pool_id]
            if is_control(task)
        ]
        return [math.inf if is_infinite else overlap for overlap, is_infinite in given]

    def _own_problems(self) -> Iterator[Problem]:
        for rejection in self.rejections:
            error = rejection.error
            is_known = isinstance(error, RowsAlreadyCreated)
            code, hint = (ALREADY_CREATED, "") if is_known else (None, error.hint)
            if not rejection.rows:
                yield Problem(None, error.column or "", " ".join(str(error).split("\n")), code=code)
            for row, reason in zip_longest(rejection.rows, rejection.reasons, fillvalue=first_line(error)):
                yield Problem(int(row), error.column or "", f"{reason} {hint}".strip(), code=code)

    def _faults_by_row(self) -> Iterator[Problem]:
        for number, faults in self.faults.items():
            rows = self._rows_of(number)
            for path, fault in faults.items():
                _, _, rest = path.partition("tasks.")
                row = rows[int(rest.partition(".")[0])] if rest else rows[0]
                yield Problem(row, self._column_of(path), fault.message, path, fault.code)
        for number in self.conflicts:
            yield Problem(number, "user_id", Fault(CONFLICT, None).message, "user_id", CONFLICT)

    def _rows_of(self, number: int) -> Sequence[int]:
        return self._rows_by_object[number] if self._rows_by_object else [number]

    @cached_property
    def _rows_by_object(self) -> dict[int, list[int]]:
        """The rows of each object; empty if each row is an object."""
        rows: dict[int, list[int]] = {}
        if not isinstance(self.outlook.plan.object_of_row, range):
            for row, number in enumerate(self.outlook.plan.object_of_row):
                rows.setdefault(number, []).append(row)
        return rows

    def _column_of(self, path: str) -> str:
        """Return the column that holds a value, or the name of the value if no column does."""
        roles = getattr(self.outlook.rows, "roles", None)
        if roles is None:
            return path
        for start, columns in (
            ("input_values.", roles.inputs),
            ("input_data.", roles.inputs),
            ("output_values.", roles.golden),
        ):
            if start in path:
                field = path.partition(start)[2]
                return columns.get(field) or roles.members.get("TASK:known_solutions") or field
        prefix = "SUITE:" if self._kind is CREATE_TASK_SUITES else "TASK:"
        return roles.members.get(prefix + path) or roles.suite.get(prefix + path) or path


def is_control(task: Mapping[str, Any]) -> bool:
    """Return whether a task is a control task; one with a message for wrong answers is a training task."""
    return bool(task.get("known_solutions")) and not task.get("message_on_unknown_solution")


def _problem_frame(problems: Sequence[Problem], index: pd.Index[Any]) -> pd.DataFrame:
    values = {name: [getattr(problem, name) for problem in problems] for name in DTYPES if name != "label"}
    values["label"] = [None if problem.position is None else index[problem.position] for problem in problems]
    return pd.DataFrame({name: values[name] for name in DTYPES}, dtype=object).astype(DTYPES)


async def _balance(service: ApiClient) -> float | None:
    try:
        balance = (await service.get("/v1/requester")).get("balance")
    except ApiError:  # the service does not tell it to every token
        return None
    return float(balance) if isinstance(balance, int | float) else None


async def _item_price(service: ApiClient, outlook: Outlook) -> Any:
    """Return the price of an app item, and reject a project or batch that takes no items; None for other objects."""
    if not isinstance(outlook.rows, ItemRows):
        return None
    destination = outlook.plan.destination
    path = f"/app/v0/app-projects/{path_part(destination['app_project_id'])}"
    project = await service.get(path)
    if project.get("status") == "ARCHIVED":
        reject(InputError(f"The app project {project.get('id')} is archived and takes no items.", column="app_project_id"))
    if "batch_id" in destination:
        batch = await service.get(f"{path}/batches/{path_part(destination['batch_id'])}")
        if batch.get("status") != "NEW":
            message = f"The batch {batch.get('id')} is {batch.get('status')}, and only one that is NEW takes items."
            reject(InputError(message, column="batch_id"))
    return project.get("item_price")


async def _missing_control_tasks(service: ApiClient, findings: _Findings) -> tuple[int | None, list[str]]:
    """Return how many uses of control tasks the new pages need and their pools do not have, and what to do about it."""
    if findings.outlook.plan.kind is not CREATE_TASKS:
        return 0, []
    total, notes = 0, []
    for pool_id, tasks in findings.accepted.items():
        each = (findings.outlook.plan.pools_by_id[pool_id].get("mixer_config") or {}).get("golden_tasks_count") or 0
        pages = findings.work_of({pool_id: tasks}).pages
        if not each or pages == 0:
            continue
        available, other_pages, is_complete = await _earlier_control_tasks(service, findings, pool_id)
        available += sum(findings.control_overlaps(pool_id))
        if pages is None or (not is_complete and available < math.inf):
            return None, []
        if (missing := (pages + other_pages) * each - available) > 0:
            total += int(missing)
            notes.append(CONTROL_NOTE.format(pool=pool_id, tasks=counted(each, "control task"), missing=int(missing)))
    return total, notes


async def _earlier_control_tasks(service: ApiClient, findings: _Findings, pool_id: str) -> tuple[float, int, bool]:
    """Return how often control tasks that a pool has can be used, the pages it still needs, and whether all of it was read."""
    page = await service.get("/v1/tasks", query={"pool_id": pool_id, "sort": "id", "limit": str(MAX_READ_TASKS)})
    tasks = page.get("items") or []
    uses = [
        math.inf if task.get("infinite_overlap") else task.get("remaining_overlap") or 0 for task in tasks if is_control(task)
    ]
    left = [task.get("remaining_overlap") or 0 for task in tasks if not task.get("known_solutions")]
    return sum(uses), pages_of(left, findings.outlook.plan.pools_by_id[pool_id]), not page.get("has_more")


def _notes(findings: _Findings, work: ExpectedWork, fee: float | None) -> Iterator[str]:
    for rejection in findings.rejections:
        if isinstance(rejection.error, RowsAlreadyCreated):
            yield rejection.error.hint
    if findings.failed_rows:
        yield FAILED_NOTE
    if work.rewards is None:
        yield f"The price is not known, because {work.unknown}."
    if fee is None and work.rewards:
        yield FEE_NOTE
    pools = findings.outlook.plan.pools_by_id
    if findings.outlook.plan.kind is CREATE_TASKS and any(may_have_smaller_pages(pools[id_]) for id_ in findings.accepted):
        yield SMALL_PAGES_NOTE
    if findings.outlook.plan.kind is CREATE_USER_BONUSES:
        yield BONUS_NOTE

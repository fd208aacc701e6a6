"""The official client at work: a service's address -> lines of JSON on standard output, one for each scenario.

Runs inside .venv-kit, as `TOLOKA_TOKEN=... python kit_session.py sync|async URL`, driven by test_interop.py, which the
scenarios ask for what only the service's owner can do (`ask`). Every scenario is written once for both clients.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import os
import sys
import time
import traceback
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import toloka.client as tk
from toloka.async_client import AsyncTolokaClient
from toloka.client.exceptions import ConflictStateApiError, DoesNotExistApiError, IncorrectActionsApiError, ValidationApiError

UTC = timezone.utc
USER = "a1b0b42923c429daa2c764d7ccfc364d"
OTHER = "b" * 32


class Recorded:
    """A client whose calls are noted; AsyncTolokaClient is as if it were TolokaClient: awaited, its generators exhausted."""

    def __init__(self, client: object, loop: asyncio.AbstractEventLoop) -> None:
        self.called: set[str] = set()
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> object:
        self.called.add(name)
        method = getattr(self._client, name)

        def call(*args: object, **options: object) -> object:
            made = method(*args, **options)
            if hasattr(made, "__aiter__"):
                made = collect(made)
            return self._loop.run_until_complete(made) if inspect.iscoroutine(made) else made

        return call


async def collect(rows: object) -> list:
    return [row async for row in rows]


def ask(action: str, **argument: object) -> object:
    """Let the service's owner do something."""
    print(json.dumps({"ask": action, **argument}), flush=True)
    return json.loads(sys.stdin.readline())


class Session:
    """A client and what many scenarios need."""

    def __init__(self, client: object) -> None:
        self.client = client

    def project(self) -> tk.Project:
        spec = tk.project.task_spec.TaskSpec(
            input_spec={
                "image": tk.project.UrlSpec(),
                "note": tk.project.StringSpec(required=False, max_length=10),
            },
            output_spec={"result": tk.project.StringSpec(allowed_values=["cat", "dog"])},
            view_spec=tk.project.view_spec.ClassicViewSpec(markup="{{image}}", script="", styles=""),
        )
        form = tk.Project(
            public_name="Cat or dog",
            public_description="Look at the picture",
            public_instructions="Choose",
            assignments_issuing_type=tk.Project.AssignmentsIssuingType.AUTOMATED,
            task_spec=spec,
        )
        return self.client.create_project(form)

    def pool(self, project_id: str | None = None, *, mixed: bool = True) -> tk.Pool:
        form = tk.Pool(
            project_id=project_id or self.project().id,
            private_name="Pool",
            may_contain_adult_content=False,
            will_expire=datetime.now(UTC) + timedelta(days=30),
            reward_per_assignment=0.05,
            assignment_max_duration_seconds=600,
            auto_accept_solutions=False,
            auto_accept_period_day=7,
            filter=(tk.filter.Languages.in_("EN")) & (tk.filter.ClientType == "BROWSER"),
            defaults=tk.Pool.Defaults(default_overlap_for_new_tasks=3, default_overlap_for_new_task_suites=2),
        )
        if mixed:
            form.set_mixer_config(real_tasks_count=2, golden_tasks_count=0, training_tasks_count=0)
        form.quality_control.add_action(
            collector=tk.collectors.SkippedInRowAssignments(),
            conditions=[tk.conditions.SkippedInRowCount >= 3],
            action=tk.actions.RestrictionV2(scope=tk.UserRestriction.PROJECT, duration=1, duration_unit="DAYS"),
        )
        return self.client.create_pool(form)

    def answered(self, count: int = 4) -> tuple[tk.Pool, list]:
        pool = self.pool()
        self.client.create_tasks([task(pool.id, number) for number in range(count)], allow_defaults=True)
        self.client.open_pool(pool.id)
        ask("answer", pool_id=pool.id)
        return pool, list(self.client.get_assignments(pool_id=pool.id))


def task(pool_id: str, number: int, **more: object) -> tk.Task:
    return tk.Task(pool_id=pool_id, input_values={"image": f"https://example.com/{number}.png"}, **more)


def suite(pool_id: str, number: int, **more: object) -> tk.TaskSuite:
    tasks = [tk.task.BaseTask(input_values={"image": f"https://example.com/{number}.{side}.png"}) for side in "ab"]
    return tk.TaskSuite(pool_id=pool_id, tasks=tasks, **more)


def refused(kind: type, call: object, *args: object, **options: object) -> Exception:
    try:
        call(*args, **options)
    except kind as error:
        return error
    raise AssertionError(f"{call} did not raise {kind.__name__}")


def projects(s: Session) -> None:
    made = [s.project() for _ in range(3)]
    assert s.client.get_project(made[0].id) == made[0]
    made[0].public_name = "Renamed"
    changed = s.client.update_project(made[0].id, made[0])
    assert (changed.public_name, changed.id, changed.status) == ("Renamed", made[0].id, tk.Project.ProjectStatus.ACTIVE)
    level = s.client.check_update_project_for_major_version_change(made[1].id, made[0])
    assert level == tk.project.ProjectUpdateDifferenceLevel.NON_BREAKING_CHANGE
    assert s.client.get_requester().balance > 0
    found = s.client.find_projects(id_gte=made[0].id, sort=["-id"], limit=2)
    assert [row.id for row in found.items] == sorted((row.id for row in found.items), key=int, reverse=True)
    ids = [row.id for row in s.client.get_projects(id_gte=made[0].id, status="ACTIVE", batch_size=1)]
    assert {row.id for row in made} <= set(ids)
    assert s.client.archive_project(made[1].id).status == tk.Project.ProjectStatus.ARCHIVED
    s.client.wait_operation(s.client.archive_project_async(s.project().id))
    s.pool(made[2].id)
    assert refused(IncorrectActionsApiError, s.client.archive_project, made[2].id).code == "UNARCHIVED_POOLS_CONFLICT"
    refused(DoesNotExistApiError, s.client.get_project, "1")


def cloned_projects(s: Session) -> None:
    project = s.project()
    pool = s.pool(project.id)
    training = s.client.create_training(training_form(project.id))
    copy = s.client.clone_project(project.id)
    assert (len(copy.pools), len(copy.trainings)) == (1, 1)
    assert copy.project.id != project.id
    assert copy.pools[0].id != pool.id
    assert copy.trainings[0].id != training.id


def pools(s: Session) -> None:
    pool = s.pool()
    assert s.client.get_pool(pool.id) == pool
    pool.private_name = "Renamed"
    assert s.client.update_pool(pool.id, pool).private_name == "Renamed"
    assert s.client.patch_pool(pool.id, tk.pool.PoolPatchRequest(priority=30)).priority == 30
    assert refused(IncorrectActionsApiError, s.client.open_pool, pool.id).code == "EMPTY_POOL"
    s.client.create_task(task(pool.id, 1), allow_defaults=True, open_pool=True)
    assert s.client.get_pool(pool.id).is_open()
    assert s.client.open_pool(pool.id).is_open()  # was open: 204
    closed = s.client.close_pool_for_update(pool.id)
    assert closed.last_close_reason == tk.Pool.CloseReason.FOR_UPDATE
    s.client.open_pool(pool.id)
    closed = s.client.close_pool(pool.id)
    assert (closed.is_closed(), closed.last_close_reason) == (True, tk.Pool.CloseReason.MANUAL)
    copy = s.client.clone_pool(pool.id)
    assert (copy.private_name, copy.project_id, copy.is_closed()) == ("Renamed", pool.project_id, True)
    assert s.client.archive_pool(pool.id).is_archived()
    assert s.client.archive_pool(pool.id).is_archived()
    refused(IncorrectActionsApiError, s.client.open_pool, pool.id)
    actions = (s.client.close_pool_async, s.client.close_pool_for_update_async, s.client.archive_pool_async)
    assert [action(pool_id) for action, pool_id in zip(actions, (copy.id, copy.id, pool.id))] == [None] * 3  # so already: 204
    second = s.client.wait_operation(s.client.clone_pool_async(copy.id)).details.pool_id
    found = [row.id for row in s.client.get_pools(project_id=pool.project_id, batch_size=1)]
    assert found == [pool.id, copy.id, second]
    assert [row.id for row in s.client.find_pools(project_id=pool.project_id, status="ARCHIVED").items] == [pool.id]


def training_form(project_id: str, *, seconds: int = 60, tasks: int = 1) -> tk.Training:
    """Return a training whose pages have some tasks and take this long at most."""
    return tk.Training(
        project_id=project_id,
        private_name="Training",
        may_contain_adult_content=False,
        inherited_instructions=True,
        assignment_max_duration_seconds=seconds,
        mix_tasks_in_creation_order=True,
        shuffle_tasks_in_task_suite=True,
        training_tasks_in_task_suite_count=tasks,
        task_suites_required_to_pass=1,
        retry_training_after_days=5,
    )


def trainings(s: Session) -> None:
    training = s.client.create_training(training_form(s.project().id))
    assert s.client.get_training(training.id) == training
    training.private_name = "Renamed"
    assert s.client.update_training(training.id, training).private_name == "Renamed"
    known = tk.task.BaseTask.KnownSolution(output_values={"result": "cat"})
    hinted = task(training.id, 1, known_solutions=[known], message_on_unknown_solution="Look again", infinite_overlap=True)
    made = s.client.create_task(hinted)
    assert (made.infinite_overlap, made.known_solutions[0].correctness_weight) == (True, Decimal(1))
    assert s.client.open_training(training.id).is_open()
    assert s.client.close_training(training.id).is_closed()
    # Toloka-Kit's notebooks open and close trainings as pools
    assert s.client.get_pool(training.id).type == tk.Pool.Type.TRAINING
    assert (s.client.open_pool(training.id).is_open(), s.client.get_training(training.id).is_open()) == (True, True)
    assert len(s.client.get_assignments_df(training.id)) == 0
    assert (s.client.close_pool(training.id).is_closed(), s.client.get_training(training.id).is_closed()) == (True, True)
    copy = s.client.clone_training(training.id)
    assert s.client.archive_training(training.id).is_archived()
    assert s.client.archive_training_async(training.id) is None
    assert s.client.close_training_async(copy.id) is None
    assert refused(IncorrectActionsApiError, s.client.open_training_async, copy.id).code == "EMPTY_POOL"
    second = s.client.wait_operation(s.client.clone_training_async(copy.id)).details.training_id
    found = [row.id for row in s.client.get_trainings(project_id=training.project_id, batch_size=1)]
    assert found == [training.id, copy.id, second]
    assert len(s.client.find_trainings(project_id=training.project_id, status="ARCHIVED").items) == 1


def tasks(s: Session) -> None:
    pool = s.pool()
    one = s.client.create_task(task(pool.id, 0, overlap=5))
    assert (one.overlap, s.client.get_task(one.id)) == (5, one)
    many = s.client.create_tasks([task(pool.id, number) for number in range(1, 8)], allow_defaults=True)
    assert [many.items[str(position)].input_values["image"] for position in range(7)] == [
        f"https://example.com/{number}.png" for number in range(1, 8)
    ]
    at_once = s.client.create_tasks([task(pool.id, 8)], allow_defaults=True, async_mode=False)
    assert at_once.items["0"].overlap == 3
    bad = tk.Task(pool_id=pool.id, input_values={"note": "no image"})
    mixed = s.client.create_tasks([task(pool.id, 9), bad], allow_defaults=True, skip_invalid_items=True)
    assert set(mixed.items) == {"0"}
    assert mixed.validation_errors["1"]["input_values.image"].code == "VALUE_REQUIRED"
    for mode in (True, False):
        error = refused(
            ValidationApiError, s.client.create_tasks, [task(pool.id, 10), bad], allow_defaults=True, async_mode=mode
        )
        assert error.code == "VALIDATION_ERROR"
    operation = s.client.wait_operation(s.client.create_tasks_async([task(pool.id, 11)], allow_defaults=True))
    assert operation.status == tk.operations.Operation.Status.SUCCESS
    assert s.client.patch_task(one.id, tk.task.TaskPatch(overlap=7, infinite_overlap=False)).overlap == 7
    assert s.client.patch_task_overlap_or_min(one.id, overlap=1).overlap == 1
    assert len(list(s.client.get_tasks(pool_id=pool.id))) == 11
    assert s.client.find_tasks(pool_id=pool.id, overlap=1).items[0].id == one.id


def suites(s: Session) -> None:
    pool = s.pool(mixed=False)
    one = s.client.create_task_suite(suite(pool.id, 0, overlap=1, issuing_order_override=2.5))
    assert (len(one.tasks), s.client.get_task_suite(one.id)) == (2, one)
    many = s.client.create_task_suites([suite(pool.id, number) for number in range(1, 4)], allow_defaults=True)
    assert [many.items[str(position)].tasks[0].input_values["image"] for position in range(3)] == [
        f"https://example.com/{number}.a.png" for number in range(1, 4)
    ]
    bad = suite(pool.id, 9)
    bad.tasks[1].input_values = {}
    mixed = s.client.create_task_suites([bad, suite(pool.id, 4)], allow_defaults=True, skip_invalid_items=True)
    assert mixed.validation_errors["0"]["tasks.1.input_values.image"].code == "VALUE_REQUIRED"
    s.client.wait_operation(s.client.create_task_suites_async([suite(pool.id, 5)], allow_defaults=True))
    assert s.client.patch_task_suite(one.id, issuing_order_override=-1, open_pool=True).issuing_order_override == -1
    assert s.client.get_pool(pool.id).is_open()
    assert s.client.patch_task_suite_overlap_or_min(one.id, overlap=0).overlap == 0
    assert len(list(s.client.get_task_suites(pool_id=pool.id, batch_size=2))) == 6
    assert s.client.find_task_suites(task_id=one.tasks[0].id).items[0].id == one.id
    ask("answer", pool_id=pool.id)
    rows = list(s.client.get_assignments(pool_id=pool.id))
    assert {row.task_suite_id for row in rows} >= {row.id for row in many.items.values()}


def assignments(s: Session) -> None:
    pool, rows = s.answered()
    assert {row.status for row in rows} == {tk.Assignment.SUBMITTED}
    assert all(solution.output_values["result"] in {"cat", "dog"} for row in rows for solution in row.solutions)
    assert s.client.get_assignment(rows[0].id) == rows[0]
    accepted = s.client.accept_assignment(rows[0].id, "Well done")
    assert (accepted.status, accepted.public_comment) == (tk.Assignment.ACCEPTED, "Well done")
    rejected = s.client.reject_assignment(rows[1].id, "All wrong")
    assert rejected.status == tk.Assignment.REJECTED
    assert s.client.patch_assignment(rows[1].id, status="ACCEPTED", public_comment="After all").status == tk.Assignment.ACCEPTED
    assert refused(IncorrectActionsApiError, s.client.reject_assignment, rows[0].id, "no").code == "INAPPROPRIATE_STATUS"
    found = list(s.client.get_assignments(pool_id=pool.id, status=["ACCEPTED", "REJECTED"], batch_size=1))
    assert {row.id for row in found} == {rows[0].id, rows[1].id}
    page = s.client.find_assignments(pool_id=pool.id, sort=["-submitted"], limit=1)
    assert page.has_more
    assert page.items[0].submitted == max(row.submitted for row in rows)


def exports(s: Session) -> None:
    pool, rows = s.answered(6)
    for row in rows:
        s.client.accept_assignment(row.id, "")
    frame = s.client.get_assignments_df(pool.id)
    fields = ["link", "assignment_id", "worker_id", "status", "started"]
    assert [name for name in frame if name.startswith("ASSIGNMENT:")] == [f"ASSIGNMENT:{name}" for name in fields]
    assert set(frame["ASSIGNMENT:status"]) == {"APPROVED"}
    given = sorted((row.id, task.input_values["image"]) for row in rows for task in row.tasks)
    assert sorted(zip(frame["ASSIGNMENT:assignment_id"], frame["INPUT:image"])) == given
    chosen = s.client.get_assignments_df(
        pool.id,
        status=["APPROVED", "REJECTED"],
        field=["ASSIGNMENT:reward"],
        exclude_banned=True,
        start_time_from=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert list(chosen)[-1] == "ASSIGNMENT:reward"
    assert len(s.client.get_assignments_df(pool.id, status=["REJECTED"])) == 0


def analytics(s: Session) -> None:
    pool, rows = s.answered()
    requests = tk.analytics_request
    kinds = [kind for kind in vars(requests).values() if isinstance(kind, type) and kind.__name__.endswith("PoolAnalytics")]
    made = [
        kind(subject_id=pool.id, **({"interval_hours": 3} if kind is requests.ActiveWorkersByFilterCountPoolAnalytics else {}))
        for kind in kinds
    ]
    figures = {}
    for some in (made[:10], made[10:]):
        operation = s.client.wait_operation(s.client.get_analytics(some))
        figures.update((value["request"]["name"], value["result"]) for value in operation.details["value"])
    assert len(figures) == 12
    assert figures["submitted_assignments_count"] == len(rows)
    assert figures["completion_percentage"]["value"] == 100


def skills(s: Session) -> None:
    skill = s.client.create_skill(name="Cats", hidden=False, public_requester_description={"EN": "Knows cats"})
    assert s.client.get_skill(skill.id) == skill
    skill.name = f"Cats {skill.id}"
    assert s.client.update_skill(skill.id, skill).name == skill.name
    assert [row.id for row in s.client.get_skills(name=skill.name)] == [skill.id]
    assert s.client.find_skills(name=skill.name, limit=1).items[0].id == skill.id
    level = s.client.set_user_skill(skill_id=skill.id, user_id=USER, value=Decimal("85.5"))
    assert (level.value, level.exact_value) == (86, Decimal("85.5"))
    assert s.client.set_user_skill(skill_id=skill.id, user_id=USER, value=Decimal(20)).id == level.id
    s.client.set_user_skill(skill_id=skill.id, user_id=OTHER, value=Decimal(30))
    assert s.client.get_user_skill(level.id).value == 20
    assert {row.user_id for row in s.client.get_user_skills(skill_id=skill.id, batch_size=1)} == {USER, OTHER}
    s.client.delete_user_skill(level.id)
    assert [row.user_id for row in s.client.find_user_skills(skill_id=skill.id).items] == [OTHER]
    assert s.client.get_user(USER).id == USER


def bonuses(s: Session) -> None:
    form = {"user_id": USER, "public_title": {"EN": "Thanks"}, "public_message": {"EN": "Good"}}
    one = s.client.create_user_bonus(tk.UserBonus(amount=Decimal("0.5"), **form))
    assert (one.amount, s.client.get_user_bonus(one.id)) == (Decimal("0.5"), one)
    many = [tk.UserBonus(amount=Decimal(number) / 4, user_id=OTHER, without_message=True) for number in range(1, 4)]
    made = s.client.create_user_bonuses(many)
    assert [made.items[str(position)].amount for position in range(3)] == [Decimal(number) / 4 for number in range(1, 4)]
    bad = tk.UserBonus(amount=Decimal(1), user_id="nobody", without_message=True)
    mixed = s.client.create_user_bonuses([bad, tk.UserBonus(amount=Decimal(9), **form)], skip_invalid_items=True)
    assert mixed.validation_errors["0"]["user_id"]["code"] == "ENTITY_DOES_NOT_EXIST"
    at_once = s.client.create_user_bonuses([tk.UserBonus(amount=Decimal(8), **form)], async_mode=False)
    operation = s.client.create_user_bonuses_async([tk.UserBonus(amount=Decimal(7), **form)])
    assert s.client.wait_operation(operation).is_completed()
    assert at_once.items["0"].id in {row.id for row in s.client.get_user_bonuses(user_id=USER)}
    assert s.client.find_user_bonuses(user_id=OTHER, sort=["-id"], limit=1).has_more


def restrictions(s: Session) -> None:
    pool = s.pool()
    forms = [
        tk.user_restriction.AllProjectsUserRestriction(user_id=OTHER),
        tk.user_restriction.ProjectUserRestriction(user_id=OTHER, project_id=pool.project_id),
        tk.user_restriction.PoolUserRestriction(user_id=OTHER, pool_id=pool.id, private_comment="tired"),
    ]
    made = [s.client.set_user_restriction(form) for form in forms]
    assert [type(row) for row in made] == [type(form) for form in forms]
    assert s.client.get_user_restriction(made[2].id).private_comment == "tired"
    assert [row.id for row in s.client.get_user_restrictions(scope="POOL", pool_id=pool.id)] == [made[2].id]
    assert {row.id for row in made} <= {row.id for row in s.client.get_user_restrictions(user_id=OTHER, batch_size=1)}
    s.client.delete_user_restriction(made[1].id)
    assert s.client.find_user_restrictions(scope="PROJECT", project_id=pool.project_id).items == []


def operations(s: Session) -> None:
    pool = s.pool()
    started = s.client.create_tasks_async([task(pool.id, 1)], allow_defaults=True)
    done = s.client.wait_operation(started)
    assert (done.id, done.is_completed(), s.client.get_operation(done.id)) == (started.id, True, done)
    [entry] = s.client.get_operation_log(done.id)
    assert (entry.type, entry.success) == ("TASK_CREATE", True)
    assert s.client.get_task(entry.output["task_id"]).pool_id == pool.id
    opening = s.client.wait_operation(s.client.open_pool_async(pool.id))
    assert isinstance(opening, tk.operations.PoolOpenOperation)
    assert s.client.open_pool_async(pool.id) is None
    rows = s.client.find_operations(type="POOL.OPEN", status="SUCCESS", sort=["-finished"], limit=100).items
    assert opening.id in {row.id for row in rows}
    since = s.client.get_operation(started.id).submitted
    assert {done.id, opening.id} <= {row.id for row in s.client.get_operations(submitted_gte=since, batch_size=2)}


def aggregation(s: Session) -> None:
    pool, rows = s.answered(6)
    for row in rows:
        s.client.accept_assignment(row.id, "")
    s.client.close_pool(pool.id)
    fields = [tk.aggregation.PoolAggregatedSolutionRequest.Field(name="result")]
    operation = s.client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=pool.id, fields=fields)
    operation = s.client.wait_operation(operation)
    assert operation.parameters.pool_id == pool.id
    solutions = list(s.client.get_aggregated_solutions(operation.id, batch_size=4))
    assert len({row.task_id for row in solutions}) == 6
    assert all(0 < row.confidence <= 1 and row.output_values["result"] in {"cat", "dog"} for row in solutions)
    assert s.client.find_aggregated_solutions(operation.id, limit=1).has_more
    skill = s.client.create_skill(name="Weight")
    for row in rows:
        s.client.set_user_skill(skill_id=skill.id, user_id=row.user_id, value=Decimal(50))
    one = s.client.aggregate_solutions_by_task(
        pool_id=pool.id, task_id=solutions[0].task_id, answer_weight_skill_id=skill.id, fields=[{"name": "result"}]
    )
    # weighted by the skill, where the other operation weighs Tolokers by how often they are right
    assert (one.pool_id, one.task_id) == (pool.id, solutions[0].task_id)
    answers = [solution for row in rows for task, solution in zip(row.tasks, row.solutions) if task.id == one.task_id]
    votes = [solution.output_values["result"] for solution in answers]
    assert one.output_values == {"result": max(votes, key=votes.count)}
    assert abs(one.confidence - votes.count(one.output_values["result"]) / len(votes)) < 0.001


def messages(s: Session) -> None:
    form = tk.message_thread.MessageThreadCompose(
        recipients_select_type="DIRECT", recipients_ids=[USER], topic={"EN": "Hello"}, text={"EN": "First"}, answerable=True
    )
    thread = s.client.compose_message_thread(form)
    assert thread.messages[0].text == {"EN": "First"}
    replied = s.client.reply_message_thread(thread.id, tk.message_thread.MessageThreadReply(text={"EN": "Second"}))
    assert [message.text["EN"] for message in replied.messages] == ["Second", "First"]
    assert "IMPORTANT" in [str(each.value) for each in s.client.add_message_thread_to_folders(thread.id, ["IMPORTANT"]).folders]
    assert thread.id in {row.id for row in s.client.get_message_threads(folder=["IMPORTANT"], batch_size=1)}
    s.client.remove_message_thread_from_folders(thread.id, ["IMPORTANT"])
    assert thread.id not in {row.id for row in s.client.find_message_threads(folder=["IMPORTANT"]).items}
    assert thread.id in {row.id for row in s.client.find_message_threads(folder_ne=["IMPORTANT"], sort=["-created"]).items}


def webhooks(s: Session) -> None:
    pool = s.pool()
    forms = [
        tk.webhook_subscription.WebhookSubscription(
            webhook_url="https://example.com/hook", event_type=event, pool_id=pool.id, secret_key="x"
        )
        for event in ("POOL_CLOSED", "ASSIGNMENT_CREATED")
    ]
    made = s.client.upsert_webhook_subscriptions(forms)
    first, second = made.items["0"], made.items["1"]
    assert s.client.get_webhook_subscription(first.id) == first
    assert {row.id for row in s.client.get_webhook_subscriptions(pool_id=pool.id)} == {first.id, second.id}
    assert s.client.find_webhook_subscriptions(pool_id=pool.id, event_type="POOL_CLOSED").items == [first]
    s.client.delete_webhook_subscription(first.id)
    refused(DoesNotExistApiError, s.client.get_webhook_subscription, first.id)


def attachments(s: Session) -> None:
    pool, rows = s.answered()
    names = ["a.png", "b.png", "c.png"]
    ids = [ask("attach", assignment_id=rows[0].id, name=name, text=name * 100) for name in names]
    assert {row.name for row in s.client.get_attachments(pool_id=pool.id, batch_size=1)} == set(names)
    found = s.client.get_attachment(ids[0])
    assert (found.details.assignment_id, found.name) == (rows[0].id, "a.png")
    assert [row.id for row in s.client.find_attachments(assignment_id=rows[0].id, name="b.png").items] == [ids[1]]
    out = io.BytesIO()
    s.client.download_attachment(ids[2], out)
    assert out.getvalue() == b"c.png" * 100


def until(call: object, status: str, *args: object) -> object:
    while True:
        found = call(*args)
        if str(found.status.value) == status:
            return found
        time.sleep(0.02)


def apps(s: Session) -> None:
    app = s.client.find_apps(limit=1).content[0]
    assert app.id in {row.id for row in s.client.get_apps(batch_size=1)}
    full = s.client.get_app(app.id)
    assert set(full.input_spec) >= {"id"}
    data = {name: "https://example.com/1.png" for name, field in full.input_spec.items() if field.required}
    project = s.client.create_app_project(tk.app.AppProject(app_id=app.id, name="App", parameters={}))
    until(s.client.get_app_project, "READY", project.id)
    assert project.id in {row.id for row in s.client.get_app_projects(app_id=app.id, batch_size=1)}
    assert s.client.find_app_projects(status="READY", limit=100).content
    item = s.client.create_app_item(project.id, tk.app.AppItem(input_data=data))
    until(s.client.get_app_item, "COMPLETED", project.id, item.id)
    bulk = s.client.create_app_items(project.id, items=[data, data])
    ids = bulk if isinstance(bulk, list) else bulk.items
    batch = s.client.create_app_batch(project.id, tk.app.AppBatchCreateRequest(items=[data] * 4))
    assert batch.items_count == 4
    assert s.client.patch_app_batch(project.id, batch.id, tk.app.AppBatchPatch(name="Named")).name == "Named"
    s.client.start_app_batch(project.id, batch.id)
    until(s.client.get_app_batch, "COMPLETED", project.id, batch.id)
    rows = list(s.client.get_app_items(project.id, batch_id=batch.id, batch_size=3))
    assert len({row.id for row in rows}) == 4
    assert {row.id for row in s.client.find_app_items(project.id, limit=100).content} >= {*map(str, ids), item.id}
    assert [row.id for row in s.client.get_app_batches(project.id)] == [batch.id]
    assert s.client.find_app_batches(project.id, status="COMPLETED").content[0].id == batch.id
    s.client.archive_app_batch(project.id, batch.id)
    s.client.unarchive_app_batch(project.id, batch.id)
    stopped = s.client.create_app_batch(project.id, tk.app.AppBatchCreateRequest(items=[data] * 4))
    assert refused(ConflictStateApiError, s.client.stop_app_batch, project.id, stopped.id).code == "CONFLICT_STATE"
    assert refused(ConflictStateApiError, s.client.resume_app_batch, project.id, stopped.id).code == "CONFLICT_STATE"
    before = {row.id for row in s.client.get_app_batches(project.id)}
    at_once = s.client.start_sync_batch_processing(project.id, tk.app.SyncBatchCreateRequest(items=[data]))
    assert at_once.id is None  # Toloka-Kit takes {batch, items} for a batch
    [made] = [row for row in s.client.get_app_batches(project.id) if row.id not in before]
    assert (str(made.status.value), made.items_count) == ("COMPLETED", 1)
    s.client.archive_app_project(project.id)
    assert str(s.client.get_app_project(project.id).status.value) == "ARCHIVED"
    s.client.unarchive_app_project(project.id)


SCENARIOS = (
    *(
        projects,
        cloned_projects,
        pools,
        trainings,
        tasks,
        suites,
        assignments,
        exports,
        analytics,
        skills,
        bonuses,
        restrictions,
    ),
    *(operations, aggregation, messages, webhooks, attachments, apps),
)


def run_scenarios(scenarios: object, argument: object) -> None:
    """Call each with the argument, and print what it raised."""
    for scenario in scenarios:
        error = None
        try:
            made = scenario(argument)
            if inspect.iscoroutine(made):
                asyncio.run(made)
        except Exception:
            error = traceback.format_exc()
        print(json.dumps({"scenario": scenario.__name__, "error": error}), flush=True)


def main() -> None:
    kind, url = sys.argv[1:]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # AsyncTolokaClient asks for it when it is made
    made = (tk.TolokaClient if kind == "sync" else AsyncTolokaClient)(
        os.environ["TOLOKA_TOKEN"], url=url, retries=0, timeout=30
    )
    session = Session(Recorded(made, loop))
    run_scenarios(SCENARIOS, session)
    methods = {name for name, value in vars(tk.TolokaClient).items() if inspect.isfunction(value) and not name.startswith("_")}
    print(json.dumps({"untouched": sorted(methods - session.client.called)}), flush=True)


if __name__ == "__main__":
    main()

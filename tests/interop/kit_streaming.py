"""Toloka-Kit's streaming at work: a service's address -> lines of JSON on standard output, one for each scenario.

Runs inside .venv-kit, as `TOLOKA_TOKEN=... python kit_streaming.py URL`, driven by test_interop.py.
"""

from __future__ import annotations

import collections
import os
import sys
import tempfile
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import toloka.client as tk
from kit_session import UTC, ask, run_scenarios
from toloka.async_client import AsyncTolokaClient
from toloka.client.actions import ChangeOverlap
from toloka.client.collectors import AssignmentsAssessment
from toloka.client.conditions import AssessmentEvent
from toloka.streaming import AssignmentsObserver, Pipeline, PoolStatusObserver
from toloka.streaming import cursor as cursors
from toloka.streaming.locker import NewerInstanceDetectedError
from toloka.streaming.storage import JSONLocalStorage
from toloka.util.async_utils import ComplexException

AT_ONCE = timedelta()
Pipeline.MIN_SLEEP_SECONDS = 0.2  # as in Toloka-Kit's own tests
ANSWERED = 3
IMAGES = 6
FINDERS = 2
CHECKERS = 3
EVENTS = ("created", "submitted", "accepted", "rejected", "skipped", "expired")


def form(project: tk.Project, **more: object) -> tk.Pool:
    made = tk.Pool(
        project_id=project.id,
        private_name="Pool",
        may_contain_adult_content=False,
        will_expire="2099-01-01T00:00:00",
        reward_per_assignment=0.02,
        assignment_max_duration_seconds=600,
        defaults=tk.Pool.Defaults(default_overlap_for_new_tasks=1, default_overlap_for_new_task_suites=1),
        **more,
    )
    made.set_mixer_config(real_tasks_count=1, golden_tasks_count=0, training_tasks_count=0)
    return made


def project(client: tk.TolokaClient, inputs: dict, outputs: dict) -> tk.Project:
    spec = tk.project.task_spec.TaskSpec(
        input_spec=inputs,
        output_spec=outputs,
        view_spec=tk.project.view_spec.ClassicViewSpec(markup="", script="", styles=""),
    )
    return client.create_project(
        tk.Project(
            public_name="Find",
            public_description="Find",
            public_instructions="Find",
            task_spec=spec,
            assignments_issuing_type=tk.Project.AssignmentsIssuingType.AUTOMATED,
        )
    )


def finding_pool(client: tk.TolokaClient) -> tk.Pool:
    """Links to pictures, each accepted or rejected later; a rejected one is asked for again."""
    found = project(client, {"image": tk.project.UrlSpec()}, {"link": tk.project.StringSpec()})
    pool = form(found, auto_accept_solutions=False, auto_accept_period_day=14)
    pool.quality_control.add_action(
        collector=AssignmentsAssessment(),
        conditions=[AssessmentEvent == AssessmentEvent.REJECT],
        action=ChangeOverlap(delta=1, open_pool=True),
    )
    return client.create_pool(pool)


def checking_pool(client: tk.TolokaClient) -> tk.Pool:
    inputs = {"image": tk.project.UrlSpec(), "link": tk.project.StringSpec(), "assignment_id": tk.project.StringSpec()}
    checks = project(client, inputs, {"result": tk.project.StringSpec(allowed_values=["Yes", "No"])})
    return client.create_pool(form(checks, auto_accept_solutions=True))


def image_task(pool_id: str, number: int, overlap: int = 1) -> tk.Task:
    return tk.Task(pool_id=pool_id, overlap=overlap, input_values={"image": f"https://example.com/{number}.png"})


def half_answered(client: tk.TolokaClient) -> tuple[tk.Pool, list]:
    """An open pool: its answers wait for a verdict, and one task has none."""
    pool = finding_pool(client)
    client.create_tasks([image_task(pool.id, number, overlap=2) for number in range(ANSWERED)], open_pool=True)
    ask("answer", pool_id=pool.id)
    client.create_task(image_task(pool.id, ANSWERED), open_pool=True)
    return pool, list(client.get_assignments(pool_id=pool.id))


class Check:
    """Found links -> tasks that ask whether they are right."""

    def __init__(self, client: tk.TolokaClient, pool: tk.Pool) -> None:
        self.client = client
        self.pool = pool
        self.seen = collections.Counter()

    def __call__(self, events: list) -> None:
        self.seen.update(event.assignment.id for event in events)
        tasks = [
            tk.Task(
                pool_id=self.pool.id,
                overlap=CHECKERS,
                unavailable_for=[event.assignment.user_id],
                input_values={
                    "image": event.assignment.tasks[0].input_values["image"],
                    "link": event.assignment.solutions[0].output_values["link"],
                    "assignment_id": event.assignment.id,
                },
            )
            for event in events
        ]
        self.client.create_tasks(tasks, open_pool=True)


class Decide:
    """Answers of the checkers -> verdicts on what was found."""

    def __init__(self, client: tk.TolokaClient) -> None:
        self.client = client
        self.seen = collections.Counter()
        self.waiting = collections.defaultdict(list)
        self.verdicts = {}

    def __call__(self, events: list) -> None:
        for event in events:
            self.seen[event.assignment.id] += 1
            [task], [solution] = event.assignment.tasks, event.assignment.solutions
            self.waiting[task.input_values["assignment_id"]].append(
                (event.assignment.user_id, solution.output_values["result"])
            )
        for assignment_id in [key for key, answers in self.waiting.items() if len(answers) >= CHECKERS]:
            answers = dict(self.waiting.pop(assignment_id))
            assert len(answers) == CHECKERS, "a Toloker checked the same link twice"
            assert assignment_id not in self.verdicts
            yes = list(answers.values()).count("Yes") > CHECKERS / 2
            (self.client.accept_assignment if yes else self.client.reject_assignment)(assignment_id, "Checked")
            self.verdicts[assignment_id] = "ACCEPTED" if yes else "REJECTED"


class Count:
    """What was handled, by id."""

    def __init__(self) -> None:
        self.seen = collections.Counter()

    def __call__(self, events: list) -> None:
        self.seen.update(event.assignment.id for event in events)


class Chain:
    """A pipeline of two pools: find, check, accept or reject, and find again."""

    def __init__(self, client: tk.TolokaClient, observing: object = None) -> None:
        self.client = client
        self.found, self.checked = finding_pool(client), checking_pool(client)
        self.pipeline = Pipeline(AT_ONCE)
        watched = [
            self.pipeline.register(AssignmentsObserver(observing or client, pool.id, cursor_time_lag=AT_ONCE))
            for pool in (self.found, self.checked)
        ]
        self.check = watched[0].on_submitted(Check(client, self.checked))
        self.accepted, self.rejected = watched[0].on_accepted(Count()), watched[0].on_rejected(Count())
        self.decide = watched[1].on_accepted(Decide(client))
        client.create_tasks([image_task(self.found.id, number, FINDERS) for number in range(IMAGES)], open_pool=True)

    def check_the_end(self) -> None:
        """Each answer was handled once, and each image has as many accepted links as were wanted."""
        found = list(self.client.get_assignments(pool_id=self.found.id))
        checked = list(self.client.get_assignments(pool_id=self.checked.id))
        assert self.check.seen == dict.fromkeys((row.id for row in found), 1)
        assert self.decide.seen == dict.fromkeys((row.id for row in checked), 1)
        assert len(checked) == CHECKERS * len(found)
        assert self.decide.verdicts == {row.id: row.status.value for row in found}
        good = [row for row in found if row.status == tk.Assignment.ACCEPTED]
        assert 0 < len(good) < len(found), "there is nothing to find again"
        assert self.accepted.seen == dict.fromkeys((row.id for row in good), 1)
        assert self.rejected.seen == dict.fromkeys((row.id for row in found if row not in good), 1)
        wanted = collections.Counter(row.tasks[0].input_values["image"] for row in good)
        assert list(wanted.values()) == [FINDERS] * IMAGES, wanted
        finder = {row.id: row.user_id for row in found}
        assert all(row.user_id != finder[row.tasks[0].input_values["assignment_id"]] for row in checked)
        ended = [self.client.get_pool(pool.id) for pool in (self.found, self.checked)]
        assert [(pool.status.value, pool.last_close_reason.value) for pool in ended] == [("CLOSED", "COMPLETED")] * 2


async def find_and_check(client: tk.TolokaClient) -> None:
    """Tolokers answer between two rounds of the pipeline."""
    await run_chain(Chain(client))


async def async_find_and_check(client: tk.TolokaClient) -> None:
    await run_chain(Chain(client, AsyncTolokaClient.from_sync_client(client)))


async def live_find_and_check(client: tk.TolokaClient) -> None:
    """Tolokers work all the time, a minute in a second; much faster ones would work between two steps of an iteration."""
    chain = Chain(client, AsyncTolokaClient.from_sync_client(client))
    for pool in (chain.found, chain.checked):
        ask("answer", pool_id=pool.id, workers=50, accuracy=1.0, live=True, speed=60)
    await chain.pipeline.run()
    chain.check_the_end()


async def run_chain(chain: Chain) -> None:
    async for _ in chain.pipeline.run_manually():
        for pool in (chain.found, chain.checked):
            if chain.client.get_pool(pool.id).is_open():
                ask("answer", pool_id=pool.id, workers=50, accuracy=1.0)
    chain.check_the_end()


class Fragile(Count):
    """Raises while it is broken; a class attribute, because the state of an object is stored."""

    broken = False

    def __call__(self, events: list) -> None:
        if self.broken:
            raise RuntimeError("the callback is broken")
        super().__call__(events)


def stored_pipeline(client: tk.TolokaClient, pool: tk.Pool, folder: str) -> tuple[Pipeline, Count, Fragile]:
    pipeline = Pipeline(AT_ONCE, storage=JSONLocalStorage(folder))
    observer = pipeline.register(AssignmentsObserver(client, pool.id, cursor_time_lag=AT_ONCE))
    return pipeline, observer.on_submitted(Count()), observer.on_accepted(Fragile())


async def failure(running: object) -> Exception:
    try:
        await running
    except (ComplexException, NewerInstanceDetectedError) as error:
        return error
    raise AssertionError("nothing was raised")


async def one_round(pipeline: Pipeline) -> None:
    rounds = pipeline.run_manually()
    await rounds.__anext__()
    await rounds.aclose()


async def restarted_pipeline(client: tk.TolokaClient) -> None:
    """What a pipeline has stored, another one goes on from; events of a call that failed are handled again."""
    pool, rows = half_answered(client)
    everything = dict.fromkeys((row.id for row in rows), 1)
    with tempfile.TemporaryDirectory() as folder:
        first, counted, _ = stored_pipeline(client, pool, folder)
        await one_round(first)
        assert counted.seen == everything
        for row in rows[:2]:
            client.accept_assignment(row.id, "")
        second, counted, accepted = stored_pipeline(client, pool, folder)
        Fragile.broken = True
        assert "the callback is broken" in str(await failure(second.run()))
        assert (counted.seen, accepted.seen) == (everything, {})
        Fragile.broken = False
        third, counted, accepted = stored_pipeline(client, pool, folder)
        client.close_pool(pool.id)
        await third.run()
        assert counted.seen == everything
        assert accepted.seen == dict.fromkeys((row.id for row in rows[:2]), 1)
        assert list(Path(folder).iterdir()) == []  # noqa: ASYNC240  # nothing else runs


async def replaced_pipeline(client: tk.TolokaClient) -> None:
    pool, _ = half_answered(client)
    with tempfile.TemporaryDirectory() as folder:
        older, _, _ = stored_pipeline(client, pool, folder)
        rounds = older.run_manually()
        await rounds.__anext__()
        newer, _, _ = stored_pipeline(client, pool, folder)
        await one_round(newer)
        assert isinstance(await failure(rounds.__anext__()), NewerInstanceDetectedError)


async def status_observer(client: tk.TolokaClient) -> None:
    """Each change of a pool's status is reported once."""
    pool = finding_pool(client)
    client.create_task(image_task(pool.id, 1))
    observer = PoolStatusObserver(client, pool.id)
    changes = []
    observer.on_open(lambda _: changes.append("open"))
    observer.on_closed(lambda pool: changes.append(pool.last_close_reason.value))
    observer.register_callback(lambda _: changes.append("archived"), "ARCHIVED")  # on_archieved raises an AttributeError
    whole = PoolStatusObserver(client, pool.id)
    statuses = []
    whole.on_status_change(lambda pool: statuses.append(pool.status.value))
    complete = partial(ask, "answer")
    for step in (client.open_pool, client.close_pool, client.open_pool, complete, client.archive_pool):
        step(pool_id=pool.id)
        for _ in range(2):
            await observer()
            await whole()
    assert changes == ["open", "MANUAL", "open", "COMPLETED", "archived"], changes
    assert statuses == ["OPEN", "CLOSED", "OPEN", "CLOSED", "ARCHIVED"], statuses


async def events_observer(client: tk.TolokaClient) -> None:
    """Each event of an answer is reported once, also after the observer was switched off and on."""
    pool, rows = half_answered(client)
    observer = AssignmentsObserver(client, pool.id, cursor_time_lag=AT_ONCE)
    counts = {event: observer.register_callback(Count(), event.upper()) for event in EVENTS}
    every = observer.on_any_event(Count())
    await observer()
    everything = dict.fromkeys((row.id for row in rows), 1)
    assert counts["created"].seen == counts["submitted"].seen == everything
    client.accept_assignment(rows[0].id, "")
    client.reject_assignment(rows[1].id, "")
    for _ in range(2):
        await observer()
    assert (counts["accepted"].seen, counts["rejected"].seen) == ({rows[0].id: 1}, {rows[1].id: 1})
    assert every.seen.total() == 2 * len(rows) + 2
    assert await observer.should_resume()
    client.close_pool(pool.id)
    assert not await observer.should_resume()
    await observer.run(period=AT_ONCE)
    assert every.seen.total() == 2 * len(rows) + 2


async def changing_pipeline(client: tk.TolokaClient) -> None:
    """Observers join, pause and leave while a pipeline runs."""
    pools = [half_answered(client) for _ in range(3)]
    pipeline = Pipeline(AT_ONCE)
    observers = [AssignmentsObserver(client, pool.id, cursor_time_lag=AT_ONCE) for pool, _ in pools]
    counts = [observer.on_submitted(Count()) for observer in observers]
    for observer in observers[:2]:
        pipeline.register(observer)
    observers[1].disable()
    seen = []
    async for _ in pipeline.run_manually():
        seen.append([counted.seen.total() for counted in counts])
        if len(seen) == 1:
            pipeline.register(observers[2])
            observers[0].delete()
        if len(seen) == 2:
            observers[1].enable()
        if len(seen) == 3:
            [client.close_pool(pool.id) for pool, _ in pools]
    one, two, three = (len(rows) for _, rows in pools)
    assert seen[:3] == [[one, 0, 0], [one, 0, three], [one, two, three]], seen
    assert list(pipeline.observers_iter()) == observers[1:]


def cursors_of_answers(client: tk.TolokaClient) -> None:
    pool, rows = half_answered(client)
    accepted = cursors.AssignmentCursor(pool_id=pool.id, event_type="ACCEPTED", toloka_client=client, time_lag=AT_ONCE)
    submitted = cursors.AssignmentCursor(pool_id=pool.id, event_type="SUBMITTED", toloka_client=client, time_lag=AT_ONCE)
    submitted.BATCH_SIZE = 2
    assert [event.assignment.id for event in submitted] == [row.id for row in sorted(rows, key=lambda row: row.submitted)]
    for row in rows:
        assert list(accepted) == []
        client.accept_assignment(row.id, "")
        assert [event.assignment.id for event in accepted] == [row.id]
    assert list(submitted) == []


def cursors_of_other_lists(client: tk.TolokaClient) -> None:
    """Each cursor yields each new row once."""
    pool, rows = half_answered(client)
    users = sorted({row.user_id for row in rows})
    skill = client.create_skill(name="Followed")
    since = {"toloka_client": client, "time_lag": AT_ONCE, "created_gte": datetime.now(UTC)}
    followed = (
        (cursors.UserBonusCursor(**since), lambda user: bonus(client, user), "user_bonus"),
        (
            cursors.UserSkillCursor(event_type="MODIFIED", skill_id=skill.id, **since),
            lambda user: client.set_user_skill(skill_id=skill.id, user_id=user, value=Decimal(50)),
            "user_skill",
        ),
        (cursors.UserRestrictionCursor(pool_id=pool.id, **since), lambda user: ban(client, pool, user), "user_restriction"),
        (cursors.MessageThreadCursor(**since), lambda user: message(client, user), "message_thread"),
    )
    for cursor, create, field in followed:
        for user in users[:3]:
            assert list(cursor) == []
            row = create(user)
            assert [getattr(event, field).id for event in cursor] == [row.id], field


def cursor_of_tasks(client: tk.TolokaClient) -> None:
    """Tasks of one operation have one time and take several pages."""
    pool, _ = half_answered(client)
    cursor = cursors.TaskCursor(pool_id=pool.id, toloka_client=client, time_lag=AT_ONCE)
    assert len(list(cursor)) == ANSWERED + 1
    made = client.create_tasks([image_task(pool.id, number) for number in range(100, 220)])
    assert sorted(event.task.id for event in cursor) == sorted(row.id for row in made.items.values())
    assert list(cursor) == []


def bonus(client: tk.TolokaClient, user: str) -> tk.UserBonus:
    return client.create_user_bonus(tk.UserBonus(user_id=user, amount=Decimal(1), without_message=True))


def ban(client: tk.TolokaClient, pool: tk.Pool, user: str, **more: object) -> tk.UserRestriction:
    return client.set_user_restriction(tk.user_restriction.PoolUserRestriction(user_id=user, pool_id=pool.id, **more))


def message(client: tk.TolokaClient, user: str) -> tk.MessageThread:
    form = tk.message_thread.MessageThreadCompose(
        recipients_select_type="DIRECT", recipients_ids=[user], topic={"EN": "Hello"}, text={"EN": "Hello"}, answerable=True
    )
    return client.compose_message_thread(form)


SCENARIOS = (
    *(find_and_check, async_find_and_check, live_find_and_check, restarted_pipeline, replaced_pipeline, changing_pipeline),
    *(status_observer, events_observer, cursors_of_answers, cursors_of_other_lists, cursor_of_tasks),
)


def main() -> None:
    [url] = sys.argv[1:]
    run_scenarios(SCENARIOS, tk.TolokaClient(os.environ["TOLOKA_TOKEN"], url=url, retries=0, timeout=30))


if __name__ == "__main__":
    main()

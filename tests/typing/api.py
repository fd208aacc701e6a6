"""Calls of the public API as in typed user code: mypy checks this file, nothing runs it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

import dask.dataframe as dd
import pandas as pd

import toloka_frames as tf
from toloka_frames.local import LocalToloka


class KitPool:
    """An object of Toloka-Kit."""

    def unstructure(self) -> dict[str, Any]:
        """Return the object as in the API's JSON."""
        return {}


def scans(client: tf.AsyncTolokaClient) -> None:
    """Scans and what they return."""
    scan = client.get_app_batches("P", status="NEW", created_gte=datetime(2026, 1, 1, tzinfo=UTC), batch_size=100)
    assert_type(scan, tf.Scan)
    assert_type(scan.to_dataframe(dtype_backend="pyarrow", progress="text"), pd.DataFrame)
    assert_type(scan.to_parquet(Path("tasks.parquet")), Path | Any)
    assert_type(scan.partitions(8, workers=2), list[tf.Scan])
    assert_type(tf.to_dask(scan, 8), dd.DataFrame)
    tf.AsyncTolokaClient(lambda: "token", "SANDBOX")
    tf.AsyncTolokaClient("token", "SANDBOX", max_response_seconds=60, max_response_bytes=None)
    tf.AsyncTolokaClient(lambda: 5, "SANDBOX")  # type: ignore[arg-type,return-value]
    assert_type(scan.head(3, columns=["id"]), pd.DataFrame)
    assert_type(scan.to_dataframe(columns=lambda name: name != "extra"), pd.DataFrame)
    scan.shape  # type: ignore[attr-defined]  # noqa: B018 -- it is not an attribute
    for frame in scan.iter_dataframes(10):
        assert_type(frame, pd.DataFrame)
    for row in scan:
        assert_type(row, tf.Row)
    client.get_app_batches("P", status="new")  # type: ignore[arg-type]
    client.get_app_batches("P", statsu="NEW")  # type: ignore[call-arg]
    client.get_assignments(pool_id="1", status=["ACCEPTED", "REJECTED"])
    client.get_assignments(pool_id="1", status=["ACCEPTED", "REJECT"])  # type: ignore[list-item]
    client.get_tasks("1", overlap_gte="3")  # type: ignore[arg-type]
    client.get_tasks()  # type: ignore[call-arg]
    assert_type(client.get_assignments("1", status="ACCEPTED"), tf.Scan)
    client.get_assignments(1.0)  # type: ignore[arg-type]
    client.get_task_suites(task_id="t", created_gte="2026-01-01")
    client.get_skills(global_=True)
    client.get_message_threads(folder=["INBOX", "UNREAD"], folder_ne="IMPORTANT")
    assert_type(client.get_aggregated_solutions("op", task_id_gt="a", batch_size=10), tf.Scan)
    tf.to_dataframe({"a": number} for number in range(3))


def calls(client: tf.TolokaClient) -> None:
    """Calls that return their results."""
    assert_type(client.get_pool("1"), tf.Row)
    assert_type(client.get_pool("1").status, Any)
    assert_type(client.find_pools(sort="-created", limit=5), tf.Row)
    client.find_pools(sort="-created", limits=5)  # type: ignore[call-arg]
    client.get_pool(1.0)  # type: ignore[arg-type]
    assert_type(client.close_pool("1", timeout=timedelta(minutes=5), progress=False), tf.Row)
    assert_type(client.close_pool_async("1"), tf.Row | None)
    assert_type(client.clone_training("1"), tf.Row)
    assert_type(client.clone_training_async("1"), tf.Row)
    assert_type(client.archive_project_async("1"), tf.Row | None)
    assert_type(client.create_tasks([tf.Task(pool_id="1")], operation_id=uuid.uuid4(), open_pool=True), tf.Row)
    client.create_task(tf.Task(pool_id="1"), skip_invalid_items=True)  # type: ignore[call-arg]
    assert_type(client.create_user_bonus({"user_id": "a", "amount": Decimal("0.05")}), tf.Row)
    assert_type(client.patch_task("1", overlap=3), tf.Row)
    client.patch_task("1", overlap="3")  # type: ignore[arg-type]
    assert_type(client.create_skill(name="cats"), tf.Row)
    client.create_skill(nam="cats")  # type: ignore[call-arg]
    assert_type(client.create_pool(KitPool()), tf.Row)
    assert_type(client.get_app_batches("P", status="NEW"), tf.Scan)
    assert_type(tf.wait_pool(client, "1", every=30, timeout=timedelta(hours=5)), tf.Row)
    assert_type(tf.wait_pool(client, client.get_pool("1")), tf.Row)
    assert_type(tf.wait_pool(client, ["1", 2], progress=lambda report: report.seconds), list[tf.Row])
    assert_type(tf.wait_pool(client, client.get_pools(status="OPEN")), list[tf.Row])
    assert_type(tf.watch(client, ["1"], every=timedelta(minutes=5)).history, pd.DataFrame)
    tf.watch(client)  # type: ignore[call-arg]
    for frame in tf.follow(client.get_assignments("1"), by="submitted", until=tf.closed("1"), cursor="answers.json"):
        ready, waiting = frame.pipe(tf.complete, by="INPUT:image", overlap=3)
        assert_type(ready, pd.DataFrame)
        assert_type(waiting, pd.DataFrame)
    for name, found in tf.follow({"tasks": client.get_tasks("1")}, until=lambda: True, lag=timedelta(minutes=2)):
        assert_type(name, str)
        assert_type(found, pd.DataFrame)
    tf.follow(client)  # type: ignore[call-overload]
    with tf.TolokaClient("token", "SANDBOX") as other:
        for row in other.get_pools():
            assert_type(row, tf.Row)


async def awaited_calls(client: tf.AsyncTolokaClient, frame: pd.DataFrame) -> None:
    """Coroutines of the client and of `tf.aio`."""
    assert_type(await client.get_pool("1"), tf.Row)
    assert_type(await client.find_pools(sort="-created", limit=5), tf.Row)
    assert_type(await client.find_user_bonuses(user_id="a", sort=["-created", "id"]), tf.Row)
    await client.find_pools(sort="-created", limits=5)  # type: ignore[call-arg]
    assert_type(await client.close_pool("1"), tf.Row)
    assert_type(await client.close_pool_async("1"), tf.Row | None)
    assert_type(await client.create_user_bonuses_async([{}], uuid.uuid4()), tf.Row)
    assert_type(await client.set_user_skill(skill_id="1", user_id="a", value=87.5), tf.Row)
    assert_type(await client.download_attachment("a", "x.png"), Path)
    assert_type(await client.get_assignments_df("1", status="ACCEPTED", field=["ASSIGNMENT:status"]), pd.DataFrame)
    await client.get_assignments_df("1", status=["APPROVED", "REJECTED"])
    await client.get_assignments_df("1", status="APROVED")  # type: ignore[arg-type]
    stats = [{"name": "spent_budget", "subject": "POOL", "subject_id": "1"}]
    assert_type(await client.get_analytics(stats, progress=False), list[tf.Row])
    assert_type(await tf.aio.wait_pool(client, 1), tf.Row)
    assert_type(await tf.aio.wait_pool(client, ["1"]), list[tf.Row])
    assert_type(await tf.aio.watch(client, "1"), tf.PoolWatch)
    assert_type(await tf.aio.pool_metrics(client, ["1"], ["spent_budget"], history=Path("m.parquet")), pd.DataFrame)
    assert_type(tf.pool_metrics(client, "1", "pool_bans_count"), pd.DataFrame)
    tf.pool_metrics(client, "1", "budget_spent")  # type: ignore[arg-type]
    async for items in tf.aio.follow(client.get_app_items("1"), by="finished", until=timedelta(hours=8)):
        assert_type(items, pd.DataFrame)
    assert_type(await client.clone_project("1", reuse_controllers=False), tf.Row)
    assert_type(await client.create_app_items("P", {"items": [{}]}), list[str])
    aggregation = await client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id="1", fields=[{"name": "result"}])
    assert_type(await client.wait_operation(aggregation), tf.Row | None)
    await client.aggregate_solutions_by_pool(type="DAWID", pool_id="1", fields=[])  # type: ignore[arg-type]
    task = tf.Task(input_values={"image": "https://example.com/1.jpg"}, pool_id="1080020")
    operation = await client.create_tasks_async([task], operation_id="0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d")
    await client.wait_operation(operation, timeout=60.0)
    assert_type(await tf.aio.create_tasks(frame, client, "1", allow_defaults=True), pd.DataFrame)
    assert_type(await tf.aio.create_app_items(frame, client, "P"), pd.DataFrame)
    async with tf.AsyncTolokaClient("token", "SANDBOX", retries=tf.Retries(3, ("MIN", "HOUR"))) as other:
        async for row in other.get_pools():
            assert_type(row, tf.Row)


def uploads(client: tf.AsyncTolokaClient, frame: pd.DataFrame) -> None:
    """Uploads."""

    def show(progress: tf.Progress) -> None:
        assert_type(progress.seconds_left, float | None)

    results = frame.pipe(tf.create_tasks, client, pool_id="1080020", allow_defaults=True, progress=show)
    assert_type(results, pd.DataFrame)
    assert_type(frame.pipe(tf.create_app_items, client, "P", batch_id="B", ignore_errors=True), pd.DataFrame)
    assert_type(tf.create_app_batch(frame, client, "P", name="Monday", priority_order="ONE", start=True), pd.DataFrame)
    tf.create_app_batch(frame, client, "P", priority_order="SIX")  # type: ignore[arg-type]
    assert_type(tf.run(client.get_operation("x")), tf.Row)


def local_service() -> None:
    """The local service."""
    with LocalToloka() as toloka:
        assert_type(toloka.async_client(retries=1), tf.AsyncTolokaClient)
        assert_type(toloka.load_export("export.tsv"), str)
        assert_type(toloka.example_pool(control_tasks=1), tf.Row)
        assert_type(toloka.answer("1", workers=5), int)
        assert_type(
            toloka.answer("1", live=True, speed=60, solve=lambda task, worker: {"image": task.id, "who": worker.id}), int
        )


def helpers(frame: pd.DataFrame) -> None:
    """Helpers for `df.pipe`."""
    assert_type(frame.pipe(tf.to_crowdkit, "result", task="INPUT:image"), pd.DataFrame)
    assert_type(frame.pipe(tf.cost, frame, by=["pool", "day"]), pd.DataFrame)
    frame.pipe(tf.quality).pipe(tf.plot_workers).set_title("Workers")
    assert_type(frame.pipe(tf.over_time, timedelta(hours=1)), pd.DataFrame)
    frame.pipe(tf.plot_over_time, "1D").set_title("Days")
    frame.pipe(tf.plot_agreement, "result").set_title("Agreement")
    tf.over_time(frame, 60)  # type: ignore[arg-type]
    assert_type(
        frame.pipe(tf.replay_rules, [tf.rule("INCOME", "income_sum_for_last_24_hours > 1", tf.ban(days=1))]), pd.DataFrame
    )
    assert_type(tf.compare([frame, frame], names=["a", "b"], bans=frame), pd.DataFrame)
    tf.cost(frame, by="month")  # type: ignore[arg-type]


def forms(client: tf.TolokaClient) -> None:
    """Forms of pools and projects."""
    project = tf.project_form("Cat or dog?", inputs={"image": "url"}, outputs={"result": ["cat", "dog"], "why": "string?"})
    assert_type(project, dict[str, Any])
    tf.project_form(inputs={"image": "url"})  # type: ignore[call-arg]
    assert_type(tf.training_form(client.create_project(project), tasks=2, retry_training_after_days=5), dict[str, Any])
    careless = tf.rule("GOLDEN_SET", "correct_answers_rate < 60", tf.ban(days=1), history_size=10)
    tf.rule("GOLD_SET", "correct_answers_rate < 60", tf.ban(days=1))  # type: ignore[arg-type]
    skilled = tf.rule("MAJORITY_VOTE", ["total_answers_count > 4"], tf.set_skill(client.get_skill("1"), "correct_answers_rate"))
    again = tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", tf.change_overlap(1, open_pool=True))
    pool = tf.pool_form(
        client.create_project(project),
        reward=0.05,
        overlap=3,
        mixer=tf.mixer(real=4, golden=1),
        filter=tf.filter("languages in EN", ["client_type == BROWSER", "client_type == TOLOKA_APP"]),
        rules=[careless, skilled, again],
        auto_accept_period_day=7,
    )
    tf.pool_form("1", rewards=0.05)  # type: ignore[call-arg]
    tf.ban(days=0.5)  # type: ignore[arg-type]
    assert_type(client.create_pool(pool), tf.Row)

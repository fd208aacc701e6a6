"""Types that mypy and pyright infer of both clients, of rows and of functions that take a client; nothing runs this file."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, assert_type
from uuid import UUID

import numpy as np
import pandas as pd

import toloka_frames as tf


def calls(client: tf.TolokaClient) -> None:
    """A call of `TolokaClient` returns its result."""
    assert_type(client.get_requester(), tf.Row)
    assert_type(client.get_project("1"), tf.Row)
    assert_type(client.get_app_batch("P", "B"), tf.Row)
    assert_type(client.create_project({"public_name": "Cats"}), tf.Row)
    assert_type(client.find_app_batches("P", sort="-created", limit=5), tf.Row)
    assert_type(client.get_operation_log("x"), list[tf.Row])
    assert_type(client.create_app_items("P", {"items": [{}]}), list[str])
    assert_type(client.clone_project("1", reuse_controllers=False), tf.Row)
    assert_type(client.delete_webhook_subscription("1"), None)
    assert_type(client.download_attachment("a", "x.png"), Path)
    assert_type(client.get_assignments_df("1"), pd.DataFrame)
    assert_type(client.quota(), pd.DataFrame)
    assert_type(client.close(), None)
    client.get_project("1", "2")  # type: ignore[call-arg]
    client.get_project(name="1")  # type: ignore[call-arg]
    client.find_projects(limits=5)  # type: ignore[call-arg]
    client.get_projcet("1")  # type: ignore[attr-defined]
    client.aclose()  # type: ignore[attr-defined]


async def awaited_calls(client: tf.AsyncTolokaClient) -> None:
    """A call of `AsyncTolokaClient` is awaited."""
    assert_type(await client.get_requester(), tf.Row)
    assert_type(await client.get_project("1"), tf.Row)
    assert_type(await client.get_app_batch("P", "B"), tf.Row)
    assert_type(await client.create_project({"public_name": "Cats"}), tf.Row)
    assert_type(await client.find_app_batches("P", sort="-created", limit=5), tf.Row)
    assert_type(await client.get_operation_log("x"), list[tf.Row])
    assert_type(await client.create_app_items("P", {"items": [{}]}), list[str])
    assert_type(await client.clone_project("1", reuse_controllers=False), tf.Row)
    assert_type(await client.delete_webhook_subscription("1"), None)
    assert_type(await client.download_attachment("a", "x.png"), Path)
    assert_type(await client.get_assignments_df("1"), pd.DataFrame)
    assert_type(client.quota(), pd.DataFrame)
    assert_type(await client.aclose(), None)
    assert_type(tf.run(client.get_project("1")), tf.Row)
    await client.get_project("1", "2")  # type: ignore[call-arg]
    await client.get_project(name="1")  # type: ignore[call-arg]
    await client.find_projects(limits=5)  # type: ignore[call-arg]
    await client.get_projcet("1")  # type: ignore[attr-defined]
    client.close()  # type: ignore[attr-defined]


async def blocks() -> None:
    """A client in a `with` statement has its own type."""
    with tf.TolokaClient("token") as client:
        assert_type(client, tf.TolokaClient)
    async with tf.AsyncTolokaClient("token") as async_client:
        assert_type(async_client, tf.AsyncTolokaClient)
    assert_type(tf.TolokaClient("token").calls, tf.AsyncTolokaClient)


async def lists(client: tf.TolokaClient, async_client: tf.AsyncTolokaClient) -> None:
    """Lists of both clients are scans."""
    assert_type(client.get_app_batches("P", status="NEW"), tf.Scan)
    assert_type(async_client.get_app_batches("P", status="NEW"), tf.Scan)
    for scan in (client.get_pools("1"), async_client.get_pools("1")):
        assert_type(scan, tf.Scan)
        for row in scan:
            assert_type(row, tf.Row)
        async for row in scan:
            assert_type(row, tf.Row)
        assert_type(scan.head(), pd.DataFrame)
        assert_type(scan.to_dataframe(columns=["id"]), pd.DataFrame)
        assert_type(await tf.aio.head(scan), pd.DataFrame)
        assert_type(await tf.aio.to_dataframe(scan), pd.DataFrame)
    assert_type([batch.id for batch in client.get_app_batches("P")], list[Any])
    client.get_app_batches("P", statsu="NEW")  # type: ignore[call-arg]
    async_client.get_app_batches("P", statsu="NEW")  # type: ignore[call-arg]
    client.get_app_batches()  # type: ignore[call-arg]
    client.get_app_batches("P", status=7)  # type: ignore[arg-type]
    async_client.get_app_batches("P", status=7)  # type: ignore[arg-type]


def rows(client: tf.TolokaClient) -> None:
    """A row is a dict whose keys are attributes too; dict's own names are dict's."""
    row = client.get_pool("1")
    assert_type(row["status"], Any)
    assert_type(row.status, Any)
    assert_type(row.defaults.default_overlap_for_new_tasks, Any)
    assert_type(row.get("status"), Any | None)
    assert_type(list(row), list[str])
    assert_type([name for name, _ in row.items()], list[str])
    row.priority = 5
    as_dict: dict[str, Any] = row
    tf.to_dataframe([row, as_dict])


def functions(client: tf.TolokaClient | tf.AsyncTolokaClient, df: pd.DataFrame, folder: Path) -> None:
    """Functions take either client."""
    assert_type(df.pipe(tf.create_tasks, client, "1", allow_defaults=True), pd.DataFrame)
    assert_type(df.pipe(tf.create_task_suites, client, "1", allow_defaults=True), pd.DataFrame)
    assert_type(df.pipe(tf.create_user_bonuses, client, public_title="Thanks"), pd.DataFrame)
    assert_type(df.pipe(tf.create_app_items, client, "P"), pd.DataFrame)
    assert_type(df.pipe(tf.create_app_batch, client, "P", start=True), pd.DataFrame)
    assert_type(df.pipe(tf.set_user_skills, client), pd.DataFrame)
    assert_type(df.pipe(tf.set_user_restrictions, client), pd.DataFrame)
    assert_type(df.pipe(tf.accept_assignments, client, public_comment="Thanks"), pd.DataFrame)
    assert_type(df.pipe(tf.reject_assignments, client, public_comment="No"), pd.DataFrame)
    assert_type(df.pipe(tf.new_rows, client, "1"), pd.DataFrame)
    assert_type(tf.preflight(df, client, 1080020, overlap=3, fee=0.3), tf.Preflight)
    assert_type(tf.preflight(df, client, "1", rows_per_suite=3, verb=tf.create_task_suites), tf.Preflight)
    report = df.pipe(tf.preflight, client, verb=tf.create_user_bonuses)
    assert_type((report.ok, report.price, report.problems), tuple[bool, float | None, pd.DataFrame])
    tf.create_tasks(df, client, "1", max_price=10)
    assert_type(tf.resume("upload", client), pd.DataFrame)
    assert_type(tf.reconcile("upload", client), pd.DataFrame)
    assert_type(tf.sync(client.get_pools(), folder), tf.Synced)
    assert_type(tf.doctor(client), tf.DoctorReport)
    assert_type(tf.doctor(client).is_well, bool)
    tf.create_tasks(df, client, "1", alow_defaults=True)  # type: ignore[call-arg]
    tf.create_tasks(client, df, "1")  # type: ignore[arg-type]
    tf.create_tasks(df, "1")  # type: ignore[arg-type]


async def async_functions(client: tf.TolokaClient | tf.AsyncTolokaClient, df: pd.DataFrame, folder: Path) -> None:
    """The coroutines of `tf.aio` take either client."""
    assert_type(await tf.aio.create_tasks(df, client, "1", allow_defaults=True), pd.DataFrame)
    assert_type(await tf.aio.create_task_suites(df, client, "1", allow_defaults=True), pd.DataFrame)
    assert_type(await tf.aio.create_user_bonuses(df, client, public_title="Thanks"), pd.DataFrame)
    assert_type(await tf.aio.create_app_items(df, client, "P"), pd.DataFrame)
    assert_type(await tf.aio.create_app_batch(df, client, "P", start=True), pd.DataFrame)
    assert_type(await tf.aio.set_user_skills(df, client), pd.DataFrame)
    assert_type(await tf.aio.set_user_restrictions(df, client), pd.DataFrame)
    assert_type(await tf.aio.accept_assignments(df, client), pd.DataFrame)
    assert_type(await tf.aio.reject_assignments(df, client, public_comment="No"), pd.DataFrame)
    assert_type(await tf.aio.new_rows(df, client, "1"), pd.DataFrame)
    assert_type(await tf.aio.preflight(df, client, "1"), tf.Preflight)
    assert_type(await tf.aio.resume("upload", client), pd.DataFrame)
    assert_type(await tf.aio.reconcile("upload", client), pd.DataFrame)
    assert_type(await tf.aio.sync(client.get_pools(), folder), tf.Synced)
    await tf.aio.create_tasks(df, client, "1", alow_defaults=True)  # type: ignore[call-arg]


class Statuses(Enum):
    """Statuses as Toloka-Kit has them."""

    SUBMITTED = "SUBMITTED"


class PoolOfTolokaKit:
    """An object with an id."""

    def __init__(self) -> None:
        self.id = "1080020"


def values_in_every_form(client: tf.TolokaClient, frame: pd.DataFrame, pool: tf.Row) -> None:
    """Ids, enumerations and timestamps in every form."""
    identifier = UUID("0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d")
    for pool_id in ("1080020", 1080020, np.int64(1080020), identifier, Statuses.SUBMITTED, pool, {"id": 1}, PoolOfTolokaKit()):
        assert_type(client.get_pool(pool_id), tf.Row)
    client.get_assignments(pool, status=Statuses.SUBMITTED)
    client.get_assignments(pool, status={Statuses.SUBMITTED})
    client.get_assignments(pool, status=("SUBMITTED", Statuses.SUBMITTED))
    client.get_assignments(pool, status=("SUBMITED",))  # type: ignore[arg-type]
    client.get_app_projects(requester_ids=[1, identifier])
    client.get_tasks(1080020, created_gte=np.datetime64("2026-01-01"), created_lt=pd.Timestamp("2026-02-01"))
    client.get_pool(1080020.0)  # type: ignore[arg-type]
    client.get_pool(None)  # type: ignore[arg-type]
    assert_type(tf.create_tasks(frame, client, pool, overlap=1, upload_id=identifier), pd.DataFrame)
    assert_type(frame.pipe(tf.create_app_items, client, PoolOfTolokaKit(), batch_id=identifier), pd.DataFrame)
    assert_type(tf.new_rows(frame, client, 1080020), pd.DataFrame)

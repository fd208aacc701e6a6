"""Copies: an interrupted pull resumes, each row is in the copy once, and `tf.sync` adds new rows and replaces changed ones."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.assignment_list_server import AssignmentList
from support.child_process import child_process
from support.forked_scripts import run_script
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._reading.manifest import Manifest, read_manifest
from toloka_frames._reading.parts import CopyFolder
from toloka_frames._schema.lists import ASSIGNMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toloka_frames._schema.lists import Resource

KILLS = int(os.environ.get("SOAK_POINTS", "3"))
NO_LAG = timedelta(0)


@pytest.fixture
def assignments(scripted: Scripted) -> AssignmentList:
    assignments = AssignmentList()
    scripted.answers = [assignments]
    return assignments


@pytest.fixture
def scan(scripted: Scripted, assignments: AssignmentList) -> tf.Scan:
    """A scan of the assignments in pages of 10."""
    assert scripted.answers == [assignments]
    return scan_of(scripted)


def scan_of(scripted: Scripted, batch_size: int = 10, **filters: Any) -> tf.Scan:
    return scripted.async_client(retries=1).get_assignments(pool_id="1", batch_size=batch_size, **filters)


def ids(count: int, start: int = 0) -> list[str]:
    return [f"{number:08}" for number in range(start, start + count)]


def rows_of(folder: Path) -> dict[str, str]:
    """Return the statuses by id, as a reader of `*.parquet` sees them, and check that no row is there twice."""
    tables = [
        pq.read_table(file, columns=["ASSIGNMENT:assignment_id", "ASSIGNMENT:status"]) for file in folder.glob("*.parquet")
    ]
    rows = [pair for table in tables for pair in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def page_requests(scripted: Scripted) -> int:
    """Return the number of requests for rows to copy; the last request of a sync counts the rows that are too young."""
    pages = [request for request in scripted.requests if "/assignments" in request]
    return sum("created_gt=" not in request or "created_lte=" in request for request in pages)


def failing_after(assignments: AssignmentList, responses: int) -> list[Any]:
    """Return this number of responses, then an error, then responses again."""
    return [*[assignments] * responses, reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500), assignments]


# Resumable pulls


def test_a_resumable_pull_has_the_rows_of_the_list(scan: tf.Scan, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(35))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    assert folder == tmp_path / "copy"
    assert rows_of(folder) == assignments.statuses
    assert sorted(file.name for file in folder.iterdir()) == ["_lock", "_manifest.json", "part-00000.parquet"]
    assert pq.read_table(folder).equals(scan.to_arrow())
    assert ds.dataset(folder).schema.equals(scan.schema)
    assert duckdb.read_parquet(f"{folder}/*.parquet").shape[0] == 35
    assert len(pl.read_parquet(f"{folder}/*.parquet")) == len(pd.read_parquet(folder)) == 35


def test_no_token_is_in_a_copy(scan: tf.Scan, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(5))
    written = content_of(tf.sync(scan, tmp_path / "copy", lag=NO_LAG).path)
    assert all(b"token-that-nobody-may-see" not in content for content in written.values())


def test_a_part_ends_with_the_page_that_reaches_100_000_rows(
    scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(130_000))
    folder = scan_of(scripted, 30_000).to_parquet(tmp_path / "copy", resume=True)
    assert tf.verify(folder)["rows"].tolist() == [120_000, 10_000]
    assert rows_of(folder) == assignments.statuses


def test_a_part_ends_early_if_rows_are_large(scripted: Scripted, tmp_path: Path) -> None:
    rows = [{"id": str(number), "public_name": f"{number:08}" * 2_000_000} for number in range(1, 8)]
    pages = [reply({"items": [row], "has_more": row is not rows[-1]}) for row in rows]
    scripted.answers = [reply({"id": "me"}), *pages]
    folder = scripted.async_client().get_projects(batch_size=1).to_parquet(tmp_path / "copy", resume=True)
    assert tf.verify(folder)["rows"].tolist() == [5, 2]


def test_the_copy_of_an_empty_list_has_a_part_with_its_columns(scan: tf.Scan, tmp_path: Path) -> None:
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    assert pq.read_table(folder).equals(scan.schema.empty_table())
    assert tf.verify(folder)["rows"].tolist() == [0]


def test_a_failed_pull_resumes_after_the_rows_on_disk(
    scripted: Scripted, scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(95))
    scripted.answers = failing_after(assignments, 7)  # the requester, pool, project and four pages
    with pytest.raises(tf.ScanInterrupted, match="same call"):
        scan.to_parquet(tmp_path / "copy", resume=True)
    assert len(rows_of(tmp_path / "copy")) == 40
    with pytest.raises(tf.CopyError, match="not complete"):
        tf.verify(tmp_path / "copy")
    before = page_requests(scripted)
    scan.to_parquet(tmp_path / "copy", resume=True)
    assert page_requests(scripted) - before == 6
    assert rows_of(tmp_path / "copy") == assignments.statuses
    assert tf.verify(tmp_path / "copy")["rows"].tolist() == [95]


def test_a_complete_pull_requests_no_page_and_says_so(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.add(ids(15))
    scan.to_parquet(tmp_path / "copy", resume=True)
    assignments.add(ids(5, 15))
    before, seen = len(scripted.requests), []
    assert scan.to_parquet(tmp_path / "copy", resume=True, progress=seen.append) == tmp_path / "copy"
    assert len(scripted.requests) == before
    assert "complete since" in str(seen[-1])
    assert len(rows_of(tmp_path / "copy")) == 15


def test_a_pull_has_the_rows_created_before_it_started(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.advance_clock(days=36_500)  # the service's clock is the later one
    expected = assignments.add(ids(40))
    assignments.advance_clock(seconds=2)

    def later(head: str) -> bytes:
        assignments.add(["00000000-late", *ids(20, 40)], seconds=1)
        return assignments(head)

    scripted.answers = [*[assignments] * 4, later, assignments]
    assert sorted(rows_of(scan.to_parquet(tmp_path / "copy", resume=True))) == expected


def test_a_pull_misses_no_row_if_the_clock_of_the_service_is_behind(
    scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(40))
    assignments.advance_clock(days=-1)
    assert rows_of(scan.to_parquet(tmp_path / "copy", resume=True)) == assignments.statuses


def test_a_sync_misses_no_later_row_if_the_clock_of_the_service_is_ahead(
    scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(5))
    assignments.advance_clock(days=36_500)
    assert tf.sync(scan, tmp_path / "copy", lag=NO_LAG).rows == 5
    until = cast("Manifest", read_manifest(tmp_path / "copy")).until
    assert "2026-01-01" < (until or "") <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"


def test_a_pull_keeps_a_given_upper_bound(scripted: Scripted, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(10), seconds=60)
    scan = scan_of(scripted, created_lte="2026-01-01T00:05:00")
    assert sorted(rows_of(scan.to_parquet(tmp_path / "copy", resume=True))) == ids(5)


def test_a_list_without_creation_times_can_be_pulled_into_parts(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [reply({"id": "me"}), reply({"content": [{"id": "a"}, {"id": "b"}], "has_more": False})]
    folder = scripted.async_client().get_apps().to_parquet(tmp_path / "copy", resume=True)
    assert pq.read_table(folder)["id"].to_pylist() == ["a", "b"]
    assert all("created" not in request for request in scripted.requests)


def test_async_code_pulls_into_parts_and_syncs(scan: tf.Scan, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(15))
    assignments.advance_clock(minutes=5)

    async def use() -> tf.Synced:
        assert await tf.aio.to_parquet(scan, tmp_path / "copy", resume=True) == tmp_path / "copy"
        return await tf.aio.sync(scan, tmp_path / "synced")

    assert asyncio.run(use()) == tf.Synced(tmp_path / "synced", 15, 0, 15)
    assert rows_of(tmp_path / "copy") == rows_of(tmp_path / "synced") == assignments.statuses


def test_resume_is_rejected_for_rows_that_are_not_a_scan(tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="scan"):
        tf.to_parquet([{"a": 1}], tmp_path / "x", resume=True)
    with pytest.raises(tf.InputError, match="scan"):
        asyncio.run(tf.aio.to_parquet([{"a": 1}], tmp_path / "x", resume=True))


def test_a_copy_of_something_else_is_rejected_and_left_unchanged(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.add(ids(15))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    scripted.answers = failing_after(assignments, 4)
    with pytest.raises(tf.ScanInterrupted):
        scan_of(scripted).to_parquet(tmp_path / "unfinished", resume=True)
    before = content_of(folder), content_of(tmp_path / "unfinished")
    with pytest.raises(tf.CopyError, match="its query is") as caught:
        scan_of(scripted, status="ACCEPTED").to_parquet(folder, resume=True)
    assert caught.value.path == folder
    with pytest.raises(tf.CopyError, match="its made_by is 'to_parquet'"):
        tf.sync(scan, folder)
    with pytest.raises(tf.CopyError, match="its list is 'assignments'"):
        scripted.async_client().get_pools().to_parquet(folder, resume=True)
    assignments.fields = {"text": {"type": "integer"}, "more": {"type": "string"}}
    with pytest.raises(tf.CopyError, match=r"its columns differ in INPUT:more, INPUT:text"):
        scan_of(scripted).to_parquet(tmp_path / "unfinished", resume=True)
    assignments.account = "requester-2"
    with pytest.raises(tf.CopyError, match="its account is 'requester-1', not 'requester-2'"):
        scan_of(scripted).to_parquet(folder, resume=True)
    assert (content_of(folder), content_of(tmp_path / "unfinished")) == before


def make_copy(kind: str, scan: tf.Scan, folder: Path) -> None:
    if kind == "sync":
        tf.sync(scan, folder, lag=NO_LAG)
    else:
        scan.to_parquet(folder, resume=True)


@pytest.mark.parametrize("kind", ["sync", "to_parquet"])
def test_a_copy_waits_until_its_account_is_known(
    kind: str, scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(15))
    assignments.account = None
    for _ in range(2):
        with pytest.raises(tf.ConfigurationError, match="not known") as caught:
            make_copy(kind, scan_of(scripted), tmp_path / "copy")
        assert "act_under_account_id=" in caught.value.hint
        assert not (tmp_path / "copy").exists()
    client = scripted.async_client(act_under_account_id="requester-1")
    make_copy(kind, client.get_assignments(pool_id="1"), tmp_path / "copy")
    assignments.account = "requester-1"
    make_copy(kind, scan_of(scripted), tmp_path / "copy")
    assert len(pd.read_parquet(tmp_path / "copy")) == 15


@pytest.mark.parametrize("kind", ["sync", "to_parquet"])
def test_a_copy_whose_account_was_the_url_in_an_earlier_release_is_continued(
    kind: str, scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(15))
    assignments.advance_clock(seconds=5)
    make_copy(kind, scan_of(scripted), tmp_path / "copy")
    for url, same_service in {scripted.url.replace("http", "HTTP") + "/": True, "http://127.0.0.1:1": False}.items():
        manifest = read_manifest(tmp_path / "copy")
        assert manifest is not None
        (tmp_path / "copy" / "_manifest.json").write_bytes(dataclasses.replace(manifest, account=url).to_json())
        if same_service:
            make_copy(kind, scan_of(scripted), tmp_path / "copy")
        else:
            with pytest.raises(tf.CopyError, match="its account is"):
                make_copy(kind, scan_of(scripted), tmp_path / "copy")
    assert len(pd.read_parquet(tmp_path / "copy")) == 15


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_second_call_on_a_folder_is_rejected_while_the_first_runs(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.add(ids(15))
    errors: list[tf.CopyError] = []

    def meanwhile(head: str) -> bytes:
        with Scripted() as other:
            other.answers = [assignments]
            with pytest.raises(tf.CopyError, match="another call") as caught:
                subprocess_pull(other, tmp_path / "copy")
            errors.append(caught.value)
        return assignments(head)

    scripted.answers = [*[assignments] * 3, meanwhile, assignments]
    assert rows_of(scan.to_parquet(tmp_path / "copy", resume=True)) == assignments.statuses
    assert len(errors) == 1


def subprocess_pull(server: Scripted, folder: Path) -> None:
    """Run the same pull in another process, and raise its error here."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(pull_in_process, (server.url, str(folder)))


def pull_in_process(url: str, folder: str) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url)
    client.get_assignments(pool_id="1", batch_size=10).to_parquet(folder, resume=True)


# tf.sync


def test_a_sync_adds_and_counts_new_rows(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(25), "ACCEPTED")
    assignments.advance_clock(minutes=2)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=25, changed=0, rows=25)
    assignments.add(ids(12, 25), "ACCEPTED")
    assignments.advance_clock(minutes=2)
    assert tf.sync(scan_of(scripted), folder) == tf.Synced(folder, added=12, changed=0, rows=37)
    assert tf.sync(scan_of(scripted), folder) == tf.Synced(folder, added=0, changed=0, rows=37)
    assert rows_of(folder) == assignments.statuses
    assert tf.verify(folder)["file"].tolist() == ["part-00000.parquet"]


def test_a_sync_stays_a_minute_behind_by_default(scan: tf.Scan, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(10), seconds=10)
    assert tf.sync(scan, tmp_path / "copy") == tf.Synced(tmp_path / "copy", added=4, changed=0, rows=4, too_young=6)
    assert tf.sync(scan, tmp_path / "copy", lag=timedelta(seconds=30)).added == 3
    assert tf.sync(scan, tmp_path / "copy", lag=timedelta(hours=1)) == tf.Synced(tmp_path / "copy", 0, 0, 7, too_young=3)
    assert tf.sync(scan, tmp_path / "copy", lag=NO_LAG).added == 3
    assert rows_of(tmp_path / "copy") == assignments.statuses


def test_the_display_of_a_sync_says_how_many_rows_are_too_young(
    scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(10), seconds=10)
    seen: list[tf.Progress] = []
    tf.sync(scan, tmp_path / "copy", progress=seen.append)
    assert "6 rows are younger than lag=0:01:00" in seen[-1].note


def test_a_damaged_part_is_found_by_its_size_when_a_complete_copy_is_resumed_or_synced(
    scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(25))
    calls = {
        tmp_path / "pulled": lambda: scan.to_parquet(tmp_path / "pulled", resume=True),
        tmp_path / "synced": lambda: tf.sync(scan, tmp_path / "synced", lag=NO_LAG),
    }
    for folder, call in calls.items():
        call()
        part = folder / "part-00000.parquet"
        part.write_bytes(part.read_bytes()[:-1])
        with pytest.raises(tf.CopyError, match=r"part-00000\.parquet in .* is damaged: it has [\d,]+ bytes"):
            call()


def test_rows_that_can_still_change_are_requested_again_and_final_ones_are_not(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(100), "ACCEPTED")
    for id_ in ("00000003", "00000004", "00000050", "00000097"):
        assignments.statuses[id_] = "SUBMITTED"
    assignments.advance_clock(minutes=2)
    tf.sync(scan, folder)
    assignments.statuses |= {"00000003": "REJECTED", "00000050": "ACCEPTED", "00000004": "ACCEPTED", "00000090": "EXPIRED"}
    before = page_requests(scripted)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=3, rows=100)
    assert page_requests(scripted) - before == 3  # time ranges: 3 and 4, 50, 97
    assert rows_of(folder) == assignments.statuses | {"00000090": "ACCEPTED"}
    assignments.statuses |= {"00000003": "ACCEPTED", "00000097": "SKIPPED"}
    assert tf.sync(scan, folder).changed == 2
    before = page_requests(scripted)
    assert tf.sync(scan, folder).changed == 0
    assert page_requests(scripted) == before
    assert tf.verify(folder)["open_rows"].tolist() == [0]


def test_open_rows_less_than_a_page_apart_share_a_range(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.add(ids(100), "ACCEPTED")
    for id_ in ids(100)[::8]:
        assignments.statuses[id_] = "ACTIVE"
    assignments.advance_clock(minutes=2)
    tf.sync(scan, tmp_path / "copy")
    assignments.statuses = dict.fromkeys(assignments.statuses, "EXPIRED")
    before = page_requests(scripted)
    assert tf.sync(scan, tmp_path / "copy").changed == 13
    assert page_requests(scripted) - before == 10


def test_rows_without_a_creation_time_are_added_and_counted_once_though_every_range_returns_them(
    scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    undated = ["0-undated"]

    def answer(head: str) -> bytes:
        response = assignments(head)
        if "/assignments" not in head:
            return response
        page = json.loads(response.split(b"\r\n\r\n", 1)[1])
        if "id_gt" not in head:
            page["items"] = [*({"id": id_, "status": "ACTIVE"} for id_ in undated), *page["items"]]
        return reply(page, Date=format_datetime(assignments.now, usegmt=True))

    scripted.answers = [answer]
    for round_, rows in enumerate((26, 25, 26)):
        assignments.add(ids(25, 25 * round_), "ACCEPTED")
        assignments.advance_clock(minutes=2)
        shown = {0}
        scan = scan_of(scripted)
        result = tf.sync(scan, tmp_path / "copy", progress=lambda progress, shown=shown: shown.add(progress.rows))
        assert (result.added, max(shown)) == (rows, rows)
        undated = ["0-undated", *(["0-undated-too"] if round_ else [])]
    assert sorted(rows_of(tmp_path / "copy")) == sorted([*undated, *assignments.statuses])


class MillisecondTimestamps(AssignmentList):
    """A service that returns timestamps in milliseconds, but compares them in microseconds."""

    def _row(self, id_: str) -> bytes:
        return re.sub(rb'\d{3}"}$', b'"}', super()._row(id_))


def test_open_rows_are_found_if_timestamps_are_compared_with_more_digits_than_returned(
    scripted: Scripted, tmp_path: Path
) -> None:
    assignments = MillisecondTimestamps()
    scripted.answers = [assignments]
    assignments.add(ids(5), seconds=1.000789)
    assignments.advance_clock(minutes=2)
    tf.sync(scan_of(scripted), tmp_path / "copy")
    assignments.statuses = dict.fromkeys(assignments.statuses, "EXPIRED")
    assert tf.sync(scan_of(scripted), tmp_path / "copy").changed == 5


def test_rows_that_an_older_version_counted_as_open_are_not_requested(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.add(ids(5), "ACCEPTED")
    assignments.advance_clock(minutes=2)
    folder = tf.sync(scan, tmp_path / "copy").path
    with CopyFolder(folder, ASSIGNMENTS.life, cast("Manifest", read_manifest(folder))) as opened:
        opened.update_manifest(parts=tuple(dataclasses.replace(part, open_rows=1) for part in opened.manifest.parts))
    before = page_requests(scripted)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=0, rows=5)
    assert page_requests(scripted) == before


def test_changed_rows_are_replaced_in_every_part(scripted: Scripted, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(105_000), "ACCEPTED", seconds=0.0001)
    open_rows = ids(105_000)[::50_001]
    assignments.statuses |= dict.fromkeys(open_rows, "ACTIVE")
    assignments.advance_clock(minutes=2)
    scan = scan_of(scripted, 25_000)
    tf.sync(scan, tmp_path / "copy")
    assert tf.verify(tmp_path / "copy")["open_rows"].tolist() == [2, 1]
    assignments.statuses |= dict.fromkeys(open_rows, "SKIPPED")
    assert tf.sync(scan, tmp_path / "copy").changed == 3
    assert rows_of(tmp_path / "copy") == assignments.statuses


def test_an_assignment_with_several_tasks_counts_once(scripted: Scripted, tmp_path: Path) -> None:
    assignments = AssignmentList()
    status = ["ACTIVE"]

    def answer(head: str) -> bytes:
        if "/assignments" not in head:
            return assignments(head)
        tasks = [{"id": f"t{number}", "input_values": {"text": "x"}} for number in range(3)]
        row = {"id": "a", "created": "2025-12-01T00:00:00", "status": status[0], "tasks": tasks}
        return reply({"items": [] if "created_gt=" in head else [row], "has_more": False})

    scripted.answers = [answer]
    scan, folder = scan_of(scripted), tmp_path / "copy"
    assert tf.sync(scan, folder) == tf.Synced(folder, added=1, changed=0, rows=1)
    status[0] = "SUBMITTED"
    assignments.advance_clock(minutes=5)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=1, rows=1)
    assert pq.read_table(folder)["ASSIGNMENT:status"].to_pylist() == ["SUBMITTED"] * 3
    assert pq.read_table(folder)["ASSIGNMENT:task_id"].to_pylist() == ["t0", "t1", "t2"]


def test_the_time_of_the_response_does_not_count_as_a_change(scripted: Scripted, tmp_path: Path) -> None:
    requests: list[str] = []

    def batches(head: str) -> bytes:
        requests.append(head)
        row = {
            "id": "b",
            "status": "NEW",
            "created_at": "2025-12-01T00:00:00",
            "current_time": f"2026-01-01T00:00:{len(requests):02}",
        }
        body = {"content": [] if "created_gt=" in head else [row], "has_more": False, "id": "me"}
        return reply(body, Date="Thu, 01 Jan 2026 00:00:00 GMT")

    scripted.answers = [batches]
    scan = scripted.async_client().get_app_batches("p")
    assert tf.sync(scan, tmp_path / "copy").added == 1
    assert tf.sync(scan, tmp_path / "copy").changed == 0
    assert "created_gte" in requests[-2]
    assert "created_lte" not in requests[-1]  # it counts the rows that are too young


def test_reordered_fields_keep_the_column_order_of_the_copy(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    assignments.fields["more"] = {"type": "integer", "required": False}
    assignments.add(ids(25))
    assignments.advance_clock(minutes=2)
    scripted.answers = failing_after(assignments, 5)
    with pytest.raises(tf.ScanInterrupted):
        scan.to_parquet(tmp_path / "pulled", resume=True)
    tf.sync(scan, tmp_path / "synced")
    assignments.fields = dict(reversed(assignments.fields.items()))
    assignments.add(ids(5, 25))
    assignments.statuses["00000003"] = "EXPIRED"
    assignments.advance_clock(minutes=2)
    other = scan_of(scripted)
    assert other.schema.names != scan.schema.names
    assert tf.sync(other, tmp_path / "synced") == tf.Synced(tmp_path / "synced", added=5, changed=1, rows=30)
    other.to_parquet(tmp_path / "pulled", resume=True)
    for folder in (tmp_path / "pulled", tmp_path / "synced"):
        assert pq.read_table(folder).schema.names == scan.schema.names


def test_a_failed_sync_resumes(scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(95))
    assignments.advance_clock(minutes=2)
    scripted.answers = failing_after(assignments, 7)
    with pytest.raises(tf.ScanInterrupted):
        tf.sync(scan, folder)
    assignments.add(ids(10, 95))
    assignments.advance_clock(minutes=2)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=65, changed=0, rows=105)
    assert rows_of(folder) == assignments.statuses


def test_refreshed_rows_are_saved_when_a_later_request_fails(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(95))
    assignments.advance_clock(minutes=2)
    tf.sync(scan, folder)
    assignments.statuses = dict.fromkeys(assignments.statuses, "EXPIRED")
    scripted.answers = failing_after(assignments, 4)
    with pytest.raises(tf.ScanInterrupted) as caught:
        tf.sync(scan, folder)
    assert "run the same call again to resume" in caught.value.__notes__[0]
    assert list(rows_of(folder).values()).count("EXPIRED") == 40
    assert tf.sync(scan, folder).changed == 55


def test_refreshed_rows_are_saved_when_the_first_request_of_the_next_range_fails(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(95), "ACCEPTED")
    assignments.statuses |= {"00000003": "SUBMITTED", "00000090": "SUBMITTED"}
    assignments.advance_clock(minutes=2)
    tf.sync(scan, folder)
    assignments.statuses |= {"00000003": "ACCEPTED", "00000090": "ACCEPTED"}
    scripted.answers = failing_after(assignments, 1)
    with pytest.raises(tf.ApiError) as caught:
        tf.sync(scan, folder)
    assert "The rows fetched so far are in" in caught.value.__notes__[0]
    assert rows_of(folder) == assignments.statuses | {"00000090": "SUBMITTED"}


def test_new_rows_are_added_before_open_rows_are_refreshed(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    assignments.add(ids(95))
    assignments.advance_clock(minutes=2)
    tf.sync(scan, folder)
    assignments.add(ids(10, 95))
    assignments.advance_clock(minutes=2)
    requester = scripted.async_client(retries=1)
    scripted.answers = failing_after(assignments, 6)  # the requester, pool, project, the new rows and two pages
    with pytest.raises(tf.ScanInterrupted):
        tf.sync(requester.get_assignments(pool_id="1", batch_size=10), folder)
    assert rows_of(folder) == assignments.statuses


def test_no_copy_is_started_if_the_first_page_fails(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = failing_after(assignments, 3)
    with pytest.raises(tf.ApiError) as caught:
        tf.sync(scan, tmp_path / "copy")
    assert not hasattr(caught.value, "__notes__")
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["_lock"]


def test_each_of_a_thousand_rows_with_unordered_ids_is_in_the_copy_once(
    scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 -- the same each time
    for round_ in range(6):
        assignments.add([f"{chance.getrandbits(80):020x}" for _ in range(170)], seconds=0.3)
        for id_ in list(assignments.statuses):
            if assignments.statuses[id_] == "ACTIVE" and chance.random() < 0.5:
                assignments.statuses[id_] = "EXPIRED"
        assignments.advance_clock(seconds=30)
        tf.sync(scan_of(scripted, 40), tmp_path / "copy", lag=timedelta(seconds=20 * (round_ % 3)))
    assignments.advance_clock(minutes=5)
    tf.sync(scan_of(scripted, 40), tmp_path / "copy")
    assert rows_of(tmp_path / "copy") == assignments.statuses


@pytest.mark.parametrize(
    "filters", [{"status": "ACTIVE"}, {"created_lt": "2026-01-01"}, {"submitted_gt": "2026-01-01"}], ids=str
)
def test_a_filter_that_a_row_can_stop_matching_is_rejected_before_the_first_request(
    filters: dict[str, Any], scripted: Scripted, tmp_path: Path
) -> None:
    with pytest.raises(tf.InputError, match=next(iter(filters))) as caught:
        tf.sync(scan_of(scripted, **filters), tmp_path / "copy")
    assert caught.value.column == next(iter(filters))
    assert scripted.requests == []


def test_the_error_for_created_gt_suggests_created_gte(scripted: Scripted, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="created_gte"):
        tf.sync(scan_of(scripted, created_gt="2026-01-01"), tmp_path / "copy")


def test_app_projects_of_a_scope_can_be_synced(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [reply({"id": "me", "content": [], "has_more": False})]
    scan = scripted.async_client().get_app_projects(scope="REQUESTER_LIST", requester_ids=["a", "b"])
    assert tf.sync(scan, tmp_path / "copy").rows == 0


@pytest.mark.parametrize("lag", [timedelta(seconds=-1), timedelta.max, 60, None], ids=str)
def test_an_invalid_lag_is_rejected(scan: tf.Scan, scripted: Scripted, lag: Any, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="lag"):
        tf.sync(scan, tmp_path / "copy", lag=lag)
    assert scripted.requests == []


def test_rows_that_are_not_a_scan_cannot_be_synced(tmp_path: Path) -> None:
    for rows in (None, "tasks", [{"id": "1"}]):
        with pytest.raises(tf.InputError, match="Scan"):
            tf.sync(rows, tmp_path / "copy")  # type: ignore[arg-type]
        with pytest.raises(tf.InputError, match="Scan"):
            asyncio.run(tf.aio.sync(rows, tmp_path / "copy"))  # type: ignore[arg-type]


def test_resume_is_true_or_false(scan: tf.Scan, scripted: Scripted, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="resume='False'"):
        scan.to_parquet(tmp_path / "copy", resume="False")  # type: ignore[arg-type]
    assert scripted.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_single_file_cannot_be_written_over_or_into_a_copy(
    scan: tf.Scan, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(5))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    with pytest.raises(tf.InputError, match="To resume the copy in it, pass resume=True"):
        scan.to_parquet(folder)
    with pytest.raises(tf.InputError, match="Choose another folder"):
        scan.to_parquet(folder / "rows.parquet")
    assert tf.verify(folder)["rows"].tolist() == [5]


def test_a_relative_path_refers_to_the_working_directory_at_the_time_of_the_call(
    scan: tf.Scan, assignments: AssignmentList, scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignments.add(ids(5))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def meanwhile(head: str) -> bytes:
        os.chdir(tmp_path / "elsewhere")
        return assignments(head)

    scripted.answers = [meanwhile]
    assert scan.to_parquet("copy", resume=True) == tmp_path / "copy"
    assert rows_of(tmp_path / "copy") == assignments.statuses
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_lists_without_a_filter_by_creation_time_cannot_be_synced(scripted: Scripted, tmp_path: Path) -> None:
    for scan in (scripted.async_client().get_apps(), scripted.async_client().get_operations()):
        with pytest.raises(tf.InputError, match="creation time"):
            tf.sync(scan, tmp_path / "copy")
    assert scripted.requests == []


def test_a_pull_of_aggregated_solutions_resumes_after_the_last_task(scripted: Scripted, tmp_path: Path) -> None:
    def answer(head: str) -> bytes:
        path, _, query = head.split(" ")[1].partition("?")
        if "aggregated" not in path:
            return reply({"id": "1", "project_id": "1", "parameters": {"pool_id": "1"}, "task_spec": {}})
        if "task_id_gt=b" in query:
            return reply({"items": [{"task_id": "c"}], "has_more": False}) if failed else server_error
        return reply({"items": [{"task_id": "a"}, {"task_id": "b"}], "has_more": True})

    failed: list[tf.ScanInterrupted] = []
    server_error = reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500)
    scripted.answers = [answer]
    scan = scripted.async_client(retries=1).get_aggregated_solutions("op")
    with pytest.raises(tf.ScanInterrupted) as caught:
        scan.to_parquet(tmp_path / "copy", resume=True, progress=False)
    failed.append(caught.value)
    scan.to_parquet(tmp_path / "copy", resume=True, progress=False)
    assert pd.read_parquet(tmp_path / "copy")["task_id"].tolist() == ["a", "b", "c"]
    assert sum("aggregated" in request and "task_id_gt" not in request for request in scripted.requests) == 1


def test_lists_whose_rows_change_without_a_status_cannot_be_synced(scripted: Scripted, tmp_path: Path) -> None:
    client = scripted.async_client()
    untracked = [client.get_skills(), client.get_user_skills(), client.get_user_restrictions()]
    for scan in [*untracked, client.get_message_threads(), client.get_webhook_subscriptions()]:
        with pytest.raises(tf.InputError, match="without a change of status"):
            tf.sync(scan, tmp_path / "copy")
    assert scripted.requests == []


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_the_lifecycle_of_every_list_names_existing_columns(resource: Resource) -> None:
    lifecycle, columns = resource.life, {column.name for column in resource.columns if hasattr(column, "name")}
    assert {lifecycle.id, *filter(None, (lifecycle.created, lifecycle.status)), *lifecycle.volatile_columns} <= columns
    assert ("created_gte" in resource.filters) == (lifecycle.created is not None)
    assert bool(lifecycle.final) == (lifecycle.status is not None)


# Kills, and full disks

CHILD = """
import os, signal, sys, threading
import anyio.to_thread, filelock, httpcore, pyarrow.parquet, tenacity.asyncio  # imports are slow when traced
import toloka_frames as tf
from toloka_frames._reading import atomic_write, parts, resumable, sync

FILES = {module.__file__ for module in (atomic_write, parts, resumable, sync)}

def trace(frame, event, argument):
    return count if frame.f_code.co_filename in FILES else None

def count(frame, event, argument):
    global left
    if event == "line":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return count

def work(verb, url, folder):
    scan = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url).get_assignments(pool_id="1", batch_size=25_000)
    tf.sync(scan, folder) if verb == "sync" else scan.to_parquet(folder, resume=True)

for line in sys.stdin:
    verb, url, folder, at = line.split()
    child = os.fork()
    if not child:
        left = int(at)
        threading.settrace(trace)
        sys.settrace(trace)
        work(verb, url, folder)
        print(int(at) - left, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("killed", flush=True)
"""


class Children:
    """Processes that pull and kill themselves at a line of FILES, each forked from a process that has imported everything."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent

    def run(self, verb: str, url: str, folder: Path, *, killed_at: int = 10**9) -> str:
        """Return "killed", or the number of lines it ran."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(verb, url, folder, killed_at, file=self._parent.stdin, flush=True)
        return self._parent.stdout.readline().strip()


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    with child_process([sys.executable, "-c", CHILD], stdin=subprocess.PIPE) as parent:
        yield Children(parent)


def kill_points(lines: int, seed: int) -> list[int]:
    """Return one line in each of equal parts of a run, so that few kills hit its beginning, its middle and its end."""
    print(f"seed {seed}: {KILLS} of {lines} lines")  # noqa: T201 -- to repeat a failure
    chosen = random.Random(seed)  # noqa: S311 -- the same each time
    return [1 + int(lines * (number + chosen.random()) / KILLS) for number in range(min(KILLS, lines))]


def test_a_pull_killed_at_any_line_resumes_and_has_each_row_once(
    children: Children, scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(105_000), seconds=0.0001)
    lines = int(children.run("pull", scripted.url, tmp_path / "complete"))
    scan = scan_of(scripted, 25_000)
    for point in kill_points(lines, seed=1):
        folder = tmp_path / f"killed-at-{point}"
        assert children.run("pull", scripted.url, folder, killed_at=point) == "killed"
        rows_after_kill = rows_of(folder)
        scan.to_parquet(folder, resume=True)
        assert rows_after_kill.items() <= rows_of(folder).items()
        assert rows_of(folder) == assignments.statuses
        assert tf.verify(folder)["rows"].tolist() == [100_000, 5_000]
        shutil.rmtree(folder)


def test_a_sync_killed_at_any_line_resumes_and_never_loses_or_repeats_a_row(
    children: Children, scripted: Scripted, assignments: AssignmentList, tmp_path: Path
) -> None:
    assignments.add(ids(105_000), "ACCEPTED", seconds=0.0001)
    changing = ids(105_000)[::9_999]
    assignments.statuses |= dict.fromkeys(changing, "ACTIVE")
    assignments.advance_clock(minutes=2)
    assert children.run("sync", scripted.url, tmp_path / "before") != "killed"
    before = dict(assignments.statuses)
    assignments.statuses |= dict.fromkeys(changing, "SUBMITTED")
    assignments.add(ids(20_000, 105_000), seconds=0.0001)
    assignments.advance_clock(minutes=2)
    shutil.copytree(tmp_path / "before", tmp_path / "complete")
    lines = int(children.run("sync", scripted.url, tmp_path / "complete"))
    scan = scan_of(scripted, 25_000)
    for point in kill_points(lines, seed=2):
        folder = tmp_path / f"killed-at-{point}"
        shutil.copytree(tmp_path / "before", folder)
        assert children.run("sync", scripted.url, folder, killed_at=point) == "killed"
        rows_after_kill = rows_of(folder)
        assert before.keys() <= rows_after_kill.keys()
        assert all(status in (before.get(id_), assignments.statuses[id_]) for id_, status in rows_after_kill.items())
        assert tf.sync(scan, folder).rows == 125_000
        assert rows_of(folder) == assignments.statuses
        assert tf.verify(folder)["open_rows"].sum() == 20_000 + len(changing)
        assert not [file for file in folder.iterdir() if file.name.startswith(".")]
        shutil.rmtree(folder)


PULL_WITH_FILE_SIZE_LIMIT = """
import resource, sys
import toloka_frames as tf

url, folder, limit, resume = sys.argv[1:]
sys.dont_write_bytecode = True  # Python does not notice that it writes a part of a module only
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
scan = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url).get_assignments(pool_id="1", batch_size=2_500)
try:
    scan.to_parquet(folder, resume=resume == "resume")
except tf.CopyError as error:
    print(type(error.__cause__).__name__, error)
except OSError as error:
    print(type(error).__name__, error)
"""


def pull_with_file_size_limit(scripted: Scripted, path: Path, limit: int, resume: str) -> str:
    """Return the output of a pull in a process whose files cannot exceed this number of bytes."""
    pytest.importorskip("resource", reason="this system cannot limit a file's size")
    done = run_script(PULL_WITH_FILE_SIZE_LIMIT, scripted.url, path, str(limit), resume, warnings_are_errors=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pull_that_hits_a_full_disk_can_be_resumed(scripted: Scripted, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(10_000), seconds=0.0001)
    complete = scan_of(scripted, 2_500).to_parquet(tmp_path / "complete", resume=True)
    [part] = complete.glob("*.parquet")
    # too small for the part, and for the manifest
    for size in (part.stat().st_size // 2, 1_000):
        folder = tmp_path / f"full-at-{size}"
        output = pull_with_file_size_limit(scripted, folder, size, "resume")
        assert "OSError" in output
        assert "run the same call again: it resumes" in output
        assert [file.name for file in folder.iterdir()] == ["_lock"]
        assert rows_of(scan_of(scripted, 2_500).to_parquet(folder, resume=True)) == assignments.statuses


def test_a_full_disk_leaves_no_incomplete_file(scripted: Scripted, assignments: AssignmentList, tmp_path: Path) -> None:
    assignments.add(ids(10_000), seconds=0.0001)
    assert "OSError" in pull_with_file_size_limit(scripted, tmp_path / "rows.parquet", 10_000, "no")
    assert list(tmp_path.iterdir()) == []

"""A copy goes on where it was stopped, holds each row once, and follows what is new and what changes."""

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
from typing import TYPE_CHECKING, Any, Self, cast

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.assignment_list_server import Shelf
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._reading.manifest import Manifest, read_manifest
from toloka_frames._reading.parts import Folder
from toloka_frames._schema.lists import ASSIGNMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toloka_frames._schema.lists import Resource

KILLS = int(os.environ.get("SOAK_POINTS", "6"))
NO_LAG = timedelta(0)


@pytest.fixture
def shelf(scripted: Scripted) -> Shelf:
    shelf = Shelf()
    scripted.answers = [shelf]
    return shelf


@pytest.fixture
def scan(scripted: Scripted, shelf: Shelf) -> tf.Scan:
    """The assignments of the shelf, in pages of 10."""
    assert scripted.answers == [shelf]
    return scan_of(scripted)


def scan_of(scripted: Scripted, batch_size: int = 10, **filters: Any) -> tf.Scan:
    return scripted.client(retries=1).get_assignments(pool_id="1", batch_size=batch_size, **filters)


def ids(count: int, start: int = 0) -> list[str]:
    return [f"{number:08}" for number in range(start, start + count)]


def rows_of(folder: Path) -> dict[str, str]:
    """The statuses in the parts of a folder by id, as one sees them who reads `*.parquet`; no row is there twice."""
    tables = [
        pq.read_table(file, columns=["ASSIGNMENT:assignment_id", "ASSIGNMENT:status"]) for file in folder.glob("*.parquet")
    ]
    rows = [pair for table in tables for pair in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def pages_asked(scripted: Scripted) -> int:
    return sum("/assignments" in request for request in scripted.requests)


def failing_after(shelf: Shelf, pages: int) -> list[Any]:
    """Answers of the shelf, then an error, then the shelf again."""
    return [*[shelf] * pages, reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500), shelf]


# A pull into parts


def test_a_pull_into_parts_holds_what_the_list_holds(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(35))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    assert folder == tmp_path / "copy"
    assert rows_of(folder) == shelf.states
    assert sorted(file.name for file in folder.iterdir()) == ["_lock", "_manifest.json", "part-00000.parquet"]
    assert pq.read_table(folder).equals(scan.to_arrow())
    assert ds.dataset(folder).schema.equals(scan.schema)
    assert duckdb.read_parquet(f"{folder}/*.parquet").shape[0] == 35
    assert len(pl.read_parquet(f"{folder}/*.parquet")) == len(pd.read_parquet(folder)) == 35


def test_no_token_is_in_a_copy(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(5))
    written = content_of(tf.sync(scan, tmp_path / "copy", lag=NO_LAG).path)
    assert all(b"token-that-nobody-may-see" not in content for content in written.values())


def test_parts_have_a_hundred_thousand_rows_and_whole_pages(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(230_000))
    folder = scan_of(scripted, 30_000).to_parquet(tmp_path / "copy", resume=True)
    assert tf.verify(folder)["rows"].tolist() == [120_000, 110_000]
    assert rows_of(folder) == shelf.states


def test_parts_are_cut_early_where_rows_are_large(scripted: Scripted, tmp_path: Path) -> None:
    rows = [{"id": str(number), "public_name": f"{number:08}" * 2_000_000} for number in range(1, 8)]
    pages = [reply({"items": [row], "has_more": row is not rows[-1]}) for row in rows]
    scripted.answers = [reply({"id": "me"}), *pages]
    folder = scripted.client().get_projects(batch_size=1).to_parquet(tmp_path / "copy", resume=True)
    assert tf.verify(folder)["rows"].tolist() == [5, 2]


def test_an_empty_list_has_a_part_that_knows_the_columns(scan: tf.Scan, tmp_path: Path) -> None:
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    assert pq.read_table(folder).equals(scan.schema.empty_table())
    assert tf.verify(folder)["rows"].tolist() == [0]


def test_a_pull_that_fails_goes_on_behind_what_came(scripted: Scripted, scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(95))
    scripted.answers = failing_after(shelf, 7)  # the requester, pool, project and four pages
    with pytest.raises(tf.ScanInterrupted, match="same call"):
        scan.to_parquet(tmp_path / "copy", resume=True)
    assert len(rows_of(tmp_path / "copy")) == 40
    with pytest.raises(tf.CopyError, match="not complete"):
        tf.verify(tmp_path / "copy")
    before = pages_asked(scripted)
    scan.to_parquet(tmp_path / "copy", resume=True)
    assert pages_asked(scripted) - before == 6
    assert rows_of(tmp_path / "copy") == shelf.states
    assert tf.verify(tmp_path / "copy")["rows"].tolist() == [95]


def test_a_complete_pull_asks_for_no_row_and_says_so(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    shelf.add(ids(15))
    scan.to_parquet(tmp_path / "copy", resume=True)
    shelf.add(ids(5, 15))
    before, seen = len(scripted.requests), []
    assert scan.to_parquet(tmp_path / "copy", resume=True, progress=seen.append) == tmp_path / "copy"
    assert len(scripted.requests) == before
    assert "complete since" in str(seen[-1])
    assert len(rows_of(tmp_path / "copy")) == 15


def test_a_pull_holds_what_was_there_at_its_beginning(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    shelf.wait(days=36_500)  # so that our clock is not the later one
    there = shelf.add(ids(40))
    shelf.wait(seconds=2)

    def later(head: str) -> bytes:
        shelf.add(["00000000-late", *ids(20, 40)], seconds=1)
        return shelf(head)

    scripted.answers = [*[shelf] * 4, later, shelf]
    assert sorted(rows_of(scan.to_parquet(tmp_path / "copy", resume=True))) == there


def test_a_service_whose_clock_is_late_keeps_no_row_from_a_pull(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(40))
    shelf.wait(days=-1)
    assert rows_of(scan.to_parquet(tmp_path / "copy", resume=True)) == shelf.states


def test_a_service_whose_clock_is_early_does_not_make_a_sync_pass_what_is_to_come(
    scan: tf.Scan, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add(ids(5))
    shelf.wait(days=36_500)
    assert tf.sync(scan, tmp_path / "copy", lag=NO_LAG).rows == 5
    until = cast("Manifest", read_manifest(tmp_path / "copy")).until
    assert "2026-01-01" < (until or "") <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"


def test_a_bound_that_was_given_is_kept(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(10), seconds=60)
    scan = scan_of(scripted, created_lte="2026-01-01T00:05:00")
    assert sorted(rows_of(scan.to_parquet(tmp_path / "copy", resume=True))) == ids(5)


def test_a_list_without_a_time_of_creation_is_pulled_into_parts_too(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [reply({"id": "me"}), reply({"content": [{"id": "a"}, {"id": "b"}], "has_more": False})]
    folder = scripted.client().get_apps().to_parquet(tmp_path / "copy", resume=True)
    assert pq.read_table(folder)["id"].to_pylist() == ["a", "b"]
    assert all("created" not in request for request in scripted.requests)


def test_async_code_pulls_into_parts_and_syncs(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(15))
    shelf.wait(minutes=5)

    async def use() -> tf.Synced:
        assert await tf.aio.to_parquet(scan, tmp_path / "copy", resume=True) == tmp_path / "copy"
        return await tf.aio.sync(scan, tmp_path / "synced")

    assert asyncio.run(use()) == tf.Synced(tmp_path / "synced", 15, 0, 15)
    assert rows_of(tmp_path / "copy") == rows_of(tmp_path / "synced") == shelf.states


def test_rows_from_elsewhere_cannot_be_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="scan"):
        tf.to_parquet([{"a": 1}], tmp_path / "x", resume=True)
    with pytest.raises(tf.InputError, match="scan"):
        asyncio.run(tf.aio.to_parquet([{"a": 1}], tmp_path / "x", resume=True))


def test_a_copy_of_something_else_is_refused_and_left_alone(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    shelf.add(ids(15))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    scripted.answers = failing_after(shelf, 4)
    with pytest.raises(tf.ScanInterrupted):
        scan_of(scripted).to_parquet(tmp_path / "begun", resume=True)
    before = content_of(folder), content_of(tmp_path / "begun")
    with pytest.raises(tf.CopyError, match="its query is") as caught:
        scan_of(scripted, status="ACCEPTED").to_parquet(folder, resume=True)
    assert caught.value.path == folder
    with pytest.raises(tf.CopyError, match="its made_by is 'to_parquet'"):
        tf.sync(scan, folder)
    with pytest.raises(tf.CopyError, match="its list is 'assignments'"):
        scripted.client().get_pools().to_parquet(folder, resume=True)
    shelf.fields = {"text": {"type": "integer"}, "more": {"type": "string"}}
    with pytest.raises(tf.CopyError, match=r"its columns differ in INPUT:more, INPUT:text"):
        scan_of(scripted).to_parquet(tmp_path / "begun", resume=True)
    shelf.account = "requester-2"
    with pytest.raises(tf.CopyError, match="its account is 'requester-1', and not 'requester-2'"):
        scan_of(scripted).to_parquet(folder, resume=True)
    assert (content_of(folder), content_of(tmp_path / "begun")) == before


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_two_calls_on_one_folder_at_once_are_refused(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    shelf.add(ids(15))
    errors: list[tf.CopyError] = []

    def meanwhile(head: str) -> bytes:
        with Scripted() as other:
            other.answers = [shelf]
            with pytest.raises(tf.CopyError, match="another call") as caught:
                subprocess_pull(other, tmp_path / "copy")
            errors.append(caught.value)
        return shelf(head)

    scripted.answers = [*[shelf] * 3, meanwhile, shelf]
    assert rows_of(scan.to_parquet(tmp_path / "copy", resume=True)) == shelf.states
    assert len(errors) == 1


def subprocess_pull(server: Scripted, folder: Path) -> None:
    """The same pull in another process; its error is raised here."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(pull_in_process, (server.url, str(folder)))


def pull_in_process(url: str, folder: str) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url)
    client.get_assignments(pool_id="1", batch_size=10).to_parquet(folder, resume=True)


# A copy that is brought up to date


def test_a_sync_adds_what_is_new_and_counts_it(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(25), "ACCEPTED")
    shelf.wait(minutes=2)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=25, changed=0, rows=25)
    shelf.add(ids(12, 25), "ACCEPTED")
    shelf.wait(minutes=2)
    assert tf.sync(scan_of(scripted), folder) == tf.Synced(folder, added=12, changed=0, rows=37)
    assert tf.sync(scan_of(scripted), folder) == tf.Synced(folder, added=0, changed=0, rows=37)
    assert rows_of(folder) == shelf.states
    assert tf.verify(folder)["file"].tolist() == ["part-00000.parquet"]


def test_a_sync_stays_a_minute_behind_unless_told_otherwise(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(10), seconds=10)
    assert tf.sync(scan, tmp_path / "copy").rows == 4
    assert tf.sync(scan, tmp_path / "copy", lag=timedelta(seconds=30)).added == 3
    assert tf.sync(scan, tmp_path / "copy", lag=timedelta(hours=1)) == tf.Synced(tmp_path / "copy", 0, 0, 7)
    assert tf.sync(scan, tmp_path / "copy", lag=NO_LAG).added == 3
    assert rows_of(tmp_path / "copy") == shelf.states


def test_rows_that_can_still_change_are_asked_for_again_and_final_ones_are_not(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(100), "ACCEPTED")
    for each in ("00000003", "00000004", "00000050", "00000097"):
        shelf.states[each] = "SUBMITTED"
    shelf.wait(minutes=2)
    tf.sync(scan, folder)
    shelf.states |= {"00000003": "REJECTED", "00000050": "ACCEPTED", "00000004": "ACCEPTED", "00000090": "EXPIRED"}
    before = pages_asked(scripted)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=3, rows=100)
    assert pages_asked(scripted) - before == 3  # windows of created: 3 and 4, 50, 97
    assert rows_of(folder) == shelf.states | {"00000090": "ACCEPTED"}
    shelf.states |= {"00000003": "ACCEPTED", "00000097": "SKIPPED"}
    assert tf.sync(scan, folder).changed == 2
    before = pages_asked(scripted)
    assert tf.sync(scan, folder).changed == 0
    assert pages_asked(scripted) == before
    assert tf.verify(folder)["open_rows"].tolist() == [0]


def test_open_rows_with_less_than_a_page_between_them_are_asked_for_together(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    shelf.add(ids(100), "ACCEPTED")
    for each in ids(100)[::8]:
        shelf.states[each] = "ACTIVE"
    shelf.wait(minutes=2)
    tf.sync(scan, tmp_path / "copy")
    shelf.states = dict.fromkeys(shelf.states, "EXPIRED")
    before = pages_asked(scripted)
    assert tf.sync(scan, tmp_path / "copy").changed == 13
    assert pages_asked(scripted) - before == 10


def test_rows_without_a_time_of_creation_are_added_once_though_every_window_has_them(
    scripted: Scripted, shelf: Shelf, tmp_path: Path
) -> None:
    undated = ["0-undated"]

    def answer(head: str) -> bytes:
        said = shelf(head)
        if "/assignments" not in head:
            return said
        page = json.loads(said.split(b"\r\n\r\n", 1)[1])
        if "id_gt" not in head:
            page["items"] = [*({"id": each, "status": "ACTIVE"} for each in undated), *page["items"]]
        return reply(page, Date=format_datetime(shelf.now, usegmt=True))

    scripted.answers = [answer]
    for round_, rows in enumerate((26, 25, 26)):
        shelf.add(ids(25, 25 * round_), "ACCEPTED")
        shelf.wait(minutes=2)
        assert tf.sync(scan_of(scripted), tmp_path / "copy").added == rows
        undated = ["0-undated", *(["0-undated-too"] if round_ else [])]
    assert sorted(rows_of(tmp_path / "copy")) == sorted([*undated, *shelf.states])


class Milliseconds(Shelf):
    """A service that shows instants in milliseconds, and compares them as they are."""

    def _row(self, each: str) -> bytes:
        return re.sub(rb'\d{3}"}$', b'"}', super()._row(each))


def test_open_rows_are_found_where_more_of_their_time_is_compared_than_shown(scripted: Scripted, tmp_path: Path) -> None:
    shelf = Milliseconds()
    scripted.answers = [shelf]
    shelf.add(ids(5), seconds=1.000789)
    shelf.wait(minutes=2)
    tf.sync(scan_of(scripted), tmp_path / "copy")
    shelf.states = dict.fromkeys(shelf.states, "EXPIRED")
    assert tf.sync(scan_of(scripted), tmp_path / "copy").changed == 5


def test_rows_that_an_older_version_took_for_open_are_not_asked_for(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    shelf.add(ids(5), "ACCEPTED")
    shelf.wait(minutes=2)
    folder = tf.sync(scan, tmp_path / "copy").path
    with Folder(folder, ASSIGNMENTS.life, cast("Manifest", read_manifest(folder))) as opened:
        opened.note(parts=tuple(dataclasses.replace(part, open_rows=1) for part in opened.manifest.parts))
    before = pages_asked(scripted)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=0, rows=5)
    assert pages_asked(scripted) == before


def test_every_part_is_followed(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(150_000), "ACCEPTED", seconds=0.0001)
    open_rows = ids(150_000)[::50_001]
    shelf.states |= dict.fromkeys(open_rows, "ACTIVE")
    shelf.wait(minutes=2)
    scan = scan_of(scripted, 25_000)
    tf.sync(scan, tmp_path / "copy")
    assert tf.verify(tmp_path / "copy")["open_rows"].tolist() == [2, 1]
    shelf.states |= dict.fromkeys(open_rows, "SKIPPED")
    assert tf.sync(scan, tmp_path / "copy").changed == 3
    assert rows_of(tmp_path / "copy") == shelf.states


def test_an_assignment_counts_once_though_it_has_a_row_for_each_task(scripted: Scripted, tmp_path: Path) -> None:
    shelf = Shelf()
    status = ["ACTIVE"]

    def assignments(head: str) -> bytes:
        if "/assignments" not in head:
            return shelf(head)
        tasks = [{"id": f"t{number}", "input_values": {"text": "x"}} for number in range(3)]
        row = {"id": "a", "created": "2025-12-01T00:00:00", "status": status[0], "tasks": tasks}
        return reply({"items": [] if "created_gt=" in head else [row], "has_more": False})

    scripted.answers = [assignments]
    scan, folder = scan_of(scripted), tmp_path / "copy"
    assert tf.sync(scan, folder) == tf.Synced(folder, added=1, changed=0, rows=1)
    status[0] = "SUBMITTED"
    shelf.wait(minutes=5)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=0, changed=1, rows=1)
    assert pq.read_table(folder)["ASSIGNMENT:status"].to_pylist() == ["SUBMITTED"] * 3
    assert pq.read_table(folder)["ASSIGNMENT:task_id"].to_pylist() == ["t0", "t1", "t2"]


def test_the_time_of_asking_is_no_change(scripted: Scripted, tmp_path: Path) -> None:
    asked: list[str] = []

    def batches(head: str) -> bytes:
        asked.append(head)
        row = {
            "id": "b",
            "status": "NEW",
            "created_at": "2025-12-01T00:00:00",
            "current_time": f"2026-01-01T00:00:{len(asked):02}",
        }
        body = {"content": [] if "created_gt=" in head else [row], "has_more": False, "id": "me"}
        return reply(body, Date="Thu, 01 Jan 2026 00:00:00 GMT")

    scripted.answers = [batches]
    scan = scripted.client().get_app_batches("p")
    assert tf.sync(scan, tmp_path / "copy").added == 1
    assert tf.sync(scan, tmp_path / "copy").changed == 0
    assert "created_gte" in asked[-1]


def test_fields_that_have_changed_places_keep_those_of_the_copy(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    shelf.fields["more"] = {"type": "integer", "required": False}
    shelf.add(ids(25))
    shelf.wait(minutes=2)
    scripted.answers = failing_after(shelf, 5)
    with pytest.raises(tf.ScanInterrupted):
        scan.to_parquet(tmp_path / "pulled", resume=True)
    tf.sync(scan, tmp_path / "synced")
    shelf.fields = dict(reversed(shelf.fields.items()))
    shelf.add(ids(5, 25))
    shelf.states["00000003"] = "EXPIRED"
    shelf.wait(minutes=2)
    other = scan_of(scripted)
    assert other.schema.names != scan.schema.names
    assert tf.sync(other, tmp_path / "synced") == tf.Synced(tmp_path / "synced", added=5, changed=1, rows=30)
    other.to_parquet(tmp_path / "pulled", resume=True)
    for folder in (tmp_path / "pulled", tmp_path / "synced"):
        assert pq.read_table(folder).schema.names == scan.schema.names


def test_a_sync_that_fails_half_way_goes_on(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(95))
    shelf.wait(minutes=2)
    scripted.answers = failing_after(shelf, 7)
    with pytest.raises(tf.ScanInterrupted):
        tf.sync(scan, folder)
    shelf.add(ids(10, 95))
    shelf.wait(minutes=2)
    assert tf.sync(scan, folder) == tf.Synced(folder, added=65, changed=0, rows=105)
    assert rows_of(folder) == shelf.states


def test_what_was_asked_again_is_kept_when_the_service_fails(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(95))
    shelf.wait(minutes=2)
    tf.sync(scan, folder)
    shelf.states = dict.fromkeys(shelf.states, "EXPIRED")
    scripted.answers = failing_after(shelf, 4)
    with pytest.raises(tf.ScanInterrupted) as caught:
        tf.sync(scan, folder)
    assert "the same call goes on" in caught.value.__notes__[0]
    assert list(rows_of(folder).values()).count("EXPIRED") == 40
    assert tf.sync(scan, folder).changed == 55


def test_what_was_asked_again_is_kept_when_the_next_window_fails_at_once(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(95), "ACCEPTED")
    shelf.states |= {"00000003": "SUBMITTED", "00000090": "SUBMITTED"}
    shelf.wait(minutes=2)
    tf.sync(scan, folder)
    shelf.states |= {"00000003": "ACCEPTED", "00000090": "ACCEPTED"}
    scripted.answers = failing_after(shelf, 1)
    with pytest.raises(tf.ApiError) as caught:
        tf.sync(scan, folder)
    assert "What came is kept" in caught.value.__notes__[0]
    assert rows_of(folder) == shelf.states | {"00000090": "SUBMITTED"}


def test_new_rows_come_before_those_that_are_asked_again(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shelf.add(ids(95))
    shelf.wait(minutes=2)
    tf.sync(scan, folder)
    shelf.add(ids(10, 95))
    shelf.wait(minutes=2)
    requester = scripted.client(retries=1)
    scripted.answers = failing_after(shelf, 6)  # the requester, pool, project, the new rows and two pages
    with pytest.raises(tf.ScanInterrupted):
        tf.sync(requester.get_assignments(pool_id="1", batch_size=10), folder)
    assert rows_of(folder) == shelf.states


def test_a_first_page_that_is_refused_begins_no_copy(scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = failing_after(shelf, 3)
    with pytest.raises(tf.ApiError) as caught:
        tf.sync(scan, tmp_path / "copy")
    assert not hasattr(caught.value, "__notes__")
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["_lock"]


def test_a_thousand_rows_in_no_order_of_time_are_each_there_once(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 -- the same each time
    for round_ in range(6):
        shelf.add([f"{chance.getrandbits(80):020x}" for _ in range(170)], seconds=0.3)
        for each in list(shelf.states):
            if shelf.states[each] == "ACTIVE" and chance.random() < 0.5:
                shelf.states[each] = "EXPIRED"
        shelf.wait(seconds=30)
        tf.sync(scan_of(scripted, 40), tmp_path / "copy", lag=timedelta(seconds=20 * (round_ % 3)))
    shelf.wait(minutes=5)
    tf.sync(scan_of(scripted, 40), tmp_path / "copy")
    assert rows_of(tmp_path / "copy") == shelf.states


@pytest.mark.parametrize("given", [{"status": "ACTIVE"}, {"created_lt": "2026-01-01"}, {"submitted_gt": "2026-01-01"}], ids=str)
def test_a_filter_that_a_row_can_leave_is_refused_before_anything_is_asked(
    given: dict[str, Any], scripted: Scripted, tmp_path: Path
) -> None:
    with pytest.raises(tf.InputError, match=next(iter(given))) as caught:
        tf.sync(scan_of(scripted, **given), tmp_path / "copy")
    assert caught.value.column == next(iter(given))
    assert scripted.requests == []


def test_created_gt_is_refused_with_what_to_give_in_its_place(scripted: Scripted, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="created_gte"):
        tf.sync(scan_of(scripted, created_gt="2026-01-01"), tmp_path / "copy")


def test_app_projects_of_a_scope_can_be_synced(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [reply({"id": "me", "content": [], "has_more": False})]
    scan = scripted.client().get_app_projects(scope="REQUESTER_LIST", requester_ids=["a", "b"])
    assert tf.sync(scan, tmp_path / "copy").rows == 0


@pytest.mark.parametrize("lag", [timedelta(seconds=-1), timedelta.max, 60, None], ids=str)
def test_a_lag_that_is_no_length_of_time_is_refused(scan: tf.Scan, scripted: Scripted, lag: Any, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="lag"):
        tf.sync(scan, tmp_path / "copy", lag=lag)
    assert scripted.requests == []


def test_what_is_no_scan_cannot_be_synced(tmp_path: Path) -> None:
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


def test_a_copy_is_no_place_for_a_single_file(scan: tf.Scan, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(5))
    folder = scan.to_parquet(tmp_path / "copy", resume=True)
    with pytest.raises(tf.InputError, match="resume=True goes on with it"):
        scan.to_parquet(folder)
    with pytest.raises(tf.InputError, match="another folder"):
        scan.to_parquet(folder / "rows.parquet")
    assert tf.verify(folder)["rows"].tolist() == [5]


def test_a_copy_is_where_its_name_pointed_when_the_call_was_made(
    scan: tf.Scan, shelf: Shelf, scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add(ids(5))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def meanwhile(head: str) -> bytes:
        os.chdir(tmp_path / "elsewhere")
        return shelf(head)

    scripted.answers = [meanwhile]
    assert scan.to_parquet("copy", resume=True) == tmp_path / "copy"
    assert rows_of(tmp_path / "copy") == shelf.states
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_lists_that_cannot_be_asked_for_by_creation_are_refused(scripted: Scripted, tmp_path: Path) -> None:
    for scan in (scripted.client().get_apps(), scripted.client().get_operations()):
        with pytest.raises(tf.InputError, match="created"):
            tf.sync(scan, tmp_path / "copy")
    assert scripted.requests == []


def test_a_copy_of_aggregated_solutions_goes_on_behind_its_last_task(scripted: Scripted, tmp_path: Path) -> None:
    def answer(head: str) -> bytes:
        path, _, query = head.split(" ")[1].partition("?")
        if "aggregated" not in path:
            return reply({"id": "1", "project_id": "1", "parameters": {"pool_id": "1"}, "task_spec": {}})
        if "task_id_gt=b" in query:
            return reply({"items": [{"task_id": "c"}], "has_more": False}) if failed else refused
        return reply({"items": [{"task_id": "a"}, {"task_id": "b"}], "has_more": True})

    failed: list[tf.ScanInterrupted] = []
    refused = reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500)
    scripted.answers = [answer]
    scan = scripted.client(retries=1).get_aggregated_solutions("op")
    with pytest.raises(tf.ScanInterrupted) as caught:
        scan.to_parquet(tmp_path / "copy", resume=True, progress=False)
    failed.append(caught.value)
    scan.to_parquet(tmp_path / "copy", resume=True, progress=False)
    assert pd.read_parquet(tmp_path / "copy")["task_id"].tolist() == ["a", "b", "c"]
    assert sum("aggregated" in request and "task_id_gt" not in request for request in scripted.requests) == 1


def test_lists_whose_rows_change_or_go_away_untold_are_refused(scripted: Scripted, tmp_path: Path) -> None:
    client = scripted.client()
    fluid = [client.get_skills(), client.get_user_skills(), client.get_user_restrictions()]
    for scan in [*fluid, client.get_message_threads(), client.get_webhook_subscriptions()]:
        with pytest.raises(tf.InputError, match="no state tells of it"):
            tf.sync(scan, tmp_path / "copy")
    assert scripted.requests == []


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_how_rows_live_is_told_in_columns_that_are_there(resource: Resource) -> None:
    life, columns = resource.life, {column.name for column in resource.columns if hasattr(column, "name")}
    assert {life.id, *filter(None, (life.created, life.status)), *life.volatile_columns} <= columns
    assert ("created_gte" in resource.filters) == (life.created is not None)
    assert bool(life.final) == (life.status is not None)


# Kills, and full disks

CHILD = """
import os, signal, sys, threading
import toloka_frames as tf
from toloka_frames._reading import sync
from toloka_frames._reading import parts

FILES = {sync.__file__, parts.__file__}

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
    """Processes that pull and kill themselves at a line of `_copy` or `_parts`; each is forked from one that has all loaded."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._parent.communicate(timeout=20)

    def run(self, verb: str, url: str, folder: Path, *, killed_at: int = 10**9) -> str:
        """What became of it: "killed", or how many lines it ran."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(verb, url, folder, killed_at, file=self._parent.stdin, flush=True)
        return self._parent.stdout.readline().strip()


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    with Children() as children:
        yield children


def kill_points(lines: int, seed: int) -> list[int]:
    print(f"seed {seed}: {KILLS} of {lines} lines")  # noqa: T201 -- shown where a point fails
    return sorted(random.Random(seed).sample(range(1, lines + 1), min(KILLS, lines)))  # noqa: S311 -- the same each time


def test_a_pull_that_is_killed_anywhere_goes_on_and_holds_each_row_once(
    children: Children, scripted: Scripted, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add(ids(105_000), seconds=0.0001)
    lines = int(children.run("pull", scripted.url, tmp_path / "whole"))
    scan = scan_of(scripted, 25_000)
    for point in kill_points(lines, seed=1):
        folder = tmp_path / f"killed-at-{point}"
        assert children.run("pull", scripted.url, folder, killed_at=point) == "killed"
        there = rows_of(folder)
        scan.to_parquet(folder, resume=True)
        assert there.items() <= rows_of(folder).items()
        assert rows_of(folder) == shelf.states
        assert tf.verify(folder)["rows"].tolist() == [100_000, 5_000]
        shutil.rmtree(folder)


def test_a_sync_that_is_killed_anywhere_goes_on_and_no_row_is_lost_or_twice_meanwhile(
    children: Children, scripted: Scripted, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add(ids(105_000), "ACCEPTED", seconds=0.0001)
    changing = ids(105_000)[::9_999]
    shelf.states |= dict.fromkeys(changing, "ACTIVE")
    shelf.wait(minutes=2)
    assert children.run("sync", scripted.url, tmp_path / "before") != "killed"
    before = dict(shelf.states)
    shelf.states |= dict.fromkeys(changing, "SUBMITTED")
    shelf.add(ids(20_000, 105_000), seconds=0.0001)
    shelf.wait(minutes=2)
    shutil.copytree(tmp_path / "before", tmp_path / "whole")
    lines = int(children.run("sync", scripted.url, tmp_path / "whole"))
    scan = scan_of(scripted, 25_000)
    for point in kill_points(lines, seed=2):
        folder = tmp_path / f"killed-at-{point}"
        shutil.copytree(tmp_path / "before", folder)
        assert children.run("sync", scripted.url, folder, killed_at=point) == "killed"
        there = rows_of(folder)
        assert before.keys() <= there.keys()
        assert all(status in (before.get(each), shelf.states[each]) for each, status in there.items())
        assert tf.sync(scan, folder).rows == 125_000
        assert rows_of(folder) == shelf.states
        assert tf.verify(folder)["open_rows"].sum() == 20_000 + len(changing)
        assert not [file for file in folder.iterdir() if file.name.startswith(".")]
        shutil.rmtree(folder)


FULL = """
import resource, sys
import toloka_frames as tf

url, folder, size, resume = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
scan = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url).get_assignments(pool_id="1", batch_size=25_000)
try:
    scan.to_parquet(folder, resume=resume == "resume")
except tf.CopyError as error:
    print(type(error.__cause__).__name__, error)
except OSError as error:
    print(type(error).__name__, error)
"""


def full_disk(scripted: Scripted, path: Path, size: int, how: str) -> str:
    """What a pull says in a process whose files cannot grow over so many bytes."""
    pytest.importorskip("resource", reason="this system cannot limit a file's size")
    command = [sys.executable, "-W", "error", "-c", FULL, scripted.url, str(path), str(size), how]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_full_disk_leaves_what_is_whole_and_the_next_call_goes_on(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(105_000), seconds=0.0001)
    smallest = scan_of(scripted, 25_000).to_parquet(tmp_path / "whole", resume=True)
    sizes = [file.stat().st_size for file in sorted(smallest.glob("*.parquet"))]
    assert sizes[0] > sizes[1] * 2
    # the first part does not fit; nor does the manifest
    for size in (sizes[1], 1_000):
        folder = tmp_path / f"full-at-{size}"
        said = full_disk(scripted, folder, size, "resume")
        assert "OSError" in said
        assert "the same call goes on" in said
        assert [file.name for file in folder.iterdir()] == ["_lock"]
        assert rows_of(scan_of(scripted, 25_000).to_parquet(folder, resume=True)) == shelf.states


def test_a_full_disk_leaves_no_half_file(scripted: Scripted, shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(ids(105_000), seconds=0.0001)
    assert "OSError" in full_disk(scripted, tmp_path / "rows.parquet", 10_000, "whole")
    assert list(tmp_path.iterdir()) == []

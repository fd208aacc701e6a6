"""Operations: work that takes time, from its begin to its log (Toloka API, Operations)."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store


def begin_operation(
    store: Store, type_: str, parameters: Row, job_name: str, argument: Row, *, operation_id: str | None = None
) -> Response:
    """Respond with 202 and a new operation, whose job runs `operation_seconds` from now.

    The job gets `argument` and the `operation_id`, and ends the operation by `finish_operation`.
    """
    now = time.time()
    row = store.add("operations", _row(type_, parameters, operation_id, now))
    store.schedule(now + store.operation_seconds / 4, "run_operation", operation_id=row["id"])
    store.schedule(now + store.operation_seconds, job_name, operation_id=row["id"], **argument)
    return Response(202, orjson.dumps(row))


def _row(type_: str, parameters: Row, operation_id: str | None, at: float) -> Row:
    return {
        "id": operation_id or str(uuid.uuid4()),
        "type": type_,
        "status": "PENDING",
        "submitted": format_timestamp(at),
        "progress": 0,
        "parameters": parameters,
    }


def record_finished_operation(
    store: Store, type_: str, parameters: Row, operation_id: str, *, details: Row, log: bytes
) -> None:
    """Record the work of a request as an operation that has already ended."""
    now = time.time()
    row = {**_row(type_, parameters, operation_id, now), "started": format_timestamp(now)}
    store.add("operations", row)
    _end(store, row, now, failed=False, details=details, log=log)


def fail_at_end(store: Store, begun: Response) -> None:
    """Make the operation of a response fail at its end without doing its work."""
    sql = "UPDATE agenda SET job = 'fail_operation' WHERE job != 'run_operation' AND argument ->> 'operation_id' = ?"
    store.execute_many(sql, ((orjson.loads(begun.body)["id"],),))


def fail_operation(store: Store, job: DueJob) -> None:
    """End an operation that is to fail."""
    finish_operation(store, job, failed=True)


def fail_unfinished(store: Store, job: DueJob) -> None:
    """End the operation of a job that has raised, unless it has ended or does not exist; its other jobs are dropped."""
    operation_id = job.argument["operation_id"]
    row = store.find("operations", operation_id)
    if row and "finished" not in row:
        store.execute_many("DELETE FROM agenda WHERE argument ->> 'operation_id' = ?", ((operation_id,),))
        finish_operation(store, job, failed=True)


def run_operation(store: Store, job: DueJob) -> None:
    """Set a pending operation to RUNNING."""
    row = store.get("operations", job.argument["operation_id"])
    store.save("operations", {**row, "status": "RUNNING", "started": format_timestamp(job.at), "progress": 50})


def finish_operation(
    store: Store, job: DueJob, *, failed: bool = False, details: Row | None = None, log: bytes = b"[]"
) -> None:
    """End an operation; `log` is its log as a JSON array."""
    row = store.get("operations", job.argument["operation_id"])
    _end(store, row, job.at, failed=failed, details=details, log=log)


def _end(store: Store, row: Row, at: float, *, failed: bool, details: Row | None, log: bytes) -> None:
    row |= {"status": "FAIL" if failed else "SUCCESS", "finished": format_timestamp(at), "progress": 100}
    store.save("operations", row if details is None else {**row, "details": details})
    store.execute_many("INSERT INTO logs VALUES (?, CAST(? AS TEXT))", ((row["id"], log),))


def operation_log(store: Store, request: ApiRequest) -> Response:
    """Respond with the log, an array that is empty until the operation has ended."""
    row = store.get("operations", request.path_params["id"])
    found = store.select("SELECT CAST(body AS BLOB) FROM logs WHERE operation_id = ?", (row["id"],))
    return Response(200, found[0][0] if found else b"[]")

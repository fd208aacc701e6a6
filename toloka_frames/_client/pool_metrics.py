"""Measure pools: statistics of the service and counts of bans as a tidy frame, with a history in a Parquet file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pandas as pd
import pyarrow as pa

from toloka_frames._client.pool_progress import MAX_STATISTICS, check_client, check_pool_ids, fetch_pools
from toloka_frames._client.pools import read_analytics, start_analytics
from toloka_frames._errors import InputError
from toloka_frames._reading.output_paths import check_output_file
from toloka_frames._reading.outputs import LocalOutput
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.sinks import to_frame
from toloka_frames._runtime.event_loop import run
from toloka_frames._schema.timestamps import parse_timestamp
from toloka_frames._transport.operations import OperationPoller
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames._client.client import BaseClient
    from toloka_frames._client.pool_progress import PoolIds
    from toloka_frames._reading.output_paths import FilePath

Statistic: TypeAlias = Literal[
    "completion_percentage",
    "submitted_assignments_count",
    "approved_assignments_count",
    "rejected_assignments_count",
    "skipped_assignments_count",
    "estimated_assignments_count",
    "real_tasks_count",
    "unique_workers_count",
    "unique_submitters_count",
    "active_workers_by_filter_count",
    "avg_submit_assignment_millis",
    "spent_budget",
]
Metric: TypeAlias = Statistic | Literal["pool_bans_count", "project_bans_count"]
STATISTICS: tuple[str, ...] = get_args(Statistic)
METRICS = (*STATISTICS, "pool_bans_count", "project_bans_count")
DEFAULT_METRICS: tuple[Metric, ...] = (
    "completion_percentage",
    "submitted_assignments_count",
    "approved_assignments_count",
    "rejected_assignments_count",
    "skipped_assignments_count",
    "unique_submitters_count",
    "avg_submit_assignment_millis",
    "spent_budget",
)
INTERVAL_HOURS = 1  # of active_workers_by_filter_count, as in Toloka-Kit

SCHEMA = pa.schema(
    [("time", pa.timestamp("us", "UTC")), ("pool_id", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)


def pool_metrics(
    client: BaseClient,
    pool_ids: PoolIds,
    what: Metric | Sequence[Metric] = DEFAULT_METRICS,
    *,
    history: FilePath | None = None,
) -> pd.DataFrame:
    """Measure pools now: a row for each pool and metric, as the service computes them.

    The statistics of ten pairs of pool and metric are one request. Where the cell is run again and again, `history` keeps all
    that was measured.

    Args:
        client: A client of the account.
        pool_ids: A pool: its id or the pool. Or a list of these, for example a scan of pools or a DataFrame with a column `id`.
        what: One or more of these metrics:
            "completion_percentage": tasks that are complete, 0 to 100, approximately;
            "submitted_assignments_count": assignments that were submitted, also accepted and rejected ones;
            "approved_assignments_count", "rejected_assignments_count", "skipped_assignments_count": assignments;
            "estimated_assignments_count": assignments that the pool will have, approximately;
            "real_tasks_count": tasks, without control and training tasks;
            "unique_workers_count", "unique_submitters_count": Tolokers who took a page, and who submitted one;
            "active_workers_by_filter_count": Tolokers of the last hour that pass the pool's filter;
            "avg_submit_assignment_millis": milliseconds from start to submission of a page, the mean;
            "spent_budget": US dollars, without Toloka's own fee;
            "pool_bans_count", "project_bans_count": bans of scope POOL in the pool, and of scope PROJECT in its project.
        history: A Parquet file to which the rows are appended; it is created if it is missing. Only one call at a time can
            write to it.

    Returns:
        Columns `time` (datetime64[us, UTC]; when the metrics were computed, the same in all rows of a call), `pool_id`,
        `metric` (text) and `value` (float64; infinite for a pool that never is complete, missing if the service has no value),
        by pool and metric in the given order. With `history`, all rows of the file, these last.

    Raises:
        InputError: If an argument is not valid, or the file is not such a history; nothing was sent.
        NotFound: If a pool does not exist.
        OperationFailed: If the service could not compute the statistics.
        WriteFailed: If the file cannot be written.

    Example:
        >>> metrics = tf.pool_metrics(client, pool, ["submitted_assignments_count", "spent_budget"])
        >>> metrics[["metric", "value"]]
                                metric  value
        0  submitted_assignments_count   4.00
        1                 spent_budget   0.15
        >>> table = metrics.pivot(index=["pool_id", "time"], columns="metric", values="value")

    Source: Toloka-Kit 1.2.3, `get_analytics` and its metrics of pools; Toloka API, "Get list of bans".
    """
    return run(measured(client, pool_ids, what, history))


async def measured(
    client: BaseClient, pool_ids: PoolIds, what: Metric | Sequence[Metric], history: FilePath | None
) -> pd.DataFrame:
    """Check the arguments and measure; runs on the package's loop."""
    check_client(client)
    ids = list(dict.fromkeys(check_pool_ids(pool_ids)[0]))
    names = _check_metrics(what)
    file = None if history is None else check_output_file(history)
    before = _read_history(file) if file else SCHEMA.empty_table()
    values, time = await _statistics(client, ids, [name for name in names if name in STATISTICS])
    values |= await _bans(client, ids, [name for name in names if name not in STATISTICS])
    rows = [
        {"time": time, "pool_id": pool_id, "metric": name, "value": values[pool_id, name]} for pool_id in ids for name in names
    ]
    table = pa.concat_tables([before, pa.Table.from_pylist(rows, SCHEMA)])
    if file:
        with ParquetFile(LocalOutput(file), SCHEMA, ParquetOptions()) as parquet_file:
            for batch in table.to_batches():
                parquet_file.write(batch)
    return to_frame(table)


def _check_metrics(what: Any) -> list[str]:
    names = [what] if isinstance(what, str) else list(what) if isinstance(what, Iterable) else []
    for name in names:
        if name not in METRICS:
            hint = f"Metrics: {', '.join(METRICS)}."
            raise InputError(f"{name!r} is no metric{nearest_hint(str(name), METRICS)}.", column="what", hint=hint)
    if not names:
        raise InputError(f"what={what!r}: a list of metrics is needed.", column="what")
    return list(dict.fromkeys(names))


def _read_history(file: Path) -> pa.Table:
    """Return the rows of a history; none if there is no file."""
    if not file.exists():
        return SCHEMA.empty_table()
    try:
        frame = pd.read_parquet(file)
        return pa.Table.from_pandas(frame[SCHEMA.names], SCHEMA, preserve_index=False)
    except (pa.ArrowException, KeyError, OSError) as error:
        hint = "Give the name of a new file, or of one that tf.pool_metrics has written."
        raise InputError(f"{file} is not a history of metrics.", column="history", hint=hint) from error


async def _statistics(
    client: BaseClient, pool_ids: Sequence[str], names: Sequence[str]
) -> tuple[dict[tuple[str, str], float | None], datetime]:
    """Return statistics by pool and name, and when the last of them was computed; now without statistics."""
    asked = [_request(pool_id, name) for pool_id in pool_ids for name in names]
    parts = [asked[start : start + MAX_STATISTICS] for start in range(0, len(asked), MAX_STATISTICS)]
    async with OperationPoller(client.service) as poller:
        started = [await start_analytics(client.service, part) for part in parts]
        ended = [await poller.ended(operation) for operation in started]
    answers = [answer for operation in ended for answer in read_analytics(operation)]
    if len(answers) != len(asked):
        raise bad_answer(200, ended, f"{len(asked)} statistics were expected")
    pairs = [(request["subject_id"], request["name"]) for request in asked]
    return dict(zip(pairs, map(_value, answers), strict=True)), max(map(_time, answers), default=datetime.now(UTC))


def _request(pool_id: str, name: str) -> dict[str, Any]:
    interval = {"interval_hours": INTERVAL_HOURS} if name == "active_workers_by_filter_count" else {}
    return {"name": name, "subject": "POOL", "subject_id": pool_id, **interval}


async def _bans(client: BaseClient, pool_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    if not names:
        return {}
    pools, _ = await fetch_pools(client.service, pool_ids, is_first=True)
    scans = {
        "pool_bans_count": lambda pool: client.get_user_restrictions(scope="POOL", pool_id=pool["id"]),
        "project_bans_count": lambda pool: client.get_user_restrictions(scope="PROJECT", project_id=pool["project_id"]),
    }
    return {(pool_id, name): sum([1 async for _ in scans[name](pool)]) for pool_id, pool in pools.items() for name in names}


def _time(answer: Mapping[str, Any]) -> datetime:
    """Return when a statistic was computed; now if the service does not say it."""
    try:
        return parse_timestamp(answer.get("finished"))
    except (ValueError, OverflowError):
        return datetime.now(UTC)


def _value(answer: Mapping[str, Any]) -> float | None:
    result = answer.get("result")
    if isinstance(result, Mapping):
        result = math.inf if result.get("infinite") else result.get("value")
    return float(result) if isinstance(result, int | float) and not isinstance(result, bool) else None

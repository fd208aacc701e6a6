"""Pull a list or upload rows with Toloka-Kit 1.2.3, and print the seconds as JSON.

Run in .venv-kit as `kit.py sync|async URL LIST PAGE_ROWS PARENT_ID`, where PARENT_ID is the pool or the app project, or as
`kit.py upload URL FILE CHUNK_ROWS POOL_ID`, where FILE has input values as a JSON array and the seconds are CPU seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from toloka.async_client import AsyncTolokaClient
from toloka.client import Task, TolokaClient
from toloka.client.task import CreateTasksParameters


def main() -> None:
    """Do the work and print its seconds and its number of rows."""
    kind, url, what, size, parent_id = sys.argv[1:]
    if kind == "upload":
        rows, clock = json.loads(Path(what).read_text("utf-8")), time.process_time
    else:
        rows, clock = [], time.perf_counter
    started = clock()
    if kind == "upload":
        done = upload(url, rows, int(size), parent_id)
    elif kind == "sync":
        done = sum(1 for _ in getattr(TolokaClient("token", url=url), f"get_{what}")(**arguments(what, size, parent_id)))
    else:
        done = asyncio.run(awaited(url, what, arguments(what, size, parent_id)))
    print(json.dumps({"seconds": clock() - started, "rows": done}))


def arguments(name: str, page_rows: str, parent_id: str) -> dict[str, Any]:
    """Return the arguments of a client's `get_` method."""
    return {"app_project_id" if name.startswith("app_") else "pool_id": parent_id, "batch_size": int(page_rows)}


async def awaited(url: str, name: str, options: dict[str, Any]) -> int:
    """Pull a list with the async client, which can only be created in a running event loop."""
    rows = 0
    async for _ in getattr(AsyncTolokaClient("token", url=url), f"get_{name}")(**options):
        rows += 1
    return rows


def upload(url: str, rows: list[dict[str, Any]], chunk_rows: int, pool_id: str) -> int:
    """Send chunk after chunk as objects, without waiting for the operations."""
    client = TolokaClient("token", url=url)
    for start in range(0, len(rows), chunk_rows):
        tasks = [Task(pool_id=pool_id, input_values=values) for values in rows[start : start + chunk_rows]]
        client.create_tasks_async(tasks, CreateTasksParameters(operation_id=uuid.uuid4(), async_mode=True))
    return len(rows)


if __name__ == "__main__":
    main()

"""A service's address comes in; Toloka-Kit 1.2.3 pulls a list from it or sends rows up to it, and seconds go out as JSON.

Run in .venv-kit as `kit.py sync|async URL LIST PAGE_ROWS PLACE`, where PLACE is the pool or the app project, or as
`kit.py upload URL FILE CHUNK_ROWS PLACE`, where FILE holds input values as a JSON array and the seconds are of CPU.
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
    """The seconds that the work takes, and the rows that it was for."""
    kind, url, what, size, place = sys.argv[1:]
    if kind == "upload":
        rows, clock = json.loads(Path(what).read_text("utf-8")), time.process_time
    else:
        rows, clock = [], time.perf_counter
    started = clock()
    if kind == "upload":
        done = upload(url, rows, int(size), place)
    elif kind == "sync":
        done = sum(1 for _ in getattr(TolokaClient("token", url=url), f"get_{what}")(**asked(what, size, place)))
    else:
        done = asyncio.run(awaited(url, what, asked(what, size, place)))
    print(json.dumps({"seconds": clock() - started, "rows": done}))


def asked(name: str, page_rows: str, place: str) -> dict[str, Any]:
    """Every row as the client's object, as it gives them."""
    return {"app_project_id" if name.startswith("app_") else "pool_id": place, "batch_size": int(page_rows)}


async def awaited(url: str, name: str, given: dict[str, Any]) -> int:
    """A pull by the async client, which can only be made inside a loop."""
    rows = 0
    async for _ in getattr(AsyncTolokaClient("token", url=url), f"get_{name}")(**given):
        rows += 1
    return rows


def upload(url: str, rows: list[dict[str, Any]], chunk_rows: int, pool_id: str) -> int:
    """Chunk after chunk as objects, each begun and not followed."""
    client = TolokaClient("token", url=url)
    for start in range(0, len(rows), chunk_rows):
        tasks = [Task(pool_id=pool_id, input_values=values) for values in rows[start : start + chunk_rows]]
        client.create_tasks_async(tasks, CreateTasksParameters(operation_id=uuid.uuid4(), async_mode=True))
    return len(rows)


if __name__ == "__main__":
    main()

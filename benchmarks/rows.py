"""Generate the rows of a list as the service would send them: id, creation time and JSON text.

Sources: the examples of the Toloka API's and the Apps API's OpenAPI documents. Ids have the service's formats (Apps: 20 random
letters and digits; tasks and assignments: pool, second, counter). Creation times cover a year, two fifths of them in bursts.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ListName: TypeAlias = Literal["app_batches", "app_items", "tasks", "assignments"]
Row: TypeAlias = "dict[str, Any]"

YEAR_START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_SECONDS = 365 * 86_400
BURSTS, BURST_SECONDS, BURST_SHARE = 20, 60, 0.4
GOLDEN_EVERY = 20
TASKS_EACH = 5
LETTERS = string.digits + string.ascii_letters
STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")
APP_PROJECT, POOL, PROJECT, APP = "8lvN9kBN4wwsj47ZqNal", "36502086", "81776", "M1B0QY7kD5kie8wOyb44"
OWNER = {"id": "6c6e20dc86cca2ae787afcb2629de162", "myself": True}
STRING, ADDRESS = {"type": "string", "required": False, "hidden": False}, {"type": "url", "required": True, "hidden": False}

TEN_FIELDS = {
    "image": ADDRESS,
    **{f"text_{number}": STRING for number in range(6)},
    "number": {"type": "integer", "required": False},
    "share": {"type": "float", "required": False},
    "flag": {"type": "boolean", "required": False},
}
INPUT_FIELDS = {
    "app_items": {"id": STRING, "text": STRING, "image_url": STRING},
    "tasks": TEN_FIELDS,
    "assignments": {"image": ADDRESS},
}


@dataclass(frozen=True)
class List:
    """The path of a list and the format of its pages.

    Attributes:
        path: The path after `/api`.
        rows: The key of the rows in a page.
        page_rows: The number of rows in a page that contenders request.
        default_rows: The number of rows in a page of a request without `limit`.
        query: The required filter.
    """

    path: str
    rows: str
    page_rows: int
    default_rows: int
    query: tuple[tuple[str, str], ...] = ()


IN_POOL = (("pool_id", POOL),)
LISTS: dict[ListName, List] = {
    "app_batches": List(f"/app/v0/app-projects/{APP_PROJECT}/batches", "content", 1_000, 100),
    "app_items": List(f"/app/v0/app-projects/{APP_PROJECT}/items", "content", 1_000, 100),
    "tasks": List("/v1/tasks", "items", 10_000, 50, IN_POOL),
    "assignments": List("/v1/assignments", "items", 10_000, 50, IN_POOL),
}


def rows_of(name: ListName, rows: int, seed: int = 0) -> Iterator[tuple[str, int, bytes]]:
    """Generate rows in the order of their ids: id, creation time in milliseconds since 1970, JSON text."""
    rng = random.Random(seed)  # noqa: S311 -- the same rows in every run
    make = MAKERS[name]
    created = sorted(creation_times(rows, rng))
    if name in ("app_batches", "app_items"):
        ids = ["".join(rng.choices(LETTERS, k=20)) for _ in created]
    else:
        ids = [_object_id(created_ms, number) for number, created_ms in enumerate(created)]
    for id_, number, created_ms in sorted(zip(ids, range(rows), created, strict=True)):
        yield id_, created_ms, orjson.dumps(make(id_, number, _timestamp(created_ms)))


def objects(name: ListName) -> dict[str, Row]:
    """Return the single objects that a client requests, by path after `/api`: pool, project, app project, app, requester."""
    spec = {"input_spec": INPUT_FIELDS.get(name, {}), "output_spec": {"result": STRING}}
    mixer = {"real_tasks_count": 9, "golden_tasks_count": 1, "training_tasks_count": 0}
    pool = {"id": POOL, "project_id": PROJECT, "type": "REGULAR", "status": "OPEN", "mixer_config": mixer, "owner": OWNER}
    return {
        f"/v1/pools/{POOL}": pool,
        f"/v1/projects/{PROJECT}": {"id": PROJECT, "task_spec": {**spec, "view_spec": {}}, "status": "ACTIVE", "owner": OWNER},
        f"/app/v0/app-projects/{APP_PROJECT}": {
            "id": APP_PROJECT,
            "app_id": APP,
            "status": "READY",
            "name": "First Test Project",
        },
        f"/app/v0/apps/{APP}": {"id": APP, "name": "Image + Text classification", **spec},
        "/v1/requester": {"id": OWNER["id"], "balance": 120.3, "public_name": {"EN": "First requester"}, "company": None},
    }


def ten_values(number: int) -> Row:
    """Return values of ten input fields: text, numbers, a flag and a URL."""
    return {
        "image": f"https://example.com/images/{number}.jpg",
        **{f"text_{field}": f"text {field} of row {number}" for field in range(6)},
        "number": number,
        "share": number / 7,
        "flag": number % 2 == 0,
    }


def creation_times(rows: int, rng: random.Random) -> Iterator[int]:
    """Generate creation times in milliseconds since 1970, in no order."""
    bursts = [rng.uniform(0, YEAR_SECONDS) for _ in range(BURSTS)]
    for _ in range(rows):
        if rng.random() < BURST_SHARE:
            second = rng.choice(bursts) + rng.uniform(0, BURST_SECONDS)
        else:
            second = rng.uniform(0, YEAR_SECONDS)
        yield int((YEAR_START.timestamp() + second) * 1_000)


def _timestamp(created_ms: int) -> str:
    seconds, milliseconds = divmod(created_ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}"


def _object_id(created_ms: int, number: int) -> str:
    return f"{int(POOL):010x}--{created_ms // 1_000:08x}6e13181a01{number % 2**24:06x}"


def _app_batch(id_: str, number: int, created: str) -> Row:
    estimate = "2026-01-17T08:58:38.692"
    return {
        "id": id_,
        "app_project_id": APP_PROJECT,
        "status": STATES[number % 4],
        "name": f"Batch_{number}",
        "items_count": 7,
        "item_price": 0.07,
        "cost": 0.49,
        "cost_of_processed": 0,
        "created_at": created,
        "read_only": False,
        "validation_errors": {},
        "last_items_import": {"id": "EvOQQ80yEBbuKngM8zpx", "records_count": 5, "records_processed": 4, "errors": {}},
        "items_processed_count": number % 7,
        "items_per_state": {**dict.fromkeys(STATES, 0), "NEW": 6, "QUEUED": 1},
        "current_time": estimate,
        "etd": estimate,
        "eta": estimate,
        "app_project_eta": estimate,
        "priority_order": "FIVE",
    }


def _app_item(id_: str, number: int, created: str) -> Row:
    row: Row = {
        "id": id_,
        "app_project_id": APP_PROJECT,
        "batch_id": "7d0YYJ2Av5OhnLVwAygZ",
        "status": "COMPLETED" if number % 2 else "NEW",
        "input_data": {"id": str(number), "text": f"Cat {number}", "image_url": f"https://example.com/images/{number}.jpg"},
        "output_data": {"result": "cat" if number % 4 == 1 else "dog"} if number % 2 else {},
        "errors": [],
        "created_at": created,
    }
    return row | ({"started_at": created, "finished_at": created} if number % 2 else {})


def _task(id_: str, number: int, created: str) -> Row:
    row: Row = {
        "id": id_,
        "created": created,
        "pool_id": POOL,
        "input_values": ten_values(number),
        "overlap": 3,
        "infinite_overlap": False,
        "remaining_overlap": 3,
        "reserved_for": [],
        "unavailable_for": [],
    }
    if number % GOLDEN_EVERY == 0:
        row["known_solutions"] = [{"output_values": {"result": "OK"}, "correctness_weight": 1}]
        row["message_on_unknown_solution"] = "The cat is in a good mood."
    return row


def _assignment(id_: str, number: int, created: str) -> Row:
    ended = f"{datetime.fromisoformat(created) + timedelta(seconds=27.5):%Y-%m-%dT%H:%M:%S}.801"
    return {
        "id": id_,
        "task_suite_id": f"{int(POOL):010x}--637cf4098ccdeb4a26{number % 2**24:06x}",
        "pool_id": POOL,
        "user_id": f"{number % 997:032x}",
        "status": "ACCEPTED",
        "reward": 0.01,
        "tasks": [
            {
                "id": f"{int(POOL):010x}--637cf3fb6e13181a01{number * TASKS_EACH + task:06x}",
                "input_values": {"image": f"https://example.com/images/{number}-{task}.jpg"},
                "pool_id": POOL,
                "overlap": 3,
                "infinite_overlap": False,
                "reserved_for": [],
                "unavailable_for": [],
                "created": created,
                "remaining_overlap": 0,
            }
            for task in range(TASKS_EACH)
        ],
        "solutions": [{"output_values": {"result": "dog" if task % 3 else "cat"}} for task in range(TASKS_EACH)],
        "mixed": True,
        "automerged": False,
        "created": created,
        "submitted": ended,
        "accepted": ended,
        "owner": OWNER,
    }


MAKERS: dict[ListName, Callable[[str, int, str], Row]] = {
    "app_batches": _app_batch,
    "app_items": _app_item,
    "tasks": _task,
    "assignments": _assignment,
}

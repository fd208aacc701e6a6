"""The command `toloka-frames demo`: a pull and an upload on a local service."""

from __future__ import annotations

import time
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._reading.output_paths import check_output_file
from toloka_frames._uploading.tasks import create_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames._client.client import TolokaClient
    from toloka_frames.local import LocalToloka

# the demo's own data: this number of tasks, one in GOLDEN_EVERY a control task, and this number of app batches
DEMO_TASKS = 5_000
GOLDEN_EVERY = 50
ANIMALS = ("cat", "dog", "owl", "fox")
DEMO_BATCHES = 12

POLL_SECONDS = 0.1
MAX_COLUMNS_SHOWN = 6
FIELD_TYPES = {"bool": "boolean", "int": "integer", "float": "float"}


def demo(data: Path | None, out: Path) -> None:
    """Show a pull and an upload on a local service, and write the answers to a Parquet file.

    Args:
        data: A TSV, CSV or Parquet file of tasks, or a pool-result export; None generates tasks.
        out: The file to write.

    Raises:
        InputError: If the file cannot be read, or `out` cannot be written.
        UploadError: If a row was not created.
    """
    from toloka_frames.local import LocalToloka  # noqa: PLC0415 -- needs the extra `local`

    check_output_file(out)
    frame = generate_tasks() if data is None else read_frame(data)
    if frame.empty:
        raise InputError(f"{data} has no rows.")
    with LocalToloka() as toloka:
        client = toloka.client()
        print(f"A local Toloka is running at {toloka.url}: no account, no money.\n")
        print_frame("Batches of an app project: client.get_app_batches(app_project_id).to_dataframe()", pull_batches(client))
        pool_id = load_export(frame, toloka) if is_export(frame) else upload(frame, client, toloka)
        answers = client.get_assignments(pool_id=pool_id)
        print_frame("Answers: client.get_assignments(pool_id=pool_id).to_dataframe()", answers.to_dataframe())
        print(f"Written: {answers.to_parquet(out).resolve()}")


def generate_tasks() -> pd.DataFrame:
    """Return tasks with the URL of a picture, some with a known answer."""
    numbers = range(DEMO_TASKS)
    golden = [ANIMALS[number // GOLDEN_EVERY % len(ANIMALS)] if number % GOLDEN_EVERY == 0 else None for number in numbers]
    images = [f"https://example.com/animals/{number}.jpg" for number in numbers]
    return pd.DataFrame({"INPUT:image": images, "GOLDEN:animal": golden}, dtype="string")


def read_frame(path: Path) -> pd.DataFrame:
    """Read a TSV, CSV or Parquet file. All columns of a text file are text.

    Raises:
        InputError: If the file does not exist, or is not a TSV, CSV or Parquet file.
    """
    separators = {".tsv": "\t", ".csv": ",", ".txt": "\t"}
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        if suffix in separators:
            return pd.read_csv(path, sep=separators[suffix], dtype="string", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    raise InputError(f"{path} is neither .tsv, .csv nor .parquet.")


def pull_batches(client: TolokaClient) -> pd.DataFrame:
    """Create an app project with batches, start labelling half of them, and pull the list of batches."""
    app = client.find_apps(limit=1)["content"][0]
    project = client.create_app_project({"app_id": app["id"], "name": "Demo", "parameters": {}})
    fields = client.get_app(app["id"])["input_spec"]
    while client.get_app_project(project["id"])["status"] != "READY":
        time.sleep(POLL_SECONDS)
    for number in range(DEMO_BATCHES):
        item = dict.fromkeys(fields, f"https://example.com/{number}.jpg")
        batch = client.create_app_batch(project["id"], {"name": f"Batch {number}", "items": [item] * 5})
        if number < DEMO_BATCHES // 2:
            client.start_app_batch(project["id"], batch["id"])
    return client.get_app_batches(project["id"]).to_dataframe()


def is_export(frame: pd.DataFrame) -> bool:
    """Return whether a frame is a pool-result export."""
    return any(str(name).startswith("ASSIGNMENT:") for name in frame)


def load_export(frame: pd.DataFrame, toloka: LocalToloka) -> str:
    """Load an export into the local service and return the id of its pool.

    Raises:
        InputError: If a column is missing.
    """
    try:
        return toloka.load_export(frame)
    except ValueError as error:
        raise InputError(f"This pool-result export is not complete: {error}") from error


def upload(frame: pd.DataFrame, client: TolokaClient, toloka: LocalToloka) -> str:
    """Create a project and a pool, upload the frame, let simulated Tolokers answer, and return the pool's id."""
    project = client.create_project(project_for(frame))
    if frame.filter(like="GOLDEN:").notna().any(axis=1).all():
        print("All rows are control tasks. The demo uploads them as ordinary tasks, so that they are answered.\n")
        frame = frame.filter(like="INPUT:")
    pool_id = str(client.create_pool(pool_for(project["id"], frame))["id"])
    with TemporaryDirectory() as folder:  # a demo must not write into the user's ledger
        ledger = f"{folder}/uploads.db"
        results = frame.pipe(create_tasks, client, pool_id, allow_defaults=True, open_pool=True, ledger=ledger, progress="text")
    print_frame("Uploaded: df.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True)", results)
    print(f"Simulated Tolokers submitted {toloka.answer(pool_id):,} assignments.\n")
    return pool_id


def project_for(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a project whose fields are the columns of a frame."""
    has_prefixes = any(str(name).startswith("INPUT:") for name in frame)
    inputs = [str(name) for name in frame if not has_prefixes or str(name).startswith("INPUT:")]
    golden = [str(name) for name in frame if str(name).startswith("GOLDEN:")]
    outputs = {name.removeprefix("GOLDEN:"): sorted(frame[name].dropna().unique()) for name in golden}
    return {
        "public_name": "Demo",
        "public_description": "Created by toloka-frames demo",
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": {
            "input_spec": {name.removeprefix("INPUT:"): _field_spec(frame[name]) for name in inputs},
            "output_spec": {
                name: {"type": "string", "required": True, "allowed_values": values}
                for name, values in (outputs or {"result": ["no", "yes"]}).items()
            },
            "view_spec": {"type": "classic", "markup": "", "script": "", "styles": ""},
        },
    }


def _field_spec(column: pd.Series[Any]) -> dict[str, Any]:
    dtype = str(column.dtype).lower()
    field_type = next((FIELD_TYPES[name] for name in FIELD_TYPES if name in dtype), "string")
    return {"type": field_type, "required": bool(column.notna().all())}


def pool_for(project_id: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Return a pool with five tasks on a page, one of them a control task if the frame has any, and an overlap of three."""
    real, golden = (4, 1) if frame.filter(like="GOLDEN:").notna().any(axis=None) else (5, 0)
    return {
        "project_id": project_id,
        "private_name": "Demo",
        "may_contain_adult_content": False,
        "will_expire": "2099-01-01T00:00:00",
        "reward_per_assignment": 0.02,
        "assignment_max_duration_seconds": 600,
        "auto_accept_solutions": True,
        "defaults": {"default_overlap_for_new_tasks": 3, "default_overlap_for_new_task_suites": 3},
        "mixer_config": {"real_tasks_count": real, "golden_tasks_count": golden, "training_tasks_count": 0},
    }


def print_frame(title: str, frame: pd.DataFrame) -> None:
    """Print a title, the first rows and non-empty columns of a frame, and its shape."""
    head = frame.dropna(axis="columns", how="all").iloc[:, :MAX_COLUMNS_SHOWN].head()
    print(f"{title}\n{head.to_string(max_colwidth=30)}\n[{len(frame):,} rows x {frame.shape[1]} columns]\n")

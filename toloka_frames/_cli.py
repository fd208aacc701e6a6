"""A command line comes in; a demonstration is run, or the local service serves until it is stopped."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError, TolokaError
from toloka_frames._reading.sinks import check_output_file
from toloka_frames._runtime.event_loop import run
from toloka_frames._uploading.verbs import create_tasks
from toloka_frames._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames.local import LocalToloka

LAST_PORT = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `toloka-frames`; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            demo(options.data, options.out)
        else:
            serve(options.db, options.port)
    except (TolokaError, ImportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(path: Path | None, port: int) -> None:
    """Run the local service until Ctrl-C."""
    from toloka_frames.local import LocalToloka  # noqa: PLC0415 -- an extra, needed only here and by the demonstration

    with LocalToloka(path, port=port) as toloka:
        print(f"Toloka's API at {toloka.url}, state in {path or 'a temporary file'}; Ctrl-C stops it.")
        print(f"tf.AsyncTolokaClient({toloka.token!r}, url={toloka.url!r})")
        print(f"or in the shell: export TOLOKA_TOKEN={toloka.token} TOLOKA_URL={toloka.url}", flush=True)
        threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toloka-frames", description="Toloka's lists as DataFrames, and back.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("demo", help="show both ways against a service of your own; needs no account")
    shown.add_argument("--data", type=Path, help="your own TSV, CSV or Parquet file of tasks, or a pool-result export")
    shown.add_argument("--out", type=Path, default=Path("answers.parquet"), help="where the answers go (%(default)s)")
    served = commands.add_parser("serve", help="run the local service alone")
    served.add_argument("--db", type=Path, help="a file that keeps its state")
    served.add_argument("--port", type=_port, default=8080, help="the port on 127.0.0.1 (%(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to {LAST_PORT} is needed")
    return int(text)


ROWS = 5_000
BATCHES = 12
LOOK_SECONDS = 0.1
SHOWN_COLUMNS = 6
ANIMALS = ("cat", "dog", "owl", "fox")
TYPES = {"bool": "boolean", "int": "integer", "float": "float"}


def demo(data: Path | None, out: Path) -> None:
    """Show both ways, down and up, and write the answers as Parquet.

    Args:
        data: A TSV, CSV or Parquet file of tasks, or a pool-result export; None makes some thousand rows.
        out: Where the answers go.

    Raises:
        InputError: The file cannot be read.
        UploadError: A row was not created.
    """
    from toloka_frames.local import LocalToloka  # noqa: PLC0415 -- an extra, needed only here and by `serve`

    check_output_file(out)
    frame = animals() if data is None else read(data)
    with LocalToloka() as toloka:
        client = toloka.client()
        print(f"A Toloka of your own answers at {toloka.url}: no account, no money.\n")
        show("Batches of an app project: client.get_app_batches(app_project_id).to_dataframe()", batches(client))
        pool_id = loaded(frame, toloka) if is_export(frame) else uploaded(frame, client, toloka)
        answers = client.get_assignments(pool_id=pool_id)
        show("Answers: client.get_assignments(pool_id=pool_id).to_dataframe()", answers.to_dataframe())
        print(f"Written: {answers.to_parquet(out).resolve()}")


def read(path: Path) -> pd.DataFrame:
    """A frame of a file; what a text file holds stays text.

    Raises:
        InputError: There is no such file, or it is neither TSV, CSV nor Parquet.
    """
    separators = {".tsv": "\t", ".csv": ",", ".txt": "\t"}
    try:
        kind = path.suffix.lower()
        if kind == ".parquet":
            return pd.read_parquet(path)
        if kind in separators:
            return pd.read_csv(path, sep=separators[kind], dtype="string", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    raise InputError(f"{path} is neither .tsv, .csv nor .parquet.")


def animals() -> pd.DataFrame:
    """Some thousand addresses of pictures, a few of them with a known answer."""
    numbers = range(ROWS)
    return pd.DataFrame(
        {
            "INPUT:image": [f"https://example.com/animals/{number}.jpg" for number in numbers],
            "GOLDEN:animal": [ANIMALS[number // 50 % 4] if number % 50 == 0 else None for number in numbers],
        },
        dtype="string",
    )


def is_export(frame: pd.DataFrame) -> bool:
    """Whether a frame is a pool-result export."""
    return any(str(name).startswith("ASSIGNMENT:") for name in frame)


def loaded(frame: pd.DataFrame, toloka: LocalToloka) -> str:
    """Turn an export into a pool with its answers.

    Raises:
        InputError: A column is missing.
    """
    try:
        return toloka.load_export(frame)
    except ValueError as error:
        raise InputError(f"This is no whole pool-result export: {error}") from error


def batches(client: AsyncTolokaClient) -> pd.DataFrame:
    """Make an app project with batches, have the first ones labelled, and pull the list."""
    app = run(client.find_apps(limit=1))["content"][0]
    project = run(client.create_app_project({"app_id": app["id"], "name": "Demo", "parameters": {}}))
    fields = run(client.get_app(app["id"]))["input_spec"]
    while run(client.get_app_project(project["id"]))["status"] != "READY":
        time.sleep(LOOK_SECONDS)
    for number in range(BATCHES):
        item = dict.fromkeys(fields, f"https://example.com/{number}.jpg")
        batch = run(client.create_app_batch(project["id"], {"name": f"Batch {number}", "items": [item] * 5}))
        if number < BATCHES // 2:
            run(client.start_app_batch(project["id"], batch["id"]))
    return client.get_app_batches(project["id"]).to_dataframe()


def uploaded(frame: pd.DataFrame, client: AsyncTolokaClient, toloka: LocalToloka) -> str:
    """Make a project and a pool for a frame, upload it, and let simulated Tolokers answer."""
    project = run(client.create_project(project_for(frame)))
    if frame.filter(like="GOLDEN:").notna().any(axis=1).all():
        print("All rows are control tasks; they go up as ordinary ones here, so that there is work to do.\n")
        frame = frame.filter(like="INPUT:")
    pool_id = str(run(client.create_pool(pool_for(project["id"], frame)))["id"])
    with TemporaryDirectory() as folder:  # the user's own ledger has nothing to do with a trial
        ledger = f"{folder}/uploads.db"
        results = frame.pipe(create_tasks, client, pool_id, allow_defaults=True, open_pool=True, ledger=ledger, progress="text")
    show("Uploaded: df.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True)", results)
    print(f"Simulated Tolokers made {toloka.answer(pool_id):,} assignments.\n")
    return pool_id


def project_for(frame: pd.DataFrame) -> dict[str, Any]:
    """A project whose fields are the columns of a frame."""
    prefixed = any(str(name).startswith("INPUT:") for name in frame)
    inputs = [str(name) for name in frame if not prefixed or str(name).startswith("INPUT:")]
    known = [str(name) for name in frame if str(name).startswith("GOLDEN:")]
    outputs = {name.removeprefix("GOLDEN:"): sorted(frame[name].dropna().unique()) for name in known}
    return {
        "public_name": "Demo",
        "public_description": "Made by toloka-frames demo",
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": {
            "input_spec": {name.removeprefix("INPUT:"): _field(frame[name]) for name in inputs},
            "output_spec": {
                name: {"type": "string", "required": True, "allowed_values": values}
                for name, values in (outputs or {"result": ["no", "yes"]}).items()
            },
            "view_spec": {"type": "classic", "markup": "", "script": "", "styles": ""},
        },
    }


def pool_for(project_id: str, frame: pd.DataFrame) -> dict[str, Any]:
    """A pool in which five tasks stand on a page, one of them a control task where there are such, for three Tolokers each."""
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


def show(title: str, frame: pd.DataFrame) -> None:
    """Print the head of a frame, columns that hold something first and as many as fit, with what it is."""
    told = frame.dropna(axis="columns", how="all").iloc[:, :SHOWN_COLUMNS].head()
    print(f"{title}\n{told.to_string(max_colwidth=30)}\n[{len(frame):,} rows x {frame.shape[1]} columns]\n")


def _field(column: pd.Series[Any]) -> dict[str, Any]:
    kind = next((TYPES[name] for name in TYPES if name in str(column.dtype).lower()), "string")
    return {"type": kind, "required": bool(column.notna().all())}

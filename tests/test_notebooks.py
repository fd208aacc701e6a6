"""Run the notebooks, and cells that depend on the event loop of a kernel, in real Jupyter kernels."""

from __future__ import annotations

import asyncio
import html
import json
import queue
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import nbformat
import pytest
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from support import stored_notebooks
from support.kernels import START_SECONDS, kernel, kernel_config
from support.open_pools import cell_of_open_pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_client.blocking import BlockingKernelClient
    from jupyter_client.manager import KernelManager
    from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

KERNEL = "python-under-test"
CELL_SECONDS = 300
VIEW = "application/vnd.jupyter.widget-view+json"

POOL = '''
import asyncio
import sys
import pandas as pd
import toloka_frames as tf
from toloka_frames.local import LocalToloka

def new_pool(client):
    """Return the id of a new pool."""
    project = tf.run(client.create_project({
        "public_name": "Cat or dog",
        "public_description": "Look at the picture",
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": {
            "input_spec": {"image": {"type": "url", "required": True}},
            "output_spec": {"result": {"type": "string", "allowed_values": ["cat", "dog"]}},
            "view_spec": {"type": "classic", "markup": ""},
        },
    }))
    return tf.run(client.create_pool({
        "project_id": project["id"],
        "private_name": "Pool",
        "may_contain_adult_content": False,
        "will_expire": "2050-01-01T00:00:00",
        "reward_per_assignment": 0.05,
        "assignment_max_duration_seconds": 600,
        "defaults": {"default_overlap_for_new_task_suites": 1, "default_overlap_for_new_tasks": 3},
        "mixer_config": {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0},
    }))["id"]

def pictures(count):
    return pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(count)]})
'''
# a client sends at most 300 requests a second, so a scan of single-row pages is slow on every machine
SCAN = """
toloka = LocalToloka().start()
client = toloka.async_client()
pool_id = new_pool(client)
created = pictures({rows}).pipe(tf.create_tasks, client, pool_id=pool_id, allow_defaults=True, progress=False)
scan = client.get_tasks(pool_id=pool_id, batch_size=1)
"""
MIXED = (
    """
pool = await client.get_pool(pool_id)
frame = client.get_tasks(pool_id=pool_id).to_dataframe()
same = await client.get_pool(frame["pool_id"][0])
(len(frame), same == pool)
""",
    """
tf.run(client.get_pool(pool_id)) == pool
""",
    """
async def first_three():
    for task_id in frame["id"][:3]:
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is loop
        yield await client.get_task(task_id)

loop = asyncio.get_running_loop()
tf.to_dataframe(first_three())["id"].tolist() == frame["id"][:3].tolist()
""",
    """
asyncio.get_running_loop() is loop and (await client.get_pool(pool_id)) == pool
""",
    """
(await tf.aio.to_dataframe(client.get_tasks(pool_id=pool_id))).equals(frame)
""",
    """
async def both():
    return client.get_tasks(pool_id=pool_id).to_arrow().num_rows, tf.run(client.get_pool(pool_id)) == pool

await asyncio.gather(both(), both())
""",
    """
scan.to_arrow().num_rows
""",
)
PULLS = {
    "to_dataframe": "scan.to_dataframe(progress=print)",
    "to_parquet": "scan.to_parquet('tasks.parquet', progress=print)",
    "for": "for count, row in enumerate(scan):\n    if count == 10: print('rows')",
    "iter_dataframes": "for count, part in enumerate(scan.iter_dataframes(10)):\n    if count == 1: print('rows')",
    "aio": "await tf.aio.to_dataframe(scan, progress=print)",
    "after await": "await client.get_pool(pool_id)\nscan.to_dataframe(progress=print)",
    "follow": "for frame in tf.follow(client.get_pools(), every=3_600, progress=False):\n    print('rows')",
    "follow, awaited": "async for frame in tf.aio.follow(client.get_pools(), every=3_600, progress=False):\n    print('rows')",
    "own generator": """
async def own():
    print("rows")
    async for row in scan:
        yield row

tf.to_dataframe(own())
""",
}
AFTER = """
pool = await client.get_pool(pool_id)
before = len(toloka.requests)
assert tf.run(client.get_pool(pool_id)) == pool
(before - sent < 3_000, len(toloka.requests) - before)
"""
SLOW = """
slow = LocalToloka(operation_seconds=600).start()
slow_client = slow.async_client()
slow_pool = new_pool(slow_client)
"""
OPEN_POOLS = f"""
import asyncio
import threading
from toloka_frames._runtime import event_loop
{cell_of_open_pools(5)}
"""
WAIT = """
threading.Timer(1, lambda: [toloka.answer(pool) for pool in pools]).start()
[pool.status for pool in tf.wait_pool(client, pools, every=1)]
"""
WATCH = (
    "one = tf.watch(client, pools[0], every=1)",
    "two = tf.watch(client, pools[1], every=1)\ntwo",
    "toloka.answer(pools[0])\nwhile one.state == 'running':\n    time.sleep(0.01)\nprint('busy')",
    "two",
    "two.stop()",
    "[str(task) for task in asyncio.all_tasks(event_loop._thread_loop)]",
)
END = "tf.run(client.aclose()); toloka.close()"
END_ALL = "client.close(); toloka.close()"
LONG = 3_000
ENDED = re.compile(
    r"(tasks|user bonuses): [\d,]+ of [\d,]+ rows · (done|failed) in |assignments: [\d,]+ rows · done in |"
    r"pool \d+: complete · .* · waited "
)
LARGEST_NOTEBOOK = 100_000
PATIENCE_SECONDS = 4


class Executed(NamedTuple):
    """An executed notebook, its working folder and its folder of temporary files."""

    notebook: NotebookNode
    folder: Path
    temporary: Path


class Ran(NamedTuple):
    """The output of a cell, its warnings, and the name of its error."""

    text: str
    warnings: str
    error: str | None


class Console:
    """A kernel that runs one cell after another."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def run(self, code: str, *, stop_at: str | None = None) -> Ran:
        """Run a cell to its end; press Stop as soon as it has printed `stop_at`.

        CPython drops a KeyboardInterrupt that is raised in a destructor, so press Stop again if the cell still runs, as a user
        does.
        """
        sent, begun = self._client.execute(code), time.monotonic()
        text, warnings, error, stopped = "", "", None, None
        while time.monotonic() < begun + CELL_SECONDS:
            if stopped and time.monotonic() > stopped + PATIENCE_SECONDS:
                self._manager.interrupt_kernel()
                stopped = time.monotonic()
            try:
                message = self._client.get_iopub_msg(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != sent:
                continue
            content = message["content"]
            if content.get("name") == "stderr":
                warnings += content["text"]
            else:
                text += content.get("text", "") + content.get("data", {}).get("text/plain", "")
            error = content.get("ename", error)
            if stop_at and stopped is None and stop_at in text:
                self._manager.interrupt_kernel()
                stopped = time.monotonic()
            if content.get("execution_state") == "idle":
                return Ran(text, warnings, error)
        pytest.fail(f"the cell does not end: {text[-200:]}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an empty home directory whose one kernel runs this interpreter."""
    home = tmp_path_factory.mktemp("home")
    specification = home / "jupyter" / "kernels" / KERNEL
    specification.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (specification / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": KERNEL, "language": "python"}))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(home))
        environment.setenv("JUPYTER_PATH", str(home / "jupyter"))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            environment.setenv(name, str(home / name.lower()))
        for name in ("TOLOKA_TOKEN", "TOLOKA_ENVIRONMENT", "TOLOKA_URL"):
            environment.delenv(name, raising=False)
        # the first import lists the system's fonts, and logs a warning if that takes long
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], capture_output=True, check=True)
        yield home
    # jupyter_client makes a loop for its calls, and leaves it open
    ensure_event_loop().close()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="module")
def execute(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[NotebookNode], Executed]:
    """Run a notebook in a folder of its own."""

    def execute(notebook: NotebookNode) -> Executed:
        folder, temporary = tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("temporary")
        assert home.exists()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TMPDIR", str(temporary))
            where = {"metadata": {"path": str(folder)}}
            run_notebook(notebook, where)
        nbformat.write(notebook, tmp_path_factory.mktemp("executed") / "saved.ipynb")  # and searched for tokens
        return Executed(notebook, folder, temporary)

    return execute


@pytest.fixture(scope="module")
def console(home: Path) -> Iterator[Console]:
    """Return a kernel with a client whose list of tasks takes ten seconds to read."""
    with kernel_config() as config, kernel(config, KERNEL, cwd=str(home)) as (manager, client):
        made = Console(manager, client)
        begun = made.run(POOL + SCAN.format(rows=LONG) + "len(created)")
        assert begun.text == str(LONG), begun
        yield made


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_the_outputs_of_its_code(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        stored_notebooks.KEY: {"executed": stored_notebooks.digest(notebook)},
    }, "the code is not the one that was executed: make notebooks"
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert_clean(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_is_small_and_has_nothing_of_the_machine_that_executed_it(path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text) < LARGEST_NOTEBOOK
    shutil.copy(path, tmp_path)  # where all files are searched for tokens
    assert VIEW not in text
    assert re.findall(r"/(?:home|root|tmp|Users|var)/|site-packages|ipykernel_\d+|[A-Z]:\\\\", text) == []
    assert set(re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", text)) <= {"8080"}


# one test of each executed notebook, so that no other process executes it too
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_an_error_or_a_warning_and_keeps_its_cards_but_no_file(
    path: Path, execute: Callable[[NotebookNode], Executed], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "crowdkit" in path.read_text("utf-8"):
        request.getfixturevalue("crowd_kit")
    executed = execute(nbformat.read(path, as_version=4))
    assert_clean(executed.notebook)
    assert list(executed.folder.iterdir()) == []
    assert list(executed.temporary.iterdir()) == []
    assert_saved_cards(executed.notebook, tmp_path)


def test_each_upload_has_a_card_of_its_own(execute: Callable[[NotebookNode], Executed]) -> None:
    flags = "pool_id=pool_id, allow_defaults=True"
    uploads = [f"pictures({rows}).pipe(tf.create_tasks, client, upload_id='{rows}', {flags});" for rows in range(2, 8)]
    notebook = execute(notebook_of(POOL, SCAN.format(rows=1), *uploads, END)).notebook
    starts = [f"tasks: {rows} of {rows} rows" for rows in range(2, 8)]
    assert [text.partition(" · ")[0] for text in cards(notebook)] == starts


def test_await_and_ordinary_calls_mix_in_a_cell_and_the_card_of_a_long_pull_is_saved(
    execute: Callable[[NotebookNode], Executed], tmp_path: Path
) -> None:
    mixed = execute(notebook_of(POOL, SCAN.format(rows=300), *MIXED, END))
    assert_clean(mixed.notebook)
    assert results(mixed.notebook) == ["(300, True)", "True", "True", "True", "True", "[(300, True), (300, True)]", "300"]
    (text,) = cards(saved_without_widgets(mixed.notebook, tmp_path))
    assert text.startswith("tasks: 300 rows · ")


def test_uploads_and_pulls_leave_no_widget(execute: Callable[[NotebookNode], Executed]) -> None:
    count = "import ipywidgets; len(ipywidgets.Widget.widgets)"
    refused = (
        "toloka.faults.answer(403, 'POST /v1/tasks')\npictures(3).pipe(tf.create_tasks, client, new_pool(client), overlap=1)"
    )
    upload = "for _ in range(5): pictures(2).pipe(tf.create_tasks, client, new_pool(client), allow_defaults=True)"
    cells = (count, upload, "scan.to_dataframe();", catching(refused, "tf.UploadError"), count)
    notebook = execute(notebook_of(POOL, SCAN.format(rows=300), *cells, END)).notebook
    assert results(notebook)[0] == results(notebook)[-1] == "0"
    assert len(cards(notebook)) == 7


def test_a_notebook_whose_kernel_died_says_which_upload_it_was_and_how_to_go_on(home: Path, tmp_path: Path) -> None:
    kill = """
import os
toloka = LocalToloka(operation_seconds=60).start()
client = toloka.client()
toloka.faults.call("GET /v1/operations/*", lambda _: os._exit(1), nth=25)
pictures(10).pipe(tf.create_tasks, client, new_pool(client), allow_defaults=True, upload_id="cats")
"""
    assert home.exists()
    notebook = notebook_of(POOL, kill)
    with pytest.raises(DeadKernelError):
        run_notebook(notebook, {"metadata": {"path": tmp_path}})
    card, beside = displayed(notebook)
    assert VIEW in card
    for kind in ("text/plain", "text/html"):
        text = html.unescape(beside[kind])
        assert "tasks: 0 of 10 rows" in text
        assert "1 running at the service" in text
        assert "the same call again, or tf.resume('cats', client), continues" in text


@pytest.mark.parametrize("code", PULLS.values(), ids=PULLS)
def test_stop_ends_a_pull_before_its_end_and_the_client_stays_usable(console: Console, code: str) -> None:
    stopped = console.run("sent = len(toloka.requests)\n" + catching(code), stop_at="rows")
    assert stopped.text.endswith("stopped here\n"), stopped
    assert stopped.error is None, stopped
    after = console.run(AFTER)
    assert (after.text, after.error) == ("(True, 1)", None), "the stopped pull still sends requests"


def test_stop_of_an_awaited_pull_prints_no_warning(console: Console) -> None:
    stopped = console.run(catching(PULLS["aio"]) + "\nimport gc; gc.collect();", stop_at="rows")
    assert stopped.warnings == ""


@pytest.mark.parametrize("before", ["", "await slow_client.get_pool(slow_pool)\n"], ids=["ordinary", "after await"])
def test_stop_ends_an_upload_before_its_operation_ends_with_known_results(console: Console, before: str) -> None:
    assert console.run(SLOW).error is None
    flags = f"pool_id=slow_pool, allow_defaults=True, upload_id='{len(before)}', progress=print"
    upload = f"pictures(10).pipe(tf.create_tasks, slow_client, {flags})"
    stopped = console.run(before + upload, stop_at="1 running at the service")
    assert stopped.error == "UploadInterrupted", stopped
    known = console.run("results = sys.last_value.results\nresults['status'].tolist() == ['UNKNOWN'] * 10")
    assert known.text == "True", known
    operation = console.run(
        "operation_id = results['operation_id'][0]\n(await slow_client.get_operation(operation_id))['type']"
    )
    assert operation.text == "'TASK.BATCH_CREATE'", operation


def test_a_wait_for_pools_ends_with_a_card_that_shows_each(execute: Callable[[NotebookNode], Executed], tmp_path: Path) -> None:
    executed = execute(notebook_of(OPEN_POOLS, WAIT, END_ALL)).notebook
    assert_clean(executed)
    assert results(executed) == ["['CLOSED', 'CLOSED']"]
    (card,) = [data for data in displayed(saved_without_widgets(executed, tmp_path)) if data]
    assert card["text/html"].count("Example (") == card["text/html"].count(": complete") == 2
    assert card["text/plain"].startswith("2 pools: 2 complete · 6 submitted · 6 accepted · $0.12 spent · waited ")


def test_a_watch_is_updated_in_its_own_cell_while_others_run(
    execute: Callable[[NotebookNode], Executed], tmp_path: Path
) -> None:
    executed = execute(notebook_of(OPEN_POOLS, *WATCH, END_ALL)).notebook
    assert_clean(executed)
    saved = saved_without_widgets(executed, tmp_path)
    shown = [[output.get("text") or output.data["text/plain"] for output in cell.outputs] for cell in code_cells(saved)]
    assert [len(texts) for texts in shown] == [0, 1, 1, 1, 1, 0, 1, 0]
    _, [one], [two], [busy], [again], _, [tasks], _ = shown
    assert "complete · 100 % · 3 submitted" in one
    assert again == two
    assert "open · 0 %" in two
    assert "Stopped watching" in two
    assert (busy, tasks) == ("busy\n", "[]")


def catching(code: str, errors: str = "(KeyboardInterrupt, asyncio.CancelledError)") -> str:
    """Return the cell with Stop caught in it, because IPython cannot print some of the tracebacks."""
    return f"try:\n{textwrap.indent(code, '    ')}\nexcept {errors}:\n    print('stopped here')"


def run_notebook(notebook: NotebookNode, where: dict[str, Any]) -> None:
    limits = {"timeout": CELL_SECONDS, "startup_timeout": START_SECONDS}
    with kernel_config() as config:
        NotebookClient(notebook, kernel_name=KERNEL, config=config, resources=where, **limits).execute()


def notebook_of(*cells: str) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == kind]


def results(notebook: NotebookNode) -> list[str]:
    """Return the values of the cells' last expressions."""
    return [output.data["text/plain"] for output in outputs(notebook, "execute_result")]


def displayed(notebook: NotebookNode) -> list[NotebookNode]:
    """Return what the cells displayed, without their results and plots."""
    shown = [output.data for output in outputs(notebook, "display_data")]
    return [data for data in shown if "image/png" not in data]


def assert_clean(notebook: NotebookNode) -> None:
    assert all(cell.execution_count for cell in code_cells(notebook))
    assert outputs(notebook, "error") == []
    assert [output.text for output in outputs(notebook, "stream") if output.name == "stderr"] == []


def cards(notebook: NotebookNode) -> list[str]:
    """Return the text of each card, in the order of the cells; none of them is a widget any more."""
    shown = [data for data in displayed(notebook) if data]  # the text beside a card is empty at its end
    assert [data for data in shown if VIEW in data] == []
    assert all("text/html" in data for data in shown)
    return [data["text/plain"] for data in shown]


def assert_saved_cards(notebook: NotebookNode, folder: Path) -> None:
    """Check that the saved notebook shows the text of each card where there are no widgets."""
    for text in cards(saved_without_widgets(notebook, folder)):
        assert ENDED.match(text)


def saved_without_widgets(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Save the notebook, and read it like a reader without widgets."""
    path = folder / "saved.ipynb"
    nbformat.write(notebook, path)
    read = nbformat.read(path, as_version=4)
    read.metadata.pop("widgets", None)
    return read

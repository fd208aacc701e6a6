"""Errors show at most 20 lines of traceback in JupyterLab, IPython and Python; all frames with TOLOKA_FRAMES_TRACEBACK=full."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jupyter_core.utils import ensure_event_loop
from support.failing_calls import CALLS, PREPARE
from support.kernels import kernel, kernel_config

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking import BlockingKernelClient

    from toloka_frames.local import LocalToloka

TESTS = Path(__file__).parents[1]
MAX_LINES = 20
FRONT_ENDS = ("Python", "IPython", "JupyterLab")
COLORS = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r'^(?:  File "(?P<file>[^"]+)", line|File (?P<path>\S+?):\d+, in|Cell In)', re.MULTILINE)
WAIT_SECONDS = 300
# prints each error as the interpreter does at the end of a script, without its own frame
SCRIPT = (
    PREPARE
    + """
import sys
from pathlib import Path

for name, code in CALLS.items():
    is_awaited = code.startswith(("await ", "async "))
    lines = f"async def main():\\n    {code}\\nasyncio.run(main())" if is_awaited else code
    Path("script.py").write_text(lines)
    print(f"== {name}", file=sys.stderr)
    try:
        exec(compile(lines, "script.py", "exec"))
    except BaseException as error:
        sys.excepthook(type(error), error.with_traceback(error.__traceback__.tb_next), None)
toloka.close()
"""
)


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOLOKA_")}
    return kept | {"PYTHONPATH": path, "COLUMNS": "200"} | more


def sections(text: str) -> dict[str, str]:
    """Return what was printed after each line that names a call."""
    parts = re.split(r"^.*== (.+)\n", COLORS.sub("", text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def shown_by_python(folder: Path, calls: dict[str, str] = CALLS, **more: str) -> dict[str, str]:
    code = f"CALLS = {calls!r}\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder, env=environment(**more)
    )
    return sections(done.stderr)


def shown_by_ipython(folder: Path) -> dict[str, str]:
    cells = [("prepare", PREPARE), *CALLS.items()]
    paths = [folder / f"{number}.py" for number in range(len(cells))]
    for path, (_, code) in zip(paths, cells, strict=True):
        path.write_text(code + "\n")
    # each cell is run as if it were typed
    runs = [
        f"print('== {name}'); get_ipython().run_cell(open({str(path)!r}).read()) and None"
        for path, (name, _) in zip(paths, cells, strict=True)
    ]
    options = ["--no-banner", "--simple-prompt", "--no-confirm-exit", "--HistoryManager.enabled=False"]
    command = [sys.executable, "-m", "IPython", *options]
    done = subprocess.run(
        command,
        input="\n".join([*runs, "print('== end'); toloka.close()", "exit()", ""]),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(IPYTHONDIR=str(folder)),
    )
    return sections(done.stdout)


def shown_by_jupyter(folder: Path) -> dict[str, str]:
    variables = environment(IPYTHONDIR=str(folder))
    try:
        with kernel_config() as config, kernel(config, cwd=str(folder), env=variables) as (_, client):
            assert run_cell(client, PREPARE) == ""
            shown = {name: run_cell(client, code) for name, code in CALLS.items()}
            run_cell(client, "toloka.close()")
            return shown
    finally:
        # jupyter_client makes a loop for its calls, and leaves it open
        ensure_event_loop().close()
        asyncio.set_event_loop(None)


def run_cell(client: BlockingKernelClient, code: str) -> str:
    """Run a cell and return what the notebook shows of its error, and its warnings."""
    sent, shown = client.execute(code), ""
    while True:
        message = client.get_iopub_msg(timeout=WAIT_SECONDS)
        if message["parent_header"].get("msg_id") != sent:
            continue
        content = message["content"]
        shown += "\n".join(content.get("traceback", ()))
        shown += content["text"] if content.get("name") == "stderr" else ""
        if content.get("execution_state") == "idle":
            return COLORS.sub("", shown)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return what each front end shows of each call."""
    front_ends = (shown_by_python, shown_by_ipython, shown_by_jupyter)
    return {name: show(tmp_path_factory.mktemp(name)) for name, show in zip(FRONT_ENDS, front_ends, strict=True)}


NAMES = [name for name in CALLS if name != "WriteFailed" or Path("/dev/full").exists()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_traceback_has_the_line_of_the_caller_at_most_one_of_ours_and_the_message(
    front_end: str, name: str, shown: dict[str, dict[str, str]]
) -> None:
    text = shown[front_end][name].strip()
    lines = text.splitlines()
    assert len(lines) <= MAX_LINES, text
    assert CALLS[name].splitlines()[0] in text
    error = re.split(r"\W", name)[0]
    assert re.search(rf"^(?:toloka_frames\.)?{error}: \S", text, re.MULTILINE), text
    ours = [path for match in FRAME.finditer(text) if "toloka_frames" in (path := match["file"] or match["path"] or "")]
    assert len(ours) <= 1, text
    assert "Traceback (most recent call last)" in lines[0] + lines[1]
    assert "direct cause" not in text
    assert "During handling" not in text


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_no_traceback_shows_a_token(front_end: str, shown: dict[str, dict[str, str]]) -> None:
    assert "wrong.token" not in "".join(shown[front_end].values())


def test_all_frames_and_causes_are_shown_on_request(tmp_path: Path) -> None:
    calls = {name: CALLS[name] for name in ("ConnectionFailed", "AuthenticationFailed")}
    full = shown_by_python(tmp_path, calls, TOLOKA_FRAMES_TRACEBACK="full")
    refused = full["ConnectionFailed"]
    assert len(refused.splitlines()) > 2 * MAX_LINES
    assert "httpx.ConnectError" in refused
    assert "direct cause" in refused
    assert "wrong.token" not in "".join(full.values())


def test_the_cause_stays_for_code_that_wants_it(toloka: LocalToloka) -> None:
    client = tf.TolokaClient(toloka.token, url="http://127.0.0.1:9", retries=1)
    with pytest.raises(tf.ConnectionFailed) as caught:
        client.get_requester()
    assert type(caught.value.__cause__).__name__ == "ConnectError"
    assert caught.value.__context__ is None


def test_code_of_the_caller_between_two_of_our_calls_stays_visible(toloka: LocalToloka) -> None:
    client = toloka.client()

    def rows_of_the_caller() -> Iterator[dict[str, str]]:
        yield client.get_pool("nowhere")

    with pytest.raises(tf.NotFound) as caught:
        tf.to_dataframe(rows_of_the_caller())
    names = [entry.name for entry in caught.traceback]
    assert names[1:] == ["to_dataframe", "rows_of_the_caller", "get_pool"]
    client.close()


def test_a_public_call_needs_no_caller_in_python() -> None:
    code = "import atexit, toloka_frames as tf; atexit.register(tf.TolokaClient, 't', url='http://127.0.0.1:9')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""

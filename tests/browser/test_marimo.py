"""Progress in a notebook of marimo, which runs without a browser here: its card is the output of its cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import pandas as pd
    import toloka_frames as tf
    from toloka_frames.local import LocalToloka

    toloka = LocalToloka().start()
    client = toloka.client()
    pool = toloka.example_pool()
    frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(100)]})
    return client, frame, pool, tf


@app.cell
def _(client, frame, pool, tf):
    results = tf.create_tasks(frame, client, pool.id, overlap=1)
    return


@app.cell
def _(client, frame, pool, tf):
    more = tf.create_tasks(frame.head(5), client, pool.id, overlap=1, upload_id="again", progress="notebook")
    return
"""


def test_a_card_is_the_output_of_its_cell(tmp_path: Path) -> None:
    if not os.environ.get("BROWSER_REQUIRED"):
        pytest.importorskip("marimo", reason="marimo has 130 MB: make test-browser installs it")
    (tmp_path / "notebook.py").write_text(NOTEBOOK, "utf-8")
    command = [sys.executable, "-m", "marimo", "export", "session", "notebook.py", "--continue-on-error"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    exported = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    session = tmp_path / "__marimo__" / "session" / "notebook.py.json"
    cells: list[dict[str, Any]] = json.loads(session.read_text("utf-8"))["cells"]
    (card,), (other,) = (cell["outputs"] for cell in cells[1:])
    assert "tasks: 100 of 100 rows" in card["data"]["text/html"]
    assert "100 CREATED." in card["data"]["text/html"]
    assert "tasks: 5 of 5 rows" in other["data"]["text/html"]
    assert [cell["console"] for cell in cells] == [[], [], []]

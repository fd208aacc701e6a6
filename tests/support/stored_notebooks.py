"""Notebooks that are stored with their outputs: `make notebooks` executes them, and tests tell whether outputs are up to date.

Outputs differ from one execution to the next in times, rates and random ids. Outputs that differ in nothing else stay as they
are in the file, so that an execution after which nothing is new changes no file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
CELL_SECONDS = 120

# where the notebook tells of which sources its outputs are
KEY = "toloka_frames"
LOCAL_URL = re.compile(r"(127\.0\.0\.1|localhost):\d+")
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b([0-9a-f]{10,}|[0-9A-Za-z]{20})\b"), "ID"),
    (re.compile(r"[\d,.]+ (rows|%)/s"), "RATE"),
    (re.compile(r"\b[\d,.]+ (min|s)\b"), "DURATION"),
    (re.compile(r"[-\s]+"), " "),  # columns are as wide as what they hold
)


def execute(path: Path) -> None:
    """Execute a notebook, and write those of its outputs that are new."""
    notebook = nbformat.read(path, as_version=4)
    stored = {cell.id: cell.get("outputs", []) for cell in notebook.cells}
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, kernel_name="python3", timeout=CELL_SECONDS, resources=where, record_timing=False).execute()
    for cell in code_cells(notebook):
        cell.outputs = [without_places(output) for output in cell.outputs]
        if comparable(cell.outputs) == comparable(stored[cell.id]):
            cell.outputs = stored[cell.id]
    notebook.metadata[KEY] = {"executed": digest(notebook)}
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def digest(notebook: NotebookNode) -> str:
    """Return a digest of the sources of all cells of code."""
    sources = json.dumps([cell.source for cell in code_cells(notebook)])
    return hashlib.sha256(sources.encode()).hexdigest()[:16]


def without_places(output: NotebookNode) -> NotebookNode:
    """Return an output without the port of the service, which is another one each time."""
    return nbformat.from_dict(json.loads(LOCAL_URL.sub(r"\1:8080", json.dumps(output))))


def comparable(outputs: Iterable[Any]) -> list[str]:
    """Return the plain texts of outputs, without what differs from one execution to the next; of pictures that there is one."""
    return [masked(text) for text in map(plain_text, outputs)]


def plain_text(output: Any) -> str:
    data = output.get("data", {})
    picture = "PICTURE " if "image/png" in data else ""
    return picture + "".join(output.get("text") or data.get("text/plain") or output.get("evalue") or "")


def masked(text: str) -> str:
    text = LOCAL_URL.sub(r"\1:8080", text)
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text.strip()


def main(paths: Iterable[Path]) -> None:
    """Execute notebooks with this interpreter as their kernel, in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        for name in ("HOME", "XDG_DATA_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
            os.environ[name] = home
        for path in paths:
            execute(path)


if __name__ == "__main__":
    main(map(Path, sys.argv[1:]) if len(sys.argv) > 1 else sorted(FOLDER.glob("*.ipynb")))

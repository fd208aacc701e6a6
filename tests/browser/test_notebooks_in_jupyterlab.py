"""Run All of each notebook in JupyterLab."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.jupyterlab import JupyterLab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
RUN_SECONDS = 120


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_shows_no_error_no_warning_and_every_output(
    path: Path, lab: JupyterLab, request: pytest.FixtureRequest
) -> None:
    if "crowdkit" in path.read_text("utf-8"):
        request.getfixturevalue("crowd_kit")
    shutil.copy(path, lab.folder / path.name)
    with lab.opened(path.name) as notebook:
        notebook.run_all(RUN_SECONDS)
        saved = notebook.save()
        shown = notebook.page.locator(".jp-Notebook").inner_text()
        widgets = notebook.page.locator(".jupyter-widgets").count()
    cells = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if not cell.execution_count] == []
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert "Error displaying widget" not in shown
    assert "Traceback" not in shown
    assert widgets == 0

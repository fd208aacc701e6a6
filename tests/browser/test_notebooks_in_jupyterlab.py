"""Run All of each notebook in JupyterLab."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from support import stored_notebooks
from support.stored_notebooks import comparable

if TYPE_CHECKING:
    from support.jupyterlab import JupyterLab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
RUN_SECONDS = 120


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_shows_the_outputs_that_are_stored_and_no_error_and_no_warning(
    path: Path, lab: JupyterLab, request: pytest.FixtureRequest
) -> None:
    if "crowdkit" in path.read_text("utf-8"):
        request.getfixturevalue("crowd_kit")
    stored = stored_notebooks.code_cells(nbformat.read(path, as_version=4))
    shutil.copy(path, lab.folder / path.name)
    with lab.opened(path.name) as notebook:
        notebook.run_all(RUN_SECONDS)
        saved = notebook.save()
        shown = notebook.page.locator(".jp-Notebook").inner_text()
        widgets = notebook.page.locator(".jupyter-widgets").count()
        formulas = notebook.page.locator("mjx-container").count()  # an amount of dollars, for example
    cells = stored_notebooks.code_cells(saved)
    assert [cell.source for cell in cells if not cell.execution_count] == []
    for cell, before in zip(cells, stored, strict=True):
        assert comparable(cell.outputs) == comparable(before.outputs), f"make notebooks stores the outputs of {cell.id}"
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert "Error displaying widget" not in shown
    assert "Traceback" not in shown
    assert (widgets, formulas) == (0, 0)

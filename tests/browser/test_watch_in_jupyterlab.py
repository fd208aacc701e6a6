"""The cards of `tf.wait_pool` and `tf.watch` in JupyterLab, while other cells run and after the notebook was opened again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support.open_pools import cell_of_open_pools

if TYPE_CHECKING:
    from support.jupyterlab import JupyterLab, Notebook

SECONDS = 60
POOLS = cell_of_open_pools(20)
BUSY = """
toloka.answer(pools[0])
while watch.pools["status"][0] == "OPEN":
    time.sleep(0.1)
toloka.answer(pools[1], workers=1)
time.sleep(60)
"""


def until_shown(notebook: Notebook, cell: int, text: str) -> str:
    """Wait until a cell shows a text; return all that it shows then."""
    deadline = time.monotonic() + SECONDS
    while text not in (shown := notebook.text(cell)):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    return shown


def test_a_watch_changes_in_its_own_cell_while_another_one_runs(lab: JupyterLab) -> None:
    with lab.notebook(POOLS, "watch = tf.watch(client, pools, every=1)", BUSY, "watch.stop()", name="watch") as notebook:
        notebook.run(0)
        assert notebook.run(1).count("): open") == 2
        notebook.start(2)
        assert until_shown(notebook, 1, "): complete").count("): open") == 1
        until_shown(notebook, 1, "4 submitted")
        assert notebook.text(2) == ""
        notebook.press_stop()
        notebook.wait()
        assert notebook.run(3) == ""
        last = until_shown(notebook, 1, "Stopped watching")
        assert notebook.output(1).locator("svg polyline").count() == 4
        notebook.save()
        notebook.reload()
        assert notebook.text(1) == last
        assert notebook.output(1).locator("svg polyline").count() == 4


def test_stop_ends_a_wait_and_its_card_says_what_goes_on(lab: JupyterLab) -> None:
    with lab.notebook(POOLS, "tf.wait_pool(client, pools, every=1)", name="wait") as notebook:
        notebook.run(0)
        notebook.start(1)
        until_shown(notebook, 1, "waiting for 2 s")
        notebook.press_stop()
        notebook.wait()
        shown = notebook.text(1)
        assert shown.count("): open") == 2
        assert "waited " in shown
        assert shown.count("Stopped waiting. Tolokers continue to work") == 2  # on the card and in the traceback
        assert notebook.page.locator(".jupyter-widgets").count() == 0

"""The card of an upload in JupyterLab, against what the service has recorded meanwhile."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support.card_samples import Sample, end_recording, start_recording
from support.jupyterlab import SHOWN
from support.watched_service import Record, WatchedService, watched_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.jupyterlab import JupyterLab, Notebook

ROWS = 100_000
SOME_ROWS = 60_000
UPLOAD_SECONDS = 120
# an operation takes 2.5 s, and five are at work; a busy machine adds to it
ROUND_SECONDS = 10.0

START = """
import os
import re
import pandas as pd
import toloka_frames as tf

client = tf.TolokaClient(url={url!r})
# of 250 characters, so that a request has 3,700 rows
images = pd.DataFrame({{"image": [f"https://example.com/{{number:0>226}}.jpg" for number in range({rows})]}})
os.getpid()
"""
UPLOAD = """
results = images.pipe(tf.create_tasks, client, pool_id={pool_id!r}, allow_defaults=True, upload_id="pictures")
results["status"].value_counts()
"""

FORTY = """
for number in range(40):
    images[number : number + 1].pipe(tf.create_tasks, client, pool_id={pool_id!r}, allow_defaults=True)
"""
WIDGETS = """
from ipywidgets.widgets import widget
len(widget._instances)
"""


def cells(service: WatchedService, rows: int) -> tuple[str, str]:
    return (
        START.format(url=service.url, rows=rows),
        UPLOAD.format(pool_id=service.pool_id),
    )


@dataclass(frozen=True)
class Watched:
    """An upload that has ended: what the card showed, what the service recorded, and what the cell's output is."""

    samples: Sequence[Sample]
    record: Record
    outputs: Sequence[dict[str, Any]]

    @property
    def running(self) -> list[Sample]:
        """The samples while the card showed that it was running."""
        return [sample for sample in self.samples if sample.rows < ROWS and "rows" in sample.text]


@pytest.fixture(scope="module")
def watched(lab: JupyterLab, token: str) -> Iterator[Watched]:
    """Upload 100,000 rows to a service that is slow, refuses requests, loses a response and has its quota used up."""
    faults = (
        ["answer", [503, "POST /v1/tasks"], {"nth": [4, 9, 20]}],
        ["answer", [429, "POST /v1/tasks"], {"nth": 13, "retry_after": 8, "interval": "MIN"}],
        ["lose_reply", ["POST /v1/tasks"], {"nth": 17}],
        ["slow", ["GET /v1/operations/*"], {"seconds": 0.1, "share": 0.2}],
    )
    with watched_service(token, *faults, operation_seconds=2.5) as service, lab.notebook(*cells(service, ROWS)) as notebook:
        notebook.run(0)
        start_recording(notebook, 1)
        notebook.run(1, UPLOAD_SECONDS)
        yield Watched(end_recording(notebook), service.record(), notebook.outputs(1))


def test_the_upload_was_watched_and_met_all_of_it(watched: Watched) -> None:
    assert len(watched.record.images) == len(set(watched.record.images)) == ROWS
    assert len(watched.running) > 50
    gaps = [later.at - sample.at for sample, later in pairwise(watched.running)]
    assert sorted(gaps)[len(gaps) // 2] < 0.2


def test_a_card_never_shows_more_rows_than_there_are(watched: Watched) -> None:
    shown = [(sample.rows, watched.record.created_until(sample.at)) for sample in watched.samples]
    assert [(rows, there) for rows, there in shown if rows > there] == []
    assert len({rows for rows, _ in shown}) > 5


def test_a_card_never_goes_backwards(watched: Watched) -> None:
    rows = [sample.rows for sample in watched.samples]
    assert rows == sorted(rows)


def test_a_card_shows_no_request_as_sent_that_has_not_reached_the_service(watched: Watched) -> None:
    shown = [(sample.sent, watched.record.received_until(sample.at), sample.text) for sample in watched.samples]
    assert [(sent, there, text) for sent, there, text in shown if sent > there] == []


def test_the_time_left_is_within_a_factor_of_two_after_the_first_tenth(watched: Watched) -> None:
    end = watched.running[-1].at
    late = [sample for sample in watched.running if sample.rows >= ROWS / 10 and sample.seconds_left is not None]
    assert len(late) > 20
    left = [(sample.seconds_left, round(end - sample.at, 1)) for sample in late]
    unknown = longest_without_news(watched.running)
    assert unknown < ROUND_SECONDS
    assert [(shown, real) for shown, real in left if not is_close(shown, real, unknown)] == []


def test_the_end_says_how_long_it_took_how_long_it_waited_and_how_many_retries(watched: Watched) -> None:
    text = plain_text(watched.outputs)
    assert f"{ROWS:,}" in text
    # on a busy machine, requests can be at work for the whole time of the quota's wait
    waited = any("quota" in sample.text for sample in watched.running)
    assert re.search(r"done in \d+ s, of which [\d.]+ s waiting for the quota" if waited else r"done in \d+ s", text)
    assert "5 retries" in text or "4 retries" in text


def test_stop_says_how_to_continue_and_the_cell_again_creates_each_row_once(lab: JupyterLab, token: str) -> None:
    with watched_service(token, operation_seconds=1) as service, lab.notebook(*cells(service, SOME_ROWS)) as notebook:
        notebook.run(0)
        stop_after_some_rows(notebook, notebook.press_stop)
        notebook.wait()
        stopped = plain_text(notebook.outputs(1))
        assert "stopped" in stopped
        assert "again" in stopped
        assert "UploadInterrupted" in notebook.text(1)
        assert len(service.record().images) < SOME_ROWS
        assert f"CREATED    {SOME_ROWS}" in notebook.run(1, UPLOAD_SECONDS)
        images = service.record().images
    assert len(images) == len(set(images)) == SOME_ROWS


def test_a_notebook_whose_kernel_was_killed_still_shows_the_upload_and_its_last_state(lab: JupyterLab, token: str) -> None:
    with watched_service(token, operation_seconds=1) as service, lab.notebook(*cells(service, SOME_ROWS)) as notebook:
        process_id = int(notebook.run(0))
        stop_after_some_rows(notebook, lambda: os.kill(process_id, signal.SIGKILL))
        saved = notebook.save()
        notebook.reload()
        shown = notebook.text(1)
    texts = [output.data.get("text/plain", "") for output in saved.cells[1].outputs if output.output_type == "display_data"]
    for text in ("\n".join(texts), shown):
        assert "pictures" in text
        assert f"of {SOME_ROWS:,} rows" in text
        assert "again" in text
    assert "Error displaying widget" not in shown


def test_no_widget_is_left_after_forty_uploads(lab: JupyterLab, token: str) -> None:
    with watched_service(token, operation_seconds=0.05) as service:
        first, _ = cells(service, 40)
        with lab.notebook(first, FORTY.format(pool_id=service.pool_id), WIDGETS) as notebook:
            notebook.run(0)
            notebook.run(1, UPLOAD_SECONDS)
            assert notebook.run(2) == "0"
            assert notebook.page.locator(".jupyter-widgets").count() == 0
            assert len(service.record().images) == 40


def stop_after_some_rows(notebook: Notebook, stop: Callable[[], None]) -> None:
    """Start the upload, and stop it when the card shows its first rows."""
    notebook.start(1)
    notebook.wait_for(f"/[1-9][0-9,]* of [0-9,]+ rows/.test({SHOWN})", index=1)
    stop()


def plain_text(outputs: Sequence[dict[str, Any]]) -> str:
    """Return the plain text of what a cell displayed."""
    return "\n".join(
        "".join(output["data"].get("text/plain", "")) for output in outputs if output["output_type"] == "display_data"
    )


def longest_without_news(samples: Sequence[Sample]) -> float:
    """Return the longest time between two results: so far off is the best estimate, because rows come in steps of thousands."""
    news = [later.at for sample, later in pairwise(samples) if later.rows > sample.rows]
    waits = [sample.at for sample in samples if "waiting for the quota" in sample.text]
    return max(later - at for at, later in pairwise(news) if not any(at < wait < later for wait in waits))


def is_close(shown: float | None, real: float, unknown: float) -> bool:
    """Return whether a time is within a factor of two of the real one, or as close as anybody can know."""
    assert shown is not None
    return real / 2 <= shown <= real * 2 or abs(shown - real) <= unknown

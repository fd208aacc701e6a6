"""Take the pictures of docs/images in a real JupyterLab, so that they stay true.

`make pictures` writes those of the documentation. `make pictures PICTURES='FOLDER card scan'` writes these two to a folder, or
all without names, each light and dark, wide and narrow, to be looked at.
"""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops
from support.jupyterlab import SHOWN, errors, running_jupyterlab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.jupyterlab import JupyterLab, Notebook, Theme

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, NARROW = 1000, 500
SCALE = 2  # pixels of a screen of today to each CSS pixel
MARGIN = 6 * SCALE
COLOURS = 128
WAIT_SECONDS = 120
HIDDEN = ".jp-OutputPrompt, .jp-OutputArea-promptOverlay, .jp-Cell-inputWrapper { display: none !important }"

START = """
import _thread, threading, time
import pandas as pd
import toloka_frames as tf
from toloka_frames.local import LocalToloka

quick = LocalToloka().start()
account = quick.client()

def slow_service():
    # one for each upload, because what one has used of a minute's quota the next would wait for
    toloka = LocalToloka(operation_seconds=2).start()
    return toloka, toloka.client(), toloka.example_pool()

def images(rows, first=0):
    return pd.DataFrame({"image": [f"https://example.com/{number:0>226}.jpg" for number in range(first, first + rows)]})
"""
ANSWERED = """
import matplotlib.pyplot as plt

answered = quick.example_pool(control_tasks=1)
controls = pd.DataFrame({"INPUT:image": [f"https://example.com/known-{n}.jpg" for n in range(60)],
                         "GOLDEN:result": ["cat", "dog"] * 30, "TASK:infinite_overlap": True})
tf.create_tasks(controls, account, pool_id=answered.id, allow_defaults=True, progress=False)
small = pd.DataFrame({"image": [f"https://example.com/{n}.jpg" for n in range(200)]})
tf.create_tasks(small, account, pool_id=answered.id, overlap=6, open_pool=True, progress=False)
for seed, (workers, accuracy) in enumerate([(2, 0.95), (1, 0.6), (9, 0.85)]):
    quick.answer(answered.id, workers=workers, accuracy=accuracy, seed=seed)
answers = account.get_assignments(answered.id).to_dataframe(progress=False)
"""


@dataclass(frozen=True)
class Picture:
    """A picture of the output of a cell.

    Attributes:
        name: The name of its file.
        code: The cell.
        shows: A regular expression: the picture is taken when the output shows it, also if the cell is still running.
        themes: Themes of the pictures in the documentation; empty if it has none. That in dark is called NAME-dark.
        first: Whether the picture has only the first output, the card, without an error below it.
    """

    name: str
    code: str
    shows: str = ""
    themes: Sequence[Theme] = ()
    first: bool = False


PICTURES = (
    Picture(
        "card",
        """
        toloka, client, pool = slow_service()
        results = images(60_000).pipe(tf.create_tasks, client, pool.id, allow_defaults=True)
        """,
        r"[2-5]\d,\d{3} of",
        ("Light", "Dark"),
        first=True,
    ),
    Picture(
        "card-quota",
        """
        toloka, client, pool = slow_service()
        toloka.faults.answer(429, "POST /v1/tasks", nth=7, retry_after=20, interval="MIN")
        results = images(60_000).pipe(tf.create_tasks, client, pool.id, allow_defaults=True)
        """,
        r"\d of .* a minute",
        first=True,
    ),
    Picture(
        "card-done",
        """
        toloka, client, pool = slow_service()
        toloka.faults.answer(429, "POST /v1/tasks", nth=5, retry_after=5, interval="MIN")
        results = images(20_000).pipe(tf.create_tasks, client, pool.id, allow_defaults=True)
        """,
    ),
    Picture(
        "card-failed",
        """
        toloka, client, pool = slow_service()
        toloka.faults.answer(403, "POST /v1/tasks", nth=3, code="ACCESS_DENIED")
        results = images(30_000).pipe(tf.create_tasks, client, pool.id, allow_defaults=True)
        """,
        first=True,
    ),
    Picture(
        "card-stopped",
        """
        toloka, client, pool = slow_service()
        threading.Timer(4, _thread.interrupt_main).start()
        results = images(60_000).pipe(tf.create_tasks, client, pool.id, allow_defaults=True)
        """,
        first=True,
    ),
    Picture(
        "card-pull",
        """
        quick.faults.slow("GET /v1/tasks", seconds=0.3)
        rows = account.get_tasks(answered.id, batch_size=10).to_dataframe()
        """,
        r"\d{2} rows",
        first=True,
    ),
    Picture(
        "follow",
        """
        for frame in tf.follow(account.get_assignments(answered.id), by="submitted", until=pd.Timedelta("5s"), lag=20):
            print(f"{len(frame):,} new answers")
        """,
        "late rows",
    ),
    Picture(
        "follow-stopped",
        """
        threading.Timer(3, _thread.interrupt_main).start()
        for frame in tf.follow(account.get_assignments(answered.id), by="submitted"):
            print(f"{len(frame):,} new answers")
        """,
        "stopped",
        first=True,
    ),
    Picture(
        "preflight",
        """
        quick.faults.clear()
        pool = quick.example_pool()
        wanted = pd.concat([images(2_000), pd.DataFrame({"image": ["no address", None]})], ignore_index=True)
        wanted.pipe(tf.preflight, account, pool.id, allow_defaults=True, fee=0.3)
        """,
        themes=("Light",),
    ),
    Picture(
        "wait_pool",
        """
        first, second = quick.example_pool(), quick.example_pool()
        for pool, overlap in ((first, 20), (second, 30)):
            images(100).pipe(tf.create_tasks, account, pool.id, overlap=overlap, open_pool=True, progress=False)

        def work():
            for seed in range(14):
                quick.answer(first.id, workers=1, seed=seed)
                quick.answer(second.id, workers=1, seed=seed)
                time.sleep(1.5)

        threading.Thread(target=work).start()
        tf.wait_pool(account, [first, second], every=1)
        """,
        r"[2-9]\d %.*left",
        ("Light",),
        first=True,
    ),
    Picture(
        "watch",
        """
        watch = tf.watch(account, [answered, first])
        """,
        themes=("Light",),
    ),
    Picture("scan", "account.get_assignments(answered.id, status='ACCEPTED')"),
    Picture("plot_workers", "answers.pipe(tf.quality).pipe(tf.plot_workers);", themes=("Light",)),
    Picture("plot_over_time", "answers.pipe(tf.plot_over_time, '5min');", themes=("Light",)),
    Picture("plot_agreement", "answers.pipe(tf.plot_agreement);"),
    Picture("plot_progress", "answers.pipe(tf.progress_by_status).pipe(tf.plot_progress);"),
)


def main(folder: Path | None, names: Sequence[str]) -> None:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as home, running_jupyterlab(Path(home)) as lab:
        if folder is None:
            for_docs(lab)
        else:
            to_look_at(lab, folder, names)


def for_docs(lab: JupyterLab) -> None:
    """Write the pictures of the documentation."""
    take(lab, [picture for picture in PICTURES if picture.themes], IMAGES, WIDE)


def to_look_at(lab: JupyterLab, folder: Path, names: Sequence[str]) -> None:
    """Write pictures of these names, or all, light and dark, wide and narrow."""
    pictures = [replace(each, themes=("Light", "Dark")) for each in PICTURES if not names or each.name in names]
    take(lab, pictures, folder / "wide", WIDE)
    take(lab, pictures, folder / "narrow", NARROW)


def take(lab: JupyterLab, pictures: Sequence[Picture], folder: Path, width: int) -> None:
    """Run the cells of pictures in a notebook, and write the pictures to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [START, ANSWERED, *(dedented(picture.code) for picture in pictures)]
    with lab.notebook(*cells, width=width, scale=SCALE) as notebook:
        notebook.command("application:toggle-left-area")
        notebook.page.add_style_tag(content=HIDDEN)
        for cell in (0, 1):
            notebook.run(cell, WAIT_SECONDS)
            if found := errors(notebook.outputs(cell)):
                raise RuntimeError(found)
        for cell, picture in enumerate(pictures, start=2):
            take_one(notebook, cell, picture, folder)


def take_one(notebook: Notebook, cell: int, picture: Picture, folder: Path) -> None:
    """Run a cell, and write the picture of its output in each theme."""
    notebook.start(cell)
    if picture.shows:
        notebook.wait_for(f"new RegExp(pattern).test({SHOWN})", WAIT_SECONDS, index=cell, pattern=picture.shows)
    else:
        notebook.wait(WAIT_SECONDS)
    for theme in picture.themes:
        notebook.use_theme(theme)
        suffix = "-dark" if theme == "Dark" else ""
        path = folder / f"{picture.name}{suffix}.png"
        output = notebook.output(cell)
        write((output.locator(".jp-OutputArea-child").first if picture.first else output).screenshot(), path)
        print(path, path.stat().st_size)
    notebook.use_theme("Light")
    if picture.shows:
        notebook.press_stop()
    notebook.wait(WAIT_SECONDS)


def write(png: bytes, path: Path) -> None:
    """Write a picture with a narrow margin around it, in few colours, so that its file is small."""
    taken = Image.open(io.BytesIO(png)).convert("RGB")
    background = taken.getpixel((taken.width - 1, taken.height // 2))
    shown = ImageChops.difference(taken, Image.new("RGB", taken.size, background)).getbbox()
    cropped = taken.crop(shown)
    picture = Image.new("RGB", (cropped.width + 2 * MARGIN, cropped.height + 2 * MARGIN), background)
    picture.paste(cropped, (MARGIN, MARGIN))
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def dedented(code: str) -> str:
    lines = code.strip("\n").splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, sys.argv[2:])

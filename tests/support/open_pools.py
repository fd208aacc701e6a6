"""The first cell of notebooks that wait for pools or watch them: two open pools of a local service."""

from __future__ import annotations

CODE = """
import time
import pandas as pd
import toloka_frames as tf
from toloka_frames.local import LocalToloka

toloka = LocalToloka(operation_seconds=0.05).start()
client = toloka.client()

def open_pool():
    pool = toloka.example_pool()
    images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(TASKS)]})
    images.pipe(tf.create_tasks, client, pool_id=pool, allow_defaults=True, open_pool=True, progress=False)
    return pool

pools = [open_pool(), open_pool()]
"""


def cell_of_open_pools(tasks: int) -> str:
    """Return the code of a cell that defines `toloka`, `client` and two open `pools`, with this number of tasks in each."""
    return CODE.replace("TASKS", str(tasks))

"""Calls that fail, each with an error of its own, as the cells of a notebook and the lines of a script."""

from __future__ import annotations

PREPARE = """
import asyncio
import logging
import socket
import pandas as pd
import toloka_frames as tf
from toloka_frames.local import LocalToloka
from support.sample_project import create_pool

toloka = LocalToloka(operation_seconds=0.05).start()
client, awaited = toloka.client(), toloka.async_client()
stranger = tf.TolokaClient("0123456789abcdef012345.wrong.token", url=toloka.url, retries=1)
unused = socket.socket()  # bound to the end, so that nobody else listens at its port
unused.bind(("127.0.0.1", 0))
port = unused.getsockname()[1]
offline = tf.TolokaClient("t", url=f"http://127.0.0.1:{port}", retries=1)
offline_awaited = tf.AsyncTolokaClient("t", url=f"http://127.0.0.1:{port}", retries=1)
impatient = tf.TolokaClient(toloka.token, url=toloka.url, retries=1)
pool_id, other_id, failing_id = [create_pool(awaited) for _ in range(3)]
photos = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
photos.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
toloka.faults.answer(403, f"GET /v1/pools/{other_id}", code="ACCESS_DENIED")
toloka.faults.answer(500, "GET /v1/tasks", nth=(2, 4))
toloka.faults.answer(500, "GET /v1/projects", nth=2)
toloka.faults.fail_operation("POST /v1/tasks", nth=(1, 2))
one_by_one = impatient.get_tasks(pool_id, batch_size=1)

def use(row):
    pass

async def wait_inside():
    tf.run(asyncio.sleep(0))
"""

# by the name of the error; in scripts an `await` is inside asyncio.run
CALLS = {
    "AuthenticationFailed": "stranger.get_requester()",
    "AccessDenied": "client.get_pool(other_id)",
    "NotFound": "client.get_pool('nowhere')",
    "ConnectionFailed": "offline.get_pools().to_dataframe()",
    "InputError": "client.get_pools(status='OPENN')",
    "UploadError": "photos.pipe(tf.create_tasks, client, pool_id=failing_id, allow_defaults=True, progress=False)",
    "RowsAlreadyCreated": "photos[::-1].pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)",
    "ScanInterrupted": "one_by_one.to_dataframe(progress=False)",
    "ScanInterrupted in a loop": "for task in one_by_one: use(task)",
    "OperationFailed": "client.wait_operation(client.create_tasks_async(\n    [{'pool_id': failing_id, 'input_values': {}}],\n"
    "    operation_id='5a6bd4bd-7d62-4b4d-a9a3-7f9c4a3e1d4e',\n))",
    "WriteFailed": "one_by_one.to_parquet('/dev/full', progress=False)",
    "ConfigurationError": "tf.TolokaClient('', environment='PRODUCTION')",
    "LoopError": "tf.run(wait_inside())",
    "NotFound, awaited": "await awaited.get_pool('nowhere')",
    "ConnectionFailed, awaited": "await tf.aio.to_dataframe(offline_awaited.get_pools())",
    "ConnectionFailed, async for": "async for pool in offline_awaited.get_pools(): use(pool)",
    "TypeError": "photos.pipe(tf.create_tasks, client, pool_id, allow_default=True)",
}

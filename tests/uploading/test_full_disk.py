"""A disk that becomes full during an upload: no row is lost or sent twice, and the same call goes on once there is room."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from support.all_cases import ALL_CASES
from support.forked_scripts import run_script
from support.sample_project import create_pool

if TYPE_CHECKING:
    from pathlib import Path

    import toloka_frames as tf
    from toloka_frames.local import LocalToloka

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no disk that a test can fill")

IMAGES = [f"https://example.com/{row:02}.jpg" for row in range(20)]
APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required
NO_DISK = "no disk of its own"
UPLOAD = """
import ctypes, json, os, random, re, resource, sys
from contextlib import suppress
from pathlib import Path
import httpx
import pandas as pd
import toloka_frames as tf

url, token, function, destination, disk, folder, no_disk, method, path, nth, room, *images = sys.argv[1:]
others = Path(folder) / "others"

def check(failed):
    if failed:
        sys.exit(f"{no_disk}: {os.strerror(ctypes.get_errno())}")

def mount():
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    check(libc.unshare(0x10020000))  # a namespace of users, in which this one may mount, and one of mounts
    for file, text in {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}.items():
        Path("/proc/self", file).write_text(text)
    check(libc.mount(b"disk", folder.encode(), b"tmpfs", 0, b"size=8m"))

def fill():
    if disk == "a file system":
        free = os.statvfs(folder)
        others.write_bytes(bytes(free.f_bavail * free.f_bsize - int(room)))
    else:  # to SQLite, a file that may not grow is like a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), resource.RLIM_INFINITY))

class DiskFills(httpx.AsyncHTTPTransport):
    left = int(nth)

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        if request.method == method and re.search(path, request.url.path):
            self.left -= 1
            if self.left == 0:
                fill()
        return response

def upload():
    ledger = Path(folder) / "uploads.db"
    options = {"allow_defaults": True} if function == "create_tasks" else {}
    frame = pd.DataFrame({"text": texts, "image" if options else "image_url": images})
    results = getattr(tf, function)(frame, client, destination, ledger=ledger, concurrency=1, progress=False, **options)
    return results["status"].tolist()

sys.dont_write_bytecode = True  # Python does not notice that it writes a part of a module only
if disk == "a file system":
    mount()
client = tf.AsyncTolokaClient(token, url=url, transport=DiskFills())
# hardly smaller when it is compressed, so that a request holds ten rows
texts = [random.Random(image).randbytes(50_000).hex() for image in images]
if nth == "0":
    fill()
report = {"error": "no error", "message": ""}
try:
    upload()
except tf.TolokaError as error:
    report = {"error": type(error).__name__, "message": str(error)}
others.unlink(missing_ok=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps({**report, "statuses": upload()}))
"""
# the function, the response after which the disk is full (its method, path and number), the bytes that are left, and the error
TASKS, ITEMS, NOTHING_SENT, STOPPED = "create_tasks", "create_app_items", "LedgerError", "UploadError"
CASES = {
    "before the call": (TASKS, "GET", "", 0, 0, NOTHING_SENT),
    "before the rows are recorded": (TASKS, "GET", "/pools/", 1, 0, NOTHING_SENT),
    "before the last rows are recorded": (TASKS, "GET", "/pools/", 1, 700_000, NOTHING_SENT),
    "after a request": (TASKS, "POST", "/tasks$", 1, 0, STOPPED),
    "after an operation": (TASKS, "GET", "/log$", 1, 0, STOPPED),
    "after the last operation": (TASKS, "GET", "/log$", 2, 0, STOPPED),
    "before app items are recorded": (ITEMS, "GET", "/app-projects/", 1, 0, NOTHING_SENT),
    "after a request of app items": (ITEMS, "POST", "/bulk$", 1, 0, STOPPED),
    "after the last request of app items": (ITEMS, "POST", "/bulk$", 2, 0, STOPPED),
}
DISKS = ["a file system", "a limit of files"]
# by default half of them: each disk with each error
CHOSEN = [
    (disk, case) for number, case in enumerate(CASES) for disk in (DISKS if ALL_CASES else DISKS[number % 2 : number % 2 + 1])
]


def destination(function: str, client: tf.TolokaClient, toloka: LocalToloka) -> str:
    if function == TASKS:
        return create_pool(toloka.async_client())
    return client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}}).id


def created(function: str, client: tf.TolokaClient, place: str) -> list[str]:
    """Return the images of all rows that were created, sorted."""
    if function == TASKS:
        return sorted(task["input_values"]["image"] for task in client.get_tasks(place))
    return sorted(item["input_data"]["image_url"] for item in client.get_app_items(place))


@pytest.mark.parametrize(("disk", "case"), CHOSEN)
def test_an_upload_that_a_full_disk_has_stopped_goes_on_once_there_is_room(
    disk: str, case: str, toloka: LocalToloka, tmp_path: Path
) -> None:
    function, *moment, error = CASES[case]
    client = toloka.client()
    place = destination(function, client, toloka)
    before = len(toloka.requests)
    arguments = [toloka.url, toloka.token, function, place, disk, tmp_path, NO_DISK, *map(str, moment), *IMAGES]
    done = run_script(UPLOAD, *arguments)
    if done.stderr.startswith(NO_DISK):
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    report, sent = json.loads(done.stdout), toloka.requests[before:]
    # a file system takes what SQLite writes over what it has freed, so the last record may succeed
    assert report["error"] in (error, "no error" if "last" in case and error == STOPPED else error)
    assert report["error"] == "no error" or "Free space on its disk" in report["message"]
    assert report["statuses"] == ["CREATED"] * len(IMAGES)
    assert created(function, client, place) == IMAGES
    assert [request.method for request in sent].count("POST") == 2

"""What tests share: the service in this process, a server that says what it is told, the real data where it lies."""

from __future__ import annotations

import gc
import logging
import re
import signal
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from support.sample_project import create_pool
from support.scripted_server import TOKEN, Scripted

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# a busy machine must not fail a test
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
NUMBERS = count()
DATA = Path(__file__).parents[1].parent / "shared" / "data"


def pytest_collection_finish() -> None:
    """Leave modules and tests, half a million objects, out of every garbage collection from here on: 0.3 s each without."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def data() -> Path:
    """The folder of real exports, task files and API objects."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not part of the project and does not lie at {DATA.parent.name}/{DATA.name} beside it")
    return DATA


# The shape of the tokens of LocalToloka. The pattern begins with a dot, which is found many times as fast as a run of digits
# among ids.
LOCAL_TOKEN = re.compile(rb"\.(?<=[0-9a-f]{22}\.)[0-9a-f]{8}\.[0-9a-f]{32}")


def holds_a_token(written: bytes) -> bool:
    """Return whether bytes hold a token of LocalToloka or the one that scripted servers get."""
    return TOKEN.encode() in written or LOCAL_TOKEN.search(written) is not None


@pytest.fixture(scope="session", autouse=True)
def nothing_that_was_written_holds_a_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All files of all tests, and all that was logged, are searched when the last test has run."""
    folder = tmp_path_factory.getbasetemp()
    log = logging.FileHandler(folder / "everything.log", encoding="utf-8")
    logging.getLogger().addHandler(log)
    level, _ = logging.getLogger().level, logging.getLogger().setLevel(logging.DEBUG)
    # httpcore writes ten lines for each request, a tenth of the time of an upload; test_connections.py reads them
    logging.getLogger("httpcore").setLevel(logging.INFO)
    yield
    logging.getLogger("httpcore").setLevel(logging.NOTSET)
    logging.getLogger().setLevel(level)
    logging.getLogger().removeHandler(log)
    log.close()
    written = [path for path in folder.rglob("*") if path.is_file() and not is_state_of_the_service(path)]
    assert written
    assert [str(path) for path in written if holds_a_token(path.read_bytes())] == []


def is_state_of_the_service(path: Path) -> bool:
    """The service of the tests keeps its own token."""
    return ".db" in path.name and not path.name.startswith("uploads.db")


@pytest.fixture(scope="session", autouse=True)
def not_the_users_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the ledgers are of what outlives a test, as the kernels of notebooks."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Name an empty folder of certificates: every client loads them, which takes 50 ms, and no test uses TLS."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("SSL_CERT_FILE", raising=False)
        environment.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("no-certificates")))
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """Handle SIGINT here and in the processes that tests start, also where it is ignored: in a background job of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where this test's ledger is, instead of the user's own."""
    # not by mktemp, which lists all folders of all tests to find the next number, a millisecond and more
    home = tmp_path_factory.getbasetemp() / "ledgers" / str(next(NUMBERS))
    home.mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def crowd_kit() -> Any:
    """The algorithms of crowd-kit, which is too large for every run of the tests."""
    return pytest.importorskip("crowdkit.aggregation", reason="crowd-kit is not installed; make test-newest installs it")


@pytest.fixture
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.05) as service:
        yield service


@pytest.fixture
def client(toloka: LocalToloka) -> Iterator[tf.AsyncTolokaClient]:
    client = toloka.async_client()
    yield client
    tf.run(client.aclose())


@pytest.fixture
def make_pool(client: tf.AsyncTolokaClient) -> Callable[..., str]:
    """Makes a project of these fields and a pool in it; returns the pool's id."""
    return partial(create_pool, client)


@pytest.fixture
def pool_id(make_pool: Callable[..., str]) -> str:
    return make_pool()


@pytest.fixture
def make_frame() -> Callable[[int], pd.DataFrame]:
    """Makes a frame of so many valid rows."""

    def make(rows: int) -> pd.DataFrame:
        images = [f"https://example.com/{row}.jpg" for row in range(rows)]
        return pd.DataFrame({"image": images, "text": [f"row {row}" for row in range(rows)], "number": list(range(rows))})

    return make


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server

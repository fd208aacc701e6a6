"""A local service on a real socket, and a plain HTTP client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.05) as service:
        yield service


@pytest.fixture
def api(toloka: LocalToloka) -> Iterator[RawClient]:
    client = RawClient(toloka)
    with client.http:
        yield client


@pytest.fixture(scope="module")
def module_api() -> Iterator[RawClient]:
    """One service for all tests of a file, for tests that ignore each other's projects and pools."""
    with LocalToloka(operation_seconds=0.05) as service:
        client = RawClient(service)
        with client.http:
            yield client

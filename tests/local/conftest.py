"""A service on a real socket and a plain HTTP client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import Wire

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.05) as service:
        yield service


@pytest.fixture
def wire(toloka: LocalToloka) -> Iterator[Wire]:
    made = Wire(toloka)
    with made.http:
        yield made


@pytest.fixture(scope="module")
def wire_of_module() -> Iterator[Wire]:
    """One service for a file whose tests do not mind each other's projects and pools."""
    with LocalToloka(operation_seconds=0.05) as service:
        made = Wire(service)
        with made.http:
            yield made

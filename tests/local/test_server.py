from __future__ import annotations

import time

import httpx
import pytest
from support.raw_client import authorization

from toloka_frames.local import LocalToloka


def test_close_is_prompt_with_idle_connections() -> None:
    # several attempts, because a busy machine may stall for as long as close() waits for a response in progress: a second
    assert min(close_seconds() for _ in range(5)) < 0.9


def close_seconds() -> float:
    toloka = LocalToloka().start()
    with httpx.Client(headers=authorization(toloka)) as http:
        http.get(f"{toloka.url}/api/v1/requester")
        start = time.monotonic()
        toloka.close()
        seconds = time.monotonic() - start
        toloka.close()
    return seconds


def test_a_used_port_is_an_error(toloka: LocalToloka) -> None:
    with pytest.raises(OSError, match=r"[Aa]ddress"):
        LocalToloka(port=httpx.URL(toloka.url).port).start()

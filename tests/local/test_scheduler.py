from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka


def test_a_failing_job_is_dropped_and_the_service_continues(
    toloka: LocalToloka, api: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    toloka._service.store.schedule(0, "a job nobody knows")
    assert api.get("/v1/requester")
    assert "A scheduled job failed and is dropped" in caplog.text

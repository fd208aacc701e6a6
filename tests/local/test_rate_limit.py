from __future__ import annotations

import time

import pytest

from toloka_frames.local._api.rate_limit import RateLimit
from toloka_frames.local._base.errors import ServiceError


def test_amounts_above_the_limit_are_rejected_and_not_counted() -> None:
    rate_limit = RateLimit(10, 3600, "HOUR")
    rate_limit.spend(8)
    with pytest.raises(ServiceError) as caught:
        rate_limit.spend(3)
    assert (caught.value.status, caught.value.code) == (429, "TOO_MANY_REQUESTS")
    assert caught.value.payload == {"interval": "HOUR"}
    rate_limit.spend(2)


def test_the_limit_applies_to_a_sliding_window() -> None:
    rate_limit = RateLimit(10, 0.01)
    for _ in range(2):
        rate_limit.spend(10)
        time.sleep(0.02)

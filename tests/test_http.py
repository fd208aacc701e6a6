"""A request goes out once or again, and what comes back is an answer or an error that says what to do."""

from __future__ import annotations

from scripted import Scripted, reply

import toloka_frames as tf


def test_a_get_is_repeated_until_the_service_is_well(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 503, Retry_After="0"), reply(b"", 502, Retry_After="0"), reply({"id": "1"})]
    assert tf.run(scripted.client().get_pool("1")) == {"id": "1"}
    assert len(scripted.requests) == 3

"""The calls of Toloka-Kit's own unit tests make the same requests here; the differences are listed with their reasons."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.kit_recording import Outcome, Recorded, play, read_recording
from support.scripted_server import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDING = Path(__file__).parents[3] / "shared" / "oracle" / "kit_calls.jsonl.gz"
NEEDS_A_FILTER = "the API's document requires another filter, so nothing is sent"
# calls whose first request differs
DIFFERENT = {
    "find_attachments in test_find_attachments": (2, NEEDS_A_FILTER),
    "get_attachments in test_get_attachments": (2, NEEDS_A_FILTER),
    "find_user_restrictions in test_find_user_restrictions": (2, NEEDS_A_FILTER),
    "get_user_restrictions in test_all_find_user_restrictions": (2, NEEDS_A_FILTER),
    "get_webhook_subscriptions in test_get_webhook_subscriptions": (
        2,
        "pages are sorted by id: Toloka-Kit loses rows that were created at the same time",
    ),
    "get_pools in test_get_pools_one_params": (1, "the first positional argument is the project, not the status"),
}
NO_ID = "the response of the test has no id, or not as text, and does not show that the call was done"
NOT_LIKE_THE_API = "the response of the test does not have the form of the API's document"
# calls that return in Toloka-Kit and raise an error here, besides those that send nothing
STRICTER = {
    "create_project in test_create_project": (1, NO_ID),
    "create_task in test_create_task_sync": (1, NO_ID),
    "patch_task in test_patch_task": (2, NO_ID),
    "patch_task in test_patch_task_with_baseline_solution": (2, NO_ID),
    "patch_task in test_patch_task_with_known_solutions": (2, NO_ID),
    "patch_task_overlap_or_min in test_task_overlap_or_min": (2, NO_ID),
    "patch_task_overlap_or_min in test_task_overlap_or_min_infinite_overlap": (2, NO_ID),
    "get_assignments_df in test_get_assignments_df": (2, NOT_LIKE_THE_API),
    "start_sync_batch_processing in test_start_sync_batch_processing": (1, NOT_LIKE_THE_API),
    "open_pool in test_open_pool_opened": (1, NOT_LIKE_THE_API),
    "get_analytics in test_send_analytics_request": (1, "the operation is waited for, and the test has no response for that"),
}

pytestmark = [
    pytest.mark.skipif(not RECORDING.is_file(), reason="the recording of Toloka-Kit's tests is not part of the project"),
    pytest.mark.filterwarnings("ignore:The specification of the fields cannot be read"),
    # Toloka-Kit's tests leave out what a rule needs
    pytest.mark.filterwarnings("ignore:The pool is sent as it is"),
]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Recorded, Outcome]]]:
    with Scripted() as server:
        yield [(call, play(call, server, tmp_path_factory.mktemp("files"))) for call in read_recording(RECORDING)]


def test_the_requests_equal_those_of_toloka_kit_except_for_the_listed_ones(played: list[tuple[Recorded, Outcome]]) -> None:
    assert len(played) == 276
    different = Counter(call.name for call, outcome in played if outcome.difference)
    assert different == {name: count for name, (count, _) in DIFFERENT.items()}
    assert len(played) - different.total() == 265


def test_calls_succeed_where_those_of_toloka_kit_do_except_for_the_listed_ones(played: list[tuple[Recorded, Outcome]]) -> None:
    raised = Counter(call.name for call, outcome in played if outcome.error and not call.error and call.name not in DIFFERENT)
    assert raised == {name: count for name, (count, _) in STRICTER.items()}
    assert [call.name for call, outcome in played if call.error and not outcome.error] == []

"""Results: the log of an operation becomes one row for each input row, with the input's index."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.text_dtype import TEXT_NAME

from toloka_frames._transport.operations import OperationLog, parse_log
from toloka_frames._uploading.results import COLUMNS, Results, first_error

if TYPE_CHECKING:
    from collections.abc import Iterator

# enough of each that a value was lost in every run before columns had locks
ROUNDS, THREADS, CHUNK_ROWS = 20, 8, 20


def entry(position: object, output: Any, *, success: bool) -> dict[str, Any]:
    kind = "TASK_CREATE" if success else "TASK_VALIDATE"
    return {"type": kind, "success": success, "input": {"__item_idx": position}, "output": output}


def read(*entries: dict[str, Any]) -> OperationLog:
    return parse_log(json.dumps(entries).encode(), "task_id")


def frame_of(results: Results) -> pd.DataFrame:
    rows = results.counts().total()
    return results.frame(pd.RangeIndex(rows), range(rows))


def test_each_row_gets_its_outcome_from_the_log_in_any_order() -> None:
    results = Results(3, "task_id")
    results.put(range(3), status="UNKNOWN", operation_id="op", chunk=0)
    error = {"input_values.image": {"code": "INVALID_URL_SYNTAX", "message": "not a URL"}}
    log = [
        entry("2", {"task_id": "t2"}, success=True),
        entry("1", error, success=False),
        entry("0", {"task_id": "t0"}, success=True),
    ]
    assert results.settle(range(3), read(*log), failed=False) == 0
    frame = results.frame(pd.Index(["a", "b", "a"]), range(3))
    assert frame.index.tolist() == ["a", "b", "a"]
    assert frame["status"].tolist() == ["CREATED", "INVALID", "CREATED"]
    assert frame["task_id"].fillna("").tolist() == ["t0", "", "t2"]
    assert frame["error_field"].fillna("").tolist() == ["", "input_values.image", ""]
    assert frame.columns.tolist() == ["task_id" if name == "object_id" else name for name in COLUMNS]
    assert results.summary() == "2 CREATED, 1 INVALID."


@pytest.mark.parametrize(
    "output",
    [
        {"amount": {"code": "VALUE_REQUIRED", "message": "needed"}},
        {"code": "VALIDATION_ERROR", "message": "bad", "payload": {"amount": {"code": "VALUE_REQUIRED", "message": "needed"}}},
    ],
    ids=["a map of fields", "an error body with that map"],
)
def test_both_documented_forms_of_an_error_are_read(output: dict[str, Any]) -> None:
    assert first_error(output) == {"error_field": "amount", "error_code": "VALUE_REQUIRED", "error_message": "needed"}


@pytest.mark.parametrize("payload", [{"appropriate_statuses": ["SUBMITTED"]}, {"id": "1", "limit": 3}, ["x"], "x", None, {}])
def test_a_payload_of_facts_is_no_error_of_a_field(payload: object) -> None:
    output = {"code": "INAPPROPRIATE_STATUS", "message": "it is ACCEPTED", "payload": payload}
    assert first_error(output) == {"error_code": "INAPPROPRIATE_STATUS", "error_message": "it is ACCEPTED"}


@pytest.mark.parametrize("output", [None, {}, "text", {"code": "X", "message": "m", "payload": None}, {"f": "text"}, 5])
def test_other_forms_of_an_error_are_kept_as_text(output: Any) -> None:
    assert set(first_error(output)) <= {"error_field", "error_code", "error_message"}


@pytest.mark.parametrize("position", [None, "x", "99", 3, "-1"])
def test_entries_of_other_rows_change_nothing(position: object) -> None:
    results = Results(1, "task_id")
    other = entry(position, {"code": "EMPTY_POOL"}, success=False)
    log = read(other, {"type": "POOL_OPEN", "success": False, "input": None, "output": None})
    results.settle([0], log, failed=False)
    assert frame_of(results)["status"].tolist() == ["NOT_SENT"]


def test_a_row_missing_from_the_log_is_unknown_or_failed_with_its_operation() -> None:
    results = Results(2, "task_id")
    results.put(range(2), status="UNKNOWN")
    assert results.settle([0], read(), failed=False) == 1
    assert results.settle([1], read(), failed=True) == 1
    assert frame_of(results)["status"].tolist() == ["UNKNOWN", "FAILED"]
    assert frame_of(results)["error_message"].notna().all()


def test_a_valid_row_of_a_failed_request_is_not_created() -> None:
    results = Results(1, "task_id")
    results.put([0], status="UNKNOWN")
    results.settle([0], read(entry("0", {}, success=True)), failed=True)
    assert frame_of(results)["status"].tolist() == ["FAILED"]


def test_result_columns_have_fixed_dtypes() -> None:
    dtypes = frame_of(Results(1, "task_id")).dtypes
    assert dtypes.astype(str).tolist() == [TEXT_NAME] * (len(COLUMNS) - 1) + ["Int64"]


@pytest.mark.parametrize("turn", [1, -1], ids=["first", "last"])
def test_a_row_with_an_id_is_created_whatever_other_entries_say(turn: int) -> None:
    results = Results(1, "task_id")
    results.put([0], status="UNKNOWN")
    created = {"type": "TASK_CREATE", "input": {"__item_idx": "0"}, "output": {"task_id": "t0"}}
    log = read(*[created, entry("0", {"text": {"code": "VALUE_REQUIRED"}}, success=False)][::turn])
    results.settle([0], log, failed=False)
    frame = frame_of(results)
    assert frame[["status", "task_id"]].to_numpy().tolist() == [["CREATED", "t0"]]
    assert frame["error_code"].isna().all()


def test_a_position_of_thousands_of_digits_is_ignored() -> None:
    results = Results(1, "task_id")
    results.settle([0], read(entry("9" * 5_000, {"task_id": "t0"}, success=True)), failed=False)
    assert frame_of(results)["status"].tolist() == ["NOT_SENT"]


def test_the_ledger_gets_ids_and_the_outcome_of_rows_without_one() -> None:
    results = Results(4, "task_id")
    results.put([3, 0], status="CREATED", object_id=["t3", "t0"])
    results.mark_invalid(1, {"text": {"code": "VALUE_REQUIRED", "message": "needed"}})
    results.put([2], status="FAILED", error_code="X")
    ids, others = results.for_ledger([0, 1, 2, 3])
    assert ids.tolist() == [b"t0", b"", b"", b"t3"]
    assert others == [(1, "INVALID", "text", "VALUE_REQUIRED", "needed"), (2, "FAILED", None, "X", None)]
    ids, others = results.for_ledger(range(3, 4))
    assert (ids.tolist(), others) == ([b"t3"], [])


def test_several_rows_may_share_one_object() -> None:
    results = Results(2, "task_suite_id")
    results.put(range(2), status="CREATED", object_id=["a", "b"])
    frame = results.frame(pd.RangeIndex(3), [1, 0, 1])
    assert frame["task_suite_id"].tolist() == ["b", "a", "b"]


def test_text_that_utf8_cannot_encode_is_replaced() -> None:
    results = Results(1, "task_id")
    results.mark_invalid(0, {"text": {"code": 5, "message": "a lone surrogate: \ud800"}})
    assert frame_of(results)[["error_code", "error_message"]].to_numpy().tolist() == [["5", "a lone surrogate: ?"]]


IDS = {
    "equally long": ["000016c290--64382dfc97aa9547ff8a2299", "000016c290--64382dfc97aa9547ff8a229a"],
    "of other lengths": ["t0", "task 10"],
    "longer in bytes than in characters": ["ж0", "ш1"],
    "text that UTF-8 cannot encode": ["t\ud8000", "t\ud8001"],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_ids_of_any_form_are_shown_and_kept_with_rows_that_have_none(ids: list[str], missing: int) -> None:
    results = Results(2 + missing, "task_id")
    results.put(range(2), status="CREATED", object_id=ids)
    expected = [id_.replace("\ud800", "?") for id_ in ids]
    assert frame_of(results)["task_id"].dropna().tolist() == expected
    assert frame_of(results)["task_id"].isna().sum() == missing
    ids_for_ledger, _ = results.for_ledger(range(2 + missing))
    assert [text.decode() or None for text in ids_for_ledger.tolist()] == expected + [None] * missing


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_a_frame_that_was_returned_does_not_change_with_later_outcomes(ids: list[str]) -> None:
    results = Results(3, "task_id")
    results.put(range(2), status="CREATED", object_id=ids)
    before = frame_of(results)
    shown = before.copy(deep=True).astype(object)
    results.put([2, 0], status="CREATED", object_id=[ids[1], ids[1]])
    pd.testing.assert_frame_equal(before.astype(object), shown)
    assert len(set(frame_of(results)["task_id"])) == 1


def test_texts_and_numbers_of_rows_without_any_have_their_dtypes() -> None:
    results = Results(2, "task_id")
    assert frame_of(results).dtypes.equals(frame_with_all(results).dtypes)


def frame_with_all(results: Results) -> pd.DataFrame:
    results.put([0], status="FAILED", error_field="f", error_code="c", error_message="m", operation_id="o", chunk=3)
    results.put([1], status="CREATED", object_id="t1")
    return frame_of(results)


@pytest.mark.usefixtures("quick_switches")
def test_chunks_that_are_settled_in_threads_keep_all_their_values() -> None:
    for _ in range(ROUNDS):
        results = Results(THREADS * CHUNK_ROWS, "task_id")
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(partial(settle_as_one_of_several, results, threading.Barrier(THREADS)), range(THREADS)))
        frame = results.frame(pd.RangeIndex(THREADS * CHUNK_ROWS), range(THREADS * CHUNK_ROWS))
        expected = [(f"{'0' * (number + 1)}{row}", str(number)) for number in range(THREADS) for row in range(CHUNK_ROWS)]
        assert list(zip(frame["task_id"], frame["error_code"], strict=True)) == expected


def settle_as_one_of_several(results: Results, start: threading.Barrier, number: int) -> None:
    """Set an id and an error that no other chunk has, each longer than those of the chunk before."""
    rows = range(number * CHUNK_ROWS, (number + 1) * CHUNK_ROWS)
    start.wait()
    results.put(rows, object_id=[f"{'0' * (number + 1)}{row}" for row in range(CHUNK_ROWS)], error_code=str(number))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let threads alternate as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)

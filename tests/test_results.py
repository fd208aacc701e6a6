"""An operation's log becomes one result row for each input row, on the input's index."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from toloka_frames._results import COLUMNS, Results, first_error


def entry(position: object, output: Any, *, success: bool) -> dict[str, Any]:
    kind = "TASK_CREATE" if success else "TASK_VALIDATE"
    return {"type": kind, "success": success, "input": {"__item_idx": position}, "output": output}


def test_each_row_gets_what_the_log_says_of_it_whatever_the_order() -> None:
    results = Results(pd.Index(["a", "b", "a"]))
    results.put(range(3), status="UNKNOWN", operation_id="op", chunk=0)
    complaint = {"input_values.image": {"code": "INVALID_URL_SYNTAX", "message": "no URL"}}
    log = [
        entry("2", {"task_id": "t2"}, success=True),
        entry("1", complaint, success=False),
        entry("0", {"task_id": "t0"}, success=True),
    ]
    results.log(range(3), log)
    results.end(range(3), failed=False)
    frame = results.frame()
    assert frame.index.tolist() == ["a", "b", "a"]
    assert frame["status"].tolist() == ["CREATED", "INVALID", "CREATED"]
    assert frame["task_id"].tolist() == ["t0", pd.NA, "t2"]
    assert frame["error_field"].tolist() == [pd.NA, "input_values.image", pd.NA]
    assert tuple(frame.columns) == COLUMNS
    assert results.summary() == "2 CREATED, 1 INVALID."


@pytest.mark.parametrize(
    "output",
    [
        {"amount": {"code": "VALUE_REQUIRED", "message": "needed"}},
        {"code": "VALIDATION_ERROR", "message": "bad", "payload": {"amount": {"code": "VALUE_REQUIRED", "message": "needed"}}},
    ],
    ids=["a map of fields", "the envelope around it"],
)
def test_both_documented_shapes_of_a_complaint_are_read(output: dict[str, Any]) -> None:
    assert first_error(output) == {"error_field": "amount", "error_code": "VALUE_REQUIRED", "error_message": "needed"}


@pytest.mark.parametrize("output", [None, {}, "text", {"code": "X", "message": "m", "payload": None}, {"f": "text"}, 5])
def test_other_shapes_are_kept_as_they_can_be(output: Any) -> None:
    assert set(first_error(output)) <= {"error_field", "error_code", "error_message"}


@pytest.mark.parametrize("position", [None, "x", "99", 3, "-1"])
def test_entries_that_name_no_row_of_the_chunk_change_nothing(position: object) -> None:
    results = Results(pd.RangeIndex(1))
    opened = entry(position, {"code": "EMPTY_POOL"}, success=False)
    results.log([0], [opened, {"type": "POOL_OPEN", "success": False, "input": None, "output": None}])
    assert results.frame()["status"].tolist() == ["NOT_SENT"]


def test_a_row_that_the_log_does_not_mention_is_unknown_and_a_refused_one_failed() -> None:
    results = Results(pd.RangeIndex(2))
    results.put(range(2), status="UNKNOWN")
    assert results.end([0], failed=False) == 1
    assert results.end([1], failed=True) == 1
    assert results.frame()["status"].tolist() == ["UNKNOWN", "FAILED"]
    assert results.frame()["error_message"].notna().all()


def test_a_valid_row_of_a_refused_request_is_not_called_created() -> None:
    results = Results(pd.RangeIndex(1))
    results.put([0], status="UNKNOWN")
    results.log([0], [entry("0", {}, success=True)])
    results.end([0], failed=True)
    assert results.frame()["status"].tolist() == ["FAILED"]


def test_the_columns_have_the_same_types_whatever_is_in_them() -> None:
    dtypes = Results(pd.RangeIndex(1)).frame().dtypes
    assert {name: str(dtypes[name]) for name in COLUMNS} == dict.fromkeys(COLUMNS, "string") | {"chunk": "Int64"}

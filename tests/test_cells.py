"""Cells become the JSON that is sent; what is missing is left out, what is right stays as it was."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from animals import INPUT_SPEC, OUTPUT_SPEC

import toloka_frames as tf
from toloka_frames._cells import cells_of
from toloka_frames._columns import Specification
from toloka_frames._roles import roles_of

SPECIFICATION = Specification(INPUT_SPEC, OUTPUT_SPEC)


def sent(
    frame: pd.DataFrame, *, strict: bool = True, overlap: int | None = None, input_columns: Any = None
) -> list[dict[str, Any]]:
    """The tasks of a frame as they are sent, without what is the same for all."""
    roles = roles_of(frame, input_columns, has_pool=True)
    rows = range(len(frame))
    cells = cells_of(frame, roles, SPECIFICATION, pool_id="1", overlap=overlap, positions=rows, strict=strict)
    tasks = [json.loads(task) for task in cells.tasks]
    sizes = [len(json.dumps(task["input_values"], separators=(",", ":"), ensure_ascii=False).encode()) for task in tasks]
    assert [task.pop("__item_idx") for task in tasks] == [str(row) for row in rows]
    assert {task.pop("pool_id") for task in tasks} == {"1"}
    assert cells.input_bytes == sizes
    return tasks


def column(values: Any, name: str = "meta", dtype: Any = None) -> list[Any]:
    """What the cells of one column become; absent ones are "absent"."""
    frame = pd.DataFrame({"image": "https://e.com/1", name: pd.Series(values, dtype=dtype)})
    return [task["input_values"].get(name, "absent") for task in sent(frame)]


@pytest.mark.parametrize(
    ("values", "dtype", "name", "wanted"),
    [
        (["007", None, "NA"], "string", "text", ["007", "absent", "NA"]),
        (["007", np.nan, "Ж"], object, "text", ["007", "absent", "Ж"]),
        (["a", "b", None], "category", "text", ["a", "b", "absent"]),
        (["a", None], "string[pyarrow]", "text", ["a", "absent"]),
        ([1, None, 3], "Int64", "number", [1, "absent", 3]),
        ([1, None, 3], "float64", "number", [1, "absent", 3]),
        ([1, 2], "uint8", "number", [1, 2]),
        ([np.int64(1), None], object, "number", [1, "absent"]),
        ([1.0, 2.5, None], "float64", "share", [1.0, 2.5, "absent"]),
        ([True, None], "boolean", "flag", [True, "absent"]),
        ([True, False], bool, "flag", [True, False]),
        ([np.bool_(True), pd.NA], object, "flag", [True, "absent"]),
        ([["a"], None, [], ("b",)], object, "tags", [["a"], "absent", [], ["b"]]),
        ([np.array(["a", "b"]), None], object, "tags", [["a", "b"], "absent"]),
        ([{"a": [1, None]}, None, "x", 5, True], object, "meta", [{"a": [1, None]}, "absent", "x", 5, True]),
    ],
)
def test_a_cell_is_sent_as_what_it_is(values: Any, dtype: Any, name: str, wanted: list[Any]) -> None:
    got = column(values, name, dtype)
    assert got == wanted
    assert list(map(type, got)) == list(map(type, wanted))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_what_is_missing_is_left_out(missing: Any) -> None:
    assert column([missing, "x"], "text", object) == ["absent", "x"]


def test_the_platforms_own_columns_make_control_and_training_tasks() -> None:
    frame = pd.DataFrame(
        {
            "INPUT:image": ["https://e.com/1", "https://e.com/2"],
            "GOLDEN:result": ["cat", None],
            "HINT:text": ["Whiskers", None],
            "HINT:default_language": ["EN", None],
            "TASK:overlap": [5, None],
        }
    )
    assert sent(frame, overlap=3) == [
        {
            "input_values": {"image": "https://e.com/1"},
            "known_solutions": [{"output_values": {"result": "cat"}, "correctness_weight": 1}],
            "message_on_unknown_solution": "Whiskers",
            "localization_config": {"default_language": "EN"},
            "overlap": 5,
        },
        {"input_values": {"image": "https://e.com/2"}, "overlap": 3},
    ]


def test_plain_columns_are_fields_and_prefixed_ones_may_stand_beside_them() -> None:
    frame = pd.DataFrame({"image": ["https://e.com/1"], "GOLDEN:result": ["cat"]})
    assert sent(frame)[0]["known_solutions"][0]["output_values"] == {"result": "cat"}


def test_the_input_columns_can_be_chosen_among_others() -> None:
    frame = pd.DataFrame({"INPUT:image": ["https://e.com/1"], "OUTPUT:result": ["cat"], "junk": [object()]})
    assert sent(frame, input_columns=["INPUT:image"]) == [{"input_values": {"image": "https://e.com/1"}}]


def test_the_overlap_of_all_tasks_can_be_given() -> None:
    assert sent(pd.DataFrame({"image": ["https://e.com/1"]}), overlap=2)[0]["overlap"] == 2


def test_rows_that_the_service_shall_judge_go_out_as_they_are() -> None:
    frame = pd.DataFrame({"image": [None, "x"], "number": ["seven", None], "unheard": [1, None]}, dtype=object)
    assert [task["input_values"] for task in sent(frame, strict=False)] == [{"number": "seven", "unheard": 1}, {"image": "x"}]


def test_what_json_cannot_say_is_refused_even_then() -> None:
    with pytest.raises(tf.InputError, match="infinite") as caught:
        sent(pd.DataFrame({"share": [1.0, np.inf]}), strict=False)
    assert (caught.value.column, caught.value.rows) == ("share", (1,))

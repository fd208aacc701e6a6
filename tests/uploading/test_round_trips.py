"""Frames of get_tasks, get_task_suites and get_assignments are sent as they are, and arrive equal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCALARS = ("string", "integer", "float", "boolean", "json", "coordinates")
TYPES = (*SCALARS, "array_string", "array_integer", "array_float", "array_boolean", "array_json", "array_url")
FIELDS = {"image": {"type": "url"}} | {name: {"type": name, "required": False} for name in TYPES}
OUTPUTS = {name: field | {"required": False} for name, field in FIELDS.items()}
JSON = [{"a": 1, "b": [1.5, None, {"c": "x"}]}, "text", "5", "", '"quoted"', 5, 0.5, True, [], {}, [1, "2"], "[1]", "null"]


def values(number: int) -> dict[str, Any]:
    """Return a value for each field; together, the values of several numbers have what is easily taken for something else."""
    return {
        "image": f"https://example.com/{number}.jpg",
        "string": ["007", "null", "[1]", "NA"][number % 4],
        "integer": [1, 2**53 + 1, -5][number % 3],
        "float": [0.1, 1.0, 2**53 + 1, -2.5][number % 4],
        "boolean": bool(number % 2),
        "json": JSON[number % len(JSON)],
        "coordinates": "1.5,-2",
        "array_string": [["a", "b"], [], ["[1]"]][number % 3],
        "array_integer": [1, 2**60],
        "array_float": [0.1, 1.0],
        "array_boolean": [True, False],
        "array_json": [JSON[number % len(JSON)], {"x": 1}],
        "array_url": ["https://example.com/1"],
    }


def solutions(number: int) -> dict[str, Any]:
    """Return no known solution, one, or several with weights."""
    one = {"output_values": values(number + 1), "correctness_weight": 0.5 if number % 2 else 1}
    several = [
        {"output_values": {"string": "a"}, "correctness_weight": 1},
        {"output_values": {"string": "b", "json": {"z": 1}}, "correctness_weight": 0.25},
    ]
    hint = {"message_on_unknown_solution": "hint", "localization_config": {"default_language": "EN"}}
    return [{}, {"known_solutions": [one], **hint}, {"known_solutions": several}][number % 3]


SETTINGS: list[dict[str, Any]] = [
    {"overlap": 1},
    {"overlap": 3, "reserved_for": ["u1", "u2"]},
    {
        "infinite_overlap": True,
        "unavailable_for": ["u3"],
        "traits_all_of": ["a"],
        "traits_any_of": ["b", "c"],
        "traits_none_of_any": ["d"],
    },
]
TASKS = [{"input_values": values(number), **solutions(number), **SETTINGS[number % 3]} for number in range(13)]
TASKS.append(
    {
        "input_values": values(0),
        "overlap": 1,
        "baseline_solutions": [{"output_values": {"string": "a"}, "confidence_weight": 0.5}],
    }
)
SUITE_SETTINGS = [*SETTINGS, {"overlap": 5, "longitude": 1.5, "latitude": -2.0, "issuing_order_override": 10.5}]
SUITES = [
    {"tasks": [{"input_values": values(3 * number + task), **solutions(task)} for task in range(3)], **settings}
    for number, settings in enumerate(SUITE_SETTINGS)
]
GENERATED = {"id", "pool_id", "created", "remaining_overlap"}


def in_order(rows: Iterable[dict[str, Any]]) -> list[Any]:
    """Return rows of the service without what differs in a copy of it, in an order that does not depend on their ids."""
    return sorted(map(without_generated, rows), key=lambda row: json.dumps([row.get("input_values"), row], sort_keys=True))


def without_generated(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_generated(item) for key, item in value.items() if key not in GENERATED}
    return [without_generated(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    """Share one service in this file: each test makes its own pools."""
    with LocalToloka(operation_seconds=0.01) as service:
        yield service


@pytest.fixture(scope="module")
def client(toloka: LocalToloka) -> Iterator[tf.AsyncTolokaClient]:
    client = toloka.async_client()
    yield client
    tf.run(client.aclose())


def new_pool(client: tf.AsyncTolokaClient, **fields: Any) -> str:
    return create_pool(client, FIELDS, OUTPUTS, **fields)


@pytest.fixture(scope="module")
def task_pool(client: tf.AsyncTolokaClient) -> str:
    """Return a pool with tasks that were created without toloka_frames' uploads."""
    pool_id = new_pool(client)
    operation = tf.run(client.create_tasks_async([{"pool_id": pool_id, **task} for task in TASKS]))
    tf.run(client.wait_operation(operation, progress=False))
    return pool_id


@pytest.mark.parametrize("dtype_backend", [None, "numpy_nullable", "pyarrow"])
def test_tasks_arrive_equal(client: tf.AsyncTolokaClient, task_pool: str, dtype_backend: Any) -> None:
    copy = new_pool(client)
    frame = client.get_tasks(task_pool).to_dataframe(dtype_backend=dtype_backend, progress=False)
    results = frame.pipe(tf.create_tasks, client, copy, progress=False)
    assert results["status"].eq("CREATED").all()
    assert in_order(client.get_tasks(copy)) == in_order(client.get_tasks(task_pool))


@pytest.mark.parametrize("convert", [pl.DataFrame, lambda table: table], ids=["Polars", "Arrow"])
def test_tasks_arrive_equal_from_frames_of_other_libraries(client: tf.AsyncTolokaClient, task_pool: str, convert: Any) -> None:
    copy = new_pool(client)
    tf.create_tasks(convert(client.get_tasks(task_pool).to_arrow(progress=False)), client, copy, progress=False)
    assert in_order(client.get_tasks(copy)) == in_order(client.get_tasks(task_pool))


@pytest.mark.parametrize("dtype_backend", [None, "pyarrow"])
def test_task_suites_arrive_equal(client: tf.AsyncTolokaClient, dtype_backend: Any) -> None:
    pool_id, copy = (new_pool(client, mixer_config=None) for _ in range(2))
    operation = tf.run(client.create_task_suites_async([{"pool_id": pool_id, **suite} for suite in SUITES]))
    tf.run(client.wait_operation(operation, progress=False))
    frame = client.get_task_suites(pool_id=pool_id).to_dataframe(dtype_backend=dtype_backend, progress=False)
    frame.pipe(tf.create_task_suites, client, copy, progress=False)
    rows, copies = (list(client.get_task_suites(pool_id=pool)) for pool in (pool_id, copy))
    assert in_order(copies) == in_order(rows)
    assert [len(row["tasks"]) for row in copies] == [3, 3, 3, 3]


def test_tasks_of_assignments_arrive_equal(client: tf.AsyncTolokaClient, toloka: LocalToloka, task_pool: str) -> None:
    tf.run(client.open_pool(task_pool, progress=False))
    toloka.answer(task_pool, workers=3)
    answers = client.get_assignments(pool_id=task_pool).to_dataframe(progress=False)
    copy = new_pool(client)
    tasks = answers.drop_duplicates("ASSIGNMENT:task_id")
    results = tasks.pipe(tf.create_tasks, client, copy, allow_defaults=True, progress=False)
    assert results["status"].eq("CREATED").all()
    kept = ("input_values", "known_solutions", "message_on_unknown_solution")
    rows, copies = (
        {row["input_values"]["image"]: [row.get(name) for name in kept] for row in client.get_tasks(pool)}
        for pool in (task_pool, copy)
    )
    assert {image: rows[image] for image in copies} == copies
    assert copies


def test_changed_known_solutions_are_not_overruled_by_extra(client: tf.AsyncTolokaClient, task_pool: str) -> None:
    frame = client.get_tasks(task_pool).to_dataframe(progress=False)
    several = frame["extra"].str.contains("known_solutions", na=False)
    for changed in ("c", None):
        frame.loc[several, "GOLDEN:string"] = changed
        with pytest.raises(tf.InputError, match="another first solution than the GOLDEN: columns") as caught:
            frame.pipe(tf.create_tasks, client, new_pool(client), progress=False)
        assert caught.value.column == "extra"
    copy = new_pool(client)
    # as the hint says
    frame.drop(columns="extra").pipe(tf.create_tasks, client, copy, progress=False)
    assert {len(row.get("known_solutions", [])) for row in client.get_tasks(copy)} == {0, 1}


EMPTY = pd.DataFrame(
    {
        "INPUT:image": [f"https://example.com/{row}.jpg" for row in range(3)],
        "GOLDEN:string": ["", None, "cat"],
        "GOLDEN:json": ["", "", '{"b": 1, "a": 2}'],
        "HINT:text": ["", None, "whiskers"],
        "HINT:default_language": ["", "", "EN"],
        "TASK:overlap": pd.Series(["", None, 5], dtype=object),
        "TASK:infinite_overlap": pd.Series([True, True, ""], dtype=object),
        "TASK:reserved_for": pd.Series(["", None, ["u1"]], dtype=object),
        "TASK:known_solutions": ["", "", ""],
        "TASK:baseline_solutions": ["", "", "[]"],
    }
)


def test_empty_text_is_no_value(client: tf.AsyncTolokaClient) -> None:
    pool_id = new_pool(client)
    EMPTY.pipe(tf.create_tasks, client, pool_id, progress=False)
    rows = in_order(client.get_tasks(pool_id))
    plain = {"infinite_overlap": True, "reserved_for": [], "unavailable_for": []}
    assert rows[:2] == [{"input_values": {"image": image}, **plain} for image in EMPTY["INPUT:image"][:2]]
    assert rows[2] == {
        "input_values": {"image": EMPTY["INPUT:image"][2]},
        "known_solutions": [{"output_values": {"string": "cat", "json": {"a": 2, "b": 1}}, "correctness_weight": 1}],
        "message_on_unknown_solution": "whiskers",
        "localization_config": {"default_language": "EN"},
        "overlap": 5,
        "infinite_overlap": False,
        "reserved_for": ["u1"],
        "unavailable_for": [],
    }
    answers = EMPTY.assign(**{"OUTPUT:string": "cat", "OUTPUT:json": '{"a": 2, "b": 1}', "ASSIGNMENT:worker_id": "anna"})
    assert answers.pipe(tf.quality).to_dict("index") == {"anna": {"control_answers": 1, "right": 1, "share": 1.0}}


def test_infinite_overlap_can_be_given_for_all(client: tf.AsyncTolokaClient) -> None:
    frame = pd.DataFrame({"INPUT:image": EMPTY["INPUT:image"], "TASK:overlap": [None, 2, None]})
    pool_id, suite_pool = new_pool(client), new_pool(client, mixer_config=None)
    frame.pipe(tf.create_tasks, client, pool_id, infinite_overlap=True, progress=False)
    assert [row.get("overlap") for row in client.get_tasks(pool_id)] == [None, 2, None]
    suites = frame[["INPUT:image"]].assign(**{"SUITE:overlap": [None, None, 2]})
    suites.pipe(tf.create_task_suites, client, suite_pool, rows_per_suite=2, infinite_overlap=True, progress=False)
    assert [row.get("overlap") for row in client.get_task_suites(pool_id=suite_pool)] == [None, 2]


@pytest.mark.parametrize(
    ("columns", "column", "rows", "says"),
    [
        ({"SUITE:overlap": [1, 2, 3, 3]}, "SUITE:overlap", (1,), "differs from the value in the first row of the same suite"),
        ({"SUITE:latitude": [1.5, 1.5, 2.5, None]}, "SUITE:latitude", (3,), "differs from the value"),
        ({"SUITE:reserved_for": [["a"], ["a"], ["a"], ["b"]]}, "SUITE:reserved_for", (3,), "differs from the value"),
        ({"TASK:overlap": [1, 1, 1, None]}, "TASK:overlap", (0, 1, 2), "one overlap"),
        ({"TASK:baseline_solutions": [None, "", "[]", '[{"output_values": {}}]']}, "TASK:baseline_solutions", (3,), "one task"),
        ({"page": [[1]] * 4}, "page", (0, 1, 2, 3), "cannot name a suite"),
    ],
)
def test_values_of_a_suite_must_agree(
    client: tf.AsyncTolokaClient, columns: dict[str, Any], column: str, rows: tuple[int, ...], says: str
) -> None:
    frame = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(4)], **columns})
    pool_id = new_pool(client, mixer_config=None)
    suites = {"suite_column": "page"} if "page" in columns else {"rows_per_suite": 2}
    with pytest.raises(tf.InputError, match=says) as caught:
        frame.pipe(tf.create_task_suites, client, pool_id, **suites, allow_defaults=True, progress=False)
    assert (caught.value.column, caught.value.rows) == (column, rows)
    assert list(client.get_task_suites(pool_id=pool_id)) == []


SOME = pd.DataFrame({"image": ["https://example.com/1.jpg"], "user_id": ["u"], "amount": [1.0], "assignment_id": ["a"]})
VERBS: dict[str, Any] = {
    "create_tasks": lambda frame, client: tf.create_tasks(frame, client, "1", overlap=1),
    "create_task_suites": lambda frame, client: tf.create_task_suites(frame, client, "1", suite_column="image", overlap=1),
    "create_user_bonuses": tf.create_user_bonuses,
    "create_app_items": lambda frame, client: tf.create_app_items(frame, client, "1"),
    "create_app_batch": lambda frame, client: tf.create_app_batch(frame, client, "1"),
    "accept_assignments": tf.accept_assignments,
    "reject_assignments": lambda frame, client: tf.reject_assignments(frame, client, public_comment="no"),
    "set_user_skills": tf.set_user_skills,
    "set_user_restrictions": tf.set_user_restrictions,
}
BONUS = {"amount": [0.5], "without_message": [True]}
SENT: dict[str, tuple[Any, dict[str, list[Any]], dict[str, Any]]] = {
    "create_user_bonuses": (tf.create_user_bonuses, BONUS, {}),
    "set_user_skills": (tf.set_user_skills, {"skill_id": ["1"], "value": [5]}, {"skip_invalid_items": True}),
    "set_user_restrictions": (tf.set_user_restrictions, {"scope": ["ALL_PROJECTS"]}, {}),
}


@pytest.mark.parametrize("convert", [pl.DataFrame, pa.table], ids=["Polars", "Arrow"])
@pytest.mark.parametrize(("verb", "columns", "options"), SENT.values(), ids=SENT)
def test_other_frames_are_taken_by_every_function(
    client: tf.AsyncTolokaClient, verb: Any, columns: dict[str, list[Any]], options: dict[str, Any], convert: Any
) -> None:
    user = f"{len(columns) + (convert is pa.table) * 10:032x}"
    results = verb(convert({"user_id": [user], **columns}), client, **options, progress=False)
    assert results.index.tolist() == [0]
    assert results["status"][0] in ("CREATED", "DONE", "INVALID")


WRONG_NAMES = {
    "duplicates": (pd.concat([SOME, SOME], axis=1), "occur twice"),
    "levels": (pd.concat({"a": SOME}, axis=1), "2 levels"),
    "numbers": (SOME.set_axis(range(4), axis=1), "must be text"),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize(("frame", "says"), WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_column_names_that_are_not_texts_or_not_unique_are_rejected(
    client: tf.AsyncTolokaClient, verb: Any, frame: pd.DataFrame, says: str
) -> None:
    with pytest.raises(tf.InputError, match=says):
        verb(frame, client)


def test_a_lazy_frame_and_a_scan_are_rejected_with_a_hint(client: tf.AsyncTolokaClient, task_pool: str) -> None:
    for frame, hint in ((pl.LazyFrame({"image": ["x"]}), "collect"), (client.get_tasks(task_pool), "to_dataframe")):
        with pytest.raises(tf.InputError, match=hint):
            tf.create_tasks(frame, client, task_pool, overlap=1)  # type: ignore[arg-type]

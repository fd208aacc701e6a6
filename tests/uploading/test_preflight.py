"""What `tf.preflight` says of an upload is what the upload then does, and it sends nothing but GET requests."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.example_objects import TRAINING
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames._transport.rate_limits import seconds_for
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 6  # at least the highest overlap
USERS = [f"{number:032x}" for number in range(1, 9)]
APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required

# values of which some are valid for each type, and limits that some of them exceed
TEXTS = ["cat", "dog", "", "https://example.com/1.jpg", "/folder/1.jpg", "ftp//x", "52.5,13.4", "91,0", "1,2,3", "x" * 6]
VALUES: list[Any] = [*TEXTS, 0, 1, 7, -2, 0.5, 2.0, True, False, ["cat"], ["a", 1], [], [None], {"a": 1}]
UNREPRESENTABLE: list[Any] = [{"a", "b"}, b"x", float("inf"), {"a": {1}}]
VALUES += UNREPRESENTABLE
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "allowed_values": st.sampled_from([["cat"], [1, 7], ["cat", "dog", 1]]),
        "min_value": st.integers(-1, 3),
        "max_value": st.integers(1, 8),
        "min_length": st.integers(0, 3),
        "max_length": st.integers(2, 9),
        "min_size": st.integers(0, 1),
        "max_size": st.integers(1, 2),
    },
)
SCALARS = ("string", "url", "integer", "float", "boolean", "json", "coordinates", "file")
TYPES = (*SCALARS, "array_string", "array_integer", "array_json", "array_url")
GOOD = {
    "string": "cat",
    "url": "https://example.com/1.jpg",
    "integer": 1,
    "float": 1.5,
    "boolean": True,
    "json": {"a": 1},
    "coordinates": "52.5,13.4",
    "file": "file",
    "array_string": ["cat"],
    "array_integer": [1],
    "array_json": [{"a": 1}],
    "array_url": ["/1.jpg"],
}


@dataclass
class Case:
    """An upload: the fields of a project, a pool in it, a frame, and the arguments.

    Attributes:
        inputs: The input fields.
        pool: Fields of the pool.
        frame: The rows.
        arguments: The arguments of the upload.
    """

    inputs: dict[str, Any]
    pool: dict[str, Any]
    frame: pd.DataFrame
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"Case({self.inputs}, {self.pool}, {self.frame.to_dict('list')}, {self.arguments})"


@st.composite
def cases(draw: st.DrawFn, *, in_suites: bool) -> Case:
    types = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2))
    rows = draw(st.integers(1, 12))
    # most fields have no limits and most values are valid, so that there are rows to create
    limits = st.one_of(*[st.just({})] * 4, LIMITS)
    inputs = {f"field{n}": {"type": type_, "required": draw(st.booleans())} | draw(limits) for n, type_ in enumerate(types)}
    columns: dict[str, list[Any]] = {name: [GOOD[field["type"]]] * rows for name, field in inputs.items()}
    places = st.tuples(st.sampled_from(list(columns)), st.integers(0, rows - 1), st.one_of(st.none(), st.sampled_from(VALUES)))
    for name, row, value in draw(st.one_of(st.just([]), st.lists(places, max_size=3))):
        columns[name] = [*columns[name][:row], value, *columns[name][row + 1 :]]
    columns["number"], inputs["number"] = list(range(rows)), {"type": "integer", "required": False}
    if draw(st.booleans()):
        golden = st.one_of(*[st.sampled_from([None, None, "cat", ""])] * 5, st.just("owl"))
        columns["GOLDEN:result"] = draw(st.lists(golden, min_size=rows, max_size=rows))
    if not in_suites and draw(st.booleans()):
        counts = st.one_of(st.none(), *[st.integers(1, 4)] * 5, st.integers(0, 4))
        columns["TASK:overlap"] = draw(st.lists(counts, min_size=rows, max_size=rows))
    if draw(st.integers(0, 19)) == 1:
        columns["unknown"] = ["x"] * rows
    mixer = {"real_tasks_count": draw(st.integers(1, 4)), "golden_tasks_count": draw(st.integers(0, 1))}
    given_overlaps = [{"overlap": 2}, {"overlap": 3}, {"allow_defaults": True}, {"infinite_overlap": True}, {}]
    overlap = st.one_of(st.sampled_from(given_overlaps[:3]), st.sampled_from(given_overlaps))
    arguments = {"skip_invalid_items": draw(st.sampled_from([None, True])), **draw(overlap)}
    if in_suites:
        arguments["rows_per_suite"] = draw(st.integers(1, 5))
    pool = {
        "mixer_config": None if in_suites else {**mixer, "training_tasks_count": 0},
        "reward_per_assignment": draw(st.sampled_from([0.005, 0.02, 0.07, 1])),
        "defaults": draw(st.sampled_from([default_overlaps(1), default_overlaps(5), default_overlaps(5) | {TASKS: None}])),
    }
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    return Case(inputs, pool, frame.set_axis([f"row {row}" for row in range(rows)]), arguments)


TASKS = "default_overlap_for_new_tasks"


def default_overlaps(count: int) -> dict[str, Any]:
    return {TASKS: count, "default_overlap_for_new_task_suites": count}


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    """Share one service in this file: each test makes its own pools."""
    with LocalToloka(operation_seconds=0) as service:
        yield service


@pytest.fixture(scope="module")
def client(toloka: LocalToloka) -> Iterator[tf.AsyncTolokaClient]:
    client = toloka.async_client()
    yield client
    tf.run(client.aclose())


@pytest.fixture
def untouched() -> Iterator[LocalToloka]:
    """A service whose balance nobody has paid from."""
    with LocalToloka(operation_seconds=0) as service:
        yield service


def posts(toloka: LocalToloka, since: int) -> list[str]:
    """Return the paths of requests that were not GETs."""
    return [request.path for request in toloka.requests[since:] if request.method != "GET"]


def upload(verb: Any, *args: Any, **arguments: Any) -> tuple[pd.DataFrame | None, tf.TolokaError | None]:
    """Return the results of an upload, and the error that it ended with."""
    try:
        return verb(*args, **arguments, progress=False), None
    except tf.InputError as error:
        return None, error
    except tf.UploadError as error:
        return error.results, error


def check_case(toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case, verb: Any) -> None:
    pool_id = create_pool(client, case.inputs, **case.pool)
    since = len(toloka.requests)
    report = tf.preflight(case.frame, client, pool_id, **case.arguments, verb=verb)
    assert posts(toloka, since) == []
    since = len(toloka.requests)
    results, error = upload(verb, case.frame, client, pool_id, **case.arguments)
    sent = [path for path in posts(toloka, since) if path.endswith(("/tasks", "/task-suites"))]
    assert report.requests == len(sent)
    problems = report.problems
    assert report.ok <= (error is None and problems.empty)
    if results is None:
        assert isinstance(error, tf.InputError)
        assert (report.created, report.price) == (0, 0)
        assert set(error.rows) <= set(problems["position"].dropna())
        assert error.column in set(problems["column"])
    else:
        check_results(report, results, case)
    check_price(toloka, client, pool_id, report)
    assert max(map(len, repr(report).splitlines())) <= 80
    if report.valid is not None:
        check_rest(toloka, client, case, verb, report)


def check_results(report: tf.Preflight, results: pd.DataFrame, case: Case) -> None:
    """Check that the service reports what was foreseen."""
    assert report.created == results["status"].eq("CREATED").sum()
    invalid = results[results["status"].eq("INVALID")]
    assert report.refused == len(invalid)
    foreseen = set(zip(report.problems["field"], report.problems["code"], strict=True))
    assert set(zip(invalid["error_field"], invalid["error_code"], strict=True)) <= foreseen
    assert set(report.problems["label"]) <= set(invalid.index)
    assert [case.frame.index[position] for position in report.problems["position"]] == report.problems["label"].tolist()


def check_price(toloka: LocalToloka, client: tf.AsyncTolokaClient, pool_id: str, report: tf.Preflight) -> None:
    """Check pages, answers and price when the crowd has answered everything."""
    if report.created and report.pages is not None:
        tf.run(client.open_pool_async(pool_id))  # open when the crowd comes, because operations take no time here
        toloka.answer(pool_id, workers=WORKERS)
    if report.pages is None:
        assert report.price is None
        return
    assignments = list(client.get_assignments(pool_id=pool_id))
    assert report.pages == len(assignments)
    assert report.answers == sum("known_solutions" not in task for each in assignments for task in each["tasks"])
    uses = sum("known_solutions" in task for each in assignments for task in each["tasks"])
    if report.control_tasks_missing is not None:
        # fewer if a Toloker has already seen all of them
        mixer = tf.run(client.get_pool(pool_id)).get("mixer_config") or {"golden_tasks_count": len(assignments) * 12}
        assert uses <= report.pages * mixer["golden_tasks_count"] - report.control_tasks_missing
    assert report.price == float(sum(Decimal(str(each["reward"])) for each in assignments))


def check_rest(toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case, verb: Any, report: tf.Preflight) -> None:
    """Check what was foreseen of the rows without problems."""
    assert report.valid is not None
    refused = set(report.problems["label"])
    size = case.arguments.get("rows_per_suite", 1)
    positions = [row for row in range(report.rows) if refused.isdisjoint(case.frame.index[row // size * size :][:size])]
    rest, pool_id = case.frame.iloc[positions], create_pool(client, case.inputs, **case.pool)
    assert (report.valid.rows, report.valid.created) == (len(rest), len(rest))
    results, error = upload(verb, rest, client, pool_id, **case.arguments)
    assert results is not None
    assert error is None
    check_price(toloka, client, pool_id, report.valid)


# A fifth of 200 by default: the first examples find most faults, and each is an upload with the work of a crowd.
@settings(max_examples=examples(100))
@given(case=cases(in_suites=False))
def test_tasks_are_refused_sent_and_paid_as_foreseen(toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case) -> None:
    check_case(toloka, client, case, tf.create_tasks)


@settings(max_examples=examples(100))
@given(case=cases(in_suites=True))
def test_task_suites_are_refused_sent_and_paid_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case
) -> None:
    check_case(toloka, client, case, tf.create_task_suites)


def outcomes(
    toloka: LocalToloka, verb: Any, frame: pd.DataFrame, *args: Any, **arguments: Any
) -> tuple[tf.Preflight, Any, Any]:
    """Return the report of an upload, and the results and the error of the upload; check that the report sent GETs only."""
    since = len(toloka.requests)
    report = tf.preflight(frame, *args, **arguments, verb=verb)
    assert posts(toloka, since) == []
    return report, *upload(verb, frame, *args, **arguments)


@pytest.mark.parametrize("type_name", TYPES)
def test_a_value_of_each_kind_in_a_field_of_each_type_is_refused_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, type_name: str
) -> None:
    values = VALUES[: -len(UNREPRESENTABLE)]
    frame = pd.DataFrame({"field": pd.Series([*values, None], dtype=object), "number": range(len(values) + 1)})
    inputs = {"field": {"type": type_name}, "number": {"type": "integer"}}
    pool_id = create_pool(client, inputs)
    options = {"overlap": 1, "skip_invalid_items": True}
    report, results, _ = outcomes(toloka, tf.create_tasks, frame, client, pool_id, **options)
    invalid = results[results["status"].eq("INVALID")]
    assert report.problems["position"].tolist() == invalid.index.tolist()
    assert report.problems["code"].tolist() == invalid["error_code"].tolist()
    assert report.problems["field"].tolist() == invalid["error_field"].tolist()
    strict = tf.preflight(frame, client, create_pool(client, inputs), overlap=1)
    assert strict.problems["position"].tolist() == invalid.index.tolist()


@pytest.mark.parametrize(
    ("type_name", "limit", "value", "code"),
    [
        ("integer", {"min_value": 2}, 1, "VALUE_LESS_THAN_MIN"),
        ("float", {"max_value": 2}, 2.5, "VALUE_GREATER_THAN_MAX"),
        ("string", {"min_length": 2}, "a", "STRING_LENGTH_LESS_THAN_MIN"),
        ("url", {"max_length": 9}, "https://example.com", "STRING_LENGTH_GREATER_THAN_MAX"),
        ("array_string", {"min_size": 2}, ["a"], "ARRAY_SIZE_LESS_THAN_MIN"),
        ("array_string", {"max_size": 1}, ["a", "b"], "ARRAY_SIZE_GREATER_THAN_MAX"),
        ("array_integer", {"max_value": 1}, [1, 2], "VALUE_GREATER_THAN_MAX"),
        ("string", {"allowed_values": ["a"]}, "b", "VALUE_NOT_ALLOWED"),
        ("array_string", {"allowed_values": ["a"]}, ["a", "b"], "VALUE_NOT_ALLOWED"),
        ("boolean", {"min_value": 2}, True, None),
        ("json", {"min_value": 2}, 1, "VALUE_LESS_THAN_MIN"),
    ],
)
def test_a_limit_of_a_field_is_kept_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, type_name: str, limit: dict[str, Any], value: Any, code: str | None
) -> None:
    pool_id = create_pool(client, {"field": {"type": type_name, **limit}})
    frame = pd.DataFrame({"field": pd.Series([value], dtype=object)})
    report, results, _ = outcomes(toloka, tf.create_tasks, frame, client, pool_id, overlap=1)
    assert report.problems["code"].tolist() == ([] if code is None else [code])
    assert results["error_code"].tolist() == [code] if code else results["status"].tolist() == ["CREATED"]


BONUSES = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from([*USERS[:3], None, 1.5]),
        "amount": st.sampled_from([0.005, 0.1, 1, 2.5, 100.5, "x", None]) | st.sampled_from([0.1, 1]),
        "private_comment": st.sampled_from([None, "a"]),
        "without_message": st.sampled_from([True, True, False]),
        "public_title": st.sampled_from([None, None, "Thanks"]),
        "public_message": st.sampled_from([None, None, "Thanks", {"EN": "a"}]),
    }
)


@settings(max_examples=examples(50))
@given(rows=st.lists(BONUSES, min_size=1, max_size=4), skip=st.sampled_from([None, True]), data=st.data())
def test_bonuses_are_refused_and_paid_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, rows: list[dict[str, Any]], skip: bool | None, data: st.DataObject
) -> None:
    frame, name = pd.DataFrame(rows, dtype=object), str(data.draw(st.uuids()))
    report, results, error = outcomes(toloka, tf.create_user_bonuses, frame, client, skip_invalid_items=skip, upload_id=name)
    if results is None:
        assert (report.created, report.requests, report.price) == (0, 0, 0)
        assert set(error.rows) <= set(report.problems["position"].dropna())
        return
    assert report.created == results["status"].eq("CREATED").sum()
    assert report.price == frame.loc[results["status"].eq("CREATED"), "amount"].sum()
    if results["status"].eq("INVALID").any():
        assert report.refused == results["status"].eq("INVALID").sum()
    assert report.problems.empty == (error is None and not results["status"].eq("INVALID").any())


@pytest.fixture
def app_project(client: tf.AsyncTolokaClient) -> str:
    return str(tf.run(client.create_app_project({"app_id": APP, "name": "Cats", "parameters": {}}))["id"])


@pytest.mark.parametrize("ignores", [None, True])
@pytest.mark.parametrize("into", ["items", "batch", "new batch"])
def test_app_items_are_refused_and_priced_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, app_project: str, into: str, ignores: bool | None
) -> None:
    frame = pd.DataFrame({"image_url": ["https://example.com/1.jpg", "no address", "/2.jpg"], "text": ["a", "b", ""]})
    options: dict[str, Any] = {"ignore_errors": ignores}
    if into == "batch":
        options["batch_id"] = tf.run(client.create_app_batch(app_project, name="Monday", items=[]))["id"]
    verb = tf.create_app_batch if into == "new batch" else tf.create_app_items
    if into == "items":
        options = {}
    report, results, _ = outcomes(toloka, verb, frame, client, app_project, **options)
    assert report.problems[["position", "column", "field", "code"]].to_numpy().tolist() == [
        [1, "image_url", "input_data.image_url", "INVALID_URL_SYNTAX"]
    ]
    assert report.created == results["status"].eq("CREATED").sum()
    assert report.price == pytest.approx(0.08 * report.created)
    assert results["error_code"].tolist()[1] == "INVALID_URL_SYNTAX"
    assert (report.valid is None) == bool(options.get("ignore_errors"))
    if report.valid is not None:
        assert (report.valid.created, report.valid.price) == (2, 0.16)


def test_a_batch_that_was_started_and_an_archived_project_take_no_items(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, app_project: str
) -> None:
    frame = pd.DataFrame({"image_url": ["https://example.com/1.jpg"], "text": ["a"]})
    started = tf.create_app_batch(frame, client, app_project, start=True, progress=False)["batch_id"].iloc[0]
    other = frame.assign(text="b")
    report, _, error = outcomes(toloka, tf.create_app_items, other, client, app_project, batch_id=started)
    assert report.problems["column"].tolist() == ["batch_id"]
    assert error is not None
    tf.run(client.archive_app_project(app_project))
    report, _, error = outcomes(toloka, tf.create_app_items, other, client, app_project)
    assert report.problems["column"].tolist() == ["app_project_id"]
    assert error is not None


MIXER = {"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0}
IMAGES = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(6)]})


def test_all_problems_are_collected_whatever_finds_them(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    inputs = {
        "image": {"type": "url"},
        "age": {"type": "integer", "required": False, "min_value": 1},
        "name": {"type": "string"},
    }
    frame = pd.DataFrame(
        {
            "image": ["/1.jpg", None, "no address", "/4.jpg", b"x"],
            "age": pd.Series([0, "old", 3, float("inf"), 5], dtype=object),
            "GOLDEN:result": ["cat", "owl", None, None, None],
            "TASK:overlap": [1, 0, 2, None, 1],
            "colour": ["red"] * 5,
        }
    )
    pool_id = create_pool(client, inputs)
    report, results, error = outcomes(toloka, tf.create_tasks, frame, client, pool_id)
    assert results is None
    assert error.column in set(report.problems["column"])
    found = [
        (None if position is pd.NA else position, column, None if pd.isna(code) else code)
        for position, column, code in report.problems[["position", "column", "code"]].itertuples(index=False)
    ]
    assert found[:2] == [(None, "colour", None), (None, "name", None)]
    assert set(found[2:]) == {
        (0, "age", "VALUE_LESS_THAN_MIN"),
        (1, "image", "VALUE_REQUIRED"),
        (1, "age", "INTEGER_EXPECTED"),
        (1, "GOLDEN:result", "VALUE_NOT_ALLOWED"),
        (1, "TASK:overlap", "VALUE_LESS_THAN_MIN"),
        (2, "image", "INVALID_URL_SYNTAX"),
        (3, "age", None),
        (3, "TASK:overlap", "VALUE_REQUIRED"),
        (4, "image", None),
    }
    assert "Convert the column first" in report.problems.loc[report.problems["position"].eq(4), "message"].iloc[0]
    assert (report.ok, report.created, report.requests, report.price, report.refused) == (False, 0, 0, 0.0, 5)


def test_a_call_without_an_overlap_gets_a_report_that_says_so(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    report, _, error = outcomes(toloka, tf.create_tasks, IMAGES, client, create_pool(client))
    assert report.problems["column"].tolist() == ["overlap"]
    assert str(error) == report.problems["message"][0].replace(". Give", ".\nGive")


@pytest.mark.parametrize(("mixer", "verb"), [(None, tf.create_tasks), ({}, tf.create_task_suites)])
def test_a_pool_of_the_other_kind_is_a_problem(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, mixer: Any, verb: Any
) -> None:
    pool_id = create_pool(client) if mixer == {} else create_pool(client, mixer_config=None)
    arguments = {} if verb is tf.create_tasks else {"rows_per_suite": 2}
    report, _, error = outcomes(toloka, verb, IMAGES, client, pool_id, overlap=1, **arguments)
    assert report.problems["column"].tolist() == ["pool_id"] == [error.column]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"overlap": 0}, "overlap=0"),
        ({"fee": -0.1}, "fee=-0.1"),
        ({"fee": "30%"}, "fee='30%'"),
        ({"fee": 30}, "fee=30: a share .* such as 0.3"),
        ({"fee": True}, "fee=True"),
        ({"fee": float("inf")}, "fee=inf"),
        ({"verb": tf.new_rows}, "verb='new_rows': one of tf.create_tasks"),
        ({"verb": "create_tasks"}, "verb='create_tasks'"),
        ({"max_price": "10"}, "max_price='10'"),
        ({"progress": "bar"}, "progress='bar'"),
        ({"max_price": float("nan")}, "max_price=nan"),
        ({"max_price": Decimal("sNaN")}, "max_price=Decimal"),
        ({"max_price": -0.01}, "max_price=-0.01"),
        ({"pool_id": 1.5}, "pool_id=1.5"),
        ({"df": pd.DataFrame({"user_id": ["a"], "amount": [1]}), "pool_id": None}, "No pool is given"),
    ],
)
def test_a_wrong_argument_is_an_error_as_in_the_upload(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, arguments: dict[str, Any], sentence: str
) -> None:
    since = len(toloka.requests)
    with pytest.raises(tf.InputError, match=sentence):
        tf.preflight(client=client, **({"df": IMAGES, "pool_id": "1", "overlap": 1} | arguments))
    assert len(toloka.requests) == since


@pytest.mark.parametrize(
    ("name", "verb"),
    [("rows_per_suite", "create_task_suites"), ("public_title", "create_user_bonuses"), ("start", "create_app_batch")],
)
def test_an_argument_of_another_upload_names_it(client: tf.AsyncTolokaClient, name: str, verb: str) -> None:
    with pytest.raises(TypeError, match=rf"verb=tf\.{verb}\b"):
        tf.preflight(IMAGES, client, **{"pool_id": "1", name: 1})


def test_a_frame_of_bonuses_without_a_verb_names_it(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.InputError, match=r"(?s)bonuses.*verb=tf\.create_user_bonuses"):
        tf.preflight(pd.DataFrame({"user_id": USERS[:1], "amount": [1]}), client)


def test_the_limit_of_the_price_is_an_argument_of_preflight_and_changes_nothing(client: tf.AsyncTolokaClient) -> None:
    pool_id = create_pool(client)
    assert tf.preflight(IMAGES, client, pool_id, overlap=2, max_price=0.01).price == 0.08


@pytest.mark.parametrize("verb", [tf.create_user_bonuses, tf.aio.create_user_bonuses], ids=["ordinary", "awaited"])
def test_it_is_awaited_with_either_name_of_the_upload(client: tf.AsyncTolokaClient, verb: Any) -> None:
    bonuses = pd.DataFrame({"user_id": USERS[:2], "amount": [0.15, 0.25], "without_message": [True, True]})
    report = asyncio.run(tf.aio.preflight(bonuses, client, verb=verb, fee=0.5))
    assert (report.ok, report.requests, report.rewards, report.price) == (True, 1, 0.4, 0.6)
    assert report.pages is None


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
@pytest.mark.parametrize("in_frame", [False, True])
def test_frames_of_other_libraries_are_taken(client: tf.AsyncTolokaClient, library: str, in_frame: bool) -> None:
    module, pool_id = pytest.importorskip(library), create_pool(client)
    frame = {"polars": "DataFrame", "pyarrow": "table"}[library]
    columns = {"image": ["/1.jpg", "x"]} | ({"pool_id": [pool_id] * 2} if in_frame else {})
    report = tf.preflight(getattr(module, frame)(columns), client, *([] if in_frame else [pool_id]), overlap=1)
    assert report.valid is not None
    assert (report.refused, report.valid.created) == (1, 1)


# -- What the ledger knows


def test_the_same_upload_again_sends_and_costs_nothing(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    pool_id = create_pool(client)
    tf.create_tasks(IMAGES, client, pool_id, overlap=2, progress=False)
    report, results, error = outcomes(toloka, tf.create_tasks, IMAGES, client, pool_id, overlap=2)
    assert (report.ok, report.sent, report.created, report.requests, report.price) == (True, 6, 0, 0, 0.0)
    assert "nothing is left to send" in repr(report)
    assert error is None
    assert results["status"].eq("CREATED").all()


def test_rows_of_another_upload_are_problems_and_the_others_have_a_price(
    toloka: LocalToloka, client: tf.AsyncTolokaClient
) -> None:
    pool_id = create_pool(client)
    tf.create_tasks(IMAGES.head(2), client, pool_id, overlap=2, progress=False)
    report, results, error = outcomes(toloka, tf.create_tasks, IMAGES, client, pool_id, overlap=2)
    assert results is None
    assert isinstance(error, tf.RowsAlreadyCreated)
    assert report.problems["position"].tolist() == [0, 1] == list(error.rows)
    assert report.problems["code"].tolist() == ["ALREADY_CREATED"] * 2
    assert report.notes[0] == error.hint
    assert report.valid is not None
    assert report.valid.created == len(IMAGES.pipe(tf.new_rows, client, pool_id)) == 4
    again = tf.preflight(IMAGES, client, pool_id, overlap=2, upload_id="again")
    assert (again.created, again.problems.empty) == (6, True)


def half_sent(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame for two pools, of which an upload has sent the rows of the first one, and the pools."""
    pools = [create_pool(client) for _ in range(2)]
    frame = IMAGES.assign(pool_id=[pools[0]] * 4 + [pools[1]] * 2)
    toloka.faults.answer(403, "POST /v1/tasks", code="ACCESS_DENIED", nth=2)
    with pytest.raises(tf.UploadError):
        tf.create_tasks(frame, client, overlap=2, concurrency=1, progress=False)
    return frame, pools


def test_rows_that_an_earlier_call_has_sent_are_not_paid_again(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    frame, pools = half_sent(toloka, client)
    report = tf.preflight(frame, client, overlap=2)
    assert (report.sent, report.created, report.requests, report.pages, report.price) == (4, 2, 1, 2, 0.04)
    with pytest.raises(tf.PriceExceeded):
        tf.create_tasks(frame, client, overlap=2, max_price=0.039, progress=False)
    results = tf.create_tasks(frame, client, overlap=2, max_price=0.04, progress=False)
    assert results["status"].eq("CREATED").all()
    assert [len(list(client.get_tasks(pool_id))) for pool_id in pools] == [4, 2]


# the verdict on a call after one that ended with FAIL because of one row: its flags, and the numbers of the report
AGAIN: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "the same call": ({}, (3, 3, 0)),
    "with retry_failed": ({"retry_failed": True}, (0, 0, 0)),
    "with skip_invalid_items": ({"skip_invalid_items": True}, (0, 0, 2)),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_call_that_would_only_report_an_earlier_failure_is_not_ok(client: tf.AsyncTolokaClient, name: str) -> None:
    flags, numbers = AGAIN[name]
    frame, pool_id = pd.DataFrame({"image": ["/1.jpg", "", "/2.jpg"]}), create_pool(client)
    with pytest.raises(tf.UploadError):
        tf.create_tasks(frame, client, pool_id, overlap=2, progress=False)
    report = tf.preflight(frame, client, pool_id, overlap=2, **flags)
    assert not report.ok
    assert (report.sent, report.failed, report.created) == numbers
    assert ("not created" in repr(report)) == bool(report.failed)
    results, error = upload(tf.create_tasks, frame, client, pool_id, overlap=2, **flags)
    assert results is not None
    assert results["status"].eq("CREATED").sum() == report.created
    assert (error is None) == bool(report.created)


def test_other_rows_under_the_name_of_an_upload_are_a_problem(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    pool_id = create_pool(client)
    tf.create_tasks(IMAGES, client, pool_id, overlap=2, upload_id="Monday", progress=False)
    report, _, error = outcomes(toloka, tf.create_tasks, IMAGES.head(3), client, pool_id, overlap=2, upload_id="Monday")
    assert report.problems["column"].tolist() == ["upload_id"] == [error.column]


def test_the_ledger_is_left_unchanged(client: tf.AsyncTolokaClient, tmp_path: Path) -> None:
    ledger, pool_id = tmp_path / "uploads.db", create_pool(client)
    tf.create_tasks(IMAGES.head(2), client, pool_id, overlap=2, ledger=ledger, progress=False)
    before = ledger.read_bytes()
    tf.preflight(IMAGES.tail(2), client, pool_id, overlap=2, ledger=ledger)
    tf.preflight(IMAGES.head(2), client, pool_id, overlap=2, ledger=ledger)
    assert ledger.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["uploads.db"]


# -- The price


LIMITS_OF_24_CENTS: list[Any] = [0.24, 0.2401, 1, 10**400, Decimal("0.24"), Fraction(24, 100)]
LIMITS_OF_24_CENTS += [np.float64(0.24), np.float32(0.24), np.int64(1)]


@pytest.mark.parametrize("max_price", LIMITS_OF_24_CENTS, ids=lambda value: type(value).__name__)
def test_an_upload_within_its_limit_is_sent(client: tf.AsyncTolokaClient, max_price: Any) -> None:
    pool_id = create_pool(client, mixer_config=MIXER | {"real_tasks_count": 1})
    results = tf.create_tasks(IMAGES, client, pool_id, overlap=2, max_price=max_price, progress=False)
    assert results["status"].eq("CREATED").all()


@pytest.mark.parametrize("fee", [0.5, Decimal("0.5"), Fraction(1, 2), np.float64(0.5), np.float32(0.5)], ids=repr)
def test_a_fee_is_a_number_of_any_kind(client: tf.AsyncTolokaClient, fee: Any) -> None:
    report = tf.preflight(IMAGES, client, create_pool(client), overlap=np.int64(2), fee=fee)
    assert (report.fee, report.rewards, report.price) == (0.5, 0.08, 0.12)


# amounts of three bonuses, and the price in the error
AMOUNTS = {(0.1, 0.2, 0.5): "$0.80", (0.005, 0.005, 0.005): "$0.015", (5, 5, 5): "$15.00", (1 / 3, 1, 1): "$2.333333"}


@pytest.mark.parametrize("amounts", AMOUNTS)
def test_a_price_has_cents_in_an_error_as_in_a_report(client: tf.AsyncTolokaClient, amounts: tuple[float, ...]) -> None:
    bonuses = pd.DataFrame({"user_id": USERS[:3], "amount": amounts, "without_message": [True] * 3})
    with pytest.raises(tf.PriceExceeded, match=re.escape(f"are {AMOUNTS[amounts]}, ")):
        tf.create_user_bonuses(bonuses, client, max_price=0, progress=False)
    assert f"price     {AMOUNTS[amounts]}\n" in repr(tf.preflight(bonuses, client, verb=tf.create_user_bonuses))


# the verb, its arguments, the limit, and the price that the error tells
BOUND: dict[str, tuple[Any, dict[str, Any], float, float | None]] = {
    "tasks": (tf.create_tasks, {"overlap": 2}, 0.0799, 0.08),
    "the pool's overlap": (tf.create_tasks, {"allow_defaults": True}, 0.0799, 0.08),
    "no money at all": (tf.create_tasks, {"overlap": 1}, 0, 0.04),
    "infinite overlap": (tf.create_tasks, {"infinite_overlap": True}, 1_000_000, None),
    "task suites": (tf.create_task_suites, {"overlap": 3, "rows_per_suite": 4}, 0.119, 0.12),
    "rows that are not valid": (tf.create_tasks, {"overlap": 2, "skip_invalid_items": True}, 0.0799, 0.08),
}


@pytest.mark.parametrize("name", BOUND)
def test_an_upload_that_costs_more_than_its_limit_is_refused_before_anything_is_sent_or_recorded(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, name: str
) -> None:
    verb, arguments, max_price, price = BOUND[name]
    pool_id = create_pool(client, **({"mixer_config": None} if verb is tf.create_task_suites else {}))
    since = len(toloka.requests)
    with pytest.raises(tf.PriceExceeded) as caught:
        verb(IMAGES, client, pool_id, **arguments, max_price=max_price, progress=False)
    assert (caught.value.price, caught.value.max_price) == (price, max_price)
    assert posts(toloka, since) == []
    assert tf.uploads().empty
    assert verb(IMAGES, client, pool_id, **arguments, progress=False)["status"].eq("CREATED").all()


def test_bonuses_have_a_limit_in_all(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    bonuses = pd.DataFrame({"user_id": USERS[:3], "amount": [0.1, 0.2, 5], "without_message": [True] * 3})
    since = len(toloka.requests)
    with pytest.raises(tf.PriceExceeded) as caught:
        tf.create_user_bonuses(bonuses, client, max_price=5.29, progress=False)
    assert caught.value.price == 5.3
    assert posts(toloka, since) == []
    assert tf.create_user_bonuses(bonuses, client, max_price=5.3, progress=False)["status"].eq("CREATED").all()


# fields of a pool, and what makes its price unknown
@pytest.mark.parametrize(("least", "is_said"), [(1, True), (5, False), (None, False)])
def test_a_price_that_smaller_pages_can_raise_is_said_to_be_one(
    client: tf.AsyncTolokaClient, least: int | None, is_said: bool
) -> None:
    mixer = {"real_tasks_count": 5, "golden_tasks_count": 0, "training_tasks_count": 0}
    pool_id = create_pool(client, mixer_config=mixer if least is None else {**mixer, "min_real_tasks_count": least})
    report = tf.preflight(IMAGES, client, pool_id, overlap=2)
    assert any("min_real_tasks_count" in note for note in report.notes) == is_said


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "overlap": (
        {
            "dynamic_overlap_config": {
                "type": "BASIC",
                "max_overlap": 5,
                "min_confidence": 0.8,
                "answer_weight_skill_id": "1",
                "fields": [{"name": "result"}],
            }
        },
        "dynamic overlap, up to 5",
    ),
    "price": ({"dynamic_pricing_config": {"type": "SKILL", "intervals": []}}, "dynamic price"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_price_that_depends_on_tolokers_is_not_known_and_over_every_limit(client: tf.AsyncTolokaClient, name: str) -> None:
    fields, why = UNKNOWN[name]
    pool_id = create_pool(client, **fields)
    report = tf.preflight(IMAGES, client, pool_id, overlap=2)
    assert report.price is None
    assert any(why in note for note in report.notes)
    assert "not known" in repr(report)
    with pytest.raises(tf.PriceExceeded, match=why):
        tf.create_tasks(IMAGES, client, pool_id, overlap=2, max_price=100, progress=False)


def test_a_page_without_a_reward_costs_nothing_however_many_there_are(client: tf.AsyncTolokaClient) -> None:
    report = tf.preflight(IMAGES, client, create_pool(client, reward_per_assignment=0), infinite_overlap=True)
    assert (report.pages, report.price) == (None, 0)


@pytest.mark.parametrize(
    ("overlaps", "size", "pages"),
    [
        ([3] * 10, 5, 6),
        ([3] * 7, 5, 6),  # the last page is not full
        ([2], 5, 2),
        ([1, 4, 2, 3, 1], 2, 4 + 2 + 1),  # 4 3, 2 1, 1
        ([1, 1, 5], 1, 7),
        ([1, 1, 1, 5], 4, 5),
    ],
)
def test_pages_are_those_of_blocks_in_the_order_of_overlaps(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, overlaps: list[int], size: int, pages: int
) -> None:
    pool_id = create_pool(client, mixer_config=MIXER | {"real_tasks_count": size})
    frame = pd.DataFrame({"image": [f"/{row}.jpg" for row in range(len(overlaps))], "TASK:overlap": overlaps})
    report = tf.preflight(frame, client, pool_id)
    assert (report.pages, report.answers, report.price) == (pages, sum(overlaps), round(0.02 * pages, 2))
    tf.create_tasks(frame, client, pool_id, progress=False)
    check_price(toloka, client, pool_id, report)


def test_a_training_costs_nothing(client: tf.AsyncTolokaClient) -> None:
    project_id = tf.run(client.get_pool(create_pool(client)))["project_id"]
    training_id = tf.run(client.create_training({**TRAINING, "project_id": project_id}))["id"]
    frame = pd.DataFrame({"INPUT:image": ["/1.jpg"], "GOLDEN:result": ["cat"], "HINT:text": ["Look at the ears."]})
    report = tf.preflight(frame, client, training_id, allow_defaults=True)
    assert (report.ok, report.created, report.price, report.control_tasks_missing) == (True, 1, 0, 0)
    results = tf.create_tasks(frame, client, training_id, allow_defaults=True, max_price=0, progress=False)
    assert results["status"].tolist() == ["CREATED"]


def test_a_price_above_the_balance_is_not_ok(untouched: LocalToloka) -> None:
    client = untouched.async_client()
    pool_id = create_pool(client, reward_per_assignment=90)
    assert (
        tf.preflight(
            IMAGES,
            client,
            pool_id,
            overlap=5,
        ).ok
        is False
    )
    report = tf.preflight(IMAGES, client, pool_id, overlap=6)
    assert (report.price, report.balance, report.ok) == (1080, 1000, False)
    assert "the balance is too low" in repr(report)
    assert tf.preflight(IMAGES, client, pool_id, overlap=1, fee=9).price == 1800


# -- Control tasks


@pytest.mark.parametrize(
    ("control", "missing"),
    [({}, 4), ({"TASK:overlap": 3}, 1), ({"TASK:overlap": 4}, 0), ({"TASK:infinite_overlap": True}, 0)],
    ids=["none", "too few", "enough", "never used up"],
)
@pytest.mark.parametrize("are_earlier", [False, True])
def test_control_tasks_that_the_pages_need_are_counted_in_the_frame_and_in_the_pool(
    client: tf.AsyncTolokaClient, control: dict[str, Any], missing: int, are_earlier: bool
) -> None:
    pool_id = create_pool(client)  # one control task on a page of four others
    golden = pd.DataFrame({"INPUT:image": ["/golden.jpg"], "GOLDEN:result": ["cat"], **control})
    real = pd.DataFrame({"INPUT:image": IMAGES["image"], "TASK:overlap": [2] * 6})
    frame = real
    if control and are_earlier:
        tf.create_tasks(golden, client, pool_id, progress=False)
    elif control:
        frame = pd.concat([golden, real], ignore_index=True)
    report = tf.preflight(frame, client, pool_id)
    assert (report.pages, report.control_tasks_missing, report.ok) == (4, missing, not missing)
    assert any(f"{missing} uses are missing" in note for note in report.notes) == bool(missing)
    assert (f"{missing} uses of control tasks are missing" in repr(report)) == bool(missing)


# -- What is shown


def test_the_quotas_of_a_minute_and_a_day_are_the_least_time() -> None:
    assert [seconds_for("tasks", count, 1) for count in (0, 100_000, 100_001, 1_000_000, 2_000_001)] == [0, 0, 60, 540, 86_400]
    assert seconds_for(None, 10, 601) == 2


def test_the_card_shows_what_the_text_says_and_escapes_values(client: tf.AsyncTolokaClient) -> None:
    frame = IMAGES.assign(image=[*IMAGES["image"][:5], "<script>alert(1)</script>"])
    report = tf.preflight(frame, client, create_pool(client, mixer_config=MIXER), overlap=2)
    html = report._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    for text in ("the call would be refused", "row 5", "image", "is not a URL", "$0.08"):
        assert text in html, text


def test_a_text_says_everything_in_80_columns(untouched: LocalToloka) -> None:
    client = untouched.async_client()
    frame = pd.DataFrame({"image": [*IMAGES["image"], "no address", "ftp", None]})
    pool_id = create_pool(client, reward_per_assignment=0.005, mixer_config=MIXER)
    report = tf.preflight(frame, client, pool_id, overlap=3, fee=0.25, skip_invalid_items=True)
    assert repr(report).splitlines() == [
        "Preflight of 9 rows for tasks: some rows would be refused",
        "  rows      6 would be created, 3 have problems",
        "  requests  1, 872 bytes",
        "  pages     6, with 18 answers",
        "  price     $0.0375: $0.03 and a fee of 25 %",
        "  balance   $1,000.00",
        "  ! rows 6, 7  image  The value is not a URL (as 'no address', str).",
        "  ! row 8  image  The value is required, and missing.",
    ]


def test_the_text_in_the_docs_is_that_of_its_example(untouched: LocalToloka) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how_to" / "preflight.md").read_text("utf-8")
    images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(1000)]})
    images.loc[3, "image"] = "no address"
    images.loc[5, "image"] = None
    report = images.pipe(tf.preflight, untouched.client(), untouched.example_pool().id, overlap=3)
    assert f"```text\n{report}\n```" in page

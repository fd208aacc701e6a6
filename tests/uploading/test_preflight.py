"""What `tf.preflight` says of an upload is what the upload then does, and it sends nothing but GET requests."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 6  # at least the highest overlap
USERS = [f"{number:032x}" for number in range(1, 9)]
APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required

# values of which some are valid for each type, and limits that some of them exceed
TEXTS = ["cat", "dog", "", "https://example.com/1.jpg", "/folder/1.jpg", "ftp//x", "52.5,13.4", "91,0", "1,2,3", "x" * 6]
VALUES: list[Any] = [*TEXTS, 0, 1, 7, -2, 0.5, 2.0, True, False, ["cat"], ["a", 1], [], [None], {"a": 1}, {"a", "b"}, b"x"]
VALUES += [float("inf"), {"a": {1}}]
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
@settings(max_examples=examples(100), deadline=None)
@given(case=cases(in_suites=False))
def test_tasks_are_refused_sent_and_paid_as_foreseen(toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case) -> None:
    check_case(toloka, client, case, tf.create_tasks)


@settings(max_examples=examples(100), deadline=None)
@given(case=cases(in_suites=True))
def test_task_suites_are_refused_sent_and_paid_as_foreseen(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, case: Case
) -> None:
    check_case(toloka, client, case, tf.create_task_suites)

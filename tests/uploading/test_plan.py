"""A frame becomes requests within both limits that hold every cell, with ids derived from its content alone."""

from __future__ import annotations

import datetime as dt
import json
import math
import multiprocessing
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.scripted_server import reply
from support.task_server import TaskServer

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading import ledger_reading
from toloka_frames._uploading.cells import column_roles
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.requests import body_of
from toloka_frames._uploading.tasks import DefaultOverlap, TaskRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from toloka_frames._uploading.requests import Chunk, UploadPlan

Client: TypeAlias = tf.AsyncTolokaClient
MAX_ROWS, MAX_BYTES = 10_000, 1_048_576

TEXT = st.text(max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
# values that JSON cannot represent, which no column may hold; the last one is nested too deeply
UNREPRESENTABLE = [
    *[math.inf, -math.inf, 1j, b"b", {"a"}, 2**64, -(2**63) - 1, "a\ud800", "\udfff", object()],
    *[dt.date(2026, 1, 1), pd.Timestamp("2026-01-01"), pd.Timedelta("1s"), pd.Timestamp("2026-01-01").to_datetime64()],
    *[
        [math.nan],
        {"a": [math.inf]},
        {1: "a"},
        {"\ud800": 1},
        [2**64],
        {"a": [b"b"]},
        [pd.NA],
        json.loads("[" * 300 + "]" * 300),
    ],
]
DTYPES: list[tuple[Any, SearchStrategy[Any]]] = [
    ("object", JSON),
    ("string", TEXT),
    ("category", TEXT),
    ("Int64", INTEGERS),
    ("UInt64", st.integers(0, 2**64 - 1)),
    ("float64", FLOATS),
    ("Float64", FLOATS),
    ("boolean", st.booleans()),
    (pd.ArrowDtype(pa.string()), TEXT),
    (pd.ArrowDtype(pa.int64()), INTEGERS),
    (pd.ArrowDtype(pa.list_(pa.string())), st.lists(st.none() | TEXT, max_size=3)),
    (
        pd.ArrowDtype(pa.struct([("a", pa.int64()), ("b", pa.list_(pa.float64()))])),
        st.fixed_dictionaries({"a": st.none() | INTEGERS, "b": st.none() | st.lists(FLOATS, max_size=2)}),
    ),
]
OVERLAPS = [(dtype, st.integers(1, 30_000)) for dtype in ("object", "Int64", "float64")]
SPECIAL = {
    "GOLDEN:result": DTYPES,
    "GOLDEN:sure": DTYPES,
    "HINT:text": [("string", TEXT)],
    "HINT:default_language": [("object", TEXT)],
    "TASK:overlap": OVERLAPS,
}
MISSING = [None, math.nan, pd.NA, pd.NaT]
INDEXES: list[Callable[[int], Any]] = [
    pd.RangeIndex,
    lambda rows: [0] * rows,
    lambda rows: range(rows, 0, -1),
    lambda rows: [f"row {row}" for row in range(rows)],
    lambda rows: pd.MultiIndex.from_tuples([("a", row // 2) for row in range(rows)]),
    lambda rows: pd.date_range("2026-01-01", periods=rows),
]


@dataclass(frozen=True)
class Example:
    """A frame, and the tasks that its values must become.

    Attributes:
        frame: The rows.
        pool_id: The pool of all rows; None if a column names it.
        overlap: The overlap of tasks without one of their own.
        tasks: The expected task of each row.
        wrong: The column and rows that cannot be sent, or None.
    """

    frame: pd.DataFrame
    pool_id: str | None
    overlap: int | None
    tasks: list[dict[str, Any]]
    wrong: tuple[str, list[int]] | None


@st.composite
def frames(draw: st.DrawFn, *, can_be_wrong: bool = False) -> Example:
    """Draw a frame of any dtypes and column roles; values are drawn first as plain ones, None for missing."""
    height = draw(st.integers(1, 9))
    prefix = draw(st.sampled_from(["", "INPUT:"]))
    inputs = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4, unique=True))
    special = draw(st.lists(st.sampled_from(sorted(SPECIAL)), unique=True))
    cells: dict[str, list[Any]] = {}
    columns: dict[str, pd.Series[Any]] = {}
    for name in [*(prefix + field for field in inputs), *special]:
        dtype, values = draw(st.sampled_from(SPECIAL.get(name, DTYPES)))
        cells[name] = draw(st.lists(st.none() | values, min_size=height, max_size=height))
        columns[name] = series_of(draw, cells[name], dtype)
    wrong = draw(st.none() | with_wrong_values(columns)) if can_be_wrong else None
    pools = draw(st.none() | st.lists(st.sampled_from(["1", "2", "ж/3"]), min_size=height, max_size=height))
    if pools:
        columns["pool_id"] = pd.Series(pools, dtype=draw(st.sampled_from(["object", "string", "category"])))
    overlap = draw(st.none() | st.integers(1, 30_000))
    frame = pd.DataFrame({name: columns[name] for name in draw(st.permutations(list(columns)))})
    frame.index = draw(st.sampled_from(INDEXES))(height)
    tasks = [task_of(row, cells, prefix, pools[row] if pools else "1", overlap) for row in range(height)]
    return Example(frame, None if pools else "1", overlap, tasks, wrong)


def series_of(draw: st.DrawFn, values: Sequence[Any], dtype: Any) -> pd.Series[Any]:
    missing = draw(st.sampled_from(MISSING)) if dtype == "object" else None
    return pd.Series([missing if value is None else value for value in values], dtype=dtype)


@st.composite
def with_wrong_values(draw: st.DrawFn, columns: dict[str, pd.Series[Any]]) -> tuple[str, list[int]]:
    """Put a value that cannot be sent into some rows of a column."""
    name = draw(st.sampled_from(list(columns)))
    values = columns[name].tolist()
    rows = sorted(draw(st.sets(st.integers(0, len(values) - 1), min_size=1)))
    for row in rows:
        values[row] = draw(st.shared(st.sampled_from(UNREPRESENTABLE), key="unrepresentable"))
    columns[name] = pd.Series(values, dtype=object)
    return name, rows


def canonical(value: Any) -> Any:
    """Return the JSON of a value in a field of any type: whole numbers are integers, except floats that are not exact."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value


def task_of(row: int, cells: dict[str, list[Any]], prefix: str, pool: str, overlap: int | None) -> dict[str, Any]:
    """Return the expected task of a row."""
    present = {
        name: canonical(values[row])
        for name, values in cells.items()
        if values[row] is not None and not (name in SPECIAL and values[row] == "")
    }
    golden = {
        name.removeprefix("GOLDEN:"): present.pop(name) for name in list(present) if name in {"GOLDEN:result", "GOLDEN:sure"}
    }
    language = present.pop("HINT:default_language", None)
    rest = {
        "overlap": present.pop("TASK:overlap", overlap),
        "message_on_unknown_solution": present.pop("HINT:text", None),
        "localization_config": None if language is None else {"default_language": language},
        "known_solutions": [{"output_values": golden, "correctness_weight": 1}] if golden else None,
    }
    values = {name.removeprefix(prefix): value for name, value in present.items()}
    task = {"__item_idx": str(row), "pool_id": pool, "input_values": values}
    return task | {name: value for name, value in rest.items() if value is not None}


@pytest.fixture(scope="module")
def service() -> Iterator[TaskServer]:
    with TaskServer() as service:
        yield service


@pytest.fixture(scope="module")
def client(service: TaskServer) -> Iterator[Client]:
    """A client of the task server."""
    client = service.async_client()
    yield client
    tf.run(client.aclose())


def plan_of(
    client: Client,
    frame: pd.DataFrame,
    pool_id: str | None = "1",
    *,
    overlap: int | None = None,
    upload_id: str | None = None,
) -> UploadPlan:
    roles = column_roles(frame, None, has_pool=pool_id is not None)
    rows = TaskRows(CREATE_TASKS, frame, {"skip_invalid_items": True}, upload_id, roles, pool_id, DefaultOverlap(overlap))
    return tf.run(rows.plan(client.service))


def as_text(value: Any) -> str:
    """Return a value as text in which 1, 1.0, True and -0.0 differ."""
    return json.dumps(value, sort_keys=True)


def tasks_in(plan: UploadPlan) -> list[dict[str, Any]]:
    """Return the tasks in the bodies of all requests, by position, and check that each request keeps both limits."""
    tasks: dict[int, dict[str, Any]] = {}
    for chunk in plan.chunks:
        sent = json.loads(body_of(chunk.text), parse_constant=pytest.fail)
        assert orjson.dumps(sent) == body_of(chunk.text)  # so that the lengths below are those in the body
        assert sum(len(orjson.dumps(task["input_values"])) for task in sent) <= MAX_BYTES
        assert len(sent) == len(chunk.positions) <= MAX_ROWS
        assert {task["pool_id"] for task in sent} == {chunk.pool_id}
        assert not tasks.keys() & set(chunk.positions)
        tasks |= zip(chunk.positions, sent, strict=True)
    assert [chunk.number for chunk in plan.chunks] == list(range(len(plan.chunks)))
    assert sorted(tasks) == list(range(plan.object_count))
    return [tasks[row] for row in sorted(tasks)]


def identity(plan: UploadPlan) -> tuple[str, list[str], str]:
    """Return everything by which another call finds the upload."""
    return plan.upload_id, [chunk.operation_id for chunk in plan.chunks], plan.content_hash


# -- from a frame to requests


@settings(max_examples=examples(80), derandomize=True)
@given(example=frames(can_be_wrong=True))
def test_requests_hold_every_cell_or_an_error_names_column_and_rows(client: Client, example: Example) -> None:
    if example.wrong is None:
        assert as_text(tasks_in(plan_of(client, example.frame, example.pool_id, overlap=example.overlap))) == as_text(
            example.tasks
        )
        return
    with pytest.raises(tf.InputError) as caught:
        plan_of(client, example.frame, example.pool_id, overlap=example.overlap)
    column, rows = example.wrong
    pools = [task["pool_id"] for task in example.tasks]
    by_pool = [[row for row in rows if pools[row] == pool] for pool in dict.fromkeys(pools)]
    assert caught.value.column == column
    assert list(caught.value.rows) == next(filter(None, by_pool))[:5]
    assert repr(column) in str(caught.value)


@settings(max_examples=examples(15), derandomize=True)
@given(example=frames())
def test_the_service_receives_what_the_frame_holds(
    service: TaskServer, client: Client, tmp_path_factory: pytest.TempPathFactory, example: Example
) -> None:
    results = tf.create_tasks(
        example.frame,
        client,
        example.pool_id,
        overlap=example.overlap,
        allow_defaults=True,
        skip_invalid_items=True,
        ledger=tmp_path_factory.mktemp("ledger") / "received.db",  # another one for each example, which may repeat rows
        progress=False,
    )
    received = [task for operation_id in results["operation_id"].unique() for task in service.received[operation_id]]
    assert as_text(sorted(received, key=lambda task: int(task["__item_idx"]))) == as_text(example.tasks)
    assert results["task_id"].tolist() == [f"t{row}" for row in range(len(example.frame))]
    assert results["status"].eq("CREATED").all()
    assert results.index.equals(example.frame.index)


@st.composite
def heavy_texts(draw: st.DrawFn) -> tuple[str, int]:
    """Draw a text and the length of `{"t":...}` around it: about 1, 1/2 or 1/3 of a request's limit, or little."""
    letter, width = draw(st.sampled_from([("x", 1), ("é", 2), ("\n", 2), ('"', 2), ("€", 3), ("😀", 4), ("\x01", 6)]))
    aim = draw(st.sampled_from([MAX_BYTES, MAX_BYTES // 2, MAX_BYTES // 3, 100])) + draw(st.integers(-7, 7))
    letters = (aim - 8) // width
    return letter * letters, 8 + letters * width


@settings(max_examples=examples(30), derandomize=True)
@given(texts=st.lists(heavy_texts(), min_size=1, max_size=6), pools=st.lists(st.sampled_from("12"), min_size=6, max_size=6))
def test_no_request_exceeds_the_byte_limit_and_an_oversized_row_is_named(
    client: Client, texts: list[tuple[str, int]], pools: list[str]
) -> None:
    frame = pd.DataFrame({"t": [text for text, _ in texts], "pool_id": pools[: len(texts)]})
    large = [row for row, (_, size) in enumerate(texts) if size > MAX_BYTES]
    if not large:
        assert [task["input_values"] for task in tasks_in(plan_of(client, frame, None))] == frame[["t"]].to_dict("records")
        return
    with pytest.raises(tf.InputError, match="1,048,576 bytes") as caught:
        plan_of(client, frame, None)
    assert list(caught.value.rows) == [row for row in large if pools[row] == pools[caught.value.rows[0]]]


def test_no_request_exceeds_10_000_rows_with_interleaved_pools(client: Client) -> None:
    frame = pd.DataFrame({"n": range(30_003), "pool_id": ["1", "1", "2"] * 10_001})
    plan = plan_of(client, frame, None)
    assert [(chunk.pool_id, len(chunk.positions)) for chunk in plan.chunks] == [
        *[("1", 10_000), ("1", 10_000), ("1", 2)],
        *[("2", 10_000), ("2", 1)],
    ]
    assert [task["input_values"]["n"] for task in tasks_in(plan)] == list(range(30_003))


@pytest.mark.parametrize("pool", [None, "", 5.5, "\ud800", ["1"]])
def test_a_row_without_a_valid_pool_id_is_named(client: Client, pool: Any) -> None:
    frame = pd.DataFrame({"n": [1, 2], "pool_id": pd.Series(["1", pool], dtype=object)})
    with pytest.raises(tf.InputError, match=r"in row 1: .*text") as caught:
        plan_of(client, frame, None)
    assert (caught.value.column, caught.value.rows) == ("pool_id", (1,))


def test_a_pool_id_of_a_row_may_be_a_whole_number(client: Client) -> None:
    frame = pd.DataFrame({"n": [1, 2], "pool_id": pd.Series(["1", 5], dtype=object)})
    assert [chunk.pool_id for chunk in plan_of(client, frame, None).chunks] == ["1", "5"]


# -- the ids by which an upload is found again

ODD_ROWS = pd.DataFrame(
    {
        "text": pd.Series(["a\nb", "ж", None, "\u2028", ""], dtype="string"),
        "meta": [{"b": [1, None], "a": {"ü": -0.0}}, None, [], 2**64 - 1, True],
        "share": [0.1, math.nan, 1e300, 5e-324, -0.0],
        "GOLDEN:result": ["cat", None, "dog", None, "cat"],
        "TASK:overlap": pd.Series([1, None, 3, 4, 30_000], dtype="Int64"),
        "pool_id": ["2", "1", "2", "1", "2"],
    }
)


def identity_of_odd_rows(url: str, token: str) -> tuple[str, list[str], str, list[int]]:
    with_others_first = ODD_ROWS[sorted(ODD_ROWS, reverse=True)]
    return identity(plan_of(tf.AsyncTolokaClient(token, url=url), with_others_first, None))


def test_the_same_rows_have_the_same_ids_in_another_process(service: TaskServer, client: Client) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        elsewhere = pool.apply(identity_of_odd_rows, (service.url, service.token))
    assert elsewhere == identity(plan_of(client, ODD_ROWS, None))


@settings(max_examples=examples(30), derandomize=True)
@given(example=frames(), data=st.data())
def test_column_order_and_index_do_not_change_the_ids(client: Client, example: Example, data: st.DataObject) -> None:
    plan = plan_of(client, example.frame, example.pool_id, overlap=example.overlap)
    other = example.frame[data.draw(st.permutations(list(example.frame)))].reset_index(drop=True)
    assert identity(plan_of(client, other, example.pool_id, overlap=example.overlap)) == identity(plan)


@settings(max_examples=examples(30), derandomize=True)
@given(
    rows=st.lists(st.tuples(st.none() | TEXT, st.none() | INTEGERS, st.sampled_from("12")), min_size=1, max_size=9),
    data=st.data(),
)
def test_a_changed_cell_changes_all_ids_and_only_its_rows_digest(
    client: Client, rows: list[tuple[str | None, int | None, str]], data: st.DataObject
) -> None:
    texts, numbers, pools = zip(*rows, strict=True)
    frame = pd.DataFrame({"text": texts, "number": pd.Series(numbers, dtype="Int64"), "pool_id": pools})
    row = data.draw(st.integers(0, len(rows) - 1))
    text = data.draw((st.none() | TEXT).filter(lambda text: text != texts[row]))
    changed = [text if position == row else before for position, before in enumerate(texts)]
    digests = [plan_of(client, variant, None, upload_id="mine").digests for variant in (frame, frame.assign(text=changed))]
    assert [old != new for old, new in zip(*digests, strict=True)] == [position == row for position in range(len(rows))]
    one, other = plan_of(client, frame, None), plan_of(client, frame.assign(text=changed), None)
    assert one.content_hash != other.content_hash
    assert one.upload_id != other.upload_id
    for old, new in zip(one.chunks, other.chunks, strict=True):
        assert old.operation_id != new.operation_id


def test_ids_depend_on_account_pool_name_and_overlap_but_not_on_the_token(service: TaskServer, client: Client) -> None:
    frame = pd.DataFrame({"image": ["https://example.com/1"]})
    base = plan_of(client, frame)
    with TaskServer() as elsewhere:
        elsewhere.answers = [lambda head: reply({"id": "you"}) if "requester" in head else service._route(head)]
        plans = [
            base,
            plan_of(elsewhere.async_client(), frame),
            plan_of(client, frame, "2"),
            plan_of(client, frame, upload_id="again"),
            plan_of(client, frame, upload_id="None"),
            plan_of(client, frame, overlap=1),
            plan_of(client, frame, overlap=2),
        ]
    assert len({plan.chunks[0].operation_id for plan in plans}) == len(plans)
    assert len({plan.upload_id for plan in plans}) == len(plans)
    assert [plan.upload_id for plan in plans[3:5]] == ["again", "None"]
    assert {plan.account for plan in plans} == {"me", "you"}
    assert identity(plan_of(tf.AsyncTolokaClient("another-token", url=service.url), frame)) == identity(base)


# -- in the ledger


def as_list(chunk: Chunk) -> Chunk:
    return replace(chunk, positions=list(chunk.positions), packed=chunk.text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of ledgers that do not exist yet."""
    folder = tmp_path_factory.mktemp("ledgers")
    return (folder / f"{number}.db" for number in count())


@settings(max_examples=examples(30), derandomize=True)
@given(example=frames())
def test_a_plan_is_read_back_from_the_ledger_unchanged(client: Client, files: Iterator[Path], example: Example) -> None:
    plan = plan_of(client, example.frame, example.pool_id, overlap=example.overlap, upload_id="mine")
    # the ledger separates tasks by newlines, so a task must not contain an unescaped one
    assert not any(b"\n" in task for chunk in plan.chunks for task in chunk.object_texts)
    path = next(files)
    with Ledger(path) as ledger:
        ledger.open().add(plan, {})
    with Ledger(path) as ledger:
        ledger.open()
        record = ledger.find(plan.account, plan.upload_id)
        assert record is not None
        left = ledger_reading.open_chunks(ledger, record.id, {})
    assert (record.object_count, record.content_hash, record.digests) == (len(example.frame), plan.content_hash, plan.digests)
    assert list(map(as_list, left)) == list(map(as_list, plan.chunks))
    assert [chunk.operation_id for chunk in left] == [chunk.operation_id for chunk in plan.chunks]

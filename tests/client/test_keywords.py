"""Fields are given as keywords, as a dict, as an object of Toloka-Kit, or as several of these, with the same request."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from support.scripted_server import reply

import toloka_frames as tf

if TYPE_CHECKING:
    from support.scripted_server import Scripted

SOLUTION = {"output_values": {"result": "cat"}, "correctness_weight": 1}
# the ids of a call, and fields that can be keywords
CALLS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "create_skill": (
        (),
        {"name": "cats", "hidden": False, "skill_ttl_hours": 5, "public_name": {"EN": "Cats"}, "private_comment": "mine"},
    ),
    "patch_pool": (("1",), {"priority": 5}),
    "patch_task": (
        ("1",),
        {"overlap": 3, "infinite_overlap": False, "known_solutions": [SOLUTION], "message_on_unknown_solution": "No"},
    ),
    "patch_task_overlap_or_min": (("1",), {"overlap": 0, "infinite_overlap": False}),
    "patch_task_suite": (("1",), {"overlap": 3, "infinite_overlap": False, "issuing_order_override": 2.5, "open_pool": True}),
    "patch_task_suite_overlap_or_min": (("1",), {"overlap": 0}),
    "patch_assignment": (("1",), {"status": "ACCEPTED", "public_comment": "Good"}),
    "aggregate_solutions_by_pool": ((), {"type": "DAWID_SKENE", "pool_id": "1", "fields": [{"name": "result"}]}),
    "aggregate_solutions_by_task": (
        (),
        {"type": "DAWID_SKENE", "pool_id": "1", "task_id": "2", "fields": [{"name": "result"}], "answer_weight_skill_id": "3"},
    ),
    "set_user_skill": ((), {"skill_id": "1", "user_id": "2", "value": 87.5, "reason": "test"}),
    "set_user_restriction": (
        (),
        {"scope": "POOL", "user_id": "1", "pool_id": "2", "private_comment": "bot", "will_expire": "2026-01-31T00:00:00"},
    ),
    "compose_message_thread": (
        (),
        {
            "recipients_select_type": "DIRECT",
            "recipients_ids": ["1", "2"],
            "topic": {"EN": "Hello"},
            "text": {"EN": "World"},
            "answerable": True,
        },
    ),
    "create_app_item": (("P",), {"batch_id": "1", "input_data": {"text": "a"}, "force_new_original": True}),
    "create_app_items": (("P",), {"batch_id": "1", "items": [{"text": "a"}], "ignore_errors": False}),
    "create_app_batch": (("P",), {"items": [{"text": "a"}], "name": "Monday", "priority_order": "ONE"}),
    "start_sync_batch_processing": (("P",), {"items": [{"text": "a"}], "name": "Monday"}),
    "patch_app_batch": (("P", "1"), {"name": "Tuesday", "priority_order": "FIVE"}),
}
each_call = pytest.mark.parametrize(("name", "ids", "fields"), [(name, *call) for name, call in CALLS.items()], ids=CALLS)
DONE = {"id": "1", "task_id": "2", "batch": {}, "items": [], "status": "ACCEPTED"}


class KitObject(SimpleNamespace):
    """An object of Toloka-Kit."""

    def unstructure(self) -> dict[str, Any]:
        """Return the object as in the API's JSON."""
        return dict(vars(self))


def request_of(scripted: Scripted, name: str, /, *args: Any, **kwargs: Any) -> tuple[str, Any]:
    """Make a call, and return its request and the body."""
    scripted.answers = [reply(["1"] if name == "create_app_items" else DONE)]
    tf.run(getattr(scripted.async_client(retries=1), name)(*args, **kwargs))
    return scripted.requests[-1], json.loads(scripted.bodies[-1])


@each_call
def test_every_form_of_the_fields_makes_the_same_request(
    scripted: Scripted, name: str, ids: tuple[str, ...], fields: dict[str, Any]
) -> None:
    line, body = request_of(scripted, name, *ids, **fields)
    assert body == {key: value for key, value in fields.items() if key != "open_pool"}
    first = next(iter(fields))
    rest = {key: value for key, value in fields.items() if key != first}
    for form in (fields, KitObject(**fields), tf.Row(fields)):
        assert request_of(scripted, name, *ids, form) == (line, body)
    assert request_of(scripted, name, *ids, {first: fields[first]}, **rest) == (line, body)
    assert request_of(scripted, name, *ids, KitObject(**rest), **{first: fields[first]}) == (line, body)


@each_call
def test_a_call_without_fields_or_with_one_twice_is_rejected(
    scripted: Scripted, name: str, ids: tuple[str, ...], fields: dict[str, Any]
) -> None:
    method = getattr(scripted.async_client(), name)
    for args, kwargs in (((), {}), ((fields,), fields), (("text",), {}), (([fields],), {})):
        with pytest.raises(tf.InputError):
            tf.run(method(*ids, *args, **kwargs))
    assert scripted.requests == []


def test_a_priority_can_be_only_a_number(scripted: Scripted) -> None:
    assert request_of(scripted, "patch_pool", "1", 42) == ("PATCH /api/v1/pools/1", {"priority": 42})


def test_the_overlap_of_a_suite_ends_its_infinite_overlap(scripted: Scripted) -> None:
    assert request_of(scripted, "patch_task_suite", "1", overlap=12)[1] == {"overlap": 12, "infinite_overlap": False}
    assert request_of(scripted, "patch_task_suite", "1", {"overlap": 12})[1] == {"overlap": 12}


WHOLE_OBJECTS: dict[str, tuple[str, ...]] = {
    "create_project": (),
    "update_project": ("1",),
    "create_pool": (),
    "update_pool": ("1",),
    "create_training": (),
    "update_training": ("1",),
    "update_skill": ("1",),
    "create_app_project": (),
    "reply_message_thread": ("1",),
}


class Answer(Enum):
    """An enum of Toloka-Kit."""

    YES = "YES"


SHORT_FLOATS = [0.05, 1e-7, 2**24, 2**100]
VALUES: dict[str, tuple[Any, Any]] = {
    "an object in a list": ([KitObject(name="result")], [{"name": "result"}]),
    "an object in an object": (KitObject(inner=KitObject(a=1)), {"inner": {"a": 1}}),
    "a UUID": (UUID("0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d"), "0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d"),
    "an enum": (Answer.YES, "YES"),
    "a decimal": (Decimal("0.05"), 0.05),
    "a whole decimal": (Decimal("3.00"), 3),
    "a datetime": (datetime(2026, 1, 31, 3, tzinfo=UTC), "2026-01-31T03:00:00"),
    "a date": (date(2026, 1, 31), "2026-01-31T00:00:00"),
    "a Timestamp": (pd.Timestamp("2026-01-31 03:00", tz="Europe/Moscow"), "2026-01-31T00:00:00"),
    "numbers of NumPy": ([np.int64(3), np.float32(0.5), np.bool_(True)], [3, 0.5, True]),
    "an array": (np.array([1, 2]), [1, 2]),
    "floats of 32 bits": ([np.float32("0.05"), np.float32("1e-7"), np.float32(2**24), np.float32(2**100)], SHORT_FLOATS),
    "floats of 16 bits": ([np.float16("0.05"), np.float16(2048)], [0.05, 2048]),
    "long floats": ([np.longdouble("0.05"), np.longdouble(2**60)], [0.05, 2**60]),
    "an array of floats of 32 bits": (np.array([[0.05, 0.1]], dtype="float32"), [[0.05, 0.1]]),
    "an array without dimensions": (np.array(0.05, dtype="float16"), 0.05),
    "a tuple": ((1, 2), [1, 2]),
}


@pytest.mark.parametrize("name", WHOLE_OBJECTS)
def test_objects_and_values_of_python_become_json(scripted: Scripted, name: str) -> None:
    for value, expected in VALUES.values():
        for body in ({"field": value}, KitObject(field=value)):
            assert request_of(scripted, name, *WHOLE_OBJECTS[name], body)[1] == {"field": expected}


def test_objects_are_taken_in_lists(scripted: Scripted) -> None:
    assert request_of(scripted, "upsert_webhook_subscriptions", [KitObject(a=1), {"a": 2}])[1] == [{"a": 1}, {"a": 2}]
    folders = KitObject(folders=["UNREAD"])
    assert request_of(scripted, "add_message_thread_to_folders", "1", folders)[1] == {"folders": ["UNREAD"]}


@pytest.mark.parametrize(
    "value",
    [
        *(Decimal("0.1234567890123456789"), Decimal("NaN"), float("nan"), {1, 2}, b"", pd.NaT, KitObject),
        *(np.float32("nan"), np.float16("inf"), np.longdouble("1e400"), np.longdouble("nan"), np.array(1j), np.clongdouble(1j)),
    ],
)
def test_what_json_cannot_express_is_rejected(scripted: Scripted, value: Any) -> None:
    with pytest.raises(tf.InputError, match="JSON"):
        tf.run(scripted.async_client().create_pool({"field": value}))
    assert scripted.requests == []

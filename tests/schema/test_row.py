"""Rows are dicts whose keys are attributes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from IPython.lib.pretty import pretty
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = {
    "items": [{"id": "1", "status": "NEW", "items": 3, "owner": {"id": "a", "companies": [{"name": "A"}]}, "text": "\ud83d"}],
    "has_more": False,
}


async def awaited(scan: tf.Scan) -> list[Any]:
    return [row async for row in scan]


READERS: dict[str, Callable[[tf.AsyncTolokaClient], Any]] = {
    "iteration": lambda client: next(iter(client.get_skills())),
    "async iteration": lambda client: tf.run(awaited(client.get_skills()))[0],
    "one page": lambda client: tf.run(client.find_skills())["items"][0],
    "a single object": lambda client: tf.run(client.get_skill("1")),
}


@pytest.mark.parametrize("reader", READERS)
def test_keys_are_attributes_at_every_depth(reader: str, scripted: Scripted) -> None:
    scripted.answers = [lambda head: reply(PAGE["items"][0] if "/skills/1" in head else PAGE)]  # type: ignore[index]
    row = READERS[reader](scripted.async_client())
    assert (row.id, row.status, row.owner.id, row.owner.companies[0].name) == ("1", "NEW", "a", "A")
    assert row["items"] == 3
    assert next(iter(row.items())) == ("id", "1")
    assert isinstance(row, dict)


def test_attributes_are_set_and_deleted_in_the_dict() -> None:
    row = tf.Row(priority=5)
    row.priority = 50
    row.private_name = "Pool"
    assert row == {"priority": 50, "private_name": "Pool"}
    del row.priority
    assert json.dumps(row) == '{"private_name": "Pool"}'


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    row = tf.Row(status="NEW")
    with pytest.raises(AttributeError, match="has no 'statsu'") as caught:
        row.statsu  # noqa: B018 -- reading it is the test
    assert (caught.value.name, caught.value.obj) == ("statsu", row)
    with pytest.raises(AttributeError, match="has no 'statsu'"):
        del row.statsu
    assert not hasattr(row, "shape")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])  # noqa: S301
def test_copies_are_rows(duplicate: Callable[[tf.Row], tf.Row]) -> None:
    row = tf.Row(owner=tf.Row(id="a"))
    assert duplicate(row) == row
    assert duplicate(row).owner.id == "a"


def test_completion_offers_the_keys_that_are_names() -> None:
    assert {"status", "items"} <= set(dir(tf.Row({"status": "NEW", "not a name": 1})))
    assert "not a name" not in dir(tf.Row({"not a name": 1}))


NESTED = tf.Row(
    status="NEW", counts=tf.Row(real_tasks_count=5, golden_tasks_count=0, training_tasks_count=0), tags=["a" * 40, "b" * 40]
)
SHOWN = """\
{'status': 'NEW',
 'counts': {'real_tasks_count': 5,
            'golden_tasks_count': 0,
            'training_tasks_count': 0},
 'tags': ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
          'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb']}"""


def test_ipython_shows_nested_objects_below_their_keys() -> None:
    assert pretty(NESTED) == SHOWN
    assert pretty(tf.Row()) == "{}"
    assert repr(NESTED) == repr(dict(NESTED))


def test_ipython_shows_an_object_in_a_list_at_its_indentation() -> None:
    assert pretty([NESTED]) == "[" + SHOWN.replace("\n", "\n ") + "]"


def test_ipython_shows_an_object_that_contains_itself() -> None:
    row = tf.Row(id="1")
    row["self"] = row
    assert "Recursion" in pretty(row)

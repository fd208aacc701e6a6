"""Every list: its table in the docs, and every walk, filter and order of it against an answer by brute force."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.list_catalog import BEGIN, PAGE, RESOURCES, tables
from support.list_fixtures import OWNER, PLACES, Kept, Row

import toloka_frames as tf
from toloka_frames._schema.columns import SpecFields
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toloka_frames._schema.lists import Resource

PAGE_ROWS = 10
AFTER = ["apps", "app_projects", "app_items", "app_batches"]

each_list = pytest.mark.parametrize("name", RESOURCES)


class Filled:
    """A service that keeps rows in every list."""

    def __init__(self, toloka: LocalToloka) -> None:
        self._toloka = toloka
        self.client = toloka.client()
        self.kept = {name: Kept(name) for name in RESOURCES}
        for name, kept in self.kept.items():
            store = toloka._now.store
            store.change(f"DELETE FROM {name}", [()])  # noqa: S608 -- all names are ours
            store.insert(name, [json.dumps(row).encode() for row in kept.rows])

    def walked(self, name: str, /, **given: Any) -> list[str]:
        """Ids of the rows of a walk, in its order."""
        kept = self.kept[name]
        rows = getattr(self.client, f"get_{name}")(**{**kept.given, **given}, batch_size=PAGE_ROWS)
        return [row[kept.resource.cursor] for row in rows]

    def found(self, name: str, /, **given: Any) -> list[Row]:
        """The rows of one page."""
        kept = self.kept[name]
        page = tf.run(getattr(self.client, f"find_{name}")(**{**kept.given, **given}, limit=100))
        assert page["has_more"] is False
        return list(page[kept.resource.rows_key])

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return len(self._toloka.requests)


@pytest.fixture(scope="module")
def filled() -> Iterator[Filled]:
    with LocalToloka() as toloka:
        filled = Filled(toloka)
        yield filled
        tf.run(filled.client.aclose())


def test_the_tables_of_the_page_are_made_from_the_lists() -> None:
    assert BEGIN + PAGE.read_text("utf-8").partition(BEGIN)[2] == tables()


@each_list
def test_a_walk_over_three_pages_gives_every_row_once(filled: Filled, name: str) -> None:
    before = filled.asked
    assert filled.walked(name) == filled.kept[name].ids()
    assert filled.asked - before == 3


@pytest.mark.parametrize(
    "name", [name for name, each in RESOURCES.items() if not any(isinstance(one, SpecFields) for one in each.columns)]
)
def test_several_connections_bring_what_one_does_in_its_order(filled: Filled, name: str) -> None:
    resource = RESOURCES[name]
    scan = getattr(filled.client, f"get_{name}")(**filled.kept[name].given, batch_size=min(20, resource.max_limit))
    pulled, walked = (scan.to_arrow(concurrency=number).drop_columns(list(resource.life.volatile_columns)) for number in (4, 1))
    assert pulled.equals(walked)


@each_list
def test_a_filter_lets_pass_what_it_should(filled: Filled, name: str) -> None:
    kept = filled.kept[name]
    for key, value in kept.filters:
        if (needed := kept.resource.needs.get((key, value))) is not None:
            expected = [each for each in kept.passing(key, value) if each in kept.passing(needed, "1")]
            assert filled.walked(name, **{key: value, needed: "1"}) == expected, (key, value)
        elif key not in kept.given:
            assert filled.walked(name, **{key: value}) == kept.passing(key, value), (key, value)


@each_list
def test_a_comparison_means_what_its_name_says(filled: Filled, name: str) -> None:
    kept = filled.kept[name]
    for key, value, compare in kept.comparisons:
        assert filled.walked(name, **{key: value}) == kept.beyond(key, value, compare), (key, value)


@each_list
def test_a_page_is_sorted_by_every_key_both_ways(filled: Filled, name: str) -> None:
    kept = filled.kept[name]
    for key in kept.resource.sort:
        for sort in (key, f"-{key}"):
            rows = filled.found(name, sort=sort)
            found = kept.keys(rows, key)
            assert found == sorted(found, reverse=sort != key), sort
            assert sorted(row[kept.resource.cursor] for row in rows) == sorted(kept.ids()), sort


@pytest.mark.parametrize("name", AFTER)
def test_rows_behind_another_are_those_that_follow_in_the_order_of_the_sort(filled: Filled, name: str) -> None:
    for sort in filled.kept[name].resource.sort:
        ids = [row["id"] for row in filled.found(name, sort=sort)]
        for place, each in enumerate(ids):
            assert [row["id"] for row in filled.found(name, sort=sort, after_id=each)] == ids[place + 1 :], sort


def partitioned(filled: Filled, name: str, /, n: int, **given: Any) -> list[list[str]]:
    """Ids of the rows of each partition."""
    kept = filled.kept[name]
    scan = getattr(filled.client, f"get_{name}")(**{**kept.given, **given}, batch_size=PAGE_ROWS)
    return [[row[kept.resource.cursor] for row in part] for part in scan.partitions(n)]


# the others' columns depend on a specification, and these rows have none
with_fixed_columns = pytest.mark.parametrize(
    "name", [name for name, each in RESOURCES.items() if not any(isinstance(column, SpecFields) for column in each.columns)]
)


@with_fixed_columns
def test_partitions_have_every_row_once(filled: Filled, name: str) -> None:
    parts = partitioned(filled, name, 7)
    assert sorted(each for part in parts for each in part) == sorted(filled.kept[name].ids())
    assert len(parts) == 1 if name == "apps" else 1 < len(parts) <= 7


@with_fixed_columns
def test_partitions_have_the_rows_that_the_filters_let_pass(filled: Filled, name: str) -> None:
    kept = filled.kept[name]
    instants = [each for each in kept.comparisons if each[0].startswith(("created", "submitted"))]
    for key, value, compare in instants[::2]:
        parts = partitioned(filled, name, 3, **{key: value})
        assert sorted(each for part in parts for each in part) == sorted(kept.beyond(key, value, compare)), (key, value)


def test_several_values_of_one_filter_are_ored(filled: Filled) -> None:
    assignments = filled.kept["assignments"]
    expected = [*assignments.passing("status", "ACCEPTED"), *assignments.passing("status", "REJECTED")]
    assert filled.walked("assignments", status=["ACCEPTED", "REJECTED"]) == sorted(expected)


def test_two_filters_are_anded(filled: Filled) -> None:
    pools = filled.kept["pools"]
    expected = [each for each in pools.passing("status", "OPEN") if each in pools.passing("project_id", "1")]
    assert filled.walked("pools", status="OPEN", project_id="1") == expected != []


# Parameters that the OpenAPI documents have and Toloka-Kit and its Java sister know not, or the other way round
ONLY_HERE = {
    **{name: set(OWNER) for name, places in PLACES.items() if "owner_id" in places},
    "user_bonuses": {"private_comment"},
}


@each_list
def test_a_list_takes_what_the_services_own_document_says(data: Path, name: str) -> None:
    resource = RESOURCES[name]
    said, sort = documented(data.parent / "toloka-api", resource)
    assert {key.rstrip("_") for key in resource.filters} - ONLY_HERE.get(name, set()) == said
    assert all(key in sort for key in resource.sort)


def documented(folder: Path, resource: Resource) -> tuple[set[str], str]:
    """The filters of a list by its OpenAPI document, and what it says of sorting."""
    file = "toloka-apps-openapi.json" if resource.path.startswith("/app/") else "toloka-openapi.json"
    paths = json.loads((folder / file).read_text("utf-8"))["paths"]
    path = re.sub(r"^/(app/)?v\d", "", resource.path).replace("{operation_id}", "{operationId}")
    parameters = {each["name"]: each for each in paths[path]["get"]["parameters"]}
    sort = json.dumps(parameters["sort"])
    return set(parameters) - {"sort", "limit", "operationId", *resource.path_params}, sort

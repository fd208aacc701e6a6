"""Every list: its table in the docs, and every pull, filter and sort order against a result by brute force."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.list_catalog import BEGIN, PAGE, RESOURCES, tables
from support.list_fixtures import OWNER, PATHS, ListFixture, Row

import toloka_frames as tf
from toloka_frames._schema.columns import SpecFields
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toloka_frames._schema.lists import Resource

PAGE_ROWS = 10

every_list = pytest.mark.parametrize("name", RESOURCES)
# the columns of the other lists depend on a specification, and the rows here have none
lists_with_fixed_columns = pytest.mark.parametrize(
    "name",
    [name for name, resource in RESOURCES.items() if not any(isinstance(column, SpecFields) for column in resource.columns)],
)
lists_with_after_id = pytest.mark.parametrize("name", ["apps", "app_projects", "app_items", "app_batches"])


class FilledService:
    """A local service with rows in every list."""

    def __init__(self, toloka: LocalToloka) -> None:
        self._toloka = toloka
        self.client = toloka.async_client()
        self.fixtures = {name: ListFixture(name) for name in RESOURCES}
        for name, fixture in self.fixtures.items():
            store = toloka._service.store
            store.execute_many(f"DELETE FROM {name}", [()])  # noqa: S608 -- the names are constants
            store.insert(name, [json.dumps(row).encode() for row in fixture.rows])

    def pull(self, name: str, /, **filters: Any) -> list[str]:
        """Return the ids of all rows, in the order of the list."""
        fixture = self.fixtures[name]
        rows = getattr(self.client, f"get_{name}")(**{**fixture.required, **filters}, batch_size=PAGE_ROWS)
        return [row[fixture.resource.cursor] for row in rows]

    def find(self, name: str, /, **filters: Any) -> list[Row]:
        """Return the rows of one page."""
        fixture = self.fixtures[name]
        page = tf.run(getattr(self.client, f"find_{name}")(**{**fixture.required, **filters}, limit=100))
        assert page["has_more"] is False
        return list(page[fixture.resource.rows_key])

    def pull_partitions(self, name: str, /, n: int, **filters: Any) -> list[list[str]]:
        """Return the ids of the rows of each partition."""
        fixture = self.fixtures[name]
        scan = getattr(self.client, f"get_{name}")(**{**fixture.required, **filters}, batch_size=PAGE_ROWS)
        return [[row[fixture.resource.cursor] for row in partition] for partition in scan.partitions(n)]

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return len(self._toloka.requests)


@pytest.fixture(scope="module")
def service() -> Iterator[FilledService]:
    with LocalToloka() as toloka:
        service = FilledService(toloka)
        yield service
        tf.run(service.client.aclose())


def test_tables_of_the_page_are_generated_from_the_lists() -> None:
    assert BEGIN + PAGE.read_text("utf-8").partition(BEGIN)[2] == tables()


@every_list
def test_pull_of_three_pages_has_every_row_once(service: FilledService, name: str) -> None:
    before = service.requests
    assert service.pull(name) == service.fixtures[name].ids()
    assert service.requests - before == 3


@lists_with_fixed_columns
def test_pull_over_four_connections_equals_pull_over_one(service: FilledService, name: str) -> None:
    resource = RESOURCES[name]
    scan = getattr(service.client, f"get_{name}")(**service.fixtures[name].required, batch_size=min(20, resource.max_limit))
    four, one = (scan.to_arrow(concurrency=n).drop_columns(list(resource.life.volatile_columns)) for n in (4, 1))
    assert four.equals(one)


@every_list
def test_filter_returns_the_rows_with_its_value(service: FilledService, name: str) -> None:
    fixture = service.fixtures[name]
    for key, value in fixture.filters:
        if (needed := fixture.resource.needs.get((key, value))) is not None:
            expected = [row_id for row_id in fixture.matching(key, value) if row_id in fixture.matching(needed, "1")]
            assert service.pull(name, **{key: value, needed: "1"}) == expected, (key, value)
        elif key not in fixture.required:
            assert service.pull(name, **{key: value}) == fixture.matching(key, value), (key, value)


@every_list
def test_comparison_returns_the_rows_that_compare_as_its_name_says(service: FilledService, name: str) -> None:
    fixture, cursor = service.fixtures[name], RESOURCES[name].cursor
    for key, value, compare in fixture.comparisons:
        found = [row[cursor] for row in service.find(name, **{key: value})]
        assert sorted(found) == sorted(fixture.comparing(key, value, compare)), (key, value)


@every_list
def test_page_is_sorted_by_every_key_in_both_directions(service: FilledService, name: str) -> None:
    fixture = service.fixtures[name]
    for key in fixture.resource.sort:
        for sort in (key, f"-{key}"):
            rows = service.find(name, sort=sort)
            values = fixture.sort_values(rows, key)
            assert values == sorted(values, reverse=sort != key), sort
            assert sorted(row[fixture.resource.cursor] for row in rows) == sorted(fixture.ids()), sort


@lists_with_after_id
def test_after_id_returns_the_rows_that_follow_in_the_sort_order(service: FilledService, name: str) -> None:
    for sort in service.fixtures[name].resource.sort:
        ids = [row["id"] for row in service.find(name, sort=sort)]
        for position, row_id in list(enumerate(ids))[::5]:
            assert [row["id"] for row in service.find(name, sort=sort, after_id=row_id)] == ids[position + 1 :], sort


@lists_with_fixed_columns
def test_partitions_have_every_row_once(service: FilledService, name: str) -> None:
    partitions = service.pull_partitions(name, 7)
    assert sorted(row_id for ids in partitions for row_id in ids) == sorted(service.fixtures[name].ids())
    assert 1 < len(partitions) <= 7


@lists_with_fixed_columns
def test_partitions_of_a_filtered_list_have_its_rows_once(service: FilledService, name: str) -> None:
    fixture = service.fixtures[name]
    comparisons = [item for item in fixture.comparisons if item[0].startswith(("created", "submitted"))]
    for key, value, compare in comparisons[::2]:
        partitions = service.pull_partitions(name, 3, **{key: value})
        expected = fixture.comparing(key, value, compare)
        assert sorted(row_id for ids in partitions for row_id in ids) == sorted(expected), (key, value)


def test_several_values_of_one_filter_are_alternatives(service: FilledService) -> None:
    assignments = service.fixtures["assignments"]
    expected = [*assignments.matching("status", "ACCEPTED"), *assignments.matching("status", "REJECTED")]
    assert service.pull("assignments", status=["ACCEPTED", "REJECTED"]) == sorted(expected)


def test_rows_match_all_of_several_filters(service: FilledService) -> None:
    pools = service.fixtures["pools"]
    expected = [row_id for row_id in pools.matching("status", "OPEN") if row_id in pools.matching("project_id", "1")]
    assert service.pull("pools", status="OPEN", project_id="1") == expected != []


# filters of Toloka-Kit or of the Java SDK that the OpenAPI documents do not have
UNDOCUMENTED = {
    **{name: set(OWNER) for name, paths in PATHS.items() if "owner_id" in paths},
    "user_bonuses": {"private_comment"},
}


@every_list
def test_filters_and_sort_keys_are_those_of_the_services_openapi_document(data: Path, name: str) -> None:
    resource = RESOURCES[name]
    filters, sort = documented(data.parent / "toloka-api", resource)
    assert {key.rstrip("_") for key in resource.filters} - UNDOCUMENTED.get(name, set()) == filters
    assert all(key in sort for key in resource.sort)


def documented(folder: Path, resource: Resource) -> tuple[set[str], str]:
    """Return the filters of a list in its OpenAPI document, and the description of its sort keys."""
    file = "toloka-apps-openapi.json" if resource.path.startswith("/app/") else "toloka-openapi.json"
    paths = json.loads((folder / file).read_text("utf-8"))["paths"]
    path = re.sub(r"^/(app/)?v\d", "", resource.path).replace("{operation_id}", "{operationId}")
    parameters = {parameter["name"]: parameter for parameter in paths[path]["get"]["parameters"]}
    sort = json.dumps(parameters["sort"])
    return set(parameters) - {"sort", "limit", "operationId", *resource.path_params}, sort

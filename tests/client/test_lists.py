"""The list methods: signatures and docstrings agree with the schema, and filters reach the request."""

from __future__ import annotations

import inspect
import re
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._client import lists
from toloka_frames._client.lists import Lists
from toloka_frames._client.signatures import ListMethod
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import flag, integer, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._schema.lists import Resource

UNUSED_URL = "http://127.0.0.1:9"

each_list = pytest.mark.parametrize("name", RESOURCES)


def parameters_of(method: str) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(getattr(Lists, method)).parameters)
    del parameters["self"]
    return parameters


def literal_of(annotation: Any) -> tuple[str, ...] | None:
    """Return the values of the Literal in an annotation, or None."""
    return next((get_args(member) for member in get_args(annotation) if get_origin(member) is Literal), None)


def test_every_list_has_two_methods_and_every_method_has_a_list() -> None:
    methods = {name for name in vars(Lists) if name.startswith(("get_", "find_"))}
    assert methods == {f"{verb}_{name}" for verb in ("get", "find") for name in RESOURCES}
    assert len(RESOURCES) == 19


@each_list
def test_a_get_method_takes_exactly_the_filters_of_its_list(name: str) -> None:
    resource = RESOURCES[name]
    assert set(parameters_of(f"get_{name}")) == {*resource.path_params, *resource.filters, "batch_size"}


@each_list
def test_a_find_method_takes_exactly_the_filters_of_its_list(name: str) -> None:
    resource = RESOURCES[name]
    assert set(parameters_of(f"find_{name}")) == {*resource.path_params, *resource.filters, "sort", "limit"}


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_what_a_list_is_requested_by_is_positional_and_only_required_arguments_have_no_default(name: str, verb: str) -> None:
    parameters, resource = parameters_of(f"{verb}_{name}").values(), RESOURCES[name]
    positional = [parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == list(resource.positional) == [parameter.name for parameter in parameters][: len(positional)]
    required = [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]
    assert required == list(resource.required)
    assert {parameter.default for parameter in parameters if parameter.name not in required} == {None}


POSITIONAL = {
    "aggregated_solutions": "operation_id",
    "app_batches": "app_project_id",
    "app_items": "app_project_id",
    "app_projects": "app_id",
    "assignments": "pool_id",
    "attachments": "pool_id",
    "pools": "project_id",
    "skills": "name",
    "task_suites": "pool_id",
    "tasks": "pool_id",
    "trainings": "project_id",
    "user_bonuses": "user_id",
    "user_restrictions": "user_id",
    "user_skills": "user_id",
    "webhook_subscriptions": "pool_id",
}


@each_list
def test_the_positional_argument_is_the_keyword_of_its_name(name: str, scripted: Scripted) -> None:
    resource = RESOURCES[name]
    assert list(resource.positional) == ([POSITIONAL[name]] if name in POSITIONAL else [])
    if not resource.positional:
        return
    scripted.answers = [reply({resource.rows_key: [], "has_more": False})]
    client = scripted.async_client()
    for verb in ("get", "find"):
        method = getattr(client, f"{verb}_{name}")
        for call in (method("1"), method(**{POSITIONAL[name]: "1"})):
            assert list(call) == [] if verb == "get" else tf.run(call)["has_more"] is False
    get, get_by_name, find, find_by_name = scripted.requests
    assert get == get_by_name
    assert find == find_by_name
    assert f"{POSITIONAL[name]}=1" in get or "/1/" in get or get.endswith("/1") or "/1?" in get


def test_a_list_that_needs_one_of_several_filters_is_refused_without_any() -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=UNUSED_URL)
    for call in (client.get_assignments, client.get_task_suites, client.get_attachments, client.find_assignments):
        with pytest.raises(tf.InputError, match=r"pool_id or .* is needed"):
            call()


@each_list
def test_both_methods_have_the_same_filters_in_the_same_order_with_the_same_types(name: str) -> None:
    scan, page = (
        {key: parameter.annotation for key, parameter in parameters_of(f"{verb}_{name}").items()} for verb in ("get", "find")
    )
    del scan["batch_size"], page["sort"], page["limit"]
    assert list(scan.items()) == list(page.items())


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_type_checkers_see_the_keywords_of_the_list(name: str, verb: str) -> None:
    annotation = inspect.unwrap(getattr(Lists, f"{verb}_{name}")).__annotations__["filters"]
    assert annotation == f"Unpack[keywords.{RESOURCES[name].keywords.__name__}]"


CHECKS: dict[Any, Any] = {str: text, int: integer, bool: flag}
IDS = {"requester_ids": "Id | Collection[Id] | None"}


@each_list
def test_filters_accept_the_types_of_their_annotations(name: str) -> None:
    filters = RESOURCES[name].filters
    for key, parameter in parameters_of(f"get_{name}").items():
        types = [member for member in get_args(parameter.annotation) if member is not type(None)]
        if isinstance(parameter.annotation, str) and key != "batch_size":
            assert parameter.annotation == IDS.get(key, "Id" if key in RESOURCES[name].required else "Id | None")
            assert key not in filters or filters[key](1080020) == "1080020"
        elif key not in filters or not types:
            assert (key, parameter.annotation) == ("batch_size", "int | None")
        elif values := literal_of(parameter.annotation):
            assert [filters[key](value) for value in values] == list(values)
            with pytest.raises(ValueError, match=", ".join(map(re.escape, values))):
                filters[key]("NOTHING")
        elif len(types) == 1:
            assert filters[key] is CHECKS[types[0]]
        elif date in types:
            assert filters[key] is format_timestamp


@each_list
def test_the_docstring_of_a_get_method_describes_every_parameter_in_order(name: str) -> None:
    doc = inspect.getdoc(getattr(Lists, f"get_{name}")) or ""
    args = re.search(r"^Args:\n((?: +.+\n)+)", doc, re.MULTILINE)
    assert args is not None
    assert re.findall(r"^ {4}(\w+): ", args[1], re.MULTILINE) == list(parameters_of(f"get_{name}"))


@each_list
def test_the_docstrings_state_the_limits_of_the_list(name: str) -> None:
    resource = RESOURCES[name]
    doc = inspect.getdoc(getattr(Lists, f"get_{name}")) or ""
    assert f"batch_size: Rows per page, at most {resource.max_limit:,}; default {resource.page_rows:,}." in doc
    page = " ".join((inspect.getdoc(getattr(Lists, f"find_{name}")) or "").split())
    assert f"(at most {resource.max_limit:,})" in page
    assert f'{{"{resource.rows_key}": [...], "has_more": bool}}' in page
    assert f"`get_{name}`" in page


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_a_decorated_method_keeps_name_module_and_docstring(name: str, verb: str) -> None:
    method = getattr(tf.AsyncTolokaClient, f"{verb}_{name}")
    assert method.__name__ == f"{verb}_{name}"
    assert method.__module__ == lists.__name__
    assert method.__doc__


@each_list
def test_a_method_that_two_threads_look_up_first_at_once_is_documented_once(name: str) -> None:
    def method(self: object, *, batch_size: int | None = None, **filters: Any) -> str:
        """Rows.

        Source: here.
        """
        return f"{self}{batch_size}{filters}"

    method.__annotations__["return"] = "str"
    listed = ListMethod(method, RESOURCES[name])
    first = listed.documented()
    seen = (first.__doc__, inspect.signature(first))
    second = listed.documented()
    assert (second.__doc__, inspect.signature(second)) == seen
    assert "Source: here." in (second.__doc__ or "")


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_completion_in_a_notebook_offers_every_keyword(name: str, verb: str) -> None:
    jedi = pytest.importorskip("jedi", reason="jedi, which IPython completes with, is not installed")
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=UNUSED_URL)
    completions = jedi.Interpreter(f"client.{verb}_{name}(", [{"client": client}]).complete()
    assert {f"{keyword}=" for keyword in parameters_of(f"{verb}_{name}")} <= {completion.name for completion in completions}


MISSPELLED = {
    "a swapped letter": ("get_app_batches", "statsu", "the nearest is 'status'"),
    "a missing underscore": ("get_app_batches", "createdgte", "the nearest is 'created_gte'"),
    "a similar name of a page": ("get_pools", "limit_size", None),
    "another word": ("get_apps", "zzzz", "it takes lang, after_id, id_gt"),
    "a field name of the response": ("get_app_items", "created_at_gte", "the nearest is 'created_gte'"),
    "a keyword of find only": ("find_pools", "sorts", "the nearest is 'sort'"),
    "a filter of another list": ("get_projects", "project_id", None),
    "Toloka-Kit's page size in find": ("find_app_batches", "batchsize", None),
}


@pytest.mark.parametrize(("method", "keyword", "message"), MISSPELLED.values(), ids=MISSPELLED)
def test_a_misspelled_keyword_is_a_type_error_that_names_the_nearest(method: str, keyword: str, message: str | None) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=UNUSED_URL)
    args = RESOURCES[method.partition("_")[2]].required
    with pytest.raises(TypeError, match=re.escape(f"{method}() got an unexpected keyword argument {keyword!r}")) as caught:
        getattr(client, method)(*args, **{keyword: "a"})
    assert (message or "") in str(caught.value)


@each_list
def test_every_keyword_is_suggested_for_a_similar_one(name: str) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=UNUSED_URL)
    for keyword in parameters_of(f"get_{name}"):
        with pytest.raises(TypeError, match=f"the nearest is '{keyword}'"):
            getattr(client, f"get_{name}")(*list(RESOURCES[name].required), **{f"{keyword}x": "a"})


def example(resource: Resource, keyword: str, annotation: Any) -> Any:
    """Return a value that a filter accepts."""
    if values := literal_of(annotation):
        return values[-1]
    return {integer: 3, format_timestamp: "2026-01-31", flag: True}.get(resource.filters.get(keyword), "a/b")  # type: ignore[arg-type, call-overload]


@each_list
def test_every_filter_is_sent_under_its_own_name(name: str, scripted: Scripted) -> None:
    resource = RESOURCES[name]
    scripted.answers = [reply({resource.rows_key: [], "has_more": False})]
    client = scripted.async_client()
    arguments = {
        key: example(resource, key, parameter.annotation)
        for key, parameter in parameters_of(f"find_{name}").items()
        if key not in ("sort", "limit")
    }
    page = tf.run(getattr(client, f"find_{name}")(**arguments, sort=list(resource.sort), limit=resource.max_limit))
    assert page == {resource.rows_key: [], "has_more": False}
    request = urlsplit(scripted.requests[0].removeprefix("GET "))
    assert request.path == "/api" + resource.path.format(**dict.fromkeys(resource.path_params, "a%2Fb"))
    expected = {key.rstrip("_"): resource.filters[key](value) for key, value in arguments.items() if key in resource.filters}
    expected |= {"sort": ",".join(resource.sort), "limit": str(resource.max_limit)}
    assert dict(parse_qsl(request.query)) == expected
    tf.run(client.aclose())


SIZES: dict[str, Callable[[Resource], tuple[dict[str, Any], int]]] = {
    "by default": lambda resource: ({}, resource.page_rows),
    "as given": lambda _: ({"batch_size": 7}, 7),
    "the maximum": lambda resource: ({"batch_size": resource.max_limit}, resource.max_limit),
}


@each_list
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_scan_requests_pages_of_its_size_in_order_of_the_cursor(
    name: str, size: Callable[[Resource], tuple[dict[str, Any], int]], scripted: Scripted
) -> None:
    resource = RESOURCES[name]
    options, limit = size(resource)
    scripted.answers = [reply({resource.rows_key: [], "has_more": False})]
    client = scripted.async_client()
    required = dict.fromkeys(resource.required or resource.one_of[:1], "1")
    assert list(getattr(client, f"get_{name}")(**required, **options)) == []
    query = dict(parse_qsl(urlsplit(scripted.requests[0]).query))
    assert query == {key: value for key, value in required.items() if key in resource.filters} | {
        "sort": resource.cursor,
        "limit": str(limit),
    }
    tf.run(client.aclose())


def test_a_find_method_returns_one_page_as_in_the_api(client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> None:
    pools = [make_pool() for _ in range(3)]
    page = tf.run(client.find_pools(sort="-id", limit=2))
    assert [row["id"] for row in page["items"]] == pools[:0:-1]
    assert page["has_more"] is True

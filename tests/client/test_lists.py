"""The signatures of the lists and what is known of the lists are one and the same."""

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
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import flag, integer, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._schema.lists import Resource

HERE = "http://127.0.0.1:9"

each_list = pytest.mark.parametrize("name", RESOURCES)


def parameters(method: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(getattr(Lists, method)).parameters)
    del found["self"]
    return found


def literal_of(annotation: Any) -> tuple[str, ...] | None:
    """The values of the Literal in an annotation."""
    return next((get_args(each) for each in get_args(annotation) if get_origin(each) is Literal), None)


def test_every_list_has_its_two_methods_and_every_method_its_list() -> None:
    methods = {name for name in vars(Lists) if name.startswith(("get_", "find_"))}
    assert methods == {f"{verb}_{name}" for verb in ("get", "find") for name in RESOURCES}
    assert len(RESOURCES) == 19


@each_list
def test_a_scan_takes_exactly_the_lists_filters(name: str) -> None:
    resource = RESOURCES[name]
    assert set(parameters(f"get_{name}")) == {*resource.path_params, *resource.filters, "batch_size"}


@each_list
def test_a_page_takes_exactly_the_lists_filters(name: str) -> None:
    resource = RESOURCES[name]
    assert set(parameters(f"find_{name}")) == {*resource.path_params, *resource.filters, "sort", "limit"}


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_only_what_is_needed_goes_by_position(name: str, verb: str) -> None:
    found = parameters(f"{verb}_{name}")
    by_position = [each.name for each in found.values() if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert by_position == list(RESOURCES[name].required)
    assert [each.name for each in found.values() if each.default is inspect.Parameter.empty] == by_position
    assert {each.default for each in found.values() if each.name not in by_position} == {None}


@each_list
def test_both_methods_have_their_filters_in_one_order_and_of_one_type(name: str) -> None:
    scan, page = ({key: each.annotation for key, each in parameters(f"{verb}_{name}").items()} for verb in ("get", "find"))
    del scan["batch_size"], page["sort"], page["limit"]
    assert list(scan.items()) == list(page.items())


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_type_checkers_know_the_keywords_that_the_signature_shows(name: str, verb: str) -> None:
    written = inspect.unwrap(getattr(Lists, f"{verb}_{name}")).__annotations__["filters"]
    assert written == f"Unpack[keywords.{RESOURCES[name].keywords.__name__}]"


TYPES: dict[Any, Any] = {str: text, int: integer, bool: flag}


@each_list
def test_the_filters_take_what_the_types_of_a_signature_say(name: str) -> None:
    filters = RESOURCES[name].filters
    for key, parameter in parameters(f"get_{name}").items():
        kinds = [each for each in get_args(parameter.annotation) if each is not type(None)]
        if key not in filters or not kinds:
            assert parameter.annotation == ("int | None" if key == "batch_size" else "str")
        elif values := literal_of(parameter.annotation):
            assert [filters[key](value) for value in values] == list(values)
            with pytest.raises(ValueError, match=", ".join(map(re.escape, values))):
                filters[key]("NOTHING")
        elif len(kinds) == 1:
            assert filters[key] is TYPES[kinds[0]]
        elif date in kinds:
            assert filters[key] is format_timestamp
        else:
            assert filters[key](["a", "b"]) == filters[key]("a,b") == "a,b"


@each_list
def test_the_docstring_of_a_scan_tells_of_every_parameter_in_order(name: str) -> None:
    doc = inspect.getdoc(getattr(Lists, f"get_{name}")) or ""
    told = re.search(r"^Args:\n((?: +.+\n)+)", doc, re.MULTILINE)
    assert told is not None
    assert re.findall(r"^ {4}(\w+): ", told[1], re.MULTILINE) == list(parameters(f"get_{name}"))


@each_list
def test_the_docstrings_tell_the_lists_limits(name: str) -> None:
    resource = RESOURCES[name]
    doc = inspect.getdoc(getattr(Lists, f"get_{name}")) or ""
    assert f"batch_size: Rows a page, at most {resource.max_limit:,}; {resource.page_rows:,} unless given." in doc
    page = " ".join((inspect.getdoc(getattr(Lists, f"find_{name}")) or "").split())
    assert f"(at most {resource.max_limit:,})" in page
    assert f'{{"{resource.rows_key}": [...], "has_more": bool}}' in page
    assert f"`get_{name}`" in page


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_a_signature_is_seen_through(name: str, verb: str) -> None:
    method = getattr(tf.AsyncTolokaClient, f"{verb}_{name}")
    assert method.__name__ == f"{verb}_{name}"
    assert method.__module__ == lists.__name__
    assert method.__doc__


@each_list
@pytest.mark.parametrize("verb", ["get", "find"])
def test_completion_in_a_notebook_knows_every_keyword(name: str, verb: str) -> None:
    jedi = pytest.importorskip("jedi", reason="the completion that IPython brings is not there")
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=HERE)
    completed = jedi.Interpreter(f"client.{verb}_{name}(", [{"client": client}]).complete()
    assert {f"{each}=" for each in parameters(f"{verb}_{name}")} <= {each.name for each in completed}


MISSPELT = {
    "a swapped letter": ("get_app_batches", "statsu", "the nearest is 'status'"),
    "a missing underscore": ("get_app_batches", "createdgte", "the nearest is 'created_gte'"),
    "the name in a page": ("get_pools", "limit_size", None),
    "another word": ("get_apps", "zzzz", "it takes lang, after_id, id_gt"),
    "a name of the answer": ("get_app_items", "created_at_gte", "the nearest is 'created_gte'"),
    "a page's own word": ("find_pools", "sorts", "the nearest is 'sort'"),
    "a list in another": ("get_projects", "project_id", None),
    "Toloka-Kit's page size in find": ("find_app_batches", "batchsize", None),
}


@pytest.mark.parametrize(("method", "keyword", "says"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_keyword_is_a_type_error_that_names_the_nearest(method: str, keyword: str, says: str | None) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=HERE)
    args = RESOURCES[method.partition("_")[2]].required
    with pytest.raises(TypeError, match=re.escape(f"{method}() got an unexpected keyword argument {keyword!r}")) as caught:
        getattr(client, method)(*args, **{keyword: "a"})
    assert (says or "") in str(caught.value)


@each_list
def test_every_keyword_is_found_behind_a_typing_error(name: str) -> None:
    client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=HERE)
    for keyword in parameters(f"get_{name}"):
        with pytest.raises(TypeError, match=f"the nearest is '{keyword}'"):
            getattr(client, f"get_{name}")(*list(RESOURCES[name].required), **{f"{keyword}x": "a"})


def example(resource: Resource, keyword: str, annotation: Any) -> Any:
    """A value that a filter takes."""
    if values := literal_of(annotation):
        return values[-1]
    return {integer: 3, format_timestamp: "2026-01-31", flag: True}.get(resource.filters.get(keyword), "a/b")  # type: ignore[arg-type, call-overload]


@each_list
def test_every_filter_reaches_the_wire_under_its_own_name(name: str, scripted: Scripted) -> None:
    resource = RESOURCES[name]
    scripted.answers = [reply({resource.rows_key: [], "has_more": False})]
    client = scripted.client()
    given = {
        key: example(resource, key, each.annotation)
        for key, each in parameters(f"find_{name}").items()
        if key not in ("sort", "limit")
    }
    page = tf.run(getattr(client, f"find_{name}")(**given, sort=list(resource.sort), limit=resource.max_limit))
    assert page == {resource.rows_key: [], "has_more": False}
    asked = urlsplit(scripted.requests[0].removeprefix("GET "))
    assert asked.path == "/api" + resource.path.format(**dict.fromkeys(resource.path_params, "a%2Fb"))
    expected = {key.rstrip("_"): resource.filters[key](value) for key, value in given.items() if key in resource.filters}
    expected |= {"sort": ",".join(resource.sort), "limit": str(resource.max_limit)}
    assert dict(parse_qsl(asked.query)) == expected
    tf.run(client.aclose())


SIZES: dict[str, Callable[[Resource], tuple[dict[str, Any], int]]] = {
    "by default": lambda resource: ({}, resource.page_rows),
    "as asked": lambda _: ({"batch_size": 7}, 7),
    "at most": lambda resource: ({"batch_size": resource.max_limit}, resource.max_limit),
}


@each_list
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_scan_asks_for_pages_of_a_size_in_the_order_of_ids(
    name: str, size: Callable[[Resource], tuple[dict[str, Any], int]], scripted: Scripted
) -> None:
    resource = RESOURCES[name]
    given, limit = size(resource)
    scripted.answers = [reply({resource.rows_key: [], "has_more": False})]
    client = scripted.client()
    one = dict.fromkeys(resource.required or resource.one_of[:1], "1")
    assert list(getattr(client, f"get_{name}")(**one, **given)) == []
    query = dict(parse_qsl(urlsplit(scripted.requests[0]).query))
    assert query == {key: value for key, value in one.items() if key in resource.filters} | {
        "sort": resource.cursor,
        "limit": str(limit),
    }
    tf.run(client.aclose())

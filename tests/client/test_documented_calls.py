"""The client has a method for every call in the API's documents, and only a few others."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = {"/api/v1": "toloka-openapi.json", "/api/app/v0": "toloka-apps-openapi.json"}
ONLY_IN_TOLOKA_KIT = {"POST /api/staging/analytics-2", "POST /api/staging/projects/1/check"}
NOT_FOUND = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
# an argument for each annotation; every id is 1
ARGUMENTS = {
    "str": "1",
    "Id": "1",
    "JsonObject": {},
    "PoolForm": {},
    "ProjectForm": {},
    "JsonObject | None": {},
    "JsonObject | int | None": {},
    "Task | JsonObject": {},
    "Sequence[JsonObject]": [{}],
    "Sequence[Task] | Sequence[JsonObject]": [{}],
    "Sequence[Task] | Sequence[JsonObject] | Task | JsonObject": {},
    "Sequence[JsonObject] | JsonObject": {},
    "MessageFolder | Enum | Collection[MessageFolder | Enum] | Unstructurable": ["UNREAD"],
    "Mapping[str, Any] | Id | None": "1",
}


@pytest.fixture(scope="module")
def first_requests() -> set[str]:
    """Call each method of the client and return the first request of each."""
    with Scripted() as scripted:
        scripted.answers = [NOT_FOUND]
        client = scripted.async_client(retries=1)
        requests = []
        for name, method in inspect.getmembers(client, inspect.ismethod):
            if name.startswith("find_") or (
                inspect.iscoroutinefunction(method) and not name.startswith("_") and name != "aclose"
            ):
                before = len(scripted.requests)
                with contextlib.suppress(tf.ApiError):
                    tf.run(method(**dict(arguments(method))))
                requests.append(scripted.requests[before].partition("?")[0])
        return set(requests)


def arguments(method: Any) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(method).parameters.items():
        annotation = str(parameter.annotation)
        is_body = (
            annotation.startswith("JsonObject") and parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name != "parameters"
        )
        if name == "path":
            yield name, "unused"
        elif parameter.default is parameter.empty or is_body:
            yield name, ARGUMENTS[annotation]
        elif name == "pool_id":  # some lists need one of several filters
            yield name, "1"


@pytest.fixture
def documented(data: Path) -> set[str]:
    folder = data.parent / "toloka-api"
    return {call for prefix, name in DOCUMENTS.items() for call in calls_of(folder / name, prefix)}


def calls_of(document: Path, prefix: str) -> Iterator[str]:
    for path, methods in json.loads(document.read_text("utf-8"))["paths"].items():
        for method in methods:
            yield f"{method.upper()} {prefix}{re.sub(r'{[^}]*}', '1', path)}"


def test_every_documented_call_has_a_method(first_requests: set[str], documented: set[str]) -> None:
    assert documented - first_requests == set()


def test_every_method_makes_a_documented_call_or_one_of_toloka_kit(first_requests: set[str], documented: set[str]) -> None:
    assert first_requests - documented == ONLY_IN_TOLOKA_KIT


PACKAGE = Path(tf.__file__).parent
CITED = re.compile(r'(?:Toloka|Apps) API,((?:\s*(?:#\s*)?(?:and|,)?\s*"[^"]+"(?: \([^)]*\))?)+)')


def titles_of(document: Path) -> Iterator[str]:
    """Yield the titles of a document's operations and of the sections of its introduction."""
    text = json.loads(document.read_text("utf-8"))
    yield from re.findall(r"(?m)^#+ (.*)$", text["info"]["description"])
    for methods in text["paths"].values():
        yield from (method["summary"] for method in methods.values())


def test_every_title_cited_as_a_source_is_in_the_documents(data: Path) -> None:
    folder = data.parent / "toloka-api"
    titles = {title for name in DOCUMENTS.values() for title in titles_of(folder / name)}
    cited = {
        (" ".join(title.split()), path.name)
        for path in PACKAGE.rglob("*.py")
        for source in CITED.findall(re.sub(r"\n\s*(?:# )?", " ", path.read_text("utf-8")))
        for title in re.findall(r'"([^"]+)"', source)
    }
    assert len(cited) > 50
    assert {(title, file) for title, file in cited if title not in titles} == set()

"""Every call of the service's own documents is made by a method of the client, and hardly another one."""

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
IN_TOLOKA_KIT_ONLY = {"POST /api/staging/analytics-2", "POST /api/staging/projects/1/check"}
NOTHING = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
# what a call gets for each kind of argument; every id is 1
ARGUMENTS = {
    "str": "1",
    "float": 1.0,
    "Mapping[str, Any]": {},
    "Sequence[Mapping[str, Any]]": [{}],
    "Sequence[Task] | Task": {},
    "Sequence[Mapping[str, Any]] | Mapping[str, Any]": {},
    "Sequence[MessageFolder]": ["UNREAD"],
    "Mapping[str, Any] | str | None": "1",
    "Literal['WEIGHTED_DYNAMIC_OVERLAP', 'DAWID_SKENE']": "DAWID_SKENE",
}


@pytest.fixture(scope="module")
def made() -> set[str]:
    """The first request of each method of the client."""
    with Scripted() as scripted:
        scripted.answers = [NOTHING]
        client = scripted.client(retries=1)
        first = []
        for name, method in inspect.getmembers(client, inspect.ismethod):
            if name.startswith("find_") or (
                inspect.iscoroutinefunction(method) and not name.startswith("_") and name != "aclose"
            ):
                before = len(scripted.requests)
                with contextlib.suppress(tf.ApiError):
                    tf.run(method(**dict(arguments(method))))
                first.append(scripted.requests[before].partition("?")[0])
        return set(first)


def arguments(method: Any) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(method).parameters.items():
        if name == "path":
            yield name, "nowhere"
        elif parameter.default is inspect.Parameter.empty:
            yield name, ARGUMENTS[str(parameter.annotation).replace('"', "'")]
        elif name == "pool_id":  # of two or three filters one is needed
            yield name, "1"


@pytest.fixture
def documented(data: Path) -> set[str]:
    folder = data.parent / "toloka-api"
    return {call for prefix, name in DOCUMENTS.items() for call in calls_of(folder / name, prefix)}


def calls_of(document: Path, prefix: str) -> Iterator[str]:
    for path, methods in json.loads(document.read_text("utf-8"))["paths"].items():
        for method in methods:
            yield f"{method.upper()} {prefix}{re.sub(r'{[^}]*}', '1', path)}"


def test_every_documented_call_is_made_by_a_method(made: set[str], documented: set[str]) -> None:
    assert documented - made == set()


def test_every_method_makes_a_documented_call_or_one_of_toloka_kit(made: set[str], documented: set[str]) -> None:
    assert made - documented == IN_TOLOKA_KIT_ONLY


PACKAGE = Path(tf.__file__).parent
NAMED = re.compile(r'(?:Toloka|Apps) API,((?:\s*(?:#\s*)?(?:and|,)?\s*"[^"]+"(?: \([^)]*\))?)+)')


def pages_of(document: Path) -> Iterator[str]:
    """The titles of its operations and of the sections of its introduction."""
    text = json.loads(document.read_text("utf-8"))
    yield from re.findall(r"(?m)^#+ (.*)$", text["info"]["description"])
    for methods in text["paths"].values():
        yield from (method["summary"] for method in methods.values())


def test_every_page_that_is_named_as_a_source_is_there(data: Path) -> None:
    folder = data.parent / "toloka-api"
    there = {page for name in DOCUMENTS.values() for page in pages_of(folder / name)}
    named = {
        (" ".join(title.split()), path.name)
        for path in PACKAGE.rglob("*.py")
        for source in NAMED.findall(re.sub(r"\n\s*(?:# )?", " ", path.read_text("utf-8")))
        for title in re.findall(r'"([^"]+)"', source)
    }
    assert len(named) > 50
    assert {each for each in named if each[0] not in there} == set()

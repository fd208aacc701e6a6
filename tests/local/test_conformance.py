"""Every answer of a broad run against the service's two OpenAPI documents; where they part is a table, with the reasons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.broad_run import run, run_apps
from support.openapi import Document
from support.raw_client import Wire

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    import httpx

DOCUMENTS = {"/api/v1": "toloka-openapi.json", "/api/app/v0": "toloka-apps-openapi.json"}
FOLDER = Path(__file__).parents[2].parent / "shared" / "toloka-api"

# Where the documents and the service part: patterns of a whole problem, each with what outranks the document.
BATCH = r"\w+ /app-projects/{app_project_id}/batches.*: \$.*\."
FIELDS_OF_TASKS = "created|infinite_overlap|overlap|pool_id|remaining_overlap|reserved_for|unavailable_for"
OF_AGGREGATION = "algorithm|aggregated_output_fields|input_fields|missing_output_fields|pool_name|requester_id"
OPERATION = r"(GET /operations(/{id})?|POST /aggregated-solutions/aggregate-by-pool): \$(.items\[\])?"
ODDITIES = {
    r"GET /(apps|app-projects/{app_project_id}/items): \$: type \"array\"": "the document's own example of a page is an object",
    r"GET /apps/{app_id}: \$.examples: type \"object\"": "the document's own example is an array",
    rf"{BATCH}items_count: undocumented": "all examples and Toloka-Kit write items_count, the schema item_count",
    rf"{BATCH}validation_errors: undocumented": "the document's own example has it",
    rf"(GET|PATCH) /assignments.*: \$.*tasks\[\].({FIELDS_OF_TASKS}): undocumented": "so in the document's example",
    r"GET /operations/{id}/log: \$: type \"object\"": "Toloka-Kit and the Java SDK read an array",
    rf"{OPERATION}.details.(pool_id|training_id): undocumented": "Toloka-Kit and the Java SDK find a clone's id there",
    rf"{OPERATION}.parameters.({OF_AGGREGATION}): undocumented": "the document's own example of an aggregation has it",
    r"PATCH /pools/{id}: 409 \$: type \"object\"": "the document's prose: 409 and an empty body for an archived pool",
    r"POST /aggregated-solutions/aggregate-by-pool: 202": "the Java SDK insists on 202",
    r"POST /aggregated-solutions/aggregate-by-task: 200": "the Java SDK insists on 200",
    r"POST /message-threads/{id}/(reply|add-to-folders|remove-from-folders): 200": "the Java SDK insists on 200",
    r"POST /webhook-subscriptions/{id}/test: 200": "the Java SDK insists on 200",
    r"POST /(pools|trainings)/{id}/(open|close): 204": "the document's prose: 204 when it is so already",
    r"POST /(tasks|task-suites|user-bonuses): 202": "the Java SDK insists on 202 for an operation",
    r"POST /tasks: \$.(items: type \"array\"|validation_errors: undocumented)": "by position in its example",
    r"POST /user-bonuses: 409 .*": "the document's own example has no envelope",
    r"PUT /(user-skills|user-restrictions|webhook-subscriptions): 201": "the Java SDK: 201 for what is new",
    r"PUT /webhook-subscriptions: \$.(items|validation_errors): undocumented": "Toloka-Kit reads rows by position",
}


Answers = list[tuple[Document, str, "httpx.Response"]]


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    if not FOLDER.is_dir():
        pytest.skip(f"the OpenAPI documents are not part of the project and do not lie at shared/{FOLDER.name} beside it")
    return {prefix: Document(FOLDER / name) for prefix, name in DOCUMENTS.items()}


@pytest.fixture(scope="module")
def answers(documents: dict[str, Document]) -> Answers:
    """Every answer of the broad run, with the document that it is of and its path in there."""
    kept: Answers = []

    def keep(answer: httpx.Response) -> None:
        answer.read()
        path = answer.request.url.path
        prefix = next(prefix for prefix in DOCUMENTS if path.startswith(f"{prefix}/"))
        kept.append((documents[prefix], path.removeprefix(prefix), answer))

    for seconds, calls in ((0.05, run), (3600, run_apps)):
        with LocalToloka(operation_seconds=seconds) as toloka:
            wire = Wire(toloka)
            wire.http.event_hooks = {"response": [keep]}
            with wire.http:
                calls(toloka, wire)
    return kept


def test_the_answers_are_as_the_documents_say_but_for_what_is_listed(answers: Answers) -> None:
    problems = {one for document, path, answer in answers for one in document.problems(answer.request.method, path, answer)}
    assert sorted(one for one in problems if not any(re.fullmatch(oddity, one) for oddity in ODDITIES)) == []


@pytest.mark.parametrize("oddity", ODDITIES)
def test_what_is_listed_is_still_so(answers: Answers, oddity: str) -> None:
    problems = {one for document, path, answer in answers for one in document.problems(answer.request.method, path, answer)}
    assert any(re.fullmatch(oddity, one) for one in problems)


def test_every_call_of_the_documents_was_made(answers: Answers, documents: dict[str, Document]) -> None:
    for document in documents.values():
        made = {
            document.call(answer.request.method, path) for of, path, answer in answers if of is document and answer.is_success
        }
        assert document.calls - made == set()

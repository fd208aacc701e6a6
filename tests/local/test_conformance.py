"""Compare the response of every call with the two OpenAPI documents; a table lists known differences and their reasons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.broad_run import call_apps, make_all_calls
from support.openapi import Document
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    import httpx

DOCUMENTS = {"/api/v1": "toloka-openapi.json", "/api/app/v0": "toloka-apps-openapi.json"}
FOLDER = Path(__file__).parents[2].parent / "shared" / "toloka-api"

# Known differences between the documents and the service: patterns of a problem, and the source that outranks the document.
BATCH = r"\w+ /app-projects/{app_project_id}/batches.*: \$.*\."
FIELDS_OF_TASKS = "created|infinite_overlap|overlap|pool_id|remaining_overlap|reserved_for|unavailable_for"
OF_AGGREGATION = "algorithm|aggregated_output_fields|input_fields|missing_output_fields|pool_name|requester_id"
OPERATION = r"(GET /operations(/{id})?|POST /aggregated-solutions/aggregate-by-pool): \$(.items\[\])?"
KNOWN_DIFFERENCES = {
    r"GET /(apps|app-projects/{app_project_id}/items): \$: type \"array\"": "the document's own example of a page is an object",
    r"GET /apps/{app_id}: \$.examples: type \"object\"": "the document's own example is an array",
    rf"{BATCH}items_count: undocumented": "all examples and Toloka-Kit write items_count, the schema item_count",
    rf"{BATCH}validation_errors: undocumented": "the document's own example has it",
    rf"(GET|PATCH) /assignments.*: \$.*tasks\[\].({FIELDS_OF_TASKS}): undocumented": "the document's own example has them",
    r"GET /operations/{id}/log: \$: type \"object\"": "Toloka-Kit and the Java SDK read an array",
    rf"{OPERATION}.details.(pool_id|training_id): undocumented": "Toloka-Kit and the Java SDK find a clone's id there",
    rf"{OPERATION}.parameters.({OF_AGGREGATION}): undocumented": "the document's own example of an aggregation has it",
    r"PATCH /pools/{id}: 409 \$: type \"object\"": "the document's prose: 409 and an empty body for an archived pool",
    r"POST /aggregated-solutions/aggregate-by-pool: 202": "the Java SDK insists on 202",
    r"POST /aggregated-solutions/aggregate-by-task: 200": "the Java SDK insists on 200",
    r"POST /message-threads/{id}/(reply|add-to-folders|remove-from-folders): 200": "the Java SDK insists on 200",
    r"POST /webhook-subscriptions/{id}/test: 200": "the Java SDK insists on 200",
    r"POST /(pools|trainings)/{id}/(open|close): 204": "the document's prose: 204 if the status does not change",
    r"POST /(tasks|task-suites|user-bonuses): 202": "the Java SDK insists on 202 for an operation",
    r"POST /tasks: \$.(items: type \"array\"|validation_errors: undocumented)": "the document's example is keyed by position",
    r"POST /user-bonuses: 409 .*": "the document's own example has no envelope",
    r"PUT /(user-skills|user-restrictions|webhook-subscriptions): 201": "the Java SDK: 201 for a new row",
    r"PUT /webhook-subscriptions: \$.(items|validation_errors): undocumented": "Toloka-Kit reads rows by position",
}


Responses = list[tuple[Document, str, "httpx.Response"]]


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    if not FOLDER.is_dir():
        pytest.skip(f"the OpenAPI documents are not part of the project, and not found at shared/{FOLDER.name} beside it")
    return {prefix: Document(FOLDER / name) for prefix, name in DOCUMENTS.items()}


@pytest.fixture(scope="module")
def responses(documents: dict[str, Document]) -> Responses:
    """Every response, with its document and its path in the document."""
    recorded: Responses = []

    def record(response: httpx.Response) -> None:
        response.read()
        path = response.request.url.path
        prefix = next(prefix for prefix in DOCUMENTS if path.startswith(f"{prefix}/"))
        recorded.append((documents[prefix], path.removeprefix(prefix), response))

    for seconds, calls in ((0.05, make_all_calls), (3600, call_apps)):
        with LocalToloka(operation_seconds=seconds) as toloka:
            api = RawClient(toloka)
            api.http.event_hooks = {"response": [record]}
            with api.http:
                calls(toloka, api)
    return recorded


def test_responses_match_the_documents_except_for_known_differences(responses: Responses) -> None:
    problems = all_problems(responses)
    unknown = [
        problem for problem in problems if not any(re.fullmatch(difference, problem) for difference in KNOWN_DIFFERENCES)
    ]
    assert sorted(unknown) == []


def all_problems(responses: Responses) -> set[str]:
    return {
        problem
        for document, path, response in responses
        for problem in document.problems(response.request.method, path, response)
    }


@pytest.mark.parametrize("difference", KNOWN_DIFFERENCES)
def test_each_known_difference_still_occurs(responses: Responses, difference: str) -> None:
    problems = all_problems(responses)
    assert any(re.fullmatch(difference, problem) for problem in problems)


def test_every_documented_call_succeeds(responses: Responses, documents: dict[str, Document]) -> None:
    for document in documents.values():
        successful = {
            document.call(response.request.method, path)
            for source, path, response in responses
            if source is document and response.is_success
        }
        assert document.calls - successful == set()

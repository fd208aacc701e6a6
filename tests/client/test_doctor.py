"""`doctor` reports how an account, the service and this machine are, with GET requests only, without the token and rows."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.list_catalog import RESOURCES
from support.scripted_server import reply

import toloka_frames as tf
from toloka_frames._client.machine import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.scripted_server import Scripted

    from toloka_frames._client.doctor_report import Finding
    from toloka_frames.local import LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"
SECRET = "value-that-nobody-may-see"  # noqa: S105 -- the value of a field
PASSWORD = "pass-that-nobody-may-see"  # noqa: S105 -- not a real password
REQUESTER = {"id": "88f2aaaa", "balance": 12.5, "public_name": {"EN": SECRET}, "company": {"id": "c0ffee11"}}
LISTS = {resource.name for resource in RESOURCES.values()}
IN_POOL = {"tasks", "task suites", "assignments", "attachments"}
A_WHILE = 60


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine that runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def account(toloka: LocalToloka, pool_id: str, make_frame: Callable[[int], pd.DataFrame]) -> Iterator[tf.TolokaClient]:
    """A client of an account with tasks, answers, an aggregation and an app project with items."""
    with tf.TolokaClient(toloka.token, url=toloka.url) as client:
        frame = make_frame(10).assign(text=SECRET)
        frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
        toloka.answer(pool_id)
        fields = [{"name": "result"}]
        client.wait_operation(
            client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=pool_id, fields=fields),
            progress=False,
        )
        project = client.create_app_project({"app_id": APP, "name": SECRET, "parameters": {}})
        pairs = pd.DataFrame({"image_url": ["https://example.com/1.jpg"], "text": [SECRET]})
        pairs.pipe(tf.create_app_batch, client, project["id"], progress=False)
        client.create_skill({"name": SECRET})
        yield client


def findings(report: tf.DoctorReport) -> dict[str, Finding]:
    return {finding.name: finding for found in report.sections.values() for finding in found}


def levels(report: tf.DoctorReport) -> dict[str, str]:
    return {name: str(finding.level) for name, finding in findings(report).items()}


def failed(report: tf.DoctorReport) -> set[str]:
    return {name for name, level in levels(report).items() if level == "FAIL"}


# -- a healthy account


def test_every_list_of_a_healthy_account_is_checked(account: tf.TolokaClient) -> None:
    report = tf.doctor(account)
    assert report.is_well, report
    found = findings(report)
    assert found.keys() >= LISTS | {"host", "account", "balance", "clock", "ledger", "variables", "packages", "notebook"}
    assert [name for name in LISTS if found[name].level != "ok"] == []
    assert "INPUT:text" in found["tasks"].text
    assert "OUTPUT:result" in found["assignments"].text
    assert "INPUT:image_url" in found["app items"].text
    assert "confidence" in found["aggregated solutions"].text
    assert "999.88 US dollars" in found["balance"].text  # 1,000 less the rewards of six pages


def test_only_get_requests_arrive(account: tf.TolokaClient, toloka: LocalToloka) -> None:
    before = len(toloka.requests)
    tf.doctor(account)
    requests = toloka.requests[before:]
    assert {request.method for request in requests} == {"GET"}
    assert len(requests) <= 50
    assert all(int(request.query["limit"]) <= 5 for request in requests if "limit" in request.query)


def test_nothing_is_written(account: tf.TolokaClient, data_home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data_home.rglob("*")}
    tf.doctor(account)
    assert {path: path.stat().st_mtime_ns for path in data_home.rglob("*")} == before


def test_no_value_of_a_row_and_no_token_is_in_the_report(account: tf.TolokaClient, toloka: LocalToloka) -> None:
    text = str(tf.doctor(account))
    assert SECRET not in text
    assert toloka.token not in text
    assert str(account.get_requester()["id"]) not in text
    assert str(account.find_pools()["items"][0]["id"]) not in text


def test_lists_of_an_empty_account_that_need_an_id_are_not_checked(client: tf.AsyncTolokaClient) -> None:
    report = tf.doctor(client)
    found = findings(report)
    assert report.is_well
    assert {name for name, level in levels(report).items() if level == "-"} == {
        *IN_POOL,
        "aggregated solutions",
        "app items",
        "app batches",
    }
    assert found["tasks"].text == "not checked: no pool"
    assert found["app items"].text == "not checked: no app project"
    assert found["projects"].text == "no rows"


def test_the_report_is_shown_as_its_text(client: tf.AsyncTolokaClient) -> None:
    report = tf.doctor(client)
    assert repr(report) == str(report)
    lines = str(report).splitlines()
    assert lines[0].startswith("toloka-frames doctor, ")
    assert lines[-1] == "No check failed."
    assert "  -    tasks                  not checked: no pool" in lines


@pytest.mark.parametrize("timeout", [0, -1, "20", True])
def test_a_timeout_that_is_not_a_number_of_seconds_is_an_error(client: tf.AsyncTolokaClient, timeout: Any) -> None:
    with pytest.raises(tf.InputError, match="timeout"):
        tf.doctor(client, timeout=timeout)


# -- faults of the service

FAULTS: dict[str, tuple[Callable[[LocalToloka], object], set[str], str]] = {
    "a refused list": (lambda toloka: toloka.faults.answer(403, "GET /v1/skills"), {"skills"}, "403 ACCESS_DENIED"),
    "a list that fails": (lambda toloka: toloka.faults.answer(500, "GET /v1/pools"), {"pools"}, "500 INTERNAL_ERROR"),
    "a list whose quota is used up": (
        lambda toloka: toloka.faults.answer(429, "GET /v1/operations", interval="DAY"),
        {"operations"},
        "429 expected",  # the search for an aggregation has the rejection
    ),
    "a proxy's page": (lambda toloka: toloka.faults.html("GET /v1/trainings"), {"trainings"}, "<html>"),
    "a redirect": (lambda toloka: toloka.faults.html("GET /v1/projects", status=302), {"projects"}, "302"),
    "a lost response": (lambda toloka: toloka.faults.lose_reply("GET /app/v0/apps"), {"apps"}, "no response"),
    "a cut response": (lambda toloka: toloka.faults.cut("GET /v1/user-skills"), {"user skills"}, "no response"),
    "a slow list": (
        lambda toloka: toloka.faults.slow("GET /v1/message-threads", seconds=A_WHILE),
        {"message threads"},
        "no complete response within {timeout} s",
    ),
    "a refused requester": (lambda toloka: toloka.faults.answer(403, "GET /v1/requester"), {"account"}, "403 ACCESS_DENIED"),
    "a refused item list": (
        lambda toloka: toloka.faults.answer(403, "GET /app/v0/app-projects/*/items"),
        {"app items"},
        "403 ACCESS_DENIED",
    ),
}


@pytest.mark.parametrize(("plan", "names", "message"), FAULTS.values(), ids=FAULTS)
def test_a_check_that_fails_is_one_line_and_the_others_go_on(
    account: tf.TolokaClient, toloka: LocalToloka, plan: Callable[[LocalToloka], object], names: set[str], message: str
) -> None:
    plan(toloka)
    for timeout in (3, 30):  # a busy machine may take longer for the other checks
        report = tf.doctor(account, timeout=timeout)
        if failed(report) == names:
            break
    assert failed(report) == names
    assert not report.is_well
    (name,) = names
    (line,) = [line for line in str(report).splitlines() if line.startswith("  FAIL ")]
    assert name in line
    assert message.format(timeout=timeout) in line
    waiting = IN_POOL if name == "pools" else {"aggregated solutions"} if name == "operations" else set()
    assert {name for name, level in levels(report).items() if level == "-"} == waiting
    assert str(report).endswith("1 of these checks failed.")


def test_nothing_is_requested_with_a_token_that_is_not_valid(toloka: LocalToloka) -> None:
    with tf.TolokaClient("a.wrong.token", url=toloka.url) as client:
        report = tf.doctor(client)
    assert failed(report) == {"account"}
    assert "401" in findings(report)["account"].text
    assert "Check the token" in findings(report)["account"].text
    assert {levels(report)[name] for name in LISTS} == {"-"}
    assert len(toloka.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_specification_that_cannot_be_read_is_a_note(account: tf.TolokaClient, toloka: LocalToloka, status: int) -> None:
    toloka.faults.answer(status, "GET /v1/projects/*")
    report = tf.doctor(account)
    assert report.is_well
    assert levels(report)["tasks"] == "note"
    assert f"cannot be read: {status}" in findings(report)["tasks"].text
    assert "not known: input_values (object)" in findings(report)["tasks"].text
    assert SECRET not in str(report)


# -- responses that the service has not been seen to send


def service_with(scripted: Scripted, rows: dict[str, list[Any]], requester: Any = REQUESTER, **headers: str) -> None:
    """Let the server respond with these rows of lists by path, and with empty pages to requests for other lists."""

    def respond(head: str) -> bytes:
        path = head.split(" ")[1].partition("?")[0].removeprefix("/api")
        if path == "/v1/requester":
            return reply(requester, **headers)
        found = rows.get(path, [])
        key = "content" if path.startswith("/app/") else "items"
        return reply(found if isinstance(found, dict) else {key: found, "has_more": False}, **headers)

    scripted.answers = [respond]


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "a field": ({"flavour": SECRET}, "not known: flavour (text)"),
    "fields of each type": (
        {"a": 1.5, "b": None, "c": [SECRET], "d": {SECRET: SECRET}, "e": True},
        "not known: a (number), b (null), c (list), d (object), e (true or false)",
    ),
    "a field of a known object": ({"owner": {"id": "x", "team": SECRET}}, "not known: owner.team (text)"),
    "a value of another type": ({"public_name": 17}, "of another type than the column: public_name (number)"),
    "an object that is text": ({"owner": SECRET}, "not known: owner (text)"),
}


@pytest.mark.parametrize(("fields", "text"), UNKNOWN.values(), ids=UNKNOWN)
def test_fields_that_are_not_known_are_named_with_their_types(scripted: Scripted, fields: dict[str, Any], text: str) -> None:
    service_with(scripted, {"/v1/projects": [{"id": "1", **fields}]})
    report = tf.doctor(scripted.async_client())
    assert report.is_well
    assert findings(report)["projects"].level == "note"
    assert text in findings(report)["projects"].text.splitlines()
    assert SECRET not in str(report)


ODD_PAGES: dict[str, Any] = {
    "a row without id": [{"name": SECRET}],
    "an id that is no text": [{"id": 5_550_123, "name": SECRET}],
    "a row that is text": [SECRET],
    "rows under another key": {"rows": [{"id": SECRET}], "has_more": False},
    "no flag": {"items": [{"id": "1", "name": SECRET}]},
    "a flag that is text": {"items": [{"id": "1"}], "has_more": SECRET},
}


@pytest.mark.parametrize("page", ODD_PAGES.values(), ids=ODD_PAGES)
def test_a_page_that_is_not_valid_is_described_without_its_values(scripted: Scripted, page: Any) -> None:
    service_with(scripted, {"/v1/skills": page})
    report = tf.doctor(scripted.async_client())
    assert failed(report) == {"skills"}
    assert "the response is not valid, because" in findings(report)["skills"].text
    assert SECRET not in str(report)
    assert "5550123" not in str(report)


ODD_REQUESTERS: dict[str, tuple[Any, str, str]] = {
    "no company": ({"id": "88f2aaaa", "balance": 1}, "ok", "88f2***, of no company"),
    "a company": (REQUESTER, "ok", "88f2***, of the company c0ff***"),
    "an unknown field": ({**REQUESTER, "tier": SECRET}, "note", "88f2***, of the company c0ff***\nnot known: tier (text)"),
    "no id": ({"balance": 1}, "ok", "no id, of no company"),
    "a list": ([REQUESTER], "FAIL", "200: the response is not valid, because it is a list."),
}


@pytest.mark.parametrize(("requester", "level", "text"), ODD_REQUESTERS.values(), ids=ODD_REQUESTERS)
def test_the_account_is_described_without_its_whole_id(scripted: Scripted, requester: Any, level: str, text: str) -> None:
    service_with(scripted, {}, requester)
    report = tf.doctor(scripted.async_client())
    found = findings(report)["account"]
    assert (found.level, found.text[: len(text)]) == (level, text)
    assert SECRET not in str(report)
    assert levels(report)["projects"] == "ok"


@pytest.mark.parametrize("balance", [None, "12", True, [1], {}])
def test_a_balance_that_is_no_number_is_a_note(scripted: Scripted, balance: Any) -> None:
    service_with(scripted, {}, {**REQUESTER, "balance": balance})
    assert levels(tf.doctor(scripted.async_client()))["balance"] == "note"


CLOCKS = {
    "right": (timedelta(), "ok", "behind"),
    "half a minute late": (timedelta(seconds=-30), "ok", "behind"),
    "an hour ahead": (timedelta(hours=1), "FAIL", "ahead of"),
    "an hour late": (timedelta(hours=-1), "FAIL", "behind"),
    "a year late": (timedelta(days=-365), "FAIL", "behind"),
}


@pytest.mark.parametrize(("off", "level", "side"), CLOCKS.values(), ids=CLOCKS)
def test_the_clock_of_the_service_is_compared(scripted: Scripted, off: timedelta, level: str, side: str) -> None:
    service_with(scripted, {}, Date=format_datetime(datetime.now(UTC) + off, usegmt=True))
    found = findings(tf.doctor(scripted.async_client()))["clock"]
    assert found.level == level
    assert side in found.text


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_a_clock_is_not_compared_without_a_valid_date(scripted: Scripted, headers: dict[str, str]) -> None:
    service_with(scripted, {}, **headers)
    report = tf.doctor(scripted.async_client())
    assert levels(report)["clock"] == "-"
    assert report.is_well


def test_text_of_the_service_cannot_control_a_terminal(scripted: Scripted) -> None:
    body = json.dumps({"code": "X", "message": "\x1b[2J\n\n```\r\x07"}, ensure_ascii=False)
    scripted.answers = [reply(body, 403)]
    text = str(tf.doctor(scripted.async_client()))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "```" not in re.findall(r"^\s*```", text, re.MULTILINE)


# -- no network


@pytest.fixture
def closed_port() -> Iterator[int]:
    """The port of a socket that refuses connections and lets nobody else listen there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


HOSTS = {"a closed port": "http://127.0.0.1:{}", "a name that does not resolve": "https://toloka.invalid"}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_without_network_the_report_names_the_host_and_the_reason_at_once(host: str, closed_port: int) -> None:
    url = host.format(closed_port)
    begin = time.monotonic()
    with tf.TolokaClient(f"token-{uuid.uuid4().hex}", url=url) as client:
        report = tf.doctor(client, timeout=10)
    assert time.monotonic() - begin < A_WHILE
    assert failed(report) == {"host"}
    text = findings(report)["host"].text
    assert url in text
    assert "no response" in text
    assert "Check the network" in text
    assert {findings(report)[name].text for name in LISTS} == {"not checked: the host does not respond"}


def test_a_proxy_that_does_not_respond_is_named(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:{closed_port}")
    with tf.TolokaClient(f"token-{uuid.uuid4().hex}", url="https://toloka.invalid") as client:
        report = tf.doctor(client, timeout=10)
    assert "HTTPS_PROXY (the requests go through this proxy)" in findings(report)["host"].text
    assert "HTTPS_PROXY=http://***@127.0.0.1:" in findings(report)["variables"].text
    assert PASSWORD not in str(report)


def test_a_proxy_that_works_is_named(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"user:{PASSWORD}@{scripted.url.removeprefix('http://')}")
    scripted.answers = [reply(REQUESTER)]
    with pytest.warns(UserWarning, match="unencrypted"):
        client = tf.TolokaClient(scripted.token, url="http://toloka.invalid")
    with client:
        report = tf.doctor(client)
    assert "through the proxy of http_proxy" in findings(report)["host"].text
    assert PASSWORD not in str(report)


# -- this machine

PROXIES = {
    "http://proxy.example.com:3128": "http://proxy.example.com:3128",
    f"http://user:{PASSWORD}@proxy.example.com:3128": "http://***@proxy.example.com:3128",
    f"user:{PASSWORD}@proxy.example.com:3128": "***@proxy.example.com:3128",
    f"http://user:{PASSWORD}@@proxy.example.com": "http://***@proxy.example.com",
    f"http://user:{PASSWORD}/a@b@proxy.example.com": "http://***@proxy.example.com",
    f"user:://{PASSWORD}@proxy.example.com": "***@proxy.example.com",
    f"://{PASSWORD}@": "***@",
    "localhost,10.0.0.0/8": "localhost,10.0.0.0/8",
}


@pytest.mark.parametrize(("value", "shown"), PROXIES.items())
def test_a_password_in_a_url_is_not_shown(value: str, shown: str) -> None:
    assert without_password(value) == shown


def test_variables_of_certificates_are_shown(
    client: tf.AsyncTolokaClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "own.pem"))
    text = findings(tf.doctor(client))["variables"].text
    assert f"SSL_CERT_FILE={ssl.get_default_verify_paths().openssl_cafile}" in text
    assert f"REQUESTS_CA_BUNDLE={Path('~') / 'own.pem'} (not used by toloka_frames" in text


def test_a_ledger_that_cannot_be_written_is_a_failed_check(client: tf.AsyncTolokaClient, data_home: Path) -> None:
    (data_home / "toloka_frames").write_text("a file in place of the folder")
    report = tf.doctor(client)
    assert failed(report) == {"ledger"}
    assert "cannot be written" in findings(report)["ledger"].text


def test_the_ledger_is_described(client: tf.AsyncTolokaClient, data_home: Path) -> None:
    assert "not created yet" in findings(tf.doctor(client))["ledger"].text
    (data_home / "toloka_frames").mkdir()
    (data_home / "toloka_frames" / "uploads.db").write_bytes(b"12345")
    assert "uploads.db: 5 bytes, " in findings(tf.doctor(client))["ledger"].text


def test_versions_are_in_the_report(client: tf.AsyncTolokaClient) -> None:
    found = findings(tf.doctor(client))
    assert found["toloka_frames"].text == tf.__version__
    assert f"pandas {pd.__version__}" in found["packages"].text
    assert found["notebook"].text == "no"

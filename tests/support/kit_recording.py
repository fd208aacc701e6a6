"""Make the calls that Toloka-Kit's own unit tests make, by the same names and arguments, and compare the requests.

The recording has for each call of Toloka-Kit 1.2.3 its arguments, its requests and the responses that its tests gave.
"""

from __future__ import annotations

import gzip
import inspect
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from pathlib import Path

NOT_RECORDED = {"code": "DOES_NOT_EXIST", "message": "not recorded", "request_id": "1"}
# parameters that have another name here
NAMES = {"op": "operation", "out": "path", "global": "global_"}
BODIES = {
    "create_app_items": "app_items",
    "create_app_batch": "batch",
    "start_sync_batch_processing": "batch",
    "patch_pool": "patch",
}


class KitObject(SimpleNamespace):
    """An object of Toloka-Kit."""

    def unstructure(self) -> dict[str, Any]:
        """Return the object as in the API's JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Recorded:
    """A call of Toloka-Kit.

    Attributes:
        method: The method's name.
        test: The name of the test that made the call.
        args: Positional arguments.
        kwargs: Keyword arguments.
        exchanges: Requests and responses: method, path, query, body, status, answer.
        error: The error that it raised, or None.
    """

    method: str
    test: str
    args: list[Any]
    kwargs: dict[str, Any]
    exchanges: list[dict[str, Any]]
    error: str | None

    @property
    def name(self) -> str:
        """The method and the test."""
        return f"{self.method} in {self.test}"

    @property
    def is_scan(self) -> bool:
        """Whether the method returns a list."""
        return inspect.signature(getattr(tf.AsyncTolokaClient, self.method)).parameters.get("batch_size") is not None


@dataclass(frozen=True)
class Outcome:
    """What became of a call here.

    Attributes:
        difference: How its request differs from that of Toloka-Kit; "" if they are equal.
        error: The error that it raised, or None.
    """

    difference: str
    error: Exception | None


def read_recording(path: Path) -> list[Recorded]:
    """Read the calls that sent a request."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        calls = [json.loads(line) for line in lines]
    return [
        Recorded(
            call["method"],
            call["test"].partition("::")[2].partition("[")[0],
            [_value(value) for value in call["args"]],
            {name: _value(value) for name, value in call["kwargs"].items()},
            call["exchanges"],
            call["error"],
        )
        for call in calls
        if call["exchanges"]
    ]


def _value(recorded: Any) -> Any:
    """Return an argument as it was, objects of Toloka-Kit as `KitObject`."""
    if isinstance(recorded, list):
        return [_value(item) for item in recorded]
    if not isinstance(recorded, dict):
        return recorded
    if "__dt__" in recorded:
        return datetime.fromisoformat(recorded["__dt__"])
    if "__td__" in recorded:
        return timedelta(seconds=recorded["__td__"])
    if "__obj__" in recorded:
        value = _value(recorded["value"])
        return KitObject(**value) if isinstance(value, dict) else value
    return {name: _value(value) for name, value in recorded.items()}


def play(call: Recorded, server: Scripted, folder: Path) -> Outcome:
    """Make a call and compare its first request of the recorded path with the recorded one."""
    first, responses = len(server.requests), Responses(call)
    server.answers = [responses.respond]
    error = None
    try:
        tf.run(_call(call, server.async_client(retries=1), folder))
    except Exception as raised:  # noqa: BLE001 -- errors are compared, too
        error = raised
    sent = list(zip(server.requests[first:], server.bodies[first:], strict=True))
    return Outcome(_difference(call, sent), error)


class Responses:
    """The recorded responses of a call, each given once, and the last one of a path again.

    An operation has the id that this request gave it, in place of the recorded one.
    """

    def __init__(self, call: Recorded) -> None:
        self._call = call
        self._left = list(call.exchanges)
        self._own_id: str | None = None

    def respond(self, head: str) -> bytes:
        """Return the response to a request."""
        method, url = head.split(" ")[:2]
        self._own_id = self._own_id or dict(parse_qsl(urlsplit(url).query)).get("operation_id")
        wanted = (method, self._masked(urlsplit(url).path))
        of_path = [item for item in self._call.exchanges if (item["method"], self._masked(item["path"])) == wanted]
        exchange = next((item for item in of_path if item in self._left), of_path[-1] if of_path else None)
        if exchange is None:
            return reply(NOT_RECORDED, 404)
        if exchange in self._left:
            self._left.remove(exchange)
        return reply(self._body(exchange), exchange["status"])

    def _masked(self, path: str) -> str:
        prefix = "/api/v1/operations/"
        return prefix + "*" + path[len(prefix) :].partition("/")[2] if self._own_id and path.startswith(prefix) else path

    def _body(self, exchange: dict[str, Any]) -> bytes:
        body: bytes = (exchange["answer"] or "").encode("latin1")  # recorded byte by byte
        value = json.loads(body) if body.startswith(b"{") else {}
        if "has_more" in value:
            return json.dumps(value | {"has_more": False}).encode()
        if self._own_id and "status" in value and "type" in value and not exchange["path"].endswith("/log"):
            return json.dumps(value | {"id": self._own_id}).encode()
        return body


async def _call(call: Recorded, client: tf.AsyncTolokaClient, folder: Path) -> Any:
    method = getattr(client, call.method)
    parameters = inspect.signature(method).parameters
    args, kwargs = _arguments(call)
    if call.method == "download_attachment":  # to a path, not to an open file
        args, kwargs = args[:1], {"path": folder / "attachment"} | {name: kwargs[name] for name in kwargs if name != "path"}
    if "progress" in parameters:
        kwargs["progress"] = False
    result = method(*args, **kwargs)
    if isinstance(result, tf.Scan):
        return [row async for row in result]
    return await result


def _arguments(call: Recorded) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as the documentation says they are to be given here."""
    kwargs = {NAMES.get(name, name): value for name, value in call.kwargs.items()}
    args = list(call.args)
    if "request" in kwargs and call.method in BODIES:
        kwargs[BODIES[call.method]] = kwargs.pop("request")
    if call.is_scan or call.method.startswith("find_"):
        # a list takes its filters as keywords, and sort keys as text
        request = next((value for value in (*args, kwargs.pop("request", None)) if isinstance(value, KitObject)), KitObject())
        args = [value for value in args if not isinstance(value, KitObject)]
        kwargs |= {NAMES.get(name, name): value for name, value in request.unstructure().items()}
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
    if isinstance(kwargs.get("sort"), str):
        kwargs["sort"] = kwargs["sort"].split(",")
    return args, kwargs


def _difference(call: Recorded, sent: list[tuple[str, bytes]]) -> str:
    wanted = call.exchanges[0]
    same = [(line, body) for line, body in sent if urlsplit(line.split(" ")[1]).path == wanted["path"]]
    if not sent:
        return "nothing was sent"
    line, body = (same or sent)[0]
    method, url = line.split(" ")
    parts = {
        "request": (f"{wanted['method']} {wanted['path']}", f"{method} {urlsplit(url).path}"),
        "query": (_query(wanted["query"]), _query(parse_qsl(urlsplit(url).query, keep_blank_values=True))),
        "body": (_json(wanted["body"]), _json(body.decode())),
    }
    if "limit" not in parts["query"][0]:
        parts["query"][1].pop("limit", None)  # type: ignore[union-attr]
    return "; ".join(f"{name}: {ours!r} instead of {kits!r}" for name, (kits, ours) in parts.items() if kits != ours)


def _query(items: list[Any]) -> dict[str, str]:
    """Return the query; an operation id is another one in each call."""
    return {name: "*" if name == "operation_id" else value for name, value in items}


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None

"""HTTP requests -> who asks, how often, and which function answers; every answer is noted."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Match

from ._agenda import settle
from ._calls import Answer, Call
from ._errors import ServiceError
from ._quota import REQUESTS_PER_SECOND, Quota
from ._routes import routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from ._store import Store

_REQUESTS_KEPT = 10_000
_logger = logging.getLogger("toloka_frames.local")


@dataclass(frozen=True)
class Request:
    """One request that was answered.

    Attributes:
        method: The HTTP method.
        path: The path without the query, such as `/api/v1/tasks`.
        query: The query's parameters.
        status: The HTTP status of the answer.
        size: The bytes of the answer's body.
    """

    method: str
    path: str
    query: dict[str, str]
    status: int
    size: int


class Service:
    """The ASGI application; `requests` are the latest it answered, oldest first."""

    def __init__(self, store: Store, token: str) -> None:
        self.requests: deque[Request] = deque(maxlen=_REQUESTS_KEPT)
        self._store = store
        self._credentials = {f"ApiKey {token}", f"OAuth {token}"}
        self._quota = Quota(REQUESTS_PER_SECOND, 1)
        self._routes = routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = HttpRequest(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        answer = self._answer(request, body)
        size, query = len(answer.body), dict(request.query_params)
        self.requests.append(Request(request.method, request.url.path, query, answer.status, size))
        await Response(answer.body, answer.status, media_type="application/json")(scope, receive, send)

    def _answer(self, request: HttpRequest, body: bytes) -> Answer:
        try:
            self._admit(request, body)
            handler, path = self._find(request.scope)
            settle(self._store)
            with self._store.transaction():
                return handler(self._store, Call(path, dict(request.query_params), body))
        except ServiceError as error:
            return Answer(error.status, error.body())
        except orjson.JSONEncodeError:  # what was read from a body could not be written to the store
            return Answer(400, ServiceError(400, "VALIDATION_ERROR", "Body is nested too deeply").body())
        except Exception:
            _logger.exception("%s %s failed", request.method, request.url.path)
            return Answer(500, ServiceError(500, "INTERNAL_ERROR", "The service has a defect; see its log").body())

    def _admit(self, request: HttpRequest, body: bytes) -> None:
        if request.headers.get("Authorization") not in self._credentials:
            raise ServiceError(401, "AUTHENTICATION_ERROR", "Authorization is missing or not the token of this service")
        if request.headers.get("X-Act-Under-Account-ID", self._store.owner["id"]) != self._store.owner["id"]:
            raise ServiceError(403, "ACCESS_DENIED", "That account has not shared its access")
        self._quota.spend(1)
        if body and request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise ServiceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")

    def _find(self, scope: Scope) -> tuple[Callable[[Store, Call], Answer], dict[str, str]]:
        matches = [(route, *route.matches(scope)) for route in self._routes]
        for route, match, child in matches:
            if match is Match.FULL:
                return route.endpoint, child["path_params"]
        if any(match is Match.PARTIAL for _, match, _ in matches):
            raise ServiceError(405, "METHOD_NOT_ALLOWED", f"{scope['path']} has no {scope['method']}")
        raise ServiceError(404, "NOT_FOUND", f"There is no {scope['path']}")

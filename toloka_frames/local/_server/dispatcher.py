"""HTTP requests -> who asks, how often, which function answers and what is planned to go wrong; each is noted."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson
from starlette.routing import Match

from toloka_frames.local._api.operations import doom
from toloka_frames.local._api.quota import REQUESTS_PER_SECOND, Quota
from toloka_frames.local._api.request import Call
from toloka_frames.local._base.answers import Answer
from toloka_frames.local._base.errors import ServiceError
from toloka_frames.local._faults.exchange import Reply, Request
from toloka_frames.local._server.routes import routes
from toloka_frames.local._server.scheduler import settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request as HttpRequest
    from starlette.types import Scope

    from toloka_frames.local._faults.fault_plan import Plan
    from toloka_frames.local._store.store import Store

_REQUESTS_KEPT = 10_000
_BEGUN = 202
_logger = logging.getLogger("toloka_frames.local")


class Service:
    """Answers HTTP requests; `requests` are the latest, oldest first."""

    def __init__(self, store: Store, token: str, plan: Plan) -> None:
        self.requests: deque[Request] = deque(maxlen=_REQUESTS_KEPT)
        self._store = store
        self._plan = plan
        self._credentials = {f"ApiKey {token}", f"OAuth {token}"}
        self._quota = Quota(REQUESTS_PER_SECOND, 1)
        self._routes = routes()

    async def __call__(self, http: HttpRequest, body: bytes) -> Reply:
        """What goes out for one request."""
        request = Request(http.method, http.url.path, dict(http.query_params))
        reply = Reply()
        try:
            reply = await self._reply(request, http, body)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.path)
            defect = ServiceError(500, "INTERNAL_ERROR", "The service has a defect; see its log")
            reply = Reply(Answer(defect.status, defect.body()))
        finally:
            self.requests.append(replace(request, status=reply.status, size=reply.size))
        return reply

    async def _reply(self, request: Request, http: HttpRequest, body: bytes) -> Reply:
        reply, ended = await self._plan.strike("before", request, Reply())
        if ended:
            return reply
        answer = self._answer(request, http, body)
        answered = replace(request, status=answer.status, size=len(answer.body))
        reply, _ = await self._plan.strike("after", answered, Reply(answer))
        return reply

    def _answer(self, request: Request, http: HttpRequest, body: bytes) -> Answer:
        try:
            self._admit(http, body)
            handler, path = self._find(http.scope)
            # in transactions of its own, since a call that is refused takes its own back
            settle(self._store)
            with self._store.transaction():
                answer = handler(self._store, Call(path, request.query, body, partial(self._plan.hidden, request)))
                if answer.status == _BEGUN and self._plan.fails(request):
                    doom(self._store, answer)
                return answer
        except ServiceError as error:
            return Answer(error.status, error.body())
        except orjson.JSONEncodeError:  # what was read from a body could not be written to the store
            return Answer(400, ServiceError(400, "VALIDATION_ERROR", "Body is nested too deeply").body())

    def _admit(self, http: HttpRequest, body: bytes) -> None:
        if http.headers.get("Authorization") not in self._credentials:
            raise ServiceError(401, "AUTHENTICATION_ERROR", "Authorization is missing or not the token of this service")
        if http.headers.get("X-Act-Under-Account-ID", self._store.owner["id"]) != self._store.owner["id"]:
            raise ServiceError(403, "ACCESS_DENIED", "That account has not shared its access")
        self._quota.spend(1)
        if body and http.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise ServiceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")

    def _find(self, scope: Scope) -> tuple[Callable[[Store, Call], Answer], dict[str, str]]:
        matches = [(route, *route.matches(scope)) for route in self._routes]
        for route, match, child in matches:
            if match is Match.FULL:
                return route.endpoint, child["path_params"]
        if any(match is Match.PARTIAL for _, match, _ in matches):
            raise ServiceError(405, "METHOD_NOT_ALLOWED", f"{scope['path']} has no {scope['method']}")
        raise ServiceError(404, "NOT_FOUND", f"There is no {scope['path']}")

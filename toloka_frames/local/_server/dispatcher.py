"""Dispatch HTTP requests: check host and token, apply rate limit and planned faults, call the handler, record the request."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson
from starlette.routing import Match

from toloka_frames.local._api.operations import fail_at_end
from toloka_frames.local._api.rate_limit import REQUESTS_PER_SECOND, RateLimit
from toloka_frames.local._api.request import ApiRequest
from toloka_frames.local._base.errors import ServiceError
from toloka_frames.local._base.responses import Response
from toloka_frames.local._faults.exchange import Delivery, Request
from toloka_frames.local._server.routes import routes
from toloka_frames.local._server.scheduler import run_due_jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request as HttpRequest
    from starlette.types import Scope

    from toloka_frames.local._faults.fault_plan import FaultPlan
    from toloka_frames.local._store.store import Store

_MAX_RECORDED_REQUESTS = 10_000
_OPERATION_BEGUN = 202
# names of this machine besides the address that the service listens at
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORT = 80
_logger = logging.getLogger("toloka_frames.local")


class Dispatcher:
    """Makes the response to each HTTP request; `requests` are the latest ones, oldest first."""

    def __init__(self, store: Store, token: str, plan: FaultPlan) -> None:
        self.requests: deque[Request] = deque(maxlen=_MAX_RECORDED_REQUESTS)
        self._store = store
        self._plan = plan
        self._credentials = {f"ApiKey {token}", f"OAuth {token}"}
        self._rate_limit = RateLimit(REQUESTS_PER_SECOND, 1)
        self._routes = routes()

    async def __call__(self, http: HttpRequest, body: bytes) -> Delivery:
        """Process and record one request; return what to send for it."""
        request = Request(http.method, http.url.path, dict(http.query_params))
        delivery = Delivery()
        try:
            delivery = await self._deliver(request, http, body)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.path)
            defect = ServiceError(500, "INTERNAL_ERROR", "The service has a defect; see its log")
            delivery = Delivery(Response(defect.status, defect.body()))
        finally:
            self.requests.append(replace(request, status=delivery.status, size=delivery.size))
        return delivery

    async def _deliver(self, request: Request, http: HttpRequest, body: bytes) -> Delivery:
        try:
            _check_host(http)
        except ServiceError as error:  # before planned faults, which are for requests of this service
            return Delivery(Response(error.status, error.body()))
        delivery, ended = await self._plan.apply("before", request, Delivery())
        if ended:
            return delivery
        response = self._respond(request, http, body)
        with_status = replace(request, status=response.status, size=len(response.body))
        delivery, _ = await self._plan.apply("after", with_status, Delivery(response))
        return delivery

    def _respond(self, request: Request, http: HttpRequest, body: bytes) -> Response:
        try:
            self._check(http, body)
            handler, path_params = self._find_handler(http.scope)
            # in transactions of their own, because a rejected request rolls back its own
            run_due_jobs(self._store)
            with self._store.transaction():
                hidden_seconds = partial(self._plan.hidden_seconds, request)
                response = handler(self._store, ApiRequest(path_params, request.query, body, hidden_seconds))
                if response.status == _OPERATION_BEGUN and self._plan.fails_operation(request):
                    fail_at_end(self._store, response)
                return response
        except ServiceError as error:
            return Response(error.status, error.body())
        except orjson.JSONEncodeError:  # orjson reads deeper nesting than it writes, to the store
            return Response(400, ServiceError(400, "VALIDATION_ERROR", "Body is nested too deeply").body())

    def _check(self, http: HttpRequest, body: bytes) -> None:
        if http.headers.get("Authorization") not in self._credentials:
            raise ServiceError(401, "AUTHENTICATION_ERROR", "Authorization is missing or not the token of this service")
        if http.headers.get("X-Act-Under-Account-ID", self._store.owner["id"]) != self._store.owner["id"]:
            raise ServiceError(403, "ACCESS_DENIED", "That account has not shared its access")
        self._rate_limit.spend(1)
        if body and http.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise ServiceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")

    def _find_handler(self, scope: Scope) -> tuple[Callable[[Store, ApiRequest], Response], dict[str, str]]:
        matches = [(route, *route.matches(scope)) for route in self._routes]
        for route, match, child_scope in matches:
            if match is Match.FULL:
                return route.endpoint, child_scope["path_params"]
        if any(match is Match.PARTIAL for _, match, _ in matches):
            raise ServiceError(405, "METHOD_NOT_ALLOWED", f"{scope['path']} has no {scope['method']}")
        raise ServiceError(404, "NOT_FOUND", f"There is no {scope['path']}")


def _check_host(http: HttpRequest) -> None:
    """Reject a request for another host.

    A page of the internet can let its own name point to this machine (DNS rebinding); its requests then come from the browser
    of this machine, but have that name in their Host header.
    """
    address, port = http.scope["server"]
    names = dict.fromkeys((*_HOSTS, address))
    hosts = [f"{name}:{port}" for name in names]
    given = http.headers.get("Host", "").lower()
    if given not in hosts and not (port == _DEFAULT_PORT and given in names):
        message = f"Host is {given!r}, but this service is only at {', '.join(hosts)}; send one of these in the Host header"
        raise ServiceError(421, "MISDIRECTED_REQUEST", message)

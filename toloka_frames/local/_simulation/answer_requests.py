"""The local service's own call `POST /local/answer`, by which other processes let simulated Tolokers work.

Its body is an object with `pool_id` and the arguments of `LocalToloka.answer` except `solve`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.pool_lifecycle import find_pool
from toloka_frames.local._base.errors import ServiceError, conflict, does_not_exist, field_error, invalid
from toloka_frames.local._base.responses import Response, json_response
from toloka_frames.local._simulation.idle_crowd import why_idle
from toloka_frames.local._simulation.live_work import start_live_work
from toloka_frames.local._simulation.not_simulated import log_not_simulated
from toloka_frames.local._simulation.past_work import answer_pool
from toloka_frames.local._simulation.work import Crowd

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Row, Store

_logger = logging.getLogger("toloka_frames.local")
_TYPES: dict[str, tuple[type, ...]] = {
    "workers": (int,),
    "accuracy": (int, float),
    "seed": (int,),
    "dropouts": (int, float),
    "live": (bool,),
    "speed": (int, float),
}


def answer(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the number of assignments created; 400, 404 or 409 for what `LocalToloka.answer` refuses."""
    form = request.json_object("pool_id")
    pool_id = str(form.pop("pool_id"))
    pool = find_pool(store, pool_id)
    if pool is None:
        raise does_not_exist("pool", pool_id)
    _check_types(form)
    live, speed = form.pop("live", False), form.pop("speed", 1.0)
    if not live and pool["status"] != "OPEN":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool_id} is {pool['status']}: open it first")
    try:
        response = json_response({"assignments": _answer(store, pool_id, Crowd(**form), live=live, speed=speed)})
    except ValueError as error:
        raise ServiceError(400, "VALIDATION_ERROR", str(error)) from error
    log_not_simulated(store, pool_id)
    return response


def _answer(store: Store, pool_id: str, crowd: Crowd, *, live: bool, speed: float) -> int:
    if not live:
        work = answer_pool(store, pool_id, crowd)
        if idle := why_idle(store, pool_id, work):
            _logger.warning(idle)
        return work.created
    start_live_work(store, pool_id, crowd, speed)
    return 0


def _check_types(form: Row) -> None:
    wrong = {name: field_error("VALUE_NOT_ALLOWED") for name, value in form.items() if not _is_allowed(name, value)}
    if wrong:
        raise invalid(wrong)


def _is_allowed(name: str, value: Any) -> bool:
    types = _TYPES.get(name, ())
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))

"""Base class of all calls: build the path and the JSON body of a request, send it, and return the object of the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError, NotFound
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._transport.http import OPERATION, decode_object, json_body
from toloka_frames._validation import flag, flag_or_none, id_text, path_part, validate

if TYPE_CHECKING:
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id


class BaseCalls:
    """Requests for single objects. Paths are templates: each `{}` takes one of the ids, percent-encoded."""

    service: ApiClient

    async def _get(self, path: str, *ids: Id, query: Mapping[str, str] | None = None) -> Row:
        return await run_on_loop(self.service.get(build_path(path, *ids), query=query))

    async def _post(
        self,
        path: str,
        *ids: Id,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool = False,
        returns: Sequence[str] = ("id",),
    ) -> Row:
        return await self._send("POST", build_path(path, *ids), body, query, repeatable, returns)

    async def _put(
        self,
        path: str,
        *ids: Id,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        returns: Sequence[str] = ("id",),
    ) -> Row:
        values = {"id": ids[-1]} if ids else {}
        return await self._send("PUT", build_path(path, *ids), body, None, True, returns, **values)

    async def _patch(self, path: str, *ids: Id, body: Mapping[str, Any], open_pool: bool | None = None) -> Row:
        path = build_path(path, *ids)
        query = {} if open_pool is None else {"open_pool": validate("open_pool", flag, open_pool)}
        values = {name: body[name] for name in ("status",) if name in body}
        return await self._send("PATCH", path, body, query, True, ("id",), id=ids[-1], **values)

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, str] | None,
        repeatable: bool,
        returns: Sequence[str],
        **values: Any,
    ) -> Row:
        """Send a request that changes something, and return the object of the response; it has these fields and values."""
        content = None if body is None else json_body(body)
        request = {"method": method, "path": path, "query": query, "content": content, "repeatable": repeatable}
        return await run_on_loop(_decoded(self.service, request, returns, values))

    async def _run_action(self, path: str, *ids: Id, returns: Sequence[str] = OPERATION) -> Row | None:
        """POST without a body; return the operation that was started, or None if there is nothing to do."""
        return await run_on_loop(self.service.act(build_path(path, *ids), returns))

    async def _delete(self, path: str, *ids: Id) -> None:
        await run_on_loop(_delete(self.service, build_path(path, *ids)))

    async def _create_in_bulk(
        self,
        kind: BulkCreation,
        objects: Any,
        operation_id: Id | None,
        async_mode: bool,
        flags: Mapping[str, bool | None],
    ) -> Row:
        """Create one object or a list of objects in one request."""
        flags = {"async_mode": async_mode, **flags}
        query = {name: validate(name, flag_or_none, value) for name, value in flags.items() if value is not None}
        if operation_id is not None:
            query["operation_id"] = id_text("operation_id", operation_id)
        rows = [objects] if isinstance(objects, Mapping) else objects
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise InputError(
                f"The {kind.name} must be a dict or a list of dicts, not a {type(objects).__name__}.",
                hint=f"To upload a DataFrame, use df.pipe(tf.create_{kind.name.replace(' ', '_')}, client, ...).",
            )
        # the service ignores the operation_id of a synchronous request (Toloka API, "Create single/multiple tasks")
        repeatable = operation_id is not None and async_mode
        is_list = rows is objects
        return await run_on_loop(_create_in_bulk(self.service, kind, len(rows), query, json_body(objects), repeatable, is_list))


def build_path(path: str, *ids: Id) -> str:
    """Fill the placeholders of a path with percent-encoded ids.

    Raises:
        InputError: If an id is not valid.
    """
    return path.format(*(validate("id", path_part, id_) for id_ in ids))


async def _decoded(service: ApiClient, request: Mapping[str, Any], returns: Sequence[str], values: Mapping[str, Any]) -> Row:
    return decode_object(await service.send(**request), returns, **values)


async def _create_in_bulk(
    service: ApiClient,
    kind: BulkCreation,
    count: int,
    query: Mapping[str, str],
    body: bytes,
    repeatable: bool,
    is_list: bool,
) -> Row:
    if kind.quota is not None:
        await service.rate_limiter.objects(kind.quota, count)
    if repeatable:
        return await operations.start(service, kind.path, query, body)
    returns = OPERATION if query.get("async_mode") == "true" else ("items",) if is_list else ("id",)
    return decode_object(await service.send("POST", kind.path, query=query, content=body, repeatable=False), returns)


async def _delete(service: ApiClient, path: str) -> None:
    try:
        await service.send("DELETE", path, repeatable=True)
    except NotFound as error:
        # an earlier attempt whose response was lost may have deleted it; the 404 of a proxy shows nothing
        if error.code is None or not error.may_have_taken_effect:
            raise

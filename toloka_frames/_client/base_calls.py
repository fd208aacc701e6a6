"""Base class of all calls: build the path and the JSON body of a request, send it, and return the object of the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError, NotFound
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._transport.bodies import as_dict, as_json, json_body
from toloka_frames._transport.http import OPERATION, decode_object
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import flag, one_of, path_part, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import Timeout
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
        body: JsonObject | None = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool = False,
        returns: Sequence[str] = ("id",),
    ) -> Row:
        return await self._send("POST", build_path(path, *ids), body, query, repeatable, returns)

    async def _put(
        self,
        path: str,
        *ids: Id,
        body: JsonObject | Sequence[JsonObject],
        returns: Sequence[str] = ("id",),
    ) -> Row:
        values = {"id": ids[-1]} if ids else {}
        return await self._send("PUT", build_path(path, *ids), body, None, True, returns, **values)

    async def _patch(self, path: str, *ids: Id, body: Mapping[str, Any], open_pool: bool | None = None) -> Row:
        path = build_path(path, *ids)
        query = {} if open_pool is None else {"open_pool": validate("open_pool", flag, open_pool)}
        # the status as JSON has it, because it may be an enum
        values = {name: as_json(body[name]) for name in ("status",) if name in body}
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

    async def _after(
        self, operation: Row | None, timeout: Timeout, progress: ProgressArg, path: str, id_: Id | None = None
    ) -> Row:
        """Wait for an operation and return an object as it is then.

        Args:
            operation: The operation; None if there was nothing to do.
            timeout: As in `wait_operation`.
            progress: As in `wait_operation`.
            path: The path of the object.
            id_: Its id; None for the object that the operation has created, whose id is in `details`.
        """
        if operation is not None:
            operation = await run_on_loop(operations.wait(self.service, operation, timeout, progress))
        return await self._get(path, _created_id(operation) if id_ is None else id_)


def build_path(path: str, *ids: Id) -> str:
    """Fill the placeholders of a path with percent-encoded ids.

    Raises:
        InputError: If an id is not valid.
    """
    return path.format(*(validate("id", path_part, id_) for id_ in ids))


def merge_fields(name: str, fields: JsonObject | None, /, **keywords: Any) -> dict[str, Any]:
    """Return the fields of an object of the API, which a call takes as a dict, as keywords, or as both.

    Args:
        name: The parameter of the dict.
        fields: The dict, or an object of Toloka-Kit; None if there are only keywords.
        keywords: Fields by name; None for those that are not sent.

    Raises:
        InputError: If there are no fields, or a field is in the dict and also a keyword.
    """
    sent = {key: value for key, value in keywords.items() if value is not None}
    if fields is None:
        if not sent:
            raise InputError(f"Nothing to send: give {name}=, or {', '.join(f'{key}=' for key in keywords)}.", column=name)
        return sent
    body = as_dict(name, fields)
    if repeated := [key for key in sent if key in body]:
        raise InputError(f"{repeated[0]} is given twice: in {name} and as {repeated[0]}=.", column=repeated[0])
    return body | sent


def choice(name: str, values: Any, value: Any) -> str | None:
    """Return a value of an enumeration as text, or None if it is not given.

    Args:
        name: The parameter.
        values: The enumeration, a Literal type.
        value: The value: text or an enum.

    Raises:
        InputError: If it is not one of the values.
    """
    return None if value is None else validate(name, one_of(values), value)


def _created_id(operation: Row | None) -> str:
    """Return the id of the pool or training that an ended operation has created."""
    details = None if operation is None else operation.get("details")
    ids = [details.get(name) for name in ("pool_id", "training_id")] if isinstance(details, dict) else []
    for id_ in ids:
        if isinstance(id_, str):
            return id_
    error = bad_answer(200, operation, "an operation with the id of the clone in its details was expected")
    error.may_have_taken_effect = True
    raise error


async def _decoded(service: ApiClient, request: Mapping[str, Any], returns: Sequence[str], values: Mapping[str, Any]) -> Row:
    return decode_object(await service.send(**request), returns, **values)


async def _delete(service: ApiClient, path: str) -> None:
    try:
        await service.send("DELETE", path, repeatable=True)
    except NotFound as error:
        # an earlier attempt whose response was lost may have deleted it; the 404 of a proxy shows nothing
        if error.code is None or not error.may_have_taken_effect:
            raise

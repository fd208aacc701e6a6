"""A path and a body come in, what the service answers goes out as a dict: what all single calls are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError, NotFound
from toloka_frames._runtime.event_loop import run_on_loop
from toloka_frames._transport import operations
from toloka_frames._transport.http import decode_json, json_body
from toloka_frames._validation import flag, flag_or_none, path_part, text, validate

if TYPE_CHECKING:
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._transport.http import ApiClient


class Calls:
    """The kinds of single calls; ids in their paths are quoted, bodies are JSON."""

    service: ApiClient

    async def _get(self, path: str, *ids: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await run_on_loop(self.service.get(build_path(path, *ids), query=query))

    async def _act(self, path: str, *ids: str) -> dict[str, Any] | None:
        return await run_on_loop(self.service.act(build_path(path, *ids)))

    async def _start(self, path: str, *ids: str) -> dict[str, Any]:
        return await run_on_loop(_started(self.service, build_path(path, *ids)))

    async def _make(
        self, path: str, *ids: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return await run_on_loop(self.service.post(build_path(path, *ids), query or {}, json_body(body), repeatable=False))

    async def _create(
        self, kind: BulkCreation, objects: Any, operation_id: str | None, async_mode: bool, **flags: bool | None
    ) -> dict[str, Any]:
        """Have one object or a list of them made in one request."""
        flags = {"async_mode": async_mode, **flags}
        query = {name: validate(name, flag_or_none, flag) for name, flag in flags.items() if flag is not None}
        if operation_id is not None:
            query["operation_id"] = validate("operation_id", text, operation_id)
        rows = [objects] if isinstance(objects, Mapping) else objects
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise InputError(
                f"The {kind.name} are a {type(objects).__name__}: a dict or a list of dicts is needed.",
                hint=f"A whole frame goes up with df.pipe(tf.create_{kind.name.replace(' ', '_')}, client, ...).",
            )
        # without async_mode the service does not heed the key (Toloka API, "Create single/multiple tasks")
        keyed = operation_id is not None and async_mode
        return await run_on_loop(_created(self.service, kind, len(rows), query, json_body(objects), keyed))

    async def _read(self, path: str, *ids: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a POST that changes nothing answers."""
        return await run_on_loop(self.service.post(build_path(path, *ids), {}, json_body(body), repeatable=True))

    async def _put(self, path: str, *ids: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return await run_on_loop(_set(self.service, "PUT", build_path(path, *ids), {}, json_body(body)))

    async def _patch(self, path: str, *ids: str, body: Mapping[str, Any], open_pool: bool | None = None) -> dict[str, Any]:
        query = {} if open_pool is None else {"open_pool": validate("open_pool", flag, open_pool)}
        return await run_on_loop(_set(self.service, "PATCH", build_path(path, *ids), query, json_body(body)))

    async def _delete(self, path: str, *ids: str) -> None:
        await run_on_loop(_delete(self.service, build_path(path, *ids)))


def build_path(path: str, *ids: str) -> str:
    """A path with ids in the places of its braces."""
    return path.format(*(validate("id", path_part, id_) for id_ in ids))


async def _created(
    service: ApiClient, kind: BulkCreation, count: int, query: Mapping[str, str], body: bytes, keyed: bool
) -> dict[str, Any]:
    if kind.quota is not None:
        await service.rate_limiter.objects(kind.quota, count)
    if keyed:
        return await operations.start(service, kind.path, query, body)
    return await service.post(kind.path, query, body, repeatable=False)


async def _started(service: ApiClient, path: str) -> dict[str, Any]:
    return decode_json(await service.send("POST", path, repeatable=False), dict)


async def _set(service: ApiClient, method: str, path: str, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """What was set twice is set."""
    return decode_json(await service.send(method, path, query=query, content=body, repeatable=True), dict)


async def _delete(service: ApiClient, path: str) -> None:
    """What is gone after a try whose answer was lost has been deleted by that try."""
    try:
        await service.send("DELETE", path, repeatable=True)
    except NotFound as error:
        if not error.may_have_taken_effect:
            raise

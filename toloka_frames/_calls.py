"""A path and a body come in, what the service answers goes out as a dict: what all single calls are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._answers import decoded
from toloka_frames._errors import NotFound
from toloka_frames._filters import checked, flag, path_part
from toloka_frames._http import json_body
from toloka_frames._sync import on_our_loop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._http import Service


class Calls:
    """The kinds of single calls; ids in their paths are quoted, bodies are JSON."""

    service: Service

    async def _get(self, path: str, *ids: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await on_our_loop(self.service.get(filled(path, *ids), query=query))

    async def _act(self, path: str, *ids: str) -> dict[str, Any] | None:
        return await on_our_loop(self.service.act(filled(path, *ids)))

    async def _start(self, path: str, *ids: str) -> dict[str, Any]:
        return await on_our_loop(_started(self.service, filled(path, *ids)))

    async def _make(
        self, path: str, *ids: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return await on_our_loop(self.service.post(filled(path, *ids), query or {}, json_body(body), repeatable=False))

    async def _read(self, path: str, *ids: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a POST that changes nothing answers."""
        return await on_our_loop(self.service.post(filled(path, *ids), {}, json_body(body), repeatable=True))

    async def _put(self, path: str, *ids: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return await on_our_loop(_set(self.service, "PUT", filled(path, *ids), {}, json_body(body)))

    async def _patch(self, path: str, *ids: str, body: Mapping[str, Any], open_pool: bool | None = None) -> dict[str, Any]:
        query = {} if open_pool is None else {"open_pool": checked("open_pool", flag, open_pool)}
        return await on_our_loop(_set(self.service, "PATCH", filled(path, *ids), query, json_body(body)))

    async def _delete(self, path: str, *ids: str) -> None:
        await on_our_loop(_delete(self.service, filled(path, *ids)))


def filled(path: str, *ids: str) -> str:
    """A path with ids in the places of its braces."""
    return path.format(*(checked("id", path_part, id_) for id_ in ids))


async def _started(service: Service, path: str) -> dict[str, Any]:
    return decoded(await service.send("POST", path, repeatable=False), dict)


async def _set(service: Service, method: str, path: str, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """What was set twice is set."""
    return decoded(await service.send(method, path, query=query, content=body, repeatable=True), dict)


async def _delete(service: Service, path: str) -> None:
    """What is gone after a try whose answer was lost has been deleted by that try."""
    try:
        await service.send("DELETE", path, repeatable=True)
    except NotFound as error:
        if not error.may_have_taken_effect:
            raise

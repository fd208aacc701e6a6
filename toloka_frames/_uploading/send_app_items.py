"""Chunks of app items come in, each is sent once, and what became of each row goes to the results.

These requests have no key (Apps API), so none is repeated blindly: what has no answer is looked for among the items that the
service lists. A request makes all its items or none, except with ignore_errors, which only batches have.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from toloka_frames._client.base_calls import build_path
from toloka_frames._errors import OutcomeUnknown, TolokaError, TooLarge
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.bulk import CREATE_APP_BATCH, CREATE_APP_ITEMS
from toloka_frames._schema.lists import APP_BATCHES, APP_ITEMS
from toloka_frames._transport.responses import bad_answer, decode_ids
from toloka_frames._uploading.results import NO_ERROR
from toloka_frames._uploading.send import ChunkSender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
    from datetime import datetime

    from toloka_frames._errors import ApiError
    from toloka_frames._schema.lists import Resource
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.requests import Chunk


T = TypeVar("T")

# lists show rows a minute late, and no service works longer on a request that nobody waits for: then it never came
GIVE_UP_AFTER = timedelta(minutes=5)
# the clock that dates answers and the one that dates items may differ
CLOCK_SKEW = timedelta(minutes=5)
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)  # seconds, in which what was made is listed
BATCH = "/app/v0/app-projects/{}/batches/{}"
LOOK_AGAIN = "Nothing was sent twice: the same call and tf.reconcile look again, client.get_app_items(...) shows what is there."
LOOK_LATER = "Nothing was sent twice: if no item of it is listed at {}, the same call takes it as not sent, and sends it then."
NO_ITEM: Any = "No item was made of this row."
OF_BATCHES_ONLY = ("priority_order",)


class AppItemSender(ChunkSender):
    """Requests that have no id of ours: what is listed tells whether one without an answer took effect."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._project = self._record.place["app_project_id"]
        self._batch_id = ""
        self._doubt: OutcomeUnknown | None = None

    @property
    def error(self) -> Exception | None:
        """What it could not find out, or else what stopped it."""
        return self._doubt or self._crew.error

    async def send(self, chunks: Sequence[Chunk], concurrency: int) -> None:
        """Send chunks, so many at once; the first one alone where it makes the batch for the others."""
        if "ignore_errors" in self.flags:
            concurrency = 1  # a batch tells what was wrong with rows of its latest request only
        self._batch_id = _batch_of(chunks)
        chunks = sorted(chunks, key=lambda chunk: chunk.sent_as is None)  # what was begun is looked for first
        alone = int(self._makes_batch)
        await self._crew.do(chunks[:alone], 1, self._create)
        if not self._makes_batch:
            await self._crew.do(chunks[alone:], concurrency, self._create)

    async def look(self, chunks: Sequence[Chunk]) -> None:
        """Look for what was begun, and send nothing."""
        self._batch_id = _batch_of(chunks)
        for chunk in chunks:
            await self._found(replace(chunk, pool_id=self._batch_id))

    async def open(self, pool_id: str) -> None:
        """Start a batch, unless that was done before."""
        path = build_path(BATCH, self._project, pool_id)

        async def status() -> str | None:
            said = (await self._service.get(path)).get("status")
            return None if said == "LOADING" else str(said)

        loaded = await self._told(status, "items that are being loaded")
        if loaded is None:
            raise TolokaError(f"The batch {pool_id} is still loading its items.")
        if loaded == "NEW":
            await self._service.act(f"{path}/start")

    @property
    def _makes_batch(self) -> bool:
        return self._record.kind is CREATE_APP_BATCH and not self._batch_id

    async def _create(self, chunk: Chunk, free: Callable[[], None]) -> None:  # noqa: ARG002 -- its end is its answer
        chunk = replace(chunk, pool_id=self._batch_id)
        if chunk.sent_as is None or await self._found(chunk) is False:
            await self._send(replace(chunk, sent_as=None))

    async def _send(self, chunk: Chunk) -> None:
        if self._crew.stopping:
            raise asyncio.CancelledError
        await self._begun(chunk, chunk.operation_id)
        try:
            answer = await self._post(chunk)
        except TooLarge as error:
            await self._refused(chunk, error)
            if len(chunk.rows) == 1:
                raise
            await self._halve(chunk)
        except TolokaError as error:
            if not error.may_have_taken_effect:
                await self._refused(chunk, error)
                raise
            with suppress(TolokaError):  # that it cannot be looked for now is no news
                if await self._found(chunk):
                    return
            raise
        else:
            await (self._settle_batch if isinstance(answer, dict) else self._settle)(chunk, answer)

    async def _post(self, chunk: Chunk) -> Any:
        """The batch that was made, or the ids of items."""
        if self._makes_batch:
            body = _body(chunk, self.flags, {"name": self._record.place.get("name")})
            path = build_path(self._record.kind.path, self._project)
            return _batch(await self._service.post(path, {}, body, repeatable=False))
        body, path = _body(chunk, self.flags, {"batch_id": chunk.pool_id}), build_path(CREATE_APP_ITEMS.path, self._project)
        return decode_ids(await self._service.send("POST", path, content=body, repeatable=False))

    async def _settle_batch(self, chunk: Chunk, batch: Mapping[str, Any]) -> None:
        """Write down the batch, and the items of the rows that it does not complain of, which it does not tell."""
        chunk = await self._put_in(chunk, batch["id"])
        refused = complaints(_errors(batch), chunk.rows)
        wanted = {row: each for row, each in inputs_of(chunk).items() if row not in refused}
        found = match(wanted, await self._listed(chunk, len(wanted)))
        if found.missing or found.more:
            raise _doubt(chunk, f"the batch {batch['id']} was made, and its items are others than those that were sent")
        await self._end(chunk, found.made, refused)

    async def _settle(self, chunk: Chunk, ids: Sequence[str]) -> None:
        """Write down an item for each row, in order; where there are fewer, the items themselves tell whose they are."""
        if len(ids) == len(chunk.rows):
            await self._end(chunk, dict(zip(chunk.rows, ids, strict=True)), {})
            return
        found = match(inputs_of(chunk), await self._listed(chunk, len(ids), set(ids)))
        if found.more:
            raise _doubt(chunk, "the items that it made are others than those that were sent")
        refused = await self._reasons(chunk, found.missing)
        await self._end(chunk, found.made, refused or dict.fromkeys(found.missing, NO_ITEM))

    async def _end(self, chunk: Chunk, made: Mapping[int, str], refused: Mapping[int, Any]) -> None:
        self._results.put(chunk.rows, **NO_ERROR, batch_id=chunk.pool_id or None)
        self._results.put(list(made), status="CREATED", object_id=list(made.values()))
        for row, complaint in refused.items():
            self._results.mark_invalid(row, complaint)
        self._meter.rows += len(chunk.rows)
        await self._write_down(chunk, "done")

    def _fail(self, chunk: Chunk, error: ApiError) -> None:
        super()._fail(chunk, error)
        for row, complaint in complaints(error.payload, chunk.rows).items():
            self._results.mark_invalid(row, complaint)

    async def _found(self, chunk: Chunk) -> bool | None:
        """Whether a chunk that has no answer took effect, which settles it; None where that cannot be told yet."""
        begun = await in_thread(self._ledger.begun_at, self._record.id, chunk)
        since = await in_thread(self._ledger.doubt, self._record.id, chunk, self._service.now())
        listed = 0
        for batch_id in await self._candidates(begun):
            found = await self._matched(replace(chunk, pool_id=batch_id), begun)
            if self._makes_batch and found.more:
                continue  # a batch of somebody else
            refused = await self._reasons(replace(chunk, pool_id=batch_id), found.missing)
            if found.made and found.sure and len(refused) == len(found.missing):
                await self._end(await self._put_in(chunk, batch_id), found.made, refused)
                return True
            # in a batch, items that are like no row may be rows of ours that the service has changed
            listed += len(found.made) + (found.more if batch_id else 0)
        if not listed and self._service.now() >= since + GIVE_UP_AFTER:
            await self._withdraw(chunk)
            return False
        when = f"{since + GIVE_UP_AFTER:%Y-%m-%d %H:%M:%S} UTC"
        self._doubt = _doubt(
            chunk, f"{listed:,} items that may be its own are listed", LOOK_AGAIN if listed else LOOK_LATER.format(when)
        )
        self._results.put(chunk.rows, error_message=str(self._doubt))
        return None

    async def _matched(self, chunk: Chunk, begun: datetime) -> Match:
        """The rows of a chunk and what is listed since it was begun, without what is known to be of others."""
        items = await self._items(chunk, begun)
        ours = await in_thread(self._ledger.app_objects, self._record.id)
        others = await in_thread(self._ledger.in_doubt, self._record.id, chunk)
        in_doubt = [each for other in others for each in inputs_of(other).values()]
        whole = "ignore_errors" not in self.flags
        return match(inputs_of(chunk), [item for item in items if item["id"] not in ours], in_doubt, whole=whole)

    async def _candidates(self, begun: datetime) -> list[str]:
        """Where a chunk may be: in its batch, or in one of that name that was made since; "" for items without a batch."""
        if not self._makes_batch:
            return [self._batch_id]
        ours = await in_thread(self._ledger.app_objects, self._record.id)
        batches = await _all(self._service, APP_BATCHES, app_project_id=self._project, created_gte=begun - CLOCK_SKEW)
        name = self._record.place.get("name", "")
        return [each["id"] for each in batches if each["id"] not in ours and (each.get("name") or "") == name]

    async def _put_in(self, chunk: Chunk, batch_id: str) -> Chunk:
        """The chunk in the batch that was made for it and for those behind it."""
        if self._makes_batch:
            self._batch_id = batch_id
            await in_thread(self._ledger.put_in_batch, self._record.id, batch_id)
        return replace(chunk, pool_id=self._batch_id)

    async def _reasons(self, chunk: Chunk, missing: Collection[int]) -> dict[int, dict[str, Any]]:
        """What the batch tells of rows of which no item was made, if its latest import is that of this chunk."""
        if not missing or not chunk.pool_id:
            return {}
        batch = await self._service.get(build_path(BATCH, self._project, chunk.pool_id))
        told = complaints(_errors(batch), chunk.rows)
        return told if set(told) == set(missing) else {}

    async def _listed(self, chunk: Chunk, count: int, ids: Collection[str] | None = None) -> list[dict[str, Any]]:
        """The items that a chunk has made, when so many are listed."""
        begun = await in_thread(self._ledger.begun_at, self._record.id, chunk)

        async def listed() -> list[dict[str, Any]] | None:
            items = [item for item in await self._items(chunk, begun) if ids is None or item["id"] in ids]
            return items if len(items) >= count else None

        items = await self._told(listed, "items that are not listed yet")
        if items is None:
            raise _doubt(chunk, f"{count:,} items were made, and not all of them are listed")
        return items

    async def _told(self, ask: Callable[[], Awaitable[T | None]], wait: str) -> T | None:
        """What the service says as soon as it has something to say; None where it never has."""
        for pause in PAUSES:
            if (said := await ask()) is not None:
                return said
            with self._meter.wait(wait):
                await asyncio.sleep(pause)
        return None

    async def _items(self, chunk: Chunk, begun: datetime) -> list[dict[str, Any]]:
        """The items of the chunk's batch, or those without one, that are as new as it is."""
        place = {"app_project_id": self._project, "batch_id": chunk.pool_id or None, "created_gte": begun - CLOCK_SKEW}
        items = await _all(self._service, APP_ITEMS, **place)
        return [item for item in items if (item.get("batch_id") or "") == chunk.pool_id]


async def _all(service: ApiClient, resource: Resource, **given: Any) -> list[dict[str, Any]]:
    source = Source(service, list_request(resource, given), str(resource.max_limit))
    return [row async for page in source.dicts() for row in page.rows]


def _batch_of(chunks: Sequence[Chunk]) -> str:
    return chunks[0].pool_id if chunks else ""


def _body(chunk: Chunk, flags: Mapping[str, str], place: Mapping[str, str | None]) -> bytes:
    """The JSON text of a request; `place` is the batch that its items go into, or the name of a new one."""
    wishes = {name: said == "true" or said for name, said in flags.items() if "name" in place or name not in OF_BATCHES_ONLY}
    members = json.dumps({**wishes, **{name: value for name, value in place.items() if value}})
    # an item is the input data alone, which stands behind the row's position
    items = b",".join(each.split(b":", 2)[2][:-1] for each in chunk.objects)
    return b'{"items":[' + items + b"]" + (b"," + members[1:].encode() if len(members) > len("{}") else b"}")


def _batch(answer: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(answer.get("id"), str):
        error = bad_answer(200, str(answer).encode(), "a batch was expected")
        error.may_have_taken_effect = True
        raise error
    return answer


def _errors(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch tells of the rows that its latest import has skipped."""
    return {**((batch.get("last_items_import") or {}).get("errors") or {}), **(batch.get("validation_errors") or {})}


def _doubt(chunk: Chunk, what: str, hint: str = LOOK_AGAIN) -> OutcomeUnknown:
    rows = f"{min(chunk.rows):,} to {max(chunk.rows):,}"
    return OutcomeUnknown(f"The request of rows {rows} may have taken effect or not: {what}.", hint=hint)


Inputs: TypeAlias = "Mapping[int, Hashable]"

# Apps API, "Add items in bulk": the key of an error is a position in the request and a field
COMPLAINT = re.compile(r"input_data\.(\d{1,9})(?:\.(.+))?", re.DOTALL)


@dataclass(frozen=True)
class Match:
    """Rows and items.

    Attributes:
        made: The item of each row that has one.
        missing: Rows whose input is not listed.
        sure: Whether the items are of these rows: each input that is listed is there for all that may have made it.
        more: How many items are of no row.
    """

    made: Mapping[int, str]
    missing: Sequence[int]
    sure: bool
    more: int


def match(inputs: Inputs, items: Iterable[Mapping[str, Any]], others: Iterable[Hashable] = (), *, whole: bool = False) -> Match:
    """Give each row an item of its input.

    Args:
        inputs: The input of each row.
        items: Items as the wire has them.
        others: Inputs of other rows, which may have made some of these items.
        whole: Whether all rows were made or none, so that those whose input no other row has tell it of all.
    """
    listed: dict[Hashable, list[str]] = {}
    for item in items:
        listed.setdefault(_comparable(item.get("input_data")), []).append(str(item.get("id")))
    mine, theirs = Counter(inputs.values()), Counter(others)
    if own := {each for each in mine if whole and each not in theirs}:
        sure, none = all(len(listed.get(each, ())) >= mine[each] for each in own), own.isdisjoint(listed)
    else:
        sure, none = all(len(listed[each]) >= mine[each] + theirs[each] for each in mine if each in listed), False
    made = {} if none else {row: listed[each].pop(0) for row, each in inputs.items() if listed.get(each)}
    return Match(made, [row for row in inputs if row not in made], sure, sum(map(len, listed.values())))


def inputs_of(chunk: Chunk) -> Inputs:
    """The input of each row of a chunk of app items, to be compared."""
    return {row: _comparable(json.loads(each)["input_data"]) for row, each in zip(chunk.rows, chunk.objects, strict=True)}


def complaints(errors: Any, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What is wrong with which row: field path to code and message.

    Args:
        errors: Errors of a request or of an import (Apps API, Batch.last_items_import).
        rows: The rows of the request.
    """
    told: dict[int, dict[str, Any]] = {}
    for path, complaint in errors.items() if isinstance(errors, dict) else ():
        found = COMPLAINT.fullmatch(path)
        if found and int(found[1]) < len(rows):
            field = f"input_data.{found[2]}" if found[2] else "input_data"
            told.setdefault(rows[int(found[1])], {})[field] = complaint
    return told


def _comparable(value: Any) -> Hashable:
    """A JSON value as something that is equal where the value is: 1 and 1.0 are, and so are keys in another order."""
    if isinstance(value, dict):
        return frozenset((name, _comparable(each)) for name, each in value.items())
    return tuple(map(_comparable, value)) if isinstance(value, list) else value

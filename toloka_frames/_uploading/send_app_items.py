"""Send the chunks of an upload of app items, and match rows with items where a response was lost.

These requests have no idempotency key (Apps API), so none is repeated blindly: a chunk without a response is searched for among
the items that the service lists. A request creates all its items or none, unless it has ignore_errors, which only batches take.
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
from toloka_frames._errors import ApiError, LedgerError, OutcomeUnknown, TolokaError
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._runtime.tracker import READING, SENDING
from toloka_frames._schema.bulk import CREATE_APP_BATCH, CREATE_APP_ITEMS
from toloka_frames._schema.lists import APP_BATCHES, APP_ITEMS
from toloka_frames._transport.responses import bad_answer, decode_ids
from toloka_frames._uploading import ledger_app_items
from toloka_frames._uploading.ledger_entry import ChunkTakenError
from toloka_frames._uploading.results import NO_ERROR
from toloka_frames._uploading.send import ChunkSender, is_divisible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
    from datetime import datetime

    from toloka_frames._schema.lists import Resource
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.requests import Chunk

Response = TypeVar("Response")

# Lists lag by about a minute, and the service does not work for minutes on a request whose sender is gone. After this time,
# a chunk that is not listed counts as never received.
ABSENT_AFTER = timedelta(minutes=5)
# the clock in the Date header of responses and the clock that dates items may differ
CLOCK_SKEW = timedelta(minutes=5)
# seconds between requests for what was just created; 69 seconds in all, because lists lag by about a minute
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
# A process that sends a chunk records this often that it still does, well within `ABSENT_AFTER`. Another process waits for it
# for about as long as a request takes, and then looks for the items.
HOLD_SECONDS = 60.0
FOLLOW_SECONDS, FOLLOW_POLL_SECONDS = 60.0, 0.2
BATCH_PATH = "/app/v0/app-projects/{}/batches/{}"
LOOK_AGAIN_HINT = (
    "Nothing was sent twice. The same call and tf.reconcile look again; client.get_app_items(...) lists the items."
)
LOOK_LATER_HINT = "Nothing was sent twice. If none of its items is listed at {}, the same call sends the request again."
NO_ITEM: Any = "No item was created from this row."
BATCH_FLAGS = ("priority_order",)


class AppItemSender(ChunkSender):
    """Sends chunks as requests without an idempotency key; lists show whether one without a response took effect."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._project = self._entry.destination["app_project_id"]
        self._batch_id = ""
        self._unknown: OutcomeUnknown | None = None

    @property
    def error(self) -> Exception | None:
        """The error for a chunk whose outcome is unknown, or else the first error that stopped the upload."""
        return self._unknown or self._workers.error

    async def send(self, chunks: list[Chunk], concurrency: int) -> None:
        """Send chunks as `ChunkSender.send` does; the first one alone if it creates the batch for the others."""
        if "ignore_errors" in self.flags:
            concurrency = 1  # a batch reports the errors of its latest request only
        self._batch_id = _batch_of(chunks)
        chunks.sort(key=lambda chunk: chunk.pending_operation_id is None)  # sent earlier: looked up first
        if self._creates_batch and chunks:
            await self._workers.do([chunks.pop(0)], 1, self._create_or_follow)
        if not self._creates_batch:
            await self._workers.do(chunks, concurrency, self._create_or_follow)

    async def look_up(self, chunks: Sequence[Chunk]) -> None:
        """Search for chunks that an earlier call sent, and send nothing."""
        self._batch_id = _batch_of(chunks)
        for chunk in chunks:
            try:
                await self._took_effect(replace(chunk, pool_id=self._batch_id))
            except ChunkTakenError:
                await self._read_again(chunk)

    async def open(self, pool_id: str) -> None:
        """Start a batch, unless it was started before."""
        path = build_path(BATCH_PATH, self._project, pool_id)

        async def status_if_loaded() -> str | None:
            status = (await self._service.get(path)).get("status")
            return None if status == "LOADING" else str(status)

        status = await self._poll(status_if_loaded, "items that are being loaded")
        if status is None:
            raise TolokaError(f"The batch {pool_id} is still loading its items.")
        if status == "NEW":
            await self._service.act(f"{path}/start", ())

    @property
    def _creates_batch(self) -> bool:
        return self._entry.kind is CREATE_APP_BATCH and not self._batch_id

    async def _create(self, chunk: Chunk, release: Callable[[], None]) -> None:  # noqa: ARG002 -- ends with its response
        chunk = replace(chunk, pool_id=self._batch_id)
        if chunk.pending_operation_id is None or await self._took_effect(chunk) is False:
            await self._send(replace(chunk, pending_operation_id=None))

    async def _follow(self, chunk: Chunk, release: Callable[[], None]) -> None:
        """Wait until the process that sends a chunk has recorded its outcome; look for its items if it does not."""
        left, end = await self._read_again(chunk), asyncio.get_running_loop().time() + FOLLOW_SECONDS
        while any(part.pending_operation_id for part in left) and asyncio.get_running_loop().time() < end:
            with self._tracker.wait("another process that sends these rows"):
                await asyncio.sleep(FOLLOW_POLL_SECONDS)
            left = await self._read_again(chunk)
        self._batch_id = self._batch_id or await in_thread(ledger_app_items.batch_of, self._ledger, self._entry.id)
        self._tracker.settle(len(chunk.positions) - sum(len(part.positions) for part in left))
        for part in left:
            await self._create_or_follow(part, release)

    async def _send(self, chunk: Chunk) -> None:
        if self._workers.stopping:
            raise asyncio.CancelledError
        await self._record_sending(chunk, chunk.operation_id)
        self._tracker.enter(SENDING, len(chunk.positions))
        try:
            response = await self._post_while_held(chunk)
        except TolokaError as error:
            with suppress(TolokaError):  # the error of the request is more useful than that of a search
                if await self._took_effect_despite(error, chunk):
                    return
            if error.may_have_taken_effect:
                raise
            await self._record_rejection(chunk, error)
            if not is_divisible(chunk, error):
                raise
            await self._send_halves(chunk)
        else:
            self._tracker.enter(READING)
            await (self._settle_batch if isinstance(response, dict) else self._settle)(chunk, response)

    async def _post_while_held(self, chunk: Chunk) -> Any:
        """Send a chunk, which may take long, and show other processes meanwhile that it is not lost."""
        post = asyncio.ensure_future(self._post(chunk))
        try:
            while not (await asyncio.wait([post], timeout=HOLD_SECONDS))[0]:
                with suppress(LedgerError):  # one that is missed does not matter
                    await in_thread(ledger_app_items.hold_chunk, self._ledger, self._entry.id, chunk)
            return post.result()
        finally:
            post.cancel()
            await asyncio.gather(post, return_exceptions=True)

    async def _post(self, chunk: Chunk) -> Any:
        """Send a chunk; return the batch that was created, or the ids of items."""
        if self._creates_batch:
            body = _body(chunk, self.flags, {"name": self._entry.destination.get("name")})
            path = build_path(self._entry.kind.path, self._project)
            return _check_batch(await self._service.post(path, {}, body, repeatable=False))
        body = _body(chunk, self.flags, {"batch_id": chunk.pool_id})
        path = build_path(CREATE_APP_ITEMS.path, self._project)
        response = await self._service.send("POST", path, content=body, repeatable=False)
        return decode_ids(response, None if "ignore_errors" in self.flags else len(chunk.positions))

    async def _settle_batch(self, chunk: Chunk, batch: Mapping[str, Any]) -> None:
        """Record a new batch, and find the items of the rows for which it reports no error: the response does not name them."""
        chunk = await self._set_batch(chunk, batch["id"])
        rejected = errors_by_row(_batch_errors(batch), chunk.positions)
        wanted = {row: value for row, value in inputs_of(chunk).items() if row not in rejected}
        match = match_items(wanted, await self._created_items(chunk, len(wanted)))
        if match.missing or match.unmatched_items:
            raise _outcome_unknown(
                chunk, f"the batch {batch['id']} was created, but its items differ from the rows that were sent"
            )
        await self._end(chunk, match.item_of_row, rejected)

    async def _settle(self, chunk: Chunk, ids: Sequence[str]) -> None:
        """Record an item for each row, in order; if the response has fewer ids, match the items by their input."""
        if len(ids) == len(chunk.positions):
            await self._end(chunk, dict(zip(chunk.positions, ids, strict=True)), {})
            return
        match = match_items(inputs_of(chunk), await self._created_items(chunk, len(ids), set(ids)))
        if match.unmatched_items:
            raise _outcome_unknown(chunk, "its items differ from the rows that were sent")
        rejected = await self._reported_errors(chunk, match.missing)
        await self._end(chunk, match.item_of_row, rejected or dict.fromkeys(match.missing, NO_ITEM))

    async def _end(self, chunk: Chunk, item_of_row: Mapping[int, str], rejected: Mapping[int, Any]) -> None:
        self._results.put(chunk.positions, **NO_ERROR, batch_id=chunk.pool_id or None)
        self._results.put(list(item_of_row), status="CREATED", object_id=list(item_of_row.values()))
        for row, error in rejected.items():
            self._results.mark_invalid(row, error)
        await self._record_end(chunk, "done")
        self._tracker.settle(len(chunk.positions))

    def _fail(self, chunk: Chunk, error: ApiError) -> None:
        super()._fail(chunk, error)
        for row, row_error in errors_by_row(error.payload, chunk.positions).items():
            self._results.mark_invalid(row, row_error)

    async def _took_effect_despite(self, error: TolokaError, chunk: Chunk) -> bool:
        """Return whether a request has created its items although it ended with an error, and record them if so."""
        if error.may_have_taken_effect:
            return await self._took_effect(chunk) is True
        # a search is one request, and a gateway's error can look like the service's
        return isinstance(error, ApiError) and await self._search(chunk) is None

    async def _took_effect(self, chunk: Chunk) -> bool | None:
        """Return whether a chunk without a response took effect, and record its outcome if so; None if not known yet."""
        since = await in_thread(ledger_app_items.first_missing_at, self._ledger, self._entry.id, chunk, self._service.now())
        if (possible_items := await self._search(chunk)) is None:
            return True
        if not possible_items and self._service.now() >= since + ABSENT_AFTER:
            await self._record_not_sent(chunk)
            return False
        when = f"{since + ABSENT_AFTER:%Y-%m-%d %H:%M:%S} UTC"
        hint = LOOK_AGAIN_HINT if possible_items else LOOK_LATER_HINT.format(when)
        other = ", unless another process is sending it now" if chunk.pending_operation_id else ""
        self._unknown = _outcome_unknown(chunk, f"{possible_items:,} items that it may have created are listed{other}", hint)
        self._results.put(chunk.positions, error_message=str(self._unknown))
        return None

    async def _search(self, chunk: Chunk) -> int | None:
        """Record the outcome of a chunk if its items are listed and return None, or return the number of possible items."""
        begun = await in_thread(ledger_app_items.begun_at, self._ledger, self._entry.id, chunk)
        possible_items = 0
        for batch_id in await self._candidate_batches(begun):
            match = await self._match(replace(chunk, pool_id=batch_id), begun)
            if self._creates_batch and match.unmatched_items:
                continue  # another upload's batch
            rejected = await self._reported_errors(replace(chunk, pool_id=batch_id), match.missing)
            if match.item_of_row and match.is_proof and len(rejected) == len(match.missing):
                await self._end(await self._set_batch(chunk, batch_id), match.item_of_row, rejected)
                return None
            # in a batch, items that equal no row may come from rows of this chunk that the service has changed
            possible_items += len(match.item_of_row) + (match.unmatched_items if batch_id else 0)
        return possible_items

    async def _match(self, chunk: Chunk, begun: datetime) -> Match:
        """Match a chunk's rows with the items that are listed since it was begun and do not belong to other chunks."""
        items = await self._list_items(chunk, begun)
        settled = await in_thread(ledger_app_items.created_app_ids, self._ledger, self._entry.id)
        pending = await in_thread(ledger_app_items.other_pending_chunks, self._ledger, self._entry.id, chunk)
        other_inputs = [value for other in pending for value in inputs_of(other).values()]
        all_or_nothing = "ignore_errors" not in self.flags
        items = [item for item in items if item["id"] not in settled]
        return match_items(inputs_of(chunk), items, other_inputs, all_or_nothing=all_or_nothing)

    async def _candidate_batches(self, begun: datetime) -> list[str]:
        """Return the batches that may hold a chunk: its own, or those of its name created since; "" for items without one."""
        if not self._creates_batch:
            return [self._batch_id]
        settled = await in_thread(ledger_app_items.created_app_ids, self._ledger, self._entry.id)
        batches = await _list_all(self._service, APP_BATCHES, app_project_id=self._project, created_gte=begun - CLOCK_SKEW)
        name = self._entry.destination.get("name", "")
        return [batch["id"] for batch in batches if batch["id"] not in settled and (batch.get("name") or "") == name]

    async def _set_batch(self, chunk: Chunk, batch_id: str) -> Chunk:
        """Record the batch that a chunk created, for this chunk and the later ones."""
        if self._creates_batch:
            self._batch_id = batch_id
            await in_thread(ledger_app_items.set_batch, self._ledger, self._entry.id, batch_id)
        return replace(chunk, pool_id=self._batch_id)

    async def _reported_errors(self, chunk: Chunk, missing: Collection[int]) -> dict[int, dict[str, Any]]:
        """Return the batch's errors for rows without an item; empty if they are not those of this chunk."""
        if not missing or not chunk.pool_id:
            return {}
        batch = await self._service.get(build_path(BATCH_PATH, self._project, chunk.pool_id))
        errors = errors_by_row(_batch_errors(batch), chunk.positions)
        return errors if set(errors) == set(missing) else {}

    async def _created_items(self, chunk: Chunk, count: int, ids: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Return the items that a chunk created, once this number of them is listed."""
        begun = await in_thread(ledger_app_items.begun_at, self._ledger, self._entry.id, chunk)

        async def listed() -> list[dict[str, Any]] | None:
            items = [item for item in await self._list_items(chunk, begun) if ids is None or item["id"] in ids]
            return items if len(items) >= count else None

        items = await self._poll(listed, "items that are not listed yet")
        if items is None:
            raise _outcome_unknown(chunk, f"{count:,} items were created, but not all of them are listed")
        return items

    async def _poll(self, request: Callable[[], Awaitable[Response | None]], reason: str) -> Response | None:
        """Repeat a request until it returns something; None if it never does."""
        for pause in PAUSES:
            if (response := await request()) is not None:
                return response
            with self._tracker.wait(reason):
                await asyncio.sleep(pause)
        return None

    async def _list_items(self, chunk: Chunk, begun: datetime) -> list[dict[str, Any]]:
        """Return the items of the chunk's batch, or those without a batch, that were created since it was begun."""
        filters = {"app_project_id": self._project, "batch_id": chunk.pool_id or None, "created_gte": begun - CLOCK_SKEW}
        items = await _list_all(self._service, APP_ITEMS, **filters)
        return [item for item in items if (item.get("batch_id") or "") == chunk.pool_id]


async def _list_all(service: ApiClient, resource: Resource, **filters: Any) -> list[dict[str, Any]]:
    source = Source(service, list_request(resource, filters), resource.max_limit)
    return [row async for rows in source.rows() for row in rows]


def _batch_of(chunks: Sequence[Chunk]) -> str:
    return chunks[0].pool_id if chunks else ""


def _body(chunk: Chunk, flags: Mapping[str, str], batch: Mapping[str, str | None]) -> bytes:
    """Return the JSON text of a request; `batch` is the id of the batch for its items, or the name of a new one."""
    options = {name: value == "true" or value for name, value in flags.items() if "name" in batch or name not in BATCH_FLAGS}
    members = json.dumps({**options, **{name: value for name, value in batch.items() if value}})
    # an item is the input data alone, which follows the row's position in the chunk's text
    items = b",".join(text.split(b":", 2)[2][:-1] for text in chunk.object_texts)
    return b'{"items":[' + items + b"]" + (b"," + members[1:].encode() if len(members) > len("{}") else b"}")


def _check_batch(batch: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(batch.get("id"), str):
        error = bad_answer(200, batch, "a batch was expected")
        error.may_have_taken_effect = True
        raise error
    return batch


def _batch_errors(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the errors that a batch reports for the rows that its latest import skipped."""
    return {**((batch.get("last_items_import") or {}).get("errors") or {}), **(batch.get("validation_errors") or {})}


def _outcome_unknown(chunk: Chunk, reason: str, hint: str = LOOK_AGAIN_HINT) -> OutcomeUnknown:
    rows = f"{min(chunk.positions):,} to {max(chunk.positions):,}"
    return OutcomeUnknown(f"The request of rows {rows} may have taken effect or not: {reason}.", hint=hint)


Inputs: TypeAlias = "Mapping[int, Hashable]"

# Apps API, "Add items in bulk": the key of an error is a position in the request and a field
ERROR_KEY = re.compile(r"input_data\.(\d{1,9})(?:\.(.+))?", re.DOTALL)


@dataclass(frozen=True)
class Match:
    """Rows matched with items of equal input.

    Attributes:
        item_of_row: The item of each row that has one.
        missing: The rows without an item.
        is_proof: Whether the items certainly come from these rows: each listed input is listed often enough for all rows that
            may have created it.
        unmatched_items: The number of items that match no row.
    """

    item_of_row: Mapping[int, str]
    missing: Sequence[int]
    is_proof: bool
    unmatched_items: int


def match_items(
    inputs: Inputs, items: Iterable[Mapping[str, Any]], others: Iterable[Hashable] = (), *, all_or_nothing: bool = False
) -> Match:
    """Give each row an item of equal input.

    Args:
        inputs: The input of each row.
        items: Items as the service returned them.
        others: The inputs of other rows that may have created some of the items.
        all_or_nothing: Whether the request created items for all rows or for none; then any row with an input that no other row
            has proves the outcome of all.
    """
    listed: dict[Hashable, list[str]] = {}
    for item in items:
        listed.setdefault(_comparable(item.get("input_data")), []).append(str(item.get("id")))
    own, other = Counter(inputs.values()), Counter(others)
    if unique := {value for value in own if all_or_nothing and value not in other}:
        is_proof, is_absent = all(len(listed.get(value, ())) >= own[value] for value in unique), unique.isdisjoint(listed)
    else:
        is_proof = all(len(listed[value]) >= own[value] + other[value] for value in own if value in listed)
        is_absent = False
    item_of_row = {} if is_absent else {row: listed[value].pop(0) for row, value in inputs.items() if listed.get(value)}
    missing = [row for row in inputs if row not in item_of_row]
    return Match(item_of_row, missing, is_proof, sum(map(len, listed.values())))


def inputs_of(chunk: Chunk) -> Inputs:
    """Return the input of each row of a chunk in a form that can be compared."""
    texts = zip(chunk.positions, chunk.object_texts, strict=True)
    return {row: _comparable(json.loads(text)["input_data"]) for row, text in texts}


def errors_by_row(errors: Any, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the errors of each row: field path to code and message.

    Args:
        errors: The errors of a request or of an import (Apps API, Batch.last_items_import).
        rows: The rows of the request.
    """
    by_row: dict[int, dict[str, Any]] = {}
    for key, error in errors.items() if isinstance(errors, dict) else ():
        found = ERROR_KEY.fullmatch(key)
        if found and int(found[1]) < len(rows):
            field = f"input_data.{found[2]}" if found[2] else "input_data"
            by_row.setdefault(rows[int(found[1])], {})[field] = error
    return by_row


def _comparable(value: Any) -> Hashable:
    """Return a hashable form of a JSON value, equal for equal values: 1 and 1.0, or the same keys in another order."""
    if isinstance(value, dict):
        return frozenset((name, _comparable(member)) for name, member in value.items())
    return tuple(map(_comparable, value)) if isinstance(value, list) else value

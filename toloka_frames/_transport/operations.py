"""Operations: start one, wait until it ends, read its log.

`OperationPoller` polls any number of operations and uses one list request for several of them. A log of an upload has several
megabytes, so Arrow's JSON reader extracts positions and ids from it without a Python object per entry. A log that does not have
the usual form is parsed entry by entry, with the same result.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import Conflict, InputError, OperationFailed, OperationTimeout, TolokaError
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.row import Row
from toloka_frames._transport.faults import Fault, field_fault, shape_fault, syntax_fault
from toloka_frames._transport.http import OPERATION, decode_arrow
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import id_text, path_part, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._validation import Id

# seconds, or a timedelta as in Toloka-Kit; None for no limit
Timeout: TypeAlias = float | timedelta | None
FINAL_STATUSES = ("SUCCESS", "FAIL")
ALREADY_EXISTS = "OPERATION_ALREADY_EXISTS"
LOG_HINT = "The reasons are in its log: client.get_operation_log(operation_id)."

# Small operations end within a fraction of a second, large ones take minutes. The delay to the next poll is therefore a share
# of the time waited so far: an end is noticed at most 5 % late, and a long operation costs a request every two seconds. The
# first two polls are early: an operation of ten rows ends within 50 ms, which began before the waiting did.
DELAY_SHARE = 0.05
FIRST_POLLS = (0.026, 0.051)  # seconds since the waiting began
MIN_DELAY_SECONDS = 0.105
MAX_DELAY_SECONDS = 2.0
# the shortest delay between two polls around the time at which an end is expected
MIN_EXPECTED_DELAY_SECONDS = 0.05
# The list only saves requests. If it takes longer than this, operations are requested one by one.
LIST_TIMEOUT_SECONDS = 5.0
LIST_LIMIT = "500"  # rows of one page of operations (Toloka-Kit 1.2.3, find_operations)

# The position that was sent with an object is the only link between a log entry and a row: entries come in no promised order.
POSITION = "__item_idx"
POSITION_FORMS = (b'"__item_idx":"%d"', b'"__item_idx": "%d"')
INPUT_KEY = b'"input"'
SHORT_INPUT_BYTES = 10_000  # an input is mostly shorter, and decoding the rest of a log takes long
MAX_KEYS_BEFORE = 8
SEARCHED_BYTES = 20_000  # how much earlier than expected an entry is looked for first
MAX_POSITION_DIGITS = 12  # a log may hold anything, and int() of very long text raises
# the text around the objects of a JSON array
OPENING = re.compile(r"\s*\[\s*(?=[{\]])")
BETWEEN = re.compile(r"\s*,\s*(?={)|\s*(?=\])")
CLOSING = re.compile(r"\]\s*\Z")


async def start(service: ApiClient, path: str, query: Mapping[str, str], content: bytes) -> Row:
    """Start an operation whose id the caller chose, and return it.

    If a retry is rejected because an earlier attempt has started the operation, return that operation.

    Raises:
        Conflict: If an operation with this id existed before (code OPERATION_ALREADY_EXISTS), or the object's state does not
            allow the call.
        TolokaError: If another error occurs; `may_have_taken_effect` is True if the operation may have been started.
    """
    try:
        started = await service.post(path, query, content, repeatable=True)
        return check_operation(started, query["operation_id"], starting=True)
    except Conflict as error:
        if error.code != ALREADY_EXISTS or not error.may_have_taken_effect:
            raise
    try:
        return await get(service, query["operation_id"])
    except TolokaError as error:
        error.may_have_taken_effect = True  # the service has just confirmed that the operation exists
        raise


async def wait(service: ApiClient, operation: Mapping[str, Any] | Id, timeout: Timeout, progress: ProgressArg) -> Row:
    """Wait until an operation ends, show its progress, and return it.

    Raises:
        OperationFailed: If it ends with FAIL.
        OperationTimeout: If it does not end within `timeout` seconds.
    """
    from toloka_frames._runtime.tracker import track_progress  # noqa: PLC0415 -- most calls show no progress

    operation = Row(operation) if isinstance(operation, Mapping) else await get(service, id_text("operation", operation))
    if not isinstance(operation.get("id"), str):
        raise InputError(
            "This is not an operation: it has no id.",
            column="operation",
            hint="Give the operation that the call returned, or its id.",
        )
    title = f"{operation.get('type', 'operation')}"
    with track_progress(progress, title, total=100, unit="%", quiet=MIN_DELAY_SECONDS) as tracker:
        ended = await _ended_within(service, operation, in_seconds(timeout), tracker)
        if ended["status"] == "FAIL":
            raise operation_failed(ended)
    return ended


def in_seconds(time: Timeout) -> float | None:
    """Return a time as seconds; None for no limit."""
    return time.total_seconds() if isinstance(time, timedelta) else time


async def get(service: ApiClient, operation_id: str) -> Row:
    """Return an operation in its current state (Toloka API, "Get operation by ID")."""
    return check_operation(await service.get(_path(operation_id)), operation_id)


async def get_log_entries(service: ApiClient, operation_id: str) -> list[Row]:
    """Return the entries of an operation's log, in no promised order (Toloka API, "Get operation log")."""
    return await service.get_all(f"{_path(operation_id)}/log")


async def read_log(service: ApiClient, operation_id: str, object_id: str, sample: Sequence[int] = ()) -> OperationLog:
    """Request and parse an operation's log; arguments and errors as in `parse_log`."""
    # keep the bytes alone: a log has several megabytes, and several logs are read at once
    body = (await service.send("GET", f"{_path(operation_id)}/log", repeatable=True)).content
    return await in_thread(parse_log, body, object_id, sample)


def check_operation(operation: Row, operation_id: str | None = None, *, starting: bool = False) -> Row:
    """Return a response body if it is an operation.

    Args:
        operation: The body.
        operation_id: The id that the operation must have, if it is known.
        starting: Whether the request was to start the operation; then the error has `may_have_taken_effect`.

    Raises:
        BadAnswer: If the body has no id or no status, or is another operation.
    """
    if not is_operation(operation) or (operation_id and _plain_id(operation["id"]) != _plain_id(operation_id)):
        named = f" {operation_id}" if operation_id else ""
        fault = field_fault(json.dumps(operation).encode(), operation, dict.fromkeys(OPERATION, "text"))
        fault = fault or Fault(f"it is the operation {operation['id']}")
        error = bad_answer(200, operation, f"an operation{named} was expected", fault=fault)
        error.may_have_taken_effect = starting
        raise error
    return operation


def _plain_id(operation_id: str) -> str:
    """Return an id in the form that all spellings of a UUID have in common."""
    return operation_id.replace("-", "").lower()


def is_operation(value: Any) -> bool:
    """Return whether a value has the fields of every operation: an id and a status."""
    return isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("status"), str)


def has_ended(operation: Mapping[str, Any]) -> bool:
    """Return whether an operation has ended, with SUCCESS or FAIL."""
    return operation.get("status") in FINAL_STATUSES


def operation_failed(operation: Mapping[str, Any], hint: str = LOG_HINT) -> OperationFailed:
    """Return the error for an operation that ended with FAIL, or with SUCCESS and a log that leaves rows out."""
    kind = f" ({operation['type']})" if operation.get("type") else ""
    gap = "" if operation["status"] == "FAIL" else ", but its log does not mention all its rows"
    return OperationFailed(
        f"The operation {operation['id']}{kind} ended with {operation['status']}{gap}.", operation=operation, hint=hint
    )


def _path(operation_id: str) -> str:
    return f"/v1/operations/{validate('operation_id', path_part, operation_id)}"


async def _ended_within(service: ApiClient, operation: Row, timeout: float | None, tracker: ProgressTracker) -> Row:
    try:
        async with OperationPoller(service) as poller, asyncio.timeout(timeout):
            return await poller.ended(operation, tracker)
    except TimeoutError:
        # not chained: the local variables of the interrupted request hold the token
        raise OperationTimeout(
            f"The operation {operation['id']} has not ended in {timeout:g} s.",
            operation=operation,
            hint="It continues at the service: wait again with client.wait_operation(operation_id).",
        ) from None


class Waiter(NamedTuple):
    """A coroutine that waits for the next poll of an operation.

    Attributes:
        operation: The operation when the waiting began.
        since: When the coroutine began to wait for the operation's end, on the event loop's clock.
        polled: Receives the operation as the next poll shows it, or the error of that poll.
    """

    operation: Mapping[str, Any]
    since: float
    polled: asyncio.Future[Row]


class OperationPoller:
    """Polls all operations that are waited for, in an `async with` block."""

    def __init__(self, service: ApiClient) -> None:
        self._service = service
        self._waiters: list[Waiter] = []
        self._added = asyncio.Event()
        self._can_list = True
        self._shortest: float | None = None

    async def __aenter__(self) -> Self:
        self._polling = asyncio.create_task(self._poll_forever())
        self._polling.add_done_callback(self._end_waits)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._polling.cancel()
        await asyncio.wait({self._polling})

    async def ended(self, operation: Mapping[str, Any], tracker: ProgressTracker | None = None) -> Row:
        """Return an operation once it has ended, with SUCCESS or FAIL.

        Args:
            operation: The operation.
            tracker: Gets the operation's progress after each poll, in percent, and its status.

        Raises:
            TolokaError: If the operation cannot be requested.
        """
        since, polled = asyncio.get_running_loop().time(), Row(operation)
        while not has_ended(polled):
            if tracker:
                tracker.note = str(polled.get("status"))
            polled = await self._next_poll(operation, since)
            if tracker:
                tracker.note, tracker.rows = "", max(tracker.rows, _percent(polled.get("progress")))
        return polled

    async def _next_poll(self, operation: Mapping[str, Any], since: float) -> Row:
        waiter = Waiter(operation, since, asyncio.get_running_loop().create_future())
        if self._polling.done():
            raise _polling_ended(self._polling)
        self._waiters.append(waiter)
        self._added.set()
        try:
            return await waiter.polled
        finally:
            self._waiters.remove(waiter)

    def _end_waits(self, polling: asyncio.Task[None]) -> None:
        """End what waits for polls when there are none any more, for whatever reason."""
        for waiter in self._waiters:
            if not waiter.polled.done():
                waiter.polled.set_exception(_polling_ended(polling))

    async def _poll_forever(self) -> None:
        while True:
            self._added.clear()
            try:
                async with asyncio.timeout(self._delay()):
                    await self._added.wait()
            except TimeoutError:
                await self._poll()

    def _delay(self) -> float | None:
        """Return the seconds until the operation that is due first; None if no operation is waited for."""
        now = asyncio.get_running_loop().time()
        return min((poll_delay(now - waiter.since, self._shortest) for waiter in self._waiters), default=None)

    async def _poll(self) -> None:
        waiters = [waiter for waiter in self._waiters if not waiter.polled.done()]
        listed = await self._list(waiters) if self._can_list and len(waiters) > 1 else {}
        await asyncio.gather(*(self._report(waiter, listed.get(waiter.operation["id"])) for waiter in waiters))

    async def _list(self, waiters: Sequence[Waiter]) -> dict[str, Row]:
        """Request these operations as one list and return them by id (Toloka API, "Get list of operations")."""
        types = {str(waiter.operation.get("type")) for waiter in waiters}
        submitted = [waiter.operation.get("submitted") for waiter in waiters]
        if len(types) > 1 or not all(isinstance(timestamp, str) for timestamp in submitted):
            return {}
        query = {"type": types.pop(), "submitted_gte": min(map(str, submitted)), "sort": "submitted", "limit": LIST_LIMIT}
        try:
            async with asyncio.timeout(LIST_TIMEOUT_SECONDS):
                rows = (await self._service.get("/v1/operations", query=query)).get("items")
        except Exception:  # noqa: BLE001 -- without a list each operation is requested, and shows the error
            rows = None
        self._can_list = isinstance(rows, list)
        return {row["id"]: row for row in rows or () if is_operation(row)} if self._can_list else {}

    async def _report(self, waiter: Waiter, operation: Row | None) -> None:
        """Hand an operation to its waiter; request it by id if the list did not show it."""
        try:
            operation = operation or await get(self._service, waiter.operation["id"])
        except Exception as error:  # noqa: BLE001 -- the waiter raises it
            if not waiter.polled.done():
                waiter.polled.set_exception(error)
            return
        if waiter.polled.done():
            return
        waiter.polled.set_result(operation)
        if has_ended(operation):
            took = asyncio.get_running_loop().time() - waiter.since
            self._shortest = min(took, self._shortest or took)


def _polling_ended(polling: asyncio.Task[None]) -> TolokaError:
    error = None if polling.cancelled() else polling.exception()
    why = f"{type(error).__name__}: {error}" if error else "it was cancelled"
    return TolokaError(
        f"Operations are not polled any more ({why}).", hint="They continue at the service: make the same call again."
    )


def _percent(progress: Any) -> int:
    is_number = isinstance(progress, int | float) and 0 <= progress <= 100  # noqa: PLR2004 -- percent
    return int(progress) if is_number else 0


def poll_delay(waited: float, shortest: float | None = None) -> float:
    """Return the seconds until the next poll of an operation.

    The operations of one upload mostly take equally long. Once one has ended, polls of the others are rare before they have
    waited that long, and frequent around that time.

    Args:
        waited: Seconds since the waiting began.
        shortest: Seconds that the shortest of the ended operations took; None if none has ended.
    """
    # the response to a poll takes a while itself, so the next one follows at once or is left out
    first = next((moment - waited for moment in FIRST_POLLS if moment > waited), MIN_DELAY_SECONDS)
    usual = min(max(waited * DELAY_SHARE, first), MAX_DELAY_SECONDS)
    if shortest is None:
        return usual
    expected = shortest * (1 - DELAY_SHARE)
    if waited < expected:
        return min(expected - waited, max(usual, MIN_DELAY_SECONDS, shortest / 4))
    return min(usual, max((waited - expected) / 2, (shortest - expected) / 2, MIN_EXPECTED_DELAY_SECONDS))


class OperationLog(NamedTuple):
    """The outcome of each object of an operation, by the object's position in the upload.

    Attributes:
        positions: The positions of the created objects; integers.
        ids: The id of each created object; its UTF-8 text.
        errors: The log's output for each other object, by position.
        inputs: The objects as the log repeats them, by position; only of a sample.
    """

    positions: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    errors: Mapping[int, Any]
    inputs: Mapping[int, Mapping[str, Any]] = MappingProxyType({})

    def mentions(self, positions: Sequence[int]) -> bool:
        """Return whether the log has an entry for each of these objects."""
        where = np.arange(positions.start, positions.stop) if isinstance(positions, range) else np.asarray(positions)
        if np.array_equal(where, self.positions):  # as in most logs
            return True
        errors = np.fromiter(self.errors, np.int64, len(self.errors))
        return bool(np.isin(where, np.concatenate([self.positions.astype(np.int64), errors])).all())


def parse_log(body: bytes, object_id: str, sample: Sequence[int] = ()) -> OperationLog:
    """Parse a log (Toloka API, "Get operation log").

    Args:
        body: JSON text.
        object_id: The key of the created object's id in an entry's output.
        sample: Positions of objects that are read from the log too.

    Raises:
        BadAnswer: If the body is not an array of objects.
    """
    log = _parse_fast(body, object_id) or _parse_exactly(body, object_id)
    return log._replace(inputs=_inputs_of(body, sample))


def _inputs_of(body: bytes, sample: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the inputs of the entries with these positions, without those that are not found in one of the usual forms."""
    inputs: dict[int, dict[str, Any]] = {}
    ordered = sorted(sample)
    for index, position in enumerate(ordered):
        # entries are mostly in the order of their positions, and the sample is spread evenly over them
        near = max(len(body) * index // max(len(ordered) - 1, 1) - SEARCHED_BYTES, 0)
        for form in POSITION_FORMS:
            if (at := body.find(form % position, near)) < 0:
                at = body.find(form % position)
            if at >= 0 and (sent := _input_around(body, at, position)) is not None:
                inputs[position] = sent
                break
    return inputs


def _input_around(body: bytes, at: int, position: int) -> dict[str, Any] | None:
    """Return the input of the entry whose position is found there; None if that is the position of something else."""
    # the nearest key may be that of a field of this name
    start = at
    for _ in range(MAX_KEYS_BEFORE):
        if (start := body.rfind(INPUT_KEY, 0, start)) < 0:
            break
        sent = _object_at(body, start + len(INPUT_KEY), at)
        if sent is not None and _position({"input": sent}) == position:
            return sent
    return None


def _object_at(body: bytes, start: int, at: int) -> dict[str, Any] | None:
    """Decode the object that begins after a key and extends over `at`."""
    for end in (at + SHORT_INPUT_BYTES, len(body)):
        text = body[start:end].decode("utf-8", "replace").lstrip(" :\r\n\t")
        try:
            value, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):  # the object is longer
            continue
        return value if isinstance(value, dict) else None
    return None


def _parse_fast(body: bytes, object_id: str) -> OperationLog | None:
    """Parse a log in which every entry has created an object; return None for any other."""
    try:
        entries = _read_entries(body, object_id)
        positions = pc.cast(pc.struct_field(entries, ["input", POSITION]), pa.int64())
    except pa.ArrowInvalid:
        return None
    ids = pc.struct_field(entries, ["output", object_id])
    return None if positions.null_count or ids.null_count else OperationLog(positions.to_numpy(), _bytes_array(ids), {})


def _bytes_array(texts: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return texts as bytes; if all are equally long, as ids of Toloka are, without a Python object for each."""
    array = texts.combine_chunks().cast(pa.large_binary())
    if len(array):
        _, offsets, characters = array.buffers()
        starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        width, *others = np.unique(np.diff(starts))
        if width and not others:
            return np.frombuffer(characters, f"S{width}", len(array), starts[0])
    return np.array(array.to_pylist(), "S")


def _read_entries(body: bytes, object_id: str) -> pa.ChunkedArray:
    """Read the position and the id of each entry with Arrow's JSON reader."""
    entry = pa.struct([("input", pa.struct([(POSITION, pa.string())])), ("output", pa.struct([(object_id, pa.string())]))])
    # a list around the log, so that a body of two arrays is not read as one
    schema = pa.schema([("logs", pa.list_(pa.list_(entry)))])
    # joined, because "%" copies a log twice
    table = decode_arrow(b"".join((b'{"logs":[', body, b"]}")), schema, unknown_fields="ignore")
    logs = pc.list_flatten(table.column(0))
    if len(logs) != 1 or logs.null_count:
        raise pa.ArrowInvalid("The log is not one array.")
    return pc.list_flatten(logs)


def _parse_exactly(body: bytes, object_id: str) -> OperationLog:
    created: dict[int, bytes] = {}
    errors: dict[int, Any] = {}
    try:
        for entry in _entries(body.decode("utf-8", "replace")):
            position, output = _position(entry), entry.get("output")
            id_ = output.get(object_id) if isinstance(output, dict) else None
            if isinstance(id_, str):
                created[position] = id_.encode("utf-8", "replace")
            elif not entry.get("success"):  # in a rejected request, the entry of a valid object is a success without an id
                errors[position] = output
    except (ValueError, RecursionError) as error:
        # of the same length, so that positions stay: bytes that are not UTF-8 are not the fault
        readable = body.decode("utf-8", "surrogateescape").encode("utf-8", "replace")
        fault = syntax_fault(readable, error) or shape_fault(readable, list)
        raise bad_answer(200, body, "JSON was expected (a list of objects)", fault=fault) from error
    others = {position: output for position, output in errors.items() if position not in created}
    return OperationLog(np.fromiter(created, np.int64), np.array(list(created.values()), "S"), others)


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """Decode the objects of an array one at a time, so that all of them are never in memory together."""
    decode, at = json.JSONDecoder().raw_decode, _match_end(OPENING, text, 0)
    while text[at] == "{":
        entry, at = decode(text, at)
        at = _match_end(BETWEEN, text, at)
        yield entry
    _match_end(CLOSING, text, at)


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    if (found := pattern.match(text, at)) is None:
        raise ValueError("The log is not an array of objects.")
    return found.end()


def _position(entry: Mapping[str, Any]) -> int:
    """Return the position in an entry, or -1 if it has none."""
    item = entry.get("input")
    index = item.get(POSITION) if isinstance(item, dict) else None
    text = index if isinstance(index, str) else str(index)
    return int(text) if len(text) <= MAX_POSITION_DIGITS and text.isdecimal() else -1

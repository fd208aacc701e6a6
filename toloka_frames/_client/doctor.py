"""Check an account: whether the service responds as the API's documents say, list by list. Only GET requests are sent."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toloka_frames._client.doctor_report import DoctorReport, Finding, Level, failure, mask, report
from toloka_frames._client.machine import check_machine
from toloka_frames._errors import ApiError, AuthenticationFailed, ConnectionFailed, TolokaError
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.event_loop import run
from toloka_frames._schema import lists
from toloka_frames._schema.columns import EXTRA, column_name
from toloka_frames._schema.row import Row
from toloka_frames._transport.http import decode_json
from toloka_frames._transport.retries import Retries
from toloka_frames._validation import seconds_or_none, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    import pyarrow as pa

    from toloka_frames._client.client import BaseClient
    from toloka_frames._schema.columns import Column
    from toloka_frames._schema.lists import Resource
    from toloka_frames._transport.connections import Sources
    from toloka_frames._transport.http import ApiClient

# a page of a few rows takes the service a second or two
CHECK_SECONDS = 20.0
MAX_ROWS = 5
# quotas are per minute and more, and lists are filtered by time
MAX_SKEW = timedelta(minutes=1)
REQUESTER_FIELDS = {"id", "balance", "public_name", "company"}

LISTS = tuple(value for value in vars(lists).values() if isinstance(value, lists.Resource))
# for a list that needs an id: the list whose first row has it, the filters of that row, and what it is
PARENTS: dict[str, tuple[Resource, Mapping[str, str], str]] = {
    "pool_id": (lists.POOLS, {}, "pool"),
    "app_project_id": (lists.APP_PROJECTS, {}, "app project"),
    "operation_id": (lists.OPERATIONS, {"type": "SOLUTION.AGGREGATE", "status": "SUCCESS"}, "aggregation of solutions"),
}
JSON_TYPES = {dict: "object", list: "list", str: "text", bool: "true or false", type(None): "null"}


def doctor(client: BaseClient, *, timeout: float = CHECK_SECONDS) -> DoctorReport:
    """Check an account, the service and this machine, and return a report that can be pasted into an issue.

    The report says whether the host responds, whose token it is, how much money the account has, which columns a page of each
    list has and which of its fields this package does not know, how far the service's clock is from this machine's, and which
    versions and variables are in use. It has no token and no values of rows; of ids it has the first four characters.

    Only GET requests are sent, about 30 of them, each once and for at most five rows. Each check that fails is one line of the
    report, and the others are made all the same. The command `toloka-frames doctor` prints this report for TOLOKA_TOKEN.

    Args:
        client: A client of the account.
        timeout: Seconds for each check.

    Returns:
        The report. Its text is `str(report)`; `report.is_well` is whether no check failed.

    Raises:
        InputError: If `timeout` is not a number of seconds.

    Example:
        >>> report = tf.doctor(client)
        >>> report.is_well
        True
    """
    validate("timeout", seconds_or_none, timeout)
    return run(_Examination(client.service, timeout).report())


class _Examination:
    """The checks of one account.

    Args:
        service: The API of the account.
        seconds: The time of each check.
    """

    def __init__(self, service: ApiClient, seconds: float) -> None:
        # a second attempt would hide what the first one shows
        self._service = service.with_retries(Retries(1, wait_for=()))
        self._seconds = seconds

    async def report(self) -> DoctorReport:
        """Make all checks."""
        account, obstacle = await self._check_account()
        found = await self._check_lists(obstacle)
        return report(this_machine=check_machine(), service=account, **{f"lists, at most {MAX_ROWS} rows of each": found})

    async def _check_account(self) -> tuple[list[Finding], str]:
        """Return what the service says of the account, and why no list can be checked; "" if they can be."""
        service, begin, obstacle = self._service, time.monotonic(), ""
        try:
            async with self._in_time():
                account = _account(decode_json(await service.send("GET", "/v1/requester", repeatable=True), Row))
        except ApiError as error:
            account = [failure("account", error)]
            obstacle = "the token is not valid" if isinstance(error, AuthenticationFailed) else ""
        except TolokaError as error:
            return [failure("host", error)], "the host does not respond"
        milliseconds = (time.monotonic() - begin) * 1_000
        host = Finding("host", f"{service.url} responded in {milliseconds:,.0f} ms{_route(service.sources)}")
        return [host, *account, _clock(service.clock_skew)], obstacle

    async def _check_lists(self, obstacle: str) -> list[Finding]:
        if obstacle:
            return [Finding(resource.name, f"not checked: {obstacle}", Level.SKIPPED) for resource in LISTS]
        found = await asyncio.gather(*(self._first_id(resource, filters) for resource, filters, _ in PARENTS.values()))
        ids = dict(zip(PARENTS, found, strict=True))
        return await asyncio.gather(*(self._check_list(resource, ids) for resource in LISTS))

    async def _first_id(self, resource: Resource, filters: Mapping[str, str]) -> str | None:
        """Return the id of the first row of a list; None if there is none, or the list cannot be read."""
        try:
            async with self._in_time():
                table = await Source(self._service, list_request(resource, filters), 1).fetch_head(1)
        except Exception:  # noqa: BLE001 -- the check of the list itself reports it
            return None
        ids: list[str] = table.column(resource.life.id).to_pylist()
        return ids[0] if ids else None

    async def _check_list(self, resource: Resource, ids: Mapping[str, str | None]) -> Finding:
        """Request a few rows of a list, and return how they fit its columns."""
        needed = next(iter((*resource.path_params, *resource.one_of)), "")
        given = {needed: ids[needed]} if needed else {}
        if None in given.values():
            return Finding(resource.name, f"not checked: no {PARENTS[needed][2]}", Level.SKIPPED)
        try:
            async with self._in_time():
                return await _read_list(Source(self._service, list_request(resource, given), MAX_ROWS))
        except TolokaError as error:
            return failure(resource.name, error, given)
        except Exception as error:  # noqa: BLE001 -- a fault of this package must not end the other checks
            return Finding(resource.name, f"{type(error).__name__} at {_place(error)}: a fault of toloka_frames.", Level.FAIL)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Raise `ConnectionFailed` if the block takes longer than a check may."""
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError:
            message = f"{self._service.url}: no complete response within {self._seconds:g} s."
            raise ConnectionFailed(message, hint="Check the network and the host, or give a longer timeout.") from None


def _route(sources: Sources) -> str:
    """Return which settings of the machine the connections depend on, as the end of a clause."""
    named = {"through the proxy of": sources.proxy, "with the certificates of": sources.certificates}
    return "".join(f", {how} {source}" for how, source in named.items() if source)


def _account(requester: Row) -> list[Finding]:
    company = requester.get("company")
    of_company = f"of the company {mask(company.get('id'))}" if isinstance(company, dict) else "of no company"
    unknown = [f"{name} ({_json_type(value)})" for name, value in requester.items() if name not in REQUESTER_FIELDS]
    text = "\n".join([f"{mask(requester.get('id'))}, {of_company}", *_listed("not known", unknown)])
    return [Finding("account", text, Level.NOTE if unknown else Level.OK), _balance(requester.get("balance"))]


def _balance(balance: Any) -> Finding:
    if _json_type(balance) != "number":
        return Finding("balance", f"not a number in the response, but {_json_type(balance)}", Level.NOTE)
    return Finding("balance", f"{balance:,.2f} US dollars")


def _clock(skew: timedelta | None) -> Finding:
    if skew is None:
        return Finding("clock", "not checked: the response has no valid Date header", Level.SKIPPED)
    seconds = abs(round(skew.total_seconds()))
    difference = (
        f"the service's clock is {timedelta(seconds=seconds)} {'ahead of' if skew > timedelta() else 'behind'} this machine's"
    )
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", f"{difference} (to a second or two)")
    return Finding(
        "clock", f"{difference}. Set this machine's clock by the network, or report it to Toloka's support.", Level.FAIL
    )


async def _read_list(source: Source) -> Finding:
    resource, layout = source.request.resource, await source.layout()
    if source.unreadable is not None:
        source.unreadable.was_reported = True  # here, and not as a warning
    table = await source.fetch_head(MAX_ROWS)
    if not len(table):
        return Finding(resource.name, "no rows")
    names = [name for name in table.column_names if name != EXTRA and table[name].null_count < len(table)]
    unknown, misfits = _beyond_columns(table, layout.columns)
    parts = [
        f"{len(table)} row{'s' * (len(table) > 1)}, {len(names)} of {len(layout.columns)} columns with values",
        *_listed("with values", names),
        *_listed("not known", unknown),
        *_listed("of another type than the column", misfits),
        *([] if source.unreadable is None else [f"the specification of the fields cannot be read: {source.unreadable.error}"]),
    ]
    is_new = unknown or misfits or source.unreadable is not None
    return Finding(resource.name, "\n".join(parts), Level.NOTE if is_new else Level.OK)


def _beyond_columns(table: pa.Table, columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """Return the fields of `extra` with their types: those without a column, and those whose values do not fit theirs."""
    paths = {tuple(step for step in column.path if isinstance(step, str)) for column in columns}
    objects = {path[:length] for path in paths for length in range(1, len(path))}
    fields = dict.fromkeys(field for text in table[EXTRA].to_pylist() if text for field in _fields(json.loads(text), objects))
    named = [(path, f"{column_name(path)} ({kind})") for path, kind in fields]
    return [name for path, name in named if path not in paths], [name for path, name in named if path in paths]


def _fields(
    value: Mapping[str, Any], objects: set[tuple[str, ...]], at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and type of each field; of an object that is not known no keys, which can be values."""
    for name, member in value.items():
        path = (*at, name)
        if path in objects and isinstance(member, dict):
            yield from _fields(member, objects, path)
        else:
            yield path, _json_type(member)


def _json_type(value: Any) -> str:
    return next((name for kind, name in JSON_TYPES.items() if isinstance(value, kind)), "number")


def _listed(title: str, names: Sequence[str]) -> list[str]:
    return [f"{title}: {', '.join(names)}"] if names else []


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"

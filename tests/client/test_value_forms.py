"""Ids, enumerations and timestamps in every form, in every method of the client; parameters are found by signatures."""

from __future__ import annotations

import contextlib
import inspect
import re
import uuid
from datetime import UTC, date, datetime
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np
import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._schema import keywords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

METHODS = sorted(
    name
    for name, method in inspect.getmembers(tf.AsyncTolokaClient, callable)
    if not name.startswith("_") and len(inspect.signature(method).parameters) > 1
)
ID_NAME = re.compile(r"(\w+_)?ids?(_(gt|gte|lt|lte))?|owner|operation")
ENUMERATIONS = {name: alias for name, alias in vars(keywords).items() if get_origin(alias) is Literal}
NOT_FOUND = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
OTHERS = {"float": 1.0, "str": "text", "FilePath": "unused"}
UUID = uuid.UUID("0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d")
# the largest whole number of a float is less than some ids of the service
LARGE = 9_007_199_254_740_993


class Id(Enum):
    """Ids as an enum of the user's has them."""

    TEXT = "1080020"
    NUMBER = 1080020
    UUID = UUID


IDS: dict[str, tuple[Any, str]] = {
    "a whole number": (1080020, "1080020"),
    "a large number": (LARGE, str(LARGE)),
    "zero": (0, "0"),
    "a number of NumPy": (np.int64(1080020), "1080020"),
    "a small number of NumPy": (np.uint8(7), "7"),
    "text of NumPy": (np.str_("1080020"), "1080020"),
    "a UUID": (UUID, str(UUID)),
    "an enum of text": (Id.TEXT, "1080020"),
    "an enum of numbers": (Id.NUMBER, "1080020"),
    "an enum of UUIDs": (Id.UUID, str(UUID)),
    "a row": (tf.Row(id="1080020", status="OPEN"), "1080020"),
    "a dict with a number": ({"id": 1080020}, "1080020"),
    "a row with a UUID": (tf.Row(id=UUID), str(UUID)),
    "a row of a frame": (pd.DataFrame({"id": ["1080020"], "status": ["OPEN"]}).iloc[0], "1080020"),
    "a row of itertuples": (next(pd.DataFrame({"id": [1080020]}).itertuples()), "1080020"),
    "an object with an id": (SimpleNamespace(id="1080020"), "1080020"),
}
NOT_IDS: dict[str, Any] = {
    "a float": 1080020.0,
    "a float of NumPy": np.float32(7),
    "NaN": float("nan"),
    "True": True,
    "a negative number": -1,
    "empty text": "",
    "bytes": b"1080020",
    "two dots": "..",
    "a row without id": tf.Row(status="OPEN"),
    "an object without id yet": SimpleNamespace(id=None),
    "a list of lists": [["1080020"]],
    "a frame": pd.DataFrame({"id": ["1"]}),
}
MOMENT = "2026-01-31T00:00:00"
TIMESTAMPS: dict[str, Any] = {
    "a date": date(2026, 1, 31),
    "a naive datetime": datetime(2026, 1, 31),  # noqa: DTZ001 -- naive is UTC
    "a datetime": datetime(2026, 1, 31, tzinfo=UTC),
    "a Timestamp": pd.Timestamp("2026-01-31"),
    "a Timestamp with a zone": pd.Timestamp("2026-01-31 03:00", tz="Europe/Moscow"),
    "a datetime64 of days": np.datetime64("2026-01-31"),
    "a datetime64 of nanoseconds": np.datetime64("2026-01-31T00:00", "ns"),
    "text of a day": "2026-01-31",
    "text with a zone": "2026-01-31T03:00:00+03:00",
}


def parameters_of(name: str) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(getattr(tf.AsyncTolokaClient, name)).parameters
    return {key: parameter for key, parameter in parameters.items() if key != "self"}


def kind_of(parameter: inspect.Parameter) -> str | None:
    if values_of(parameter):
        return "enumeration"
    if "TimestampLike" in str(parameter.annotation) or date in get_args(parameter.annotation):
        return "timestamp"
    return "id" if ID_NAME.fullmatch(parameter.name) else None


def values_of(parameter: inspect.Parameter) -> tuple[str, ...]:
    """Return the values of an enumeration; none if the parameter is not one."""
    if not isinstance(parameter.annotation, str):
        return next((get_args(member) for member in get_args(parameter.annotation) if get_origin(member) is Literal), ())
    return next(
        (get_args(alias) for name, alias in ENUMERATIONS.items() if re.search(rf"\b{name}\b", parameter.annotation)), ()
    )


def takes_several(parameter: inspect.Parameter) -> bool:
    return "Collection" in str(parameter.annotation)


def each_method_with(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [name for name in METHODS if of_kind(name, kind)])


def of_kind(name: str, kind: str) -> dict[str, inspect.Parameter]:
    return {key: parameter for key, parameter in parameters_of(name).items() if kind_of(parameter) == kind}


def argument(parameter: inspect.Parameter) -> Any:
    """Return a valid argument."""
    if values := values_of(parameter):
        return [values[0]] if takes_several(parameter) else values[0]
    annotation = str(parameter.annotation)
    if re.search("Mapping|Task|JsonObject|Form", annotation):
        return [{}] if annotation.startswith("Sequence") else {}
    return "1" if kind_of(parameter) == "id" else OTHERS[annotation]


def required(name: str) -> dict[str, Any]:
    """Return what a call needs; some lists need one of several filters, and pool_id is one of them."""
    parameters = parameters_of(name).items()
    empty = inspect.Parameter.empty
    return {key: argument(item) for key, item in parameters if item.default is empty or key == "pool_id" or is_body(item)}


def is_body(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter is the dict that a call takes in place of keywords."""
    annotation, kinds = str(parameter.annotation), (parameter.POSITIONAL_OR_KEYWORD,)
    return (
        annotation.startswith(("JsonObject", "PoolForm", "ProjectForm"))
        and parameter.kind in kinds
        and parameter.name != "parameters"
    )


class Calls:
    """Calls of a method to a service that refuses them all."""

    def __init__(self, name: str, server: Scripted) -> None:
        self._method = getattr(server.async_client(retries=1), name)
        self._server, self._made = server, dict[str, list[Any]]()

    def requests(self, **arguments: Any) -> list[Any]:
        """Make a call, and return its requests and their bodies."""
        before = len(self._server.requests)
        with contextlib.suppress(tf.ApiError):
            result = self._method(**arguments)
            if isinstance(result, tf.Scan):
                assert result.schema  # before the page, whose refusal would cancel the requests for it
                result.head(1)
            else:
                tf.run(result)
        made = list(zip(self._server.requests[before:], self._server.bodies[before:], strict=True))
        assert made
        return made

    def as_with_text(self, arguments: dict[str, Any], keys: Iterable[str], value: Any, text: Any) -> bool:
        """Return whether arguments in another form make the same requests as with text."""
        with_text = arguments | dict.fromkeys(keys, text)
        if repr(with_text) not in self._made:
            self._made[repr(with_text)] = self.requests(**with_text)
        return self.requests(**arguments | dict.fromkeys(keys, value)) == self._made[repr(with_text)]


@pytest.fixture
def calls(request: pytest.FixtureRequest, scripted: Scripted) -> Calls:
    scripted.answers = [NOT_FOUND]
    return Calls(request.getfixturevalue("name"), scripted)


@each_method_with("id")
def test_ids_in_every_form_make_the_same_requests_as_text(name: str, calls: Calls) -> None:
    keys = of_kind(name, "id")
    for form, (value, text) in IDS.items():
        # a dict is the whole operation, which is not requested first
        if not ("operation" in keys and isinstance(value, dict)):
            assert calls.as_with_text(required(name), keys, value, text), form


@each_method_with("timestamp")
def test_timestamps_in_every_form_make_the_same_requests_as_text(name: str, calls: Calls) -> None:
    keys = of_kind(name, "timestamp")
    for form, value in TIMESTAMPS.items():
        assert calls.as_with_text(required(name), keys, value, MOMENT), form


@each_method_with("enumeration")
def test_enumerations_in_every_form_make_the_same_requests_as_text(name: str, calls: Calls) -> None:
    for key, parameter in of_kind(name, "enumeration").items():
        value = values_of(parameter)[-1]
        forms = forms_of(value)
        if takes_several(parameter):
            forms += [collection([form]) for form in forms for collection in COLLECTIONS]
        arguments = required(name) | needed(value)
        for form in forms:
            assert calls.as_with_text(arguments, [key], form, value), form


@each_method_with("id")
def test_what_is_not_an_id_is_rejected_by_its_name_before_anything_is_sent(name: str, scripted: Scripted) -> None:
    method = getattr(scripted.async_client(), name)
    for key in of_kind(name, "id"):
        for form, value in NOT_IDS.items():
            with pytest.raises(tf.InputError) as caught:
                tf.run(method(**required(name) | {key: value}))
            assert caught.value.column == key, form
    assert scripted.requests == []


COLLECTIONS: list[Callable[[list[Any]], Any]] = [list, tuple, set, pd.Series, lambda values: np.array(values, dtype=object)]


def needed(value: str) -> dict[str, str]:
    """Return the filter that a value needs."""
    return {"project_id": "1"} if value == "PROJECT" else {}


def forms_of(value: str) -> list[Any]:
    """Return a value of an enumeration in other forms."""
    plain, text = Enum("Plain", {"VALUE": value}), Enum("Text", {"VALUE": value}, type=str)  # type: ignore[misc]
    return [plain["VALUE"], text["VALUE"], np.str_(value)]


def test_the_parameters_of_each_kind_are_found() -> None:
    counts = {kind: sum(len(of_kind(name, kind)) for name in METHODS) for kind in ("id", "timestamp", "enumeration")}
    assert counts["id"] >= 300
    assert counts["timestamp"] >= 170
    assert counts["enumeration"] >= 30
    annotations = {str(item.annotation) for name in METHODS for item in of_kind(name, "id").values()}
    assert [annotation for annotation in annotations if not re.search(r"\bId\b", annotation)] == []

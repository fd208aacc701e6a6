"""The house as it is drawn: imports point down, outside packages have a home, the public names are the contract."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import toloka_frames as tf

PACKAGE = Path(tf.__file__).parent

# From the top down: a room imports only from rooms below its own.
FLOORS = [
    "__init__",
    "_cli",
    "_demo",
    "local",
    "aio",
    "_verbs",
    "_create_apps",
    "_create",
    "_set",
    "_rows",
    "_dask",
    "_plots",
    "_tallies",
    "_frames",
    "_upload",
    "_settings",
    "_each",
    "_work",
    "_app_sending",
    "_sending",
    "_crew",
    "_ledger",
    "_ledger_file",
    "_record",
    "_tasks",
    "_bonuses",
    "_app_items",
    "_objects",
    "_plan",
    "_client",
    "_clone",
    "_lists",
    "_app_calls",
    "_people_calls",
    "_task_calls",
    "_pool_calls",
    "_calls",
    "_scan",
    "_partitions",
    "_copy",
    "_parts",
    "_manifest",
    "_parallel",
    "_gaps",
    "_instants",
    "_walk",
    "_ahead",
    "_cuts",
    "_watch",
    "_operations",
    "_specifications",
    "_export",
    "_question",
    "_app_resources",
    "_people_resources",
    "_pool_resources",
    "_signatures",
    "_resources",
    "_keywords",
    "_results",
    "_logs",
    "_matching",
    "_chunks",
    "_kinds",
    "_cells",
    "_texts",
    "_series",
    "_roles",
    "_refusals",
    "_inference",
    "_sinks",
    "_page",
    "_filters",
    "_values",
    "_columns",
    "_http",
    "_quota",
    "_retries",
    "_arrow_json",
    "_answers",
    "_connections",
    "_progress",
    "_sync",
    "_errors",
    "_version",
]

# pandas and pyarrow are what the rows are made of; every other package has one home.
HOMES = {
    "httpx": {"_http", "_connections", "_answers", "_client"},  # the latter two: its types
    "anyio": {"_connections"},
    "tenacity": {"_retries"},
    "pyrate_limiter": {"_quota"},
    "nest_asyncio": {"_sync"},
    "sniffio": {"_sync"},
    "platformdirs": {"_ledger_file"},
    "filelock": {"_ledger_file", "_parts"},
    "ipywidgets": {"_progress"},
    "IPython": {"_progress"},
    "matplotlib": {"_plots"},
    "dask": {"_dask"},
    "orjson": {"_texts", "local"},
    "numpy": {
        *("_page", "_cells", "_copy", "_partitions", "_parallel", "_gaps", "_results", "_logs", "_texts", "_series", "local"),
    },
    "pandas": {
        "_task_calls",
        *("_sinks", "_scan", "_rows", "_parts", "_cells", "_roles", "_results", "_errors", "_demo", "local"),
        *("_create", "_verbs", "_upload", "_tasks", "_bonuses", "_settings", "_each", "_client", "_quota", "aio", "_refusals"),
        *("_frames", "_tallies", "_plots", "_dask", "_work", "_app_items", "_create_apps", "_set", "_series"),
    },
    "pyarrow": {
        "_export",
        *("_resources", "_columns", "_values", "_page", "_inference", "_sinks", "_scan", "_copy", "_parts", "_manifest"),
        *("_rows", "_partitions", "_parallel", "_results", "_logs", "_cells", "_texts", "_arrow_json", "aio"),
    },
    "starlette": {"local"},
    "uvicorn": {"local"},
}


def room_of(path: Path) -> str:
    return "local" if path.parent.name == "local" else path.stem


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, also inside functions and for types only."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            inside = node.module == "toloka_frames"
            names |= {f"toloka_frames.{alias.name}" for alias in node.names} if inside else {node.module}
    return names


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    inside = {name.split(".")[1] for name in imports_of(path) if name.startswith("toloka_frames.")}
    above = {other for other in inside - {room} if FLOORS.index(other) <= FLOORS.index(room)}
    assert not above


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_outside_packages_are_at_home(path: Path) -> None:
    room = room_of(path)
    outside = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"toloka_frames"}
    assert {name for name in outside if room not in HOMES[name]} == set()


def test_every_room_has_a_floor() -> None:
    assert sorted({room_of(path) for path in FILES}) == sorted(FLOORS)


def test_the_service_shares_no_code_with_the_client() -> None:
    shared = {path.name: imports_of(path) for path in (PACKAGE / "local").glob("*.py")}
    mine = {(name, module) for name, modules in shared.items() for module in modules if module.startswith("toloka_frames.")}
    assert {pair for pair in mine if pair != ("__init__.py", "toloka_frames._client.client")} == set()


def test_a_file_begins_by_saying_what_comes_in_and_what_goes_out() -> None:
    assert [path.name for path in FILES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("module", [tf, tf.aio, import_module("toloka_frames.local")], ids=lambda module: module.__name__)
def test_the_namespace_is_the_contract(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    defined = {name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}  # type: ignore[attr-defined]
    assert list(names) == sorted(names)
    assert {name for name in defined if not name.startswith("_")} <= set(names)
    assert all(hasattr(module, name) for name in names)


def test_public_names_say_that_they_are_from_the_package() -> None:
    objects = [getattr(tf, name) for name in tf.__all__]
    assert {getattr(each, "__module__", "toloka_frames") for each in objects} == {"toloka_frames"}


def test_every_public_name_tells_what_it_is() -> None:
    objects = [getattr(tf, name) for name in tf.__all__ if name != "__version__"]
    methods = [value for each in objects if isinstance(each, type) for value in public_members(each)]
    assert [each for each in [*objects, *methods] if not (each.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", ["create_tasks", "to_arrow", "to_dataframe", "to_parquet"])
def test_the_verbs_tell_errors_and_source(name: str) -> None:
    for module in (tf, tf.aio):
        text = getattr(module, name).__doc__.lower()
        assert "error" in text
        assert "source" in text


def test_every_call_of_the_service_names_its_source() -> None:
    calls = {
        name: getattr(tf.AsyncTolokaClient, name) for name in dir(tf.AsyncTolokaClient) if not name.startswith(("_", "find_"))
    }
    without = [name for name, call in calls.items() if "Source: " not in (call.__doc__ or "")]
    assert without == ["aclose", "wait_operation"]


def public_members(cls: type) -> list[object]:
    return [value for name, value in vars(cls).items() if callable(value) and not name.startswith("_")]


def test_importing_the_package_loads_nothing_that_only_some_use() -> None:
    late = {"ipywidgets", "IPython", "starlette", "uvicorn", "crowdkit", "matplotlib", "dask"}
    # and nothing large that only a request, an upload or a copy pays for
    late |= {"tenacity", "pyrate_limiter", "filelock", "platformdirs", "pyarrow.parquet", "pyarrow.fs"}
    code = "import sys, toloka_frames; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert late & set(done.stdout.split()) == set()

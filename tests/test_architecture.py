"""Imports follow the layers, each outside package has one home, and the public names are the contract."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import toloka_frames as tf

PACKAGE = Path(tf.__file__).parent

# A package imports only from the layers above its own; the packages of one layer do not know each other.
CLIENT_LAYERS = [
    {"_errors", "_version"},
    {"_validation", "_runtime"},
    {"_schema"},
    {"_transport"},
    {"_reading", "_frames"},
    {"_client"},
    {"_uploading", "local"},
    {"aio"},
    {"__init__"},
    {"_cli"},
    {"__main__"},
]
LOCAL_LAYERS = [{"_base"}, {"_store"}, {"_faults"}, {"_api"}, {"_simulation"}, {"_server"}, {"__init__"}]
FILES = sorted(PACKAGE.rglob("*.py"))
LOCAL_FILES = [path for path in FILES if path.is_relative_to(PACKAGE / "local")]

# What frames are made of may be used anywhere; every other package has one home, a package or a file.
EVERYWHERE = {"numpy", "pandas", "pyarrow"}
HOMES = {
    "IPython": {"_runtime/progress.py"},
    "anyio": {"_transport/http.py"},
    "dask": {"_reading/dask.py"},
    "filelock": {"_runtime/file_lock.py"},
    "httpx": {"_transport", "_client/client.py"},  # the client for the types of its options
    "ipywidgets": {"_runtime/progress.py"},
    "matplotlib": {"_frames/plots.py"},
    "nest_asyncio": {"_runtime/event_loop.py"},
    "orjson": {"_uploading/json_text.py", "local"},  # the client and the local service share no code
    "platformdirs": {"_uploading/ledger_db.py"},
    "pyrate_limiter": {"_transport/rate_limits.py"},
    "sniffio": {"_runtime/event_loop.py"},
    "starlette": {"local/_server"},
    "tenacity": {"_transport/http.py", "_transport/retries.py"},  # http.py for the type of a retry loop
    "uvicorn": {"local/_server"},
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_follow_the_layers(path: Path) -> None:
    assert against_the_layers(path, "toloka_frames", CLIENT_LAYERS) == []


@pytest.mark.parametrize("path", LOCAL_FILES, ids=name_of)
def test_imports_of_the_local_service_follow_its_layers(path: Path) -> None:
    assert against_the_layers(path, "toloka_frames.local", LOCAL_LAYERS) == []


def test_every_package_has_a_layer() -> None:
    assert {name_of(path).partition("/")[0].removesuffix(".py") for path in FILES} == set().union(*CLIENT_LAYERS)
    inside = {path.relative_to(PACKAGE / "local").parts[0].removesuffix(".py") for path in LOCAL_FILES}
    assert inside == set().union(*LOCAL_LAYERS)


def against_the_layers(path: Path, root: str, layers: list[set[str]]) -> list[str]:
    """The imports below `root` that come from the importer's own layer or a lower one, except from its own package."""
    depths = {name: depth for depth, layer in enumerate(layers) for name in layer}
    parts = path.relative_to(PACKAGE.parent / root.replace(".", "/")).parts
    importer = parts[0].removesuffix(".py")
    inside = [name.removeprefix(f"{root}.").partition(".")[0] for name in imports_of(path) if name.startswith(f"{root}.")]
    return [name for name in inside if name != importer and depths[name] >= depths[importer]]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_outside_packages_are_at_home(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"toloka_frames"}
    places = {parent.as_posix() for parent in [path.relative_to(PACKAGE), *path.relative_to(PACKAGE).parents]}
    assert {name for name in outside - EVERYWHERE if not HOMES[name] & places} == set()


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, also inside functions and for types only."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            inside = node.module.startswith("toloka_frames")
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if inside else {node.module}
    return names


def test_the_local_service_shares_no_code_with_the_client() -> None:
    imports = {(path, name) for path in LOCAL_FILES for name in imports_of(path) if name.startswith("toloka_frames.")}
    shared = {(path, name) for path, name in imports if not name.startswith("toloka_frames.local.")}
    assert {(name_of(path), name) for path, name in shared} == {
        ("local/__init__.py", "toloka_frames._client.client.AsyncTolokaClient")
    }


def test_every_module_has_a_docstring() -> None:
    assert [name_of(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


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

"""Imports follow the layers, each third-party package has one home, and public names are listed and documented."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from inspect import isfunction
from pathlib import Path

import pytest

import toloka_frames as tf

PACKAGE = Path(tf.__file__).parent

# A module or package imports only from the layers above its own, so packages of one layer do not import each other.
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
    {"_demo"},
    {"_cli"},
    {"__main__"},
]
LOCAL_LAYERS = [{"_base"}, {"_store"}, {"_faults"}, {"_api"}, {"_simulation"}, {"_server"}, {"__init__"}]
FILES = sorted(PACKAGE.rglob("*.py"))
LOCAL_FILES = [path for path in FILES if path.is_relative_to(PACKAGE / "local")]

# Any module may use the packages that frames are made of. Every other third-party package has a home: a package or a file.
EVERYWHERE = {"numpy", "pandas", "pyarrow"}
HOMES = {
    "IPython": {"_runtime/displays.py", "_runtime/live_card.py", "_errors/tracebacks.py"},
    "anyio": {"_transport/http.py"},
    "dask": {"_reading/dask.py"},
    "fsspec": {"_reading/outputs.py"},
    "filelock": {"_runtime/concurrency.py"},
    "httpx": {"_transport/library.py"},
    "httpx2": {"_transport/library.py"},
    "ipywidgets": {"_runtime/displays.py"},
    "matplotlib": {"_frames/drawing.py", "_frames/plots.py"},
    "nest_asyncio": {"_runtime/event_loop.py"},
    # the client and the local service share no code; pages that the fast reader rejects are parsed by it
    "orjson": {"_uploading/requests.py", "_reading/page.py", "local"},
    "platformdirs": {"_runtime/user_data.py"},
    "sniffio": {"_runtime/event_loop.py"},
    "starlette": {"local/_server"},
    "tenacity": {"_transport/http.py", "_transport/retries.py"},  # http.py for the type of a retry loop
    "uvicorn": {"local/_server"},
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_follow_the_layers(path: Path) -> None:
    assert imports_against_the_layers(path, "toloka_frames", CLIENT_LAYERS) == []


@pytest.mark.parametrize("path", LOCAL_FILES, ids=name_of)
def test_imports_of_the_local_service_follow_its_layers(path: Path) -> None:
    assert imports_against_the_layers(path, "toloka_frames.local", LOCAL_LAYERS) == []


def test_every_module_and_package_has_a_layer() -> None:
    assert {name_of(path).partition("/")[0].removesuffix(".py") for path in FILES} == set().union(*CLIENT_LAYERS)
    inside = {path.relative_to(PACKAGE / "local").parts[0].removesuffix(".py") for path in LOCAL_FILES}
    assert inside == set().union(*LOCAL_LAYERS)


def imports_against_the_layers(path: Path, root: str, layers: list[set[str]]) -> list[str]:
    """Return the imports from below `root` that break the rule, that is, from the importer's layer or one below it."""
    depths = {name: depth for depth, layer in enumerate(layers) for name in layer}
    parts = path.relative_to(PACKAGE.parent / root.replace(".", "/")).parts
    importer = parts[0].removesuffix(".py")
    inside = [name.removeprefix(f"{root}.").partition(".")[0] for name in imports_of(path) if name.startswith(f"{root}.")]
    return [name for name in inside if name != importer and depths[name] >= depths[importer]]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_third_party_packages_are_used_only_in_their_home(path: Path) -> None:
    third_party = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"toloka_frames"}
    folders = {parent.as_posix() for parent in [path.relative_to(PACKAGE), *path.relative_to(PACKAGE).parents]}
    assert {name for name in third_party - EVERYWHERE if not HOMES.get(name, set()) & folders} == set()


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports, including imports in functions and imports for types."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            inside = node.module.startswith("toloka_frames")
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if inside else {node.module}
    return names


def test_local_service_shares_no_code_with_the_client() -> None:
    imports = {(path, name) for path in LOCAL_FILES for name in imports_of(path) if name.startswith("toloka_frames.")}
    shared = {(path, name) for path, name in imports if not name.startswith("toloka_frames.local.")}
    assert {(name_of(path), name) for path, name in shared} == {
        ("local/__init__.py", f"toloka_frames._client.client.{name}")
        for name in ("AsyncTolokaClient", "BaseClient", "TolokaClient")
    } | {
        ("local/__init__.py", "toloka_frames._schema.row.Row"),
        # how errors are shown is not how the service behaves
        ("local/_base/tracebacks.py", "toloka_frames._errors.tracebacks.shorten"),
        ("local/_base/tracebacks.py", "toloka_frames._errors.tracebacks.shown_short"),
    }


def test_every_module_has_a_docstring() -> None:
    assert [name_of(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


# Phrases of an earlier style, as in "a frame comes in, its JSON goes out". They do not say what a module does; a docstring says
# "Convert a frame to JSON" instead.
UNCLEAR_PHRASES = re.compile(r"\bcomes in\b|\bcome in,|\bgoes? out\b|\bwhat is told\b|\bso many\b", re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_text_of_modules_has_no_unclear_phrases(path: Path) -> None:
    one_line = re.sub(r"\s*\n\s*(?:# )?", " ", path.read_text("utf-8"))
    assert UNCLEAR_PHRASES.findall(one_line) == []


@pytest.mark.parametrize("module", [tf, tf.aio, import_module("toloka_frames.local")], ids=lambda module: module.__name__)
def test_all_lists_the_public_names(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    defined = {name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}  # type: ignore[attr-defined]
    assert list(names) == sorted(names)
    assert {name for name in defined if not name.startswith("_")} <= set(names)
    assert all(hasattr(module, name) for name in names)


def test_public_objects_name_the_package_as_their_module() -> None:
    objects = [getattr(tf, name) for name in tf.__all__]
    assert {getattr(item, "__module__", "toloka_frames") for item in objects} == {"toloka_frames"}


def test_methods_of_public_classes_are_public_calls() -> None:
    classes = {base for item in (getattr(tf, name) for name in tf.__all__) if isinstance(item, type) for base in item.__mro__}
    ours = [cls for cls in classes if cls.__module__.startswith("toloka_frames") and not issubclass(cls, Exception)]
    methods = {f"{cls.__name__}.{name}": item for cls in ours for name, item in vars(cls).items() if isfunction(item)}
    public = {name: method for name, method in methods.items() if "._" not in name}
    assert {"Scan.head", "BaseClient.quota", "PoolWatch.stop"} <= set(public)
    assert [name for name, method in public.items() if not hasattr(method, "__wrapped__")] == []


def test_public_objects_have_docstrings() -> None:
    objects = [getattr(tf, name) for name in tf.__all__ if name != "__version__"]
    methods = [value for item in objects if isinstance(item, type) for value in public_members(item)]
    assert [item for item in [*objects, *methods] if not (item.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", ["create_tasks", "to_arrow", "to_dataframe", "to_parquet"])
def test_docstrings_name_errors_and_source(name: str) -> None:
    for module in (tf, tf.aio):
        text = getattr(module, name).__doc__.lower()
        assert "error" in text
        assert "source" in text


def test_docstrings_of_calls_name_their_source() -> None:
    calls = {
        name: getattr(tf.AsyncTolokaClient, name) for name in dir(tf.AsyncTolokaClient) if not name.startswith(("_", "find_"))
    }
    without = [name for name, call in calls.items() if "Source: " not in (call.__doc__ or "")]
    assert without == ["aclose", "wait_operation"]


def public_members(cls: type) -> list[object]:
    return [value for name, value in vars(cls).items() if callable(value) and not name.startswith("_")]


# what is loaded: the packages and modules of this package, and those third-party packages that have a home or are EVERYWHERE
ERRORS_ONLY = ({"_errors", "_runtime", "_version"}, {"sniffio"})
LOADED = {
    "import toloka_frames": ERRORS_ONLY,
    "from toloka_frames import TolokaClient": (
        {"_client", "_errors", "_runtime", "_schema", "_transport", "_validation", "_version"},
        {"anyio", "httpx", "numpy", "pandas", "pyarrow", "sniffio"},
    ),
    "import toloka_frames._cli": (ERRORS_ONLY[0] | {"_cli"}, ERRORS_ONLY[1]),
}
# these take long, and only some calls need them
NOT_AT_START = {
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.fs",
    "pyarrow.parquet",
    "sqlite3",
    "toloka_frames._runtime.displays",
    "toloka_frames._runtime.tracker",
}


@pytest.mark.parametrize("statement", LOADED)
def test_import_loads_no_package_that_only_some_calls_use(statement: str) -> None:
    code = f"import sys; before = {{*sys.modules}}; {statement}; print(*{{*sys.modules}} - before)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = result.stdout.split()
    own, packages = LOADED[statement]
    assert {name.split(".")[1] for name in loaded if name.startswith("toloka_frames.")} == own
    assert {name.split(".")[0] for name in loaded} & (set(HOMES) | EVERYWHERE) <= packages
    assert NOT_AT_START & set(loaded) == set()


def test_type_checkers_see_what_is_imported_later() -> None:
    code = ast.parse(Path(tf.__file__).read_text("utf-8"))
    block = next(node for node in code.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {(node.module, name.name) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    later = {
        (".".join(["toloka_frames", *([module] if module != names[0] else [])]), name)
        for module, names in tf._LATER.items()
        for name in names
    }
    assert seen == later
    assert set(dir(tf)) >= set(tf.__all__)

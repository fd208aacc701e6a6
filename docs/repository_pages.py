"""Hooks of MkDocs: the pages are written for GitHub, and the site is built from them as they are.

A page of docs/ links to `../SECURITY.md`. In the site docs/ is the root, so guides and results that lie elsewhere in the
repository become pages, and links to them are rewritten. The word after `python`, which tells the tests how to run a block, is
not a part of the site.
"""

from __future__ import annotations

import inspect
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ADDED = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/results.md", "benchmarks/results.png"]
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#]+)")
ELSEWHERE = re.compile(r'<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')
HOW_TO_RUN = re.compile(r"^(```python) [a-z-]+$", re.MULTILINE)
REPOSITORY = "https://github.com/toloka-frames/toloka_frames/blob/main/"


def on_startup(**_: Any) -> None:
    """Show public functions and methods as their users see them.

    mkdocstrings looks behind decorators: it takes a method whose module is not that of its class for an import, and shows the
    signature of the function that is decorated.
    """
    for module in (tf, tf.aio):
        for public in (getattr(module, name) for name in module.__all__):
            if inspect.isfunction(public):
                inspect.unwrap(public).__signature__ = _signature(public)  # type: ignore[attr-defined]
            for method in filter(inspect.isfunction, vars(public).values() if inspect.isclass(public) else ()):
                inspect.unwrap(method).__module__ = public.__module__


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature that a call has, with both clients in place of the base class that they share."""
    seen = inspect.signature(function)
    parameters = [
        parameter.replace(annotation="TolokaClient | AsyncTolokaClient") if parameter.annotation == "BaseClient" else parameter
        for parameter in seen.parameters.values()
    ]
    return seen.replace(parameters=parameters)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files of the repository that are pages."""
    for path in ADDED:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 -- MkDocs passes it
    """Rewrite the links that leave docs/ or lead into it, and the first lines of code blocks."""
    source = page.file.src_uri
    folder = posixpath.dirname(source if source in ADDED else f"docs/{source}")

    def rewritten(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[0]))
        in_site = target.removeprefix("docs/")
        if in_site == target and target not in ADDED:
            return REPOSITORY + target if (ROOT / target).exists() else link[0]
        return posixpath.relpath(in_site, posixpath.dirname(source) or ".")

    return HOW_TO_RUN.sub(r"\1", LINK.sub(rewritten, markdown))


def on_post_page(output: str, *, page: Page, **_: Any) -> str:
    """Reject a page that loads something from another host."""
    if loaded := ELSEWHERE.search(output):
        raise PluginError(f"{page.file.src_uri} loads something from another host: {loaded[0]}")
    return output

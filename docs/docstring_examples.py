"""An extension of mkdocstrings: a section `Example:` of a docstring is a section of examples, whose doctests become code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import griffe

if TYPE_CHECKING:
    from griffe import Object


class SingularExample(griffe.Extension):
    """Name the section as griffe knows it; it takes the singular for a remark in Markdown."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of an object that was loaded."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

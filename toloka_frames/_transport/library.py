"""Import the HTTP library: httpx, or httpx2, its continuation with the same API, where only that is installed.

httpx comes first, because other packages install httpx2 beside it: the objects that callers pass as `timeout=` or `transport=`
would no longer fit, and httpx2 trusts other certificates (those of the system).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ConfigurationError

if TYPE_CHECKING:
    import httpx
else:
    try:
        import httpx
    except ModuleNotFoundError:
        import httpx2 as httpx

__all__ = ["check_library", "httpx"]

# `httpx2.alias_httpx()` makes `import httpx` return httpx2
NAME = httpx.__name__
OTHER = "httpx" if NAME == "httpx2" else "httpx2"


def check_library(name: str, option: Any) -> None:
    """Check that the value of an option is not an object of the other library, whose classes this one does not know.

    Raises:
        ConfigurationError: If it is.
    """
    if any(parent.__module__.partition(".")[0] == OTHER for parent in type(option).__mro__):
        raise ConfigurationError(
            f"{name}= is an object of {OTHER}, but this process sends its requests with {NAME}.",
            hint=f"Make it with {NAME}.{type(option).__name__}.",
        )

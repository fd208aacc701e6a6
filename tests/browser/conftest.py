"""One JupyterLab in Chromium for all tests in the browser; `make test-browser` runs them, `make test` does not."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.jupyterlab import JupyterLab


@pytest.fixture(scope="session")
def token() -> str:
    """Return the token of all services, in a variable of the kernels; at the end all files are searched for such tokens."""
    return f"{secrets.token_hex(11)}.{secrets.token_hex(4)}.{secrets.token_hex(16)}"


@pytest.fixture(scope="session")
def lab(token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Start JupyterLab and a browser; without them skip, or fail if BROWSER_REQUIRED is set, as `make test-browser` does."""
    if missing := what_is_missing():
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(missing)
        pytest.skip(missing)
    from support.jupyterlab import running_jupyterlab  # noqa: PLC0415 -- it needs Playwright

    with running_jupyterlab(tmp_path_factory.mktemp("home"), {"TOLOKA_TOKEN": token}) as lab:
        yield lab


def what_is_missing() -> str:
    """Return what the tests need and this machine does not have, or ""."""
    try:
        import jupyterlab  # noqa: F401, PLC0415
        from support.jupyterlab import CHROMIUM_NAMES, find_chromium  # noqa: PLC0415
    except ImportError as error:
        return f"{error.name} is not installed: make test-browser installs it"
    return "" if find_chromium() else f"no Chromium was found ({', '.join(CHROMIUM_NAMES)}): apt-get install chromium"

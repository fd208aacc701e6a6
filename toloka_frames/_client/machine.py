"""Describe this machine for `doctor`: versions, the variables that connections depend on, and the ledger."""

from __future__ import annotations

import os
import platform
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toloka_frames._client.doctor_report import Finding, Level
from toloka_frames._runtime.displays import in_notebook
from toloka_frames._runtime.user_data import default_ledger_path, is_writable
from toloka_frames._transport.library import NAME
from toloka_frames._version import __version__

PACKAGES = ("pandas", "pyarrow", "numpy", NAME, "anyio", "nest_asyncio", "ipywidgets")
# shown in lower case, too; requests, which Toloka-Kit uses, reads the last two, and this package does not
VARIABLES = (
    "TOLOKA_ENVIRONMENT",
    "TOLOKA_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
UNUSED = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
GIB = 2**30


def check_machine() -> list[Finding]:
    """Return what connections and uploads of this process depend on."""
    python = f"{platform.python_version()} ({platform.python_implementation()}) on {platform.platform()}"
    packages = [f"{name} {_version(name)}" for name in PACKAGES]
    return [
        Finding("toloka_frames", __version__),
        Finding("Python", python),
        Finding("packages", ", ".join(packages)),
        Finding("notebook", f"yes, ipykernel {_version('ipykernel')}" if in_notebook() else "no"),
        Finding("variables", "\n".join(_variables())),
        _check_ledger(default_ledger_path()),
    ]


def without_password(value: str) -> str:
    """Return a URL, or what was meant as one, without its user name and password."""
    if "@" not in value:
        return value
    scheme = SCHEME.match(value)
    return f"{scheme[0] if scheme else ''}***@{value.rpartition('@')[2]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _variables() -> list[str]:
    token = f"TOLOKA_TOKEN is {'set' if os.environ.get('TOLOKA_TOKEN') else 'not set'}"
    return [
        token,
        *(f"{name}={_shown(value)}{_use(name)}" for name, value in sorted(os.environ.items()) if name.upper() in VARIABLES),
    ]


def _use(name: str) -> str:
    return " (not used by toloka_frames: set SSL_CERT_FILE)" if name in UNUSED else ""


def _shown(value: str) -> str:
    return _from_home(Path(value)) if value.startswith(os.sep) else without_password(value)


def _check_ledger(path: Path) -> Finding:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    size = f"{path.stat().st_size:,} bytes" if existing == path else "not created yet"
    text = f"{_from_home(path)}: {size}, {shutil.disk_usage(existing).free / GIB:,.1f} GiB free"
    if is_writable(path):
        return Finding("ledger", text)
    return Finding(
        "ledger", f"{text}; it cannot be written. Make it writable, or give uploads another file: ledger=.", Level.FAIL
    )


def _from_home(path: Path) -> str:
    """Return a path without the name of the user, where it is in their home folder."""
    home = Path.home()
    return f"~{os.sep}{path.relative_to(home)}" if path.is_relative_to(home) else str(path)

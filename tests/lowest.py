"""Print the lowest supported version of each dependency, as a constraints file for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[.*\])?>=(?P<version>[\w.]+)")


def lowest_versions() -> list[str]:
    """Return `name==version` for each dependency of the package and of its extras."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    requirements = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    return [lowest_version(requirement) for requirement in requirements]


def lowest_version(requirement: str) -> str:
    """Return the requirement at its lower bound, which each one must have."""
    bound = LOWER_BOUND.fullmatch(requirement)
    if bound is None:
        message = f"no lower bound: {requirement}"
        raise ValueError(message)
    return f"{bound['name']}=={bound['version']}"


if __name__ == "__main__":
    print("\n".join(lowest_versions()))

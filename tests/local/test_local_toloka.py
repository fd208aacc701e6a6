from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from support.raw_client import authorization

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_token_has_the_form_of_an_api_key(toloka: LocalToloka) -> None:
    assert toloka.token.count(".") == 2
    assert toloka.token.index(".") == 22


def test_a_given_token_is_used() -> None:
    with LocalToloka(token="mine") as toloka:  # noqa: S106  # no secret: the service dies with the test
        assert toloka.token == "mine"  # noqa: S105  # as above
        assert httpx.get(f"{toloka.url}/api/v1/requester", headers=authorization(toloka)).status_code == 200


def test_a_service_that_is_not_running_says_how_to_start_it() -> None:
    toloka = LocalToloka()
    for get in (lambda: toloka.url, lambda: toloka.token, lambda: toloka.requests):
        with pytest.raises(RuntimeError, match="start"):
            get()


def test_its_repr_says_where_it_is() -> None:
    with LocalToloka() as toloka:
        assert repr(toloka) == f"<LocalToloka at {toloka.url}>"
    assert repr(toloka) == "<LocalToloka that is not running>"


def test_a_file_stores_token_and_state(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with LocalToloka(path) as toloka:
        token = toloka.token
        assert toloka.start() is toloka
        spec = {"input_spec": {}, "output_spec": {}}
        form = {"public_name": "Kept", "task_spec": spec, "assignments_issuing_type": "AUTOMATED"}
        project = httpx.post(f"{toloka.url}/api/v1/projects", json=form, headers=authorization(toloka)).json()
    with toloka:
        assert toloka.token == token
        stored = httpx.get(f"{toloka.url}/api/v1/projects/{project['id']}", headers=authorization(toloka))
        assert stored.json() == project


def test_a_file_serves_one_service_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with LocalToloka(path) as toloka:
        with pytest.raises(OSError, match=r"toloka\.db.* another service is using it"):
            LocalToloka(path).start()
        assert httpx.get(f"{toloka.url}/api/v1/requester", headers=authorization(toloka)).status_code == 200
    with LocalToloka(path):
        pass


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("existing", [[], ["toloka.db"], ["toloka.db", "toloka.db-wal"]], ids=str)
def test_only_the_owner_can_read_the_state(tmp_path: Path, existing: list[str]) -> None:
    before = os.umask(0)
    try:
        for name in existing:  # as an earlier version left them
            (tmp_path / name).touch(0o666)
        with LocalToloka(tmp_path / "toloka.db"):
            assert modes(tmp_path) == dict.fromkeys(["toloka.db", "toloka.db-wal"], 0o600)
    finally:
        os.umask(before)
    assert modes(tmp_path) == {"toloka.db": 0o600}


def test_a_temporary_state_is_deleted_on_close() -> None:
    toloka = LocalToloka().start()
    first = toloka.token
    toloka.close()
    with toloka:
        assert toloka.token != first


def test_a_missing_dependency_names_the_extra_to_install() -> None:
    for missing in ("starlette", "uvicorn"):
        code = f"import sys; sys.modules[{missing!r}] = None; import toloka_frames.local"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "ImportError" in run.stderr
        assert "pip install 'toloka_frames[local]'" in run.stderr

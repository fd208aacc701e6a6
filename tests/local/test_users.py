from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient


USER = "a1b0b42923c429daa2c764d7ccfc364d"


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_user_metadata_does_not_change(api: RawClient) -> None:
    row = api.get(f"/v1/user-metadata/{USER}")
    assert row["id"] == USER
    assert row == api.get(f"/v1/user-metadata/{USER}")
    assert api.http.get("/v1/user-metadata/nobody").json()["code"] == "DOES_NOT_EXIST"

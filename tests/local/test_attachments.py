from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka


@pytest.fixture
def pool_id(toloka: LocalToloka, api: RawClient) -> str:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 2)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, workers=3)
    return pool_id


def test_an_attachment_is_returned_and_downloaded(toloka: LocalToloka, api: RawClient, pool_id: str) -> None:
    assignment = api.get("/v1/assignments", pool_id=pool_id)["items"][0]
    data = bytes(range(256)) * 1000
    file_id = toloka.attach(assignment["id"], "Фото 1.png", data, media_type="image/png")
    row = api.get(f"/v1/attachments/{file_id}")
    assert (row["name"], row["media_type"], row["attachment_type"]) == ("Фото 1.png", "image/png", "ASSIGNMENT_ATTACHMENT")
    assert row["details"] == {"user_id": assignment["user_id"], "assignment_id": assignment["id"], "pool_id": pool_id}
    response = api.http.get(f"/v1/attachments/{file_id}/download")
    assert (response.content, response.headers["Content-Type"]) == (data, "image/png")
    assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%D0%A4%D0%BE%D1%82%D0%BE%201.png"
    assert api.http.get("/v1/attachments/nothing/download").json()["code"] == "DOES_NOT_EXIST"


def test_attachments_are_filtered_by_each_field(toloka: LocalToloka, api: RawClient, pool_id: str) -> None:
    first, second = api.get("/v1/assignments", pool_id=pool_id, limit=2)["items"]
    files = [toloka.attach(row["id"], name, b"x") for row, name in ((first, "a"), (first, "b"), (second, "b"))]
    rows = {file_id: api.get(f"/v1/attachments/{file_id}") for file_id in files}
    one, two, three = files
    for query, expected in [
        ({"pool_id": pool_id}, {one, two, three}),
        ({"assignment_id": first["id"]}, {one, two}),
        ({"pool_id": pool_id, "name": "b"}, {two, three}),
        ({"pool_id": pool_id, "user_id": second["user_id"]}, {three}),
        ({"pool_id": pool_id, "type": "ASSIGNMENT_ATTACHMENT", "owner_id": rows[one]["owner"]["id"]}, {one, two, three}),
        ({"pool_id": pool_id, "owner_company_id": "1"}, set()),
        ({"pool_id": pool_id, "id_gt": sorted(files)[1]}, {sorted(files)[2]}),
    ]:
        assert {row["id"] for row in api.get("/v1/attachments", **query)["items"]} == expected
    assert set(api.http.get("/v1/attachments").json()["payload"]) == {"pool_id", "assignment_id"}


def test_an_attachment_needs_an_assignment(toloka: LocalToloka) -> None:
    with pytest.raises(ValueError, match="no assignment x"):
        toloka.attach("x", "name", b"")

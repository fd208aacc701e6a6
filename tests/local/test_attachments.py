from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

    from toloka_frames.local import LocalToloka


@pytest.fixture
def pool_id(toloka: LocalToloka, wire: Wire) -> str:
    pool_id = wire.pool()
    wire.tasks(pool_id, 2)
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, workers=3)
    return pool_id


def test_a_file_that_a_toloker_sent_is_shown_and_downloaded(toloka: LocalToloka, wire: Wire, pool_id: str) -> None:
    assignment = wire.get("/v1/assignments", pool_id=pool_id)["items"][0]
    data = bytes(range(256)) * 1000
    file_id = toloka.attach(assignment["id"], "Фото 1.png", data, media_type="image/png")
    row = wire.get(f"/v1/attachments/{file_id}")
    assert (row["name"], row["media_type"], row["attachment_type"]) == ("Фото 1.png", "image/png", "ASSIGNMENT_ATTACHMENT")
    assert row["details"] == {"user_id": assignment["user_id"], "assignment_id": assignment["id"], "pool_id": pool_id}
    reply = wire.http.get(f"/v1/attachments/{file_id}/download")
    assert (reply.content, reply.headers["Content-Type"]) == (data, "image/png")
    assert reply.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%D0%A4%D0%BE%D1%82%D0%BE%201.png"
    assert wire.http.get("/v1/attachments/nothing/download").json()["code"] == "DOES_NOT_EXIST"


def test_files_are_listed_by_all_that_is_known_of_them(toloka: LocalToloka, wire: Wire, pool_id: str) -> None:
    first, second = wire.get("/v1/assignments", pool_id=pool_id, limit=2)["items"]
    files = [toloka.attach(one["id"], name, b"x") for one, name in ((first, "a"), (first, "b"), (second, "b"))]
    rows = {file_id: wire.get(f"/v1/attachments/{file_id}") for file_id in files}
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
        assert {row["id"] for row in wire.get("/v1/attachments", **query)["items"]} == expected
    assert set(wire.http.get("/v1/attachments").json()["payload"]) == {"pool_id", "assignment_id"}


def test_a_file_needs_an_assignment(toloka: LocalToloka) -> None:
    with pytest.raises(ValueError, match="no assignment x"):
        toloka.attach("x", "name", b"")

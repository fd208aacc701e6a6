"""A service -> every call that it has, made once or more, most with something that it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.raw_client import POOL, PROJECT, Wire, task

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

USER, OTHER = "a1b0b42923c429daa2c764d7ccfc364d", "b" * 32
TRAINING = {"private_name": "Training", "inherited_instructions": True, "training_tasks_in_task_suite_count": 1}
BONUS = {"user_id": USER, "amount": 1, "public_title": {"EN": "Thanks"}, "public_message": {"EN": "Good"}}

CLASSIC = {"type": "classic", "markup": "", "settings": {}}


def run(toloka: LocalToloka, wire: Wire) -> None:
    """Make them."""
    project, pool_id = run_projects_and_pools(wire)
    run_trainings(wire, project)
    run_tasks_and_suites(wire, project, pool_id)
    run_assignments(toloka, wire, pool_id)
    run_users(wire, project, pool_id)
    run_messages_and_webhooks(wire, pool_id)
    wire.get("/v1/requester")
    for status in ("SUCCESS", "FAIL"):
        wire.get("/v1/operations", status=status, limit=500)


def run_projects_and_pools(wire: Wire) -> tuple[dict[str, Any], str]:
    form = {**PROJECT, "task_spec": {**PROJECT["task_spec"], "view_spec": CLASSIC}}
    project = wire.project(**form, private_comment="x", metadata={"a": ["b"]})
    path = f"/v1/projects/{project['id']}"
    wire.http.put(path, json=form)
    wire.get(path)
    wire.get("/v1/projects", limit=1)
    wire.post("/v1/projects", {})
    wire.post(f"/v1/projects/{wire.project(**form)['id']}/archive")
    pool_id = wire.pool(project, priority=3, auto_accept_solutions=False)
    path = f"/v1/pools/{pool_id}"
    wire.get(path)
    wire.get("/v1/pools", project_id=project["id"])
    wire.http.put(path, json={**POOL, "project_id": project["id"], "auto_accept_solutions": False})
    wire.http.patch(path, json={"priority": 5})
    wire.post(f"{path}/open")
    other = f"/v1/pools/{wire.pool(project)}"
    wire.tasks(other.rpartition("/")[2], 1)
    for action in ("open", "open", "close-for-update", "open", "close", "close", "clone", "archive"):
        reply = wire.post(f"{other}/{action}")
        if reply.status_code == 202:
            wire.finished(reply.json()["id"])
    wire.get(other)
    wire.http.patch(other, json={"priority": 5})
    return project, pool_id


def run_trainings(wire: Wire, project: dict[str, Any]) -> None:
    form = {**TRAINING, "project_id": project["id"]}
    training = wire.post("/v1/trainings", form).json()
    path = f"/v1/trainings/{training['id']}"
    wire.http.put(path, json=form)
    known = [{"output_values": {"result": "cat"}}]
    wire.post(
        "/v1/tasks",
        {
            "pool_id": training["id"],
            "infinite_overlap": True,
            "known_solutions": known,
            "message_on_unknown_solution": "!",
            **task(1),
        },
    )
    for action in ("open", "close-for-update", "open", "close", "close", "clone", "archive"):
        reply = wire.post(f"{path}/{action}")
        if reply.status_code == 202:
            wire.finished(reply.json()["id"])
    wire.get(path)
    wire.get("/v1/trainings")


def run_tasks_and_suites(wire: Wire, project: dict[str, Any], pool_id: str) -> None:
    suites = wire.pool(project, mixer_config=None)
    good = {"/v1/tasks": {"pool_id": pool_id, **task(1)}, "/v1/task-suites": {"pool_id": suites, "tasks": [task(1), task(2)]}}
    for path, sent in good.items():
        row = wire.post(path, sent, allow_defaults="true").json()
        wire.post(path, [sent, {}], allow_defaults="true", skip_invalid_items="true")
        wire.post(path, [sent, {}])
        for query in ({"skip_invalid_items": "true"}, {}):
            reply = wire.post(path, [sent, {}], async_mode="true", allow_defaults="true", **query)
            operation = wire.finished(reply.json()["id"])
            wire.get(f"/v1/operations/{operation['id']}/log")
        wire.get(path, pool_id=sent["pool_id"])
        wire.get(f"{path}/{row['id']}")
        wire.http.patch(f"{path}/{row['id']}", json={"overlap": 2, "infinite_overlap": False})
        wire.http.patch(f"{path}/{row['id']}/set-overlap-or-min", json={"overlap": 1})
        wire.http.patch(f"{path}/{row['id']}", json={"infinite_overlap": True})
        wire.http.patch(f"{path}/{row['id']}", json={"overlap": 2, "infinite_overlap": False})
        wire.http.get(f"{path}/nothing")


def run_assignments(toloka: LocalToloka, wire: Wire, pool_id: str) -> None:
    wire.tasks(pool_id, 1, infinite_overlap=True, known_solutions=[{"output_values": {"result": "cat"}}])
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    rows = wire.get("/v1/assignments", pool_id=pool_id)["items"]
    for row in rows:
        wire.http.patch(f"/v1/assignments/{row['id']}", json={"status": "ACCEPTED", "public_comment": "Thanks"})
    wire.http.patch(f"/v1/assignments/{rows[0]['id']}", json={"status": "REJECTED", "public_comment": "x"})
    wire.get(f"/v1/assignments/{rows[0]['id']}")
    wire.get("/v1/assignments", pool_id=pool_id)
    wire.get("/v1/task-suites", pool_id=pool_id)
    file_id = toloka.attach(rows[0]["id"], "a.png", b"x")
    wire.get("/v1/attachments", pool_id=pool_id)
    wire.get(f"/v1/attachments/{file_id}")
    wire.http.get(f"/v1/attachments/{file_id}/download")
    form = {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}]}
    operation = wire.finished(wire.post("/v1/aggregated-solutions/aggregate-by-pool", form).json()["id"])
    [solution, *_] = wire.get(f"/v1/aggregated-solutions/{operation['id']}")["items"]
    wire.post("/v1/aggregated-solutions/aggregate-by-task", {**form, "task_id": solution["task_id"]})


def run_users(wire: Wire, project: dict[str, Any], pool_id: str) -> None:
    bonus = wire.post("/v1/user-bonuses", BONUS).json()
    silent = {"user_id": OTHER, "amount": 0.5, "without_message": True}
    wire.post("/v1/user-bonuses", [silent, {}], skip_invalid_items="true")
    wire.post("/v1/user-bonuses", [silent, silent])
    operation = wire.finished(wire.post("/v1/user-bonuses", [silent], async_mode="true").json()["id"])
    wire.get(f"/v1/operations/{operation['id']}/log")
    wire.get(f"/v1/user-bonuses/{bonus['id']}")
    wire.get("/v1/user-bonuses")
    skill = wire.post("/v1/skills", {"name": "Cats", "public_name": {"EN": "Cats"}}).json()
    wire.http.put(f"/v1/skills/{skill['id']}", json={"name": "Dogs", "skill_ttl_hours": 5})
    wire.get(f"/v1/skills/{skill['id']}")
    wire.get("/v1/skills")
    level = twice(wire, "/v1/user-skills", {"skill_id": skill["id"], "user_id": USER, "value": 5.5})
    wire.get("/v1/user-skills")
    wire.get(f"/v1/user-skills/{level['id']}")
    wire.http.delete(f"/v1/user-skills/{level['id']}")
    for ban in (
        {"scope": "ALL_PROJECTS"},
        {"scope": "PROJECT", "project_id": project["id"]},
        {"scope": "POOL", "pool_id": pool_id},
    ):
        row = twice(wire, "/v1/user-restrictions", {"user_id": OTHER, **ban})
    wire.get("/v1/user-restrictions")
    wire.get(f"/v1/user-restrictions/{row['id']}")
    wire.http.delete(f"/v1/user-restrictions/{row['id']}")
    wire.get(f"/v1/user-metadata/{USER}")


def run_messages_and_webhooks(wire: Wire, pool_id: str) -> None:
    message = {"topic": {"EN": "Hello"}, "text": {"EN": "You"}, "answerable": True}
    direct = {**message, "recipients_select_type": "DIRECT", "recipients_ids": [USER]}
    path = f"/v1/message-threads/{wire.post('/v1/message-threads/compose', direct).json()['id']}"
    wire.post("/v1/message-threads/compose", {**message, "recipients_select_type": "ALL"})
    wire.post(f"{path}/reply", {"text": {"EN": "Again"}})
    wire.post(f"{path}/add-to-folders", {"folders": ["IMPORTANT"]})
    wire.post(f"{path}/remove-from-folders", {"folders": ["IMPORTANT"]})
    wire.get("/v1/message-threads")
    hook = {"event_type": "POOL_CLOSED", "webhook_url": "https://example.com/", "pool_id": pool_id}
    row = twice(wire, "/v1/webhook-subscriptions", hook)
    wire.http.put("/v1/webhook-subscriptions", json=[{**hook, "event_type": "ASSIGNMENT_CREATED"}, {}])
    wire.get("/v1/webhook-subscriptions")
    wire.get(f"/v1/webhook-subscriptions/{row['id']}")
    wire.post(f"/v1/webhook-subscriptions/{row['id']}/test")
    wire.http.delete(f"/v1/webhook-subscriptions/{row['id']}")


def run_apps(toloka: LocalToloka, wire: Wire) -> None:
    """The Apps API's part, of a service in which an hour must pass for anything to be done."""
    app = wire.get("/app/v0/apps")["content"][0]
    wire.get(f"/app/v0/apps/{app['id']}")
    project = wire.post("/app/v0/app-projects", {"app_id": app["id"], "name": "App", "parameters": {}}).json()
    path = f"/app/v0/app-projects/{project['id']}"
    pass_time(toloka, 3600)
    assert wire.get(path)["status"] == "READY"
    wire.get("/app/v0/app-projects")
    items = [{"image_url": "https://example.com/1.png"}] * 4
    item = wire.post(f"{path}/items", {"input_data": items[0]}).json()
    wire.post(f"{path}/items/bulk", {"items": items})
    pass_time(toloka, 3600)
    assert wire.get(f"{path}/items/{item['id']}")["status"] == "COMPLETED"
    batch = f"{path}/batches/{wire.post(f'{path}/batches', {'items': items}).json()['id']}"
    wire.http.patch(batch, json={"name": "Named"})
    wire.post(f"{batch}/stop")
    wire.post(f"{batch}/start")
    pass_time(toloka, 1800)
    wire.post(f"{batch}/stop")
    wire.post(f"{batch}/resume")
    pass_time(toloka, 3600)
    assert wire.get(batch)["status"] == "COMPLETED"
    wire.post(f"{batch}/archive")
    wire.post(f"{batch}/unarchive")
    wire.post(f"{path}/batches/sync", {"items": items})
    wire.get(f"{path}/items")
    wire.get(f"{path}/batches")
    wire.post(f"{path}/archive")
    wire.post(f"{path}/unarchive")


def pass_time(toloka: LocalToloka, seconds: float) -> None:
    """Let all that the service has still to do be due so much earlier."""
    toloka._service.store.execute_many("UPDATE agenda SET at = at - ?", [(seconds,)])


def twice(wire: Wire, path: str, form: dict[str, Any]) -> dict[str, Any]:
    """Set something that is new, and set it again."""
    wire.http.put(path, json=form)
    return wire.http.put(path, json=form).json()

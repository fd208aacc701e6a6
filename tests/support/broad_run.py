"""Make every call of the service at least once, many of them also with invalid requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.raw_client import POOL, PROJECT, TRAINING, RawClient, task

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

USER, OTHER = "a1b0b42923c429daa2c764d7ccfc364d", "b" * 32
BONUS = {"user_id": USER, "amount": 1, "public_title": {"EN": "Thanks"}, "public_message": {"EN": "Good"}}

CLASSIC = {"type": "classic", "markup": "", "settings": {}}


def make_all_calls(toloka: LocalToloka, api: RawClient) -> None:
    """Make every call of the Toloka API."""
    project, pool_id = call_projects_and_pools(api)
    call_trainings(api, project)
    call_tasks_and_suites(api, project, pool_id)
    call_assignments(toloka, api, pool_id)
    call_users(api, project, pool_id)
    call_messages_and_webhooks(api, pool_id)
    api.get("/v1/requester")
    for status in ("SUCCESS", "FAIL"):
        api.get("/v1/operations", status=status, limit=500)


def call_projects_and_pools(api: RawClient) -> tuple[dict[str, Any], str]:
    form = {**PROJECT, "task_spec": {**PROJECT["task_spec"], "view_spec": CLASSIC}}
    project = api.create_project(**form, private_comment="x", metadata={"a": ["b"]})
    path = f"/v1/projects/{project['id']}"
    api.http.put(path, json=form)
    api.get(path)
    api.get("/v1/projects", limit=1)
    api.post("/v1/projects", {})
    api.post(f"/v1/projects/{api.create_project(**form)['id']}/archive")
    pool_id = api.create_pool(project, priority=3, auto_accept_solutions=False)
    path = f"/v1/pools/{pool_id}"
    api.get(path)
    api.get("/v1/pools", project_id=project["id"])
    api.http.put(path, json={**POOL, "project_id": project["id"], "auto_accept_solutions": False})
    api.http.patch(path, json={"priority": 5})
    api.post(f"{path}/open")
    other = f"/v1/pools/{api.create_pool(project)}"
    api.create_tasks(other.rpartition("/")[2], 1)
    for action in ("open", "open", "close-for-update", "open", "close", "close", "clone", "archive"):
        response = api.post(f"{other}/{action}")
        if response.status_code == 202:
            api.wait_operation(response.json()["id"])
    api.get(other)
    api.http.patch(other, json={"priority": 5})
    return project, pool_id


def call_trainings(api: RawClient, project: dict[str, Any]) -> None:
    form = {**TRAINING, "project_id": project["id"]}
    training = api.post("/v1/trainings", form).json()
    path = f"/v1/trainings/{training['id']}"
    api.http.put(path, json=form)
    known = [{"output_values": {"result": "cat"}}]
    api.post(
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
        response = api.post(f"{path}/{action}")
        if response.status_code == 202:
            api.wait_operation(response.json()["id"])
    api.get(path)
    api.get("/v1/trainings")


def call_tasks_and_suites(api: RawClient, project: dict[str, Any], pool_id: str) -> None:
    suites = api.create_pool(project, mixer_config=None)
    good = {"/v1/tasks": {"pool_id": pool_id, **task(1)}, "/v1/task-suites": {"pool_id": suites, "tasks": [task(1), task(2)]}}
    for path, sent in good.items():
        row = api.post(path, sent, allow_defaults="true").json()
        api.post(path, [sent, {}], allow_defaults="true", skip_invalid_items="true")
        api.post(path, [sent, {}])
        for query in ({"skip_invalid_items": "true"}, {}):
            response = api.post(path, [sent, {}], async_mode="true", allow_defaults="true", **query)
            operation = api.wait_operation(response.json()["id"])
            api.get(f"/v1/operations/{operation['id']}/log")
        api.get(path, pool_id=sent["pool_id"])
        api.get(f"{path}/{row['id']}")
        api.http.patch(f"{path}/{row['id']}", json={"overlap": 2, "infinite_overlap": False})
        api.http.patch(f"{path}/{row['id']}/set-overlap-or-min", json={"overlap": 1})
        api.http.patch(f"{path}/{row['id']}", json={"infinite_overlap": True})
        api.http.patch(f"{path}/{row['id']}", json={"overlap": 2, "infinite_overlap": False})
        api.http.get(f"{path}/nothing")


def call_assignments(toloka: LocalToloka, api: RawClient, pool_id: str) -> None:
    api.create_tasks(pool_id, 1, infinite_overlap=True, known_solutions=[{"output_values": {"result": "cat"}}])
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    rows = api.get("/v1/assignments", pool_id=pool_id)["items"]
    for row in rows:
        api.http.patch(f"/v1/assignments/{row['id']}", json={"status": "ACCEPTED", "public_comment": "Thanks"})
    api.http.patch(f"/v1/assignments/{rows[0]['id']}", json={"status": "REJECTED", "public_comment": "x"})
    api.get(f"/v1/assignments/{rows[0]['id']}")
    api.get("/v1/assignments", pool_id=pool_id)
    api.get("/v1/task-suites", pool_id=pool_id)
    file_id = toloka.attach(rows[0]["id"], "a.png", b"x")
    api.get("/v1/attachments", pool_id=pool_id)
    api.get(f"/v1/attachments/{file_id}")
    api.http.get(f"/v1/attachments/{file_id}/download")
    form = {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}]}
    operation = api.wait_operation(api.post("/v1/aggregated-solutions/aggregate-by-pool", form).json()["id"])
    [solution, *_] = api.get(f"/v1/aggregated-solutions/{operation['id']}")["items"]
    api.post("/v1/aggregated-solutions/aggregate-by-task", {**form, "task_id": solution["task_id"]})


def call_users(api: RawClient, project: dict[str, Any], pool_id: str) -> None:
    bonus = api.post("/v1/user-bonuses", BONUS).json()
    silent = {"user_id": OTHER, "amount": 0.5, "without_message": True}
    api.post("/v1/user-bonuses", [silent, {}], skip_invalid_items="true")
    api.post("/v1/user-bonuses", [silent, silent])
    operation = api.wait_operation(api.post("/v1/user-bonuses", [silent], async_mode="true").json()["id"])
    api.get(f"/v1/operations/{operation['id']}/log")
    api.get(f"/v1/user-bonuses/{bonus['id']}")
    api.get("/v1/user-bonuses")
    skill = api.post("/v1/skills", {"name": "Cats", "public_name": {"EN": "Cats"}}).json()
    api.http.put(f"/v1/skills/{skill['id']}", json={"name": "Dogs", "skill_ttl_hours": 5})
    api.get(f"/v1/skills/{skill['id']}")
    api.get("/v1/skills")
    user_skill = put_twice(api, "/v1/user-skills", {"skill_id": skill["id"], "user_id": USER, "value": 5.5})
    api.get("/v1/user-skills")
    api.get(f"/v1/user-skills/{user_skill['id']}")
    api.http.delete(f"/v1/user-skills/{user_skill['id']}")
    for ban in (
        {"scope": "ALL_PROJECTS"},
        {"scope": "PROJECT", "project_id": project["id"]},
        {"scope": "POOL", "pool_id": pool_id},
    ):
        row = put_twice(api, "/v1/user-restrictions", {"user_id": OTHER, **ban})
    api.get("/v1/user-restrictions")
    api.get(f"/v1/user-restrictions/{row['id']}")
    api.http.delete(f"/v1/user-restrictions/{row['id']}")
    api.get(f"/v1/user-metadata/{USER}")


def call_messages_and_webhooks(api: RawClient, pool_id: str) -> None:
    message = {"topic": {"EN": "Hello"}, "text": {"EN": "You"}, "answerable": True}
    direct = {**message, "recipients_select_type": "DIRECT", "recipients_ids": [USER]}
    path = f"/v1/message-threads/{api.post('/v1/message-threads/compose', direct).json()['id']}"
    api.post("/v1/message-threads/compose", {**message, "recipients_select_type": "ALL"})
    api.post(f"{path}/reply", {"text": {"EN": "Again"}})
    api.post(f"{path}/add-to-folders", {"folders": ["IMPORTANT"]})
    api.post(f"{path}/remove-from-folders", {"folders": ["IMPORTANT"]})
    api.get("/v1/message-threads")
    hook = {"event_type": "POOL_CLOSED", "webhook_url": "https://example.com/", "pool_id": pool_id}
    row = put_twice(api, "/v1/webhook-subscriptions", hook)
    api.http.put("/v1/webhook-subscriptions", json=[{**hook, "event_type": "ASSIGNMENT_CREATED"}, {}])
    api.get("/v1/webhook-subscriptions")
    api.get(f"/v1/webhook-subscriptions/{row['id']}")
    api.post(f"/v1/webhook-subscriptions/{row['id']}/test")
    api.http.delete(f"/v1/webhook-subscriptions/{row['id']}")


def call_apps(toloka: LocalToloka, api: RawClient) -> None:
    """Make every call of the Apps API, to a service whose operations take an hour."""
    app = api.get("/app/v0/apps")["content"][0]
    api.get(f"/app/v0/apps/{app['id']}")
    project = api.post("/app/v0/app-projects", {"app_id": app["id"], "name": "App", "parameters": {}}).json()
    path = f"/app/v0/app-projects/{project['id']}"
    pass_time(toloka, 3600)
    assert api.get(path)["status"] == "READY"
    api.get("/app/v0/app-projects")
    items = [{"image_url": "https://example.com/1.png"}] * 4
    item = api.post(f"{path}/items", {"input_data": items[0]}).json()
    api.post(f"{path}/items/bulk", {"items": items})
    pass_time(toloka, 3600)
    assert api.get(f"{path}/items/{item['id']}")["status"] == "COMPLETED"
    batch = f"{path}/batches/{api.post(f'{path}/batches', {'items': items}).json()['id']}"
    api.http.patch(batch, json={"name": "Named"})
    api.post(f"{batch}/stop")
    api.post(f"{batch}/start")
    pass_time(toloka, 1800)
    api.post(f"{batch}/stop")
    api.post(f"{batch}/resume")
    pass_time(toloka, 3600)
    assert api.get(batch)["status"] == "COMPLETED"
    api.post(f"{batch}/archive")
    api.post(f"{batch}/unarchive")
    api.post(f"{path}/batches/sync", {"items": items})
    api.get(f"{path}/items")
    api.get(f"{path}/batches")
    api.post(f"{path}/archive")
    api.post(f"{path}/unarchive")


def pass_time(toloka: LocalToloka, seconds: float) -> None:
    """Advance all scheduled jobs by `seconds`."""
    toloka._service.store.execute_many("UPDATE agenda SET at = at - ?", [(seconds,)])


def put_twice(api: RawClient, path: str, form: dict[str, Any]) -> dict[str, Any]:
    """Create an object by PUT, put it again, and return it."""
    api.http.put(path, json=form)
    return api.http.put(path, json=form).json()

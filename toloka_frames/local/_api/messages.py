"""Message threads with Tolokers: compose, reply, folders (Toloka API, Messages)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.users import is_user
from toloka_frames.local._base.errors import conflict, field_error, invalid, invalid_field
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import Row, Store

_FOLDERS = ("INBOX", "OUTBOX", "AUTOMATIC_NOTIFICATION", "IMPORTANT", "UNREAD")
_RECIPIENT_FIELDS = {"DIRECT": "recipients_ids", "FILTER": "recipients_filter", "ALL": None}
_MAX_RECIPIENTS = 100


def compose_message(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new thread; 409 for recipients that do not exist."""
    form = request.json_object("topic", "text", "recipients_select_type", "answerable")
    errors = _check(form)
    if errors:
        raise invalid(errors)
    recipients = form.get("recipients_ids") or []
    if not all(isinstance(user_id, str) and is_user(store, user_id) for user_id in recipients):
        raise conflict("INCORRECT_RECIPIENTS", "Some of the recipients do not exist")
    return json_response(store.add("message_threads", _thread(store, form, time.time())), 201)


def _check(form: Row) -> FieldErrors:
    errors = {name: field_error("OBJECT_EXPECTED") for name in ("topic", "text") if not isinstance(form[name], dict)}
    if not isinstance(form["answerable"], bool):
        errors["answerable"] = field_error("BOOLEAN_EXPECTED")
    if form["recipients_select_type"] not in _RECIPIENT_FIELDS:
        return {**errors, "recipients_select_type": field_error("UNKNOWN_ENUM_VALUE")}
    name = _RECIPIENT_FIELDS[form["recipients_select_type"]]
    if name and not form.get(name):
        errors[name] = field_error("VALUE_REQUIRED")
    elif name == "recipients_ids" and not isinstance(form[name], list):
        errors[name] = field_error("ARRAY_EXPECTED")
    elif name == "recipients_ids" and len(form[name]) > _MAX_RECIPIENTS:
        errors[name] = field_error("ARRAY_SIZE_GREATER_THAN_MAX", _MAX_RECIPIENTS)
    return errors


def _thread(store: Store, form: Row, at: float) -> Row:
    recipients = form.get("recipients_ids") or []
    interlocutors = [_owner(store), *({"id": user_id, "role": "USER", "myself": False} for user_id in recipients)]
    details = ("recipients_select_type", "recipients_ids", "recipients_filter")
    return {
        "id": store.object_ids.new_without_pool(at),
        "topic": form["topic"],
        "interlocutors_inlined": True,
        # sorted by id, and the newest message first (Toloka API, MessageThread)
        "interlocutors": sorted(interlocutors, key=lambda person: str(person["id"])),
        "messages_inlined": True,
        "messages": [_message(store, form, at)],
        "meta": {},
        "compose_details": {name: form[name] for name in details if form.get(name) is not None},
        "folders": ["OUTBOX"],
        "answerable": form["answerable"],
        "created": format_timestamp(at),
    }


def _owner(store: Store) -> Row:
    return {"id": store.owner["id"], "role": "REQUESTER", "myself": True}


def _message(store: Store, form: Row, at: float) -> Row:
    return {"text": form["text"], "from": _owner(store), "created": format_timestamp(at)}


def reply_to_message(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the thread with the reply as its newest message; 409 if the thread takes no replies."""
    row = store.get("message_threads", request.path_params["id"])
    form = request.json_object("text")
    if not isinstance(form["text"], dict):
        raise invalid_field("text", "OBJECT_EXPECTED")
    if not row["answerable"]:
        raise conflict("CONFLICT_STATE", f"Thread {row['id']} takes no replies")
    messages = [_message(store, form, time.time()), *row["messages"]]
    return json_response(store.save("message_threads", {**row, "messages": messages}))


def add_to_folders(store: Store, request: ApiRequest) -> Response:
    """Add the thread to folders and respond with 200 and the thread."""
    row, folders = store.get("message_threads", request.path_params["id"]), _folders(request)
    return json_response(store.save("message_threads", {**row, "folders": list(dict.fromkeys([*row["folders"], *folders]))}))


def remove_from_folders(store: Store, request: ApiRequest) -> Response:
    """Remove the thread from folders and respond with 200 and the thread."""
    row, folders = store.get("message_threads", request.path_params["id"]), _folders(request)
    return json_response(
        store.save("message_threads", {**row, "folders": [name for name in row["folders"] if name not in folders]})
    )


def _folders(request: ApiRequest) -> list[str]:
    folders = request.json_object("folders")["folders"]
    if not isinstance(folders, list):
        raise invalid_field("folders", "ARRAY_EXPECTED")
    if not set(map(str, folders)) <= set(_FOLDERS):
        raise invalid_field("folders", "UNKNOWN_ENUM_VALUE")
    return folders

"""The lists of Tolokers' skills, bans, bonuses and messages, and those of an account's operations and subscriptions, as data.

Sources: the Toloka API's OpenAPI document, with the maxima of Toloka-Kit 1.2.3's docstrings.
"""

from __future__ import annotations

from toloka_frames._schema import keywords as keywords
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INSTANT, INTEGER, TEXT, TEXTS
from toloka_frames._schema.resources import OWNER, Life, Resource, flat

OPERATIONS = Resource(
    name="operations",
    path="/v1/operations",
    rows="items",
    max_limit=500,
    keywords=keywords.Operations,
    sort=("id", "submitted", "finished"),
    columns=(
        *flat(TEXT, "id", "type", "status"),
        *flat(INSTANT, "submitted", "started", "finished"),
        *flat(INTEGER, "progress"),
        *flat(TEXT, "parameters", "details", json="object"),
    ),
)

SKILLS = Resource(
    name="skills",
    path="/v1/skills",
    rows="items",
    max_limit=100,
    keywords=keywords.Skills,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "name"),
        *flat(TEXT, "public_name", "public_requester_description", json="object"),
        *flat(TEXT, "private_comment"),
        *flat(BOOLEAN, "hidden"),
        *flat(INTEGER, "skill_ttl_hours"),
        *flat(BOOLEAN, "training", "deprecated", "global"),
        *flat(INSTANT, "created"),
        *OWNER,
    ),
    life=Life(created="created", fluid=True),
)

USER_SKILLS = Resource(
    name="user skills",
    path="/v1/user-skills",
    rows="items",
    max_limit=1_000,
    keywords=keywords.UserSkills,
    sort=("id", "created", "modified"),
    columns=(
        *flat(TEXT, "id", "skill_id", "user_id"),
        *flat(INTEGER, "value"),
        *flat(FLOAT, "exact_value"),
        *flat(INSTANT, "created", "modified"),
    ),
    life=Life(created="created", fluid=True),
)

USER_RESTRICTIONS = Resource(
    name="user restrictions",
    path="/v1/user-restrictions",
    rows="items",
    max_limit=500,
    keywords=keywords.UserRestrictions,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "scope", "user_id", "project_id", "pool_id", "private_comment"),
        *flat(INSTANT, "created", "will_expire"),
    ),
    needs={("scope", "PROJECT"): "project_id", ("scope", "POOL"): "pool_id"},
    life=Life(created="created", fluid=True),
)

USER_BONUSES = Resource(
    name="user bonuses",
    path="/v1/user-bonuses",
    rows="items",
    max_limit=300,
    keywords=keywords.UserBonuses,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "user_id"),
        *flat(FLOAT, "amount"),
        *flat(TEXT, "assignment_id", "private_comment"),
        *flat(TEXT, "public_title", "public_message", json="object"),
        *flat(BOOLEAN, "without_message"),
        *flat(INSTANT, "created"),
    ),
    life=Life(created="created"),
)

MESSAGE_THREADS = Resource(
    name="message threads",
    path="/v1/message-threads",
    rows="items",
    max_limit=300,
    keywords=keywords.MessageThreads,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "parent_id"),
        *flat(TEXT, "topic", json="object"),
        *flat(TEXTS, "folders"),
        *flat(BOOLEAN, "answerable"),
        *flat(INSTANT, "created"),
        *flat(TEXT, "meta.pool_id", "meta.project_id", "meta.assignment_id"),
        *flat(BOOLEAN, "interlocutors_inlined"),
        *flat(TEXT, "interlocutors", json="array"),
        *flat(BOOLEAN, "messages_inlined"),
        *flat(TEXT, "messages", json="array"),
        *flat(TEXT, "compose_details.recipients_select_type"),
        *flat(TEXTS, "compose_details.recipients_ids"),
        *flat(TEXT, "compose_details.recipients_filter", json="object"),
    ),
    life=Life(created="created", fluid=True),
)

# Toloka-Kit walks these by `created`, which a PUT of several gives to all of them, and so loses rows; ids are no two rows' own.
WEBHOOK_SUBSCRIPTIONS = Resource(
    name="webhook subscriptions",
    path="/v1/webhook-subscriptions",
    rows="items",
    max_limit=300,
    keywords=keywords.WebhookSubscriptions,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "event_type", "pool_id", "webhook_url"),
        *flat(INSTANT, "created"),
    ),
    life=Life(created="created", fluid=True),
)

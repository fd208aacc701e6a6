"""Calls about the account and its webhook subscriptions."""

from __future__ import annotations

import toloka_frames as tf


def test_the_account_is_returned_with_its_balance(client: tf.AsyncTolokaClient) -> None:
    assert tf.run(client.get_requester())["balance"] > 0


def test_subscriptions_created_in_one_request_are_all_listed(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    events = ["POOL_CLOSED", "ASSIGNMENT_CREATED", "ASSIGNMENT_SUBMITTED", "ASSIGNMENT_APPROVED", "ASSIGNMENT_REJECTED"]
    hooks = [{"event_type": event, "pool_id": pool_id, "webhook_url": "https://example.com/hook"} for event in events]
    created = tf.run(client.upsert_webhook_subscriptions(hooks))
    assert sorted(created["items"]) == ["0", "1", "2", "3", "4"]
    frame = client.get_webhook_subscriptions(pool_id=pool_id, batch_size=2).to_dataframe()
    assert sorted(frame["event_type"]) == sorted(events)
    first_id = frame["id"][0]
    assert tf.run(client.get_webhook_subscription(first_id))["pool_id"] == pool_id
    tf.run(client.delete_webhook_subscription(first_id))
    assert client.get_webhook_subscriptions().to_dataframe()["id"].tolist() == frame["id"].tolist()[1:]


def test_a_test_notification_reports_its_outcome(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    hook = {"event_type": "POOL_CLOSED", "pool_id": pool_id, "webhook_url": "https://example.com/hook"}
    subscription = tf.run(client.upsert_webhook_subscriptions([hook]))["items"]["0"]
    outcome = tf.run(client.send_test_webhook(subscription["id"]))
    assert (outcome["success"], outcome["errorType"]) == (False, "CONNECTION_ERROR")  # the local service sends no requests

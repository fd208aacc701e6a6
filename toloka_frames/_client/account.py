"""Calls about the account and its webhook subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._client.base_calls import BaseCalls
from toloka_frames._client.call import api_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._schema.row import Row
    from toloka_frames._transport.bodies import JsonObject
    from toloka_frames._validation import Id


class AccountCalls(BaseCalls):
    """Calls about the account and its webhook subscriptions."""

    @api_call
    async def get_requester(self) -> Row:
        """Return the account of the token.

        Returns:
            The requester as in the API: `id`, `balance` (US dollars), `public_name`, `company`.

        Example:
            >>> client.get_requester().balance > 0
            True

        Source: Toloka API, "Get account balance".
        """
        return await self._get("/v1/requester")

    @api_call
    async def get_webhook_subscription(self, webhook_subscription_id: Id) -> Row:
        """Return a subscription to events.

        Args:
            webhook_subscription_id: The subscription's id.

        Returns:
            The subscription as in the API: `id`, `event_type`, `pool_id`, `webhook_url`, `created`.

        Raises:
            NotFound: If the subscription does not exist.

        Example:
            >>> client.get_webhook_subscription(subscription.id).event_type
            'POOL_CLOSED'

        Source: Toloka API, "Get subscription by ID".
        """
        return await self._get("/v1/webhook-subscriptions/{}", webhook_subscription_id)

    @api_call
    async def upsert_webhook_subscriptions(self, subscriptions: Sequence[JsonObject]) -> Row:
        """Subscribe to events, or change existing subscriptions.

        Args:
            subscriptions: Dicts such as
                `{"event_type": "POOL_CLOSED", "pool_id": ..., "webhook_url": ..., "secret_key": ...}`.

        Returns:
            `{"items": {"0": {...}}, "validation_errors": {"1": {...}}}`, keyed by the position in `subscriptions`.

        Raises:
            ValidationFailed: If none of the subscriptions is valid.

        Example:
            >>> hook = {"event_type": "POOL_CLOSED", "pool_id": pool.id, "webhook_url": "https://example.com/closed"}
            >>> client.upsert_webhook_subscriptions([hook])["items"]["0"].webhook_url
            'https://example.com/closed'

        Source: Toloka API, "Create subscription".
        """
        return await self._put("/v1/webhook-subscriptions", body=list(subscriptions), returns=("items",))

    @api_call
    async def send_test_webhook(self, webhook_subscription_id: Id) -> Row:
        """Have the service send a test notification to the URL of a subscription.

        Args:
            webhook_subscription_id: The subscription's id.

        Returns:
            The outcome: `success` (bool), `errorType` and `uuids`.

        Raises:
            NotFound: If the subscription does not exist.
            OutcomeUnknown: If the response was lost; the notification may have been sent.

        Example:
            >>> client.send_test_webhook(subscription.id).success  # nothing is sent from LocalToloka
            False

        Source: Toloka API, "Send test notification".
        """
        return await self._post("/v1/webhook-subscriptions/{}/test", webhook_subscription_id, returns=("success",))

    @api_call
    async def delete_webhook_subscription(self, webhook_subscription_id: Id) -> None:
        """Delete a subscription.

        Args:
            webhook_subscription_id: The subscription's id.

        Raises:
            NotFound: If the subscription does not exist.

        Example:
            >>> client.delete_webhook_subscription(subscription.id)

        Source: Toloka API, "Delete subscription".
        """
        await self._delete("/v1/webhook-subscriptions/{}", webhook_subscription_id)

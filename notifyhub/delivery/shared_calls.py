"""Which messages can share a call to a provider: texts without a pattern that it takes together."""

from collections.abc import Hashable, Sequence
from typing import Any, cast

from sqlalchemy import false, select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, is_out_of_reach
from notifyhub.delivery import policies
from notifyhub.delivery.notifier_clients import NotifierClient, load_client
from notifyhub.messages.models import Attempt, Channel, Message
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.providers.base import SMS, SMSProvider
from notifyhub.providers.boundary import batch_key
from notifyhub.providers.errors import BATCH_REFUSED, Failure

messages, attempts, notifiers = table_of(Message), table_of(Attempt), table_of(SMSNotifier)

# Not the message's error: while it waits, that says for what.
_refused_with_others = select(attempts.c.id).where(
    attempts.c.message_id == messages.c.id, attempts.c.error_code == BATCH_REFUSED
)
_texts = (
    select(
        messages.c.id,
        messages.c.recipient,
        messages.c.text,
        messages.c.home_notifier_id,
        notifiers.c.updated_at.label("notifier_version"),
    )
    .join(notifiers, notifiers.c.id == messages.c.home_notifier_id)
    .where(
        messages.c.channel == Channel.SMS,
        messages.c.pattern_id.is_(None),
        messages.c.otp_id.is_(None),
        messages.c.is_test == false(),
        ~_refused_with_others.exists(),
    )
)


def plan(ids: Sequence[int]) -> list[list[int]]:
    """Return lists of the messages that can share a call each, in the order of their first ones.

    It is what can be said before they are claimed: for the calls to their own notifiers.
    """
    most = policies.in_force().sms_batch_size if len(ids) > 1 else 1
    if most == 1:
        return [[id_] for id_ in ids]
    rows = {row.id: row for row in autocommit().execute(_texts.where(messages.c.id.in_(ids)))}
    calls: list[list[int]] = []
    unfilled: dict[Hashable, list[int]] = {}
    for id_ in ids:
        client, key = _own_call(rows.get(id_))
        call = unfilled.get((client.id, key)) if client and key is not None else None
        if client is None or call is None or len(call) == call_limit(client, most):
            calls.append(call := [])
            if client and key is not None:
                unfilled[client.id, key] = call
        call.append(id_)
    return calls


def call_limit(client: NotifierClient, most: int) -> int:
    """Return how many messages a call of a notifier takes, `most` by the settings."""
    size: object = getattr(client.backend, "batch_size", 1)
    return min(size, most) if isinstance(size, int) else 1


def call_key(client: NotifierClient, sms: SMS) -> Hashable:
    """Return what the messages of a call have in common; None for a message that goes alone."""
    try:
        if call_limit(client, 2) < 2:
            return None
        return batch_key(cast("SMSProvider", client.backend), sms)
    except Failure:  # its attempt will say so
        return None


def _own_call(row: Any) -> tuple[NotifierClient | None, Hashable]:
    if row is None:
        return None, None
    try:
        client = load_client(Channel.SMS, row.home_notifier_id, row.notifier_version)
    except Exception as error:  # such as settings that no key decrypts: its round will say so
        if is_out_of_reach(error):
            raise
        return None, None
    return client, client and call_key(client, SMS(row.recipient, row.text or ""))

"""The fallback: when a code's message has failed for good, the code is sent by the other channel."""

import logging
from collections.abc import Sequence
from datetime import datetime

from marshmallow import ValidationError
from sqlalchemy import Connection, select, update

from notifyhub.database.base import now, table_of
from notifyhub.events import publish
from notifyhub.messages.events import MessageChanged, MessagesDue
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.messages.storage import store_with_code
from notifyhub.otp import rate_limits, rules
from notifyhub.otp.composition import CodeMessage, compose_all
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.rules import Rules
from notifyhub.otp.serializers import MESSAGE, OTPRow

log = logging.getLogger(__name__)

_otps = table_of(OTP).c
_FAILED = {MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.EXPIRED}
_unused = (_otps.status == OTPStatus.PENDING, _otps.fallback_to.is_not(None), _otps.fallback_used.is_(False))


def on_changed(connection: Connection, events: Sequence[MessageChanged]) -> None:
    """Store the fallbacks' messages, in the transaction that ends the first ones."""
    for event in events:
        if event.otp_id is not None and event.status in _FAILED:
            _fall_back(connection, event)


def _fall_back(connection: Connection, event: MessageChanged) -> None:
    moment = now()
    usable = (_otps.id == event.otp_id, _otps.expires_at > moment, *_unused)
    otp = connection.execute(select(*_otps, MESSAGE).where(*usable)).first()
    if otp is None or otp.message_id != event.id:  # one that was sent later may still arrive
        return
    policy = rules.lock(connection, otp.fallback_to, {Channel(otp.fallback_channel)}, test=otp.is_test)
    same_term = _otps.expires_at == otp.expires_at  # it may just have been asked for again
    used = update(table_of(OTP)).where(*usable, same_term).values(fallback_used=True)
    if not connection.execute(used).rowcount:
        return
    message_id = _store(connection, otp, policy, moment)
    if message_id is not None:
        publish(connection, MessagesDue([message_id], urgent=True))


def _store(connection: Connection, otp: OTPRow, policy: Rules, moment: datetime) -> int | None:
    """Store the message and return its id; None, with a line in the log, if it can't be sent."""
    parameters = rate_limits.parameters(policy, otp.fallback_to, moment, test=otp.is_test)
    if connection.execute(rate_limits.RECIPIENT_LIMIT, parameters).first():
        log.warning("The fallback of one-time password %s is over the hourly limit", otp.id)
        return None
    channel = Channel(otp.fallback_channel)
    request = CodeMessage(channel, otp.fallback_to, otp.code_len, otp.expires_at, otp.origin)
    try:
        (composed,) = compose_all([request], policy, moment)
    except ValidationError as error:
        log.warning("The fallback of one-time password %s can't be sent: %s", otp.id, error.messages)
        return None
    return store_with_code(connection, composed, moment, test=otp.is_test, otp_id=otp.id)
